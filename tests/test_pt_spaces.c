/* SPDX-License-Identifier: MIT */
/* TLBs that hardware fills, with several address spaces, what they share, global pages, and spaces with two roots
 * (pt_spaces.h), for all formats: after each operation nothing that CPUs keep grants more than the tables, or leads
 * elsewhere, unless a flush that reaches it waits; and nothing of one space is found in another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "hook.h"
#include "pt_spaces.h"
#include "vmm/pt_core.h"

static uint64_t seed;

static unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

/* ---- machines ---- */

static const struct machine folded[] = {
	{ .arch = &ora_x86_64 },   { .arch = &ora_aarch64, .upper_arch = &ora_aarch64_high },
	{ .arch = &ora_sv39 },     { .arch = &ora_sv48 },
};
static const struct mm_pt_port *(*const folded_port[])(void) = { mm_pt_x86_64_port, mm_pt_aarch64_port, mm_pt_sv39_port,
								 mm_pt_sv48_port };
#define FOLDED   (sizeof(folded) / sizeof(folded[0]))
#define MACHINES (FOLDED + MM_PT_FORMATS)

/* False: another test's. @halves: the upper half, where that is another format, is the kernel's. */
static bool pick_machine(unsigned k, bool halves)
{
	machine = (struct machine){ .port = NULL };
	if (k < FOLDED) {
		machine = folded[k];
		machine.port = folded_port[k]();
		machine.upper = halves && machine.upper_arch ? mm_pt_aarch64_high_port() : NULL;
		return !halves || machine.upper;
	}
	const unsigned format = k - (unsigned)FOLDED;
	machine.port = mm_pt_format((enum mm_pt_format)format);
	machine.arch = ora_formats[format];
	if (halves && format + 1 < MM_PT_FORMATS && machine.arch->half == ORA_ZERO &&
	    ora_formats[format + 1]->half == ORA_ONES) {
		machine.upper = mm_pt_format((enum mm_pt_format)(format + 1));
		machine.upper_arch = ora_formats[format + 1];
	}
	return !machine.arch->pairs && (!halves || machine.upper);
}

/* What is kept or mirrored: whole entries of the root. */
static uint64_t part(void)
{
	const uint64_t top = ora_size(&ora, machine.arch->top);

	return top > 2 * BIG ? top : 2 * BIG;
}

static void pick_windows(void)
{
	const unsigned bits = ora_va_bits(machine.arch);
	const uint64_t half = UINT64_C(1) << (bits - 1), ones = ~(half - 1);

	window[0] = machine.arch->half == ORA_ONES ? ones << 1 : 0;
	window[1] = machine.upper ? ones << 1 : machine.arch->half == ORA_SIGN ? ones : window[0] + half;
	window_pages = (unsigned)(2 * BIG / PAGE);
	free(lines);
	lines = calloc((size_t)SPACES * 2 * window_pages, sizeof(*lines));
	assert_non_null(lines);
}

/* ---- spaces ---- */

static const struct mm_pt_port *port_of(unsigned i)
{
	return i == KERNEL && machine.upper ? machine.upper : machine.port;
}

static uint32_t random_attr(void)
{
	static const uint32_t types[4] = { MM_PT_WB, MM_PT_WB, MM_PT_WC, MM_PT_DEVICE };

	return (below(4) ? MM_PT_READ : 0u) | (below(2) ? MM_PT_WRITE : 0u) | (below(2) ? MM_PT_EXEC : 0u) |
	       (below(2) ? MM_PT_USER : 0u) | (below(3) ? 0u : MM_PT_TRACK) | (below(2) ? MM_PT_GLOBAL : 0u) |
	       (below(3) ? 0u : MM_PT_KEY(below(16))) | types[below(4)];
}

static bool may_be_global(unsigned i)
{
	if (i != KERNEL)
		return how.global_user || (how.global_second && i == SECOND);
	return !how.second || how.global_second;
}

static uint32_t some_attr(unsigned i)
{
	uint32_t attr;

	do {
		attr = random_attr();
		attr &= may_be_global(i) ? UINT32_MAX : ~(uint32_t)MM_PT_GLOBAL;
	} while (!(attr & (MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC)) || !ora_can(machine.arch, attr, ora.features));
	return attr;
}

/* Frames are those of a space in one of its lives. */
static mm_paddr_t some_frame(unsigned i, uint64_t offset)
{
	return (mm_paddr_t)(4 * BIG * (1 + i + SPACES * (space[i].life % 4)) + offset + (below(3) ? 0 : PAGE));
}

static void refresh_all(void)
{
	refresh(0, window_pages);
	refresh(window_pages, window_pages);
}

