/* SPDX-License-Identifier: MIT */
/* The process table, by which the CPU finds trees, and what makes it forget what it found.
 *
 * Theory of operation
 * Structure    the tree of number n is that of entry n; PIDR says which number this CPU is in: quadrant 0 of the
 *              addresses is that tree (Power ISA 3.0B, book III, "Process Table"). Number 0 is the kernel's own tree,
 *              which is empty: the kernel runs in real mode.
 * Invariants   T1 a gather does not tell of which tree it is, so what it holds is forgotten under each number that is
 *                 in use.
 *              T2 an entry that changes is forgotten everywhere before this CPU uses the new one: TLBIE of the process
 *                 with RIC 2 does that (5.9.3.3), as it does where tables went. */
#include <mmlib/pt_flush.h>
#include "../kernel.h"
#include "../smp.h"
#include "cpu.h"

enum { NUMBERS = 256, ROOT_LG2 = 13, SIZE = 52 - 31 };
enum { REGISTER_RADIX = 0x1c, REGISTER_TLBIE = 1 }; /* a new table; and a guest may TLBIE */

/* An entry: the root, how large it is, and, in two pieces, log2 of the address space. The second half is not used. */
struct process {
	uint64_t root, reserved;
};
static struct process processes[NUMBERS] __attribute__((aligned(4096)));
static uint32_t in_use; /* of the numbers below 32 */

void tables_init(void)
{
	if (hcall(H_REGISTER_PROC_TBL, REGISTER_RADIX | REGISTER_TLBIE, image_pa(processes), 0, 0, NULL) != H_OK)
		machine_exit(false);
}

static uint64_t process_entry(mm_paddr_t root)
{
	return (uint64_t)(SIZE >> 3) << 61 | root | (uint64_t)(SIZE & 7) << 5 | ROOT_LG2;
}

/* Several CPUs may do so at once, with the same entry. */
static void set_tree(unsigned number, mm_paddr_t root)
{
	static const struct mm_tlb_gather all = { .last = UINT64_MAX, .min_shift = 12, .flush = true, .tables = true };
	uint64_t *entry = &processes[number].root;

	__atomic_fetch_or(&in_use, 1u << number, __ATOMIC_RELAXED);
	if (__atomic_load_n(entry, __ATOMIC_RELAXED) == process_entry(root))
		return;
	__atomic_store_n(entry, process_entry(root), __ATOMIC_RELAXED);
	mm_pt_ppc64_flush(&all, number, 0); /* T2 */
}

void machine_switch_tables(mm_paddr_t root)
{
	set_tree(0, root);
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	set_tree(asid, root);
	spr_set_pidr(asid);
}

/* All that this thread has, of every number: TLBIEL of all of a partition (IS 3), with tables. */
static void forget_here(void)
{
	register uint64_t rb __asm__("r8") = 0xc00;
	register uint64_t rs __asm__("r9") = 0;

	__asm__ volatile("ptesync; .long 0x7d2b4224; ptesync; isync" : : "r"(rb), "r"(rs) : "memory");
}

/* Hardware tells the other CPUs. With one CPU, "not the others" is "none". */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	const uint32_t numbers = __atomic_load_n(&in_use, __ATOMIC_RELAXED);

	if (!all && smp_online() > 1)
		forget_here();
	for (unsigned i = 1; i < 32 && all; i++) /* T1; nobody is in the kernel's */
		if (numbers >> i & 1)
			mm_pt_ppc64_flush(g, i, 0);
}

const struct mm_pt_port *machine_pt_port(void)
{
	return mm_pt_format(MM_PT_PPC64);
}

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){ .pa_bits = 51 };
}
