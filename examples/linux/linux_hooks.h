/* SPDX-License-Identifier: MIT */
/* MM_PORT_INLINE_HEADER for Linux: the hooks of mmlib's fast paths, and where a CPU's objects are. */
#ifndef LINUX_HOOKS_H
#define LINUX_HOOKS_H
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>

struct mm_heap_cpu;
DECLARE_PER_CPU(struct mm_heap_cpu *, linux_heap_cpu);
#define MM_PORT_HEAP_CPU(heap) ((void)(heap), this_cpu_read(linux_heap_cpu))

static inline void *mm_port_to_virt(const struct mm_port *port, mm_paddr_t pa)
{
	(void)port;
	return LINUX_TO_VIRT(pa);
}

static inline uint32_t mm_port_cpu(const struct mm_port *port)
{
	(void)port;
	return (uint32_t)smp_processor_id();
}

static inline void mm_port_pin(const struct mm_port *port)
{
	(void)port;
	preempt_disable();
}

static inline void mm_port_unpin(const struct mm_port *port)
{
	(void)port;
	preempt_enable();
}

/* What mmlib keeps for a CPU is one load away. The module's code and its slots go together. */
#define MM_PORT_SLOT
DECLARE_PER_CPU(void *, linux_slots[MM_SLOTS]);

static inline void *mm_port_slot(unsigned int i)
{
	return this_cpu_read(linux_slots[i]);
}

static inline void mm_port_set_slot(unsigned int i, void *p)
{
	this_cpu_write(linux_slots[i], p);
}
#endif
