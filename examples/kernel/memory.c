/* SPDX-License-Identifier: MIT */
/* How a kernel takes mmlib into use: the part to copy.
 *
 * Theory of operation
 * Problem      at boot there is a list of memory from firmware, and tables from the boot code.
 * Structure    1. memory_map_init()     firmware's list becomes a boot memory map; what is in use
 *                                       already is taken out of it. And NUMA nodes.
 *              2. memory_frames_init()  the page-frame allocator takes over all RAM that the boot
 *                                       tables reach.
 *              3. memory_tables_init()  the kernel's own page tables, from frames of step 2: RAM
 *                                       in a direct map, the image with the rights each part needs.
 *              4. memory_add_high()     RAM that only the new tables reach.
 *              5. memory_cpu_init()     for each further CPU: a stack, and frames at hand.
 *              6. memory_unlock_boot()  code and tables that only boot needed can be given back;
 *                                       so can what the loader left (check_release.c).
 *              7. memory_heap_init()    objects of any size, at hand on each CPU.
 * Invariant    a pointer from direct_map() is the same before and after step 3, so mmlib's pointers
 *              to its metadata stay valid.
 * Why not map the holes?  they may be devices: a cached mapping of a device is a bug that waits. */
#include "console.h"
#include "kernel.h"
#include "smp.h"

struct kernel kernel;
static struct mm_mem map_entries[128];

enum { NODE_RANGES = 32, NODE_CPUS = 256 };
static struct mm_numa_range node_ranges[NODE_RANGES];
static struct mm_numa_cpu node_cpus[NODE_CPUS]; /* firmware tells of more than we use */
static uint8_t node_distances[NODES_MAX * NODES_MAX];
static uint32_t node_domains[NODES_MAX];

static void *port_to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return direct_map(pa);
}

static void port_panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	kprintf("\nmmlib panic: %s:%d\n", file, line);
	machine_exit(false);
}

static uintptr_t port_lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	return smp_lock(word);
}

static void port_unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	smp_unlock(word, irq != 0);
}

static uintptr_t port_irq_save(void *ctx)
{
	(void)ctx;
	return machine_irq_save();
}

static void port_irq_restore(void *ctx, uintptr_t irq)
{
	(void)ctx;
	machine_irq_restore(irq != 0);
}

static uint32_t port_cpu(void *ctx)
{
	(void)ctx;
	return machine_cpu()->number;
}

/* Nothing is ever moved to another CPU here, so a pin is only counted. A kernel with a scheduler
 * disables preemption instead. */
static void port_pin(void *ctx)
{
	(void)ctx;
	machine_cpu()->pins++;
}

static void port_unpin(void *ctx)
{
	(void)ctx;
	machine_cpu()->pins--;
}

static void port_run_on(void *ctx, uint32_t cpu, void (*fn)(void *arg), void *arg)
{
	(void)ctx;
	smp_call(cpu, fn, arg);
}

static void port_log(void *ctx, const char *line)
{
	(void)ctx;
	kprintf("    %s\n", line);
}

const struct mm_port memory_port = {
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
	.log = port_log,
};

unsigned memory_order(uint64_t bytes)
{
	unsigned order = 0;

	while (MM_FRAME_SIZE << order < bytes)
		order++;
	return order;
}

/* Tables have a frame, if they are smaller too. On few machines, as ARMv7, a root has more. */
static enum mm_status table_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	unsigned order = memory_order(bytes);

	(void)ctx;
	return mm_page_alloc(&kernel.pmm, order, order ? 0 : MM_ALLOC_TABLE, pa);
}

static void table_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	unsigned order = memory_order(bytes);
	enum mm_status st = order ? mm_page_free(&kernel.pmm, pa, order) : mm_page_free_table(&kernel.pmm, pa);

	(void)ctx;
	if (st != MM_OK)
		port_panic(NULL, __FILE__, __LINE__);
}

static void table_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	machine_tlb_flush(g, !kernel.flush_here_only);
}

const struct mm_pt_env memory_table_env = {
	.alloc_table = table_alloc,
	.free_table = table_free,
#if MM_PT_WINDOW
	.window = machine_pt_window,
#else
	.to_virt = port_to_virt,
#endif
	.flush = table_flush,
};