/* A CPU loads the root. */
static void load(unsigned i)
{
	for (unsigned page = 0; page < 2 * window_pages; page++)
		if (line_at(i, page)->missed == MISSED_ROOT)
			line_at(i, page)->missed = MISSED_NOT;
	refresh_all();
}

/* One page is the same case as many, done otherwise. */
static enum mm_status map_page(unsigned i, unsigned half, uint32_t attr)
{
	return mm_pt_map(&space[i].pt, window[half], some_frame(i, 0), PAGE, attr, 0, &space[i].g);
}

/* Let it have the kernel's half. Something may be mapped in the user's before. */
static void share(unsigned i)
{
	const uint32_t attr = some_attr(i);
	struct space *s = &space[i];

	if (below(2))
		assert_int_equal(map_page(i, 0, attr), MM_OK);
	assert_int_equal(mm_pt_share(&s->pt, &space[KERNEL].pt, &s->g), MM_OK);
	assert_int_equal(map_page(i, 1, attr), MM_E_OWNER);
	assert_int_equal(mm_pt_unmap(&s->pt, window[1], PAGE, 0, &s->g), MM_E_OWNER);
}

static void begin_space(unsigned i)
{
	struct space *s = &space[i];
	const struct mm_pt_port *port = port_of(i);
	struct mm_pt_cfg cfg = { .allow_wx = true, .features = ora.features };

	for (unsigned l = 0; how.second && l + 1 < port->nlevels && port->level[l].leaf; l++)
		cfg.leaf_levels |= (uint8_t)(1u << l); /* none in the root */
	s->env = (struct mm_pt_env){ s, alloc_table, free_table, to_virt, flush };
	s->g = (struct mm_tlb_gather){ .flush = false };
	s->life++;
	assert_int_equal(mm_pt_init(&s->pt, port, &s->env, &cfg), MM_OK);
	if (i == KERNEL && !machine.upper)
		assert_int_equal(mm_pt_keep(&s->pt, window[1], part(), &s->g), MM_OK);
	else if (!machine.upper && owner_of(i, window_pages) == KERNEL)
		share(i);
	if (how.second && i == SECOND)
		assert_int_equal(mm_pt_mirror(&s->pt, &space[MIRRORED].pt, window[0], part(), &s->g), MM_OK);
	refresh_all();
	mm_pt_sync(&s->pt, &s->g);
	load(i);
}

static void sync_space(unsigned i)
{
	mm_pt_sync(&space[i].pt, &space[i].g);
	check(0, 2 * window_pages);
}

/* Its ASID is another's from now on, and no flush says so. */
static void end_space(unsigned i)
{
	struct space *s = &space[i];

	if (i == KERNEL) /* the others are gone; what they kept stays as it is */
		memset(pointer, 0, sizeof(pointer));
	for (unsigned half = 0; half < 2; half++)
		if (owner_of(i, half * window_pages) == i && !(i == KERNEL && machine.upper && half == 0)) {
			at_page = half * window_pages;
			at_pages = window_pages;
			enum mm_status st = mm_pt_unmap(&s->pt, window[half], 2 * BIG, 0, &s->g);
			assert_true(st == MM_OK || st == MM_E_NOENT);
			refresh(at_page, at_pages);
			sync_space(i);
		}
	at_pages = 0;
	if (i == KERNEL) /* the machine stops: what it keeps goes back, too */
		memset(pointer, 0, sizeof(pointer));
	if (!wrong)
		assert_int_equal(mm_pt_destroy(&s->pt), MM_OK);
	s->pt = (struct mm_pt){ .port = NULL };
}

static void begin_machine(void)
{
	if (!ora.mem)
		ora_init(&ora, 0x40000000, TABLES);
	ora_reset(&ora);
	ora_set_arch(&ora, machine.arch);
	ora.features = how.features ? machine.arch->features : 0;
	memset(space, 0, sizeof(space));
	memset(pointer, 0, sizeof(pointer));
	wrong = NULL;
	at_pages = 0;
	pick_windows();
	for (unsigned i = 0; i < SPACES; i++)
		begin_space(i);
}

static void end_machine(void)
{
	static const unsigned order[SPACES] = { MIRRORED, SECOND, 2, KERNEL }; /* who is followed goes first */

	for (unsigned i = 0; i < SPACES && !wrong; i++)
		end_space(order[i]);
	if (!wrong && ora.used)
		violation("tables are lost");
	if (ora.wrong)
		violation(ora.wrong);
}

/* ---- operations ---- */

static enum mm_status age(unsigned i, uint64_t va, uint64_t length)
{
	enum mm_status st;
	mm_paddr_t pa[64];
	struct mm_pt_leaves leaves = { .pa = pa, .room = 64 };
	struct mm_pt_cur cur;

