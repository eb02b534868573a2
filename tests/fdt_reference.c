/* SPDX-License-Identifier: MIT */
#include "fdt_reference.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x) ((x) ? (void)0 : must_failed(#x, __LINE__))

static _Noreturn void must_failed(const char *what, int line)
{
	fprintf(stderr, "fdt_reference.c:%d: %s\n", line, what);
	abort();
}

/* What mmlib demands beyond fdt_check_full(): version 17, one root, properties before children. */
static bool strict(const void *fdt)
{
	int next = 0, depth = 0;
	bool rooted = false, props = false;

	if (fdt_version(fdt) < 17)
		return false;
	for (;;) {
		int at = next;
		uint32_t tag = fdt_next_tag(fdt, at, &next);

		if (tag != FDT_END && next <= at) /* libfdt 1.6 lets lengths wrap: no end of it */
			return false;
		switch (tag) {
		case FDT_BEGIN_NODE:
			if (depth++ == 0 && rooted)
				return false;
			rooted = props = true;
			break;
		case FDT_END_NODE:
			depth--;
			props = false;
			break;
		case FDT_PROP: { /* libfdt 1.6 lets the sum of offset and length wrap */
			const struct fdt_property *p = fdt_offset_ptr(fdt, at, sizeof(*p));

			if (!props || !p || fdt32_ld(&p->len) > fdt_totalsize(fdt))
				return false;
			break;
		}
		case FDT_END:
			return rooted;
		default:
			break;
		}
	}
}

/* The root, which libfdt takes to be at offset 0 although FDT_NOP may come first (5.4.2). */
static int root(const void *fdt)
{
	int at, next = 0;

	do
		at = next;
	while (fdt_next_tag(fdt, at, &next) == FDT_NOP);
	return at;
}

/* The memory reservation block ends with an entry of zeroes, not with the first length of zero. */
static bool rsvmap(struct fdt_ref *ref, const void *fdt)
{
	uint64_t base, size;

	for (int n = 0; fdt_get_mem_rsv(fdt, n, &base, &size) == 0; n++) {
		if (base == 0 && size == 0)
			return true;
		ref->info.reserved++;
		MUST(mm_memmap_add(&ref->map, base, size, MM_MEM_RESERVED, mm_fdt_rsvmap) == MM_OK);
	}
	return false;
}

static bool cells(const void *fdt, int node, int *address, int *size)
{
	*address = fdt_address_cells(fdt, node);
	*size = fdt_size_cells(fdt, node);
	return (*address == 1 || *address == 2) && (*size == 1 || *size == 2);
}

static uint64_t number(const fdt32_t *p, int n)
{
	return n == 2 ? (uint64_t)fdt32_ld(p) << 32 | fdt32_ld(p + 1) : fdt32_ld(p);
}

static bool reg(struct fdt_ref *ref, const void *fdt, int parent, int node, enum mm_mem_type type,
		const char *owner, uint32_t *count, const fdt32_t *numa_node)
{
	int len, ac, sc;
	const fdt32_t *p = fdt_getprop(fdt, node, "reg", &len);

	if (!p)
		return true;
	if (!cells(fdt, parent, &ac, &sc) || len % (4 * (ac + sc)) != 0)
		return false;
	for (; len > 0; p += ac + sc, len -= 4 * (ac + sc), ++*count) {
		uint64_t base = number(p, ac), size = number(p + ac, sc);

		MUST(mm_memmap_add(&ref->map, base, size, type, owner) == MM_OK);
		if (numa_node &&
		    mm_numa_add_range(&ref->numa, base, size, fdt32_ld(numa_node)) != MM_OK)
			return false;
	}
	return true;
}

static bool status_is(const void *fdt, int node, const char *text)
{
	return fdt_stringlist_search(fdt, node, "status", text) >= 0;
}

static bool memory(struct fdt_ref *ref, const void *fdt)
{
	int node;

	fdt_for_each_subnode(node, fdt, root(fdt))
	{
		int len;
		const fdt32_t *id = fdt_getprop(fdt, node, "numa-node-id", &len);

		if (fdt_stringlist_search(fdt, node, "device_type", "memory") < 0)
			continue;
		if (fdt_getprop(fdt, node, "status", NULL) && !status_is(fdt, node, "okay") &&
		    !status_is(fdt, node, "ok")) {
			ref->info.disabled++;
			continue;
		}
		if ((id && len != 4) ||
		    !reg(ref, fdt, root(fdt), node, MM_MEM_USABLE, NULL, &ref->info.memory, id))
			return false;
	}
	return true;
}

static const char *owner_of(const void *fdt, int node)
{
	return fdt_getprop(fdt, node, "no-map", NULL)     ? mm_fdt_no_map
	       : fdt_getprop(fdt, node, "reusable", NULL) ? mm_fdt_reusable
							  : mm_fdt_reserved;
}

