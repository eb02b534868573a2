/* SPDX-License-Identifier: MIT */
/* ACPI tables: those of QEMU's machines and of iasl, the memory of real machines, random ones against
 * a second reader, and every field that can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "acpi_maker.h"
#include "acpi_reference.h"
#include "memmap_reader.h"

#define GIB ((uint64_t)1 << 30)
#define ALL (UINT32_MAX)

static const char *data_dir;

/* --- Tables of firmware --- */

/* A file of pieces of memory: see tests/data/acpi/take.py. */
struct machine {
	uint8_t file[8192];
	struct acpi_piece piece[16];
	struct acpi_memory memory;
	mm_paddr_t rsdp;
};

static uint64_t number(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static size_t read_file(const char *name, uint8_t *at, size_t room)
{
	char path[512];
	size_t n;

	snprintf(path, sizeof(path), "%s/acpi/%s", data_dir, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(at, 1, room, f);
	fclose(f);
	assert_in_range(n, 100, room - 1);
	return n;
}

static void load(struct machine *m, const char *name)
{
	size_t n = read_file(name, m->file, sizeof(m->file)), at = 0;

	m->memory = (struct acpi_memory){ .piece = m->piece };
	while (at < n) {
		assert_in_range(m->memory.pieces, 0, 15);
		struct acpi_piece *p = &m->piece[m->memory.pieces++];

		p->pa = number(m->file + at, 8);
		p->bytes = (size_t)number(m->file + at + 8, 8);
		p->at = m->file + at + 16;
		at += 16 + p->bytes;
	}
	assert_int_equal(at, n);
	m->rsdp = (mm_paddr_t)m->piece[0].pa;
}

/* Find a table and make a copy of just its length. */
static uint8_t *table_of(struct machine *m, const char *signature, size_t *bytes)
{
	mm_paddr_t pa;
	uint8_t *copy;

	assert_int_equal(acpi_ref_find(&m->memory, m->rsdp, signature, &pa, bytes), MM_OK);
	copy = malloc(*bytes);
	assert_non_null(copy);
	memcpy(copy, acpi_read(&m->memory, pa, *bytes), *bytes);
	return copy;
}

static void feed_machine(struct machine *m, const char *name, struct acpi_nodes *nodes)
{
	size_t bytes;
	uint8_t *table;

	load(m, name);
	table = table_of(m, "SRAT", &bytes);
	assert_int_equal(acpi_ref_srat(nodes, table, bytes), MM_OK);
	free(table);
	table = table_of(m, "SLIT", &bytes);
	assert_int_equal(acpi_ref_slit(nodes, table, bytes), MM_OK);
	free(table);
	free(m->memory.copy);
}

/* The nodes are these. */
static void assert_range(const struct acpi_nodes *n, uint32_t i, uint64_t base, uint64_t last,
			 uint32_t node)
{
	struct mm_numa_range r;

	assert_true(mm_numa_next(&n->numa, &i, &r));
	assert_true(r.base == base && r.last == last && r.node == node);
}

static void machines_with_two_nodes(void **state)
{
	static const struct {
		const char *name;
		uint64_t base, middle, last;
	} two[] = {
		{ "q35-2-nodes.mem", 0, 0x3000000, 0x7ffffff },
		{ "q35-uefi-2-nodes.mem", 0, 0x8000000, 0xfffffff },
		{ "virt-uefi-2-nodes.mem", 0x40000000, 0x48000000, 0x4fffffff },
	};
	static struct machine m;
	static struct acpi_nodes n;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bool pc = two[i].base == 0;

		feed_machine(&m, two[i].name, &n);
		assert_int_equal(mm_numa_nodes(&n.numa), 2);
		assert_range(&n, 0, two[i].base, pc ? 0x9ffff : two[i].middle - 1, 0);
		if (pc)
			assert_range(&n, 1, 0x100000, two[i].middle - 1, 0);
		assert_range(&n, pc ? 2 : 1, two[i].middle, two[i].last, 1);
		assert_int_equal(n.numa.count, pc ? 3 : 2);
		for (uint32_t cpu = 0; cpu < 5; cpu++)
			assert_int_equal(mm_numa_node_of_cpu(&n.numa, cpu),
					 cpu < 4 ? cpu / 2 : MM_NUMA_NONE);
		assert_int_equal(mm_numa_distance(&n.numa, 0, 1), 21);
		assert_int_equal(mm_numa_distance(&n.numa, 1, 0), 21);
		assert_int_equal(n.info.cpus, 4);
		assert_int_equal(n.info.memory, pc ? 3 : 2);
		assert_int_equal(n.info.disabled, pc ? 1 : 0);
	}
}

/* A node without memory; an NVDIMM of one node in the hot-plug window of another one; APIC ids with
 * gaps; distances that differ by direction, and one that is no distance. */
static void a_machine_with_three_nodes(void **state)
{
	static const uint8_t far[3][3] = { { 10, 15, 255 }, { 16, 10, 30 }, { 254, 31, 10 } };
	static struct machine m;
	static struct acpi_nodes n;

	(void)state;
	feed_machine(&m, "q35-3-nodes.mem", &n);
	assert_int_equal(mm_numa_nodes(&n.numa), 3);
	assert_range(&n, 0, 0, 0x9ffff, 0);
	assert_range(&n, 1, 0x100000, 0x3ffffff, 0);
	assert_range(&n, 2, 0x4000000, 0x7ffffff, 2);
#if MM_PADDR_BITS == 64
	assert_range(&n, 3, 0x100000000, 0x101ffffff, 0);
	assert_range(&n, 4, 0x102000000, 0x277ffffff, 2);
	assert_int_equal(n.info.clipped, 1);
	assert_int_equal(n.info.dropped, 0);
#else
	assert_int_equal(n.info.dropped, 2);
#endif
	assert_int_equal(n.info.memory, 5);
	assert_int_equal(n.info.hotplug, 1);
	assert_int_equal(n.info.persistent, 1);
	for (uint32_t id = 0; id < 7; id++)
		assert_int_equal(mm_numa_node_of_cpu(&n.numa, id), id == 3   ? MM_NUMA_NONE
								   : id == 6 ? 2
									     : id / 4);
	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t j = 0; j < 3; j++)
			assert_int_equal(mm_numa_distance(&n.numa, i, j), far[i][j]);
}

