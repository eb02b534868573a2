/* SPDX-License-Identifier: MIT */
/* What the page-table tests share: the formats, the instances of the walker, a machine, and
 * operations that check themselves against the oracle. One set of tests runs for all formats, and
 * for each with the folded instance and the one that selects the format at run time. */
#ifndef PT_FIXTURE_H
#define PT_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_x86_64.h>
#include "pt_oracle.h"
#include "sim.h"

#define K4   UINT64_C(0x1000)
#define M2   UINT64_C(0x200000)
#define G1   UINT64_C(0x40000000)
#define G512 UINT64_C(0x8000000000)
#define RW   (MM_PT_READ | MM_PT_WRITE)
#define RX   (MM_PT_READ | MM_PT_EXEC)
#define PA0  UINT64_C(0x1000000000) /* aligned for every leaf */
#define ROOM 1200                   /* tables of the machine */

/* A format, and what the manual says of its address space. */
struct format {
	const struct mm_pt_port *(*port)(void);
	const struct ora_arch *arch;
	uint64_t base;          /* offsets in tests count from here... */
	uint64_t low_end, high; /* last valid address of the low half, first of the high half */
	unsigned leaf;          /* highest level that has leaves */
	unsigned c_bit;         /* a bit of the address field */
	bool exec_only, types;  /* can express these */
};

static const struct format x86_64 = {
	.port = mm_pt_x86_64_port,
	.arch = &ora_x86_64,
	.low_end = UINT64_C(0x00007fffffffffff),
	.high = UINT64_C(0xffff800000000000),
	.leaf = 2,
	.c_bit = 51,
	.types = true,
};
static const struct format aarch64 = {
	.port = mm_pt_aarch64_port,
	.arch = &ora_aarch64,
	.low_end = UINT64_C(0x0000ffffffffffff),
	.high = 0, /* none */
	.leaf = 2,
	.c_bit = 47,
	.types = true,
};
static const struct format aarch64_high = {
	.port = mm_pt_aarch64_high_port,
	.arch = &ora_aarch64_high,
	.base = UINT64_C(0xffff000000000000),
	.low_end = 0, /* none */
	.high = UINT64_C(0xffff000000000000),
	.leaf = 2,
	.c_bit = 47,
	.types = true,
};
static const struct format sv39 = {
	.port = mm_pt_sv39_port,
	.arch = &ora_sv39,
	.low_end = UINT64_C(0x0000003fffffffff),
	.high = UINT64_C(0xffffffc000000000),
	.leaf = 2,
	.c_bit = 51,
	.exec_only = true,
};
static const struct format sv48 = {
	.port = mm_pt_sv48_port,
	.arch = &ora_sv48,
	.low_end = UINT64_C(0x00007fffffffffff),
	.high = UINT64_C(0xffff800000000000),
	.leaf = 3,
	.c_bit = 51,
	.exec_only = true,
};

/* One instance of the walker. */
struct walker {
	const struct format *f;
	bool folded;
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t,
				struct mm_tlb_gather *);
	enum mm_status (*map_page)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*unmap_page)(struct mm_pt *, mm_vaddr_t, struct mm_tlb_gather *);
	enum mm_status (*protect)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, uint32_t,
				  struct mm_tlb_gather *);
	enum mm_status (*query)(const struct mm_pt *, mm_vaddr_t, struct mm_pt_run *);
	bool (*next)(struct mm_pt_cur *, struct mm_pt_run *);
	enum mm_status (*unmap_next)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				     struct mm_pt_run *);
	enum mm_status (*map_list)(struct mm_pt *, mm_vaddr_t, const mm_paddr_t *, size_t, uint32_t,
				   uint32_t, struct mm_tlb_gather *);
	enum mm_status (*translate)(const struct mm_pt *, mm_vaddr_t, mm_paddr_t *);
	bool (*leaves)(struct mm_pt_cur *, struct mm_pt_leaves *);
	enum mm_status (*unmap_leaves)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				       struct mm_pt_leaves *);
};

#define WALKER(format, name, is_folded)                                                            \
	{                                                                                          \
		&format, is_folded, name##_map, name##_unmap, name##_map_page, name##_unmap_page,  \
			name##_protect, name##_query, name##_cur_next,                             \
			name##_unmap_next, name##_map_list, name##_translate,                      \
			name##_cur_leaves, name##_unmap_leaves                                     \
	}

