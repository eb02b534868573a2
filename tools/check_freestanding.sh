#!/bin/sh
# SPDX-License-Identifier: MIT
# Compile the library the way a kernel without any C library does, for each architecture, and look at
# what comes out: no warning, no undefined symbol but mem{cpy,move,set,cmp}, no writable data, no
# stack frame over 512 bytes. First with our flags, then with the defaults of the compilers that
# embedders have.
#   tools/check_freestanding.sh [--plant]      --plant: add a file that breaks the rules; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
targets='x86_64 i386 aarch64 riscv64'
flags='-std=c11 -ffreestanding -nostdlibinc -fno-pic -O2 -Wall -Wextra -Wconversion -Wshadow
  -Wframe-larger-than=512 -Werror -Iinclude -Isrc'
sources=$(find src -name '*.c' | sort)
if [ "${1-}" = --plant ]; then
  printf 'int mm_bad_state; unsigned long strlen(const char *);\nunsigned long mm_bad(const char *s);\nunsigned long mm_bad(const char *s) { mm_bad_state++; return strlen(s); }\n' >"$out/plant.c"
  sources="$sources $out/plant.c"
fi
bad=0

# judge NAME OBJECT…: link what is there and look at its symbols and sections
judge() {
  name=$1
  shift
  ld.lld -r -o "$out/all" "$@"
  undefined=$(llvm-nm -u "$out/all" | awk '{print $2}' | grep -vxE 'mem(cpy|move|set|cmp)' || true)
  if [ -n "$undefined" ]; then
    echo "$name: undefined symbols: $undefined"
    bad=1
  fi
  data=$(llvm-size -A "$out/all" | awk '$1 ~ /^\.s?(data|bss|tdata|tbss)/ && $1 !~ /^\.data\.rel\.ro/ {n += $2} END {print n + 0}')
  if [ "$data" != 0 ]; then
    echo "$name: $data bytes of writable data"
    bad=1
  fi
  text=$(llvm-size -A "$out/all" | awk '$1 ~ /^\.text|^\.rodata/ {n += $2} END {print n + 0}')
  echo "$name: $text bytes of text and constants"
}

# compile NAME COMMAND…: every source with this command, as many at a time as there are CPUs
compile() {
  name=$1
  shift
  rm -f "$out"/*.o
  printf '%s\n' $sources |
    xargs -P "$(nproc)" -I{} sh -c 'f=$1; shift; exec "$@" -c -o "$0/$(printf %s "$f" | tr / _).o" "$f"' \
      "$out" {} "$@" || bad=1
  judge "$name" "$out"/*.o
}

if [ "${1-}" = --plant ]; then
  # shellcheck disable=SC2086
  compile "planted" clang --target=x86_64-none-elf $flags
  exit $bad
fi
for t in $targets; do
  extra=
  [ "$t" = riscv64 ] && extra='-march=rv64gc -mabi=lp64d'
  # shellcheck disable=SC2086
  compile "$t, clang" clang --target="$t-none-elf" $extra $flags
done
# shellcheck disable=SC2086
compile "x86_64, clang, hardened" clang --target=x86_64-none-elf $flags -DMM_CHECKS=2
for cc in gcc aarch64-linux-gnu-gcc riscv64-linux-gnu-gcc; do
  for opt in -O2 -Os; do
    compile "$cc $opt" $cc $opt -std=c11 -ffreestanding -Wall -Wextra -Werror -Iinclude -Isrc
  done
done
exit $bad
