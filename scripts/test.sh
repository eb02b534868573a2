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
  libc6-dev-s390x-cross qemu-user clang lld llvm clang-19 lld-19 llvm-19 libclang-rt-14-dev rustc meson pkg-config cmake make gdb valgrind cppcheck \
  libcmocka-dev libfdt-dev relacy-dev libmimalloc2.0 libjemalloc2 libtcmalloc-minimal4 doxygen doxygen-awesome-css graphviz chromium \
  linkchecker codespell reuse python3 qemu-system-x86 qemu-system-arm qemu-system-mips qemu-system-ppc qemu-system-misc linux-headers-amd64 busybox-static \
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
  # nor with more debug information than reports show; and ld takes longer than lld to link the runtime
  CC=clang CC_LD=lld setup build/asan -Dc_args=-g1 -Db_sanitize=address,undefined -Db_lundef=false \
    -Dvariants=release,word8 -Doptimization=0
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
  while read -r number test name; do # the bug, the program, and which of its tests is about that
    beside check_fails "control: test_$test notices planted bug $number of windows" "(FAILED|ERROR) +\\] (.*: )?$name" \
      env MM_PLANT="$number" "build/gcc/tests/test_${test}_window" tests/data
  done <<'BUGS'
120 pt cursors_move_beside_each_other
121 pt splits_at_both_edges
121 pt_tree split_keeps_what_is_mapped
122 pt_recursive each_table_is_where_it_is_said_to_be
135 pt_recursive pages_beside_it_are_no_way_into_it
168 pt_recursive what_it_showed_is_flushed
BUGS
  beside check_fails "control: test_pmm_poison notices planted bug 27" "FAILED +\\] any_byte_of_a_block_will_do" \
    env MM_PLANT=27 build/gcc/tests/test_pmm_poison_word8 tests/data
  while read -r number test name; do
    beside check_fails "control: test_$test notices planted bug $number" "(FAILED|ERROR) +\\] (.*: )?$name" \
      env MM_PLANT="$number" "build/gcc/tests/test_${test}_debug" tests/data
  done <<'BUGS'
