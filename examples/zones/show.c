/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "show.h"

static unsigned char *real;
static mm_paddr_t real_base, real_last;
static struct mm_pmm pmm;

/* Of memory that is not there, an address that nobody uses. */
static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return pa >= real_base && pa <= real_last ? real + (pa - real_base) : NULL;
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	printf("panic at %s:%d\n", file, line);
	exit(2);
}

static void told(void *ctx, uint32_t zone, uint32_t level)
{
	static const char *const levels[] = { "is enough again", "becomes scarce", "is used up" };
	struct mm_pmm_stats s;

	(void)ctx;
	if (mm_pmm_stats(&pmm, (int)zone, &s) == MM_OK)
		printf("  (pressure: memory of %s %s, %" PRIu64 " frames are free)\n", s.name,
		       levels[level], (uint64_t)s.free);
}

static const struct mm_port port = { .version = MM_PORT_VERSION,
				     .size = sizeof(port),
				     .to_virt = to_virt,
				     .panic = stop,
				     .pressure = told };

static enum mm_status start(const struct show *example)
{
	static struct mm_mem entries[32];
	struct mm_memmap map;
	enum mm_status st = mm_memmap_init(&map, entries, 32);

	real_base = example->real;
	real_last = example->cfg.reach;
	real = malloc((size_t)(real_last - real_base) + 1);
	if (!real)
		return MM_E_NOMEM;
	for (unsigned i = 0; st == MM_OK && i < example->nram; i++)
		st = mm_memmap_add(&map, example->ram[i].base, example->ram[i].bytes, MM_MEM_USABLE,
				   NULL);
	if (st == MM_OK)
		st = mm_pmm_init(&pmm, &port, &map, &example->cfg);
	return st;
}

static void print_zones(void)
{
	struct mm_pmm_stats s;

	printf("%-8s %4s %10s %9s %6s %5s %5s %5s  %s\n", "zone", "node", "KiB", "free", "keep",
	       "min", "low", "class", "flags");
	for (int z = 0; mm_pmm_stats(&pmm, z, &s) == MM_OK; z++) {
		if (s.total == 0)
			continue;
		printf("%-8s %4u %10" PRIu64 " %9" PRIu64 " %6" PRIu64 " %5" PRIu64 " %5" PRIu64
		       " %5u%s%s%s\n",
		       s.name, s.node, ((uint64_t)s.total << MM_FRAME_SHIFT) / 1024,
		       (uint64_t)s.free, (uint64_t)s.keep, (uint64_t)s.min, (uint64_t)s.low,
		       s.latency, s.flags & MM_ZONE_EXPLICIT ? "  for who asks" : "",
		       s.flags & MM_ZONE_NOFALLBACK ? ", or nothing" : "",
		       s.flags & MM_ZONE_HIGH ? "  not mapped" : "");
	}
}

/* The zone that frames were taken from: the one of which more are used than before. */
static int zone_that_lost(const mm_pfn_t *used, struct mm_pmm_stats *s)
{
	for (int z = 0; mm_pmm_stats(&pmm, z, s) == MM_OK; z++)
		if (s->used != used[z])
			return z;
	return -1;
}

/* Serve a request; did it fall where it must? */
static bool serve(const struct show_request *r)
{
	static mm_pfn_t used[512];
	struct mm_pmm_stats s;
	mm_paddr_t pa;
	enum mm_status st;

	for (int z = 0; mm_pmm_stats(&pmm, z, &s) == MM_OK; z++)
		used[z] = s.used;
	st = mm_page_alloc(&pmm, r->order, r->flags, &pa);
	if (st != MM_OK) {
		printf("  %-46s %s\n", r->what, mm_status_name(st));
		return !r->zone;
	}
	if (zone_that_lost(used, &s) < 0)
		return false;
	printf("  %-46s %-7s node %u  0x%" PRIx64 "\n", r->what, s.name, s.node, (uint64_t)pa);
	return r->zone && strcmp(s.name, r->zone) == 0 && s.node == r->node;
}

int show(const struct show *example)
{
	enum mm_status st = start(example);
	unsigned wrong = 0;

	printf("%s\n\n", example->title);
	if (st != MM_OK) {
		printf("mm_pmm_init: %s\n", mm_status_name(st));
		return 1;
	}
	print_zones();
	printf("\n");
	for (unsigned i = 0; i < example->nrequests; i++)
		if (!serve(&example->requests[i])) {
			printf("  ^ must be %s of node %u\n",
			       example->requests[i].zone ? example->requests[i].zone : "none",
			       example->requests[i].node);
			wrong++;
		}
	if (mm_pmm_verify(&pmm) != MM_OK)
		wrong++;
	free(real);
	return wrong != 0;
}
