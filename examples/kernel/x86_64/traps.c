/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on x86-64.
 *
 * Theory of operation
 * Provoked     page faults at the marks of probe.h go on there.
 * User mode    whatever traps there ends it.
 * Roots        a trap on the second root (conform_roots.c) is handled on the kernel's, and goes back to the second.
 * Stacks       a double fault uses a stack of its own (IST 1), because it mostly means that the
 *              normal stack is used up. All others run on the stack they interrupt.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "../smp.h"
#include "apic.h"
#include "cpu.h"
#include "traps.h"

enum { TRAP_INVALID = 6, TRAP_DOUBLE_FAULT = 8, TRAP_PAGE_FAULT = 14 };

/* Error code of a page fault (Intel SDM volume 3A, section 4.7). */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_FETCH = 16 };

/* What trap.S pushes, lowest address first. */
struct trap_frame {
	uint64_t root, pad; /* where it goes back to, and where it came from */
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern char trap_entries[TRAP_COUNT][16];
extern char probe_overflow_done[], user_left[];
void trap_handle(struct trap_frame *f);

enum { SELECTOR_CODE = 8, SELECTOR_TSS = 16, SELECTOR_RING = 3 };
#define MSR_GS_BASE 0xc0000101u
/* A page of its own. */
static struct gate idt[4096 / sizeof(struct gate)] __attribute__((aligned(4096)));
_Static_assert(sizeof(idt) == 4096 && TRAP_COUNT <= 4096 / sizeof(struct gate), "one page");

static void gate_set(struct gate *g, const void *entry, uint8_t ist)
{
	uint64_t offset = (uint64_t)entry;

	*g = (struct gate){ .offset_low = (uint16_t)offset,
			    .selector = SELECTOR_CODE,
			    .ist = ist,
			    .type = 0x8e, /* present, interrupt gate */
			    .offset_mid = (uint16_t)(offset >> 16),
			    .offset_high = (uint32_t)(offset >> 32) };
}

/* Code segment and task state; the latter knows the stack of double faults. */
static void gdt_load(struct machine_cpu *m)
{
	struct table_pointer pointer = { sizeof(m->gdt) - 1, (uint64_t)m->gdt };
	uint64_t base = (uint64_t)&m->tss;

	m->tss.iomap = sizeof(m->tss);
	m->tss.ist[0] = (uint64_t)(m->fault_stack + sizeof(m->fault_stack));
	m->gdt[1] = 0x00af9b000000ffff; /* code: 64 bits, ring 0 */
	m->gdt[2] = (sizeof(m->tss) - 1) | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 |
		    (base >> 24 & 0xff) << 56;
	m->gdt[3] = base >> 32;
	m->gdt[4] = 0x00cff3000000ffff; /* data, ring 3 */
	m->gdt[5] = 0x00affb000000ffff; /* code: 64 bits, ring 3 */
	m->entry_stack = (uint64_t)(m->user_stack + sizeof(m->user_stack));
	m->tss.rsp[0] = m->entry_stack;
	__asm__ volatile("lgdt %0" : : "m"(pointer));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* Protection keys, of the user's pages and of the kernel's (CPUID leaf 7, ECX), before machine_pt_probe() looks. All is
 * allowed until somebody says otherwise. */
static void keys_enable(void)
{
	const uint32_t has = cpu_id7_ecx();

	cpu_set_cr4(cpu_cr4() | (has & 1u << 3 ? CR4_PKE : 0) | (has & 1u << 31 ? CR4_PKS : 0));
}

void machine_cpu_init(struct cpu *me)
{
	struct table_pointer pointer = { TRAP_COUNT * sizeof(*idt) - 1, (uint64_t)idt };

	me->machine.self = me;
	cpu_write_msr(MSR_GS_BASE, (uint64_t)&me->machine.self);
	gdt_load(&me->machine);
	for (unsigned i = 0; i < TRAP_COUNT; i++) /* the same on all CPUs */
		gate_set(&idt[i], trap_entries[i], i == TRAP_DOUBLE_FAULT);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	keys_enable();
	me->id = apic_cpu_init();
}

/* Was this page fault provoked? Then note it and let the frame return to the fixup. A call has
 * pushed its return address. */
static bool page_fault_expected(struct trap_frame *f)
{
	bool fetch = f->error & PF_FETCH;
	uintptr_t to =
		probe_faulted(fetch ? *(const uint64_t *)f->rsp : f->rip, cpu_cr2(), f->error);

	if (!to)
		return false;
	f->rip = to;
	if (fetch)
		f->rsp += sizeof(uint64_t);
	return true;
}

/* A double fault with an address in the guard page is a stack that is used up. */
static bool overflow_expected(struct trap_frame *f)
{
	struct cpu *me = machine_cpu();

	if (!me->machine.overflow_rsp || !probe_in_guard(cpu_cr2()))
		return false;
	me->fault = (struct fault){ .taken = true, .va = cpu_cr2(), .code = PF_WRITE };
	f->rip = (uint64_t)probe_overflow_done;
	f->rsp = me->machine.overflow_rsp;
	me->machine.overflow_rsp = 0;
	return true;
}

/* User code ends with an instruction that is none, or with a page fault. */
static bool user_trapped(struct trap_frame *f)
{
	struct cpu *me = machine_cpu();

	if (!(f->cs & SELECTOR_RING) || !me->user_sp ||
	    (f->vector != TRAP_PAGE_FAULT && f->vector != TRAP_INVALID))
		return false;
	f->root = cpu_cr3();
	f->rip = (uint64_t)user_left;
	f->cs = SELECTOR_CODE;
	f->ss = 0;
	f->rflags = 2;
	f->rsp = me->user_sp;
	probe_user_trapped((struct fault){ .taken = f->vector == TRAP_PAGE_FAULT,
					   .value = (uint8_t)f->rax,
					   .va = cpu_cr2(),
					   .code = f->error & ~(uint64_t)PF_USER });
	return true;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected exception %lu, error code %#lx, address %#lx%s\n",
		machine_cpu()->number, f->vector, f->error, cpu_cr2(),
		f->vector == TRAP_DOUBLE_FAULT && probe_in_guard(cpu_cr2()) ? ": stack overflow"
									    : "");
	kprintf("rip %016lx  cs %04lx  rflags %08lx  rsp %016lx  ss %04lx\n", f->rip, f->cs,
		f->rflags, f->rsp, f->ss);
	kprintf("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	kprintf("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	kprintf("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	kprintf("r13 %016lx  r14 %016lx  r15 %016lx\n", f->r13, f->r14, f->r15);
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	machine_cpu()->machine.switches += f->root != cpu_cr3();
	if (user_trapped(f))
		return;
	if (f->vector == TRAP_PAGE_FAULT && page_fault_expected(f))
		return;
	if (f->vector == TRAP_DOUBLE_FAULT && overflow_expected(f))
		return;
	if (f->vector < TRAP_INTERRUPT)
		trap_die(f);
	if (f->vector == TRAP_INTERRUPT) {
		smp_interrupt();
		apic_done();
	}
}

uint64_t machine_fault_code(enum access access, bool mapped)
{
	uint64_t code = mapped ? PF_PRESENT : 0;

	if (access == ACCESS_WRITE)
		code |= PF_WRITE;
	if (access == ACCESS_EXEC)
		code |= PF_FETCH;
	return code;
}

/* All that traps need on the second root: where they begin, the table that tells the CPU where that is, and of each
 * CPU its segments and stacks. */
bool machine_entry_part(uint32_t *it, struct entry_part *part)
{
	const uint32_t i = (*it)++;

	if (i == 0)
		*part = (struct entry_part){ image_entry, image_entry_end, MM_PT_READ | MM_PT_EXEC };
	else if (i == 1)
		*part = (struct entry_part){ (char *)idt, (char *)idt + sizeof(idt), MM_PT_READ };
	else if (i - 2 < CPUS_MAX)
		*part = (struct entry_part){ (char *)&cpus[i - 2].machine, (char *)(&cpus[i - 2].machine + 1),
					     MM_PT_READ | MM_PT_WRITE };
	return i - 2 < CPUS_MAX || i < 2;
}
