# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/demo.sh runs the demo kernel on this machine.
demo_package=qemu-system-x86 # Debian package of the emulator
demo_cpus="max qemu64"         # CPUs to show it on: with 1 GiB pages, and without
demo_exit_ok=33                # QEMU's status when the kernel says that all is well

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output
demo_run() {
  qemu-system-x86_64 -machine q35,accel=tcg -cpu "$2" -smp "$4" -m "$3" -kernel "$1" -append "$5" \
    -nodefaults -no-user-config -no-reboot -display none -serial stdio \
    -device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null
}
