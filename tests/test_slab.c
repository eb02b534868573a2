/* SPDX-License-Identifier: MIT */
/* Kernel heap: caches and kmalloc. Objects do not overlap and are aligned, every wrong free is
 * answered, failures change nothing, and after everything is freed and shrunk the page layer is as
 * it was at first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/early.h>
#include <mmlib/kmalloc.h>
#include "hook.h"
#include "pmm_state.h"

#define RAM_FRAMES 4096u
#define NCPUS      2u
#define MAX_LIVE   6000u
#define LARGE      ((size_t)MM_FRAME_SIZE * 4 - 2000) /* a block of order 2 */

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_heap heap;
static unsigned locks;
static uint64_t before_heap;

static uintptr_t lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	if (sim_step)
		sim_step();
	assert_int_equal(*word, 0); /* nothing is taken twice */
	*word = 1;
	locks++;
	return 0;
}

static void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	(void)irq;
	assert_int_equal(*word, 1);
	*word = 0;
	locks--;
	if (sim_step)
		sim_step();
}

static void start_pmm(void)
{
	static struct mm_mem entries[16];
	static const struct mm_zone_cfg one = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = &one, .nzones = 1, .ncpus = NCPUS };

	sim_init(&sim, 0x100000, RAM_FRAMES << MM_FRAME_SHIFT);
	sim_add_cpus(&sim, true);
	sim.port.lock = lock;
	sim.port.unlock = unlock;
	cfg.reach = sim.base + sim.bytes - 1;
	assert_int_equal(mm_memmap_init(&map, entries, 16), MM_OK);
	assert_int_equal(mm_memmap_add(&map, sim.base, sim.bytes, MM_MEM_USABLE, NULL), MM_OK);
	assert_int_equal(mm_pmm_init(&pmm, &sim.port, &map, &cfg), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 1), MM_OK);
	before_heap = pmm_state_hash(&pmm);
}

static int start(void **state)
{
	(void)state;
	start_pmm();
	memset(&heap, 0xA5, sizeof(heap));
	assert_int_equal(mm_heap_init(&heap, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_heap_cpu_online(&heap, 1), MM_OK);
	return 0;
}

static void verify_all(void)
{
	uint32_t it = 0;

	for (struct mm_cache *c; (c = mm_cache_next(&heap, &it));)
		assert_int_equal(mm_cache_verify(c), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

/* Everything is freed: after destroy the page layer has its first state. */
static int stop(void **state)
{
	(void)state;
	verify_all();
	if (heap.pmm)
		assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == before_heap);
	sim_destroy(&sim);
	return 0;
}

static struct mm_cache *make_cache(size_t size, size_t align)
{
	struct mm_cache_cfg cfg = { "test", size, align };
	struct mm_cache *cache = NULL;

	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_OK);
	return cache;
}

static struct mm_cache_stats stats(struct mm_cache *cache)
{
	struct mm_cache_stats s;

	assert_int_equal(mm_cache_stats(cache, &s), MM_OK);
	assert_true(s.used + s.cached <= s.objects);
	return s;
}

static void fill(void *p, size_t n, unsigned tag)
{
	memset(p, (int)(tag * 37 + 1) & 0xff, n);
}

static void check(const void *p, size_t n, unsigned tag)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(b[i], (tag * 37 + 1) & 0xff);
}

static void objects_of_every_size_keep_their_contents(void **state)
{
	(void)state;
	static void *p[MAX_LIVE];
	unsigned n = 0;

	for (size_t s = 1; s <= 20000; s += s < 600 ? 1 : 97) {
		p[n] = mm_kmalloc(&heap, s, 0);
		assert_non_null(p[n]);
		assert_int_equal((uintptr_t)p[n] % 16, 0);
		assert_true(mm_ksize(&heap, p[n]) >= s);
		assert_true(s < 16 || mm_ksize(&heap, p[n]) <= s + s / 7 + 16 || s > 8192);
		fill(p[n], mm_ksize(&heap, p[n]), n);
		n++;
	}
	verify_all();
	for (unsigned i = 0; i < n; i++) {
		check(p[i], mm_ksize(&heap, p[i]), i);
		assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
	}
}

