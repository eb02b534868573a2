/* SPDX-License-Identifier: MIT */
/* Theory of operation: device tree intake
 * Problem      memory, reservations, ramdisk and NUMA nodes lie scattered over a tree, and any part
 *              of it may be missing or wrong. Half of a memory map is worse than none.
 * Structure    mm_fdt_open() checks the form. One walk finds the nodes of interest. Then the same
 *              code runs twice: without a map, to check what the nodes say and to count, and with
 * it. fdt_find_nodes -> fdt_feed (map NULL) -> fdt_numa -> fdt_feed (map) Invariants   F1 an error
 * in the blob is found before anything is changed. What is left is room. F2 reservations are fed
 * before memory: a map that became full is safe to read. F3 of reservations that overlap, the
 * stricter is fed first and keeps its owner: no-map, plain, reservation block, reusable. F4 memory
 * counts only if its status says so; a reservation counts unless its status is "disabled" (2.3.4).
 * Concurrency  none: one CPU, before the scheduler. Plain loads of bytes only. */
#include <mmlib/fdt.h>
#include "checked.h"
#include "pmm/fdt.h"
#include "pmm/numa.h"

#define FDT_LEVELS       8 /* that mm_fdt_find() looks at */
#define FDT_MATRIX_ENTRY 12

const char mm_fdt_no_map[] = "no-map";
const char mm_fdt_reusable[] = "reusable";
const char mm_fdt_reserved[] = "reserved-memory";
const char mm_fdt_rsvmap[] = "memreserve";
const char mm_fdt_initrd[] = "initrd";
const char mm_fdt_blob[] = "device tree";

/* A node that there is once, and the walk behind it: its children come next. */
struct fdt_place {
	bool there;
	struct fdt_node node;
	struct fdt_walk walk;
};

/* What an intake reads from and writes to. */
struct fdt_intake {
	struct fdt_blob blob;
	mm_paddr_t blob_pa;
	struct mm_memmap *map; /* NULL: check and count only */
	struct mm_fdt_info info;
	struct fdt_cells cells;         /* of the root */
	struct fdt_cells reserve_cells; /* of /reserved-memory */
	struct fdt_place chosen;
	struct fdt_place reserve;
	struct fdt_place distances;
	struct fdt_place cpus;
	bool naming; /* NUMA nodes are named only: they get their numbers */
};

static enum mm_status fdt_put(const struct fdt_intake *in, uint64_t base, uint64_t length,
			      enum mm_mem_type type, const char *owner)
{
	return in->map ? mm_memmap_add(in->map, base, length, type, owner) : MM_OK;
}

/* Put every range of a node's reg, and count them. */
static enum mm_status fdt_put_reg(const struct fdt_intake *in, struct fdt_value reg,
				  struct fdt_cells cells, enum mm_mem_type type, const char *owner,
				  uint32_t *count)
{
	uint64_t base, length;

	while (mm_fdt_pair(&reg, cells, &base, &length)) {
		enum mm_status status = fdt_put(in, base, length, type, owner);

		if (status != MM_OK)
			return status;
		++*count;
	}
	return reg.bytes == 0 ? MM_OK : MM_E_CORRUPT;
}

/* --- Memory --- */

static bool fdt_enabled(const struct fdt_blob *blob, const struct fdt_node *node)
{
	struct fdt_value v;

	return !mm_fdt_prop(blob, node, "status", &v) ||
	       mm_fdt_says(blob, node, "status", "okay") || mm_fdt_says(blob, node, "status", "ok");
}

/* The next node of memory that is enabled. Counts those that are not (F4). */
static bool fdt_next_memory(const struct fdt_blob *blob, struct fdt_walk *walk,
			    struct fdt_node *node, uint32_t *disabled)
{
	while (mm_fdt_next(blob, walk, node)) {
		if (node->depth != 1 || !mm_fdt_says(blob, node, "device_type", "memory"))
			continue;
		if (fdt_enabled(blob, node))
			return true;
		++*disabled;
	}
	return false;
}

static enum mm_status fdt_memory(struct fdt_intake *in)
{
	struct fdt_walk walk = { 0 };
	enum mm_status status = MM_OK;
	struct fdt_node node;
	struct fdt_value reg;

