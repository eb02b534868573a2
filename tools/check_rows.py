#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Are mistakes with objects answered, each in a test of its own?

A row is a call that is wrong, and its documented error: ROW(name, ERROR, call) in tests/test_*rows*.c, each of which
becomes a test of that name. Here it is looked up that
 - each error that a header of objects documents as a caller's mistake has a row, or a test that ELSEWHERE names;
 - each test that docs/hardening.md names in its table of mistakes is there, and answers with the error of its line.
With --plant, the table and the rows lack something: that must be noticed.
"""
import glob
import os
import re
import sys

HEADERS = 'slab kmalloc bulk reserve nmi deferred owner guard site percpu tiny region'.split()
# Not a caller's mistake: memory, other CPUs, the build, the host's callbacks.
NO_MISTAKE = {'OK', 'NOMEM', 'AGAIN', 'NOTSUP', 'PORT'}
# Where a row cannot show it: (function, error): file and test
ELSEWHERE = {
    ('mm_cache_create', 'NOSPC'): 'slab there_is_room_for_all_caches_and_no_more',
    ('mm_cache_verify', 'CORRUPT'): 'slab verify_finds_damage',
    ('mm_heap_verify', 'CORRUPT'): 'slab_stats damage_to_magazines_is_found',
    ('mm_tiny_verify', 'CORRUPT'): 'tiny verify_finds_every_flipped_bit',
}


def comments(text):
    """Doc comments and the function each is of."""
    for doc, code in re.findall(r'/\*\*(.*?)\*/\s*(.*?[;{])', text, re.S):
        name = re.match(r'(?:MM_NODISCARD )?(?:static inline )?enum mm_status (mm_\w+)\(', code)
        if name:
            yield name[1], re.sub(r'\n \*\s*', ' ', doc)


def documented(top):
    for header in HEADERS:
        with open(f'{top}/include/mmlib/{header}.h', encoding='utf-8') as f:
            text = f.read()
        for name, doc in comments(text):
            for errors in re.findall(r'@retval\s+(MM_\w+(?:,\s*MM_\w+)*)', doc):
                for error in re.findall(r'MM_(?:E_)?(\w+)', errors):
                    if error not in NO_MISTAKE:
                        yield name, error


def rows(top):
    """name: (error, function that answers it)"""
    found = {}
    for path in sorted(glob.glob(f'{top}/tests/test_*rows*.c')):
        with open(path, encoding='utf-8') as f:
            text = f.read().replace('\\\n', ' ')
        for name, error, call in re.findall(r'\bROW\((\w+), (\w+),\s*(\w+)\(', text):
            if name in found:
                sys.exit(f'{path}: two rows have the name {name}')
            found[name] = error, call
    return found


def tests(top):
    found = set()
    for path in glob.glob(f'{top}/tests/test_*.c'):
        with open(path, encoding='utf-8') as f:
            part = re.match(r'test_(\w+)\.c', os.path.basename(path))[1]
            found |= {f'{part} {name}' for name in re.findall(r'^static void (\w+)\(void \*\*state\)', f.read(), re.M)}
    return found


def table(top):
    """Lines of the table of mistakes: error, and rows that it names."""
    with open(f'{top}/docs/hardening.md', encoding='utf-8') as f:
        text = f.read()
    part = re.search(r'## Mistakes, and their tests\n(.*?)(?=\n## |\Z)', text, re.S)
    if not part:
        sys.exit('docs/hardening.md has no table of mistakes')
    for line in part[1].splitlines():
        cells = [c.strip() for c in line.strip('|').split('|')]
        if line.startswith('|') and len(cells) == 3 and cells[1].startswith('`'):
            yield re.findall(r'`(?:MM_)?(?:E_)?(\w+)`', cells[1]), re.findall(r'`(\w+)`', cells[2])


def wrong(top, plant):
    have, all_tests = rows(top), tests(top)
    answered = {(call, error) for error, call in have.values()}
    if plant:
        answered.discard(('mm_kfree', 'ALIGN'))
        have.pop('kmalloc_0')
    for key, test in ELSEWHERE.items():
        if test not in all_tests:
            yield f'there is no test {test}, which is to show {key}'
    for name, error in sorted(set(documented(top))):
        if (name, error) not in answered and (name, error) not in ELSEWHERE:
            yield f'no row shows MM_E_{error} of {name}()'
    lines = list(table(top))
    for errors, names in lines:
        for name in names:
            if name not in have:
                yield f'docs/hardening.md names {name}, which is no row'
            elif have[name][0] not in errors:
                yield f'docs/hardening.md: {name} answers MM_E_{have[name][0]}'
    if not lines:
        yield 'docs/hardening.md: no line in the table of mistakes'


def main():
    problems = list(wrong(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), '--plant' in sys.argv))
    print('\n'.join(problems))
    print(f'{len(problems)} problems')
    return bool(problems)


sys.exit(main())
