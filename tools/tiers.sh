#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# README's table of tiers: how much of the library one takes, what it asks for, how large it is. Callbacks are
# counted in the headers, sizes are those of scripts/size.sh.
#   tools/tiers.sh [--write | --check [--plant]]    print the table; put it into README.md; is what README.md
#                                                   has still so? Sizes may be 5 % off there: they depend on the
#                                                   compiler. --plant: they are of something else; must fail
set -euo pipefail
cd "$(dirname "$0")/.."
sizes=$(scripts/size.sh --of x86_64 armv7m | awk '$1 ~ /\.text$/ { print $1, $2 }')
[[ " $* " != *' --plant '* ]] || sizes=$(awk '{ print $1, $2 * 2 }' <<<"$sizes")

port=$(grep -c 'REQUIRED' include/mmlib/port.h)
tables=$(awk '/^struct mm_pt_env \{/ { on = 1 } /^#else/ { other = 1 } /^#endif/ { other = 0 } on && !other && /\(\*/ { n++ }
  on && /^};/ { print n; exit }' include/mmlib/pt.h)
kib() {
  awk -v name="size.$1.$2_used.text" '$1 == name { printf "%.1f KiB", $2 / 1024; n++ }
    END { if (!n) print "-" }' <<<"$sizes"
}
# row WHAT SIZES CALLBACKS GET
row() { echo "| \`mmlib/$1\` | $3 | $(kib x86_64 "$2") | $(kib armv7m "$2") | $4 |"; }
table() {
  cat <<'END'
| you take | callbacks | x86-64, -O2 | Cortex-M3, -Os | you get |
|---|---|---|---|---|
END
  row tiny.h tiny 0 'objects of one size'
  row region.h region 0 'memory of any size in bounded time, no MMU'
  row buddy.h buddy 0 'blocks of frames, from one range'
  row pmm.h frames "$port" 'a safe memory map, page frames by zone and node, each wrong free answered'
  row kmalloc.h heap "$port" 'the same and a heap: objects of any size, from magazines of each CPU'
  row pt_x86_64.h pt "$tables" 'page tables: map, unmap, protect, query; flushes gathered'
}

in_readme() { sed -n '/^| you take | callbacks/,/^$/p' README.md | grep .; }
case ${1-} in
  '') table ;;
  --write)
    table >build/tiers
    awk 'FNR == NR { new = new $0 "\n"; next } /^\| you take \| callbacks/ { printf "%s", new; on = 1 }
      /^$/ { on = 0 } !on' build/tiers README.md >build/README && cp build/README README.md ;;
  --check)
    diff <(in_readme | sed 's/[0-9.]* KiB/KiB/g') <(table | sed 's/[0-9.]* KiB/KiB/g') ||
      { echo "README's table of tiers is another one: tools/tiers.sh --write"; exit 1; }
    paste <(in_readme | grep -oE '[0-9.]+ KiB') <(table | grep -oE '[0-9.]+ KiB') | awk '
      { off = $1 - $3; if (off < 0) off = -off
        if (off > 0.05 * $3 + 0.051) { print "README says " $1 " KiB, it is " $3 " KiB"; bad = 1 } }
      END { if (bad) print "tools/tiers.sh --write repairs that"; exit bad || !NR }' ;;
  *) sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
