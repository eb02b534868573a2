/* SPDX-License-Identifier: MIT */
/* Interruptions of the demo kernel on s390x.
 *
 * Theory of operation
 * Provoked     faults at the marks of probe.h go on there, out of the tree under test.
 * Home space   SVC and faults end what was entered there: code of the tree under test, and user mode.
 * Faults       the translation-exception identification tells the page, whether the access was a store, and which
 *              protection it was. Which table an entry is missing from is the program-interruption code, and here all
 *              the same.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "cpu.h"

/* "Program-Interruption Codes". */
enum { CODE_PROTECTION = 0x04, CODE_SEGMENT = 0x10, CODE_PAGE = 0x11, CODE_REGION1 = 0x39, CODE_REGION3 = 0x3b };
/* "Translation-Exception Identification": a fetch, a store; protection by DAT; of instructions. */
enum { TELLS_FETCH = 0x800, TELLS_STORE = 0x400, TELLS_NX = 0x80, TELLS_DAT = 0x4, TELLS = 0xc84 };

/* What trap.S stores, lowest address first. */
struct trap_frame {
	uint64_t r[16];
	uint64_t mask, pc;
};
enum { R_2 = 2, R_SP = 15, FAULT_CODE_SHIFT = 16 };

_Static_assert(offsetof(struct cpu, user_sp) == CPU_USER_SP, "the number in trap.S");

extern const char user_left[];
void kernel_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp);
void trap_handle(struct trap_frame *f, unsigned kind);

static unsigned code_of_program(void)
{
	return low16(LOW_PROGRAM_CODE);
}

static bool is_missing(unsigned code)
{
	return code == CODE_SEGMENT || code == CODE_PAGE || (code >= CODE_REGION1 && code <= CODE_REGION3);
}

static bool is_fault(unsigned kind)
{
	return kind == TRAP_PROGRAM && (code_of_program() == CODE_PROTECTION || is_missing(code_of_program()));
}

static uint64_t fault_va(void)
{
	return low64(LOW_TRANSLATION) & ~UINT64_C(0xfff);
}

static uint64_t fault_code(void)
{
	const uint64_t code = is_missing(code_of_program()) ? CODE_PAGE : code_of_program();

	return code << FAULT_CODE_SHIFT | (low64(LOW_TRANSLATION) & TELLS);
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	const uint64_t told = access == ACCESS_WRITE ? TELLS_STORE : TELLS_FETCH;

	if (!mapped)
		return (uint64_t)CODE_PAGE << FAULT_CODE_SHIFT | told;
	return (uint64_t)CODE_PROTECTION << FAULT_CODE_SHIFT | told | TELLS_DAT | (access == ACCESS_EXEC ? TELLS_NX : 0u);
}

/* What was entered ends with a call, or with a fault. */
static bool home_left(struct trap_frame *f, unsigned kind)
{
	const uintptr_t sp = machine_cpu()->user_sp;

	if ((f->mask & PSW_SPACE) != PSW_SPACE || !sp || (!is_fault(kind) && kind != TRAP_SVC))
		return false;
	probe_user_trapped((struct fault){
		.taken = kind != TRAP_SVC,
		.value = (uint8_t)f->r[R_2],
		.va = kind == TRAP_SVC ? 0 : fault_va(),
		.code = kind == TRAP_SVC ? 0 : fault_code() });
	f->mask = PSW_64; /* interrupts as they were: trap.S does that */
	f->pc = (uintptr_t)user_left;
	f->r[R_SP] = sp;
	return true;
}

/* Where was the instruction? Protection suppresses it, and then the PSW is behind it. */
static uint64_t fault_pc(const struct trap_frame *f)
{
	return f->pc - (code_of_program() == CODE_PROTECTION ? low16(LOW_PROGRAM_ILC) & 6u : 0u);
}

/* Was this fault provoked? Then note it and let the frame return to the fixup. */
static bool fault_expected(struct trap_frame *f, unsigned kind)
{
	uintptr_t to;

	if (!is_fault(kind))
		return false;
	to = probe_faulted(fault_pc(f), fault_va(), fault_code());
	if (!to)
		return false;
	f->pc = to;
	f->mask &= ~(PSW_DAT | PSW_SPACE);
	return true;
}

static bool external(struct trap_frame *f)
{
	const unsigned code = low16(LOW_EXTERNAL_CODE);

	f->mask &= ~PSW_WAIT;
	if (code == EXTERNAL_EMERGENCY)
		machine_emergency();
	else if (code == EXTERNAL_SERVICE)
		sclp_answered();
	return code == EXTERNAL_EMERGENCY || code == EXTERNAL_SERVICE;
}

static noreturn void trap_die(const struct trap_frame *f, unsigned kind)
{
	kprintf("\nCPU %u: unexpected interruption of kind %u, external %x, program %x, translation %lx\n",
		machine_cpu()->number, kind, low16(LOW_EXTERNAL_CODE), code_of_program(), low64(LOW_TRANSLATION));
	kprintf("psw %016lx %016lx\n", f->mask, f->pc);
	for (unsigned i = 0; i < 16; i++)
		kprintf("r%-2u %016lx%s", i, f->r[i], i % 4 == 3 ? "\n" : "  ");
	machine_exit(false);
}

void trap_handle(struct trap_frame *f, unsigned kind)
{
	if (kind == TRAP_EXTERNAL ? !external(f) : !home_left(f, kind) && !fault_expected(f, kind))
		trap_die(f, kind);
}

bool probe_exec(const void *va)
{
	struct cpu *me = machine_cpu();

	kernel_enter((uintptr_t)va, 0, &me->user_sp);
	return me->fault.taken;
}