static void powers_of_two_are_aligned_to_themselves(void **state)
{
	(void)state;
	for (size_t s = 16; s <= 65536; s *= 2) {
		void *p[20];

		for (unsigned i = 0; i < 20; i++) {
			p[i] = mm_kmalloc(&heap, s, 0);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % s, (uintptr_t)sim.host % s);
		}
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
	}
}

static void an_alignment_of_its_own_is_kept(void **state)
{
	(void)state;
	void *p = NULL;

	for (size_t align = 1; align <= 4096; align *= 2)
		for (size_t s = 1; s < 3000; s += 411) {
			assert_int_equal(mm_kmalloc_aligned_st(&heap, s, align, 0, &p), MM_OK);
			assert_int_equal((uintptr_t)p % align, 0);
			assert_int_equal(mm_kfree(&heap, p), MM_OK);
		}
	p = &p;
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, 3, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 0, 64, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, 8, SIZE_MAX / 2 + 1, 0, &p), MM_E_NOMEM);
	assert_int_equal(mm_kmalloc_aligned_st(&heap, SIZE_MAX - 3, 64, 0, &p), MM_E_OVERFLOW);
	assert_ptr_equal(p, &p);
}

static void wrong_sizes_have_their_errors(void **state)
{
	(void)state;
	void *p = &p;

	assert_int_equal(mm_kmalloc_st(&heap, 0, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, MM_ALLOC_TABLE, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, 1u << 20, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(NULL, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_st(&heap, 8, 0, NULL), MM_E_INVAL);
	for (size_t k = 0; k < 4095; k += 13)
		assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX - k, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_st(&heap, SIZE_MAX / 2, 0, &p), MM_E_NOMEM);
	assert_int_equal(mm_kmalloc_array_st(&heap, SIZE_MAX / 2, 3, 0, &p), MM_E_OVERFLOW);
	assert_int_equal(mm_kmalloc_array_st(&heap, 0, 3, 0, &p), MM_E_INVAL);
	assert_ptr_equal(p, &p);
	assert_int_equal(mm_kmalloc_array_st(&heap, 5, 7, MM_ALLOC_ZERO, &p), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

static void zero_means_zero(void **state)
{
	(void)state;
	for (size_t s = 8; s < 40000; s = s * 3 + 1) {
		unsigned char *p = mm_kmalloc(&heap, s, 0);

		assert_non_null(p);
		memset(p, 0xff, mm_ksize(&heap, p));
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
		p = mm_kmalloc(&heap, s, MM_ALLOC_ZERO);
		assert_non_null(p);
		for (size_t i = 0; i < s; i++)
			assert_int_equal(p[i], 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
}

#if MM_CHECKS >= 1
static void every_wrong_free_is_answered_and_changes_nothing(void **state)
{
	(void)state;
	struct mm_cache *a = make_cache(48, 0), *b = make_cache(48, 0);
	unsigned char *small = mm_kmalloc(&heap, 100, 0), *large = mm_kmalloc(&heap, LARGE, 0);
	unsigned char *object = mm_cache_alloc(a, 0), *was = mm_kmalloc(&heap, 100, 0);
	unsigned char *was_large = mm_kmalloc(&heap, LARGE, 0);
	mm_paddr_t page, table;
	int outside;

	assert_int_equal(mm_page_alloc(&pmm, 1, 0, &page), MM_OK);
	assert_int_equal(mm_page_alloc(&pmm, 0, MM_ALLOC_TABLE, &table), MM_OK);
	assert_int_equal(mm_kfree(&heap, was), MM_OK);
	assert_int_equal(mm_kfree(&heap, was_large), MM_OK);

	assert_int_equal(mm_kfree(&heap, NULL), MM_OK);
	assert_int_equal(mm_kfree(NULL, small), MM_E_INVAL);
	assert_int_equal(mm_kfree(&heap, was), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, was_large), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_kfree(&heap, sim.host + sim.bytes), MM_E_FOREIGN);
	assert_int_equal(mm_kfree(&heap, small + 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, small + 16), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, large + 8), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, large + MM_FRAME_SIZE), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, page)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, page + MM_FRAME_SIZE)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, sim_to_virt(&sim, table)), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, pmm.ranges), MM_E_OWNER);
	assert_int_equal(mm_page_free(&pmm, heap.cpus_pa, heap.cpus_order), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, NULL), MM_OK);
	assert_int_equal(mm_cache_free(NULL, object), MM_E_INVAL);
	assert_int_equal(mm_cache_free(b, object), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, small), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, large), MM_E_OWNER);
	assert_int_equal(mm_cache_free(a, object + 8), MM_E_ALIGN);
	assert_int_equal(mm_cache_free(a, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_page_free(&pmm, sim.base + (mm_paddr_t)(small - sim.host), 0),
			 (small - sim.host) % (ptrdiff_t)MM_FRAME_SIZE ? MM_E_ALIGN : MM_E_OWNER);
	assert_int_equal(mm_page_free(&pmm, sim.base + (mm_paddr_t)(large - sim.host), 2),
			 MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, was), 0);
	assert_int_equal(mm_ksize(&heap, small + 1), 0);
	assert_int_equal(mm_ksize(&heap, &outside), 0);
	assert_int_equal(mm_ksize(&heap, NULL), 0);

	verify_all();
	assert_int_equal(mm_kfree(&heap, small), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(mm_kfree(&heap, object), MM_OK); /* kfree knows every cache */
	assert_int_equal(mm_page_free(&pmm, page, 1), MM_OK);
	assert_int_equal(mm_page_free_table(&pmm, table), MM_OK);
	assert_int_equal(mm_cache_destroy(a), MM_OK);
	assert_int_equal(mm_cache_destroy(b), MM_OK);
}

