#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Boot the demo kernel of examples/kernel/ in QEMU and show what it says: mmlib at work on machines.
#   scripts/demo.sh [OPTION…] [MACHINE…]   all machines, or these: the folders of examples/kernel/
#     --append WORDS   kernel command line; "fail", "damage" or "noflush" makes checks fail, to show
#                      that it would be noticed
#     --cpu CPU        only this CPU of QEMU; else all that matter, further ones without console
#     --loader LOADER  only this way to boot: pvh, multiboot2 or multiboot (x86-64, the last two by
#                      GRUB); else all, those after the first on one CPU model
#     --smp COUNT      CPUs, default 4
#     --memory SIZE    default 6G; QEMU takes from this machine only what the kernel touches
#     --cross          build with clang and lld, even where this machine's own gcc could
# Installs what is missing (Debian packages), builds in build/. Exit status 0 only if every check of
# every machine passed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
. scripts/machines.sh

words=
cpu=
loader=
memory=6G
count=4
cross=false
seconds=120
machines=()
while [ $# -gt 0 ]; do
  case $1 in
    --append) words=$2; shift ;;
    --cpu) cpu=$2; shift ;;
    --loader) loader=$2; shift ;;
    --memory) memory=$2; shift ;;
    --smp) count=$2; shift ;;
    --cross) cross=true ;;
    -*) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) machines+=("$1") ;;
  esac
  shift
done
[ ${#machines[@]} -gt 0 ] || all_machines

# demo_nodes MEMORY CPUS: the options that make two nodes of QEMU's machine, with half of its memory and
# CPUs each. Not with one CPU: some machines want one in each node.
demo_nodes() {
  local bytes half cpus=$(($2 / 2))
  [ "$2" -gt 1 ] || return 0
  bytes=$(numfmt --from=iec "$1")
  half=$((bytes / 2097152 / 2 * 2097152))
  echo "-object memory-backend-ram,id=m0,size=${half}B -object memory-backend-ram,id=m1,size=$((bytes - half))B
    -numa node,nodeid=0,memdev=m0,cpus=0-$((cpus - 1)) -numa node,nodeid=1,memdev=m1,cpus=$cpus-$(($2 - 1))
    -numa dist,src=0,dst=1,val=21"
}

# boot MACHINE CPU LOADER: the console goes to build/log-demo-MACHINE-CPU-LOADER, and to descriptor
# $show, there without what the firmware says
boot() {
  local status=0
  log=build/log-demo-$1-$2${3:+-$3}
  export -f demo_run demo_nodes
  timeout --foreground "$seconds" bash -c 'demo_run "$@"' - "$kernel" "$2" "$memory" "$count" "$words" "$3" \
    2>&1 | sed -u 's/\r*$//' | tee "$log" | sed -un '/^mmlib demo kernel/,$p' >&"$show" ||
    status=${PIPESTATUS[0]}
  judge "$log" "$status" "$seconds"
}

[ "$count" -eq 1 ] || words="${words:+$words }two-nodes" # see demo_nodes
exec 3>&1 4>/dev/null
failed=0
results=()
for machine in "${machines[@]}"; do
  use_machine "$machine"
  [ -n "$demo_cpus" ] || continue # it is there for scripts/conformance.sh
  if [ -n "$loader" ]; then
    [[ " $demo_loaders " == *" $loader "* ]] || continue
    demo_loaders=$loader
  fi
  need_packages "$demo_package"
  build "$machine" "$cross"
  show=3
  for l in ${demo_loaders:-""}; do
    by=
    if [ "${l#multiboot}" != "$l" ]; then
      # shellcheck disable=SC2154,SC2086
      need_packages $demo_grub_packages
      by=" by GRUB, Multiboot $([ "$l" = multiboot2 ] && echo 2 || echo 1)"
    fi
    for c in ${cpu:-$demo_cpus}; do
      boot "$machine" "$c" "$l" || failed=$((failed + 1))
      results+=("demo $machine$by, $c, $memory, $count CPUs: $verdict; console in $log")
      show=4
    done
    demo_cpus=${demo_cpus%% *}
  done
done
if [ ${#results[@]} -eq 0 ]; then
  echo "no such machine has a demo${loader:+ by the loader $loader}" >&2
  exit 2
fi
printf '%s\n' "${results[@]}"
[ "$failed" -eq 0 ]