static bool reserves(struct fdt_ref *ref, const void *fdt, const char *owner)
{
	int node, parent = fdt_subnode_offset(fdt, root(fdt), "reserved-memory");

	if (parent < 0)
		return true;
	fdt_for_each_subnode(node, fdt,
			     parent) if (owner_of(fdt, node) == owner &&
					 !status_is(fdt, node, "disabled") &&
					 !reg(ref, fdt, parent, node, MM_MEM_RESERVED, owner,
					      &ref->info.reserved, NULL)) return false;
	return true;
}

static bool placeless(struct fdt_ref *ref, const void *fdt)
{
	int node, len, ac, sc, parent = fdt_subnode_offset(fdt, root(fdt), "reserved-memory");

	if (parent < 0)
		return true;
	if ((fdt_getprop(fdt, parent, "ranges", &len) && len > 0) || !cells(fdt, parent, &ac, &sc))
		return false;
	fdt_for_each_subnode(node, fdt, parent)
	{
		const fdt32_t *size = fdt_getprop(fdt, node, "size", &len);

		if (status_is(fdt, node, "disabled")) {
			ref->info.disabled++;
		} else if (size && !fdt_getprop(fdt, node, "reg", NULL)) {
			uint64_t was = ref->info.dynamic_bytes;

			if (len != 4 * sc)
				return false;
			ref->info.dynamic++;
			ref->info.dynamic_bytes += number(size, sc);
			if (ref->info.dynamic_bytes < was)
				ref->info.dynamic_bytes = UINT64_MAX;
		}
	}
	return true;
}

static bool chosen(struct fdt_ref *ref, const void *fdt)
{
	int node = fdt_subnode_offset(fdt, root(fdt), "chosen"), len, start_len, end_len;
	const char *args = fdt_getprop(fdt, node, "bootargs", &len);
	const fdt32_t *start = fdt_getprop(fdt, node, "linux,initrd-start", &start_len);
	const fdt32_t *end = fdt_getprop(fdt, node, "linux,initrd-end", &end_len);

	if (args) {
		ref->info.bootargs = args;
		const char *zero = memchr(args, 0, (size_t)len);

		ref->info.bootargs_bytes = zero ? (uint32_t)(zero - args) : (uint32_t)len;
	}
	if ((start && start_len != 4 && start_len != 8) || (end && end_len != 4 && end_len != 8))
		return false;
	if (!start || !end)
		return true;
	uint64_t first = number(start, start_len / 4), limit = number(end, end_len / 4);
	if (limit < first)
		return false;
	if (limit == first)
		return true;
	ref->info.initrd = first;
	ref->info.initrd_bytes = limit - first;
	MUST(mm_memmap_add(&ref->map, first, limit - first, MM_MEM_INITRD, mm_fdt_initrd) == MM_OK);
	return true;
}

static bool cpus(struct fdt_ref *ref, const void *fdt)
{
	int node, len, parent = fdt_subnode_offset(fdt, root(fdt), "cpus");
	int cells = parent < 0 ? 0 : fdt_address_cells(fdt, parent);

	if (parent < 0)
		return true;
	if (cells != 1 && cells != 2)
		return false;
	fdt_for_each_subnode(node, fdt, parent)
	{
		const fdt32_t *id = fdt_getprop(fdt, node, "numa-node-id", &len), *p;

		if (!id || fdt_stringlist_search(fdt, node, "device_type", "cpu") < 0)
			continue;
		if (len != 4)
			return false;
		p = fdt_getprop(fdt, node, "reg", &len);
		for (; p && len > 0; p += cells, len -= 4 * cells)
			if (len < 4 * cells || mm_numa_add_cpu(&ref->numa, number(p, cells),
							       fdt32_ld(id)) != MM_OK)
				return false;
	}
	return true;
}

static bool distances(struct fdt_ref *ref, const void *fdt)
{
	int node = fdt_subnode_offset(fdt, root(fdt), "distance-map"), len;
	const fdt32_t *m = fdt_getprop(fdt, node, "distance-matrix", &len);
	bool told[FDT_REF_NODES][FDT_REF_NODES] = { 0 };

	if (!m || fdt_stringlist_search(fdt, node, "compatible", "numa-distance-map-v1") < 0)
		return true;
	if (len % 12 != 0)
		return false;
	for (int i = 0; i < len / 12; i++) {
		uint32_t a = fdt32_ld(m + 3 * i), b = fdt32_ld(m + 3 * i + 1);

		if (mm_numa_set_distance(&ref->numa, a, b, fdt32_ld(m + 3 * i + 2)) != MM_OK)
			return false;
		told[a][b] = true;
	}
	for (int i = 0; i < len / 12; i++) { /* both directions; of several the last one holds */
		uint32_t a = fdt32_ld(m + 3 * i), b = fdt32_ld(m + 3 * i + 1);

		if (!told[b][a])
			MUST(mm_numa_set_distance(&ref->numa, b, a, fdt32_ld(m + 3 * i + 2)) ==
			     MM_OK);
	}
	return true;
}

