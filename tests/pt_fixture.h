/* SPDX-License-Identifier: MIT */
/* What the page-table tests share: the two instances of the walker, a machine, and operations that
 * check themselves against the oracle. One set of tests runs for both instances. */
#ifndef PT_FIXTURE_H
#define PT_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_port.h>
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

/* One instance of the walker. */
struct walker {
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t,
				struct mm_tlb_gather *);
	enum mm_status (*protect)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, uint32_t,
				  struct mm_tlb_gather *);
	enum mm_status (*query)(const struct mm_pt *, mm_vaddr_t, struct mm_pt_run *);
	bool (*next)(struct mm_pt_cur *, struct mm_pt_run *);
	enum mm_status (*unmap_next)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				     struct mm_pt_run *);
};

static const struct walker folded = { mm_pt_x86_64_map,      mm_pt_x86_64_unmap,
				      mm_pt_x86_64_protect,  mm_pt_x86_64_query,
				      mm_pt_x86_64_cur_next, mm_pt_x86_64_unmap_next };
static const struct walker any = { mm_pt_map,   mm_pt_unmap,    mm_pt_protect,
				   mm_pt_query, mm_pt_cur_next, mm_pt_unmap_next };

static struct ora ora;
static struct ora_set want; /* what should be mapped */
static const struct walker *w;
static struct mm_pt pt;
static struct mm_tlb_gather g;

/* A fresh machine and an empty tree. */
static inline void start_with(void **state, const struct mm_pt_port *port,
			      const struct mm_pt_cfg *cfg)
{
	w = *state;
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	ora_reset(&ora);
	set_clear(&want);
	ora.pa_bits = cfg && cfg->pa_bits ? cfg->pa_bits : 52;
	ora.c_bit = cfg ? cfg->set_bits : 0;
	g = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, port, &ora.env, cfg), MM_OK);
	ora.pt = &pt;
	ora_observe(&ora);
	assert_int_equal(ora.used, 1);
}

static inline void start(void **state)
{
	start_with(state, mm_pt_x86_64_port(), NULL);
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

static inline void map_ok(uint64_t va, uint64_t pa, uint64_t len, uint32_t attr, uint32_t flags)
{
	assert_int_equal(w->map(&pt, va, pa, len, attr, flags, &g), MM_OK);
	assert_int_equal(g.pages, len / K4);
	set_insert(&want,
		   (struct ora_run){
			   .va = va, .last = va + (len - 1), .pa = pa, .attr = ora_told(attr) });
	check();
}

static inline void unmap_ok(uint64_t va, uint64_t len)
{
	assert_int_equal(w->unmap(&pt, va, len, 0, &g), MM_OK);
	assert_int_equal(g.pages, set_remove(&want, va, va + (len - 1)));
	check();
}

static inline void protect_ok(uint64_t va, uint64_t len, uint32_t attr)
{
	assert_int_equal(w->protect(&pt, va, len, attr, 0, &g), MM_OK);
	assert_int_equal(g.pages, set_protect(&want, va, va + (len - 1), attr));
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

/* A test for both instances. */
#define BOTH(f)                                                                                    \
	{ "folded: " #f, f, NULL, NULL, (void *)(uintptr_t)&folded },                              \
	{                                                                                          \
		"any: " #f, f, NULL, NULL, (void *)(uintptr_t)&any                                 \
	}
#endif
