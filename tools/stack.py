#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much stack each public function needs, with all that it calls: a page in Markdown.

  tools/stack.py            the page: a row for each public function, deepest first
  tools/stack.py --plant    with a function that calls itself; must fail

From what gcc tells of frames and calls (-fcallgraph-info). There is no recursion in mmlib: a cycle of calls is
an error. What the kernel's callbacks need comes on top; calls through pointers into page-table formats are
told of apart.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMON = '-std=c11 -ffreestanding -fno-pic -fno-stack-protector -fcallgraph-info=su'.split()
MACHINES = {
    'x86-64': 'gcc -O2 -mno-red-zone -mgeneral-regs-only',
    'AArch64': 'aarch64-linux-gnu-gcc -O2 -mgeneral-regs-only',
    'Cortex-M3': 'arm-none-eabi-gcc -Os -mthumb -mcpu=cortex-m3 -DMM_ATOMICS=0 -DMM_WORD_BITS=32',
}
NODE = re.compile(r'node: \{ title: "([^"]*)" label: "[^"]*?\\n[^"]*?(\d+) bytes \((static|dynamic[^)]*)\)')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
INDIRECT = '__indirect_call'


def layers(what):
    out = subprocess.run(['awk', '-v', 'what=' + what, '-f', 'tools/layers.awk', 'src/layers'], cwd=ROOT,
                         check=True, capture_output=True, text=True).stdout
    return out.split()


def name_of(title):
    """Without the file of a static function, and without the tag behind a name."""
    return re.sub(r'\.v\d.*', '', title.split(':')[-1].lstrip('*'))


def compile_one(command, source, out):
    subprocess.run(command.split() + COMMON + ['-I' + ROOT + '/include', '-I' + ROOT + '/src', '-c', source, '-o',
                                               out], check=True)
    with open(out[:-1] + 'ci', encoding='utf-8') as f:
        return f.read()


def graph(command, sources, folder):
    """Frames by function, and who calls whom."""
    frames, calls = {}, {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_one, command, s, '%s/%d.o' % (folder, i)) for i, s in enumerate(sources)]
    for i, job in enumerate(jobs):
        def title(t, i=i):  # static functions of two files may have one name
            return '%d:%s' % (i, t) if '.c:' in t or '.h:' in t or '.inc:' in t else name_of(t)
        for t, size, kind in NODE.findall(job.result()):
            if kind == 'dynamic':
                sys.exit('stack: %s: %s' % (name_of(t), kind))
            frames[title(t)] = int(size)
        for a, b in EDGE.findall(job.result()):
            calls.setdefault(title(a), set()).add(title(b))
    return frames, calls


def depths(frames, calls):
    """Bytes of each function with all it calls, and whether it calls the kernel. Dies of recursion."""
    done, path = {}, []

    def visit(f):
        if f in path:
            sys.exit('stack: recursion: ' + ' '.join(name_of(p) for p in path[path.index(f):] + [f]))
        if f not in done:
            path.append(f)
            below = [visit(g) for g in sorted(calls.get(f, ()))]
            path.pop()
            done[f] = (frames.get(f, 0) + max((b for b, _ in below), default=0),
                       f == INDIRECT or any(i for _, i in below))
        return done[f]
    for f in frames:
        visit(f)
    return done


def public():
    text = ''.join(open(h, encoding='utf-8').read() for h in sorted(glob.glob(ROOT + '/include/mmlib/*.h')))
    names = set(re.findall(r'\bmm_[a-z0-9_]+(?=\()', text))
    for port in re.findall(r'MM_PT_DECLARE\((mm_[a-z0-9_]+)', text):
        names |= {port + n for n in re.findall(r'name##(_[a-z_]+)', text)}
    return names


def of_machine(machine, folder):
    """Depths of all functions, and of the deepest ones that are called through tables: of a page-table format that
    is selected at run time, and of who notes owners."""
    files = [f for f in layers('files') if not (machine == 'Cortex-M3' and f.startswith('vmm/'))]
    got = depths(*graph(MACHINES[machine], ['%s/src/%s' % (ROOT, f) for f in files], folder))

    def deepest(file):
        prefix = '%d:' % files.index(file) if file in files else None
        return max((d for f, (d, _) in got.items() if prefix and f.startswith(prefix)), default=0)
    return got, deepest('vmm/pt_formats.c'), deepest('slab/owner.c')


def plant(folder):
    source = folder + '/plant.c'
    with open(source, 'w', encoding='utf-8') as f:
        f.write('int plant(int n, int *v);\nint plant(int n, int *v)\n'
                '{\n\tv[n] = n ? plant(n - 1, v) + v[n] : 0;\n\treturn v[n] * v[0];\n}\n')
    depths(*graph(MACHINES['x86-64'], [source], folder))


def main(folder):
    tables, formats, owners = {}, 0, 0
    for machine in MACHINES:
        tables[machine], of_formats, of_owners = of_machine(machine, folder)
        formats, owners = max(formats, of_formats), max(owners, of_owners)
    names = [n for n in public() if n in tables['x86-64']]
    print('# Stack\n<!-- SPDX-License-Identifier: MIT -->\n')
    print('Bytes that a call needs at most, with all functions of mmlib that it calls in turn, its return address '
          'included,\nas gcc compiles it (`-O2`; Cortex-M3 `-Os`). A star: it may call what the kernel supplied '
          '(port, hooks, a callback),\nwhose stack comes on top. Nothing is recursive. Functions of page tables '
          'whose format is selected at run\ntime also call those of that format as a callback: %d bytes at most. So do\nfunctions of a heap that '
          'notes owners, of what notes them: %d bytes.\n' % (formats, owners))
    print('| function | ' + ' | '.join(MACHINES) + ' |\n|---|' + '---|' * len(MACHINES))
    for n in sorted(names, key=lambda n: (-tables['x86-64'][n][0], n)):
        row = [tables[m].get(n) for m in MACHINES]
        print('| `%s` | ' % n + ' | '.join('-' if c is None else '%d%s' % (c[0], '\\*' if c[1] else '')
                                           for c in row) + ' |')


with tempfile.TemporaryDirectory() as scratch:
    (plant if '--plant' in sys.argv[1:] else main)(scratch)
