/* SPDX-License-Identifier: MIT */
/* Heaps that are used as one: what different places allocate is apart, and freed by its address alone. */
#include <mmlib/guard.h>
#include <mmlib/owner.h>
#include <mmlib/reserve.h>
#include <mmlib/site.h>
#include "slab_box.h"
#include "hook.h"

#define FRAME  ((size_t)MM_FRAME_SIZE)
#define HEAPS  16u
#define PLACES 96u
#define EACH   24u /* objects of a place */
#define SEED   UINT64_C(0x243F6A8885A308D3)

static struct mm_heap heaps[HEAPS];
static struct mm_heap_set set;

static uintptr_t place(unsigned i)
{
	return (uintptr_t)0x40001000u + 24u * i;
}

static unsigned number(const struct mm_heap *h)
{
	assert_true(h >= heaps && h < heaps + HEAPS);
	return (unsigned)(h - heaps);
}

static unsigned number_of_place(unsigned i)
{
	return number(mm_heap_set_site(&set, place(i)));
}

static void start_set(struct mm_heap_set *s, struct mm_heap *h, unsigned n)
{
	assert_int_equal(mm_heap_set_init(s, h, n, &pmm, NCPUS, SEED), MM_OK);
	assert_int_equal(s->n, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(mm_heap_cpu_online(&h[i], 1), MM_OK);
}

static uint64_t random_bits(void *ctx)
{
	static uint64_t x;

	(void)ctx;
	return x += UINT64_C(0x9E3779B97F4A7C15);
}

static int start_sixteen(void **state)
{
	(void)state;
	sim_cpu = 0;
	start_pmm();
	sim.port.random = random_bits;
	memset(heaps, 0xA5, sizeof(heaps));
	start_set(&set, heaps, HEAPS);
	return 0;
}

static void verify_set(void)
{
	for (unsigned i = 0; i < set.n; i++)
		assert_int_equal(mm_heap_verify(&set.heaps[i]), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
}

static inline size_t large_of(struct mm_heap *h)
{
	struct mm_heap_stats s;

	assert_int_equal(mm_heap_stats(h, &s), MM_OK);
	return s.large;
}

static int stop_set(void **state)
{
	sim_cpu = 0;
	verify_set();
	if (set.heaps)
		assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
	assert_null(set.heaps);
	for (unsigned i = 0; i < HEAPS; i++)
		assert_null(heaps[i].pmm);
	return stop(state);
}

static void *allocate(size_t size, unsigned i)
{
	void *p = mm_kmalloc_site(&set, size, 0, place(i));

	assert_non_null(p);
	assert_ptr_equal(mm_heap_set_of(&set, p), mm_heap_set_site(&set, place(i)));
	return p;
}

static void release(void *p)
{
	assert_int_equal(mm_kfree_set(&set, p), MM_OK);
}

static void a_place_has_one_heap_and_places_are_spread(void **state)
{
	(void)state;
	unsigned places[HEAPS] = { 0 }, moved = 0;
	struct mm_heap_set again = set;

	for (unsigned i = 0; i < 1024; i++) {
		places[number_of_place(i)]++;
		assert_int_equal(number_of_place(i), number_of_place(i));
	}
	for (unsigned i = 0; i < HEAPS; i++) /* 64 each, give or take four times the deviation */
		assert_in_range(places[i], 32, 96);
	again.seed[0] ^= 1; /* who knows of all but a bit of the seed knows nothing */
	for (unsigned i = 0; i < 1024; i++)
		moved += mm_heap_set_site(&again, place(i)) != mm_heap_set_site(&set, place(i));
	assert_in_range(moved, 800, 1024);
	again = set;
	again.seed[1] ^= 0x80000000u;
	for (unsigned i = moved = 0; i < 1024; i++)
		moved += mm_heap_set_site(&again, place(i)) != mm_heap_set_site(&set, place(i));
	assert_in_range(moved, 800, 1024);
}

/* What of the seed and the place a hash asks for. */
enum { ASKS_LOW = 1, ASKS_HIGH = 2, ASKS_PLACE = 4, ASKS_ALL = 7 };

/* Heap of a place with a seed, by the hash, or by one that does not ask for all. */
static struct mm_heap *heap_by(unsigned asks, uint64_t seed, unsigned i)
{
	struct mm_heap_set with = set;

	with.seed[0] = asks & ASKS_LOW ? (uint32_t)seed : 0x13198a2eu;
	with.seed[1] = asks & ASKS_HIGH ? (uint32_t)(seed >> 32) : 0x03707344u;
	return mm_heap_set_site(&with, place(asks & ASKS_PLACE ? i : 0));
}

/* Of pairs of places 24 to 63 * 24 bytes apart, how many seeds of SEEDS let one share a heap? If all is left to
 * chance, one in sixteen: MEAN, with the square of the deviation VARIANCE. Of the numbers' deviations, squared, in
 * units of VARIANCE, the sum (chi-square) is 63 then, itself with a deviation of 11. */
#define SEEDS    4096u
#define MEAN     (SEEDS / HEAPS)
#define VARIANCE (MEAN - MEAN / HEAPS)

static unsigned sharing_is_off_by(unsigned asks)
{
	uint64_t sum = 0;

	for (unsigned i = 1; i < 64; i++) {
		uint64_t seed = 0, shared = 0, off;

		for (unsigned n = 0; n < SEEDS; n++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			shared += heap_by(asks, seed ^ seed >> 29, 0) == heap_by(asks, seed ^ seed >> 29, i);
		}
		off = shared > MEAN ? shared - MEAN : MEAN - shared;
		sum += off * off;
	}
	return (unsigned)(sum / VARIANCE);
}

/* Places that share a heap with one seed do not with another, however far apart they are. */
static void who_shares_a_heap_follows_from_the_seed(void **state)
{
	(void)state;
	assert_in_range(sharing_is_off_by(ASKS_ALL), 63 - 4 * 11, 63 + 4 * 11);
	for (unsigned asks = 0; asks < ASKS_ALL; asks++) /* without one of them it would not; of the seed the half that
							    comes first is enough here */
		assert_true(asks == (ASKS_LOW | ASKS_PLACE) || sharing_is_off_by(asks) > 63 + 4 * 11);
}

static void objects_of_two_heaps_share_no_frame(void **state)
{
	(void)state;
	static unsigned char whose[RAM_FRAMES];
	static void *p[PLACES][EACH];
	unsigned used = 0, mask = 0;

	memset(whose, 0, sizeof(whose));
	for (unsigned j = 0; j < EACH; j++)
		for (unsigned i = 0; i < PLACES; i++) {
			size_t frame;

			sim_cpu = i % 2;
			p[i][j] = allocate(96, i);
			frame = (size_t)((unsigned char *)p[i][j] - sim.host) / FRAME;
			assert_true(whose[frame] == 0 || whose[frame] == number_of_place(i) + 1);
			whose[frame] = (unsigned char)(number_of_place(i) + 1);
			fill(p[i][j], 96, i + j);
		}
	for (unsigned i = 0; i < PLACES; i++)
		mask |= 1u << number_of_place(i);
	for (unsigned i = 0; i < HEAPS; i++)
		used += mask >> i & 1;
	assert_in_range(used, HEAPS - 3, HEAPS);
	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned j = 0; j < EACH; j++) {
			check(p[i][j], 96, i + j);
			release(p[i][j]);
		}
}

/* What one place freed is not given to a place of another heap, as long as its slab stays. */
static void what_is_freed_is_not_given_to_another_place(void **state)
{
	(void)state;
	void *kept = allocate(64, 0), *old[EACH], *p[8 * EACH];
	unsigned i = 1;

	while (number_of_place(i) == number_of_place(0))
		i++;
	for (unsigned j = 0; j < EACH; j++)
		old[j] = allocate(64, 0);
	for (unsigned j = 0; j < EACH; j++)
		release(old[j]);
	for (unsigned j = 0; j < 8 * EACH; j++) {
		p[j] = allocate(64, i);
		for (unsigned k = 0; k < EACH; k++)
			assert_ptr_not_equal(p[j], old[k]);
	}
	for (unsigned j = 0; j < 8 * EACH; j++)
		release(p[j]);
	release(kept);
}

#define HERE(p, i)  (p)[i] = mm_kmalloc_here(&set, 40, 0)
#define EIGHT(p, i) HERE(p, i), HERE(p, i + 1), HERE(p, i + 2), HERE(p, i + 3), HERE(p, i + 4), HERE(p, i + 5), \
		HERE(p, i + 6), HERE(p, i + 7)

static void each_call_is_a_place(void **state)
{
	(void)state;
	void *p[32], *again[8];
	unsigned mask = 0, used = 0;

	EIGHT(p, 0), EIGHT(p, 8), EIGHT(p, 16), EIGHT(p, 24);
	for (unsigned i = 0; i < 32; i++) {
		assert_non_null(p[i]);
		mask |= 1u << number(mm_heap_set_of(&set, p[i]));
		release(p[i]);
	}
	for (unsigned i = 0; i < HEAPS; i++)
		used += mask >> i & 1;
	assert_in_range(used, 6, HEAPS); /* of 16, 32 places leave two unused, in the mean */
	for (unsigned i = 0; i < 8; i++) {
		again[i] = mm_kmalloc_here(&set, 40, 0);
		assert_ptr_equal(mm_heap_set_of(&set, again[i]), mm_heap_set_of(&set, again[0]));
	}
	for (unsigned i = 0; i < 8; i++)
		release(again[i]);
}

static void memory_stays_with_its_place_when_its_size_changes(void **state)
{
	(void)state;
	unsigned char *p = allocate(100, 3);
	unsigned far = 4;
	void *out = NULL;

	while (number_of_place(far) == number_of_place(3))
		far++;
	fill(p, 100, 1);
	assert_int_equal(mm_krealloc_site_st(&set, p, 3000, 0, place(far), &out), MM_OK);
	check(out, 100, 1);
	assert_int_equal(number(mm_heap_set_of(&set, out)), number_of_place(3));
	assert_int_equal(mm_krealloc_site_st(&set, out, LARGE, 0, place(far), &out), MM_OK);
	check(out, 100, 1);
	fill(out, LARGE, 2);
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_BUSY);
	assert_int_equal(mm_krealloc_site_st(&set, out, 4 * LARGE, 0, place(far), &out), MM_OK);
	assert_int_equal(mm_krealloc_site_st(&set, out, 200, 0, place(far), &out), MM_OK);
	check(out, 200, 2);
	const unsigned now = number_of_place(MM_CHECKS >= 1 ? 3 : far); /* without checks pages are of no place */
	assert_int_equal(number(mm_heap_set_of(&set, out)), now);
	assert_int_equal(mm_krealloc_site_st(&set, out, 190, 0, place(MM_CHECKS >= 1 ? far : 3), &out), MM_OK);
	assert_int_equal(number(mm_heap_set_of(&set, out)), now);
	release(out);
	assert_int_equal(mm_krealloc_site_st(&set, NULL, 77, MM_ALLOC_ZERO, place(5), &out), MM_OK);
	assert_int_equal(number(mm_heap_set_of(&set, out)), number_of_place(5));
	release(out);
}