1 memmap neighbours_merge_if_type_and_owner_are_equal
2 buddy every_order_is_aligned_disjoint_and_comes_back
3 pt a_table_goes_with_its_last_page
6 multiboot maps_of_real_loaders_are_the_firmwares_without_what_is_taken
7 uefi attributes_decide_about_ram_and_about_nothing_else
9 limine types_are_understood
40 region neighbours_join_in_every_order
43 tiny every_size_alignment_and_page_is_used_to_its_end
68 slab_harden nothing_is_read_behind_a_slab
80 slab_harden a_write_after_free_is_found
81 slab_harden a_nul_too_far_is_told_to_who_frees
82 slab_guard padding_is_watched
112 slab_guarded a_free_too_late_is_refused
83 slab_site each_call_is_a_place
19 pmm_contig any_part_of_a_block_can_be_freed
25 pmm_bulk one_wrong_block_keeps_all
28 pmm_withdraw a_refusal_names_the_frame
47 pmm_withdraw a_bad_frame_may_be_on_its_way_to_a_hand
34 pmm_cpu the_next_word_of_a_sector_is_free_for_others
79 pt splits_at_both_edges
143 pt attributes_round_trip
143 pt_formats what_is_no_right_is_broken
22 pt splits_at_both_edges
24 pt a_full_gather_flushes_by_itself
67 pt single_pages_find_what_others_did
145 pt_errors trees_of_other_formats_are_refused
110 pt_lists translate_takes_no_way_that_is_gone
137 pt_keys another_key_is_flushed
138 pt_keys large_pages_keep_keys
44 pt what_a_table_says_of_itself_stays_true
126 pt small_pages_beside_large_ones_are_noted
163 pt_gather maps_out_of_order_are_flushed_once
164 pt_formats what_loops_ask_is_what_the_format_says
165 pt_formats batches_tell_of_the_highest_frames
166 pt_formats what_loops_ask_is_what_the_format_says
167 pt_pages the_barest_leaf_keeps_its_table
170 pt_pages pages_beside_what_is_no_table
228 pt_runs .*Sv39, folded: a_run_that_is_broken_is_flushed_while_it_is_empty
173 pt_formats what_stays_is_mapped_at_each_moment
139 pt_flush ranges_are_all_of_what_is_flushed
169 pt_flush a_guests_pages_are_forgotten_and_then_both_stages_as_one
140 pt_flush on_riscv_pages_or_all_of_them_are_forgotten
141 pt_flush each_short_range_too
149 pt_flush_more on_armv7_all_of_it_is_forgotten_in_the_manuals_order
150 pt_flush_more on_ia32_all_is_forgotten_that_has_to_be
171 pt_flush_more on_ept_all_is_forgotten_once_or_where_that_fails_of_all_trees
151 pt_flush_more on_mips_every_entry_goes_that_is_in_it_and_no_other
147 pt_share a_second_root_follows
148 pt_share what_is_kept_stays
136 pt_share a_cursor_of_a_space_finds_what_the_kernel_left
70 pt_tree a_write_while_leaves_become_one_is_not_lost
71 pt_tree a_map_with_reserved_tables_needs_no_memory
65 pt_refill pairs_are_those_of_the_manuals
66 pt_refill pairs_are_those_of_the_manuals
72 pt_runs a_part_is_unmapped
73 pt_runs cursors_tell_a_run_as_one
74 pt_runs bits_of_one_member_are_those_of_all
30 pmm_zones blocks_leave_the_minimum_too
60 pmm_inline answers_and_state_are_those_of_the_calls
50 slab_bulk one_wrong_pointer_and_none_is_freed
51 slab_reserve a_reserve_lasts_when_memory_does_not
52 slab_deferred nothing_goes_before_readers_have_left
156 kmalloc what_realloc_adds_is_zero_after_a_shrink_too
144 kmalloc a_free_that_tells_a_size_beside_a_power_of_two_is_believed
146 pt_share page_tables_are_isolated
159 pt_claim nobody_changes_what_is_anothers
160 pt_claim what_cannot_be_claimed_is_refused
161 pt_claim whole_tables_are_a_claims_own
113 slab_nmi slabs_go_beside_it
130 slab_nmi a_cache_stays_while_somebody_is_led_to_a_slab_of_it
114 slab_nmi many_of_many_slabs_come_home
54 slab_owner an_owner_is_of_who_has_it_now
55 kmalloc a_free_that_tells_the_size_is_checked
56 percpu wrong_ones_are_answered
158 percpu a_failure_leaves_nothing
57 slab_nodes flags_ask_for_a_node
132 slab_failures what_fails_changes_nothing
133 slab_failures each_place_that_may_fail_did
100 slab_disturbed memory_does_not_move_to_where_it_was
61 slab_owner the_report_is_what_is_held
118 slab_stats large_blocks_are_counted_by_their_pages
95 slab_stats tables_in_use_stay
152 slab_rows kfree_large_of_another_heap
153 slab_large a_write_after_its_free_is_found
155 slab_large what_waits_goes_when_memory_is_short
62 slab_nodes after_settling_all_is_home
101 slab_owner what_is_mmlib_s_own_is_not_taken
101 slab_deferred what_is_mmlib_s_own_is_not_taken
41 region every_size_and_alignment_fits_and_comes_back
42 region a_block_of_the_same_class_is_taken_only_if_it_is_enough
128 region what_is_allocated_beside_a_block_is_not_read
BUGS
  while read -r number test says; do # these do not come to their end
    beside check_fails "control: test_$test notices planted bug $number" "$says" \
      env MM_PLANT="$number" "build/gcc/tests/test_${test}_debug" tests/data
  done <<'BUGS'
