/* SPDX-License-Identifier: MIT */
/* Theory of operation: the heap as a whole
 * Problem      set up and take down what all caches share, and bring objects home from CPUs that
 *              cannot be touched from here.
 * Structure    one block of pages holds the magazine tops of all CPUs, and where the parts of caches on nodes
 *              but the first are. Draining a CPU is done by
 *              that CPU: through the port's run_on, or when it next sees `drain`. Frees look at it,
 *              and allocations that find no object at hand; who only allocates brings home none.
 * Invariants   E1 init does all that can fail before it writes the caller's heap.
 *              E2 destroy drains, then checks that everything is home, then gives pages back.
 * Concurrency  as each function says; other CPUs' magazines are never touched while they run. */
#include "guard.h"
#include "owner.h"
#include "../checked.h"

void heap_free_page(struct mm_heap *heap, void *page)
{
	mm_pfn_t pfn = 0;
	struct mm_range *r = pmm_find_virt(heap->pmm, page, &pfn);
	enum mm_status st;

	MM_CHECK(heap->pmm->port, r != NULL);
	st = pmm_free_as(heap->pmm, mm_pfn_to_pa(pfn), 0, FRAME_META);
	MM_CHECK(heap->pmm->port, st == MM_OK);
}

/* Order of the block that n CPUs' magazine tops lie in, and behind them pointers to parts of caches. */
static bool heap_cpus_order(const struct mm_pmm *pmm, uint32_t n, uint32_t *order)
{
	size_t bytes;

	if (!mm_mul_size(n, sizeof(struct mm_heap_cpu), &bytes) ||
	    !mm_add_size(bytes, (zone_nodes(pmm) - 1) * sizeof(struct mm_cache *), &bytes))
		return false;
	for (*order = 0; *order <= pmm->max_order; ++*order)
		if ((size_t)MM_FRAME_SIZE << *order >= bytes)
			return true;
	return false;
}

static const char *heap_class_name(void)
{
	return "kmalloc";
}

/* What fast paths look up: the range that most objects will be in. The window begins with the frame that
 * its first table serves; without checks, where frees ask for a frame's byte and nothing else, with the first frame that
 * has one. */
static void heap_init_window(struct mm_heap *heap)
{
	const struct mm_range *r = heap->pmm->main;
	uintptr_t before = (uintptr_t)(r->first % MM_SIDE_FRAMES);

	heap->window_skip = MM_CHECKS == 0 ? (uint32_t)before : 0;
	before -= heap->window_skip;
	heap->window = (uintptr_t)r->virt - (before << MM_FRAME_SHIFT);
	heap->window_frames = (uintptr_t)(r->last - r->first) + 1 + before;
	heap->window_side = r->side;
	heap->window_bytes = (uint8_t *)((uintptr_t)r->bytes - before);
}

enum mm_status heap_make_class(struct mm_heap *heap, uint32_t c, uint32_t flags)
{
	struct mm_cache_cfg cfg = { .name = heap_class_name(),
				    .size = kmalloc_class_size(c) - MM_OBJECT_REDZONE,
				    .align = 16,
				    .flags = flags };

	return cache_init(heap, c, &cfg);
}

static enum mm_status heap_init_classes(struct mm_heap *heap)
{
	enum mm_status st = MM_OK;

	for (uint32_t i = 1; i <= MM_KMALLOC_STEPS; i++)
		heap->classes[i] = (uint8_t)mm_object_class(i * 16);
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		heap->caches[id].id = id;

	for (uint32_t c = 0; c < MM_KMALLOC_CLASSES && st == MM_OK; c++)
		st = heap_make_class(heap, c, 0);
	return st;
}

/* Where the pointers to parts of caches are. */
static struct mm_cache **heap_parts(struct mm_heap_cpu *cpus, uint32_t ncpus)
{
	return (struct mm_cache **)(void *)(cpus + ncpus);
}

/* All memory that a new heap needs: a block for its CPUs, and parts of caches. */
static enum mm_status heap_memory(struct mm_pmm *pmm, uint32_t ncpus, uint32_t order, mm_paddr_t *pa)
{
	enum mm_status st = pmm_side_get(pmm), undone;

	if (st != MM_OK)
		return st;
	st = mm_hook_fail() ? MM_E_NOMEM : pmm_alloc_as(pmm, order, 0, FRAME_META, pa);
	if (st == MM_OK && zone_nodes(pmm) > 1) {
		st = node_make(pmm, heap_parts(mm_port_to_virt(pmm->port, *pa), ncpus));
		if (st != MM_OK) {
			undone = pmm_free_as(pmm, *pa, order, FRAME_META);
			MM_CHECK(pmm->port, undone == MM_OK);
		}
	}
	if (st != MM_OK)
		pmm_side_put(pmm);
	return st;
}

