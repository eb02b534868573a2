#!/bin/sh
# SPDX-License-Identifier: MIT
# House rules that a script can see: an SPDX line in every file, no file of the library over 800
# lines, no function over 60, no work left behind, no two planted bugs of one number. Prints what it finds; exit 1 if anything.
#   tools/check_tree.sh [FOLDER]
set -eu
cd "${1:-$(dirname "$0")/..}"
bad=0
say() {
  echo "$1"
  bad=1
}
files=$(git ls-files 2>/dev/null || find . -type f | sed 's,^\./,,')
for f in $files; do
  case "$f" in
  LICENSE | LICENSES/* | .reuse/dep5 | tests/data/* | fuzz/corpus/* | .gitignore) continue ;;
  esac
  head -n 5 "$f" | grep -q 'SPDX-License''-Identifier: MIT' || say "$f: no SPDX line"
done
for f in $(printf '%s\n' "$files" | grep -E '^(src|include)/.*\.(c|h|inc)$'); do
  lines=$(wc -l <"$f")
  [ "$lines" -le 800 ] || say "$f: $lines lines"
  awk -v f="$f" '
    /^\{/ { start = NR }
    /^}/ { if (start && NR - start > 60) { print f ":" start ": function of " NR - start " lines"; bad = 1 } start = 0 }
    END { exit bad }' "$f" || bad=1
  case "$f" in
  src/slab/*) # what asks for memory fails in tests (tests/test_slab_failures.c)
    awk -v f="$f" '
      BEGIN { asks = -9 }
      { asks = /mm_hook_fail\(\)|bool fails/ ? NR : asks }
      /pmm_alloc_as\(/ && NR - asks > 5 { print f ":" NR ": asks for memory, and not mm_hook_fail()"; bad = 1 }
      END { exit bad }' "$f" || bad=1 ;;
  esac
  case "$f" in
  src/*.c) sed -n 2,4p "$f" | grep -qE '^/\* (Theory of operation|[A-Z])' || say "$f: no opening comment" ;;
  esac
done
for n in $(sed -nE 's/^#define MM_PLANT_\w+ +([0-9]+).*/\1/p' src/hook.h | sort | uniq -d); do
  say "src/hook.h: two bugs have number $n"
done
left=$(printf '%s\n' "$files" | grep -E '\.(c|h|inc|S|ld|build|py)$' |
  xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b' /dev/null || true)
[ -z "$left" ] || say "$left"
exit $bad
