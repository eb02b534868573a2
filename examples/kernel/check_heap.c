/* SPDX-License-Identifier: MIT */
/* Promises of the heap and of the page frames, with all CPUs at work at once.
 *
 * Theory of operation
 * Structure    each CPU makes things: blocks of frames, memory of any size, objects of a cache. It
 *              fills each byte by byte with a pattern that no other thing has, puts it on a shelf
 *              that all CPUs share, takes what lay there, looks at each byte of that, and frees it.
 *              So most things are freed by another CPU than made them. No CPU is far ahead of
 *              the next one: where an emulator runs them in turns, each would find its own only.
 * Interrupts   now and then a CPU makes another one allocate and free in an interrupt, wherever
 *              that may hit, inside of mmlib too. */
#include "console.h"
#include "kernel.h"
#include "smp.h"

enum {
	ROUNDS = 4000,
	ROUNDS_AHEAD = 32,
	ROUNDS_PER_INTERRUPT = 32,
	SHELF = 128,
	OBJECT_BYTES = 1536
};
enum kind { KIND_FRAMES, KIND_MEMORY, KIND_OBJECT, KINDS };

/* A thing. Its descriptor is an object itself. */
struct thing {
	uint8_t *at;
	size_t bytes;
	enum kind kind;
	unsigned order; /* of frames */
	uint32_t maker; /* the CPU */
	uint64_t seed;  /* of the pattern */
};

/* What one CPU has done. */
struct tally {
	uint64_t made, freed, foreign, interrupts;
	uint64_t failed;  /* operations that did not answer MM_OK */
	uint64_t damaged; /* patterns that were not whole */
	unsigned round;   /* where it is; the CPU before looks at that */
};

static struct tally tallies[CPUS_MAX];
static struct thing *shelf[SHELF];
static struct mm_cache *things, *objects;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void pattern_fill(uint8_t *at, size_t bytes, uint64_t seed)
{
	for (; bytes >= sizeof(seed); bytes -= sizeof(seed), at += sizeof(seed), seed += 257)
		__builtin_memcpy(at, &seed, sizeof(seed));
	__builtin_memcpy(at, &seed, bytes);
}

static bool pattern_whole(const uint8_t *at, size_t bytes, uint64_t seed)
{
	for (; bytes >= sizeof(seed); bytes -= sizeof(seed), at += sizeof(seed), seed += 257)
		if (__builtin_memcmp(at, &seed, sizeof(seed)) != 0)
			return false;
	return __builtin_memcmp(at, &seed, bytes) == 0;
}

static enum mm_status frames_make(struct thing *t, uint64_t random)
{
	mm_paddr_t pa;
	enum mm_status st;

	t->order = (unsigned)(random & 3);
	t->bytes = (size_t)MM_FRAME_SIZE << t->order;
	st = mm_page_alloc(&kernel.pmm, t->order, 0, &pa);
	if (st == MM_OK)
		t->at = direct_map(pa);
	return st;
}

static enum mm_status memory_make(struct thing *t, uint64_t random)
{
	static const size_t sizes[] = { 1, 24, 64, 100, 200, 500, 1000, 3000, 8192, 20000 };
	void *p;
	enum mm_status st;

	t->bytes = sizes[random % (sizeof(sizes) / sizeof(*sizes))];
	st = mm_kmalloc_st(&kernel.heap, t->bytes, 0, &p);
	if (st == MM_OK)
		t->at = p;
	return st;
}

static enum mm_status object_make(struct thing *t, uint64_t random)
{
	void *p;
	enum mm_status st = mm_cache_alloc_st(objects, 0, &p);

	(void)random;
	t->bytes = OBJECT_BYTES;
	if (st == MM_OK)
		t->at = p;
	return st;
}

static enum mm_status (*const make[KINDS])(struct thing *t, uint64_t random) = {
	[KIND_FRAMES] = frames_make,
	[KIND_MEMORY] = memory_make,
	[KIND_OBJECT] = object_make,
};

static struct thing *thing_make(struct tally *tally, uint32_t maker, uint64_t random)
{
	struct thing *t = mm_cache_alloc(things, MM_ALLOC_ZERO);
	enum mm_status st = MM_E_NOMEM;

	if (t) {
		t->kind = (enum kind)(random % KINDS);
		t->maker = maker;
		t->seed = random;
		random >>= 32;
		st = make[t->kind](t, random);
	}
	if (st != MM_OK) {
		tally->failed++;
		return NULL;
	}
	pattern_fill(t->at, t->bytes, t->seed);
	tally->made++;
	return t;
}

static enum mm_status thing_release(const struct thing *t)
{
	if (t->kind == KIND_FRAMES)
		return mm_page_free(&kernel.pmm, (uintptr_t)t->at - MACHINE_DIRECT_MAP, t->order);
	if (t->kind == KIND_MEMORY)
		return mm_kfree(&kernel.heap, t->at);
	return mm_cache_free(objects, t->at);
}

static void thing_end(struct tally *tally, uint32_t cpu, struct thing *t)
{
	tally->damaged += !pattern_whole(t->at, t->bytes, t->seed);
	tally->foreign += t->maker != cpu;
	tally->failed += thing_release(t) != MM_OK;
	tally->failed += mm_cache_free(things, t) != MM_OK;
	tally->freed++;
}

