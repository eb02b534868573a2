# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/conformance.sh runs the demo kernel on this machine, which is there for that only.
demo_package=qemu-system-misc # Debian package of the emulator
demo_cpus=                    # none to show all of the demo on
demo_exit_ok=0                # QEMU's status when the kernel says that all is well
demo_formats=pt_refill        # layers of mmlib that it needs beside those of scripts/machines.sh
demo_build="clang-19 lld-19 llvm-19" # packages to build it with, beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("16K|la464|16k" "16K-walk|la464|16k walk" "4K|la464|" "4K-walk|la464|walk")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time. QEMU 7.2
# hands no command line to a kernel that it boots without firmware, but a file. Who fails panics, which ends QEMU.
demo_run() {
  exec qemu-system-loongarch64 -machine virt -accel tcg,thread=multi -cpu "$2-loongarch-cpu" -smp "$4" -m 1G \
    -kernel "$1" -fw_cfg "name=opt/words,string=$5" -device pvpanic-pci,addr=1 -action panic=exit-failure \
    -nodefaults -no-user-config -no-reboot -display none -serial stdio </dev/null
}
