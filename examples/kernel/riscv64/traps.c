/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on RV64 and RV32.
 *
 * Theory of operation
 * Provoked     faults at the marks of probe.h go on there.
 * User mode    whatever traps there ends it; a guest's, too (RV64's conform.c), and what it does as a supervisor.
 * Roots        a trap on the second root (conform_roots.c) is handled on the kernel's, and goes back to the second.
 * Stacks       traps have a stack of their own for each CPU, so a stack that is used up can still
 *              be reported.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "cpu.h"

/* scause (Privileged ISA, "Supervisor Cause Register"). */
#define CAUSE_INTERRUPT (~(~0ul >> 1) | 1) /* software interrupt: another hart calls */
enum { CAUSE_USER_CALL = 8, CAUSE_GUEST_CALL = 10, CAUSE_FETCH = 12, CAUSE_READ = 13, CAUSE_WRITE = 15 };
enum { CAUSE_GUEST = 8 }; /* more than those three, where the second stage is at fault */

/* What trap.S stores, lowest address first: the pc where x0 would be, then x1 to x31. */
struct trap_frame {
	unsigned long pc, ra, sp, x[29];
	unsigned long cause, value, status;
	unsigned long satp; /* where it goes back to */
};

/* sstatus: the trap was of S-mode; interrupts were on before it. */
enum { SSTATUS_SPP = 0x100, SSTATUS_SPIE = 0x20, X_A0 = 7 };
enum { HSTATUS_SPV = 0x80 }; /* the same of hstatus: the trap was of a guest */

extern const char trap_entry[], user_left[];
extern uint64_t boot_hart;
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

static bool is_page_fault(unsigned long cause)
{
	if (MACHINE_GUEST() && cause > CAUSE_WRITE)
		cause -= CAUSE_GUEST;
	return cause == CAUSE_FETCH || cause == CAUSE_READ || cause == CAUSE_WRITE;
}

/* Of a guest, hstatus tells. What follows is the host again. */
static bool of_user(const struct trap_frame *f)
{
	if (!MACHINE_GUEST() || !(csr_read(0x600) & HSTATUS_SPV))
		return !(f->status & SSTATUS_SPP);
	csr_clear(0x600, HSTATUS_SPV);
	return true;
}

/* User code ends with a call, or with a page fault. */
static bool user_trapped(struct trap_frame *f)
{
	bool fault = is_page_fault(f->cause);

	if (!of_user(f) || !machine_cpu()->user_sp ||
	    (!fault && f->cause != CAUSE_USER_CALL && f->cause != CAUSE_GUEST_CALL))
		return false;
	f->satp = csr_read(satp);
	f->pc = (unsigned long)user_left;
	f->status |= SSTATUS_SPP | SSTATUS_SPIE;
	probe_user_trapped((struct fault){
		.taken = fault, .value = (uint8_t)f->x[X_A0], .va = f->value, .code = f->cause });
	return true;
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	uintptr_t to;

	if (!is_page_fault(f->cause))
		return false;
	to = probe_faulted(f->cause == CAUSE_FETCH ? f->ra : f->pc, f->value, f->cause);
	if (to)
		f->pc = to;
	return to != 0;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected exception %#lx, address %#lx%s\n", machine_cpu()->number,
		f->cause, f->value, probe_in_guard(f->value) ? ": stack overflow" : "");
	kprintf("pc  %016lx  ra  %016lx  sp  %016lx  status %lx\n", f->pc, f->ra, f->sp, f->status);
	for (unsigned i = 0; i < 29; i++)
		kprintf("x%-2u %016lx%s", i + 3, f->x[i], i % 4 == 3 || i == 28 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	machine_cpu()->machine.switches += f->satp != csr_read(satp);
	if (f->cause == CAUSE_INTERRUPT) {
		csr_clear(sip, SIP_SSIP);
		smp_interrupt();
	} else if (!user_trapped(f) && !fault_expected(f)) {
		trap_die(f);
	}
}

bool machine_irq_save(void)
{
	bool on = csr_read(sstatus) & SSTATUS_SIE;

	csr_clear(sstatus, SSTATUS_SIE);
	return on;
}

void machine_irq_restore(bool on)
{
	if (on)
		csr_set(sstatus, SSTATUS_SIE);
	else
		csr_clear(sstatus, SSTATUS_SIE);
}

/* wfi ends when an interrupt is pending, enabled or not. */
void machine_idle(void)
{
	__asm__ volatile("wfi" : : : "memory");
	csr_set(sstatus, SSTATUS_SIE);
	csr_clear(sstatus, SSTATUS_SIE);
}

void machine_relax(void)
{
	__asm__ volatile("nop");
}

/* The hart does not tell whether the page is mapped. */
uint64_t machine_fault_code(enum access access, bool mapped)
{
	static const unsigned char causes[] = { CAUSE_READ, CAUSE_WRITE, CAUSE_FETCH };

	(void)mapped;
	return causes[access] + (MACHINE_GUEST() ? CAUSE_GUEST : 0u);
}
