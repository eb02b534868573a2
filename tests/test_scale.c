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
#include <mmlib/pmm_inline.h>
#include <mmlib/range.h>
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

/* Bytes of the window that are real memory: what was written. */
static size_t touched(const struct machine *m)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	uintptr_t from = 0, to;
	unsigned long kib;
	size_t bytes = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			continue;
		if (from >= (uintptr_t)m->host && from < (uintptr_t)m->host + m->bytes &&
		    sscanf(line, "Private_Dirty: %lu", &kib) == 1)
			bytes += kib * 1024;
	}
	fclose(f);
	return bytes;
}

#define NODES 64u
#define CPUS  1024u

/* 16 TiB: 64 nodes of 256 GiB, with a hole of a TiB behind each; 1,024 CPUs, 16 to a node. */
static struct machine *large(void)
{
	static const struct mm_zone_cfg zones[] = { { .name = "DMA32", .last = 0xffffffff },
						    { .name = "NORMAL", .last = MM_PADDR_MAX } };
	static struct mm_numa_range ranges[NODES];
	static uint8_t distances[NODES * NODES];
	static struct mm_numa numa;
	static uint32_t cpu_nodes[CPUS];
	struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .ncpus = CPUS };
	struct machine *m = machine_new();

	assert_int_equal(mm_numa_init(&numa, ranges, NODES, distances, NODES), MM_OK);
	for (uint32_t i = 0; i < NODES; i++) {
		mm_paddr_t base = GIB + i * 1280 * GIB;

		add(m, base, 256 * GIB);
		assert_int_equal(mm_numa_add_range(&numa, base, 256 * GIB, i), MM_OK);
	}
	for (uint32_t i = 0; i < CPUS; i++)
		cpu_nodes[i] = i % NODES;
	cfg.numa = &numa;
	cfg.cpu_nodes = cpu_nodes;
	cfg.reach = GIB + (NODES - 1) * 1280 * GIB + 256 * GIB - 1;
	window(m, cfg.reach, (size_t)5 << 30);
	assert_int_equal(mm_pmm_init(&m->pmm, &m->port, &m->map, &cfg), MM_OK);
	return m;
}

/* What was never used costs nearly nothing: not at boot, not in memory; and then a little each time. */
static void sixteen_tib_are_there_at_once(void **state)
{
	struct machine *m = large();
	size_t meta = (size_t)mm_memmap_bytes(&m->map, MM_MEM_META), first = touched(m), later;
	mm_paddr_t pa;

	(void)state;
	printf("16 TiB, %u nodes, %u CPUs: %.1f MiB of metadata, %.1f MiB written at boot\n", m->pmm.nnodes,
	       m->pmm.ncpus, (double)meta / (double)MIB, (double)first / (double)MIB);
	assert_true(first < meta / 64);
	for (uint32_t node = 0; node < NODES; node++)
		for (unsigned order = 0; order <= 12; order++) {
			uint32_t flags = MM_ALLOC_NODE(node) | MM_ALLOC_NODE_EXACT;

			assert_int_equal(mm_page_alloc(&m->pmm, order, flags, &pa), MM_OK);
			assert_int_equal((pa - GIB) / (1280 * GIB), node);
			assert_int_equal(mm_page_free(&m->pmm, pa, order), MM_OK);
			assert_int_equal(mm_page_free(&m->pmm, pa, order), MM_E_DOUBLE_FREE);
		}
	later = touched(m);
	printf("each order on each node once: %.1f KiB more a node\n",
	       (double)(later - first) / 1024 / NODES);
	assert_true(later - first < NODES * (size_t)96 * 1024);
	/* A frame of memory that was never used is free, whatever its byte holds. */
	pa = GIB + 1280 * GIB + 128 * GIB;
	assert_int_equal(mm_page_free(&m->pmm, pa, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_page_free(&m->pmm, pa, 9), MM_E_DOUBLE_FREE);
	assert_int_equal(touched(m), later);
	/* A piece of a TiB in the background. */
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(mm_pmm_init_more(&m->pmm, 1), MM_OK);
	printf("64 pieces of 16 MiB in the background: %.1f KiB each\n",
	       (double)(touched(m) - later) / 1024 / 64);
	assert_true(touched(m) - later < (size_t)64 * 12 * 1024);
	machine_free(m);
}

/* All is filled in the end, one way or the other, and is the same. */
static void filled_by_use_or_in_the_background_is_the_same(void **state)
{
	const mm_paddr_t ram = 512 * MIB;
	struct machine *m = machine_new();
	uint64_t before;
	mm_paddr_t pa;

	(void)state;
	add(m, GIB, ram);
	start(m, GIB + ram - 1, 4 << 20, 1, 0);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	before = pmm_state_hash(&m->pmm);
	assert_int_equal(mm_page_alloc_at(&m->pmm, GIB + ram / 2, 3, 0), MM_OK);
	assert_int_equal(mm_page_alloc_at(&m->pmm, GIB + ram / 2, 3, 0), MM_E_BUSY);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	assert_int_equal(mm_page_free(&m->pmm, GIB + ram / 2, 3), MM_OK);
	assert_true(pmm_state_hash(&m->pmm) == before);
	assert_int_equal(mm_page_alloc(&m->pmm, 14, 0, &pa), MM_OK); /* several sections */
	assert_int_equal(mm_page_free(&m->pmm, pa + MM_FRAME_SIZE, 0), MM_E_ALIGN);
	assert_int_equal(mm_page_free(&m->pmm, pa, 14), MM_OK);
	assert_true(pmm_state_hash(&m->pmm) == before);
	assert_int_equal(mm_pmm_init_more(&m->pmm, 3), MM_OK);
	while (mm_pmm_init_more(&m->pmm, 100) == MM_OK)
		;
	assert_true(pmm_state_hash(&m->pmm) == before);
	assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
	assert_int_equal(mm_pmm_init_more(&m->pmm, 1), MM_E_NOENT);
	assert_int_equal(mm_pmm_init_more(&m->pmm, 0), MM_E_INVAL);
	assert_int_equal(mm_pmm_init_more(NULL, 1), MM_E_INVAL);
	assert_int_equal(mm_pmm_init_more(&(struct mm_pmm){ 0 }, 1), MM_E_STATE);
	machine_free(m);
}

/* None of the frames from `first` on is allocated: all calls that read a frame's byte say so. */
static void nothing_can_be_freed(struct machine *m, struct mm_heap *heap, mm_pfn_t first, unsigned order)
{
	const struct mm_range *r = &m->pmm.ranges[0];

	for (mm_pfn_t pfn = first; pfn <= r->last; pfn += 16) {
		mm_paddr_t pa = mm_pfn_to_pa(pfn), list[2] = { pa, pa + ((mm_paddr_t)MM_FRAME_SIZE << order) };

		assert_int_not_equal(mm_page_free(&m->pmm, pa, order), MM_OK);
		assert_int_not_equal(mm_page_free_inline(&m->pmm, pa, 0), MM_OK);
		assert_int_not_equal(mm_page_free_inline(&m->pmm, pa, order), MM_OK);
		assert_int_not_equal(mm_page_free_table(&m->pmm, pa), MM_OK);
		assert_int_not_equal(mm_page_free_range(&m->pmm, pa, 3), MM_OK);
		assert_int_not_equal(mm_page_free_bulk(&m->pmm, order, list, 2), MM_OK);
		assert_int_not_equal(mm_kfree(heap, far_to_virt(m, pa)), MM_OK);
	}
}

/* A machine of four sections or more, of which all memory holds `byte` before mmlib sees it. */
static struct machine *old(unsigned byte)
{
	static const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const mm_paddr_t ram = 64 * MIB;
	struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .ncpus = 1, .reach = GIB + ram - 1 };
	struct machine *m = machine_new();

	add(m, GIB, ram);
	window(m, cfg.reach, (size_t)ram);
	memset(m->host, (int)byte, m->bytes);
	assert_int_equal(mm_pmm_init(&m->pmm, &m->port, &m->map, &cfg), MM_OK);
	return m;
}

