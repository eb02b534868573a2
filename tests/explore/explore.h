/* SPDX-License-Identifier: MIT */
/* Schedule explorer: the real library code on simulated CPUs, in every order that matters.
 *
 * Theory of operation
 * Problem      a race shows itself in one order of steps out of millions. Threads do not find it,
 *              and cannot repeat it.
 * Structure    each CPU is a coroutine. All of them stand before their next step: an atomic
 *              operation, a lock, or another call of the port. The search picks one of them, lets it
 *              make that step, and so on to the end: a schedule. Interrupts run on top of the CPU
 *              that they hit; NMIs do, too, with interrupts off or while it waits for a lock. All is one
 *              thread, so a schedule can be repeated.
 * Search       depth first over the choices; each schedule goes back to how things stood at the last choice
 *              (snapshot.c), or to a copy of the first state. A state that was seen before is not gone on
 *              from: the continuation of a CPU is its stack from the stack pointer on, so equal memory and
 *              equal stacks mean an equal future. With a bound on preemptions, a state is entered again if
 *              more are left. Where there is no choice states are looked at now and then: after the last
 *              preemption, the rest of a schedule is often that of another one.
 * Memory       all that a schedule may change lives in one arena, but for stacks. Its pages are
 *              write-protected until first written, so that only pages that were ever written are kept,
 *              restored and hashed. Pages that equal the first state add nothing to the hash.
 * Oracle       ex_violate() from anywhere: the schedule is printed, and can be replayed. A state
 *              that repeats on one path is a loop without progress. Nobody able to go on is a
 *              deadlock.
 * Limit        memory is sequentially consistent here; weaker orders are for other tools. */
#ifndef EXPLORE_H
#define EXPLORE_H
#include <mmlib/kmalloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EX_CPUS    3
#define EX_OPS     4  /* operations of one CPU */
#define EX_IRQS    2  /* interrupts of one CPU */
#define EX_SLOTS   16 /* blocks or objects that a scenario names */
#define EX_RECORDS 24
#define EX_FRAMES  512
#define EX_AREA    16 /* first frame of the CMA area */
#define BY_NMI     2  /* count of OP_STALE, OP_LEAVE, OP_LEAVE_RACE and OP_HANDED */

enum op_kind {
	OP_NONE,
	OP_ALLOC,
	OP_ALLOC_AT,
	OP_FREE,
	OP_FREE_RACE, /* of several for one slot, exactly one must be believed; what has a count is memory of kmalloc */
	OP_FREE_ROBBED, /* refused if OP_STALE was believed instead */
	OP_DRAIN,
	OP_IDLE,
	OP_CHECK, /* patterns of guarded objects are whole */
	OP_SPOIL, /* write beside a guarded object */
	OP_UNDO,  /* give one back that was spoilt, as who allocated it and cannot use it */
	OP_OFFLINE, /* of the own CPU */
	OP_SHRINK,
	OP_UNMAKE,  /* the cache, whose objects are all free: it goes, or will when others have answered */
	OP_MAKE,    /* another one in its place, if it went */
	OP_MORE,    /* fill a section that is not */
	OP_RELEASE, /* of what was held back at boot */
	OP_ISOLATE,   /* the pageblock of a frame, until the end */
	OP_UNISOLATE,
	OP_UNPLUG, /* frames: out of use until the end */
	OP_CLAIM,  /* frames of the area */
	OP_NMI_FREE, /* in irq[]: it comes as an NMI; else it may be freed so by any other context */
	OP_NMI_RACE, /* the same, as OP_FREE_RACE */
	OP_KMALLOC,
	OP_KFREE,
	OP_STALE, /* free once more what a slot had: that may be another's object by now; count 1: deferred */
	OP_TAKE,  /* an object of the reserve */
	OP_LEAVE, /* free one: to the reserve, if that has room */
	OP_LEAVE_RACE, /* as OP_FREE_RACE */
	OP_DEFER_RACE,
	OP_DEFER, /* free one when it is polled */
	OP_POLL,
	OP_READ, /* look at the object of a slot, as a reader whom deferred frees wait for */
	OP_REAP,
	OP_LEAKS, /* who holds what? */
	OP_RECLAIM, /* `count` frames */
	OP_BULK,   /* objects into the slots from this one on, `count` of them; and free them */
	OP_UNBULK,
	OP_UNBULK_RACE, /* the last one may be freed by another CPU: then none is freed */
	OP_PERCPU, /* per-CPU memory, `count` bytes; and free it */
	OP_UNPERCPU,
	OP_PREFILL, /* handle `order` has `count` objects; one comes out; all others go back */
	OP_HANDED,
	OP_HAND_BACK,
	OP_POOL,   /* a reserve of `count` objects comes and goes */
	OP_RESIZE, /* memory of kmalloc is `count` bytes from now on */
	OP_RESIZE_RACE, /* as OP_FREE_RACE: the memory moves to slot `order` */
	OP_SITE, /* `count` bytes of heap `order` of the set */
	OP_WALK, /* all that is held, one by one */
	OP_EAT, /* set-up: take all free frames but `count` */
};

