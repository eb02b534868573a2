#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The build matrix: compile the whole library with gcc and clang for each kind of CPU, as kernels
# without a C library do, and look at what comes out: no warning, no undefined symbol but those that
# the target may need, no name that a kernel may have too, no writable data, no stack frame over 512
# bytes.
#   tools/check_matrix.sh [--plant] [ROW…]
#     --plant   instead of the library a file that breaks each rule; must fail in each row
#     ROW       only these rows (patterns), for example 'armv6m*'
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages gcc clang llvm gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu gcc-arm-none-eabi \
  gcc-s390x-linux-gnu

# NAME / compiler and what the target needs. Each target has one row with strict flags (clang) and one
# with little more than an embedder's defaults (gcc), one for speed and one for size, and options that
# differ. Microcontrollers: one CPU without atomics.
#   size: the objects that scripts/size.sh measures, with its command
#   -fno-pic on i386: position-independent code names _GLOBAL_OFFSET_TABLE_ there
#   -mgeneral-regs-only: no x87, no SSE; compilers use them for 64-bit values
#   -mstrict-align: what may run while the MMU is off. That no access is unaligned its code does not show, whose
#     pointers are often a few bytes beside what is accessed: the kernel of examples/kernel/aarch64 does, which faults
rows() {
  local micro='-Os -DMM_ATOMICS=0 -DMM_WORD_BITS=32'
  cat <<END
x86_64-clang clang --target=x86_64-none-elf -mgeneral-regs-only -mno-red-zone -O2 -DMM_CHECKS=3
x86_64-gcc gcc -Os
i386-clang clang --target=i386-none-elf -mgeneral-regs-only -Os
i386-gcc gcc -m32 -fno-pic -mgeneral-regs-only -O2 -DMM_PADDR_BITS=64
aarch64-clang clang --target=aarch64-none-elf -mgeneral-regs-only -Os
aarch64-gcc size aarch64
aarch64-strict-gcc aarch64-linux-gnu-gcc -mgeneral-regs-only -mno-outline-atomics -mstrict-align -Os
riscv64-clang clang --target=riscv64-none-elf -march=rv64imac -mabi=lp64 -Os
riscv64-gcc size riscv64
riscv64-zbb-clang clang --target=riscv64-none-elf -march=rv64imac_zbb -mabi=lp64 -O2
riscv64-zbb-gcc riscv64-linux-gnu-gcc -march=rv64imac_zbb -mabi=lp64 -Os
riscv32-clang clang --target=riscv32-none-elf -march=rv32imac -mabi=ilp32 -O2 -DMM_PADDR_BITS=64
riscv32-gcc riscv64-linux-gnu-gcc -march=rv32imac -mabi=ilp32 -Os
armv7m-clang clang --target=armv7m-none-eabi -O2 -DMM_PAGE_POISON=1
armv7m-gcc size armv7m
armv6m-clang clang --target=armv6m-none-eabi $micro
armv6m-gcc size armv6m
s390x-clang clang --target=s390x-none-elf -Os
s390x-gcc s390x-linux-gnu-gcc -O2
END
}
common=(-std=c11 -ffreestanding -Wall -Wextra -Wconversion -Werror -Iinclude -Isrc)
strict=(-nostdlibinc -fno-pic -Wshadow) # clang

# Symbols that a row may leave undefined, one pattern.
#   ARM: its procedure call standard has names of its own for memcpy and friends; clang uses them
#   ARMv6-M: no division and no long multiplication; uidivmod is the routine of uidiv. gcc -Os makes a
#   call out of each switch. Who links for it has libgcc.
allowed() {
  local also=
  case $1 in
    armv6m-*) also='|__aeabi_mem(cpy|move|set|clr)[48]?|__aeabi_(lmul|uidiv|uidivmod)|__gnu_thumb1_case_[us][qh]i' ;;
    armv7m-*) also='|__aeabi_mem(cpy|move|set|clr)[48]?' ;;
  esac
  echo "mem(cpy|move|set|cmp)$also"
}

# Bytes of a frame: the s390x call standard has each caller lend 160 of its own.
frame() { case $1 in s390x-*) echo 672 ;; *) echo 512 ;; esac }

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
plant=
if [ "${1-}" = --plant ]; then
  plant=1
  shift
  cat >"$out/symbols.c" <<'END'
unsigned long long mm_planted(const char *s, unsigned long long n);
unsigned long strlen(const char *);
unsigned long long mm_state;
int planted(void);
int planted(void)
{
	return 0;
}
unsigned long long mm_planted(const char *s, unsigned long long n)
{
	mm_state += strlen(s);
	return mm_state / n;
}
END
  cat >"$out/frame.c" <<'END'
int mm_planted(int x);
int mm_planted(int x)
{
	volatile char frame[700] = { 0 };

	frame[x] = 1;
	return frame[0];
}
END
  cat >"$out/conversion.c" <<'END'
