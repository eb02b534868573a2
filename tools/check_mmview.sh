#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/mmview makes a page of what a system told, and a browser finds its pictures and rows in it.
#   tools/check_mmview.sh [--plant]     --plant: the log lacks a row; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cat >"$out/log" <<'END'
    zone NORMAL of node 0: 1022 frames
      993 free, 17 used, 12 reserved
      free blocks: 0*3 1*1
        5*2 8*3
    0x0000000000100000: R U4 .3 T U12 .990 M11
    cache     size      used    cached   objects  slabs      KiB
    kmalloc     64         2        22        24      3      192
    ffff800000000000 -> 000000000000   159 x    4 KiB  rwx  global
END
[ "${1-}" != --plant ] || sed -i '/kmalloc/d' "$out/log"
tools/mmview "$out/log" >"$out/memory.html"
chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
  --user-data-dir="$out/browser" --dump-dom "file://$out/memory.html" >"$out/dom" 2>"$out/err" || { cat "$out/err"; exit 1; }
for what in '<rect [^>]*><title>0x100000: ' '<td>NORMAL of node 0</td>' '0×3 1×1 5×2 8×3' '<td>kmalloc</td>' \
  '<tr class="both"><td>ffff800000000000</td>'; do
  grep -q "$what" "$out/dom" || { echo "the page lacks $what"; exit 1; }
done
! grep -q '<link\|<script\|src=' "$out/dom" || { echo "the page needs something else"; exit 1; }
