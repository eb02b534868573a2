/* SPDX-License-Identifier: MIT */
/* Theory of operation: port self-test
 * Problem      a lock that does not exclude, an interrupt state that is not restored or a TLB flush
 *              that misses a CPU shows up as damage somewhere else, weeks later. Only the user's
 *              own kernel can tell, so the test runs there.
 * Structure    a list of checks; each prints one line of TAP. Checks that need all CPUs are phases:
 *              the CPU that tests opens a phase, all work, each reports that it is through.
 *
 *                tester   phase = n ......... waits for finished == ncpus .. looks at the outcome
 *                joined   waits for phase n . works .. finished++
 *
 * Invariants   Z1 nothing but the promise under test is relied on: phases use atomics of our own.
 *              Z2 every loop that waits for another CPU is one for mm_port_selftest_join() to end:
 *                 a CPU that never joins hangs the test, visibly, at "1..n".
 *              Z3 what the tester mapped is unmapped when it returns.
 * Concurrency  see the phases. */
#include <mmlib/selftest.h>
#include "../atomic.h"

#define SELFTEST_LOCK_ROUNDS 2000u
#define SELFTEST_LOCK_STAY   16u
#define SELFTEST_PIN_ROUNDS  10000u
#define SELFTEST_LINE        80u

enum {
	PHASE_NUMBERS = 1, /* each CPU tells its number, and that it is stable while pinned */
	PHASE_LOCK,        /* all count under the lock */
	PHASE_READ,        /* all look at the pages */
	PHASE_END,
};

/* One more line of text, built without a C library. */
struct selftest_line {
	char text[SELFTEST_LINE];
	uint32_t n;
};

static void line_add(struct selftest_line *line, const char *s)
{
	while (*s && line->n < SELFTEST_LINE - 1)
		line->text[line->n++] = *s++;
	line->text[line->n] = '\0';
}

/* At most two digits are ever needed. */
static void line_add_number(struct selftest_line *line, uint32_t v)
{
	char tens = '0';

	for (; v >= 10; v -= 10)
		tens++;
	if (tens > '0')
		line_add(line, (char[2]){ tens, '\0' });
	line_add(line, (char[2]){ (char)('0' + v), '\0' });
}

static void selftest_print(const struct mm_selftest *t, const struct selftest_line *line)
{
	if (t->port->log)
		t->port->log(t->port->ctx, line->text);
}

/* Print the outcome of a check. `skip`: why it was not made, or NULL. */
static void selftest_report(struct mm_selftest *t, bool ok, const char *name, const char *skip)
{
	struct selftest_line line = { .n = 0 };

	line_add(&line, ok || skip ? "ok " : "not ok ");
	line_add_number(&line, ++t->checks);
	line_add(&line, " - port: ");
	line_add(&line, name);
	if (skip) {
		line_add(&line, " # SKIP ");
		line_add(&line, skip);
	}
	if (!ok && !skip)
		t->failed++;
	selftest_print(t, &line);
}

/* ---- what every CPU does in a phase ---- */

static void phase_numbers(struct mm_selftest *t)
{
	uint32_t number;

	mm_port_pin(t->port);
	number = mm_port_cpu(t->port);
	for (uint32_t i = 0; i < SELFTEST_PIN_ROUNDS; i++)
		if (mm_port_cpu(t->port) != number)
			(void)mm_atomic_or(&t->wrong, 1u);
	mm_port_unpin(t->port);
	if (number >= t->ncpus ||
	    (number / 32 == t->group &&
	     mm_atomic_or(&t->seen, (uint32_t)1 << number % 32) >> number % 32 & 1))
		(void)mm_atomic_or(&t->wrong, 2u);
}

/* Long enough between load and store that a lock which does not exclude loses counts. Meanwhile the
 * CPU must stay the same: a lock stops preemption, since it stops interrupts. */
