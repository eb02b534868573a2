/* SPDX-License-Identifier: MIT */
#ifndef TRAPS_H
#define TRAPS_H

/* Load descriptor tables: from here on exceptions are reported, on stacks that exist. */
void traps_init(void);
#endif
