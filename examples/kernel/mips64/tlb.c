/* SPDX-License-Identifier: MIT */
/* The TLB of a MIPS64, which software fills: from mmlib's page tables, by mmlib/pt_refill.h.
 *
 * Theory of operation
 * Structure    a miss, and a hit that the entry forbids, come here by traps.c, interrupts off; the handler of
 *              docs/porting.md. A flush is mmlib/pt_flush.h's: by index, so it finds entries of every address
 *              space, and global pages whose pair was not, which are there once for each space that used them.
 * Invariants   B1 nothing on the way needs the TLB: code, stacks and tables are in kseg0 and xkphys.
 *              B2 no two entries for one address: what is there is replaced.
 * Two trees    one for xuseg, another for xkseg; an address says which. This kernel maps nothing in xkseg. */
#include <mmlib/pt_flush.h>
#include <mmlib/pt_refill.h>
#include "../kernel.h"
#include "cpu.h"

/* EntryHi. */
#define HI_ASID  UINT64_C(0xff)
#define HI_VA    UINT64_C(0x0000ffffffffe000)
#define SEGMENT  UINT64_C(0xc000000000000000)
#define PAIR     UINT64_C(0x1fff) /* bytes of the smallest pair, less one */
enum { ENTRIES = 64 };            /* Config1.MMUSize says so of this CPU */

static const struct mm_pt_tlb tlb = MM_PT_TLB_MIPS64;

/* In which entry is what EntryHi says? Negative: in none. */
static int32_t tlb_probe(void)
{
	__asm__ volatile("ehb; tlbp; ehb" : : : "memory");
	return (int32_t)cp0_index();
}

static void tlb_write(const struct mm_pt_pair *pair, uint64_t hi)
{
	cp0_set_entry_hi(hi);
	cp0_set_page_mask(mm_pt_pair_mask(pair));
	const int32_t there = tlb_probe(); /* B2 */
	cp0_set_entry_lo0(pair->lo[0]);
	cp0_set_entry_lo1(pair->lo[1]);
	if (there >= 0)
		__asm__ volatile("tlbwi; ehb" : : : "memory");
	else
		__asm__ volatile("tlbwr; ehb" : : : "memory");
}

bool tlb_exception(uint64_t bad, uint32_t access, bool is_refill)
{
	const struct mm_pt *pt = bad & SEGMENT ? &kernel.pt : &machine_cpu()->machine.user;
	const uint64_t va = bad & ~SEGMENT, hi = cp0_entry_hi();
	struct mm_pt_pair pair;

	if (mm_pt_refill(pt, &tlb, va, &pair) != MM_OK || !is_refill) {
		if (mm_pt_touch(pt, va, access) != MM_OK || mm_pt_refill(pt, &tlb, va, &pair) != MM_OK)
			return false;
	}
	tlb_write(&pair, (bad & ~PAIR) | (hi & HI_ASID));
	return true;
}

/* The registers become entry @i, which is one. Returns its first byte, *@last its last one. */
static uint64_t read_entry(uint32_t i, uint64_t *last)
{
	cp0_set_index(i);
	__asm__ volatile("tlbr; ehb" : : : "memory");
	const uint64_t hi = cp0_entry_hi(), mask = cp0_page_mask() | PAIR;

	*last = (hi & HI_VA) | mask;
	return hi & HI_VA & ~mask;
}

/* Trees have the addresses inside a segment: that of both goes. */
void tlb_flush(const struct mm_tlb_gather *g)
{
	const bool on = machine_irq_save();

	mm_pt_mips64_flush_local(g, ENTRIES);
	machine_irq_restore(on);
}

void tlb_empty(void)
{
	static const struct mm_tlb_gather all = { .last = UINT64_MAX, .flush = true };

	tlb_flush(&all);
}

uint64_t tlb_look(uint64_t va)
{
	const bool on = machine_irq_save();
	const uint64_t hi = cp0_entry_hi() & HI_ASID;
	uint64_t lo = 0, first, last;

	cp0_set_entry_hi((va & ~PAIR) | hi);
	const int32_t there = tlb_probe();
	if (there >= 0) {
		first = read_entry((uint32_t)there, &last);
		lo = va - first > (last - first) / 2 ? cp0_entry_lo1() : cp0_entry_lo0();
	}
	cp0_set_entry_hi(hi);
	machine_irq_restore(on);
	return lo;
}
