# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/conformance.sh runs the demo kernel on this machine, which is there for that only.
demo_package=qemu-system-mips # Debian package of the emulator
demo_cpus=                    # none to show all of the demo on
demo_exit_ok=0                # QEMU's status when the kernel says that all is well
demo_formats=pt_refill        # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("4K|I6400|")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time. By itself
# QEMU would have one thread for all CPUs, and calls of other CPUs would take a tenth of a second each.
demo_run() {
  exec qemu-system-mips64 -machine malta -accel tcg,thread=multi -cpu "$2" -smp "$4" -m 256M -kernel "$1" -append "$5" \
    -nodefaults -no-user-config -no-reboot -display none -serial stdio -semihosting </dev/null
}
