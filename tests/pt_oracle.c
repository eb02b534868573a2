/* SPDX-License-Identifier: MIT */
/* Oracle for page tables: see pt_oracle.h. */
#include "pt_oracle.h"
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

/* ---- the MMU ---- */

static unsigned shift_of(const struct ora *ora, unsigned level)
{
	return ora->arch->span_lg2[0] ? ora->arch->span_lg2[level] : 12 + 9 * level;
}

static unsigned bits_of(const struct ora *ora, unsigned level)
{
	return ora->arch->span_lg2[0] ? ora->arch->entries_lg2[level] : 9;
}

unsigned ora_va_bits(const struct ora_arch *arch)
{
	const unsigned top = arch->top;

	return arch->span_lg2[0] ? arch->span_lg2[top] + arch->entries_lg2[top] : 21 + 9 * top;
}

static size_t entry_bytes(const struct ora *ora)
{
	return ora->arch->entry_lg2 == 2 ? 4 : 8;
}

static uint64_t index_of(const struct ora *ora, uint64_t va, unsigned level)
{
	return va >> shift_of(ora, level) & ((UINT64_C(1) << bits_of(ora, level)) - 1);
}

/* Byte @i of an entry, counted from the lowest, is which in memory? */
static size_t place(const struct ora *ora, size_t i)
{
	const uint16_t one = 1;
	bool host_is_big = !*(const uint8_t *)&one;

	return ora->arch->big_endian || host_is_big ? entry_bytes(ora) - 1 - i : i;
}

static uint64_t get(struct ora *ora, uint64_t pa, uint64_t i)
{
	const uint8_t *p = (const uint8_t *)ora_virt(ora, (mm_paddr_t)pa) + i * entry_bytes(ora);
	uint64_t e = 0;

	if (!ora->arch->big_endian && entry_bytes(ora) == 8) /* most of them, and fast */
		return *(const uint64_t *)(const void *)p;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (entry_bytes(ora) == 8)
		return __builtin_bswap64(*(const uint64_t *)(const void *)p);
#endif
	for (size_t k = 0; k < entry_bytes(ora); k++)
		e |= (uint64_t)p[place(ora, k)] << 8 * k;
	return e;
}

static void put(struct ora *ora, uint64_t pa, uint64_t i, uint64_t e)
{
	uint8_t *p = (uint8_t *)ora_virt(ora, (mm_paddr_t)pa) + i * entry_bytes(ora);

	if (!ora->arch->big_endian && entry_bytes(ora) == 8)
		*(uint64_t *)(void *)p = e;
	else
		for (size_t k = 0; k < entry_bytes(ora); k++)
			p[place(ora, k)] = (uint8_t)(e >> 8 * k);
}

static bool is_valid(const struct ora *ora, uint64_t e, unsigned level)
{
	return ora->arch->valid ? ora->arch->valid(e, level) : e & 1;
}

static bool is_empty(const struct ora *ora, uint64_t e, unsigned level)
{
	return ora->arch->empty ? ora->arch->empty(e, level) : !(e & ~ora->arch->ignored);
}

#define BIT_OF(n) (UINT64_C(1) << (n))
#define RIGHTS (MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_USER)

static uint64_t span_of(const struct ora *ora, unsigned level)
{
	return UINT64_C(1) << shift_of(ora, level);
}

uint64_t ora_size(const struct ora *ora, unsigned level)
{
	return span_of(ora, level);
}

static uint64_t pa_of(const struct ora *ora, uint64_t e, unsigned level)
{
	return ora->arch->pa ? ora->arch->pa(e, level) : (e & ora->arch->address & ~ora->c_bit) << ora->arch->shift;
}

