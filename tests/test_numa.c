/* SPDX-License-Identifier: MIT */
/* NUMA nodes: ranges against an array of owners, distances, wrong input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/numa.h>
#include <string.h>

/* Nodes with their arrays. */
struct box {
	struct mm_numa numa;
	struct mm_numa_range ranges[16];
	uint8_t distances[4 * 4];
};

static void prepare(struct box *b)
{
	assert_int_equal(mm_numa_init(&b->numa, b->ranges, 16, b->distances, 4), MM_OK);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void ranges_say_what_was_added(void **state)
{
	enum { UNITS = 64, UNIT = 0x1000, CAPACITY = 8 };
	uint64_t seed = 7;

	(void)state;
	for (int run = 0; run < 2000; run++) {
		struct mm_numa_range ranges[CAPACITY], r;
		uint8_t distances[9];
		struct mm_numa numa;
		uint32_t owner[UNITS], it = 0, kept = 0;

		assert_int_equal(mm_numa_init(&numa, ranges, CAPACITY, distances, 3), MM_OK);
		memset(owner, 0xff, sizeof(owner));
		for (int i = 0; i < 60; i++) {
			uint32_t first = (uint32_t)(next_random(&seed) % UNITS);
			uint32_t n = (uint32_t)(next_random(&seed) % (UNITS - first) % 9);
			uint32_t node = (uint32_t)(next_random(&seed) % 4);
			uint32_t before = numa.count;
			bool taken = false, grows = true;

			for (uint32_t u = first; u < first + n; u++)
				taken |= owner[u] != MM_NUMA_NONE && owner[u] != node;
			for (uint32_t u = first ? first - 1 : 0; u <= first + n && u < UNITS; u++)
				grows &= owner[u] != node;
			enum mm_status want = node == 3                     ? MM_E_2BIG
					      : n == 0                      ? MM_OK
					      : taken                       ? MM_E_EXIST
					      : before == CAPACITY && grows ? MM_E_2BIG
									    : MM_OK;
			assert_int_equal(mm_numa_add_range(&numa, (uint64_t)first * UNIT,
							   (uint64_t)n * UNIT, node),
					 want);
			if (want == MM_OK)
				for (uint32_t u = first; u < first + n; u++)
					owner[u] = node;
			assert_int_equal(mm_numa_verify(&numa), MM_OK);
		}
		for (uint32_t u = 0; u < UNITS; u++) {
			assert_int_equal(mm_numa_node_of(&numa, u * UNIT), owner[u]);
			assert_int_equal(mm_numa_node_of(&numa, u * UNIT + UNIT - 1), owner[u]);
		}
		while (mm_numa_next(&numa, &it, &r))
			kept++;
		assert_int_equal(kept, numa.count);
	}
}

static void ranges_reach_the_end_of_the_address_space(void **state)
{
	static struct box b;

	(void)state;
	prepare(&b);
	assert_int_equal(mm_numa_add_range(&b.numa, MM_PADDR_MAX - 0xfff, 0x1000, 2), MM_OK);
	assert_int_equal(mm_numa_node_of(&b.numa, MM_PADDR_MAX), 2);
	assert_int_equal(mm_numa_add_range(&b.numa, UINT64_MAX, 2, 1), MM_OK); /* wraps: dropped */
	assert_int_equal(mm_numa_add_range(&b.numa, 0, 0, 1), MM_OK);
	assert_int_equal(b.numa.count, 1);
	assert_int_equal(mm_numa_add_range(&b.numa, 0, 0x1000, 2), MM_OK); /* does not touch */
	assert_int_equal(b.numa.count, 2);
	assert_int_equal(mm_numa_verify(&b.numa), MM_OK);
}

static void distances_have_defaults_and_bounds(void **state)
{
	static struct box b;
	struct mm_numa none = { 0 };

	(void)state;
	prepare(&b);
	assert_int_equal(mm_numa_distance(&b.numa, 3, 3), MM_NUMA_LOCAL);
	assert_int_equal(mm_numa_distance(&b.numa, 3, 0), MM_NUMA_REMOTE);
	assert_int_equal(mm_numa_distance(&b.numa, 4, 0), MM_NUMA_UNREACHABLE);
	assert_int_equal(mm_numa_set_distance(&b.numa, 0, 3, 255), MM_OK);
	assert_int_equal(mm_numa_distance(&b.numa, 0, 3), 255);
	assert_int_equal(mm_numa_distance(&b.numa, 3, 0), MM_NUMA_REMOTE); /* one direction */
	assert_int_equal(mm_numa_nodes(&b.numa), 4);
	assert_int_equal(mm_numa_set_distance(&b.numa, 0, 1, 10), MM_E_RANGE);
	assert_int_equal(mm_numa_set_distance(&b.numa, 0, 1, 256), MM_E_RANGE);
	assert_int_equal(mm_numa_set_distance(&b.numa, 1, 1, 11), MM_E_RANGE);
	assert_int_equal(mm_numa_set_distance(&b.numa, 0, 4, 20), MM_E_2BIG);
	b.distances[1] = 9;
	assert_int_equal(mm_numa_verify(&b.numa), MM_E_CORRUPT);
	assert_int_equal(mm_numa_node_of(&none, 0), MM_NUMA_NONE);
	assert_int_equal(mm_numa_add_range(&none, 0, 1, 0), MM_E_2BIG);
	assert_int_equal(mm_numa_verify(&none), MM_OK);
	assert_int_equal(mm_numa_init(&none, NULL, 1, b.distances, 1), MM_E_INVAL);
	assert_int_equal(mm_numa_init(&none, b.ranges, 1, NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_numa_nodes(NULL), 0);
}

static void cpus_say_what_was_added(void **state)
{
	enum { IDS = 40, CAPACITY = 24 };
	uint64_t seed = 3;

	(void)state;
	for (int run = 0; run < 300; run++) {
		struct mm_numa_cpu cpus[CAPACITY], c;
		struct mm_numa_range ranges[1];
		uint8_t distances[9];
		struct mm_numa numa;
		uint32_t owner[IDS], it = 0, known = 0;

		assert_int_equal(mm_numa_init(&numa, ranges, 1, distances, 3), MM_OK);
		assert_int_equal(mm_numa_use_cpus(&numa, cpus, CAPACITY), MM_OK);
		memset(owner, 0xff, sizeof(owner));
		for (int i = 0; i < 60; i++) {
			uint32_t id = (uint32_t)(next_random(&seed) % IDS);
			uint32_t node = (uint32_t)(next_random(&seed) % 13 / 4);
			enum mm_status want = node == 3                   ? MM_E_2BIG
					      : owner[id] == node         ? MM_OK
					      : owner[id] != MM_NUMA_NONE ? MM_E_EXIST
					      : known == CAPACITY         ? MM_E_2BIG
									  : MM_OK;

			assert_int_equal(mm_numa_add_cpu(&numa, id * 0x100000001u, node), want);
			if (want == MM_OK) {
				known += owner[id] == MM_NUMA_NONE;
				owner[id] = node;
			}
			assert_int_equal(mm_numa_verify(&numa), MM_OK);
		}
		for (uint32_t id = 0; id < IDS; id++)
			assert_int_equal(mm_numa_node_of_cpu(&numa, id * 0x100000001u), owner[id]);
		assert_int_equal(mm_numa_node_of_cpu(&numa, 1), MM_NUMA_NONE);
		while (mm_numa_next_cpu(&numa, &it, &c))
			known--;
		assert_int_equal(known, 0);
	}
}

static void names_are_for_those_who_give_room(void **state)
{
	static struct box b;
	struct mm_numa_cpu cpus[2] = { 0 }, c;
	uint32_t domains[4], it = 0;

	(void)state;
	prepare(&b);
	assert_int_equal(mm_numa_add_cpu(&b.numa, 0, 0), MM_E_2BIG);
	assert_int_equal(mm_numa_add_cpu(NULL, 0, 0), MM_E_INVAL);
	assert_int_equal(mm_numa_use_cpus(NULL, cpus, 2), MM_E_INVAL);
	assert_int_equal(mm_numa_use_cpus(&b.numa, NULL, 2), MM_E_INVAL);
	assert_int_equal(mm_numa_use_domains(NULL, domains), MM_E_INVAL);
	assert_int_equal(mm_numa_use_domains(&b.numa, NULL), MM_E_INVAL);
	assert_int_equal(mm_numa_node_of_domain(&b.numa, 0), MM_NUMA_NONE);
	assert_int_equal(mm_numa_node_of_domain(NULL, 0), MM_NUMA_NONE);
	assert_int_equal(mm_numa_node_of_cpu(NULL, 0), MM_NUMA_NONE);
	assert_false(mm_numa_next_cpu(NULL, &it, &c));
	assert_false(mm_numa_next_cpu(&b.numa, &it, NULL));
	assert_int_equal(mm_numa_use_cpus(&b.numa, cpus, 2), MM_OK);
	assert_int_equal(mm_numa_add_cpu(&b.numa, UINT64_MAX, 2), MM_OK);
	assert_int_equal(mm_numa_nodes(&b.numa), 3);
	assert_int_equal(mm_numa_node_of_domain(&b.numa, 2), 2); /* its own number */
	assert_int_equal(mm_numa_node_of_domain(&b.numa, 3), MM_NUMA_NONE);
	assert_int_equal(mm_numa_use_domains(&b.numa, domains), MM_E_INVAL); /* too late */
	assert_int_equal(mm_numa_use_cpus(&b.numa, cpus, 2), MM_E_INVAL);
	/* With domains, tables name nodes, and nobody else. */
	prepare(&b);
	assert_int_equal(mm_numa_use_domains(&b.numa, domains), MM_OK);
	assert_int_equal(mm_numa_use_cpus(&b.numa, cpus, 2), MM_OK);
	assert_int_equal(mm_numa_add_range(&b.numa, 0, 0x1000, 0), MM_E_2BIG);
	assert_int_equal(mm_numa_add_cpu(&b.numa, 0, 0), MM_E_2BIG);
	assert_int_equal(mm_numa_set_distance(&b.numa, 0, 0, 10), MM_E_2BIG);
	assert_int_equal(mm_numa_verify(&b.numa), MM_OK);
}

static void verify_sees_broken_names(void **state)
{
	static struct box b;
	struct mm_numa_cpu cpus[4];

	(void)state;
	for (int i = 0; i < 5; i++) {
		uint32_t domains[4] = { 1, 5, 7, 9 };

		prepare(&b);
		assert_int_equal(mm_numa_use_cpus(&b.numa, cpus, 4), MM_OK);
		assert_int_equal(mm_numa_add_cpu(&b.numa, 3, 1), MM_OK);
		assert_int_equal(mm_numa_add_cpu(&b.numa, 2, 1), MM_OK);
		b.numa.domains = domains;
		assert_int_equal(mm_numa_verify(&b.numa), MM_OK);
		if (i == 0)
			cpus[0].id = 3; /* twice */
		if (i == 1)
			cpus[1].node = 2; /* a node nobody named */
		if (i == 2)
			domains[1] = 1; /* twice */
		if (i == 3)
			b.numa.cpu_capacity = 1;
		if (i == 4)
			cpus[0].id = 4; /* not sorted */
		assert_int_equal(mm_numa_verify(&b.numa), MM_E_CORRUPT);
	}
}

static void verify_sees_broken_ranges(void **state)
{
	static struct box b;

	(void)state;
	for (int i = 0; i < 4; i++) {
		prepare(&b);
		assert_int_equal(mm_numa_add_range(&b.numa, 0x1000, 0x1000, 0), MM_OK);
		assert_int_equal(mm_numa_add_range(&b.numa, 0x2000, 0x1000, 1), MM_OK);
		assert_int_equal(mm_numa_verify(&b.numa), MM_OK);
		if (i == 0)
			b.ranges[1].node = 0; /* not maximal */
		if (i == 1)
			b.ranges[1].base--; /* not disjoint */
		if (i == 2)
			b.ranges[1].node = 2; /* a node nobody named */
		if (i == 3)
			b.ranges[0].last = 0; /* empty */
		assert_int_equal(mm_numa_verify(&b.numa), MM_E_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_say_what_was_added),
		cmocka_unit_test(ranges_reach_the_end_of_the_address_space),
		cmocka_unit_test(distances_have_defaults_and_bounds),
		cmocka_unit_test(cpus_say_what_was_added),
		cmocka_unit_test(names_are_for_those_who_give_room),
		cmocka_unit_test(verify_sees_broken_names),
		cmocka_unit_test(verify_sees_broken_ranges),
	};

	return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
