/* SPDX-License-Identifier: MIT */
/* A copy of the tables as the oracle last saw them: see pt_shadow.h. */
#include "pt_shadow.h"
#include "pt_mmu.h"
#include <string.h>

#if defined(__clang__) /* the fuzzer is to explore the library, not this file: much faster */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))),     \
			     apply_to = function)
#endif

#define STEP 8 /* words that are compared at once */

static uint64_t *words_of(const struct ora *ora, unsigned char *mem, size_t page)
{
	return (uint64_t *)(void *)(mem + page * ora->slot);
}

/* What word @i of a table adds to its hash. Sums of these change with every bit, and can be mended. */
static uint64_t mix(uint64_t word, size_t page, size_t i)
{
	uint64_t x = (word ^ ((uint64_t)page << 16 | i) * UINT64_C(0x9e3779b97f4a7c15)) *
		     UINT64_C(0xbf58476d1ce4e5b9);

	return (x ^ x >> 32) * UINT64_C(0x94d049bb133111eb);
}

/* Is a word, as an entry of the lowest tables, empty? */
static bool is_empty(const struct ora *ora, uint64_t word)
{
	const unsigned char *byte = (const unsigned char *)&word;
	uint64_t entry = 0;

	for (unsigned k = 0; k < 8; k++)
		entry = entry << 8 | byte[k];
	return mmu_is_empty(ora, ora->arch->big_endian ? entry : word, 0);
}

/* The word as far as it matters. A walker keeps a note of its own in the first entry, if that is empty. */
static uint64_t content(const struct ora *ora, uint64_t word, size_t i)
{
	return i || ora->arch->entry_lg2 || !is_empty(ora, word) ? word : 0;
}

void shadow_adopt(struct ora *ora, size_t page)
{
	struct ora_page *p = &ora->page[page];
	const uint64_t *now = words_of(ora, ora->mem, page);
	uint64_t *copy = words_of(ora, ora->shadow, page);

	p->hash = 0;
	for (size_t i = 0; i < p->bytes / sizeof(*now); i++) {
		copy[i] = now[i];
		p->hash += mix(content(ora, now[i], i), page, i);
	}
}

/* Bring word @i up to date. */
static void mend(struct ora *ora, size_t page, size_t i)
{
	uint64_t now = words_of(ora, ora->mem, page)[i];
	uint64_t *copy = &words_of(ora, ora->shadow, page)[i];

	ora->page[page].hash += mix(content(ora, now, i), page, i) - mix(content(ora, *copy, i), page, i);
	*copy = now;
}

bool shadow_is_true(const struct ora *ora, size_t page, size_t byte)
{
	const size_t i = byte / sizeof(uint64_t);

	return ora->page[page].live &&
	       words_of(ora, ora->mem, page)[i] == words_of(ora, ora->shadow, page)[i];
}

void shadow_mend(struct ora *ora, size_t page, size_t byte)
{
	mend(ora, page, byte / sizeof(uint64_t));
}

/* Is one of these words not as its copy? No branches. */
static inline bool differs(const uint64_t *now, const uint64_t *copy)
{
	uint64_t differ = 0;

#pragma GCC unroll 8
	for (size_t k = 0; k < STEP; k++)
		differ |= now[k] ^ copy[k];
	return differ;
}

bool shadow_update(struct ora *ora, size_t page, size_t *first, size_t *last)
{
	const size_t from = *first / sizeof(uint64_t) & ~(size_t)(STEP - 1);
	const uint64_t *now = words_of(ora, ora->mem, page);
	const uint64_t *copy = words_of(ora, ora->shadow, page);
	const size_t n = *last / sizeof(*now) + 1;
	bool any = false;

	for (size_t i = from, end; i < n; i = end) {
		end = i + STEP < n ? i + STEP : n;
		if (end - i == STEP && !differs(now + i, copy + i))
			continue;
		for (size_t k = i; k < end; k++) {
			if (now[k] == copy[k])
				continue;
			if (!any)
				*first = k * sizeof(*now);
			any = true;
			*last = (k + 1) * sizeof(*now) - 1;
			mend(ora, page, k);
		}
	}
	return any;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