4 fdt fdt_reference.c:[0-9]+: .*valid
5 slab panic at .*slab/harden.c
8 acpi acpi_reference.c:[0-9]+: .mm_srat_next
117 slab_stats panic at .*slab/slab.c
BUGS
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
  for plant in $plants 19:pmm 25:pmm 27:pmm 14:mobility 28:mobility 30:pmm 36:buddy 36:pmm 52:slab 55:slab 56:slab 158:slab 81:slab 82:slab 156:kmalloc 156:kmalloc1 157:region 40:region_small 83:site 152:site 57:slab 54:slab 61:slab 62:slab1 101:slab 114:slab 118:slab 2:trace 22:pt 75:pt 79:pt 138:pt 147:pt 148:pt 146:pt; do
    beside check_fails "control: fuzz ${plant#*:} finds planted bug ${plant%:*} within 60 s" \
      "FOUND something" env MM_PLANT="${plant%:*}" scripts/fuzz.sh --seed 1 "${plant#*:}" 60
  done
  wait
}
test_tsan() {
  check "ThreadSanitizer: 4 threads, 300000 operations; guarded objects, 1000 caches; 1000 new heaps; 10000 shared pages; 1000 looks at all; a ring of records; signals as NMIs; 4 writers in one tree, 5000 operations each" scripts/tsan.sh 300000
  check_fails "control: ThreadSanitizer notices planted race 15" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 15 stress 300000
  check_fails "control: ThreadSanitizer notices planted race 45" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 45 first 1000
  check_fails "control: ThreadSanitizer notices planted race 49" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 49 share 5000
  check_fails "control: ThreadSanitizer notices planted race 48" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 48 any 1000
  check_fails "control: ThreadSanitizer notices planted race 162" "WARNING: ThreadSanitizer" \
    scripts/tsan.sh --planted 162 claims 30000
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
  check "mistakes with objects: each error that is documented has a test of its own, and the table of them is right" tools/check_rows.py
  check_fails "control: a mistake that no test makes is noticed" "no row shows MM_E_ALIGN" tools/check_rows.py --plant
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
  for mode in aarch64:{4K,16K,64K,S2} riscv64:{Sv39,Sv48,Sv57,Sv39x4} x86_64:{4-levels,5-levels,nested} x86:PAE arm:{LPAE,short} mips64:4K loongarch64:16K s390x:region-3 ppc64:radix riscv32:Sv32; do
    check_fails "control: a missing flush of other CPUs fails conformance on $mode" \
      "[1-9][0-9]* failed, .* checks failed" \
      scripts/conformance.sh --append noflush "$mode"
  done
  check_fails "control: boot tables that mmlib is not told have moved fail conformance" "[1-9][0-9]* failed, .* checks failed" \
    scripts/conformance.sh --append unmoved aarch64:4K
  check_fails "control: an access that is not aligned, as none may be with the MMU off, fails conformance" \
    "stopped before its end" scripts/conformance.sh --append unaligned aarch64:4K
  check_fails "control: a window whose old table CPUs go on using fails conformance" "stopped before its end|checks failed" \
    scripts/conformance.sh --append stale x86:2-levels
  for mode in unfollowed:x86_64:4-levels unisolated:x86_64:4-levels unfollowed:riscv64:Sv39-roots unisolated:aarch64:4K-roots; do
    check_fails "control: a second root that is ${mode%%:*} fails conformance on ${mode#*:}" "[1-9][0-9]* failed, .* checks failed" \
      scripts/conformance.sh --append "roots ${mode%%:*}" "${mode#*:}"
  done
  check_fails "control: an address that showed a table, and that nobody forgets when another takes its place, fails conformance" \
    "stopped before its end|checks failed" scripts/conformance.sh --append stale aarch64:4K-recursive
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
  check_fails "control: loops by hand that do something else than the walker are noticed" "not the same" \
    build/bench/gcc-quick/bench_pt_formats-call-l1 planted
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
