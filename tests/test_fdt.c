/* SPDX-License-Identifier: MIT */
/* Device tree intake: against libfdt as the reference reader, on trees of real machines, on broken
 * ones, and rule by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fdt_maker.h"
#include "fdt_reference.h"
#include "sim.h"

#define PA   ((mm_paddr_t)0x8000)
#define MIB  ((uint64_t)1 << 20)
#define GIB  ((uint64_t)1 << 30)
#define ROOM 16384

static const char *data_dir;
static const char *const files[] = { "arm-virt",   "arm-virt-secure",  "arm-virt-numa4",
				     "riscv-virt", "riscv-virt-numa2", "everything" };

/* A blob, and what becomes of it. */
struct box {
	_Alignas(8) uint8_t blob[ROOM];
	size_t bytes;
	struct mm_memmap map;
	struct mm_mem entries[64];
	struct mm_fdt_info info;
	struct mm_numa numa;
	struct mm_numa_range ranges[16];
	uint8_t distances[4 * 4];
	struct mm_numa_cpu cpus[8];
};

static void prepare(struct box *b)
{
	assert_int_equal(mm_memmap_init(&b->map, b->entries, 64), MM_OK);
	assert_int_equal(mm_numa_init(&b->numa, b->ranges, 16, b->distances, 4), MM_OK);
	assert_int_equal(mm_numa_use_cpus(&b->numa, b->cpus, 8), MM_OK);
	memset(&b->info, 0xa5, sizeof(b->info));
}

static enum mm_status feed(struct box *b)
{
	prepare(b);
	return mm_memmap_add_fdt(&b->map, b->blob, b->bytes, PA, &b->info, &b->numa);
}

/* Refused with that status, and nothing changed. */
static void assert_refused(struct box *b, enum mm_status want)
{
	static struct box fresh;

	prepare(&fresh);
	assert_int_equal(feed(b), want);
	assert_int_equal(b->map.count, 0);
	assert_memory_equal(&b->map.dropped, &fresh.map.dropped, sizeof(b->map.dropped));
	assert_memory_equal(&b->info, &fresh.info, sizeof(b->info));
	assert_int_equal(b->numa.count, 0);
	assert_int_equal(mm_numa_nodes(&b->numa), 0);
	assert_false(mm_numa_next_cpu(&b->numa, &(uint32_t){ 0 }, &(struct mm_numa_cpu){ 0 }));
	assert_memory_equal(b->distances, fresh.distances, sizeof(b->distances));
}

static void load(struct box *b, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/fdt/%s.dtb", data_dir, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	b->bytes = fread(b->blob, 1, ROOM, f);
	fclose(f);
	assert_in_range(b->bytes, 1000, ROOM - 1);
}

/* --- Trees made by hand --- */

static void open_tree(struct box *b, uint32_t ac, uint32_t sc)
{
	memset(b, 0, sizeof(*b));
	assert_int_equal(fdt_create(b->blob, ROOM), 0);
	assert_int_equal(fdt_add_reservemap_entry(b->blob, 0, 0x1000), 0);
	assert_int_equal(fdt_add_reservemap_entry(b->blob, 0x700000, 0), 0); /* not the end */
	assert_int_equal(fdt_add_reservemap_entry(b->blob, 0x3000, 0x1000), 0);
	assert_int_equal(fdt_finish_reservemap(b->blob), 0);
	assert_int_equal(fdt_begin_node(b->blob, ""), 0);
	assert_int_equal(fdt_property_u32(b->blob, "#address-cells", ac), 0);
	assert_int_equal(fdt_property_u32(b->blob, "#size-cells", sc), 0);
}

static void open_node(struct box *b, const char *name)
{
	assert_int_equal(fdt_begin_node(b->blob, name), 0);
}

static void close_node(struct box *b)
{
	assert_int_equal(fdt_end_node(b->blob), 0);
}

static void close_tree(struct box *b)
{
	close_node(b);
	assert_int_equal(fdt_finish(b->blob), 0);
	b->bytes = fdt_totalsize(b->blob);
}

static void bytes(struct box *b, const char *name, const void *value, size_t n)
{
	assert_int_equal(fdt_property(b->blob, name, value, (int)n), 0);
}

static void text(struct box *b, const char *name, const char *value)
{
	bytes(b, name, value, strlen(value) + 1);
}

static void cell(struct box *b, const char *name, uint32_t value)
{
	assert_int_equal(fdt_property_u32(b->blob, name, value), 0);
}

/* reg of one pair in cells of 1 and 1. */
static void reg(struct box *b, uint32_t base, uint32_t length)
{
	fdt32_t v[2] = { cpu_to_fdt32(base), cpu_to_fdt32(length) };

	bytes(b, "reg", v, sizeof(v));
}

static void memory(struct box *b, const char *name, uint32_t base, uint32_t length)
{
	open_node(b, name);
	text(b, "device_type", "memory");
	reg(b, base, length);
}

static void open_reservations(struct box *b)
{
	open_node(b, "reserved-memory");
	cell(b, "#address-cells", 1);
	cell(b, "#size-cells", 1);
	bytes(b, "ranges", "", 0);
}

