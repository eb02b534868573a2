# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/demo.sh and scripts/conformance.sh run the demo kernel on this machine.
demo_package=qemu-system-arm # Debian package of the emulator
demo_cpus=max                # CPUs to show it on
demo_exit_ok=0               # QEMU's status when the kernel says that all is well
demo_formats=pt_aarch64 # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line, and what the kernel is built with
# if that is another one
conform_modes=("4K|max|" "4K-Cortex-A57|cortex-a57|" "16K|max|16k" "64K|max|64k" "64K-52-bits|max|64k-lpa" "4K-52-bits|max|4k-lpa2"
  "16K-52-bits|max|16k-lpa2" "4K-roots|max|roots" "16K-roots|max|16k roots" "64K-52-bits-roots|max|64k-lpa roots"
  "S2|max|s2" "S2-48-bits|max|s2-48" "4K-recursive|max|recursive|MM_PT_WINDOW"
  "64K-recursive|max|64k-lpa recursive|MM_PT_WINDOW" "16K-recursive|max|16k-lpa2 recursive|MM_PT_WINDOW")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time
demo_run() {
  local virt=
  [[ " $5 " != *" s2"* ]] || virt=,virtualization=on # the kernel is at EL2 then
  # shellcheck disable=SC2046
  exec qemu-system-aarch64 -machine "virt,gic-version=2,accel=tcg$virt" -cpu "$2" -smp "$4" -m "$3" \
    $(demo_nodes "$3" "$4") -kernel "$1" -append "$5" -nodefaults -no-user-config -no-reboot -display none \
    -serial stdio -semihosting </dev/null
}
