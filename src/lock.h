/* SPDX-License-Identifier: MIT */
/* Locks of the host, or nothing if it has none: then callers serialise. */
#ifndef MM_SRC_LOCK_H
#define MM_SRC_LOCK_H
#include <mmlib/port.h>

static inline uintptr_t mm_lock(const struct mm_port *port, uintptr_t *word)
{
	return port->lock ? port->lock(port->ctx, word) : 0;
}

static inline void mm_unlock(const struct mm_port *port, uintptr_t *word, uintptr_t irq)
{
	if (port->unlock)
		port->unlock(port->ctx, word, irq);
}
#endif
