/* SPDX-License-Identifier: MIT */
/* See machine.h. */
#include "machine.h"
#include <stdio.h>
#include <stdlib.h>

struct mm_pmm machine_pmm;
mm_paddr_t machine_meta, machine_meta_bytes;
__thread void *bench_slots[MM_SLOTS] = { MM_SLOT_EMPTY };
__thread struct mm_heap_cpu *bench_heap_cpu;

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return BENCH_TO_VIRT(pa);
}

static void stop(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "mmlib panic: %s:%d\n", file, line);
	exit(1);
}

/* The lock of a kernel, with an atomic exchange; interrupts are not part of the machine. */
static uintptr_t lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(word, __ATOMIC_RELAXED))
			bench_pause();
	return 0;
}

static void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	(void)irq;
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

void (*machine_cpu)(unsigned cpu, void *arg);

/* Other CPUs stand still, so one can speak for them. */
static void run_on(void *ctx, uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	uint32_t here = bench_cpu;
	void *slot = bench_slots[MM_SLOT_PAGE];
	struct mm_heap_cpu *heap_cpu = bench_heap_cpu;

	(void)ctx;
	if (duo_working)
		bench_die("memory ran out while two CPUs were at work");
	bench_cpu = cpu;
	bench_heap_cpu = NULL;
	if (machine_cpu)
		machine_cpu(cpu, NULL);
	fn(arg);
	bench_cpu = here;
	bench_slots[MM_SLOT_PAGE] = slot;
	bench_heap_cpu = heap_cpu;
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION,
	.size = sizeof(struct mm_port),
	.to_virt = to_virt,
	.panic = stop,
	.lock = lock,
	.unlock = unlock,
	.run_on = run_on,
};

static void find_metadata(const struct mm_memmap *map)
{
	struct mm_mem entry;
	uint32_t it = 0;

	machine_meta_bytes = mm_memmap_bytes(map, MM_MEM_META);
	while (mm_memmap_next(map, &it, &entry))
		if (entry.type == MM_MEM_META) {
			machine_meta = entry.base;
			return;
		}
}

double machine_start(uint64_t base, uint64_t bytes, uint32_t ncpus)
{
	static const struct mm_zone_cfg zones[] = { { .name = "DMA32", .last = 0xffffffffu },
						    { .name = "NORMAL", .last = MM_PADDR_MAX } };
	static struct mm_mem entries[16];
	struct mm_memmap map;
	struct mm_pmm_cfg cfg = { .zones = zones, .nzones = 2, .ncpus = ncpus };
	double start;

	cfg.reach = base + bytes - 1;
	if (mm_memmap_init(&map, entries, 16) != MM_OK ||
	    mm_memmap_add(&map, base, bytes, MM_MEM_USABLE, NULL) != MM_OK)
		bench_die("no memory map");
	start = bench_wall();
	if (mm_pmm_init(&machine_pmm, &port, &map, &cfg) != MM_OK)
		bench_die("mm_pmm_init failed");
	start = bench_wall() - start;
	for (uint32_t cpu = 1; cpu < ncpus; cpu++)
		if (mm_pmm_cpu_online(&machine_pmm, cpu) != MM_OK)
			bench_die("a CPU did not come online");
	find_metadata(&map);
	return start;
}

void machine_drain(void)
{
	if (mm_pmm_drain(&machine_pmm) != MM_OK)
		bench_die("frames at hand were not given back");
}
