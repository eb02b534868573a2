#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Run every test. Sets up what it needs (Debian packages), builds, tests, and ends with one line:
#   N passed, N failed
# Exit status 0 only if nothing failed. At last it says what took longest.
#   scripts/test.sh [STEP…]    only these steps, e.g. `scripts/test.sh gcc fuzz`
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. scripts/setup.sh
# All that any step needs, since two cannot install at a time.
need_packages gcc g++ gcc-12-multilib gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu gcc-arm-none-eabi gcc-s390x-linux-gnu \
  libc6-dev-s390x-cross qemu-user clang lld llvm libclang-rt-14-dev rustc meson pkg-config cmake make gdb valgrind cppcheck \
  libcmocka-dev libfdt-dev relacy-dev libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4 doxygen doxygen-awesome-css graphviz chromium \
  linkchecker codespell reuse python3 qemu-system-x86 qemu-system-arm qemu-system-mips qemu-system-misc linux-headers-amd64 busybox-static \
  cpio xz-utils grub-common grub-pc-bin xorriso || exit 1

. scripts/checks.sh
test_tree() {
  check "house rules" tools/check_tree.sh
  bad=$(mktemp -d)
  mkdir -p "$bad/src/slab"
  echo 'int x;' >"$bad/src/x.c"
  echo '  st = pmm_alloc_as(pmm, 0, 0, FRAME_META, &pa);' >"$bad/src/slab/x.c"
  printf '#define MM_PLANT_A 1\n#define MM_PLANT_B 1\n' >"$bad/src/hook.h"
  check_fails "control: a file without SPDX is noticed" "no SPDX line" tools/check_tree.sh "$bad"
  check_fails "control: two planted bugs of one number are noticed" "two bugs have number 1" tools/check_tree.sh "$bad"
  check_fails "control: a request for memory that no test can make fail is noticed" "asks for memory" tools/check_tree.sh "$bad"
  rm -rf "$bad"
  check "cppcheck finds nothing" tools/check_lint.sh
  check_fails "control: cppcheck notices what is out of bounds" "v.4.. accessed at index 4" tools/check_lint.sh --plant
  check_fails "control: a guideline that is not kept is noticed" "not in docs/misra.md: 15.1" tools/check_lint.sh --misra --plant
}
test_layers() {
  check "each layer links with those below it only" tools/check_layers.sh
  check_fails "control: a layer that lacks another is noticed" "needs more" tools/check_layers.sh --plant
}
test_barriers() {
  check "flushes: barriers and TLB instructions on every path are the manuals'" tools/check_barriers.py
  check_fails "control: each one that is left out or swapped is noticed" "^all noticed: [0-9]+" tools/check_barriers.py --plant
}
test_config() {
  check "objects of different configurations do not link, and the linker says why" tools/check_config.sh
  check_fails "control: an option that the linker does not see is noticed" "links with a library that has another" \
    tools/check_config.sh --plant
}
test_sizes() {
  check "sizes: within their limits" scripts/size.sh --check
  echo "size.armv7m.tiny.text 600 bytes" >build/limits
  check_fails "control: what is too large is noticed" "TOO LARGE" scripts/size.sh --check build/limits
}
test_headers() {
  check "headers as C++17 and alone" tools/check_headers.sh
  check_fails "control: a header that needs another one is noticed" "unknown type name|does not name a type" \
    tools/check_headers.sh --plant
}
test_matrix() {
  check "build matrix: warnings, symbols, data and frames, for each kind of CPU" tools/check_matrix.sh
  check_fails "control: what breaks the rules is noticed in each row" "^all noticed in [0-9]+ rows" tools/check_matrix.sh --plant
  # what follows uses one CPU each
  beside test_layers
  beside test_barriers
  beside test_config
  beside test_sizes
  beside test_headers
  wait
}
test_gcc() {
  setup build/gcc -Ddebug=false
  meson_tests gcc build/gcc
}
# foreign_tests MACHINE WHAT MESON-ARGUMENT…: the same on another kind of machine; its programs say
# WHAT they are (a pattern for readelf)
foreign_tests() {
  local machine=$1 what=$2
  shift 2
  scripts/foreign.sh "$machine" "$@" >"build/log-setup-$machine" 2>&1 || cat "build/log-setup-$machine"
  meson_tests "$machine" "build/$machine"
  check "$machine: that is what the programs are" \
    sh -c 'readelf -h "$1" | grep -E "$2"' sh "build/$machine/tests/test_bits_release" "$what"
}
test_m32() {
  foreign_tests i386 'Class: +ELF32' -Dvariants=release,word8,paddr64,lpae,microcontroller,sram
}
test_bigendian() {
  foreign_tests s390x 'Data: .*big endian' -Dvariants=release
}
test_clang() {
  # not optimised: with sanitizers that compiles in a ninth of the time, and nothing is optimised away that is wrong
  CC=clang setup build/asan -Db_sanitize=address,undefined -Db_lundef=false -Dvariants=release,word8 -Doptimization=0
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1 \
    meson_tests clang-asan-ubsan build/asan
}
test_valgrind() {
  setup build/gcc -Ddebug=false
  meson_tests valgrind build/gcc --suite release -t 10 \
    --wrap='valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite'
  beside check "clients with a bug are reported by ASan, memcheck and KASAN" tools/check_clients.sh
  beside check_fails "control: without hooks they are missed" "memcheck: 0 of 27" tools/check_clients.sh --plant
  wait
}
# Negative controls: bug N of src/hook.h is planted, a test program and a fuzz target must find it.
plants='1:memmap 2:buddy 3:pt 4:fdt 5:slab 6:multiboot 7:uefi 8:acpi 9:limine 40:region 43:tiny'
test_plant() {
  setup build/gcc -Ddebug=false
  meson_build plants build/gcc
  for plant in 120:pt 121:pt 121:pt_tree 122:pt_recursive 135:pt_recursive; do
    beside check_fails "control: test_${plant#*:} notices planted bug ${plant%:*} of windows" "" \
      env MM_PLANT="${plant%:*}" "build/gcc/tests/test_${plant#*:}_window" tests/data
  done
  beside check_fails "control: test_pmm_poison notices planted bug 27" "" \
    env MM_PLANT=27 build/gcc/tests/test_pmm_poison_word8 tests/data
  for plant in $plants 68:slab_harden 80:slab_harden 81:slab_harden 82:slab_guard 112:slab_guarded 83:slab_site 19:pmm_contig 25:pmm_bulk 28:pmm_withdraw 47:pmm_withdraw 34:pmm_cpu 20:pt 21:pt 22:pt 24:pt 67:pt 145:pt_errors 110:pt_lists 137:pt_keys 138:pt_keys 44:pt 126:pt 139:pt_flush 140:pt_flush 141:pt_flush 147:pt_share 148:pt_share 136:pt_share 146:pt_share 70:pt_tree 71:pt_tree 65:pt_refill 66:pt_refill 72:pt_runs 73:pt_runs 74:pt_runs 30:pmm_zones 60:pmm_inline 50:slab_bulk 51:slab_reserve 52:slab_deferred 113:slab_nmi 114:slab_nmi 54:slab_owner 55:kmalloc 144:kmalloc 56:percpu 57:slab_nodes 132:slab_failures 133:slab_failures 100:slab_disturbed 61:slab_owner 117:slab_stats 118:slab_stats 62:slab_nodes 101:slab_owner 101:slab_deferred 41:region 42:region; do
    beside check_fails "control: test_${plant#*:} notices planted bug ${plant%:*}" "" \
      env MM_PLANT="${plant%:*}" "build/gcc/tests/test_${plant#*:}_debug" tests/data
  done
  beside check_fails "control: an example notices a request in the wrong zone" "must be NORMAL of node 2" \
    env MM_PLANT=30 build/gcc/examples/zones/zones_numa_server_debug
  wait
}
test_fuzz() {
  targets=$(scripts/fuzz.sh --list)
  check "fuzz: build" scripts/fuzz.sh --build
  for t in $targets; do
    beside check "fuzz $t, 2 s" scripts/fuzz.sh --seed 1 "$t" 2
  done
  for plant in $plants 19:pmm 25:pmm 27:pmm 14:mobility 28:mobility 30:pmm 36:buddy 36:pmm 52:slab 55:slab 56:slab 81:slab 82:slab 83:site 57:slab 54:slab 61:slab 62:slab1 101:slab 114:slab 118:slab 2:trace 20:pt 22:pt 72:pt 75:pt 79:pt 110:pt 138:pt 147:pt 148:pt 146:pt; do
    beside check_fails "control: fuzz ${plant#*:} finds planted bug ${plant%:*} within 60 s" \
      "FOUND something" env MM_PLANT="${plant%:*}" scripts/fuzz.sh --seed 1 "${plant#*:}" 60
  done
  wait
}
test_tsan() {
  check "ThreadSanitizer: 4 threads, 300000 operations; guarded objects, 1000 caches; 5000 new heaps; 10000 shared pages; 1000 looks at all; a ring of records; signals as NMIs" scripts/tsan.sh 300000
  check_fails "control: ThreadSanitizer notices planted race 15" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 15 stress 300000
  check_fails "control: ThreadSanitizer notices planted race 45" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 45 first 5000
  check_fails "control: ThreadSanitizer notices planted race 49" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 49 share 5000
  check_fails "control: ThreadSanitizer notices planted race 48" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 48 any 1000
  check "Relacy: 9 protocols hold where loads and stores overtake each other, and none without its order" scripts/litmus.sh
  check_fails "control: one schedule of each shows no order that is missing" "TOO" scripts/litmus.sh 1
  check_fails "control: who looks once at a record's number takes a torn one for whole" "is torn, and told as whole" \
    build/tsan/trace 1000000 torn
}
test_docs() {
  check "spelling and licences" tools/check_text.sh
  check_fails "control: a misspelt file without a licence is noticed" "planted.c:1: .* ==> " tools/check_text.sh --plant
  check "what guides name is there" tools/check_names.sh
  check_fails "control: a guide that names what is not there is noticed" "there is no mm_nowhere" tools/check_names.sh --plant
  check "the table of tiers in README is what the compiler gives" tools/tiers.sh --check
  check_fails "control: sizes that are not so are noticed" "README says .* KiB, it is" tools/tiers.sh --check --plant
  check "documentation: no warning, contexts of all functions, no dead link" tools/check_docs.sh
  check_fails "control: an undocumented function is noticed" "mm_planted are not documented" tools/check_docs.sh --plant function
  check_fails "control: a dead link and a function without a context are noticed" "(mm_planted: no context.*|nowhere.html)" \
    tools/check_docs.sh --plant link
  check_fails "control: a number of nobody knows what is noticed" "mm_planted: of what is a" tools/check_docs.sh --plant unit
  check_fails "control: recursion is noticed" "recursion: plant plant" tools/stack.py --plant
  check "picture of memory: a browser finds what a log told" tools/check_mmview.sh
  check_fails "control: a picture that lacks something is noticed" "the page lacks" tools/check_mmview.sh --plant
  check "performance document: it is what its data gives" tools/performance_doc.sh --check
  for what in figure plot data; do
    check_fails "control: its $what changed by hand is noticed" "is not what" tools/performance_doc.sh --plant $what
  done
}
test_demo() {
  check "demo: every machine boots and every check passes" scripts/demo.sh
  check_fails "control: a failing check fails the demo" "not ok" scripts/demo.sh --append fail --loader pvh --cpu max x86_64
  check_fails "control: a missing remote TLB flush fails the demo" "not ok .* stale translation" scripts/demo.sh --append noflush aarch64
}
test_conformance() {
  check "conformance: page tables of every MMU that QEMU has" scripts/conformance.sh
  for mode in aarch64:16K aarch64:16K-52-bits riscv64:Sv48 x86_64:4-levels x86:PAE x86:2-levels arm:LPAE; do
    check_fails "control: a missing flush of other CPUs fails conformance on $mode" \
      "[1-9][0-9]* failed, .* checks failed" \
      scripts/conformance.sh --append noflush "$mode"
  done
  check_fails "control: a window whose old table CPUs go on using fails conformance" "stopped before its end|checks failed" \
    scripts/conformance.sh --append stale x86:2-levels
}
test_linux() {
  check "linux: a module of Debian's kernel; checks, figures that repeat, nothing left behind" scripts/linux.sh
  check_fails "control: a leaked frame is noticed when the module goes" "not ok .* everything is given back" \
    scripts/linux.sh --plant leak
}
test_bench() {
  check "benchmarks: every group builds and gives every figure" scripts/bench.sh --quick
  check_fails "control: a missing figure is noticed" "page.planted is missing" \
    scripts/bench.sh --quick --expect page.planted page
}
test_ways() {
  check "gdb shows of a stopped program, and of its core, what the library counts" tools/check_gdb.sh
  for what in frames objects; do
    check_fails "control: $what that are counted wrong in memory are noticed by gdb" "differs" tools/check_gdb.sh --plant $what
  done
  check "traces: recorded, replayed, damaged ones refused, torn ones replayed in part" tools/check_trace.sh
  check_fails "control: a record that is missing is noticed" "records, 0 lost before them; [1-9][0-9]* frees" tools/check_trace.sh --plant record
  check_fails "control: too little memory fails a replay" "could not serve" tools/check_trace.sh --plant memory
  check "recipes: C++ new and Rust's GlobalAlloc, run" make -s -C examples/recipes check
  check "ways in: Meson, wrap, pkg-config, CMake, its package, make, two files" tools/check_ways_in.sh
  check_fails "control: a way in that lacks a layer is noticed" "FAIL makefile" tools/check_ways_in.sh --plant makefile
}
# As many at a time as there are CPUs, each with as many jobs, so that none is idle while a step waits for the last of
# its jobs. What has one job at a time is not among the last.
for name in gcc docs ways conformance valgrind clang linux bench plant demo tree m32 bigendian fuzz tsan matrix; do
  if wanted $name; then
    beside step $name
    echo "--- $name (after $((SECONDS - start)) s)"
  fi
done
wait
summary
