/* SPDX-License-Identifier: MIT */
/* Page tables of a kernel that moves: the first tree is made while addresses are physical, and is gone on with where
 * memory has others. Here that is memory which is there twice; the addresses before are taken away. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_tree.h>
#include <mmlib/pt_x86_64.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define TABLES 64u
#define TABLE  4096u
#define K4     UINT64_C(0x1000)
#define M2     UINT64_C(0x200000)
#define RW     (MM_PT_READ | MM_PT_WRITE)

struct memory {
	unsigned char *old, *now; /* the same; `old` is where physical addresses begin */
	bool used[TABLES];
	unsigned n;
};
static struct memory memory;

static enum mm_status alloc_table(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	struct memory *m = ctx;

	for (unsigned i = 0; i < TABLES && bytes == TABLE; i++)
		if (!m->used[i]) {
			m->used[i] = true;
			m->n++;
			*pa = (mm_paddr_t)(uintptr_t)(m->old + i * TABLE);
			return MM_OK;
		}
	return MM_E_NOMEM;
}

static void free_table(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct memory *m = ctx;
	const size_t i = (size_t)(pa - (uintptr_t)m->old) / TABLE;

	assert_true(bytes == TABLE && i < TABLES && m->used[i]);
	m->used[i] = false;
	m->n--;
}

static void *identity(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return (void *)(uintptr_t)pa;
}

static void *elsewhere(void *ctx, mm_paddr_t pa)
{
	const struct memory *m = ctx;

	return m->now + (pa - (uintptr_t)m->old);
}

static void flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env before = { .ctx = &memory, .alloc_table = alloc_table, .free_table = free_table,
					 .to_virt = identity, .flush = flush };
static const struct mm_pt_env after = { .ctx = &memory, .alloc_table = alloc_table, .free_table = free_table,
					.to_virt = elsewhere, .flush = flush };

