/* SPDX-License-Identifier: MIT */
/* This kernel as its own guest, behind nested tables: guest.c. */
#ifndef GUEST_H
#define GUEST_H
#include "../conform.h"

/* A tree for that; why there is none, or NULL. And: all CPUs leave their guests, and what that took is given
 * back. */
const char *guest_init(struct conform *c);
void guest_end(void);
/* Is the tree under test one that this CPU is behind? */
bool guest_is_in(void);
/* This CPU is behind these tables from here on, under that ASID. */
void guest_load(mm_paddr_t root, unsigned asid);
/* All that it has of them is forgotten: by TLB_CONTROL, or by another ASID. */
void guest_flush(void);
extern bool guest_flush_by_asid;
#endif
