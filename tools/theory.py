#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pages of theory, one a part of the library, from the comments that sources open with.

    tools/theory.py FOLDER       writes theory*.md there; exit status 1 and words if a source opens with no
                                 comment, or is on no page"""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OPENING = re.compile(r'\A/\* SPDX[^\n]*\n/\* ?(.*?)\*/', re.S)
# A page: its name, its title, the sources that it shows, the first one first. A source is on the first
# page that takes it.
PAGES = [
    ('boot', 'Boot memory', r'pmm/(memmap|early|multiboot|fdt|acpi|numa)\w*\.[ch]'),
    ('buddy', 'Buddy', r'buddy/\w+\.[ch]'),
    ('frames', 'Page frames', r'pmm/\w+\.[ch]'),
    ('heap', 'Heap', r'slab/\w+\.[ch]'),
    ('tiny', 'Tiny systems', r'tiny/\w+\.[ch]'),
    ('tables', 'Page tables', r'vmm/\w+\.(c|h|inc)|ports/\w+\.h'),
    ('shared', 'What all parts share', r'\w+\.[ch]|ports/\w+\.c'),
]
LICENCE = '''<!-- SPDX-License-Identifier: MIT -->
'''
FIRST = ['memmap.c', 'buddy.c', 'pmm.c', 'heap.c', 'tiny.c', 'pt.c']


def sources():
    """Paths below src/, those that say what a part is about first, then by name."""
    found = []
    for folder, _, names in os.walk(TOP + '/src'):
        found += [os.path.relpath(os.path.join(folder, name), TOP + '/src')
                  for name in names if name.endswith(('.c', '.h', '.inc'))]
    return sorted(found, key=lambda path: (os.path.basename(path) not in FIRST, path))


def opening(path):
    """The comment after the line with the LICENCE, as it is, but for the stars on the left."""
    with open(os.path.join(TOP, 'src', path), encoding='utf-8') as source:
        match = OPENING.match(source.read())
    return re.sub(r'^ ?\* ?', '', match.group(1), flags=re.M).rstrip() if match else ''


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    pages = {name: [] for name, _, _ in PAGES}
    bad = 0
    for path in sources():
        text = opening(path)
        name = next((name for name, _, pattern in PAGES if re.fullmatch(pattern, path)), None)
        if not text or not name:
            print(f'src/{path}: ' + ('opens with no comment' if name else 'is on no page of theory'), file=sys.stderr)
            bad = 1
            continue
        pages[name] += [f'\n## src/{path}\n', '```text', text, '```']
    index = ['# Theory of operation {#theory}', LICENCE,
             'Each source opens with it: the problem, the structure, numbered invariants that the code names where '
             'it keeps them, and concurrency. These pages are those comments.\n']
    for name, title, _ in PAGES:
        index.append(f'- @subpage theory_{name}')
        with open(f'{sys.argv[1]}/theory_{name}.md', 'w', encoding='utf-8') as page:
            page.write('\n'.join([f'# Theory: {title} {{#theory_{name}}}', LICENCE, *pages[name]]) + '\n')
    with open(f'{sys.argv[1]}/theory.md', 'w', encoding='utf-8') as page:
        page.write('\n'.join(index) + '\n')
    return bad


if __name__ == '__main__':
    sys.exit(main())
