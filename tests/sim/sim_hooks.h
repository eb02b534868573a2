/* SPDX-License-Identifier: MIT */
/* MM_PORT_INLINE_HEADER of tests: hooks as a kernel has them that keeps slots in its per-CPU data. Steps are
 * those of the port's functions. */
#ifndef SIM_HOOKS_H
#define SIM_HOOKS_H
#define MM_PORT_SLOT
#define SIM_SLOT_CPUS 4u

extern uint32_t sim_cpu;
extern unsigned sim_pins;
extern void *sim_slots[SIM_SLOT_CPUS][MM_SLOTS];
void sim_port_step(void);

static inline void *mm_port_to_virt(const struct mm_port *port, mm_paddr_t pa)
{
	return port->to_virt(port->ctx, pa);
}

static inline uint32_t mm_port_cpu(const struct mm_port *port)
{
	return port->cpu ? port->cpu(port->ctx) : 0;
}

static inline void mm_port_pin(const struct mm_port *port)
{
	(void)port;
	sim_port_step();
	sim_pins++;
}

static inline void mm_port_unpin(const struct mm_port *port)
{
	(void)port;
	sim_pins--;
	sim_port_step();
}

/* CPUs beyond have none, as if they were never filled. */
static inline void *mm_port_slot(unsigned i)
{
	return sim_cpu < SIM_SLOT_CPUS ? sim_slots[sim_cpu][i] : MM_SLOT_EMPTY;
}

static inline void mm_port_set_slot(unsigned i, void *p)
{
	if (sim_cpu < SIM_SLOT_CPUS)
		sim_slots[sim_cpu][i] = p;
}
#endif
