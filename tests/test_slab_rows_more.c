/* SPDX-License-Identifier: MIT */
/* What callers do wrong with frees by NMIs, frees that wait for readers, heaps that are one, and per-CPU memory, row by
 * row: each row is a test of its own, has its documented error, and changes nothing. */
#include <mmlib/deferred.h>
#include <mmlib/guard.h>
#include <mmlib/nmi.h>
#include <mmlib/percpu.h>
#include <mmlib/site.h>
#include "rows.h"
#define RAM_FRAMES 1024u /* a machine for each row: they are to be quick */
#include "slab_box.h"

#define FRAME ((size_t)MM_FRAME_SIZE)

/* Something of each kind, and what was lost. */
static struct {
	struct mm_heap none, one, other; /* not set up; of nothing yet; another one */
	struct mm_heap heaps[4], others[2];
	struct mm_heap_set set, other_set, no_set;
	struct mm_cache *a, *b, *gone, *watched;
	unsigned char *small, *large, *was, *was_large, *object, *was_object, *by_nmi, *alien, *page, *spoilt;
	unsigned char *guarded; /* somebody wrote behind it */
	unsigned char *placed, *placed_large, *was_placed, *stranger;
	struct mm_mempool pool, lent, no_pool;
	void *places[1], *lent_place, *taken;
	struct mm_deferred d, no_d;
	unsigned char *waiting, *waiting_large;
	struct mm_percpu pc, no_pc;
	uint32_t at, was_at, offset;
	void *out;
	size_t n;
} u;

static uint64_t now(void *ctx)
{
	(void)ctx;
	return 1;
}

static bool passed(void *ctx, uint64_t time)
{
	(void)ctx;
	(void)time;
	return false;
}

static const struct mm_epoch_hooks epoch = { .now = now, .passed = passed };
static const struct mm_epoch_hooks no_time = { .passed = passed }, no_end = { .now = now };
static int statically;
#define H   (&heap)
#define SET (&u.set)

/* What the end of an object is looked at for, when an NMI frees it. */
#if MM_HARDEN & MM_HARDEN_CANARY
#define ROWS_OF_CANARIES(ROW)                                                      \
	ROW(nmi_spoilt, CORRUPT, mm_kfree_nmi(H, u.spoilt))                                                \
	ROW(nmi_free_spoilt, CORRUPT, mm_cache_free_nmi(u.b, u.spoilt))                                    \
	ROW(nmi_pool_spoilt, CORRUPT, mm_mempool_free_nmi(&u.lent, u.spoilt))
#else
#define ROWS_OF_CANARIES(ROW)
#endif

