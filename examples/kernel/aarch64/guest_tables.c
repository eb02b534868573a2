/* SPDX-License-Identifier: MIT */
/* A guest with tables of its own, which are behind the second stage as its pages are.
 *
 * Theory of operation
 * Problem      without tables of its own all that a CPU keeps of a guest is both stages as one, and VMALLE1IS at the
 *              end of a flush forgets all of that: an address that the flush leaves out shows nowhere. What walks of
 *              a guest's tables found in the second stage is kept by IPA, and goes by IPA alone.
 * Structure    the guest's root leads to a table for each of 256 pages that it reads, each in an IPA page of its own.
 *              Two frames are all of these tables: by one the guest reads one page, by the other another. So a table
 *              that gets the other frame shows by what the guest reads.
 * Growth       QEMU forgets all by a range that is long beside its TLB, which grows with use when it is flushed. So
 *              it is used and flushed until it is large enough for a range of two pages to be no more than that.
 * Invariants   T1 a guest has tables where HCR_EL2.DC is clear. That changes here alone, at the beginning and the end.
 *              T2 what the guest needs besides is at its own address, also in its own tables: guest.c finds the ends of
 *                 accesses as ever. */
#include "guest.h"
#include "cpu.h"

#define GIB      (UINT64_C(1) << 30)
#define PAGES_AT (UINT64_C(256) * GIB) /* the first page that the guest reads; the others are 1 GiB apart */
#define DATA_AT  UINT64_C(0x0d00000000) /* its IPA, by the first frame; by the other 2 MiB more */
#define ROOT_AT  UINT64_C(0x0d80000000)
enum { BLOCK = 0x200000, PAGES = 256, TIMES_GROWN = 5 };

/* Descriptors: what leads to a table; blocks: AF, inner shareable, MAIR's index 0. */
enum { DESC_TABLE = 3, DESC_BLOCK = 0x701 };
/* TCR: 39 bits, 4 KiB, so that the root is of level 1; inner shareable, write-back; EPD1; 48 bits of IPA. */
#define TCR_BITS UINT64_C(0x500803519)
enum { SCTLR_BITS = 0x1005, HCR_DC = 0x1000 }; /* I, C, M */

enum { ROOT, TABLES, DATA = TABLES + 2, FRAMES = DATA + 2 };
static mm_paddr_t frames;
static unsigned set; /* by which frame the tables are, or NO_SET: by none */
enum { NO_SET = 2 };
static uint32_t wrong[CPUS_MAX];

static mm_paddr_t frame(unsigned i)
{
	return frames + (mm_paddr_t)(i * conform_page());
}

/* IPA of a table: beside each other, for a range to have an end that is one of them. */
static mm_vaddr_t table_at(unsigned i)
{
	return conform.va + (mm_vaddr_t)(i * conform_page());
}

static void make_tables(void)
{
	uint64_t *root = direct_map(frame(ROOT));

	__builtin_memset(root, 0, (size_t)(FRAMES * conform_page()));
	root[conform.code / GIB] = conform.code / GIB * GIB | DESC_BLOCK; /* T2 */
	root[GUEST_VECTORS / GIB] = GUEST_VECTORS / GIB * GIB | DESC_BLOCK;
	for (unsigned i = 0; i < PAGES; i++)
		root[PAGES_AT / GIB + i] = table_at(i) | DESC_TABLE;
	for (unsigned i = 0; i < 2; i++) {
		*(uint64_t *)direct_map(frame(TABLES + i)) = (DATA_AT + i * BLOCK) | DESC_BLOCK;
		conform_mark(frame(DATA + i), (uint8_t)(i + 1));
	}
}

/* A walk that finds no table faults at the table's IPA. */
static void job_look(struct cpu *me)
{
	wrong[me->number] = 0;
	for (unsigned i = 0; i < PAGES; i++) {
		const struct fault f = probe(ACCESS_READ, (const void *)(PAGES_AT + i * GIB + AT_MARK));

		if (set == NO_SET)
			wrong[me->number] += !f.taken || f.va != table_at(i) ||
					     f.code != (machine_fault_code(ACCESS_READ, false) | GUEST_WALK);
		else
			wrong[me->number] += f.taken || f.value != set + 1;
	}
}

