/* SPDX-License-Identifier: MIT */
/* Machines of any size: what metadata costs, on dense memory and on maps with holes of terabytes; what
 * is there only if it is used; frames and ranges found again. Only metadata is real memory; it holds
 * 0xA5 before mmlib sees it. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <mmlib/kmalloc.h>
#include "memmap_reader.h"
#include "pmm_state.h"
#include "pmm/pmm.h"

#define GIB     ((mm_paddr_t)1 << 30)
#define MIB     ((mm_paddr_t)1 << 20)
#define PATTERN (2u << 20) /* bytes that are mapped again and again */

static const char *data_folder;

/* A machine: a window of address space stands for the memory that metadata lies in. Each page of it reads
 * as 0xA5 and becomes real memory when it is first written. */
struct machine {
	unsigned char *host;
	size_t bytes;
	mm_paddr_t base;
	struct mm_port port;
	struct mm_mem entries[256];
	struct mm_memmap map;
	struct mm_pmm pmm;
};

/* What is outside the window is computed, never used. */
static void *far_to_virt(void *ctx, mm_paddr_t pa)
{
	struct machine *m = ctx;

	return (void *)((uintptr_t)m->host + (uintptr_t)(pa - m->base));
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "panic at %s:%d\n", file, line);
	abort();
}

/* A file of PATTERN bytes 0xA5. */
static int pattern(void)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	for (unsigned i = 0; i < PATTERN; i++)
		fputc(0xA5, f);
	fflush(f);
	return fileno(f);
}

/* The last `bytes` up to `last`, or a little more. */
static void window(struct machine *m, mm_paddr_t last, size_t bytes)
{
	static int file = -1;

	if (file < 0)
		file = pattern();
	m->bytes = (bytes + PATTERN - 1) / PATTERN * PATTERN;
	m->base = last + 1 - m->bytes;
	m->host = mmap(NULL, m->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(m->host, MAP_FAILED);
	for (size_t at = 0; at < m->bytes; at += PATTERN)
		assert_ptr_not_equal(mmap(m->host + at, PATTERN, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, 0),
				     MAP_FAILED);
	m->port = (struct mm_port){ .version = MM_PORT_VERSION,
				    .size = sizeof(m->port),
				    .ctx = m,
				    .to_virt = far_to_virt,
				    .panic = stop };
}

static struct machine *machine_new(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	assert_int_equal(mm_memmap_init(&m->map, m->entries, 256), MM_OK);
	return m;
}

static void machine_free(struct machine *m)
{
	munmap(m->host, m->bytes);
	free(m);
}

static void add(struct machine *m, mm_paddr_t base, mm_paddr_t bytes)
{
	assert_int_equal(mm_memmap_add(&m->map, base, bytes, MM_MEM_USABLE, NULL), MM_OK);
}

/* A manager over the map; metadata lies in the last `bytes` up to `last`. */
static void start(struct machine *m, mm_paddr_t last, size_t bytes, uint32_t ncpus, uint32_t spare)
{
	static const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .ncpus = ncpus, .spare_ranges = spare };

	cfg.reach = last;
	window(m, last, bytes);
	assert_int_equal(mm_pmm_init(&m->pmm, &m->port, &m->map, &cfg), MM_OK);
}

static double bits_per_frame(struct machine *m, mm_paddr_t ram)
{
	return (double)mm_memmap_bytes(&m->map, MM_MEM_META) * 8 / (double)(ram >> MM_FRAME_SHIFT);
}

static double dense_bits(mm_paddr_t ram)
{
	struct machine *m = machine_new();
	double bits;

	add(m, GIB, ram);
	start(m, GIB + ram - 1, (size_t)(ram >> MM_FRAME_SHIFT) * 5 / 4 + PATTERN, 0, 0);
	bits = bits_per_frame(m, ram);
	machine_free(m);
	return bits;
}