	while (status == MM_OK && fdt_next_memory(&in->blob, &walk, &node, &in->info.disabled))
		if (mm_fdt_prop(&in->blob, &node, "reg", &reg))
			status = fdt_put_reg(in, reg, in->cells, MM_MEM_USABLE, NULL,
					     &in->info.memory);
	return status;
}

/* --- Reservations --- */

/* The next child of the child of the root that the walk began behind. */
static bool fdt_next_child(const struct fdt_intake *in, struct fdt_walk *walk,
			   struct fdt_node *node)
{
	while (mm_fdt_next(&in->blob, walk, node) && node->depth >= 2)
		if (node->depth == 2)
			return true;
	return false;
}

/* How a child of /reserved-memory is reserved. A child that is both is not mapped: 3.5 forbids it.
 */
static const char *fdt_reserve_owner(const struct fdt_intake *in, const struct fdt_node *node)
{
	struct fdt_value v;

	if (mm_fdt_prop(&in->blob, node, mm_fdt_no_map, &v))
		return mm_fdt_no_map;
	return mm_fdt_prop(&in->blob, node, mm_fdt_reusable, &v) ? mm_fdt_reusable
								 : mm_fdt_reserved;
}

/* Put the children of /reserved-memory that have a place and this owner. */
static enum mm_status fdt_reserves(struct fdt_intake *in, const char *owner)
{
	struct fdt_walk walk = in->reserve.walk;
	enum mm_status status = MM_OK;
	struct fdt_node node;
	struct fdt_value reg;

	if (!in->reserve.there)
		return MM_OK;
	while (status == MM_OK && fdt_next_child(in, &walk, &node)) {
		if (fdt_reserve_owner(in, &node) != owner ||
		    mm_fdt_says(&in->blob, &node, "status", "disabled") ||
		    !mm_fdt_prop(&in->blob, &node, "reg", &reg))
			continue;
		status = fdt_put_reg(in, reg, in->reserve_cells, MM_MEM_RESERVED, owner,
				     &in->info.reserved);
	}
	return status;
}

/* Count one reservation without a place. */
static enum mm_status fdt_dynamic(struct fdt_intake *in, struct fdt_value size)
{
	if (size.bytes != 4 * in->reserve_cells.size)
		return MM_E_CORRUPT;
	in->info.dynamic++;
	if (!mm_add(in->info.dynamic_bytes, size.bytes == 8 ? fdt_be64(size.at) : fdt_be32(size.at),
		    &in->info.dynamic_bytes))
		in->info.dynamic_bytes = UINT64_MAX;
	return MM_OK;
}

/* Count the children of /reserved-memory that are nowhere in the map. */
static enum mm_status fdt_placeless(struct fdt_intake *in)
{
	struct fdt_walk walk = in->reserve.walk;
	enum mm_status status = MM_OK;
	struct fdt_node node;
	struct fdt_value v;

	if (!in->reserve.there)
		return MM_OK;
	while (status == MM_OK && fdt_next_child(in, &walk, &node)) {
		if (mm_fdt_says(&in->blob, &node, "status", "disabled"))
			in->info.disabled++;
		else if (!mm_fdt_prop(&in->blob, &node, "reg", &v) &&
			 mm_fdt_prop(&in->blob, &node, "size", &v))
			status = fdt_dynamic(in, v);
	}
	return status;
}

/* The memory reservation block. An entry without a length is not its end if it has an address. */
static enum mm_status fdt_rsvmap(struct fdt_intake *in)
{
	enum mm_status status = MM_OK;
	const uint8_t *at = in->blob.reserve;

	for (; status == MM_OK; at += 16) {
		uint64_t base = fdt_be64(at), length = fdt_be64(at + 8);

		if (base == 0 && length == 0)
			return MM_OK;
		status = fdt_put(in, base, length, MM_MEM_RESERVED, mm_fdt_rsvmap);
		in->info.reserved++;
	}
	return status;
}

/* --- /chosen --- */

/* A number of one or two cells, if it is there. */
static enum mm_status fdt_chosen_number(const struct fdt_intake *in, const char *name, bool *there,
					uint64_t *number)
{
	struct fdt_value v;

	*there = mm_fdt_prop(&in->blob, &in->chosen.node, name, &v);
	if (!*there)
		return MM_OK;
	if (v.bytes != 4 && v.bytes != 8)
		return MM_E_CORRUPT;
	*number = v.bytes == 8 ? fdt_be64(v.at) : fdt_be32(v.at);
	return MM_OK;
}