/* @path: rights that the tables above leave, and MM_PT_GLOBAL if they make it so. */
static struct ora_run decode_leaf(const struct ora *ora, uint64_t e, unsigned level, uint64_t va,
				  uint32_t path)
{
	uint64_t size = span_of(ora, level);
	uint32_t attr = ora->arch->attr(e, level);

	return (struct ora_run){ .va = va,
				 .last = va + (size - 1),
				 .pa = pa_of(ora, e, level) & ~(size - 1),
				 .attr = (attr & (path | ~(uint32_t)RIGHTS)) |
					 (path & MM_PT_GLOBAL),
				 .level = (uint8_t)level };
}

/* ---- contiguous runs ---- */

/* Log2 of the entries of the run that leaf @e is in; 0: none. */
static unsigned run_of(const struct ora *ora, uint64_t e, unsigned level)
{
	const struct ora_arch *arch = ora->arch;

	return ora->features & arch->run_feature && e & arch->run_mark ? arch->run_lg2[level] : 0;
}

/* The entry without what says that it is in a run. */
static uint64_t without_run(const struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	return leaf && run_of(ora, e, level) ? e & ~(ora->arch->run_mark | ora->arch->run_field)
					     : e;
}

/* Is @e what member @k of the run whose first is @first has to be? */
static bool is_member(const struct ora *ora, uint64_t first, uint64_t e, uint64_t k, unsigned level)
{
	const struct ora_arch *arch = ora->arch;
	uint64_t differ = (first ^ e) & ~arch->run_touch;

	if (arch->run_field)
		return !differ && (e & arch->run_field) == arch->run_length;
	uint64_t pa = pa_of(ora, first, level), there = pa_of(ora, e, level);
	return there == pa + k * span_of(ora, level) &&
	       !(pa >> shift_of(ora, level) & (BIT_OF(arch->run_lg2[level]) - 1)) &&
	       !(differ & ~(arch->pa ? pa ^ there : (pa ^ there) >> arch->shift));
}

/* The run whose member is entry @i of a table: as a CPU sees it that has it in its TLB. Manuals leave open what
 * happens if members are not alike: here that is a violation. */
static struct ora_run decode_run(struct ora *ora, uint64_t table, uint64_t i, unsigned level,
				 uint64_t va, uint32_t path)
{
	uint64_t e = get(ora, table, i), n = BIT_OF(run_of(ora, e, level)), first = i & ~(n - 1);
	struct ora_run r = decode_leaf(ora, e, level, va, path);

	r.run = (uint8_t)run_of(ora, e, level);
	r.va = va - (i - first) * span_of(ora, level);
	r.last = r.va + (n * span_of(ora, level) - 1);
	r.pa &= ~(n * span_of(ora, level) - 1);
	e = get(ora, table, first);
	for (uint64_t k = 0; k < n; k++) {
		uint64_t member = get(ora, table, first + k);
		if (!is_valid(ora, member, level) || !run_of(ora, member, level) ||
		    !is_member(ora, e, member, k, level)) {
			if (!ora->damaged)
				ora_violation(ora, "members of a contiguous run differ");
			continue;
		}
		r.attr |= ora->arch->attr(member, level) & (MM_PT_ACCESSED | MM_PT_DIRTY);
	}
	return r;
}

/* What no entry may have: address bits beyond the machine, and what the manual reserves. */
static void check_reserved(struct ora *ora, uint64_t e, unsigned level, bool leaf)
{
	const struct ora_arch *arch = ora->arch;
	uint64_t beyond = ~((UINT64_C(1) << ora->pa_bits) - 1) >> arch->shift;

	if (ora->damaged)
		return;
	if (arch->pa ? pa_of(ora, e, level) >> ora->pa_bits : e & beyond & arch->address & ~ora->c_bit)
		ora_violation(ora, "an address beyond the machine's physical bits");
	const char *wrong = arch->reserved(ora, without_run(ora, e, level, leaf), level, leaf);
	if (wrong)
		ora_violation(ora, wrong);
	if (ora->c_bit && !(e & ora->c_bit))
		ora_violation(ora, "an entry without the encryption bit");
}