/* What iasl encodes. */
static void every_kind_of_entry(void **state)
{
	static const uint32_t domains[] = { 3, 9, 0x12345634, 0xfffffffe };
	static uint8_t file[1024];
	static struct acpi_nodes n;
	struct mm_srat_entry e;
	uint32_t it = 0;
	size_t bytes = read_file("everything-srat.bin", file, sizeof(file));

	(void)state;
	assert_int_equal(acpi_ref_srat(&n, file, bytes), MM_OK);
	assert_int_equal(mm_numa_nodes(&n.numa), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(mm_numa_node_of_domain(&n.numa, domains[i]), i);
	assert_int_equal(mm_numa_node_of_domain(&n.numa, 0x99), MM_NUMA_NONE); /* not enabled */
	assert_int_equal(mm_numa_node_of_domain(&n.numa, 0xffffffff), MM_NUMA_NONE);
	assert_int_equal(mm_numa_node_of_domain(&n.numa, 0), MM_NUMA_NONE);
	assert_range(&n, 0, 0x100000, 0x7ffffff, 0);
	assert_range(&n, 1, 0x10000000, 0x1fffffff, 3);
	assert_range(&n, 2, 0x20000000, 0x2fffffff, 0);
	assert_int_equal(n.numa.count, 3);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, 0x12), 2);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, 0x13), MM_NUMA_NONE);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, 0x12345), 0);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, 0x1234), 3);
	assert_int_equal(n.info.cpus, 3);
	assert_int_equal(n.info.memory, 3);
	assert_int_equal(n.info.hotplug, 1);
	assert_int_equal(n.info.persistent, 1);
	assert_int_equal(n.info.devices, 2);
	assert_int_equal(n.info.disabled, 2);
	assert_int_equal(n.info.unknown, 0);
	for (int i = 0; i < 8; i++)
		assert_true(mm_srat_next(file, bytes, &it, &e));
	assert_int_equal(e.kind, MM_SRAT_INITIATOR);
	assert_int_equal(e.handle_type, 1);
	assert_int_equal(e.handle[0], 1);
	assert_int_equal(e.handle[2], 0x20);
	assert_false(mm_srat_next(file, bytes, &it, &e));

	bytes = read_file("everything-slit.bin", file, sizeof(file));
	assert_int_equal(acpi_ref_slit(&n, file, bytes), MM_OK);
	assert_int_equal(mm_numa_distance(&n.numa, 0, 1), 44);
	assert_int_equal(mm_numa_distance(&n.numa, 1, 0), MM_NUMA_UNREACHABLE);
	assert_int_equal(mm_numa_distance(&n.numa, 0, 2), MM_NUMA_REMOTE); /* not in the table */
}

