/* SPDX-License-Identifier: MIT */
/* Accesses that are meant to fault.
 *
 * trap.S of each machine marks each instruction that may fault with a place to go on, in section
 * .fixups. A fault at a marked instruction is noted for this CPU and resumed there; all others end
 * the kernel. A call to memory that forbids execution faults at its target, so there the mark is
 * the return address. */
#ifndef PROBE_H
#define PROBE_H
#include "machine.h"

/* Touch an address, and live to tell: reads a byte, writes a zero byte, or calls it. */
struct fault probe(enum access access, const void *va);
/* The same, done by code in user mode: it runs from the page at @code, which holds machine_user; to
 * execute, @va itself holds the part that only traps. Interrupts on. */
struct fault probe_user(enum access access, const void *va, uintptr_t code);
/* Run off the end of this CPU's stack, as a recursion without end does. */
struct fault probe_stack_end(void);

/* For the machine's handler. Is there a mark at @at? Then note the fault, and return where to go
 * on; else return 0. */
uintptr_t probe_faulted(uintptr_t at, uintptr_t va, uint64_t code);
/* For the machine's handler: user code has trapped, by a fault or, if @f.taken is false, by itself.
 * user_enter() shall return, on the stack user_sp, which is 0 from here on. */
void probe_user_trapped(struct fault f);
/* Is this address in the guard page of this CPU's stack? */
bool probe_in_guard(uintptr_t va);

/* In trap.S: true if the access faulted. */
bool probe_read(const void *va, uint8_t *value);
bool probe_write(const void *va);
bool probe_exec(const void *va);
/* The same of a guest's memory, where MACHINE_GUEST() may be true. */
bool guest_read(const void *va, uint8_t *value);
bool guest_write(const void *va);
bool guest_exec(const void *va);
bool probe_overflow(uintptr_t stack);
/* Run user code at @pc with @argument, until it traps; @sp is where to note the stack. */
void user_enter(uintptr_t pc, uintptr_t argument, uintptr_t *sp);
#endif
