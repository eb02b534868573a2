#!/bin/sh
# SPDX-License-Identifier: MIT
# What guides name is there: functions, types, macros and files of mmlib in the Markdown of this tree.
#   tools/check_names.sh [--plant]      --plant: a guide that names what is not there; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
guides='README.md CONTRIBUTING.md docs/*.md examples/*/README.md bench/README.md'
if [ "${1-}" = --plant ]; then
  echo '`mm_nowhere()`, `src/planted.c`' >"$out/planted.md"
  guides=$out/planted.md
fi
# What a macro makes for each format is named in full nowhere else.
for format in $(grep -ohE 'MM_PT_DECLARE\(mm_[a-z0-9_]+' include/mmlib/*.h | sed 's/.*(//'); do
  sed -n "s/.*name##\(_[a-z_]*\)(.*/$format\1/p" include/mmlib/pt.h
done >"$out/made"
grep -rohE '\b(mm|MM)_[A-Za-z0-9_]+' include src tests tools scripts fuzz examples bench --include='*.[ch]' \
  --include='*.inc' | cat - "$out/made" | sort -u >"$out/known"
bad=0
for f in $guides; do
  for name in $(grep -ohE '\b(mm|MM)_[A-Za-z0-9_]*[A-Za-z0-9]\b' "$f" | sort -u | comm -23 - "$out/known"); do
    grep -q "^$name" "$out/known" || { echo "$f: there is no $name"; bad=1; }
  done
  for path in $(grep -oE '`(src|include|docs|tests|tools|scripts|fuzz|examples|bench)/[A-Za-z0-9_./-]+`' "$f" | tr -d '`' | grep -vE 'PART|TARGET' | sort -u); do
    [ -e "$path" ] || { echo "$f: there is no $path"; bad=1; }
  done
done
exit $bad