static void large_blocks_come_and_go(void **state)
{
	(void)state;
	void *p[HEAPS], *out = NULL;

	for (unsigned i = 0; i < HEAPS; i++) {
		p[i] = mm_kmalloc_site(&set, LARGE + i, 0, place(i));
		assert_non_null(p[i]);
	}
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_BUSY);
	for (unsigned i = 0; i < HEAPS; i++) {
		assert_true(mm_ksize(mm_heap_set_of(&set, p[i]), p[i]) >= LARGE + i);
		release(p[i]);
#if MM_CHECKS >= 1
		assert_int_equal(mm_kfree_set(&set, p[i]), MM_E_DOUBLE_FREE);
#endif
	}
	assert_int_equal(mm_kmalloc_array_st(mm_heap_set_site(&set, place(0)), 3, LARGE, 0, &out), MM_OK);
	release(out);
	assert_int_equal(mm_kmalloc_aligned_st(mm_heap_set_site(&set, place(1)), 100, 256, 0, &out), MM_OK);
	assert_int_equal((uintptr_t)out % 256, 0);
	assert_int_equal(mm_kfree_sized(mm_heap_set_of(&set, out), out, 100, 256), MM_OK);
	for (unsigned i = 0; i < HEAPS; i++) /* no heap counts what another one took back */
		assert_int_equal(mm_heap_note_owners(&heaps[i]), MM_CHECKS >= 1 ? MM_OK : MM_E_NOTSUP);
}