static void another_heap_s_objects_are_not_taken(void **state)
{
	(void)state;
	struct mm_heap other = { 0 };
	struct mm_cache_cfg cfg = { "theirs", 64, 0 };
	struct mm_cache *theirs, *ours = make_cache(64, 0);
	void *p, *q, *out = NULL;

	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_cache_create(&other, &cfg, &theirs), MM_OK);
	assert_non_null(p = mm_kmalloc(&other, 100, 0));
	assert_non_null(q = mm_cache_alloc(theirs, 0));
	assert_int_equal(mm_kfree(&heap, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, q), MM_E_OWNER);
	assert_int_equal(mm_cache_free(ours, q), MM_E_OWNER);
	assert_int_equal(mm_krealloc_st(&heap, p, 50, 0, &out), MM_E_OWNER);
	assert_int_equal(mm_ksize(&heap, p), 0);
	assert_null(out);
	assert_int_equal(mm_kfree(&other, p), MM_OK);
	assert_int_equal(mm_kfree(&other, q), MM_OK);
	assert_int_equal(mm_cache_destroy(ours), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static void what_a_slab_does_not_use_is_no_object(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(96, 0); /* does not divide any slab */
	unsigned char *p = mm_cache_alloc(cache, 0), *end;
	size_t bytes = (size_t)MM_FRAME_SIZE << cache->order;

	assert_non_null(p);
	end = sim.host + ((size_t)(p - sim.host) / bytes + 1) * bytes;
	assert_int_equal(mm_cache_free(cache, end - bytes % 96), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, end - 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, p + 95), MM_E_ALIGN);
	assert_int_equal(mm_kfree(&heap, cache->meta), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, cache->meta + 8), MM_E_OWNER);
	assert_int_equal(
		mm_page_free(&pmm, sim.base + (mm_paddr_t)(end - bytes - sim.host), cache->order),
		MM_E_OWNER);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_alloc_st(cache, 0, (void **)&p), MM_E_STATE);
	assert_int_equal(mm_cache_free(cache, p), MM_E_STATE);
	assert_int_equal(mm_cache_destroy(cache), MM_E_STATE);
}

