/* SPDX-License-Identifier: MIT */
/* Broken invariants of the library itself. Caller mistakes never come here: they get an error. */
#ifndef MM_SRC_CHECK_H
#define MM_SRC_CHECK_H
#include <mmlib/port.h>

/* Always on, so the condition must be O(1). */
#define MM_CHECK(port, cond) \
	((cond) ? (void)0 : (port)->panic((port)->ctx, __FILE__, __LINE__))
#endif
