/* SPDX-License-Identifier: MIT */
/* The simulated machine of the benchmarks: RAM that mmlib sees at a constant distance, two CPUs at
 * most, a port as a kernel writes it. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H
#include "duo.h"
#include <mmlib/pmm.h>

#define MACHINE_RAM UINT64_C(0x140000000) /* its first byte, where nothing else is said */

extern struct mm_pmm machine_pmm;

/* RAM of `bytes` from `base` as a machine has it after boot: all free but for metadata. It has been
 * provided by bench_memory(). Returns how long mm_pmm_init() took, ns. */
double machine_start(uint64_t base, uint64_t bytes, uint32_t ncpus);
/* Where mm_pmm_init() put its metadata, and how much. */
extern mm_paddr_t machine_meta, machine_meta_bytes;
/* Who speaks for a CPU is told where that keeps objects, if anybody knows. */
extern void (*machine_cpu)(unsigned cpu, void *arg);
/* All frames that CPUs have at hand go back. No other CPU is at work. */
void machine_drain(void);
#endif