/* name, what must be answered, the call */
#define ROWS(ROW)                                                                                          \
	ROWS_OF_CANARIES(ROW)                                                                              \
	/* NMIs */                                                                                         \
	ROW(nmi_null, OK, mm_kfree_nmi(H, NULL))                                                           \
	ROW(nmi_twice, DOUBLE_FREE, mm_kfree_nmi(H, u.by_nmi))                                             \
	ROW(nmi_freed, DOUBLE_FREE, mm_kfree_nmi(H, u.was))                                                \
	ROW(nmi_freed_large, DOUBLE_FREE, mm_kfree_nmi(H, u.was_large))                                    \
	ROW(nmi_what_waits_for_readers, DOUBLE_FREE, mm_kfree_nmi(H, u.waiting))                           \
	ROW(nmi_what_waits_in_a_pool, DOUBLE_FREE, mm_kfree_nmi(H, u.places[0]))                           \
	ROW(nmi_static, FOREIGN, mm_kfree_nmi(H, &statically))                                             \
	ROW(nmi_behind_ram, FOREIGN, mm_kfree_nmi(H, sim.host + sim.bytes))                                \
	ROW(nmi_second_byte, ALIGN, mm_kfree_nmi(H, u.small + 1))                                          \
	ROW(nmi_large_middle, ALIGN, mm_kfree_nmi(H, u.large + 8))                                         \
	ROW(nmi_large_tail, ALIGN, mm_kfree_nmi(H, u.large + FRAME))                                       \
	ROW(nmi_large, NOTSUP, mm_kfree_nmi(H, u.large))                                                   \
	ROW(nmi_page, OWNER, mm_kfree_nmi(H, u.page))                                                      \
	ROW(nmi_metadata, OWNER, mm_kfree_nmi(H, pmm.ranges))                                              \
	ROW(nmi_of_another_heap, OWNER, mm_kfree_nmi(H, u.alien))                                          \
	ROW(nmi_without_heap, INVAL, mm_kfree_nmi(NULL, u.small))                                          \
	ROW(nmi_before_init, STATE, mm_kfree_nmi(&u.none, u.small))                                        \
	ROW(nmi_free_null, OK, mm_cache_free_nmi(u.a, NULL))                                               \
	ROW(nmi_free_twice, DOUBLE_FREE, mm_cache_free_nmi(u.a, u.by_nmi))                                 \
	ROW(nmi_free_freed, DOUBLE_FREE, mm_cache_free_nmi(u.b, u.was_object))                             \
	ROW(nmi_free_static, FOREIGN, mm_cache_free_nmi(u.a, &statically))                                 \
	ROW(nmi_free_middle, ALIGN, mm_cache_free_nmi(u.a, u.object + 8))                                  \
	ROW(nmi_free_of_another_cache, OWNER, mm_cache_free_nmi(u.b, u.object))                            \
	ROW(nmi_free_kmalloc_to_a_cache, OWNER, mm_cache_free_nmi(u.a, u.small))                           \
	ROW(nmi_free_large_to_a_cache, OWNER, mm_cache_free_nmi(u.a, u.large))                             \
	ROW(nmi_free_without_cache, INVAL, mm_cache_free_nmi(NULL, u.object))                              \
	ROW(nmi_free_to_a_destroyed_cache, STATE, mm_cache_free_nmi(u.gone, u.object))                     \
	ROW(nmi_pool_null, OK, mm_mempool_free_nmi(&u.lent, NULL))                                         \
	ROW(nmi_pool_twice, DOUBLE_FREE, mm_mempool_free_nmi(&u.lent, u.was_object))                       \
	ROW(nmi_pool_static, FOREIGN, mm_mempool_free_nmi(&u.lent, &statically))                           \
	ROW(nmi_pool_middle, ALIGN, mm_mempool_free_nmi(&u.pool, u.object + 8))                            \
	ROW(nmi_pool_of_another_cache, OWNER, mm_mempool_free_nmi(&u.lent, u.small))                       \
	ROW(nmi_without_pool, INVAL, mm_mempool_free_nmi(NULL, u.object))                                  \
	ROW(nmi_no_pool, STATE, mm_mempool_free_nmi(&u.no_pool, u.object))                                 \
	/* what an NMI freed */                                                                            \
	ROW(kfree_what_an_nmi_freed, DOUBLE_FREE, mm_kfree(H, u.by_nmi))                                   \
	ROW(kfree_sized_what_an_nmi_freed, DOUBLE_FREE, mm_kfree_sized(H, u.by_nmi, 48, 0))                \
	ROW(free_what_an_nmi_freed, DOUBLE_FREE, mm_cache_free(u.a, u.by_nmi))                             \
	ROW(realloc_what_an_nmi_freed, DOUBLE_FREE, mm_krealloc_st(H, u.by_nmi, 100, 0, &u.out))           \
	/* readers */                                                                                      \
	ROW(defer_null, OK, mm_kfree_deferred(&u.d, NULL))                                                 \
	ROW(defer_twice, DOUBLE_FREE, mm_kfree_deferred(&u.d, u.waiting))                                  \
	ROW(defer_freed, DOUBLE_FREE, mm_kfree_deferred(&u.d, u.was))                                      \
	ROW(defer_freed_large, DOUBLE_FREE, mm_kfree_deferred(&u.d, u.was_large))                          \
	ROW(defer_large_twice, DOUBLE_FREE, mm_kfree_deferred(&u.d, u.waiting_large))                      \
	ROW(defer_static, FOREIGN, mm_kfree_deferred(&u.d, &statically))                                   \
	ROW(defer_middle, ALIGN, mm_kfree_deferred(&u.d, u.small + 8))                                     \
	ROW(defer_large_tail, ALIGN, mm_kfree_deferred(&u.d, u.large + FRAME))                             \
	ROW(defer_page, OWNER, mm_kfree_deferred(&u.d, u.page))                                            \
	ROW(defer_of_another_heap, OWNER, mm_kfree_deferred(&u.d, u.alien))                                \
	ROW(defer_its_own, OWNER, mm_kfree_deferred(&u.d, u.d.filling))                                    \
	ROW(defer_spoilt, CORRUPT, mm_kfree_deferred(&u.d, u.guarded))                                     \
	ROW(defer_without_d, INVAL, mm_kfree_deferred(NULL, u.small))                                      \
	ROW(defer_before_init, STATE, mm_kfree_deferred(&u.no_d, u.small))                                 \
	ROW(kfree_what_waits, DOUBLE_FREE, mm_kfree(H, u.waiting))                                         \
	ROW(kfree_large_that_waits, DOUBLE_FREE, mm_kfree(H, u.waiting_large))                             \
	ROW(realloc_what_waits, DOUBLE_FREE, mm_krealloc_st(H, u.waiting, 50, 0, &u.out))                  \
	ROW(kfree_batch, OWNER, mm_kfree(H, u.d.filling))                                                  \
	ROW(defer_init_without_d, INVAL, mm_deferred_init(NULL, H, &epoch))                                \
	ROW(defer_init_without_heap, INVAL, mm_deferred_init(&u.no_d, NULL, &epoch))                       \
	ROW(defer_init_without_hooks, INVAL, mm_deferred_init(&u.no_d, H, NULL))                           \
	ROW(defer_init_without_a_time, INVAL, mm_deferred_init(&u.no_d, H, &no_time))                      \
	ROW(defer_init_without_an_end, INVAL, mm_deferred_init(&u.no_d, H, &no_end))                       \
	ROW(defer_init_before_heap, STATE, mm_deferred_init(&u.no_d, &u.none, &epoch))                     \
	ROW(poll_nothing, INVAL, mm_deferred_poll(NULL))                                                   \
	ROW(poll_before_init, STATE, mm_deferred_poll(&u.no_d))                                            \
	ROW(defer_destroy_while_some_wait, BUSY, mm_deferred_destroy(&u.d, &u.n))                          \
	ROW(defer_destroy_nothing, INVAL, mm_deferred_destroy(NULL, NULL))                                 \
	ROW(defer_destroy_before_init, STATE, mm_deferred_destroy(&u.no_d, NULL))                          \
	/* heaps that are one */                                                                           \
	ROW(set_free_null, OK, mm_kfree_set(SET, NULL))                                                    \
	ROW(set_free_twice, DOUBLE_FREE, mm_kfree_set(SET, u.was_placed))                                  \
	ROW(set_free_static, FOREIGN, mm_kfree_set(SET, &statically))                                      \
	ROW(set_free_middle, ALIGN, mm_kfree_set(SET, u.placed + 8))                                       \
	ROW(set_free_large_tail, ALIGN, mm_kfree_set(SET, u.placed_large + FRAME))                         \
	ROW(set_free_page, OWNER, mm_kfree_set(SET, u.page))                                               \
	ROW(set_free_its_own, OWNER, mm_kfree_set(SET, u.heaps[0].cpus))                                   \
	ROW(set_free_of_no_set, OWNER, mm_kfree_set(SET, u.small))                                         \
	ROW(set_free_of_another_set, OWNER, mm_kfree_set(SET, u.stranger))                                 \
	ROW(set_free_without_set, INVAL, mm_kfree_set(NULL, u.placed))                                     \
	ROW(set_free_before_init, STATE, mm_kfree_set(&u.no_set, u.placed))                                \
	ROW(kfree_of_a_set, OWNER, mm_kfree(H, u.placed))                                                  \
	ROW(kfree_of_another_heap_of_the_set, OWNER, mm_kfree(another(), u.placed))                        \
	ROW(site_0, INVAL, mm_kmalloc_site_st(SET, 0, 0, 1, &u.out))                                       \
	ROW(site_max, OVERFLOW, mm_kmalloc_site_st(SET, SIZE_MAX, 0, 1, &u.out))                           \
	ROW(site_more_than_ram, NOMEM, mm_kmalloc_site_st(SET, sim.bytes, 0, 1, &u.out))                   \
	ROW(site_unknown_flag, INVAL, mm_kmalloc_site_st(SET, 8, 1u << 20, 1, &u.out))                     \
	ROW(site_without_result, INVAL, mm_kmalloc_site_st(SET, 8, 0, 1, NULL))                            \
	ROW(site_without_set, INVAL, mm_kmalloc_site_st(NULL, 8, 0, 1, &u.out))                            \
	ROW(site_before_init, STATE, mm_kmalloc_site_st(&u.no_set, 8, 0, 1, &u.out))                       \
	ROW(site_realloc_to_0, INVAL, mm_krealloc_site_st(SET, u.placed, 0, 0, 1, &u.out))                 \
	ROW(site_realloc_to_max, OVERFLOW, mm_krealloc_site_st(SET, u.placed, SIZE_MAX, 0, 1, &u.out))     \
	ROW(site_realloc_freed, DOUBLE_FREE, mm_krealloc_site_st(SET, u.was_placed, 50, 0, 1, &u.out))     \
	ROW(site_realloc_static, FOREIGN, mm_krealloc_site_st(SET, &statically, 50, 0, 1, &u.out))         \
	ROW(site_realloc_middle, ALIGN, mm_krealloc_site_st(SET, u.placed + 8, 50, 0, 1, &u.out))          \
	ROW(site_realloc_of_another_set, OWNER, mm_krealloc_site_st(SET, u.stranger, 50, 0, 1, &u.out))    \
	ROW(site_realloc_without_set, INVAL, mm_krealloc_site_st(NULL, NULL, 8, 0, 1, &u.out))             \
	ROW(site_realloc_before_init, STATE, mm_krealloc_site_st(&u.no_set, u.placed, 8, 0, 1, &u.out))    \
	ROW(set_of_none, INVAL, mm_heap_set_init(&u.no_set, &u.one, 0, &pmm, 1, 0))                        \
	ROW(set_of_too_many, INVAL, mm_heap_set_init(&u.no_set, &u.one, MM_HEAP_SET_MAX + 1, &pmm, 1, 0))  \
	ROW(set_without_heaps, INVAL, mm_heap_set_init(&u.no_set, NULL, 1, &pmm, 1, 0))                    \
	ROW(set_without_frames, INVAL, mm_heap_set_init(&u.no_set, &u.one, 1, NULL, 1, 0))                 \
	ROW(set_without_cpus, INVAL, mm_heap_set_init(&u.no_set, &u.one, 1, &pmm, 0, 0))                   \
	ROW(set_without_set, INVAL, mm_heap_set_init(NULL, &u.one, 1, &pmm, 1, 0))                         \
	ROW(set_before_frames, STATE, mm_heap_set_init(&u.no_set, &u.one, 1, &(struct mm_pmm){ 0 }, 1, 0)) \
	ROW(set_destroy_with_objects, BUSY, mm_heap_set_destroy(SET))                                      \
	ROW(set_destroy_nothing, INVAL, mm_heap_set_destroy(NULL))                                         \
	ROW(set_destroy_before_init, STATE, mm_heap_set_destroy(&u.no_set))                                \
	/* per-CPU memory */                                                                               \
	ROW(percpu_free_twice, DOUBLE_FREE, mm_percpu_free(&u.pc, u.was_at))                               \
	ROW(percpu_free_middle, ALIGN, mm_percpu_free(&u.pc, u.at + MM_PERCPU_GRAIN))                      \
	ROW(percpu_free_between_grains, ALIGN, mm_percpu_free(&u.pc, u.at + 8))                            \
	ROW(percpu_free_behind, FOREIGN, mm_percpu_free(&u.pc, 2 * MM_FRAME_SIZE))                         \
	ROW(percpu_free_last, FOREIGN, mm_percpu_free(&u.pc, UINT32_MAX))                                  \
	ROW(percpu_free_without_pc, INVAL, mm_percpu_free(NULL, u.at))                                     \
	ROW(percpu_free_before_init, STATE, mm_percpu_free(&u.no_pc, u.at))                                \
	ROW(percpu_0, INVAL, mm_percpu_alloc(&u.pc, 0, 0, &u.offset))                                      \
	ROW(percpu_aligned_3, INVAL, mm_percpu_alloc(&u.pc, 1, 3, &u.offset))                              \
	ROW(percpu_max, NOMEM, mm_percpu_alloc(&u.pc, SIZE_MAX, 0, &u.offset))                             \
	ROW(percpu_aligned_top_bit, NOMEM, mm_percpu_alloc(&u.pc, 1, SIZE_MAX / 2 + 1, &u.offset))         \
	ROW(percpu_without_result, INVAL, mm_percpu_alloc(&u.pc, 1, 0, NULL))                              \
	ROW(percpu_without_pc, INVAL, mm_percpu_alloc(NULL, 1, 0, &u.offset))                              \
	ROW(percpu_before_init, STATE, mm_percpu_alloc(&u.no_pc, 1, 0, &u.offset))                         \
	ROW(percpu_init_nothing, INVAL, mm_percpu_init(NULL, &pmm, 1, 1))                                  \
	ROW(percpu_init_without_frames, INVAL, mm_percpu_init(&u.no_pc, NULL, 1, 1))                       \
	ROW(percpu_init_without_cpus, INVAL, mm_percpu_init(&u.no_pc, &pmm, 0, 1))                         \
	ROW(percpu_init_of_0, INVAL, mm_percpu_init(&u.no_pc, &pmm, 1, 0))                                 \
	ROW(percpu_init_of_max, NOMEM, mm_percpu_init(&u.no_pc, &pmm, 1, SIZE_MAX))                        \
	ROW(percpu_init_with_too_many_cpus, NOMEM, mm_percpu_init(&u.no_pc, &pmm, UINT32_MAX, 1))          \
	ROW(percpu_init_before_frames, STATE, mm_percpu_init(&u.no_pc, &(struct mm_pmm){ 0 }, 1, 1))       \
	ROW(percpu_destroy_with_some, BUSY, mm_percpu_destroy(&u.pc))                                      \
	ROW(percpu_destroy_nothing, INVAL, mm_percpu_destroy(NULL))                                        \
	ROW(percpu_destroy_before_init, STATE, mm_percpu_destroy(&u.no_pc))

