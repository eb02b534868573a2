#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Take the memory maps of this folder again: builds dump.c, boots it with the firmware that Debian
# packages, once for each machine, and puts what it wrote here.
#   tests/data/uefi/take.sh [FOLDER]      default: this folder
set -euo pipefail
cd "$(dirname "$0")/../../.."
. scripts/setup.sh
need_packages clang lld mtools qemu-system-x86 qemu-system-arm ovmf qemu-efi-aarch64
to=$(realpath "${1:-tests/data/uefi}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for isa in x86_64 aarch64; do
  clang --target=$isa-unknown-windows -std=c11 -ffreestanding -fshort-wchar -mno-red-zone -O2 \
    -Wall -Wextra -Werror -c -o "$work/$isa.obj" tests/data/uefi/dump.c
  lld-link -subsystem:efi_application -entry:efi_main -nodefaultlib -out:"$work/$isa.efi" "$work/$isa.obj"
done

# take NAME ISA BOOT-FILE COMMAND…: one machine; it switches itself off
take() {
  local name=$1 isa=$2 boot=$3 disk=$work/$1.img
  shift 3
  truncate -s 2880K "$disk"
  mformat -i "$disk" -f 2880 ::
  mmd -i "$disk" ::/EFI ::/EFI/BOOT
  mcopy -i "$disk" "$work/$isa.efi" "::/EFI/BOOT/$boot"
  timeout 300 "$@" -nodefaults -nic none -display none -drive "file=$disk,format=raw,if=virtio" </dev/null
  mcopy -n -o -i "$disk" ::/MEMMAP.BIN "$to/$name.bin"
  mcopy -n -o -i "$disk" ::/E820.BIN "$to/$name.e820" 2>/dev/null || [ "$isa" = aarch64 ]
  echo "$name: $(stat -c %s "$to/$name.bin") bytes"
}

ram() { # COUNT SIZE: as many nodes with memory of that size
  local i
  for ((i = 0; i < $1; i++)); do
    echo "-object memory-backend-ram,id=m$i,size=$2 -numa node,nodeid=$i,cpus=$i,memdev=m$i"
  done
}
x86() { take "$1" x86_64 BOOTX64.EFI qemu-system-x86_64 "${@:2}" -accel tcg -bios /usr/share/ovmf/OVMF.fd; }
arm() {
  take "$1" aarch64 BOOTAA64.EFI qemu-system-aarch64 "${@:2}" -cpu cortex-a57 \
    -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd
}

x86 q35-2g -M q35 -m 2G
# shellcheck disable=SC2046
x86 q35-6g-numa2 -M q35 -m 6G -smp 2 $(ram 2 3G)
x86 pc-512m -M pc -m 512M
arm virt-1g -M virt -m 1G
# shellcheck disable=SC2046
arm virt-4g-numa2 -M virt -m 4G -smp 2 $(ram 2 2G)
