/* SPDX-License-Identifier: MIT */
/* Oracle for page tables: the MMU, which decodes entries. See pt_oracle.h. */
#include "pt_mmu.h"
#include "pt_shadow.h"
#include <stdlib.h>

#if defined(__clang__) /* the fuzzer is to explore the library, not this file: much faster */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function)
#endif

unsigned ora_va_bits(const struct ora_arch *arch)
{
	const unsigned top = arch->top;

	if (arch->va_bits)
		return arch->va_bits;
	return arch->span_lg2[0] ? arch->span_lg2[top] + arch->entries_lg2[top] : 21 + 9 * top;
}

/* Byte @i of an entry, counted from the lowest, is which in memory? */
static size_t place(const struct ora *ora, size_t i)
{
	const uint16_t one = 1;
	bool host_is_big = !*(const uint8_t *)&one;

	return ora->arch->big_endian || host_is_big ? entry_bytes(ora) - 1 - i : i;
}

void *mmu_table(struct ora *ora, uint64_t pa)
{
	if (!is_table(ora, pa)) {
		ora_violation(ora, "an address that is no table");
		return ora->mem; /* readable, so that the test can tell */
	}
	if (!page_at(ora, pa)->used)
		ora_violation(ora, "a table is used after it was given back");
	return ora->mem + (pa - ora->base);
}

static inline uint64_t entry_at(const struct ora *ora, const uint8_t *table, uint64_t i)
{
	const uint8_t *p = table + i * entry_bytes(ora);
	uint64_t e = 0;

	if (!ora->arch->big_endian) /* most of them, and fast */
		return entry_bytes(ora) == 8 ? *(const uint64_t *)(const void *)p
					     : *(const uint32_t *)(const void *)p;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (entry_bytes(ora) == 8)
		return __builtin_bswap64(*(const uint64_t *)(const void *)p);
#endif
	for (size_t k = 0; k < entry_bytes(ora); k++)
		e |= (uint64_t)p[place(ora, k)] << 8 * k;
	return e;
}

uint64_t mmu_get(struct ora *ora, uint64_t pa, uint64_t i)
{
	return entry_at(ora, mmu_table(ora, pa), i);
}

static void put(struct ora *ora, uint64_t pa, uint64_t i, uint64_t e)
{
	uint8_t *p = (uint8_t *)mmu_table(ora, pa) + i * entry_bytes(ora);

	if (!ora->arch->big_endian && entry_bytes(ora) == 8)
		*(uint64_t *)(void *)p = e;
	else
		for (size_t k = 0; k < entry_bytes(ora); k++)
			p[place(ora, k)] = (uint8_t)(e >> 8 * k);
}

/* Does a directory's entry lead to the table that leads nowhere? */
static bool leads_nowhere(const struct ora *ora, uint64_t e, unsigned level)
{
	return ora->arch->follows && level > 0 &&
	       (e & ~ora->c_bit) == ora->pt->root + ora->arch->nowhere;
}

static bool is_valid(const struct ora *ora, uint64_t e, unsigned level)
{
	if (leads_nowhere(ora, e, level))
		return false;
	return ora->arch->valid ? ora->arch->valid(e, level) : e & 1;
}