/* A heap of the set that `placed` is not of. */
static struct mm_heap *another(void)
{
	return &u.heaps[mm_heap_set_of(SET, u.placed) == u.heaps];
}

ROWS(ROW_CALL)
static struct row rows[] = { ROWS(ROW_ENTRY) };

static unsigned char *filled(void *p, size_t n)
{
	assert_non_null(p);
	fill(p, n, 5);
	return p;
}

static unsigned char *lost(struct mm_cache *cache, size_t size)
{
	unsigned char *p = cache ? mm_cache_alloc(cache, 0) : mm_kmalloc(&heap, size, 0);

	assert_non_null(p);
	assert_int_equal(mm_kfree(&heap, p), MM_OK);
	return p;
}

static void free_by_nmi(void)
{
	assert_non_null(u.by_nmi = mm_cache_alloc(u.a, 0));
	assert_int_equal(mm_cache_free_nmi(u.a, u.by_nmi), MM_OK);
}

static void set_up_sets(void)
{
	assert_int_equal(mm_heap_set_init(&u.set, u.heaps, 4, &pmm, NCPUS, 1), MM_OK);
	assert_int_equal(mm_heap_set_init(&u.other_set, u.others, 2, &pmm, NCPUS, 2), MM_OK);
	u.placed = filled(mm_kmalloc_site(SET, 100, 0, 1), 100);
	u.placed_large = filled(mm_kmalloc_site(SET, LARGE, 0, 1), LARGE);
	assert_non_null(u.was_placed = mm_kmalloc_site(SET, 300, 0, 2));
	assert_int_equal(mm_kfree_set(SET, u.was_placed), MM_OK);
	u.stranger = filled(mm_kmalloc_site(&u.other_set, 100, 0, 1), 100);
}

