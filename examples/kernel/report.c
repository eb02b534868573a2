/* SPDX-License-Identifier: MIT */
/* Memory as text, through the listing functions of mmlib: each is a loop of the caller's. */
#include "console.h"
#include "kernel.h"

enum { REPORT_ORDERS = 21 };

/* Size in the largest unit that divides it. */
static void put_size(uint64_t bytes)
{
	static const char unit[] = "KMGT";
	unsigned u = 0;

	for (bytes >>= 10; bytes && (bytes & 1023) == 0 && u < 3; bytes >>= 10)
		u++;
	kprintf("%4lu %ciB", bytes, unit[u]);
}

void report_map(void)
{
	struct mm_mem m;
	uint32_t it = 0;

	while (mm_memmap_next(&kernel.map, &it, &m)) {
		kprintf("    %012lx-%012lx  %9lu KiB  %-12s %s\n", m.base, m.last,
			(m.last - m.base + 1) >> 10, mm_mem_type_name(m.type),
			m.owner ? m.owner : "");
	}
}

static void report_node(uint32_t node)
{
	struct mm_numa_range r;
	struct mm_numa_cpu c;

	kprintf("    node %u: memory", node);
	for (uint32_t it = 0; mm_numa_next(&kernel.numa, &it, &r);)
		if (r.node == node)
			kprintf(" %lx-%lx", r.base, r.last);
	kprintf(", CPUs");
	for (uint32_t it = 0; mm_numa_next_cpu(&kernel.numa, &it, &c);)
		if (c.node == node)
			kprintf(" %lu", c.id);
	kprintf(", distances");
	for (uint32_t to = 0; to < mm_numa_nodes(&kernel.numa); to++)
		kprintf(" %u", mm_numa_distance(&kernel.numa, node, to));
	kprintf("\n");
}

void report_numa(void)
{
	if (mm_numa_nodes(&kernel.numa) == 0)
		kprintf("    firmware tells of no NUMA nodes\n");
	for (uint32_t node = 0; node < mm_numa_nodes(&kernel.numa); node++)
		report_node(node);
}

void report_metadata(void)
{
	mm_paddr_t bytes = mm_memmap_bytes(&kernel.map, MM_MEM_META);
	struct mm_pmm_stats all;
	uint64_t tenths;

	if (mm_pmm_stats(&kernel.pmm, -1, &all) != MM_OK || all.total == 0)
		return;
	tenths = bytes * 80 / all.total;
	kprintf("    mmlib keeps %lu KiB of metadata for %lu frames: %lu.%lu bits a frame\n",
		bytes >> 10, all.total, tenths / 10, tenths % 10);
}

static void report_zone(int zone)
{
	struct mm_pmm_stats s;

	if (mm_pmm_stats(&kernel.pmm, zone, &s) != MM_OK || s.total == 0)
		return;
	if (s.name)
		kprintf("    %-8s %u %9lu %9lu %9lu %9lu\n", s.name, s.node, s.total, s.free, s.used,
			s.reserved);
	else
		kprintf("    all        %9lu %9lu %9lu %9lu\n", s.total, s.free, s.used, s.reserved);
}

static void report_free_blocks(unsigned zone)
{
	mm_pfn_t blocks[REPORT_ORDERS];
	struct mm_pmm_stats s;

	if (mm_pmm_stats(&kernel.pmm, (int)zone, &s) != MM_OK || s.total == 0 ||
	    mm_pmm_free_blocks(&kernel.pmm, zone, blocks, REPORT_ORDERS) != MM_OK)
		return;
	kprintf("    %-8s %u", s.name, s.node);
	for (unsigned order = 0; order < REPORT_ORDERS; order++)
		kprintf(" %3lu", blocks[order]);
	kprintf("\n");
}

void report_zones(void)
{
	struct mm_pmm_stats s;

	kprintf("    zone  of node     total      free      used  reserved\n");
	for (int z = 0; mm_pmm_stats(&kernel.pmm, z, &s) == MM_OK; z++)
		report_zone(z);
	report_zone(-1);
	kprintf("    free blocks of 2^n frames, n =\n              ");
	for (unsigned order = 0; order < REPORT_ORDERS; order++)
		kprintf(" %3u", order);
	kprintf("\n");
	for (int z = 0; mm_pmm_stats(&kernel.pmm, z, &s) == MM_OK; z++)
		report_free_blocks((unsigned)z);
}

void report_caches(void)
{
	struct mm_cache_stats s;
	struct mm_cache *c;
	uint32_t it = 0;

	kprintf("    cache     size      used    cached   objects  slabs      KiB\n");
	while ((c = mm_cache_next(&kernel.heap, &it)))
		if (mm_cache_stats(c, &s) == MM_OK && s.slabs)
			kprintf("    %-8s %5lu %9lu %9lu %9lu %6lu %8lu\n", s.name, s.size, s.used,
				s.cached, s.objects, s.slabs, s.bytes >> 10);
}

static void report_leaves(const struct mm_pt_run *r)
{
	unsigned shift = machine_pt_port()->level[r->level].shift;

	kprintf("    %016lx -> %012lx  %4lu x ", r->va, r->pa, ((r->last - r->va) >> shift) + 1);
	put_size(UINT64_C(1) << shift);
	kprintf("  %c%c%c%s%s\n", r->attr & MM_PT_READ ? 'r' : '-',
		r->attr & MM_PT_WRITE ? 'w' : '-', r->attr & MM_PT_EXEC ? 'x' : '-',
		r->attr & MM_PT_GLOBAL ? "  global" : "", r->attr & MM_PT_TYPE ? "  device" : "");
}

/* Does @b go on where @a ends, with the same rights and page size? */
static bool leaf_continues(const struct mm_pt_run *a, const struct mm_pt_run *b)
{
	return b->va == a->last + 1 && b->pa == a->pa + (a->last - a->va) + 1 &&
	       b->attr == a->attr && b->level == a->level;
}

void report_address_space(void)
{
	struct mm_pt_cur cur;
	struct mm_pt_run leaf, run = { 0 };

	if (mm_pt_cur_init(&cur, &kernel.pt, MACHINE_UPPER, MACHINE_UPPER_SIZE) != MM_OK)
		return;
	while (MACHINE_PT(cur_next)(&cur, &leaf)) {
		if (!leaf.attr)
			continue;
		if (run.attr && leaf_continues(&run, &leaf)) {
			run.last = leaf.last;
			continue;
		}
		if (run.attr)
			report_leaves(&run);
		run = leaf;
	}
	if (run.attr)
		report_leaves(&run);
}

void report_picture(void)
{
	mm_pmm_dump(&kernel.pmm, NULL, NULL);
}
