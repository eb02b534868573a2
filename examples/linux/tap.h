/* SPDX-License-Identifier: MIT */
/* Checks that report in TAP (testanything.org), in the kernel's log. */
#ifndef TAP_H
#define TAP_H
#include <linux/types.h>
#include <mmlib/status.h>

/* Report one promise as kept or broken. Returns @ok. */
bool tap_check(bool ok, const char *promise);
/* The promise is an answer: @got must be @want. */
bool tap_status(enum mm_status got, enum mm_status want, const char *promise);
/* The plan, after the last check. */
void tap_end(void);
#endif