static void set_up_waits(void)
{
	assert_int_equal(mm_deferred_init(&u.d, &heap, &epoch), MM_OK);
	u.waiting = filled(mm_kmalloc(&heap, 70, 0), 70);
	u.waiting_large = filled(mm_kmalloc(&heap, LARGE, 0), LARGE);
	assert_int_equal(mm_kfree_deferred(&u.d, u.waiting), MM_OK);
	assert_int_equal(mm_kfree_deferred(&u.d, u.waiting_large), MM_OK);
}

static void set_up_percpu(void)
{
	assert_int_equal(mm_percpu_init(&u.pc, &pmm, NCPUS, FRAME), MM_OK);
	assert_int_equal(mm_percpu_alloc(&u.pc, 40, 0, &u.at), MM_OK);
	assert_int_equal(mm_percpu_alloc(&u.pc, 40, 0, &u.was_at), MM_OK);
	assert_int_equal(mm_percpu_free(&u.pc, u.was_at), MM_OK);
}

static void set_up_objects(void)
{
	const struct mm_cache_cfg watched = { .name = "watched", .size = 40, .flags = MM_CACHE_GUARD };

	assert_int_equal(mm_cache_create(&heap, &watched, &u.watched), MM_OK);
	u.a = make_cache(48, 0);
	u.b = make_cache(48, 0);
	u.gone = make_cache(48, 0);
	assert_int_equal(mm_cache_destroy(u.gone), MM_OK);
	u.small = filled(mm_kmalloc(&heap, 100, 0), 100);
	u.large = filled(mm_kmalloc(&heap, LARGE, 0), LARGE);
	u.object = filled(mm_cache_alloc(u.a, 0), 48);
	u.spoilt = filled(mm_cache_alloc(u.b, 0), 48);
#if MM_HARDEN & MM_HARDEN_CANARY
	u.spoilt[48] ^= 1;
#endif
	assert_int_equal(mm_mempool_init(&u.pool, u.a, u.places, 1, 0), MM_OK);
	assert_int_equal(mm_mempool_init(&u.lent, u.b, &u.lent_place, 1, 0), MM_OK);
	assert_non_null(u.taken = mm_mempool_take(&u.lent));
}

