/* SPDX-License-Identifier: MIT */
/* Contiguous runs: AArch64's Contiguous bit with each granule and in stage 2, RISC-V's Svnapot. The oracle decodes
 * them by the manuals, knows that a TLB holds a run as one, and that all members must be alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_tree.h>
#include "pt_oracle.h"
#include "sim.h"

#define RW (MM_PT_READ | MM_PT_WRITE)
#define AD (MM_PT_ACCESSED | MM_PT_DIRTY)

/* A format, one instance of the walker, and how long the manual says that runs are. */
struct how {
	const char *name;
	const struct mm_pt_port *(*own)(void); /* or NULL: by number */
	enum mm_pt_format format;
	const struct ora_arch *arch;
	uint32_t features;
	unsigned small_lg2, large_lg2; /* entries of a run at levels 0 and 1; 0: none */
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t,
				struct mm_tlb_gather *);
	enum mm_status (*protect)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, uint32_t,
				  struct mm_tlb_gather *);
	enum mm_status (*query)(const struct mm_pt *, mm_vaddr_t, struct mm_pt_run *);
	bool (*next)(struct mm_pt_cur *, struct mm_pt_run *);
	bool (*leaves)(struct mm_pt_cur *, struct mm_pt_leaves *);
	enum mm_status (*unmap_leaves)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				       struct mm_pt_leaves *);
	enum mm_status (*translate)(const struct mm_pt *, mm_vaddr_t, mm_paddr_t *);
};

#define WITH(name)                                                                                 \
	name##_map, name##_unmap, name##_protect, name##_query, name##_cur_next,                   \
		name##_cur_leaves, name##_unmap_leaves, name##_translate
#define A64(format, small, large)                                                                  \
#format, NULL, format, NULL, MM_PT_AARCH64_CONTIG, small, large, WITH(mm_pt)

/* The table of the Arm ARM, D8.7, and the Svnapot chapter: 64 KiB. */
static const struct how ways[] = {
	{ "AArch64 4K, folded", mm_pt_aarch64_port, 0, &ora_aarch64, MM_PT_AARCH64_CONTIG, 4, 4,
	  WITH(mm_pt_aarch64) },
	{ "AArch64 4K, any", mm_pt_aarch64_port, 0, &ora_aarch64, MM_PT_AARCH64_CONTIG, 4, 4,
	  WITH(mm_pt) },
	{ "Sv39, folded", mm_pt_sv39_port, 0, &ora_sv39, MM_PT_RISCV64_SVNAPOT, 4, 0,
	  WITH(mm_pt_sv39) },
	{ "Sv48, any", mm_pt_sv48_port, 0, &ora_sv48, MM_PT_RISCV64_SVNAPOT, 4, 0, WITH(mm_pt) },
	{ "Sv39x4", NULL, MM_PT_SV39X4, NULL, MM_PT_RISCV64_SVNAPOT, 4, 0, WITH(mm_pt) },
	{ A64(MM_PT_AARCH64_16K, 7, 5) },
	{ A64(MM_PT_AARCH64_64K, 5, 5) },
	{ A64(MM_PT_AARCH64_64K_LPA, 5, 5) },
	{ A64(MM_PT_AARCH64_4K_LPA2, 4, 4) },
	{ A64(MM_PT_AARCH64_16K_LPA2, 7, 5) },
	{ A64(MM_PT_AARCH64_S2, 4, 4) },
	{ A64(MM_PT_AARCH64_S2_48, 4, 4) },
	{ A64(MM_PT_ARMV7_LPAE, 4, 4) },
};

/* B3.5.1 of the ARMv7-A manual. */
static const struct how supersections = { "ARMv7 short",     NULL, MM_PT_ARMV7, NULL,
					  MM_PT_ARMV7_SUPER, 0,    4,           WITH(mm_pt) };
static const struct how large_pages = { "ARMv7 short",     NULL, MM_PT_ARMV7, NULL,
					MM_PT_ARMV7_LARGE, 4,    0,           WITH(mm_pt) };

static struct ora ora;
static struct ora_set want;
static const struct how *w;
static struct mm_pt pt;
static struct mm_tlb_gather g;
static uint64_t page, run, large; /* bytes of a page, of a run of them, of a large leaf */
static mm_paddr_t pa0;            /* aligned for all */

