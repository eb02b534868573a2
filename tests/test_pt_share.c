/* SPDX-License-Identifier: MIT */
/* Roots that share what lies below some of their entries: a kernel's half in all spaces, and two roots of one space. What
 * each tree maps is told by the oracle's own walk from its root, which notices tables that were given back. */
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include "pt_fixture.h"
#include <mmlib/pt_formats.h>

#define SPACES 2u
#define KEPT   2u /* entries of the root */

static struct mm_pt space[SPACES];
static struct mm_pt_cfg small_leaves; /* none in the root */

/* Bytes that an entry of the root covers. */
static uint64_t entry_bytes(void)
{
	return ora_size(&ora, ora.arch->top);
}

/* Offset of the first entry that is shared. */
static uint64_t shared(void)
{
	return 2 * entry_bytes();
}

/* The oracle does not look on: it knows one tree only. */
static void begin(void **state)
{
	small_leaves = (struct mm_pt_cfg){ .leaf_levels = 3 };
	start_with(state, &small_leaves);
	ora.pt = NULL;
}

static void nothing_is_wrong(void)
{
	if (ora.wrong)
		fail_msg("%s", ora.wrong);
}

static struct ora_run walk(const struct mm_pt *tree, uint64_t off)
{
	ora.pt = tree;
	struct ora_run run = ora_walk(&ora, V(off));
	ora.pt = NULL;
	nothing_is_wrong();
	return run;
}

static void sees(const struct mm_pt *tree, uint64_t off, uint64_t pa)
{
	struct ora_run run = walk(tree, off);

	assert_true(run.attr);
	assert_true(run.pa + (V(off) - run.va) == pa);
}

static void sees_nothing(const struct mm_pt *tree, uint64_t off)
{
	assert_false(walk(tree, off).attr);
}

static void sees_the_same(const struct mm_pt *a, const struct mm_pt *b, uint64_t off)
{
	struct ora_run x = walk(a, off), y = walk(b, off);

	assert_true(x.attr == y.attr && (!x.attr || (x.va == y.va && x.last == y.last && x.pa == y.pa)));
}

static void is_sound(const struct mm_pt *tree, size_t tables)
{
	size_t n = 0;

	assert_int_equal(mm_pt_verify(tree, &n), MM_OK);
	assert_int_equal(n, tables);
}

static void sync(void)
{
	mm_pt_sync(&pt, &g);
	nothing_is_wrong();
}

static void begin_to_share(void **state)
{
	begin(state);
	assert_int_equal(mm_pt_keep(&pt, V(shared()), KEPT * entry_bytes(), &g), MM_OK);
	for (unsigned i = 0; i < SPACES; i++) {
		assert_int_equal(mm_pt_init(&space[i], w->f->port(), &ora.env, &small_leaves), MM_OK);
		assert_int_equal(mm_pt_share(&space[i], &pt, &g), MM_OK);
	}
	sync();
	assert_int_equal(ora.used, 1 + KEPT + SPACES);
}

