/* SPDX-License-Identifier: MIT */
/* How scenarios are written: operations, and what worlds they are of. */
#ifndef SCENARIOS_H
#define SCENARIOS_H
#include "explore.h"
#include "slab/slab.h"

#define RECORD (sizeof(struct mm_slab) + 3 * sizeof(void *)) /* bytes of a large block's record, and of a batch of */
#define BATCH  BATCH_BYTES                                   /* deferred frees, which are objects */

#define A(s, o) { .kind = OP_ALLOC, .slot = (s), .order = (o) }
#define AT(s, p, o) { .kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .order = (o) }
#define F(s) { .kind = OP_FREE, .slot = (s) }
#define HOLD(p, o) { .kind = OP_FREE, .pfn = (p), .order = (o) }
#define HOLDS(p, n) { .kind = OP_FREE, .pfn = (p), .count = (n) }
#define KM(s, n) { .kind = OP_KMALLOC, .slot = (s), .count = (n) }
#define KF(s) { .kind = OP_KFREE, .slot = (s) }
#define NMI_F(s) { .kind = OP_NMI_FREE, .slot = (s) }
#define NMI_RACE(s) { .kind = OP_NMI_RACE, .slot = (s) }
#define ROBBED(s) { .kind = OP_FREE_ROBBED, .slot = (s) }
#define KROBBED(s) { .kind = OP_FREE_ROBBED, .slot = (s), .count = 1 }
#define STALE(s) { .kind = OP_STALE, .slot = (s) }
#define STALE_NMI(s) { .kind = OP_STALE, .slot = (s), .count = BY_NMI }
#define STALE_DEFER(s) { .kind = OP_STALE, .slot = (s), .count = 1 }
/* n frames: anywhere, or from frame p on. */
#define RUN(s, n) { .kind = OP_ALLOC, .slot = (s), .count = (n) }
#define RUN_AT(s, p, n) { .kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .count = (n) }
#define TAKE(s) { .kind = OP_TAKE, .slot = (s) }
#define TAKE_ON(c, s) { .kind = OP_TAKE, .slot = (s), .cpu = (c) }
#define LEAVE(s) { .kind = OP_LEAVE, .slot = (s) }
#define LEAVE_RACE(s) { .kind = OP_LEAVE_RACE, .slot = (s) }
#define NMI_LEAVE(s) { .kind = OP_LEAVE, .slot = (s), .count = BY_NMI }
#define NMI_LEAVE_RACE(s) { .kind = OP_LEAVE_RACE, .slot = (s), .count = BY_NMI }
#define DEFER(s) { .kind = OP_DEFER, .slot = (s) }
#define POLL { .kind = OP_POLL }
#define DEFER_ON(c, s) { .kind = OP_DEFER, .slot = (s), .cpu = (c) }
#define POLL_ON(c) { .kind = OP_POLL, .cpu = (c) }
#define READ(s) { .kind = OP_READ, .slot = (s) }
#define REAP { .kind = OP_REAP }
#define LEAKS { .kind = OP_LEAKS }
#define RECLAIM(n) { .kind = OP_RECLAIM, .count = (n) }
/* Objects into slots s to s + n - 1, and free those; per-CPU memory of n bytes. */
#define BULK(s, n) { .kind = OP_BULK, .slot = (s), .count = (n), .flags = MM_ALLOC_ATOMIC }
#define UNBULK(s, n) { .kind = OP_UNBULK, .slot = (s), .count = (n) }
#define UNBULK_RACE(s, n) { .kind = OP_UNBULK_RACE, .slot = (s), .count = (n) }
#define PERCPU(s, n) { .kind = OP_PERCPU, .slot = (s), .count = (n) }
#define UNPERCPU(s) { .kind = OP_UNPERCPU, .slot = (s) }
#define RACE(s) { .kind = OP_FREE_RACE, .slot = (s) }
#define KRACE(s) { .kind = OP_FREE_RACE, .slot = (s), .count = 1 }
#define CHECK { .kind = OP_CHECK }
#define SPOIL(s) { .kind = OP_SPOIL, .slot = (s) }
#define UNDO(s) { .kind = OP_UNDO, .slot = (s) }
#define DRAIN { .kind = OP_DRAIN }
#define SHRINK { .kind = OP_SHRINK }
#define DEFER_RACE(s) { .kind = OP_DEFER_RACE, .slot = (s) }
#define UNMAKE { .kind = OP_UNMAKE }
#define MAKE { .kind = OP_MAKE }
#define IDLE { .kind = OP_IDLE }
#define OFFLINE { .kind = OP_OFFLINE }
#define RELEASE(s) { .kind = OP_RELEASE, .slot = (s) }
#define ISOLATE(p) { .kind = OP_ISOLATE, .pfn = (p) }
#define UNISOLATE(p) { .kind = OP_UNISOLATE, .pfn = (p) }
/* n frames from p on, inside one pageblock; n frames of the area. */
#define UNPLUG(p, n) { .kind = OP_UNPLUG, .pfn = (p), .count = (n) }
#define CLAIM(s, n) { .kind = OP_CLAIM, .slot = (s), .count = (n) }
/* A movable block, by its address. */
#define MOVABLE_AT(s, p, o) \
	{ .kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .order = (o), .flags = MM_ALLOC_MOVABLE | MM_ALLOC_ATOMIC }
