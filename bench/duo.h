/* SPDX-License-Identifier: MIT */
/* Work on two CPUs at once. */
#ifndef BENCH_DUO_H
#define BENCH_DUO_H
#include "bench.h"

extern __thread uint32_t bench_cpu; /* the CPU that this thread is, as mmlib is told */
extern bool duo_working;            /* both CPUs are at work: neither can be spoken for */

/* What CPU 0 (the caller's thread) and CPU 1 do at the same time. */
typedef void duo_work(unsigned cpu, void *arg);

struct duo_time {
	double cpu[2]; /* CPU time of each, ns */
	double wall;   /* from the start of both to the end of the later one, ns */
	bool calm;     /* neither was put aside */
};

/* Are there two CPUs? Says so on standard error if not: then figures are missing. */
bool duo_ready(void);
struct duo_time duo_run(duo_work *work, void *arg);

/* Yardstick: a cache line from one CPU to the other, one way, ns. A slice. */
double yard_line_transfer(bool *calm);
#endif
