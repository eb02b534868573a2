#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Barriers and TLB instructions of the flushes: along each path through the compiled functions they are those that
the manuals want, in their order.

    tools/check_barriers.py [-v]       -v: the sequences that were found
    tools/check_barriers.py --plant    each of these instructions left out, each two that follow each other swapped, and
                                       each bug of src/hook.h that is about them, must be noticed; exit status 1

An emulator does not show a barrier that is missing (QEMU walks tables in the order of the stores), and a host's test
does not show what a compiler made of it. Here src/vmm/tlb_*.c is compiled by gcc and by clang, for speed and for size,
and disassembled; then all paths are walked. An instruction that a loop repeats counts once."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMON = ['-std=c11', '-ffreestanding', '-fno-pic', '-fno-jump-tables', '-Wall', '-Wextra', '-Werror',
          '-Iinclude', '-Isrc']


def clang_for(target):
    """The version, as in the name of the program, of a clang that knows the target; None: there is none."""
    for version in ('', '-16', '-19'):
        if shutil.which('clang' + version) and target in subprocess.run(
                ['clang' + version, '--print-targets'], capture_output=True, text=True, check=True).stdout:
            return version
    return None


LOONGARCH = clang_for('loongarch64')
# Of each machine: compilers, disassembler, source, and which of its planted bugs are to be found here.
MACHINES = {
    'aarch64': {
        'compilers': ['aarch64-linux-gnu-gcc -mgeneral-regs-only',
                      'clang --target=aarch64-none-elf -mgeneral-regs-only'],
        'objdump': 'aarch64-linux-gnu-objdump',
        'plants': [139, 169],
    },
    'riscv64': {
        'compilers': ['riscv64-linux-gnu-gcc -march=rv64imac -mabi=lp64 -mcmodel=medany',
                      'clang --target=riscv64-none-elf -march=rv64imac -mabi=lp64'],
        'objdump': 'riscv64-linux-gnu-objdump',
        'plants': [140],
    },
    'x86_64': {
        'compilers': ['gcc -mno-red-zone -mgeneral-regs-only',
                      'clang --target=x86_64-none-elf -mno-red-zone -mgeneral-regs-only'],
        'objdump': 'objdump',
        'plants': [],
    },
    'armv7': {
        'compilers': ['arm-none-eabi-gcc -march=armv7-a -marm',
                      'clang --target=armv7a-none-eabi -mthumb'],
        'objdump': 'arm-none-eabi-objdump',
        'returns': r'(bx(?P<cond>..)?|pop(?P<cond2>..)?(?:\.w)?) (lr$|\{.*pc\}$)',
        'plants': [149],
    },
    'ia32': {
        'compilers': ['gcc -m32 -mgeneral-regs-only', 'clang --target=i386-none-elf -mgeneral-regs-only'],
        'objdump': 'objdump',
        'plants': [150],
    },
    'ept': {
        'compilers': ['gcc -mno-red-zone -mgeneral-regs-only',
                      'clang --target=x86_64-none-elf -mno-red-zone -mgeneral-regs-only'],
        'objdump': 'objdump',
        'plants': [171],
    },
    'mips64': {
        'compilers': [f'clang --target=mips64-none-elf -march={cpu} -mabi=64 -mno-abicalls -msoft-float'
                      for cpu in ('mips64r6', 'mips64r2')],
        'link': True, # else jumps have no target
        'objdump': 'llvm-objdump',
        'returns': r'jr \$ra$',
        'branches': r'(bal|bc|b|j|b(eq|ne|le|lt|ge|gt)\w*)$',
        'slots': r'(bal|b|j|jr|jr\.hb|b(eq|ne|le|lt|ge|gt)z?)$',
        'jumps': ('b', 'bal', 'bc', 'j'),
        'loops': True, # of several words
        'plants': [151],
    },
    'riscv32': {
        'compilers': ['riscv64-linux-gnu-gcc -march=rv32imac -mabi=ilp32',
                      'clang --target=riscv32-none-elf -march=rv32imac -mabi=ilp32'],
        'objdump': 'riscv64-linux-gnu-objdump',
        'plants': [],
    },
    'ppc64': {
        'compilers': ['clang --target=powerpc64-none-elf -mcpu=pwr9 -mabi=elfv2',
                      'clang --target=powerpc64le-none-elf -mcpu=pwr9'],
        'objdump': 'llvm-objdump',
        'raw': True, # what it does not know is told by number
        'returns': r'b(?P<cond>\w*)lr\b',
        'branches': r'b(?!l$|ctr)\w*$',
        'plants': [],
    },
    'loongarch64': { # Debian 12's own clang does not know it, its clang-19 does
        'compilers': [f'clang{LOONGARCH} --target=loongarch64-none-elf'],
        'objdump': f'llvm-objdump{LOONGARCH}',
        'branches': r'b(?!l$|str)\w*$',
        'plants': [],
    },
    's390x': {
        'compilers': ['s390x-linux-gnu-gcc', 'clang --target=s390x-none-elf'],
        'objdump': 's390x-linux-gnu-objdump',
        'returns': r'b(?P<cond>\w*)r %r14$',
        'jumps': ('j', 'jg'),
        'plants': [],
    },
}
if LOONGARCH is None:
    MACHINES.pop('loongarch64')
