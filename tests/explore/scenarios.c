/* SPDX-License-Identifier: MIT */
/* What is explored. Words have 8 bits (MM_WORD_BITS=8): a word is a unit of 8 frames, 64 frames are two
 * levels, 512 three. */
#include "explore.h"

#define A(s, o)                                                                                    \
	{                                                                                          \
		.kind = OP_ALLOC, .slot = (s), .order = (o)                                        \
	}
#define AT(s, p, o)                                                                                \
	{                                                                                          \
		.kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .order = (o)                         \
	}
#define F(s)                                                                                       \
	{                                                                                          \
		.kind = OP_FREE, .slot = (s)                                                       \
	}
#define HOLD(p, o)                                                                                 \
	{                                                                                          \
		.kind = OP_FREE, .pfn = (p), .order = (o)                                          \
	}
#define HOLDS(p, n)                                                                                \
	{                                                                                          \
		.kind = OP_FREE, .pfn = (p), .count = (n)                                          \
	}
#define KM(s, n)                                                                                   \
	{                                                                                          \
		.kind = OP_KMALLOC, .slot = (s), .count = (n)                                      \
	}
#define KF(s)                                                                                      \
	{                                                                                          \
		.kind = OP_KFREE, .slot = (s)                                                      \
	}
#define ROBBED(s)                                                                                  \
	{                                                                                          \
		.kind = OP_FREE_ROBBED, .slot = (s)                                                \
	}
#define KROBBED(s)                                                                                 \
	{                                                                                          \
		.kind = OP_FREE_ROBBED, .slot = (s), .count = 1                                    \
	}
#define STALE(s)                                                                                   \
	{                                                                                          \
		.kind = OP_STALE, .slot = (s)                                                      \
	}
/* n frames: anywhere, or from frame p on. */
#define RUN(s, n)                                                                                  \
	{                                                                                          \
		.kind = OP_ALLOC, .slot = (s), .count = (n)                                        \
	}
#define RUN_AT(s, p, n)                                                                            \
	{                                                                                          \
		.kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .count = (n)                         \
	}
#define TAKE(s)                                                                                    \
	{                                                                                          \
		.kind = OP_TAKE, .slot = (s)                                                       \
	}
#define TAKE_ON(c, s)                                                                              \
	{                                                                                          \
		.kind = OP_TAKE, .slot = (s), .cpu = (c)                                           \
	}
#define LEAVE(s)                                                                                   \
	{                                                                                          \
		.kind = OP_LEAVE, .slot = (s)                                                      \
	}
#define LEAVE_RACE(s)                                                                              \
	{                                                                                          \
		.kind = OP_LEAVE_RACE, .slot = (s)                                                 \
	}
#define DEFER(s)                                                                                   \
	{                                                                                          \
		.kind = OP_DEFER, .slot = (s)                                                      \
	}
#define POLL                                                                                       \
	{                                                                                          \
		.kind = OP_POLL                                                                    \
	}
#define DEFER_ON(c, s)                                                                             \
	{                                                                                          \
		.kind = OP_DEFER, .slot = (s), .cpu = (c)                                          \
	}
#define POLL_ON(c)                                                                                 \
	{                                                                                          \
		.kind = OP_POLL, .cpu = (c)                                                        \
	}
#define READ(s)                                                                                    \
	{                                                                                          \
		.kind = OP_READ, .slot = (s)                                                       \
	}
#define REAP                                                                                       \
	{                                                                                          \
		.kind = OP_REAP                                                                    \
	}
#define LEAKS                                                                                      \
	{                                                                                          \
		.kind = OP_LEAKS                                                                   \
	}
#define RECLAIM(n)                                                                                 \
	{                                                                                          \
		.kind = OP_RECLAIM, .count = (n)                                                   \
	}
/* Objects into slots s to s + n - 1, and free those; per-CPU memory of n bytes. */
#define BULK(s, n)                                                                                 \
	{                                                                                          \
		.kind = OP_BULK, .slot = (s), .count = (n), .flags = MM_ALLOC_ATOMIC               \
	}
#define UNBULK(s, n)                                                                               \
	{                                                                                          \
		.kind = OP_UNBULK, .slot = (s), .count = (n)                                       \
	}
#define UNBULK_RACE(s, n)                                                                          \
	{                                                                                          \
		.kind = OP_UNBULK_RACE, .slot = (s), .count = (n)                                  \
	}
#define PERCPU(s, n)                                                                               \
	{                                                                                          \
		.kind = OP_PERCPU, .slot = (s), .count = (n)                                       \
	}
#define UNPERCPU(s)                                                                                \
	{                                                                                          \
		.kind = OP_UNPERCPU, .slot = (s)                                                   \
	}
#define RACE(s)                                                                                    \
	{                                                                                          \
		.kind = OP_FREE_RACE, .slot = (s)                                                  \
	}
#define KRACE(s)                                                                                   \
	{                                                                                          \
		.kind = OP_FREE_RACE, .slot = (s), .count = 1                                      \
	}
#define CHECK                                                                                      \
	{                                                                                          \
		.kind = OP_CHECK                                                                   \
	}
#define DRAIN                                                                                      \
	{                                                                                          \
		.kind = OP_DRAIN                                                                   \
	}
#define SHRINK                                                                                     \
	{                                                                                          \
		.kind = OP_SHRINK                                                                  \
	}
#define DEFER_RACE(s)                                                                              \
	{                                                                                          \
		.kind = OP_DEFER_RACE, .slot = (s)                                                 \
	}
#define UNMAKE                                                                                     \
	{                                                                                          \
		.kind = OP_UNMAKE                                                                  \
	}
#define MAKE                                                                                       \
	{                                                                                          \
		.kind = OP_MAKE                                                                    \
	}
#define IDLE                                                                                       \
	{                                                                                          \
		.kind = OP_IDLE                                                                    \
	}
#define OFFLINE                                                                                    \
	{                                                                                          \
		.kind = OP_OFFLINE                                                                 \
	}
#define RELEASE(s)                                                                                 \
	{                                                                                          \
		.kind = OP_RELEASE, .slot = (s)                                                    \
	}
#define ISOLATE(p)                                                                                 \
	{                                                                                          \
		.kind = OP_ISOLATE, .pfn = (p)                                                     \
	}