/* No CPU has objects at hand. */
static void heap_init_cpus(struct mm_heap *heap)
{
	__builtin_memset(heap->cpus, 0, heap->ncpus * sizeof(struct mm_heap_cpu));
	for (uint32_t i = 0; i < heap->ncpus; i++) {
		heap->cpus[i].busy = MM_LOCAL_FREE;
		heap->cpus[i].drain = DRAIN_NONE;
		for (uint32_t id = 0; id < MM_CACHES_MAX; id++) /* caches may come while others drain: G1 from the start */
			heap->cpus[i].top[id] = heap->cpus[i].spare[id] = magazine_none();
	}
}

enum mm_status mm_heap_init(struct mm_heap *heap, struct mm_pmm *pmm, uint32_t ncpus)
{
	uint32_t order;
	mm_paddr_t pa;
	enum mm_status st;

	if (!heap || !pmm || ncpus == 0)
		return MM_E_INVAL;
	if (!pmm_ready(pmm))
		return MM_E_STATE;
	if (MM_FRAME_SIZE < MM_HEAP_MIN_FRAME)
		return MM_E_NOTSUP;
	if (!heap_cpus_order(pmm, ncpus, &order))
		return MM_E_NOMEM;
	st = heap_memory(pmm, ncpus, order, &pa);
	if (st != MM_OK)
		return st; /* E1 */
	__builtin_memset(heap, 0, sizeof(*heap));
	heap->pmm = pmm;
	heap->cpus = mm_port_to_virt(pmm->port, pa);
	heap->cpus_pa = pa;
	heap->cpus_order = order;
	heap->ncpus = ncpus;
	if ((MM_HARDEN & (MM_HARDEN_CANARY | MM_HARDEN_ZERO)) && pmm->port->random)
		heap->secret = (uintptr_t)pmm->port->random(pmm->port->ctx);
#if MM_NODES_MAX > 1
	heap->parts = heap_parts(heap->cpus, ncpus);
#endif
	heap_init_mark(heap);
	large_hold_init(heap);
	heap_init_cpus(heap);
	heap_init_window(heap);
	mm_san_pool(heap);
	st = heap_init_classes(heap);
	MM_CHECK(pmm->port, st == MM_OK);
	heap->cpus[0].online = 1;
	return MM_OK;
}

static enum mm_status heap_check_cpu(const struct mm_heap *heap, uint32_t cpu)
{
	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	return cpu < heap->ncpus ? MM_OK : MM_E_INVAL;
}

enum mm_status mm_heap_cpu_online(struct mm_heap *heap, uint32_t cpu)
{
	enum mm_status st = heap_check_cpu(heap, cpu);

	if (st == MM_OK)
		mm_atomic_store_release(&heap->cpus[cpu].online, 1u);
	return st;
}

struct mm_heap_cpu *mm_heap_cpu_local(const struct mm_heap *heap, uint32_t cpu)
{
	return heap_check_cpu(heap, cpu) == MM_OK ? &heap->cpus[cpu] : NULL;
}

enum mm_status mm_heap_cpu_offline(struct mm_heap *heap, uint32_t cpu)
{
	enum mm_status st = heap_check_cpu(heap, cpu);
	struct mm_heap_cpu *c;
	uintptr_t saved;

	if (st != MM_OK)
		return st;
	c = &heap->cpus[cpu];
	st = MM_E_BUSY;
	(void)mm_local_pin(heap->pmm->port, &saved);
	if (mm_atomic_load_acquire(&c->busy) == MM_LOCAL_FREE && mm_local_enter(&c->busy)) {
		/* it may be this CPU: interrupts go round */
		magazine_flush_cpu(heap, c);
		if (!MM_PLANTED(MM_PLANT_OFFLINE))
			mm_atomic_store_release(&c->online, 0u);
		mm_local_leave(&c->busy);
		if (MM_PLANTED(MM_PLANT_OFFLINE))
			mm_atomic_store_release(&c->online, 0u);
		st = MM_OK;
	}
	mm_local_unpin(heap->pmm->port, saved);
	return st;
}

/* Does this CPU have objects at hand, as far as can be seen from here? */
static bool heap_cpu_holds(const struct mm_heap *heap, const struct mm_heap_cpu *cpu)
{
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		if (mm_atomic_load_relaxed(&heap->caches[id].heap) &&
		    (mm_atomic_load_acquire(&cpu->top[id]) != magazine_none() ||
		     mm_atomic_load_acquire(&cpu->spare[id]) != magazine_none()))
			return true;
	return false;
}

void heap_drain_here(void *arg)
{
	struct mm_heap *heap = arg;
	uintptr_t saved;
	struct mm_heap_cpu *cpu = heap_enter(heap, &saved);

	if (cpu) { /* else it hit in the middle of a call, which will see `drain` */
		magazine_flush_cpu(heap, cpu);
		mm_local_leave(&cpu->busy);
	}
	mm_local_unpin(heap->pmm->port, saved);
}

enum mm_status mm_heap_drain(struct mm_heap *heap)
{
	const struct mm_port *port;
	bool all = true;