# What the manuals want: for each function all sequences that a call may execute, no more and no less, and which
# instructions the word "forget" stands for, which may be repeated.
#   AArch64   Arm ARM (DDI 0487), D8, "Ordering and completion of TLB maintenance instructions", and the examples in
#             K11 (barrier litmus tests): DSB ISHST; TLBI; DSB ISH; ISB. Of a second stage by IPA: what holds both
#             stages goes when the former has ended, so DSB ISH; TLBI VMALLE1IS; DSB ISH
#   RV64      privileged architecture, "Supervisor Memory-Management Fence Instruction": SFENCE.VMA orders both sides;
#             "Svinval": SFENCE.W.INVAL; SINVAL.VMA; SFENCE.INVAL.IR. HFENCE.GVMA
#             and HINVAL.GVMA are the same for the second stage
#   x86-64    SDM volume 3A, 4.10.4.1: INVLPG, MOV to CR3, MOV to CR4 that changes PGE, which serialize; INVPCID, which
#             does not, so that MFENCE comes before it
#   ia32      the same; with PAE CR3 for the root's entries, 4.4.1, "PDPTE Registers"
#   EPT       SDM volume 3C, "Guidelines for Use of the INVEPT Instruction": INVEPT, which serializes; once more, of all
#             contexts, where it fails
#   ARMv7     Arm ARM (DDI 0406C), B3.10.1, "TLB maintenance operations and the memory order model", and its example:
#             DSB; TLBI; BPIALL; DSB; ISB
#   RV32      as RV64
#   PPC64     Power ISA 3.0B, book III, 5.10.1.2, "Modifying a Translation Table Entry": PTESYNC; TLBIE; EIEIO; TLBSYNC;
#             PTESYNC; chapter "Synchronization Requirements for Context Alterations": ISYNC
#   LoongArch Reference Manual, volume 1, "INVTLB": what orders it is not said, so barriers on both sides
#   s390x     Principles of Operation, chapter 10, "Invalidate DAT Table Entry", which serializes
#   MIPS64    Architecture For Programmers, volume III, "CP0 Hazards": EHB from DMTC0 to TLBR and TLBWI, and from TLBR
#             to DMFC0; an instruction hazard barrier at the end. For each entry:
MIPS_LOOK, MIPS_DROP = 'set index; ehb; tlbr; ehb; get hi; get mask; ', 'set hi; ehb; tlbwi; '
A64_ORDER = ['dsb ishst; isb', 'dsb ishst; forget; dsb ish; isb']
SEQUENCES = {
    'mm_pt_aarch64_flush': (A64_ORDER, 'tlbi vaae1is, tlbi vaale1is, tlbi vmalle1is'),
    'mm_pt_aarch64_flush_by': (
        A64_ORDER,
        'tlbi aside1is, tlbi rvaae1is, tlbi rvaale1is, tlbi rvae1is, tlbi rvale1is, tlbi vaae1is, tlbi vaale1is, '
        'tlbi vae1is, tlbi vale1is, tlbi vmalle1is'),
    'mm_pt_aarch64_flush_guest': (
        [A64_ORDER[0], 'dsb ishst; tlbi vmalls12e1is; dsb ish; isb',
         'dsb ishst; forget; dsb ish; tlbi vmalle1is; dsb ish; isb'],
        'tlbi ipas2e1is, tlbi ipas2le1is, tlbi ripas2e1is, tlbi ripas2le1is'),
    'mm_pt_aarch64_tlb_probe': ([''], ''),
    'mm_pt_riscv64_flush_local': (['', 'forget'], 'sfence.vma, sfence.vma va'),
    'mm_pt_riscv64_flush_local_by': (
        ['', 'forget', 'sfence.w.inval; sinval; sfence.inval.ir'],
        'sfence.vma, sfence.vma asid, sfence.vma va, sfence.vma va asid, sinval.vma va, sinval.vma va asid'),
    'mm_pt_riscv64_flush_local_guest': (
        ['', 'forget', 'sfence.w.inval; hinval; sfence.inval.ir'],
        'hfence.gvma, hfence.gvma asid, hfence.gvma va, hfence.gvma va asid, hinval.gvma va, hinval.gvma va asid'),
    'mm_pt_x86_64_flush_local': (['', 'forget', 'cr4; cr4'], 'cr3, invlpg'),
    'mm_pt_x86_64_flush_local_by': (['', 'forget', 'cr4; cr4', 'mfence; invpcid'], 'cr3, invlpg, invpcid'),
    'mm_pt_ia32_flush_local': (['', 'forget', 'cr4; cr4'], 'cr3, invlpg'),
    'mm_pt_ia32_pae_flush_local': (['', 'forget', 'forget; cr3', 'cr3', 'cr4; cr3; cr4'], 'invlpg'),
    'mm_pt_ept_flush_local': (['', 'invept', 'invept; invept'], ''),
    'mm_pt_mips64_flush_local': (
        [''] + ['get hi; ' + some + 'set hi; jr.hb' for some in (
            '', MIPS_LOOK, MIPS_LOOK + MIPS_DROP, MIPS_LOOK + MIPS_DROP + MIPS_LOOK)], ''),
    'mm_pt_riscv32_flush_local': (['', 'forget'], 'sfence.vma, sfence.vma va'),
    'mm_pt_ppc64_flush': (['ptesync; isync', 'ptesync; forget; eieio; tlbsync; ptesync; isync'],
                          'tlbie ric 0, tlbie ric 2'),
    'mm_pt_loongarch64_flush_local': (['dbar; ibar', 'dbar; forget; dbar; ibar'], 'invtlb 0, invtlb 6'),
    'mm_pt_s390x_flush': (['', 'forget'], 'idte'),
    'mm_pt_armv7_flush': (['dsb ishst; isb', 'dsb ishst; forget; bpiallis; dsb ish; isb'], 'tlbi allis, tlbi mvaais'),
    'mm_pt_armv7_flush_local': (['dsb nshst; isb', 'dsb nshst; forget; bpiall; dsb nsh; isb'], 'tlbi all'),
}
ALONE = ('sinval', 'hinval', 'invpcid')
LONGEST = 40