static void phase_lock(struct mm_selftest *t)
{
	for (uint32_t i = 0; i < SELFTEST_LOCK_ROUNDS; i++) {
		uintptr_t irq = t->port->lock(t->port->ctx, &t->lock);
		uint32_t was = mm_atomic_load_relaxed(&t->counter);
		uint32_t number = mm_port_cpu(t->port);

		for (uint32_t k = 0; k < SELFTEST_LOCK_STAY; k++)
			if (mm_port_cpu(t->port) != number)
				(void)mm_atomic_or(&t->wrong, 1u);
		mm_atomic_store_relaxed(&t->counter, was + 1);
		t->port->unlock(t->port->ctx, &t->lock, irq);
	}
}

static void phase_read(struct mm_selftest *t)
{
	for (uint32_t i = 0; i < MM_SELFTEST_PAGES; i++) {
		unsigned char *page = t->tlb->va + i * (size_t)MM_FRAME_SIZE;

		if (mm_atomic_load_relaxed(page) != t->value)
			(void)mm_atomic_or(&t->wrong, 1u);
	}
}

static void phase_work(struct mm_selftest *t, uint32_t phase)
{
	if (phase == PHASE_NUMBERS)
		phase_numbers(t);
	else if (phase == PHASE_LOCK)
		phase_lock(t);
	else if (phase == PHASE_READ)
		phase_read(t);
	(void)mm_atomic_add(&t->finished, 1u);
}

/* Open a phase, take part, wait for all (Z2). Phases carry a serial number above their kind. */
static uint32_t selftest_phase(struct mm_selftest *t, uint32_t kind)
{
	uint32_t serial = (mm_atomic_load_relaxed(&t->phase) >> 8) + 1;

	mm_atomic_store_relaxed(&t->wrong, 0u);
	mm_atomic_store_relaxed(&t->finished, 0u);
	mm_atomic_store_release(&t->phase, serial << 8 | kind);
	phase_work(t, kind);
	while (mm_atomic_load_acquire(&t->finished) < t->ncpus)
		;
	return mm_atomic_load_relaxed(&t->wrong);
}

void mm_port_selftest_join(struct mm_selftest *t)
{
	uint32_t done = 0, phase;

	if (!MM_ATOMICS) /* plain loads would wait for ever */
		return;
	(void)mm_atomic_add(&t->joined, 1u);
	do {
		phase = mm_atomic_load_acquire(&t->phase);
		if (phase >> 8 == done)
			continue;
		done = phase >> 8;
		phase_work(t, phase & 0xff);
	} while ((phase & 0xff) != PHASE_END);
}

/* ---- the checks ---- */

static void check_to_virt(struct mm_selftest *t)
{
	unsigned char *a = mm_port_to_virt(t->port, t->frames);
	unsigned char *b = mm_port_to_virt(t->port, t->frames + MM_FRAME_SIZE);
	size_t size = (size_t)MM_FRAME_SIZE;
	bool ok = mm_port_to_virt(t->port, t->frames + (MM_FRAME_SIZE - 1)) == (void *)(a + size - 1);

	for (size_t i = 0; i < size; i++) {
		mm_atomic_store_relaxed(&a[i], (unsigned char)(i * 7));
		mm_atomic_store_relaxed(&b[i], (unsigned char)(i * 11 + 1));
	}
	for (size_t i = 0; i < size; i++)
		ok = ok && mm_atomic_load_relaxed(&a[i]) == (unsigned char)(i * 7) &&
		     mm_atomic_load_relaxed(&b[i]) == (unsigned char)(i * 11 + 1);
	selftest_report(t, ok, "to_virt reaches two frames, each byte once", NULL);
}

static void check_zero(struct mm_selftest *t)
{
	unsigned char *a = mm_port_to_virt(t->port, t->frames);
	size_t size = (size_t)MM_FRAME_SIZE;
	bool ok = true;

	if (!t->port->zero) {
		selftest_report(t, true, "zero clears a frame and nothing else", "no zero");
		return;
	}
	__builtin_memset(a, 0xA5, size * 2);
	t->port->zero(t->port->ctx, t->frames, size);
	for (size_t i = 0; i < size; i++)
		ok = ok && a[i] == 0 && mm_atomic_load_relaxed(&a[size + i]) == 0xA5;
	selftest_report(t, ok, "zero clears a frame and nothing else", NULL);
}

