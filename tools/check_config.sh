#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Objects that were compiled with different configurations do not link (mmlib/version.h: MM_TAGGED). Each
# option of mmlib/config.h that structures or protocols depend on is tried with a kernel's object, in C and
# in C++, against a library with the default ones; objects that agree link. And each file of the library has
# something to be noticed by.
#   tools/check_config.sh [--plant]      --plant: an option is no part of the tag; must fail
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
flags=(-O0 -w -ffreestanding -fno-pic -fno-stack-protector -nostdlib)
if [ "${1-}" = --plant ]; then # of the library what the kernel's object asks for
  cp -r include src "$out"
  sed -i 's/ *".nodes" MM_TEXT(MM_NODES_MAX)//' "$out/include/mmlib/version.h"
  flags+=("-I$out/include" "-I$out/src")
  library=$out/library
  mkdir "$library"
  # shellcheck disable=SC2016
  awk -f tools/layers.awk -v want=pmm,tiny src/layers | xargs -P "$(nproc)" -I{} sh -c 'f=$1 out=$2; shift 2
    exec gcc -std=c11 "$@" -c -o "$out/library/$(echo "${f%.c}" | tr / _).o" "$out/src/$f"' sh {} "$out" "${flags[@]}"
else # as scripts/size.sh compiles it
  flags+=(-Iinclude -Isrc)
  library=build/size/x86_64
  scripts/size.sh --build x86_64
fi

cat >"$out/kernel.c" <<'END'
#include <mmlib/kmalloc.h>
#include <mmlib/tiny.h>
#ifdef __cplusplus
extern "C"
#endif
int kernel(struct mm_pmm *pmm, struct mm_tiny *t);
int kernel(struct mm_pmm *pmm, struct mm_tiny *t)
{
	mm_paddr_t pa;

	return mm_page_alloc(pmm, 0, 0, &pa) || mm_tiny_init(t, 0);
}
END
kernel() { # COMPILER OPTION…: what the linker says of a kernel's object beside the library
  "$1" "${flags[@]}" "${@:2}" -c -o "$out/kernel.o" "$out/kernel.c"
  ld -o "$out/kernel" -e kernel --defsym=memcpy=0 --defsym=memset=0 --defsym=memmove=0 --defsym=memcmp=0 \
    "$out/kernel.o" "$library"/*.o 2>&1
}
for cc in gcc g++ clang; do
  kernel "$cc" || { echo "$cc: objects that agree do not link"; bad=1; }
done
while read -r option text; do
  for cc in gcc g++; do
    if said=$(kernel "$cc" "-D$option"); then
      echo "$cc: a kernel with $option links with a library that has another"
      bad=1
    elif ! grep -qE "undefined reference to .mm_page_alloc\.v.*\.$text(\.|')" <<<"$said"; then
      printf '%s\n' "$option: the linker does not say what is wrong:" "$said"
      bad=1
    fi
  done
done <<'END'
MM_FRAME_SHIFT=14 frame14
MM_PADDR_BITS=32 paddr32
MM_WORD_BITS=32 word32
MM_BUDDY_LEVELS=3 levels3
MM_BUDDY_ROWS=0 rows0
MM_ZONES_MAX=2 zones2
MM_NODES_MAX=1 nodes1
MM_ATOMICS=0 atomics0
MM_LOCAL=MM_LOCAL_IRQ local2
MM_PAGE_MAGAZINE=16 magazine16
MM_PAGE_SLOTS=4 slots4
MM_REGION_STEPS=4 steps4
MM_MOBILITY=0 mobility0
MM_BLOCK_ORDER=10 block10
MM_PAGE_POISON=1 poison1
MM_PT_WINDOW=1 window1
END

# Two walkers that a host folds do not link if both have the same number: docs/porting.md, step 7.
fold() { # NAME NUMBER
  cat >"$out/$1.c" <<END
#include <mmlib/pt.h>
#include "ports/ept.h"
#define MM_PT_PORT (&ept_port.port)
#define MM_PT_NAME $1
#define MM_PT_HOST $2
MM_PT_DECLARE($1);
#include "vmm/pt_walk.inc"
END
  gcc "${flags[@]}" -c -o "$out/$1.o" "$out/$1.c"
}
fold one 1 && fold again 1 && fold two 2
ld -r -o "$out/folded" "$out/one.o" "$out/two.o" || { echo "two folded walkers with a number each do not link"; bad=1; }
said=$(ld -r -o "$out/folded" "$out/one.o" "$out/again.o" 2>&1) && { echo "two folded walkers with one number link"; bad=1; }
grep -q "multiple definition of .mm_pt_host_1'" <<<"$said" || { printf '%s\n' "the linker does not say which number:" "$said"; bad=1; }

# Each file that knows the configuration shares such a name with others, or gives one to callers.
for o in "$library"/*.o; do
  case $o in */status.o | */version.o) continue ;; esac
  nm "$o" | grep ' [TU] mm_' >/dev/null || continue # an option leaves it out
  nm "$o" | grep ' mm_[a-z0-9_]*\.v' >/dev/null || { echo "$(basename "$o" .o): no name is MM_TAGGED"; bad=1; }
done
exit $bad