/* Dense memory: 8 bits are the byte of each frame. All is counted, and rounded to frames. */
static void a_gib_costs_less_than_9_13_bits_a_frame(void **state)
{
	double one = dense_bits(GIB), more = dense_bits(GIB + 2 * MIB), most = dense_bits(64 * GIB);

	(void)state;
	printf("bits a frame: 1 GiB %.3f, 1 GiB and 2 MiB %.3f, 64 GiB %.3f\n", one, more, most);
	if (MM_FRAME_SHIFT == 12) {
		assert_true(one <= 9.13);
		assert_true(more <= 9.13);
		assert_true(most <= 9.07);
	}
}

static void a_cpu_costs_a_kib(void **state)
{
	(void)state;
	printf("a CPU's frames at hand: %zu bytes\n", sizeof(struct mm_page_cpu));
	assert_true(sizeof(struct mm_page_cpu) <= 1024);
}

/* Metadata of a map as it is, against the same amount of memory in one piece. */
static void sparse(const char *name)
{
	struct memmap_line line[64];
	size_t n = memmap_read(data_folder, name, line, 64);
	struct machine *m = machine_new();
	mm_paddr_t ram = 0, first = MM_PADDR_MAX, last = 0;
	double bits, dense, kib = (double)(GIB >> MM_FRAME_SHIFT) / 8192;

	for (size_t i = 0; i < n; i++) {
		mm_paddr_t bytes = line[i].last - line[i].first + 1;

		assert_int_equal(mm_memmap_add(&m->map, line[i].first, bytes, line[i].type, NULL), MM_OK);
		if (line[i].type != MM_MEM_USABLE)
			continue;
		ram += bytes;
		first = line[i].first < first ? line[i].first : first;
		last = line[i].last > last ? line[i].last : last;
	}
	start(m, last, (size_t)(ram >> MM_FRAME_SHIFT) * 5 / 4 + PATTERN, 0, 0);
	bits = bits_per_frame(m, ram);
	dense = dense_bits(ram);
	printf("%-32s %6.1f GiB in %8.1f GiB, %2u ranges: %7.1f KiB a GiB, dense %7.1f, %+.2f %%\n", name,
	       (double)ram / (double)GIB, (double)(last - first) / (double)GIB, m->pmm.nranges,
	       bits * kib, dense * kib, (bits / dense - 1) * 100);
	assert_true(bits <= dense * 1.02);
	machine_free(m);
}

static void metadata_follows_the_memory_not_the_span(void **state)
{
	(void)state;
	for (size_t f = 0; memmap_files[f]; f++)
		if (strncmp(memmap_files[f], "srat", 4) == 0)
			sparse(memmap_files[f]);
}

/* Ranges: each 64 MiB, a GiB apart, the lower the address the higher in virtual memory. */
#define MANY 33u

static void *falling_to_virt(void *ctx, mm_paddr_t pa)
{
	mm_paddr_t i = pa / GIB;

	(void)ctx;
	return (void *)(uintptr_t)((2 * MANY - i) * (GIB / 2) + pa % GIB);
}

static void frames_are_found_by_any_address(void **state)
{
	struct machine *m = machine_new();
	mm_pfn_t pfn;

	(void)state;
	for (mm_paddr_t i = 1; i <= MANY; i++)
		add(m, i * GIB, 64 * MIB);
	start(m, MANY * GIB + 64 * MIB - 1, 8 << 20, 0, 0);
	assert_int_equal(m->pmm.nranges, MANY);
	m->port.to_virt = falling_to_virt;
	for (uint32_t i = 0; i < MANY; i++)
		m->pmm.ranges[i].virt = falling_to_virt(NULL, mm_pfn_to_pa(m->pmm.ranges[i].first));
	pmm_sort_virt(&m->pmm);
	for (uint32_t i = 0; i < MANY; i++) {
		struct mm_range *r = &m->pmm.ranges[i];
		unsigned char *end = r->virt + (size_t)64 * MIB;

		assert_ptr_equal(pmm_find(&m->pmm, r->first), r);
		assert_ptr_equal(pmm_find(&m->pmm, r->last), r);
		assert_null(pmm_find(&m->pmm, r->last + 1));
		assert_null(pmm_find(&m->pmm, r->first - 1));
		assert_ptr_equal(pmm_find_virt(&m->pmm, r->virt, &pfn), r);
		assert_int_equal(pfn, r->first);
		assert_ptr_equal(pmm_find_virt(&m->pmm, end - 1, &pfn), r);
		assert_int_equal(pfn, r->last);
		assert_null(pmm_find_virt(&m->pmm, end, &pfn));
		assert_null(pmm_find_virt(&m->pmm, r->virt - 1, &pfn));
	}
	machine_free(m);
}

