/* SPDX-License-Identifier: MIT */
/* Oracle for page tables: see pt_oracle.h. */
#include "pt_mmu.h"
#include "pt_shadow.h"
#include "pt_window.h"
#include <stdlib.h>
#include <string.h>

#if defined(__clang__) /* the fuzzer is to explore the library, not this file: much faster */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function)
#endif

void ora_violation(struct ora *ora, const char *what)
{
	if (!ora->wrong)
		ora->wrong = what;
}

/* ---- the TLB ---- */

bool ora_may_keep(const struct ora_run *old, const struct ora_run *now, uint64_t va)
{
	uint32_t exact = MM_PT_USER | MM_PT_GLOBAL | MM_PT_TYPE | MM_PT_KEYS;
	uint32_t rights = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC;

	if (old->attr & MM_PT_WRITE)
		rights |= MM_PT_DIRTY;
	return old->level == now->level && old->run == now->run &&
	       old->pa + (va - old->va) == now->pa + (va - now->va) &&
	       ((old->attr ^ now->attr) & exact) == 0 && (old->attr & rights & ~now->attr) == 0;
}

/* May one TLB hold both for the same addresses? Arm ARM, chapter D8, "Using break-before-make when
 * updating translation table entries": not if address, size, memory type or nG differ. */
static bool may_coexist(const struct ora_run *old, const struct ora_run *now, uint64_t va)
{
	return old->level == now->level && old->run == now->run &&
	       old->pa + (va - old->va) == now->pa + (va - now->va) &&
	       !((old->attr ^ now->attr) & (MM_PT_GLOBAL | MM_PT_TYPE));
}

/* [va, last] of a translation that was live is not any more. */
static void make_stale(struct ora *ora, const struct ora_run *r, uint64_t va, uint64_t last)
{
	struct ora_run gone = { .va = va,
				.last = last,
				.pa = r->pa + (va - r->va),
				.attr = r->attr,
				.level = r->level,
				.run = r->run };

	if (set_overlaps(&ora->stale, va, last, NULL))
		set_remove(&ora->stale, va, last); /* the newer one counts */
	set_insert(&ora->stale, gone);
}

static void compare_with_scan(struct ora *ora, const struct ora_run *old)
{
	uint64_t va = old->va;

	for (size_t i = set_find(&ora->scan, va);; i++) {
		const struct ora_run *now = i < ora->scan.n ? &ora->scan.run[i] : NULL;
		if (!now || now->va > old->last) {
			make_stale(ora, old, va, old->last);
			return;
		}
		if (now->va > va) {
			make_stale(ora, old, va, now->va - 1);
			va = now->va;
		}
		uint64_t last = now->last < old->last ? now->last : old->last;
		if (!ora_may_keep(old, now, va))
			make_stale(ora, old, va, last);
		if (last == old->last)
			return;
		va = last + 1;
	}
}

/* Is all of @now in the set @was, as leaves of the same size and with the same frames? */
static bool was_there(const struct ora_set *was, const struct ora_run *now)
{
	uint64_t va = now->va;

	for (size_t i = set_find(was, va); i < was->n && was->run[i].va <= va; i++) {
		const struct ora_run *r = &was->run[i];
		if (r->level != now->level || r->run != now->run ||
		    r->pa + (va - r->va) != now->pa + (va - now->va))
			return false;
		if (r->last >= now->last)
			return true;
		va = r->last + 1;
	}
	return false;
}

/* Has an entry become valid since we last looked? Then stores must be ordered before its use. */
static void find_new(struct ora *ora)
{
	for (size_t i = 0; i < ora->scan.n && !ora->unordered; i++)
		ora->unordered = !was_there(&ora->live, &ora->scan.run[i]);
	for (size_t i = 0; i < ora->pages; i++)
		if (ora->page[i].now && !ora->page[i].live)
			ora->unordered = ora->new_table = true;
}

