/* SPDX-License-Identifier: MIT */
/* What bench_slab and bench_drive say to each other: a request on standard input, an answer on standard
 * output, for one turn of work after another. */
#ifndef BENCH_SLAB_JOBS_H
#define BENCH_SLAB_JOBS_H
#include <stdint.h>

/* PRODCONS_AGED: where all of the other jobs came before. */
enum job { PAIR64, LIFO64, RAND256, LIFO1K, CHURN, TWO_CHURN, PRODCONS, PRODCONS_AGED, JOBS };
enum step { PREPARE, TURN, FINISH };

struct request {
	uint8_t job, step;
};

struct answer {
	double ns;   /* TURN: of one operation, */
	double yard; /* and of the yardstick beside it */
	uint8_t ok;  /* TURN: it was calm. PREPARE: it can be done here */
};
#endif