/* What the map says of an address: its entry, or NULL. */
static const struct mm_mem *at(const struct box *b, uint64_t pa)
{
	for (uint32_t i = 0; i < b->map.count; i++)
		if (b->entries[i].base <= pa && pa <= b->entries[i].last)
			return &b->entries[i];
	return NULL;
}

static const char *owner_at(const struct box *b, uint64_t pa)
{
	const struct mm_mem *e = at(b, pa);

	return e ? e->owner : "nobody";
}

/* --- Real machines --- */

static void trees_of_files_read_as_libfdt_reads_them(void **state)
{
	static struct box b;
	static struct fdt_ref ref;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		load(&b, files[i]);
		fdt_ref_read(&ref, b.blob, b.bytes, PA);
		assert_true(ref.valid);
		assert_true(ref.info.memory > 0 || MM_PADDR_BITS == 32);
		assert_int_equal(fdt_ref_compare(&ref, b.blob, b.bytes, PA), MM_OK);
	}
}

static void a_blob_with_room_behind_it_reserves_the_room_too(void **state)
{
	static struct box b;

	(void)state;
	load(&b, "riscv-virt");
	assert_int_equal(fdt_open_into(b.blob, b.blob, ROOM), 0);
	b.bytes = ROOM;
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(b.info.bytes, ROOM);
	assert_ptr_equal(owner_at(&b, PA + ROOM - 1), mm_fdt_blob);
	assert_int_equal(at(&b, PA)->type, MM_MEM_LOADER);
}

static void qemu_with_a_secure_world_is_known(void **state)
{
	static struct box b;

	(void)state;
	load(&b, "arm-virt-secure");
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(b.info.disabled, 1); /* the secure world's memory */
	assert_null(at(&b, 0xe000000));
	assert_int_equal(b.info.bootargs_bytes, strlen("console=ttyAMA0 panic=1"));
	assert_memory_equal(b.info.bootargs, "console=ttyAMA0 panic=1", b.info.bootargs_bytes);
	assert_int_equal(b.info.initrd, 0x48000000);
	assert_int_equal(b.info.initrd_bytes, 100 << 10);
	assert_int_equal(at(&b, 0x48018fff)->type, MM_MEM_INITRD);
	assert_int_equal(at(&b, 0x48019000)->type, MM_MEM_USABLE);
#if MM_PADDR_BITS == 64
	assert_int_equal(mm_memmap_bytes(&b.map, MM_MEM_USABLE), 6 * GIB - (100 << 10));
#endif
}

static void a_tree_with_everything_gives_this_map(void **state)
{
	static const struct mm_mem want[] = {
		{ 0x80000000, 0x8003ffff, MM_MEM_RESERVED, mm_fdt_no_map },
		{ 0x80040000, 0x800fffff, MM_MEM_USABLE, NULL },
		{ 0x80100000, 0x80101fff, MM_MEM_RESERVED, mm_fdt_rsvmap },
		{ 0x80102000, 0x83ffffff, MM_MEM_USABLE, NULL },
		{ 0x84000000, 0x84123fff, MM_MEM_INITRD, mm_fdt_initrd },
		{ 0x84124000, 0x85ffffff, MM_MEM_USABLE, NULL },
		{ 0x86000000, 0x866fffff, MM_MEM_RESERVED, mm_fdt_reusable },
		{ 0x86700000, 0x868fffff, MM_MEM_RESERVED, mm_fdt_reserved },
		{ 0x86900000, 0x86ffffff, MM_MEM_USABLE, NULL },
		{ 0x87000000, 0x870fffff, MM_MEM_RESERVED, mm_fdt_rsvmap },
		{ 0x87100000, 0x87ffffff, MM_MEM_USABLE, NULL },
#if MM_PADDR_BITS == 64
		{ 0x100000000, 0x1080007ff, MM_MEM_USABLE, NULL },
#endif
	};
	static struct box b;

	(void)state;
	load(&b, "everything");
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(b.map.count, 1 + sizeof(want) / sizeof(*want)); /* the blob comes first */
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_int_equal(b.entries[i + 1].base, want[i].base);
		assert_int_equal(b.entries[i + 1].last, want[i].last);
		assert_int_equal(b.entries[i + 1].type, want[i].type);
		assert_ptr_equal(b.entries[i + 1].owner, want[i].owner);
	}
	assert_int_equal(mm_numa_distance(&b.numa, 1, 0), 25); /* told as 0, 1 */
	assert_int_equal(b.info.dynamic_bytes, 0x400000);
	assert_int_equal(b.info.disabled, 1);
}