/* An old translation that is in a TLB yet, and one in the tables, that must not meet. */
static void find_conflicts(struct ora *ora)
{
	for (size_t i = 0; i < ora->stale.n; i++) {
		const struct ora_run *old = &ora->stale.run[i];
		for (size_t k = set_find(&ora->scan, old->va);
		     k < ora->scan.n && ora->scan.run[k].va <= old->last; k++) {
			const struct ora_run *now = &ora->scan.run[k];
			uint64_t va = now->va > old->va ? now->va : old->va;
			if (!may_coexist(old, now, va))
				ora_violation(ora,
					      "break-before-make: a leaf over one not forgotten");
		}
	}
	for (size_t i = 0; i < ora->pages; i++) {
		const struct ora_page *old = &ora->page[i];
		if (old->now || !(old->stale || old->live))
			continue;
		for (size_t k = 0; k < ora->pages; k++)
			if (ora->page[k].now && ora->page[k].level == old->level &&
			    ora->page[k].va == old->va)
				ora_violation(ora,
					      "break-before-make: a table for one not forgotten");
		size_t k = set_find(&ora->scan, old->va);
		if (k < ora->scan.n && ora->scan.run[k].va <= old->last &&
		    ora->scan.run[k].level > old->level)
			ora_violation(ora, "break-before-make: a leaf for a table not forgotten");
	}
}

/* ---- what has changed ---- */

/* Of a long table, what an operation on ora->reach may write: it takes long to compare. Contiguous runs are written
 * whole. */
static void reached_in(const struct ora *ora, const struct ora_page *p, size_t *first, size_t *last)
{
	const uint64_t run = BIT_OF(ora->arch->run_lg2[p->level]) - 1;
	const struct ora_span *reach = &ora->reach;

	if (reach->va > p->last || reach->last < p->va)
		return;
	if (reach->va > p->va)
		*first = (index_of(ora, reach->va, p->level) & ~run) * entry_bytes(ora);
	if (reach->last < p->last)
		*last = ((index_of(ora, reach->last, p->level) | run) + 1) * entry_bytes(ora) - 1;
}

/* Entries of a table that are not as they were: all from the first to the last, and all of contiguous runs. */
static bool changed_in(struct ora *ora, size_t page, struct ora_span *span, bool all)
{
	struct ora_page *p = &ora->page[page];
	size_t first = 0, last = p->bytes - 1;

	if (!all && p->bytes > ORA_PAGE)
		reached_in(ora, p, &first, &last);
	if (!shadow_update(ora, page, &first, &last))
		return false;
	uint64_t run = ora->features & ora->arch->run_feature ? BIT_OF(ora->arch->run_lg2[p->level]) - 1 : 0;
	uint64_t i = first / entry_bytes(ora) & ~run, k = last / entry_bytes(ora) | run;
	p->written = true;
	span->va = whole(ora, p->va + (i << shift_of(ora, p->level)));
	span->last = whole(ora, p->va + (k << shift_of(ora, p->level))) + (span_of(ora, p->level) - 1);
	return true;
}

/* Put one among the others, and join those that overlap or touch: what is mapped in two of them is no stretch. */
static void add_changed(struct ora *ora, struct ora_span span)
{
	struct ora_span *list = ora->changed;
	size_t i = 0, k;

	while (i < ora->nchanged && list[i].last < span.va && list[i].last + 1 != span.va)
		i++;
	for (k = i; k < ora->nchanged && (list[k].va <= span.last || list[k].va - 1 == span.last); k++) {
		span.va = list[k].va < span.va ? list[k].va : span.va;
		span.last = list[k].last > span.last ? list[k].last : span.last;
	}
	memmove(&list[i + 1], &list[k], (ora->nchanged - k) * sizeof(*list));
	list[i] = span;
	ora->nchanged = ora->nchanged + 1 - (k - i);
}

/* Who looks at which tables of the tree, if it is `quick`. */
enum look {
	LOOK_FRESH, /* those that were asked for since the last look: what was written earlier is seen later */
	LOOK_ASKED, /* those that were asked for since the operation began */
	LOOK_ALL,
};

