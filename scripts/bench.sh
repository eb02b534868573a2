#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Measure mmlib on this machine: one line a figure, with its yardstick of the same run.
#   scripts/bench.sh [GROUP…] [--json FILE]   all groups, or these: yard page slab tiny pt sweep size
#     --json FILE    also write {"figures":[{"name","value","unit","yardstick","yardstick_value",
#                    "ratio"},…]}
#     --agree        measure twice, the two taking turns run by run, so that both have the same machine;
#                    fail and show which ratios differ by more than 5 %, or counts at all
#     --instructions count instructions (page and slab: of the pairs; slab: of a step of churn, too; tiny: of
#                    the longest calls; pt: of each page) under callgrind: the same in each run
#     --quick        hardly any slices, compiled with -O1: shows that all works; times mean nothing
#     --runs N       of each program, default 5, and 3 N of what is quickly done, 12 N of objects and of the
#                    tiny heap; the middle is reported
#     --compiler CC  compiler of the library and of the loops it is compared with, default gcc
#     --expect NAME  fail if this figure is missing (those in bench/names always are expected)
#     --help         this text, and what is not measured yet
# The library is compiled as a kernel does it: -O2, freestanding, general registers only. Names of
# figures say the form (call, inline: see bench/README.md) and the level of MM_CHECKS (l0, l1, l2);
# without one it is level 1, and call. Installs what is missing (Debian packages), builds in
# build/bench. Exit status 0 only if every figure was made.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

usage() {
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
  sed -n '/^## Not measured yet/,$p' bench/README.md
}

compiler=${CC:-gcc}
json=
runs=5
often=15 # runs of what is quickly done
# and so many times that of a group, each shorter: two that take turns meet the same
declare -A times=([slab]=4 [tiny]=4)
agree=false
count= # or count_: instructions are counted
quick=false
expected=()
groups=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=$2; shift ;;
    --agree) agree=true ;;
    --instructions) count=count_ ;;
    --quick) quick=true; runs=1; often=1; times=(); export BENCH_ROUNDS=2 ;;
    --runs) runs=$2; often=$((3 * runs)); shift ;;
    --compiler) compiler=$2; shift ;;
    --expect) expected+=("$2"); shift ;;
    --help) usage; exit 0 ;;
    yard | page | slab | tiny | pt | sweep | size) groups+=("$1") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