static void end(void)
{
	nothing_is_wrong();
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

static void end_to_share(void)
{
	for (unsigned i = 0; i < SPACES; i++)
		assert_int_equal(mm_pt_destroy(&space[i]), MM_OK);
	end();
}

static void what_is_kept_stays(void **state)
{
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	begin(state);
	const uint64_t at = shared(), all = KEPT * entry_bytes();
	assert_int_equal(mm_pt_keep(&pt, V(at), all, &g), MM_OK);
	sync();
	assert_int_equal(ora.used, 1 + KEPT);
	is_sound(&pt, 1 + KEPT);
	for (unsigned way = 0; way < 4; way++) { /* how it is unmapped */
		assert_int_equal(map(at + 5 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(map(at + all - M2, 4 * M2, M2, RW, 0), MM_OK);
		assert_int_equal(map(at - K4, PA0, K4, RW, 0), MM_OK); /* beside it */
		sees(&pt, at + 5 * K4, PA0);
		if (way == 0) { /* one by one */
			assert_int_equal(unmap(at + 5 * K4, K4, 0), MM_OK);
			assert_int_equal(unmap(at + all - M2, M2, 0), MM_OK);
		} else if (way < 3) { /* all at once */
			assert_int_equal(unmap(at, all, way == 1 ? 0 : MM_PT_DISCARD), MM_OK);
			assert_true(way == 1 ? g.pages == 1 + 512 : g.pages >= 1 + 512); /* counts whole tables */
		} else {
			assert_int_equal(cur_init(&cur, at, all), MM_OK);
			assert_int_equal(unmap_next(&cur, &run), MM_OK);
			assert_int_equal(unmap_next(&cur, &run), MM_OK);
			assert_int_equal(unmap_next(&cur, &run), MM_E_NOENT);
		}
		assert_int_equal(unmap(at - K4, K4, 0), MM_OK);
		sync();
		sees_nothing(&pt, at + 5 * K4);
		assert_int_equal(ora.used, 1 + KEPT);
		is_sound(&pt, 1 + KEPT);
	}
	/* kept no more: what is empty goes, and then the rest as ever */
	assert_int_equal(map(at + entry_bytes(), PA0, K4, RW, 0), MM_OK);
	assert_int_equal(mm_pt_unkeep(&pt, &g), MM_OK);
	assert_true(g.flush && g.tables);
	sync();
	is_sound(&pt, ora.arch->top + 1u);
	sees(&pt, at + entry_bytes(), PA0);
	assert_int_equal(mm_pt_unkeep(&pt, &g), MM_E_STATE);
	assert_int_equal(unmap(at + entry_bytes(), K4, 0), MM_OK);
	sync();
	is_sound(&pt, 1);
	end();
}

static void what_cannot_be_kept_is_refused(void **state)
{
	begin(state);
	const uint64_t at = shared(), bytes = entry_bytes();
	assert_int_equal(mm_pt_keep(NULL, V(at), bytes, &g), MM_E_INVAL);
	assert_int_equal(mm_pt_keep(&pt, V(at), bytes, NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_keep(&pt, V(at), 0, &g), MM_E_INVAL);
	assert_int_equal(mm_pt_keep(&pt, V(at + K4), bytes, &g), MM_E_ALIGN);
	assert_int_equal(mm_pt_keep(&pt, V(at), bytes - K4, &g), MM_E_ALIGN);
	for (unsigned n = 1; n <= KEPT; n++) { /* all or none */
		ora_fail(&ora, n, true);
		assert_int_equal(mm_pt_keep(&pt, V(at), KEPT * bytes, &g), MM_E_NOMEM);
		assert_int_equal(stopped(), at + (n - 1) * bytes);
		ora_fail(&ora, 0, false);
		assert_int_equal(ora.used, 1);
		is_sound(&pt, 1);
	}
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_E_STATE); /* not set up */
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, &small_leaves), MM_OK);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_E_STATE); /* keeps nothing */
	assert_int_equal(mm_pt_share(&pt, &pt, &g), MM_E_INVAL);
	assert_int_equal(mm_pt_unkeep(&pt, &g), MM_E_STATE);
	assert_int_equal(mm_pt_unkeep(NULL, &g), MM_E_INVAL);
	assert_int_equal(mm_pt_keep(&pt, V(at), bytes, &g), MM_OK);
	assert_int_equal(mm_pt_keep(&pt, V(at), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_mirror(&space[0], &pt, V(at), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_keep(&pt, V(at + bytes), bytes, &g), MM_E_BUSY); /* one range */
	assert_int_equal(w->map(&space[0], V(at), PA0, K4, RW, 0, &g), MM_OK);
	mm_pt_sync(&space[0], &g);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_E_EXIST);
	assert_int_equal(stopped(), at);
	assert_int_equal(w->unmap(&space[0], V(at), K4, 0, &g), MM_OK);
	mm_pt_sync(&space[0], &g);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_OK);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_keep(&space[0], V(at), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	struct mm_pt_cfg less = { .leaf_levels = 1 };
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, &less), MM_OK);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_E_INVAL);
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	end();
}

