/* SPDX-License-Identifier: MIT */
/* Simulated CPUs: coroutines, interrupts, calls on other CPUs, and the port of it all. */
#include "explore.h"
#include "hook.h"
#include <stdlib.h>
#include <string.h>
#if !defined(__x86_64__) || defined(EXPLORE_UCONTEXT)
#include <ucontext.h>
#endif

#define STACK 65536u

/* What a CPU stands before. */
enum pending {
	P_START,
	P_ATOMIC,
	P_LOCK,
	P_UNLOCK,
	P_PIN,
	P_UNPIN,
	P_CPU,
	P_RUN_ON,
	P_WAIT,
	P_IRQ_OFF,
	P_IRQ_ON,
	P_IDLE
};
static const char *const pending_name[] = { "start",    "atomic",  "lock",   "unlock",
					    "pin",      "unpin",   "cpu",    "run_on",
					    "wait for", "irq off", "irq on", "idle" };

struct request {
	void (*fn)(void *arg);
	void *arg;
	uint32_t posted;
};

struct cpu {
	void *sp;
	void *where;
	uintptr_t *word; /* the lock it wants */
	enum pending pending;
	uint32_t action, irq_off, irqs, in_irq, in_nmi, finished;
	uint32_t pins;
	struct request request[EX_CPUS]; /* by who asked */
};

struct mm_port ex_port, ex_port_run_on;
uint32_t ex_setup_cpu;
unsigned ex_ncpus;
static const struct scenario *scenario;
static struct cpu *cpus; /* in the arena */
static struct cpu *running;
static _Alignas(64) unsigned char stacks[EX_CPUS][STACK];
static void *lowest[EX_CPUS];
static unsigned long steps[EX_CPUS];
#define STEPS_MAX 50000u /* of one CPU in one schedule */

/* Switching */

#if defined(__x86_64__) && !defined(EXPLORE_UCONTEXT)
void explore_switch(void **from, void *to);
__asm__(".text\n"
	".globl explore_switch\n"
	".type explore_switch, @function\n"
	"explore_switch:\n"
	"	pushq %rbp\n	pushq %rbx\n	pushq %r12\n"
	"	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n"
	"	popq %r12\n	popq %rbx\n	popq %rbp\n"
	"	ret\n"
	".size explore_switch, . - explore_switch\n");
static void *main_sp;

static void switch_to(struct cpu *c)
{
	explore_switch(&main_sp, c->sp);
}

static void switch_to_main(struct cpu *c)
{
	explore_switch(&c->sp, main_sp);
}

static void make(struct cpu *c, unsigned char *stack, void (*entry)(void))
{
	void **top = (void **)(void *)(stack + STACK) - 1;

	*--top = (void *)(uintptr_t)entry; /* where the first switch returns to, with sp 16n + 8 */
	top -= 6;
	c->sp = top;
}
#else
static ucontext_t main_context, contexts[EX_CPUS];

static void switch_to(struct cpu *c)
{
	swapcontext(&main_context, &contexts[c - cpus]);
}

/* All registers that a callee keeps are put on the stack, so that it tells the whole continuation. */
static __attribute__((noinline)) void switch_to_main(struct cpu *c)
{
	__builtin_unwind_init();
	c->sp = (unsigned char *)__builtin_frame_address(0) - 256;
	swapcontext(&contexts[c - cpus], &main_context);
}

static void make(struct cpu *c, unsigned char *stack, void (*entry)(void))
{
	ucontext_t *context = &contexts[c - cpus];

	getcontext(context);
	context->uc_stack.ss_sp = stack;
	context->uc_stack.ss_size = STACK;
	context->uc_link = NULL;
	makecontext(context, entry, 0);
	c->sp = stack + STACK;
}
#endif

static unsigned number(const struct cpu *c)
{
	return (unsigned)(c - cpus);
}

void cpu_abandon(void)
{
	switch_to_main(running);
	abort();
}

bool cpu_running(void)
{
	return running != NULL;
}

/* Operations */