char mm_planted(int x);
char mm_planted(int x)
{
	return x;
}
END
  sources=("$out"/*.c)
else
  mapfile -t sources < <(find src -name '*.c' | sort)
fi

# Page tables take half of the time: not where there is no MMU, and with one compiler on CPUs that have no format
# here, or for the formats of another CPU. With Zbb only bits.h differs: what works with bits all the time.
leaves_out() {
  case $1:$2 in
    riscv64-zbb-*:src/buddy/* | riscv64-zbb-*:src/tiny/* | *:"$out"/*) return 1 ;;
    armv[67]m-*:src/vmm/* | riscv64-zbb-*) ;;
    x86_64-gcc:src/vmm/pt_aarch64.c | x86_64-gcc:src/vmm/pt_riscv64.c) ;;
    aarch64-strict-*:src/vmm/pt_x86_64.c | aarch64-strict-*:src/vmm/pt_riscv64.c) ;;
    aarch64-strict-*:src/vmm/* | aarch64-strict-*:src/pmm/memmap* | aarch64-strict-*:src/pmm/early.c) return 1 ;;
    aarch64-strict-*:src/pmm/fdt.c | aarch64-strict-*:src/pmm/numa.c | aarch64-strict-*:src/pmm/multiboot*) return 1 ;;
    aarch64-strict-*) ;;
    aarch64-clang:src/vmm/pt_x86_64.c | aarch64-clang:src/vmm/pt_riscv64.c) ;;
    riscv64-clang:src/vmm/pt_x86_64.c | riscv64-clang:src/vmm/pt_aarch64.c) ;;
    i386-clang:src/vmm/* | riscv32-gcc:src/vmm/* | s390x-clang:src/vmm/*) ;;
    *) return 1 ;;
  esac
}

# jobs: a line for each object: its folder, its source, the command
jobs_of() {
  local name command f
  while read -r name command; do
    mkdir -p "$out/$name"
    if [ "${command% *}" = size ]; then
      if [ -z "$plant" ]; then
        scripts/size.sh --build "${command#* }" >"$out/$name/log" 2>&1 || true
        cp "build/size/${command#* }"/*.o "$out/$name"
        continue
      fi
      command=$(scripts/size.sh --command "${command#* }")
    fi
    command+=" ${common[*]} -Wframe-larger-than=$(frame "$name")"
    case $command in clang*) command+=" ${strict[*]}" ;; esac
    for f in "${sources[@]}"; do
      leaves_out "$name" "$f" || echo "$out/$name $f $command"
    done
  done
}

# judge ROW: what its objects need together, and what they have
judge() {
  local objects=("$out/$1"/*.o) undefined names data bad=0
  cat "$out/$1/log"
  [ ! -s "$out/$1/log" ] || bad=1
  [ -n "$plant" ] || [ $bad -eq 0 ] || return 1 # objects are missing
  undefined=$(llvm-nm -P -g "${objects[@]}" |
    awk '$2 == "U" { need[$1] } $2 ~ /^[A-TV-Z]$/ { have[$1] } END { for (s in need) if (!(s in have)) print s }' |
    sort)
  names=$(llvm-nm -P -g "${objects[@]}" | awk '$2 ~ /^[A-TV-Z]$/ && $1 !~ /^mm_/ { print $1 }')
  data=$(llvm-size -A "${objects[@]}" |
    awk '/^\.s?(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ { n += $2 } END { print n + 0 }')
  # shellcheck disable=SC2086
  echo "$1: needs" $undefined
  undefined=$(grep -vxE "$(allowed "$1")" <<<"$undefined" || true)
  if [ -n "$undefined" ]; then
    # shellcheck disable=SC2086
    echo "$1: undefined symbols:" $undefined
    bad=1
  fi
  if [ -n "$names" ]; then
    # shellcheck disable=SC2086
    echo "$1: names without mm_, see src/names.h:" $names
    bad=1
  fi
  if [ "$data" -ne 0 ]; then
    echo "$1: $data bytes of writable data"
    bad=1
  fi
  return $bad
}

wanted() {
  local name rest pattern
  while read -r name rest; do
    for pattern in "${@:-*}"; do
      # shellcheck disable=SC2053
      [[ $name != $pattern ]] || { echo "$name $rest"; break; }
    done
  done
}

bad=0
# A CPU without atomics is refused when it compiles, not when it links.
clang --target=armv6m-none-eabi "${common[@]}" -c -o "$out/x.o" src/ports/port.c >"$out/refused" 2>&1 || true
if ! grep -q 'set MM_ATOMICS=0' "$out/refused"; then
  echo "armv6m without MM_ATOMICS=0 was not refused"
  bad=1
fi
missed=
rows | wanted "$@" >"$out/rows"
[ -s "$out/rows" ] || { echo "no such row" >&2; exit 2; }
# shellcheck disable=SC2016
jobs_of <"$out/rows" | xargs -r -P "$(nproc)" -L 1 sh -c 'dir=$0 f=$1; shift
  exec "$@" -c -o "$dir/$(echo "$f" | tr / _).o" "$f" 2>>"$dir/log"' || true
while read -r name _; do
  if judge "$name" >"$out/verdict" 2>&1; then
    cat "$out/verdict"
  elif [ -z "$plant" ]; then
    cat "$out/verdict"
    bad=1
  fi
  if [ -n "$plant" ]; then
    for what in 'undefined symbols:.* strlen' 'names.*: planted$' 'bytes of writable data' 'conversion' 'frame size'; do
      grep -q "$what" "$out/verdict" || { echo "$name: did not notice $what"; missed=1; }
    done
    bad=1
  fi
done <"$out/rows"
[ -z "$plant" ] || [ -n "$missed" ] || echo "all noticed in $(wc -l <"$out/rows") rows"
exit $bad
