#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Measure mmlib on this machine: one line a figure, with its yardstick of the same run.
#   scripts/bench.sh [GROUP…] [--json FILE]   all groups, or these: yard page pt slab size
#     --json FILE    also write {"figures":[{"name","value","unit","yardstick","yardstick_value",
#                    "ratio"},…]}
#     --quick        hardly any slices: shows that all works; times mean nothing
#     --compiler CC  compiler of the library and of the loops it is compared with, default gcc
#     --help         this text, and what is not measured yet
# The library is compiled as a kernel does it: -O2, freestanding, general registers only, not
# inlined into its callers. Names of figures say the form (call) and the level of MM_CHECKS (l0, l1,
# l2); without one it is level 1. Installs what is missing (Debian packages), builds in build/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

usage() {
  sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
  sed -n '/^## Not measured yet/,$p' bench/README.md
}

compiler=${CC:-gcc}
json=
runs=5
groups=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=$2; shift ;;
    --quick) runs=1; export BENCH_ROUNDS=2 ;;
    --compiler) compiler=$2; shift ;;
    --help) usage; exit 0 ;;
    yard | page | pt | slab | size) groups+=("$1") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ ${#groups[@]} -gt 0 ] || groups=(yard page pt slab size)
need_packages "$compiler"

dir=build/bench/$(basename "$compiler")
mkdir -p "$dir"
mapfile -t library < <(sed -n "s/^  '\(src\/.*\.c\)',$/\1/p" meson.build)
warnings=(-std=c11 -Wall -Wextra -Werror)
kernel=(-O2 -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-strict-aliasing -fvisibility=hidden -Iinclude -Isrc -Ibench)
case $(uname -m) in
  x86_64) kernel+=(-mno-red-zone -mgeneral-regs-only) ;;
  aarch64) kernel+=(-mgeneral-regs-only) ;;
esac
config=('-DMM_CONFIG_HEADER="bench_config.h"' '-DMM_PORT_INLINE_HEADER="bench_hooks.h"')

# stale FILE: is some source newer?
stale() {
  [ ! -f "$1" ] ||
    [ -n "$(find src include bench scripts/bench.sh -newer "$1" -type f -print -quit)" ]
}

# library LEVEL: sets archive, the library with that level of checks.
library() {
  local out=$dir/l$1 f
  archive=$out/libmmlib.a
  stale "$archive" || return 0
  rm -rf "$out"
  mkdir -p "$out"
  for f in "${library[@]}"; do
    "$compiler" "${warnings[@]}" "${kernel[@]}" "${config[@]}" "-DMM_CHECKS=$1" \
      -c "$f" -o "$out/$(echo "$f" | tr / _).o"
  done
  ar rcs "$archive" "$out"/*.o
}

# program NAME LEVEL [FILE…]: sets binary, built from bench/bench_NAME.c. Further files are
# compiled with the library's flags.
program() {
  local name=$1 level=$2 f objects=()
  shift 2
  library "$level"
  binary=$dir/bench_$name-l$level
  stale "$binary" || return 0
  for f; do
    "$compiler" "${warnings[@]}" "${kernel[@]}" -c "bench/$f" -o "$dir/$f.o"
    objects+=("$dir/$f.o")
  done
  "$compiler" "${warnings[@]}" -O2 -fno-pic -no-pie -pthread -fno-builtin-malloc -fno-builtin-free \
    -Iinclude -Ibench "${config[@]}" "-DMM_CHECKS=$level" -o "$binary" \
    "bench/bench_$name.c" bench/bench.c bench/yard.c "${objects[@]}" "$archive"
}

group_yard() {
  program yard 1
  "$binary"
}

group_page() {
  program page 1
  "$binary"
  program page 2
  "$binary" hardened
}

group_pt() {
  program pt 1 hand.c
  "$binary"
}

# Other allocators: glibc's, and what Debian's packages bring, if they are installed.
peers() {
  local name file
  "$binary" glibc
  for name in jemalloc mimalloc; do
    file=$(PATH=$PATH:/sbin ldconfig -p |
      awk -v name="^lib$name.so" '$1 ~ name { f = $NF } END { print f }')
    [ -z "$file" ] || LD_PRELOAD=$file "$binary" "$name"
  done
}

group_slab() {
  local level
  for level in 0 1 2; do
    program slab $level
    "$binary"
  done
  peers
}

# Lines of text, with the ratio.
as_text() {
  awk '{ printf "%-30s %10s %-6s", $1, $2, $3
    if (NF > 4) printf "  %-30s %8s  ratio %.3g", $4, $5, (NF > 5 ? $6 : $2 / $5)
    print ""; fflush() }'
}

as_json() {
  awk 'BEGIN { printf "{\"figures\":[" }
    { printf "%s\n{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\"", (NR > 1 ? "," : ""), $1, $2, $3
      if (NF > 4)
        printf ",\"yardstick\":\"%s\",\"yardstick_value\":%s,\"ratio\":%.4g", $4, $5,
          (NF > 5 ? $6 : $2 / $5)
      printf "}" }
    END { print "\n]}" }'
}

# Medians of several runs: memory lies elsewhere in each. What is counted must be the same in all.
merge() {
  awk '
    function median(v, n,   i, j, t) {
      for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
      return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    function column(table, name,   i, v) {
      for (i = 1; i <= count[name]; i++) v[i] = table[name, i]
      return median(v, count[name])
    }
    !($1 in count) { order[++names] = $1; unit[$1] = $3; yard[$1] = $4 }
    {
      n = ++count[$1]
      value[$1, n] = $2; beside[$1, n] = $5; ratio[$1, n] = NF > 5 ? $6 : NF > 4 ? $2 / $5 : 0
      if ($3 != "ns" && $3 != "x" && $2 != value[$1, 1]) {
        print "bench: " $1 " is " value[$1, 1] " and " $2 " in two runs" >"/dev/stderr"; bad = 1
      }
    }
    END {
      for (k = 1; k <= names; k++) {
        name = order[k]
        printf "%s %.4g %s", name, column(value, name), unit[name]
        if (yard[name] != "")
          printf " %s %.4g %.4g", yard[name], column(beside, name), column(ratio, name)
        print ""
      }
      exit bad
    }'
}

# Each group several times; what is only counted from files, once.
group() {
  local run
  [ "$1" != size ] || { scripts/size.sh; return; }
  for ((run = 0; run < runs; run++)); do
    "group_$1" || return
  done | merge
}

figures=$dir/figures
: >"$figures"
for group in "${groups[@]}"; do
  group "$group" | tee -a "$figures" | as_text
done
[ -z "$json" ] || as_json <"$figures" >"$json"
