#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What each layer exports to a kernel and what it needs from outside, as its objects tell: a page in
# Markdown. Compiled for x86-64 as a kernel does it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/size.sh --build x86_64 # as a kernel compiles
layers() { awk -v want="${1-}" -v what="$2" -f tools/layers.awk src/layers; }

objects() { sed "s|/|_|g; s|^|build/size/x86_64/|; s|c$|o|"; }
public=$({
  grep -ohE '\bmm_[a-z0-9_]+\(' include/mmlib/*.h | tr -d '('
  for format in $(grep -ohE 'MM_PT_DECLARE\(mm_[a-z0-9_]+' include/mmlib/*.h | sed 's/.*(//'); do
    grep -ohE 'name##_[a-z_]+' include/mmlib/pt.h | sed "s/name##/$format/"
  done
} | sort -u)

cat <<'END'
# Symbols
<!-- SPDX-License-Identifier: MIT -->

What each layer (`src/layers`) exports, and what it needs from outside when it is linked with the layers
it needs. No layer has writable data. Other architectures need the same, but for helpers of the ARM
ABI (`__aeabi_mem*`; ARMv6-M also has no shifts and multiplications of 64 bits). The linker sees the
configuration behind the names of functions that are `MM_TAGGED` (`mmlib/version.h`).

| layer | needs from the kernel | exports |
|---|---|---|
END
for layer in $(layers '' layers); do
  mapfile -t own < <(layers "$layer" own | objects)
  mapfile -t all < <(layers "$layer" files | objects)
  needs=$(nm -P -g "${all[@]}" | awk '$2 == "U" { need[$1] } $2 ~ /^[A-TV-Z]$/ { have[$1] }
    END { for (s in need) if (!(s in have)) print "`" s "`" }' | sort | tr '\n' ' ')
  exports=$(nm -P -g "${own[@]}" | awk '$2 ~ /^[A-TV-Z]$/ { sub(/\.v[0-9].*/, "", $1); print $1 }' | sort |
    comm -12 - <(echo "$public") | sed 's/.*/`&`/' | tr '\n' ' ')
  echo "| $layer | ${needs:-nothing} | $exports |"
done
