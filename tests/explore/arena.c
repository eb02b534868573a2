/* SPDX-License-Identifier: MIT */
/* Memory of a schedule: restored and hashed by pages that were ever written. */
#define _GNU_SOURCE
#include "explore.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE        4096u
#define ARENA_PAGES 1024u

static unsigned char *arena, *first_state;
static size_t used;
static bool is_dirty[ARENA_PAGES];
static unsigned dirty[ARENA_PAGES], ndirty;
static uint64_t first_hash[ARENA_PAGES];
static unsigned char *seen_state; /* as it was when last hashed, of pages that were ever written */
static uint64_t seen_hash[ARENA_PAGES];

static void protect(size_t from, size_t bytes, int how)
{
	if (mprotect(arena + from, bytes, how) != 0)
		abort();
}

void arena_reset(void)
{
	if (!arena) {
		arena = mmap(NULL, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		first_state = malloc(ARENA_PAGES * PAGE);
		seen_state = malloc(ARENA_PAGES * PAGE);
		if (arena == MAP_FAILED || !first_state || !seen_state)
			abort();
	}
	protect(0, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE);
	memset(arena, 0, ARENA_PAGES * PAGE);
	memset(is_dirty, 0, sizeof(is_dirty));
	used = ndirty = 0;
}

void *arena_alloc(size_t bytes, size_t align)
{
	used = (used + align - 1) & ~(align - 1);
	if (used + bytes > ARENA_PAGES * PAGE)
		abort();
	used += bytes;
	return arena + (used - bytes);
}

void arena_protect(void)
{
	memcpy(first_state, arena, ARENA_PAGES * PAGE);
	protect(0, ARENA_PAGES * PAGE, PROT_READ);
}

/* Only bytes in use: the last page may be mostly empty. */
static size_t page_bytes(unsigned page)
{
	size_t left = used - (size_t)page * PAGE;

	return left < PAGE ? (left + 7) & ~(size_t)7 : PAGE;
}

bool arena_fault(void *address)
{
	size_t at = (size_t)((unsigned char *)address - arena);
	unsigned page = (unsigned)(at / PAGE);

	if ((unsigned char *)address < arena || at >= used || is_dirty[page])
		return false;
	is_dirty[page] = true;
	dirty[ndirty++] = page;
	first_hash[page] = ex_hash(page, first_state + (size_t)page * PAGE, page_bytes(page));
	seen_hash[page] = first_hash[page];
	memcpy(seen_state + (size_t)page * PAGE, first_state + (size_t)page * PAGE, PAGE);
	protect((size_t)page * PAGE, PAGE, PROT_READ | PROT_WRITE);
	return true;
}

static void restore_from(unsigned i)
{
	for (; i < ndirty; i++)
		memcpy(arena + (size_t)dirty[i] * PAGE, first_state + (size_t)dirty[i] * PAGE,
		       page_bytes(dirty[i]));
}

void arena_restore(void)
{
	restore_from(0);
}

/* What was ever written, page by page in the order of dirty[]. */
size_t arena_saved_bytes(void)
{
	return (size_t)ndirty * PAGE;
}

unsigned arena_save(unsigned char *to)
{
	for (unsigned i = 0; i < ndirty; i++)
		memcpy(to + (size_t)i * PAGE, arena + (size_t)dirty[i] * PAGE, page_bytes(dirty[i]));
	return ndirty;
}

/* Pages that were first written since then are as at first. */
void arena_back(const unsigned char *from, unsigned pages)
{
	restore_from(pages);
	for (unsigned i = 0; i < pages; i++)
		memcpy(arena + (size_t)dirty[i] * PAGE, from + (size_t)i * PAGE, page_bytes(dirty[i]));
}

/* Hash of a page: most are as they were a step ago, and to compare is faster. */
static uint64_t page_hash(unsigned page)
{
	const unsigned char *now = arena + (size_t)page * PAGE;
	unsigned char *seen = seen_state + (size_t)page * PAGE;
	const size_t bytes = page_bytes(page);

	if (memcmp(seen, now, bytes)) {
		memcpy(seen, now, bytes);
		seen_hash[page] = ex_hash(page, now, bytes);
	}
	return seen_hash[page];
}

/* A page that equals the first state adds 0, written before or not. */
uint64_t arena_hash(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ndirty; i++)
		sum += page_hash(dirty[i]) - first_hash[dirty[i]];
	return sum;
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return lane << 29 | lane >> 35;
}

/* Four lanes, for speed. bytes is a multiple of 8. */
uint64_t ex_hash(uint64_t seed, const void *data, size_t bytes)
{
	const unsigned char *p = data;
	uint64_t lane[4] = { seed ^ 1, seed ^ 2, seed ^ 3, seed ^ (bytes << 8) }, word, hash;
	size_t i;

	for (i = 0; i + 32 <= bytes; i += 32) {
		uint64_t words[4];

		memcpy(words, p + i, 32);
#pragma GCC unroll 4
		for (unsigned k = 0; k < 4; k++)
			lane[k] = mix(lane[k], words[k]);
	}
	for (; i + 8 <= bytes; i += 8) {
		memcpy(&word, p + i, 8);
		lane[i / 8 % 4] = mix(lane[i / 8 % 4], word);
	}
	hash = mix(mix(mix(mix(seed, lane[0]), lane[1]), lane[2]), lane[3]);
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93);
	return hash ^ hash >> 29;
}
