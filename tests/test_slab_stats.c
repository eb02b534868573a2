/* SPDX-License-Identifier: MIT */
/* Counts of a whole heap, by hand, and that a check of a whole heap finds each kind of damage. */
#include <mmlib/deferred.h>
#include <mmlib/guard.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include "slab_box.h"
#include "slab/guard.h"
#include "slab/owner.h"

#define FRAME ((size_t)MM_FRAME_SIZE)
/* Counts to the object are worked out for objects that have nothing behind them. */
#define PLAIN (MM_HARDEN == 0 && MM_FRAME_SHIFT == 12 && UINTPTR_MAX > 0xffffffffu)

static size_t free_frames(void)
{
	struct mm_pmm_stats s;

	assert_int_equal(mm_pmm_stats(&pmm, -1, &s), MM_OK);
	return (size_t)s.free;
}

/* Counts that agree with each other, and with what the page layer has less than at first. */
static struct mm_heap_stats counts(size_t at_first)
{
	const struct mm_heap_stats s = heap_stats();
	struct mm_heap_cpu_stats cpu;
	size_t at_hand = 0;

	for (uint32_t i = 0; i < NCPUS; i++) {
		assert_int_equal(mm_heap_cpu_stats(&heap, i, &cpu), MM_OK);
		at_hand += cpu.objects;
	}
	assert_int_equal(s.at_hand, at_hand);
	assert_true(s.at_hand <= s.cached && s.quarantined <= s.cached && s.guarded <= s.used);
	assert_int_equal(s.frames, s.slab_frames + s.meta_frames + s.large_bytes / FRAME + s.held_frames);
	assert_int_equal(at_first - free_frames(), s.frames + s.shared_frames);
	assert_true(s.used_bytes - s.guarded_bytes + s.cached_bytes + s.home_bytes <= s.slab_frames * FRAME);
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	return s;
}

static void assert_counts(const struct mm_heap_stats *s, size_t used, size_t cached, size_t home)
{
	assert_int_equal(s->used, used);
	assert_int_equal(s->cached, cached);
	assert_int_equal(s->home, home);
}

/* So many frames are free before there is a heap, which is made anew. */
static size_t anew(void)
{
	size_t n;

	assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	n = free_frames();
	assert_int_equal(mm_heap_init(&heap, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_heap_cpu_online(&heap, 1), MM_OK);
	return n;
}

/* All that a heap does, on both CPUs, and back; then all that is left is given back. */
static void work_and_free_all(struct mm_heap *h, unsigned round)
{
	static void *p[600];
	struct mm_cache_cfg cfg = { .name = "typed", .size = 700, .flags = MM_CHECKS >= 1 ? MM_CACHE_OWNERS : 0 };
	struct mm_cache *cache = NULL;
	struct mm_mempool pool;
	void *places[3], *late = mm_kmalloc(h, 100, 0);
	unsigned n = 0;

	assert_int_equal(mm_cache_create(h, &cfg, &cache), MM_OK);
	assert_int_equal(mm_mempool_init(&pool, cache, places, 3, 0), MM_OK);
	for (; n < 600; n++) {
		sim_cpu = n & 1;
		p[n] = n % 50 == 0 ? mm_kmalloc(h, (5 + n % 37) * FRAME, 0) :
		       n % 7 == 0  ? mm_cache_alloc(cache, 0) :
				     mm_kmalloc(h, n * n * (round + 3) % 3000 + 1, 0);
		assert_non_null(p[n]);
	}
	assert_int_equal(mm_heap_verify(h), MM_OK);
	for (unsigned i = 0; i < n; i++) {
		sim_cpu = i >> 1 & 1;
		assert_int_equal(mm_kfree(h, p[i * 7 % n]), MM_OK);
	}
	sim_cpu = 0;
	assert_int_equal(mm_kfree(h, late), MM_OK);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	if (round & 1)
		assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_heap_shrink(h), MM_OK);
}