/* A state is told by what irq_save returns. */
static uintptr_t irq_state(const struct mm_port *port)
{
	uintptr_t state = port->irq_save(port->ctx);

	port->irq_restore(port->ctx, state);
	return state;
}

static void check_irq(struct mm_selftest *t)
{
	const struct mm_port *port = t->port;
	uintptr_t before, outer, off, inner;
	bool ok;

	if (!port->irq_save) {
		selftest_report(t, true, "irq_restore brings back what irq_save found",
				"no irq_save");
		return;
	}
	before = irq_state(port);
	outer = port->irq_save(port->ctx);
	off = irq_state(port);
	inner = port->irq_save(port->ctx);
	port->irq_restore(port->ctx, inner);
	ok = off != before && outer == before && inner == off &&
	     irq_state(port) == off; /* still off inside */
	port->irq_restore(port->ctx, outer);
	ok = ok && irq_state(port) == before;
	selftest_report(t, ok, "irq_restore brings back what irq_save found", NULL);
}

/* Two locks, released in order: the outer state returns with the outer lock only. */
static void check_lock_irq(struct mm_selftest *t)
{
	const struct mm_port *port = t->port;
	const char *name = "unlock restores the interrupt state";
	uintptr_t other = 0, before, outer, inner, off;
	bool ok;

	if (!port->lock || !port->irq_save) {
		selftest_report(t, true, name, port->lock ? "no irq_save" : "no lock");
		return;
	}
	before = irq_state(port);
	outer = port->lock(port->ctx, &t->lock);
	off = irq_state(port);
	inner = port->lock(port->ctx, &other);
	port->unlock(port->ctx, &other, inner);
	ok = off != before && irq_state(port) == off;
	port->unlock(port->ctx, &t->lock, outer);
	selftest_report(t, ok && irq_state(port) == before, name, NULL);
}

static void check_lock(struct mm_selftest *t)
{
	const char *name = "locks exclude other CPUs";
	bool ok;

	if (!t->port->lock || t->ncpus < 2) {
		selftest_report(t, true, name, t->port->lock ? "one CPU" : "no lock");
		return;
	}
	t->counter = 0;
	ok = selftest_phase(t, PHASE_LOCK) == 0;
	selftest_report(t, ok && t->counter == t->ncpus * SELFTEST_LOCK_ROUNDS, name, NULL);
}

static void check_numbers(struct mm_selftest *t)
{
	uint32_t wrong = 0;

	for (t->group = 0; t->group <= (t->ncpus - 1) / 32; t->group++) { /* 32 numbers at a time */
		t->seen = 0;
		wrong |= selftest_phase(t, PHASE_NUMBERS);
	}
	selftest_report(t, !(wrong & 1), "the CPU number is stable while pinned", NULL);
	selftest_report(t, !(wrong & 2), "CPU numbers are dense and each is one CPU's", NULL);
}

struct selftest_where {
	const struct mm_port *port;
	uint32_t number;
	uint32_t calls;
};

static void selftest_note_cpu(void *arg)
{
	struct selftest_where *w = arg;

	mm_atomic_store_relaxed(&w->number, mm_port_cpu(w->port));
	(void)mm_atomic_add(&w->calls, 1u);
}

static void check_run_on(struct mm_selftest *t)
{
	bool ok = true;

	if (!t->port->run_on) {
		selftest_report(t, true, "run_on runs there, once, and waits", "no run_on");
		return;
	}
	for (uint32_t cpu = 0; cpu < t->ncpus; cpu++) {
		struct selftest_where w = { t->port, UINT32_MAX, 0 };

		t->port->run_on(t->port->ctx, cpu, selftest_note_cpu, &w);
		ok = ok && mm_atomic_load_relaxed(&w.calls) == 1 &&
		     mm_atomic_load_relaxed(&w.number) == cpu;
	}
	selftest_report(t, ok, "run_on runs there, once, and waits", NULL);
}