/* The whole address for one that is translated. */
static uint64_t whole(const struct ora *ora, uint64_t va)
{
	unsigned bits = ora_va_bits(ora->arch);
	uint64_t upper = ~((UINT64_C(1) << bits) - 1);

	if (ora->arch->half == ORA_SIGN)
		return va >> (bits - 1) & 1 ? va | upper : va;
	return ora->arch->half == ORA_ONES ? va | upper : va;
}

static void scan_leaf(struct ora *ora, struct ora_run r)
{
	struct ora_set *set = &ora->scan;
	struct ora_run *p = set->n ? &set->run[set->n - 1] : NULL;

	ora->leaves += set_run_pages(&r);
	if (p && p->level == r.level && p->run == r.run && p->attr == r.attr &&
	    p->last + 1 == r.va && p->pa + (p->last - p->va) + 1 == r.pa) {
		p->last = r.last;
		return;
	}
	if (set->n == ORA_RUNS)
		abort();
	set->run[set->n++] = r;
}

/* Does @now differ from @before in nothing but the next frame? */
static bool goes_on(const struct ora *ora, uint64_t before, uint64_t now, unsigned level)
{
	if (ora->arch->pa) /* if all that differs is in its place */
		return pa_of(ora, now, level) == pa_of(ora, before, level) + span_of(ora, level) &&
		       (now ^ before) == (pa_of(ora, now, level) ^ pa_of(ora, before, level));
	return now == before + (span_of(ora, level) >> ora->arch->shift) &&
	       !((now ^ before) & ~(ora->arch->address & ~ora->c_bit));
}

static void scan_table(struct ora *ora, uint64_t pa, unsigned level, uint64_t base, uint32_t path)
{
	const struct ora_arch *arch = ora->arch;
	struct ora_page *page = &ora->page[(pa - ora->base) / ora->slot];
	bool empty = true, was_leaf = false;
	uint64_t before = 0, e;

	if (page->now)
		ora_violation(ora, "a table is reached twice");
	page->now = true;
	page->level = level;
	page->va = whole(ora, base);
	page->last = page->va + ((span_of(ora, level) << bits_of(ora, level)) - 1);
	if (page->bytes != entry_bytes(ora) << bits_of(ora, level))
		ora_violation(ora, "a table of another level's size");
	ora->reachable++;
	for (uint64_t i = 0; i >> bits_of(ora, level) == 0; i++, before = e) {
		uint64_t va = whole(ora, base + (i << shift_of(ora, level)));
		e = get(ora, pa, i);
		if (was_leaf && goes_on(ora, before, e, level)) {
			struct ora_run *r = &ora->scan.run[ora->scan.n - 1];
			ora->leaves += span_of(ora, level) >> ora_page_shift;
			r->last += span_of(ora, level);
			continue;
		}
		was_leaf = false;
		if (is_empty(ora, e, level))
			continue;
		empty = false;
		if (!is_valid(ora, e, level))
			continue;
		was_leaf = arch->is_leaf(e, level);
		check_reserved(ora, e, level, was_leaf);
		if (was_leaf && run_of(ora, e, level)) {
			uint64_t skip = (BIT_OF(run_of(ora, e, level)) - 1) & ~i;
			scan_leaf(ora, decode_run(ora, pa, i, level, va, path));
			i += skip; /* the others are like it */
			was_leaf = false;
		} else if (was_leaf)
			scan_leaf(ora, decode_leaf(ora, e, level, va, path));
		else if (level > 0 && !ora->wrong)
			scan_table(ora, pa_of(ora, e, level), level - 1,
				   base + (i << shift_of(ora, level)), arch->path(e, path));
	}
	ora->empty_table |= empty && level < arch->top;
}

struct ora_run ora_walk(struct ora *ora, uint64_t va)
{
	uint64_t pa = ora->pt->root;
	uint32_t path = RIGHTS;