	if (!heap)
		return MM_E_INVAL;
	if (!heap->pmm)
		return MM_E_STATE;
	port = heap->pmm->port;
	heap_take_back(heap);
	heap_drain_here(heap);
	for (uint32_t i = 0; i < heap->ncpus; i++) {
		if (!heap_cpu_holds(heap, &heap->cpus[i]))
			continue;
		mm_atomic_store_relaxed(&heap->cpus[i].drain, DRAIN_ALL);
		if (port->run_on)
			port->run_on(port->ctx, i, heap_drain_here, heap);
		all = all && !heap_cpu_holds(heap, &heap->cpus[i]);
	}
	return all ? MM_OK : MM_E_AGAIN;
}

void mm_heap_cpu_idle(struct mm_heap *heap)
{
	uintptr_t saved;
	struct mm_heap_cpu *cpu;

	if (!heap || !heap->pmm)
		return;
	heap_take_back(heap);
	cpu = heap_enter(heap, &saved);
	if (cpu) {
		if (magazine_is_asked(cpu))
			magazine_answer(heap, cpu);
		mm_local_leave(&cpu->busy);
	} else if (MM_PLANTED(MM_PLANT_IDLE)) {
		mm_atomic_store_relaxed(&heap->cpus[heap->pmm->port->cpu(heap->pmm->port->ctx)].drain, DRAIN_NONE);
	}
	mm_local_unpin(heap->pmm->port, saved);
}

enum mm_status mm_heap_shrink(struct mm_heap *heap)
{
	enum mm_status drained = mm_heap_drain(heap);

	if (drained != MM_OK && drained != MM_E_AGAIN)
		return drained;
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++) {
		if (!mm_atomic_load_acquire(&heap->caches[id].heap))
			continue;
		magazine_flush_depot(&heap->caches[id]);
		if (!(heap->caches[id].flags & MM_CACHE_KEEP))
			cache_release(&heap->caches[id]);
	}
	while (large_let_go(heap))
		continue;
	magazine_release(heap);
	return drained;
}

/* Is no entry of a table in use? */
static bool heap_table_is_idle(struct mm_slab *const *table)
{
	size_t k = MM_PLANTED(MM_PLANT_IN_USE) ? (size_t)MM_SIDE_FRAMES / 2 : 0;

	while (k < (size_t)MM_SIDE_FRAMES && table[k] == slab_none())
		k++;
	return k == (size_t)MM_SIDE_FRAMES;
}

/* Nobody else is at work, so nobody is between a place and what it leads to. */
size_t heap_free_tables(struct mm_heap *heap)
{
	size_t frames = 0;

	for (uint32_t i = 0; i < heap->pmm->nranges; i++) {
		struct mm_range *r = &heap->pmm->ranges[i];
		size_t n = pmm_sides(r->first, r->last);

		for (size_t t = 0; t < n; t++) {
			uintptr_t first = (uintptr_t)(t * MM_SIDE_FRAMES);
			struct mm_slab **table = r->side[t] ? mm_object_entry(r->side[t], first) : NULL;

			if (table && heap_table_is_idle(table)) {
				r->side[t] = NULL;
				heap_free_page(heap, table);
				frames++;
			}
		}
	}
	return frames;
}

static void heap_end_cache(struct mm_cache *cache)
{
	cache_release(cache);
	mm_san_pool_end(cache);
}

enum mm_status heap_settle(struct mm_heap *heap)
{
	enum mm_status st = mm_heap_shrink(heap);

	if (st != MM_OK)
		return st;
	if (heap->nmagazine_pages)
		return MM_E_BUSY; /* a prefilled handle has a magazine, too */
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		if (heap->caches[id].heap && !cache_is_home(&heap->caches[id]))
			return MM_E_BUSY; /* E2 */
	return MM_OK;
}

enum mm_status heap_unguard(struct mm_heap *heap)
{
	return GUARD_POSSIBLE && heap->guard ? heap->guard->ops->end(heap) : MM_OK;
}

void heap_end_caches(struct mm_heap *heap)
{
	for (uint32_t id = 0; id < MM_CACHES_MAX; id++)
		if (heap->caches[id].heap)
			heap_end_cache(&heap->caches[id]); /* those that keep their memory, too */
	mm_san_pool_end(heap);
}

void heap_leave(struct mm_heap *heap)
{
	struct mm_pmm *pmm = heap->pmm;
	enum mm_status st;

	if (zone_nodes(pmm) > 1)
		node_end(pmm, heap_parts(heap->cpus, heap->ncpus));
	st = pmm_free_as(pmm, heap->cpus_pa, heap->cpus_order, FRAME_META);
	MM_CHECK(pmm->port, st == MM_OK);
	pmm_side_put(pmm);
	__builtin_memset(heap, 0, sizeof(*heap));
}

enum mm_status mm_heap_destroy(struct mm_heap *heap)
{
	enum mm_status st = heap_settle(heap);

	if (st == MM_OK && heap_large(heap))
		st = MM_E_BUSY;
	if (st == MM_OK)
		st = heap_unguard(heap);
	if (st != MM_OK)
		return st;
	heap_end_caches(heap);
	(void)heap_free_tables(heap);
	heap_leave(heap);
	return MM_OK;
}
