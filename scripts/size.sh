#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Code and data of mmlib in bytes, on each machine as its kernels compile it: one line a figure,
#   size.<arch>.<configuration>.text VALUE bytes, and .data, which is all that is writable
#   scripts/size.sh [--table]      --table: for people, a row for each configuration
#   scripts/size.sh --of ARCH…     of these machines only
#   scripts/size.sh --build ARCH…  only the objects, in build/size/ARCH, for other scripts
#   scripts/size.sh --command ARCH how they are compiled
#   scripts/size.sh --check [FILE] nothing but whether the figures named in FILE (default bench/targets)
#                                  are within its limits
# What a configuration is, is told below. Installs what is missing (Debian packages), builds in
# build/size what has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
archs=(x86_64 aarch64 riscv64 armv7m armv6m)
table=
limits=
case ${1-} in
  --table) table=1 ;;
  --of | --build | --command) archs=("${@:2}") ;;
  --check) limits=${2-bench/targets}
    mapfile -t archs < <(sed -n 's/^size\.\([^.]*\)\..*/\1/p' "$limits" | sort -u) ;;
  '') ;;
  *) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
need_packages gcc gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu gcc-arm-none-eabi

# How a kernel for the machine compiles. Microcontrollers: for size, one CPU, no atomics.
compiler() {
  case $1 in
    x86_64) echo gcc -O2 -mno-red-zone -mgeneral-regs-only ;;
    aarch64) echo aarch64-linux-gnu-gcc -O2 -mgeneral-regs-only ;;
    riscv64) echo riscv64-linux-gnu-gcc -O2 -march=rv64imac -mabi=lp64 -mcmodel=medany ;;
    armv7m) echo arm-none-eabi-gcc -Os -mthumb -mcpu=cortex-m3 -DMM_ATOMICS=0 -DMM_WORD_BITS=32 ;;
    armv6m) echo arm-none-eabi-gcc -Os -mthumb -mcpu=cortex-m0 -DMM_ATOMICS=0 -DMM_WORD_BITS=32 ;;
  esac
}
flags=(-std=c11 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-strict-aliasing -fvisibility=hidden -ffunction-sections -fdata-sections
  -fcallgraph-info=su # for tools/stack.py
  -Wall -Wextra -Wconversion -Wframe-larger-than=512 -Werror -Iinclude -Isrc)
mapfile -t library < <(awk -f tools/layers.awk src/layers | sed 's/\.c$//')

