/* SPDX-License-Identifier: MIT */
/* Counts operations, each of which the oracle has looked at: inputs are of any length, so executions say
 * little. The sum is told at exit; scripts/fuzz.sh reads it. */
#ifndef FUZZ_OPERATIONS_H
#define FUZZ_OPERATIONS_H
#include <stdio.h>
#include <stdlib.h>

static unsigned long long operations_done;

static void operations_tell(void)
{
	fprintf(stderr, "operations: %llu\n", operations_done);
}

/* One more. */
static inline void operations_count(void)
{
	if (operations_done++ == 0)
		atexit(operations_tell);
}
#endif