/* The machines whose kernels logged their SRAT: the same nodes come of it. */
static void real_machines_have_their_nodes(void **state)
{
	static struct mm_numa_range ranges[64];
	static uint8_t distances[16 * 16];
	static struct acpi_made t;
	uint32_t domains[16];
	struct memmap_line line[64];
	struct mm_srat_info info;
	struct mm_numa numa;
	unsigned files = 0;

	(void)state;
	for (size_t f = 0; memmap_files[f]; f++) {
		size_t n;
		uint32_t plugged = 0, nodes = 0;

		if (strncmp(memmap_files[f], "srat", 4) != 0)
			continue;
		n = memmap_read(data_dir, memmap_files[f], line, 64);
		acpi_begin(&t, "SRAT", 3, 12);
		for (size_t i = n; i-- > 0;) { /* backward: the order does not matter */
			acpi_memory(&t, (uint32_t)line[i].pxm, line[i].first,
				    line[i].last - line[i].first + 1, line[i].hotplug ? 3 : 1);
			plugged += line[i].hotplug;
			if ((uint32_t)line[i].node >= nodes)
				nodes = (uint32_t)line[i].node + 1;
		}
		acpi_end(&t);
		assert_int_equal(mm_numa_init(&numa, ranges, 64, distances, 16), MM_OK);
		assert_int_equal(mm_numa_use_domains(&numa, domains), MM_OK);
		assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, &info), MM_OK);
		assert_int_equal(mm_numa_verify(&numa), MM_OK);
		assert_int_equal(info.memory, n);
		assert_int_equal(info.hotplug, plugged);
		assert_int_equal(info.clipped, 0);
		assert_int_equal(mm_numa_nodes(&numa), nodes);
		for (size_t i = 0; i < n; i++) {
			mm_paddr_t base = (mm_paddr_t)line[i].first,
				   last = (mm_paddr_t)line[i].last;

			if (base != line[i].first || last != line[i].last)
				continue;
			assert_int_equal(mm_numa_node_of(&numa, base), line[i].node);
			assert_int_equal(mm_numa_node_of(&numa, last), line[i].node);
			assert_int_equal(mm_numa_node_of(&numa, base + (last - base) / 2),
					 line[i].node);
		}
		files++;
	}
	assert_int_equal(files, 3);
}

/* --- Rules of the SRAT --- */

static void begin(struct acpi_made *t)
{
	acpi_begin(t, "SRAT", 3, 12);
}

static void nodes_are_numbered_by_rising_domain(void **state)
{
	static const uint32_t domains[] = { 77, 0xffffffff, 0, 0x100, 77, 3 };
	static const uint32_t want[] = { 2, 4, 0, 3, 2, 1 };
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	begin(&t);
	for (uint32_t i = 0; i < 6; i++)
		acpi_memory(&t, domains[i], i * 0x100000, 0x1000, 1);
	acpi_end(&t);
	assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
	assert_int_equal(mm_numa_nodes(&n.numa), 5);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(mm_numa_node_of_domain(&n.numa, domains[i]), want[i]);
		assert_int_equal(mm_numa_node_of(&n.numa, i * 0x100000), want[i]);
	}
}

static void without_room_for_domains_they_are_the_nodes(void **state)
{
	static struct mm_numa_range ranges[4];
	static uint8_t distances[9];
	static struct acpi_made t;
	struct mm_numa numa;

	(void)state;
	for (uint32_t domain = 0; domain < 5; domain++) {
		begin(&t);
		acpi_memory(&t, domain, 0x1000, 0x1000, 1);
		acpi_end(&t);
		assert_int_equal(mm_numa_init(&numa, ranges, 4, distances, 3), MM_OK);
		assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, NULL),
				 domain < 3 ? MM_OK : MM_E_2BIG);
		assert_int_equal(mm_numa_nodes(&numa), domain < 3 ? domain + 1 : 0);
		assert_int_equal(mm_numa_node_of(&numa, 0x1000),
				 domain < 3 ? domain : MM_NUMA_NONE);
		assert_int_equal(mm_numa_node_of_domain(&numa, domain),
				 domain < 3 ? domain : MM_NUMA_NONE);
		assert_int_equal(mm_numa_verify(&numa), MM_OK);
	}
}

static void cpus_are_noted_if_there_is_room_and_make_nodes_anyway(void **state)
{
	static struct mm_numa_range ranges[4];
	static uint8_t distances[9];
	static struct acpi_made t;
	struct mm_numa_cpu cpus[3];
	struct mm_numa numa;

	(void)state;
	begin(&t);
	acpi_apic(&t, 0, 4, 1);
	acpi_x2apic(&t, 1, 0x1004, 1);
	acpi_rintc(&t, 2, 9, 1);
	acpi_end(&t);
	assert_int_equal(mm_numa_init(&numa, ranges, 4, distances, 3), MM_OK);
	assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, NULL), MM_OK);
	assert_int_equal(mm_numa_nodes(&numa), 3);
	assert_int_equal(mm_numa_node_of_cpu(&numa, 4), MM_NUMA_NONE);
	for (uint32_t room = 1; room < 4; room++) {
		assert_int_equal(mm_numa_init(&numa, ranges, 4, distances, 3), MM_OK);
		assert_int_equal(mm_numa_use_cpus(&numa, cpus, room), MM_OK);
		assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, NULL),
				 room < 3 ? MM_E_2BIG : MM_OK);
		assert_int_equal(mm_numa_nodes(&numa), room < 3 ? 0 : 3);
		assert_int_equal(mm_numa_node_of_cpu(&numa, 4), room < 3 ? MM_NUMA_NONE : 0);
	}
	assert_int_equal(mm_numa_node_of_cpu(&numa, 0x1004), 1);
	assert_int_equal(mm_numa_node_of_cpu(&numa, 9), 2);
}

