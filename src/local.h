/* SPDX-License-Identifier: MIT */
/* CPU-local access: how a fast path is alone with its CPU's data, without a lock.
 *
 * Theory of operation
 * Problem      per-CPU magazines must not be entered twice on one CPU: not by a preempter, not by
 *              an interrupt that hits in the middle. Disabling interrupts costs more than all the
 *              rest.
 * Structure    pin; read the CPU's number; take its busy flag, which is MM_LOCAL_FREE, down by one (with
 *              MM_LOCAL_FLAG; other ways store 0); work; set it free; unpin. Who does not find it free, 0 then, is an
 *              interrupt on top of the owner: it puts back what it took, and goes the path that needs no per-CPU data.
 * Invariants   L1 the pin comes before the number is read, so the number stays true.
 *              L2 the flag is counted down with a plain load and store, on some machines one instruction. That
 *                 is right because interrupters nest strictly: whoever comes between the two is gone again, and
 *                 the flag as it was, before the store happens.
 *              L3 between owner and interrupter compiler barriers suffice: they are one hart. Other
 *                 CPUs may look at the flag, to learn whether the owner is inside: who sees it free
 *                 sees what was done before, so it is set free with release.
 * Doors        a flag that says more: a door holds a key while nobody is inside, MM_LOCAL_LOCKED if nobody
 *              may enter, and MM_LOCAL_INSIDE while somebody is. Who comes with the right key enters: one
 *              comparison tells whether the data is for him, may be used, and is free.
 * Modes        MM_LOCAL in config.h. One choice for the page cache and the slab. */
#ifndef MM_SRC_LOCAL_H
#define MM_SRC_LOCAL_H
#include <mmlib/port.h>
#include "atomic.h"

/* Stay on this CPU. *saved is for mm_local_unpin(). */
static inline void mm_local_hold(const struct mm_port *port, uintptr_t *saved)
{
	(void)port;
	*saved = 0;
#if MM_LOCAL == MM_LOCAL_FLAG
	mm_port_pin(port);
#elif MM_LOCAL == MM_LOCAL_IRQ
	if (port->irq_save)
		*saved = port->irq_save(port->ctx);
#endif
}

/* The same; returns its number. */
static inline uint32_t mm_local_pin(const struct mm_port *port, uintptr_t *saved)
{
	mm_local_hold(port, saved);
	return mm_port_cpu(port); /* L1 */
}

static inline void mm_local_unpin(const struct mm_port *port, uintptr_t saved)
{
	(void)port;
	(void)saved;
#if MM_LOCAL == MM_LOCAL_FLAG
	mm_port_unpin(port);
#elif MM_LOCAL == MM_LOCAL_IRQ
	if (port->irq_restore)
		port->irq_restore(port->ctx, saved);
#endif
}

/* A busy flag while nobody is inside. */
#define MM_LOCAL_FREE 1u

/* Enter the data that *busy guards. False: somebody below us on this CPU is inside. */
static inline bool mm_local_enter(uint32_t *busy)
{
#if MM_LOCAL == MM_LOCAL_FLAG
	if (mm_atomic_own_sub(busy, 1u) != 0 && !MM_PLANTED(MM_PLANT_BUSY)) { /* L2 */
		/* atomic: with the value it had, compilers count in a register */
		mm_atomic_store_relaxed(busy, mm_atomic_load_relaxed(busy) + 1);
		return false;
	}
	mm_atomic_barrier();
	return true;
#elif MM_LOCAL == MM_LOCAL_TRYLOCK
	return mm_atomic_swap(busy, 0u) == MM_LOCAL_FREE;
#elif MM_LOCAL == MM_LOCAL_IRQ
	mm_atomic_store_relaxed(busy, 0u); /* for other CPUs: L3 */
	return true;
#else
	(void)busy;
	return true;
#endif
}

static inline void mm_local_leave(uint32_t *busy)
{
#if MM_LOCAL != MM_LOCAL_NONE
	mm_atomic_barrier();
	mm_atomic_store_release(busy, MM_LOCAL_FREE); /* L3 */
#else
	(void)busy;
#endif
}

/* What is no key: no address of anything is this, not even NULL. */
#define MM_LOCAL_INSIDE ((uintptr_t)1)
#define MM_LOCAL_LOCKED ((uintptr_t)2) /* as mm_port_nobody */

/* Enter the data behind a door. False: it has another key, or somebody below us on this CPU is inside. */
static inline bool mm_local_open(uintptr_t *door, uintptr_t key)
{
	if (!MM_PLANTED(MM_PLANT_BUSY) && mm_atomic_peek(door) != key)
		return false;
#if MM_LOCAL == MM_LOCAL_TRYLOCK
	return mm_atomic_cas(door, &key, MM_LOCAL_INSIDE);
#elif MM_LOCAL != MM_LOCAL_NONE
	mm_atomic_store_relaxed(door, MM_LOCAL_INSIDE); /* L2 */
	mm_atomic_barrier();
#endif
	return true;
}

/* Leave; from now on the door has this key. */
static inline void mm_local_shut(uintptr_t *door, uintptr_t key)
{
	mm_atomic_barrier();
	mm_atomic_store_release(door, key); /* L3 */
}
#endif
