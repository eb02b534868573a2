/* SPDX-License-Identifier: MIT */
/* The parts of the module, in the order in which main.c runs them. */
#ifndef EXAMPLE_H
#define EXAMPLE_H
#include <linux/types.h>

/* mmlib's test of the port, on all CPUs. */
void check_port(void);
/* Promises of the page-frame allocator. */
void check_frames(void);
/* Promises of heap and frames with all CPUs at work; @damage changes a byte of what one CPU made, to
 * show that it would be noticed. */
void check_heap(bool damage);
/* Promises of the page tables, asked of the MMU. */
void check_tables(void);
/* Every operation by Linux's own allocator and by mmlib. */
void measure(void);
#endif