static void the_id_that_means_all_cpus_is_nobody(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	begin(&t);
	acpi_apic(&t, 0, 0xff, 1);
	acpi_apic(&t, 1, 0xff, 1);
	acpi_x2apic(&t, 2, ALL, 1);
	acpi_x2apic(&t, 3, 0xff, 1); /* a CPU like any other */
	acpi_gicc(&t, 4, ALL, 1);
	acpi_end(&t);
	assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
	assert_int_equal(mm_numa_nodes(&n.numa), 2);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, 0xff), 0);
	assert_int_equal(mm_numa_node_of_cpu(&n.numa, ALL), 1);
	assert_int_equal(n.info.disabled, 3);
}

static void domains_of_the_first_revision_have_8_bits(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	for (unsigned revision = 0; revision < 5; revision++) {
		acpi_begin(&t, "SRAT", revision, 12);
		acpi_apic(&t, 0x55555502, 1, 1);
		acpi_memory(&t, 0x66666603, 0, 0x1000, 1);
		acpi_end(&t);
		assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
		assert_int_equal(mm_numa_node_of_domain(&n.numa, revision < 2 ? 2 : 0x55555502), 0);
		assert_int_equal(mm_numa_node_of_domain(&n.numa, revision < 2 ? 3 : 0x66666603), 1);
	}
}

static void hot_pluggable_memory_gets_what_others_leave(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	begin(&t);
	acpi_memory(&t, 2, 0, 0x100000, 3);      /* a window over all */
	acpi_memory(&t, 0, 0x10000, 0x10000, 1); /* two others in it, which touch */
	acpi_memory(&t, 1, 0x20000, 0x10000, 5);
	acpi_memory(&t, 2, 0x80000, 0x1000, 1);  /* one of the same domain */
	acpi_memory(&t, 3, 0xf0000, 0x20000, 3); /* a second window over the end of the first */
	acpi_memory(&t, 3, 0x10000, 0x20000, 3); /* a third one with nothing left */
	acpi_memory(&t, 2, 0x200000, 0, 3);      /* none */
	acpi_memory(&t, 2, UINT64_MAX, 2, 3);    /* wraps */
	acpi_memory(&t, 2, UINT64_MAX - 0xffff, 0x10000, 3);
	acpi_end(&t);
	assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
	assert_range(&n, 0, 0, 0xffff, 2);
	assert_range(&n, 1, 0x10000, 0x1ffff, 0);
	assert_range(&n, 2, 0x20000, 0x2ffff, 1);
	assert_range(&n, 3, 0x30000, 0xfffff, 2);
	assert_range(&n, 4, 0x100000, 0x10ffff, 3);
	assert_int_equal(n.info.hotplug, 6);
	assert_int_equal(n.info.clipped, 3);
#if MM_PADDR_BITS == 64
	assert_range(&n, 5, UINT64_MAX - 0xffff, UINT64_MAX, 2);
	assert_int_equal(n.info.dropped, 2);
#else
	assert_int_equal(n.info.dropped, 3);
#endif
}

/* --- What is wrong --- */

/* Two nodes, a CPU each, and a device: 48 + 16 + 40 + 24 + 40 + 32 + 12 bytes. */
static void good_srat(struct acpi_made *t)
{
	begin(t);
	acpi_apic(t, 0, 1, 1);
	acpi_memory(t, 0, 0, 0x10000, 1);
	acpi_x2apic(t, 1, 0x101, 1);
	acpi_memory(t, 1, 0x10000, 0x10000, 1);
	acpi_device(t, 6, 1, "0123456789abcdef", 1);
	acpi_its(t, 0, 3);
	acpi_end(t);
}

static void fields_that_are_wrong_have_their_errors(void **state)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
		enum mm_status want;
	} wrong[] = {
		{ 0, 1, 's', MM_E_INVAL },  /* signature */
		{ 4, 4, 47, MM_E_CORRUPT }, /* no room for the first entry */
		{ 4, 4, 0, MM_E_CORRUPT },
		{ 4, 4, 213, MM_E_FAULT }, /* longer than can be read */
		{ 4, 4, ALL, MM_E_FAULT },
		{ 4, 4, 211, MM_E_CORRUPT }, /* the last entry is cut */
		{ 4, 4, 201, MM_E_CORRUPT }, /* so that its type is left alone */
		{ 49, 1, 0, MM_E_CORRUPT },  /* lengths of entries */
		{ 49, 1, 1, MM_E_CORRUPT },
		{ 49, 1, 15, MM_E_CORRUPT }, /* shorter than its type */
		{ 65, 1, 39, MM_E_CORRUPT },
		{ 105, 1, 23, MM_E_CORRUPT },
		{ 169, 1, 31, MM_E_CORRUPT },
		{ 201, 1, 11, MM_E_CORRUPT },
		{ 201, 1, 13, MM_E_CORRUPT }, /* past the end */
		{ 201, 1, 255, MM_E_CORRUPT },
		{ 136, 8, 0xffff, MM_E_EXIST }, /* base of the second range: one byte of the first */
		{ 112, 4, 1, MM_E_EXIST },      /* the same CPU twice */
	};
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	good_srat(&t);
	assert_int_equal(t.bytes, 212);
	assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		size_t length = t.bytes;

		good_srat(&t);
		for (size_t k = 0; k < wrong[i].bytes; k++)
			t.at[wrong[i].at + k] = (uint8_t)(wrong[i].value >> 8 * k);
		if (wrong[i].at == 4 && wrong[i].value < length)
			length = (size_t)wrong[i].value;
		if (length >= 36)
			acpi_sum(t.at, length, 9);
		assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), wrong[i].want);
	}
	/* A last entry without a length, and nothing behind it. */
	begin(&t);
	acpi_its(&t, 0, 3);
	acpi_put(&t, 9, 1);
	acpi_end(&t);
	uint8_t *copy = malloc(t.bytes);
	assert_non_null(copy);
	memcpy(copy, t.at, t.bytes);
	assert_int_equal(acpi_ref_srat(&n, copy, t.bytes), MM_E_CORRUPT);
	free(copy);
	/* Types whose entries are too short, and unknown ones that may be. */
	for (unsigned type = 0; type < 256; type++) {
		begin(&t);
		acpi_put(&t, type | 2 << 8, 2);
		acpi_end(&t);
		assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), type < 8 ? MM_E_CORRUPT : MM_OK);
		assert_int_equal(mm_numa_nodes(&n.numa), 0);
		if (type >= 8)
			assert_int_equal(n.info.unknown, 1);
	}
}

