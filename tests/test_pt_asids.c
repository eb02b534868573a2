/* SPDX-License-Identifier: MIT */
/* TLBs that software fills, with several address spaces and the kernel's tree in one TLB (pt_tlb.h), and several
 * operations in one gather. While what was lost waits for a flush the TLB may have it, but nothing that the tables
 * did not grant since the tree was synced last; after a sync what it has is what the tables say. */
#include "pt_tlb.h"

#define PAGES_MOST 8192u /* of the part that operations are about: 4 * BIG */
#define GRANTS     6u

/* What the tables have said of a page since its tree was synced, if `since` is that time. */
struct grants {
	unsigned since, n;
	struct {
		uint64_t pa;
		uint32_t attr;
	} of[GRANTS];
};

static struct grants grants[TREES][PAGES_MOST];
static unsigned synced[TREES]; /* how often */
static unsigned late;           /* accesses by what the tables say no more */

static struct grants *grants_at(uint64_t va)
{
	struct grants *page = &grants[tree - trees][(va - base()) / PAGE];

	assert_true((va - base()) / PAGE < PAGES_MOST);
	if (page->since != synced[tree - trees])
		*page = (struct grants){ .since = synced[tree - trees] };
	return page;
}

static bool is_granted(const struct grants *page, uint64_t pa, uint32_t attr)
{
	for (unsigned i = 0; i < page->n; i++)
		if (page->of[i].pa == pa && !((page->of[i].attr ^ attr) & MM_PT_TYPE) &&
		    !(attr & RIGHTS & ~page->of[i].attr))
			return true;
	return page->n == GRANTS; /* so many, that some were not noted */
}

/* Note what the tables say of some pages. */
static void note_grants(uint64_t va, uint64_t length)
{
	const uint64_t end = va + length;

	while (va != end) {
		const struct ora_run is = ora_walk(&tree->ora, va);

		for (; va != end && va <= is.last; va += PAGE) {
			struct grants *page = grants_at(va);

			if (!is.attr || page->n == GRANTS || is_granted(page, is.pa + (va - is.va), is.attr))
				continue;
			page->of[page->n].pa = is.pa + (va - is.va);
			page->of[page->n++].attr = is.attr;
		}
	}
}

/* An access while a gather waits: by what the TLB has, and only if that says no, by what the tables say now. */
static void use_late(uint64_t va, uint32_t access)
{
	struct entry *e = find(va);
	struct half h = { .valid = false };
	const struct ora_run truth = ora_walk(&tree->ora, va);

	if (!e)
		e = fill(va, NULL);
	if (e)
		h = tree->cpu->decode(e->lo[va >> e->shift & 1]);
	if (!allows(&h, access)) {
		if (mm_pt_touch(&tree->pt, va, access) != MM_OK)
			return;
		e = fill(va, e);
		assert_non_null(e);
		h = tree->cpu->decode(e->lo[va >> e->shift & 1]);
		if (!allows(&h, access))
			violation("an access that the tables do not say");
	}
	const uint64_t pa = frame_at(e, &h, va & ~(PAGE - 1));
	const uint32_t attr = h.attr | (h.write ? (uint32_t)MM_PT_WRITE : 0u);
	const bool now = truth.attr && pa == truth.pa + ((va & ~(PAGE - 1)) - truth.va) &&
			 !((truth.attr ^ attr) & MM_PT_TYPE) && !(attr & RIGHTS & ~truth.attr);
	late += !now;
	if (!now && !is_granted(grants_at(va), pa, attr))
		violation("an entry grants what the tables have not since the last sync");
}

/* An address in some tree, which the TLB has, or not. */
static uint64_t somewhere_else(void)
{
	const struct entry *e = &tlb[below(TLB_ENTRIES)];

	if (!e->used || below(2)) {
		switch_tree();
		return somewhere();
	}
	tree = &trees[e->of - trees];
	asid = e->asid;
	return e->va + below(2) * BIT(e->shift);
}

/* Accesses in all address spaces. */
static void use_all(void)
{
	struct tree *was = tree;

	for (unsigned n = below(12); n > 0 && !wrong; n--) {
		uint64_t va = somewhere_else();

		use_late(va + below((unsigned)PAGE), some_access());
	}
	tree = was;
	asid = tree->asid ? tree->asid : asid;
}

static void operate_noted(bool look)
{
	const struct operation op = some_operation();
	const uint64_t first = op.va & ~(BIG - 1), length = op.length == BIG ? BIG : 2 * BIG;

	note_grants(first, length); /* a collapse is about all of it */
	operate(&op);
	note_grants(first, length);
	if (look)
		ora_check_gather(&tree->ora, &tree->g);
}