static void caches_of_its_heaps_are_freed_through_a_set(void **state)
{
	(void)state;
	struct mm_cache_cfg cfg = { .name = "typed", .size = 64 };
	struct mm_cache *cache = NULL;
	void *p;

	assert_int_equal(mm_cache_create(&heaps[7], &cfg, &cache), MM_OK);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_ptr_equal(mm_heap_set_of(&set, p), &heaps[7]);
	release(p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void any_number_of_heaps_makes_a_set(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= HEAPS; n++) {
		unsigned mask = 0;

		assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
		start_set(&set, heaps, n);
		for (unsigned i = 0; i < 512; i++)
			mask |= 1u << number_of_place(i);
		assert_int_equal(mask, (1u << n) - 1);
		release(allocate(50, n));
	}
}

static void nothing_goes_while_something_is_allocated(void **state)
{
	(void)state;
	struct mm_prefill handle = { 0 };
	void *p = allocate(300, 9);

	fill(p, 300, 9);
	for (unsigned i = 0; i < HEAPS; i++)
		assert_int_equal(mm_heap_shrink(&heaps[i]), MM_OK);
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_BUSY);
	verify_set();
	release(allocate(40, 1)); /* all heaps work */
	check(p, 300, 9);
	release(p);
	assert_int_equal(mm_prefill_fill(&handle, &heaps[HEAPS - 1].caches[2], 3, 0), MM_OK);
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_BUSY);
	for (unsigned i = 0; i < HEAPS; i++)
		assert_ptr_equal(heaps[i].pmm, &pmm);
	mm_prefill_return(&handle);
}

