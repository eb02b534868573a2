/* SPDX-License-Identifier: MIT */
#ifndef TRAPS_H
#define TRAPS_H

/* Vectors: exceptions below TRAP_INTERRUPT, then what other CPUs send, and last the one that the
 * interrupt controller sends when it has nothing to say. */
enum { TRAP_INTERRUPT = 32, TRAP_SPURIOUS = 47, TRAP_COUNT = 48 };
#endif