static void begin(void)
{
	int file = memfd_create("tables", 0);

	memory = (struct memory){ .n = 0 };
	assert_true(file >= 0 && ftruncate(file, TABLES * TABLE) == 0);
	memory.old = mmap(NULL, TABLES * TABLE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	memory.now = mmap(NULL, TABLES * TABLE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_true(memory.old != MAP_FAILED && memory.now != MAP_FAILED);
	close(file);
}

static void end(void)
{
	assert_int_equal(memory.n, 0);
	munmap(memory.old, TABLES * TABLE);
	munmap(memory.now, TABLES * TABLE);
}

/* Memory is where it was no more. */
static void move(void)
{
	assert_int_equal(mprotect(memory.old, TABLES * TABLE, PROT_NONE), 0);
}

/* One way of operations. */
struct way {
	const struct mm_pt_port *(*port)(void);
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, struct mm_tlb_gather *);
	enum mm_status (*translate)(const struct mm_pt *, mm_vaddr_t, mm_paddr_t *);
};

static const struct way ways[] = {
	{ mm_pt_x86_64_port, mm_pt_x86_64_map, mm_pt_x86_64_unmap, mm_pt_x86_64_translate },
	{ mm_pt_x86_64_port, mm_pt_map, mm_pt_unmap, mm_pt_translate },
	{ mm_pt_aarch64_port, mm_pt_aarch64_map, mm_pt_aarch64_unmap, mm_pt_aarch64_translate },
	{ mm_pt_aarch64_port, mm_pt_map, mm_pt_unmap, mm_pt_translate },
	{ mm_pt_sv39_port, mm_pt_sv39_map, mm_pt_sv39_unmap, mm_pt_sv39_translate },
	{ mm_pt_sv48_port, mm_pt_map, mm_pt_unmap, mm_pt_translate },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* The first tree, with a page that is remembered, tables that are out of it, and some that are set aside. */
static void make(const struct way *way, struct mm_pt *pt, struct mm_tlb_gather *g, struct mm_pt_pool *pool)
{
	assert_int_equal(mm_pt_init(pt, way->port(), &before, NULL), MM_OK);
	assert_int_equal(way->map(pt, M2 - 2 * K4, 0x40000000, 4 * K4, RW, 0, g), MM_OK);
	assert_int_equal(way->map(pt, 64 * M2, 0x50000000, K4, RW, 0, g), MM_OK);
	assert_int_equal(way->map(pt, 3 * K4, 0x60000000, K4, RW, 0, g), MM_OK);
	assert_int_equal(way->unmap(pt, 64 * M2, K4, 0, g), MM_OK);
	assert_int_equal(mm_pt_reserve(pt, 1024 * M2, 0x70000000, K4, 0, pool), MM_OK);
	assert_true(g->ntables > 0 && pool->n[0] > 0);
}

static void goes_on(const struct way *way, struct mm_pt *pt, struct mm_tlb_gather *g)
{
	mm_paddr_t pa;

	assert_int_equal(way->translate(pt, 3 * K4 + 5, &pa), MM_OK);
	assert_true(pa == 0x60000005);
	assert_int_equal(way->map(pt, 4 * K4, 0x60001000, K4, RW, 0, g), MM_OK);
	assert_int_equal(way->unmap(pt, 3 * K4, K4, 0, g), MM_OK);
	assert_int_equal(way->map(pt, 1024 * M2, 0x70000000, K4, RW, 0, g), MM_OK);
	assert_int_equal(way->unmap(pt, M2 - 2 * K4, 4 * K4, MM_PT_EXACT, g), MM_OK);
	assert_int_equal(way->translate(pt, 1024 * M2, &pa), MM_OK);
	assert_true(pa == 0x70000000);
}

static void a_tree_goes_on_where_the_kernel_moved(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WAYS; i++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_pool pool = { .n = { 0 } };
		struct mm_pt pt;

		begin();
		make(&ways[i], &pt, &g, &pool);
		const unsigned tables = memory.n;
		move();
		assert_int_equal(mm_pt_moved(&pt, ways[i].port(), &after), MM_OK);
		g.pool = &pool;
		goes_on(&ways[i], &pt, &g);
		assert_true(memory.n <= tables && pool.n[0] == 0); /* those that were set aside did */
		mm_pt_sync(&pt, &g);
		assert_true(memory.n < tables);
		mm_pt_unreserve(&pt, &pool);
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		assert_int_equal(mm_pt_destroy(&pt), MM_OK);
		end();
	}
}

static void nonsense_is_refused(void **state)
{
	struct mm_pt pt = { .port = NULL };
	struct mm_pt_env none = after;

	(void)state;
	none.to_virt = NULL;
	assert_int_equal(mm_pt_moved(NULL, mm_pt_x86_64_port(), &after), MM_E_INVAL);
	assert_int_equal(mm_pt_moved(&pt, NULL, &after), MM_E_INVAL);
	assert_int_equal(mm_pt_moved(&pt, mm_pt_x86_64_port(), NULL), MM_E_INVAL);
	assert_int_equal(mm_pt_moved(&pt, mm_pt_x86_64_port(), &after), MM_E_STATE);
	begin();
	assert_int_equal(mm_pt_init(&pt, mm_pt_x86_64_port(), &before, NULL), MM_OK);
	assert_int_equal(mm_pt_moved(&pt, mm_pt_x86_64_port(), &none), MM_E_PORT);
	assert_true(pt.env == &before);
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	end();
}

/* Does who is not told use what it kept? In a process of its own. */
static void who_is_not_told_uses_what_was_kept(void **state)
{
	int status = 0;

	(void)state;
	begin();
	const pid_t child = fork();
	if (child == 0) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_pool pool = { .n = { 0 } };
		struct mm_pt pt;
		mm_paddr_t pa;

		signal(SIGSEGV, SIG_DFL);
		make(&ways[0], &pt, &g, &pool);
		move();
		pt.env = &after;
		(void)ways[0].map(&pt, 4 * K4, 0x60001000, K4, RW, 0, &g);
		_exit(ways[0].translate(&pt, 4 * K4, &pa) == MM_OK ? 0 : 1);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
#ifdef MM_PT_TO_VIRT
	assert_true(WIFSIGNALED(status)); /* a pointer, where that is a formula */
#else
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_goes_on_where_the_kernel_moved),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(who_is_not_told_uses_what_was_kept),
	};
	return cmocka_run_group_tests_name("pt_moved", tests, NULL, NULL);
}
