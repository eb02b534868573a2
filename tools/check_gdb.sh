#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Does tools/gdb/mmlib.py say of a stopped program, and of its core, what the library's own statistics say? In
# configurations of 64 and 32 bits and others whose structures differ: tests/gdb/stopped.c.
#   tools/check_gdb.sh [--plant frames|objects]   --plant: a count is wrong in memory of one of them; must fail
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
need_packages gcc gcc-12-multilib gdb
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
programs=build/gdb
mkdir -p "$programs"
tools/amalgamate.py --layers heap,pt_x86_64,pt_riscv64,pt_any,pt_formats "$out"
bad=0
case ${2-} in
  frames) wrong='set var pmm.ranges[0].buddy.level[1].words[0] = pmm.ranges[0].buddy.level[1].words[0] ^ 2' ;;
  objects) wrong='set var heap.caches[0].home = heap.caches[0].home + 1' ;;
  *) wrong= ;;
esac

ask() { # PROGRAM [CORE]: what gdb says, as the program has it
  local command=(-ex 'source tools/gdb/mmlib.py')
  for what in zones caches 'frame at_head' 'frame at_tail' "frame at_movable" 'frame at_hand' 'frame at_table' \
    'frame at_meta' 'frame at_objects' 'frame at_large' 'frame at_nothing' 'object p_used' 'object p_freed' \
    'object p_home' 'object p_guarded' 'object p_taken' 'object p_gone' 'object p_beside' 'pt at_va tree' 'pt at_member runs' 'pt at_member moved' \
    'pt at_followed follows' 'pt at_empty follows' 'pt at_emptier follows'; do
    command+=(-ex "mmlib $what")
  done
  if [ $# -eq 1 ]; then
    command=(-ex 'break stopped' -ex run -ex "${wrong:-echo}" "${command[@]}" -ex "gcore $out/${1##*/}.core" -ex kill)
  fi
  gdb -nx -batch -iex 'set debuginfod enabled off' -iex 'set confirm off' -iex 'set startup-with-shell off' "${command[@]}" "$@" 2>&1
}
tidy() { awk '{ $1 = $1 } NF'; }
said() { # of gdb's output what is to be compared
  sed -n '/^zone  /,$p' | sed -n '/^\[Inferior\|^Saved corefile\|^warning/d; /^0x0, zone\|^0x0: /d; p' |
    sed -E 's/^  object [0-9]+: /object: /; s/^.*, guarded, slot .* freed by .*$/freed/; /cache inode, [0-9]+ bytes each, slab|, guarded, slot /d; s/^  level ([0-9]).* nothing$/pt: nothing at level \1/; /^  level [1-3]/d; /root at/d; s/^  level 0.*here /pt: here /'
}
judge() { # NAME FLAG…
  local name=$1
  shift
  is_fresh "$programs/$name" src include tests/gdb tools/amalgamate.py tools/layers.awk tools/check_gdb.sh ||
    gcc -std=c11 -g -w -Iinclude -Isrc "$@" -o "$programs/$name" tests/gdb/stopped.c "$out/mmlib.c"
  "$programs/$name" | sed '/^END/d; s/^object [a-z]*: /object: /' | tidy >"$out/$name.want"
  ask "$programs/$name" >"$out/$name.gdb" || true
  said <"$out/$name.gdb" | tidy >"$out/$name.got"
  if [ -s "$out/$name.want" ] && diff "$out/$name.want" "$out/$name.got" >"$out/$name.diff"; then
    echo "$name: $(wc -l <"$out/$name.want") lines are the same"
  else
    echo "$name: differs (< the library, > gdb)"
    cat "$out/$name.diff"
    [ -s "$out/$name.got" ] || tail "$out/$name.gdb"
    bad=1
  fi
}
judge word8 -O0 -DMM_CHECKS=3 -DMM_WORD_BITS=8 -DMM_HARDEN=6 # objects come back at once, in order
if [ -z "$wrong" ]; then
  judge release -O1
  judge microcontroller -O0 -m32 -DMM_ATOMICS=0 -DMM_BUDDY_ROWS=0 -DMM_PADDR_BITS=64
  ask "$programs/release" "$out/release.core" | said | tidy | diff "$out/release.want" - && echo "core: the same" || bad=1
fi
exit $bad
