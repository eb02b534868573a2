#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Put page-table formats to the test on the MMUs that QEMU has: a kernel of examples/kernel/ for each machine,
# booted once for each format that its MMU knows. One line each, with how much passed, failed and was skipped;
# what is skipped QEMU cannot show, and the console says why.
#   scripts/conformance.sh [OPTION…] [MACHINE[:MODE]…]   all, or these: folders of examples/kernel/, and
#                      modes as its run.sh names them
#     --append WORDS   kernel command line; "noflush" leaves out the flush of other CPUs, or of all where there
#                      is but one, to show that it would be noticed
#     --smp COUNT      CPUs, default 4
#     --memory SIZE    default 6G, or what the machine can have
#     --cross          build with clang and lld, even where this machine's own gcc could
#     --list           only say which machines and modes there are
# Installs what is missing (Debian packages), builds in build/. Exit status 0 only if nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/machines.sh

words=
memory=6G
count=4
cross=false
list=false
seconds=120
least=60 # checks that have to pass in each mode
wanted=()
while [ $# -gt 0 ]; do
  case $1 in
    --append) words=$2; shift ;;
    --memory) memory=$2; shift ;;
    --smp) count=$2; shift ;;
    --cross) cross=true ;;
    --list) list=true ;;
    -*) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
machines=()
for w in "${wanted[@]}"; do
  [[ " ${machines[*]-} " == *" ${w%%:*} "* ]] || machines+=("${w%%:*}")
done
[ ${#machines[@]} -gt 0 ] || all_machines

demo_nodes() { :; } # nodes of memory are no matter here

# is_wanted MACHINE MODE
is_wanted() {
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]] || [[ " ${wanted[*]} " == *" $1:$2 "* ]]
}

# run_mode MACHINE MODE CPU WORDS: boot it, and say in a line how it went
run_mode() {
  local status=0 log=build/log-conformance-$1-$2
  export -f demo_run demo_nodes
  timeout --foreground "$seconds" bash -c 'demo_run "$@"' - "$kernel" "$3" "$memory" "$count" \
    "conform${4:+ $4}${words:+ $words}" pvh 2>&1 | sed -u 's/\r*$//' >"$log" || status=${PIPESTATUS[0]}
  if ! judge "$log" "$status" "$seconds"; then
    failed=$((failed + 1))
  elif [ $((good - skipped)) -lt $least ]; then
    failed=$((failed + 1))
    verdict="fewer than $least passed"
  else
    verdict="all well"
  fi
  echo "conformance $1 $2, $count CPUs: $((good - skipped)) passed, $bad failed, $skipped skipped: $verdict;" \
    "console in $log"
}

failed=0
for machine in "${machines[@]}"; do
  conform_modes=()
  use_machine "$machine"
  modes=()
  for mode in "${conform_modes[@]}"; do
    is_wanted "$machine" "${mode%%|*}" && modes+=("$mode")
  done
  if [ ${#modes[@]} -eq 0 ]; then
    echo "$machine has no such mode" >&2
    exit 2
  fi
  if $list; then
    printf "$machine:%s\n" "${modes[@]%%|*}"
    continue
  fi
  need_packages "$demo_package"
  build "$machine" "$cross"
  built=
  for mode in "${modes[@]}"; do
    IFS='|' read -r name cpu more with <<<"$mode"
    [ "$with" = "$built" ] || build "$machine" "$cross" "$with"
    built=$with
    run_mode "$machine" "$name" "$cpu" "$more"
  done
done
[ "$failed" -eq 0 ]
