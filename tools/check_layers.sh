#!/bin/sh
# SPDX-License-Identifier: MIT
# Each layer links with those it needs only (src/layers), as scripts/size.sh compiles it: nothing may be undefined
# but mem{cpy,move,set,cmp}. And each file of src/ is in that list. Each header is in the two files once, so what is
# for one CPU alone must be in there for it: they compile for both that share what flushes a TLB.
#   tools/check_layers.sh [--plant]      --plant: a layer that lacks the one below it; must fail
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
scripts/size.sh --build x86_64

# layer NAME FILE…: files as in src/layers
layer() {
  name=$1
  shift
  objects=
  for f in "$@"; do
    objects="$objects build/size/x86_64/$(printf %s "${f%.c}" | tr / _).o"
  done
  # shellcheck disable=SC2086
  ld.lld -r -o "$out/layer" $objects
  undefined=$(llvm-nm -u "$out/layer" | awk '{print $2}' | grep -vxE 'mem(cpy|move|set|cmp)' || true)
  if [ -n "$undefined" ]; then
    echo "$name needs more than it should:" $undefined
    bad=1
  else
    echo "$name links alone"
  fi
}

if [ "${1-}" = --plant ]; then
  # shellcheck disable=SC2046
  layer "heap without pmm" $(awk -v want=heap -v what=own -f tools/layers.awk src/layers)
  exit $bad
fi
awk -f tools/layers.awk src/layers | sort >"$out/listed"
find src -name '*.c' | sed 's/^src.//' | sort >"$out/there"
if ! diff "$out/listed" "$out/there" >"$out/diff"; then
  echo "src/layers is not what is in src/ (<: only in the list, >: only in the folder):"
  grep '^[<>]' "$out/diff"
  bad=1
fi
for l in $(awk -v what=layers -f tools/layers.awk src/layers); do
  # shellcheck disable=SC2046
  layer "$l" $(awk -v want="$l" -f tools/layers.awk src/layers)
done
tools/amalgamate.py --layers pt_flush,pt_riscv64 "$out" >/dev/null
for cpu in '-march=rv64imac -mabi=lp64' '-march=rv32imac -mabi=ilp32'; do
  # shellcheck disable=SC2086
  riscv64-linux-gnu-gcc $cpu -std=c11 -ffreestanding -Wall -Werror -fsyntax-only -I"$out" "$out/mmlib.c" || bad=1
done
exit $bad