def compile_for(machine, compiler, flags, out):
    """An object of src/vmm/tlb_MACHINE.c, disassembled: functions, each a list of (token, where control goes)."""
    how = MACHINES[machine]
    command = compiler.split() + COMMON + flags + ['-c', f'src/vmm/tlb_{machine}.c', '-o', out]
    subprocess.run(command, cwd=TOP, check=True)
    if 'link' in how:
        subprocess.run(['ld.lld', '--entry=0', '-o', out + '.linked', out], cwd=TOP, check=True)
        out += '.linked'
    options = ['-d'] if 'raw' in how else ['-d', '--no-show-raw-insn']
    text = subprocess.run([how['objdump'], *options, out], cwd=TOP, check=True, capture_output=True, text=True).stdout
    functions, here = {}, None
    for line in text.splitlines():
        begin = re.match(r'[0-9a-f]+ <(\w+?)(?:\.v\d[\w.]*)?>:$', line)
        code = re.match(r' +([0-9a-f]+):((?: [0-9a-f]{2}){4})?\s+(\S+)\s*([^#/@]*)', line)
        if begin:
            here = functions.setdefault(begin.group(1), [])
        elif code and here is not None:
            unknown = code.group(3) == '<unknown>'
            here.append((int(code.group(1), 16), code.group(3), (code.group(2) if unknown else code.group(4)).strip()))
    for code in functions.values():
        in_order(how, code)
    return {f: [(token_of(machine, name, operands), after(how, code, i)) for i, (_, name, operands) in enumerate(code)]
            for f, code in functions.items()}


