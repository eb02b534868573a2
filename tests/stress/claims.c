/* SPDX-License-Identifier: MIT */
/* Threads that change one tree of page tables at once, each through a claim of its own. Their ranges follow each other, so
 * that they meet in a table of each level.
 *   claims [OPERATIONS [SEED]]     of each thread
 * Oracle: each knows what it has mapped and finds that, and nothing else; the tree is sound, and at the end its root is all
 * that is left. ThreadSanitizer sees whether they use something together. */
#define _POSIX_C_SOURCE 200809L /* barriers */
#include <mmlib/pt_claim.h>
#include <mmlib/pt_x86_64.h>
#include <string.h>
#include "threads.h"

#define THREADS 4u
#define PAGES   700u /* of a range: more than a table has */
#define PAGE    ((uint64_t)4096)
#define TABLES  64u
/* The first range begins in the midst of a table, the third crosses the border of one of level 2. */
#define BASE (((uint64_t)3 << 30) - 2 * PAGES * PAGE - 100 * PAGE)

static unsigned char (*memory)[4096]; /* of tables: their addresses are offsets in there, and one page */
static mm_paddr_t unused[TABLES];
static unsigned nunused;
static uintptr_t memory_lock, tree_lock;
static struct mm_pt tree;
static pthread_barrier_t all; /* none is done before the others begin */

static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	(void)bytes;
	lock(NULL, &memory_lock);
	bool any = nunused > 0;
	if (any)
		*pa = unused[--nunused];
	unlock(NULL, &memory_lock, 0);
	return any ? MM_OK : MM_E_NOMEM;
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	lock(NULL, &memory_lock);
	memset(memory[pa / PAGE - 1], 0xa5, bytes); /* who walks there, is lost */
	unused[nunused++] = pa;
	unlock(NULL, &memory_lock, 0);
}

static void *table_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	if (pa / PAGE - 1 >= TABLES)
		wrong("there is no such table");
	return memory[pa / PAGE - 1];
}

static void no_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env env = {
	.alloc_table = table_alloc, .free_table = table_free, .to_virt = table_virt, .flush = no_flush
};

struct writer {
	struct mm_pt claim;
	struct mm_tlb_gather g;
	uint64_t seed, va;
	unsigned long operations;
	mm_paddr_t pa[PAGES]; /* of each page; 0: not mapped */
};
static struct writer writers[THREADS];

static uint32_t draw(struct writer *w)
{
	w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(w->seed >> 33);
}

static void take(struct writer *w)
{
	lock(NULL, &tree_lock);
	expect(mm_pt_claim(&tree, w->va, PAGES * PAGE, NULL, &w->g, &w->claim), "no claim");
	mm_pt_sync(&tree, &w->g);
	unlock(NULL, &tree_lock, 0);
}

static void give(struct writer *w)
{
	lock(NULL, &tree_lock);
	expect(mm_pt_release(&w->claim, &w->g), "a claim cannot be released");
	unlock(NULL, &tree_lock, 0);
}

static void map_pages(struct writer *w, unsigned first, unsigned n, mm_paddr_t pa)
{
	bool taken = false;

	for (unsigned i = first; i < first + n; i++)
		taken |= w->pa[i] != 0;
	enum mm_status st = mm_pt_x86_64_map(&w->claim, w->va + first * PAGE, pa, n * PAGE, MM_PT_READ | MM_PT_WRITE, 0, &w->g);
	if (st != (taken ? MM_E_EXIST : MM_OK))
		wrong("a map says something else than it should");
	for (unsigned i = 0; st == MM_OK && i < n; i++)
		w->pa[first + i] = pa + (mm_paddr_t)(i * PAGE);
}

static void unmap_pages(struct writer *w, unsigned first, unsigned n, uint32_t flags)
{
	bool any = false;

	for (unsigned i = first; i < first + n; i++) {
		any |= w->pa[i] != 0;
		w->pa[i] = 0;
	}
	if (mm_pt_x86_64_unmap(&w->claim, w->va + first * PAGE, n * PAGE, flags, &w->g) != (any ? MM_OK : MM_E_NOENT))
		wrong("an unmap says something else than it should");
}

static void protect_pages(struct writer *w, unsigned first, unsigned n)
{
	bool any = false;

	for (unsigned i = first; i < first + n; i++)
		any |= w->pa[i] != 0;
	if (mm_pt_x86_64_protect(&w->claim, w->va + first * PAGE, n * PAGE, MM_PT_READ, 0, &w->g) != (any ? MM_OK : MM_E_NOENT))
		wrong("a protect says something else than it should");
}

static void ask(struct writer *w, unsigned i)
{
	mm_paddr_t pa = 0;
	enum mm_status st = mm_pt_x86_64_translate(&w->claim, w->va + i * PAGE, &pa);

	if (w->pa[i] ? st != MM_OK || pa != w->pa[i] : st != MM_E_NOENT)
		wrong("a page is not what its writer made it");
}

/* Some pages, mostly where the neighbours are. */
static void change(struct writer *w)
{
	unsigned n = 1 + draw(w) % 3, first = draw(w) % 3 ? draw(w) % 4 : draw(w) % (PAGES - 4);

	first = draw(w) % 2 ? first : PAGES - n - first;
	if (draw(w) % 64 == 0)
		first = 0, n = PAGES;
	switch (draw(w) % 4) {
	case 0:
		map_pages(w, first, n, (mm_paddr_t)(1 + draw(w) % 3) << 30);
		break;
	case 1:
		protect_pages(w, first, n);
		break;
	default:
		unmap_pages(w, first, n, draw(w) % 2 ? MM_PT_DISCARD : 0);
	}
	mm_pt_sync(&w->claim, &w->g);
	ask(w, draw(w) % PAGES);
	ask(w, first);
}

static void *write_pages(void *arg)
{
	struct writer *w = arg;

	(void)pthread_barrier_wait(&all);
	take(w);
	for (unsigned long i = 0; i < w->operations; i++) {
		change(w);
		if (draw(w) % 256)
			continue;
		give(w);
		take(w);
	}
	unmap_pages(w, 0, PAGES, 0);
	give(w);
	return NULL;
}

static void start(void)
{
	memory = aligned_alloc(PAGE, TABLES * PAGE);
	if (!memory)
		wrong("no memory");
	for (unsigned i = 0; i < TABLES; i++)
		unused[nunused++] = (mm_paddr_t)((i + 1) * PAGE);
	expect(mm_pt_init(&tree, mm_pt_x86_64_port(), &env, NULL), "no tree");
}

int main(int argc, char **argv)
{
	unsigned long operations = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	pthread_t threads[THREADS];
	size_t tables = 0;

	if (sim_is_slow())
		operations /= 10;
	start();
	if (pthread_barrier_init(&all, NULL, THREADS))
		wrong("no barrier");
	for (unsigned i = 0; i < THREADS; i++) {
		writers[i].seed = (argc > 2 ? strtoul(argv[2], NULL, 10) : 1) + i;
		writers[i].va = BASE + i * PAGES * PAGE;
		writers[i].operations = operations;
		if (pthread_create(&threads[i], NULL, write_pages, &writers[i]))
			wrong("no thread");
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	expect(mm_pt_verify(&tree, &tables), "the tree is damaged");
	if (tables != 1 || nunused != TABLES - 1)
		wrong("a table is left");
	expect(mm_pt_destroy(&tree), "the tree cannot be destroyed");
	free(memory);
	printf("%lu operations of each of %u writers in one tree\n", operations, THREADS);
	return 0;
}