/* n objects wait in handle h; one of them; the others go back. A reserve of n. */
#define PREFILL(h, n) { .kind = OP_PREFILL, .order = (h), .count = (n) }
#define HANDED(h, s) { .kind = OP_HANDED, .order = (h), .slot = (s) }
#define NMI_HANDED(h, s) { .kind = OP_HANDED, .order = (h), .slot = (s), .count = BY_NMI }
#define HAND_BACK(h) { .kind = OP_HAND_BACK, .order = (h) }
#define POOL(n) { .kind = OP_POOL, .count = (n) }
/* Memory of a slot gets n bytes; the same while somebody frees it: then it is slot t. */
#define RESIZE(s, n) { .kind = OP_RESIZE, .slot = (s), .count = (n) }
#define RESIZE_RACE(s, n, t) { .kind = OP_RESIZE_RACE, .slot = (s), .count = (n), .order = (t) }
/* n bytes of heap h of the set. */
#define SITE(s, h, n) { .kind = OP_SITE, .slot = (s), .order = (h), .count = (n) }
#define WALK { .kind = OP_WALK }
#define MORE { .kind = OP_MORE }
#define EAT(n) { .kind = OP_EAT, .count = (n) }
/* The same, in the set-up, on CPU c. */
#define A_ON(c, s, o) { .kind = OP_ALLOC, .slot = (s), .order = (o), .cpu = (c) }
/* Single frames of a word, into eight slots. */
#define WORD_ON(c, s)                                                                              \
	A_ON(c, s, 0), A_ON(c, s + 1, 0), A_ON(c, s + 2, 0), A_ON(c, s + 3, 0), A_ON(c, s + 4, 0), \
		A_ON(c, s + 5, 0), A_ON(c, s + 6, 0), A_ON(c, s + 7, 0)
#define F_ON(c, s) { .kind = OP_FREE, .slot = (s), .cpu = (c) }
#define ISOLATES      SCN_CLASSES | SCN_NO_IRQ
#define PMM           .world = &world_pmm, .frames = 80 /* magazines are used from 32 free frames on */
#define PMM_SECTORS   .world = &world_pmm, .frames = 160
#define PMM_SECTIONS  .world = &world_pmm, .frames = 256 /* one filled, one in part, two between */
#define SLAB_OF(n)    .world = &world_slab, .frames = (n)
#define SLAB          SLAB_OF(48)
#define NODES         .world = &world_slab, .frames = 64
#define LONG_BUDDY(n) .flags = SCN_LONG, BUDDY(n)
#define BUDDY(n)      .world = &world_buddy, .frames = (n)
#endif
