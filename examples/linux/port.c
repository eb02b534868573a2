/* SPDX-License-Identifier: MIT */
/* How a module of Linux takes mmlib into use: the part to copy.
 *
 * Theory of operation
 * Problem      Linux owns all RAM. mmlib gets an area that Linux was told at boot to leave alone
 *              (`memmap=SIZE$BASE`), so it is in none of Linux's own maps.
 * Structure    1. the area is claimed (/proc/iomem) and mapped, write-back cached, as one piece:
 *                 virtual and physical addresses have a constant distance.
 *              2. mmlib's boot memory map is that one area; frames and heap are built in it.
 *              3. Linux tells of each CPU that comes or goes; it gets frames and objects at hand,
 *                 or gives them back.
 * Invariant    linux_stop() undoes 3, 2, 1 in this order, and mmlib's first state returns before the
 *              area is unmapped.
 * Pinned       is: preemption off. mmlib's fast paths never turn interrupts off; its rare locks
 *              do. */
#include <linux/cpuhotplug.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/ktime.h>
#include "port.h"

uintptr_t linux_distance;
struct mm_pmm linux_pmm;
struct mm_heap linux_heap;
DEFINE_PER_CPU(struct mm_heap_cpu *, linux_heap_cpu);
bool linux_flush_here_only;
DEFINE_PER_CPU(void *, linux_slots[MM_SLOTS]);

static struct {
	phys_addr_t base;
	size_t bytes;
	void *virt;
	enum cpuhp_state cpus; /* what Linux calls our callbacks */
} area;

static void *port_to_virt(void *ctx, mm_paddr_t pa)
{
	return LINUX_TO_VIRT(pa);
}

static void port_panic(void *ctx, const char *file, int line)
{
	panic("mmlib: broken invariant at %s:%d", file, line);
}

/* mmlib's word holds a raw spinlock: it spins on RT kernels too. With lock debugging it does not fit:
 * then the word would hold a pointer to one. */
static uintptr_t port_lock(void *ctx, uintptr_t *word)
{
	unsigned long flags;

	BUILD_BUG_ON(sizeof(raw_spinlock_t) > sizeof(*word));
	raw_spin_lock_irqsave((raw_spinlock_t *)word, flags);
	return flags;
}

static void port_unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	raw_spin_unlock_irqrestore((raw_spinlock_t *)word, irq);
}

/* The state is told by one bit: other flags differ from call to call. */
static uintptr_t port_irq_save(void *ctx)
{
	unsigned long flags;

	local_irq_save(flags);
	return !irqs_disabled_flags(flags);
}

static void port_irq_restore(void *ctx, uintptr_t irq)
{
	if (irq)
		local_irq_enable();
}

static uint32_t port_cpu(void *ctx)
{
	return smp_processor_id();
}

static void port_pin(void *ctx)
{
	preempt_disable();
}

static void port_unpin(void *ctx)
{
	preempt_enable();
}

/* A CPU that has gone meanwhile has given back what it had: see cpu_going(). */
static void port_run_on(void *ctx, uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	(void)smp_call_function_single((int)cpu, fn, arg, 1);
}

static uint64_t port_now_ns(void *ctx)
{
	return ktime_get_mono_fast_ns();
}

static void port_log(void *ctx, const char *line)
{
	pr_info("    %s\n", line);
}

static uint64_t port_random(void *ctx)
{
	return get_random_u64();
}

static void port_zero(void *ctx, mm_paddr_t pa, size_t bytes)
{
	for (; bytes; bytes -= PAGE_SIZE, pa += PAGE_SIZE)
		clear_page(LINUX_TO_VIRT(pa));
}

const struct mm_port linux_port = {
	.version = MM_PORT_VERSION,
	.size = sizeof(struct mm_port),
	.to_virt = port_to_virt,
	.panic = port_panic,
	.lock = port_lock,
	.unlock = port_unlock,
	.irq_save = port_irq_save,
	.irq_restore = port_irq_restore,
	.cpu = port_cpu,
	.pin = port_pin,
	.unpin = port_unpin,
	.run_on = port_run_on,
	.now_ns = port_now_ns,
	.log = port_log,
	.random = port_random,
	.zero = port_zero,
};