static void check_clock(struct mm_selftest *t)
{
	uint64_t last = 0;
	bool ok = true;

	if (!t->port->now_ns) {
		selftest_report(t, true, "time does not run backwards", "no now_ns");
		return;
	}
	for (uint32_t i = 0; i < SELFTEST_PIN_ROUNDS; i++) {
		uint64_t now = t->port->now_ns(t->port->ctx);

		ok = ok && now >= last;
		last = now;
	}
	selftest_report(t, ok, "time does not run backwards", NULL);
}

static void check_random(struct mm_selftest *t)
{
	uint64_t first;
	bool differ = false;

	if (!t->port->random) {
		selftest_report(t, true, "random bits differ", "no random");
		return;
	}
	first = t->port->random(t->port->ctx);
	for (uint32_t i = 0; i < 8; i++)
		differ = differ || t->port->random(t->port->ctx) != first;
	selftest_report(t, differ, "random bits differ", NULL);
}

/* Map all pages to one frame. */
static void tlb_map_all(struct mm_selftest *t, mm_paddr_t pa)
{
	for (uint32_t i = 0; i < MM_SELFTEST_PAGES; i++)
		t->tlb->map(t->tlb_ctx, t->tlb->va + i * (size_t)MM_FRAME_SIZE, pa);
}

static void tlb_unmap_all(struct mm_selftest *t)
{
	for (uint32_t i = 0; i < MM_SELFTEST_PAGES; i++)
		t->tlb->unmap(t->tlb_ctx, t->tlb->va + i * (size_t)MM_FRAME_SIZE);
}

/* Every CPU reads through each page, so that its TLB has it; then the pages move to another frame
 * and every CPU must see that one's contents. Bit 0: this CPU was wrong, bit 1: some CPU was. */
static uint32_t tlb_remap(struct mm_selftest *t)
{
	uint32_t wrong;

	*(unsigned char *)mm_port_to_virt(t->port, t->frames) = 1;
	*(unsigned char *)mm_port_to_virt(t->port, t->frames + MM_FRAME_SIZE) = 2;
	t->value = 1;
	tlb_map_all(t, t->frames);
	wrong = selftest_phase(t, PHASE_READ);
	tlb_unmap_all(t);
	t->value = 2;
	tlb_map_all(t, t->frames + MM_FRAME_SIZE);
	t->wrong = 0;
	phase_read(t);
	wrong = (wrong | t->wrong ? 1u : 0u) | (selftest_phase(t, PHASE_READ) ? 2u : 0u);
	tlb_unmap_all(t); /* Z3 */
	return wrong;
}

static void check_tlb(struct mm_selftest *t)
{
	const char *skip = t->tlb ? NULL : "no mapping operations given";
	uint32_t wrong = t->tlb ? tlb_remap(t) : 0;

	selftest_report(t, !(wrong & 1), "this CPU sees what is mapped now", skip);
	if (!skip && t->ncpus < 2)
		skip = "one CPU";
	selftest_report(t, !(wrong & 2), "other CPUs see what is mapped now", skip);
}

uint32_t mm_port_selftest(struct mm_selftest *t)
{
	struct selftest_line plan = { .n = 0 };

	if (!t || mm_port_check(t->port) != MM_OK || t->ncpus == 0 || (!MM_ATOMICS && t->ncpus > 1))
		return UINT32_MAX;
	line_add(&plan, "1..12");
	selftest_print(t, &plan);
	while (mm_atomic_load_acquire(&t->joined) + 1 < t->ncpus)
		; /* Z2 */
	check_to_virt(t);
	check_zero(t);
	check_irq(t);
	check_lock_irq(t);
	check_lock(t);
	check_numbers(t);
	check_run_on(t);
	check_clock(t);
	check_random(t);
	check_tlb(t);
	(void)selftest_phase(t, PHASE_END);
	return t->failed;
}
