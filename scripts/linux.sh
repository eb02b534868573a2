#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# mmlib as a loadable module of Debian 12's stock kernel, under QEMU: its promises are checked on two
# CPUs, then each operation is counted, in instructions, by Linux's own allocator and by mmlib.
#   scripts/linux.sh [OPTION…]
#     --json FILE    also write {"figures":[{"name","value","unit","yardstick","yardstick_value",
#                    "ratio"},…]}
#     --checks       only the checks
#     --profile      no checks; show where mmlib's instructions go, by function
#     --plant WHAT   make something go wrong, to show that it is noticed: "leak", "damage" or "noflush"
#                    a check, "figure" a figure
# Installs what is missing (Debian packages) and unpacks the kernel from its package, which is not
# installed; builds in build/linux. Exit status 0 only if every check passed, every figure is there
# and reaches its target, and a second machine counted the same to the last instruction. Needs an x86-64 machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

# Figures, and what mmlib is to reach.
targets='page0_pair 70 page2_pair 90 page5_pair 250 page9_pair 90 page0_bulk_alloc 60
  page0_bulk_free 120 kmem64_pair 75 kmem64_pair_l0 45 kmalloc64_pair 80 kmalloc64_pair_l0 55
  kmalloc4096_pair 80 kmem64_batch_alloc 45 kmem64_batch_free 50 kmalloc_churn 130 vmap_page 12
  vmalloc64_pair 5000'
dir=build/linux
seconds=300
json=
plant=
machines=(checks figures again)
levels=(0 1)
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=$2; shift ;;
    --checks) machines=(checks) levels=(1) ;;
    --profile) machines=(profile) ;;
    --plant)
      plant=$2
      machines=(checks) levels=(1)
      [ "$plant" != figure ] || machines=(figures) levels=(0 1)
      shift
      ;;
    *) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done
need_packages linux-headers-amd64 gcc make qemu-system-x86 busybox-static cpio xz-utils
mkdir -p "$dir"

# download PACKAGE…: into the current folder, the first that there is
download() {
  local package
  for package; do
    apt-get download -q "$package" >>log-download 2>&1 && return 0
  done
  return 1
}

# unpack_kernel: sets release and kernel, an ELF file: the kernel of the installed headers
unpack_kernel() {
  local version image offset
  read -r release version < <(dpkg-query -W -f '${Depends}\n' linux-headers-amd64 |
    sed -n 's/.*linux-headers-\([^ ]*\) (= \([^)]*\)).*/\1 \2/p')
  kernel=$dir/kernel-$release-$version
  [ ! -f "$kernel" ] || return 0
  rm -rf "$dir/package"
  mkdir "$dir/package"
  image=linux-image-$release
  if ! (cd "$dir/package" && { download "$image=$version" "$image-unsigned=$version" ||
    { [ "$(id -u)" -eq 0 ] && apt-get update -qq && download "$image=$version" "$image-unsigned=$version"; }; }); then
    cat "$dir/package/log-download" >&2
    echo "No package has the kernel of the headers that are installed. Type:" \
      "sudo apt-get update && sudo apt-get install -y linux-headers-amd64" >&2
    return 1
  fi
  dpkg --fsys-tarfile "$dir/package/$image"*.deb | tar -x -C "$dir/package" "./boot/vmlinuz-$release"
  image=$dir/package/boot/vmlinuz-$release
  offset=$(LC_ALL=C grep -abo -m 1 -P '\xFD7zXZ\x00' "$image" | head -n 1 | cut -d : -f 1)
  tail -c "+$((offset + 1))" "$image" >"$dir/package/payload"
  xz -dc --single-stream <"$dir/package/payload" >"$dir/package/kernel"
  mv "$dir/package/kernel" "$kernel"
  rm -rf "$dir/package"
}

