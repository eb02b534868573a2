#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of calling contexts, from the @mm_ctx lines of the public headers.

    tools/contexts.py [HEADER…]            the page, in Markdown; default: all public headers
    tools/contexts.py --check [HEADER…]    exit status 1 and words if a function has no line of the form
                                           `where, …; locks: …; cost: …`, returns a status and does not
                                           say which, or takes a number and does not say of what"""
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMENT = re.compile(r'/\*\*((?:[^*]|\*(?!/))*)\*/(?=\s*([^;{]*)[;{])', re.S)
FUNCTION = re.compile(r'^(?:MM_NODISCARD )?(?:static inline )?(?:const )?(?:enum |struct )?\w+ \**(mm_\w+)\(', re.M)
NUMBER = re.compile(r'\b(?:size_t|mm_pfn_t|uint32_t (?=(?:n|capacity|count)\b))\s*(\w+)\s*[,)]')
UNIT = re.compile(r'byte|frame|page|order|entr|element|block|slot|node|CPU|index|how many|at most')
HEAD = '''# Calling contexts
<!-- SPDX-License-Identifier: MIT -->

From where each function may be called, which locks it takes, and what it costs: a changed line is a
breaking change. *boot*: on one CPU, before interrupts are on. *IRQ*, *NMI*: from handlers of interrupts
and of interrupts that cannot be masked. No function of mmlib sleeps unless it says so.
'''


def functions(path):
    """(name, comment before it, does it return a status, numbers without a unit) for each function that a header declares."""
    with open(path, encoding='utf-8') as header:
        text = header.read()
    said = {}
    for comment, declaration in COMMENT.findall(text):
        name = FUNCTION.match(declaration)
        if name:
            said[name.group(1)] = comment, declaration
    for match in FUNCTION.finditer(text):
        declared = text[match.start():match.end()]
        comment, declaration = said.get(match.group(1), ('', '('))
        yield match.group(1), comment, 'enum mm_status' in declared, list(numbers_without_unit(comment, declaration))


def context_of(comment):
    """The text of a comment's @mm_ctx, or nothing."""
    context = re.search(r'@mm_ctx\{(.*)\}', comment, re.S)
    words = re.sub(r'\s*\n\s*\*\s*', ' ', context.group(1)).replace('\\,', ',') if context else ''
    return ' '.join(words.replace('@p ', '').split())


def numbers_without_unit(comment, declaration):
    """Parameters that are numbers of something, and neither name nor text tells of what."""
    for name in NUMBER.findall(declaration[declaration.index('('):]):
        text = re.search(r'@param(?:\[\w+\])?\s+' + name + r'\b(.*?)(?=@|$)', comment, re.S)
        if not UNIT.search(name + ' ' + (text.group(1) if text else '')):
            yield name


def parts(context):
    """Where it may be called from, its locks, its cost; None if the text is of another form."""
    match = re.fullmatch(r'(.*?); ?locks: (.*?); ?cost: (.*)', context)
    return match.groups() if match else None


def row(name, where, locks, cost):
    """A line of the table. What is said beside `boot`, `irq-ok` and `nmi-ok` stands in the last column."""
    said = [word.strip() for word in where.split(',')]
    marks, notes = [], []
    for key in ('boot', 'irq-ok', 'nmi-ok'):
        found = [word for word in said if word == key or word.startswith(key + ' ')]
        marks.append('yes' if found and found[0] == key else found[0][len(key) + 1:] if found else '')
    for word in said:
        if not any(word == key or word.startswith(key + ' ') for key in ('boot', 'irq-ok', 'nmi-ok', 'no-sleep')):
            notes.append(word)
    return '| ' + ' | '.join([f'`{name}`', *marks, locks, cost, '; '.join(notes)]) + ' |'


def main():
    check = sys.argv[1:2] == ['--check']
    headers = sys.argv[2 if check else 1:] or sorted(glob.glob(TOP + '/include/mmlib/*.h'))
    bad = 0
    page = [HEAD]
    for path in headers:
        rows = []
        for name, comment, status, numbers in functions(path):
            split = parts(context_of(comment))
            if split:
                rows.append(row(name, *split))
            elif not re.match('mm_(port|san)_', name) or 'check' in name: # hooks have no contexts of their own
                print(f'{os.path.basename(path)}: {name}: no context, locks and cost', file=sys.stderr)
                bad = 1
            if split and status and '@retval' not in comment and '@return' not in comment:
                print(f'{os.path.basename(path)}: {name}: which errors?', file=sys.stderr)
                bad = 1
            if split and numbers:
                print(f'{os.path.basename(path)}: {name}: of what is {", ".join(numbers)}?', file=sys.stderr)
                bad = 1
        if rows:
            page += [f'\n## mmlib/{os.path.basename(path)}\n',
                     '| function | boot | IRQ | NMI | locks | cost | and |', '|---|---|---|---|---|---|---|', *rows]
    if not check:
        print('\n'.join(page))
    return bad


if __name__ == '__main__':
    sys.exit(main())