static void start(void **state, uint32_t features)
{
	struct mm_pt_cfg cfg = { .features = features };

	if (!ora.mem)
		ora_init(&ora, 0x40000000, 1200);
	w = *state;
	ora_reset(&ora);
	set_clear(&want);
	ora_set_arch(&ora, w->arch ? w->arch : ora_formats[w->format]);
	const struct mm_pt_port *port = w->own ? w->own() : mm_pt_format(w->format);
	ora.features = features;
	ora.pa_bits = port->pa_bits < 40 ? port->pa_bits : 40;
	cfg.pa_bits = ora.pa_bits;
	g = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, port, &ora.env, &cfg), MM_OK);
	ora.pt = &pt;
	ora_observe(&ora);
	ora.unordered = ora.new_table = false;
	page = ora_size(&ora, 0);
	large = ora_size(&ora, 1);
	run = page << w->small_lg2;
	pa0 = (mm_paddr_t)(UINT64_C(1) << 39);
}

static void start_on(void **state)
{
	start(state, ((const struct how *)*state)->features);
}

static void check(void)
{
	ora_check_gather(&ora, &g);
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
	assert_true(set_equal(&ora.live, &want));
}

static void finish(void)
{
	check();
	mm_pt_sync(&pt, &g);
	ora_check_synced(&ora);
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
}

/* start_on() for a test of bits that hardware sets; false: here it sets none. */
static bool start_noting(void **state)
{
	start_on(state);
	if (!(ora.arch->unkept & MM_PT_ACCESSED))
		return true;
	finish();
	return false;
}

static void map_ok(uint64_t va, uint64_t pa, uint64_t length, uint32_t attr, uint32_t flags)
{
	assert_int_equal(w->map(&pt, va, (mm_paddr_t)pa, length, attr, flags, &g), MM_OK);
	assert_int_equal(g.pages, length / page);
	set_insert(&want,
		   (struct ora_run){
			   .va = va, .last = va + (length - 1), .pa = pa, .attr = ora_told(attr) });
	check();
}

/* The leaf or run at an address: how long it is, by the walker and by the manual. */
static uint64_t length_at(uint64_t va)
{
	struct mm_pt_run r;
	struct ora_run truth = ora_walk(&ora, va);
	mm_paddr_t pa;

	assert_int_equal(w->query(&pt, va, &r), MM_OK);
	assert_true(r.va == truth.va && r.last == truth.last);
	assert_true(r.pa == truth.pa + (va - truth.va));
	assert_int_equal(r.attr, truth.attr);
	assert_int_equal(r.level, truth.level);
	assert_int_equal(w->translate(&pt, va, &pa), MM_OK);
	assert_true(pa == r.pa);
	return r.last - r.va + 1;
}

static void map_makes_runs_where_they_fit(void **state)
{
	start_on(state);
	map_ok(run - page, pa0 + run - page, 3 * run + 2 * page, RW, 0);
	assert_true(length_at(run - page) == page);
	for (unsigned k = 1; k < 4; k++) {
		assert_true(length_at(k * run) == run);
		assert_true(length_at(k * run + run - 1) == run);
		assert_true(length_at(k * run + page + 5) == run);
	}
	assert_true(length_at(4 * run) == page);
	finish();
}

static void map_makes_none_where_they_do_not(void **state)
{
	start_on(state);
	map_ok(0, pa0 + page, 2 * run, RW, 0); /* frames are not aligned */
	assert_true(length_at(0) == page && length_at(run) == page);
	map_ok(2 * run, pa0, run - page, RW, 0); /* too short */
	assert_true(length_at(2 * run) == page);
	map_ok(4 * run, pa0, 2 * run, RW, MM_PT_NO_RUNS);
	assert_true(length_at(4 * run) == page && length_at(5 * run) == page);
	map_ok(6 * run, pa0, run, RW, MM_PT_MAX_LEVEL(0));
	assert_true(length_at(6 * run) == run);
	for (uint64_t k = 0; k < run; k += page) /* page by page */
		map_ok(8 * run + k, pa0 + k, page, RW, 0);
	assert_true(length_at(8 * run) == page);
	finish();
}

static void no_feature_no_runs(void **state)
{
	start(state, 0);
	map_ok(0, pa0, 4 * run, RW, 0);
	assert_true(length_at(run) == page);
	assert_int_equal(mm_pt_collapse(&pt, 0, 4 * run, 0, &g), MM_OK);
	assert_int_equal(g.pages, 0);
	finish();
}

static void large_leaves_are_runs_too(void **state)
{
	start_on(state);
	if (w->large_lg2 && ora_size(&ora, 1) << w->large_lg2 < pa0) {
		const uint64_t length = large << w->large_lg2;
		map_ok(length, pa0, length, RW, 0);
		assert_true(length_at(length) == length && length_at(2 * length - 1) == length);
		/* the smallest part of it: the run is broken, one leaf of it split */
		assert_int_equal(w->protect(&pt, length + large + page, page, MM_PT_READ, 0, &g),
				 MM_OK);
		set_protect(&want, length + large + page, length + large + 2 * page - 1,
			    MM_PT_READ);
		check();
		assert_true(length_at(length) == large && length_at(length + large) == page);
		assert_true(length_at(2 * length - 1) == large);
	}
	finish();
}

