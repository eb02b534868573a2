/* SPDX-License-Identifier: MIT */
/* Theory of operation: host port check
 * Problem      a kernel built against other headers, or with a callback forgotten, must be told at
 *              init, not by a jump to address 0 under load.
 * Structure    version and size first: with another layout no other member may be read.
 * Invariant    P1 a port that passed is complete: required callbacks are there, pairs are whole. */
#include <mmlib/port.h>

static bool port_pairs_whole(const struct mm_port *port)
{
	return !port->lock == !port->unlock && !port->irq_save == !port->irq_restore &&
	       !port->pin == !port->unpin;
}

enum mm_status mm_port_check(const struct mm_port *port)
{
	if (!port || port->version != MM_PORT_VERSION || port->size != sizeof(*port))
		return MM_E_PORT;
	if (!port->to_virt || !port->panic || !port_pairs_whole(port))
		return MM_E_PORT;
	return MM_OK;
}