static void numa_nodes_of_qemu_are_known(void **state)
{
	static struct box b;
	static const uint8_t want[4][4] = {
		{ 10, 16, 32, 33 }, { 16, 10, 25, 41 }, { 32, 25, 10, 12 }, { 33, 41, 12, 10 }
	};

	(void)state;
	load(&b, "arm-virt-numa4");
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(mm_numa_nodes(&b.numa), 4);
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t j = 0; j < 4; j++)
			assert_int_equal(mm_numa_distance(&b.numa, i, j), want[i][j]);
	for (uint32_t i = 0; i < (MM_PADDR_BITS == 64 ? 4 : 3); i++) {
		assert_int_equal(mm_numa_node_of(&b.numa, (mm_paddr_t)((i + 1) * GIB)), i);
		assert_int_equal(mm_numa_node_of(&b.numa, (mm_paddr_t)((i + 2) * GIB - 1)), i);
	}
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(mm_numa_node_of_cpu(&b.numa, i), i < 4 ? i : MM_NUMA_NONE);
	assert_int_equal(mm_numa_node_of(&b.numa, (mm_paddr_t)(GIB - 1)), MM_NUMA_NONE);
	load(&b, "riscv-virt-numa2");
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(mm_numa_nodes(&b.numa), 2);
	assert_int_equal(mm_numa_distance(&b.numa, 1, 0), 30);
	assert_int_equal(mm_numa_node_of(&b.numa, 0x8fffffff), 0);
	assert_int_equal(mm_numa_node_of(&b.numa, 0x90000000), 1);
	assert_int_equal(mm_numa_node_of_cpu(&b.numa, 0), 0);
	assert_int_equal(mm_numa_node_of_cpu(&b.numa, 1), 1);
	assert_int_equal(mm_numa_use_cpus(&b.numa, NULL, 0), MM_E_INVAL); /* too late */
	prepare(&b);
	assert_int_equal(mm_numa_use_cpus(&b.numa, NULL, 0), MM_OK); /* not wanted */
	assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, b.bytes, PA, NULL, &b.numa), MM_OK);
	assert_int_equal(mm_numa_nodes(&b.numa), 2);
	assert_int_equal(mm_numa_node_of_cpu(&b.numa, 0), MM_NUMA_NONE);
}

/* One CPU of a /cpus, which stays open. */
static void cpu(struct box *b, const char *name, const char *type, uint32_t id, uint32_t node)
{
	open_node(b, name);
	text(b, "device_type", type);
	cell(b, "reg", id);
	cell(b, "numa-node-id", node);
	close_node(b);
}

static void open_cpus(struct box *b, uint32_t cells)
{
	open_node(b, "cpus");
	cell(b, "#address-cells", cells);
	cell(b, "#size-cells", 0);
}

static void a_cpu_may_have_several_threads_or_no_node(void **state)
{
	static const uint8_t threads[] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3 };
	static struct box b;
	struct mm_numa_cpu c;
	uint32_t it = 0;

	(void)state;
	open_tree(&b, 1, 1);
	open_cpus(&b, 2);
	open_node(&b, "cpu@1");
	text(&b, "device_type", "cpu");
	bytes(&b, "reg", threads, sizeof(threads));
	cell(&b, "numa-node-id", 2);
	open_node(&b, "cache"); /* a child of a CPU is none */
	text(&b, "device_type", "cpu");
	bytes(&b, "reg", "12345678", 8);
	cell(&b, "numa-node-id", 1);
	close_node(&b);
	close_node(&b);
	open_node(&b, "cpu@9");
	text(&b, "device_type", "cpu");
	bytes(&b, "reg", "12345678", 8);
	close_node(&b);
	cpu(&b, "idle-states", "idle", 7, 9);
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	assert_true(mm_numa_next_cpu(&b.numa, &it, &c));
	assert_true(c.id == 0x100000002 && c.node == 2);
	assert_true(mm_numa_next_cpu(&b.numa, &it, &c));
	assert_true(c.id == 0x100000003 && c.node == 2);
	assert_false(mm_numa_next_cpu(&b.numa, &it, &c));
	assert_int_equal(mm_numa_nodes(&b.numa), 3);
}

static void the_console_of_qemu_is_found(void **state)
{
	static struct box b;
	uint64_t base, length;

	(void)state;
	load(&b, "arm-virt");
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "arm,pl011", &base, &length), MM_OK);
	assert_true(base == 0x9000000 && length == 0x1000);
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "arm,primecell", &base, &length), MM_OK);
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "arm,pl01", &base, &length), MM_E_NOENT);
	load(&b, "riscv-virt");
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "ns16550a", &base, &length), MM_OK);
	assert_true(base == 0x10000000 &&
		    length == 0x100); /* behind a bus that translates nothing */
	assert_int_equal(mm_fdt_find(b.blob, b.bytes - 1, "ns16550a", &base, &length), MM_E_FAULT);
	assert_int_equal(mm_fdt_find(NULL, b.bytes, "ns16550a", &base, &length), MM_E_INVAL);
}

/* --- Random and broken trees --- */

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void random_trees_read_as_libfdt_reads_them_at_any_alignment(void **state)
{
	static _Alignas(8) uint8_t blob[FDT_MAKER_ROOM], shifted[FDT_MAKER_ROOM + 8];
	static struct fdt_ref ref;
	uint8_t recipe[200];
	uint64_t seed = 20;
	int valid = 0, nodes = 0, cpus = 0, runs = sim_is_slow() ? 500 : 5000;

	(void)state;
	for (int run = 0; run < runs; run++) {
		for (size_t i = 0; i < sizeof(recipe); i++)
			recipe[i] = (uint8_t)(next_random(&seed) >> 32);
		size_t n = fdt_make(blob, recipe, (size_t)(next_random(&seed) % sizeof(recipe)));
		uint8_t *copy = shifted + run % 8;
		memcpy(copy, blob, n);
		fdt_ref_read(&ref, blob, n, PA);
		fdt_ref_compare(&ref, copy, n, PA);
		valid += ref.valid;
		nodes += ref.valid && mm_numa_nodes(&ref.numa) > 1;
		cpus += ref.valid && mm_numa_next_cpu(&ref.numa, &(uint32_t){ 1 },
						      &(struct mm_numa_cpu){ 0 });
	}
	assert_in_range(valid, runs / 10, runs * 9 / 10); /* both kinds were there */
	assert_true(nodes > runs / 100 && cpus > runs / 100);
}