static void a_run_in_the_way_is_seen(void **state)
{
	start_on(state);
	map_ok(run, pa0, run, RW, 0);
	assert_int_equal(w->map(&pt, 0, pa0, 2 * run, RW, 0, &g), MM_E_EXIST);
	assert_true(g.stop_va == run && g.pages == 0);
	check();
	assert_int_equal(w->map(&pt, run + page, pa0, page, RW, 0, &g), MM_E_EXIST);
	map_ok(3 * run + page, pa0, page, RW, 0);
	assert_int_equal(w->map(&pt, 2 * run, pa0, 2 * run, RW, MM_PT_PARTIAL, &g), MM_E_EXIST);
	assert_true(g.stop_va == 3 * run + page);
	set_insert(&want, (struct ora_run){ .va = 2 * run,
					    .last = 3 * run + page - 1,
					    .pa = pa0,
					    .attr = ora_told(RW) });
	check();
	assert_true(length_at(2 * run) == run && length_at(3 * run) == page);
	finish();
}

static void a_part_is_unmapped(void **state)
{
	static const int8_t parts[][2] = { { 0, 1 }, { 1, 2 }, { 3, 5 }, { -1, 0 }, { -3, 0 } };

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		start_on(state);
		map_ok(run, pa0, 3 * run, RW, 0);
		uint64_t from = parts[i][0] < 0 ? 3 * run + (uint64_t)parts[i][0] * page
						: 2 * run + (uint64_t)parts[i][0] * page;
		uint64_t end = parts[i][0] < 0 ? 3 * run : 2 * run + (uint64_t)parts[i][1] * page;
		assert_int_equal(w->unmap(&pt, from, end - from, MM_PT_EXACT, &g), MM_OK);
		assert_int_equal(g.pages, set_remove(&want, from, end - 1));
		check();
		assert_true(length_at(run) == run && length_at(3 * run) == run);
		if (from > 2 * run)
			assert_true(length_at(2 * run) == page);
		finish();
	}
}

static void a_range_that_ends_in_two_runs_breaks_both(void **state)
{
	start_on(state);
	map_ok(run, pa0, 4 * run, RW, 0);
	assert_int_equal(w->protect(&pt, run + page, 3 * run - page + page, MM_PT_READ, 0, &g),
			 MM_OK);
	assert_int_equal(g.pages, set_protect(&want, run + page, 4 * run + page - 1, MM_PT_READ));
	check();
	assert_true(length_at(run) == page && length_at(4 * run) == page);
	assert_true(length_at(2 * run) == run && length_at(3 * run) == run);
	assert_int_equal(w->unmap(&pt, 2 * run, 2 * run, MM_PT_DISCARD, &g), MM_OK);
	set_remove(&want, 2 * run, 4 * run - 1);
	finish();
}

static void (*flush)(void *ctx, const struct mm_tlb_gather *gather);
static unsigned empty_ones;

static void count_empty(void *ctx, const struct mm_tlb_gather *gather)
{
	mm_paddr_t pa;

	empty_ones += mm_pt_translate(&pt, run, &pa) == MM_E_NOENT;
	flush(ctx, gather);
}

/* R1, also where the architecture asks for no break-before-make, so that no oracle misses it. */
static void a_run_that_is_broken_is_flushed_while_it_is_empty(void **state)
{
	start_on(state);
	map_ok(run, pa0, run, RW, 0);
	flush = ora.env.flush;
	ora.env.flush = count_empty;
	empty_ones = 0;
	assert_int_equal(w->protect(&pt, run + page, page, MM_PT_READ, 0, &g), MM_OK);
	ora.env.flush = flush;
	assert_int_equal(empty_ones, 1);
	set_protect(&want, run + page, run + 2 * page - 1, MM_PT_READ);
	finish();
}