static void callers_of_sets_are_answered(void **state)
{
	(void)state;
	struct mm_heap_set none = { 0 };
	struct mm_heap one;
	void *out = NULL;
	int outside;

	assert_int_equal(mm_heap_set_init(NULL, &one, 1, &pmm, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, NULL, 1, &pmm, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, &one, 1, NULL, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, &one, 0, &pmm, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, &one, MM_HEAP_SET_MAX + 1, &pmm, 1, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, &one, 1, &pmm, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_heap_set_init(&none, &one, 1, &(struct mm_pmm){ 0 }, 1, 0), MM_E_STATE);
	assert_int_equal(mm_heap_set_init(&none, &one, 1, &pmm, UINT32_MAX, 0), MM_E_NOMEM);
	assert_null(none.heaps);
	assert_null(mm_heap_set_site(NULL, 1));
	assert_null(mm_heap_set_site(&none, 1));
	assert_null(mm_heap_set_of(NULL, &outside));
	assert_null(mm_heap_set_of(&none, &outside));
	assert_ptr_equal(mm_heap_set_of(&set, &outside), heaps);
	assert_null(mm_kmalloc_site(NULL, 8, 0, 1));
	assert_null(mm_kmalloc_site(&none, 8, 0, 1));
	assert_null(mm_kmalloc_site(&set, 0, 0, 1));
	assert_null(mm_kmalloc_here(NULL, 8, 0));
	assert_null(mm_kmalloc_here(&none, 8, 0));
	assert_int_equal(mm_kmalloc_site_st(NULL, 8, 0, 1, &out), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_site_st(&none, 8, 0, 1, &out), MM_E_STATE);
	assert_int_equal(mm_kmalloc_site_st(&set, 8, 0, 1, NULL), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_site_st(&set, 0, 0, 1, &out), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_site_st(&set, 8, 1u << 30, 1, &out), MM_E_INVAL);
	assert_int_equal(mm_kmalloc_site_st(&set, SIZE_MAX, 0, 1, &out), MM_E_OVERFLOW);
	assert_int_equal(mm_krealloc_site_st(NULL, NULL, 8, 0, 1, &out), MM_E_INVAL);
	assert_int_equal(mm_krealloc_site_st(&none, NULL, 8, 0, 1, &out), MM_E_STATE);
	assert_int_equal(mm_krealloc_site_st(&none, &outside, 8, 0, 1, &out), MM_E_STATE);
	assert_int_equal(mm_krealloc_site_st(&set, &outside, 8, 0, 1, &out), MM_E_FOREIGN);
	assert_int_equal(mm_krealloc_site_st(&set, NULL, 8, 0, 1, NULL), MM_E_INVAL);
	assert_int_equal(mm_krealloc_site_st(&set, NULL, 0, 0, 1, &out), MM_E_INVAL);
	assert_int_equal(mm_kfree_set(NULL, &outside), MM_E_INVAL);
	assert_int_equal(mm_kfree_set(&none, &outside), MM_E_STATE);
	assert_int_equal(mm_kfree_set(&set, NULL), MM_OK);
	assert_int_equal(mm_kfree_set(&set, &outside), MM_E_FOREIGN);
	assert_int_equal(mm_heap_set_destroy(NULL), MM_E_INVAL);
	assert_int_equal(mm_heap_set_destroy(&none), MM_E_STATE);
	assert_null(out);
}

#if MM_CHECKS >= 1
static void wrong_frees_are_answered_and_change_nothing(void **state)
{
	(void)state;
	static struct mm_heap theirs[2];
	static struct mm_heap_set other;
	unsigned char *p = allocate(100, 1), *was = allocate(100, 2), *alone, *stranger, *alone_large, *stranger_large;
	unsigned char *large = mm_kmalloc_site(&set, LARGE, 0, place(3));
	void *out = NULL;
	mm_paddr_t page;

	start_set(&other, theirs, 2);
	assert_int_equal(mm_heap_init(&heap, &pmm, NCPUS), MM_OK);
	assert_non_null(alone = mm_kmalloc(&heap, 100, 0));
	assert_non_null(stranger = mm_kmalloc_site(&other, 100, 0, place(1)));
	assert_non_null(alone_large = mm_kmalloc(&heap, LARGE, 0));
	assert_non_null(stranger_large = mm_kmalloc_site(&other, LARGE, 0, place(1)));
	assert_int_equal(mm_page_alloc(&pmm, 0, 0, &page), MM_OK);
	release(was);
	assert_int_equal(mm_kfree_set(&set, was), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_kfree_set(&set, p + 1), MM_E_ALIGN);
	assert_int_equal(mm_kfree_set(&set, large + FRAME), MM_E_ALIGN);
	assert_int_equal(mm_kfree_set(&set, sim_to_virt(&sim, page)), MM_E_OWNER);
	assert_int_equal(mm_kfree_set(&set, heaps[0].cpus), MM_E_OWNER);
	assert_int_equal(mm_kfree_set(&set, alone), MM_E_OWNER); /* a heap of no set */
	assert_int_equal(mm_kfree_set(&set, stranger), MM_E_OWNER); /* of another one */
	assert_int_equal(mm_kfree_set(&set, alone_large), MM_E_OWNER);
	assert_int_equal(mm_kfree_set(&set, stranger_large), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heaps[(number_of_place(3) + 1) % HEAPS], large), MM_E_OWNER);
	assert_ptr_equal(mm_heap_set_of(&set, large), &heaps[number_of_place(3)]);
	assert_int_equal(mm_kfree_set(&other, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap, p), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heaps[(number_of_place(1) + 1) % HEAPS], p), MM_E_OWNER);
	assert_int_equal(mm_krealloc_site_st(&other, p, 50, 0, place(1), &out), MM_E_OWNER);
	assert_int_equal(mm_krealloc_site_st(&set, was, 50, 0, place(1), &out), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_ksize(mm_heap_set_of(&other, p), p), 0);
	for (unsigned i = 0; i < HEAPS; i++)
		assert_int_equal(mm_heap_shrink(&heaps[i]), MM_OK);
	assert_int_equal(mm_kfree_set(&set, was), MM_E_DOUBLE_FREE); /* wherever its pages are now */
	assert_null(out);
	verify_set();
	release(large);
	release(p);
	assert_int_equal(mm_page_free(&pmm, page, 0), MM_OK);
	assert_int_equal(mm_kfree(&heap, alone), MM_OK);
	assert_int_equal(mm_kfree(&heap, alone_large), MM_OK);
	assert_int_equal(mm_kfree_set(&other, stranger), MM_OK);
	assert_int_equal(mm_kfree_set(&other, stranger_large), MM_OK);
	assert_int_equal(mm_heap_set_destroy(&other), MM_OK);
}

