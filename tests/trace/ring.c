/* SPDX-License-Identifier: MIT */
/* A ring that is written to while it is read: what writes the file may allocate. The trace has as many records as
 * its head says. */
#include <mmlib/trace.h>
#include <stdio.h>

#define N 16u

struct mm_trace *mm_trace_here(void)
{
	return NULL;
}

int main(void)
{
	static struct mm_trace_record records[N];
	struct mm_trace ring = { .records = records, .n = N };
	struct mm_trace_head head;
	struct mm_trace_cur at;
	uint32_t n = 0;

	for (unsigned i = 0; i < 5; i++)
		mm_trace_write(&ring, MM_TRACE_ALLOC, 0, 16 * i, 16);
	mm_trace_begin(&ring, &head, &at);
	for (; n < 1000 && mm_trace_next(&ring, &at) != NULL; n++)
		mm_trace_write(&ring, MM_TRACE_ALLOC, 0, 4096 + 16 * n, 16);
	if (n == mm_trace_le32(head.records))
		return 0;
	printf("a ring that is written to meanwhile: %u records, but its head says %u\n", n, mm_trace_le32(head.records));
	return 1;
}
