#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much stack each public function needs, with all that it calls: a page in Markdown.

  tools/stack.py            the page: a row for each public function, deepest first
  tools/stack.py --plant    with a function that calls itself; must fail

From what gcc tells of frames and calls (-fcallgraph-info). There is no recursion in mmlib: a cycle of calls is
an error. What the kernel's callbacks need comes on top; calls through pointers into page-table formats are
told of apart.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINES = {'x86-64': 'x86_64', 'AArch64': 'aarch64', 'Cortex-M3': 'armv7m'}  # names in scripts/size.sh
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


def compiled(arch, files):
    """What gcc tells of the frames and calls of each file: scripts/size.sh keeps it beside the objects."""
    subprocess.run(['scripts/size.sh', '--build', arch], cwd=ROOT, check=True)
    for f in files:
        path = '%s/build/size/%s/%s.ci' % (ROOT, arch, f.removesuffix('.c').replace('/', '_'))
        with open(path, encoding='utf-8') as told:
            yield told.read()


def graph(told):
    """Frames by function, and who calls whom."""
    frames, calls = {}, {}
    for i, text in enumerate(told):
        def title(t, i=i):  # static functions of two files may have one name
            return '%d:%s' % (i, t) if '.c:' in t or '.h:' in t or '.inc:' in t else name_of(t)
        for t, size, kind in NODE.findall(text):
            if kind == 'dynamic':
                sys.exit('stack: %s: %s' % (name_of(t), kind))
            frames[title(t)] = int(size)
        for a, b in EDGE.findall(text):
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


def of_machine(machine):
    """Depths of all functions, and of the deepest ones that are called through tables: of a page-table format that
    is selected at run time, and of who notes owners."""
    files = [f for f in layers('files') if not (machine == 'Cortex-M3' and f.startswith('vmm/'))]
    got = depths(*graph(compiled(MACHINES[machine], files)))

    def deepest(file):
        prefix = '%d:' % files.index(file) if file in files else None
        return max((d for f, (d, _) in got.items() if prefix and f.startswith(prefix)), default=0)
    return got, deepest('vmm/pt_formats.c'), deepest('slab/owner.c')


def plant(folder):
    source = folder + '/plant.c'
    with open(source, 'w', encoding='utf-8') as f:
        f.write('int plant(int n, int *v);\nint plant(int n, int *v)\n'
                '{\n\tv[n] = n ? plant(n - 1, v) + v[n] : 0;\n\treturn v[n] * v[0];\n}\n')
    subprocess.run(['gcc', '-O2', '-fcallgraph-info=su', '-c', source, '-o', folder + '/plant.o'], check=True)
    with open(folder + '/plant.ci', encoding='utf-8') as told:
        depths(*graph([told.read()]))


def main():
    tables, formats, owners = {}, 0, 0
    for machine in MACHINES:
        tables[machine], of_formats, of_owners = of_machine(machine)
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


if '--plant' in sys.argv[1:]:
    with tempfile.TemporaryDirectory() as scratch:
        plant(scratch)
else:
    main()