	for (unsigned level = ora->arch->top;; level--) {
		uint64_t e = get(ora, pa, index_of(ora, va, level));
		uint64_t mask = span_of(ora, level) - 1;
		if (!is_valid(ora, e, level))
			return (struct ora_run){ .va = va & ~mask,
						 .last = va | mask,
						 .level = (uint8_t)level };
		if (ora->arch->is_leaf(e, level) && run_of(ora, e, level))
			return decode_run(ora, pa, index_of(ora, va, level), level, va & ~mask,
					  path);
		if (ora->arch->is_leaf(e, level) || level == 0)
			return decode_leaf(ora, e, level, va & ~mask, path);
		path = ora->arch->path(e, path);
		pa = pa_of(ora, e, level);
	}
}

bool ora_access(struct ora *ora, uint64_t va, bool write, bool user, bool fetch)
{
	struct ora_run r = ora_walk(ora, va);
	uint64_t pa = ora->pt->root;

	if (!r.attr || (write && !(r.attr & MM_PT_WRITE)) || (user && !(r.attr & MM_PT_USER)) ||
	    (fetch && !(r.attr & MM_PT_EXEC)) || (!fetch && !(r.attr & MM_PT_READ)))
		return false;
	if (fetch && !user && (r.attr & MM_PT_USER) && ora->arch->user_is_not_kernel)
		return false;
	for (unsigned level = ora->arch->top;; level--) {
		uint64_t i = index_of(ora, va, level);
		if (level == r.level && r.run)
			i ^= va >> (shift_of(ora, level) + 1) &
			     (BIT_OF(r.run) - 1); /* any of them */
		uint64_t e = get(ora, pa, i);
		e = ora->arch->touched(e, level == r.level, write);
		put(ora, pa, i, e);
		if (level == r.level)
			return true;
		pa = pa_of(ora, e, level);
	}
}

/* ---- the TLB ---- */

/* May a CPU go on using translation @old if the tables now say @now for the same addresses? One that is
 * writable and dirty does not set the bit again. */
static bool still_good(const struct ora_run *old, const struct ora_run *now, uint64_t va)
{
	uint32_t exact = MM_PT_USER | MM_PT_GLOBAL | MM_PT_TYPE;
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
		if (!still_good(old, now, va))
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

void ora_observe(struct ora *ora)
{
	if (!ora->pt || !ora->pt->port)
		return;
	for (size_t i = 0; i < ora->pages; i++)
		ora->page[i].now = false;
	ora->reachable = 0;
	ora->leaves = 0;
	ora->empty_table = false;
	set_clear(&ora->scan);
	scan_table(ora, ora->pt->root, ora->arch->top, 0, RIGHTS);
	for (size_t i = 0; i < ora->live.n; i++)
		compare_with_scan(ora, &ora->live.run[i]);
	if (ora->arch->must_order)
		find_new(ora);
	if (ora->arch->must_break)
		find_conflicts(ora);
	memcpy(ora->live.run, ora->scan.run, ora->scan.n * sizeof(ora->scan.run[0]));
	ora->live.n = ora->scan.n;
	for (size_t i = 0; i < ora->pages; i++) {
		struct ora_page *p = &ora->page[i];
		if (p->now && !p->used)
			ora_violation(ora, "a table in the tree was given back");
		p->stale = (p->stale || p->live) && !p->now;
		p->live = p->now;
	}
}

/* Does a flush of @g order the stores that made entries valid? One with addresses only does not on
 * RISC-V: it orders leaves at those addresses. */
static bool orders(const struct ora *ora, const struct mm_tlb_gather *g)
{
	return g->sync || (g->flush && (g->tables || !ora->new_table));
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
}

void ora_check_synced(struct ora *ora)
{
	ora_observe(ora);
	if (ora->stale.n)
		ora_violation(ora, "a stale translation survived the flush");
	for (size_t i = 0; i < ora->pages; i++)
		if (ora->page[i].stale)
			ora_violation(ora, "a pointer to a dead table survived the flush");
	if (ora->unordered)
		ora_violation(ora, "an entry became valid without a flush or order");
	if (ora->used != ora->reachable)
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
	if (pa < ora->base || pa - ora->base >= ora->pages * ora->slot || (pa - ora->base) % ora->slot) {
		ora_violation(ora, "an address that is no table");
		return ora->mem; /* readable, so that the test can tell */
	}
	if (!ora->page[(pa - ora->base) / ora->slot].used)
		ora_violation(ora, "a table is used after it was given back");
	return ora->mem + (pa - ora->base);
}

static void *env_virt(void *ctx, mm_paddr_t pa)
{
	return ora_virt(ctx, pa);
}

static bool is_table_size(const struct ora *ora, size_t bytes)
{
	for (unsigned l = 0; l <= ora->arch->top; l++)
		if (bytes == entry_bytes(ora) << bits_of(ora, l))
			return true;
	return false;
}

static enum mm_status env_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	struct ora *ora = ctx;

	ora->allocs++;
	ora_observe(ora);
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
			memset(ora->mem + i * ora->slot, 0xA5, bytes);
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

	if (pa < ora->base || pa - ora->base >= ora->pages * ora->slot || (pa - ora->base) % ora->slot) {
		if (ora->given_back)
			ora_violation(ora, "a foreign page was given back twice");
		ora->given_back = pa;
		return;
	}
	struct ora_page *p = &ora->page[(pa - ora->base) / ora->slot];
	if (!p->used || bytes != p->bytes)
		ora_violation(ora, "a table is given back twice, or with a wrong size");
	if (ora->pt && (p->live || p->stale))
		ora_violation(ora, "a table is given back while a CPU may still walk it");
	if (p->used)
		ora->used--;
	*p = (struct ora_page){ 0 };
	memset(ora->mem + (pa - ora->base), 0xDB, bytes);
}

