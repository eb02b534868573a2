# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What scripts/demo.sh and scripts/conformance.sh share: the machines of examples/kernel/, which they build, boot
# and judge. Sourced after scripts/setup.sh.

# all_machines: sets machines
all_machines() {
  local f
  for f in examples/kernel/*/run.sh; do
    machines+=("$(basename "$(dirname "$f")")")
  done
}

# use_machine MACHINE: sets what its run.sh tells, demo_run() too
use_machine() {
  if [ ! -f "examples/kernel/$1/run.sh" ]; then
    echo "no such machine: $1" >&2
    exit 2
  fi
  demo_loaders=
  demo_formats=
  demo_build=
  # shellcheck source=examples/kernel/x86_64/run.sh
  . "examples/kernel/$1/run.sh"
}

# Layers of mmlib that the kernels need, each with the formats that its run.sh names: page tables are most of what
# there is to compile.
demo_layers=status,selftest,pvh,multiboot,fdt,acpi,heap,percpu,pt_tree,pt_any,pt_formats,pt_flush

# build MACHINE CROSS [OPTION]: sets kernel; of mmlib with this option (mmlib/config.h), a kernel of its own. This
# machine's own compiler will do for this machine. One at a time: both scripts may be at work.
build() {
  local dir=build/demo-$1${3:+-$3} arguments=() lock layers=$demo_layers${demo_formats:+,$demo_formats}
  need_packages meson gcc
  if $2 || [ "$1" != "$(uname -m)" ]; then
    # shellcheck disable=SC2086
    need_packages clang lld llvm $demo_build
    dir+=-cross
    arguments=(--cross-file "examples/kernel/$1/cross.ini")
  fi
  [ -z "${3-}" ] || arguments+=("-Dc_args=-D$3=1")
  mkdir -p build
  exec {lock}>"build/lock-demo-$1"
  flock "$lock"
  kernel=$dir/examples/kernel/demo-kernel.elf
  if [ ! -f "$dir/build.ninja" ]; then
    # debug information would take a fifth of the time
    meson setup "$dir" -Dexamples=true -Dtests=disabled -Ddebug=false -Dlayers="$layers" \
      "${arguments[@]}" >"build/log-build-$1" 2>&1 ||
      { cat "build/log-build-$1"; rm -rf "$dir"; return 1; }
  elif [ "$layers" != "$(cat "$dir/layers" 2>/dev/null)" ]; then # it is from before
    meson configure "$dir" -Dlayers="$layers"
  fi
  echo "$layers" >"$dir/layers"
  ninja -C "$dir" demo >"build/log-build-$1" 2>&1 ||
    { cat "build/log-build-$1"; return 1; }
  exec {lock}>&-
}

# judge LOG STATUS SECONDS: the kernel's own word, and a count that cannot lie by omission; sets verdict, good
# (skipped ones among them), bad and skipped
judge() {
  local plan
  plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$1")
  good=$(grep -c '^ok ' "$1" || true)
  bad=$(grep -c '^not ok ' "$1" || true)
  skipped=$(grep -c '^ok .* # SKIP ' "$1" || true)
  if [ "$2" -eq 124 ]; then
    verdict="no end after $3 seconds"
  elif [ "$bad" -gt 0 ]; then
    verdict="$bad of $((good + bad)) checks failed"
  elif [ -z "$plan" ] || [ "$2" -ne "$demo_exit_ok" ]; then
    verdict="stopped before its end, QEMU's status is $2"
  elif [ "$plan" -ne "$good" ]; then
    verdict="$plan checks were planned, $good done"
  else
    verdict="all $good checks passed"
    return 0
  fi
  return 1
}
