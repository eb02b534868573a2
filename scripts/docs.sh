#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Build the documentation, a site of its own in build/docs/html: API, guides, and generated tables.
#   scripts/docs.sh [FOLDER]     elsewhere than in build/docs; prints warnings, exit status 1 if any
# With DOCS_ONLY=FILES in the environment: a site of these files alone, without pictures.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages doxygen graphviz doxygen-awesome-css python3 gcc gcc-aarch64-linux-gnu gcc-arm-none-eabi
out=${1:-build/docs}
theme=/usr/share/doxygen-awesome-css
rm -rf "$out/html"
mkdir -p "$out/pages"
pages() {
  tools/contexts.py >"$out/pages/contexts.md"
  tools/symbols.sh >"$out/pages/symbols.md"
  tools/theory.py "$out/pages"
  tools/stack.py >"$out/pages/stack.md"
  for f in examples/kernel examples/linux bench; do # Doxygen takes every README.md for the first page
    cp $f/README.md "$out/pages/$(basename $f).md"
  done
  input="INPUT += $out/pages"
}
input=$(printf '%s\n' "INPUT = ${DOCS_ONLY-}" "HAVE_DOT = NO")
[ -n "${DOCS_ONLY-}" ] || pages
{
  cat docs/Doxyfile
  echo "$input"
  echo "HTML_EXTRA_STYLESHEET = $theme/doxygen-awesome.css $theme/doxygen-awesome-sidebar-only.css"
  echo "STRIP_FROM_PATH = $PWD/include $PWD $out"
  echo "OUTPUT_DIRECTORY = $out"
} | doxygen - >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
if grep -E 'warning:|error:' "$out/log"; then
  exit 1
fi
echo "$out/html/index.html"