static void env_flush(void *ctx, const struct mm_tlb_gather *g)
{
	struct ora *ora = ctx;

	ora->flushes++;
	ora->flushed = *g;
	if (!g->flush && !g->sync)
		ora_violation(ora, "a flush of nothing");
	ora_observe(ora);
	if (g->flush)
		drop_stale(ora, g->start, g->last, g->tables);
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
	memset(ora->page, 0, ora->bytes / ORA_PAGE * sizeof(ora->page[0]));
	ora->used = ora->reachable = 0;
	ora->wrong = NULL;
	ora->give = ora->given_back = 0;
	ora->flushes = 0;
	ora->pt = NULL;
	ora->damaged = ora->unordered = ora->new_table = false;
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
	ora->mem = aligned_alloc(ORA_PAGE, ora->bytes);
	ora->page = calloc(pages, sizeof(ora->page[0]));
	if (!ora->mem || !ora->page)
		abort();
	ora->env = (struct mm_pt_env){ .ctx = ora,
				       .alloc_table = env_alloc,
				       .free_table = env_free,
				       .to_virt = env_virt,
				       .flush = env_flush };
	ora_reset(ora);
}

void ora_destroy(struct ora *ora)
{
	free(ora->mem);
	free(ora->page);
}

void ora_fail(struct ora *ora, unsigned at, bool sticky)
{
	ora->allocs = 0;
	ora->fail_at = at;
	ora->fail_sticky = sticky;
}

uint64_t ora_hash(struct ora *ora)
{
	uint64_t hash = 0xcbf29ce484222325u;

	ora_observe(ora);
	hash ^= ora->reachable;
	for (size_t i = 0; i < ora->pages; i++) {
		const uint32_t *t = (const uint32_t *)(ora->mem + i * ora->slot);
		for (size_t k = 0; ora->page[i].live && k < ora->page[i].bytes / 4; k++)
			hash = (hash ^ t[k] ^ i) * 0x100000001b3u;
	}
	return hash;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
