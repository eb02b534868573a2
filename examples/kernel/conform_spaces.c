/* SPDX-License-Identifier: MIT */
/* Accessed and dirty bits, as the MMU sets them and mm_pt_age() harvests them; and address spaces: two trees
 * at once, and a new one under the number of one that is gone. */
#include "conform.h"

static mm_paddr_t frames;
static uint32_t wrong[CPUS_MAX];
static enum access kind;
static unsigned step; /* which pages: each step-th */

/* Pages are dealt to CPUs in turn. */
static void job_touch(struct cpu *me)
{
	wrong[me->number] = 0;
	for (unsigned i = 0; i < CONFORM_PAGES; i += step)
		if (i / step % kernel.ncpus == me->number)
			wrong[me->number] += conform_try(conform_va(i), kind, false).taken;
}

static bool none_wrong(void)
{
	bool ok = true;

	for (uint32_t i = 0; i < kernel.ncpus; i++)
		ok = ok && wrong[i] == 0;
	return ok;
}

static void touch(enum access access, unsigned every)
{
	kind = access;
	step = every;
	smp_run(job_touch);
}

/* Harvest @what, and tell whether exactly each @accessed-th page was accessed and each @dirty-th one dirty;
 * 0: none was. */
static bool harvest(uint32_t what, unsigned accessed, unsigned dirty)
{
	bool ok = true;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_cur cur;
		mm_paddr_t pa;
		uint32_t attr = 0, want = 0;
		struct mm_pt_leaves leaves = { .pa = &pa, .attr = &attr, .room = 1 };

		if (mm_pt_cur_init(&cur, conform.pt, conform_va(i), conform_page()) != MM_OK ||
		    mm_pt_age(conform.pt, &cur, what, &g, &leaves) != MM_OK)
			return false;
		mm_pt_sync(conform.pt, &g);
		want |= accessed && i % accessed == 0 ? MM_PT_ACCESSED : 0u;
		want |= dirty && i % dirty == 0 ? MM_PT_DIRTY : 0u;
		ok = ok && (attr & what) == (want & what);
	}
	return ok;
}

static bool map_pages(uint32_t attr)
{
	bool ok = true;

	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		ok = ok && conform_map(conform_va(i), frames + (mm_paddr_t)(i * conform_page()), conform_page(),
				       attr) == MM_OK;
	return ok;
}

/* Each second page was written: the unmap tells. */
static bool unmap_tells(unsigned dirty)
{
	bool ok = true;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_run run = { 0 };
		struct mm_pt_cur cur;

		ok = ok && mm_pt_cur_init(&cur, conform.pt, conform_va(i), conform_page()) == MM_OK &&
		     mm_pt_unmap_next(conform.pt, &cur, &g, &run) == MM_OK &&
		     !!(run.attr & MM_PT_DIRTY) == (i % dirty == 0);
		mm_pt_sync(conform.pt, &g);
	}
	return ok;
}

/* The fault handler keeps the bits: a page that has not been accessed must fault. */
static void kept_by_software(void)
{
	const enum mm_status st =
		conform_map(conform.va, frames, conform_page(), conform_read() | MM_PT_WRITE | MM_PT_TRACK);

	if (st == MM_E_NOTSUP) {
		check_skip("tracked: accessed and dirty bits are kept", "the format has none");
		return;
	}
	check_status(st, MM_OK, "tracked: a page is mapped");
	check(conform_try(conform.va, ACCESS_READ, false).taken, "tracked: it faults, for it was not accessed");
	check_status(conform_protect(conform.va, conform_page(), conform_read() | MM_PT_WRITE), MM_OK,
		     "tracked: it is not tracked any more");
	check(conform_as(conform.va, conform_read() | MM_PT_WRITE, ACCESS_WRITE, false), "tracked: it can be written then");
	check_status(conform_unmap(conform.va, conform_page()), MM_OK, "tracked: it is unmapped");
	check_skip("tracked: accessed and dirty bits are set", "this MMU sets neither by itself");
}

static void accessed_and_dirty(void)
{
	const uint32_t both = MM_PT_ACCESSED | MM_PT_DIRTY;

	if (!(conform.keeps & both)) {
		kept_by_software();
		return;
	}
	if ((conform.keeps & both) != both) {
		check_skip("tracked: accessed and dirty bits are set", "this MMU sets one of them by itself");
		return;
	}
	check(map_pages(conform_read() | MM_PT_WRITE | MM_PT_TRACK), "tracked: 64 pages are mapped");
	check(harvest(both, 0, 0), "tracked: none is accessed or dirty");
	touch(ACCESS_READ, 2);
	check(none_wrong(), "tracked: each second can be read");
	check(harvest(both, 2, 0), "tracked: those are accessed, and none is dirty");
	check(harvest(both, 0, 0), "tracked: that is told once");
	touch(ACCESS_READ, 1);
	touch(ACCESS_WRITE, 4);
	check(none_wrong(), "tracked: each fourth can be written");
	check(harvest(MM_PT_DIRTY, 0, 4), "tracked: those are dirty");
	check(harvest(MM_PT_DIRTY, 0, 0), "tracked: that is told once too");
	touch(ACCESS_WRITE, 4);
	check(harvest(MM_PT_DIRTY, 0, 4), "tracked: what is written again is dirty again, on every CPU");
	touch(ACCESS_WRITE, 2);
	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		wrong[0] += conform_protect(conform_va(i), conform_page(), conform_read() | MM_PT_TRACK) != MM_OK;
	check(none_wrong(), "tracked: all are made read-only");
	check(unmap_tells(2), "tracked: what was written is still known when it is unmapped");
}

