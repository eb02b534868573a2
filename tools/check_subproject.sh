#!/bin/sh
# SPDX-License-Identifier: MIT
# Use mmlib the way a Meson project would: as a subproject, with the project's own flags.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$out/subprojects"
ln -s "$top" "$out/subprojects/mmlib"
cat >"$out/meson.build" <<'M'
project('kernel', 'c', default_options: ['c_std=c11'])
executable('kernel', 'kernel.c', dependencies: dependency('mmlib', fallback: 'mmlib'))
M
cat >"$out/kernel.c" <<'C'
#include <mmlib/pmm.h>
#include <mmlib/pt_x86_64.h>
int main(void)
{
	static struct mm_pmm pmm;
	mm_paddr_t pa;
	return mm_page_alloc(&pmm, 0, 0, &pa) == MM_E_STATE && mm_pt_x86_64_port() ? 0 : 1;
}
C
meson setup "$out/b" "$out" --buildtype=release
ninja -C "$out/b"
"$out/b/kernel"