	assert_int_equal(mm_pt_cur_init(&cur, &space[i].pt, va, length), MM_OK);
	do
		st = mm_pt_age(&space[i].pt, &cur, below(2) ? MM_PT_ACCESSED : MM_PT_DIRTY, &space[i].g, &leaves);
	while (st == MM_OK);
	return st;
}

static enum mm_status unmap_leaves(unsigned i, uint64_t va, uint64_t length)
{
	mm_paddr_t pa[64];
	struct mm_pt_leaves leaves = { .pa = pa, .room = 64 };
	struct mm_pt_cur cur;

	assert_int_equal(mm_pt_cur_init(&cur, &space[i].pt, va, length), MM_OK);
	return mm_pt_unmap_leaves(&space[i].pt, &cur, &space[i].g, &leaves);
}

/* What fails, fails for reasons that other tests are about. */
static enum mm_status operate_on(unsigned i, unsigned kind, unsigned half, uint64_t offset, uint64_t length)
{
	struct mm_pt *pt = &space[i].pt;
	struct mm_tlb_gather *g = &space[i].g;
	const uint64_t va = window[half] + offset;

	switch (kind) {
	case 0:
	case 1:
	case 2:
		return mm_pt_map(pt, va, some_frame(i, offset), length, some_attr(i), below(3) ? 0 : MM_PT_MAX_LEVEL(0), g);
	case 3:
		return mm_pt_unmap(pt, va, length, below(2) ? 0 : MM_PT_DISCARD, g);
	case 4:
	case 5:
		return mm_pt_protect(pt, va, length, some_attr(i), 0, g);
	case 6:
		return mm_pt_split(pt, va, length, MM_PT_MAX_LEVEL(0), g);
	case 7:
		return mm_pt_collapse(pt, va & ~(BIG - 1), BIG, 0, g);
	case 8:
		return unmap_leaves(i, va, length);
	default:
		return age(i, va, length);
	}
}

static void operate(unsigned i, unsigned half)
{
	const unsigned kind = below(10), block = below(2), pages = (unsigned)(BIG / PAGE);
	const bool slow = pages > 1024 && (kind == 4 || kind == 5); /* a flush for each page */
	const bool big = below(4) == 0 && !slow, single = below(2);
	const uint64_t offset = block * BIG + (big ? 0 : below(12) * PAGE);
	const uint64_t length = big ? BIG : single ? PAGE : (1 + below(9)) * PAGE;
	const bool crosses = offset % BIG + length > BIG;

	const bool all = crosses || machine.arch->root_is_latched; /* what is latched is about all of a window */

	if (crosses && block)
		return;
	at_page = half * window_pages + (all ? 0 : block * pages);
	at_pages = all ? window_pages : pages;
	enum mm_status st = operate_on(i, kind, half, offset, length);
	const bool others = owner_of(i, half * window_pages) != i;
	if (others ? st != MM_E_OWNER : st != MM_OK && st != MM_E_EXIST && st != MM_E_NOENT && st != MM_E_NOMEM)
		violation("an operation said something else");
	refresh(at_page, at_pages);
	check(at_page, at_pages);
}

/* Where a space may be changed, or, seldom, where it must not. */
static unsigned some_half(unsigned i)
{
	if (machine.upper)
		return i == KERNEL;
	if (how.second && i == SECOND)
		return 1;
	return i == KERNEL || below(16) == 0 || (owner_of(i, window_pages) == i && below(2));
}

/* What was wrong, or NULL. */
static const char *run(const struct how *kind, unsigned plant, unsigned rounds)
{
	how = *kind;
	begin_machine();
	mm_hook_plant = plant;
	for (unsigned n = 0; n < rounds && !wrong; n++) {
		const unsigned i = below(SPACES);
		for (unsigned k = 1 + below(4); k > 0 && !wrong; k--)
			operate(i, some_half(i));
		if (below(3) == 0 && !wrong)
			sync_space(i);
		if (below(24) == 0 && !wrong && i != KERNEL && !(how.second && i != 2)) {
			end_space(i);
			if (!wrong)
				begin_space(i);
		}
	}
	end_machine();
	mm_hook_plant = 0;
	return wrong;
}

static unsigned patience(unsigned rounds)
{
	return ora_size(&ora, 1) / PAGE > 1024 ? rounds / 8 : rounds; /* large tables take long to look at */
}

