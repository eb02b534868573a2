# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/conformance.sh runs the demo kernel on this machine, which is there for that only.
demo_package=qemu-system-ppc # Debian package of the emulator; its firmware comes with it
demo_cpus=                   # none to show all of the demo on
demo_exit_ok=0               # QEMU's status when the kernel says that all is well
demo_formats=                # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("radix|power9|")

# What TCG has not, and would warn about
export demo_caps=cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time. QEMU is
# the firmware itself (x-vof), which saves seconds. A kernel that says that it has failed makes it end with status 1.
demo_run() {
  exec qemu-system-ppc64 -machine "pseries,accel=tcg,x-vof=on,ic-mode=xics,$demo_caps" -cpu "$2" -smp "$4" -m 256M \
    -kernel "$1" -append "$5" -nodefaults -no-user-config -no-reboot -action panic=exit-failure -display none \
    -serial stdio </dev/null
}