def in_order(how, code):
    """What stands in the delay slot of a branch is executed before control goes: let it stand there."""
    i = 0
    while i < len(code) - 1:
        (at, name, operands), (_, slot, with_it) = code[i:i + 2]
        if re.match(how.get('slots', '-'), name):
            code[i:i + 2] = (at, slot, with_it), (code[i + 1][0], name, operands)
            i += 1
        i += 1


def by_number(word):
    """Svinval and HFENCE.GVMA, whose names a disassembler knows only where the object says that there is such an extension."""
    if word in (0x18000073, 0x18100073):
        return 'sfence.w.inval' if word == 0x18000073 else 'sfence.inval.ir'
    names = {0x16000073: 'sinval.vma', 0x62000073: 'hfence.gvma', 0x66000073: 'hinval.gvma'}
    if word & 0xfe007fff in names:
        return names[word & 0xfe007fff] + (' va' if word >> 15 & 31 else '') + (' asid' if word >> 20 & 31 else '')
    raise ValueError(f'{word:#x}: what is that?')


ARMV7 = {'cr8, cr3, {0}': 'tlbi allis', 'cr8, cr3, {3}': 'tlbi mvaais', 'cr8, cr7, {0}': 'tlbi all',
         'cr7, cr1, {6}': 'bpiallis', 'cr7, cr5, {6}': 'bpiall'}

# Index has 32 bits, PageMask too in most CPUs: what a move of 64 does to such registers is not defined.
MIPS = {'dmfc0 $10': 'get hi', 'mfc0 $5': 'get mask', 'dmtc0 $10': 'set hi', 'mtc0 $0': 'set index'}


