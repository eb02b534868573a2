/* SPDX-License-Identifier: MIT */
/* The recursive entry: it shows each table where mm_pt_recursive_va() says, as the oracle's MMU walks there; all tables
 * of the tree are reached through it while the tree changes; and nothing takes it for a part of the tree. Where the
 * format wants break-before-make, nobody forgets what the entry showed but who is told to by a flush: a TLB that holds
 * all that ever was there must never meet anything else. */
#include <mmlib/pt_recursive.h>
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"
#include <mmlib/pt_formats.h>
#include "pt_mmu.h"
#include "pt_window.h"

static struct mm_pt_env env; /* that reaches tables through the entry */
static unsigned shown;       /* how often */

/* Offset of the entry: the last but one of the root, or of its half. */
static uint64_t root_span(void)
{
	return ora_size(&ora, ora.arch->top);
}

static uint64_t entry_at(void)
{
	return 200 * root_span();
}

static void nothing_is_wrong(void)
{
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
}

/* What the MMU finds. The oracle does not watch: it would take the entry for a table below the root. */
static struct ora_run walk(mm_vaddr_t va)
{
	ora.pt = &pt;
	struct ora_run run = ora_walk(&ora, va);
	ora.pt = NULL;
	return run;
}

/* ---- a TLB of what is seen through the entry ---- */

/* What an entry at @level on the way to what is translated led to. */
static struct kept {
	mm_vaddr_t va; /* first byte that it is for */
	uint64_t to;
	unsigned level;
	bool upper; /* to a table, or what is taken for one */
} kept[4096];
static size_t nkept;

static void keep(mm_vaddr_t va, unsigned level, uint64_t to, bool upper)
{
	for (size_t i = 0; i < nkept; i++)
		if (kept[i].va == va && kept[i].level == level) {
			if (kept[i].to != to || kept[i].upper != upper)
				ora_violation(&ora, "something else was there, and no flush has covered it since");
			return;
		}
	if (nkept == sizeof(kept) / sizeof(kept[0]))
		ora_violation(&ora, "no room in the TLB");
	else
		kept[nkept++] = (struct kept){ .va = va, .to = to, .level = level, .upper = upper };
}

/* A walk, maybe of a CPU that only guesses. */
static void look_at(mm_vaddr_t va)
{
	uint64_t table[ORA_LEVELS];

	ora.pt = &pt;
	struct ora_run run = ora_path(&ora, va, table);
	ora.pt = NULL;
	for (unsigned l = ora.arch->top; l > run.level; l--)
		keep(va & ~(ora_size(&ora, l) - 1), l, table[l - 1], true);
	if (run.attr && ora.arch->is_leaf(mmu_get(&ora, table[run.level], index_of(&ora, va, run.level)), run.level))
		keep(run.va, run.level, run.pa, false);
}

static void forget(void *ctx, const struct mm_tlb_gather *what)
{
	ora.env.flush(ctx, what);
	for (size_t i = nkept; what->flush && i-- > 0;) {
		const mm_vaddr_t last = kept[i].va + (ora_size(&ora, kept[i].level) - 1);
		if (kept[i].va <= what->last && last >= what->start && (!kept[i].upper || what->tables))
			kept[i] = kept[--nkept];
	}
}

/* What is read from the lowest table on the way is read as the entry of a page of the kernel's data. */
static void check_page(mm_vaddr_t va)
{
	const uint32_t all = RW | MM_PT_EXEC | MM_PT_USER | MM_PT_GLOBAL | MM_PT_ACCESSED | MM_PT_DIRTY | MM_PT_TYPE;
	uint64_t table[ORA_LEVELS];

	ora.pt = &pt;
	struct ora_run run = ora_path(&ora, va, table);
	ora.pt = NULL;
	if (run.level || (run.attr & all) != (RW | MM_PT_ACCESSED | MM_PT_DIRTY))
		ora_violation(&ora, "what is shown is not a page of the kernel's data");
	else if (ora.arch->reserved(&ora, mmu_get(&ora, table[0], index_of(&ora, va, 0)), 0, true))
		ora_violation(&ora, "what leads to a table has bits that no page has");
}

static void *through_the_entry(const struct mm_pt *tree, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
	if (window < MM_PT_WINDOWS / 2 && tree->recursive) {
		mm_vaddr_t at = mm_pt_recursive_va(tree, window, va);
		struct ora_run run = walk(at);
		if (!run.attr || run.pa + (at - run.va) != pa)
			ora_violation(&ora, "the entry does not show this table");
		if (ora.arch->must_break) {
			check_page(at);
			look_at(at);
		}
		shown++;
	}
	return window_show(tree, pa, window, va);
}

