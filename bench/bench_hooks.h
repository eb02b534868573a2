/* SPDX-License-Identifier: MIT */
/* MM_PORT_INLINE_HEADER of the benchmarks: hooks of a kernel that numbers its CPUs in per-CPU data
 * (one load through a segment register), keeps what mmlib has for a CPU there, of page frames and of one
 * heap, and need not count pins. */
#ifndef BENCH_HOOKS_H
#define BENCH_HOOKS_H
struct mm_heap_cpu;
/* Programs do not move, so it is one load. */
#define BENCH_PER_CPU extern __thread __attribute__((tls_model("local-exec")))
BENCH_PER_CPU uint32_t bench_cpu;
BENCH_PER_CPU void *bench_slots[MM_SLOTS];
BENCH_PER_CPU struct mm_heap_cpu *bench_heap_cpu;
#define MM_PORT_HEAP_CPU(heap) ((void)(heap), bench_heap_cpu)

static inline void *mm_port_to_virt(const struct mm_port *port, mm_paddr_t pa)
{
	(void)port;
	return BENCH_TO_VIRT(pa);
}

static inline uint32_t mm_port_cpu(const struct mm_port *port)
{
	(void)port;
	return bench_cpu;
}

static inline void mm_port_pin(const struct mm_port *port)
{
	(void)port;
}

static inline void mm_port_unpin(const struct mm_port *port)
{
	(void)port;
}

#define MM_PORT_SLOT

static inline void *mm_port_slot(unsigned i)
{
	return bench_slots[i];
}

static inline void mm_port_set_slot(unsigned i, void *p)
{
	bench_slots[i] = p;
}
#endif