static void run_all(struct how kind, bool halves)
{
	unsigned ran = 0;

	far = far_global = 0;
	for (unsigned k = 0; k < MACHINES; k++) {
		if (!pick_machine(k, halves))
			continue;
		ora_set_arch(&ora, machine.arch);
		seed = 2026 + k;
		kind.features = (k + kind.second) % 2;
		const char *seen = run(&kind, 0, patience(150));
		if (seen)
			fail_msg("%s: %s", machine.arch->name, seen);
		ran++;
	}
	print_message("%u machines; of what was flushed other ASIDs had %u, %u of it global\n", ran, far, far_global);
	assert_true(ran >= 4 && far > 1000 && (kind.second || far_global > 100));
}

static void spaces_share_what_the_kernel_maps(void **state)
{
	(void)state;
	run_all((struct how){ .second = false }, false);
}

static void a_space_may_have_two_roots(void **state)
{
	(void)state;
	run_all((struct how){ .second = true }, false);
}

static void the_kernel_may_have_a_root_of_its_own(void **state)
{
	(void)state;
	run_all((struct how){ .second = false }, true);
}

/* ---- what must be noticed ---- */

static void is_noticed(const char *name, const struct how *kind, bool halves, unsigned plant)
{
	unsigned k = 0;

	while (!pick_machine(k, halves) || strcmp(machine.arch->name, name) != 0)
		assert_true(++k < MACHINES);
	seed = 7;
	if (!run(kind, plant, 2000))
		fail_msg("%s: bug %u was not noticed", name, plant);
}

/* Mistakes of the host. */
static void flushes_that_do_not_reach_all_are_noticed(void **state)
{
	static const struct how kinds[] = {
		{ .skips_globals = true },
		{ .one_asid = true },
		{ .skips_tables = true },
		{ .global_user = true },
		{ .second = true, .one_asid = true },
		{ .second = true, .one_root = true },
		{ .second = true, .skips_tables = true },
		{ .second = true, .global_second = true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		is_noticed("x86-64", &kinds[i], false, 0);
		is_noticed("Sv39", &kinds[i], false, 0);
		is_noticed("ia32 PAE", &kinds[i], false, 0);
		if (i != 2) /* the tables that the kernel shares there all stay */
			is_noticed("ARMv7 short", &kinds[i], false, 0);
		is_noticed("AArch64 low", &kinds[i], i < 4, 0);
	}
}

#if MM_HOOKS
static const struct how shared = { .second = false }, two_roots = { .second = true };

static void what_formats_forget_is_noticed(void **state)
{
	(void)state;
	is_noticed("x86-64", &shared, false, MM_PLANT_MASK_GLOBAL);
	is_noticed("Sv39", &shared, false, MM_PLANT_MASK_GLOBAL);
	is_noticed("Sv57", &shared, false, MM_PLANT_MASK_GLOBAL);
	is_noticed("AArch64 low", &shared, true, MM_PLANT_MASK_GLOBAL);
	is_noticed("ia32", &shared, false, MM_PLANT_MASK_OTHER);
	is_noticed("ARMv7 short", &shared, false, MM_PLANT_MASK_OTHER);
	is_noticed("ARMv7 LPAE", &shared, false, MM_PLANT_MASK_OTHER);
	is_noticed("PPC64 radix", &shared, false, MM_PLANT_MASK_FLUSH);
	is_noticed("PPC64 radix", &shared, false, MM_PLANT_MASK_RIGHTS);
	is_noticed("ia32 PAE", &shared, false, MM_PLANT_MASK_SYNC);
	is_noticed("Sv48", &shared, false, MM_PLANT_MASK_SYNC);
}

static void what_the_walker_forgets_is_noticed(void **state)
{
	static const unsigned sites[] = { PT_SITE_UNMAP, PT_SITE_UNMAP_PAGE, PT_SITE_UNMAP_LEAVES, PT_SITE_PROTECT,
					  PT_SITE_AGE, PT_SITE_DETACH, PT_SITE_SYNC, PT_SITE_FREE };

	(void)state;
	for (unsigned i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
		is_noticed("x86-64", &shared, false, MM_PLANT_PT_SITE + sites[i]);
		is_noticed("Sv39", &two_roots, false, MM_PLANT_PT_SITE + sites[i]);
		is_noticed("AArch64 low", &shared, true, MM_PLANT_PT_SITE + sites[i]);
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spaces_share_what_the_kernel_maps),
		cmocka_unit_test(a_space_may_have_two_roots),
		cmocka_unit_test(the_kernel_may_have_a_root_of_its_own),
		cmocka_unit_test(flushes_that_do_not_reach_all_are_noticed),
#if MM_HOOKS
		cmocka_unit_test(what_formats_forget_is_noticed),
		cmocka_unit_test(what_the_walker_forgets_is_noticed),
#endif
	};
	return cmocka_run_group_tests_name("pt_spaces", tests, NULL, NULL);
}