/* What a format wants for an entry that leads to a table to be a leaf. 0: it is one, or none. */
static uint32_t features_for(const struct mm_pt_port *port)
{
	return port->recursive_feature;
}

static bool has_none(void)
{
	return w->f != &x86_64 && w->f != &aarch64 && w->f != &aarch64_high; /* a leaf is no table, or faults */
}

/* A machine with a tree of this format, and its entry. */
static void begin_with(const struct mm_pt_port *port, const struct ora_arch *arch, uint32_t features, mm_vaddr_t at)
{
	const struct mm_pt_cfg cfg = { .allow_wx = true, .features = features | features_for(port) };

	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	ora_reset(&ora);
	ora_set_arch(&ora, arch);
	ora.features = cfg.features;
	ora.page_roots = features_for(port);
	env = ora.env;
	env.window = through_the_entry;
	env.flush = forget;
	shown = 0;
	nkept = 0;
	g = (struct mm_tlb_gather){ 0 };
	assert_int_equal(mm_pt_init(&pt, port, &env, &cfg), MM_OK);
	assert_int_equal(mm_pt_recurse(&pt, at, &g), MM_OK);
	mm_pt_sync(&pt, &g);
}

/* The same of a walker's format. False: that has none. */
static bool begin(void **state)
{
	w = *state;
	if (has_none())
		return false;
	ora_set_arch(&ora, w->f->arch);
	begin_with(w->f->port(), w->f->arch, w->f->arch->run_feature, V(entry_at()));
	return true;
}

static void end(void)
{
	size_t tables = 0;

	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_verify(&pt, &tables), MM_OK);
	assert_int_equal(tables, ora.used);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
	ora.page_roots = false;
}

/* The table at @level around @va, by the oracle's own way down. 0: there is none. */
static uint64_t table_at(unsigned level, mm_vaddr_t va)
{
	uint64_t table[ORA_LEVELS] = { 0 };

	ora.pt = &pt;
	(void)ora_path(&ora, va, table);
	ora.pt = NULL;
	return table[level];
}

static void each_table_is_where_it_is_said_to_be(void **state)
{
	const uint64_t where[] = { 0, 5 * K4, M2 - K4, 3 * M2, G1 + 77 * M2 + 3 * K4, 5 * G512 };
	unsigned found = 0;

	if (!begin(state))
		return;
	for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		assert_int_equal(map(where[i], PA0, K4, RW, 0), MM_OK);
	assert_int_equal(map(2 * G1, PA0, M2, RW, 0), MM_OK);
	mm_pt_sync(&pt, &g);
	for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		for (unsigned l = 0; l <= ora.arch->top; l++) {
			mm_vaddr_t at = mm_pt_recursive_va(&pt, l, V(where[i]) + 99);
			struct ora_run run = walk(at);
			assert_int_equal(at & (K4 - 1), 0);
			assert_true(at - V(entry_at()) < root_span());
			assert_true(run.pa + (at - run.va) == table_at(l, V(where[i])));
			assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
			found++;
		}
	assert_int_equal(found, 6 * 4);
	assert_false(walk(mm_pt_recursive_va(&pt, 0, V(7 * G1))).attr); /* there is none */
	assert_int_equal(mm_pt_recursive_va(&pt, 4, V(0)), 0);
	end();
}

static void what_cannot_be_is_refused(void **state)
{
	struct mm_pt none = { 0 };
	const uint64_t at = 200 * UINT64_C(0x8000000000);

	const struct walker *of = *state;
	const struct mm_pt_cfg cfg = { .features = features_for(of->f->port()) };

	ora.page_roots = cfg.features;
	start_with(state, &cfg);
	ora.pt = NULL;
	assert_int_equal(mm_pt_recurse(NULL, V(at), &g), MM_E_INVAL);
	assert_int_equal(mm_pt_recurse(&pt, V(at), NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_recurse(&none, V(at), &g), MM_E_STATE);
	assert_int_equal(mm_pt_recursive_va(&pt, 0, V(0)), 0);
	assert_int_equal(mm_pt_recursive_va(&none, 0, V(0)), 0);
	assert_int_equal(mm_pt_recursive_va(NULL, 0, V(0)), 0);
	if (has_none()) {
		assert_int_equal(mm_pt_recurse(&pt, V(0), &g), MM_E_NOTSUP);
	} else {
		assert_int_equal(mm_pt_recurse(&pt, V(at) + K4, &g), MM_E_ALIGN);
		assert_int_equal(mm_pt_recurse(&pt, V(at) ^ UINT64_C(1) << 60, &g), MM_E_RANGE);
		assert_int_equal(map(at + 5 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at), &g), MM_E_EXIST);
		assert_true(g.stop_va == V(at));
		assert_int_equal(unmap(at + 5 * K4, K4, 0), MM_OK);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_keep(&pt, V(at), root_span(), &g), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at), &g), MM_E_BUSY);
		assert_int_equal(mm_pt_recurse(&pt, V(at) + root_span(), &g), MM_OK);
		assert_int_equal(mm_pt_recurse(&pt, V(at) + 2 * root_span(), &g), MM_E_BUSY);
		assert_int_equal(mm_pt_unkeep(&pt, &g), MM_OK);
		assert_int_equal(mm_pt_keep(&pt, V(at), 2 * root_span(), &g), MM_E_OWNER);
	}
	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