static void protect_keeps_a_run_that_lies_in_the_range(void **state)
{
	if (!start_noting(state))
		return;
	map_ok(0, pa0, 2 * run, RW | MM_PT_TRACK, 0);
	assert_true(ora_access(&ora, page, true, false, false));
	struct ora_run hit = ora_walk(&ora, page);
	assert_true(hit.va == 0 && hit.last == run - 1);
	set_touch(&want, 0, run - 1, AD);
	check();
	assert_int_equal(w->protect(&pt, 0, 2 * run, MM_PT_READ | MM_PT_TRACK, 0, &g), MM_OK);
	assert_int_equal(g.pages, set_protect(&want, 0, 2 * run - 1, MM_PT_READ | MM_PT_TRACK));
	check();
	assert_true(length_at(0) == run && length_at(run) == run);
	assert_int_equal(w->protect(&pt, 0, run, RW | MM_PT_TRACK, MM_PT_EXACT, &g), MM_OK);
	set_protect(&want, 0, run - 1, RW | MM_PT_TRACK);
	finish();
}

/* Hardware sets bits in any member; breaking a run gives them to all. */
static void bits_of_one_member_are_those_of_all(void **state)
{
	for (uint64_t k = 0; k < UINT64_C(1) << ((const struct how *)*state)->small_lg2; k += 3) {
		if (!start_noting(state))
			return;
		map_ok(run, pa0, run, RW | MM_PT_TRACK, 0);
		assert_true(ora_access(&ora, run + k * page, true, false, false));
		set_touch(&want, run, 2 * run - 1, AD);
		check();
		assert_true(length_at(run) == run);
		assert_int_equal(mm_pt_split(&pt, run, run, MM_PT_NO_RUNS, &g), MM_OK);
		assert_int_equal(g.pages, run / page);
		check();
		assert_true(length_at(run) == page);
		assert_int_equal(mm_pt_collapse(&pt, run, run, 0, &g), MM_OK);
		assert_int_equal(g.pages, run / page);
		check();
		assert_true(length_at(run) == run);
		finish();
	}
}

static void collapse_ors_bits_of_pages(void **state)
{
	if (!start_noting(state))
		return;
	map_ok(run, pa0, 2 * run, RW | MM_PT_TRACK, MM_PT_NO_RUNS);
	assert_true(ora_access(&ora, run + 5 * page, true, false, false));
	assert_int_equal(mm_pt_collapse(&pt, run, 2 * run - page, 0, &g), MM_OK);
	assert_int_equal(g.pages, run / page);
	set_touch(&want, run, 2 * run - 1, AD);
	check();
	assert_true(length_at(run) == run && length_at(2 * run) == page);
	assert_int_equal(mm_pt_collapse(&pt, run, 2 * run, MM_PT_NO_RUNS, &g), MM_OK);
	assert_int_equal(g.pages, 0);
	finish();
}

static void collapse_makes_a_large_leaf_of_runs(void **state)
{
	start_on(state);
	map_ok(large, pa0, large, RW, MM_PT_MAX_LEVEL(0));
	assert_true(length_at(large) == run);
	assert_int_equal(mm_pt_collapse(&pt, large, large, 0, &g), MM_OK);
	assert_int_equal(g.pages, large / page);
	check();
	assert_true(length_at(large) == large);
	finish();
}

static void age_harvests_a_run_as_one(void **state)
{
	mm_paddr_t pa[4];
	uint32_t attr[4];
	struct mm_pt_leaves leaves = { .pa = pa, .attr = attr, .room = 4 };
	struct mm_pt_cur cur;

	if (!start_noting(state))
		return;
	map_ok(run, pa0, run, RW | MM_PT_TRACK, 0);
	assert_true(ora_access(&ora, run + 6 * page, true, false, false));
	for (unsigned pass = 0; pass < 2; pass++) {
		assert_int_equal(mm_pt_cur_init(&cur, &pt, run + page, run), MM_OK);
		assert_int_equal(mm_pt_age(&pt, &cur, AD, &g, &leaves), MM_OK);
		assert_int_equal(g.pages, pass ? 0 : run / page);
		assert_int_equal(leaves.n, 1);
		assert_true(leaves.va == run + page && leaves.last == 2 * run - 1);
		assert_true(pa[0] == pa0 + page);
		assert_int_equal(attr[0] & AD, pass ? 0 : AD);
		check();
		assert_true(length_at(run) == run);
		assert_int_equal(mm_pt_age(&pt, &cur, AD, &g, &leaves), MM_E_NOENT);
	}
	finish();
}