/* A leaf in the root, where the format has such. */
static void a_leaf_in_the_way_is_told(void **state)
{
	start(state);
	ora.pt = NULL;
	if (w->f->leaf < ora.arch->top) {
		end();
		skip();
	}
	const uint64_t at = shared(), bytes = entry_bytes();
	assert_int_equal(map(at + bytes, (mm_paddr_t)bytes, bytes, RW, 0), MM_OK);
	for (unsigned memory = 0; memory < 2; memory++) { /* which is not asked for: it would be of no use */
		ora_fail(&ora, !memory, true);
		assert_int_equal(mm_pt_keep(&pt, V(at), 2 * bytes, &g), MM_E_EXIST);
		assert_int_equal(stopped(), at + bytes);
		assert_int_equal(ora.used, 1);
	}
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, NULL), MM_OK);
	assert_int_equal(mm_pt_mirror(&space[0], &pt, V(at), bytes, &g), MM_E_NOTSUP);
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	/* of what is kept, leaves that fill a table do not become one in the root */
	assert_int_equal(mm_pt_keep(&pt, V(at), bytes, &g), MM_OK);
	assert_int_equal(map(at, (mm_paddr_t)bytes, bytes, RW, 0), MM_OK);
	assert_int_equal(mm_pt_collapse(&pt, V(at), bytes, 0, &g), MM_OK);
	sync();
	is_sound(&pt, 2);
	sees(&pt, at + bytes - K4, 2 * bytes - K4);
	end();
}

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* Some page of what is shared. Few tables, so that they come and go. */
static uint64_t some_page(uint64_t *seed)
{
	uint64_t tables = draw(seed) % 4 * (entry_bytes() / 2);

	return shared() + tables + draw(seed) % 3 * M2 + draw(seed) % 4 * K4;
}

static void change_at_random(uint64_t *seed)
{
	const uint64_t off = some_page(seed), len = draw(seed) % 8 ? K4 : 3 * K4;
	enum mm_status st;

	switch (draw(seed) % 5) {
	case 0:
	case 1:
		st = map(off, PA0 + off % M2, len, RW, 0);
		break;
	case 2:
		st = protect(off, len, MM_PT_READ, 0);
		break;
	default:
		st = unmap(off, len, 0);
	}
	assert_true(st == MM_OK || st == MM_E_NOENT || st == MM_E_EXIST);
	if (draw(seed) % 4 == 0 || g.ntables > 8)
		sync();
}

static void all_spaces_see_what_the_kernel_maps(void **state)
{
	uint64_t seed = 1, tables = 0;

	begin_to_share(state);
	for (unsigned i = 0; i < SPACES; i++) /* of their own */
		assert_int_equal(w->map(&space[i], V(K4), PA0 + (i + 1) * K4, K4, RW, 0, &g), MM_OK);
	for (unsigned i = 0; i < 400; i++) {
		change_at_random(&seed);
		for (unsigned k = 0; k < 8; k++) {
			uint64_t off = some_page(&seed);
			for (unsigned s = 0; s < SPACES; s++)
				sees_the_same(&pt, &space[s], off);
		}
		tables = ora.used > tables ? ora.used : tables;
	}
	assert_true(tables > 20);
	sees(&space[0], K4, PA0 + K4);
	sees(&space[1], K4, PA0 + 2 * K4);
	is_sound(&space[0], ora.arch->top + 1u); /* its own: what is shared does not count */
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	sync();
	for (unsigned k = 0; k < 64; k++)
		sees_the_same(&pt, &space[1], some_page(&seed));
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, &small_leaves), MM_OK);
	end_to_share();
}