/* Nobody may destroy a heap of a set; who does is answered. */
static void a_heap_that_was_destroyed_is_not_looked_up(void **state)
{
	(void)state;
	void *out = NULL;
	int outside;

	assert_int_equal(mm_heap_destroy(&heaps[0]), MM_OK);
	assert_int_equal(mm_kfree_set(&set, &outside), MM_E_STATE);
	assert_int_equal(mm_krealloc_site_st(&set, &outside, 8, 0, 1, &out), MM_E_STATE);
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_STATE);
	assert_null(out);
	assert_int_equal(mm_heap_init(&heaps[0], &pmm, NCPUS), MM_OK);
}

/* Whoever counted a block that notes owners gets it back; one heap notes none. */
static void large_blocks_with_owners_go_to_their_heap(void **state)
{
	(void)state;
	uintptr_t owner = 0;
	void *p[HEAPS];

	for (unsigned i = 0; i + 1 < HEAPS; i++)
		assert_int_equal(mm_heap_note_owners(&heaps[i]), MM_OK);
	for (unsigned i = 0; i < HEAPS; i++) {
		assert_non_null(p[i] = mm_kmalloc(&heaps[i], LARGE, 0));
		assert_ptr_equal(mm_heap_set_of(&set, p[i]), &heaps[i]);
		assert_int_equal(mm_heap_owner(&heaps[i], p[i], &owner), i + 1 < HEAPS ? MM_OK : MM_E_NOTSUP);
	}
	for (unsigned i = 0; i < HEAPS; i++)
		release(p[i]);
	for (unsigned i = 0; i < HEAPS; i++)
		assert_int_equal(large_of(&heaps[i]), 0);
	assert_int_equal(mm_heap_note_owners(&heaps[HEAPS - 1]), MM_OK);
	assert_int_equal(mm_heap_init(&heap, &pmm, NCPUS), MM_OK);
	assert_non_null(p[0] = mm_kmalloc(&heap, LARGE, 0));
	assert_int_equal(mm_kfree_set(&set, p[0]), MM_E_OWNER); /* all of theirs have records */
	assert_int_equal(mm_kfree(&heap, p[0]), MM_OK);
}