static void sync_tree(void)
{
	mm_pt_sync(&tree->pt, &tree->g);
	synced[tree - trees]++;
	check_tlb();
	for (unsigned k = below(8); k > 0 && !wrong; k--)
		use(somewhere() + below((unsigned)PAGE), some_access());
	check_tlb();
}

/* The address space ends, and another one gets its ASID. What the TLB has is not looked through for that. */
static void end_tree(bool look)
{
	enum mm_status st = mm_pt_unmap(&tree->pt, base(), 4 * BIG, 0, &tree->g);

	assert_true(st == MM_OK || st == MM_E_NOENT);
	mm_pt_sync(&tree->pt, &tree->g);
	synced[tree - trees]++;
	check_tlb();
	if (!look)
		tree->ora.wrong = NULL; /* it sees what is planted, too: here, this TLB is to */
	stop();
}

/* A kernel's tree and two address spaces. What the TLB noticed. */
static const char *run(const struct cpu *user, const struct cpu *kernel, unsigned plant, unsigned rounds)
{
	const bool look = !plant && !asid_only;

	ntrees = TREES;
	asid = 1;
	late = 0;
	start_tlb();
	for (unsigned i = 0; i < TREES; i++) {
		tree = &trees[i];
		tree->asid = i;
		tree->life = 0;
		start_tree(i ? user : kernel);
	}
	mm_hook_plant = plant;
	for (unsigned n = 0; n < rounds && !wrong; n++) {
		switch_tree();
		for (unsigned k = 1 + below(5); k > 0 && !wrong; k--) {
			operate_noted(look);
			use_all();
		}
		if (below(3) && !wrong)
			sync_tree();
		if (look && tree->ora.wrong)
			violation(tree->ora.wrong);
		if (below(32) == 0 && !wrong) {
			end_tree(look);
			start_tree(tree->asid ? user : kernel);
		}
	}
	mm_hook_plant = 0;
	for (; ntrees > 0; ntrees--) {
		tree = &trees[ntrees - 1];
		end_tree(look);
	}
	return wrong;
}

/* User's and kernel's trees: of two formats, or, where segments tell them apart, of one. */
static const unsigned machines[][2] = { { 0, 1 }, { 2, 3 }, { 4, 4 } };
#define MACHINES (sizeof(machines) / sizeof(machines[0]))

static void what_waits_for_a_flush_is_no_more_than_was_granted(void **state)
{
	unsigned all = 0;

	(void)state;
	for (unsigned m = 0; m < MACHINES; m++) {
		seed = 2024 + m;
		const char *seen = run(&cpus[machines[m][0]], &cpus[machines[m][1]], 0, m == 1 ? 80 : 250);
		if (seen)
			fail_msg("%s: %s", ora_formats[cpus[machines[m][0]].format]->name, seen);
		print_message("%s: %u refills, %u entries replaced, %u accesses by what is no more\n",
			      ora_formats[cpus[machines[m][0]].format]->name, refills, replaced, late);
		assert_true(refills > 300 && replaced > 10 && touched > 10);
		all += late;
	}
	assert_true(all > 30);
}

#if MM_HOOKS
static void each_dropped_flush_is_noticed(void **state)
{
	static const unsigned plants[] = { MM_PLANT_MASK_FLUSH, MM_PLANT_MASK_RIGHTS, MM_PLANT_MASK_OTHER,
					   MM_PLANT_REFILL_BESIDE };
	(void)state;
	for (unsigned m = 0; m < MACHINES; m += 2) /* large tables take long to look at */
		for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
			seed = 7;
			if (!run(&cpus[machines[m][0]], &cpus[machines[m][1]], plants[i], 20000))
				fail_msg("machine %u: bug %u was not noticed", m, plants[i]);
		}
}
#endif

/* A mistake of the host: what other ASIDs have of the kernel's pages stays. */
static void a_flush_of_the_current_asid_alone_is_noticed(void **state)
{
	(void)state;
	asid_only = true;
	for (unsigned m = 0; m < MACHINES; m += 2) {
		seed = 7;
		if (!run(&cpus[machines[m][0]], &cpus[machines[m][1]], 0, 20000))
			fail_msg("machine %u: a flush of one ASID was not noticed", m);
	}
	asid_only = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_for_a_flush_is_no_more_than_was_granted),
#if MM_HOOKS
		cmocka_unit_test(each_dropped_flush_is_noticed),
#endif
		cmocka_unit_test(a_flush_of_the_current_asid_alone_is_noticed),
	};
	return cmocka_run_group_tests_name("pt_asids", tests, NULL, NULL);
}