/* Everything that would change what is another tree's. */
static void what_is_anothers_is_only_asked(void **state)
{
	begin_to_share(state);
	const uint64_t at = shared(), last = at + KEPT * entry_bytes();
	const struct {
		uint64_t off, len;
	} ranges[] = { { at + K4, K4 }, { at - K4, 2 * K4 }, { last - K4, 2 * K4 }, { at, last - at } };
	mm_paddr_t pa[4] = { PA0, PA0, PA0, PA0 };
	struct mm_pt_leaves leaves = { .pa = pa, .room = 4 };
	struct mm_pt_pool pool = { .n = { 0 } };
	struct mm_pt *t = &space[0];
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	assert_int_equal(map(at + K4, PA0, K4, RW, 0), MM_OK);
	assert_int_equal(w->map(t, V(at - K4), PA0, K4, RW, 0, &g), MM_OK);
	assert_int_equal(w->map(t, V(last), PA0, K4, RW, 0, &g), MM_OK);
	sync();
	const size_t used = ora.used;
	for (unsigned i = 0; i < 4; i++) {
		const uint64_t va = V(ranges[i].off), len = ranges[i].len;
		assert_int_equal(w->map(t, va, PA0, len, RW, 0, &g), MM_E_OWNER);
		assert_int_equal(w->map(t, va, PA0, len, RW, MM_PT_PARTIAL, &g), MM_E_OWNER);
		assert_int_equal(w->unmap(t, va, len, 0, &g), MM_E_OWNER);
		assert_int_equal(w->unmap(t, va, len, MM_PT_DISCARD, &g), MM_E_OWNER);
		assert_int_equal(w->protect(t, va, len, MM_PT_READ, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_split(t, va, len, MM_PT_MAX_LEVEL(0), &g), MM_E_OWNER);
		assert_int_equal(mm_pt_collapse(t, va, len, 0, &g), MM_E_OWNER);
		assert_int_equal(mm_pt_reserve(t, va, PA0, len, 0, &pool), MM_E_OWNER);
		assert_int_equal(mm_pt_cur_init(&cur, t, va, len), MM_OK);
		assert_int_equal(w->unmap_leaves(t, &cur, &g, &leaves), MM_E_OWNER);
		assert_int_equal(w->unmap_next(t, &cur, &g, &run), MM_E_OWNER);
		assert_int_equal(mm_pt_age(t, &cur, MM_PT_ACCESSED, &g, &leaves), MM_E_OWNER);
		if (len <= 2 * K4)
			assert_int_equal(w->map_list(t, va, pa, (size_t)(len / K4), RW, 0, &g), MM_E_OWNER);
		assert_true(w->next(&cur, &run)); /* asking goes on */
	}
	assert_int_equal(w->query(t, V(at + K4), &run), MM_OK);
	assert_true(run.pa == PA0);
	assert_int_equal(w->translate(t, V(at + K4), &pa[0]), MM_OK);
	assert_int_equal(ora.used, used);
	assert_int_equal(pool.n[0], 0);
	sees(t, at - K4, PA0);
	sees(t, last, PA0);
	/* beside it all is as ever */
	assert_int_equal(w->unmap(t, V(at - K4), K4, 0, &g), MM_OK);
	assert_int_equal(w->unmap(t, V(last), K4, 0, &g), MM_OK);
	mm_pt_sync(t, &g);
	is_sound(t, 1);
	end_to_share();
}

/* In a format with break-before-make a CPU must not meet both. Others are to be flushed some time. */
static void what_was_there_before_is_flushed(void **state)
{
	const struct mm_pt_cfg cfg = { .leaf_levels = 3 };

	start_with(state, &cfg);
	ora.keeps = true;
	ora.kept = (struct ora_span){ V(shared()), V(shared()) + (KEPT * entry_bytes() - 1) };
	map_ok(shared(), PA0, K4, RW, 0);
	unmap_ok(shared(), K4);
	assert_int_equal(mm_pt_keep(&pt, V(shared()), KEPT * entry_bytes(), &g), MM_OK);
	sync_and_check();
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, &cfg), MM_OK);
	struct mm_tlb_gather late = { .flush = false };
	assert_int_equal(w->map(&space[0], V(shared()), PA0, K4, RW, 0, &late), MM_OK);
	assert_int_equal(w->unmap(&space[0], V(shared()), K4, 0, &late), MM_OK);
	assert_true(late.flush);
	assert_int_equal(mm_pt_share(&space[0], &pt, &late), MM_OK);
	assert_true(!late.flush && ora.flushed.flush);
	mm_pt_sync(&space[0], &late);
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	finish();
}