static void a_double_free_is_seen_after_many_others(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p[500];

	for (unsigned i = 0; i < 500; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	for (unsigned i = 0; i < 500; i++) /* the pages are gone */
		assert_int_equal(mm_cache_free(cache, p[i]), MM_E_DOUBLE_FREE);
	assert_int_equal(stats(cache).slabs, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

static void caches_refuse_bad_configurations(void **state)
{
	(void)state;
	struct mm_cache *cache = NULL;
	struct mm_cache_cfg cfg = { "x", 64, 0 };
	struct mm_heap none = { 0 };
	void *p;

	assert_int_equal(mm_cache_create(NULL, &cfg, &cache), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&heap, NULL, &cache), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&heap, &cfg, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_create(&none, &cfg, &cache), MM_E_STATE);
	cfg.size = 0;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = 32769;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = SIZE_MAX;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.size = 64;
	cfg.align = 3;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	cfg.align = (size_t)MM_FRAME_SIZE * 2;
	assert_int_equal(mm_cache_create(&heap, &cfg, &cache), MM_E_INVAL);
	assert_null(cache);
	assert_int_equal(mm_cache_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_destroy(&heap.caches[0]), MM_E_INVAL);
	assert_int_equal(mm_cache_destroy(&heap.caches[100]), MM_E_STATE);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[100], 0, &p), MM_E_STATE);
	assert_int_equal(mm_cache_free(&heap.caches[100], &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_st(&none, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kfree(&none, &p), MM_E_STATE);
	assert_int_equal(mm_krealloc_st(&none, NULL, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_krealloc_st(&heap, NULL, 8, 1u << 30, &p), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(&heap, NULL, 8, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(NULL, NULL, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_aligned_st(&none, 8, 64, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_array_st(&none, 1, 8, 0, &p), MM_E_STATE);
	assert_int_equal(mm_kmalloc_array_st(NULL, SIZE_MAX, 8, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_ksize(&none, &p), 0);
	assert_int_equal(mm_ksize(NULL, &p), 0);
	assert_int_equal(mm_heap_drain(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_drain(&none), MM_E_STATE);
	assert_int_equal(mm_heap_shrink(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_shrink(&none), MM_E_STATE);
	assert_int_equal(mm_heap_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_destroy(&none), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_online(&none, 0), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_offline(&none, 0), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_offline(NULL, 0), MM_E_INVAL);
	mm_heap_cpu_idle(&none);
	assert_int_equal(mm_cache_stats(NULL, &(struct mm_cache_stats){ 0 }), MM_E_INVAL);
	assert_int_equal(mm_cache_stats(&heap.caches[0], NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_stats(&heap.caches[100], &(struct mm_cache_stats){ 0 }),
			 MM_E_STATE);
	assert_int_equal(mm_cache_alloc_st(NULL, 0, &p), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], MM_ALLOC_TABLE, &p), MM_E_INVAL);
	assert_int_equal(mm_cache_alloc_st(&heap.caches[0], MM_ALLOC_ZONE(0), &p), MM_E_INVAL);
	assert_int_equal(mm_heap_init(NULL, &pmm, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, &pmm, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_init(&none, &(struct mm_pmm){ 0 }, 1), MM_E_STATE);
	assert_int_equal(mm_heap_init(&none, &pmm, UINT32_MAX), MM_E_NOMEM);
	assert_null(none.pmm);
}

static void there_is_room_for_all_caches_and_no_more(void **state)
{
	(void)state;
	struct mm_cache *cache[MM_CACHES_MAX], *extra = NULL;
	struct mm_cache_cfg cfg = { "x", 100, 32 };
	unsigned n = 0;
	void *p;

	while (mm_cache_create(&heap, &cfg, &cache[n]) == MM_OK)
		n++;
	assert_int_equal(n, MM_CACHES_MAX - MM_KMALLOC_CLASSES);
	assert_int_equal(mm_cache_create(&heap, &cfg, &extra), MM_E_NOSPC);
	assert_non_null(p = mm_cache_alloc(cache[n - 1], 0));
	assert_int_equal((uintptr_t)p % 32, 0);
	assert_int_equal(mm_cache_destroy(cache[n - 1]), MM_E_BUSY);
	assert_int_equal(mm_cache_free(cache[n - 1], p), MM_OK);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(mm_cache_destroy(cache[i]), MM_OK);
	assert_int_equal(mm_cache_create(&heap, &cfg, &extra), MM_OK);
	assert_int_equal(mm_cache_destroy(extra), MM_OK);
}

static void caches_of_every_size_and_alignment_work(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 32768; size += size < 100 ? 7 : 1231)
		for (size_t align = 0; align <= 4096; align = align ? align * 16 : 1) {
			struct mm_cache *cache = make_cache(size, align);
			unsigned char *p[40];

			for (unsigned i = 0; i < 40; i++) {
				assert_non_null(p[i] = mm_cache_alloc(cache, 0));
				assert_int_equal((uintptr_t)p[i] % (align ? align : sizeof(void *)),
						 0);
				fill(p[i], size, i);
			}
			assert_int_equal(stats(cache).used, 40);
			for (unsigned i = 0; i < 40; i++) {
				check(p[i], size, i);
				assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
			}
			assert_int_equal(stats(cache).used, 0);
			assert_int_equal(mm_cache_destroy(cache), MM_OK);
		}
}

static void objects_wander_between_cpus(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);
	static void *p[3000];

	for (unsigned round = 0; round < 4; round++) {
		sim_cpu = round & 1;
		for (unsigned i = 0; i < 3000; i++) {
			assert_non_null(p[i] = mm_cache_alloc(cache, 0));
			fill(p[i], 128, i);
		}
		assert_int_equal(stats(cache).used, 3000);
		sim_cpu ^= 1;
		for (unsigned i = 0; i < 3000; i++) {
			check(p[i], 128, i);
			assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
		}
		assert_int_equal(stats(cache).used, 0);
		verify_all();
	}
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void without_run_on_other_cpus_are_asked(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(128, 0);
	void *p;

	sim.port.run_on = NULL;
	sim_cpu = 1;
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_E_AGAIN);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	sim_cpu = 1;
	mm_pmm_cpu_idle(&pmm);
	assert_int_equal(mm_pmm_drain(&pmm), MM_E_AGAIN); /* CPU 0 has some */
	sim.port.run_on = sim_run_on;
}

/* CPU 1 has an empty magazine at hand, and nothing is allocated. */
static void a_cache_is_not_destroyed_under_a_magazine_of_another_cpu(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(16384, 0); /* four objects in a magazine */
	void *p[4];

	sim.port.run_on = NULL;
	sim_cpu = 1;
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	sim_cpu = 0;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_E_AGAIN);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	sim.port.run_on = sim_run_on; /* stop() finds whether the magazine was lost */
}

static void an_unplugged_cpu_leaves_nothing_behind(void **state)
{
	(void)state;
	void *p;

	sim_cpu = 1;
	assert_non_null(p = mm_kmalloc(&heap, 64, 0));
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_offline(&heap, 1), MM_OK);
	assert_int_equal(stats(&heap.caches[3]).cached, 0);
	sim_cpu = 1; /* it may still call */
	assert_non_null(p = mm_kmalloc(&heap, 64, 0));
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(stats(&heap.caches[3]).cached, 0);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_online(&heap, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_offline(&heap, NCPUS), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_online(NULL, 0), MM_E_INVAL);
	mm_heap_cpu_idle(NULL);
}

static void realloc_keeps_what_was_there(void **state)
{
	(void)state;
	unsigned char *p = mm_krealloc(&heap, NULL, 10, 0), *q;
	void *out = &out;

	assert_non_null(p);
	for (unsigned i = 0; i < 10; i++)
		p[i] = (unsigned char)i;
	for (size_t s = 11; s < 100000; s = s * 2 + 3) {
		assert_non_null(q = mm_krealloc(&heap, p, s, 0));
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(q[i], i);
		p = q;
	}
	for (size_t s = 90000; s >= 10; s = s * 2 / 3) {
		assert_non_null(q = mm_krealloc(&heap, p, s, 0));
		for (unsigned i = 0; i < 10; i++)
			assert_int_equal(q[i], i);
		p = q;
	}
	assert_true(mm_ksize(&heap, p) <= 64);
	assert_int_equal(mm_krealloc_st(&heap, p, 0, 0, &out), MM_E_INVAL);
	assert_int_equal(mm_krealloc_st(&heap, p, SIZE_MAX - 5, 0, &out), MM_E_OVERFLOW);
	assert_int_equal(mm_krealloc_st(&heap, p, SIZE_MAX / 4, 0, &out), MM_E_NOMEM);
	assert_int_equal(mm_krealloc_st(&heap, p + 1, 5, 0, &out), MM_E_ALIGN);
	assert_ptr_equal(out, &out);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
#if MM_CHECKS >= 1
	assert_int_equal(mm_krealloc_st(&heap, p, 5, 0, &out), MM_E_DOUBLE_FREE);
#endif
}

static void what_realloc_adds_is_zero_if_asked(void **state)
{
	(void)state;
	for (size_t from = 1; from < 9000; from = from * 5 / 2 + 1)
		for (size_t to = from; to < 20000; to = to * 2 + 1) {
			unsigned char *p = mm_kmalloc(&heap, from, MM_ALLOC_ZERO);

			assert_non_null(p);
			memset(p, 0x11, from);
			assert_non_null(p = mm_krealloc(&heap, p, to, MM_ALLOC_ZERO));
			for (size_t i = 0; i < to; i++)
				assert_int_equal(p[i], i < from ? 0x11 : 0);
			assert_int_equal(mm_kfree(&heap, p), MM_OK);
		}
}

/* Whatever way the size went, as long as each step asked for zeros. */
static void what_realloc_adds_is_zero_after_a_shrink_too(void **state)
{
	(void)state;
	static const size_t sizes[][3] = { { 64, 10, 50 },       { 60, 50, 64 },
					   { 4000, 2500, 4096 }, { 4000, 2500, 9000 },
					   { 4000, 100, 3000 },  { 40, 3, 500 } };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		unsigned char *p = mm_kmalloc(&heap, sizes[s][0], MM_ALLOC_ZERO);

		assert_non_null(p);
		memset(p, 0x11, sizes[s][0]);
		assert_non_null(p = mm_krealloc(&heap, p, sizes[s][1], MM_ALLOC_ZERO));
		assert_non_null(p = mm_krealloc(&heap, p, sizes[s][2], MM_ALLOC_ZERO));
		for (size_t i = 0; i < sizes[s][2]; i++)
			assert_int_equal(p[i], i < sizes[s][1] ? 0x11 : 0);
		assert_int_equal(mm_kfree(&heap, p), MM_OK);
	}
}

static void a_shrink_never_fails(void **state)
{
	(void)state;
	void **list = NULL, *p, *big = mm_kmalloc(&heap, 8000, 0), *out = NULL;

	assert_non_null(big);
	while (mm_kmalloc_st(&heap, 256, 0, &p) == MM_OK) {
		*(void **)p = list;
		list = p;
	}
	memset(big, 0x11, 8000);
	assert_int_equal(mm_krealloc_st(&heap, big, 200, 0, &out), MM_OK);
	assert_ptr_equal(out, big);
	assert_int_equal(mm_kfree(&heap, out), MM_OK);
	while (list) {
		void **next = *list;

		assert_int_equal(mm_kfree(&heap, list), MM_OK);
		list = next;
	}
}

static void exhaustion_is_an_error_and_everything_comes_back(void **state)
{
	(void)state;
	void **list = NULL, *p;
	mm_paddr_t pa;
	size_t n = 0;

	sim_cpu = 1; /* has frames at hand, which are called for in the end */
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 0), MM_OK);
	sim_cpu = 0;
	while (mm_kmalloc_st(&heap, 1000, 0, &p) == MM_OK) {
		*(void **)p = list;
		list = p;
		n++;
	}
	assert_int_equal(mm_kmalloc_st(&heap, 1000, 0, &p), MM_E_NOMEM);
	assert_true(n > RAM_FRAMES * 3);
	verify_all();
	while (list) {
		void **next = *list;

		assert_int_equal(mm_kfree(&heap, list), MM_OK);
		list = next;
	}
}

static void destroy_refuses_while_something_lives(void **state)
{
	(void)state;
	void *p = mm_kmalloc(&heap, 100, 0);

	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	p = mm_kmalloc(&heap, 100000, 0);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
}

static void verify_finds_damage(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0);

	assert_int_equal(mm_cache_verify(cache), MM_OK);
	cache->home++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->home--;
	cache->nempty++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->nempty--;
	cache->nfull++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->nfull--;
	assert_int_equal(mm_cache_verify(NULL), MM_E_INVAL);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_verify(cache), MM_E_STATE);
}