static bool refuses; /* the host cannot protect pages */

static bool protect(void *ctx, void *page, size_t bytes, bool accessible)
{
	(void)ctx, (void)page, (void)bytes;
	return !(refuses && accessible);
}

static void guarded_objects_are_found(void **state)
{
	(void)state;
	static const struct mm_guard_hooks hooks = { .protect = protect };
	struct mm_guard_cfg cfg = { .bytes = 32 * FRAME, .kmalloc = true, .hooks = &hooks };
	unsigned k = number_of_place(4);
	mm_paddr_t page;
	void *p;

	assert_int_equal(mm_page_alloc(&pmm, 5, 0, &page), MM_OK);
	cfg.base = sim_to_virt(&sim, page);
	cfg.pa = page;
	assert_int_equal(mm_guard_init(&heaps[k], &cfg), MM_OK);
	p = allocate(120, 4);
	assert_true((uintptr_t)p - (uintptr_t)cfg.base < cfg.bytes);
	assert_int_equal(mm_kfree_set(&set, (char *)p + 1), MM_E_ALIGN);
	assert_int_equal(mm_krealloc_site_st(&set, p, 1000, 0, place(5), &p), MM_OK);
	assert_int_equal(number(mm_heap_set_of(&set, p)), k);
	release(p);
	refuses = true;
	assert_int_equal(mm_heap_set_destroy(&set), MM_E_AGAIN);
	verify_set();
	release(allocate(100, 5));
	refuses = false;
	assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
	assert_int_equal(mm_page_free(&pmm, page, 5), MM_OK);
}
#endif