# build LEVEL: the module, in a folder of links, since Linux builds where the sources are
build() {
  local out=$dir/l$1 log=$dir/log-build-$1
  [ ! -f "$out/mmlib.ko" ] || [ "$kernel" -nt "$out/mmlib.ko" ] ||
    [ -n "$(find src include examples/linux -newer "$out/mmlib.ko" -print -quit)" ] || return 0
  mkdir -p "$out"
  find "$out" -type l -delete
  cp -rs "$PWD/src" "$PWD/include" "$PWD"/examples/linux/* "$out"
  if ! make -j "$(nproc)" -C "/usr/src/linux-headers-$release" M="$PWD/$out" MMLIB_CHECKS="$1" KCFLAGS="-Werror -g0" \
    modules >"$log" 2>&1 || grep -q 'warning:' "$log"; then
    cat "$log" >&2
    rm -f "$out/mmlib.ko"
    return 1
  fi
}

# make_initramfs: sets initramfs. The same input gives the same bytes: Linux stirs them into its random
# numbers, which decide where its allocators begin.
make_initramfs() {
  local root=$dir/root level
  initramfs=$dir/initramfs
  rm -rf "$root"
  mkdir -p "$root"/{bin,dev,proc,sys,l0,l1}
  cp /bin/busybox "$root/bin"
  cp examples/linux/init "$root"
  chmod 755 "$root/init"
  for level in "${levels[@]}"; do
    strip --strip-debug -o "$root/l$level/mmlib.ko" "$dir/l$level/mmlib.ko"
  done
  find "$root" -exec touch -d @0 {} +
  (cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc) >"$initramfs"
}

# boot MACHINE: its console goes to build/linux/log-MACHINE. On a busy host the checks' machine may get no
# time at all for a while, so Linux must not test its timer against a delay loop (no_timer_check).
boot() {
  local work=figures options=(-icount "shift=0,sleep=off")
  case $1 in
    checks)
      work=checks
      options=(-accel "tcg,thread=multi" -smp 2)
      ;;
    profile) options+=(-plugin "$dir/profile.so" -d plugin -D "$dir/profile") ;;
  esac
  timeout "$seconds" qemu-system-x86_64 -M pc -accel tcg "${options[@]}" -cpu max -m 1G -seed 1 \
    -rtc base=2026-01-01,clock=vm -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$dir/log-$1" -kernel "$kernel" -initrd "$initramfs" -append "console=ttyS0 quiet \
printk.time=0 printk.devkmsg=on panic=-1 panic_on_warn=1 no_timer_check nokaslr cryptomgr.notests lsm= \
init_on_alloc=0 nowatchdog tsc=reliable memmap=256M\$0x20000000 \
work=$work area=0x20000000,0x10000000 plant=$plant" >"$dir/log-qemu-$1" 2>&1 || echo "QEMU's status is $?" >>"$dir/log-qemu-$1"
  sed -i 's/\r$//' "$dir/log-$1"
}

# judge MACHINE: its own word, and a count that cannot lie by omission: each time the module is unloaded
# it says how many checks there were, and at last so does the first process
judge() {
  local log=$dir/log-$1 plans planned good bad
  plans=$(grep -c '^1\.\.[0-9]' "$log" || true)
  planned=$(awk -F '[.]+' '/^1\.\.[0-9]+/ { n += $2 } END { print n + 0 }' "$log")
  good=$(grep -c '^ok ' "$log" || true)
  bad=$(grep -c '^not ok ' "$log" || true)
  if [ "$bad" -gt 0 ]; then
    grep -E '^ *(not ok|#)' "$log"
    verdict="$bad of $((good + bad)) checks failed"
  elif [ "$plans" -ne 3 ] || [ "$planned" -ne "$good" ]; then
    tail -n 20 "$log" "$dir/log-qemu-$1"
    verdict="stopped before its end: $good checks done, $planned planned"
  elif grep -q '# SKIP' "$log"; then
    grep '# SKIP' "$log"
    verdict="a test of the port was skipped"
  else
    verdict="all $good checks passed"
    return 0
  fi
  return 1
}

# figures MACHINE: lines "NAME TARGET OWN MMLIB", in the order of $targets
figures() {
  echo "$targets" | xargs -n 2 | awk -v log_="$dir/log-$1" '
    BEGIN { while ((getline line < log_) > 0) if (split(line, f, " ") == 4 && f[1] == "figure") v[f[2]] = f[3] " " f[4] }
    v[$1] == "" { print $1 " is missing" > "/dev/stderr"; bad = 1; next }
    { print $1, $2, v[$1] }
    END { exit bad }'
}

# Fails if a target is missed.
as_table() {
  awk 'BEGIN { printf "%-20s %12s %12s %8s %8s\n", "instructions", "Linux", "mmlib", "ratio", "target" }
    { bad += missed = $4 + 0 > $2 + 0
      printf "%-20s %12.2f %12.2f %8.2f %8d%s\n", $1, $3, $4, $4 / $3, $2, missed ? "  missed" : "" }
    END { exit bad > 0 }'
}

as_json() {
  awk 'BEGIN { printf "{\"figures\":[" }
    { printf "%s\n{\"name\":\"linux.%s.own\",\"value\":%s,\"unit\":\"instructions\"},\n", (NR > 1 ? "," : ""), $1, $3
      printf "{\"name\":\"linux.%s.mmlib\",\"value\":%s,\"unit\":\"instructions\",", $1, $4
      printf "\"yardstick\":\"linux.%s.own\",\"yardstick_value\":%s,\"ratio\":%.4g}", $1, $3, $4 / $3 }
    END { print "\n]}" }'
}

# symbols LEVEL: lines "ADDRESS symbol NAME" of the module of that level
symbols() {
  local base at name
  base=$(sed -n "s/^# text of level $1 at //p" "$dir/log-profile")
  objdump -t "$dir/l$1/mmlib.ko" | awk '$3 == "F" && $4 == ".text" { sub(/\.v[0-9].*/, "", $NF); print $1, $NF }' |
    while read -r at name; do
      printf '%016x symbol %s\n' $((base + 0x$at)) "$name"
    done
}