static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	if (bytes != MM_FRAME_SIZE)
		return MM_E_NOTSUP;
	return mm_page_alloc(&linux_pmm, 0, MM_ALLOC_TABLE, pa);
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	if (mm_page_free_table(&linux_pmm, pa) != MM_OK)
		port_panic(NULL, __FILE__, __LINE__);
}

static void flush_here(void *gather)
{
	mm_pt_x86_64_flush_local(gather);
}

static void table_flush(void *ctx, const struct mm_tlb_gather *g)
{
	if (linux_flush_here_only)
		flush_here((void *)g);
	else
		on_each_cpu(flush_here, (void *)g, 1);
}

const struct mm_pt_env linux_pt_env = {
	.alloc_table = table_alloc,
	.free_table = table_free,
	.to_virt = port_to_virt,
	.flush = table_flush,
};

/* Runs on the CPU that comes. Statuses of mmlib are errnos of Linux. */
static int cpu_coming(unsigned int cpu)
{
	enum mm_status st = mm_pmm_cpu_online(&linux_pmm, cpu);

	return st == MM_OK ? mm_heap_cpu_online(&linux_heap, cpu) : st;
}

/* Runs on the CPU that goes: objects first, they free frames. Never refused: who is in the middle of
 * mmlib is pinned, so nobody is on a CPU where this thread runs. */
static int cpu_going(unsigned int cpu)
{
	enum mm_status st = mm_heap_cpu_offline(&linux_heap, cpu);

	return st == MM_OK ? mm_pmm_cpu_offline(&linux_pmm, cpu) : st;
}

static int area_map(void)
{
	if (!request_mem_region(area.base, area.bytes, "mmlib"))
		return -EBUSY;
	area.virt = memremap(area.base, area.bytes, MEMREMAP_WB);
	if (!area.virt) {
		release_mem_region(area.base, area.bytes);
		return -ENOMEM;
	}
	linux_distance = (uintptr_t)area.virt - area.base;
	return 0;
}

static void area_unmap(void)
{
	memunmap(area.virt);
	release_mem_region(area.base, area.bytes);
}

static int memory_init(void)
{
	static const struct mm_zone_cfg zone = { .name = "RESERVED", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = {
		.zones = &zone,
		.nzones = 1,
		.ncpus = nr_cpu_ids,
		.reach = area.base + area.bytes - 1,
	};
	struct mm_mem entries[4];
	struct mm_memmap map;
	enum mm_status st = mm_memmap_init(&map, entries, ARRAY_SIZE(entries));

	if (st == MM_OK)
		st = mm_memmap_add(&map, area.base, area.bytes, MM_MEM_USABLE, NULL);
	if (st == MM_OK)
		st = mm_pmm_init(&linux_pmm, &linux_port, &map, &cfg);
	if (st == MM_OK)
		st = mm_heap_init(&linux_heap, &linux_pmm, nr_cpu_ids);
	for (unsigned int cpu = 0; cpu < nr_cpu_ids && st == MM_OK; cpu++)
		if (cpu_possible(cpu))
			per_cpu(linux_heap_cpu, cpu) = mm_heap_cpu_local(&linux_heap, cpu);
	return st;
}

static int cpus_follow(void)
{
	int state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "mmlib:online", cpu_coming, cpu_going);

	if (state < 0)
		return state;
	area.cpus = state;
	return 0;
}

/* Linux does not relocate what a module's per-CPU variables begin with. */
static void slots_empty(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		for (u32 i = 0; i < MM_SLOTS; i++)
			per_cpu(linux_slots, cpu)[i] = MM_SLOT_EMPTY;
}

int linux_start(phys_addr_t base, size_t bytes)
{
	int err;

	area.base = base;
	area.bytes = bytes;
	slots_empty();
	err = area_map();
	if (err)
		return err;
	err = memory_init();
	if (!err)
		err = cpus_follow();
	if (err)
		area_unmap();
	return err;
}

bool linux_stop(void)
{
	struct mm_pmm_stats s = { .used = 1 };
	bool whole;

	cpuhp_remove_state(area.cpus);
	whole = mm_heap_destroy(&linux_heap) == MM_OK && mm_pmm_drain(&linux_pmm) == MM_OK &&
		mm_pmm_stats(&linux_pmm, -1, &s) == MM_OK && s.used == 0 &&
		mm_pmm_verify(&linux_pmm) == MM_OK;
	slots_empty();
	area_unmap();
	return whole;
}
