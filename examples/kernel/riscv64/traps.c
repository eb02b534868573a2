/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on RV64.
 *
 * Theory of operation
 * Problem      the kernel provokes faults on purpose and must tell them from real ones.
 * Structure    trap.S marks each instruction that may fault with a place to go on, in section
 *              .fixups. A fault at a listed instruction is noted for this CPU and resumed there. A
 *              call to a page that forbids execution faults at its target: it is found by the return
 *              address in ra.
 * Stacks       traps have a stack of their own for each CPU, so a stack that is used up can still be
 *              reported.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../machine.h"
#include "cpu.h"

/* scause (Privileged ISA, "Supervisor Cause Register"). */
#define CAUSE_INTERRUPT (UINT64_C(1) << 63 | 1) /* software interrupt: another hart calls */
enum { CAUSE_FETCH = 12, CAUSE_READ = 13, CAUSE_WRITE = 15 };

/* What trap.S stores, lowest address first: the pc where x0 would be, then x1 to x31. */
struct trap_frame {
	uint64_t pc, ra, sp, x[29];
	uint64_t cause, value, status;
};

struct fixup {
	uint64_t at, to;
};

extern const struct fixup fixups[], fixups_end[];
extern const char trap_entry[];
extern uint64_t boot_hart;
bool probe_read(const void *va, uint8_t *value);
bool probe_write(const void *va);
bool probe_exec(const void *va);
bool probe_overflow(uintptr_t stack);
void trap_handle(struct trap_frame *f);

void machine_cpu_init(struct cpu *me)
{
	if (me->number == 0)
		me->id = boot_hart;
	__asm__ volatile("mv tp, %0" : : "r"(me) : "memory");
	csr_write(sscratch, me->machine.trap_stack + sizeof(me->machine.trap_stack));
	csr_write(stvec, trap_entry);
	csr_write(sie, SIE_SSIE);
}

static const struct fixup *fixup_find(uint64_t at)
{
	for (const struct fixup *x = fixups; x < fixups_end; x++)
		if (x->at == at)
			return x;
	return NULL;
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	const struct fixup *x;

	if (f->cause != CAUSE_FETCH && f->cause != CAUSE_READ && f->cause != CAUSE_WRITE)
		return false;
	x = fixup_find(f->cause == CAUSE_FETCH ? f->ra : f->pc);
	if (!x)
		return false;
	machine_cpu()->fault = (struct fault){ .taken = true, .va = f->value, .code = f->cause };
	f->pc = x->to;
	return true;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	const struct cpu *me = machine_cpu();

	kprintf("\nCPU %u: unexpected exception %#lx, address %#lx%s\n", me->number, f->cause,
		f->value,
		f->value - (me->stack - GUARD_BYTES) < GUARD_BYTES ? ": stack overflow" : "");
	kprintf("pc  %016lx  ra  %016lx  sp  %016lx  status %lx\n", f->pc, f->ra, f->sp, f->status);
	for (unsigned i = 0; i < 29; i++)
		kprintf("x%-2u %016lx%s", i + 3, f->x[i], i % 4 == 3 || i == 28 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	if (f->cause == CAUSE_INTERRUPT) {
		csr_clear(sip, SIP_SSIP);
		smp_interrupt();
	} else if (!fault_expected(f)) {
		trap_die(f);
	}
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

/* The hart does not tell whether the page is mapped. */
uint64_t machine_fault_code(enum access access, bool mapped)
{
	(void)mapped;
	if (access == ACCESS_EXEC)
		return CAUSE_FETCH;
	return access == ACCESS_WRITE ? CAUSE_WRITE : CAUSE_READ;
}