static void nothing_is_changed_through_it(void **state)
{
	static mm_paddr_t frame[4];
	uint32_t attr[4];
	struct mm_pt_leaves leaves = { .pa = frame, .room = 4 };
	struct mm_pt_pool pool = { .n = { 0 } };
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	if (!begin(state))
		return;
	const uint64_t at = entry_at(), all = root_span();
	assert_int_equal(map(at - K4, PA0, K4, RW, 0), MM_OK); /* beside it */
	assert_int_equal(map(at + all, PA0, K4, RW, 0), MM_OK);
	const uint64_t before = ora_hash_seen(&ora);
	const size_t used = ora.used;
	for (uint64_t k = 0; k < 3; k++) {
		const uint64_t page = at + (k == 0 ? 0 : k == 1 ? all - K4 : all / 2 + 7 * K4);
		assert_int_equal(map(page, PA0, K4, RW, 0), MM_E_OWNER);
		assert_int_equal(unmap(page, K4, 0), MM_E_OWNER);
		assert_int_equal(protect(page, K4, MM_PT_READ, 0), MM_E_OWNER);
		assert_int_equal(w->map_list(&pt, V(page), frame, 1, RW, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_reserve(&pt, V(page), PA0, K4, 0, &pool), MM_E_OWNER);
		assert_int_equal(mm_pt_split(&pt, V(page), K4, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_collapse(&pt, V(page), K4, 0, &g), MM_E_OWNER);
		assert_int_equal(cur_init(&cur, page, K4), MM_OK);
		assert_int_equal(w->unmap_leaves(&pt, &cur, &g, &leaves), MM_E_OWNER);
		assert_int_equal(mm_pt_age(&pt, &cur, MM_PT_ACCESSED, &g, &leaves), MM_E_OWNER);
	}
	assert_int_equal(unmap(at - all, 3 * all, MM_PT_DISCARD), MM_E_OWNER);
	assert_int_equal(unmap(at - all, 3 * all, 0), MM_E_OWNER);
	assert_int_equal(ora.used, used);
	assert_true(ora_hash_seen(&ora) == before);
	/* it is told: the root, and a table below it */
	assert_int_equal(w->query(&pt, mm_pt_recursive_va(&pt, ora.arch->top, V(0)), &run), MM_OK);
	assert_true(run.pa == pt.root);
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(w->query(&pt, mm_pt_recursive_va(&pt, 0, V(at - K4)), &run), MM_OK);
	assert_true(run.pa == table_at(0, V(at - K4)));
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	const uint64_t table = run.va - w->f->base;
	assert_int_equal(cur_init(&cur, table, K4), MM_OK);
	assert_true(next(&cur, &run));
	assert_int_equal(run.attr & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(cur_init(&cur, table, K4), MM_OK);
	leaves.attr = attr;
	assert_true(w->leaves(&cur, &leaves));
	assert_int_equal(attr[0] & (RW | MM_PT_EXEC | MM_PT_USER), RW);
	assert_int_equal(mm_pt_dump(&pt, MM_PT_DUMP_WX, NULL, NULL), 0);
	end();
}

/* Through the entry alone: each table that an operation asks for in the tree must be shown by it. */
static void the_tree_changes_through_it(void **state)
{
	uint64_t seed = 77;
	unsigned changes = 0;

	if (!begin(state))
		return;
	for (unsigned i = 0; i < 2000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		const uint64_t page = (seed >> 33) % 3 * G1 + (seed >> 40) % 3 * M2 + (seed >> 50) % 8 * K4;
		const uint64_t length = seed >> 60 & 1 ? M2 + 3 * K4 : K4;
		const unsigned what = (seed >> 56) % 8;
		enum mm_status st = MM_OK;
		if (what < 3)
			st = map(page, PA0 + (seed >> 60 & 2 ? page % M2 : 0), length, RW | MM_PT_TRACK, 0);
		else if (what < 6)
			st = unmap(page, length, what == 5 ? MM_PT_DISCARD : 0);
		else if (what == 6)
			st = protect(page, length, MM_PT_READ, 0);
		else
			st = mm_pt_collapse(&pt, V(page & ~(M2 - 1)), M2, 0, &g);
		changes += st == MM_OK;
		if (i % 7 == 0)
			mm_pt_sync(&pt, &g);
		if (i % 50 == 0)
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		nothing_is_wrong();
	}
	assert_true(changes > 500);
	assert_true(shown > 5000);
	end();
}

/* ---- formats that are selected by number ---- */

/* One of them, with its entry amid those of the root, and the sizes of its leaves by level. */
static struct other {
	const struct mm_pt_port *port;
	mm_vaddr_t base, at;
	uint64_t size[4], top;
	unsigned tops; /* entries of the root around the one that shows it */
} o;

static void begin_other(enum mm_pt_format f)
{
	const struct mm_pt_port *port = mm_pt_format(f);
	const unsigned top = port->nlevels - 1u, n = 1u << (port->va_bits - port->level[top].shift);

	o = (struct other){ .port = port, .top = UINT64_C(1) << port->level[top].shift, .tops = n > 2 ? 3 : 2 };
	o.base = port->extension == MM_PT_VA_ONES ? -(UINT64_C(1) << port->va_bits) : 0;
	o.at = o.base + (n > 4 ? n / 4 : n / 2) * o.top;
	for (unsigned l = 0; l < 4; l++)
		o.size[l] = l < port->nlevels ? UINT64_C(1) << port->level[l].shift : 0;
	begin_with(port, ora_formats[f], 0, o.at);
}

/* Map and unmap, @large: leaves of level 2 too. */
static enum mm_status change_other(uint64_t r, mm_vaddr_t page, bool large)
{
	const uint64_t length = large ? o.size[2] : r >> 60 & 1 ? o.size[1] + 3 * o.size[0] : o.size[0];
	const unsigned what = (r >> 56) % 8;

	if (what < 3)
		return mm_pt_map(&pt, page, (mm_paddr_t)(page % o.size[large ? 2 : 1]), length, RW | RX, 0, &g);
	if (what < 6)
		return mm_pt_unmap(&pt, page, length, what == 5 ? MM_PT_DISCARD : 0, &g);
	if (what == 6)
		return mm_pt_protect(&pt, page, length, RX, 0, &g);
	return mm_pt_collapse(&pt, page & ~(o.size[1] - 1), o.size[1], 0, &g);
}

/* All that may be shown around what changes. */
static void look_around(void)
{
	for (unsigned l = 0; l < o.port->nlevels; l++)
		for (uint64_t k = 0; k < o.tops * 8u; k++)
			look_at(mm_pt_recursive_va(&pt, l, o.at - o.top + k / 8 * o.top + (k & 1) * o.size[1] +
								   (o.port->nlevels > 3 ? k >> 1 & 3 : 0) * o.size[2]));
}

static void change_others(uint64_t seed, bool guesses)
{
	unsigned changes = 0;

	for (unsigned i = 0; i < 1500; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		const bool large = guesses && o.port->nlevels > 3 && (seed >> 44) % 2 == 0;
		mm_vaddr_t page = o.at - o.top + (seed >> 33) % o.tops * o.top;
		if (o.port->nlevels > 3)
			page += (seed >> 38 & 3) * o.size[2];
		if (!large)
			page += (o.port->nlevels > 2 ? (seed >> 40) % 3 * o.size[1] : 0) + (seed >> 50) % 8 * o.size[0];
		const enum mm_status st = change_other(seed, page, large);
		if (page - o.at < o.top)
			assert_int_equal(st, MM_E_OWNER);
		changes += st == MM_OK;
		if (guesses && ora.arch->must_break)
			look_around();
		if (i % (guesses ? 2 : 7) == 0)
			mm_pt_sync(&pt, &g);
		if (i % 50 == 0)
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		nothing_is_wrong();
	}
	assert_true(changes > 200);
	assert_true(shown > 2500);
}
static const enum mm_pt_format others[] = {
	MM_PT_X86_64_LA57,
	MM_PT_IA32,
	MM_PT_AARCH64_16K,
	MM_PT_AARCH64_16K_HIGH,
	MM_PT_AARCH64_64K,
	MM_PT_AARCH64_64K_HIGH,
	MM_PT_AARCH64_64K_LPA,
	MM_PT_AARCH64_64K_LPA_HIGH,
	MM_PT_AARCH64_4K_LPA2,
	MM_PT_AARCH64_4K_LPA2_HIGH,
	MM_PT_AARCH64_16K_LPA2,
	MM_PT_AARCH64_16K_LPA2_HIGH,
};

static bool is_one_of(enum mm_pt_format f)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i] == f)
			return true;
	return false;
}

