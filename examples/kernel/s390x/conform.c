/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an s390x.
 *
 * Theory of operation
 * Problem      mmlib's walker stores, and an entry that a CPU has attached, and that is valid, may be changed by IPTE, IDTE,
 *              CRDTE or CSPG only (Principles of Operation, chapter 3, "Modification of Translation Tables"). So trees
 *              have to be detached on all CPUs while they change.
 * Attached     is an entry to a CPU only while its current PSW specifies that address translation is on, and contains no
 *              error by which it could not be used; and then what is reached from the tables of the primary space, the
 *              home space, and the secondary space if CR0 says that there is one (chapter 3, "Use of the
 *              Translation-Lookaside Buffer"). What control registers hold while translation is off attaches nothing, and
 *              makes nothing of what the TLB has kept usable.
 * Invariants   C1 translation is on for one access at a time: trap.S turns it on, and all interruptions turn it off.
 *              C2 the tree under test changes while no other CPU is in one: smp_run() has ended, and all idle.
 *              C3 what a change left in the TLBs is forgotten before translation is on again: mm_pt_sync() calls
 *                 mm_pt_s390x_flush() in the end, and what is used next begins behind that.
 * Under use    to change what other CPUs use breaks C2, so that is not tried. What they see afterwards is.
 * Spaces       the secondary space and the home space are the tree under test, the primary one is real storage. A gather
 *              does not tell of which tree it is: so a flush is for each tree that CPUs were given. */
#include "../conform.h"
#include <mmlib/pt_flush.h>
#include "cpu.h"

enum { ASCES = 8 };           /* numbers of conform.h are less */
static uint64_t asces[ASCES]; /* that CPUs were given, by number; 0: none */

const char *const machine_conform_unseen[][2] = {
	{ "IDTE: no TLB entry of the tree is missed", "QEMU 7.2 forgets all trees then" },
	{ "leaves of 1 MiB and of 2 GiB are there", "QEMU 7.2 has neither EDAT-1 nor EDAT-2" },
	{ NULL, NULL },
};

const char *machine_conform(struct conform *c)
{
	struct mm_pt_cfg cfg;

	if (!cpu_has(FACILITY_NX))
		return "this CPU has no instruction-execution protection";
	machine_pt_probe(&cfg);
	if (mm_pt_init(&c->own, machine_pt_port(), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	if (c->own.port->nlevels > 3)
		c->va += (mm_vaddr_t)5 << c->own.port->level[3].shift; /* not all that is tried under one entry */
	c->by_segment = true; /* who may use a space is not its tables' to say */
	c->detached = true;
	return NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	const uint64_t asce = root | (conform.pt->port->nlevels > 3 ? ASCE_REGION2 : ASCE_REGION3) | ASCE_LENGTH;

	__atomic_store_n(&asces[asid], asce, __ATOMIC_RELAXED);
	CONTROL(7, asce);
	CONTROL(13, asce);
}

/* IDTE is for all CPUs; of this one alone PTLB. */
void machine_forget(const struct mm_tlb_gather *g, bool all)
{
	for (unsigned i = 0; i < ASCES && all; i++)
		if (asces[i])
			mm_pt_s390x_flush(g, asces[i]);
	if (!all && g->flush)
		__asm__ volatile("ptlb" : : : "memory");
}

/* There is one. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	*lacks = NULL;
	return way ? NULL : "";
}

/* Tables do not tell the two apart. */
bool machine_kernel_at_user(enum access access)
{
	(void)access;
	return true;
}

uint32_t machine_memory_type(const void *va)
{
	(void)va;
	return MACHINE_TYPE_UNSEEN;
}
