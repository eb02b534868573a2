/* SPDX-License-Identifier: MIT */
/* Work on all CPUs at once. */
#ifndef CPUS_H
#define CPUS_H
#include <linux/types.h>

/* Run @job on every online CPU at the same time, in a thread that stays there, and wait for the end
 * of all. False: there was no memory for it, and nothing ran. */
bool cpus_run(void (*job)(void));
#endif
