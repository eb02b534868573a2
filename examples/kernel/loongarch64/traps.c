/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on LoongArch64, but for TLB refill.
 *
 * Theory of operation
 * TLB          what is not valid, or not dirty, is looked for in the tables (tlb.c); what they forbid is a fault.
 * Provoked     faults at the marks of probe.h go on there.
 * User mode    whatever it raises else ends it.
 * Privilege    a page that is not the user's raises an exception of its own, which does not tell the kind of access:
 *              probes are told what they would be told of a page that forbids that access to all.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "cpu.h"

/* ESTAT.Ecode: volume 1, "Exception Encodings". */
enum { EXC_INTERRUPT = 0, EXC_LOAD = 1, EXC_STORE = 2, EXC_FETCH = 3, EXC_MODIFY = 4, EXC_NO_READ = 5,
       EXC_NO_EXEC = 6, EXC_PRIVILEGE = 7, EXC_ADDRESS = 8, EXC_CALL = 11 };
enum { ECODE_SHIFT = 16 };

/* Two instructions of trap.S by their upper bits. */
enum { OP_SHIFT = 22, OP_ST_B = 0xa4 };

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t r[32];
	uint64_t pc, status, cause, bad;
};
enum { R_RA = 1, R_SP = 3, R_A0 = 4 };

_Static_assert(offsetof(struct cpu, user_sp) == CPU_USER_SP, "the number in trap.S");

extern const char user_left[];
void trap_handle(struct trap_frame *f);

static unsigned ecode(const struct trap_frame *f)
{
	return f->cause >> ECODE_SHIFT & 63;
}

static bool is_page(const struct trap_frame *f)
{
	return ecode(f) >= EXC_LOAD && ecode(f) <= EXC_PRIVILEGE;
}

/* An instruction that is fetched is not there to be looked at. */
static enum access access_of(const struct trap_frame *f)
{
	const unsigned code = ecode(f);

	if (code == EXC_FETCH || code == EXC_NO_EXEC || (code == EXC_PRIVILEGE && f->bad == f->pc))
		return ACCESS_EXEC;
	if (code == EXC_STORE || code == EXC_MODIFY)
		return ACCESS_WRITE;
	return code == EXC_PRIVILEGE && csr_read(CSR_BADI) >> OP_SHIFT == OP_ST_B ? ACCESS_WRITE : ACCESS_READ;
}

static uint64_t code_of(const struct trap_frame *f)
{
	return ecode(f) == EXC_PRIVILEGE ? machine_fault_code(access_of(f), true) : ecode(f);
}

static bool is_user(const struct trap_frame *f)
{
	return f->status & PLV_USER;
}

static bool tlb_filled(const struct trap_frame *f)
{
	static const uint32_t right[] = { MM_PT_READ, MM_PT_WRITE, MM_PT_EXEC };

	return ecode(f) >= EXC_LOAD && ecode(f) <= EXC_MODIFY &&
	       tlb_exception(f->bad, right[access_of(f)] | (is_user(f) ? (uint32_t)MM_PT_USER : 0u));
}

/* User code ends with a call, or with a fault. */
static bool user_trapped(struct trap_frame *f)
{
	const uintptr_t sp = machine_cpu()->user_sp;

	if (!is_user(f) || !sp || (!is_page(f) && ecode(f) != EXC_CALL))
		return false;
	f->pc = (uint64_t)user_left;
	f->status &= ~(uint64_t)PLV_USER;
	f->r[R_SP] = sp;
	probe_user_trapped((struct fault){
		.taken = is_page(f), .value = (uint8_t)f->r[R_A0], .va = f->bad, .code = code_of(f) });
	return true;
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. Where no memory is, an access ends in
 * an error of its address. */
static bool fault_expected(struct trap_frame *f)
{
	uintptr_t to;

	if (!is_page(f) && ecode(f) != EXC_ADDRESS)
		return false;
	to = probe_faulted(access_of(f) == ACCESS_EXEC ? f->r[R_RA] : f->pc, f->bad, code_of(f));
	if (to)
		f->pc = to;
	return to != 0;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected exception %u, address %#lx\n", machine_cpu()->number, ecode(f), f->bad);
	kprintf("pc  %016lx  status %lx  cause %lx\n", f->pc, f->status, f->cause);
	for (unsigned i = 1; i < 32; i++)
		kprintf("r%-2u %016lx%s", i, f->r[i], i % 4 == 0 || i == 31 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	if (ecode(f) == EXC_INTERRUPT) {
		iocsr_write(IOCSR_CLEAR, UINT32_MAX);
		__asm__ volatile("dbar 0" : : : "memory");
		smp_interrupt();
	} else if (!tlb_filled(f) && !user_trapped(f) && !fault_expected(f)) {
		trap_die(f);
	}
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	static const uint8_t absent[] = { EXC_LOAD, EXC_STORE, EXC_FETCH };
	static const uint8_t denied[] = { EXC_NO_READ, EXC_MODIFY, EXC_NO_EXEC };

	return mapped ? denied[access] : absent[access];
}