static void a_table_that_is_cut_or_changed_anywhere_changes_nothing(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	good_srat(&t);
	for (size_t bytes = 0; bytes < t.bytes; bytes++) {
		uint8_t *copy = malloc(bytes + 1);

		assert_non_null(copy);
		memcpy(copy + 1, t.at, bytes);
		assert_int_equal(acpi_ref_srat(&n, copy + 1, bytes), MM_E_FAULT);
		free(copy);
	}
	for (size_t at = 0; at < t.bytes; at++)
		for (unsigned bit = 0; bit < 8; bit++) { /* the sum notices each of them */
			t.at[at] ^= (uint8_t)(1u << bit);
			assert_int_not_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
			t.at[at] ^= (uint8_t)(1u << bit);
		}
	assert_int_equal(acpi_ref_srat(&n, t.at, t.bytes), MM_OK);
}

static void room_that_is_missing_is_too_big(void **state)
{
	static struct acpi_made t;
	struct mm_numa_range ranges[3];
	struct mm_numa_cpu cpus[2];
	uint8_t distances[4];
	uint32_t domains[2];

	(void)state;
	begin(&t);
	acpi_memory(&t, 9, 0, 0x1000, 1);
	acpi_apic(&t, 9, 1, 1);
	acpi_memory(&t, 5, 0x2000, 0x1000, 1);
	acpi_apic(&t, 5, 2, 1);
	acpi_memory(&t, 5, 0x8000, 0x1000, 3);
	acpi_end(&t);
	for (unsigned lack = 0; lack < 8; lack++) {
		uint32_t nodes = lack & 1 ? 1 : 2, count = lack & 2 ? 2 : 3,
			 ncpus = lack & 4 ? 1 : 2;
		struct mm_srat_info info = { .unknown = 7 };
		struct mm_numa numa;

		assert_int_equal(mm_numa_init(&numa, ranges, count, distances, nodes), MM_OK);
		assert_int_equal(mm_numa_use_domains(&numa, domains), MM_OK);
		assert_int_equal(mm_numa_use_cpus(&numa, cpus, ncpus), MM_OK);
		assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, &info),
				 lack ? MM_E_2BIG : MM_OK);
		assert_int_equal(info.unknown, lack ? 7 : 0);
		assert_int_equal(mm_numa_nodes(&numa), lack ? 0 : 2);
		assert_int_equal(mm_numa_node_of(&numa, 0), lack ? MM_NUMA_NONE : 1);
		assert_int_equal(mm_numa_node_of_cpu(&numa, 2), lack ? MM_NUMA_NONE : 0);
		assert_int_equal(mm_numa_verify(&numa), MM_OK);
		if (!lack) /* nodes that are named already */
			assert_int_equal(mm_numa_add_srat(&numa, t.at, t.bytes, NULL), MM_E_INVAL);
	}
}

static void null_arguments_are_invalid(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;
	struct mm_srat_entry e;
	uint32_t it = 0;

	(void)state;
	good_srat(&t);
	acpi_nodes_init(&n);
	assert_int_equal(mm_numa_add_srat(NULL, t.at, t.bytes, NULL), MM_E_INVAL);
	assert_int_equal(mm_numa_add_srat(&n.numa, NULL, t.bytes, NULL), MM_E_INVAL);
	assert_int_equal(mm_numa_add_slit(NULL, t.at, t.bytes), MM_E_INVAL);
	assert_int_equal(mm_numa_add_slit(&n.numa, NULL, t.bytes), MM_E_INVAL);
	assert_int_equal(mm_numa_add_slit(&n.numa, t.at, t.bytes), MM_E_INVAL); /* an SRAT */
	assert_false(mm_srat_next(NULL, t.bytes, &it, &e));
	assert_false(mm_srat_next(t.at, t.bytes, NULL, &e));
	assert_false(mm_srat_next(t.at, t.bytes, &it, NULL));
	assert_false(mm_srat_next(t.at, 47, &it, &e));
	/* In memory that ends there: no byte behind it is looked at. */
	for (size_t bytes = 48; bytes <= t.bytes; bytes++) {
		uint8_t *copy = malloc(bytes);

		assert_non_null(copy);
		memcpy(copy, t.at, bytes);
		for (it = 0; mm_srat_next(copy, bytes, &it, &e);)
			assert_in_range(it, 60, bytes);
		for (it = (uint32_t)bytes; it < bytes + 5; it++)
			assert_false(mm_srat_next(copy, bytes, &it, &e));
		free(copy);
	}
	assert_int_equal(mm_numa_add_srat(&n.numa, t.at, t.bytes, NULL), MM_OK);
}

