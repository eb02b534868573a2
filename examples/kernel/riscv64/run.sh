# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/demo.sh and scripts/conformance.sh run the demo kernel on this machine.
demo_package=qemu-system-misc # Debian package of the emulator; its firmware comes with it
demo_cpus=rv64                # CPUs to show it on
demo_exit_ok=0                # QEMU's status when the kernel says that all is well
demo_formats=pt_riscv64 # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("Sv39|rv64|sv39" "Sv48|rv64|sv48" "Sv57|rv64|sv57" "Sv48-Svpbmt|rv64,svpbmt=true|sv48 svpbmt"
  "Sv39-Svnapot|rv64,svnapot=true|sv39 svnapot" "Sv48-Svinval|rv64,svinval=true|sv48 svinval"
  "Sv39-roots|rv64|sv39 roots" "Sv48-roots|rv64|sv48 roots" "Sv57-roots|rv64|sv57 roots"
  "Sv39x4|rv64,h=true,svinval=true|sv48 sv39x4 svinval")

# demo_run KERNEL CPU MEMORY CPUS WORDS: boot it, console on standard output; by exec, for the limit of time
demo_run() {
  # shellcheck disable=SC2046
  exec qemu-system-riscv64 -machine virt,accel=tcg -cpu "$2" -smp "$4" -m "$3" $(demo_nodes "$3" "$4") -kernel "$1" \
    -initrd "$1" -append "$5" -nodefaults -no-user-config -no-reboot -display none -serial stdio \
    </dev/null
}
