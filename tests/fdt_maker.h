/* SPDX-License-Identifier: MIT */
/* Makes device trees out of bytes: the same for random tests and for fuzzing. Most of what it makes
 * is right, some of it is wrong in what it says; its form is always right. */
#ifndef FDT_MAKER_H
#define FDT_MAKER_H
#include <stddef.h>
#include <stdint.h>

#define FDT_MAKER_ROOM 65536

/* Make a tree in buf, of FDT_MAKER_ROOM bytes and aligned to 8. Returns its length. */
size_t fdt_make(void *buf, const uint8_t *in, size_t n);
#endif
