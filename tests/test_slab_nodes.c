/* SPDX-License-Identifier: MIT */
/* The heap on machines with nodes: objects are of the CPU's node, and go home when they are freed on another. */
#include "node_box.h"
#include "hook.h"
#include "slab/slab.h"

#define MANY 1500u
static void *held[MANY];

static void a_cpu_gets_objects_of_its_node(void **state)
{
	(void)state;
	static const size_t sizes[] = { 16, 100, 4096, 8192, 20000 };

	for (uint32_t round = 0; round < 40; round++)
		for (sim_cpu = 0; sim_cpu < nodes; sim_cpu++)
			for (unsigned s = 0; s < 5; s++) {
				void *p = mm_kmalloc(&heap, sizes[s], round & 1 ? MM_ALLOC_ZERO : 0);

				assert_non_null(p);
				/* from the last of four nodes, which has no memory, 2 is nearest */
				assert_int_equal(node_of(p), sim_cpu == 3 ? 2 : sim_cpu);
				assert_int_equal(mm_kfree(&heap, p), MM_OK);
			}
	verify_all();
}

/* What one node allocates and another one frees comes back: no new memory is needed. */
static void whole_magazines_go_home(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	size_t slabs = 0;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			held[i] = take_on(0, cache, 0);
			assert_int_equal(node_of(held[i]), 0);
		}
		for (unsigned i = 0; i < MANY; i++)
			free_on(1, cache, held[i]);
		assert_int_equal(count(cache, 1).slabs, 0);
		if (round == 9)
			slabs = count(cache, 0).slabs;
		assert_true(round < 9 || count(cache, 0).slabs <= slabs);
		verify_all();
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Objects of two nodes, freed in turns: each node's depots and slabs get their own. */
static void mixed_magazines_are_sorted(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);

	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < MANY; i++)
			held[i] = take_on(i % 3 == 0, cache, 0);
		for (unsigned i = 0; i < MANY; i++)
			free_on(1, cache, held[i]);
		verify_all();
		for (unsigned i = 0; i < 500; i++) {
			held[i] = take_on(0, cache, 0);
			assert_int_equal(node_of(held[i]), 0);
		}
		for (unsigned i = 0; i < 500; i++)
			free_on(0, cache, held[i]);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What fast paths look up begins with frames of the other node, of which they know nothing. */
