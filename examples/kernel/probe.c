/* SPDX-License-Identifier: MIT */
#include "probe.h"

struct fixup {
	uintptr_t at, to;
};

extern const struct fixup fixups[], fixups_end[];

uintptr_t probe_faulted(uintptr_t at, uintptr_t va, uint64_t code)
{
	for (const struct fixup *x = fixups; x < fixups_end; x++)
		if (x->at == at) {
			machine_cpu()->fault =
				(struct fault){ .taken = true, .va = va, .code = code };
			return x->to;
		}
	return 0;
}

bool probe_in_guard(uintptr_t va)
{
	return va - (machine_cpu()->stack - GUARD_BYTES) < GUARD_BYTES;
}

/* What was noted, if anything was. */
static struct fault result(bool faulted)
{
	const struct fault *met = &machine_cpu()->fault;

	return faulted == met->taken ? *met : (struct fault){ 0 };
}

struct fault probe(enum access access, const void *va)
{
	struct fault *met = &machine_cpu()->fault;

	const bool guest = MACHINE_GUEST();

	*met = (struct fault){ 0 };
	if (access == ACCESS_READ)
		return result(guest ? guest_read(va, &met->value) : probe_read(va, &met->value));
	if (access == ACCESS_WRITE)
		return result(guest ? guest_write(va) : probe_write(va));
	return result(guest ? guest_exec(va) : probe_exec(va));
}

struct fault probe_user(enum access access, const void *va, uintptr_t code)
{
	struct cpu *me = machine_cpu();
	uintptr_t pc = code + (access == ACCESS_READ ? MACHINE_USER_READ : MACHINE_USER_WRITE);

	user_enter(access == ACCESS_EXEC ? (uintptr_t)va : pc, (uintptr_t)va, &me->user_sp);
	return me->fault;
}

void probe_user_trapped(struct fault f)
{
	machine_cpu()->fault = f;
	machine_cpu()->user_sp = 0;
}

/* Interrupts off: some machines take them on the stack that is there. */
struct fault probe_stack_end(void)
{
	struct cpu *me = machine_cpu();
	bool irq = machine_irq_save();
	bool faulted;

	me->fault = (struct fault){ 0 };
	faulted = probe_overflow(me->stack);
	machine_irq_restore(irq);
	return result(faulted);
}
