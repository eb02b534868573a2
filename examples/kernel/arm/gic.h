/* SPDX-License-Identifier: MIT */
#ifndef GIC_H
#define GIC_H

/* This CPU's side of the interrupt controller on. */
void gic_cpu_init(void);
/* An interrupt has arrived. */
void gic_handle(void);
#endif
