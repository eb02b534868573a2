/* SPDX-License-Identifier: MIT */
/* Theory of operation: NUMA nodes from ACPI tables
 * Problem      firmware names nodes by sparse 32-bit domains, in entries of many kinds and lengths,
 *              and any of them may be wrong. Half of an answer is worse than none.
 * Structure    SRAT (5.2.16): a header and entries, each with its type and length; srat_layouts says
 *              where in an entry of each type things are. One walk checks all entries and names all
 *              domains, so that nodes have their final numbers; a second one adds CPUs and memory, a
 *              third one hot-pluggable memory, as far as nobody has it.
 *              SLIT (5.2.17): a square of distances, by domain.
 * Invariants   S1 no byte behind the length in the header is read, which is no more than can be.
 *              S2 each step of a walk moves forward, so work is bounded by that length.
 *              S3 nodes are cleared again after an error: only empty ones are filled.
 *              S4 the distances of a SLIT are checked before the first is written.
 * Concurrency  none: one CPU, before the scheduler. Plain loads of bytes only. */
#include "checked.h"
#include "hook.h"
#include "pmm/acpi.h"
#include "pmm/memmap.h"
#include "pmm/numa.h"

#define SRAT_FIRST      48 /* first entry */
#define SRAT_ENABLED    1u
#define SRAT_HOTPLUG    2u
#define SRAT_KEEPS      4u     /* non-volatile */
#define SLIT_FIRST      44     /* first distance */
#define SLIT_MOST       65535u /* localities: their square fits the length of a table */
#define SRAT_LOCAL_APIC 0
#define SRAT_X2APIC     2

/* Where things are in an entry of a type: offsets. */
struct srat_layout {
	uint8_t bytes; /* of this version; later ones may be longer */
	uint8_t kind;
	uint8_t domain;
	uint8_t flags; /* 0: none, always enabled */
	uint8_t id;
};

static const struct srat_layout srat_layouts[] = {
	[SRAT_LOCAL_APIC] = { 16, MM_SRAT_CPU, 2, 4, 3 },
	[1] = { 40, MM_SRAT_MEMORY, 2, 28, 0 },
	[SRAT_X2APIC] = { 24, MM_SRAT_CPU, 4, 12, 8 },
	[3] = { 18, MM_SRAT_CPU, 2, 10, 6 },
	[4] = { 12, MM_SRAT_ITS, 2, 0, 8 },
	[5] = { 32, MM_SRAT_INITIATOR, 4, 24, 0 },
	[6] = { 32, MM_SRAT_PORT, 4, 24, 0 },
	[7] = { 20, MM_SRAT_CPU, 4, 12, 8 },
};

#define SRAT_TYPES (sizeof(srat_layouts) / sizeof(*srat_layouts))

/* An entry. */
struct srat_raw {
	const uint8_t *at;
	const struct srat_layout *layout; /* NULL: of a type that nobody knows */
};

/* The entry at *at, and *at to the next one. MM_E_NOENT: that is the end (S1, S2). */
static enum mm_status srat_step(const struct acpi_table *t, uint32_t *at, struct srat_raw *raw)
{
	uint32_t left = t->bytes - *at;

	if (left == 0)
		return MM_E_NOENT;
	raw->at = t->at + *at;
	if (left < 2 || raw->at[1] < 2 || (raw->at[1] > left && !MM_PLANTED(MM_PLANT_ACPI)))
		return MM_E_CORRUPT;
	raw->layout = raw->at[0] < SRAT_TYPES ? &srat_layouts[raw->at[0]] : NULL;
	if (raw->layout && raw->at[1] < raw->layout->bytes)
		return MM_E_CORRUPT;
	*at += raw->at[1];
	return MM_OK;
}

/* Domains of revision 1 have 8 bits; local APIC entries have them in two parts. */
static uint32_t srat_domain(const struct acpi_table *t, const struct srat_raw *raw)
{
	uint32_t domain = memmap_le32(raw->at + raw->layout->domain);

	if (raw->at[0] == SRAT_LOCAL_APIC)
		domain = raw->at[2] | (memmap_le32(raw->at + 8) & 0xffffff00u);
	return t->at[8] < 2 ? domain & 0xff : domain;
}

/* The APIC id, or another number that the entry is known by. */
static uint32_t srat_id(const struct srat_raw *raw)
{
	if (raw->layout->id == 0)
		return 0;
	return raw->at[0] == SRAT_LOCAL_APIC ? raw->at[3] : memmap_le32(raw->at + raw->layout->id);
}

