/* SPDX-License-Identifier: MIT */
/* Interrupts of the demo kernel on PPC64.
 *
 * Theory of operation
 * Provoked     faults at the marks of probe.h go on there, in real mode.
 * Returns      code of the kernel that is under test returns by a system call, to LR, in real mode.
 * User mode    whatever it raises else ends it.
 * Others       another CPU's call; the decrementer, which nobody wants.
 * All else     prints the registers and leaves the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "../smp.h"
#include "cpu.h"

/* Vectors: Power ISA 3.0B, book III, "Interrupt Definitions". */
enum { V_DSI = 0x300, V_DSEG = 0x380, V_ISI = 0x400, V_ISEG = 0x480, V_EXTERNAL = 0x500, V_DECREMENTER = 0x900,
       V_CALL = 0xc00 };
/* Causes, in DSISR and, of fetches, in SRR1: "Data Storage Interrupt", "Instruction Storage Interrupt". A page that
 * forbids a fetch is one that has no code, whoever asks: QEMU does not tell that from one that is not for the user. */
#define CAUSE_NO_ENTRY  UINT64_C(0x40000000)
#define CAUSE_NO_EXEC   UINT64_C(0x10000000)
#define CAUSE_FORBIDDEN UINT64_C(0x08000000)
#define CAUSE_STORE     UINT64_C(0x02000000)
#define CAUSES_OF_FETCH UINT64_C(0x783f0000)
enum { IPI = 2, IPI_NONE = 0xff, XIRR_SOURCE = 0xffffff }; /* number of that interrupt, on every CPU */

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t r[32];
	uint64_t cr, pc, msr, lr, ctr, xer, vector;
};
enum { R_SP = 1, R_VALUE = 3 };

_Static_assert(offsetof(struct cpu, user_sp) == CPU_USER_SP, "the number in trap.S");

extern const char user_left[];
void trap_handle(struct trap_frame *f);

static bool is_fetch(const struct trap_frame *f)
{
	return f->vector == V_ISI || f->vector == V_ISEG;
}

static bool is_fault(const struct trap_frame *f)
{
	return is_fetch(f) || f->vector == V_DSI || f->vector == V_DSEG;
}

/* What machine_fault_code() is to be: the vector, and why. */
static uint64_t code(uint64_t vector, uint64_t cause)
{
	return vector << 32 | cause;
}

static struct fault fault_of(const struct trap_frame *f)
{
	struct fault met = { .taken = is_fault(f), .value = (uint8_t)f->r[R_VALUE] };

	if (is_fetch(f)) {
		met.va = f->pc;
		met.code = code(f->vector, f->msr & CAUSES_OF_FETCH);
	} else if (met.taken) {
		met.va = spr_dar();
		met.code = code(f->vector, f->vector == V_DSI ? spr_dsisr() : 0);
	}
	return met;
}

/* Go on at @pc, in the kernel. */
static void go_on(struct trap_frame *f, uint64_t pc)
{
	f->pc = pc;
	f->msr &= ~(uint64_t)(MSR_PR | MSR_IR | MSR_DR);
}

/* User code ends with a call, or with a fault. */
static bool user_trapped(struct trap_frame *f)
{
	const uintptr_t sp = machine_cpu()->user_sp;

	if (!(f->msr & MSR_PR) || !sp || (!is_fault(f) && f->vector != V_CALL))
		return false;
	probe_user_trapped(fault_of(f));
	go_on(f, (uint64_t)user_left);
	f->r[R_SP] = sp;
	return true;
}

static bool kernel_returned(struct trap_frame *f)
{
	if (f->vector != V_CALL || (f->msr & (MSR_PR | MSR_IR)) != MSR_IR)
		return false;
	go_on(f, f->lr);
	return true;
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	const struct fault met = fault_of(f);
	uintptr_t to;

	if (!met.taken || f->msr & MSR_PR)
		return false;
	to = probe_faulted(is_fetch(f) ? f->lr : f->pc, met.va, met.code);
	if (to)
		go_on(f, to);
	return to != 0;
}

/* Interrupts come from nobody else. */
static void take_call(void)
{
	uint64_t xirr;

	hcall(H_XIRR, 0, 0, 0, 0, &xirr);
	if ((xirr & XIRR_SOURCE) != IPI)
		return;
	hcall(H_IPI, machine_cpu()->id, IPI_NONE, 0, 0, NULL);
	smp_interrupt();
	hcall(H_EOI, xirr, 0, 0, 0, NULL);
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected interrupt %lx, DAR %#lx, DSISR %#lx\n", machine_cpu()->number, f->vector,
		spr_dar(), spr_dsisr());
	kprintf("pc  %016lx  msr %016lx  lr %016lx  ctr %016lx\n", f->pc, f->msr, f->lr, f->ctr);
	for (unsigned i = 0; i < 32; i++)
		kprintf("r%-2u %016lx%s", i, f->r[i], i % 4 == 3 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector == V_EXTERNAL)
		take_call();
	else if (f->vector == V_DECREMENTER)
		spr_set_dec(DEC_NEVER);
	else if (!user_trapped(f) && !kernel_returned(f) && !fault_expected(f))
		trap_die(f);
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	if (access == ACCESS_EXEC)
		return code(V_ISI, mapped ? CAUSE_NO_EXEC : CAUSE_NO_ENTRY);
	return code(V_DSI, (mapped ? CAUSE_FORBIDDEN : CAUSE_NO_ENTRY) | (access == ACCESS_WRITE ? CAUSE_STORE : 0));
}