static void run_op(struct cpu *c, const struct op *op)
{
	struct record *r = &ex->record[ex->nrecords];

	if (op->kind >= OP_FREE && op->kind <= OP_FREE && !ex->slot[op->slot].live)
		return; /* it was not got */
	if ((op->kind == OP_KFREE || op->kind == OP_NMI_FREE || op->kind == OP_LEAVE || op->kind == OP_DEFER || op->kind == OP_FREE_ROBBED ||
	     op->kind == OP_RESIZE) &&
	    !ex->slot[op->slot].live)
		return;
	if (++ex->nrecords > EX_RECORDS)
		abort();
	*r = (struct record){
		.op = op, .cpu = number(c), .irq = c->in_irq, .start = ex->events++, .end = -1
	};
	scenario->world->run(op, r);
	r->end = ex->events++;
}

static void serve(struct cpu *c)
{
	uint32_t was = c->irq_off;

	for (unsigned i = 0; i < ex_ncpus; i++) {
		if (!c->request[i].posted)
			continue;
		c->irq_off = 1;
		c->request[i].fn(c->request[i].arg);
		c->irq_off = was;
		c->request[i].posted = 0;
		return;
	}
}

bool op_is_nmi(const struct op *op)
{
	return op->kind == OP_NMI_FREE || op->kind == OP_NMI_RACE ||
	       (op->count == BY_NMI && (op->kind == OP_STALE || op->kind == OP_LEAVE || op->kind == OP_LEAVE_RACE ||
					op->kind == OP_HANDED));
}

/* What interrupts this CPU comes, and ends. */
static void interrupt(struct cpu *c)
{
	const struct op *op = &scenario->irq[number(c)][c->irqs++];
	uint32_t was = c->irq_off;
	bool nmi = op_is_nmi(op);

	if (nmi)
		c->in_nmi = c->irq_off = 1;
	c->in_irq++;
	run_op(c, op);
	c->in_irq--;
	if (nmi)
		c->in_nmi = 0, c->irq_off = was;
}

/* Stand before a step until the search lets it be made. */
static void stand(enum pending pending, uintptr_t *word, void *where)
{
	struct cpu *c = running;

	for (;;) {
		c->pending = pending;
		c->word = word;
		c->where = where;
		switch_to_main(c);
		if (c->action == ACT_STEP)
			break;
		if (c->action == ACT_IPI)
			serve(c);
		else
			interrupt(c);
	}
	c->where = NULL;
	c->word = NULL;
	if (++steps[number(c)] > STEPS_MAX)
		ex_violate("CPU %u makes more than %u steps: a loop without end?", number(c),
			   STEPS_MAX);
}

static void cpu_main(void)
{
	struct cpu *c = running;

	for (unsigned i = 0; i < EX_OPS && scenario->cpu[number(c)][i].kind; i++) {
		stand(P_START, NULL, NULL);
		run_op(c, &scenario->cpu[number(c)][i]);
	}
	if (c->pins || c->irq_off)
		ex_violate("CPU %u ends pinned or with interrupts off", number(c));
	c->finished = 1;
	for (;;)
		stand(P_IDLE, NULL, NULL);
}

/* Port and hooks */

#define HERE __builtin_return_address(0)

void mm_hook_step(void)
{
	if (running)
		stand(P_ATOMIC, NULL, HERE);
}

unsigned mm_hook_plant, mm_hook_left_out;

bool mm_hook_fail_at(struct mm_hook_site *site)
{
	(void)site;
	return false;
}

static uintptr_t port_lock(void *ctx, uintptr_t *word)
{
	uintptr_t was;

	(void)ctx;
	if (!running) {
		if (*word)
			ex_violate("lock is held at rest");
		*word = 1;
		return 0;
	}
	if (running->in_nmi)
		ex_violate("an NMI wants a lock");
	stand(P_LOCK, word, HERE);
	was = running->irq_off;
	running->irq_off = 1;
	*word = 1 + number(running);
	return was;
}

static void port_unlock(void *ctx, uintptr_t *word, uintptr_t irq)
{
	(void)ctx;
	if (running)
		stand(P_UNLOCK, NULL, HERE);
	if (!*word || (running && *word != 1 + number(running)))
		ex_violate("unlock of a lock that is not held here");
	*word = 0;
	if (running)
		running->irq_off = (uint32_t)irq;
}

