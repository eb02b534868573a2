/* SPDX-License-Identifier: MIT */
/* One script asks for everything that the heap needs memory for, on two nodes. Of all requests that mmlib makes
 * for it the k-th fails, for each k, once and from then on while one call lasts. What fails changes nothing, and
 * succeeds when it is asked again; and at last each place in src/slab that may fail did (src/hook.h). */
#include "epoch_box.h"
#include "node_box.h"
#include "hook.h"
#include <mmlib/percpu.h>
#include <mmlib/site.h>
#include "slab/slab.h"

#define NCPUS 2u
#define LARGE ((size_t)MM_FRAME_SIZE * 4 - 2000)
#define MANY  40u
#define LATE  200u /* more than a batch of deferred frees holds */

static struct mm_heap other, heaps[2];
static struct mm_heap_set set;
static struct mm_cache *cache, *noting;
static struct mm_prefill handle;
static struct mm_mempool pool;
static struct mm_deferred deferred;
static struct mm_percpu percpu;
static uint32_t offset;
static void *bulk[MANY], *places[MANY], *late[LATE], *kept[16];
static unsigned nkept, nlate;

/* ---- the script ---- */

static enum mm_status set_up(struct mm_heap *h)
{
	enum mm_status st = mm_heap_init(h, &pmm, NCPUS);

	if (st == MM_OK)
		assert_int_equal(mm_heap_cpu_online(h, 1), MM_OK);
	return st;
}

static enum mm_status set_up_first(void)
{
	return set_up(&heap);
}

static enum mm_status set_up_other(void)
{
	static const struct mm_cache_cfg plain = { .name = "plain", .size = 1000 };
	static const struct mm_cache_cfg notes = { .name = "noting", .size = 200, .flags = MM_CACHE_OWNERS };
	enum mm_status st = set_up(&other);

	if (st == MM_OK) {
		assert_int_equal(mm_cache_create(&other, &plain, &cache), MM_OK);
		assert_int_equal(mm_cache_create(&other, &notes, &noting), MM_OK);
		assert_int_equal(mm_heap_note_owners(&other), MM_OK);
	}
	return st;
}

static enum mm_status keep(struct mm_heap *h, size_t size, uint32_t flags)
{
	void *p = kept;
	enum mm_status st = mm_kmalloc_st(h, size, flags, &p);

	if (st == MM_OK)
		kept[nkept++] = p;
	else
		assert_ptr_equal(p, kept);
	return st;
}

static enum mm_status small(void)
{
	return keep(&heap, 40, 0);
}

static enum mm_status small_of_another_node(void)
{
	return keep(&heap, 1000, ONLY(1));
}

static enum mm_status of_a_slab_of_many_pages(void)
{
	return keep(&heap, 7000, 0);
}

static enum mm_status large(void)
{
	return keep(&heap, LARGE, 0);
}

static enum mm_status large_with_record(void)
{
	return keep(&other, LARGE, ONLY(1)); /* where there is no table yet */
}

static enum mm_status larger(void)
{
	void *p = kept;
	enum mm_status st = mm_krealloc_st(&heap, kept[1], LARGE, 0, &p);

	if (st == MM_OK)
		kept[1] = p;
	else
		assert_ptr_equal(p, kept);
	return st;
}

static enum mm_status with_owners(void)
{
	return mm_cache_alloc_st(noting, 0, &bulk[0]);
}

static enum mm_status many_at_once(void)
{
	return mm_cache_alloc_bulk(cache, 0, bulk + 1, MANY - 1);
}

static enum mm_status a_handle(void)
{
	enum mm_status st = mm_prefill_fill(&handle, cache, 20, 0);

	assert_int_equal(handle.n, st == MM_OK ? 20 : 0);
	return st;
}

static enum mm_status a_reserve(void)
{
	enum mm_status st = mm_mempool_init(&pool, cache, places, MANY, 0);

	assert_true((st == MM_OK) == (pool.cache != NULL));
	return st;
}

static enum mm_status a_variable_for_each_cpu(void)
{
	return mm_percpu_init(&percpu, &pmm, NCPUS, 100);
}

