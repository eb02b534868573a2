/* SPDX-License-Identifier: MIT */
/* A ring that is written to while it is read: what writes the file may allocate. The trace has as many records as
 * its head says, and tells which of them are torn: all that were overwritten before they were read. And of a record
 * whose place is being written to, only the one that has it is written. */
#include <mmlib/trace.h>
#include <stdio.h>

#define N 16u

static struct mm_trace_record records[N];
static struct mm_trace ring = { .records = records, .n = N };
static int bad;

struct mm_trace *mm_trace_here(void)
{
	return NULL;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		printf("a ring that is written to meanwhile: %s\n", what);
		bad = 1;
	}
}

static void write_one(void)
{
	mm_trace_write(&ring, MM_TRACE_ALLOC, 0, 16 * (ring.next + 1), 16);
}

/* How many records are read if so many are written before each; *whole: those that are not torn. */
static uint32_t read_all(unsigned between, uint32_t *whole)
{
	struct mm_trace_record r;
	struct mm_trace_head head;
	struct mm_trace_cur at;
	uint32_t n = 0, lost;

	mm_trace_begin(&ring, &head, &at);
	lost = mm_trace_le32(head.lost[0]);
	for (*whole = 0; n < 1000 && mm_trace_next(&ring, &at, &r); n++) {
		bool is_whole = mm_trace_le32(r.sequence) == lost + n + 1;

		*whole += is_whole;
		must(!is_whole || mm_trace_number(r.address) == 16 * (uint64_t)(lost + n + 1), "a torn record is whole");
		for (unsigned i = 0; i < between; i++)
			write_one();
	}
	must(n == mm_trace_le32(head.records), "there are not as many records as the head says");
	return n;
}

/* Somebody stands in the middle of a record, as its CPU was taken from him, while the ring goes round. */
static void overtake(void)
{
	const uintptr_t at = ring.next++;
	struct mm_trace_record *place = &records[at & (N - 1)];
	uint32_t whole;

	must(mm_trace_take(&place->sequence, at, N), "a place cannot be taken");
	for (unsigned i = 0; i < 3 * N; i++)
		write_one();
	must(place->sequence == 0, "a place was written to that somebody has");
	read_all(0, &whole);
	must(whole == N - 1, "it is not torn, or another one is");
	must(!mm_trace_take(&records[(at + 1) & (N - 1)].sequence, at + 1, N), "a newer record was taken for an older one");
	place->sequence = mm_trace_le32((uint32_t)at + 1);
	for (unsigned i = 0; i < N; i++)
		write_one();
	read_all(0, &whole);
	must(whole == N, "what was overtaken keeps its place for ever");
}

int main(void)
{
	uint32_t whole;

	for (unsigned i = 0; i < 5; i++)
		write_one();
	must(read_all(1, &whole) == 5 && whole == 5, "nothing was overwritten, and something is torn");
	while (ring.next < 3 * N)
		write_one();
	must(read_all(0, &whole) == N && whole == N, "nobody writes, and something is torn");
	must(read_all(1, &whole) == N && whole == N, "what was read before it was overwritten is torn");
	must(read_all(2, &whole) == N && whole == 1, "what was overwritten is not torn");
	overtake();
	return bad;
}
