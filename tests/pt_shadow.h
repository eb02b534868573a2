/* SPDX-License-Identifier: MIT */
/* A copy of the tables as the oracle for page tables last saw them. To compare a table with its copy is far
 * cheaper than to decode it, and tells which entries an operation wrote, wherever they are. The hash of a
 * table is a sum over its words, so that it can be mended too. */
#ifndef PT_SHADOW_H
#define PT_SHADOW_H
#include "pt_oracle.h"

/* A table that is new in the tree. */
void shadow_adopt(struct ora *ora, size_t page);
/* Is the word around a byte as its copy? The copy becomes as it is: what was written since changes nothing that
 * anybody looks for. */
bool shadow_is_true(const struct ora *ora, size_t page, size_t byte);
void shadow_mend(struct ora *ora, size_t page, size_t byte);
/* Is a table not as its copy, from byte *@first to *@last? Then they tell where, and the copy is brought up to
 * date. */
bool shadow_update(struct ora *ora, size_t page, size_t *first, size_t *last);
#endif
