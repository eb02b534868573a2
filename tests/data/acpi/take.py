#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cut the ACPI tables out of a machine's memory, as pmemsave of QEMU's monitor wrote it.
   take.py RAM BASE OUT     BASE: physical address of the first byte of the file RAM
OUT gets pieces: address and length, 8 bytes each, little-endian, then the bytes. They are what a
kernel follows from the RSDP, which is the first piece: XSDT or RSDT, and each table in it."""
import sys


def number(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def main():
    ram, base, out = open(sys.argv[1], "rb").read(), int(sys.argv[2], 0), open(sys.argv[3], "wb")

    def piece(pa, size):
        data = ram[pa - base:pa - base + size]
        assert len(data) == size, hex(pa)
        out.write(pa.to_bytes(8, "little") + size.to_bytes(8, "little") + data)
        return data

    def table(pa):
        return piece(pa, number(ram, pa - base + 4, 4))

    at = -1  # firmware leaves more texts "RSD PTR ": the last whole one is it
    found = None
    while (at := ram.find(b"RSD PTR ", at + 1)) >= 0:
        size = 36 if ram[at + 15] >= 2 else 20
        if at % 4 == 0 and sum(ram[at:at + 20]) % 256 == 0 and sum(ram[at:at + size]) % 256 == 0:
            root = number(ram, at + 24, 8) if size == 36 else number(ram, at + 16, 4)
            if ram[root - base:root - base + 4] in (b"XSDT", b"RSDT"):
                found = at
    assert found is not None, "no RSDP"
    rsdp = piece(base + found, 36 if ram[found + 15] >= 2 else 20)
    entry = 8 if rsdp[15] >= 2 else 4
    root = table(number(rsdp, 24, 8) if entry == 8 else number(rsdp, 16, 4))
    for at in range(36, len(root), entry):
        table(number(root, at, entry))


main()
