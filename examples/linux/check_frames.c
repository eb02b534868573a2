/* SPDX-License-Identifier: MIT */
/* Promises of the page-frame allocator, on RAM that Linux gave away. */
#include <linux/string.h>
#include "example.h"
#include "port.h"
#include "tap.h"

enum { ORDERS = 14 }; /* up to 32 MiB */

static struct mm_pmm_stats stats(void)
{
	struct mm_pmm_stats s = { 0 };

	return mm_pmm_stats(&linux_pmm, -1, &s) == MM_OK ? s : (struct mm_pmm_stats){ 0 };
}

/* Is all as it was, to the frame? */
static bool same(const struct mm_pmm_stats *before)
{
	struct mm_pmm_stats now = stats();

	return before->total && memcmp(before, &now, sizeof(now)) == 0 &&
	       now.total == now.free + now.used + now.reserved;
}

/* Every frame of a block gets a word that no other has. */
static void stamp(mm_paddr_t pa, unsigned int order)
{
	for (mm_paddr_t end = pa + (MM_FRAME_SIZE << order); pa < end; pa += MM_FRAME_SIZE)
		*(u64 *)LINUX_TO_VIRT(pa) = pa ^ order;
}

static bool stamped(mm_paddr_t pa, unsigned int order)
{
	bool ok = (pa & ((MM_FRAME_SIZE << order) - 1)) == 0;

	for (mm_paddr_t end = pa + (MM_FRAME_SIZE << order); pa < end; pa += MM_FRAME_SIZE)
		ok = ok && *(u64 *)LINUX_TO_VIRT(pa) == (pa ^ order);
	return ok;
}

static void check_orders(void)
{
	struct mm_pmm_stats before = stats();
	mm_paddr_t pa[ORDERS];
	bool whole = true;
	enum mm_status st = MM_OK;
	unsigned int order;

	for (order = 0; order < ORDERS && st == MM_OK; order++) {
		st = mm_page_alloc(&linux_pmm, order, 0, &pa[order]);
		if (st == MM_OK)
			stamp(pa[order], order);
	}
	if (!tap_status(st, MM_OK, "a block of each order up to 32 MiB is allocated"))
		return;
	for (order = 0; order < ORDERS; order++) {
		whole = whole && stamped(pa[order], order);
		if (st == MM_OK)
			st = mm_page_free(&linux_pmm, pa[order], order);
	}
	tap_check(whole, "blocks are aligned, and none overlaps another");
	tap_status(st, MM_OK, "each can be freed");
	tap_check(same(&before), "statistics are as they were");
}

/* Frames taken one by one, each holding the address of the one before. */
static void check_exhaustion(void)
{
	struct mm_pmm_stats before = stats();
	mm_paddr_t head = 0, pa;
	mm_pfn_t n = 0;
	enum mm_status st;

	for (; (st = mm_page_alloc(&linux_pmm, 0, 0, &pa)) == MM_OK; n++) {
		*(mm_paddr_t *)LINUX_TO_VIRT(pa) = head;
		head = pa;
	}
	tap_status(st, MM_E_NOMEM, "when nothing is left the answer is MM_E_NOMEM");
	tap_check(n == before.free, "exactly the frames that were free could be taken");
	for (st = MM_OK; n && st == MM_OK; n--) {
		pa = head;
		head = *(mm_paddr_t *)LINUX_TO_VIRT(pa);
		st = mm_page_free(&linux_pmm, pa, 0);
	}
	tap_status(st, MM_OK, "no frame was given out twice, and each can be freed");
	tap_check(same(&before), "statistics are as they were");
}

static void check_misuse(void)
{
	struct mm_pmm_stats before = stats();
	mm_paddr_t pa;

	if (!tap_status(mm_page_alloc(&linux_pmm, 3, MM_ALLOC_ZERO, &pa), MM_OK,
			"eight frames are allocated"))
		return;
	tap_check(!memchr_inv(LINUX_TO_VIRT(pa), 0, 8 * MM_FRAME_SIZE),
		  "they are zero, as asked for");
	tap_status(mm_page_free(&linux_pmm, pa, 2), MM_E_ORDER, "another order: MM_E_ORDER");
	tap_status(mm_page_free(&linux_pmm, pa + MM_FRAME_SIZE, 0), MM_E_ALIGN,
		   "from the middle: MM_E_ALIGN");
	tap_status(mm_page_free(&linux_pmm, pa, 3), MM_OK, "as allocated");
	tap_status(mm_page_free(&linux_pmm, pa, 3), MM_E_DOUBLE_FREE, "again: MM_E_DOUBLE_FREE");
	tap_status(mm_page_free(&linux_pmm, 0x100000, 0), MM_E_FOREIGN,
		   "RAM of Linux: MM_E_FOREIGN");
	tap_check(same(&before), "none of the mistakes changed anything");
}

void check_frames(void)
{
	check_orders();
	check_exhaustion();
	check_misuse();
	tap_status(mm_pmm_verify(&linux_pmm), MM_OK, "bitmaps, frame bytes and counters agree");
}
