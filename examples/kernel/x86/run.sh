# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/conformance.sh runs the demo kernel on this machine, which is there for that only.
demo_package=qemu-system-x86 # Debian package of the emulator
demo_cpus=                   # none to show all of the demo on
demo_exit_ok=33              # QEMU's status when the kernel says that all is well
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("PAE|max|" "2-levels|max|2-levels")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time
demo_run() {
  exec qemu-system-i386 -machine q35,accel=tcg -cpu "$2" -smp "$4" -m 512M -kernel "$1" -append "$5" -nodefaults \
    -no-user-config -no-reboot -display none -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null
}