/* Compare in an allocation of just that length, so that a sanitizer sees a read behind it. */
static void compare_exactly(const uint8_t *blob, size_t n)
{
	static struct fdt_ref ref;
	uint8_t *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, blob, n);
	fdt_ref_read(&ref, copy, n, PA);
	fdt_ref_compare(&ref, copy, n, PA);
	free(copy);
}

static void a_blob_that_is_cut_anywhere_changes_nothing(void **state)
{
	static struct box b;

	(void)state;
	load(&b, "riscv-virt-numa2");
	size_t whole = b.bytes;
	for (size_t n = 0; n < whole; n++) {
		b.bytes = n;
		prepare(&b);
		assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, n, PA, &b.info, &b.numa),
				 MM_E_FAULT);
		assert_int_equal(b.map.count, 0);
		if (n % (sim_is_slow() ? 21 : 3) == 0)
			compare_exactly(b.blob, n);
	}
	for (size_t n = 40; n < whole; n += sim_is_slow() ? 7 : 1) { /* and with a header that agrees */
		fdt_set_totalsize(b.blob, (uint32_t)n);
		compare_exactly(b.blob, n);
	}
}

static void no_byte_that_is_wrong_is_taken_differently_than_by_libfdt(void **state)
{
	static struct box b;

	(void)state;
	for (size_t f = 1; f < 5; f += 3) { /* arm-virt-secure, riscv-virt-numa2 */
		load(&b, files[f]);
		for (size_t i = 0; i < b.bytes; i += sim_is_slow() ? 7 : 1) {
			uint8_t was = b.blob[i];

			if (was != 0) {
				b.blob[i] = 0;
				compare_exactly(b.blob, b.bytes);
			}
			b.blob[i] = 0xff;
			compare_exactly(b.blob, b.bytes);
			b.blob[i] = was;
		}
	}
}

static void each_defect_of_the_form_has_its_error(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t value;
		enum mm_status want;
	} header[] = {
		{ 0, 0xd00dfeec, MM_E_INVAL },   { 4, 39, MM_E_CORRUPT },
		{ 4, ROOM, MM_E_FAULT },         { 4, 0x80000000, MM_E_CORRUPT },
		{ 8, 39, MM_E_CORRUPT },         { 8, ROOM, MM_E_CORRUPT },
		{ 8, 0xfffffffc, MM_E_CORRUPT }, { 12, 39, MM_E_CORRUPT },
		{ 12, ROOM, MM_E_CORRUPT },      { 16, 39, MM_E_CORRUPT },
		{ 16, ROOM, MM_E_CORRUPT },      { 16, 0xfffffff8, MM_E_CORRUPT },
		{ 20, 16, MM_E_NOTSUP },         { 24, 18, MM_E_NOTSUP },
		{ 32, 0, MM_E_CORRUPT },         { 32, 0xffffffff, MM_E_CORRUPT },
		{ 36, 0, MM_E_CORRUPT },         { 36, 0xffffffff, MM_E_CORRUPT },
		{ 36, 4, MM_E_CORRUPT },
	};
	static struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(header) / sizeof(*header); i++) {
		load(&b, "arm-virt-numa4");
		fdt32_st(b.blob + header[i].offset, header[i].value);
		assert_refused(&b, header[i].want);
	}
	load(&b, "arm-virt-numa4"); /* a later version that is compatible */
	fdt_set_version(b.blob, 99);
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(mm_memmap_add_fdt(NULL, b.blob, b.bytes, PA, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_fdt(&b.map, NULL, b.bytes, PA, NULL, NULL), MM_E_INVAL);
	assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, b.bytes, PA, NULL, &b.numa), MM_E_INVAL);
	prepare(&b);
	assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, b.bytes, MM_PADDR_MAX, NULL, NULL),
			 MM_E_INVAL);
	assert_int_equal(b.map.count, 0);
}