static void cursors_tell_a_run_as_one(void **state)
{
	mm_paddr_t pa[4];
	uint32_t attr[4];
	struct mm_pt_leaves leaves = { .pa = pa, .attr = attr, .room = 4 };
	struct mm_pt_cur cur;
	struct mm_pt_run r;

	start_on(state);
	map_ok(run, pa0, run + page, RW, 0);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 0, 4 * run), MM_OK);
	assert_true(w->next(&cur, &r) && !r.attr && r.last == run - 1);
	assert_true(w->next(&cur, &r) && r.attr && r.va == run && r.last == 2 * run - 1 &&
		    r.pa == pa0);
	assert_true(w->next(&cur, &r) && r.attr && r.va == 2 * run && r.last == 2 * run + page - 1);
	assert_true(w->next(&cur, &r) && !r.attr);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, run + page, 4 * run), MM_OK);
	assert_true(w->leaves(&cur, &leaves) && leaves.n == 1);
	assert_true(leaves.va == run + page && leaves.last == 2 * run - 1 && pa[0] == pa0 + page);
	assert_true(w->leaves(&cur, &leaves) && leaves.n == 1 && leaves.va == 2 * run);
	/* taken: whole, then in part */
	assert_int_equal(mm_pt_cur_init(&cur, &pt, run, run), MM_OK);
	assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_OK);
	assert_true(leaves.n == 1 && leaves.va == run && leaves.last == 2 * run - 1 &&
		    pa[0] == pa0);
	assert_int_equal(g.pages, set_remove(&want, run, 2 * run - 1));
	check();
	map_ok(3 * run, pa0, run, RW, 0);
	assert_int_equal(mm_pt_cur_init(&cur, &pt, 3 * run + page, 2 * page), MM_OK);
	assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_OK);
	assert_true(leaves.n == 2 && leaves.last == 3 * run + 3 * page - 1);
	set_remove(&want, 3 * run + page, 3 * run + 3 * page - 1);
	check();
	assert_true(length_at(3 * run) == page);
	finish();
}

static char lines[8][80];
static unsigned nlines;

static void keep_line(void *ctx, const char *text)
{
	(void)ctx;
	assert_true(strlen(text) < sizeof(lines[0]));
	if (nlines < 8)
		strcpy(lines[nlines++], text);
}

static void the_dump_says_it(void **state)
{
	char word[24];

	start_on(state);
	map_ok(run, pa0, 2 * run + page, RW, 0);
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, 0, keep_line, NULL), 0);
	assert_int_equal(nlines, 2);
	snprintf(word, sizeof(word), " L0 x%u ", 1u << w->small_lg2);
	assert_non_null(strstr(lines[0], word));
	assert_null(strstr(lines[1], " x"));
	finish();
}

/* The entry for @va in the lowest table. */
static uint64_t *entry_at(uint64_t va)
{
	const struct mm_pt_port *port = pt.port;
	uint64_t *table = ora_virt(&ora, pt.root);
	unsigned l = port->nlevels - 1u;

	for (;; l--) {
		uint64_t *e = &table[va >> port->level[l].shift &
				     ((UINT64_C(1) << port->level[l].bits) - 1)];
		if (l == 0)
			return e;
		table = ora_virt(&ora, port->below(&pt, *e));
	}
}

static void damage_is_found(void **state)
{
	start_on(state);
	map_ok(run, pa0, run, RW, 0);
	ora.damaged = true;
	for (uint64_t k = 0; k < run / page; k += run / page - 1) {
		uint64_t *e = entry_at(run + k * page), kept = *e;
		*e = 0;
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
		*e = kept ^ pt.port->frame(&pt, (mm_paddr_t)run, 0); /* another frame */
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_E_CORRUPT);
		*e = kept;
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	}
	ora.damaged = false;
	finish();
}

/* Who asks in an NMI may find a run that is being changed: some members are empty. Rights are not made up. */
static void an_empty_member_gives_no_rights(void **state)
{
	struct mm_pt_run found;

	start_on(state);
	map_ok(run, pa0, run, MM_PT_READ, 0);
	ora.damaged = true;
	uint64_t *e = entry_at(2 * run - page), kept = *e;
	*e = pt.port->empty(&pt, 0);
	assert_int_equal(w->query(&pt, run, &found), MM_OK);
	assert_int_equal(found.attr & (RW | MM_PT_EXEC | MM_PT_USER | MM_PT_GLOBAL), MM_PT_READ);
	*e = kept;
	ora.damaged = false;
	finish();
}

/* A member that is none, or says something else, gives no rights to the others, whatever is done with the run; and
 * who asks what was used leaves it as it is. */
