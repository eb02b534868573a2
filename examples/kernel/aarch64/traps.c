/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on AArch64.
 *
 * Theory of operation
 * Problem      the kernel provokes faults on purpose and must tell them from real ones.
 * Structure    trap.S marks each instruction that may fault with a place to go on, in section
 *              .fixups. A fault at a listed instruction is noted for this CPU and resumed there. A
 *              call to a page that forbids execution faults at its target: it is found by the return
 *              address in x30.
 * Stacks       threads use SP_EL0, exceptions SP_EL1, which is another stack.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../machine.h"
#include "cpu.h"
#include "gic.h"

/* Of those that trap.S numbers, the two that are no mistakes: from EL1 with SP_EL0. */
enum { VECTOR_SYNC = 0, VECTOR_IRQ = 1 };

/* Syndrome (Arm ARM, ESR_EL1): class, write, and what kind of fault without the level. */
enum { EC_SHIFT = 26, EC_FETCH = 0x21, EC_DATA = 0x25 };
enum { ESR_WRITE = 0x40, ESR_KIND = 0x3c, KIND_TRANSLATION = 0x04, KIND_PERMISSION = 0x0c };

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t x[31], sp, elr, spsr, esr, far;
};

struct fixup {
	uint64_t at, to;
};

extern const struct fixup fixups[], fixups_end[];
extern const char trap_vectors[];
bool probe_read(const void *va, uint8_t *value);
bool probe_write(const void *va);
bool probe_exec(const void *va);
bool probe_overflow(uintptr_t stack);
void trap_handle(struct trap_frame *f, uint64_t vector);

void machine_cpu_init(struct cpu *me)
{
	char *end = me->machine.trap_stack + sizeof(me->machine.trap_stack);

	cpu_write(tpidr_el1, me);
	cpu_write(vbar_el1, trap_vectors);
	__asm__ volatile("msr spsel, #1; mov sp, %0; msr spsel, #0" : : "r"(end) : "memory");
	gic_cpu_init();
}

static const struct fixup *fixup_find(uint64_t at)
{
	for (const struct fixup *x = fixups; x < fixups_end; x++)
		if (x->at == at)
			return x;
	return NULL;
}

static uint64_t fault_code(uint64_t esr)
{
	return esr >> EC_SHIFT << EC_SHIFT | (esr & (ESR_WRITE | ESR_KIND));
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	uint64_t class = f->esr >> EC_SHIFT;
	const struct fixup *x;

	if (class != EC_FETCH && class != EC_DATA)
		return false;
	x = fixup_find(class == EC_FETCH ? f->x[30] : f->elr);
	if (!x)
		return false;
	machine_cpu()->fault =
		(struct fault){ .taken = true, .va = f->far, .code = fault_code(f->esr) };
	f->elr = x->to;
	return true;
}

static noreturn void trap_die(const struct trap_frame *f, uint64_t vector)
{
	const struct cpu *me = machine_cpu();

	kprintf("\nCPU %u: unexpected exception %lu, syndrome %#lx, address %#lx%s\n", me->number,
		vector, f->esr, f->far,
		f->far - (me->stack - GUARD_BYTES) < GUARD_BYTES ? ": stack overflow" : "");
	kprintf("elr %016lx  spsr %08lx  sp %016lx\n", f->elr, f->spsr, f->sp);
	for (unsigned i = 0; i < 31; i++)
		kprintf("x%-2u %016lx%s", i, f->x[i], i % 4 == 3 || i == 30 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f, uint64_t vector)
{
	if (vector == VECTOR_IRQ)
		gic_handle();
	else if (vector != VECTOR_SYNC || !fault_expected(f))
		trap_die(f, vector);
}

struct fault machine_probe(enum access access, const void *va)
{
	struct fault *met = &machine_cpu()->fault;
	bool faulted;

	*met = (struct fault){ 0 };
	if (access == ACCESS_READ)
		faulted = probe_read(va, &met->value);
	else if (access == ACCESS_WRITE)
		faulted = probe_write(va);
	else
		faulted = probe_exec(va);
	return faulted == met->taken ? *met : (struct fault){ 0 };
}

struct fault machine_probe_overflow(void)
{
	struct cpu *me = machine_cpu();

	me->fault = (struct fault){ 0 };
	return probe_overflow(me->stack) ? me->fault : (struct fault){ 0 };
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	uint64_t code = mapped ? KIND_PERMISSION : KIND_TRANSLATION;

	if (access == ACCESS_WRITE)
		code |= ESR_WRITE;
	return code | (uint64_t)(access == ACCESS_EXEC ? EC_FETCH : EC_DATA) << EC_SHIFT;
}