static void each_defect_of_the_tree_has_its_error(void **state)
{
	enum { BEGIN = 1, END_NODE, PROP, NOP, END = 9 };
	static const struct {
		uint32_t token[8];
		enum mm_status want;
	} trees[] = {
		{ { BEGIN, 0, END_NODE, END }, MM_OK },
		{ { NOP, BEGIN, 0, NOP, END_NODE, END }, MM_OK },
		{ { BEGIN, 0, END_NODE, NOP, END }, MM_E_CORRUPT },
		{ { BEGIN, 0, PROP, 0, 0, END_NODE, END }, MM_OK },
		{ { END }, MM_E_CORRUPT },                               /* no root */
		{ { BEGIN, 0, END }, MM_E_CORRUPT },                     /* does not close */
		{ { BEGIN, 0, END_NODE, END_NODE, END }, MM_E_CORRUPT }, /* closes twice */
		{ { BEGIN, 0, END_NODE, BEGIN, 0, END_NODE, END }, MM_E_CORRUPT }, /* two roots */
		{ { BEGIN, 0x61000000, END_NODE, END }, MM_E_CORRUPT }, /* its name is "a" */
		{ { BEGIN, 0, END_NODE, PROP, 0, 0, END }, MM_E_CORRUPT },
		{ { PROP, 0, 0, BEGIN, 0, END_NODE, END }, MM_E_CORRUPT },
		{ { BEGIN, 0, PROP, 0, 5, END_NODE, END }, MM_E_CORRUPT }, /* name outside */
		{ { BEGIN, 0, PROP, 99, 0, END_NODE, END }, MM_E_CORRUPT },
		{ { BEGIN, 0, PROP, 0xfffffff8, 0, END_NODE, END }, MM_E_CORRUPT },
		{ { BEGIN, 0, PROP, 0xfffffff4, 0, END_NODE, END }, MM_E_CORRUPT }, /* for ever */
		{ { BEGIN, 0, NOP, NOP, NOP, NOP, NOP, PROP }, MM_E_CORRUPT },
		{ { BEGIN, 0, NOP, NOP, NOP, NOP, PROP, 0 }, MM_E_CORRUPT },
		{ { BEGIN, 0, END_NODE, 5, END }, MM_E_CORRUPT }, /* no such token */
		{ { BEGIN, 0, END_NODE, NOP, NOP, NOP, NOP, NOP }, MM_E_CORRUPT }, /* no end */
		{ { BEGIN, 0x61616161, 0x61616161, 0x61616161, 0x61616161, 0x61616161, 0x61616161,
		    0x61616161 },
		  MM_E_CORRUPT },
	};
	static struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		static const uint32_t header[14] = { 0xd00dfeed, 92, 60, 56, 40, 17, 16, 0, 4, 32 };

		for (size_t w = 0; w < 14; w++)
			fdt32_st(b.blob + 4 * w, header[w]);
		for (size_t w = 0; w < 8; w++)
			fdt32_st(b.blob + 60 + 4 * w, trees[i].token[w]);
		memcpy(b.blob + 56, "ab\0c", 4); /* "c" does not end */
		b.bytes = 92;
		if (trees[i].want == MM_OK)
			assert_int_equal(feed(&b), MM_OK);
		else
			assert_refused(&b, trees[i].want);
		compare_exactly(b.blob, b.bytes);
	}
	/* a name that begins in the strings block and does not end there */
	static const uint32_t unended[8] = { BEGIN, 0, PROP, 0, 3, END_NODE, END };
	for (size_t w = 0; w < 8; w++)
		fdt32_st(b.blob + 60 + 4 * w, unended[w]);
	assert_refused(&b, MM_E_CORRUPT);
	static const uint32_t cut[8] = { BEGIN, 0, NOP, NOP, NOP, NOP, NOP, NOP };
	for (size_t w = 0; w < 8; w++)
		fdt32_st(b.blob + 60 + 4 * w, cut[w]);
	for (b.bytes = 89; b.bytes < 92; b.bytes++) { /* inside the last token */
		fdt_set_totalsize(b.blob, (uint32_t)b.bytes);
		fdt_set_size_dt_struct(b.blob, (uint32_t)b.bytes - 60);
		assert_refused(&b, MM_E_CORRUPT);
		compare_exactly(b.blob, b.bytes);
	}
	fdt32_st(b.blob + 44, 1); /* the reservation block runs out of the blob */
	fdt32_st(b.blob + 16, 60);
	assert_refused(&b, MM_E_CORRUPT);
}

static void a_tree_as_deep_as_it_is_long_needs_no_stack(void **state)
{
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	for (int i = 0; i < 1000; i++)
		open_node(&b, "n");
	for (int i = 0; i < 1000; i++)
		close_node(&b);
	memory(&b, "memory", 0x10000, 0x10000);
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(at(&b, 0x10000)->type, MM_MEM_USABLE);
}

/* --- Rules --- */

static void stricter_reservations_keep_their_owner(void **state)
{
	static const char *const kinds[] = { "reusable", "plain", "no-map" };
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	memory(&b, "memory@0", 0, 0x100000);
	close_node(&b);
	open_reservations(&b);
	for (uint32_t i = 0; i < 3;
	     i++) { /* 0 reusable, 1000, 2000 plain, 3000, 4000 no-map, ... */
		open_node(&b, kinds[i]);
		reg(&b, 0x2000 * i, 0x3000);
		bytes(&b, kinds[i], "", 0);
		close_node(&b);
	}
	open_node(&b, "both");
	reg(&b, 0x20000, 0x1000);
	bytes(&b, "reusable", "", 0);
	bytes(&b, "no-map", "", 0);
	close_node(&b);
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	assert_ptr_equal(owner_at(&b, 0x0000), mm_fdt_rsvmap);
	assert_ptr_equal(owner_at(&b, 0x1000), mm_fdt_reusable);
	assert_ptr_equal(owner_at(&b, 0x2000), mm_fdt_reserved);
	assert_ptr_equal(owner_at(&b, 0x3000), mm_fdt_reserved); /* and in the reservation block */
	assert_ptr_equal(owner_at(&b, 0x4000), mm_fdt_no_map);
	assert_ptr_equal(owner_at(&b, 0x6fff), mm_fdt_no_map);
	assert_ptr_equal(owner_at(&b, 0x20000), mm_fdt_no_map);
	assert_int_equal(at(&b, 0x20000)->type, MM_MEM_RESERVED);
	assert_int_equal(at(&b, 0x7000)->type, MM_MEM_USABLE);
	assert_int_equal(b.info.reserved, 7);
	assert_int_equal(b.map.dropped.empty, 1);
}