static void in_interrupt(void *unused)
{
	struct tally *tally = &tallies[machine_cpu()->number];
	uint64_t seed = ++tally->interrupts;
	mm_paddr_t pa;
	uint8_t *p = mm_kmalloc(&kernel.heap, 200, MM_ALLOC_ATOMIC);

	(void)unused;
	if (!p || mm_page_alloc(&kernel.pmm, 0, MM_ALLOC_ATOMIC, &pa) != MM_OK) {
		__atomic_fetch_add(&tally->failed, 1, __ATOMIC_RELAXED);
		return;
	}
	pattern_fill(p, 200, seed);
	pattern_fill(direct_map(pa), MM_FRAME_SIZE, seed);
	if (!pattern_whole(p, 200, seed) || !pattern_whole(direct_map(pa), MM_FRAME_SIZE, seed))
		__atomic_fetch_add(&tally->damaged, 1, __ATOMIC_RELAXED);
	if (mm_kfree(&kernel.heap, p) != MM_OK || mm_page_free(&kernel.pmm, pa, 0) != MM_OK)
		__atomic_fetch_add(&tally->failed, 1, __ATOMIC_RELAXED);
}

static void wait_for(const struct tally *next, unsigned round)
{
	while (__atomic_load_n(&next->round, __ATOMIC_RELAXED) + ROUNDS_AHEAD < round)
		machine_relax();
}

static void job(struct cpu *me)
{
	uint32_t next = (me->number + 1) % kernel.ncpus;
	struct tally *tally = &tallies[me->number];
	uint64_t state = 0x9e3779b97f4a7c15 * (me->number + 1);

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t random = random_next(&state);
		struct thing *t = thing_make(tally, me->number, random);

		if (t && round == ROUNDS / 2 && kernel.damage)
			t->at[t->bytes - 1] ^= 1;
		t = __atomic_exchange_n(&shelf[random >> 16 & (SHELF - 1)], t, __ATOMIC_ACQ_REL);
		if (t)
			thing_end(tally, me->number, t);
		if (round % ROUNDS_PER_INTERRUPT == 0)
			smp_call(next, in_interrupt, NULL);
		__atomic_store_n(&tally->round, round + 1, __ATOMIC_RELAXED);
		wait_for(&tallies[next], round);
	}
}

static struct tally tally_sum(void)
{
	struct tally sum = { 0 };

	for (uint32_t i = 0; i < kernel.ncpus; i++) {
		const struct tally *t = &tallies[i];

		kprintf("    CPU %u: %lu made, %lu freed, %lu of them of others; %lu interrupts\n",
			i, t->made, t->freed, t->foreign, t->interrupts);
		sum.made += t->made;
		sum.freed += t->freed;
		sum.foreign += t->foreign;
		sum.interrupts += t->interrupts;
		sum.failed += t->failed;
		sum.damaged += t->damaged;
	}
	return sum;
}

/* Is every cache whole, and are all its objects free? */
static bool caches_unused(void)
{
	struct mm_heap_stats s;

	return mm_heap_verify(&kernel.heap) == MM_OK && mm_heap_stats(&kernel.heap, &s) == MM_OK && s.used == 0;
}

static void check_misuse_of_heap(void)
{
	char *p = mm_kmalloc(&kernel.heap, 100, 0);

	check(p && mm_kfree(&kernel.heap, p + 16) == MM_E_ALIGN &&
		      mm_cache_free(objects, p) == MM_E_OWNER &&
		      mm_kfree(&kernel.heap, p) == MM_OK &&
		      mm_kfree(&kernel.heap, p) == MM_E_DOUBLE_FREE,
	      "a wrong pointer, a wrong cache and a double free are answered, not believed");
}

void check_heap(void)
{
	const struct mm_cache_cfg of_things = { .name = "thing", .size = sizeof(struct thing) };
	const struct mm_cache_cfg of_objects = { .name = "object",
						 .size = OBJECT_BYTES,
						 .align = 64 };
	struct tally sum;

	if (!check(mm_cache_create(&kernel.heap, &of_things, &things) == MM_OK &&
			   mm_cache_create(&kernel.heap, &of_objects, &objects) == MM_OK,
		   "two caches of objects are made"))
		return;
	check_misuse_of_heap();
	smp_run(job);
	sum = tally_sum();
	check(sum.failed == 0, "every allocation and every free succeeded");
	check(sum.damaged == 0, "nothing that was made has lost a byte");
	check(kernel.ncpus == 1 || 3 * kernel.ncpus * sum.foreign > 2 * (kernel.ncpus - 1) * sum.freed,
	      "by another CPU than made it was freed what chance gives, less a third");
	check(sum.interrupts > 0, "interrupts allocated and freed in the middle of it");
	kprintf("    What is on the shelf now:\n");
	report_caches();
	for (unsigned i = 0; i < SHELF; i++)
		if (shelf[i])
			thing_end(&tallies[0], 0, shelf[i]);
	check(tallies[0].failed == 0 && tallies[0].damaged == 0 && caches_unused(),
	      "all is freed: caches are whole, and no object is in use");
}