#define UNISOLATE(p)                                                                               \
	{                                                                                          \
		.kind = OP_UNISOLATE, .pfn = (p)                                                   \
	}
/* n frames from p on, inside one pageblock; n frames of the area. */
#define UNPLUG(p, n)                                                                               \
	{                                                                                          \
		.kind = OP_UNPLUG, .pfn = (p), .count = (n)                                        \
	}
#define CLAIM(s, n)                                                                                \
	{                                                                                          \
		.kind = OP_CLAIM, .slot = (s), .count = (n)                                        \
	}
/* A movable block, by its address. */
#define MOVABLE_AT(s, p, o)                                                                        \
	{                                                                                          \
		.kind = OP_ALLOC_AT, .slot = (s), .pfn = (p), .order = (o),                        \
		.flags = MM_ALLOC_MOVABLE | MM_ALLOC_ATOMIC                                        \
	}
#define MORE                                                                                       \
	{                                                                                          \
		.kind = OP_MORE                                                                    \
	}
#define EAT(n)                                                                                     \
	{                                                                                          \
		.kind = OP_EAT, .count = (n)                                                       \
	}
/* The same, in the set-up, on CPU c. */
#define A_ON(c, s, o)                                                                              \
	{                                                                                          \
		.kind = OP_ALLOC, .slot = (s), .order = (o), .cpu = (c)                            \
	}
/* Single frames of a word, into eight slots. */
#define WORD_ON(c, s)                                                                              \
	A_ON(c, s, 0), A_ON(c, s + 1, 0), A_ON(c, s + 2, 0), A_ON(c, s + 3, 0), A_ON(c, s + 4, 0), \
		A_ON(c, s + 5, 0), A_ON(c, s + 6, 0), A_ON(c, s + 7, 0)
#define F_ON(c, s)                                                                                 \
	{                                                                                          \
		.kind = OP_FREE, .slot = (s), .cpu = (c)                                           \
	}
#define ISOLATES      SCN_CLASSES | SCN_NO_IRQ
#define PMM           .world = &world_pmm, .frames = 80 /* magazines are used from 32 free frames on */
#define PMM_SECTORS   .world = &world_pmm, .frames = 160
#define PMM_SECTIONS  .world = &world_pmm, .frames = 256 /* one filled, one in part, two between */
#define SLAB          .world = &world_slab, .frames = 48
#define NODES         .world = &world_slab, .frames = 64
#define LONG_BUDDY(n) .flags = SCN_LONG, BUDDY(n)
#define BUDDY(n)      .world = &world_buddy, .frames = (n)