static void set_up_guarded(void)
{
	struct mm_guard_cfg cfg = { .bytes = 8 * FRAME };

	assert_int_equal(mm_page_alloc(&pmm, 3, 0, &cfg.pa), MM_OK);
	cfg.base = sim_to_virt(&sim, cfg.pa);
	assert_int_equal(mm_guard_init(&heap, &cfg), MM_OK);
	u.guarded = filled(mm_cache_alloc(u.watched, 0), 40);
	u.guarded[mm_ksize(&heap, u.guarded) + 20] = 1;
}

static int set_up(void **state)
{
	mm_paddr_t pa;

	start(state);
	memset(&u, 0, sizeof(u));
	set_up_objects();
	assert_int_equal(mm_heap_init(&u.other, &pmm, NCPUS), MM_OK);
	u.alien = filled(mm_kmalloc(&u.other, 100, 0), 100);
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &pa), MM_OK);
	u.page = filled(sim_to_virt(&sim, pa), FRAME);
	set_up_guarded();
	set_up_sets();
	set_up_waits();
	set_up_percpu();
	u.was_large = lost(NULL, LARGE);
	u.was = lost(NULL, 200);
	assert_non_null(u.was_object = mm_cache_alloc(u.b, 0));
	assert_int_equal(mm_cache_free(u.b, u.was_object), MM_OK);
	free_by_nmi();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sim_destroy(&sim);
	return 0;
}