/* Take frames until those at hand are from just below memory that was never used; the last one goes back.
 * Returns the first frame that was not taken. */
static mm_pfn_t reach_the_unused(struct machine *m, unsigned order)
{
	mm_pfn_t end = 0;
	mm_paddr_t pa;

	for (unsigned n = 0; n <= 4090; n++) {
		assert_int_equal(mm_page_alloc(&m->pmm, n < 4090 ? 0 : order, 0, &pa), MM_OK);
		end = mm_pa_to_pfn(pa) >= end ? mm_pa_to_pfn(pa) + 1 : end;
	}
	assert_int_equal(mm_page_free(&m->pmm, pa, order), MM_OK);
	return (end + 15) & ~(mm_pfn_t)15;
}

/* Bytes of frames that were never used are not believed, neither where a CPU has blocks at hand nor
 * elsewhere. */
static void bytes_of_old_mean_nothing(void **state)
{
	static const unsigned bytes[] = { FRAME_FREE,	   FRAME_HEAD,	   FRAME_HEAD + 1, FRAME_HEAD + 9,
					  FRAME_TABLE,	   FRAME_KEPT,	   FRAME_HELD,	   FRAME_MOVABLE,
					  FRAME_LARGE + 2, FRAME_SLAB + 1, 0xFF };
	uint64_t first = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		unsigned order = frame_is_head(bytes[i]) ? frame_order(bytes[i]) : 0;
		struct machine *m = old(bytes[i]);
		struct mm_heap *heap = calloc(1, sizeof(*heap));

		assert_non_null(heap);
		first = i ? first : pmm_state_hash(&m->pmm);
		assert_true(pmm_state_hash(&m->pmm) == first);
		assert_int_equal(mm_heap_init(heap, &m->pmm, 1), MM_OK);
		nothing_can_be_freed(m, heap, reach_the_unused(m, order), order);
		assert_int_equal(mm_pmm_verify(&m->pmm), MM_OK);
		free(heap);
		machine_free(m);
	}
}

int main(int argc, char **argv)
{
	data_folder = argc > 1 ? argv[1] : "tests/data";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gib_costs_less_than_9_13_bits_a_frame),
		cmocka_unit_test(a_cpu_costs_a_kib),
		cmocka_unit_test(metadata_follows_the_memory_not_the_span),
		cmocka_unit_test(sixteen_tib_are_there_at_once),
		cmocka_unit_test(filled_by_use_or_in_the_background_is_the_same),
		cmocka_unit_test(bytes_of_old_mean_nothing),
		cmocka_unit_test(frames_are_found_by_any_address),
		cmocka_unit_test(tables_of_heaps_come_with_the_first_and_go_with_the_last),
	};

	return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
