/* SPDX-License-Identifier: MIT */
/* Code that is called to see whether it may be.
 *
 * Theory of operation
 * Problem      QEMU (7.2, and later ones) reads the instruction that an exception is about for CSR.BADI. Where the
 *              exception is that it may not be fetched (PNX, PPI), that read raises it again, for ever.
 * Structure    so this CPU's TLB is asked first, after a load that fills it: an entry that forbids the fetch is told as
 *              the fault that it would be. What the TLB does not have, or allows, is fetched. */
#include "../probe.h"
#include "cpu.h"

#define LO_VALID     UINT64_C(1)
#define LO_PRIVILEGE UINT64_C(0xc)
#define LO_NO_EXEC   (UINT64_C(1) << 62)

bool fetch_call(const void *va);
void fetch_user(uintptr_t pc, uintptr_t argument, uintptr_t *sp);

/* Would it raise PNX or PPI? Then *@f is the fault. */
static bool is_forbidden(uintptr_t va, bool user, struct fault *f)
{
	uint8_t byte;
	uint64_t lo;

	(void)probe_read((const void *)va, &byte);
	lo = tlb_look(va);
	*f = (struct fault){ 0 };
	if (!(lo & LO_VALID) || (!(lo & LO_NO_EXEC) && (!user || (lo & LO_PRIVILEGE) == LO_PRIVILEGE)))
		return false;
	*f = (struct fault){ .taken = true, .va = va, .code = machine_fault_code(ACCESS_EXEC, true) };
	return true;
}

bool probe_exec(const void *va)
{
	return is_forbidden((uintptr_t)va, false, &machine_cpu()->fault) || fetch_call(va);
}

void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp)
{
	struct fault f;

	if (is_forbidden(pc, true, &f))
		probe_user_trapped(f);
	else
		fetch_user(pc, argument, sp);
}