static void memory_needs_a_good_status_and_reservations_only_not_a_disabled_one(void **state)
{
	static const char *const says[] = { "okay", "ok", "disabled", "fail", "reserved" };
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	for (uint32_t i = 0; i < 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), "memory@%x", i + 1);
		memory(&b, name, 0x100000 * (i + 1), 0x10000);
		text(&b, "status", says[i]);
		close_node(&b);
	}
	open_reservations(&b);
	for (uint32_t i = 0; i < 5; i++) {
		open_node(&b, says[i]);
		reg(&b, 0x1000000 + 0x10000 * i, 0x1000);
		text(&b, "status", says[i]);
		close_node(&b);
	}
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(at(&b, 0x100000 * (i + 1)) != NULL, i < 2);
		assert_int_equal(at(&b, 0x1000000 + 0x10000 * i) != NULL, i != 2);
	}
	assert_int_equal(b.info.disabled, 4);
	assert_int_equal(b.info.memory, 2);
}

static void reservations_without_a_place_are_counted_not_placed(void **state)
{
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	open_reservations(&b);
	open_node(&b, "pool");
	cell(&b, "size", 0x400000);
	close_node(&b);
	open_node(&b, "cma");
	cell(&b, "size", 0x800000);
	bytes(&b, "reusable", "", 0);
	close_node(&b);
	open_node(&b, "placed");
	cell(&b, "size", 0x800000); /* 3.5: reg takes precedence */
	reg(&b, 0x100000, 0x1000);
	close_node(&b);
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(b.info.dynamic, 2);
	assert_int_equal(b.info.dynamic_bytes, 0xc00000);
	assert_int_equal(b.info.reserved, 4);
}

static void chosen_is_read_in_both_widths(void **state)
{
	const fdt32_t wide[2] = { 0, cpu_to_fdt32(0x4200000) };
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	open_node(&b, "chosen");
	bytes(&b, "bootargs", "quiet", 5); /* does not end */
	cell(&b, "linux,initrd-start", 0x4100000);
	bytes(&b, "linux,initrd-end", wide, 8);
	close_node(&b);
	close_tree(&b);
	assert_int_equal(feed(&b), MM_OK);
	assert_int_equal(b.info.bootargs_bytes, 5);
	assert_int_equal(b.info.initrd, 0x4100000);
	assert_int_equal(b.info.initrd_bytes, 0x100000);
	assert_ptr_equal(owner_at(&b, 0x4100000), mm_fdt_initrd);
}

/* Wrong trees: each step leaves one node open that close_node() closes. */
static void ragged_reg(struct box *b)
{
	memory(b, "memory", 0, 0x1000);
	close_node(b);
	open_node(b, "memory@1");
	text(b, "device_type", "memory");
	bytes(b, "reg", "123456789", 9);
}

static void two_chosen(struct box *b)
{
	open_node(b, "chosen");
	close_node(b);
	open_node(b, "chosen@0");
}

static void odd_initrd(struct box *b)
{
	open_node(b, "chosen");
	bytes(b, "linux,initrd-start", "123456", 6);
}

static void backward_initrd(struct box *b)
{
	open_node(b, "chosen");
	cell(b, "linux,initrd-start", 2);
	cell(b, "linux,initrd-end", 1);
}

static void three_cells(struct box *b)
{
	open_node(b, "reserved-memory");
	cell(b, "#address-cells", 3);
}

static void odd_cells(struct box *b)
{
	open_node(b, "reserved-memory");
	bytes(b, "#size-cells", "12", 2);
}

static void translating_ranges(struct box *b)
{
	open_node(b, "reserved-memory");
	bytes(b, "ranges", "123456789abc", 12);
}

static void odd_size(struct box *b)
{
	open_reservations(b);
	open_node(b, "pool");
	bytes(b, "size", "12345678", 8);
	close_node(b);
}

static void odd_node_id(struct box *b)
{
	memory(b, "memory", 0, 0x1000);
	bytes(b, "numa-node-id", "12", 2);
}

static void node_beyond_room(struct box *b)
{
	memory(b, "memory", 0, 0x1000);
	cell(b, "numa-node-id", 4);
}

static void two_nodes_claim_the_same(struct box *b)
{
	memory(b, "memory", 0, 0x2000);
	cell(b, "numa-node-id", 1);
	close_node(b);
	memory(b, "memory@1", 0x1000, 0x2000);
	cell(b, "numa-node-id", 2);
}

static void matrix(struct box *b, uint32_t from, uint32_t to, uint32_t far, size_t n)
{
	fdt32_t v[3] = { cpu_to_fdt32(from), cpu_to_fdt32(to), cpu_to_fdt32(far) };

	open_node(b, "distance-map");
	text(b, "compatible", "numa-distance-map-v1");
	bytes(b, "distance-matrix", v, n);
}

static void ragged_matrix(struct box *b)
{
	matrix(b, 0, 1, 20, 11);
}

