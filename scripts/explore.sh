#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Explore the schedules of the library on simulated CPUs (tests/explore/explore.h).
#   scripts/explore.sh                          list the scenarios
#   scripts/explore.sh all                      everything, at most 10^6 schedules each
#   scripts/explore.sh [OPTION…] NAME…          some; 'b-*' the buddy, 'p-*' page frames, 's-*' slabs
#   scripts/explore.sh --harden NAME…           the same with hardened objects, and poison in free frames
#   scripts/explore.sh NAME --replay 'SCHEDULE' show each step of a schedule that was printed
#   MM_PLANT=N scripts/explore.sh NAME…         with race N of src/hook.h planted: must find it
# Options: --bound N, --schedules N, --seconds N, --short; see tests/explore/main.c.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages gcc meson libcmocka-dev libfdt-dev

dir=build/explore program=explore
if [ "${1-}" = --harden ]; then
  program=explore-harden
  shift
fi
[ -d "$dir" ] || meson setup "$dir" >/dev/null
ninja -C "$dir" "tests/explore/$program" >/dev/null || {
  echo "the explorer does not build; type: ninja -C $dir tests/explore/$program" >&2
  exit 1
}
"$dir/tests/explore/$program" "$@"