/* Two trees, at the same address. */
static struct mm_pt spaces[2];
static const unsigned numbers[2] = { 5, 6 };

static size_t root_bytes(void)
{
	const struct mm_pt_port *port = conform.pt->port;

	return (size_t)1 << port->level[port->nlevels - 1].bits << port->entry_lg2;
}

static void clear_root_entry(struct mm_pt *pt, mm_vaddr_t va)
{
	const struct mm_pt_port *port = pt->port;
	size_t bytes = (size_t)1 << port->entry_lg2;
	size_t i = (size_t)(va >> port->level[port->nlevels - 1].shift) & (root_bytes() / bytes - 1);

	__builtin_memset((char *)direct_map(pt->root) + i * bytes, 0, bytes);
}

/* What the root's entry around here is for is free in the kernel's tree, and stays shared by all spaces. 0: there is
 * none, or the kernel's tree is another. */
static mm_vaddr_t shared;

static void keep_a_free_entry(void)
{
	const struct mm_pt_port *port = conform.pt->port;
	const unsigned top = port->nlevels - 1u;
	const uint64_t bytes = (uint64_t)1 << port->level[top].shift;
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run;

	shared = 0;
	for (size_t i = 1; conform.pt == &kernel.pt && i >> port->level[top].bits == 0 && !shared; i++)
		if (mm_pt_query(conform.pt, (mm_vaddr_t)(i * bytes), &run) == MM_E_NOENT && run.level == top)
			shared = (mm_vaddr_t)(i * bytes);
	if (!shared) {
		check_skip("kernel's half: what the kernel maps shows in all spaces",
			   conform.pt == &kernel.pt ? "all entries of the root are in use" :
						      "the kernel's tree is another, with a root register of its own");
		return;
	}
	check_status(mm_pt_keep(conform.pt, shared, bytes, &g), MM_OK, "kernel's half: a free entry of the root gets a table");
	mm_pt_sync(conform.pt, &g);
}

/* Where the tree under test also holds the kernel, a new one has all of it, down from the root's entries, but for
 * those of what is under test. */
static bool space_init(struct mm_pt *pt)
{
	struct mm_tlb_gather g = { 0 };

	if (mm_pt_init(pt, conform.pt->port, &memory_table_env, &conform.pt->cfg) != MM_OK)
		return false;
	if (conform.code_in_all)
		return mm_pt_map(pt, conform.code, conform.code_at, conform_page(), MM_PT_READ | MM_PT_EXEC, 0, &g) == MM_OK;
	if (!conform.with_kernel)
		return true;
	__builtin_memcpy(direct_map(pt->root), direct_map(conform.pt->root), root_bytes());
	clear_root_entry(pt, conform.va);
	clear_root_entry(pt, conform.code);
	if (!shared)
		return true;
	clear_root_entry(pt, shared);
	bool ok = mm_pt_share(pt, &kernel.pt, &g) == MM_OK;
	mm_pt_sync(pt, &g);
	return ok;
}

/* What is under test is unmapped, so all that is left is the kernel's. */
static bool space_destroy(struct mm_pt *pt)
{
	if (conform.with_kernel)
		__builtin_memset(direct_map(pt->root), 0, root_bytes());
	if (conform.code_in_all) {
		struct mm_tlb_gather g = { 0 };

		if (mm_pt_unmap(pt, conform.code, conform_page(), MM_PT_EXACT, &g) != MM_OK)
			return false;
		mm_pt_sync(pt, &g);
	}
	return mm_pt_destroy(pt) == MM_OK;
}

static bool space_map(struct mm_pt *pt, unsigned rotate)
{
	bool ok = true;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		mm_paddr_t pa = frames + (mm_paddr_t)((i + rotate * conform_alike()) % CONFORM_PAGES * conform_page());
		struct mm_tlb_gather g = { 0 };

		ok = ok && mm_pt_map(pt, conform_va(i), pa, conform_page(), conform_read(), 0, &g) == MM_OK;
		mm_pt_sync(pt, &g);
	}
	return ok;
}