static bool is_looked_at(const struct ora *ora, const struct ora_page *p, enum look how)
{
	return p->live && (how == LOOK_ALL || !ora->quick || p->fresh || (how == LOOK_ASKED && p->asked));
}

static void find_changed(struct ora *ora, enum look how)
{
	struct ora_span span;

	ora->nchanged = 0;
	for (size_t i = 0; i < ora->pages; i++) {
		if (is_looked_at(ora, &ora->page[i], how) && changed_in(ora, i, &span, how == LOOK_ALL || !ora->quick))
			add_changed(ora, span);
		ora->page[i].fresh = false;
	}
	if (how == LOOK_ALL || !ora->quick || ora->seen != ora->pt)
		add_changed(ora, (struct ora_span){ 0, UINT64_MAX });
}

static bool is_in(const struct ora_span *span, const struct ora_page *p)
{
	return p->va >= span->va && p->last <= span->last;
}

/* Scan what has changed. */
static void scan_changed(struct ora *ora)
{
	set_clear(&ora->scan);
	for (size_t i = 0; i < ora->pages; i++)
		for (size_t k = 0; ora->page[i].now && k < ora->nchanged; k++)
			if (is_in(&ora->changed[k], &ora->page[i]))
				ora->page[i].now = false;
	for (size_t k = 0; k < ora->nchanged; k++)
		mmu_scan(ora, ora->pt->root, ora->arch->top, 0, RIGHTS, &ora->changed[k]);
}

/* What was mapped where something has changed: is it so yet? */
static void compare_span(struct ora *ora, const struct ora_span *span)
{
	for (size_t i = set_find(&ora->live, span->va); i < ora->live.n; i++) {
		struct ora_run old = ora->live.run[i];
		if (old.va > span->last)
			return;
		if (old.va < span->va) {
			old.pa += span->va - old.va;
			old.va = span->va;
		}
		if (old.last > span->last)
			old.last = span->last;
		compare_with_scan(ora, &old);
	}
}

/* What is mapped there becomes what was. */
static void take_scan(struct ora *ora)
{
	const struct ora_run *run = ora->scan.run, *end = run + ora->scan.n;

	for (size_t k = 0; k < ora->nchanged; k++) {
		size_t n = 0;
		while (run + n < end && run[n].va <= ora->changed[k].last)
			n++;
		set_splice(&ora->live, ora->changed[k].va, ora->changed[k].last, run, n);
		run += n;
	}
}

/* Is a table empty? The entry that was not is looked at first. */
static bool has_none(struct ora *ora, size_t page)
{
	struct ora_page *p = &ora->page[page];
	const uint64_t pa = ora->base + page * ora->slot, n = BIT_OF(bits_of(ora, p->level));

	if (p->filled < n && !mmu_is_empty(ora, mmu_get(ora, pa, p->filled), p->level))
		return false;
	for (p->filled = 0; p->filled < n; p->filled++)
		if (!mmu_is_empty(ora, mmu_get(ora, pa, p->filled), p->level))
			return false;
	return true;
}

static bool may_be_empty(const struct ora *ora, const struct ora_page *p)
{
	for (size_t i = 0; i < ora->nclaims; i++)
		if ((ora->claim[i].va > p->va && ora->claim[i].va <= p->last) ||
		    (ora->claim[i].last >= p->va && ora->claim[i].last < p->last))
			return true;
	return p->level == ora->arch->top ||
	       (ora->keeps && p->level + 1 == ora->arch->top && p->va <= ora->kept.last && p->last >= ora->kept.va);
}

static void take_pages(struct ora *ora)
{
	ora->reachable = 0;
	ora->empty_table = false;
	for (size_t i = 0; i < ora->pages; i++) {
		struct ora_page *p = &ora->page[i];
		if (p->now && !p->used)
			ora_violation(ora, "a table in the tree was given back");
		p->stale = (p->stale || p->live) && !p->now;
		p->live = p->now;
		if (!p->now)
			continue;
		ora->reachable++;
		if (p->written)
			p->empty = has_none(ora, i);
		p->written = false;
		ora->empty_table |= p->empty && !may_be_empty(ora, p);
	}
}