/* Room for nodes, whatever firmware calls them. */
static enum mm_status numa_init(void)
{
	enum mm_status st =
		mm_numa_init(&kernel.numa, node_ranges, NODE_RANGES, node_distances, NODES_MAX);

	if (st == MM_OK)
		st = mm_numa_use_domains(&kernel.numa, node_domains);
	return st == MM_OK ? mm_numa_use_cpus(&kernel.numa, node_cpus, NODE_CPUS) : st;
}

enum mm_status memory_map_init(uintptr_t boot_info)
{
	enum mm_status st;

	st = mm_memmap_init(&kernel.map, map_entries, sizeof(map_entries) / sizeof(*map_entries));
	if (st == MM_OK)
		st = numa_init();
	if (st == MM_OK)
		st = machine_memmap(boot_info, &kernel.map, &kernel.numa, kernel.cmdline,
				    sizeof(kernel.cmdline));
	if (st != MM_OK)
		return st;
	/* Not mm_memmap_take(): some loaders tell of parts of the image, and those are taken already. */
	return mm_memmap_add(&kernel.map, image_pa(image_start), (uint64_t)(image_end - image_start),
			     MM_MEM_KERNEL, "kernel image");
}

/* Node of each CPU; NULL if firmware tells of no nodes. */
static const uint32_t *nodes_of_cpus(void)
{
	static uint32_t nodes[CPUS_MAX];

	for (uint32_t i = 0; i < kernel.ncpus; i++) {
		uint32_t node = mm_numa_node_of_cpu(&kernel.numa, cpus[i].id);

		nodes[i] = node == MM_NUMA_NONE ? 0 : node;
	}
	return mm_numa_nodes(&kernel.numa) ? nodes : NULL;
}

enum mm_status memory_frames_init(void)
{
	static const struct mm_zone_cfg zones[] = { MACHINE_ZONES };
	const struct mm_pmm_cfg cfg = {
		.zones = zones,
		.nzones = sizeof(zones) / sizeof(*zones),
		.numa = mm_numa_nodes(&kernel.numa) ? &kernel.numa : NULL,
		.cpu_nodes = nodes_of_cpus(),
		.ncpus = kernel.ncpus,
		.spare_ranges = 8,
		.low = MACHINE_LOW,
		.reach = MACHINE_REACH,
	};

	return mm_pmm_init(&kernel.pmm, &memory_port, &kernel.map, &cfg);
}

/* A part of the image with rights of its own. */
struct section {
	const char *start, *end;
	uint32_t attr;
};

static const struct section sections[] = {
	{ image_text, image_text_end, MM_PT_READ | MM_PT_EXEC },
	{ image_rodata, image_rodata_end, MM_PT_READ },
	/* up to the guard page, and on from behind it */
	{ image_data, image_guard, MM_PT_READ | MM_PT_WRITE },
	{ image_stack, image_end, MM_PT_READ | MM_PT_WRITE },
};

static enum mm_status map_image(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && st == MM_OK; i++) {
		const struct section *s = &sections[i];

		st = MACHINE_PT(map)(&kernel.pt, (uintptr_t)s->start, image_pa(s->start),
				     (uint64_t)(s->end - s->start), s->attr | MACHINE_GLOBAL, 0, g);
	}
	return st;
}

/* RAM that the kernel reads or writes through the direct map. The image is not: its text would get
 * a second, writable mapping. */
static bool in_direct_map(enum mm_mem_type type)
{
	return type <= MM_MEM_EARLY && type != MM_MEM_KERNEL;
}

static enum mm_status map_piece(mm_paddr_t base, mm_paddr_t last, struct mm_tlb_gather *g)
{
	return MACHINE_PT(map)(&kernel.pt, MACHINE_DIRECT_MAP + base, base, last - base + 1,
			       MM_PT_READ | MM_PT_WRITE | MACHINE_GLOBAL, 0, g);
}

/* Pieces that touch are mapped as one, so that large pages may span them. */
static enum mm_status map_ram(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;
	struct mm_mem next, run = { 0 };
	bool open = false;
	uint32_t it = 0;

	while (st == MM_OK && mm_memmap_next(&kernel.map, &it, &next)) {
		if (!in_direct_map(next.type))
			continue;
		if (open && next.base == run.last + 1) {
			run.last = next.last;
			continue;
		}
		if (open)
			st = map_piece(run.base, run.last, g);
		run = next;
		open = true;
	}
	return st == MM_OK && open ? map_piece(run.base, run.last, g) : st;
}

