#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Four threads on the whole library, two on guarded objects, two on the first objects of new heaps, two on pages that
# both hold, three on what may be done at any time, five on a ring of trace records, two that are hit by signals which
# free as NMIs do, and four in one tree of page tables, under ThreadSanitizer; exit status 0 only without a report.
#   scripts/tsan.sh [OPERATIONS [SEED]]     default 10^7 operations
#   scripts/tsan.sh --planted N PROGRAM [ARGUMENT…]   race N of src/hook.h in one of them, at most five times: whether two
#                                        threads meet hangs on the machine. Fails if it was noticed, as it must be
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages clang libclang-rt-14-dev

mkdir -p build/tsan
flags=(-std=c11 -O2 -g1 -fsanitize=thread -DMM_HOOKS=1 -DMM_PAGE_MAGAZINE=8 -Iinclude -Isrc -Itests/sim)
if ! is_fresh build/tsan/claims src include tests/sim tests/stress scripts/tsan.sh; then
  rm -f build/tsan/*.o
  # Of the formats of page tables, which take the longest, the one that programs use.
  # shellcheck disable=SC2016
  printf '%s\n' src/*.c src/ports/port.c src/buddy/*.c src/pmm/*.c src/slab/*.c src/vmm/pt*.c tests/sim/sim.c |
    grep -vE '/pt_(aarch64|riscv64|any)' |
    xargs -P "$(nproc)" -I{} sh -c 'exec clang "$@" -c "$0" -o "build/tsan/$(echo "$0" | tr / _).o"' {} "${flags[@]}"
  for program in stress guard first share any trace nmi claims; do
    clang "${flags[@]}" -o "build/tsan/$program" "tests/stress/$program.c" build/tsan/*.o -pthread
  done
fi
export TSAN_OPTIONS=halt_on_error=0:exitcode=66
if [ "${1-}" = --planted ]; then
  race=$2 program=build/tsan/$3 status=0
  shift 3
  for _ in 1 2 3 4 5; do
    MM_PLANT=$race "$program" "$@" || { status=$?; break; }
  done
  exit $status
fi
build/tsan/stress "${1:-10000000}" "${2:-1}"
build/tsan/guard $((${1:-10000000} / 300))
build/tsan/first $((${1:-10000000} / 300))
build/tsan/share $((${1:-10000000} / 30))
build/tsan/any $((${1:-10000000} / 300))
build/tsan/trace "${1:-10000000}"
build/tsan/nmi "${1:-10000000}"
build/tsan/claims $((${1:-10000000} / 60))