static void long_distance(struct box *b)
{
	matrix(b, 0, 1, 256, 12);
}

static void not_local(struct box *b)
{
	matrix(b, 1, 1, 11, 12);
}

static void far_node(struct box *b)
{
	matrix(b, 0, 4, 20, 12);
}

/* Three ids with gaps: of memory, of a CPU, and of a distance. */
static void ids_with_gaps_are_domains(void **state)
{
	static struct box b;
	uint32_t domains[4];

	(void)state;
	open_tree(&b, 1, 1);
	memory(&b, "memory", 0, 0x1000);
	cell(&b, "numa-node-id", 0x70000000);
	close_node(&b);
	open_cpus(&b, 1);
	cpu(&b, "cpu", "cpu", 5, 0xfffffff0);
	close_node(&b);
	matrix(&b, 0x70000000, 9, 33, 12);
	close_node(&b);
	close_tree(&b);
	assert_refused(&b, MM_E_2BIG);
	for (uint32_t room = 1; room < 4; room++) {
		prepare(&b);
		assert_int_equal(mm_numa_init(&b.numa, b.ranges, 16, b.distances, room), MM_OK);
		assert_int_equal(mm_numa_use_cpus(&b.numa, b.cpus, 8), MM_OK);
		assert_int_equal(mm_numa_use_domains(&b.numa, domains), MM_OK);
		assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, b.bytes, PA, NULL, &b.numa),
				 room < 3 ? MM_E_2BIG : MM_OK);
		assert_int_equal(mm_numa_nodes(&b.numa), room < 3 ? 0 : 3);
	}
	assert_int_equal(mm_numa_node_of_domain(&b.numa, 9), 0);
	assert_int_equal(mm_numa_node_of_domain(&b.numa, 0x70000000), 1);
	assert_int_equal(mm_numa_node_of(&b.numa, 0xfff), 1);
	assert_int_equal(mm_numa_node_of_cpu(&b.numa, 5), 2);
	assert_int_equal(mm_numa_distance(&b.numa, 1, 0), 33);
	assert_int_equal(mm_numa_distance(&b.numa, 0, 1), 33);
	assert_int_equal(mm_numa_verify(&b.numa), MM_OK);
}

static void cpu_of_two_nodes(struct box *b)
{
	open_cpus(b, 1);
	cpu(b, "cpu@1", "cpu", 1, 0);
	cpu(b, "cpu@2", "cpu", 1, 1);
}

static void too_many_cpus(struct box *b)
{
	open_cpus(b, 1);
	for (uint32_t i = 0; i < 9; i++)
		cpu(b, "cpu", "cpu", i, 0);
}

static void cpu_of_a_far_node(struct box *b)
{
	open_cpus(b, 1);
	cpu(b, "cpu", "cpu", 0, 4);
}

static void ragged_cpu(struct box *b)
{
	open_cpus(b, 2);
	cpu(b, "cpu", "cpu", 0, 0);
}

static void cpu_with_odd_node(struct box *b)
{
	open_cpus(b, 1);
	open_node(b, "cpu");
	text(b, "device_type", "cpu");
	bytes(b, "numa-node-id", "12", 2);
	close_node(b);
}

static void three_cell_cpus(struct box *b)
{
	open_cpus(b, 3);
}

static void two_cpus_nodes(struct box *b)
{
	open_cpus(b, 1);
	close_node(b);
	open_cpus(b, 1);
}

static void each_defect_of_what_it_says_has_its_error(void **state)
{
	static const struct {
		void (*make)(struct box *b);
		enum mm_status want;
	} wrong[] = {
		{ ragged_reg, MM_E_CORRUPT },
		{ two_chosen, MM_E_CORRUPT },
		{ odd_initrd, MM_E_CORRUPT },
		{ backward_initrd, MM_E_CORRUPT },
		{ three_cells, MM_E_RANGE },
		{ odd_cells, MM_E_CORRUPT },
		{ translating_ranges, MM_E_NOTSUP },
		{ odd_size, MM_E_CORRUPT },
		{ odd_node_id, MM_E_CORRUPT },
		{ node_beyond_room, MM_E_2BIG },
		{ two_nodes_claim_the_same, MM_E_EXIST },
		{ ragged_matrix, MM_E_CORRUPT },
		{ long_distance, MM_E_RANGE },
		{ not_local, MM_E_RANGE },
		{ far_node, MM_E_2BIG },
		{ cpu_of_two_nodes, MM_E_EXIST },
		{ too_many_cpus, MM_E_2BIG },
		{ cpu_of_a_far_node, MM_E_2BIG },
		{ ragged_cpu, MM_E_CORRUPT },
		{ cpu_with_odd_node, MM_E_CORRUPT },
		{ three_cell_cpus, MM_E_RANGE },
		{ two_cpus_nodes, MM_E_CORRUPT },
	};
	static struct box b;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		open_tree(&b, 1, 1);
		wrong[i].make(&b);
		close_node(&b);
		close_tree(&b);
		assert_refused(&b, wrong[i].want);
	}
	for (uint32_t cells = 0; cells < 4; cells += 3) {
		open_tree(&b, cells, 1);
		close_tree(&b);
		assert_refused(&b, MM_E_RANGE);
		open_tree(&b, 1, cells);
		close_tree(&b);
		assert_refused(&b, MM_E_RANGE);
	}
}