if [ -n "$count" ]; then
  need_packages valgrind
  runs=1
  often=1
  times=()
  [ ${#groups[@]} -gt 0 ] || groups=(page slab tiny pt)
fi
[ ${#groups[@]} -gt 0 ] || groups=(yard page slab tiny pt sweep size)
need_packages "$compiler"

dir=build/bench/$(basename "$compiler")
optimise=-O2
if $quick; then # compiling is most of it
  dir+=-quick
  optimise=-O1
fi
mkdir -p "$dir"
. bench/build.sh
[ -z "$count" ] || low_addresses

# What each group needs is built before anything is measured.
build_yard() {
  program malloc yard 1 duo.c
}
run_yard() { # RUN
  "$dir/bench_yard-malloc-l1"
}

# What a loop of a few cycles costs depends on where in its cache lines its code lies (up to twice as much), and
# any change elsewhere moves it; so each place counts alike. And what CPUs foretell of loads and stores depends on where
# a process has its code, and hardly changes while it runs; so many short processes rather than a long one.
# A program whose figures count only if it ends well: what it worked on was whole, and all of it came back.
sound() { # PROGRAM ARGUMENT…
  "$@" || : >"$dir/unsound"
}
run_placed() { # SLICES PROGRAM ARGUMENT…
  local slices=$1 program=$2 pad
  shift 2
  for pad in '' -16 -32 -48; do
    BENCH_ROUNDS=${BENCH_ROUNDS:-$slices} sound "$dir/$program$pad" "$@"
  done
}

build_page() {
  local placements="16 32 48" files=(machine.c duo.c work_page.c)
  program call page 1 "${files[@]}"
  program call page 2 "${files[@]}"
  program header page 1 "${files[@]}"
  program call growth 1 "${files[@]}"
}
run_page() { # RUN
  run_placed 20 bench_page-call-l1 hot
  run_placed 20 bench_page-header-l1 inline
  run_placed 20 bench_page-call-l1 call
  run_placed 20 bench_page-call-l2 hardened
  sound "$dir/bench_growth-call-l1" $($quick && echo 34 || [ "$1" -lt "$runs" ] || echo 42) # at 44, 5 GB are filled
}

build_slab() {
  local placements="16 32 48" level files=(machine.c duo.c work_slab.c)
  for level in 0 1 2; do
    program call slab $level "${files[@]}"
  done
  program inline slab 0 "${files[@]}"
  program inline slab 1 "${files[@]}"
  program malloc slab 1 duo.c work_slab.c
  placements=
  program malloc drive 1
  need_packages libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4
}
peers=(glibc mimalloc jemalloc tcmalloc)
# preload PEER: prints its library, if it is not the C library's own allocator.
preload() {
  local name=$1
  [ "$name" != glibc ] || return 0
  [ "$name" != tcmalloc ] || name=tcmalloc_minimal
  PATH=$PATH:/sbin ldconfig -p | awk -v name="^lib$name.so" '$1 ~ name { f = $NF } END { print f }'
}
resident() { # NAME PROGRAM [PRELOAD]
  echo "$1 $(LD_PRELOAD=${3:-} "$2" rss) x"
}
drive() { # PROCESSES SLICES WORK: of each side, which take turns
  local again
  for again in $(seq $($quick && echo 1 || echo "$1")); do
    BENCH_ROUNDS=${BENCH_ROUNDS:-$2} sound "$dir/bench_drive-malloc-l1" "$3" "${sides[@]}"
  done
}
run_slab() { # RUN
  local peer library sides=() pads=('' -16 -32 -48)
  local pad=${pads[$1 % 4]}
  for peer in l0 l1 l2; do
    sides+=("$peer=$dir/bench_slab-call-$peer$pad")
  done
  for peer in l0 l1; do
    sides+=("$peer.inline=$dir/bench_slab-inline-$peer$pad")
  done
  for peer in "${peers[@]}"; do
    library=$(preload "$peer")
    sides+=("$peer=$dir/bench_slab-malloc-l1$pad${library:+=$library}")
  done
  drive 2 12 pair64
  drive 2 8 lifo64,rand256,lifo1k,churn
  drive 2 14 2t_churn
  drive 15 4 prodcons # hangs on the heap: many of them
  drive 8 4 prodcons_aged
  [ "$1" -lt "$runs" ] || return 0
  resident slab.rss_ratio "$dir/bench_slab-call-l1"
  for peer in "${peers[@]}"; do
    resident "peer.$peer.rss_ratio" "$dir/bench_slab-malloc-l1" "$(preload "$peer")"
  done
}

# Prints how many instructions a program takes in functions counted… .
counted() { # PROGRAM ARGUMENT…
  # glibc's memset() of 2 KiB is one instruction for each byte there, otherwise
  GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1000000 \
    valgrind --tool=callgrind --toggle-collect='counted*' --callgrind-out-file=/dev/null "$@" \
      2>&1 >/dev/null </dev/null |
    awk '/Collected :/ && $4 > 0 { print $4; found = 1 } END { exit !found }' ||
    { echo "bench: $* was not counted" >&2; return 1; }
}
# Instructions of a pair, from 10,000.
instructions() { # NAME PROGRAM ARGUMENT…
  local name=$1 n
  shift
  n=$(counted "$@") && awk -v name="$name" -v n="$n" 'BEGIN { print name, n / 10000, "instructions" }'
}
count_build_page() {
  build_page
}
count_run_page() {
  local order
  for order in 0 1 2 3 9; do
    instructions page.hot$order.call.instructions "$dir/bench_page-call-l1" count $order || return
  done
  instructions page.hardened_hot0.call.instructions "$dir/bench_page-call-l2" count 0 || return
  instructions page.hot0.inline.instructions "$dir/bench_page-header-l1" count 0 || return
}
count_build_slab() {
  build_slab
}
count_run_slab() {
  local level form
  for level in l0 l1 l2; do
    instructions slab.pair64.$level.call.instructions "$dir/bench_slab-call-$level" count || return
    instructions slab.churn.$level.call.instructions "$dir/bench_slab-call-$level" churn || return
  done
  for level in l0 l1; do
    instructions slab.pair64.$level.inline.instructions "$dir/bench_slab-inline-$level" count || return
  done
}

count_build_pt() {
  build_pt
}
# All formats are counted in one process: a part of its profile for each piece of work, in the order in which it prints
# their names.
count_run_formats() {
  local profile=$dir/formats
  rm -f "$profile.out"
  GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1000000 \
    valgrind -q --tool=callgrind --toggle-collect=counted_work --dump-after=counted_work --combine-dumps=yes \
      --callgrind-out-file="$profile.out" "$dir/bench_pt_formats-call-l1" trees >"$profile.names" </dev/null ||
    { echo "bench: formats were not counted" >&2; return 1; }
  paste -d ' ' "$profile.names" <(awk '/^totals:/ { print $2 }' "$profile.out") |
    awk 'NF == 5 { name = $1 "." $2 ".instructions"; n = $5 / $4
      if ($3 == "hand") printf "hand.%s %.4f instructions\n", name, hand = n
      else printf "pt.%s %.4f instructions hand.%s %.4f %.4g\n", name, n, name, hand, n / hand }'
}

count_run_pt() {
  local format work pages hand ours program=$dir/bench_pt-call-l1
  while read -r format work pages; do
    hand=$(counted "$program" count "$format" "$work" hand) || return
    ours=$(counted "$program" count "$format" "$work" pt) || return
    awk -v name="$format.$work.instructions" -v hand="$hand" -v ours="$ours" -v pages="$pages" 'BEGIN {
      printf "hand.%s %.4f instructions\n", name, hand / pages
      printf "pt.%s %.4f instructions hand.%s %.4f %.4g\n", name, ours / pages, name, hand / pages, ours / hand }'
  done < <("$program" list)
  count_run_formats
}

build_tiny() {
  local placements="16 32 48"
  program call tiny 1 work_tiny.c
}
run_tiny() { # RUN
  run_placed 3 bench_tiny-call-l1
  [ "$1" -lt "$runs" ] || return 0
  resident tiny.rss_ratio "$dir/bench_tiny-call-l1"
}
count_build_tiny() {
  build_tiny
}
count_run_tiny() {
  local work
  for work in alloc free; do
    instructions tiny.worst_$work.instructions "$dir/bench_tiny-call-l1" count $work || return
  done
}

build_pt() {
  local placements="16 32 48"
  program call pt 1 hand.c work_pt_inline.c "${walker[@]}"
  program call pt_formats 1 "${formats[@]}" "${walker[@]}"
}
run_pt() { # RUN
  run_placed 5 bench_pt-call-l1
  [ "$1" -gt 0 ] || sound "$dir/bench_pt_formats-call-l1" trees >"$dir/formats.names" # no figures: are they the same?
  run_placed 5 bench_pt_formats-call-l1
}

build_sweep() {
  local placements="16 32 48"
  program call sweep 1 hand.c work_pt_inline.c "${walker[@]}"
  placements=
  program call live 1 machine.c duo.c work_live.c
}
run_sweep() { # RUN
  run_placed 5 bench_sweep-call-l1
  BENCH_ROUNDS=${BENCH_ROUNDS:-10} sound "$dir/bench_live-call-l1"
}

build_size() {
  true
}
run_size() { # RUN
  [ "$1" -gt 0 ] || scripts/size.sh
}

# Lines of text, with the ratio.
as_text() {
  awk '{ printf "%-30s %10s %-6s", $1, $2, $3
    if (NF > 4) printf "  %-30s %8s  ratio %.3g", $4, $5, (NF > 5 ? $6 : $2 / $5)
    print ""; fflush() }'
}

as_json() {
  awk 'BEGIN { printf "{\"figures\":[" }
    { printf "%s\n{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\"", (NR > 1 ? "," : ""), $1, $2, $3
      if (NF > 4)
        printf ",\"yardstick\":\"%s\",\"yardstick_value\":%s,\"ratio\":%.4g", $4, $5,
          (NF > 5 ? $6 : $2 / $5)
      printf "}" }
    END { print "\n]}" }'
}

# Each group several times, as memory lies elsewhere each time. Who measures twice goes first every other time.
measure() { # GROUP FILE…
  local group=$1 run file
  shift
  for file in "$@"; do
    : >"$file.runs"
  done
  for ((run = 0; run < often * ${times[$group]:-1}; run++)); do
    for file in $(if ((run % 2)); then printf '%s\n' "$@" | tac; else printf '%s\n' "$@"; fi); do
      rm -f "$dir/unsound"
      "${count}run_$group" $run >>"$file.runs" || return
      [ ! -e "$dir/unsound" ] || { echo "group $group: a program did not end well" >&2; return 1; }
    done
  done
  for file in "$@"; do
    awk -f bench/merge.awk "$file.runs" >"$file.group" || return
    cat "$file.group" >>"$file"
  done
}

# Everything that was asked for, to each FILE, and the first as text. Fails if a figure is missing there.
run() { # FILE…
  local group file
  for file in "$@"; do
    : >"$file"
  done
  for group in "${groups[@]}"; do
    measure "$group" "$@"
    as_text <"$1.group"
  done
  printf '%s\n' "${expected[@]}" | cat bench/names - |
    awk -v groups="${groups[*]}" -v counted="$count" -v cpus="$(getconf _NPROCESSORS_ONLN)" -f bench/missing.awk - "$1" >&2
}

for group in "${groups[@]}"; do
  declare -F "${count}build_$group" >/dev/null || { echo "bench: $group: no instructions" >&2; exit 2; }
  "${count}build_$group"
done
figures=("$dir/figures")
! $agree || figures+=("$dir/figures2")
run "${figures[@]}"
[ -z "$json" ] || as_json <"$dir/figures" >"$json"
! $agree || awk -f bench/agree.awk "${figures[@]}"