/* /chosen and the others, with or without a unit address, are there once. */
static bool unique(const void *fdt)
{
	static const char *const names[] = { "chosen", "reserved-memory", "distance-map", "cpus" };
	int node, seen[4] = { 0 };

	fdt_for_each_subnode(node, fdt, root(fdt)) for (int i = 0; i < 4; i++)
	{
		const char *name = fdt_get_name(fdt, node, NULL);
		size_t n = strcspn(name, "@");

		if (n == strlen(names[i]) && memcmp(name, names[i], n) == 0 && seen[i]++)
			return false;
	}
	return true;
}

static void start(struct fdt_ref *ref)
{
	MUST(mm_memmap_init(&ref->map, ref->entries, FDT_REF_ROOM) == MM_OK);
	MUST(mm_numa_init(&ref->numa, ref->ranges, FDT_REF_ROOM, ref->distances, FDT_REF_NODES) ==
	     MM_OK);
	MUST(mm_numa_use_cpus(&ref->numa, ref->cpus, FDT_REF_CPUS) == MM_OK);
	memset(&ref->info, 0, sizeof(ref->info));
	ref->valid = false;
}

void fdt_ref_read(struct fdt_ref *ref, const void *blob, size_t bytes, mm_paddr_t pa)
{
	int ac, sc;

	start(ref);
	if (bytes < sizeof(struct fdt_header) || fdt_check_header(blob) != 0 ||
	    fdt_totalsize(blob) > bytes || !strict(blob) || fdt_check_full(blob, bytes) != 0 ||
	    !cells(blob, root(blob), &ac, &sc) || !unique(blob))
		return;
	ref->info.bytes = fdt_totalsize(blob);
	MUST(mm_memmap_add(&ref->map, pa, ref->info.bytes, MM_MEM_LOADER, mm_fdt_blob) == MM_OK);
	ref->valid = reserves(ref, blob, mm_fdt_no_map) && reserves(ref, blob, mm_fdt_reserved) &&
		     rsvmap(ref, blob) && reserves(ref, blob, mm_fdt_reusable) &&
		     placeless(ref, blob) && memory(ref, blob) && chosen(ref, blob) &&
		     cpus(ref, blob) && distances(ref, blob);
}

static void same_numa(const struct mm_numa *a, const struct mm_numa *b)
{
	MUST(a->count == b->count && a->nodes == b->nodes);
	for (uint32_t i = 0; i < a->count; i++)
		MUST(a->ranges[i].base == b->ranges[i].base &&
		     a->ranges[i].last == b->ranges[i].last &&
		     a->ranges[i].node == b->ranges[i].node);
	MUST(a->cpu_count == b->cpu_count);
	for (uint32_t i = 0; i < a->cpu_count; i++)
		MUST(a->cpus[i].id == b->cpus[i].id && a->cpus[i].node == b->cpus[i].node);
	MUST(memcmp(a->distances, b->distances, FDT_REF_NODES * FDT_REF_NODES) == 0);
}

static void same_map(const struct mm_memmap *a, const struct mm_memmap *b)
{
	MUST(a->count == b->count && memcmp(&a->dropped, &b->dropped, sizeof(a->dropped)) == 0);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct mm_mem *x = &a->entries[i], *y = &b->entries[i];

		MUST(x->base == y->base && x->last == y->last && x->type == y->type &&
		     x->owner == y->owner);
	}
}

static void same_info(const struct mm_fdt_info *a, const struct mm_fdt_info *b)
{
	MUST(a->bytes == b->bytes && a->initrd == b->initrd && a->initrd_bytes == b->initrd_bytes);
	MUST(a->dynamic == b->dynamic && a->dynamic_bytes == b->dynamic_bytes);
	MUST(a->reserved == b->reserved && a->memory == b->memory && a->disabled == b->disabled);
	MUST(!a->bootargs == !b->bootargs && a->bootargs_bytes == b->bootargs_bytes);
	if (a->bootargs)
		MUST(memcmp(a->bootargs, b->bootargs, a->bootargs_bytes) == 0);
}

enum mm_status fdt_ref_compare(const struct fdt_ref *ref, const void *blob, size_t readable,
			       mm_paddr_t pa)
{
	static struct fdt_ref got, empty;

	start(&got);
	start(&empty);
	enum mm_status status =
		mm_memmap_add_fdt(&got.map, blob, readable, pa, &got.info, &got.numa);
	const struct fdt_ref *want = ref->valid ? ref : &empty;

	MUST((status == MM_OK) == ref->valid);
	MUST(mm_memmap_verify(&got.map) == MM_OK && mm_numa_verify(&got.numa) == MM_OK);
	same_map(&got.map, &want->map);
	same_numa(&got.numa, &want->numa);
	same_info(&got.info, &want->info);
	return status;
}
