/* SPDX-License-Identifier: MIT */
/* Four threads write to a small ring of records (mmlib/trace.h), one reads it all the time: no record is told as whole
 * that is not what one of them wrote, and all words that two touch are atomic. At the end, when nobody writes, few are
 * torn: those whose writer was overtaken.
 *   trace [RECORDS] [torn]     records that are read; torn: the number is looked at only before the rest is read, as a
 *                              reader must not do it; fails then */
#include <mmlib/trace.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS 4u
#define RECORDS 16u

static struct mm_trace_record records[RECORDS];
static struct mm_trace ring = { .records = records, .n = RECORDS };
static unsigned enough; /* atomic: writers end */
static bool looks_once;

struct mm_trace *mm_trace_here(void)
{
	return NULL;
}

/* What goes with an address: a record that is made of two has not both. */
static uint64_t size_of(uint64_t address)
{
	address *= UINT64_C(0x9e3779b97f4a7c15);
	return address ^ address >> 32;
}

static void *write_records(void *arg)
{
	uint64_t address = (uint64_t)(uintptr_t)arg << 56;

	for (; !__atomic_load_n(&enough, __ATOMIC_RELAXED); address++)
		mm_trace_write(&ring, MM_TRACE_ALLOC, (unsigned)size_of(address) & 0xffffu, address, size_of(address));
	return NULL;
}

/* The next record by one look at its number, and slowly. */
static bool read_once(struct mm_trace_cur *cur, struct mm_trace_record *out)
{
	const struct mm_trace_record *place = &records[cur->at & (RECORDS - 1)];
	struct mm_trace_record later;

	if (cur->at == cur->end)
		return false;
	cur->at++;
	out->sequence = MM_TRACE_LOAD(&place->sequence);
	mm_trace_copy(out, place);
	sched_yield();
	mm_trace_copy(&later, place);
	memcpy(out->size, later.size, sizeof(out->size));
	return true;
}

/* Read the ring; false: a record is not what somebody wrote. */
static bool read_all(unsigned long *whole, unsigned long *torn)
{
	struct mm_trace_record r;
	struct mm_trace_head head;
	struct mm_trace_cur cur;
	uint32_t number;

	mm_trace_begin(&ring, &head, &cur);
	number = mm_trace_le32(head.lost[0]);
	while (looks_once ? read_once(&cur, &r) : mm_trace_next(&ring, &cur, &r)) {
		uint64_t address = mm_trace_number(r.address), size = mm_trace_number(r.size);

		if (mm_trace_le32(r.sequence) != ++number) {
			++*torn;
			continue;
		}
		++*whole;
		if (r.kind != MM_TRACE_ALLOC || size != size_of(address) ||
		    mm_trace_le16(r.pool) != (size_of(address) & 0xffffu)) {
			fprintf(stderr, "trace: record %u is torn, and told as whole\n", number);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned long wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000;
	unsigned long whole = 0, torn = 0, last = 0, gone = 0;
	pthread_t threads[WRITERS];
	bool ok = true;

	looks_once = argc > 2 && strcmp(argv[2], "torn") == 0;
	for (uintptr_t i = 0; i < WRITERS; i++)
		if (pthread_create(&threads[i], NULL, write_records, (void *)(i + 1)) != 0)
			abort();
	while (ok && whole + torn < wanted)
		ok = read_all(&whole, &torn);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ok = ok && read_all(&last, &gone);
	printf("trace: %ju records written by %u threads; read meanwhile: %lu whole, %lu torn; at the end: %lu whole, "
	       "%lu lost\n",
	       (uintmax_t)ring.next, WRITERS, whole, torn, last, gone);
	return ok && last + gone == RECORDS && last > 0 ? 0 : 1;
}