static mm_pfn_t used(struct machine *m)
{
	struct mm_pmm_stats st;

	assert_int_equal(mm_pmm_stats(&m->pmm, -1, &st), MM_OK);
	return st.used;
}

/* Tables from frames to slabs: who has no heap has none. */
static void tables_of_heaps_come_with_the_first_and_go_with_the_last(void **state)
{
	const size_t ram = 64 << 20;
	struct machine *m = machine_new();
	struct mm_heap *heap = calloc(2, sizeof(*heap));
	uint64_t before;
	mm_pfn_t without;
	void *p, *q;

	(void)state;
	assert_non_null(heap);
	add(m, GIB, 16 * MIB);
	add(m, GIB + 32 * MIB, 32 * MIB);
	start(m, GIB + ram - 1, ram, 1, 2);
	assert_int_equal(m->pmm.nranges, 2);
	before = pmm_state_hash(&m->pmm);
	assert_null(m->pmm.ranges[0].side);
	assert_int_equal(mm_heap_init(&heap[0], &m->pmm, 1), MM_OK);
	assert_non_null(m->pmm.ranges[0].side);
	without = used(m);
	assert_int_equal(mm_heap_init(&heap[1], &m->pmm, 1), MM_OK);
	assert_true(used(m) - without < without); /* its magazines only */
	assert_int_equal(mm_kmalloc_st(&heap[0], 100, 0, &p), MM_OK);
	assert_int_equal(mm_kmalloc_st(&heap[1], 100, 0, &q), MM_OK);
	assert_int_equal(mm_kfree(&heap[0], q), MM_E_OWNER);
	assert_int_equal(mm_kfree(&heap[0], p), MM_OK);
	assert_int_equal(mm_heap_destroy(&heap[0]), MM_OK);
	assert_non_null(m->pmm.ranges[1].side);
	assert_int_equal(mm_kfree(&heap[1], q), MM_OK);
	assert_int_equal(mm_heap_destroy(&heap[1]), MM_OK);
	assert_null(m->pmm.ranges[0].side);
	assert_null(m->pmm.ranges[1].side);
	assert_int_equal(used(m), 0);
	assert_int_equal(mm_pmm_drain(&m->pmm), MM_OK);
	assert_true(pmm_state_hash(&m->pmm) == before);
	/* Memory that comes while there is a heap serves it. */
	assert_int_equal(mm_heap_init(&heap[0], &m->pmm, 1), MM_OK);
	assert_int_equal(mm_pmm_add_range(&m->pmm, GIB + 16 * MIB, 16 * MIB), MM_OK);
	assert_int_equal(m->pmm.nranges, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_non_null(m->pmm.ranges[i].side);
	while (mm_kmalloc_st(&heap[0], 4096, 0, &p) == MM_OK && used(m) < 48 * MIB / MM_FRAME_SIZE)
		;
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	free(heap);
	machine_free(m);
}

int main(int argc, char **argv)
{
	data_folder = argc > 1 ? argv[1] : "tests/data";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gib_costs_less_than_9_13_bits_a_frame),
		cmocka_unit_test(a_cpu_costs_a_kib),
		cmocka_unit_test(metadata_follows_the_memory_not_the_span),
		cmocka_unit_test(frames_are_found_by_any_address),
		cmocka_unit_test(tables_of_heaps_come_with_the_first_and_go_with_the_last),
	};

	return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