static enum mm_status heaps_as_one(void)
{
	return mm_heap_set_init(&set, heaps, 2, &pmm, NCPUS, 7);
}

static enum mm_status one_of_a_heap_of_those(void)
{
	void *p = kept;
	enum mm_status st = mm_kmalloc_site_st(&set, 100, 0, 0x1234, &p);

	if (st == MM_OK)
		assert_int_equal(mm_kfree_set(&set, p), MM_OK);
	else
		assert_ptr_equal(p, kept);
	return st;
}

static enum mm_status one_to_free_later(void)
{
	return mm_kmalloc_st(&heap, 64, 0, &late[nlate]);
}

static enum mm_status free_it_later(void)
{
	enum mm_status st = mm_kfree_deferred(&deferred, late[nlate]);

	nlate += st == MM_OK;
	assert_int_equal(deferred.waiting, nlate);
	return st;
}

/* ---- what it changes ---- */

static uint64_t hash_of_heap(uint64_t hash, struct mm_heap *h)
{
	uint32_t it = 0;

	if (!h->pmm)
		return hash;
	assert_int_equal(mm_heap_shrink(h), MM_OK);
	hash = sim_hash(hash, &h->nlarge, sizeof(h->nlarge));
	for (struct mm_cache *c; (c = mm_cache_next(h, &it));) {
		struct mm_cache_stats s;

		assert_int_equal(mm_cache_verify(c), MM_OK);
		assert_int_equal(mm_cache_stats(c, &s), MM_OK);
		hash = sim_hash(hash, &s.used, sizeof(s.used));
		hash = sim_hash(hash, &s.slabs, sizeof(s.slabs));
	}
	return hash;
}

/* Tables from frame to slab stay until the last heap goes, whoever wanted one. */
static size_t tables_of(const struct mm_range *r)
{
	void **last = NULL;
	size_t n = 0;

	for (mm_pfn_t pfn = r->first; r->side && pfn <= r->last; pfn++) {
		void **place = slab_table_place(r, slab_frame(r, pfn));

		n += place != last && *place;
		last = place;
	}
	return n;
}

/* Pages of magazines go back all at once, when nobody uses one of them. */
static size_t pages_of_magazines(void)
{
	return (size_t)heap.nmagazine_pages + other.nmagazine_pages + heaps[0].nmagazine_pages +
	       heaps[1].nmagazine_pages;
}

/* What each frame is but for mmlib's own, and how many those and the free ones are, but for what stays. */
static uint64_t hash_of_frames(uint64_t hash)
{
	size_t own = 0, free = 0, stay = pages_of_magazines();

	for (uint32_t i = 0; i < pmm.nranges; i++) {
		const struct mm_range *r = &pmm.ranges[i];

		for (mm_pfn_t pfn = r->first; pfn <= r->last; pfn++) {
			uint8_t byte = (uint8_t)frame_load(r, pfn);

			own += byte == FRAME_META;
			byte = byte == FRAME_META ? FRAME_FREE : byte;
			hash = sim_hash(hash, &byte, 1);
		}
		stay += tables_of(r);
	}
	for (uint32_t z = 0; z < pmm.nzones; z++)
		free += (size_t)pmm.zones[z].free;
	own -= stay;
	free += stay;
	hash = sim_hash(hash, &own, sizeof(own));
	return sim_hash(hash, &free, sizeof(free));
}

/* All that is allocated, of objects and of frames; nothing is at hand any more. */
static uint64_t state_now(void)
{
	uint64_t hash = hash_of_heap(0, &heap);

	hash = hash_of_heap(hash, &other);
	for (unsigned i = 0; i < 2; i++)
		hash = hash_of_heap(hash, &heaps[i]);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_int_equal(mm_pmm_verify(&pmm), MM_OK);
	return hash_of_frames(hash);
}

/* ---- failures ---- */

static unsigned to_fail; /* requests from now to the one that fails */
static bool from_then_on, looks;

#define CALL_MOST 64u /* requests of one call */