/* Folded, and at run time, in turn. */
static const struct walker walkers[] = {
	WALKER(x86_64, mm_pt_x86_64, true),
	WALKER(x86_64, mm_pt, false),
	WALKER(aarch64, mm_pt_aarch64, true),
	WALKER(aarch64, mm_pt, false),
	WALKER(aarch64_high, mm_pt_aarch64_high, true),
	WALKER(aarch64_high, mm_pt, false),
	WALKER(sv39, mm_pt_sv39, true),
	WALKER(sv39, mm_pt, false),
	WALKER(sv48, mm_pt_sv48, true),
	WALKER(sv48, mm_pt, false),
};

static struct ora ora;
static struct ora_set want; /* what should be mapped */
static const struct walker *w;
static struct mm_pt pt;
static struct mm_tlb_gather g;

/* The address at an offset. */
#define V(offset) (w->f->base + (offset))

/* A fresh machine and an empty tree. */
static inline void start_port(const struct mm_pt_port *port, const struct mm_pt_cfg *cfg)
{
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	ora_reset(&ora);
	set_clear(&want);
	ora.arch = w->f->arch;
	ora.pa_bits = cfg && cfg->pa_bits ? cfg->pa_bits : port->pa_bits;
	ora.c_bit = cfg ? cfg->set_bits : 0;
	ora.features = cfg ? cfg->features : 0;
	g = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, port, &ora.env, cfg), MM_OK);
	ora.pt = &pt;
	ora_observe(&ora);
	ora.unordered = ora.new_table = false; /* the root is loaded into a register */
	assert_int_equal(ora.used, 1);
}

static inline void start_with(void **state, const struct mm_pt_cfg *cfg)
{
	w = *state;
	start_port(w->f->port(), cfg);
}

static inline void start(void **state)
{
	start_with(state, NULL);
}

/* Is this a call for one page, and one of every second that is made as such? */
static inline bool alone(uint64_t off, uint64_t len, uint32_t flags)
{
	return len == K4 && !flags && (off & K4);
}

/* What such a call does not say. */
static inline enum mm_status count_one(enum mm_status st)
{
	if (st == MM_OK)
		g.pages = 1;
	return st;
}

/* The walker and the plain map, with offsets in place of addresses. */
static inline enum mm_status map(uint64_t off, uint64_t pa, uint64_t len, uint32_t attr,
				 uint32_t flags)
{
	return alone(off, len, flags) ? count_one(w->map_page(&pt, V(off), pa, attr, &g))
				      : w->map(&pt, V(off), pa, len, attr, flags, &g);
}

static inline enum mm_status unmap(uint64_t off, uint64_t len, uint32_t flags)
{
	return alone(off, len, flags) ? count_one(w->unmap_page(&pt, V(off), &g))
				      : w->unmap(&pt, V(off), len, flags, &g);
}

static inline enum mm_status protect(uint64_t off, uint64_t len, uint32_t attr, uint32_t flags)
{
	return w->protect(&pt, V(off), len, attr, flags, &g);
}

static inline void run_to_offsets(struct mm_pt_run *run)
{
	run->va -= w->f->base;
	run->last -= w->f->base;
}

static inline enum mm_status query(uint64_t off, struct mm_pt_run *run)
{
	enum mm_status st = w->query(&pt, V(off), run);

	run_to_offsets(run);
	return st;
}

static inline enum mm_status cur_init(struct mm_pt_cur *cur, uint64_t off, uint64_t len)
{
	return mm_pt_cur_init(cur, &pt, V(off), len);
}

static inline bool next(struct mm_pt_cur *cur, struct mm_pt_run *run)
{
	bool more = w->next(cur, run);

	if (more)
		run_to_offsets(run);
	return more;
}

static inline enum mm_status unmap_next(struct mm_pt_cur *cur, struct mm_pt_run *run)
{
	enum mm_status st = w->unmap_next(&pt, cur, &g, run);

	if (st == MM_OK)
		run_to_offsets(run);
	return st;
}

/* Where the last operation stopped. */
static inline uint64_t stopped(void)
{
	return g.stop_va - w->f->base;
}

static inline void want_map(uint64_t off, uint64_t last, uint64_t pa, uint32_t attr)
{
	set_insert(&want,
		   (struct ora_run){
			   .va = V(off), .last = V(last), .pa = pa, .attr = ora_told(attr) });
}