const struct scenario ex_scenarios[] = {
	{ "b-alloc-alloc", "two allocations split one unit", BUDDY(64), .free = { { 8, 8 } },
	  .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "b-last", "two allocations, one free frame", BUDDY(64), .free = { { 11, 1 } },
	  .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "b-promote", "a free completes a word, an allocation wants a frame of it", BUDDY(64),
	  .free = { { 0, 7 } }, .held = { HOLD(7, 0) }, .cpu = { { A(1, 0) }, { F(0) } } },
	{ "b-promote-unit", "a free completes a word, an allocation wants the unit", BUDDY(64),
	  .free = { { 0, 7 } }, .held = { HOLD(7, 0) }, .cpu = { { A(1, 3) }, { F(0) } } },
	{ "b-free-free", "two frees complete one word", BUDDY(64), .free = { { 0, 6 } },
	  .held = { HOLD(6, 0), HOLD(7, 0) }, .cpu = { { F(0) }, { F(1) } } },
	{ "b-free-free-up", "two frees complete two words and the word above", BUDDY(512),
	  .free = { { 0, 7 }, { 8, 7 }, { 16, 48 } }, .held = { HOLD(7, 0), HOLD(15, 0) },
	  .cpu = { { F(0) }, { F(1) } } },
	{ "b-split-free", "a unit is split while a word below another is completed", BUDDY(64),
	  .free = { { 1, 7 }, { 8, 8 } }, .held = { HOLD(0, 0) },
	  .cpu = { { A(1, 1) }, { F(0) } } },
	{ "b-split-deep", "last unit of a parent, split through two levels", BUDDY(512),
	  .free = { { 448, 64 } }, .cpu = { { A(0, 0) }, { A(1, 3) } } },
	{ "b-split-buddy", "a unit is split while another part of it is freed", BUDDY(512),
	  .free = { { 64, 32 }, { 104, 24 } }, .held = { HOLD(96, 3) },
	  .cpu = { { A(1, 0) }, { F(0) } } },
	{ "b-at-alloc", "a frame by its address, and any frame", BUDDY(64), .free = { { 0, 8 } },
	  .cpu = { { AT(0, 1, 0) }, { A(1, 0) } } },
	{ "b-at-at", "one frame, wanted twice", BUDDY(64), .free = { { 0, 8 } },
	  .cpu = { { AT(0, 1, 0) }, { AT(1, 0, 1) } } },
	{ "b-at-free", "a unit by its address while a free completes it", BUDDY(64),
	  .free = { { 8, 7 } }, .held = { HOLD(15, 0) }, .cpu = { { AT(1, 8, 3) }, { F(0) } } },
	{ "b-at-part", "a frame by its address while its word is promoted", BUDDY(64),
	  .free = { { 8, 7 } }, .held = { HOLD(15, 0) }, .cpu = { { AT(1, 9, 0) }, { F(0) } } },
	{ "b-range", "a range is freed, an allocation takes of it", BUDDY(64), .free = { { 0, 3 } },
	  .held = { HOLDS(3, 14) }, .cpu = { { A(1, 1) }, { F(0) } } },
	{ "b-empty-fill", "a word becomes empty and filled: its summary", BUDDY(128),
	  .free = { { 16, 1 } }, .held = { HOLD(17, 0) }, .cpu = { { A(1, 0) }, { F(0) } } },
	{ "b-hint-back", "a hint led astray and is cleared, while a pair comes that makes it true",
	  BUDDY(128), .free = { { 16, 2 } }, .held = { HOLD(18, 1) },
	  .cpu = { { A(1, 0), A(2, 1) }, { F(0) } } },
	{ "b-hint-late", "a hint led astray and is cleared, while who set it sets those above it",
	  BUDDY(128), .free = { { 16, 2 } }, .held = { HOLD(18, 1) },
	  .cpu = { { A(1, 0), A(2, 1), A(3, 1) }, { F(0) } } },
	{ "b-empty-empty", "two words of one summary bit's row become empty", BUDDY(128),
	  .free = { { 16, 1 }, { 24, 1 } }, .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "b-infer", "a free into a word whose summary is not set yet, then an allocation",
	  BUDDY(128), .held = { HOLD(17, 0), HOLD(19, 0) },
	  .cpu = { { F(0) }, { F(1), A(2, 0) } } },
	{ "b-infer-up", "the same, with summary bits above that one",
	  BUDDY(256), .held = { HOLD(145, 0), HOLD(147, 0) },
	  .cpu = { { F(0) }, { F(1), A(2, 0) } } },
	{ "b-behind", "a pair is freed behind a search, and the one before it taken", BUDDY(64),
	  .free = { { 3, 1 }, { 8, 2 }, { 11, 1 } }, .held = { HOLD(0, 1) },
	  .cpu = { { A(1, 1) }, { F(0), AT(2, 8, 1) } } },
	{ "b-around", "both allocate and free round one frame", LONG_BUDDY(64),
	  .free = { { 8, 8 } }, .cpu = { { A(0, 0), F(0) }, { A(1, 0), F(1) } } },
	{ "b-around-unit", "units and frames, back and forth", LONG_BUDDY(64), .free = { { 8, 8 } },
	  .cpu = { { A(0, 3), F(0) }, { A(1, 0), F(1), A(2, 1) } } },
	{ "b-run-alloc", "a run over two words, and a frame of it", BUDDY(64), .free = { { 6, 5 } },
	  .cpu = { { RUN(0, 5) }, { A(1, 0) } } },
	{ "b-run-last", "a run that a frame is missing from, and the others are wanted", BUDDY(64),
	  .free = { { 6, 4 } }, .cpu = { { RUN(0, 4) }, { AT(1, 9, 0), A(2, 1) } } },
	{ "b-run-run", "two runs that have frames in common", BUDDY(64), .free = { { 5, 8 } },
	  .cpu = { { RUN_AT(0, 5, 5) }, { RUN_AT(1, 8, 5) } } },
	{ "b-run-free", "a run, and a free that makes it whole", BUDDY(64), .free = { { 6, 3 } },
	  .held = { HOLD(9, 0) }, .cpu = { { RUN(1, 4) }, { F(0) } } },
	{ "b-run-merge", "a run through a word that a free completes", BUDDY(64), .free = { { 6, 9 } },
	  .held = { HOLD(15, 0) }, .cpu = { { RUN_AT(1, 6, 4) }, { F(0) } } },
	{ "b-run-split", "a run that ends inside a unit, and a block of that unit", BUDDY(64),
	  .free = { { 6, 10 } }, .cpu = { { RUN(0, 6) }, { A(1, 2) } } },
	{ "b-run-back", "a run is freed while another is taken from both sides of it", BUDDY(64),
	  .free = { { 4, 3 }, { 12, 3 } }, .held = { HOLDS(7, 5) }, .cpu = { { F(0) }, { RUN(1, 9) } } },
	{ "b-three", "two frees complete a word, a third CPU allocates", LONG_BUDDY(64),
	  .free = { { 0, 6 } }, .held = { HOLD(6, 0), HOLD(7, 0) },
	  .cpu = { { F(0) }, { F(1) }, { A(2, 0) } } },
	{ "b-three-unit", "two frees complete a word, a third CPU wants the unit", LONG_BUDDY(64),
	  .free = { { 0, 6 } }, .held = { HOLD(6, 0), HOLD(7, 0) },
	  .cpu = { { F(0) }, { F(1) }, { A(2, 3) } } },
	{ "b-three-empty", "a word becomes empty and filled, a third CPU searches", LONG_BUDDY(128),
	  .free = { { 16, 1 } }, .held = { HOLD(17, 0) },
	  .cpu = { { A(1, 0) }, { F(0) }, { A(2, 0) } } },
	{ "b-irq-two", "an interrupt frees while two CPUs split and merge", LONG_BUDDY(64),
	  .free = { { 0, 6 }, { 8, 8 } }, .held = { HOLD(6, 0), HOLD(7, 0) },
	  .cpu = { { F(0) }, { A(2, 1) } }, .irq = { { F(1) }, { A(3, 0) } } },
	{ "b-irq-nested", "an interrupt inside an interrupt inside a call", BUDDY(64),
	  .free = { { 0, 6 }, { 8, 8 } }, .held = { HOLD(6, 0), HOLD(7, 0) }, .cpu = { { F(0) } },
	  .irq = { { A(2, 0), F(1) } } },

	{ "p-alloc-alloc", "both refill their magazines", PMM, .flags = SCN_RUN_ON,
	  .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "p-alloc-free", "one refills, the other frees what the first got before", PMM,
	  .flags = SCN_RUN_ON, .pre = { A_ON(0, 0, 0) }, .cpu = { { A(1, 0) }, { F(0) } } },
	{ "p-pop-pop", "both pop", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { A(2, 0) }, { A(3, 0) } } },
	{ "p-flush", "a full magazine is emptied by half, the other CPU refills", PMM,
	  .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3) },
	  .cpu = { { F(4) }, { A(5, 0) } } },
	{ "p-flush-flush", "both empty full magazines", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(1, 5, 0), A_ON(1, 6, 0), A_ON(1, 7, 0), A_ON(1, 8, 0), A_ON(1, 9, 0),
		   F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(1, 5), F_ON(1, 6), F_ON(1, 7) },
	  .cpu = { { F(4), F(3) }, { F(9), F(8) } } },
	{ "p-sector", "both begin a sector", PMM_SECTORS, .flags = SCN_RUN_ON,
	  .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "p-sector-next", "the next word of a sector, and a frame of it by its address", PMM_SECTORS,
	  .flags = SCN_RUN_ON, .pre = { WORD_ON(0, 0) }, .cpu = { { A(8, 0) }, { AT(9, 12, 0) } } },
	{ "p-sector-unit", "the next word of a sector, and a block above it", PMM_SECTORS,
	  .flags = SCN_RUN_ON, .pre = { WORD_ON(0, 0) }, .cpu = { { A(8, 0) }, { AT(9, 8, 3) } } },
	{ "p-sector-free", "the next word of a sector, and a frame of it is freed", PMM_SECTORS,
	  .flags = SCN_RUN_ON, .pre = { WORD_ON(0, 0), AT(9, 12, 0) }, .cpu = { { A(8, 0) }, { F(9) } } },
	{ "p-sector-drain", "the next word of a sector, while the other CPU asks for all", PMM_SECTORS,
	  .flags = SCN_RUN_ON, .pre = { WORD_ON(0, 0) }, .cpu = { { A(8, 0) }, { DRAIN } } },
	{ "p-order", "a block, and a frame", PMM, .flags = SCN_RUN_ON,
	  .cpu = { { A(0, 3) }, { A(1, 0) } } },
	{ "p-pair", "a pair is kept at hand, and one is wanted elsewhere", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 1) }, .cpu = { { F(0) }, { A(1, 1) } } },
	{ "p-pair-drain", "a drain calls a CPU that keeps a pair", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(1, 0, 1) }, .cpu = { { DRAIN }, { F(0) } } },
	{ "p-pair-block", "a pair is kept at hand, and a block around it is wanted", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 1), EAT(0) }, .cpu = { { A(1, 1) }, { F(0) } } },
	{ "p-away", "frames go back together, and one of them is wanted elsewhere", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(0, 2, 0), AT(0, 70, 0), AT(1, 71, 0) },
	  .cpu = { { F(0), F(1) }, { AT(3, 70, 0) } } },
	{ "p-away-drain", "frames are to go back when a drain comes", PMM, .flags = SCN_RUN_ON | SCN_LONG,
	  .pre = { A_ON(0, 2, 0), AT(0, 70, 0), AT(1, 71, 0) },
	  .cpu = { { F(0), F(1) }, { DRAIN } } },
	{ "p-drain-alloc", "a drain calls the CPU that allocates", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(1, 0, 0), F_ON(1, 0) }, .cpu = { { DRAIN }, { A(1, 0) } } },
	{ "p-drain-free", "a drain calls the CPU that frees", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(1, 0, 0), A_ON(1, 1, 0) }, .cpu = { { DRAIN }, { F(0) } } },
	{ "p-drain-drain", "two CPUs drain each other", PMM, .flags = SCN_RUN_ON | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { DRAIN }, { DRAIN } } },
	{ "p-ask-alloc", "a drain without run_on, and the CPU allocates", PMM,
	  .pre = { A_ON(1, 0, 0), F_ON(1, 0) }, .cpu = { { DRAIN }, { A(1, 0) } } },
	{ "p-ask-idle", "a drain without run_on, and the CPU is idle", PMM,
	  .pre = { A_ON(1, 0, 0) }, .cpu = { { DRAIN }, { IDLE } } },
	{ "p-offline", "a CPU goes offline while the other allocates", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { OFFLINE }, { A(2, 0) } } },
	{ "p-oom-hand", "the last frame is at hand on the other CPU, which is idle", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { A(1, 0) }, { IDLE } } },
	{ "p-oom-pop", "the last frame is at hand on the other CPU, which wants it too", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { A(1, 0) }, { A(2, 0) } } },
	{ "p-oom-free", "the last frame is at hand on the other CPU, which frees another", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { A(1, 0) }, { F(0) } } },
	{ "p-oom-dodge", "the last frame is at hand on a third CPU, which wants it, while another one comes to a hand",
	  PMM, .flags = SCN_RUN_ON | SCN_LONGEST | SCN_NO_IRQ, .bound = 2,
	  .pre = { A_ON(1, 0, 0), A_ON(1, 1, 0), A_ON(1, 2, 0), A_ON(1, 3, 0), A_ON(2, 4, 0),
		   A_ON(2, 5, 0), A_ON(2, 6, 0), EAT(0) },
	  .cpu = { { A(7, 0) }, { F(0) }, { A(8, 0) } } },
	{ "p-oom-block", "the last pair is free as two halves, one of them at hand", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), F_ON(1, 0), EAT(0) },
	  .cpu = { { A(1, 1) }, { A(2, 0) } } },
	{ "p-oom-ask", "the last frame is at hand on the other CPU, and there is no run_on", PMM,
	  .flags = SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { A(1, 0) }, { A(2, 0) } } },
	{ "p-oom-refill",
	  "memory runs out while a CPU refills, and an interrupt frees a frame there", PMM,
	  .flags = SCN_RUN_ON | SCN_LONGEST, .bound = 3,
	  .pre = { AT(0, 32, 5), AT(1, 70, 0), AT(2, 72, 0), EAT(0), F(1), F(0) },
	  .cpu = { { A(5, 0) }, { A(3, 5), A(4, 0) } }, .irq = { { F(2) } } },
	{ "p-at-hand", "a frame by its address, at hand on a CPU that is drained", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { AT(2, 0, 0) }, { DRAIN } } },
	{ "p-at-pop", "a frame by its address, at hand on a CPU that wants it too", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(0) },
	  .cpu = { { AT(2, 0, 0) }, { A(3, 0) } } },
	{ "p-run-alloc", "frames that lie together, and a frame of them", PMM, .flags = SCN_RUN_ON,
	  .cpu = { { RUN(0, 5) }, { A(1, 0) } } },
	{ "p-run-hand", "a run that a frame is missing from: it is at hand on the other CPU", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { A_ON(1, 0, 0), EAT(1), F_ON(1, 0) },
	  .cpu = { { RUN_AT(1, 0, 2) }, { A(2, 0) } } },
	{ "p-run-free", "frames are freed in one go, and a block of them is wanted", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { RUN_AT(0, 13, 7), EAT(0) },
	  .cpu = { { F(0) }, { A(1, 1) } } },
	{ "p-run-run", "two runs that have frames in common", PMM, .flags = SCN_RUN_ON,
	  .cpu = { { RUN_AT(0, 13, 5) }, { RUN_AT(1, 16, 5) } } },
	{ "p-run-oom", "the only run there is, wanted while a frame of it is freed", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .pre = { AT(0, 14, 0), RUN_AT(1, 15, 3), EAT(0), F(1) },
	  .cpu = { { RUN(2, 4) }, { F(0) } } },
	{ "p-low", "both bring memory below its watermark", PMM, .flags = SCN_RUN_ON, .low = 40,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), EAT(40) }, .cpu = { { A(2, 3) }, { A(3, 3) } } },
	{ "p-low-hand", "memory gets scarce while the other CPU, which has some at hand, frees", PMM,
	  .flags = SCN_RUN_ON, .low = 40, .pre = { A_ON(1, 0, 0), EAT(40) },
	  .cpu = { { A(1, 3) }, { F(0) } } },
	{ "p-low-back", "one takes what the other gives: memory gets scarce, and is enough", PMM,
	  .flags = SCN_RUN_ON, .low = 40, .pre = { A_ON(0, 0, 3), EAT(40) },
	  .cpu = { { A(1, 3) }, { F(0) } } },
	{ "p-low-refill", "memory gets scarce while the other CPU fills its hands", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .low = 10, .pre = { EAT(28) },
	  .cpu = { { A(1, 4), A(2, 2) }, { A(0, 0) } } },
	{ "p-race", "one frame is freed twice", PMM, .flags = SCN_RUN_ON, .pre = { A_ON(0, 0, 0) },
	  .cpu = { { RACE(0) }, { RACE(0) } } },
	{ "p-race-block", "one block is freed twice", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 2) }, .cpu = { { RACE(0) }, { RACE(0) } } },
	{ "p-around", "both allocate and free", PMM, .flags = SCN_RUN_ON | SCN_LONG,
	  .cpu = { { A(0, 0), F(0) }, { A(1, 0), F(1) } } },
	{ "p-cross", "each frees what the other got", PMM, .flags = SCN_RUN_ON,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { F(1), A(2, 0) }, { F(0), A(3, 0) } } },
	{ "p-release", "memory is given back after boot, the other CPU allocates", PMM,
	  .flags = SCN_RUN_ON, .held = { HOLDS(17, 5) }, .cpu = { { RELEASE(0) }, { A(1, 0) } } },
	{ "p-release-free", "memory is given back, the other CPU frees its neighbour", PMM,
	  .flags = SCN_RUN_ON, .held = { HOLDS(18, 6) }, .pre = { AT(1, 16, 1) },
	  .cpu = { { RELEASE(0) }, { F(1) } } },
	{ "p-release-oom", "the other CPU wants a block of what is being given back", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .held = { HOLDS(15, 9) }, .pre = { EAT(0) },
	  .cpu = { { RELEASE(0) }, { A(1, 3) } } },
	{ "p-isolate-free", "a pageblock is isolated, the other CPU frees a frame of it", PMM,
	  .flags = SCN_CLASSES | SCN_NO_IRQ, .pre = { AT(0, 18, 0) }, .bound = 2,
	  .cpu = { { F(0) }, { ISOLATE(16) } } },
	{ "p-unisolate-free", "an isolation ends, the other CPU frees a frame of it", PMM,
	  .flags = SCN_CLASSES | SCN_NO_IRQ, .pre = { AT(0, 18, 0), ISOLATE(16) }, .bound = 2,
	  .cpu = { { F(0) }, { UNISOLATE(16) } } },
	{ "p-isolate-alloc", "a pageblock is isolated, the other CPU allocates", PMM,
	  .flags = SCN_CLASSES | SCN_NO_IRQ, .bound = 2, .cpu = { { A(0, 0) }, { ISOLATE(16) } } },
	{ "p-isolate-at", "a pageblock is isolated, the other CPU wants a frame of it by its address", PMM,
	  .flags = ISOLATES, .bound = 2, .cpu = { { AT(0, 18, 1) }, { ISOLATE(16) } } },
	{ "p-isolate-drain", "a pageblock is isolated, the other CPU gives back what it has at hand", PMM,
	  .flags = ISOLATES | SCN_LONGEST, .bound = 2, .pre = { A_ON(0, 0, 0), F_ON(0, 0) },
	  .cpu = { { DRAIN }, { ISOLATE(16) } } },
	{ "p-unplug-alloc", "frames are unplugged, the other CPU allocates", PMM, .flags = ISOLATES,
	  .bound = 2, .cpu = { { A(0, 0) }, { UNPLUG(17, 3) } } },
	{ "p-unplug-free", "frames are unplugged, the other CPU frees one of them", PMM, .flags = ISOLATES,
	  .bound = 2, .pre = { AT(0, 18, 0) }, .cpu = { { F(0) }, { UNPLUG(17, 3) } } },
	{ "p-unplug-at", "frames are unplugged, the other CPU wants one by its address", PMM,
	  .flags = ISOLATES, .bound = 2, .cpu = { { AT(0, 18, 0) }, { UNPLUG(17, 3) } } },
	{ "p-unplug-isolate", "frames are unplugged while their pageblock is isolated", PMM,
	  .flags = ISOLATES | SCN_LONGEST, .bound = 2, .cpu = { { UNPLUG(17, 3) }, { ISOLATE(16) } } },
	{ "p-unisolate-unplug", "an isolation ends, the other CPU tries to unplug a frame in use",
	  PMM, .flags = ISOLATES | SCN_LONGEST, .bound = 2, .pre = { AT(0, 18, 0), ISOLATE(16) },
	  .cpu = { { UNPLUG(17, 3) }, { UNISOLATE(16) } } },
	{ "p-claim-at", "a claim of the area, the other CPU wants a block of it", PMM,
	  .flags = ISOLATES | SCN_AREA, .bound = 2, .cpu = { { MOVABLE_AT(0, 18, 1) }, { CLAIM(1, 3) } } },
	{ "p-claim-free", "a claim of the area, the other CPU frees a block of it", PMM,
	  .flags = ISOLATES | SCN_AREA, .bound = 2, .pre = { MOVABLE_AT(0, 18, 0) },
	  .cpu = { { F(0) }, { CLAIM(1, 4) } } },
	{ "p-claim-claim", "two claims of one area", PMM, .flags = ISOLATES | SCN_AREA, .bound = 2,
	  .cpu = { { CLAIM(0, 3) }, { CLAIM(1, 3) } } },
	{ "p-release-around", "frames of what is given back go round on the other CPU", PMM,
	  .flags = SCN_RUN_ON | SCN_LONG, .held = { HOLDS(16, 3) }, .pre = { EAT(0) },
	  .cpu = { { RELEASE(0) }, { A(1, 0), F(1) } } },
	{ "p-first-use", "two allocations are the first in a section", PMM_SECTIONS,
	  .flags = SCN_AMPLE | SCN_LONG,
	  .pre = { A_ON(0, 9, 6) }, .cpu = { { A(0, 0) }, { A(1, 1) } } },
	{ "p-first-at", "a frame by its address, and the lowest one, of a section", PMM_SECTIONS,
	  .flags = SCN_AMPLE, .pre = { A_ON(0, 9, 6) }, .cpu = { { A(0, 3) }, { AT(1, 70, 0) } } },
	{ "p-first-free", "what is taken from a section goes back while others come", PMM_SECTIONS,
	  .flags = SCN_AMPLE | SCN_LONG, .pre = { A_ON(0, 9, 6) },
	  .cpu = { { A(0, 3), F(0) }, { A(1, 0) } } },
	{ "p-first-more", "a section is filled in the background while it is used", PMM_SECTIONS,
	  .flags = SCN_AMPLE, .pre = { A_ON(0, 9, 6) }, .cpu = { { A(0, 0) }, { MORE } } },
	{ "p-first-isolate", "a pageblock is isolated while its section is filled", PMM_SECTIONS,
	  .flags = SCN_CLASSES | SCN_NO_IRQ, .bound = 2, .cpu = { { MORE }, { ISOLATE(72) } } },
	{ "p-irq-drain", "a drain, and an interrupt on the CPU that is called", PMM,
	  .flags = SCN_RUN_ON | SCN_LONGEST, .pre = { A_ON(1, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { DRAIN }, { A(2, 0) } }, .irq = { { { 0 } }, { F(0) } } },
	{ "p-irq-nested", "an interrupt inside an interrupt inside a call", PMM,
	  .flags = SCN_RUN_ON, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0) },
	  .cpu = { { F(0) } }, .irq = { { F(1), F(2) } } },

	{ "s-alloc-alloc", "both make a first slab", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONG, .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "s-grow-grow", "both make a further slab", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(1, 2, 0), A_ON(1, 3, 0) },
	  .cpu = { { A(4, 0) }, { A(5, 0) } } },
	{ "s-alloc-free", "one allocates, the other frees what the first got", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0) },
	  .cpu = { { A(2, 0) }, { F(0) } } },
	{ "s-pop-push", "both use their magazines only", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { A(2, 0) }, { F(1) } } },
	{ "s-depot", "a magazine is given to the depot while another is taken", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3) },
	  .cpu = { { F(4) }, { A(6, 0) } } },
	{ "s-depot-get", "two CPUs want the depot's magazine", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3), F_ON(0, 4),
		   A_ON(0, 6, 0), A_ON(0, 7, 0), A_ON(0, 8, 0) },
	  .cpu = { { A(9, 0) }, { A(10, 0) } } },
	{ "s-depot-put", "two CPUs leave a magazine with the depot", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(1, 4, 0),
		   A_ON(1, 5, 0), A_ON(1, 6, 0), A_ON(1, 7, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2),
		   F_ON(1, 4), F_ON(1, 5), F_ON(1, 6) },
	  .cpu = { { F(3), A(8, 0) }, { F(7), A(9, 0) } } },
	{ "s-put-take", "the last object of a slab comes home while another is taken", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), F_ON(0, 1),
		   F_ON(0, 3) },
	  .cpu = { { DRAIN }, { A(4, 0) } } },
	{ "s-shrink-alloc", "all is given back while one allocates", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), F_ON(0, 0) }, .cpu = { { SHRINK }, { A(2, 0) } } },
	{ "s-shrink-free", "all is given back while one frees", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { SHRINK }, { F(0) } } },
	{ "s-shrink-ask", "all is given back, without run_on", SLAB, .flags = SCN_AMPLE | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { SHRINK }, { F(0), A(2, 0) } } },
	{ "s-shrink-shrink", "two CPUs give all back", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), F_ON(0, 0) }, .bound = 1,
	  .cpu = { { SHRINK }, { SHRINK } } },
	{ "s-shrink-answer", "all is given back while a CPU that was asked for what it has answers", SLAB,
	  .flags = SCN_AMPLE | SCN_SHRUNK, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { SHRINK }, { F(1) } } },
	{ "s-unmake-answer", "a cache is unmade while a CPU that was asked for what it has answers", SLAB,
	  .flags = SCN_AMPLE | SCN_TWO | SCN_NO_IRQ, .pre = { KM(4, 64), A_ON(1, 0, 0), F_ON(1, 0) },
	  .cpu = { { UNMAKE, MAKE, A(1, 0) }, { KF(4) } } },
	{ "s-offline", "a CPU goes offline while the other allocates", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { OFFLINE }, { A(2, 0), A(3, 0) } } },
	{ "s-offline-drain", "a CPU goes offline while it is asked for what it has, and an interrupt hits it", SLAB,
	  .flags = SCN_AMPLE | SCN_LONGEST, .bound = 2, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { DRAIN }, { OFFLINE } }, .irq = { { { 0 } }, { A(2, 0) } } },
	{ "s-cross", "each frees what the other got", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(1, 2, 0), A_ON(1, 3, 0) },
	  .cpu = { { F(2), A(4, 0) }, { F(0), A(5, 0) } } },
	{ "s-around", "both allocate and free", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { A(2, 0), F(2), F(0) }, { A(3, 0), A(4, 0), F(3) } } },
	{ "s-race", "one object is freed twice", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0) }, .cpu = { { RACE(0) }, { RACE(0) } } },
	{ "s-stale", "a late free of what was freed, while its frame becomes another cache's", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_TWO, .bound = 2,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), KM(4, 64), KM(5, 64), F_ON(0, 0), F_ON(0, 1), DRAIN },
	  .cpu = { { SHRINK, KM(3, 64) }, { STALE(0) } } },
	{ "s-held", "two CPUs want a magazine of a depot that has one more than it holds back", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_HELD,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3), F_ON(0, 4) },
	  .cpu = { { A(6, 0) }, { A(7, 0) } } },
	{ "s-held-stale", "a late free of what was freed, while its magazine leaves the depot", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3), F_ON(0, 4) },
	  .cpu = { { A(6, 0), ROBBED(6) }, { STALE(1) } } },
	{ "s-held-end", "what is in quarantine is used, for there is no memory, while it is freed once more", SLAB,
	  .flags = SCN_QUOTA, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), F_ON(0, 0), F_ON(0, 1) },
	  .cpu = { { A(2, 0), ROBBED(2) }, { STALE(1) } } },
	{ "s-large", "large blocks of two CPUs", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { KM(0, 12000) }, .cpu = { { KM(1, 16384) }, { KF(0) } } },
	{ "s-large-race", "one large block is freed twice", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { KM(0, 12000) },
	  .cpu = { { KRACE(0) }, { KRACE(0) } } },
	{ "s-large-owner", "the same, and somebody owns it", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE | SCN_NOTES,
	  .pre = { KM(0, 12000) }, .cpu = { { KRACE(0) }, { KRACE(0) } } },
	{ "s-large-stale", "a late free of a large block, which another's pages become", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_NOTES | SCN_LONG, .pre = { KM(0, 12000) },
	  .cpu = { { KROBBED(0), KM(1, 64), KM(2, 12000) }, { STALE(0) } } },
	{ "s-large-small", "a large block is freed, a small one allocated", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { KM(0, 12000) },
	  .cpu = { { KM(1, 64) }, { KF(0) } } },
	{ "s-hands", "frames at hand, and a slab that grows", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_HANDS | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0) }, .cpu = { { A(2, 0) }, { A(3, 0) } } },
	{ "s-reserve-take", "two CPUs take the last object of the reserve", SLAB, .flags = SCN_RUN_ON | SCN_RESERVE,
	  .cpu = { { TAKE(0) }, { TAKE(1) } } },
	{ "s-reserve", "one leaves an object in the reserve while two are taken", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE, .pre = { TAKE_ON(0, 0) }, .cpu = { { LEAVE(0), TAKE(1) }, { TAKE(2) } } },
	{ "s-reserve-race", "one object is freed twice to the reserve, which has room", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE, .pre = { TAKE_ON(0, 0) },
	  .cpu = { { LEAVE_RACE(0) }, { LEAVE_RACE(0) } } },
	{ "s-reserve-race-full", "the same, and it has none", SLAB, .flags = SCN_RUN_ON | SCN_RESERVE,
	  .pre = { A_ON(0, 0, 0) }, .cpu = { { LEAVE_RACE(0) }, { LEAVE_RACE(0) } } },
	{ "s-reserve-nmi", "what needs no lock hits what does", SLAB, .flags = SCN_RUN_ON | SCN_RESERVE, .bound = 1,
	  .pre = { A_ON(0, 0, 0) }, .cpu = { { LEAVE(0) }, { A(1, 0) } }, .irq = { { TAKE(2) } } },
	{ "s-guard-free-free", "two CPUs free one guarded object", SLAB, .flags = SCN_RUN_ON | SCN_GUARD,
	  .pre = { A_ON(0, 0, 0) }, .cpu = { { RACE(0) }, { RACE(0) } } },
	{ "s-guard-stale", "a late free of a guarded object, while its slot becomes another's", SLAB,
	  .flags = SCN_RUN_ON | SCN_GUARD | SCN_NO_IRQ, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0) },
	  .cpu = { { ROBBED(0), A(2, 0), CHECK }, { STALE(0), CHECK } } },
	{ "s-guard-reuse", "pages are freed and used again while patterns are looked at", SLAB,
	  .flags = SCN_RUN_ON | SCN_GUARD | SCN_LONG, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { F(0), A(2, 0) }, { F(1), CHECK } } },
	{ "s-defer", "two frees wait, and both CPUs poll", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE | SCN_LONGEST | SCN_NO_IRQ,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { DEFER(0), POLL }, { DEFER(1), POLL } } },
	{ "s-defer-race", "an object is freed, and once more when it is polled", SLAB, .flags = SCN_RUN_ON | SCN_RESERVE,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) }, .cpu = { { DEFER_RACE(0), POLL }, { RACE(0) } } },
	{ "s-defer-alloc", "a free waits while another CPU polls and allocates", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE | SCN_LONG, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { DEFER(0) }, { POLL, A(2, 0) } } },
	{ "s-read-poll", "an object is read while its free waits and is polled for", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), DEFER_ON(1, 1), POLL_ON(1) },
	  .cpu = { { POLL, A(2, 0) }, { READ(0) } }, .irq = { { { 0 } }, { DEFER(0) } } },
	{ "s-read-full", "the same in a batch where one that was full has just been", SLAB,
	  .flags = SCN_RUN_ON | SCN_RESERVE, .bound = 2,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), A_ON(0, 2, 0), DEFER_ON(1, 1) },
	  .cpu = { { DEFER(2), POLL, A(3, 0), A(4, 0) }, { POLL, READ(0) } }, .irq = { { { 0 } }, { DEFER(0) } } },
	{ "s-reap", "a tick while one allocates and one frees", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST | SCN_NO_IRQ,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3), F_ON(0, 4) },
	  .cpu = { { REAP, A(6, 0) }, { A(7, 0), F(5) } } },
	{ "s-reclaim", "memory is short while one allocates and one frees", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0),
		   A_ON(0, 5, 0), F_ON(0, 0), F_ON(0, 1), F_ON(0, 2), F_ON(0, 3), F_ON(0, 4) },
	  .cpu = { { RECLAIM(9) }, { A(6, 0), F(5) } } },
	{ "s-reclaim-offline", "a CPU goes offline while memory is short", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), F_ON(1, 1) }, .cpu = { { RECLAIM(9) }, { OFFLINE, A(2, 0) } } },
	{ "s-leaks-shrink", "who holds what is told while slabs and their descriptors go, and come again", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE | SCN_OWNERS | SCN_LONGEST,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0), F_ON(1, 0), F_ON(1, 1),
		   F_ON(1, 2), F_ON(1, 3), F_ON(1, 4) },
	  .cpu = { { LEAKS }, { SHRINK, A(5, 0), A(6, 0), A(7, 0) } } },
	{ "s-idle", "an idle CPU is asked for what it has, and an interrupt frees", SLAB,
	  .flags = SCN_AMPLE | SCN_FIRST | SCN_LONGEST, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { DRAIN }, { IDLE } }, .irq = { { { 0 } }, { F(1) } } },
	{ "s-idle-in", "a CPU that frees is asked for what it has, and an interrupt calls it idle", SLAB,
	  .flags = SCN_AMPLE | SCN_FIRST | SCN_LONGEST, .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0) },
	  .cpu = { { DRAIN }, { F(1) } }, .irq = { { { 0 } }, { IDLE } } },
	{ "s-node-drain", "a CPU frees objects of two nodes while all are brought home", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST | SCN_NO_IRQ,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(1, 2, 0), A_ON(1, 3, 0), A_ON(1, 4, 0), F_ON(1, 0),
		   F_ON(1, 2), F_ON(1, 3) },
	  .cpu = { { DRAIN }, { F(1), F(4) } } },
	{ "s-node-home", "a magazine comes home while its node's CPU wants one", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST | SCN_NO_IRQ,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0), A_ON(0, 3, 0), A_ON(0, 4, 0), F_ON(1, 0), F_ON(1, 1),
		   F_ON(1, 2), F_ON(1, 3) },
	  .cpu = { { A(6, 0), A(7, 0) }, { F(4) } } },
	{ "s-node-tick", "a CPU is asked for objects of the other node while it frees one", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_AMPLE | SCN_LONGEST | SCN_NO_IRQ,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(1, 2, 0), F_ON(1, 0) },
	  .cpu = { { REAP }, { F(1), A(3, 0) } } },
	{ "s-node-ask", "a CPU sends home what is of the other node while it is asked for all", NODES,
	  .flags = SCN_NODES | SCN_AMPLE | SCN_ASKED | SCN_NO_IRQ | SCN_LONGEST,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), REAP }, .cpu = { { DRAIN }, { F(0) } } },
	{ "s-node-unmake", "a cache is unmade while a CPU sends home what it has of the other node", NODES,
	  .flags = SCN_NODES | SCN_AMPLE | SCN_NO_IRQ | SCN_LONG,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), F_ON(1, 0), F_ON(1, 1), REAP },
	  .cpu = { { UNMAKE, MAKE, A(0, 0) }, { IDLE } } },
	{ "s-node-unmake-run", "the same, and what it has is asked for at once", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_AMPLE | SCN_NO_IRQ | SCN_LONGEST,
	  .pre = { A_ON(0, 0, 0), A_ON(1, 1, 0), F_ON(1, 0), F_ON(1, 1), REAP },
	  .cpu = { { UNMAKE, MAKE, A(0, 0) }, { IDLE } } },
	{ "s-node-quota", "CPUs of two nodes want the one slab that the quota allows", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_QUOTA | SCN_NO_IRQ, .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "s-quota-shrink", "the one slab that the quota allows goes back while another CPU wants one", SLAB,
	  .flags = SCN_QUOTA | SCN_LONG, .pre = { A_ON(0, 0, 0), F_ON(0, 0) }, .cpu = { { SHRINK }, { A(1, 0) } } },
	{ "s-deny", "two CPUs want a first slab, and the host admits one", SLAB, .flags = SCN_DENY | SCN_LONG,
	  .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "s-deny-deny", "two CPUs want a further slab, and the host denies it", SLAB, .flags = SCN_DENY,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0) }, .cpu = { { A(2, 0) }, { A(3, 0) } } },
	{ "s-deny-shrink", "the one slab that the host admits goes back while another CPU wants one", SLAB,
	  .flags = SCN_DENY | SCN_LONGEST, .bound = 2, .pre = { A_ON(0, 0, 0), F_ON(0, 0) },
	  .cpu = { { SHRINK }, { A(1, 0) } } },
	{ "s-node-deny", "CPUs of two nodes want a slab each, and the host admits one", NODES,
	  .flags = SCN_NODES | SCN_RUN_ON | SCN_DENY | SCN_NO_IRQ | SCN_LONG, .cpu = { { A(0, 0) }, { A(1, 0) } } },
	{ "s-percpu", "per-CPU memory is allocated and freed on both CPUs", SLAB, .flags = SCN_PERCPU | SCN_AMPLE,
	  .pre = { PERCPU(0, 48), PERCPU(1, 32) },
	  .cpu = { { UNPERCPU(0), PERCPU(2, 64) }, { PERCPU(3, 40), UNPERCPU(1) } } },
	{ "s-percpu-irq", "an interrupt wants per-CPU memory while its CPU frees some", SLAB,
	  .flags = SCN_PERCPU | SCN_AMPLE, .pre = { PERCPU(0, 48), PERCPU(3, 16) },
	  .cpu = { { UNPERCPU(0), PERCPU(1, 32) } }, .irq = { { PERCPU(2, 40), UNPERCPU(3) } } },
	{ "s-bulk-stale", "a late free of what another CPU has for a while, who wants more than there is", SLAB,
	  .flags = SCN_QUOTA | SCN_NO_IRQ, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), F_ON(0, 0) },
	  .cpu = { { BULK(2, 2) }, { STALE(0) } } },
	{ "s-unbulk-race", "many are freed, and one of them is freed twice", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { BULK(0, 3) }, .cpu = { { UNBULK_RACE(0, 3) }, { RACE(2) } } },
	{ "s-bulk-irq", "an interrupt allocates and frees while its CPU allocates many", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), F_ON(0, 0) },
	  .cpu = { { BULK(2, 3) } }, .irq = { { A(8, 0), F(1) } } },
	{ "s-unbulk-irq", "the same while it frees many", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { BULK(0, 3), A_ON(0, 4, 0) }, .cpu = { { UNBULK(0, 3) } }, .irq = { { F(4), A(8, 0) } } },
	{ "s-bulk-irq-both", "many come and go, and interrupts do the same", SLAB, .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { BULK(0, 2), BULK(2, 2) }, .bound = 1, .cpu = { { BULK(4, 2), UNBULK(0, 2) } },
	  .irq = { { BULK(8, 2), UNBULK(2, 2) } } },
	{ "s-irq-nested", "an interrupt inside an interrupt inside a call", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE, .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(0, 2, 0) },
	  .cpu = { { F(0) } }, .irq = { { A(3, 0), F(1) } } },
	{ "s-irq-grow", "two CPUs make slabs, and an interrupt hits one", SLAB,
	  .flags = SCN_RUN_ON | SCN_AMPLE,
	  .pre = { A_ON(0, 0, 0), A_ON(0, 1, 0), A_ON(1, 2, 0), A_ON(1, 3, 0) }, .bound = 1,
	  .cpu = { { A(4, 0) }, { A(5, 0) } }, .irq = { { A(6, 0) } } },
	{ 0 },
};