/* --- SLIT --- */

static void make_slit(struct acpi_made *t, uint64_t localities, const uint8_t *far, size_t n)
{
	acpi_begin(t, "SLIT", 1, 0);
	acpi_put(t, localities, 8);
	acpi_bytes(t, far, n);
	acpi_end(t);
}

/* Nodes of domains 0 and 2. */
static void two_nodes(struct acpi_nodes *n)
{
	static struct acpi_made t;

	begin(&t);
	acpi_memory(&t, 0, 0, 0x1000, 1);
	acpi_memory(&t, 2, 0x1000, 0x1000, 1);
	acpi_end(&t);
	assert_int_equal(acpi_ref_srat(n, t.at, t.bytes), MM_OK);
}

static void distances_are_of_domains_that_are_nodes(void **state)
{
	/* of domain 1 nobody has heard: its row and column may say anything */
	static const uint8_t far[16] = { 10, 0, 40, 9, 1, 99, 2, 0, 255, 0, 10, 0, 0, 0, 0, 0 };
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	two_nodes(&n);
	make_slit(&t, 4, far, 16);
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_OK);
	assert_int_equal(mm_numa_distance(&n.numa, 0, 1), 40);
	assert_int_equal(mm_numa_distance(&n.numa, 1, 0), MM_NUMA_UNREACHABLE);
	two_nodes(&n);
	make_slit(&t, 2, far, 4); /* nothing of domain 2 */
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_OK);
	assert_int_equal(mm_numa_distance(&n.numa, 0, 1), MM_NUMA_REMOTE);
	make_slit(&t, 0, NULL, 0);
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_OK);
	make_slit(&t, 4, far, 16); /* and once more: the last one holds */
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_OK);
	assert_int_equal(mm_numa_distance(&n.numa, 0, 1), 40);
}

static void slits_that_are_wrong_have_their_errors(void **state)
{
	static const uint8_t good[9] = { 10, 20, 30, 20, 10, 20, 30, 20, 10 };
	static const struct {
		size_t at;
		uint8_t value;
		enum mm_status want;
	} wrong[] = {
		{ 0, 11, MM_E_RANGE }, { 8, 9, MM_E_RANGE },  { 8, 0, MM_E_RANGE },
		{ 2, 10, MM_E_RANGE }, { 6, 10, MM_E_RANGE }, { 6, 0, MM_E_RANGE },
		{ 2, 11, MM_OK },      { 4, 0, MM_OK }, /* of nobody */
	};
	static const uint64_t localities[] = {
		4, 10, 65535, 65536, (uint64_t)1 << 32, UINT64_MAX, 0xffff00000003
	};
	static struct acpi_nodes n;
	static struct acpi_made t;

	(void)state;
	acpi_nodes_init(&n);
	make_slit(&t, 3, good, 9);
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_E_STATE);
	two_nodes(&n);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint8_t far[9];

		memcpy(far, good, 9);
		far[wrong[i].at] = wrong[i].value;
		make_slit(&t, 3, far, 9);
		assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), wrong[i].want);
	}
	for (size_t i = 0; i < sizeof(localities) / sizeof(*localities); i++) {
		make_slit(&t, localities[i], good, 9);
		assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_E_CORRUPT);
	}
	make_slit(&t, 3, good, 8); /* one short */
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_E_CORRUPT);
	acpi_begin(&t, "SLIT", 1, 7);
	acpi_end(&t);
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_E_CORRUPT);
	make_slit(&t, 3, good, 9);
	for (size_t bytes = 0; bytes < t.bytes; bytes++)
		assert_int_equal(acpi_ref_slit(&n, t.at, bytes), MM_E_FAULT);
	t.at[44]++;
	assert_int_equal(acpi_ref_slit(&n, t.at, t.bytes), MM_E_CORRUPT);
}