/* Marks that the two spaces shall show; NOTHING: every page faults. */
enum { NOTHING = 99 };
static unsigned rotated[2];

static uint32_t look_at(unsigned rotate)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		struct fault f = conform_try(conform_va(i), ACCESS_READ, false);

		if (rotate == NOTHING)
			bad += !f.taken;
		else
			bad += f.taken || f.value != (i + rotate * conform_alike()) % CONFORM_PAGES + 1;
	}
	return bad;
}

static void job_switch(struct cpu *me)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < 4; i++) {
		machine_conform_load(spaces[i % 2].root, numbers[i % 2]);
		bad += look_at(rotated[i % 2]);
	}
	wrong[me->number] = bad;
}

static void job_back(struct cpu *me)
{
	(void)me;
	machine_conform_load(conform.pt->root, 1);
}

/* Does what the kernel has mapped in the entry that is shared show in each space? mark 0: nothing is to be there. */
static uint8_t shared_mark;

static void job_look_at_shared(struct cpu *me)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < 2; i++) {
		machine_conform_load(spaces[i].root, numbers[i]);
		struct fault f = conform_try(shared, ACCESS_READ, false);
		bad += shared_mark ? f.taken || f.value != shared_mark : !f.taken;
	}
	machine_conform_load(conform.pt->root, 1);
	wrong[me->number] = bad;
}

/* Through the kernel's tree, which no CPU uses just now. */
static void kernel_half(void)
{
	const uint64_t page = conform_page();

	shared_mark = 0;
	smp_run(job_look_at_shared);
	check(none_wrong(), "kernel's half: nothing is there in both spaces");
	for (shared_mark = 1; shared_mark <= 2; shared_mark++) {
		const mm_paddr_t frame = frames + (mm_paddr_t)((shared_mark - 1u) * page);
		check_status(conform_map(shared, frame, page, conform_read()), MM_OK, "kernel's half: a page is mapped");
		smp_run(job_look_at_shared);
		check(none_wrong(), "kernel's half: it shows in both spaces");
		check_status(conform_unmap(shared, page), MM_OK, "kernel's half: it is unmapped");
	}
	shared_mark = 0;
	smp_run(job_look_at_shared);
	check(none_wrong(), "kernel's half: it is gone in both spaces");
	struct mm_tlb_gather g = { 0 };
	check_status(mm_pt_map(&spaces[0], shared, frames, page, conform_read(), 0, &g), MM_E_OWNER,
		     "kernel's half: a space maps nothing there");
}

static void all_switch(const char *what)
{
	smp_run(job_switch);
	check(none_wrong(), conform_text("two spaces: ", what, "", ""));
}

/* A space ends: its pages are unmapped and that is flushed, so its number can be given to another. */
static bool space_end(struct mm_pt *pt)
{
	bool ok = true;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		struct mm_tlb_gather g = { 0 };

		ok = ok && mm_pt_unmap(pt, conform_va(i), conform_page(), MM_PT_EXACT, &g) == MM_OK;
		mm_pt_sync(pt, &g);
	}
	return ok && space_destroy(pt);
}

static void two_spaces(void)
{
	keep_a_free_entry();
	if (!check(space_init(&spaces[0]) && space_init(&spaces[1]), "two spaces: are set up"))
		return;
	if (shared)
		kernel_half();
	rotated[0] = 0;
	rotated[1] = 1;
	check(space_map(&spaces[0], 0) && space_map(&spaces[1], 1),
	      "two spaces: other frames at the same addresses");
	all_switch("each CPU sees those of the space that it is in");
	smp_run(job_back);
	check(space_end(&spaces[1]) && space_init(&spaces[1]), "two spaces: one ends, a new one has its number");
	rotated[1] = NOTHING;
	all_switch("nothing of the old one is in the new one");
	check(space_map(&spaces[1], 2), "two spaces: the new one gets frames");
	rotated[1] = 2;
	all_switch("they are seen, and the other space is as it was");
	smp_run(job_back);
	check(space_end(&spaces[0]) && space_end(&spaces[1]), "two spaces: both end");
	if (shared) {
		struct mm_tlb_gather g = { 0 };

		check_status(mm_pt_unkeep(conform.pt, &g), MM_OK, "kernel's half: the entry's table goes");
		mm_pt_sync(conform.pt, &g);
	}
	if (!conform.keeps_numbers)
		check_skip("two spaces: no number is mixed up while both are in the TLB",
			   "QEMU 7.2 has no numbers in this TLB");
}

void conform_spaces(void)
{
	const uint64_t bytes = CONFORM_PAGES * conform_page();

	if (!check(conform_take(bytes, &frames), "frames are allocated"))
		return;
	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		conform_mark(frames + (mm_paddr_t)(i * conform_page()), (uint8_t)(i + 1));
	accessed_and_dirty();
	two_spaces();
	conform_give(frames, bytes);
}
