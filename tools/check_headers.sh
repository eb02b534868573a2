#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header alone, as C11 and as C++17, freestanding, without a warning.
set -eu
cd "$(dirname "$0")/.."
bad=0
for h in include/mmlib/*.h; do
  inc="#include <mmlib/$(basename "$h")>"
  for cc in gcc clang; do
    echo "$inc" | $cc -x c -std=c11 -ffreestanding -pedantic -Wall -Wextra -Wconversion -Wundef -Werror \
      -Iinclude -fsyntax-only - || bad=1
  done
  for cc in g++ clang++; do
    echo "$inc" | $cc -x c++ -std=c++17 -ffreestanding -Wall -Wextra -Werror -Iinclude -fsyntax-only - || bad=1
  done
done
exit $bad