# Addresses become functions: addresses and symbols, sorted together, stand below their symbol. What
# each takes of an operation is its share of the figure.
show_profile() {
  local name number=0 level total mmlib
  while read -r name _ _ mmlib; do
    level=1
    [[ $name != *_l0 ]] || level=0
    number=$(grep -oE 'f\([a-z0-9_]+\)' examples/linux/measure.c | grep -nx "f($name)" | cut -d : -f 1)
    awk -v n="$((number - 1))" '$1 == n { c[$2] += $3 } END { for (a in c) print a, "count", c[a] }' \
      "$dir/profile" >"$dir/profile-counts"
    total=$(awk '{ n += $3 } END { print n }' "$dir/profile-counts")
    echo "$name: $mmlib"
    symbols "$level" | cat - "$dir/profile-counts" | LC_ALL=C sort -k 1,1 -k 2,2r |
      awk -v total="$total" -v per="$mmlib" '
        BEGIN { name = "(Linux)" }
        $2 == "symbol" { name = $3; next }
        { n[name] += $3 }
        END { for (f in n) if (n[f] * 200 >= total) printf "%12.2f  %s\n", n[f] * per / total, f }' |
      sort -rn
  done < <(figures profile)
}

unpack_kernel
for level in "${levels[@]}"; do
  build "$level"
done
make_initramfs
if [ "${machines[0]}" = profile ]; then
  rm -f "$dir/profile"
  gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$dir/profile.so" examples/linux/profile.c
fi
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for machine in "${machines[@]}"; do
  boot "$machine" &
done
wait
failed=0
for machine in "${machines[@]}"; do
  judge "$machine" || failed=1
  echo "linux $release, $machine: $verdict; console in $dir/log-$machine"
done
measured=${machines[${#machines[@]} > 1 ? 1 : 0]}
[ "$measured" != checks ] || exit $failed
figures "$measured" >"$dir/figures" || failed=1
as_table <"$dir/figures" || failed=1
if awk '{ $2 = 1; print }' "$dir/figures" | as_table >/dev/null; then
  echo "targets that nobody can reach are not said to be missed" >&2
  failed=1
fi
if [ "${#machines[@]}" -gt 1 ] && ! figures again | cmp -s - "$dir/figures"; then
  echo "the second machine counted otherwise:" >&2
  figures again | diff "$dir/figures" - >&2 || true
  failed=1
fi
[ -z "$json" ] || as_json <"$dir/figures" >"$json"
[ "$measured" != profile ] || show_profile
exit $failed
