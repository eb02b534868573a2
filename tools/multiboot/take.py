#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Take the fixtures of tests/data/multiboot/ again: what real loaders leave in memory.

  tools/multiboot/take.py [NAME...]     all, or these

Boots stub.S in QEMU through GRUB (BIOS, UEFI) or QEMU's own loader, waits until it has halted, and
saves the registers and each piece of memory that the information structure consists of. What
SeaBIOS itself says of memory is saved beside them as text. tests/data/multiboot/README.md has the
format."""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

PACKAGES = ("gcc qemu-system-x86 grub-common grub-pc-bin grub-efi-amd64-bin ovmf xorriso mtools "
            "python3")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "tests/data/multiboot")
MODULES = [("one", 4097, "first module"), ("two", 8192, "")]  # file, bytes, text
WORDS = "root=/dev/ram0 quiet"
HIGH = {32: 0xC0000000, 64: 0xFFFFFFFF80000000}

# name: how it is loaded, version, bits of the ELF file, what the header asks for
FIXTURES = {
    "grub-1": ("bios", 1, 32, ""),
    "grub-1-graphics": ("bios", 1, 32, "graphics"),
    "grub-2": ("bios", 2, 64, ""),
    "grub-2-graphics": ("bios", 2, 64, "graphics"),
    "qemu-1": ("kernel", 1, 32, ""),
    "efi-2": ("efi", 2, 64, ""),
    "efi-2-services": ("efi", 2, 64, "services"),
}


def build(work, bits, ask):
    """The stub as an ELF file."""
    subprocess.run(["gcc", f"-m{bits}", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none",
                    "-Wl,-z,max-page-size=4096", f"-Wl,--defsym,HIGH={HIGH[bits]:#x}",
                    f"-DGRAPHICS={int(ask == 'graphics')}", f"-DSERVICES={int(ask == 'services')}",
                    "-Wl,-T," + os.path.join(HERE, "stub.lds"), os.path.join(HERE, "stub.S"),
                    "-o", os.path.join(work, "stub")], check=True)


def grub_image(work, version):
    """A CD that boots the stub with GRUB."""
    disc = os.path.join(work, "disc")
    os.makedirs(disc + "/boot/grub")
    os.rename(os.path.join(work, "stub"), disc + "/stub")
    two = "2" if version == 2 else ""
    lines = ["insmod all_video", f"multiboot{two} /stub {WORDS}"]
    for name, size, text in MODULES:
        with open(os.path.join(disc, name), "wb") as f:
            f.write(name.encode() * size)
            f.truncate(size)
        lines.append(f"module{two} /{name} {text}")
    with open(disc + "/boot/grub/grub.cfg", "w") as f:
        f.write("\n".join(lines + ["boot"]) + "\n")
    image = os.path.join(work, "image")
    subprocess.run(["grub-mkrescue", "-o", image, disc], check=True, stderr=subprocess.DEVNULL)
    return image


def arguments(work, how, version, bits, ask):
    """What QEMU is to boot."""
    build(work, bits, ask)
    if how == "kernel":
        for name, size, _ in MODULES:
            with open(os.path.join(work, name), "wb") as f:
                f.truncate(size)
        modules = ",".join(f"{name} {text}".strip() for name, _, text in MODULES)
        return ["-kernel", "stub", "-append", WORDS, "-initrd", modules]
    image = ["-cdrom", grub_image(work, version)]
    return image if how == "bios" else ["-bios", "/usr/share/ovmf/OVMF.fd"] + image


class Machine:
    """QEMU, and its control socket."""

    def __init__(self, work, args):
        path = os.path.join(work, "qmp")
        self.log = os.path.join(work, "firmware")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "16G", "-nodefaults",
             "-no-user-config", "-vga", "std", "-display", "none",
             "-qmp", f"unix:{path},server,nowait",
             "-chardev", f"file,id=log,path={self.log}",
             "-device", "isa-debugcon,iobase=0x402,chardev=log"] + args, cwd=work)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            if os.path.exists(path):
                break
            time.sleep(0.1)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.ask("qmp_capabilities")

    def answer(self):
        while True:
            line = json.loads(self.stream.readline())
            if "return" in line:
                return line["return"]
            if "error" in line:
                raise SystemExit(line["error"]["desc"])

    def ask(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        return self.answer()

    def halted(self):
        """EAX and EBX of the stub once it stands still."""
        for _ in range(600):
            text = self.ask("human-monitor-command", **{"command-line": "info registers"})
            found = re.search(r"[ER]AX=(\w+) [ER]BX=(\w+)", text)
            if "HLT=1" in text and found and "IP=0000000000200" in text.replace(
                    "EIP=", "EIP=00000000"):
                return int(found[1], 16) & 0xFFFFFFFF, int(found[2], 16) & 0xFFFFFFFF
            time.sleep(0.2)
        raise SystemExit("the stub was not reached")

    def read(self, pa, size):
        path = self.log + ".memory"
        self.ask("pmemsave", val=pa, size=size, filename=path)
        with open(path, "rb") as f:
            return f.read()

    def end(self):
        self.process.kill()
        self.process.wait()


def text_at(machine, pa):
    return (pa, machine.read(pa, 256).index(0) + 1)


def pieces_1(machine, pa):
    """The pieces of version 1, by the flags (Multiboot Specification 0.6.96, section 3.3)."""
    info = machine.read(pa, 116)

    def at(offset):
        return struct.unpack_from("<I", info, offset)[0]

    def has(bit):
        return at(0) >> bit & 1

    pieces = [(pa, 116)]
    for bit, field in (2, 16), (9, 64):
        if has(bit):
            pieces.append(text_at(machine, at(field)))
    if has(3):
        pieces.append((at(24), 16 * at(20)))
        for i in range(at(20)):
            start = struct.unpack_from("<4I", machine.read(at(24) + 16 * i, 16))[2]
            if start:
                pieces.append(text_at(machine, start))
    if has(5):
        pieces.append((at(36), at(28) * at(32)))
    if has(6):
        pieces.append((at(48), at(44)))
    if has(11):
        pieces += [(at(72), 512), (at(76), 256)]
    return pieces


def joined(pieces):
    """Sorted, with those that touch or overlap made one."""
    out = []
    for pa, size in sorted(p for p in pieces if p[1]):
        if out and pa <= out[-1][0] + out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], pa + size - out[-1][0]))
        else:
            out.append((pa, size))
    return out


def firmware_map(log):
    """The last map that SeaBIOS logged, in the form of tests/data/memmaps."""
    with open(log, errors="replace") as f:
        maps = f.read().split("e820 map has ")
    lines = re.findall(r"\d+: (\w{16}) - (\w{16}) = (\d) (\w+)", maps[-1])
    names = {"1": "usable", "2": "reserved", "3": "ACPI data", "4": "ACPI NVS"}
    return "".join(f"[mem 0x{base}-0x{int(end, 16) - 1:016x}] {names[number]}\n"
                   for base, end, number, _ in lines)


def take(name, how, version, bits, ask):
    with tempfile.TemporaryDirectory() as work:
        machine = Machine(work, arguments(work, how, version, bits, ask))
        try:
            eax, ebx = machine.halted()
            if version == 1:
                pieces = pieces_1(machine, ebx)
            else:
                pieces = [(ebx, struct.unpack("<I", machine.read(ebx, 4))[0])]
            with open(os.path.join(OUT, name + ".bin"), "wb") as f:
                f.write(struct.pack("<II", eax, ebx))
                for pa, size in joined(pieces):
                    f.write(struct.pack("<QQ", pa, size) + machine.read(pa, size))
                print(f"{name}: EAX {eax:#x}, EBX {ebx:#x}, {f.tell()} bytes")
            text = firmware_map(machine.log) if how != "efi" else None
            if text:
                with open(os.path.join(OUT, how + ".txt"), "w") as f:
                    f.write(text)
        finally:
            machine.end()


def main():
    os.chdir(ROOT)
    subprocess.run(["bash", "-c", f". scripts/setup.sh; need_packages {PACKAGES}"], check=True)
    os.makedirs(OUT, exist_ok=True)
    for name in sys.argv[1:] or FIXTURES:
        take(name, *FIXTURES[name])


if __name__ == "__main__":
    main()
