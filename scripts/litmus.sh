#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Models of protocols between CPUs that let loads and stores overtake each other, under Relacy; exit status 0 only if
# each holds, and none does without the order that it is about (tests/litmus/litmus.cpp).
#   scripts/litmus.sh [ITERATIONS]     schedules of each, default 300000
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages g++ relacy-dev

mkdir -p build
is_fresh build/litmus tests/litmus scripts/litmus.sh || g++ -std=c++11 -O1 -Wall -Wextra -Werror -o build/litmus tests/litmus/litmus.cpp
build/litmus "$@"
