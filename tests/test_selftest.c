/* SPDX-License-Identifier: MIT */
/* The port self-test: a good port passes every check, and for each check there is a port that is broken
 * in just that way and fails it. CPUs are threads, the MMU is the host's own. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <mmlib/selftest.h>

#define NCPUS 3u
#define MANY  33u /* CPUs: more than bits in a word of 32 */
#define BASE  ((mm_paddr_t)0x100000)

/* What is broken in the port. */
static enum {
	NOTHING,
	TO_VIRT,
	ZERO_SHORT,
	ZERO_LONG,
	IRQ_NOT_RESTORED,
	IRQ_NOT_OFF,
	UNLOCK_RESTORES_NOTHING,
	LOCK_OPEN,
	NUMBER_CHANGES,
	NUMBERS_ALIKE,
	RUN_ON_HERE,
	RUN_ON_TWICE,
	CLOCK_BACK,
	RANDOM_CONSTANT,
	STALE_TLB,
} broken;

static int memory;            /* file that is the physical memory */
static unsigned char *direct; /* its direct map */
static unsigned char *window; /* where the TLB checks map */
static _Thread_local uint32_t cpu_number;
static _Thread_local uintptr_t irqs_off;
static char printed[4096];

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	size_t at = (size_t)(pa - BASE);

	(void)ctx;
	return direct + (broken == TO_VIRT ? at % (size_t)MM_FRAME_SIZE : at);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	fail_msg("panic at %s:%d", file, line);
}

static uintptr_t irq_save(void *ctx)
{
	uintptr_t was = irqs_off;

	(void)ctx;
	irqs_off = broken == IRQ_NOT_OFF ? was : 1;
	return was;
}

static void irq_restore(void *ctx, uintptr_t irq)
{
	(void)ctx;
	irqs_off = broken == IRQ_NOT_RESTORED ? 0 : irq;
}

static uintptr_t lock(void *ctx, uintptr_t *word)
{
	uintptr_t was = irqs_off;

	(void)ctx;
	while (broken != LOCK_OPEN && __atomic_exchange_n(word, 1u, __ATOMIC_ACQUIRE))
		sched_yield();
	irqs_off = 1;
	return was;
}

static void unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	__atomic_store_n(word, 0u, __ATOMIC_RELEASE);
	irqs_off = broken == UNLOCK_RESTORES_NOTHING ? 0 : irq;
}

static uint32_t cpu(void *ctx)
{
	static _Thread_local uint32_t calls;

	(void)ctx;
	if (broken == LOCK_OPEN)
		sched_yield(); /* others come in now, however busy the host is */
	if (broken == NUMBER_CHANGES && ++calls % 1000 == 0)
		return cpu_number ^ 1;
	return broken == NUMBERS_ALIKE ? 0 : cpu_number;
}

static void run_on(void *ctx, uint32_t number, void (*fn)(void *), void *arg)
{
	uint32_t was = cpu_number;

	(void)ctx;
	if (broken != RUN_ON_HERE)
		cpu_number = number;
	fn(arg);
	if (broken == RUN_ON_TWICE)
		fn(arg);
	cpu_number = was;
}

static uint64_t now_ns(void *ctx)
{
	static uint64_t now = 1000000;

	(void)ctx;
	return broken == CLOCK_BACK ? now-- : now++;
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	strcat(printed, line);
	strcat(printed, "\n");
}

static uint64_t random_bits(void *ctx)
{
	static uint64_t state = 88172645463325252u;

	(void)ctx;
	if (broken == RANDOM_CONSTANT)
		return 4;
	state ^= state << 7;
	state ^= state >> 9;
	return state;
}

static void zero(void *ctx, mm_paddr_t pa, size_t bytes)
{
	if (broken == ZERO_SHORT)
		bytes--;
	if (broken == ZERO_LONG)
		bytes++;
	memset(to_virt(ctx, pa), 0, bytes);
}

static void map(void *ctx, void *va, mm_paddr_t pa)
{
	off_t at = (off_t)(pa - BASE);

	(void)ctx;
	if (broken == STALE_TLB)
		at = 0;
	assert_ptr_equal(mmap(va, (size_t)MM_FRAME_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, memory, at),
			 va);
}

