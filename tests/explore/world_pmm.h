/* SPDX-License-Identifier: MIT */
/* The page layer below other worlds. */
#ifndef WORLD_PMM_H
#define WORLD_PMM_H
#include "explore.h"

extern struct mm_pmm *ex_pmm;
/* A machine of s->frames frames. */
void world_pmm_make(const struct scenario *s, unsigned ncpus);
/* Nothing is allocated any more: is the state the first one? */
void world_pmm_all_back(void);
/* Do the operations of s->pre. */
void world_pre(const struct scenario *s, void (*does)(const struct op *, struct record *));
#endif