/* ---- a root that is latched ---- */

/* What entry @i of the root translates. */
static struct ora_span root_span(const struct ora *ora, uint64_t i)
{
	const uint64_t va = i << shift_of(ora, ora->arch->top);

	return (struct ora_span){ va, va + (span_of(ora, ora->arch->top) - 1) };
}

/* All CPUs read the root's entries over [va, last]. */
static void latch_root(struct ora *ora, uint64_t va, uint64_t last)
{
	for (uint64_t i = 0; ora->arch->root_is_latched && i >> bits_of(ora, ora->arch->top) == 0; i++)
		if (root_span(ora, i).va <= last && root_span(ora, i).last >= va)
			ora->latched[i] = mmu_get(ora, ora->pt->root, i);
}

/* An entry of the root that is not what CPUs go on using, and that [va, last] does not reach? */
static bool root_differs(struct ora *ora, const struct ora_span *but)
{
	for (uint64_t i = 0; ora->arch->root_is_latched && i >> bits_of(ora, ora->arch->top) == 0; i++) {
		struct ora_span span = root_span(ora, i);
		if ((mmu_get(ora, ora->pt->root, i) ^ ora->latched[i]) & ~ora->arch->ignored &&
		    (!but || span.va > but->last || span.last < but->va))
			return true;
	}
	return false;
}

static void look(struct ora *ora, enum look how)
{
	if (!ora->pt || !ora->pt->port)
		return;
	find_changed(ora, how);
	if (ora->seen != ora->pt) /* loaded into a register */
		latch_root(ora, 0, UINT64_MAX);
	ora->seen = ora->pt;
	if (!ora->nchanged)
		return;
	scan_changed(ora);
	for (size_t k = 0; k < ora->nchanged; k++)
		compare_span(ora, &ora->changed[k]);
	if (ora->arch->must_order)
		find_new(ora);
	if (ora->arch->must_break)
		find_conflicts(ora);
	take_scan(ora);
	take_pages(ora);
}

void ora_observe(struct ora *ora)
{
	look(ora, LOOK_ASKED);
}

void ora_observe_all(struct ora *ora)
{
	look(ora, LOOK_ALL);
}

void ora_begin(struct ora *ora, uint64_t va, uint64_t last)
{
	ora->reach = (struct ora_span){ va, last };
	for (size_t i = 0; i < ora->pages; i++)
		ora->page[i].asked = false;
}

/* Does a flush of @g order the stores that made entries valid? One with addresses only does not on
 * RISC-V: it orders leaves at those addresses. */
static bool orders(const struct ora *ora, const struct mm_tlb_gather *g)
{
	return g->sync || (g->flush && (g->tables || !ora->new_table));
}

/* What the flush of a gather will be told. */
static struct ora_span to_flush(const struct mm_tlb_gather *g)
{
	struct ora_span span = { g->start, g->last };

	if (!g->flush || (g->misses && g->miss_start < span.va))
		span.va = g->miss_start;
	if (!g->flush || (g->misses && g->miss_last > span.last))
		span.last = g->miss_last;
	return span;
}

void ora_check_gather(struct ora *ora, const struct mm_tlb_gather *g)
{
	ora_observe(ora);
	if (ora->empty_table && !ora->damaged)
		ora_violation(ora, "an empty table is in the tree after an operation");
	for (size_t i = 0; i < ora->stale.n; i++) {
		const struct ora_run *r = &ora->stale.run[i];
		if (!g->flush || r->va < g->start || r->last > g->last)
			ora_violation(ora,
				      "a translation changed and the gather does not cover it");
		if (span_of(ora, r->level) < UINT64_C(1) << g->min_shift)
			ora_violation(ora, "min_shift is larger than a page that changed");
	}
	for (size_t i = 0; i < ora->pages; i++) {
		const struct ora_page *p = &ora->page[i];
		if (p->stale && (!g->flush || !g->tables || p->last < g->start || p->va > g->last))
			ora_violation(ora, "a table was detached and the gather does not cover it");
	}
	if (ora->unordered && !orders(ora, g))
		ora_violation(ora, "an entry became valid and the gather does not say so");
	const struct ora_span over = to_flush(g);
	if (root_differs(ora, (g->flush || g->misses) && g->tables ? &over : NULL))
		ora_violation(ora, "an entry of the root changed and the gather does not have it reloaded");
}

