#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# docs/performance.md, with plots and the data they are made from.
#   tools/performance_doc.sh             measure everything on this machine, which takes about half an
#                                        hour, and write the document
#   tools/performance_doc.sh --check     is the document what its data gives?
#   tools/performance_doc.sh --plant WHAT   --check of a copy in which something was changed by hand: a
#                                        "figure" in the document, a "plot", or the "data"
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages python3

# change FILE FROM TO: one line of it
change() {
  grep -qm 1 "$2" "$1"
  sed -i "0,/$2/s/$2/$3/" "$1"
}

case ${1-} in
  --check) tools/performance_doc.py --check ;;
  --plant)
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    cp -r docs/performance docs/performance.md "$copy"
    case ${2-} in
      figure) change "$copy/performance.md" '\([0-9]\) |$' '\10 |' ;;
      plot) change "$(ls "$copy"/performance/*.svg | head -n 1)" 'ns per' 'µs per' ;;
      data) change "$copy/performance/figures.json" '"value": ' '"value": 1' ;;
      *) exit 2 ;;
    esac
    tools/performance_doc.py --check "$copy"
    ;;
  '')
    mkdir -p build
    scripts/bench.sh --json build/performance-bench.json
    scripts/bench.sh --instructions --json build/performance-instructions.json
    scripts/linux.sh --json build/performance-linux.json
    tools/performance_doc.py build/performance-{bench,instructions,linux}.json
    ;;
  *) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