/* The page layer's state, with nothing at hand on any CPU. */
static uint64_t hash_of_pages(void)
{
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	return pmm_state_hash(&pmm);
}

static void after_all_is_freed_and_shrunk_pages_are_as_at_first(void **state)
{
	(void)state;
	size_t at_first = anew(), frames;
	const uint64_t first = hash_of_pages();

	for (unsigned round = 0; round < 4; round++) {
		assert_int_equal(round == 2 && MM_CHECKS >= 1 ? mm_heap_note_owners(&heap) : MM_OK, MM_OK);
		work_and_free_all(&heap, round);
		assert_int_equal(mm_heap_trim(&heap, &frames), MM_OK);
		assert_true(frames >= 1);
		assert_int_equal(heap_stats().shared_frames, 1);
		assert_true(hash_of_pages() == first);
		(void)counts(at_first);
	}
	assert_int_equal(mm_heap_trim(&heap, &frames), MM_OK);
	assert_int_equal(frames, 0);
}

/* Tables that something is in, of whichever heap, are there, and what is found by them is. */
static void tables_in_use_stay(void **state)
{
	(void)state;
	static struct mm_heap other;
	unsigned char *p = mm_kmalloc(&heap, 100, 0), *theirs, *large[6];
	size_t frames;

	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	assert_non_null(theirs = mm_kmalloc(&other, 3000, 0));
	for (unsigned i = 0; i < 6; i++) /* each where a table begins, if that is of 512 frames */
		assert_non_null(large[i] = mm_kmalloc(&heap, 300 * FRAME, 0));
	for (unsigned i = 0; i < 6; i += 2)
		assert_int_equal(mm_kfree(&heap, large[i]), MM_OK);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	assert_int_equal(mm_heap_trim(&heap, &frames), MM_OK);
	if (MM_SIDE_FRAMES == 512)
		assert_int_equal(frames, MM_CHECKS >= 1 ? 3 : 0); /* without checks large blocks are in no table */
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	assert_int_equal(mm_heap_verify(&other), MM_OK);
#if MM_CHECKS >= 1
	for (unsigned i = 0; i < 6; i += 2)
		assert_int_equal(mm_kfree(&heap, large[i]), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree(&heap, theirs), MM_E_OWNER);
	assert_int_equal(mm_kfree(&other, large[1]), MM_E_OWNER);
#endif
	for (unsigned i = 1; i < 6; i += 2)
		assert_int_equal(mm_kfree(&heap, large[i]), MM_OK);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_kfree(&other, theirs), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}

static void a_fresh_heap_has_what_its_cpus_need(void **state)
{
	(void)state;
	const struct mm_heap_stats s = counts(anew());

	assert_counts(&s, 0, 0, 0);
	assert_int_equal(s.large + s.large_bytes + s.slabs + s.slab_frames + s.used_bytes, 0);
	assert_int_equal(s.meta_frames, 1); /* two CPUs of at most 2 KiB */
	assert_int_equal(s.shared_frames, 1); /* nine pointers to tables, at most */
}

