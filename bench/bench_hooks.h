/* SPDX-License-Identifier: MIT */
/* MM_PORT_INLINE_HEADER of the benchmarks: hooks of a kernel that numbers its CPUs in per-CPU data
 * (one load through a segment register), keeps what mmlib has for a CPU there, and need not count
 * pins. */
#ifndef BENCH_HOOKS_H
#define BENCH_HOOKS_H
extern __thread uint32_t bench_cpu;
extern __thread void *bench_slots[MM_SLOTS];

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