bool mmu_is_empty(const struct ora *ora, uint64_t e, unsigned level)
{
	if (ora->arch->follows && level > 0)
		return leads_nowhere(ora, e, level);
	return ora->arch->empty ? ora->arch->empty(e, level) : !(e & ~ora->arch->ignored);
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
	bool in = arch->in_run ? arch->in_run(ora, e, level) : (e & arch->run_mark) != 0;

	return ora->features & arch->run_feature && in ? arch->run_lg2[level] : 0;
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

	if (arch->in_run)
		return !differ;
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
	uint64_t e = mmu_get(ora, table, i), n = BIT_OF(run_of(ora, e, level)), first = i & ~(n - 1);
	struct ora_run r = decode_leaf(ora, e, level, va, path);

	r.run = (uint8_t)run_of(ora, e, level);
	r.va = va - (i - first) * span_of(ora, level);
	r.last = r.va + (n * span_of(ora, level) - 1);
	r.pa &= ~(n * span_of(ora, level) - 1);
	e = mmu_get(ora, table, first);
	for (uint64_t k = 0; k < n; k++) {
		uint64_t member = mmu_get(ora, table, first + k);
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
	uint64_t high = ora->pa_bits < 64 ? ~((UINT64_C(1) << ora->pa_bits) - 1) : 0, beyond = high >> arch->shift;

	if (ora->damaged)
		return;
	if (arch->pa ? pa_of(ora, e, level) & high : e & beyond & arch->address & ~ora->c_bit)
		ora_violation(ora, "an address beyond the machine's physical bits");
	const char *wrong = arch->reserved(ora, without_run(ora, e, level, leaf), level, leaf);
	if (wrong)
		ora_violation(ora, wrong);
	if (ora->c_bit && !(e & ora->c_bit))
		ora_violation(ora, "an entry without the encryption bit");
}

static void scan_leaf(struct ora *ora, struct ora_run r)
{
	struct ora_set *set = &ora->scan;
	struct ora_run *p = set->n ? &set->run[set->n - 1] : NULL;

	if (p && p->level == r.level && p->run == r.run && p->attr == r.attr &&
	    p->last + 1 == r.va && p->pa + (p->last - p->va) + 1 == r.pa) {
		p->last = r.last;
		return;
	}
	if (set->n == ORA_RUNS)
		abort();
	set->run[set->n++] = r;
}

/* Does @now differ from @before in nothing but the next frame? @step: what that adds to an entry. */
static inline bool goes_on(const struct ora *ora, uint64_t before, uint64_t now, unsigned level, uint64_t step)
{
	if (ora->arch->pa) /* if all that differs is in its place */
		return pa_of(ora, now, level) == pa_of(ora, before, level) + span_of(ora, level) &&
		       (now ^ before) == (pa_of(ora, now, level) ^ pa_of(ora, before, level));
	return now == before + step && !((now ^ before) & ~(ora->arch->address & ~ora->c_bit));
}

/* The last of the entries from @i on, up to @end, that are just like it. */
static uint64_t last_alike(const struct ora *ora, const uint8_t *table, uint64_t i, uint64_t end)
{
	const uint64_t *wide = (const uint64_t *)(const void *)table;
	const uint32_t *narrow = (const uint32_t *)(const void *)table;

	if (entry_bytes(ora) == 8)
		while (i < end && wide[i + 1] == wide[i])
			i++;
	else
		while (i < end && narrow[i + 1] == narrow[i])
			i++;
	return i;
}

/* A table of which all that it translates has to be scanned. */
static void scan_page(struct ora *ora, struct ora_page *page, unsigned level, struct ora_span reach)
{
	if (page->now)
		ora_violation(ora, "a table is reached twice");
	page->now = true;
	page->level = level;
	page->va = reach.va;
	page->last = reach.last;
	if (page->bytes != entry_bytes(ora) << bits_of(ora, level))
		ora_violation(ora, "a table of another level's size");
	if (page->live) { /* what was written earlier is seen now: later, to undo it would look like no change */
		size_t first = 0, last = page->bytes - 1;
		page->written |= shadow_update(ora, (size_t)(page - ora->page), &first, &last);
		return;
	}
	shadow_adopt(ora, (size_t)(page - ora->page));
	page->written = true;
	page->filled = 0;
}

void mmu_scan(struct ora *ora, uint64_t pa, unsigned level, uint64_t base, uint32_t path,
		       const struct ora_span *in)
{
	const struct ora_arch *arch = ora->arch;
	const uint64_t n = BIT_OF(bits_of(ora, level));
	const struct ora_span reach = { whole(ora, base), whole(ora, base + (n << shift_of(ora, level)) - 1) };
	bool was_leaf = false;
	uint64_t before = 0, e;

	if (!is_table(ora, pa)) {
		ora_violation(ora, "an address that is no table");
		return;
	}
	if (reach.va >= in->va && reach.last <= in->last)
		scan_page(ora, page_at(ora, pa), level, reach);
	else if (!page_at(ora, pa)->now || page_at(ora, pa)->va != reach.va)
		ora_violation(ora, "a table is reached twice");
	uint64_t i = in->va > reach.va ? index_of(ora, in->va, level) : 0;
	const uint64_t end = in->last < reach.last ? index_of(ora, in->last, level) : n - 1;
	const uint8_t *table = mmu_table(ora, pa);
	const uint64_t span = span_of(ora, level), step = span >> arch->shift;
	for (; i <= end; i++, before = e) {
		e = entry_at(ora, table, i);
		if (was_leaf && goes_on(ora, before, e, level, step)) {
			ora->scan.run[ora->scan.n - 1].last += span;
			continue;
		}
		was_leaf = false;
		if (mmu_is_empty(ora, e, level) || !is_valid(ora, e, level)) {
			i = last_alike(ora, table, i, end);
			continue;
		}
		uint64_t va = whole(ora, base + (i << shift_of(ora, level)));
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
			mmu_scan(ora, pa_of(ora, e, level), level - 1,
				   base + (i << shift_of(ora, level)), arch->path(e, path), in);
	}
}

/* An entry that a CPU walks by. */
static uint64_t walked(struct ora *ora, uint64_t pa, uint64_t i)
{
	const uint64_t e = mmu_get(ora, pa, i), all = UINT64_MAX >> (64 - 8 * entry_bytes(ora));

	if (ora->meanwhile && e == (all / 0xff * ORA_FREE))
		ora_violation(ora, "a CPU meets a table that is not filled");
	return e;
}

struct ora_run ora_path(struct ora *ora, uint64_t va, uint64_t *table)
{
	uint64_t pa = ora->pt->root;
	uint32_t path = RIGHTS;

	for (unsigned level = ora->arch->top;; level--) {
		table[level] = pa;
		uint64_t e = walked(ora, pa, index_of(ora, va, level));
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

struct ora_run ora_walk(struct ora *ora, uint64_t va)
{
	uint64_t table[ORA_LEVELS];

	return ora_path(ora, va, table);
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
		if (!is_table(ora, pa))
			return false; /* ora_walk() has told */
		const size_t page = (pa - ora->base) / ora->slot, byte = i * entry_bytes(ora);
		const bool last = level == r.level, known = shadow_is_true(ora, page, byte);
		uint64_t e = ora->arch->touched(mmu_get(ora, pa, i), last, write);
		put(ora, pa, i, e);
		if (!last && known)
			shadow_mend(ora, page, byte); /* accessed: nothing below it has changed */
		else
			ora->page[page].asked = ora->page[page].fresh = true;
		if (last)
			return true;
		pa = pa_of(ora, e, level);
	}
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