static void forget_here(void)
{
	__asm__ volatile("isb; tlbi alle1; dsb nsh; isb" : : : "memory");
}

/* The guest of this CPU has tables from here on, or none. What it has in the TLB is of something else. */
static void job_tables(struct cpu *me)
{
	const bool on = set != NO_SET;
	const uint64_t hcr = cpu_read(hcr_el2), sctlr = cpu_read(s3_5_c1_c0_0); /* SCTLR_EL12 */

	cpu_write(s3_5_c2_c0_0, ROOT_AT); /* TTBR0_EL12, TCR_EL12, MAIR_EL12 */
	cpu_write(s3_5_c2_c0_2, TCR_BITS);
	cpu_write(s3_5_c10_c2_0, MM_PT_AARCH64_MAIR);
	cpu_write(s3_5_c1_c0_0, on ? sctlr | SCTLR_BITS : sctlr & ~(uint64_t)SCTLR_BITS);
	cpu_write(hcr_el2, on ? hcr & ~(uint64_t)HCR_DC : hcr | HCR_DC); /* T1 */
	forget_here();
	for (unsigned i = 0; on && i < TIMES_GROWN; i++) {
		job_look(me);
		forget_here();
	}
}

static void all_see(const char *way, const char *what)
{
	uint32_t bad = 0;

	smp_run(job_look);
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		bad += wrong[i];
	check(bad == 0, conform_text("a guest's own tables, ", way, what, ""));
}

/* These tables get the frame, or none. They are unmapped by one flush, which the first that is mapped brings about. */
static bool give_some(unsigned first, unsigned n, unsigned to)
{
	struct mm_tlb_gather g = { 0 };
	bool ok = set == NO_SET ||
		  mm_pt_unmap(conform.pt, table_at(first), n * conform_page(), MM_PT_EXACT, &g) == MM_OK;

	for (unsigned i = first; to != NO_SET && i < first + n; i++)
		ok = ok && mm_pt_map(conform.pt, table_at(i), frame(TABLES + to), conform_page(), MM_PT_READ, 0, &g) ==
				   MM_OK;
	mm_pt_sync(conform.pt, &g);
	return ok;
}

static void give_tables(unsigned to, unsigned share)
{
	bool ok = true;

	for (unsigned i = 0; i < PAGES; i += share)
		ok = give_some(i, i + share > PAGES ? PAGES - i : share, to) && ok;
	if (!ok)
		check(false, "a guest's tables are changed");
	set = to;
}

/* @share of them by one flush. */
static void changes(const char *way, unsigned share)
{
	set = NO_SET;
	give_tables(0, share);
	smp_run(job_tables);
	all_see(way, "are seen");
	give_tables(1, share);
	all_see(way, "are seen at once in other frames");
	give_tables(NO_SET, share);
	all_see(way, "are gone when they are unmapped");
	smp_run(job_tables);
}

void guest_tables(const char *way, unsigned share)
{
	const uint64_t page = conform_page();
	bool ok = conform_take(FRAMES * page, &frames);

	if (ok)
		make_tables();
	ok = ok && conform_map(ROOT_AT, frame(ROOT), page, MM_PT_READ) == MM_OK &&
	     conform_map(DATA_AT, frame(DATA), page, MM_PT_READ) == MM_OK &&
	     conform_map(DATA_AT + BLOCK, frame(DATA + 1), page, MM_PT_READ) == MM_OK;
	if (!check(ok, conform_text("a guest's own tables, ", way, "are made", "")))
		return;
	changes(way, share);
	ok = conform_unmap(ROOT_AT, page) == MM_OK && conform_unmap(DATA_AT, page) == MM_OK &&
	     conform_unmap(DATA_AT + BLOCK, page) == MM_OK;
	check(ok, conform_text("a guest's own tables, ", way, "are given back", ""));
	conform_give(frames, FRAMES * page);
}
