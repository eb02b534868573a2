/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on MIPS64.
 *
 * Theory of operation
 * TLB          what it lacks or forbids is looked for in the tables (tlb.c); what they forbid is a fault.
 * Provoked     faults at the marks of probe.h go on there.
 * User mode    whatever it raises else ends it.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "cpu.h"

/* Cause.ExcCode: volume III, "Cause Register". */
enum { EXC_INTERRUPT = 0, EXC_MODIFIED = 1, EXC_LOAD = 2, EXC_STORE = 3, EXC_CALL = 8, EXC_NO_READ = 19,
       EXC_NO_EXEC = 20 };
#define CAUSE_DELAY_SLOT UINT64_C(0x80000000)

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t r[32];
	uint64_t is_refill, pc, cause, bad, status;
};
enum { R_V0 = 2, R_SP = 29, R_RA = 31 };

_Static_assert(offsetof(struct cpu, user_sp) == CPU_USER_SP, "the number in trap.S");

extern const char user_left[];
void trap_handle(struct trap_frame *f);

static unsigned code_of(const struct trap_frame *f)
{
	return f->cause >> 2 & 31;
}

static bool is_tlb(unsigned code)
{
	return (code >= EXC_MODIFIED && code <= EXC_STORE) || code == EXC_NO_READ || code == EXC_NO_EXEC;
}

/* Was an instruction fetched at the address? A load faults at another one than its own. */
static bool is_fetch(const struct trap_frame *f)
{
	return f->bad == f->pc + (f->cause & CAUSE_DELAY_SLOT ? 4 : 0);
}

static enum access access_of(const struct trap_frame *f)
{
	if (code_of(f) == EXC_MODIFIED || code_of(f) == EXC_STORE)
		return ACCESS_WRITE;
	return is_fetch(f) ? ACCESS_EXEC : ACCESS_READ;
}

static bool tlb_filled(const struct trap_frame *f)
{
	static const uint32_t right[] = { MM_PT_READ, MM_PT_WRITE, MM_PT_EXEC };

	return is_tlb(code_of(f)) && tlb_exception(f->bad, right[access_of(f)], f->is_refill);
}

/* User code ends with a call, or with a fault. */
static bool user_trapped(struct trap_frame *f)
{
	const uintptr_t sp = machine_cpu()->user_sp;
	const bool fault = is_tlb(code_of(f));

	if (!(f->status & STATUS_KSU) || !sp || (!fault && code_of(f) != EXC_CALL))
		return false;
	f->pc = (uint64_t)user_left;
	f->status &= ~(uint64_t)STATUS_KSU;
	f->r[R_SP] = sp;
	probe_user_trapped((struct fault){
		.taken = fault, .value = (uint8_t)f->r[R_V0], .va = f->bad, .code = code_of(f) });
	return true;
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f)
{
	uintptr_t to;

	if (!is_tlb(code_of(f)))
		return false;
	to = probe_faulted(is_fetch(f) ? f->r[R_RA] : f->pc, f->bad, code_of(f));
	if (to)
		f->pc = to;
	return to != 0;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected exception %u, address %#lx\n", machine_cpu()->number, code_of(f), f->bad);
	kprintf("pc  %016lx  status %lx  cause %lx\n", f->pc, f->status, f->cause);
	for (unsigned i = 1; i < 32; i++)
		kprintf("r%-2u %016lx%s", i, f->r[i], i % 4 == 0 || i == 31 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	if (code_of(f) == EXC_INTERRUPT)
		gic_handle();
	else if (!tlb_filled(f) && !user_trapped(f) && !fault_expected(f))
		trap_die(f);
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	if (access == ACCESS_WRITE)
		return mapped ? EXC_MODIFIED : EXC_STORE;
	if (!mapped)
		return EXC_LOAD;
	return access == ACCESS_EXEC ? EXC_NO_EXEC : EXC_NO_READ;
}
