/* SPDX-License-Identifier: MIT */
/* What the files of the heap's world share. */
#ifndef WORLD_SLAB_H
#define WORLD_SLAB_H
#include "explore.h"
#include "slab/slab.h"

/* world_slab.c */
/* A call got memory, or did not: it is filled. */
void slab_got(struct record *r, enum mm_status st, void *p, size_t bytes);
/* Nobody wrote into what a slot has. */
void slab_check_filled(unsigned slot, const struct slot *s);
/* When memory of a slot was allocated, or freed: the record, or NULL. */
const struct record *slab_record_of(unsigned slot, bool freed);

/* world_heaps.c: what is asked of a heap, not of a cache */
/* The heap: the first of two, if they are a set. */
struct mm_heap *heaps_make(const struct scenario *s, unsigned *n);
/* An operation that is of this file; false: it is none. */
bool heaps_run(const struct op *op, struct record *r);
/* Free memory of the heap, or of the set. */
enum mm_status heaps_free(void *p);
/* The same in an NMI. */
enum mm_status heaps_free_nmi(void *p);
/* Can it be freed? */
bool heaps_is_used(void *p);
/* Allocated memory is somebody's, if there are walks. */
void heaps_owned(void *p);
void heaps_check(const struct record *r);
/* All is free: the heap, or the set, goes. */
enum mm_status heaps_destroy(void);
#endif
