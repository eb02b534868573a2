#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header alone, as C11 and as C++17, freestanding, without a warning; with 64 bits, and
# as 32-bit kernels have it: short enums, addresses wider than pointers.
#   tools/check_headers.sh [--plant]      --plant: a header that needs another and is no C++; must fail
set -eu
cd "$(dirname "$0")/.."
bad=0
headers=$(echo include/mmlib/*.h)
if [ "${1-}" = --plant ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
  echo 'mm_paddr_t mm_planted(int class);' >"$out/planted.h"
  headers=$out/planted.h
fi
for h in $headers; do
  for bits in -m64 '-m32 -fshort-enums -DMM_PADDR_BITS=64'; do
    for cc in gcc clang; do
      # shellcheck disable=SC2086
      echo "#include \"$h\"" | $cc $bits -x c -std=c11 -ffreestanding -pedantic -Wall -Wextra \
        -Wconversion -Wundef -Werror -Iinclude -I. -fsyntax-only - || bad=1
    done
    for cc in g++ clang++; do
      # shellcheck disable=SC2086
      echo "#include \"$h\"" | $cc $bits -x c++ -std=c++17 -ffreestanding -Wall -Wextra -Werror \
        -Iinclude -I. -fsyntax-only - || bad=1
    done
  done
done
exit $bad