static void trees_of_other_formats_change_through_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin_other(others[i]);
		change_others(78 + i, false);
		end();
	}
}

/* Whatever a CPU may have guessed is flushed before something else is there. */
static void what_it_showed_is_flushed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		begin_other(others[i]);
		change_others(178 + i, true);
		end();
	}
}

/* Of all of them, with what a format wants for it and without. */
static void few_formats_have_one(void **state)
{
	(void)state;
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	for (unsigned f = 0; f < 2 * MM_PT_FORMATS; f++) {
		const enum mm_pt_format format = (enum mm_pt_format)(f / 2);
		const struct mm_pt_port *port = mm_pt_format(format);
		const struct mm_pt_cfg cfg = { .features = f % 2 ? MM_PT_AARCH64_RECURSIVE : 0 };
		const mm_vaddr_t last = port->extension == MM_PT_VA_ONES ? -(UINT64_C(1) << port->level[port->nlevels - 1u].shift) : 0;
		const bool has = is_one_of(format) && (f % 2 || !features_for(port));
		ora_reset(&ora);
		ora_set_arch(&ora, ora_formats[format]);
		ora.page_roots = f % 2 && features_for(port);
		assert_int_equal(mm_pt_init(&pt, port, &ora.env, &cfg), MM_OK);
		enum mm_status st = mm_pt_recurse(&pt, last, &g);
		if (st != (has ? MM_OK : MM_E_NOTSUP))
			fail_msg("%s: %d", port->name, (int)st);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
		nothing_is_wrong();
	}
	ora.page_roots = false;
}

