/* SPDX-License-Identifier: MIT */
/* Theory of operation: why mm_pmm_init() says no
 * Problem      a kernel that does not boot has one number, the status, to go by; it stands for some fourteen
 *              rules.
 * Structure    the rules are where they are applied (zone_cfg_fault(), mm_port_check()) and answer with a
 *              number; here are the texts, which only who asks links.
 * Concurrency  reads what the caller passes. */
#include "zone.h"

static const char *why_port(const struct mm_port *port)
{
	if (!port)
		return "port: NULL";
	if (port->version != MM_PORT_VERSION || port->size != sizeof(*port))
		return "port: version or size is of another mmlib/port.h";
	if (!port->to_virt || !port->panic)
		return "port: to_virt or panic is missing";
	return mm_port_check(port) == MM_OK
		       ? NULL
		       : "port: lock without unlock, or another half of a pair";
}

static const char *why_zones(enum zone_fault fault)
{
	switch (fault) {
	case ZONE_FINE:
		return NULL;
	case ZONE_FAULT_COUNT:
		return "cfg: no zones, or more than MM_ZONES_MAX";
	case ZONE_FAULT_REACH:
		return "cfg: low is above reach, or reach is not the last byte of a frame";
	case ZONE_FAULT_NODES:
		return "cfg: more nodes than MM_NODES_MAX";
	case ZONE_FAULT_CPU:
		return "cfg: a CPU of a node that is not there";
	case ZONE_FAULT_END:
		return "zones: the last one by limit does not end in MM_PADDR_MAX";
	case ZONE_FAULT_LIMIT:
		return "zone: last is not the last byte of a frame, or not above that of the zone "
		       "before";
	case ZONE_FAULT_FLAGS:
		return "zone: flags that it cannot have";
	case ZONE_FAULT_MARKS:
		return "zone: min, low and high do not rise";
	case ZONE_FAULT_ORDER:
		return "zone: by limit, behind a named one";
	case ZONE_FAULT_BASE:
		return "zone: base is set though it goes by limit, is not of a frame, or is above "
		       "last";
	case ZONE_FAULT_OVERLAP:
		return "zone: named, and overlaps one before it";
	}
	return NULL;
}

const char *mm_pmm_why(const struct mm_port *port, const struct mm_pmm_cfg *cfg, uint32_t *which)
{
	uint32_t at = 0;
	const char *text = why_port(port);

	if (!text)
		text = cfg ? why_zones(zone_cfg_fault(cfg, &at)) : "cfg: NULL";
	if (which)
		*which = at;
	return text;
}
