#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run every test. Sets up what it needs (Debian packages), builds, tests, and ends with one line:
#   N passed, N failed
# Exit status 0 only if nothing failed. Takes a few minutes on two cores.
#   scripts/test.sh [STEP…]    only these steps, e.g. `scripts/test.sh gcc fuzz`
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. scripts/setup.sh
need_packages gcc g++ meson clang lld llvm libclang-rt-14-dev libcmocka-dev libfdt-dev valgrind doxygen graphviz \
  qemu-system-x86 || exit 1

mkdir -p build
passed=0
failed=0
only=" $* "

wanted() { [ "$only" = "  " ] || [[ "$only" == *" $1 "* ]]; }
ok() { passed=$((passed + ${2:-1})); echo "ok   $1"; }
not_ok() { failed=$((failed + ${2:-1})); echo "FAIL $1"; }

# check NAME COMMAND…: one test, its output shown only when it fails
check() {
  local name=$1 log
  shift
  log=build/log-$(tr -c 'a-zA-Z0-9\n' - <<<"$name")
  if "$@" >"$log" 2>&1 </dev/null; then ok "$name"; else tail -n 60 "$log"; not_ok "$name"; fi
}

# check_fails NAME COMMAND…: a negative control; the command must fail
check_fails() {
  local name=$1
  shift
  if "$@" >"build/log-control" 2>&1 </dev/null; then not_ok "$name: was not noticed"; else ok "$name"; fi
}

# meson_tests NAME DIR [TEST ARGUMENT…]: build and run; counts each test program
meson_tests() {
  local name=$1 dir=$2 log good bad
  log=build/log-$1
  shift 2
  if ! ninja -C "$dir" >"$log" 2>&1; then
    tail -n 40 "$log"
    not_ok "$name: build"
    return
  fi
  meson test -C "$dir" --print-errorlogs "$@" >"$log" 2>&1 </dev/null
  good=$(awk '/^Ok:/ {print $2}' "$log")
  bad=$(awk '/^(Fail|Timeout|Unexpected Pass):/ {n += $NF} END {print n + 0}' "$log")
  [ "${good:-0}" -eq 0 ] || ok "$name: $good test programs" "$good"
  if [ "$bad" -ne 0 ] || [ -z "$good" ] || [ "$good" -eq 0 ]; then
    tail -n 80 "$log"
    not_ok "$name: $bad test programs" "$((bad > 0 ? bad : 1))"
  fi
}

setup() { # DIR MESON-ARGUMENT…
  local dir=$1
  shift
  [ -d "$dir" ] || meson setup "$dir" "$@" >build/log-setup 2>&1 || { cat build/log-setup; rm -rf "$dir"; }
}

if wanted tree; then
  check "house rules" tools/check_tree.sh
  bad=$(mktemp -d)
  mkdir -p "$bad/src"
  echo 'int x;' >"$bad/src/x.c"
  check_fails "control: a file without SPDX is noticed" tools/check_tree.sh "$bad"
  rm -rf "$bad"
fi
if wanted freestanding; then
  check "freestanding on four architectures: symbols, data, warnings" tools/check_freestanding.sh
  check_fails "control: a libc call and a global are noticed" tools/check_freestanding.sh --plant
  check "headers as C++17 and alone" tools/check_headers.sh
fi
if wanted gcc; then
  setup build/gcc
  meson_tests gcc build/gcc
fi
if wanted clang; then
  CC=clang setup build/asan -Db_sanitize=address,undefined -Db_lundef=false
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1 \
    meson_tests clang-asan-ubsan build/asan
fi
if wanted valgrind; then
  setup build/gcc
  meson_tests valgrind build/gcc --suite release --suite word8 -t 10 \
    --wrap='valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite'
fi
if wanted plant; then
  for n in 1 2 3; do
    setup "build/plant$n" -Dplant="$n"
    ninja -C "build/plant$n" >build/log-plant 2>&1 || not_ok "plant $n: build"
    check_fails "control: the tests notice planted bug $n" meson test -C "build/plant$n" --suite debug
  done
fi
if wanted fuzz; then
  for t in memmap buddy buddy64 pmm pt; do
    check "fuzz $t, 8 s" scripts/fuzz.sh "$t" 8
  done
  for pair in 1:memmap 2:buddy 3:pt; do
    check_fails "control: fuzz ${pair#*:} finds planted bug ${pair%:*} within 60 s" \
      scripts/fuzz.sh --plant "${pair%:*}" "${pair#*:}" 60
  done
fi
if wanted docs; then
  check "documentation: Doxygen has no warning" tools/check_docs.sh
  check_fails "control: an undocumented function is noticed" tools/check_docs.sh --plant
fi
if wanted demo; then
  check "demo: every machine boots and every check passes" scripts/demo.sh
  check_fails "control: a failing check fails the demo" scripts/demo.sh --append fail
fi
if wanted subproject; then
  check "usable as a Meson subproject" tools/check_subproject.sh
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
