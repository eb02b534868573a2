# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Builds the programs of the benchmarks; scripts/bench.sh sources it. Files are compiled with $compiler
# $optimise into $dir, as many at a time as there are CPUs.

mapfile -t library < <(awk -f tools/layers.awk src/layers | sed 's/^/src\//')
walker=() # page tables: they compile longer than all the rest, and nobody else needs them
for f in "${!library[@]}"; do
  case ${library[f]} in
    src/vmm/*) walker+=("${library[f]}"); unset "library[f]" ;;
    src/ports/selftest.c | src/pmm/memmap_* | src/pmm/fdt* | src/pmm/numa_* | \
      src/pmm/acpi* | src/pmm/multiboot*) unset "library[f]" ;; # what runs at boot only
  esac
done
mapfile -t formats < <(cd bench && ls formats/*.c)
warnings=(-std=c11 -Wall -Wextra -Werror)
# As a kernel compiles: mmlib, the loops that call it (work_*.c), loops by hand (hand*.c), and formats of page tables
# (formats/*.c).
kernel=("$optimise" -ffreestanding -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-strict-aliasing -fvisibility=hidden -Iinclude -Isrc -Ibench -I.)
case $(uname -m) in
  x86_64) kernel+=(-mno-red-zone -mgeneral-regs-only) ;;
  aarch64) kernel+=(-mgeneral-regs-only) ;;
esac
host=("$optimise" -fno-pic -pthread -fno-builtin-malloc -fno-builtin-free -Iinclude -Ibench)
config=('-DMM_CONFIG_HEADER="bench_config.h"' '-DMM_PORT_INLINE_HEADER="bench_hooks.h"')

# For counting instructions: valgrind's programs have less room for addresses.
low_addresses() {
  dir=$dir/count
  mkdir -p "$dir"
  config+=(-DBENCH_DIRECT=0x080000000000u)
}

# stale FILE: is some source newer?
stale() {
  [ ! -f "$1" ] ||
    [ -n "$(find src include bench scripts/bench.sh -newer "$1" -type f ! -name "*.md" -print -quit)" ]
}

# start COMMAND…: in the background, if a CPU is free. finish: wait for all; fails if one failed.
failed=0
start() {
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
    wait -n || failed=1
  done
  "$@" &
}
finish() {
  while [ -n "$(jobs -p)" ]; do
    wait -n || failed=1
  done
  [ $failed -eq 0 ]
}

compile_source() { # LEVEL SOURCE OBJECT
  "$compiler" "${warnings[@]}" "${kernel[@]}" "${config[@]}" "-DMM_CHECKS=$1" -c "$2" -o "$3"
}

# library LEVEL: sets archive, mmlib without page tables and readers of boot formats, with that level of checks.
library() {
  local out=$dir/l$1 f
  archive=$out/libmmlib.a
  stale "$archive" || return 0
  rm -rf "$out"
  mkdir -p "$out"
  for f in "${library[@]}"; do
    start compile_source "$1" "$f" "$out/${f//\//_}.o"
  done
  finish
  ar rcs "$archive" "$out"/*.o
}

# program FORM NAME LEVEL [FILE…]: builds $dir/bench_NAME-FORM-lLEVEL from bench/bench_NAME.c and FILEs,
# which are in bench/ if they are not in src/.
#   call     mmlib is compiled by itself
#   header   the same, and the work_*.c among the FILEs use mmlib's inline functions
#   inline   mmlib and the work_*.c among the FILEs are one translation unit
#   malloc   without mmlib
# With placements set there is one more for each: bench_NAME-FORM-lLEVEL-BYTES has all code so many
# bytes further on.
program() {
  local form=$1 name=$2 level=$3 binary pad out f object objects=() last=() unit=() own flags
  shift 3
  binary=$dir/bench_$name-$form-l$level
  stale "$binary" || return 0
  out=$binary.objects
  rm -rf "$out" # what is half built is not newer
  mkdir -p "$out"
  flags=("${config[@]}" "-DMM_CHECKS=$level")
  case $form in
    call | header) library "$level"; last=("$archive") ;;
    inline) unit=("${library[@]}"); flags+=(-DBENCH_INLINE) ;;
    malloc) flags+=(-DBENCH_MALLOC) ;;
  esac
  for f in "bench_$name.c" bench.c yard.c "$@"; do
    object=$out/${f//\//_}.o
    own=("${host[@]}")
    case $form:$f in
      inline:work_*) unit+=("bench/$f"); continue ;;
      *:src/*) # beside the library, for all programs
        object=$dir/l$level/${f//\//_}.o
        objects+=("$object")
        ! stale "$object" || start compile_source "$level" "$f" "$object"
        continue ;;
      *:bench.c | *:yard.c | *:duo.c) # know nothing of mmlib: for all programs
        object=$dir/$f.o
        objects+=("$object")
        ! stale "$object" || start "$compiler" "${warnings[@]}" "${host[@]}" "${config[@]}" -c "bench/$f" -o "$object"
        continue ;;
      header:work_*) own=("${kernel[@]}" -DBENCH_HEADER) ;;
      *:work_* | *:hand* | *:formats/*) own=("${kernel[@]}") ;;
      *:bench_pt*) own+=(-fno-tree-vectorize -fno-tree-slp-vectorize) ;; # callers of a kernel: general registers
    esac
    start "$compiler" "${warnings[@]}" "${own[@]}" "${flags[@]}" -c "bench/$f" -o "$object"
    objects+=("$object")
  done
  if [ ${#unit[@]} -gt 0 ]; then
    printf '#include "%s"\n' "${unit[@]}" >"$out/unit.c"
    start "$compiler" "${warnings[@]}" "${kernel[@]}" "${flags[@]}" -c "$out/unit.c" -o "$out/unit.o"
    objects+=("$out/unit.o")
  fi
  finish
  for pad in ${placements:-} ''; do
    echo "__asm__(\".text\\n\\t.skip 64 + ${pad:-0}\\n\");" >"$out/pad.c"
    "$compiler" "${host[@]}" -no-pie -o "$binary${pad:+-$pad}" "$out/pad.c" "${objects[@]}" "${last[@]}" -lm
  done
}
