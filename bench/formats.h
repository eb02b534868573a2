/* SPDX-License-Identifier: MIT */
/* Page-table formats of 64-bit CPUs: of each the walker folded to it, and loops written by hand, as the program sees
 * them. Each is a file in formats/, compiled as a kernel does it; calls from here are real calls. */
#ifndef BENCH_FORMATS_H
#define BENCH_FORMATS_H
#include "hand.h"
#include <mmlib/pt_port.h>

/* The walker: see mmlib/pt.h. */
struct format_pt {
	const struct mm_pt_port *port;
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*map_page)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*map_list)(struct mm_pt *, mm_vaddr_t, const mm_paddr_t *, size_t, uint32_t, uint32_t,
				   struct mm_tlb_gather *);
	enum mm_status (*translate)(const struct mm_pt *, mm_vaddr_t, mm_paddr_t *);
	bool (*cur_leaves)(struct mm_pt_cur *, struct mm_pt_leaves *);
	enum mm_status (*protect)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*unmap_page)(struct mm_pt *, mm_vaddr_t, struct mm_tlb_gather *);
};

/* Loops by hand: see hand.inc. */
struct format_hand {
	void (*begin)(uint64_t *root);
	uint64_t (*look)(uint64_t *root, uint64_t va);
	int (*map)(uint64_t *root, uint64_t va, uint64_t pa, uint64_t length);
	int (*map_page)(uint64_t *root, uint64_t va, uint64_t pa);
	int (*map_list)(uint64_t *root, uint64_t va, const uint64_t *pa, size_t n);
	uint64_t (*query)(uint64_t *root, uint64_t va);
	uint64_t (*sum)(uint64_t *root, uint64_t va, uint64_t length);
	int (*protect)(uint64_t *root, uint64_t va, uint64_t length);
	int (*unmap)(uint64_t *root, uint64_t va, uint64_t length);
	int (*discard)(uint64_t *root, uint64_t va, uint64_t length);
	int (*unmap_page)(uint64_t *root, uint64_t va);
};

struct format {
	const char *name;
	struct format_pt pt;
	struct format_hand hand;
};

/* Memory for tables: this much for each, as the largest root needs it, and aligned to it. The first is never given out:
 * where hardware follows whatever it finds in a directory, empty entries by hand lead there. */
#define FORMAT_TABLE   UINT64_C(0x10000)
#define FORMAT_NOWHERE UINT64_C(0x40000000)
#endif