static enum mm_status fdt_initrd(struct fdt_intake *in)
{
	bool has_start, has_end = false;
	uint64_t start, end = 0;
	enum mm_status status = fdt_chosen_number(in, "linux,initrd-start", &has_start, &start);

	if (status == MM_OK)
		status = fdt_chosen_number(in, "linux,initrd-end", &has_end, &end);
	if (status != MM_OK || !has_start || !has_end || start == end)
		return status;
	if (end < start)
		return MM_E_CORRUPT;
	in->info.initrd = start;
	in->info.initrd_bytes = end - start;
	return fdt_put(in, start, end - start, MM_MEM_INITRD, mm_fdt_initrd);
}

static enum mm_status fdt_chosen(struct fdt_intake *in)
{
	struct fdt_value v;

	if (!in->chosen.there)
		return MM_OK;
	if (mm_fdt_prop(&in->blob, &in->chosen.node, "bootargs", &v)) {
		in->info.bootargs = (const char *)v.at;
		while (in->info.bootargs_bytes < v.bytes && v.at[in->info.bootargs_bytes])
			in->info.bootargs_bytes++;
	}
	return fdt_initrd(in);
}

/* --- NUMA --- */

/* The NUMA node of an id. With domains, ids are named first. */
static enum mm_status fdt_numa_id(const struct fdt_intake *in, struct mm_numa *numa, uint32_t id,
				  uint32_t *number)
{
	if (in->naming)
		return mm_numa_name(numa, id);
	*number = numa->domains ? mm_numa_node_of_domain(numa, id) : id;
	return MM_OK;
}

/* The NUMA node that this node of the tree belongs to, and its reg, if both are there. */
static enum mm_status fdt_numa_node(const struct fdt_intake *in, const struct fdt_node *node,
				    struct mm_numa *numa, uint32_t *number, struct fdt_value *reg)
{
	struct fdt_value id, found;

	*reg = (struct fdt_value){ 0 };
	if (!mm_fdt_prop(&in->blob, node, "numa-node-id", &id))
		return MM_OK;
	if (id.bytes != 4)
		return MM_E_CORRUPT;
	if (!mm_fdt_prop(&in->blob, node, "reg", &found))
		return MM_OK;
	*reg = found;
	return fdt_numa_id(in, numa, fdt_be32(id.at), number);
}

static enum mm_status fdt_numa_memory(const struct fdt_intake *in, const struct fdt_node *node,
				      struct mm_numa *numa)
{
	uint32_t number = 0;
	struct fdt_value reg;
	uint64_t base, length;
	enum mm_status status = fdt_numa_node(in, node, numa, &number, &reg);

	while (status == MM_OK && !in->naming && mm_fdt_pair(&reg, in->cells, &base, &length))
		status = mm_numa_add_range(numa, base, length, number);
	return status;
}

/* A CPU: one id, or one for each of its threads, of `bytes` bytes each (3.8.1). */
static enum mm_status fdt_numa_cpu(const struct fdt_intake *in, const struct fdt_node *node,
				   uint32_t bytes, struct mm_numa *numa)
{
	uint32_t number = 0;
	struct fdt_value reg;
	enum mm_status status = fdt_numa_node(in, node, numa, &number, &reg);

	for (; status == MM_OK && reg.bytes >= bytes; reg.at += bytes, reg.bytes -= bytes)
		if (!in->naming)
			status = mm_numa_add_cpu(
				numa, bytes == 8 ? fdt_be64(reg.at) : fdt_be32(reg.at), number);
	return status != MM_OK || reg.bytes == 0 ? status : MM_E_CORRUPT;
}

static enum mm_status fdt_numa_cpus(const struct fdt_intake *in, struct mm_numa *numa)
{
	struct fdt_walk walk = in->cpus.walk;
	struct fdt_cells cells;
	struct fdt_node node;

	if (!in->cpus.there || numa->cpu_capacity == 0)
		return MM_OK;
	enum mm_status status = mm_fdt_address_cells(&in->blob, &in->cpus.node, &cells.address);
	while (status == MM_OK && fdt_next_child(in, &walk, &node))
		if (mm_fdt_says(&in->blob, &node, "device_type", "cpu"))
			status = fdt_numa_cpu(in, &node, 4 * cells.address, numa);
	return status;
}