/* --- Random tables --- */

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void random_tables_read_as_the_reference_reads_them(void **state)
{
	static struct acpi_nodes n;
	static struct acpi_made t;
	static uint8_t shifted[ACPI_MAKER_ROOM + 8];
	uint64_t seed = 5;
	unsigned taken = 0, refused[3] = { 0 }, far = 0, clipped = 0;

	(void)state;
	for (int run = 0; run < 20000; run++) {
		uint8_t recipe[120];
		enum mm_status st;

		for (size_t i = 0; i < sizeof(recipe); i++)
			recipe[i] = (uint8_t)(next_random(&seed) >> 32);
		acpi_make_srat(&t, recipe, (size_t)(next_random(&seed) % sizeof(recipe)));
		if (run % 4 == 0) {
			size_t at = (size_t)(next_random(&seed) % t.bytes);

			t.at[at] = (uint8_t)next_random(&seed);
			acpi_sum(t.at, t.bytes, 9);
		}
		memcpy(shifted + run % 8, t.at, t.bytes);
		st = acpi_ref_srat(&n, shifted + run % 8, t.bytes);
		taken += st == MM_OK && mm_numa_nodes(&n.numa) > 1;
		clipped += st == MM_OK && n.info.clipped > 0;
		refused[0] += st == MM_E_EXIST;
		refused[1] += st == MM_E_2BIG;
		refused[2] += st == MM_E_CORRUPT;
		acpi_make_slit(&t, recipe, sizeof(recipe));
		memcpy(shifted + run % 8, t.at, t.bytes);
		far += acpi_ref_slit(&n, shifted + run % 8, t.bytes) == MM_OK;
	}
	assert_true(taken > 1000 && far > 1000 && clipped > 100);
	assert_true(refused[0] > 100 && refused[1] > 100 && refused[2] > 100);
}

/* --- Finding tables --- */

#define RSDP 0x1000
#define ROOT 0x2001 /* alignment is of no matter */

/* An RSDP, a root with six tables, and the tables. */
struct box {
	uint8_t rsdp[36];
	struct acpi_made root, table[6];
	struct acpi_piece piece[8];
	struct acpi_memory memory;
};

static void build(struct box *b, unsigned revision, size_t entry)
{
	static const char *const signature[] = { "FACP", "SRAT", "APIC", "SRAT", "SLIT", "XXXX" };

	memset(b, 0, sizeof(*b));
	memcpy(b->rsdp, "RSD PTR ", 8);
	b->rsdp[15] = (uint8_t)revision;
	b->rsdp[16] = (uint8_t)ROOT; /* both addresses: whichever is followed is in use */
	b->rsdp[17] = ROOT >> 8;
	if (entry == 8)
		memcpy(b->rsdp + 24, b->rsdp + 16, 2);
	acpi_begin(&b->root, entry == 8 ? "XSDT" : "RSDT", 1, 0);
	for (unsigned i = 0; i < 6; i++) {
		acpi_begin(&b->table[i], signature[i], 3, 12 + i);
		acpi_end(&b->table[i]);
		acpi_put(&b->root, 0x10000 * (i + 1), entry);
		b->piece[i + 2] =
			(struct acpi_piece){ 0x10000 * (i + 1), b->table[i].bytes, b->table[i].at };
	}
	acpi_end(&b->root);
	b->piece[0] = (struct acpi_piece){ RSDP, 36, b->rsdp };
	b->piece[1] = (struct acpi_piece){ ROOT, b->root.bytes, b->root.at };
	b->memory = (struct acpi_memory){ b->piece, 8, NULL };
}

static enum mm_status find(struct box *b, const char *signature, mm_paddr_t *pa, size_t *bytes)
{
	enum mm_status st;

	acpi_sum(b->rsdp, 20, 8);
	acpi_sum(b->rsdp, 36, 32);
	b->piece[1].bytes = b->root.bytes;
	st = acpi_ref_find(&b->memory, RSDP, signature, pa, bytes);
	free(b->memory.copy);
	b->memory.copy = NULL;
	return st;
}

static void tables_are_found_by_both_lists(void **state)
{
	static struct box b;
	mm_paddr_t pa;
	size_t bytes;

	(void)state;
	for (unsigned wide = 0; wide < 2; wide++) {
		build(&b, wide ? 2 : 0, wide ? 8 : 4);
		assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_OK);
		assert_int_equal(pa, 0x20000);
		assert_int_equal(bytes, 49);
		assert_int_equal(find(&b, "XXXX", &pa, &bytes), MM_OK);
		assert_int_equal(pa, 0x60000);
		assert_int_equal(find(&b, "HPET", &pa, &bytes), MM_E_NOENT);
	}
	build(&b, 2, 4); /* no XSDT: the RSDT serves */
	assert_int_equal(find(&b, "SLIT", &pa, &bytes), MM_OK);
	build(&b, 0, 4);
	b.piece[0].bytes = 20; /* an RSDP of revision 0 ends there */
	assert_int_equal(find(&b, "SLIT", &pa, &bytes), MM_OK);
	b.rsdp[15] = 2;
	assert_int_equal(find(&b, "SLIT", &pa, &bytes), MM_E_FAULT);
}