static void a_damaged_member_gives_no_rights_to_others(void **state)
{
	const uint32_t rights = RW | MM_PT_EXEC | MM_PT_USER | MM_PT_GLOBAL;

	for (unsigned k = 0; k < 6; k++) {
		mm_paddr_t pa;
		uint32_t attr = 0;
		struct mm_pt_leaves leaves = { .pa = &pa, .attr = &attr, .room = 1 };
		struct mm_pt_run found;
		struct mm_pt_cur cur;
		start_on(state);
		map_ok(run, pa0, run, MM_PT_READ, 0);
		ora.pt = NULL; /* which takes what is damaged for mapped, or not */
		uint64_t *e = entry_at(2 * run - page), damage = pt.port->empty(&pt, 0);
		if (k & 1)
			damage = pt.port->run(&pt, pt.port->leaf(&pt, (mm_paddr_t)(pa0 + run - page), 0, RW | MM_PT_EXEC), 0);
		*e = damage;
		assert_int_equal(mm_pt_cur_init(&cur, &pt, run, run), MM_OK);
		if (k < 2) {
			assert_int_equal(mm_pt_age(&pt, &cur, AD, &g, &leaves), MM_OK);
			assert_true(k || *e == damage);
		} else if (k < 4) {
			assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_OK);
		} else {
			assert_int_equal(mm_pt_split(&pt, run, run, MM_PT_NO_RUNS, &g), MM_OK);
			assert_int_equal(w->query(&pt, run, &found), MM_OK);
			attr = found.attr;
		}
		assert_int_equal(attr & rights, MM_PT_READ);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
		assert_int_equal(ora.used, 0);
	}
}

/* A member that somebody made writable and executable is told, with where it is. */
static void the_dump_hides_no_member(void **state)
{
	char where[24];

	start_on(state);
	map_ok(run, pa0, run, MM_PT_READ, 0);
	ora.damaged = true;
	uint64_t *e = entry_at(run + 5 * page), kept = *e;
	*e = pt.port->run(&pt, pt.port->leaf(&pt, (mm_paddr_t)(pa0 + 5 * page), 0, RW | MM_PT_EXEC), 0);
	nlines = 0;
	assert_int_equal(mm_pt_dump(&pt, MM_PT_DUMP_WX, keep_line, NULL), 1);
	assert_int_equal(nlines, 1);
	snprintf(where, sizeof(where), "%llx-", (unsigned long long)(run + 5 * page));
	assert_non_null(strstr(lines[0], where));
	snprintf(where, sizeof(where), "%llx L0 ", (unsigned long long)(pa0 + 5 * page));
	assert_non_null(strstr(lines[0], where));
	*e = kept;
	ora.damaged = false;
	finish();
}

/* Nothing about runs takes memory. */
static void breaking_cannot_fail(void **state)
{
	start_on(state);
	map_ok(run, pa0, 2 * run, RW, 0);
	ora_fail(&ora, 1, true);
	assert_int_equal(w->unmap(&pt, run + page, run, MM_PT_EXACT, &g), MM_OK);
	set_remove(&want, run + page, 2 * run + page - 1);
	check();
	ora_fail(&ora, 0, false);
	finish();
}

static uint32_t section_at(uint64_t va)
{
	return ((uint32_t *)ora_virt(&ora, pt.root))[va >> 20];
}

static void supersections_are_runs_of_sections(void **unused)
{
	static const struct how *way = &supersections;
	void *state = (void *)(uintptr_t)way;
	const uint64_t super = 16 * UINT64_C(0x100000);

	(void)unused;
	start(&state, 0);
	map_ok(super, 0x50000000, super, RW, 0);
	assert_true(length_at(super) == large);
	finish();
	start_on(&state);
	map_ok(super - large, 0x50000000 - large, 2 * super + large, RW, 0);
	assert_true(length_at(super - large) == large);
	assert_true(length_at(super) == super && length_at(3 * super - 1) == super);
	for (uint64_t k = 0; k < super; k += large) /* 16 times the same: base 31:24, bit 18 */
		assert_int_equal(section_at(super + k),
				 (section_at(super - large) & 0xfffff) | 0x50000000 | 1u << 18);
	/* a page of it: the supersection is broken, one section of it split */
	assert_int_equal(w->protect(&pt, super + 3 * large + page, page, MM_PT_READ, 0, &g), MM_OK);
	set_protect(&want, super + 3 * large + page, super + 3 * large + 2 * page - 1, MM_PT_READ);
	check();
	assert_true(length_at(super) == large && length_at(super + 3 * large) == page);
	assert_true(length_at(2 * super) == super);
	assert_int_equal(w->protect(&pt, super + 3 * large + page, page, RW, 0, &g), MM_OK);
	set_protect(&want, super + 3 * large + page, super + 3 * large + 2 * page - 1, RW);
	assert_int_equal(mm_pt_collapse(&pt, super, super, 0, &g), MM_OK);
	check();
	assert_true(length_at(super) == super);
	assert_int_equal(w->unmap(&pt, super + large, large, MM_PT_EXACT, &g), MM_OK);
	set_remove(&want, super + large, super + 2 * large - 1);
	check();
	assert_true(length_at(super) == large);
	finish();
}