static void nodes_meet_amid_a_table(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(4000, 0);

	for (unsigned n = 0; n < 300; n++) {
		held[n] = take_on(n % 2, cache, 0);
		assert_int_equal(node_of(held[n]), n % 2);
	}
	for (unsigned n = 0; n < 300; n++)
		free_on(n / 2 % 2, cache, held[n]);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	verify_all();
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* The same of blocks: without checks the frame's byte alone leads a free to their class. */
static void blocks_of_frames_before_the_range_go_home(void **state)
{
	(void)state;
	const struct mm_range *r = pmm.main;
	uintptr_t frame;
	unsigned n = 0, met = 0;
	void *p;

	assert_true(r->first % MM_SIDE_FRAMES != 0); /* and there the other node ends */
	for (; n < 300 && (p = mm_kmalloc(&heap, 2000, ONLY(0))); n++) {
		held[n] = p;
		met += mm_object_frame(&heap, p, &frame);
	}
	assert_true(n == 300);
	if (MM_CHECKS == 0) /* their bytes are not in the array that fast paths read */
		assert_int_equal(met, 0);
	else
		assert_true(met > 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(mm_kfree(&heap, held[i]), MM_OK);
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	verify_all();
}

/* Allocated and freed again and again, an object never leaves the magazine: the tick sees it. */
static void a_tick_sends_home_what_would_stay(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = take_on(0, cache, 0), *q = take_on(1, cache, 0);
	unsigned foreign = 0;

	free_on(1, cache, q);
	free_on(1, cache, p);
	for (unsigned i = 0; i < 10; i++) {
		p = take_on(1, cache, 0);
		foreign += node_of(p) != 1;
		free_on(1, cache, p);
	}
	assert_true(foreign == 10 || MM_HARDEN & (MM_HARDEN_QUARANTINE | MM_HARDEN_RANDOM));
	sim_cpu = 0;
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK); /* CPU 1 has not looked yet */
	p = take_on(1, cache, 0);
	free_on(1, cache, p); /* now it has */
	for (unsigned i = 0; i < 10; i++) {
		p = take_on(1, cache, 0);
		assert_int_equal(node_of(p), 1);
		free_on(1, cache, p);
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_drain_is_not_lost_to_a_tick(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	struct mm_cache_stats s;

	free_on(1, cache, take_on(1, cache, 0));
	sim_cpu = 0;
	sim.port.run_on = NULL;
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
	assert_int_equal(mm_heap_drain(&heap), MM_E_AGAIN);
	assert_int_equal(mm_heap_reap(&heap, NULL), MM_OK);
	sim_cpu = 1;
	mm_heap_cpu_idle(&heap);
	sim_cpu = 0;
	assert_int_equal(mm_heap_drain(&heap), MM_OK);
	assert_int_equal(mm_cache_stats(cache, &s), MM_OK);
	assert_int_equal(s.cached, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* A CPU has only objects of another node at hand: who asks for its own gets none of them. */
static void a_spare_of_another_node_does_not_serve(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	const unsigned n = cache->capacity;
	void *p;

	for (unsigned i = 0; i <= n; i++)
		held[i] = take_on(1, cache, 0);
	for (unsigned i = 0; i <= n; i++)
		free_on(0, cache, held[i]);
	p = take_on(0, cache, 0); /* now top is empty, spare full */
	assert_non_null(held[0] = mm_cache_alloc(cache, MM_ALLOC_NODE(0)));
	assert_int_equal(node_of(held[0]), 0);
	assert_non_null(held[1] = mm_cache_alloc(cache, MM_ALLOC_NODE(0) | MM_ALLOC_ZERO));
	assert_int_equal(node_of(held[1]), 0);
	free_on(0, cache, held[0]);
	free_on(0, cache, held[1]);
	free_on(0, cache, p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void flags_ask_for_a_node(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(100, 0);
	void *p[30], *q;

	for (sim_cpu = 0; sim_cpu < nodes; sim_cpu++)
		for (uint32_t node = 0; node < 3; node++) {
			assert_non_null(q = mm_cache_alloc(cache, MM_ALLOC_NODE(node)));
			assert_int_equal(node_of(q), node);
			assert_int_equal(mm_cache_free(cache, q), MM_OK);
			assert_non_null(q = mm_kmalloc(&heap, 500, ONLY(node) | MM_ALLOC_ZERO));
			assert_int_equal(node_of(q), node);
			assert_int_equal(mm_krealloc_st(&heap, q, 30000, MM_ALLOC_NODE(1), &q), MM_OK);
			assert_int_equal(node_of(q), 1);
			assert_int_equal(mm_kfree(&heap, q), MM_OK);
			assert_int_equal(mm_cache_alloc_bulk(cache, MM_ALLOC_NODE(node), p, 30), MM_OK);
			for (unsigned i = 0; i < 30; i++)
				assert_int_equal(node_of(p[i]), node);
			assert_int_equal(mm_cache_free_bulk(cache, p, 30), MM_OK);
		}
	verify_all();
	sim_cpu = 0;
	assert_non_null(q = mm_cache_alloc(cache, MM_ALLOC_NODE_EXACT)); /* the CPU's */
	assert_int_equal(node_of(q), 0);
	assert_int_equal(mm_cache_free(cache, q), MM_OK);
	assert_non_null(q = mm_cache_alloc(cache, MM_ALLOC_NODE(3))); /* it has no memory */
	assert_int_equal(node_of(q), 2);
	assert_int_equal(mm_cache_free(cache, q), MM_OK);
	assert_int_equal(mm_cache_alloc_st(cache, ONLY(3), &q), MM_E_NOMEM);
	assert_int_equal(mm_kmalloc_st(&heap, 30000, ONLY(3), &q), MM_E_NOMEM);
	sim_cpu = 3;
	assert_null(mm_cache_alloc(cache, MM_ALLOC_NODE_EXACT));
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static struct mm_cache *asked;
static enum mm_status exact;

/* While a slab is made on node 0, CPU 1 wants an object. */
static bool want_one_meanwhile(void *ctx, size_t bytes)
{
	void *p;

	(void)ctx;
	(void)bytes;
	if (sim_cpu == 1) /* on node 1 there is no memory */
		return true;
	sim_cpu = 1;
	exact = mm_cache_alloc_st(asked, ONLY(1) | MM_ALLOC_ATOMIC, &p);
	sim_cpu = 0;
	return true;
}

static void uncharge(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
}

/* A slab that is on its way on another node is none for who wants this one's memory, and no other. */
static void what_comes_on_another_node_is_not_waited_for(void **state)
{
	(void)state;
	static mm_paddr_t eaten[NODE_FRAMES];
	static const struct mm_cache_hooks hooks = { .charge = want_one_meanwhile, .uncharge = uncharge };
	const struct mm_cache_cfg cfg = { .name = "asked", .size = 4000, .hooks = &hooks };
	unsigned n = 0;
	void *p;

	assert_int_equal(mm_cache_create(&heap, &cfg, &asked), MM_OK);
	sim_cpu = 1;
	while (mm_page_alloc(&pmm, 0, ONLY(1), &eaten[n]) == MM_OK)
		n++;
	sim_cpu = 0;
	assert_non_null(p = mm_cache_alloc(asked, 0));
	assert_int_equal(exact, MM_E_NOMEM);
	free_on(0, asked, p);
	while (n > 0)
		assert_int_equal(mm_page_free(&pmm, eaten[--n], 0), MM_OK);
	assert_int_equal(mm_cache_destroy(asked), MM_OK);
}

static mm_paddr_t eaten_here[NODE_FRAMES];
static unsigned neaten;
static enum mm_status at_last;

/* All memory of node 0; why there is no more. */
static enum mm_status eat_here(uint32_t flags)
{
	enum mm_status st;

	while ((st = mm_page_alloc(&pmm, 0, ONLY(0) | flags, &eaten_here[neaten])) == MM_OK)
		neaten++;
	return st;
}

/* While a slab that has its pages is made on node 0, which has no others, CPU 1 wants an object of that node. */
static void want_one_of_them(void *ctx, void *p)
{
	void *other;

	(void)ctx;
	(void)p;
	if (at_last != MM_OK)
		return;
	sim_cpu = 1;
	at_last = eat_here(MM_ALLOC_ATOMIC);
	exact = mm_cache_alloc_st(asked, ONLY(0) | MM_ALLOC_ATOMIC, &other);
	sim_cpu = 0;
}

/* A slab that is on its way on the node that is asked for, and no other, is worth another try. */
static void what_comes_on_the_node_itself_is_worth_another_try(void **state)
{
	(void)state;
	static const struct mm_cache_hooks hooks = { .ctor = want_one_of_them };
	const struct mm_cache_cfg cfg = { .name = "asked", .size = 4096 - MM_OBJECT_REDZONE, .hooks = &hooks };
	void *p, *q;

	/* eight in a slab, of which a magazine takes four */
	at_last = MM_OK;
	neaten = 0;
	assert_int_equal(mm_cache_create(&heap, &cfg, &asked), MM_OK);
	sim_cpu = 1;
	assert_int_equal(eat_here(0), MM_E_NOMEM);
	for (unsigned i = 0; i < 40; i++) /* for a slab, and what it needs */
		assert_int_equal(mm_page_free(&pmm, eaten_here[--neaten], 0), MM_OK);
	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	p = take_on(0, asked, 0);
	assert_non_null(p);
	assert_int_equal(at_last, MM_E_NOMEM);
	assert_int_equal(exact, MM_E_AGAIN);
	q = take_on(1, asked, ONLY(0));
	assert_non_null(q);
	assert_int_equal(node_of(q), 0);
	free_on(1, asked, q);
	free_on(0, asked, p);
	while (neaten > 0)
		assert_int_equal(mm_page_free(&pmm, eaten_here[--neaten], 0), MM_OK);
	assert_int_equal(mm_cache_destroy(asked), MM_OK);
}

static void wrong_nodes_are_answered(void **state)
{
	(void)state;
	static const uint32_t wrong[] = { 2, 3, 255, 0x7fd, 0x7fe, 0xffffffff };
	struct mm_cache *cache = make_cache(100, 0);
	struct mm_cache_node_stats s = { .slabs = 77 };
	struct mm_mempool pool;
	void *p = &p, *many[4], *place;
	mm_paddr_t pa;

	assert_int_equal(mm_mempool_init(&pool, cache, &place, 1, 0), MM_OK);
	for (unsigned i = 0; i < 6; i++) {
		uint32_t flags = MM_ALLOC_NODE(wrong[i]);

		for (int exact = 0; exact < 2; exact++, flags |= MM_ALLOC_NODE_EXACT) {
			assert_int_equal(mm_cache_alloc_st(cache, flags, &p), MM_E_INVAL);
			assert_null(mm_cache_alloc(cache, flags));
			assert_int_equal(mm_cache_alloc_paddr(cache, flags, &p, &pa), MM_E_INVAL);
			assert_int_equal(mm_cache_alloc_bulk(cache, flags, many, 4), MM_E_INVAL);
			assert_int_equal(mm_kmalloc_st(&heap, 10, flags, &p), MM_E_INVAL);
			assert_int_equal(mm_kmalloc_st(&heap, 30000, flags, &p), MM_E_INVAL);
			assert_null(mm_kmalloc(&heap, 10, flags));
			assert_int_equal(mm_kmalloc_array_st(&heap, 2, 10, flags, &p), MM_E_INVAL);
			assert_int_equal(mm_kmalloc_aligned_st(&heap, 10, 64, flags, &p), MM_E_INVAL);
			assert_int_equal(mm_krealloc_st(&heap, NULL, 10, flags, &p), MM_E_INVAL);
		}
		assert_int_equal(mm_cache_node_stats(cache, wrong[i], &s), MM_E_INVAL);
	}
	assert_int_equal(mm_kmalloc_st(&heap, 10, MM_ALLOC_ZONE(0), &p), MM_E_INVAL);
	assert_null(mm_mempool_alloc(&pool, MM_ALLOC_NODE(0))); /* its reserve is of any node */
	assert_null(mm_mempool_alloc(&pool, MM_ALLOC_NODE_EXACT));
	assert_int_equal(mm_cache_node_stats(NULL, 0, &s), MM_E_INVAL);
	assert_int_equal(mm_cache_node_stats(cache, 0, NULL), MM_E_INVAL);
	assert_int_equal(s.slabs, 77);
	assert_ptr_equal(p, &p);
	assert_int_equal(mm_mempool_destroy(&pool), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
	assert_int_equal(mm_cache_node_stats(cache, 0, &s), MM_E_STATE);
}

/* When its own is used up, a CPU gets objects of the nearest node; those that are there come before new slabs. */
static void others_follow_by_distance(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(4096, 0);
	unsigned n = 0, last = 3;
	size_t slabs;

	held[n++] = take_on(2, cache, 0);
	slabs = count(cache, 2).objects;
	for (; n < MANY && (held[n] = take_on(3, cache, 0)) != NULL; n++) {
		uint32_t node = node_of(held[n]);

		assert_true(node + 1 >= last); /* 2, then 1, then 0 */
		if (n < slabs / 2)
			assert_int_equal(count(cache, 2).objects, slabs);
		last = node < last ? node : last;
	}
	assert_int_equal(last, 0);
	assert_true(n > 3 * NODE_FRAMES * 8 / 10);
	verify_all();
	while (n > 0) /* all on node 0: they go home, and are there for all */
		free_on(0, cache, held[--n]);
	for (sim_cpu = 0; sim_cpu < 3; sim_cpu++) {
		assert_non_null(held[0] = mm_cache_alloc(cache, MM_ALLOC_NODE_EXACT));
		assert_int_equal(node_of(held[0]), sim_cpu);
		assert_int_equal(mm_cache_free(cache, held[0]), MM_OK);
	}
	sim_cpu = 0;
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* What other nodes' depots have is used before memory is called used up; so it is within a quota. */
static void depots_of_other_nodes_are_looked_into(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(256, 20 * MM_FRAME_SIZE);
	unsigned n = 0, again;

	while (n < MANY && (held[n] = take_on(0, cache, 0)) != NULL)
		n++;
	assert_true(n >= 20 * MM_FRAME_SIZE / (256 + 64) && n < MANY);
	assert_int_equal(mm_cache_alloc_st(cache, 0, &held[n]), MM_E_NOSPC);
	assert_null(take_on(1, cache, 0));
	for (unsigned i = 0; i < n; i++)
		free_on(0, cache, held[i]);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_offline(&heap, 0), MM_OK); /* all is in the depot, or in slabs */
	for (again = 0; again < MANY && (held[again] = take_on(1, cache, 0)) != NULL; again++)
		;
	assert_int_equal(again, n);
	while (again > 0)
		free_on(1, cache, held[--again]);
	sim_cpu = 0;
	assert_int_equal(mm_heap_cpu_online(&heap, 0), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* After settling, what CPUs have at hand is of their nodes, whoever freed it there. */
static void after_settling_all_is_home(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(200, 0);
	unsigned x = 1;

	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 400; i++)
			held[i] = take_on((x = x * 1664525 + 1013904223) >> 30, cache, 0);
		for (unsigned i = 0; i < 400; i++)
			free_on((x = x * 1664525 + 1013904223) >> 30, cache, held[i]);
		settle();
		for (unsigned i = 0; i < 200; i++) {
			held[i] = take_on(i % 4, cache, 0);
			assert_int_equal(node_of(held[i]), i % 4 == 3 ? 2 : i % 4);
		}
		for (unsigned i = 0; i < 200; i++)
			free_on(i % 4, cache, held[i]);
		verify_all();
	}
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

/* Sum of what the nodes count is what the cache counts; and where memory goes back, it does on all nodes. */
static void all_nodes_count_and_give_back(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(500, 0);
	struct mm_cache_stats s;
	size_t slabs = 0, objects = 0, bytes = 0, got;

	for (unsigned i = 0; i < 300; i++)
		held[i] = take_on(i % 3, cache, 0);
	assert_int_equal(mm_cache_stats(cache, &s), MM_OK);
	assert_int_equal(s.used, 300);
	for (uint32_t node = 0; node < nodes; node++) {
		struct mm_cache_node_stats n = count(cache, node);

		assert_true(node == 3 ? n.slabs == 0 : n.objects - n.home >= 100);
		slabs += n.slabs;
		objects += n.objects;
		bytes += n.bytes;
	}
	assert_true(slabs == s.slabs && objects == s.objects && bytes == s.bytes);
	for (unsigned i = 0; i < 300; i++)
		free_on(i % 2, cache, held[i]);
	for (sim_cpu = 0; sim_cpu < nodes; sim_cpu++)
		assert_int_equal(mm_heap_cpu_offline(&heap, sim_cpu), MM_OK); /* each unplugged */
	sim_cpu = 0;
	assert_int_equal(mm_cache_stats(cache, &s), MM_OK);
	assert_int_equal(s.used, 0);
	verify_all();
	assert_int_equal(mm_heap_reclaim(&heap, 1000000, &got), MM_OK);
	for (uint32_t node = 0; node < nodes; node++)
		assert_int_equal(count(cache, node).slabs, 0);
	assert_true(got > 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void a_tick_trims_all_nodes(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(500, 0);
	size_t frames, sum = 0;

	for (unsigned i = 0; i < 900; i++)
		held[i] = take_on(i % 3, cache, 0);
	for (unsigned i = 0; i < 900; i++)
		free_on(0, cache, held[i]);
	settle();
	for (unsigned tick = 0; tick < 8; tick++) {
		assert_int_equal(mm_heap_reap(&heap, &frames), MM_OK);
		sum += frames;
	}
	assert_true(sum > 0);
	for (uint32_t node = 0; node < 3; node++)
		assert_true(count(cache, node).slabs <= 40);
	assert_int_equal(mm_heap_shrink(&heap), MM_OK);
	for (uint32_t node = 0; node < nodes; node++)
		assert_int_equal(count(cache, node).slabs, 0);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_CHECKS >= 1
/* Who holds memory is told, on whatever node it is. */
static void owners_are_found_on_all_nodes(void **state)
{
	(void)state;
	struct mm_leak_walk it = { 0 };
	struct mm_leak_object o;
	struct mm_leak leak[2], rest;
	size_t n = 0, found = 0, large = 0;

	assert_int_equal(mm_heap_note_owners(&heap), MM_OK);
	for (unsigned i = 0; i < 300; i++) {
		assert_non_null(held[i] = mm_kmalloc(&heap, i % 30 ? 100 : 20000, MM_ALLOC_NODE(i % 3)));
		assert_int_equal(node_of(held[i]), i % 3);
		assert_int_equal(mm_heap_set_owner(&heap, held[i], 7), MM_OK);
	}
	assert_int_equal(mm_heap_leaks(&heap, leak, 2, &n, &rest), MM_OK);
	assert_true(leak[0].owner == 7 && leak[0].objects == 300);
	for (; mm_leak_next(&heap, &it, 7, &o); found++)
		large += !o.cache;
	assert_int_equal(found, 300);
	assert_int_equal(large, 10);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(mm_kfree(&heap, held[i]), MM_OK);
}
#endif

static void a_cpu_may_change_its_node(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(64, 0);
	void *p = take_on(0, cache, 0);

	free_on(0, cache, p);
	assert_int_equal(mm_heap_cpu_offline(&heap, 0), MM_OK);
	assert_int_equal(mm_pmm_cpu_offline(&pmm, 0), MM_OK);
	assert_int_equal(mm_pmm_cpu_set_node(&pmm, 0, 1), MM_OK);
	assert_non_null(p = mm_cache_alloc(cache, 0)); /* not online: it goes round */
	assert_int_equal(node_of(p), 1);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_pmm_cpu_online(&pmm, 0), MM_OK);
	assert_int_equal(mm_heap_cpu_online(&heap, 0), MM_OK);
	assert_non_null(p = mm_cache_alloc(cache, 0));
	assert_int_equal(node_of(p), 1);
	assert_int_equal(mm_cache_free(cache, p), MM_OK);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

static void verify_sees_what_is_on_the_wrong_node(void **state)
{
	(void)state;
	struct mm_cache *cache = make_cache(16, 0), *other = &heap.parts[0][cache->id];
	void *p = take_on(0, cache, 0);
	struct mm_slab *slabs = cache->partial;

	assert_int_equal(mm_cache_verify(cache), MM_OK);
	cache->admitted++;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->admitted--;
	cache->node = 1; /* its slabs are of node 0 */
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	cache->node = 0;
	assert_non_null(slabs);
	other->partial = slabs;
	assert_int_equal(mm_cache_verify(cache), MM_E_CORRUPT);
	other->partial = NULL;
	assert_int_equal(mm_cache_verify(cache), MM_OK);
	free_on(0, cache, p);
	assert_int_equal(mm_cache_destroy(cache), MM_OK);
}

#if MM_HOOKS
/* Each internal allocation of one call fails, once and from then on. */
static void a_failed_allocation_changes_nothing(void **state)
{
	(void)state;
	static const uint32_t flags[] = { 0, MM_ALLOC_NODE(1), ONLY(1), MM_ALLOC_NODE(3), MM_ALLOC_ATOMIC };

	for (unsigned f = 0; f < 5; f++)
		for (int sticky = 0; sticky < 2; sticky++)
			for (unsigned nth = 1, failed = 1; failed; nth++) {
				void *p = &p;
				enum mm_status st;

				assert_int_equal(mm_heap_shrink(&heap), MM_OK);
				sim_fail_at(nth, sticky);
				st = mm_kmalloc_st(&heap, 1000, flags[f], &p);
				failed = sim_fail_calls() >= nth;
				sim_fail_at(0, false);
				if (st != MM_OK) {
					assert_int_equal(st, MM_E_NOMEM);
					assert_ptr_equal(p, &p);
					verify_all();
					assert_int_equal(mm_kmalloc_st(&heap, 1000, flags[f], &p), MM_OK);
				}
				if (flags[f] == ONLY(1))
					assert_int_equal(node_of(p), 1);
				assert_int_equal(mm_kfree(&heap, p), MM_OK);
			}
}

static void init_undoes_each_failed_allocation(void **state)
{
	(void)state;
	struct mm_heap other = { 0 };
	uint64_t hash;
	unsigned nth = 0;
	enum mm_status st;

	assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
	hash = pmm_state_hash(&pmm);
	do {
		sim_fail_at(++nth, false);
		st = mm_heap_init(&other, &pmm, nodes);
		sim_fail_at(0, false);
		assert_int_equal(mm_pmm_drain(&pmm), MM_OK);
		assert_true(st == MM_OK || (!other.pmm && pmm_state_hash(&pmm) == hash));
	} while (st != MM_OK);
	assert_true(nth > 3);
	assert_int_equal(mm_heap_destroy(&other), MM_OK);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO_NODES(a_cpu_gets_objects_of_its_node),
		FOUR_NODES(a_cpu_gets_objects_of_its_node),
		TWO_NODES(whole_magazines_go_home),
		TWO_NODES(mixed_magazines_are_sorted),
		FOUR_NODES(mixed_magazines_are_sorted),
		cmocka_unit_test_setup_teardown(nodes_meet_amid_a_table, two_uneven, stop),
		cmocka_unit_test_setup_teardown(blocks_of_frames_before_the_range_go_home, two_uneven, stop),
		TWO_NODES(a_tick_sends_home_what_would_stay),
		TWO_NODES(a_drain_is_not_lost_to_a_tick),
		TWO_NODES(a_spare_of_another_node_does_not_serve),
		FOUR_NODES(flags_ask_for_a_node),
		TWO_NODES(what_comes_on_another_node_is_not_waited_for),
		TWO_NODES(what_comes_on_the_node_itself_is_worth_another_try),
		TWO_NODES(wrong_nodes_are_answered),
		FOUR_NODES(others_follow_by_distance),
		TWO_NODES(depots_of_other_nodes_are_looked_into),
		FOUR_NODES(after_settling_all_is_home),
		FOUR_NODES(all_nodes_count_and_give_back),
		FOUR_NODES(a_tick_trims_all_nodes),
#if MM_CHECKS >= 1
		FOUR_NODES(owners_are_found_on_all_nodes),
#endif
		TWO_NODES(a_cpu_may_change_its_node),
		TWO_NODES(verify_sees_what_is_on_the_wrong_node),
#if MM_HOOKS
		FOUR_NODES(a_failed_allocation_changes_nothing),
		FOUR_NODES(init_undoes_each_failed_allocation),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
