/* SPDX-License-Identifier: MIT */
/* What the examples share: a machine that is played by a part of this process, and two tables. A kernel has
 * none of this; it has what the examples themselves contain. */
#ifndef SHOW_H
#define SHOW_H
#include <mmlib/pmm.h>

/* A stretch of RAM. */
struct show_ram {
	mm_paddr_t base, bytes;
};

/* What somebody asks for, and the zone and node that it must fall into; NULL: there is none left. */
struct show_request {
	const char *what;
	unsigned order; /* log2 of frames */
	uint32_t flags;
	const char *zone;
	uint32_t node;
};

struct show {
	const char *title;
	struct mm_pmm_cfg cfg;
	const struct show_ram *ram;
	unsigned nram;
	mm_paddr_t real; /* only memory from here to cfg.reach is there: metadata lies in it */
	const struct show_request *requests;
	unsigned nrequests;
};

#define SHOW_COUNT(array) ((unsigned)(sizeof(array) / sizeof(*(array))))

/* Start the manager, print the table of zones, serve the requests, print where they fell. The result is
 * main()'s: 0 if all fell where they must. */
int show(const struct show *example);
#endif