/* The second-level entry for an address. */
static uint32_t *small_at(uint64_t va)
{
	return (uint32_t *)ora_virt(&ora, section_at(va) & 0xfffffc00) + (va >> 12 & 255);
}

/* Bits of a large page are where small ones have their address: whatever is turned over in a member, the port says
 * what the manual does, or that it is damage. */
static void members_are_read_as_the_manual_says(uint64_t va)
{
	const uint32_t is = *small_at(va);

	for (unsigned bit = 0; bit < 32; bit++) {
		const uint32_t e = is ^ (uint32_t)1 << bit;
		enum mm_pt_kind kind = pt.port->classify(&pt, e, 0);
		if (!ora.arch->valid(e, 0))
			continue;
		if (kind == MM_PT_BAD) /* or TEX[2:1], which is software's, says what leaf() never does */
			continue;
		assert_null(ora.arch->reserved(&ora, e, 0, true));
		assert_int_equal(kind, ora.arch->in_run(&ora, e, 0) ? MM_PT_RUN : MM_PT_LEAF);
		assert_int_equal(pt.port->attr(&pt, e, 0), ora.arch->attr(e, 0));
		assert_true(pt.port->pa(&pt, e, 0) == ora.arch->pa(e, 0));
	}
}

static void large_pages_are_runs_of_small_ones(void **unused)
{
	static const uint32_t attrs[] = { RW, MM_PT_READ | MM_PT_EXEC, RW | MM_PT_DEVICE, RW | MM_PT_TRACK | MM_PT_WT,
					  RW | MM_PT_USER | MM_PT_GLOBAL | MM_PT_UC };
	static const struct how *way = &large_pages;
	void *state = (void *)(uintptr_t)way;
	const uint64_t va = UINT64_C(0x340000), to = 0x51040000; /* bit 18 is of the address here */

	(void)unused;
	for (unsigned k = 0; k < sizeof(attrs) / sizeof(attrs[0]); k++) {
		start(&state, MM_PT_ARMV7_SUPER); /* which says nothing of pages */
		map_ok(va, to, run, attrs[k], 0);
		assert_true(length_at(va) == page);
		const uint32_t small = *small_at(va);
		finish();
		start_on(&state);
		map_ok(va - page, to - page, 2 * run + page, attrs[k], 0);
		assert_true(length_at(va - page) == page);
		assert_true(length_at(va) == run && length_at(va + 2 * run - 1) == run);
		/* 16 times the same: 31:16 base, 15 XN, 14:12 TEX, 11:9 and 5:2 as they are, type 01 */
		const uint32_t like = (small & 0xffff0e3c) | (small & 1) << 15 | (small & 0x1c0) << 6 | 1;
		for (uint64_t at = va; at < va + run; at += page)
			assert_int_equal(*small_at(at), like);
		members_are_read_as_the_manual_says(va + 5 * page);
		/* a page of it has other rights: they are pages, up to collapse */
		assert_int_equal(w->protect(&pt, va + 3 * page, page, MM_PT_READ, 0, &g), MM_OK);
		set_protect(&want, va + 3 * page, va + 4 * page - 1, MM_PT_READ);
		check();
		assert_true(length_at(va) == page && length_at(va + run) == run);
		assert_int_equal(w->protect(&pt, va, 2 * run, attrs[0], 0, &g), MM_OK);
		set_protect(&want, va, va + 2 * run - 1, attrs[0]);
		check();
		assert_true(length_at(va) == page && length_at(va + run) == run);
		assert_int_equal(mm_pt_collapse(&pt, va, run, 0, &g), MM_OK);
		check();
		assert_true(length_at(va) == run);
		assert_int_equal(w->unmap(&pt, va + 15 * page, 2 * page, 0, &g), MM_OK);
		set_remove(&want, va + 15 * page, va + 17 * page - 1);
		check();
		assert_true(length_at(va) == page && length_at(va + 2 * run - 1) == page);
		finish();
	}
}

/* ---- readers without a lock ---- */

#if MM_HOOKS && !MM_PT_WINDOW /* there are none with windows */
static unsigned overtake_at;
static void (*overtaker)(void);

static void overtake(void)
{
	if (--overtake_at == 0) {
		sim_step = NULL;
		overtaker();
	}
}

