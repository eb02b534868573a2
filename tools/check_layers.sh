#!/bin/sh
# SPDX-License-Identifier: MIT
# Each layer links with those below it only: for each set of sources below, nothing may be undefined
# but mem{cpy,move,set,cmp}.
#   tools/check_layers.sh [--plant]      --plant: a layer that lacks the one below it; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0

# layer NAME SOURCE…
layer() {
  name=$1
  shift
  objects=
  for f in "$@"; do
    o="$out/$(printf %s "$f" | tr / _).o"
    [ -f "$o" ] || clang -std=c11 -ffreestanding -fno-pic -O1 -Iinclude -Isrc -c -o "$o" "$f"
    objects="$objects $o"
  done
  # shellcheck disable=SC2086
  ld.lld -r -o "$out/layer" $objects
  undefined=$(llvm-nm -u "$out/layer" | awk '{print $2}' | grep -vxE 'mem(cpy|move|set|cmp)' || true)
  if [ -n "$undefined" ]; then
    echo "$name needs more than it should:" $undefined
    bad=1
  else
    echo "$name links alone"
  fi
}

memmap='src/pmm/memmap.c src/pmm/early.c'
buddy="src/buddy/buddy.c src/buddy/buddy_look.c"
pmm="src/ports/port.c $buddy $memmap src/pmm/pmm.c src/pmm/pmm_cpu.c src/pmm/pmm_init.c src/pmm/pmm_report.c
  src/pmm/pmm_release.c"
heap="$pmm src/slab/slab.c src/slab/magazine.c src/slab/cache.c src/slab/heap.c src/slab/kmalloc.c"
if [ "${1-}" = --plant ]; then
  layer "heap without pmm" src/slab/slab.c src/slab/magazine.c src/slab/cache.c
  exit $bad
fi
layer "boot map" src/pmm/memmap.c
layer "boot map with e820" src/pmm/memmap.c src/pmm/memmap_e820.c
intake="src/pmm/memmap.c src/pmm/memmap_e820.c src/pmm/memmap_intake.c"
# shellcheck disable=SC2086
layer "boot map with PVH" $intake src/pmm/memmap_pvh.c
# shellcheck disable=SC2086
layer "boot map with Multiboot 1" $intake src/pmm/multiboot.c src/pmm/memmap_multiboot.c
# shellcheck disable=SC2086
layer "boot map with Multiboot 2" $intake src/pmm/multiboot.c src/pmm/memmap_multiboot2.c
layer "boot map with UEFI" src/pmm/memmap.c src/pmm/memmap_uefi.c
layer "boot map with Limine" src/pmm/memmap.c src/pmm/memmap_limine.c
layer "boot map with device trees" src/pmm/memmap.c src/pmm/numa.c src/pmm/fdt.c src/pmm/memmap_fdt.c
layer "NUMA nodes" src/pmm/numa.c
# shellcheck disable=SC2086
layer "NUMA nodes from ACPI" $intake src/pmm/numa.c src/pmm/acpi.c src/pmm/numa_acpi.c
# shellcheck disable=SC2086
layer "early allocator" $memmap
# shellcheck disable=SC2086
layer "buddy" $buddy
# shellcheck disable=SC2086
layer "page frames" $pmm
# shellcheck disable=SC2086
layer "kernel heap" $heap
for isa in any x86_64 aarch64 riscv64; do
  layer "page tables, $isa" src/vmm/pt.c "src/vmm/pt_$isa.c"
done
layer "port self-test" src/ports/port.c src/ports/selftest.c
exit $bad
