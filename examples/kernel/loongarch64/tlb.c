/* SPDX-License-Identifier: MIT */
/* The TLB of a LoongArch64, which refill.S fills from mmlib's page tables; what goes beyond that, and how it forgets.
 *
 * Theory of operation
 * Structure    a miss fills in what the tables have, be it nothing. A page that is not valid, or not dirty, raises an
 *              exception that tells the kind of access: then mmlib does what a hardware walker would, and the access is
 *              repeated, with a miss.
 * Invariants   B1 nothing on the way needs the TLB: code, stacks and tables are in a direct mapping window.
 *              B2 a pair in which nothing is valid does not outlive its exception, so that none is in the way of a
 *                 large page: whether it ends well or not, the pair is forgotten.
 *              B3 a tree is flushed under each number that it may be in the TLB with: all that were in use.
 * Two trees    one for each half of the address space; an address says which. */
#include <mmlib/pt_flush.h>
#include <mmlib/pt_refill.h>
#include "../kernel.h"
#include "../probe.h"
#include "cpu.h"

enum { NUMBERS = 8 }; /* that conform*.c uses */
#define LO_ADDRESS   UINT64_C(0x0000fffffffff000)
#define PAIR         UINT64_C(0x1fff) /* bytes of the smallest pair, less one */
#define IDX_NONE     UINT64_C(0x80000000)
#define PS_SHIFT     24 /* in TLBIDX */
#define UPPER_HALF   63

extern const char refill_software[], refill_walk_4k[], refill_walk_16k[];
void tlb_refill(uint64_t bad);

static const struct mm_pt_tlb tlb = MM_PT_TLB_LOONGARCH64;
static uint32_t numbers; /* that were in use: a bit each */

static bool is_16k(void)
{
	return kernel.pt.port->level[0].shift == 14;
}

static const struct mm_pt *tree_of(uint64_t va)
{
	return va >> UPPER_HALF ? &kernel.pt : &machine_cpu()->machine.user;
}

/* Its upper half is that of the kernel's tree, behind where it leads nowhere. */
void tlb_start(void)
{
	const bool walk = kernel_has_word("walk");
	const char *refill = !walk ? refill_software : is_16k() ? refill_walk_16k : refill_walk_4k;
	const uint8_t page = kernel.pt.port->level[0].shift;

	csr_write(CSR_TLBRENTRY, image_pa(refill));
	csr_write(CSR_STLBPS, page);
	csr_write(CSR_TLBREHI, page);
	csr_write(CSR_PWCL, is_16k() ? MM_PT_LOONGARCH64_16K_PWCL : MM_PT_LOONGARCH64_PWCL);
	csr_write(CSR_PWCH, is_16k() ? MM_PT_LOONGARCH64_16K_PWCH : MM_PT_LOONGARCH64_PWCH);
	csr_write(CSR_PGDH, kernel.pt.root + (UINT64_C(1) << page));
	tlb_load(kernel.pt.root, 0);
	__asm__ volatile("invtlb 0, $zero, $zero" : : : "memory");
}

void tlb_load(uint64_t root, unsigned asid)
{
	(void)__atomic_fetch_or(&numbers, 1u << asid, __ATOMIC_SEQ_CST);
	csr_write(CSR_ASID, asid);
	csr_write(CSR_PGDL, root);
}

/* Refill by software; refill.S writes the entry. */
void tlb_refill(uint64_t bad)
{
	const struct mm_pt *pt = tree_of(bad);
	struct mm_pt_pair pair;

	if (mm_pt_refill(pt, &tlb, bad, &pair) != MM_OK)
		pair = (struct mm_pt_pair){ .shift = kernel.pt.port->level[0].shift };
	csr_write(CSR_TLBRELO0, pair.lo[0]);
	csr_write(CSR_TLBRELO1, pair.lo[1]);
	csr_write(CSR_TLBREHI, (bad & ~PAIR) | pair.shift);
}

/* Keeps B2. */
bool tlb_exception(uint64_t bad, uint32_t access)
{
	const struct mm_tlb_gather here = { .start = bad, .last = bad, .min_shift = 12, .flush = true };
	const bool may = mm_pt_touch(tree_of(bad), bad, access) == MM_OK;

	mm_pt_loongarch64_flush_local(&here, (uint32_t)csr_read(CSR_ASID) & 1023, 0);
	return may;
}

/* Keeps B3. */
void tlb_flush(const struct mm_tlb_gather *g)
{
	const bool software = !kernel_has_word("walk");
	const uint32_t in_use = __atomic_load_n(&numbers, __ATOMIC_SEQ_CST);

	for (uint32_t i = 0; i < NUMBERS; i++)
		if (in_use >> i & 1)
			mm_pt_loongarch64_flush_local(g, i, software ? mm_pt_refill_step(&tlb, g) : 0);
}

uint64_t tlb_look(uint64_t va)
{
	const bool on = machine_irq_save();
	const uint64_t asid = csr_read(CSR_ASID);
	uint64_t lo = 0, index;

	csr_write(CSR_TLBEHI, va & ~PAIR);
	__asm__ volatile("tlbsrch" : : : "memory");
	if (!(csr_read(CSR_TLBIDX) & IDX_NONE)) {
		__asm__ volatile("tlbrd" : : : "memory");
		index = csr_read(CSR_TLBIDX);
		lo = va >> (index >> PS_SHIFT & 63) & 1 ? csr_read(CSR_TLBELO1) : csr_read(CSR_TLBELO0);
	}
	csr_write(CSR_ASID, asid);
	machine_irq_restore(on);
	return lo;
}

/* Where nothing is, the access ends in an error, and leaves the entry. */
mm_paddr_t tlb_frame(mm_vaddr_t va)
{
	(void)probe(ACCESS_READ, (const void *)(uintptr_t)va);
	return tlb_look(va) & LO_ADDRESS;
}