static void unmap(void *ctx, void *va)
{
	(void)ctx;
	assert_ptr_not_equal(mmap(va, (size_t)MM_FRAME_SIZE, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			     MAP_FAILED);
}

static const struct mm_port whole = { .version = MM_PORT_VERSION,
				      .size = sizeof(struct mm_port),
				      .to_virt = to_virt,
				      .panic = panic,
				      .lock = lock,
				      .unlock = unlock,
				      .irq_save = irq_save,
				      .irq_restore = irq_restore,
				      .cpu = cpu,
				      .run_on = run_on,
				      .now_ns = now_ns,
				      .log = log_line,
				      .random = random_bits,
				      .zero = zero };

static struct mm_selftest test;

static void *other_cpu(void *arg)
{
	cpu_number = (uint32_t)(uintptr_t)arg;
	mm_port_selftest_join(&test);
	return NULL;
}

/* Run the test on n CPUs. Returns how many checks failed. */
static uint32_t run(const struct mm_port *port, uint32_t n, bool tlb)
{
	static struct mm_selftest_tlb ops = { .map = map, .unmap = unmap };
	pthread_t thread[MANY];
	uint32_t failed;

	ops.va = window;
	printed[0] = '\0';
	test = (struct mm_selftest){ .port = port, .frames = BASE, .ncpus = n };
	if (tlb)
		test.tlb = &ops;
	cpu_number = 0;
	for (uint32_t i = 1; i < n; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, other_cpu, (void *)(uintptr_t)i),
				 0);
	failed = mm_port_selftest(&test);
	for (uint32_t i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
	irqs_off = 0;
	return failed;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = printed; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

#if MM_ATOMICS
static void a_whole_port_passes_every_check(void **state)
{
	(void)state;
	broken = NOTHING;
	assert_int_equal(run(&whole, NCPUS, true), 0);
	assert_int_equal(strncmp(printed, "1..12\nok 1 - port: ", 19), 0);
	assert_int_equal(count("\nok "), 12);
	assert_int_equal(count("not ok"), 0);
	assert_int_equal(count("SKIP"), 0);
}

#endif

static void a_minimal_port_passes_and_says_what_it_lacks(void **state)
{
	(void)state;
	const struct mm_port minimal = { .version = MM_PORT_VERSION,
					 .size = sizeof(struct mm_port),
					 .to_virt = to_virt,
					 .panic = panic,
					 .log = log_line };

	broken = NOTHING;
	assert_int_equal(run(&minimal, 1, false), 0);
	assert_int_equal(count("\nok "), 12);
	assert_int_equal(count("# SKIP"), 9);
}

#if MM_ATOMICS
static void any_number_of_cpus_can_take_part(void **state)
{
	(void)state;
	struct mm_port port = whole;

	port.lock = NULL; /* the slow checks are another test's */
	port.unlock = NULL;
	port.run_on = NULL;
	broken = NOTHING;
	assert_int_equal(run(&port, MANY, false), 0);
	broken = NUMBERS_ALIKE;
	assert_int_equal(run(&port, MANY, false), 1);
	broken = NOTHING;
}

#else
static void without_atomics_there_is_one_cpu(void **state)
{
	(void)state;
	broken = NOTHING;
	assert_int_equal(run(&whole, 2, false), UINT32_MAX);
	assert_int_equal(count("ok"), 0);
	assert_int_equal(run(&whole, 1, true), 0);
	assert_int_equal(count("\nok "), 12);
	assert_int_equal(count("SKIP one CPU"), 2);
}
#endif

static void a_port_that_cannot_be_used_is_refused(void **state)
{
	(void)state;
	struct mm_port none = { 0 };
	struct mm_selftest t = { .port = &none, .ncpus = 1 };

	assert_int_equal(mm_port_selftest(NULL), UINT32_MAX);
	assert_int_equal(mm_port_selftest(&t), UINT32_MAX);
	t.port = NULL;
	assert_int_equal(mm_port_selftest(&t), UINT32_MAX);
	t.port = &whole;
	t.ncpus = 0;
	assert_int_equal(mm_port_selftest(&t), UINT32_MAX);
}

#if MM_ATOMICS
static void every_broken_port_fails_its_check(void **state)
{
	(void)state;
	static const char *const line[] = {
		[TO_VIRT] = "to_virt reaches",
		[ZERO_SHORT] = "zero clears",
		[ZERO_LONG] = "zero clears",
		[IRQ_NOT_RESTORED] = "irq_restore brings back",
		[IRQ_NOT_OFF] = "irq_restore brings back",
		[UNLOCK_RESTORES_NOTHING] = "unlock restores",
		[LOCK_OPEN] = "locks exclude",
		[NUMBER_CHANGES] = "is stable while pinned",
		[NUMBERS_ALIKE] = "CPU numbers are dense",
		[RUN_ON_HERE] = "run_on runs there",
		[RUN_ON_TWICE] = "run_on runs there",
		[CLOCK_BACK] = "time does not",
		[RANDOM_CONSTANT] = "random bits",
		[STALE_TLB] = "this CPU sees",
	};

	for (unsigned b = TO_VIRT; b <= STALE_TLB; b++) {
		char *at, *start;

		broken = b;
		if (run(&whole, NCPUS, b != TO_VIRT) == 0)
			fail_msg("broken %u was not noticed:\n%s", b, printed);
		at = strstr(printed, line[b]);
		assert_non_null(at);
		for (start = at; start > printed && start[-1] != '\n'; start--)
			;
		if (strncmp(start, "not ok", 6) != 0)
			fail_msg("broken %u was not noticed:\n%s", b, printed);
	}
	broken = NOTHING;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_minimal_port_passes_and_says_what_it_lacks),
		cmocka_unit_test(a_port_that_cannot_be_used_is_refused),
#if MM_ATOMICS
		cmocka_unit_test(a_whole_port_passes_every_check),
		cmocka_unit_test(any_number_of_cpus_can_take_part),
		cmocka_unit_test(every_broken_port_fails_its_check),
#else
		cmocka_unit_test(without_atomics_there_is_one_cpu),
#endif
	};

	memory = memfd_create("frames", 0);
	assert_int_equal(ftruncate(memory, 2 * (off_t)MM_FRAME_SIZE), 0);
	direct = mmap(NULL, 2 * (size_t)MM_FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory,
		      0);
	window = mmap(NULL, MM_SELFTEST_PAGES * (size_t)MM_FRAME_SIZE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests_name("selftest", tests, NULL, NULL);
}