void ora_check_synced(struct ora *ora)
{
	look(ora, LOOK_FRESH);
	if (ora->stale.n)
		ora_violation(ora, "a stale translation survived the flush");
	for (size_t i = 0; i < ora->pages; i++)
		if (ora->page[i].stale)
			ora_violation(ora, "a pointer to a dead table survived the flush");
	if (ora->unordered)
		ora_violation(ora, "an entry became valid without a flush or order");
	if (root_differs(ora, NULL))
		ora_violation(ora, "a CPU uses an entry of the root that has changed");
	if (ora->used != ora->reachable + ora->apart)
		ora_violation(ora, "tables leaked");
}

static void drop_stale(struct ora *ora, uint64_t va, uint64_t last, bool tables)
{
	for (size_t i = set_find(&ora->stale, va); i < ora->stale.n && ora->stale.run[i].va <= last;
	     i++)
		if (span_of(ora, ora->stale.run[i].level) < UINT64_C(1) << ora->flushed.min_shift)
			ora_violation(ora, "a flush steps over a page that changed");
	set_remove(&ora->stale, va, last);
	for (size_t i = 0; tables && i < ora->pages; i++)
		if (ora->page[i].last >= va && ora->page[i].va <= last)
			ora->page[i].stale = false;
}

/* ---- the environment ---- */

void *ora_virt(struct ora *ora, mm_paddr_t pa)
{
	if (is_table(ora, pa))
		page_at(ora, pa)->asked = page_at(ora, pa)->fresh = true;
	return mmu_table(ora, pa);
}

#if !MM_PT_WINDOW
static void *env_virt(void *ctx, mm_paddr_t pa)
{
	return ora_virt(ctx, pa);
}
#endif

static bool is_table_size(const struct ora *ora, size_t bytes)
{
	for (unsigned l = 0; l <= ora->arch->top; l++)
		if (bytes == entry_bytes(ora) << bits_of(ora, l))
			return true;
	return ora->page_roots && bytes == span_of(ora, 0);
}

static enum mm_status env_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	struct ora *ora = ctx;

	ora->allocs++;
	look(ora, LOOK_FRESH);
	if (!is_table_size(ora, bytes))
		ora_violation(ora, "a table of a wrong size");
	if (ora->fail_at &&
	    (ora->allocs == ora->fail_at || (ora->fail_sticky && ora->allocs > ora->fail_at)))
		return MM_E_NOMEM;
	if (ora->give) {
		*pa = ora->give;
		ora->give = 0;
		return MM_OK;
	}
	for (size_t i = 0; i < ora->pages; i++) {
		if (!ora->page[i].used) {
			ora->page[i] = (struct ora_page){ .used = true, .bytes = bytes };
			ora->used++;
			*pa = (mm_paddr_t)(ora->base + i * ora->slot);
			return MM_OK;
		}
	}
	return MM_E_NOMEM;
}

static void env_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct ora *ora = ctx;

	if (!is_table(ora, pa)) {
		if (ora->given_back)
			ora_violation(ora, "a foreign page was given back twice");
		ora->given_back = pa;
		return;
	}
	struct ora_page *p = page_at(ora, pa);
	if (!p->used || bytes != p->bytes)
		ora_violation(ora, "a table is given back twice, or with a wrong size");
	if (ora->pt && (p->live || p->stale))
		ora_violation(ora, "a table is given back while a CPU may still walk it");
	if (p->used)
		ora->used--;
	*p = (struct ora_page){ 0 };
	memset(ora->mem + (pa - ora->base), ORA_FREE, bytes);
}