static void broken_lists_have_their_errors(void **state)
{
	static struct box b;
	mm_paddr_t pa = 7;
	size_t bytes = 7;

	(void)state;
	build(&b, 2, 8);
#define FIND(want) assert_int_equal(find(&b, "SLIT", &pa, &bytes), want)
	FIND(MM_OK);
	b.rsdp[0] ^= 1;
	FIND(MM_E_INVAL);
	b.rsdp[0] ^= 1;
	acpi_sum(b.rsdp, 20, 8);
	b.rsdp[33]++; /* the sum of all 36 bytes */
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, RSDP, "SLIT", &pa, &bytes), MM_E_INVAL);
	b.rsdp[33]--;
	b.rsdp[9]++; /* the sum of the first 20, that of all is right */
	acpi_sum(b.rsdp, 36, 32);
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, RSDP, "SLIT", &pa, &bytes), MM_E_INVAL);
	b.rsdp[9]--;
	acpi_sum(b.rsdp, 36, 32);
	b.root.at[0] = 'R'; /* an RSDT where an XSDT should be */
	acpi_sum(b.root.at, b.root.bytes, 9);
	FIND(MM_E_CORRUPT);
	b.root.at[0] = 'X';
	FIND(MM_E_CORRUPT); /* its sum */
	acpi_sum(b.root.at, b.root.bytes, 9);
	FIND(MM_OK);
	b.root.at[4] = 35;
	FIND(MM_E_CORRUPT);
	b.root.at[4] = 0xff; /* longer than what is granted */
	FIND(MM_E_FAULT);
	acpi_end(&b.root);
	b.rsdp[31] = 0x80; /* where mm_paddr_t may not reach, and nothing is */
	FIND(MM_E_FAULT);
	b.rsdp[31] = 0;
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, 0x5000, "SLIT", &pa, &bytes),
			 MM_E_FAULT);
	assert_int_equal(mm_acpi_find(NULL, &b.memory, RSDP, "SLIT", &pa, &bytes), MM_E_INVAL);
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, RSDP, NULL, &pa, &bytes), MM_E_INVAL);
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, RSDP, "SLIT", NULL, &bytes),
			 MM_E_INVAL);
	assert_int_equal(mm_acpi_find(acpi_read, &b.memory, RSDP, "SLIT", &pa, NULL), MM_E_INVAL);
	FIND(MM_OK);
#undef FIND
	free(b.memory.copy);
}

static void of_several_tables_the_first_whole_one_counts(void **state)
{
	static struct box b;
	mm_paddr_t pa;
	size_t bytes;

	(void)state;
	build(&b, 2, 8);
	b.table[1].at[20]++; /* its sum */
	assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_OK);
	assert_int_equal(pa, 0x40000);
	b.piece[5].bytes = 40; /* the second: its end is not to be read */
	assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_E_CORRUPT);
	acpi_end(&b.table[1]);
	b.piece[3].bytes = 40;
	assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_E_FAULT);
	b.piece[3].bytes = 20; /* not even their headers: who knows what they are */
	b.piece[5].bytes = 20;
	assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_E_FAULT);
	assert_int_equal(find(&b, "SLIT", &pa, &bytes), MM_OK);
	memset(b.root.at + 44, 0, 8); /* no address: no table */
	memset(b.root.at + 60, 0, 8);
	acpi_end(&b.root);
	assert_int_equal(find(&b, "SRAT", &pa, &bytes), MM_E_NOENT);
	b.table[4].at[4] = 20; /* shorter than a header */
	assert_int_equal(find(&b, "SLIT", &pa, &bytes), MM_E_CORRUPT);
	b.root.bytes -= 17; /* two entries less, and a part of one, which is none */
	acpi_end(&b.root);
	assert_int_equal(find(&b, "XXXX", &pa, &bytes), MM_E_NOENT);
	assert_int_equal(find(&b, "FACP", &pa, &bytes), MM_OK);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_with_two_nodes),
		cmocka_unit_test(a_machine_with_three_nodes),
		cmocka_unit_test(every_kind_of_entry),
		cmocka_unit_test(real_machines_have_their_nodes),
		cmocka_unit_test(nodes_are_numbered_by_rising_domain),
		cmocka_unit_test(without_room_for_domains_they_are_the_nodes),
		cmocka_unit_test(cpus_are_noted_if_there_is_room_and_make_nodes_anyway),
		cmocka_unit_test(the_id_that_means_all_cpus_is_nobody),
		cmocka_unit_test(domains_of_the_first_revision_have_8_bits),
		cmocka_unit_test(hot_pluggable_memory_gets_what_others_leave),
		cmocka_unit_test(fields_that_are_wrong_have_their_errors),
		cmocka_unit_test(a_table_that_is_cut_or_changed_anywhere_changes_nothing),
		cmocka_unit_test(room_that_is_missing_is_too_big),
		cmocka_unit_test(null_arguments_are_invalid),
		cmocka_unit_test(distances_are_of_domains_that_are_nodes),
		cmocka_unit_test(slits_that_are_wrong_have_their_errors),
		cmocka_unit_test(random_tables_read_as_the_reference_reads_them),
		cmocka_unit_test(tables_are_found_by_both_lists),
		cmocka_unit_test(broken_lists_have_their_errors),
		cmocka_unit_test(of_several_tables_the_first_whole_one_counts),
	};

	data_dir = argc > 1 ? argv[1] : "tests/data";
	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