static void without_numa_its_defects_do_not_matter(void **state)
{
	static struct box b;

	(void)state;
	open_tree(&b, 1, 1);
	two_nodes_claim_the_same(&b);
	close_node(&b);
	close_tree(&b);
	prepare(&b);
	assert_int_equal(mm_memmap_add_fdt(&b.map, b.blob, b.bytes, PA, NULL, NULL), MM_OK);
	assert_int_equal(at(&b, 0x2fff)->type, MM_MEM_USABLE);
}

static void a_map_that_became_full_calls_nothing_usable_that_is_reserved(void **state)
{
	static struct box b;

	(void)state;
	load(&b, "riscv-virt-numa2");
	assert_int_equal(fdt_open_into(b.blob, b.blob, ROOM), 0);
	b.bytes = ROOM;
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(fdt_add_mem_rsv(b.blob, 0x80000000 + 0x10000 * i, 0x1000), 0);
	for (uint32_t capacity = 0; capacity < 18; capacity++) {
		prepare(&b);
		b.map.capacity =
			capacity; /* 1 for the blob, 8 reserved, 8 of memory between them */
		enum mm_status status =
			mm_memmap_add_fdt(&b.map, b.blob, b.bytes, PA, NULL, &b.numa);
		assert_int_equal(status, capacity < 17 ? MM_E_2BIG : MM_OK);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		assert_int_equal(mm_numa_nodes(&b.numa), status == MM_OK ? 2 : 0);
		for (uint32_t i = 0; i < 8; i++)
			assert_true(!at(&b, 0x80000000 + 0x10000 * i) ||
				    at(&b, 0x80000000 + 0x10000 * i)->type == MM_MEM_RESERVED);
	}
}

static void devices_that_cannot_be_reached_are_passed_over(void **state)
{
	static struct box b;
	uint64_t base = 7, length = 7;

	(void)state;
	open_tree(&b, 1, 1);
	open_node(&b, "uart@1");
	text(&b, "compatible", "a,uart");
	reg(&b, 1, 1);
	text(&b, "status", "disabled");
	close_node(&b);
	for (int i = 0; i < 3;
	     i++) { /* a bus with addresses of its own, one that is off, a good one */
		open_node(&b, i == 0 ? "bus" : i == 1 ? "off" : "soc");
		cell(&b, "#address-cells", 1);
		cell(&b, "#size-cells", 1);
		if (i > 0)
			bytes(&b, "ranges", "", 0);
		if (i == 1)
			text(&b, "status", "disabled");
		open_node(&b, "uart");
		text(&b, "compatible", "a,uart");
		reg(&b, 0x2000 + (uint32_t)i, 0x10);
		close_node(&b);
		close_node(&b);
		if (i == 1) {
			fdt32_t half = 0;

			open_node(&b, "half");
			text(&b, "compatible", "a,uart");
			bytes(&b, "reg", &half, 4);
			close_node(&b);
		}
	}
	close_tree(&b);
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "a,uart", &base, &length), MM_OK);
	assert_true(base == 0x2002 && length == 0x10);
	base = 7;
	assert_int_equal(mm_fdt_find(b.blob, b.bytes, "a,timer", &base, &length), MM_E_NOENT);
	assert_true(base == 7);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_of_files_read_as_libfdt_reads_them),
		cmocka_unit_test(a_blob_with_room_behind_it_reserves_the_room_too),
		cmocka_unit_test(qemu_with_a_secure_world_is_known),
		cmocka_unit_test(a_tree_with_everything_gives_this_map),
		cmocka_unit_test(numa_nodes_of_qemu_are_known),
		cmocka_unit_test(a_cpu_may_have_several_threads_or_no_node),
		cmocka_unit_test(ids_with_gaps_are_domains),
		cmocka_unit_test(the_console_of_qemu_is_found),
		cmocka_unit_test(random_trees_read_as_libfdt_reads_them_at_any_alignment),
		cmocka_unit_test(a_blob_that_is_cut_anywhere_changes_nothing),
		cmocka_unit_test(no_byte_that_is_wrong_is_taken_differently_than_by_libfdt),
		cmocka_unit_test(each_defect_of_the_form_has_its_error),
		cmocka_unit_test(each_defect_of_the_tree_has_its_error),
		cmocka_unit_test(a_tree_as_deep_as_it_is_long_needs_no_stack),
		cmocka_unit_test(stricter_reservations_keep_their_owner),
		cmocka_unit_test(
			memory_needs_a_good_status_and_reservations_only_not_a_disabled_one),
		cmocka_unit_test(reservations_without_a_place_are_counted_not_placed),
		cmocka_unit_test(chosen_is_read_in_both_widths),
		cmocka_unit_test(each_defect_of_what_it_says_has_its_error),
		cmocka_unit_test(without_numa_its_defects_do_not_matter),
		cmocka_unit_test(a_map_that_became_full_calls_nothing_usable_that_is_reserved),
		cmocka_unit_test(devices_that_cannot_be_reached_are_passed_over),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: test_fdt DATA-FOLDER\n");
		return 2;
	}
	data_dir = argv[1];
	return cmocka_run_group_tests_name("fdt", tests, NULL, NULL);
}