static void contents_are_whole(void)
{
	check(u.small, 100, 5);
	check(u.large, LARGE, 5);
	check(u.object, 48, 5);
	check(u.spoilt, 48, 5);
	check(u.alien, 100, 5);
	check(u.page, FRAME, 5);
	check(u.placed, 100, 5);
	check(u.placed_large, LARGE, 5);
	check(u.stranger, 100, 5);
	check(u.waiting, 70, 5);
	check(u.waiting_large, LARGE, 5);
}

/* Objects of a heap, and frames that it has. */
static uint64_t count(uint64_t hash, struct mm_heap *h)
{
	struct mm_heap_stats s;
	size_t n[5];

	assert_int_equal(mm_heap_stats(h, &s), MM_OK);
	n[0] = s.used;
	n[1] = s.large;
	n[2] = s.frames;
	n[3] = s.slabs;
	n[4] = s.cached + s.home;
	return sim_hash(hash, n, sizeof(n));
}

static uint64_t counts(void)
{
	const size_t n[] = { mm_deferred_waiting(&u.d), mm_percpu_used(&u.pc), !!u.places[0], !!u.lent_place };
	uint64_t hash;

	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	hash = count(count(pmm_state_hash(&pmm), &heap), &u.other);
	for (unsigned i = 0; i < 4; i++)
		hash = count(hash, &u.heaps[i]);
	return sim_hash(count(count(hash, &u.others[0]), &u.others[1]), n, sizeof(n));
}

/* All have one machine, as nothing changes; but what drains gives memory back. What the NMI freed is on its way home,
 * and there at the second time: who counts brings it. */
static void answered_and_nothing_changed(void **state)
{
	const struct row *row = *state;
	uint64_t hash = counts();

	free_by_nmi();
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(row->call(), row->status);
		assert_null(u.out);
		assert_null(u.none.pmm);
		assert_null(u.one.pmm);
		assert_null(u.no_set.heaps);
		assert_null(u.no_d.heap);
		assert_null(u.no_pc.pmm);
		assert_int_equal(u.offset + u.n, 0);
		contents_are_whole();
		assert_true(row->status == MM_E_NOMEM || row->status == MM_E_BUSY || counts() == hash);
	}
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

int main(void)
{
	return ROWS_RUN("slab rows more", rows, set_up, tear_down);
}
