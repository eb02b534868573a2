/* SPDX-License-Identifier: MIT */
/* A machine that panics, for tests that look whether it does: `if (setjmp(stopped))` is where it goes on, with a port
 * whose panic is panic_back(). Nothing in that machine can be relied on then. */
#ifndef STOPPED_H
#define STOPPED_H
#include <setjmp.h>

static jmp_buf stopped;

static inline void panic_back(void *ctx, const char *file, int line)
{
	(void)ctx;
	(void)file;
	(void)line;
	longjmp(stopped, 1);
}
#endif
