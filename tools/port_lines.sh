#!/bin/sh
# SPDX-License-Identifier: MIT
# Lines of code of each page-table port: what is not blank and no comment. Of those in one file with others,
# the sum, and how many formats that is. tlb_*.h is beside them, one for the formats of an architecture.
#   tools/port_lines.sh
set -eu
cd "$(dirname "$0")/.."
for f in src/ports/*.h; do
  formats=$(grep -cE '^(static const struct mm_(pt|mask)_port [a-z0-9_]+( __attribute__.*)? =|A64_HALVES\(|A64S2_PORT\(|LOONG_PORT\()' "$f" || true)
  formats=$((formats + $(grep -cE '^A64_HALVES\(' "$f" || true))) # a low and a high half
  case $f in
    */tlb_*) formats="a TLB for all" ;;
    *) [ "$formats" -gt 0 ] || formats='what they share, 0' ;;
  esac
  awk -v name="${f#src/ports/}" -v formats="$formats" '
    { gsub(/\/\*([^*]|\*[^\/])*\*\//, "") }
    /\/\*/ { sub(/\/\*.*/, ""); inside = 1; if ($0 ~ /[^ \t]/) n++; next }
    inside && /\*\// { inside = 0; sub(/.*\*\//, "") }
    !inside && /[^ \t]/ { n++ }
    END { printf "%-16s %4d lines, %s formats\n", name, n, formats }' "$f"
done
