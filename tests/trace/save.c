/* SPDX-License-Identifier: MIT */
/* For any hosted program that is linked with it and with a library of MM_SANITIZER_HEADER
 * "mmlib/sanitizer_trace.h": what it does is in the file $MM_TRACE_FILE when it ends. $MM_TRACE_RECORDS: the
 * ring's, a power of two. */
#include <mmlib/trace.h>
#include <stdio.h>
#include <stdlib.h>

static struct mm_trace ring;
static bool began;

struct mm_trace *mm_trace_here(void)
{
	if (!began) {
		const char *n = getenv("MM_TRACE_RECORDS");

		began = true;
		ring.n = n ? strtoul(n, NULL, 0) : 1u << 16;
		ring.records = calloc(ring.n, sizeof(*ring.records));
	}
	return &ring;
}

__attribute__((__destructor__)) static void save(void)
{
	const char *path = getenv("MM_TRACE_FILE");
	FILE *f = path && ring.records ? fopen(path, "wb") : NULL;
	struct mm_trace_record r;
	struct mm_trace_head head;
	struct mm_trace_cur cur;

	if (!f)
		return;
	mm_trace_begin(&ring, &head, &cur);
	fwrite(&head, sizeof(head), 1, f);
	while (mm_trace_next(&ring, &cur, &r))
		fwrite(&r, sizeof(r), 1, f);
	fclose(f);
}