struct op {
	enum op_kind kind;
	unsigned slot, order;
	uint32_t flags;
	mm_pfn_t pfn, count; /* count: a stretch of frames instead of an order; bytes of kmalloc */
	unsigned cpu;        /* set-up: where */
};

enum {
	SCN_RUN_ON = 1, /* the port has run_on */
	SCN_AMPLE = 2,  /* there is memory enough: no allocation may fail */
	SCN_NO_IRQ = 4, /* no variant with one operation as an interrupt */
	SCN_HANDS = 8,  /* CPUs have page magazines (slab scenarios) */
	SCN_CLASSES = 32, /* pageblocks have classes */
	SCN_AREA = 128,   /* and there is a CMA area of one: EX_AREA */
	SCN_RESERVE = 256, /* there is a reserve of one object, and frees that wait (slab scenarios) */
	SCN_NODES = 512,   /* two nodes with half of the memory and a CPU each (slab scenarios) */
	SCN_PERCPU = 1024, /* there is per-CPU memory (slab scenarios) */
	SCN_ASKED = 2048,  /* after a drain that could not be complete, CPUs are still asked, or have nothing */
	SCN_GUARD = 4096,  /* objects are guarded, as long as there are slots: two (slab scenarios) */
	SCN_TWO = 8192,    /* slabs of kmalloc(64) are such of two objects, too (slab scenarios) */
	SCN_SHRUNK = 16384, /* after a shrink that was complete no CPU has a magazine (slab scenarios) */
	SCN_QUOTA = 32768, /* the cache may have one slab, which the host counts, too (slab scenarios) */
	SCN_FIRST = 65536, /* after a drain the other CPU does not have what it had at first, or is still asked */
	SCN_DENY = 131072, /* the host admits one slab; CPUs have an object at hand, at most (slab scenarios) */
	SCN_OWNERS = 262144, /* owners are noted, and a page has two descriptors of slabs (slab scenarios) */
	SCN_HELD = 524288, /* at the end, the depot has what quarantine holds back (slab scenarios) */
	SCN_NOTES = 1048576, /* the heap notes owners (slab scenarios) */
	SCN_SET = 2097152, /* two heaps are used as one; with SCN_NOTES, the second notes owners (slab scenarios) */
	SCN_ROOM = 8388608, /* what is allowed is enough for all, and CPUs have an object at hand, at most (slab scenarios) */
	SCN_GUARD_ALL = 16777216, /* with SCN_GUARD: memory of kmalloc, too */
	SCN_WALK = 4194304, /* all that is allocated has one owner (slab scenarios) */
	SCN_HOLD = 33554432, /* one large block waits when it is freed, if such do (slab scenarios) */
	SCN_LONG = 16,  /* takes long: at most two preemptions in the short form */
	SCN_LONGEST = 64, /* takes longer: at most one */
};

struct world;
struct scenario {
	const char *name, *what;
	const struct world *world;
	unsigned flags;
	int bound; /* most preemptions; 0: every schedule */
	mm_pfn_t base, frames;
	mm_pfn_t low; /* pmm: pressure begins and ends there */
	struct {
		mm_pfn_t first, count;
	} free[6];         /* what is free at the start (buddy) */
	struct op held[8]; /* blocks at the start (buddy), or what boot holds back (pmm), slot by slot */
	struct op pre[16]; /* operations that make the first state (pmm, slab) */
	struct op cpu[EX_CPUS][EX_OPS];
	struct op irq[EX_CPUS][EX_IRQS];
};
extern const struct scenario ex_scenarios[];

