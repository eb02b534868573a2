/* SPDX-License-Identifier: MIT */
/* What a trace asks for, as operations on places: which object or run of frames a record is about is found
 * out here, once, and contradictions with it. */
#ifndef REPLAY_OPERATIONS_H
#define REPLAY_OPERATIONS_H
#include "trace_file.h"

enum operation_kind { OP_FRAMES, OP_UNFRAMES, OP_PART, OP_ALLOC, OP_RESIZE, OP_FREE };

struct operation {
	enum operation_kind kind;
	uint32_t place;  /* which object or run: less than operations::places */
	uint32_t offset; /* OP_PART: frames before it */
	uint64_t size;   /* bytes, or frames */
};

struct operations {
	struct operation *op;
	size_t n, room;
	uint32_t places;
	uint64_t unknown;     /* frees of what was allocated before the trace begins */
	uint64_t refused;     /* frees that the traced system refused */
	uint64_t peak_frames; /* of callers, at the same time */
	uint64_t peak_bytes;  /* of objects */
	uint64_t peak_room;   /* bytes that objects and frames of callers need at most */
};

/* Read a trace up to a record that is torn, whose number is *at then; else that is how many there are. NULL, or what is
 * wrong with record *at. operations_end() in any case. */
const char *operations_read(struct operations *out, const struct trace_file *t, uint32_t *at);
void operations_end(struct operations *ops);
#endif