# configurations ARCH: lines `NAME FILE… [= FUNCTION…]`. First what each part adds to those below
# it, then sums. With functions: what is left of the files if a kernel calls these and the linker
# drops the rest.
configurations() {
  local f frames heap base='status ports/port'
  local boot='mm_memmap_init mm_memmap_add mm_pmm_init mm_page_alloc mm_page_free'

  frames="$base pmm/memmap buddy/buddy $(echo src/pmm/pmm*.c)"
  heap="$frames $(echo src/slab/*.c)"
  echo "port $base"
  echo selftest ports/selftest
  echo memmap pmm/memmap pmm/early
  for f in "${library[@]}"; do # what firmware says, and readers of its formats
    case $f in pmm/memmap | pmm/early | pmm/pmm*) ;; pmm/*) echo "${f#pmm/} $f" ;; esac
  done
  echo buddy buddy/buddy
  echo pmm src/pmm/pmm*.c
  echo slab src/slab/*.c
  echo tiny tiny/tiny
  echo "tiny_used tiny/tiny = mm_tiny_init mm_tiny_add mm_tiny_alloc_st mm_tiny_free"
  echo region tiny/region tiny/region_look
  echo region_used tiny/region = mm_region_{add,alloc_st,free}
  echo "frames $frames"
  echo "heap $heap"
  echo buddy_used buddy/buddy = mm_buddy_{init,alloc,free}
  echo "frames_used $frames = $boot"
  echo "heap_used $heap = $boot mm_heap_init mm_kmalloc_st mm_kfree"
  if [[ $1 == armv* ]]; then # no MMU there
    sources "$1" | xargs echo all
  else
    echo pt vmm/pt "vmm/pt_$1"
    echo pt_any vmm/pt vmm/pt_any
    f=mm_pt_${1/riscv64/sv48}
    echo pt_used vmm/pt "vmm/pt_$1" = mm_pt_{init,sync} "$f"_{port,map,unmap,query,protect}
    printf '%s\n' "${library[@]}" | grep -vE "^vmm/pt_" | xargs echo all "vmm/pt_$1"
  fi
}

# sources ARCH: what there is to compile; microcontrollers have no MMU
sources() {
  printf '%s\n' "${library[@]}" | if [[ $1 == armv* ]]; then grep -v '^vmm/'; else cat; fi
}

# build ARCH: objects of the whole library in build/size/ARCH, if a source is newer than they are
build() {
  local out=build/size/$1 lock
  mkdir -p build/size
  exec {lock}>"$out.lock"
  flock "$lock"
  if ! is_fresh "$out/done" src include scripts/size.sh; then
    rm -rf "$out"
    mkdir -p "$out"
    # shellcheck disable=SC2046
    sources "$1" | xargs -P "$(nproc)" -I{} sh -c 'f=$1; shift; exec "$@" -c "src/$f.c" -o "$0/$(echo "$f" | tr / _).o"' \
      "$out" {} $(compiler "$1") "${flags[@]}"
    touch "$out/done"
  fi
  exec {lock}>&-
}

# measure ARCH CC NAME FILE… [= FUNCTION…]: two figures
measure() {
  local arch=$1 cc=$2 name=$3 objects=() roots=() f
  shift 3
  while [ $# -gt 0 ] && [ "$1" != = ]; do
    f=${1#src/}
    f=${f%.c}
    objects+=("build/size/$arch/${f//\//_}.o")
    shift
  done
  if [ $# -gt 0 ]; then
    shift
    # The linker knows some of them by longer names (mmlib/version.h).
    mapfile -t roots < <("${cc%gcc}nm" "${objects[@]}" | awk -v want="$*" '
      BEGIN { n = split(want, f, " "); for (i = 1; i <= n; i++) wanted[f[i]] = 1 }
      $2 == "T" { name = $3; sub(/\.v[0-9].*/, "", name); if (name in wanted) { print "--require-defined=" $3; n-- } }
      END { exit n != 0 }')
    "${cc%gcc}ld" -r --gc-sections "${roots[@]}" -o build/size/linked "${objects[@]}"
    objects=(build/size/linked)
  fi
  "${cc%gcc}size" -B "${objects[@]}" | awk -v name="size.$arch.$name" '
    NR > 1 { text += $1; data += $2 + $3 }
    END { print name ".text", text, "bytes"; print name ".data", data, "bytes" }'
}

figures() {
  local arch cc line
  for arch in "${archs[@]}"; do
    cc=$(compiler "$arch")
    build "$arch"
    while read -ra line; do
      measure "$arch" "${cc%% *}" "${line[@]}"
    done < <(configurations "$arch")
  done
}

# Rows in the order of the first machine; data is told if there is any.
as_table() {
  local arch
  for arch in "${archs[@]}"; do
    echo "$arch: $(compiler "$arch")"
  done
  awk -v archs="${archs[*]}" '
    { split($1, part, "."); name = part[3]
      if (!(name in seen)) { seen[name] = 1; row[++rows] = name }
      value[part[2], name, part[4]] = $2 }
    END {
      n = split(archs, arch, " ")
      printf "%-18s", "bytes of text"
      for (a = 1; a <= n; a++) printf "%10s", arch[a]
      for (r = 1; r <= rows; r++) {
        printf "\n%-18s", row[r]
        for (a = 1; a <= n; a++)
          printf "%10s", ((arch[a], row[r], "text") in value) ? value[arch[a], row[r], "text"] : "-"
        for (a = 1; a <= n; a++)
          data += value[arch[a], row[r], "data"]
      }
      printf "\nwritable data, all together: %d bytes\n", data
    }'
}

# Each limit beside its figure; fails if one is passed, or has no figure.
check() {
  awk 'NR == FNR { value[$1] = $2; next }
    /^size\./ {
      over = !($1 in value) || value[$1] > $2
      print $1, ($1 in value ? value[$1] : "is missing"), "of", $2, "bytes" (over ? ": TOO LARGE" : "")
      bad = bad || over; n++
    }
    END { exit bad || !n }' - "$limits"
}

if [ "${1-}" = --build ]; then
  for arch in "${archs[@]}"; do build "$arch"; done
elif [ "${1-}" = --command ]; then
  echo "$(compiler "${archs[0]}") ${flags[*]}"
elif [ -n "$limits" ]; then
  figures | check
elif [ -n "$table" ]; then figures | as_table; else figures; fi