/* Interrupts for all CPUs have these ids; no CPU has. */
static bool srat_broadcast(const struct srat_raw *raw)
{
	return (raw->at[0] == SRAT_LOCAL_APIC && srat_id(raw) == 0xff) ||
	       (raw->at[0] == SRAT_X2APIC && srat_id(raw) == 0xffffffffu);
}

static uint32_t srat_flags(const struct srat_raw *raw)
{
	return raw->layout->flags ? memmap_le32(raw->at + raw->layout->flags) : SRAT_ENABLED;
}

static bool srat_enabled(const struct srat_raw *raw)
{
	return srat_flags(raw) & SRAT_ENABLED && !srat_broadcast(raw);
}

static struct mm_srat_entry srat_decode(const struct acpi_table *t, const struct srat_raw *raw)
{
	struct mm_srat_entry e = { .kind = (enum mm_srat_kind)raw->layout->kind,
				   .domain = srat_domain(t, raw),
				   .id = srat_id(raw) };

	if (e.kind == MM_SRAT_MEMORY) {
		e.base = memmap_le64(raw->at + 8);
		e.length = memmap_le64(raw->at + 16);
		e.hotplug = srat_flags(raw) & SRAT_HOTPLUG;
		e.persistent = srat_flags(raw) & SRAT_KEEPS;
	} else if (e.kind >= MM_SRAT_INITIATOR) {
		e.handle_type = raw->at[3];
		__builtin_memcpy(e.handle, raw->at + 8, sizeof(e.handle));
	}
	return e;
}

/* The next entry that counts, and in `info`, if not NULL, those that do not. */
static enum mm_status srat_next(const struct acpi_table *t, uint32_t *at, struct mm_srat_entry *e,
				struct mm_srat_info *info)
{
	struct mm_srat_info passed = { 0 };
	struct srat_raw raw;
	enum mm_status status;

	while ((status = srat_step(t, at, &raw)) == MM_OK) {
		if (raw.layout && srat_enabled(&raw)) {
			*e = srat_decode(t, &raw);
			break;
		}
		passed.disabled += raw.layout != NULL;
		passed.unknown += raw.layout == NULL;
	}
	if (info) {
		info->disabled += passed.disabled;
		info->unknown += passed.unknown;
	}
	return status;
}

bool mm_srat_next(const void *table, size_t bytes, uint32_t *it, struct mm_srat_entry *out)
{
	struct acpi_table t = { .at = table };

	if (!table || !it || !out || bytes < SRAT_FIRST)
		return false;
	t.bytes = memmap_le32(t.at + 4);
	if (t.bytes > bytes)
		t.bytes = (uint32_t)bytes;
	if (*it < SRAT_FIRST)
		*it = SRAT_FIRST;
	return *it <= t.bytes && srat_next(&t, it, out, NULL) == MM_OK;
}

/* The range as far as mm_paddr_t reaches. False: no byte of it. */
static bool srat_range(const struct mm_srat_entry *e, mm_paddr_t *last)
{
	uint64_t end;

	if (!mm_range_last(e->base, e->length, &end) || !mm_fits_paddr(e->base))
		return false;
	*last = mm_fits_paddr(end) ? (mm_paddr_t)end : MM_PADDR_MAX;
	return true;
}

static void srat_count(struct mm_srat_info *info, const struct mm_srat_entry *e)
{
	mm_paddr_t last;

	switch (e->kind) {
	case MM_SRAT_CPU:
		info->cpus++;
		break;
	case MM_SRAT_MEMORY:
		info->memory++;
		info->hotplug += e->hotplug;
		info->persistent += e->persistent;
		info->dropped += !srat_range(e, &last);
		break;
	default:
		info->devices++;
		break;
	}
}

/* Name the domains of all entries, and count them. */
static enum mm_status srat_name(struct mm_numa *numa, const struct acpi_table *t,
				struct mm_srat_info *info)
{
	uint32_t at = SRAT_FIRST;
	struct mm_srat_entry e;
	enum mm_status status = MM_OK;

	while (status == MM_OK) {
		status = srat_next(t, &at, &e, info);
		if (status != MM_OK)
			break;
		srat_count(info, &e);
		status = mm_numa_name(numa, e.domain);
	}
	return status == MM_E_NOENT ? MM_OK : status;
}