/* What others do meanwhile to the run that begins at `large`; the table stays, as another page is in it. */
static void the_run_goes(void)
{
	assert_int_equal(w->unmap(&pt, large, run, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void the_run_becomes_pages(void)
{
	assert_int_equal(mm_pt_split(&pt, large, run, MM_PT_NO_RUNS, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

static void the_run_moves(void)
{
	the_run_goes();
	assert_int_equal(w->map(&pt, large, pa0 + large, run, MM_PT_READ, 0, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

/* Is what a question told one of what was, what is, and nothing? */
static bool was_or_is(enum mm_status st, mm_paddr_t pa, uint32_t attr, bool moves)
{
	const uint32_t rights = RW | MM_PT_EXEC | MM_PT_USER | MM_PT_TYPE;

	if (st == MM_E_NOENT)
		return true;
	if (st != MM_OK)
		return false;
	if (pa == pa0 + 3 * page)
		return (attr & rights) == RW;
	return moves && pa == pa0 + large + 3 * page && (attr & rights) == MM_PT_READ;
}
#endif

/* Who asks of a run beside a writer is told what was or what is. */
static void a_reader_of_a_run_that_is_overtaken_is_told_what_was_or_is(void **state)
{
#if MM_HOOKS && !MM_PT_WINDOW
	void (*const writers[])(void) = { the_run_goes, the_run_becomes_pages, the_run_moves };

	for (unsigned k = 0; k < 6; k++) {
		bool over = false;
		for (unsigned at = 1; !over; at++) {
			struct mm_pt_run r = { .pa = 0 };
			mm_paddr_t pa = 0;
			start_on(state);
			ora.pt = NULL; /* which does not know of two at a time */
			assert_int_equal(w->map(&pt, large, pa0, run, RW, 0, &g), MM_OK);
			assert_int_equal(w->map(&pt, large + 2 * run, pa0 + 5 * page, page, RW, 0, &g), MM_OK);
			mm_pt_sync(&pt, &g);
			overtaker = writers[k % 3];
			overtake_at = at;
			sim_step = overtake;
			enum mm_status st = k < 3 ? w->query(&pt, large + 3 * page, &r) :
						    w->translate(&pt, large + 3 * page, &pa);
			over = sim_step;
			sim_step = NULL;
			assert_true(was_or_is(st, k < 3 ? r.pa : pa, k < 3 ? r.attr : (pa == pa0 + 3 * page ? RW : MM_PT_READ),
					      k % 3 == 2));
			assert_int_equal(mm_pt_destroy(&pt), MM_OK);
			assert_null(ora.wrong);
		}
	}
#else
	(void)state;
	skip();
#endif
}

#define NWAYS (sizeof(ways) / sizeof(ways[0]))

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_makes_runs_where_they_fit),
		cmocka_unit_test(map_makes_none_where_they_do_not),
		cmocka_unit_test(no_feature_no_runs),
		cmocka_unit_test(large_leaves_are_runs_too),
		cmocka_unit_test(a_run_in_the_way_is_seen),
		cmocka_unit_test(a_part_is_unmapped),
		cmocka_unit_test(a_range_that_ends_in_two_runs_breaks_both),
		cmocka_unit_test(a_run_that_is_broken_is_flushed_while_it_is_empty),
		cmocka_unit_test(protect_keeps_a_run_that_lies_in_the_range),
		cmocka_unit_test(bits_of_one_member_are_those_of_all),
		cmocka_unit_test(collapse_ors_bits_of_pages),
		cmocka_unit_test(collapse_makes_a_large_leaf_of_runs),
		cmocka_unit_test(age_harvests_a_run_as_one),
		cmocka_unit_test(cursors_tell_a_run_as_one),
		cmocka_unit_test(the_dump_says_it),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(breaking_cannot_fail),
		cmocka_unit_test(an_empty_member_gives_no_rights),
		cmocka_unit_test(a_damaged_member_gives_no_rights_to_others),
		cmocka_unit_test(the_dump_hides_no_member),
		cmocka_unit_test(a_reader_of_a_run_that_is_overtaken_is_told_what_was_or_is),
	};
	enum { NTESTS = sizeof(tests) / sizeof(tests[0]) };
	static struct CMUnitTest all[NTESTS * NWAYS + 2] = { cmocka_unit_test(supersections_are_runs_of_sections),
							     cmocka_unit_test(large_pages_are_runs_of_small_ones) };
	static char names[NTESTS * NWAYS][96];
	size_t n = 2;

	for (size_t k = 0; k < NWAYS; k++) {
		for (size_t i = 0; i < NTESTS; i++, n++) {
			snprintf(names[n - 2], sizeof(names[0]), "%s: %s", ways[k].name, tests[i].name);
			all[n] = tests[i];
			all[n].name = names[n - 2];
			all[n].initial_state = (void *)(uintptr_t)&ways[k];
		}
	}
	return _cmocka_run_group_tests("pt_runs", all, n, NULL, NULL);
}