/* No format that is built in has two levels and a witness. In tables that are kept it may be none. */
static void a_table_that_was_kept_has_a_witness(void **state)
{
	static struct mm_pt_port two_levels;
	static struct ora_arch arch;
	static struct format format;
	static struct walker any;

	w = *state;
	if (w->folded || w->f->arch != &ora_x86_64)
		skip();
	two_levels = *mm_pt_x86_64_port();
	two_levels.nlevels = 2;
	two_levels.va_bits = 30;
	arch = ora_x86_64;
	arch.top = 1;
	format = *w->f;
	format.arch = &arch;
	any = *w;
	any.f = &format;
	w = &any;
	for (unsigned first = 0; first < 2; first++) {
		start_port(&two_levels, NULL);
		ora.pt = NULL;
		assert_int_equal(mm_pt_keep(&pt, V(0), 2 * M2, &g), MM_OK);
		assert_int_equal(map(7 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(unmap(7 * K4, K4, 0), MM_OK);
		assert_int_equal(map(first ? 0 : 5 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(map(M2 + 3 * K4, PA0, 2 * K4, RW, 0), MM_OK);
		assert_int_equal(unmap(M2 + 4 * K4, K4, 0), MM_OK);
		assert_int_equal(mm_pt_unkeep(&pt, &g), MM_OK);
		sync();
		is_sound(&pt, 3);
		assert_int_equal(map(6 * K4, PA0, K4, RW, 0), MM_OK);
		assert_int_equal(unmap(first ? 0 : 5 * K4, K4, 0), MM_OK);
		is_sound(&pt, 3);
		assert_int_equal(unmap(6 * K4, K4, 0), MM_OK);
		assert_int_equal(unmap(M2 + 3 * K4, K4, 0), MM_OK);
		sync();
		is_sound(&pt, 1);
		end();
	}
}

/* What a cursor of a space goes through may leave the kernel's tree between two calls, tables and all. */
static void a_cursor_of_a_space_finds_what_the_kernel_left(void **state)
{
	struct mm_pt_run run;
	struct mm_pt_cur cur;

	begin_to_share(state);
	const uint64_t at = shared() + M2;
	assert_int_equal(map(at, PA0, 2 * K4, RW, MM_PT_MAX_LEVEL(0)), MM_OK);
	sync();
	assert_int_equal(mm_pt_cur_init(&cur, &space[0], V(at), 2 * M2), MM_OK);
	assert_true(w->next(&cur, &run));
	assert_true(run.va == V(at) && run.last == V(at) + K4 - 1 && run.pa == PA0);
	assert_int_equal(unmap(at, M2, MM_PT_DISCARD), MM_OK);
	sync();
	assert_int_equal(map(at + 5 * M2, PA0 + M2, M2, RW, MM_PT_MAX_LEVEL(0)), MM_OK); /* such a table is used again */
	sync();
	assert_true(w->next(&cur, &run));
	assert_true(run.va == V(at) + K4 && run.last == V(at) + 2 * M2 - 1);
	assert_int_equal(run.attr, 0);
	assert_false(w->next(&cur, &run));
	end_to_share();
}

static void a_second_root_follows(void **state)
{
	uint64_t seed = 2, most = 0;

	begin(state);
	const uint64_t all = KEPT * entry_bytes();
	assert_int_equal(map(shared() + 7 * K4, PA0, K4, RW, 0), MM_OK); /* there before */
	assert_int_equal(mm_pt_init(&space[0], w->f->port(), &ora.env, &small_leaves), MM_OK);
	assert_int_equal(mm_pt_mirror(&space[0], &pt, V(shared()), all, &g), MM_OK);
	sees(&space[0], shared() + 7 * K4, PA0);
	assert_int_equal(mm_pt_mirror(&space[1], &pt, V(shared()), all, &g), MM_E_STATE);
	assert_int_equal(mm_pt_init(&space[1], w->f->port(), &ora.env, &small_leaves), MM_OK);
	assert_int_equal(mm_pt_mirror(&space[1], &pt, V(shared()), all, &g), MM_E_BUSY); /* one only */
	assert_int_equal(mm_pt_share(&space[1], &pt, &g), MM_E_STATE);
	assert_int_equal(mm_pt_destroy(&space[1]), MM_OK);
	assert_int_equal(w->map(&space[0], V(K4), PA0, K4, RW, 0, &g), MM_OK); /* a trampoline */
	assert_int_equal(w->map(&space[0], V(shared()), PA0, K4, RW, 0, &g), MM_E_OWNER);
	for (unsigned i = 0; i < 600; i++) {
		if (i % 50 == 49) { /* nothing is left, not even tables */
			(void)unmap(shared(), all, i % 100 == 99 ? MM_PT_DISCARD : 0);
			sees_nothing(&space[0], some_page(&seed));
			sync();
		}
		change_at_random(&seed);
		for (unsigned k = 0; k < 8; k++)
			sees_the_same(&pt, &space[0], some_page(&seed));
		most = ora.used > most ? ora.used : most;
	}
	assert_true(most > 8);
	sees(&space[0], K4, PA0);
	sees_nothing(&pt, K4);
	sync();
	is_sound(&space[0], ora.arch->top + 1u);
	const size_t own = ora.arch->top + 1u;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_int_equal(ora.used, own);
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

/* With each format: what is before, in and after the entries that are another tree's, by calls for one page. In two levels
 * all of it is below the same table of level 1, the root. */
static void pages_beside_what_is_shared_are_no_way_into_it(void **state)
{
	(void)state;
	if (!ora.mem)
		ora_init(&ora, 0x80000000, ROOM);
	for (unsigned f = 0; f < MM_PT_FORMATS; f++) {
		const struct mm_pt_port *port = mm_pt_format((enum mm_pt_format)f);
		const unsigned top = port->nlevels - 1u;
		const uint64_t bytes = UINT64_C(1) << port->level[top].shift, page = UINT64_C(1) << port->level[0].shift;
		const mm_vaddr_t base = port->extension == MM_PT_VA_ONES ? -(UINT64_C(1) << port->va_bits) : 0;
		struct mm_pt_cfg cfg = { .leaf_levels = 1 };
		mm_paddr_t pa;

		ora_reset(&ora);
		ora_set_arch(&ora, ora_formats[f]);
		if (ora.arch->follows || (port->va_bits == port->level[top].shift + 1))
			continue;
		for (unsigned k = 0; k < 4; k++) { /* shared or followed; at the start, or amid */
			const mm_vaddr_t at = base + (k & 1) * bytes, beside = k & 1 ? base : base + bytes;
			assert_int_equal(mm_pt_init(&pt, port, &ora.env, &cfg), MM_OK);
			assert_int_equal(mm_pt_init(&space[0], port, &ora.env, &cfg), MM_OK);
			const uint32_t attr = port->check(&pt, MM_PT_READ) == MM_OK ? MM_PT_READ : RX;
			assert_int_equal(mm_pt_map(&space[0], beside + 3 * page, 0, page, attr, 0, &g), MM_OK); /* is remembered */
			if (k < 2)
				assert_int_equal(mm_pt_keep(&pt, at, bytes, &g), MM_OK);
			assert_int_equal(k < 2 ? mm_pt_share(&space[0], &pt, &g) : mm_pt_mirror(&space[0], &pt, at, bytes, &g),
					 MM_OK);
			for (unsigned i = 0; i < 8; i++) {
				assert_int_equal(mm_pt_map(&pt, at + i * page, (mm_paddr_t)(i * page), page, attr, 0, &g), MM_OK);
				assert_int_equal(mm_pt_map(&space[0], beside + (8 + i) * page, 0, page, attr, 0, &g), MM_OK);
				assert_int_equal(mm_pt_map(&space[0], at + 9 * page, 0, page, attr, 0, &g), MM_E_OWNER);
				assert_int_equal(mm_pt_unmap(&space[0], at + i * page, page, 0, &g), MM_E_OWNER);
				assert_int_equal(mm_pt_translate(&space[0], at + i * page + 1, &pa), MM_OK);
				assert_true(pa == i * page + 1);
				mm_pt_sync(&pt, &g);
			}
			for (unsigned i = 0; i < 8; i++) {
				assert_int_equal(mm_pt_unmap(&pt, at + i * page, page, 0, &g), MM_OK);
				assert_int_equal(mm_pt_unmap(&space[0], beside + (8 + i) * page, page, 0, &g), MM_OK);
				assert_int_equal(mm_pt_unmap(&space[0], at + i * page, page, 0, &g), MM_E_OWNER);
				mm_pt_sync(&pt, &g);
			}
			assert_int_equal(mm_pt_translate(&space[0], at, &pa), MM_E_NOENT);
			assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
			assert_int_equal(mm_pt_verify(&space[0], NULL), MM_OK);
			assert_int_equal(mm_pt_destroy(k < 2 ? &space[0] : &pt), MM_OK);
			assert_int_equal(mm_pt_destroy(k < 2 ? &pt : &space[0]), MM_OK);
			assert_int_equal(ora.used, 0);
			nothing_is_wrong();
		}
	}
}

/* Which tables a kernel has for page-table isolation. */
static struct mm_pt entry;

/* Offsets of what is each one's, in entries of the root. */
#define USER 0u
#define ENTRY (shared() + KEPT * entry_bytes())

/* A kernel's tree, one of what all second roots have, a space, and its second root. */
static void begin_to_isolate(void **state)
{
	begin(state);
	assert_int_equal(mm_pt_keep(&pt, V(shared()), KEPT * entry_bytes(), &g), MM_OK);
	assert_int_equal(mm_pt_init(&entry, w->f->port(), &ora.env, &small_leaves), MM_OK);
	assert_int_equal(mm_pt_keep(&entry, V(ENTRY), entry_bytes(), &g), MM_OK);
	for (unsigned i = 0; i < SPACES; i++)
		assert_int_equal(mm_pt_init(&space[i], w->f->port(), &ora.env, &small_leaves), MM_OK);
	assert_int_equal(mm_pt_share(&space[0], &pt, &g), MM_OK);
	assert_int_equal(mm_pt_mirror(&space[1], &space[0], V(USER), 2 * entry_bytes(), &g), MM_OK);
	assert_int_equal(mm_pt_share(&space[1], &entry, &g), MM_OK);
	sync();
}

static void end_to_isolate(void)
{
	assert_int_equal(mm_pt_destroy(&space[0]), MM_OK);
	assert_int_equal(mm_pt_destroy(&space[1]), MM_OK);
	assert_int_equal(mm_pt_destroy(&entry), MM_OK);
	end();
}

static void change(struct mm_pt *tree, uint64_t off, uint32_t what)
{
	enum mm_status st = what % 3 ? w->map(tree, V(off), PA0 + off % M2, K4, RW, 0, &g) : w->unmap(tree, V(off), K4, 0, &g);

	assert_true(st == MM_OK || st == MM_E_NOENT || st == MM_E_EXIST);
}

/* A page of @n entries of the root from @from on. */
static uint64_t some_page_of(uint64_t *seed, uint64_t from, unsigned n)
{
	return from + draw(seed) % n * entry_bytes() + draw(seed) % 3 * M2 + draw(seed) % 4 * K4;
}

static void page_tables_are_isolated(void **state)
{
	uint64_t seed = 3;

	begin_to_isolate(state);
	for (unsigned i = 0; i < 600; i++) {
		change(&pt, some_page_of(&seed, shared(), KEPT), draw(&seed));
		change(&space[0], some_page_of(&seed, USER, 2), draw(&seed));
		change(&entry, some_page_of(&seed, ENTRY, 1), draw(&seed));
		if (i % 8 == 0)
			sync();
		if (i % 50 == 49) { /* nothing is left of it */
			(void)w->unmap(&space[0], V(USER), 2 * entry_bytes(), i % 100 == 99 ? MM_PT_DISCARD : 0, &g);
			sync();
		}
		for (unsigned k = 0; k < 4; k++) {
			sees_the_same(&pt, &space[0], some_page_of(&seed, shared(), KEPT));
			sees_the_same(&space[0], &space[1], some_page_of(&seed, USER, 2));
			sees_the_same(&entry, &space[1], some_page_of(&seed, ENTRY, 1));
			sees_nothing(&space[1], some_page_of(&seed, shared(), KEPT));
			sees_nothing(&space[0], some_page_of(&seed, ENTRY, 1));
			sees_nothing(&pt, some_page_of(&seed, USER, 2));
		}
	}
	sync();
	is_sound(&space[1], 1); /* nothing of it is its own */
	end_to_isolate();
}

static void a_third_range_is_refused(void **state)
{
	begin_to_isolate(state);
	const uint64_t bytes = entry_bytes(), beside = ENTRY + bytes;
	const size_t used = ora.used;
	struct mm_pt other;

	assert_int_equal(mm_pt_init(&other, w->f->port(), &ora.env, &small_leaves), MM_OK);
	for (unsigned i = 0; i < SPACES; i++) {
		assert_int_equal(mm_pt_keep(&space[i], V(beside), bytes, &g), MM_E_BUSY);
		assert_int_equal(mm_pt_share(&space[i], &entry, &g), MM_E_BUSY);
		assert_int_equal(mm_pt_mirror(&space[i], &other, V(beside), bytes, &g), MM_E_BUSY);
		assert_int_equal(mm_pt_mirror(&other, &space[i], V(beside), bytes, &g), MM_E_BUSY);
		assert_int_equal(w->map(&space[i], V(beside), PA0, K4, RW, 0, &g), MM_OK); /* it is its own */
		assert_int_equal(w->unmap(&space[i], V(beside), K4, 0, &g), MM_OK);
	}
	/* two of one kind, and some entries in both */
	assert_int_equal(mm_pt_keep(&pt, V(beside), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_mirror(&other, &pt, V(shared()), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_mirror(&other, &pt, V(shared() + bytes), 2 * bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_mirror(&other, &pt, V(shared() - bytes), 2 * bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_mirror(&other, &pt, V(beside), bytes, &g), MM_OK); /* beside what it keeps */
	assert_int_equal(mm_pt_keep(&other, V(beside), bytes, &g), MM_E_BUSY);
	assert_int_equal(mm_pt_keep(&other, V(USER), bytes, &g), MM_OK);
	sync();
	assert_int_equal(w->map(&pt, V(beside + K4), PA0, K4, RW, 0, &g), MM_OK);
	sees(&other, beside + K4, PA0);
	assert_int_equal(mm_pt_unkeep(&other, &g), MM_OK); /* there is room again */
	assert_int_equal(w->map(&other, V(beside), PA0, K4, RW, 0, &g), MM_E_OWNER);
	assert_int_equal(mm_pt_share(&other, &entry, &g), MM_OK);
	assert_int_equal(w->unmap(&pt, V(beside + K4), K4, 0, &g), MM_OK);
	sync();
	assert_int_equal(ora.used, used + 1);
	struct mm_pt *const all[] = { &space[0], &space[1], &pt, &other, &entry }; /* who is followed goes first */
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(mm_pt_destroy(all[i]), MM_OK);
	assert_int_equal(ora.used, 0);
	nothing_is_wrong();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_stays),
		cmocka_unit_test(what_cannot_be_kept_is_refused),
		cmocka_unit_test(a_leaf_in_the_way_is_told),
		cmocka_unit_test(all_spaces_see_what_the_kernel_maps),
		cmocka_unit_test(what_is_anothers_is_only_asked),
		cmocka_unit_test(what_was_there_before_is_flushed),
		cmocka_unit_test(a_table_that_was_kept_has_a_witness),
		cmocka_unit_test(a_cursor_of_a_space_finds_what_the_kernel_left),
		cmocka_unit_test(a_second_root_follows),
		cmocka_unit_test(page_tables_are_isolated),
		cmocka_unit_test(a_third_range_is_refused),
	};
	const struct CMUnitTest others[] = { cmocka_unit_test(pages_beside_what_is_shared_are_no_way_into_it) };
	int failed = cmocka_run_group_tests_name("pt_share, formats", others, NULL, NULL);
	return failed + run_for_all("pt_share", tests, sizeof(tests) / sizeof(tests[0]));
}