/* What was called, when it began and ended (in events), and what came of it. */
struct record {
	const struct op *op;
	unsigned cpu, irq;
	int start, end; /* end -1: still running */
	enum mm_status st;
	uint64_t first, count; /* frames, or address and bytes */
	uint64_t shut, nshut;  /* frames that nobody may have while the call lasts */
};

struct slot {
	uint64_t first, count;
	unsigned order;
	bool live, initial;
};

/* What a schedule may change, beside the library's own memory. In the arena. */
struct ex_state {
	struct record record[EX_RECORDS];
	unsigned nrecords;
	int events;
	struct slot slot[EX_SLOTS];
	uint64_t clock, reads[EX_CPUS]; /* of readers; when the one of a CPU began, 0: there is none */
	uint64_t charged; /* bytes of slabs that the host admitted */
	unsigned scarce, enough; /* how often pressure began and ended */
	uint8_t map[EX_FRAMES];  /* 0 free, else slot + 1, or MAP_TAKEN */
};
#define MAP_TAKEN 255u
extern struct ex_state *ex;

/* One kind of thing under test. */
struct world {
	void (*setup)(const struct scenario *);
	void (*run)(const struct op *, struct record *);
	void (*finish)(const struct scenario *); /* all CPUs are done */
};
extern const struct world world_buddy, world_pmm, world_slab;

/* arena.c */
void arena_reset(void);
void *arena_alloc(size_t bytes, size_t align);
void arena_protect(void); /* the first state is complete */
void arena_restore(void);
size_t arena_saved_bytes(void);
unsigned arena_save(unsigned char *to); /* gives pages */
void arena_back(const unsigned char *from, unsigned pages);
uint64_t arena_hash(void);
bool arena_fault(void *address); /* was it the first write to a page? */
uint64_t ex_hash(uint64_t seed, const void *data, size_t bytes);

/* cpu.c */
extern struct mm_port ex_port, ex_port_run_on;
extern uint32_t ex_setup_cpu;
enum { ACT_STEP, ACT_IRQ, ACT_IPI };
void cpu_setup(const struct scenario *s);
void cpu_start(void); /* before each schedule that begins at the start */
size_t cpu_saved_bytes(void);
size_t cpu_save(unsigned char *to); /* this and the next one give bytes */
size_t cpu_back(const unsigned char *from);
bool op_is_nmi(const struct op *op); /* does it come as an NMI? */
bool cpu_can(unsigned cpu, unsigned action);
bool cpu_finished(unsigned cpu);
unsigned long cpu_steps(unsigned cpu); /* that it made in this schedule */
void cpu_act(unsigned cpu, unsigned action);
uint64_t cpu_hash(uint64_t seed);
void cpu_where(unsigned cpu, const char **what, void **where);
void cpu_abandon(void); /* leave the running coroutine for ever */
bool cpu_running(void);
void cpu_memory(void *host, uint64_t base, uint64_t bytes); /* what to_virt reaches */
extern unsigned ex_ncpus;

/* snapshot.c */
struct ex_at { /* where the search is */
	unsigned depth, nmade, current;
	int budget;
};
void snapshot_reset(void); /* another scenario */
void snapshot_keep(const struct ex_at *at, unsigned path_length);
bool snapshot_back(struct ex_at *at, unsigned depth); /* false: not kept */
void snapshot_spoil(void); /* negative control: leave out a page from now on */

/* search.c */
void ex_violate(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct ex_limits {
	unsigned long schedules;
	double seconds;
	bool no_pruning; /* go on from states that were seen */
	bool from_start; /* make all steps of each schedule */
};
struct ex_result {
	unsigned long schedules, states;
	double stands_for, seconds;
	bool complete, violated;
};
struct ex_result ex_search(const struct scenario *s, const struct ex_limits *limits);
bool ex_replay(const struct scenario *s, const char *schedule);
void ex_print_schedule(void);

/* world.c: what the worlds share */
struct slot *world_live(const struct op *op);
void world_got(struct record *r, uint64_t first, uint64_t count, unsigned order);
void world_giving(struct record *r, struct slot *slot);
void world_check_failures(const struct scenario *s, mm_pfn_t base, mm_pfn_t frames);
void world_must(bool ok, const char *what);
#endif
