/* SPDX-License-Identifier: MIT */
/* A trace (mmlib/trace.h) as bytes from anywhere: nothing of it is believed before it was looked at. */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H
#include <mmlib/trace.h>
#include <string.h>

struct trace_file {
	const uint8_t *records;
	uint32_t n;           /* how many */
	uint32_t frame_shift; /* of who wrote it */
	uint64_t lost;        /* older ones that were overwritten */
};

/* A record in numbers of this machine. */
struct trace_event {
	uint32_t sequence;
	unsigned kind, cpu, pool;
	uint64_t address, size;
};

static inline struct trace_event trace_event(const struct trace_file *t, uint32_t i)
{
	struct mm_trace_record r;

	memcpy(&r, t->records + (size_t)i * sizeof(r), sizeof(r));
	return (struct trace_event){ mm_trace_le32(r.sequence), r.kind,
				     r.cpu,                     mm_trace_le16(r.pool),
				     mm_trace_number(r.address), mm_trace_number(r.size) };
}

/* The head alone: NULL, or what is wrong with it. */
static inline const char *trace_open(struct trace_file *t, const uint8_t *in, size_t bytes)
{
	struct mm_trace_head head;

	if (bytes < sizeof(head))
		return "it is shorter than its head";
	memcpy(&head, in, sizeof(head));
	if (mm_trace_le32(head.magic) != MM_TRACE_MAGIC)
		return "it is no trace";
	if (mm_trace_le16(head.version) != MM_TRACE_VERSION)
		return "it is of another version";
	if (mm_trace_le16(head.record) != sizeof(struct mm_trace_record) || head.zero[0] || head.zero[1])
		return "its head is damaged";
	*t = (struct trace_file){ in + sizeof(head), mm_trace_le32(head.records),
				  mm_trace_le32(head.frame_shift), mm_trace_number(head.lost) };
	if (t->frame_shift < 8 || t->frame_shift > 16)
		return "its frames have an impossible size";
	if ((bytes - sizeof(head)) % sizeof(struct mm_trace_record) ||
	    (bytes - sizeof(head)) / sizeof(struct mm_trace_record) != t->n)
		return "it has not as many records as its head says";
	return NULL;
}

/* Was the i-th record being written when it was read, or overwritten, or lost? */
static inline bool trace_is_torn(const struct trace_file *t, uint32_t i)
{
	return trace_event(t, i).sequence != (uint32_t)(t->lost + i + 1);
}

/* What is torn at the beginning is lost, too. */
static inline void trace_skip_torn(struct trace_file *t)
{
	uint32_t torn = 0;

	while (torn < t->n && trace_is_torn(t, torn))
		torn++;
	t->records += (size_t)torn * sizeof(struct mm_trace_record);
	t->n -= torn;
	t->lost += torn;
}

/* One record that is not torn, alone: NULL, or what is wrong with it. */
static inline const char *trace_look(const struct trace_file *t, const struct trace_event *e)
{
	bool frames = e->kind >= MM_TRACE_FRAMES && e->kind <= MM_TRACE_UNFRAMES;

	if (e->kind == 0 || e->kind >= MM_TRACE_KINDS)
		return "a record is of no kind";
	if (frames && (e->address & (((uint64_t)1 << t->frame_shift) - 1)))
		return "frames begin inside a frame";
	if (frames && (e->size == 0 || e->size > (UINT64_MAX - e->address) >> t->frame_shift))
		return "no frames, or too many";
	if ((e->kind == MM_TRACE_ALLOC || e->kind == MM_TRACE_RESIZE) &&
	    (e->size == 0 || e->size > UINT64_MAX - e->address))
		return "an object has an impossible size";
	if ((e->kind == MM_TRACE_FREE || e->kind == MM_TRACE_MISUSE) && e->size)
		return "a free has a size";
	return NULL;
}
#endif