/* Objects of 64 bytes: 64 in a slab of a frame, 61 in a magazine. */
static void objects_are_counted_where_they_are(void **state)
{
	(void)state;
	size_t at_first = anew();
	struct mm_cache *cache = make_cache(64, 0);
	void *p[200];
	struct mm_heap_cpu_stats cpu;
	struct mm_heap_stats s;

	assert_non_null(p[0] = mm_cache_alloc(cache, 0));
	s = counts(at_first);
	assert_int_equal(s.used, 1);
	assert_int_equal(s.used_bytes, cache->size);
	if (PLAIN) { /* a magazine was filled from a slab */
		assert_counts(&s, 1, 60, 3);
		assert_int_equal(s.used_bytes, 64);
		assert_int_equal(s.cached_bytes, 60 * 64);
		assert_int_equal(s.home_bytes, 3 * 64);
		assert_int_equal(s.slabs, 1);
		assert_int_equal(s.slab_frames, 1);
		assert_int_equal(s.meta_frames, 3);   /* the CPUs', four magazines, descriptors */
		assert_int_equal(s.shared_frames, 2); /* and a table */
	}
	for (unsigned i = 1; i < 200; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	s = counts(at_first);
	assert_int_equal(s.used, 200);
	if (PLAIN) /* four magazines were filled, from as many slabs */
		assert_counts(&s, 200, 4 * 61 - 200, 4 * 3);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	s = counts(at_first);
	assert_int_equal(s.used + s.used_bytes, 0);
	assert_int_equal(mm_heap_cpu_stats(&heap, 1, &cpu), MM_OK);
	assert_int_equal(cpu.objects + cpu.bytes, 0);
	assert_int_equal(mm_heap_cpu_stats(&heap, 0, &cpu), MM_OK);
	if (PLAIN) { /* the CPU has two full magazines, the depot two */
		assert_counts(&s, 0, 4 * 61, 4 * 3);
		assert_int_equal(s.at_hand, 2 * 61);
		assert_int_equal(cpu.objects, 2 * 61);
		assert_int_equal(cpu.bytes, 2 * 61 * 64);
		assert_int_equal(s.quarantined, 0);
	}
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	s = counts(at_first);
	assert_counts(&s, 0, 0, 0);
	assert_int_equal(s.slabs, 0);
	assert_int_equal(s.meta_frames, 1);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What was freed on a CPU, and is not to come back yet. */
static void what_is_in_quarantine_is_counted(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0);

	assert_int_equal(heap_stats().quarantined, 0);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(heap_stats().quarantined, MM_HARDEN & MM_HARDEN_QUARANTINE ? 1 : 0);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	assert_int_equal(heap_stats().quarantined, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Blocks of 4, 16 and 4 frames. */
static void large_blocks_are_counted_by_their_pages(void **state)
{
	(void)state;
	size_t at_first = anew();
	void *a = mm_kmalloc(&heap, LARGE, 0), *b = mm_kmalloc(&heap, 10 * FRAME, 0), *c = mm_kmalloc(&heap, LARGE, 0);
	struct mm_heap_stats s = counts(at_first);

	assert_counts(&s, 0, 0, 0);
	assert_int_equal(s.large, 3);
	assert_int_equal(s.large_bytes, 24 * FRAME);
	assert_int_equal(s.frames, 24 + 1);
	assert_int_equal(mm_kfree(&heap, b), MM_OK);
	s = counts(at_first);
	assert_int_equal(s.large, 2);
	assert_int_equal(s.large_bytes, 8 * FRAME);
	assert_int_equal(mm_kfree(&heap, a), MM_OK);
	assert_int_equal(mm_krealloc_st(&heap, c, 30 * FRAME, 0, &c), MM_OK);
	s = counts(at_first);
	assert_int_equal(s.large, 1);
	assert_int_equal(s.large_bytes, 32 * FRAME);
	assert_int_equal(mm_kfree(&heap, c), MM_OK);
	s = counts(at_first);
	assert_int_equal(s.large + s.large_bytes, 0);
}

#if MM_CHECKS >= 1
/* Another heap's free of it is refused, and changes nothing of either, whoever notes owners. */
static void a_large_block_is_of_the_heap_that_allocated_it(void **state)
{
	(void)state;
	static struct mm_heap other;
	struct mm_heap_stats s;
	void *ours, *theirs;

	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	for (unsigned notes = 0; notes < 2; notes++) {
		assert_int_equal(notes ? mm_heap_note_owners(&other) : MM_OK, MM_OK);
		assert_non_null(ours = mm_kmalloc(&heap, LARGE, 0));
		assert_non_null(theirs = mm_kmalloc(&other, LARGE, 0));
		assert_int_equal(mm_kfree(&other, ours), MM_E_OWNER);
		assert_int_equal(mm_kfree(&heap, theirs), MM_E_OWNER);
		assert_int_equal(mm_heap_stats(&other, &s), MM_OK);
		assert_int_equal(s.large, 1);
		assert_int_equal(heap_stats().large, 1);
		assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
		assert_int_equal(mm_heap_destroy(&other), MM_E_BUSY);
		assert_int_equal(mm_kfree(&heap, ours), MM_OK);
		assert_int_equal(mm_kfree(&other, theirs), MM_OK);
	}
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}
#else
/* Nobody knows whose a large block is: who frees it counts it as his, and both are wrong until as many went the other
 * way. */
static void a_large_block_is_counted_by_the_heap_that_frees_it(void **state)
{
	(void)state;
	static struct mm_heap other;
	struct mm_heap_stats s;
	void *ours = mm_kmalloc(&heap, LARGE, 0), *theirs;

	assert_int_equal(mm_heap_init(&other, &pmm, NCPUS), MM_OK);
	assert_int_equal(mm_kfree(&other, ours), MM_OK);
	assert_int_equal(heap_stats().large, 1);
	assert_int_equal(mm_heap_destroy(&heap), MM_E_BUSY);
	assert_int_equal(mm_heap_destroy(&other), MM_E_BUSY);
	assert_non_null(theirs = mm_kmalloc(&other, LARGE, 0));
	assert_int_equal(mm_kfree(&heap, theirs), MM_OK);
	assert_int_equal(mm_heap_stats(&other, &s), MM_OK);
	assert_int_equal(s.large + heap_stats().large, 0);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}
#endif

static uint64_t epoch_now(void *ctx)
{
	(void)ctx;
	return 1;
}

static bool epoch_passed(void *ctx, uint64_t time)
{
	return time <= *(uint64_t *)ctx;
}

/* What waits is used, and so is what it waits in: a batch of pointers. */
static void what_waits_for_readers_is_counted(void **state)
{
	(void)state;
	uint64_t left = 0;
	const struct mm_epoch_hooks hooks = { epoch_now, epoch_passed, &left };
	struct mm_deferred d = { 0 };

	assert_int_equal(mm_deferred_waiting(NULL), 0);
	assert_int_equal(mm_deferred_waiting(&d), 0);
	assert_int_equal(mm_deferred_init(&d, &heap, &hooks), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, mm_kmalloc(&heap, 100, 0)), MM_OK);
	assert_int_equal(mm_kfree_deferred(&d, mm_kmalloc(&heap, LARGE, 0)), MM_OK);
	assert_int_equal(mm_deferred_waiting(&d), 2);
	assert_int_equal(heap_stats().used, 2);
	assert_int_equal(heap_stats().large, 1);
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	left = 1;
	assert_int_equal(mm_deferred_poll(&d), MM_OK);
	assert_int_equal(mm_deferred_waiting(&d), 0);
	assert_int_equal(heap_stats().used + heap_stats().large, 0);
	assert_int_equal(mm_deferred_destroy(&d, NULL), MM_OK);
}

#if GUARD_POSSIBLE
/* A pool of slots of eight frames; its pages. */
static mm_paddr_t guard(void)
{
	struct mm_guard_cfg cfg = { .bytes = 32 * FRAME, .frames = 8, .kmalloc = true };

	assert_int_equal(mm_page_alloc(&pmm, 5, 0, &cfg.pa), MM_OK);
	cfg.base = sim_to_virt(&sim, cfg.pa);
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_OK);
	return cfg.pa;
}

static void guarded_objects_have_the_bytes_that_were_asked_for(void **state)
{
	(void)state;
	mm_paddr_t pa = guard();
	void *small = mm_kmalloc(&heap, 100, 0), *large = mm_kmalloc(&heap, LARGE, 0);
	struct mm_heap_stats s = heap_stats();

	assert_int_equal(s.used, 2);
	assert_int_equal(s.used_bytes, 100 + LARGE);
	assert_int_equal(s.guarded, 2);
	assert_int_equal(s.guarded_bytes, 100 + LARGE);
	assert_int_equal(s.large + s.slabs, 0);
	assert_int_equal(s.frames, 1); /* the CPUs' */
	heap.guard->nfree++;
	assert_int_equal(mm_heap_verify(&heap), MM_E_CORRUPT);
	heap.guard->nfree--;
	assert_int_equal(mm_heap_verify(&heap), MM_OK);
	assert_int_equal(mm_kfree(&heap, small), MM_OK);
	assert_int_equal(mm_kfree(&heap, large), MM_OK);
	assert_int_equal(heap_stats().used + heap_stats().guarded + heap_stats().guarded_bytes, 0);
	assert_int_equal(mm_guard_end(&heap), MM_OK);
	assert_int_equal(mm_page_free(&pmm, pa, 5), MM_OK);
}
#endif

static void wrong_ones_are_answered(void **state)
{
	(void)state;
	struct mm_heap none = { 0 };
	struct mm_heap_stats s;
	struct mm_heap_cpu_stats cpu;

	assert_int_equal(mm_heap_stats(NULL, &s), MM_E_INVAL);
	assert_int_equal(mm_heap_stats(&heap, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_stats(&none, &s), MM_E_STATE);
	assert_int_equal(mm_heap_cpu_stats(NULL, 0, &cpu), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_stats(&heap, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_stats(&heap, NCPUS, &cpu), MM_E_INVAL);
	assert_int_equal(mm_heap_cpu_stats(&none, 0, &cpu), MM_E_STATE);
	assert_int_equal(mm_heap_verify(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_verify(&none), MM_E_STATE);
}

/* While `word` has another value, the heap is damaged, and that is found. */
#define FOUND(word, value)                                                \
	do {                                                              \
		__typeof__(word) was = (word);                            \
		assert_int_equal(mm_heap_verify(&heap), MM_OK);           \
		(word) = (__typeof__(word))(value);                       \
		assert_int_equal(mm_heap_verify(&heap), MM_E_CORRUPT);    \
		(word) = was;                                             \
		assert_int_equal(mm_heap_verify(&heap), MM_OK);           \
	} while (0)

static void damage_to_magazines_is_found(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0), *other = make_cache(64, 0);
	void *p = mm_cache_alloc(cache, 0), *q = mm_cache_alloc(other, 0);
	struct mm_slot *last = heap.cpus[0].top[cache->id] - 1, *theirs = heap.cpus[0].top[other->id] - 1;

	FOUND(last->p, theirs->p);
	FOUND(last->p, (unsigned char *)last->p + 1);
	FOUND(last->p, NULL);
#if MM_CHECKS >= 1
	FOUND(last->p, p); /* it is used */
	FOUND(last->state, last->state + 1);
	FOUND(*last->state, MM_OBJECT_USED);
#endif
	FOUND(heap.cpus[0].top[cache->id], theirs + 1);
	FOUND(heap.cpus[0].top[MM_CACHES_MAX - 1], theirs + 1);
	FOUND(heap.cpus[1].busy, heap.cpus[1].busy + 1);
	FOUND(heap.nmagazines, heap.nmagazines + 1);
	FOUND(heap.nmagazine_pages, 0);
	FOUND(heap.classes[7], 9);
	if (heap.cpus[0].blank)
		FOUND(heap.cpus[0].blank->p, NULL);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_free(other, q), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_destroy(other), MM_OK);
}

/* Slabs all of whose objects are out are in no list. */
static void damage_to_full_slabs_is_found(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(2048, 0);
	void *p[40];
	struct mm_slab *slab, **entry;
	struct mm_range *r;
	mm_pfn_t pfn;

	for (unsigned i = 0; i < 40; i++)
		assert_non_null(p[i] = mm_cache_alloc(cache, 0));
	assert_int_equal(slab_find(&heap, p[0], &slab), MM_OK);
	r = pmm_find_virt(&pmm, p[0], &pfn);
	entry = slab_entry(r, pfn);
	assert_int_equal(slab->nhome, 0);
	FOUND(*entry, slab_none());
	FOUND(*frame_byte(r, pfn), FRAME_META);
	FOUND(slab->id, slab->id + 1);
	FOUND(slab->base, NULL);
	FOUND(slab_homes(cache, slab)[0], 1);
	FOUND(cache->nspare, cache->nspare + 1);
	FOUND(cache->spare, NULL);
	FOUND(cache->meta, NULL);
#if MM_CHECKS >= 1
	FOUND(slab->states[0], 0xA5);
	FOUND(cache->spare->states[0], MM_OBJECT_USED);
#endif
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(mm_cache_free(cache, p[i]), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_HARDEN
static void what_is_written_where_it_must_not_is_found(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(500, 0);
	unsigned char *p = mm_cache_alloc(cache, 0), *q = mm_cache_alloc(cache, 0);

	assert_int_equal(mm_cache_free(cache, q), MM_OK);
	if (MM_HARDEN & MM_HARDEN_CANARY)
		FOUND(p[500], p[500] ^ 1);
	if (MM_HARDEN & MM_HARDEN_ZERO)
		FOUND(q[300], 1);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	if (MM_HARDEN & MM_HARDEN_ZERO)
		FOUND(q[301], 1);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}
#endif

#if MM_CHECKS >= 1
static void damage_to_records_of_large_blocks_is_found(void **state)
{
	(void)state;
	struct mm_slab *record;
	unsigned char *p, *q;
	mm_pfn_t pfn;

	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	assert_non_null(p = mm_kmalloc(&heap, LARGE, 0));
	assert_non_null(q = mm_kmalloc(&heap, 10 * FRAME, 0));
	assert_non_null(pmm_find_virt(&pmm, p, &pfn));
	assert_non_null(record = owner_record(&heap, pfn));
	FOUND(heap.nlarge[2], 2);
	FOUND(heap.nlarge[0], 1);
	FOUND(owner_large(record)->bytes, FRAME);
	FOUND(record->base, record->base + FRAME);
	FOUND(heap.large, NULL);
	FOUND(heap.notes, 0);
	if (MM_HARDEN & MM_HARDEN_CANARY)
		FOUND(p[4 * FRAME - 1], p[4 * FRAME - 1] ^ 1);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	assert_int_equal(mm_kfree(&heap, q), MM_OK);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(a_fresh_heap_has_what_its_cpus_need),
		HEAP_TEST(objects_are_counted_where_they_are),
		HEAP_TEST(after_all_is_freed_and_shrunk_pages_are_as_at_first),
		HEAP_TEST(tables_in_use_stay),
		HEAP_TEST(what_is_in_quarantine_is_counted),
		HEAP_TEST(large_blocks_are_counted_by_their_pages),
#if MM_CHECKS >= 1
		HEAP_TEST(a_large_block_is_of_the_heap_that_allocated_it),
#else
		HEAP_TEST(a_large_block_is_counted_by_the_heap_that_frees_it),
#endif
		HEAP_TEST(what_waits_for_readers_is_counted),
#if GUARD_POSSIBLE
		HEAP_TEST(guarded_objects_have_the_bytes_that_were_asked_for),
#endif
		HEAP_TEST(wrong_ones_are_answered),
		HEAP_TEST(damage_to_magazines_is_found),
		HEAP_TEST(damage_to_full_slabs_is_found),
#if MM_HARDEN
		HEAP_TEST(what_is_written_where_it_must_not_is_found),
#endif
#if MM_CHECKS >= 1
		HEAP_TEST(damage_to_records_of_large_blocks_is_found),
#endif
	};

	return cmocka_run_group_tests_name("slab stats", tests, NULL, NULL);
}