static enum mm_status map_devices(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;
	mm_paddr_t pa;
	uint32_t it = 0;

	while (st == MM_OK && machine_next_device(&it, &pa))
		st = MACHINE_PT(map)(&kernel.pt, MACHINE_DIRECT_MAP + pa, pa, MM_FRAME_SIZE,
				     MM_PT_READ | MM_PT_WRITE | MACHINE_GLOBAL | MACHINE_DEVICE, 0,
				     g);
	return st;
}

static enum mm_status map_kernel(struct mm_tlb_gather *g)
{
	enum mm_status st = map_ram(g);

	if (st == MM_OK)
		st = map_image(g);
	return st == MM_OK ? map_devices(g) : st;
}

enum mm_status memory_tables_init(void)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_cfg cfg = { 0 };
	enum mm_status st;

	machine_pt_probe(&cfg);
	st = mm_pt_init(&kernel.pt, machine_pt_port(), &memory_table_env, &cfg);
	if (st == MM_OK && !MACHINE_UNMAPPED)
		st = map_kernel(&g);
	if (st != MM_OK)
		return st;
	mm_pt_sync(&kernel.pt, &g);
	machine_switch_tables(kernel.pt.root);
#if MM_PT_WINDOW
	return machine_windows_start(&kernel.pt);
#else
	return MM_OK;
#endif
}

enum mm_status memory_add_high(void)
{
	enum mm_status st = MM_OK;
	struct mm_mem piece;
	uint32_t it = 0;

	while (st == MM_OK && mm_memmap_next(&kernel.map, &it, &piece)) {
		if (piece.type != MM_MEM_USABLE || piece.last <= MACHINE_REACH)
			continue;
		if (piece.base <= MACHINE_REACH)
			piece.base = (mm_paddr_t)MACHINE_REACH + 1;
		st = mm_pmm_add_range(&kernel.pmm, piece.base, piece.last - piece.base + 1);
		if (st == MM_E_NOMEM)
			st = MM_OK; /* too small to hold its own metadata: do without it */
	}
	return st;
}

/* A stack between two guard pages: those around it stay unmapped. */
static enum mm_status stack_init(struct cpu *c)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st;
	mm_paddr_t pa;

	c->stack = MACHINE_STACKS + (uintptr_t)c->number * (STACK_BYTES + GUARD_BYTES);
	st = mm_page_alloc(&kernel.pmm, STACK_ORDER, 0, &pa);
	if (st == MM_OK && MACHINE_UNMAPPED)
		c->stack = (uintptr_t)direct_map(pa);
	else if (st == MM_OK)
		st = MACHINE_PT(map)(&kernel.pt, c->stack, pa, STACK_BYTES,
				     MM_PT_READ | MM_PT_WRITE | MACHINE_GLOBAL, 0, &g);
	mm_pt_sync(&kernel.pt, &g);
	return st;
}

enum mm_status memory_cpu_init(struct cpu *c)
{
	enum mm_status st = stack_init(c);

	if (st == MM_OK)
		st = mm_pmm_cpu_online(&kernel.pmm, c->number);
	return st;
}

/* The image up to its text ran before the kernel's own tables were there, and while other CPUs
 * started. Nothing maps it any more; here it enters the direct map. */
enum mm_status memory_unlock_boot(mm_paddr_t *base, mm_paddr_t *last)
{
	struct mm_tlb_gather g = { 0 };
	enum mm_status st;

	*base = image_pa(image_start);
	*last = image_pa(image_text) - 1;
	st = map_piece(*base, *last, &g);
	mm_pt_sync(&kernel.pt, &g);
	return st;
}

enum mm_status memory_heap_init(void)
{
	enum mm_status st = mm_heap_init(&kernel.heap, &kernel.pmm, kernel.ncpus);

	for (uint32_t i = 1; i < kernel.ncpus && st == MM_OK; i++)
		st = mm_heap_cpu_online(&kernel.heap, i);
	return st;
}
