/* SPDX-License-Identifier: MIT */
#include "acpi_reference.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x) ((x) ? (void)0 : must_failed(#x, __LINE__))

static _Noreturn void must_failed(const char *what, int line)
{
	fprintf(stderr, "acpi_reference.c:%d: %s\n", line, what);
	abort();
}

/* ACPI 6.5, tables 5.6 (header), 5.43 to 5.53 (SRAT), 5.54 (SLIT): bytes only, so nothing is padded. */
struct header {
	uint8_t signature[4], length[4], revision, checksum, oem_id[6], oem_table_id[8];
	uint8_t oem_revision[4], creator_id[4], creator_revision[4];
};
struct srat {
	struct header header;
	uint8_t one[4], reserved[8];
};
struct slit {
	struct header header;
	uint8_t localities[8];
};
struct rsdp {
	uint8_t signature[8], checksum, oem_id[6], revision, rsdt[4];
	uint8_t length[4], xsdt[8], extended_checksum, reserved[3];
};
union entry {
	struct {
		uint8_t type, length;
	} any;
	struct {
		uint8_t type, length, domain_low, apic_id, flags[4], eid, domain_high[3], clock[4];
	} apic;
	struct {
		uint8_t type, length, domain[4], reserved[2], base[8], bytes[8], reserved2[4];
		uint8_t flags[4], reserved3[8];
	} memory;
	struct {
		uint8_t type, length, reserved[2], domain[4], x2apic_id[4], flags[4], clock[4];
		uint8_t reserved2[4];
	} x2apic;
	struct {
		uint8_t type, length, domain[4], uid[4], flags[4], clock[4];
	} gicc;
	struct {
		uint8_t type, length, domain[4], reserved[2], id[4];
	} its;
	struct {
		uint8_t type, length, reserved, handle_type, domain[4], handle[16], flags[4];
		uint8_t reserved2[4];
	} device;
	struct {
		uint8_t type, length, reserved[2], domain[4], uid[4], flags[4], clock[4];
	} rintc;
};

#define GET(field) get(field, sizeof(field))

