#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Do AddressSanitizer, memcheck and KASAN report clients of the heap that have a bug (tests/clients/clients.c),
# through mmlib's hooks (mmlib/sanitizer.h), and nothing of one that has none? KASAN is gcc's part of it, over
# shadow memory of a program's own (tests/clients/kasan.c).
#   tools/check_clients.sh [--plant]      --plant: mmlib tells them nothing; must fail
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages gcc valgrind
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
plant=${1-}
tools/amalgamate.py --layers heap "$out"

build() { # NAME HEADER OPTION…
  local name=$1 header=$2
  shift 2
  [ "$plant" = --plant ] || set -- "-DMM_SANITIZER_HEADER=\"$header\"" "$@"
  gcc -std=c11 -O0 -g -fno-omit-frame-pointer -Wall -Wextra -Werror -Iinclude -Isrc "$@" -o "$out/$name" \
    tests/clients/clients.c "$out/mmlib.c"
}
judge() { # NAME HOW-MANY: the output has so many reports, and none of who makes no mistake
  local n
  n=$(grep -c '^reported' "$out/$1.txt" || true)
  echo "$1: $n of $2 clients with a bug are reported"
  [ "$n" -eq "$2" ] || { grep '^missed' "$out/$1.txt" || true; bad=1; }
  [ "$(grep -c '^missed makes_no_mistake' "$out/$1.txt")" -eq 4 ] || { echo "$1: who makes no mistake is reported"; bad=1; }
}
build asan mmlib/sanitizer_asan.h -fsanitize=address -fsanitize-recover=address &
build memcheck mmlib/sanitizer_valgrind.h
wait $!
gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -Iinclude -c -o "$out/kasan.o" tests/clients/kasan.c
build kasan mmlib/sanitizer_kasan.h -DCLIENTS_KASAN -fsanitize=kernel-address --param asan-instrumentation-with-call-threshold=0 \
  --param asan-stack=0 --param asan-globals=0 "$out/kasan.o"
"$out/kasan" >"$out/kasan.txt" 2>"$out/kasan.log" || { tail "$out/kasan.txt" "$out/kasan.log"; bad=1; }
"$out/asan" >"$out/asan.txt" 2>"$out/asan.log" || { tail "$out/asan.txt" "$out/asan.log"; bad=1; }
valgrind -q "$out/memcheck" >"$out/memcheck.txt" 2>"$out/memcheck.log" || { tail "$out/memcheck.txt" "$out/memcheck.log"; bad=1; }
judge asan 26
judge kasan 26
judge memcheck 27 # it knows what was never written, too
exit $bad
