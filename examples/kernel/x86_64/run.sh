# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# How scripts/demo.sh and scripts/conformance.sh run the demo kernel on this machine.
demo_package=qemu-system-x86 # Debian package of the emulator
demo_cpus="max qemu64"         # CPUs to show it on: with 1 GiB pages, and without
demo_exit_ok=33                # QEMU's status when the kernel says that all is well
demo_formats=pt_x86_64 # layers of mmlib that it needs beside those of scripts/machines.sh
# Formats for scripts/conformance.sh: name, CPU, words for the kernel's command line
conform_modes=("4-levels|max|" "4-levels-2M|qemu64|" "5-levels|max|la57" "nested|max|nested")
demo_loaders="pvh multiboot2 multiboot" # ways to boot: QEMU's own, and GRUB's
demo_grub_packages="grub-common grub-pc-bin xorriso"

# demo_run KERNEL CPU MEMORY CPUS WORDS LOADER: boot it, console on standard output; by exec, for the limit of time
demo_run() {
  local from=(-kernel "$1" -append "$5" -initrd "$1") disc two
  if [ "$6" != pvh ]; then
    # A CD with GRUB, the kernel and an initial ramdisk. Version 1 has an image of its own.
    disc=${1%.elf}-$6
    two=${6#multiboot}
    mkdir -p "$disc/boot/grub"
    cp "${1%.elf}$([ -n "$two" ] || echo -multiboot).elf" "$disc/kernel"
    head -c 1000000 /dev/zero >"$disc/initrd"
    cat >"$disc/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output serial
multiboot$two /kernel $5
module$two /initrd the initial ramdisk
boot
END
    grub-mkrescue -d /usr/lib/grub/i386-pc --locales= --fonts= --themes= \
      --install-modules="normal iso9660 biosdisk serial multiboot multiboot2" -o "$disc.iso" "$disc" \
      >"$disc.log" 2>&1 || { cat "$disc.log"; return 1; }
    from=(-cdrom "$disc.iso")
  fi
  # shellcheck disable=SC2046
  exec qemu-system-x86_64 -machine q35,accel=tcg -cpu "$2" -smp "$4" -m "$3" $(demo_nodes "$3" "$4") "${from[@]}" \
    -nodefaults -no-user-config -no-reboot -display none -serial stdio \
    -device isa-debug-exit,iobase=0xf4,iosize=4 </dev/null
}