static uintptr_t port_irq_save(void *ctx)
{
	uintptr_t was = 0;

	(void)ctx;
	if (running) {
		stand(P_IRQ_OFF, NULL, HERE);
		was = running->irq_off;
		running->irq_off = 1;
	}
	return was;
}

static void port_irq_restore(void *ctx, uintptr_t irq)
{
	(void)ctx;
	if (running) {
		stand(P_IRQ_ON, NULL, HERE);
		running->irq_off = (uint32_t)irq;
	}
}

static uint32_t port_cpu(void *ctx)
{
	(void)ctx;
	if (!running)
		return ex_setup_cpu;
	stand(P_CPU, NULL, HERE);
	return number(running);
}

static void port_pin(void *ctx)
{
	(void)ctx;
	if (running) {
		stand(P_PIN, NULL, HERE);
		running->pins++;
	}
}

static void port_unpin(void *ctx)
{
	(void)ctx;
	if (running) {
		stand(P_UNPIN, NULL, HERE);
		if (running->pins-- == 0)
			ex_violate("unpin without pin");
	}
}

static void port_run_on(void *ctx, uint32_t cpu, void (*fn)(void *), void *arg)
{
	struct cpu *c = running;

	(void)ctx;
	if (!c) {
		uint32_t was = ex_setup_cpu;

		ex_setup_cpu = cpu;
		fn(arg);
		ex_setup_cpu = was;
		return;
	}
	if (c->irq_off)
		ex_violate("run_on with interrupts off");
	stand(P_RUN_ON, NULL, HERE);
	if (cpu == number(c)) {
		c->irq_off = 1;
		fn(arg);
		c->irq_off = 0;
		return;
	}
	cpus[cpu].request[number(c)] = (struct request){ fn, arg, 1 };
	stand(P_WAIT, (uintptr_t *)(uintptr_t)&cpus[cpu].request[number(c)], HERE);
}

static void port_panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	ex_violate("panic at %s:%d", file, line);
	abort();
}

static unsigned char *memory;
static uint64_t memory_base, memory_bytes;

void cpu_memory(void *host, uint64_t base, uint64_t bytes)
{
	memory = host;
	memory_base = base;
	memory_bytes = bytes;
}

static void *port_to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	if (pa < memory_base || pa - memory_base >= memory_bytes)
		ex_violate("access outside memory: %#llx", (unsigned long long)pa);
	return memory + (pa - memory_base);
}

/* For the search */

static void port_pressure(void *ctx, uint32_t zone, uint32_t level)
{
	(void)ctx;
	(void)zone;
	++*(level == MM_PRESSURE_NONE ? &ex->enough : &ex->scarce);
}

void cpu_setup(const struct scenario *s)
{
	scenario = s;
	ex_setup_cpu = 0;
	running = NULL;
	for (ex_ncpus = 2;
	     ex_ncpus < EX_CPUS && s->cpu[ex_ncpus][0].kind;) /* the second may be idle */
		ex_ncpus++;
	cpus = arena_alloc(sizeof(struct cpu) * EX_CPUS, 64);
	ex_port = (struct mm_port){ .version = MM_PORT_VERSION,
				    .size = sizeof(struct mm_port),
				    .to_virt = port_to_virt,
				    .panic = port_panic,
				    .lock = port_lock,
				    .unlock = port_unlock,
				    .irq_save = port_irq_save,
				    .irq_restore = port_irq_restore,
				    .cpu = port_cpu,
				    .pin = port_pin,
				    .unpin = port_unpin,
				    .pressure = port_pressure };
	ex_port_run_on = ex_port;
	ex_port_run_on.run_on = port_run_on;
}

static void go(struct cpu *c)
{
	running = c;
	switch_to(c);
	running = NULL;
	if ((unsigned char *)c->sp < (unsigned char *)lowest[number(c)])
		lowest[number(c)] = c->sp;
}

/* So much of a stack, at its top, is not 0. */
static size_t stack_bytes(unsigned i)
{
	size_t bytes = lowest[i] ? (size_t)(stacks[i] + STACK - (unsigned char *)lowest[i]) + 4096 : STACK;

	return bytes < STACK ? bytes : STACK;
}