static void env_flush(void *ctx, const struct mm_tlb_gather *g)
{
	struct ora *ora = ctx;

	ora->flushes++;
	ora->flushed = *g;
	if (!g->flush && !g->sync)
		ora_violation(ora, "a flush of nothing");
	ora_observe(ora);
	for (size_t i = 0; ora->stays && i < ora->stays->n; i++) {
		const struct ora_run *r = &ora->stays->run[i];
		if (set_pages(&ora->live, r->va, r->last) != set_run_pages(r))
			ora_violation(ora, "what has to stay mapped is not, for a moment");
	}
	if (g->flush)
		drop_stale(ora, g->start, g->last, g->tables);
	if (g->flush && g->tables && ora->pt)
		latch_root(ora, g->start, g->last);
	if (orders(ora, g))
		ora->unordered = ora->new_table = false;
}

void ora_set_arch(struct ora *ora, const struct ora_arch *arch)
{
	ora->arch = arch;
	ora_page_shift = shift_of(ora, 0);
	ora->slot = ORA_PAGE;
	for (unsigned l = 0; l <= arch->top; l++)
		while (ora->slot < entry_bytes(ora) << bits_of(ora, l))
			ora->slot *= 2;
	ora->pages = ora->bytes / ora->slot;
}

void ora_reset(struct ora *ora)
{
	for (size_t i = 0; i < ora->pages; i++)
		if (ora->page[i].used)
			memset(ora->mem + i * ora->slot, ORA_FREE, ora->page[i].bytes);
	memset(ora->page, 0, ora->bytes / ORA_PAGE * sizeof(ora->page[0]));
	ora->used = ora->reachable = 0;
	ora->wrong = NULL;
	ora->give = ora->given_back = 0;
	ora->flushes = 0;
	ora->stays = NULL;
	ora->pt = ora->seen = NULL;
	ora->damaged = ora->unordered = ora->new_table = ora->keeps = false;
	ora->apart = ora->nclaims = 0;
	ora_set_arch(ora, &ora_x86_64);
	ora->pa_bits = 52;
	ora->c_bit = 0;
	ora->features = 0;
	ora->live.n = ora->stale.n = ora->scan.n = 0;
	ora_fail(ora, 0, false);
}

void ora_init(struct ora *ora, mm_paddr_t base, size_t pages)
{
	ora->bytes = pages * ORA_PAGE;
	ora->base = base;
	ora->mem = window_memory(ora->bytes);
	ora->shadow = aligned_alloc(ORA_PAGE, ora->bytes);
	ora->page = calloc(pages, sizeof(ora->page[0]));
	ora->changed = calloc(pages + 1, sizeof(ora->changed[0]));
	if (!ora->mem || !ora->shadow || !ora->page || !ora->changed)
		abort();
	memset(ora->mem, ORA_FREE, ora->bytes);
	ora->env = (struct mm_pt_env){ .ctx = ora,
				       .alloc_table = env_alloc,
				       .free_table = env_free,
#if MM_PT_WINDOW
				       .window = window_show,
#else
				       .to_virt = env_virt,
#endif
				       .flush = env_flush };
	ora_reset(ora);
}

void ora_destroy(struct ora *ora)
{
	window_memory_free(ora->mem, ora->bytes);
	free(ora->shadow);
	free(ora->page);
	free(ora->changed);
}

void ora_fail(struct ora *ora, unsigned at, bool sticky)
{
	ora->allocs = 0;
	ora->fail_at = at;
	ora->fail_sticky = sticky;
}

uint64_t ora_hash_seen(const struct ora *ora)
{
	uint64_t hash = ora->reachable;

	for (size_t i = 0; i < ora->pages; i++)
		hash += ora->page[i].live ? ora->page[i].hash : 0;
	return hash;
}

uint64_t ora_hash(struct ora *ora)
{
	ora_observe(ora);
	return ora_hash_seen(ora);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
