/* SPDX-License-Identifier: MIT */
/* Text on the machine's console, and checks that report in TAP (testanything.org). */
#ifndef CONSOLE_H
#define CONSOLE_H
#include <mmlib/types.h>

/* printf with %% %c %s %d %u %x %p, flags - 0 #, a width, and l. */
void kprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Report one promise as kept or broken. Returns @ok. */
bool check(bool ok, const char *promise);
/* The promise is an answer: @got must be @want. */
bool check_status(enum mm_status got, enum mm_status want, const char *promise);
/* A promise that cannot be put to the test here, and why. */
void check_skip(const char *promise, const char *reason);
/* End of the report. Returns whether every promise was kept. */
bool check_end(void);
#endif