void cpu_start(void)
{
	ex_setup_cpu = 0;
	for (unsigned i = 0; i < ex_ncpus; i++) {
		unsigned char *top = stacks[i] + STACK;
		size_t bytes = stack_bytes(i);

		memset(top - bytes, 0, bytes); /* what is not yet written must not differ */
		lowest[i] = top;
		steps[i] = 0;
		make(&cpus[i], stacks[i], cpu_main);
		go(&cpus[i]);
	}
}

static bool waits(const struct cpu *c)
{
	if (c->pending == P_LOCK)
		return *c->word != 0;
	return c->pending == P_WAIT && ((struct request *)(void *)c->word)->posted;
}

bool cpu_can(unsigned cpu, unsigned action)
{
	const struct cpu *c = &cpus[cpu];
	bool open = !c->irq_off && !(c->pending == P_LOCK && waits(c));
	const struct op *next = c->irqs < EX_IRQS ? &scenario->irq[cpu][c->irqs] : NULL;

	switch (action) {
	case ACT_STEP:
		return c->pending != P_IDLE && !waits(c);
	case ACT_IRQ:
		return next && next->kind && (op_is_nmi(next) ? !c->in_nmi : open) && !c->finished && c->pending != P_START;
	default:
		for (unsigned i = 0; i < ex_ncpus; i++)
			if (c->request[i].posted)
				return open && !c->in_irq;
		return false;
	}
}

unsigned long cpu_steps(unsigned cpu)
{
	return steps[cpu];
}

bool cpu_finished(unsigned cpu)
{
	return cpus[cpu].finished && cpus[cpu].pending == P_IDLE;
}

void cpu_act(unsigned cpu, unsigned action)
{
	cpus[cpu].action = action;
	go(&cpus[cpu]);
	cpus[cpu].action = 0;
}

/* What a schedule changes of CPUs, beside what is in the arena. Stacks are kept below their pointers, too, so
 * that what frames to come do not write is what it was. */
struct saved {
	size_t bytes;
	void *lowest;
	unsigned long steps;
#if !defined(__x86_64__) || defined(EXPLORE_UCONTEXT)
	ucontext_t context;
#endif
};

size_t cpu_saved_bytes(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < ex_ncpus; i++)
		sum += sizeof(struct saved) + stack_bytes(i);
	return sum;
}

size_t cpu_save(unsigned char *to)
{
	unsigned char *at = to;

	for (unsigned i = 0; i < ex_ncpus; i++) {
		struct saved s = { .bytes = stack_bytes(i), .lowest = lowest[i], .steps = steps[i] };

#if !defined(__x86_64__) || defined(EXPLORE_UCONTEXT)
		s.context = contexts[i];
#endif
		memcpy(at, &s, sizeof(s));
		memcpy(at + sizeof(s), stacks[i] + STACK - s.bytes, s.bytes);
		at += sizeof(s) + s.bytes;
	}
	return (size_t)(at - to);
}

size_t cpu_back(const unsigned char *from)
{
	const unsigned char *at = from;

	for (unsigned i = 0; i < ex_ncpus; i++) {
		unsigned char *top = stacks[i] + STACK;
		const size_t bytes = stack_bytes(i);
		struct saved s;

		memcpy(&s, at, sizeof(s));
		if (bytes > s.bytes)
			memset(top - bytes, 0, bytes - s.bytes);
		memcpy(top - s.bytes, at + sizeof(s), s.bytes);
		lowest[i] = s.lowest;
		steps[i] = s.steps;
#if !defined(__x86_64__) || defined(EXPLORE_UCONTEXT)
		contexts[i] = s.context;
#endif
		at += sizeof(s) + s.bytes;
	}
	return (size_t)(at - from);
}

/* The continuations: what the stacks hold. The rest of a CPU is in the arena. */
uint64_t cpu_hash(uint64_t seed)
{
	for (unsigned i = 0; i < ex_ncpus; i++)
		seed = ex_hash(seed, cpus[i].sp,
			       (size_t)(stacks[i] + STACK - (unsigned char *)cpus[i].sp) &
				       ~(size_t)7);
	return seed;
}

void cpu_where(unsigned cpu, const char **what, void **where)
{
	*what = pending_name[cpus[cpu].pending];
	*where = cpus[cpu].where;
}