/* In two levels the table of level 1 that is remembered is the root: the entry is in it. */
static void pages_beside_it_are_no_way_into_it(void **state)
{
	const mm_vaddr_t step = UINT64_C(1) << 22, top = 1023 * step;
	struct mm_pt_run run;

	(void)state;
	for (unsigned before = 0; before < 2; before++) { /* is the root remembered? */
		for (mm_vaddr_t at = 0; at <= top; at += at ? top - step : step) {
			ora_reset(&ora);
			ora_set_arch(&ora, ora_formats[MM_PT_IA32]);
			assert_int_equal(mm_pt_init(&pt, mm_pt_format(MM_PT_IA32), &ora.env, NULL), MM_OK);
			const mm_vaddr_t beside = at ? 0 : top;
			if (before)
				assert_int_equal(mm_pt_map(&pt, beside, 0x5000, K4, RX, 0, &g), MM_OK);
			assert_int_equal(mm_pt_recurse(&pt, at, &g), MM_OK);
			assert_int_equal(mm_pt_map(&pt, beside + 8 * K4, 0x5000, K4, RX, 0, &g), MM_OK);
			const mm_vaddr_t table = mm_pt_recursive_va(&pt, 0, beside);
			assert_int_equal(mm_pt_query(&pt, table, &run), MM_OK);
			assert_int_equal(mm_pt_unmap(&pt, table, K4, 0, &g), MM_E_OWNER);
			assert_int_equal(mm_pt_map(&pt, at + 7 * K4, 0x6000, K4, RX, 0, &g), MM_E_OWNER);
			assert_int_equal(mm_pt_unmap(&pt, beside + 8 * K4, K4, 0, &g), MM_OK);
			mm_pt_sync(&pt, &g);
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			assert_int_equal(mm_pt_destroy(&pt), MM_OK);
			assert_int_equal(ora.used, 0);
			nothing_is_wrong();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_table_is_where_it_is_said_to_be),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(nothing_is_changed_through_it),
		cmocka_unit_test(the_tree_changes_through_it),
	};
	const struct CMUnitTest formats[] = { cmocka_unit_test(few_formats_have_one),
					     cmocka_unit_test(trees_of_other_formats_change_through_it),
					     cmocka_unit_test(what_it_showed_is_flushed),
					     cmocka_unit_test(pages_beside_it_are_no_way_into_it) };
	int failed = cmocka_run_group_tests_name("pt_recursive, formats", formats, NULL, NULL);
	return failed + run_for_all("pt_recursive", tests, sizeof(tests) / sizeof(tests[0]));
}