static inline uint64_t want_unmap(uint64_t off, uint64_t last)
{
	return set_remove(&want, V(off), V(last));
}

static inline uint64_t want_protect(uint64_t off, uint64_t last, uint32_t attr)
{
	return set_protect(&want, V(off), V(last), attr);
}

static inline void want_bits(uint64_t off, uint64_t last, uint32_t bits)
{
	set_touch(&want, V(off), V(last), bits);
}

/* A read or write as the hardware does it. */
static inline bool use(uint64_t off, bool write)
{
	return ora_access(&ora, V(off), write, false, false);
}

/* The tables say what they should, and the gather covers what changed. */
static inline void check(void)
{
	size_t tables = 0;

	ora_check_gather(&ora, &g);
	assert_true(set_equal(&ora.live, &want));
	assert_int_equal(mm_pt_verify(&pt, &tables), MM_OK);
	assert_int_equal(tables, ora.reachable);
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
}

/* The entry itself, under tables that are there. */
static inline uint64_t *raw_entry(uint64_t off, unsigned level)
{
	uint64_t pa = pt.root;

	for (unsigned l = ora.arch->top;; l--) {
		uint64_t *e = (uint64_t *)ora_virt(&ora, (mm_paddr_t)pa) + (V(off) >> (12 + 9 * l) & 511);
		if (l == level)
			return e;
		pa = (*e & ora.arch->address) << ora.arch->shift;
	}
}

static inline void sync_and_check(void)
{
	check();
	mm_pt_sync(&pt, &g);
	ora_check_synced(&ora);
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
}

/* Unmap everything, give all back, and nothing is left. */
static inline void finish(void)
{
	sync_and_check();
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	assert_null(ora.wrong);
}

static inline void map_ok(uint64_t off, uint64_t pa, uint64_t len, uint32_t attr, uint32_t flags)
{
	assert_int_equal(map(off, pa, len, attr, flags), MM_OK);
	assert_int_equal(g.pages, len / K4);
	want_map(off, off + (len - 1), pa, attr);
	check();
}

static inline void unmap_ok(uint64_t off, uint64_t len)
{
	assert_int_equal(unmap(off, len, 0), MM_OK);
	assert_int_equal(g.pages, want_unmap(off, off + (len - 1)));
	check();
}

static inline void protect_ok(uint64_t off, uint64_t len, uint32_t attr)
{
	assert_int_equal(protect(off, len, attr, 0), MM_OK);
	assert_int_equal(g.pages, want_protect(off, off + (len - 1), attr));
	check();
}

static uint64_t hash_before;

static inline void refuse(enum mm_status st, enum mm_status expect)
{
	assert_int_equal(st, expect);
	assert_true(ora_hash(&ora) == hash_before);
	check();
}

static inline void start_occupied(void **state)
{
	start(state);
	map_ok(0, PA0, G1, RW, 0);
	map_ok(G1, PA0, M2, RW, 0);
	map_ok(G1 + M2 + K4, PA0, K4, RW, 0);
	hash_before = ora_hash(&ora);
}

/* Run each test for each walker, or for one of each format: the test's name has the format and the
 * instance. */
static inline int run_for(const char *group, const struct CMUnitTest *tests, size_t n, bool each)
{
	static char names[64 * (sizeof(walkers) / sizeof(walkers[0]))][128];
	static struct CMUnitTest all[64 * (sizeof(walkers) / sizeof(walkers[0]))];
	size_t count = 0;

	for (size_t k = 0; k < sizeof(walkers) / sizeof(walkers[0]); k++) {
		for (size_t i = 0; i < n && (each || !walkers[k].folded); i++, count++) {
			snprintf(names[count], sizeof(names[0]), "%s, %s: %s",
				 walkers[k].f->arch->name, walkers[k].folded ? "folded" : "any",
				 tests[i].name);
			all[count] = tests[i];
			all[count].name = names[count];
			all[count].initial_state = (void *)(uintptr_t)&walkers[k];
		}
	}
	return _cmocka_run_group_tests(group, all, count, NULL, NULL);
}

static inline int run_for_all(const char *group, const struct CMUnitTest *tests, size_t n)
{
	return run_for(group, tests, n, true);
}
#endif