/* One direction of the matrix: as it is told, or swapped. */
static enum mm_status fdt_matrix(const struct fdt_intake *in, struct fdt_value matrix, bool swapped,
				 struct mm_numa *numa)
{
	enum mm_status status = MM_OK;

	while (status == MM_OK && matrix.bytes >= FDT_MATRIX_ENTRY) {
		uint32_t from = 0, to = 0;

		status = fdt_numa_id(in, numa, fdt_be32(matrix.at), &from);
		if (status == MM_OK)
			status = fdt_numa_id(in, numa, fdt_be32(matrix.at + 4), &to);
		if (status == MM_OK && !in->naming)
			status = mm_numa_set_distance(numa, swapped ? to : from,
						      swapped ? from : to, fdt_be32(matrix.at + 8));
		matrix.at += FDT_MATRIX_ENTRY;
		matrix.bytes -= FDT_MATRIX_ENTRY;
	}
	return status != MM_OK || matrix.bytes == 0 ? status : MM_E_CORRUPT;
}

static enum mm_status fdt_distances(const struct fdt_intake *in, struct mm_numa *numa)
{
	const struct fdt_node *node = &in->distances.node;
	struct fdt_value matrix;

	if (!in->distances.there ||
	    !mm_fdt_says(&in->blob, node, "compatible", "numa-distance-map-v1") ||
	    !mm_fdt_prop(&in->blob, node, "distance-matrix", &matrix))
		return MM_OK;
	enum mm_status status = fdt_matrix(in, matrix, true, numa);
	return status == MM_OK ? fdt_matrix(in, matrix, false, numa) : status;
}

static enum mm_status fdt_numa_walk(const struct fdt_intake *in, struct mm_numa *numa)
{
	struct fdt_walk walk = { 0 };
	enum mm_status status = MM_OK;
	struct fdt_node node;
	uint32_t disabled = 0;

	while (status == MM_OK && fdt_next_memory(&in->blob, &walk, &node, &disabled))
		status = fdt_numa_memory(in, &node, numa);
	if (status == MM_OK)
		status = fdt_numa_cpus(in, numa);
	return status == MM_OK ? fdt_distances(in, numa) : status;
}

static enum mm_status fdt_numa(struct fdt_intake *in, struct mm_numa *numa)
{
	enum mm_status status = MM_OK;

	if (!numa)
		return MM_OK;
	in->naming = numa->domains != NULL;
	if (in->naming)
		status = fdt_numa_walk(in, numa);
	in->naming = false;
	return status == MM_OK ? fdt_numa_walk(in, numa) : status;
}

/* --- The whole --- */

/* Remember the node if it is the one of that name. False if it is the second. */
static bool fdt_place(struct fdt_place *place, const char *name, const struct fdt_node *node,
		      const struct fdt_walk *walk)
{
	if (!mm_fdt_named(node, name))
		return true;
	if (place->there)
		return false;
	*place = (struct fdt_place){ true, *node, *walk };
	return true;
}

/* Find the children of the root that are looked at by name. */
static enum mm_status fdt_find_nodes(struct fdt_intake *in)
{
	struct fdt_walk walk = { 0 };
	struct fdt_node node;

	while (mm_fdt_next(&in->blob, &walk, &node)) {
		if (node.depth == 0) {
			enum mm_status status = mm_fdt_cells(&in->blob, &node, &in->cells);

			if (status != MM_OK)
				return status;
		}
		if (node.depth != 1)
			continue;
		if (!fdt_place(&in->chosen, "chosen", &node, &walk) ||
		    !fdt_place(&in->reserve, mm_fdt_reserved, &node, &walk) ||
		    !fdt_place(&in->distances, "distance-map", &node, &walk) ||
		    !fdt_place(&in->cpus, "cpus", &node, &walk))
			return MM_E_CORRUPT;
	}
	return MM_OK;
}

/* What /reserved-memory says of its children. */
static enum mm_status fdt_reserve_form(struct fdt_intake *in)
{
	struct fdt_value ranges;

	if (!in->reserve.there)
		return MM_OK;
	if (mm_fdt_prop(&in->blob, &in->reserve.node, "ranges", &ranges) && ranges.bytes > 0)
		return MM_E_NOTSUP;
	return mm_fdt_cells(&in->blob, &in->reserve.node, &in->reserve_cells);
}