/* Add what the entries say of their nodes, hot-pluggable memory excepted. */
static enum mm_status srat_fill(struct mm_numa *numa, const struct acpi_table *t)
{
	uint32_t at = SRAT_FIRST;
	struct mm_srat_entry e;
	enum mm_status status = MM_OK;

	while (status == MM_OK && srat_next(t, &at, &e, NULL) == MM_OK) {
		uint32_t node = mm_numa_node_of_domain(numa, e.domain);

		if (e.kind == MM_SRAT_MEMORY && !e.hotplug)
			status = mm_numa_add_range(numa, e.base, e.length, node);
		else if (e.kind == MM_SRAT_CPU && numa->cpu_capacity > 0)
			status = mm_numa_add_cpu(numa, e.id, node);
	}
	return status;
}

/* Add hot-pluggable memory where nobody has any. */
static enum mm_status srat_fill_hotplug(struct mm_numa *numa, const struct acpi_table *t,
					struct mm_srat_info *info)
{
	uint32_t at = SRAT_FIRST;
	struct mm_srat_entry e;
	enum mm_status status = MM_OK;
	mm_paddr_t last;

	while (status == MM_OK && srat_next(t, &at, &e, NULL) == MM_OK) {
		bool clipped = false;

		if (e.kind == MM_SRAT_MEMORY && e.hotplug && srat_range(&e, &last))
			status = mm_numa_add_rest(numa, (mm_paddr_t)e.base, last,
						  mm_numa_node_of_domain(numa, e.domain), &clipped);
		info->clipped += clipped;
	}
	return status;
}

enum mm_status mm_numa_add_srat(struct mm_numa *numa, const void *table, size_t bytes,
				struct mm_srat_info *info)
{
	struct mm_srat_info found = { 0 };
	struct acpi_table t;

	if (!numa || !table || mm_numa_nodes(numa) > 0)
		return MM_E_INVAL;
	enum mm_status status = mm_acpi_open(&t, table, bytes, "SRAT", SRAT_FIRST);
	if (status != MM_OK)
		return status;
	status = srat_name(numa, &t, &found);
	if (status == MM_OK)
		status = srat_fill(numa, &t);
	if (status == MM_OK)
		status = srat_fill_hotplug(numa, &t, &found);
	if (status != MM_OK)
		mm_numa_clear(numa); /* S3 */
	else if (info)
		*info = found;
	return status;
}

/* Each node that the table has a row for, as a pair with each other one. With `set`, write their
 * distances, else check them (S4). */
static enum mm_status slit_pairs(struct mm_numa *numa, const struct acpi_table *t, uint32_t n,
				 bool set)
{
	for (uint32_t row = 0; row < n; row++) {
		uint32_t from = mm_numa_node_of_domain(numa, row);

		if (from == MM_NUMA_NONE)
			continue;
		for (uint32_t column = 0; column < n; column++) {
			uint32_t to = mm_numa_node_of_domain(numa, column);
			uint8_t far = t->at[SLIT_FIRST + row * n + column];

			if (to == MM_NUMA_NONE)
				continue;
			if (from == to ? far != MM_NUMA_LOCAL : far <= MM_NUMA_LOCAL)
				return MM_E_RANGE;
			if (set && mm_numa_set_distance(numa, from, to, far) != MM_OK)
				return MM_E_RANGE;
		}
	}
	return MM_OK;
}

enum mm_status mm_numa_add_slit(struct mm_numa *numa, const void *table, size_t bytes)
{
	struct acpi_table t;
	uint32_t n;

	if (!numa || !table)
		return MM_E_INVAL;
	enum mm_status status = mm_acpi_open(&t, table, bytes, "SLIT", SLIT_FIRST);
	if (status != MM_OK)
		return status;
	if (mm_numa_nodes(numa) == 0)
		return MM_E_STATE;
	if (memmap_le64(t.at + ACPI_HEADER_BYTES) > SLIT_MOST)
		return MM_E_CORRUPT;
	n = memmap_le32(t.at + ACPI_HEADER_BYTES);
	if (n * n > t.bytes - SLIT_FIRST)
		return MM_E_CORRUPT;
	status = slit_pairs(numa, &t, n, false);
	return status == MM_OK ? slit_pairs(numa, &t, n, true) : status;
}
#undef SRAT_FIRST
#undef SRAT_ENABLED
#undef SRAT_HOTPLUG
#undef SRAT_KEEPS
#undef SLIT_FIRST
#undef SLIT_MOST
#undef SRAT_LOCAL_APIC
#undef SRAT_X2APIC
#undef SRAT_TYPES