static uint64_t get(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static unsigned sum(const uint8_t *p, size_t bytes)
{
	unsigned s = 0;

	for (size_t i = 0; i < bytes; i++)
		s += p[i];
	return s & 0xff;
}

/* What is wrong: bits, and no bit if nothing is. */
enum { CORRUPT = 1, FAULT = 2, INVAL = 4, EXIST = 8, TOO_BIG = 16, STATE = 32, RANGE = 64 };

static unsigned bit_of(enum mm_status st)
{
	return st == MM_OK          ? 0
	       : st == MM_E_CORRUPT ? CORRUPT
	       : st == MM_E_FAULT   ? FAULT
	       : st == MM_E_INVAL   ? INVAL
	       : st == MM_E_EXIST   ? EXIST
	       : st == MM_E_2BIG    ? TOO_BIG
	       : st == MM_E_STATE   ? STATE
	       : st == MM_E_RANGE   ? RANGE
				    : 0x1000;
}

void acpi_nodes_init(struct acpi_nodes *n)
{
	memset(n, 0, sizeof(*n));
	MUST(mm_numa_init(&n->numa, n->ranges, ACPI_REF_RANGES, n->distances, ACPI_REF_NODES) ==
	     MM_OK);
	MUST(mm_numa_use_domains(&n->numa, n->domains) == MM_OK);
	MUST(mm_numa_use_cpus(&n->numa, n->cpus, ACPI_REF_CPUS) == MM_OK);
}

/* The header, with `least` bytes of the table. */
static unsigned form(const uint8_t *table, size_t bytes, const char *signature, size_t least)
{
	const struct header *h = (const struct header *)(const void *)table;
	unsigned wrong = 0;

	if (bytes < sizeof(*h))
		return FAULT;
	if (memcmp(h->signature, signature, 4) != 0)
		return INVAL;
	if (GET(h->length) < least)
		wrong |= CORRUPT;
	else if (GET(h->length) > bytes)
		wrong |= FAULT;
	else if (sum(table, (size_t)GET(h->length)) != 0)
		wrong |= CORRUPT;
	return wrong;
}

/* Entries as the library is to give them. */
#define MOST 4096
struct decoded {
	struct mm_srat_entry entry[MOST];
	size_t n;
	bool narrow; /* domains have 8 bits */
	struct mm_srat_info info;
};

static struct mm_srat_entry *add(struct decoded *d, enum mm_srat_kind kind, uint64_t domain,
				 uint64_t id)
{
	struct mm_srat_entry *e = &d->entry[d->n++];

	MUST(d->n <= MOST);
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->domain = (uint32_t)(d->narrow ? domain & 0xff : domain);
	e->id = (uint32_t)id;
	return e;
}

static void add_cpu(struct decoded *d, uint64_t flags, uint64_t domain, uint64_t id, uint64_t all)
{
	if (!(flags & 1) || id == all) {
		d->info.disabled++;
		return;
	}
	d->info.cpus++;
	add(d, MM_SRAT_CPU, domain, id);
}

static void add_memory(struct decoded *d, const union entry *e, uint64_t domain)
{
	uint64_t flags = GET(e->memory.flags), base = GET(e->memory.base);
	uint64_t bytes = GET(e->memory.bytes);
	struct mm_srat_entry *m;

	if (!(flags & 1)) {
		d->info.disabled++;
		return;
	}
	m = add(d, MM_SRAT_MEMORY, domain, 0);
	m->base = base;
	m->length = bytes;
	m->hotplug = flags >> 1 & 1;
	m->persistent = flags >> 2 & 1;
	d->info.memory++;
	d->info.hotplug += m->hotplug;
	d->info.persistent += m->persistent;
	d->info.dropped += bytes == 0 || base + (bytes - 1) < base || base > MM_PADDR_MAX;
}

static void add_device(struct decoded *d, const union entry *e)
{
	struct mm_srat_entry *m;

	if (!(GET(e->device.flags) & 1)) {
		d->info.disabled++;
		return;
	}
	m = add(d, e->any.type == 5 ? MM_SRAT_INITIATOR : MM_SRAT_PORT, GET(e->device.domain), 0);
	m->handle_type = e->device.handle_type;
	memcpy(m->handle, e->device.handle, 16);
	d->info.devices++;
}

/* All entries, or how they are broken. */
static unsigned decode(struct decoded *d, const uint8_t *table)
{
	static const size_t size[] = {
		sizeof(((union entry *)0)->apic),   sizeof(((union entry *)0)->memory),
		sizeof(((union entry *)0)->x2apic), sizeof(((union entry *)0)->gicc),
		sizeof(((union entry *)0)->its),    sizeof(((union entry *)0)->device),
		sizeof(((union entry *)0)->device), sizeof(((union entry *)0)->rintc)
	};
	const struct srat *t = (const struct srat *)(const void *)table;
	size_t at = sizeof(*t), end = (size_t)GET(t->header.length);

	d->n = 0;
	d->narrow = t->header.revision < 2;
	memset(&d->info, 0, sizeof(d->info));
	for (; at < end; at += table[at + 1]) {
		const union entry *e = (const union entry *)(const void *)(table + at);

		if (end - at < 2 || e->any.length < 2 || e->any.length > end - at ||
		    (e->any.type < 8 && e->any.length < size[e->any.type]))
			return CORRUPT;
		switch (e->any.type) {
		case 0:
			add_cpu(d, GET(e->apic.flags),
				e->apic.domain_low | GET(e->apic.domain_high) << 8, e->apic.apic_id,
				0xff);
			break;
		case 1:
			add_memory(d, e, GET(e->memory.domain));
			break;
		case 2:
			add_cpu(d, GET(e->x2apic.flags), GET(e->x2apic.domain),
				GET(e->x2apic.x2apic_id), 0xffffffff);
			break;
		case 3:
			add_cpu(d, GET(e->gicc.flags), GET(e->gicc.domain), GET(e->gicc.uid),
				UINT64_MAX);
			break;
		case 4:
			d->info.devices++;
			add(d, MM_SRAT_ITS, GET(e->its.domain), GET(e->its.id));
			break;
		case 5:
		case 6:
			add_device(d, e);
			break;
		case 7:
			add_cpu(d, GET(e->rintc.flags), GET(e->rintc.domain), GET(e->rintc.uid),
				UINT64_MAX);
			break;
		default:
			d->info.unknown++;
		}
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Domains, sorted, each once. */
static size_t collect(const struct decoded *d, uint32_t *domain)
{
	size_t n = 0, kept = 0;

	for (; n < d->n; n++)
		domain[n] = d->entry[n].domain;
	qsort(domain, n, sizeof(*domain), by_number);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || domain[i] != domain[i - 1])
			domain[kept++] = domain[i];
	return kept;
}

/* A hot-pluggable range gets what others leave of it. Ranges are taken off one by one, highest first,
 * so that the pieces that are left come to light from the top; they are added from the bottom. */
static enum mm_status add_hotplug(struct acpi_nodes *want, const struct mm_srat_entry *e,
				  uint32_t node)
{
	struct mm_numa_range piece[2 * ACPI_REF_RANGES + 2], before[ACPI_REF_RANGES];
	uint64_t last = e->base + (e->length - 1);
	uint32_t had = want->numa.count;
	size_t n = 0;
	bool clipped = false, open = true;

	if (e->length == 0 || last < e->base || e->base > MM_PADDR_MAX)
		return MM_OK;
	if (last > MM_PADDR_MAX)
		last = MM_PADDR_MAX;
	memcpy(before, want->ranges, sizeof(before));
	for (uint32_t i = had; open && i-- > 0;) {
		const struct mm_numa_range *r = &before[i];

		if (r->base > last || r->last < e->base)
			continue;
		clipped |= r->node != node;
		if (r->last < last)
			piece[n++] = (struct mm_numa_range){ r->last + 1, (mm_paddr_t)last, node };
		open = r->base > e->base;
		last = (uint64_t)r->base - 1;
	}
	if (open)
		piece[n++] = (struct mm_numa_range){ (mm_paddr_t)e->base, (mm_paddr_t)last, node };
	while (n-- > 0) {
		enum mm_status st =
			mm_numa_add_range(&want->numa, piece[n].base,
					  (uint64_t)piece[n].last - piece[n].base + 1, node);

		if (st != MM_OK)
			return st;
	}
	want->info.clipped += clipped;
	return MM_OK;
}

static unsigned fill(struct acpi_nodes *want, const struct decoded *d)
{
	static uint32_t domain[MOST];
	size_t n = collect(d, domain);

	if (n > ACPI_REF_NODES)
		return TOO_BIG;
	memcpy(want->domains, domain, n * sizeof(*domain));
	want->numa.nodes = (uint32_t)n;
	want->info = d->info;
	for (size_t i = 0; i < 2 * d->n; i++) { /* all, then the hot-pluggable ones */
		const struct mm_srat_entry *e = &d->entry[i % d->n];
		enum mm_status st = MM_OK;
		uint32_t node = 0;

		while (domain[node] != e->domain)
			node++;
		if (i >= d->n && e->hotplug)
			st = add_hotplug(want, e, node);
		else if (i < d->n && e->kind == MM_SRAT_MEMORY && !e->hotplug)
			st = mm_numa_add_range(&want->numa, e->base, e->length, node);
		else if (i < d->n && e->kind == MM_SRAT_CPU)
			st = mm_numa_add_cpu(&want->numa, e->id, node);
		if (st != MM_OK)
			return bit_of(st);
	}
	return 0;
}

static void same_nodes(const struct acpi_nodes *a, const struct acpi_nodes *b)
{
	MUST(mm_numa_verify(&a->numa) == MM_OK);
	MUST(a->numa.count == b->numa.count && a->numa.nodes == b->numa.nodes &&
	     a->numa.cpu_count == b->numa.cpu_count);
	for (uint32_t i = 0; i < a->numa.count; i++)
		MUST(a->ranges[i].base == b->ranges[i].base &&
		     a->ranges[i].last == b->ranges[i].last &&
		     a->ranges[i].node == b->ranges[i].node);
	for (uint32_t i = 0; i < a->numa.cpu_count; i++)
		MUST(a->cpus[i].id == b->cpus[i].id && a->cpus[i].node == b->cpus[i].node);
	for (uint32_t i = 0; i < a->numa.nodes; i++)
		MUST(a->domains[i] == b->domains[i] &&
		     mm_numa_node_of_domain(&a->numa, b->domains[i]) == i);
	MUST(memcmp(a->distances, b->distances, sizeof(a->distances)) == 0);
	MUST(memcmp(&a->info, &b->info, sizeof(a->info)) == 0);
}

/* The iterator gives the same entries, broken table or not. */
static void same_entries(const struct decoded *d, const void *table, size_t bytes)
{
	struct mm_srat_entry e;
	uint32_t it = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct mm_srat_entry *w = &d->entry[i];

		memset(&e, 0xa5, sizeof(e));
		MUST(mm_srat_next(table, bytes, &it, &e));
		MUST(e.kind == w->kind && e.domain == w->domain && e.id == w->id &&
		     e.base == w->base && e.length == w->length && e.hotplug == w->hotplug &&
		     e.persistent == w->persistent && e.handle_type == w->handle_type &&
		     memcmp(e.handle, w->handle, 16) == 0);
	}
	MUST(!mm_srat_next(table, bytes, &it, &e));
}

enum mm_status acpi_ref_srat(struct acpi_nodes *nodes, const void *table, size_t bytes)
{
	static struct acpi_nodes want;
	static struct decoded d;
	unsigned wrong = form(table, bytes, "SRAT", sizeof(struct srat));
	bool formed = wrong == 0;
	enum mm_status st;

	acpi_nodes_init(&want);
	acpi_nodes_init(nodes);
	memset(&nodes->info, 0xa5, sizeof(nodes->info));
	if (formed) {
		wrong = decode(&d, table);
		if (wrong) /* too many domains may be met before the entry that is broken */
			wrong |= collect(&d, (uint32_t[MOST]){ 0 }) > ACPI_REF_NODES ? TOO_BIG : 0;
		else
			wrong = fill(&want, &d);
	}
	st = mm_numa_add_srat(&nodes->numa, table, bytes, &nodes->info);
	MUST(wrong ? bit_of(st) & wrong : st == MM_OK);
	if (formed)
		same_entries(&d, table, bytes);
	if (st != MM_OK) {
		acpi_nodes_init(&want);
		memset(&want.info, 0xa5, sizeof(want.info));
	}
	same_nodes(nodes, &want);
	return st;
}

enum mm_status acpi_ref_slit(struct acpi_nodes *nodes, const void *table, size_t bytes)
{
	const struct slit *t = table;
	const uint8_t *far = (const uint8_t *)table + sizeof(*t);
	const struct acpi_nodes before = *nodes;
	struct acpi_nodes want = *nodes;
	unsigned wrong = form(table, bytes, "SLIT", sizeof(*t));
	uint32_t nodes_now = nodes->numa.nodes;
	enum mm_status st;
	uint64_t n = 0;

	if (!wrong && nodes_now == 0)
		wrong = STATE;
	if (!wrong) {
		n = GET(t->localities);
		if (n > 65535 || n * n > GET(t->header.length) - sizeof(*t))
			wrong = CORRUPT;
	}
	for (uint32_t a = 0; !wrong && a < nodes_now; a++)
		for (uint32_t b = 0; b < nodes_now; b++) {
			uint64_t from = nodes->domains[a], to = nodes->domains[b];

			if (from >= n || to >= n)
				continue;
			want.distances[a * ACPI_REF_NODES + b] = far[from * n + to];
			if (a == b ? far[from * n + to] != 10 : far[from * n + to] <= 10)
				wrong |= RANGE;
		}
	st = mm_numa_add_slit(&nodes->numa, table, bytes);
	MUST(wrong ? bit_of(st) == wrong : st == MM_OK);
	same_nodes(nodes, wrong ? &before : &want);
	return st;
}

/* --- Finding a table --- */

static const uint8_t *look(const struct acpi_memory *m, uint64_t pa, size_t bytes)
{
	if (bytes == 0 || pa > MM_PADDR_MAX || bytes - 1 > MM_PADDR_MAX - pa)
		return NULL;
	for (size_t i = 0; i < m->pieces; i++)
		if (pa >= m->piece[i].pa && pa - m->piece[i].pa <= m->piece[i].bytes &&
		    bytes <= m->piece[i].bytes - (pa - m->piece[i].pa))
			return m->piece[i].at + (pa - m->piece[i].pa);
	return NULL;
}

const void *acpi_read(void *ctx, mm_paddr_t pa, size_t bytes)
{
	struct acpi_memory *m = ctx;
	const uint8_t *at = look(m, pa, bytes);

	free(m->copy);
	m->copy = at ? malloc(bytes ? bytes : 1) : NULL;
	if (m->copy)
		memcpy(m->copy, at, bytes);
	return m->copy;
}

/* A table at pa: 0 whole, else what is wrong with it. INVAL: another one. */
static unsigned whole(const struct acpi_memory *m, uint64_t pa, const char *signature)
{
	const struct header *h = (const void *)look(m, pa, sizeof(*h));

	if (!h)
		return FAULT;
	if (memcmp(h->signature, signature, 4) != 0)
		return INVAL;
	if (GET(h->length) < sizeof(*h))
		return CORRUPT;
	if (!look(m, pa, (size_t)GET(h->length)))
		return FAULT;
	return sum(look(m, pa, 1), (size_t)GET(h->length)) ? CORRUPT : 0;
}

/* The answer, and the address if it is MM_OK. */
static enum mm_status find(const struct acpi_memory *m, uint64_t rsdp, const char *signature,
			   uint64_t *pa)
{
	const struct rsdp *r = (const void *)look(m, rsdp, 20);
	const struct header *list;
	unsigned wrong, seen = 0;
	bool wide;

	if (!r)
		return MM_E_FAULT;
	if (memcmp(r->signature, "RSD PTR ", 8) != 0 || sum((const uint8_t *)r, 20) != 0)
		return MM_E_INVAL;
	if (r->revision >= 2) {
		if (!look(m, rsdp, 36))
			return MM_E_FAULT;
		if (sum((const uint8_t *)r, 36) != 0)
			return MM_E_INVAL;
	}
	wide = r->revision >= 2 && GET(r->xsdt) != 0;
	*pa = wide ? GET(r->xsdt) : GET(r->rsdt);
	wrong = whole(m, *pa, wide ? "XSDT" : "RSDT");
	if (wrong)
		return wrong == FAULT ? MM_E_FAULT : MM_E_CORRUPT;
	list = (const void *)look(m, *pa, sizeof(*list));
	for (size_t at = sizeof(*list), step = wide ? 8 : 4; at + step <= GET(list->length);
	     at += step) {
		*pa = get((const uint8_t *)list + at, step);
		wrong = *pa ? whole(m, *pa, signature) : INVAL;
		if (!wrong)
			return MM_OK;
		seen |= wrong;
	}
	return seen & CORRUPT ? MM_E_CORRUPT : seen & FAULT ? MM_E_FAULT : MM_E_NOENT;
}

enum mm_status acpi_ref_find(struct acpi_memory *m, mm_paddr_t rsdp, const char *signature,
			     mm_paddr_t *pa, size_t *bytes)
{
	uint64_t want_pa = 0;
	enum mm_status want = find(m, rsdp, signature, &want_pa), st;

	*pa = 7;
	*bytes = 7;
	st = mm_acpi_find(acpi_read, m, rsdp, signature, pa, bytes);
	MUST(st == want);
	if (st != MM_OK)
		MUST(*pa == 7 && *bytes == 7);
	else
		MUST(*pa == want_pa && *bytes == get(look(m, want_pa, 8) + 4, 4));
	return st;
}