/* Feed all there is, or with no map check it. Keeps F2 and F3 by its order. */
static enum mm_status fdt_feed(struct fdt_intake *in, struct mm_memmap *map)
{
	enum mm_status status;

	in->map = map;
	in->info = (struct mm_fdt_info){ .bytes = in->blob.bytes };
	status = fdt_put(in, in->blob_pa, in->blob.bytes, MM_MEM_LOADER, mm_fdt_blob);
	if (status == MM_OK)
		status = fdt_chosen(in);
	if (status == MM_OK)
		status = fdt_reserves(in, mm_fdt_no_map);
	if (status == MM_OK)
		status = fdt_reserves(in, mm_fdt_reserved);
	if (status == MM_OK)
		status = fdt_rsvmap(in);
	if (status == MM_OK)
		status = fdt_reserves(in, mm_fdt_reusable);
	if (status == MM_OK)
		status = fdt_placeless(in);
	return status == MM_OK ? fdt_memory(in) : status;
}

/* Is the blob whole and what it says possible (F1)? */
static enum mm_status fdt_check(struct fdt_intake *in)
{
	uint64_t last;
	enum mm_status status = fdt_find_nodes(in);

	if (status == MM_OK)
		status = fdt_reserve_form(in);
	if (status == MM_OK)
		status = fdt_feed(in, NULL);
	if (status != MM_OK)
		return status;
	return mm_range_last(in->blob_pa, in->blob.bytes, &last) && (mm_paddr_t)last == last
		       ? MM_OK
		       : MM_E_INVAL;
}

enum mm_status mm_memmap_add_fdt(struct mm_memmap *map, const void *blob, size_t bytes,
				 mm_paddr_t blob_pa, struct mm_fdt_info *info, struct mm_numa *numa)
{
	struct fdt_intake in = { .blob_pa = blob_pa };

	if (!map || !blob || mm_numa_nodes(numa) > 0)
		return MM_E_INVAL;
	enum mm_status status = mm_fdt_open(&in.blob, blob, bytes);
	if (status == MM_OK)
		status = fdt_check(&in);
	if (status != MM_OK)
		return status;
	status = fdt_numa(&in, numa);
	if (status == MM_OK)
		status = fdt_feed(&in, map);
	if (status != MM_OK && numa)
		mm_numa_clear(numa);
	if (status == MM_OK && info)
		*info = in.info;
	return status;
}

/* --- Devices --- */

/* What the children of a node need to know. */
struct fdt_bus {
	struct fdt_cells cells;
	bool direct; /* they are enabled, and their addresses are those of the CPU */
};

/* A node as the bus of its children, which sits on `parent`, or is the root. */
static struct fdt_bus fdt_bus(const struct fdt_blob *blob, const struct fdt_node *node,
			      const struct fdt_bus *parent)
{
	struct fdt_bus bus = { .direct = !parent || parent->direct };
	struct fdt_value ranges;

	if (parent && (!mm_fdt_prop(blob, node, "ranges", &ranges) || ranges.bytes > 0))
		bus.direct = false;
	if (mm_fdt_cells(blob, node, &bus.cells) != MM_OK || !fdt_enabled(blob, node))
		bus.direct = false;
	return bus;
}

enum mm_status mm_fdt_find(const void *blob, size_t bytes, const char *compatible, uint64_t *base,
			   uint64_t *length)
{
	struct fdt_bus bus[FDT_LEVELS];
	struct fdt_walk walk = { 0 };
	struct fdt_blob b;
	struct fdt_node node;
	struct fdt_value reg;

	if (!blob || !compatible || !base || !length)
		return MM_E_INVAL;
	enum mm_status status = mm_fdt_open(&b, blob, bytes);
	if (status != MM_OK)
		return status;
	while (mm_fdt_next(&b, &walk, &node)) {
		if (node.depth >= FDT_LEVELS)
			continue;
		const struct fdt_bus *parent = node.depth ? &bus[node.depth - 1] : NULL;

		bus[node.depth] = fdt_bus(&b, &node, parent);
		if (parent && parent->direct && fdt_enabled(&b, &node) &&
		    mm_fdt_says(&b, &node, "compatible", compatible) &&
		    mm_fdt_prop(&b, &node, "reg", &reg) &&
		    mm_fdt_pair(&reg, parent->cells, base, length))
			return MM_OK;
	}
	return MM_E_NOENT;
}
#undef FDT_LEVELS
#undef FDT_MATRIX_ENTRY