/* One call of the script. If it fails, nothing has changed, and the same succeeds then. */
static void called(const char *name, enum mm_status (*what)(void))
{
	bool may_fail = to_fail && to_fail <= CALL_MOST;
	uint64_t before = looks && may_fail ? state_now() : 0;
	enum mm_status st;
	unsigned calls;

	sim_fail_at(to_fail, from_then_on);
	st = what();
	calls = sim_fail_calls();
	sim_fail_at(0, false);
	if (st != MM_OK) {
		assert_true(may_fail && calls >= to_fail);
		assert_int_equal(st, MM_E_NOMEM);
		if (looks && state_now() != before)
			fail_msg("%s, which fails at request %u, changes something", name, to_fail);
		assert_int_equal(what(), MM_OK);
	}
	to_fail = calls < to_fail ? to_fail - calls : 0;
}

#define call(what) called(#what, what)
static void whole_script(void)
{

	call(a_variable_for_each_cpu);
	call(set_up_first);
	call(set_up_other);
	call(large_with_record);
	call(small);
	call(small_of_another_node);
	call(of_a_slab_of_many_pages);
	call(large);
	call(larger);
	call(with_owners);
	call(many_at_once);
	call(a_handle);
	call(a_reserve);
	call(heaps_as_one);
	call(one_of_a_heap_of_those);
	assert_int_equal(mm_deferred_init(&deferred, &heap, &epoch_hooks), MM_OK);
	while (nlate < LATE && !MM_PLANTED(MM_PLANT_UNTRIED)) {
		call(one_to_free_later);
		call(free_it_later);
	}
	assert_int_equal(mm_percpu_alloc(&percpu, 8, 0, &offset), MM_OK);
}

/* Everything goes back. */
static void undo(void)
{
	size_t refused = 1;

	assert_int_equal(mm_deferred_poll(&deferred), MM_OK);
	assert_int_equal(mm_deferred_destroy(&deferred, &refused), MM_OK);
	assert_int_equal(refused, 0);
	mm_prefill_return(&handle);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_free(noting, bulk[0]), MM_OK);
	assert_int_equal(mm_cache_free_bulk(cache, bulk + 1, MANY - 1), MM_OK);
	while (nkept) {
		nkept--;
		assert_int_equal(mm_kfree(nkept == 0 ? &other : &heap, kept[nkept]), MM_OK);
	}
	assert_int_equal(mm_heap_set_destroy(&set), MM_OK);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
	assert_int_equal(mm_heap_destroy(&heap), MM_OK);
	assert_int_equal(mm_percpu_free(&percpu, offset), MM_OK);
	assert_int_equal(mm_percpu_destroy(&percpu), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	assert_true(pmm_state_hash(&pmm) == before_heap);
	nlate = 0;
}

/* The k-th request fails, for each k that there is. Returns how many there were. */
static unsigned fail_each(void)
{
	for (unsigned k = 1;; k++) {
		bool failed;

		nodes = 2;
		make_pmm(2);
		to_fail = k;
		whole_script();
		failed = to_fail == 0;
		undo();
		sim_destroy(&sim);
		if (!failed)
			return k - 1;
	}
}

static void what_fails_changes_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		looks = i & 1; /* else objects are at hand */
		from_then_on = i & 2;
		assert_true(fail_each() >= 40);
	}
}

extern struct mm_hook_site __start_mm_hook_sites[], __stop_mm_hook_sites[];

static void each_place_that_may_fail_did(void **state)
{
	unsigned n = 0, untried = 0;

	(void)state;
	for (struct mm_hook_site *s = __start_mm_hook_sites; s < __stop_mm_hook_sites; s++)
		if (strstr(s->file, "/slab/") || strstr(s->file, "/percpu.c")) {
			n++;
			untried += !s->failed;
			if (!s->failed)
				print_error("never failed: %s:%u\n", s->file, s->line);
		}
	assert_true(n >= 10);
	assert_int_equal(untried, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fails_changes_nothing),
		cmocka_unit_test(each_place_that_may_fail_did), /* behind it */
	};
	return cmocka_run_group_tests_name("slab failures", tests, NULL, NULL);
}