#if MM_HOOKS
static void a_set_that_cannot_be_set_up_leaves_nothing(void **state)
{
	(void)state;
	enum mm_status st = MM_E_NOMEM;

	assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
	for (unsigned at = 1; st != MM_OK; at++) {
		memset(heaps, 0xA5, sizeof(heaps));
		sim_fail_at(at, false);
		st = mm_heap_set_init(&set, heaps, HEAPS, &pmm, NCPUS, SEED);
		sim_fail_at(0, false);
		assert_true(st == MM_OK || (st == MM_E_NOMEM && !set.heaps && at <= 3 * HEAPS));
		if (st == MM_OK)
			assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
		assert_true(pmm_state_hash(&pmm) == before_heap);
	}
	memset(heaps, 0, sizeof(heaps));
}
#endif

#define SET_TEST(f) cmocka_unit_test_setup_teardown(f, start_sixteen, stop_set)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SET_TEST(a_place_has_one_heap_and_places_are_spread),
		SET_TEST(who_shares_a_heap_follows_from_the_seed),
		SET_TEST(objects_of_two_heaps_share_no_frame),
		SET_TEST(what_is_freed_is_not_given_to_another_place),
		SET_TEST(each_call_is_a_place),
		SET_TEST(memory_stays_with_its_place_when_its_size_changes),
		SET_TEST(large_blocks_come_and_go),
		SET_TEST(caches_of_its_heaps_are_freed_through_a_set),
		SET_TEST(any_number_of_heaps_makes_a_set),
		SET_TEST(nothing_goes_while_something_is_allocated),
		SET_TEST(callers_of_sets_are_answered),
#if MM_CHECKS >= 1
		SET_TEST(wrong_frees_are_answered_and_change_nothing),
		SET_TEST(a_heap_that_was_destroyed_is_not_looked_up),
		SET_TEST(large_blocks_with_owners_go_to_their_heap),
		SET_TEST(guarded_objects_are_found),
#endif
#if MM_HOOKS
		SET_TEST(a_set_that_cannot_be_set_up_leaves_nothing),
#endif
	};
	return cmocka_run_group_tests_name("slab site", tests, NULL, NULL);
}