def token_of(machine, name, operands):
    """What the instruction is called in SEQUENCES; None: it neither orders nor forgets."""
    if name in ('.word', '.4byte'):
        return by_number(int(operands, 16)) if machine.startswith('riscv') else None
    if name.startswith('mcr'):
        return ARMV7[operands.split(', ', 3)[3]] if name == 'mcr' else f'{name} {operands}'
    others = ('fence', 'invept', 'invlpg', 'invpcid', 'lfence', 'mfence', 'sfence.w', 'sfence.i')
    if name in ('dsb', 'dmb'):
        return f'{name} ' + {'un': 'nsh', 'unst': 'nshst'}.get(operands, operands)
    if name.startswith(others):
        return name
    if name == '<unknown>': # PPC64, of either order of bytes
        word = int.from_bytes(bytes.fromhex(operands), 'big' if operands.startswith('7d') else 'little')
        return f'tlbie ric {word >> 18 & 3}' if word & 0xfc1307fe == 0x7c030264 else f'{word:#x}'
    if name in ('isync', 'ptesync', 'eieio', 'tlbsync', 'idte', 'ptlb', 'isb', 'ehb', 'tlbr', 'tlbwi', 'jr.hb'):
        return name
    if name in ('dbar', 'ibar'):
        return name if operands in ('0', '0x0') else f'{name} {operands}'
    if name == 'invtlb':
        return f'{name} {int(operands.split(",")[0], 0)}'
    if name in ('mfc0', 'mtc0', 'dmfc0', 'dmtc0'):
        moved = f'{name} ' + operands.split(', ')[1]
        return MIPS.get(moved, moved)
    if name in ('tlbi', 'sys'):
        return 'tlbi ' + operands.split(',')[0]
    if name == 'sfence.vma':
        where = operands.split(',') if operands else ['zero']
        return name + (' va' if where[0] != 'zero' else '') + (' asid' if where[1:] and where[1] != 'zero' else '')
    register = re.search(r',%cr(\d)$', operands)
    return f'cr{register.group(1)}' if register and name.startswith('mov') else None


def forgets_of(function):
    return SEQUENCES[function][1].split(', ')


def word_of(function, token):
    """What stands for it in a sequence: SINVAL.VMA and INVPCID are words of their own, since they order nothing."""
    alone = [word for word in ALONE if token.startswith(word)]
    return alone[0] if alone else 'forget' if token in forgets_of(function) else token


def after(how, code, i):
    """Where control goes from instruction i: indices; -1: it returns. Or what is wrong with it, in words."""
    _, name, operands = code[i]
    returns = re.match(how.get('returns', '(ret)'), f'{name} {operands}')
    if returns:
        return [-1, i + 1] if any(returns.groupdict().values()) else [-1]
    if name in ('jr', 'br', 'bx'):
        return f'{name} {operands}: goes where nobody can see'
    if name in ('bl', 'blx', 'call', 'callq', 'jal', 'jalr') or '*' in operands:
        return f'{name} {operands}: a call'
    if not re.match(how.get('branches', ''), name):
        return [i + 1]
    target = re.search(r'(?:^|,\s*)(?:0x)?([0-9a-f]+) <', operands)
    if 'branches' in how: # llvm-objdump tells all distances so
        target = re.search(r'()\+0x([0-9a-f]+)>', operands)
    if not target:
        return [i + 1]
    places = {at: k for k, (at, _, _) in enumerate(code)}
    to = int(target.groups()[-1], 16) + (code[0][0] if 'branches' in how else 0)
    if to not in places:
        return f'{name} {operands}: leaves the function'
    return [places[to]] if name in how.get('jumps', ('b', 'b.n', 'b.w', 'j', 'jmp', 'jmpq')) else [i + 1, places[to]]


