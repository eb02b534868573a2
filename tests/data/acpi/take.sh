#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Write the files of this folder again: ACPI tables as firmware left them in the memory of QEMU's
# machines, and what iasl makes of the sources beside this script. Takes about two minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
. scripts/setup.sh
need_packages qemu-system-x86 qemu-system-arm ovmf qemu-efi-aarch64 acpica-tools python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# take NAME SECONDS BASE BYTES COMMAND…: boot, wait until firmware has done its work, cut
take() {
  local name=$1 seconds=$2 base=$3 bytes=$4
  shift 4
  {
    sleep "$seconds"
    echo "pmemsave $base $bytes \"$work/ram\""
    echo quit
  } | "$@" -nodefaults -no-user-config -display none -monitor stdio >/dev/null
  "$here/take.py" "$work/ram" "$base" "$here/$name.mem"
}

# two: two nodes of @1 and @2 bytes, two CPUs each
two() {
  echo "-object memory-backend-ram,id=m0,size=$1 -object memory-backend-ram,id=m1,size=$2
    -numa node,nodeid=0,memdev=m0,cpus=0-1 -numa node,nodeid=1,memdev=m1,cpus=2-3
    -numa dist,src=0,dst=1,val=21"
}

# shellcheck disable=SC2046
take q35-2-nodes 8 0 0x8000000 qemu-system-x86_64 -M q35 -m 128M -smp 4 $(two 48M 80M)
take q35-3-nodes 8 0 0x8000000 qemu-system-x86_64 -M q35,nvdimm=on -m 128M,slots=4,maxmem=2G \
  -smp 6,sockets=2,cores=3,threads=1 \
  -object memory-backend-ram,id=m0,size=64M -object memory-backend-ram,id=m2,size=64M \
  -numa node,nodeid=0,memdev=m0,cpus=0-2 -numa node,nodeid=1,cpus=3-4 -numa node,nodeid=2,memdev=m2,cpus=5 \
  -numa dist,src=0,dst=1,val=15 -numa dist,src=0,dst=2,val=255 -numa dist,src=1,dst=0,val=16 \
  -numa dist,src=1,dst=2,val=30 -numa dist,src=2,dst=0,val=254 -numa dist,src=2,dst=1,val=31 \
  -object memory-backend-ram,id=nv,size=32M -device nvdimm,memdev=nv,id=nv0
# shellcheck disable=SC2046
take q35-uefi-2-nodes 30 0 0x10000000 qemu-system-x86_64 -M q35 -m 256M -smp 4 $(two 128M 128M) \
  -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd
# shellcheck disable=SC2046
take virt-uefi-2-nodes 60 0x40000000 0x10000000 qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a57 \
  -m 256M -smp 4 $(two 128M 128M) -drive if=pflash,format=raw,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd
for table in srat slit; do
  iasl -p "$work/$table" "$here/everything-$table.asl" >/dev/null 2>&1
  cp "$work/$table.aml" "$here/everything-$table.bin"
done
ls -l "$here"/*.mem "$here"/*.bin
