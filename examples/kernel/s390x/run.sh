# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/conformance.sh runs the demo kernel on this machine, which is there for that only.
demo_package=qemu-system-misc # Debian package of the emulator
demo_build=gcc-s390x-linux-gnu # and what its kernel is built with beside Clang: the linker is in there
demo_cpus=                    # none to show all of the demo on
demo_exit_ok=0                # QEMU's status when the kernel says that all is well
demo_formats=                 # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("region-3|max|" "region-2|max|region-2")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time
demo_run() {
  exec qemu-system-s390x -machine s390-ccw-virtio,accel=tcg -cpu "$2" -smp "$4" -m 256M -kernel "$1" -append "$5" \
    -nodefaults -no-user-config -no-reboot -action panic=exit-failure -display none \
    -chardev stdio,id=console -device sclpconsole,chardev=console </dev/null
}