def once(done):
    """What ends with two or more words that were there just before has them once: a round of a loop, and the next."""
    for n in range(2, len(done) // 2 + 1):
        if done[-n:] == done[-2 * n:-n]:
            return done[:-n]
    return done


def sequences(function, code, tokens):
    """All sequences of the tokens (one for each instruction, or None) that a call may execute; and which two
    instructions may follow each other."""
    found, neighbours, seen = set(), set(), set()
    loops = any(f'_{machine}_' in function and 'loops' in how for machine, how in MACHINES.items())
    todo = [(0, (), None)]
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        i, done, last = state
        if i == -1:
            found.add('; '.join(done))
            continue
        if i == len(code):
            raise ValueError('goes on behind its end')
        token = tokens[i]
        if token:
            if last is not None:
                neighbours.add((last, i))
            last = i
            token = word_of(function, token)
            if not (done and done[-1] == token and token in ('forget', *ALONE)):
                done += (token,)
            done = once(done) if loops else done
            if len(done) > LONGEST:
                raise ValueError('no end of ' + '; '.join(done))
        if isinstance(code[i][1], str):
            raise ValueError(code[i][1])
        todo += [(k, done, last) for k in code[i][1]]
    return found, neighbours


def differs(function, code, tokens):
    """What is not as the manuals want it, in words; empty: all is."""
    try:
        found, _ = sequences(function, code, tokens)
    except ValueError as error:
        return str(error)
    want = set(SEQUENCES[function][0])
    never = [t for t in forgets_of(function) if t and t not in tokens]
    if never:
        return '  never does ' + ', '.join(never)
    return '\n'.join([f'  not wanted: {s or "nothing"}' for s in sorted(found - want)] +
                     [f'  no path has: {s or "nothing"}' for s in sorted(want - found)])


def mutants(function, code, tokens):
    """Each instruction left out, and each two that may follow each other swapped. One that is repeated is in the code
    twice where a compiler has peeled its loop: out with both."""
    forgets = forgets_of(function)
    for i, token in enumerate(tokens):
        if token and token not in forgets:
            yield f'without {token}', tokens[:i] + [None] + tokens[i + 1:]
    for token in sorted({t for t in tokens if t in forgets}):
        yield f'without {token}', [None if t == token else t for t in tokens]
    for i, k in sorted(sequences(function, code, tokens)[1]):
        if tokens[i] != tokens[k] and not (tokens[i] in forgets and tokens[k] in forgets):
            swapped = list(tokens)
            swapped[i], swapped[k] = tokens[k], tokens[i]
            yield f'{tokens[k]} before {tokens[i]}', swapped


def builds():
    for machine, how in MACHINES.items():
        for compiler in how['compilers']:
            for size in ('-O2', '-Os'):
                yield machine, compiler, size


def check(out, verbose):
    bad, n = 0, 0
    for machine, compiler, size in builds():
        functions = compile_for(machine, compiler, [size], out)
        for function in (f for f in SEQUENCES if f'_{machine}_' in f):
            n += 1
            code = functions[function]
            tokens = [token for token, _ in code]
            said = differs(function, code, tokens)
            if verbose or said:
                print(f'{function}, {compiler.split()[0]} {size}: {len(code)} instructions')
            if verbose and not said:
                print('\n'.join('  ' + (s or 'nothing') for s in SEQUENCES[function][0]))
                print('  forget: ' + SEQUENCES[function][1])
            if said:
                print(said)
                bad = 1
        lost = [f for f in functions if f not in SEQUENCES]
        if lost:
            print(f'{", ".join(lost)}: nobody says which sequences are right')
            bad = 1
    if not bad:
        print(f'{n} compiled functions: all paths are as the manuals want them')
    if 'loongarch64' not in MACHINES:
        print('loongarch64: left out, no clang here knows it')
    return bad


def control(out):
    noticed, missed = 0, 0
    for machine, compiler, size in builds():
        functions = compile_for(machine, compiler, [size], out)
        for function in (f for f in SEQUENCES if f'_{machine}_' in f):
            code = functions[function]
            tokens = [token for token, _ in code]
            for what, mutant in mutants(function, code, tokens):
                if differs(function, code, mutant):
                    noticed += 1
                else:
                    missed += 1
                    print(f'{function}, {compiler.split()[0]} {size}: {what}: was not noticed')
    for machine, compiler, size in builds():
        for plant in MACHINES[machine]['plants']:
            functions = compile_for(machine, compiler, [size, f'-DMM_PLANT={plant}'], out)
            if any(differs(f, functions[f], [token for token, _ in functions[f]])
                   for f in SEQUENCES if f in functions):
                noticed += 1
            else:
                missed += 1
                print(f'planted bug {plant}, {compiler.split()[0]} {size}: was not noticed')
    if not missed:
        print(f'all noticed: {noticed} instructions left out or swapped')
    return 1


def main():
    if [a for a in sys.argv[1:] if a not in ('-v', '--plant')]:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'tlb.o')
        return control(out) if '--plant' in sys.argv else check(out, '-v' in sys.argv)


if __name__ == '__main__':
    sys.exit(main())