#if MM_HOOKS
/* Fail the nth internal allocation of one call, for each n, once and from then on. */
static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	static const size_t sizes[] = { 16, 1000, 8000, 30000 };

	for (unsigned s = 0; s < 4; s++)
		for (int sticky = 0; sticky < 2; sticky++)
			for (unsigned nth = 1;; nth++) {
				void *p = &p;
				enum mm_status st;
				bool failed;

				assert_int_equal(mm_heap_shrink(&heap), MM_OK);
				sim_fail_at(nth, sticky);
				st = mm_kmalloc_st(&heap, sizes[s], 0, &p);
				failed = sim_fail_calls() >= nth;
				sim_fail_at(0, false);
				if (st != MM_OK) { /* without a magazine it may go on without one */
					assert_int_equal(st, MM_E_NOMEM);
					assert_ptr_equal(p, &p);
					verify_all();
					assert_int_equal(mm_kmalloc_st(&heap, sizes[s], 0, &p),
							 MM_OK);
				}
				assert_int_equal(mm_kfree(&heap, p), MM_OK);
				if (!failed)
					break;
			}
}

static void init_undoes_a_failed_allocation(void **state)
{
	(void)state;
	struct mm_heap other = { 0 };
	uint64_t hash;

	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	hash = pmm_state_hash(&pmm);
	sim_fail_at(1, true);
	assert_int_equal(mm_heap_init(&other, &pmm, 2), MM_E_NOMEM);
	sim_fail_at(0, false);
	assert_null(other.pmm);
	assert_true(pmm_state_hash(&pmm) == hash);
	assert_int_equal(mm_heap_init(&other, &pmm, 2), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static unsigned steps, hit_at;
static void *irq_object;
static bool in_irq;

static void irq(void)
{
	if (in_irq || locks || ++steps != hit_at)
		return; /* locks keep interrupts off */
	in_irq = true;
	if (irq_object) {
		check(irq_object, 64, 9);
		assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
	}
	irq_object = mm_kmalloc(&heap, 64, MM_ALLOC_ATOMIC);
	assert_non_null(irq_object);
	fill(irq_object, 64, 9);
	in_irq = false;
}

static void interrupts_at_every_step_lose_nothing(void **state)
{
	(void)state;
	bool hit = true;

	irq_object = NULL;
	for (hit_at = 1; hit; hit_at++) {
		void *p[70];

		steps = 0;
		sim_step = irq;
		for (unsigned i = 0; i < 70; i++)
			assert_non_null(p[i] = mm_kmalloc(&heap, 64, 0));
		for (unsigned i = 0; i < 70; i++)
			assert_int_equal(mm_kfree(&heap, p[i]), MM_OK);
		sim_step = NULL;
		hit = steps >= hit_at;
		if (hit_at % 64 == 0)
			verify_all();
	}
	assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
}
#endif

#if MM_HOOKS
/* What changes more than magazines: a cache comes and goes, memory changes class and becomes pages. */
static void make_and_move(void)
{
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0), *q = mm_kmalloc(&heap, 40, 0);

	assert_non_null(p);
	assert_non_null(q);
	for (size_t s = 60; s < 40000; s *= 9)
		assert_non_null(q = mm_krealloc(&heap, q, s, 0));
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
}

static void interrupts_while_caches_come_and_go_lose_nothing(void **state)
{
	(void)state;
	bool hit = true;

	irq_object = NULL;
	for (hit_at = 1; hit; hit_at++) {
		steps = 0;
		sim_step = irq;
		make_and_move();
		sim_step = NULL;
		hit = steps >= hit_at;
		if (hit_at % 256 == 0)
			verify_all();
	}
	assert_true(hit_at > 500);
	verify_all();
	assert_int_equal(mm_kfree(&heap, irq_object), MM_OK);
}

static struct mm_cache *doomed;
static enum mm_status doom;

/* At the hit_at-th step of CPU 1, CPU 0 destroys the cache that CPU 1 is bringing home. */
static void destroy_elsewhere(void)
{
	uint32_t was = sim_cpu;

	if (in_irq || locks || ++steps != hit_at)
		return; /* where CPU 0 would wait for a lock, it does */
	in_irq = true;
	sim_cpu = 0;
	doom = mm_cache_destroy(doomed);
	sim_cpu = was;
	in_irq = false;
}

static void a_cache_is_not_destroyed_while_it_comes_home(void **state)
{
	(void)state;
	bool hit = true;
	void *p;

	sim.port.run_on = NULL;
	for (hit_at = 1; hit; hit_at++) {
		doomed = make_cache(2048, 0);
		sim_cpu = 1;
		assert_non_null(p = mm_cache_alloc(doomed, 0));
		assert_int_equal(mm_cache_free(doomed, p), MM_OK);
		sim_cpu = 0;
		assert_int_equal(mm_cache_destroy(doomed), MM_E_AGAIN); /* CPU 1 is asked */
		sim_cpu = 1;
		doom = MM_E_AGAIN;
		steps = 0;
		sim_step = destroy_elsewhere;
		mm_heap_cpu_idle(&heap);
		sim_step = NULL;
		hit = steps >= hit_at;
		sim_cpu = 0;
		assert_true(doom == MM_OK || doom == MM_E_AGAIN);
		if (doom == MM_E_AGAIN)
			assert_int_equal(mm_cache_destroy(doomed), MM_OK);
	}
	assert_true(hit_at > 5);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	mm_pmm_cpu_idle(&pmm);
	sim_cpu = 0;
	sim.port.run_on = sim_run_on;
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(objects_of_every_size_keep_their_contents),
		TEST(powers_of_two_are_aligned_to_themselves),
		TEST(an_alignment_of_its_own_is_kept),
		TEST(wrong_sizes_have_their_errors),
		TEST(zero_means_zero),
#if MM_CHECKS >= 1
		TEST(every_wrong_free_is_answered_and_changes_nothing),
		TEST(another_heap_s_objects_are_not_taken),
		TEST(what_a_slab_does_not_use_is_no_object),
		TEST(a_double_free_is_seen_after_many_others),
#endif
		TEST(caches_refuse_bad_configurations),
		TEST(there_is_room_for_all_caches_and_no_more),
		TEST(caches_of_every_size_and_alignment_work),
		TEST(objects_wander_between_cpus),
		TEST(without_run_on_other_cpus_are_asked),
		TEST(a_cache_is_not_destroyed_under_a_magazine_of_another_cpu),
		TEST(an_unplugged_cpu_leaves_nothing_behind),
		TEST(realloc_keeps_what_was_there),
		TEST(what_realloc_adds_is_zero_if_asked),
		TEST(what_realloc_adds_is_zero_after_a_shrink_too),
		TEST(a_shrink_never_fails),
		TEST(exhaustion_is_an_error_and_everything_comes_back),
		TEST(destroy_refuses_while_something_lives),
		TEST(verify_finds_damage),
#if MM_HOOKS
		TEST(a_failed_allocation_changes_nothing),
		TEST(init_undoes_a_failed_allocation),
		TEST(interrupts_at_every_step_lose_nothing),
		TEST(a_cache_is_not_destroyed_while_it_comes_home),
		TEST(interrupts_while_caches_come_and_go_lose_nothing),
#endif
	};
	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
