/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts of the demo kernel on i386.
 *
 * Theory of operation
 * Provoked     page faults at the marks of probe.h go on there.
 * User mode    whatever traps there ends it. The trap's frame is on another stack than user_enter()'s, which
 *              user_left finds in ESI: a return within ring 0 takes no stack from the frame.
 * Segments     flat. gs finds this CPU's data, in ring 3 too, or a return to there would clear it.
 * All others   print the registers and leave the machine with a failure. */
#include "../console.h"
#include "../probe.h"
#include "../x86_64/apic.h"
#include "../x86_64/cpu.h"
#include "../x86_64/traps.h"

enum { TRAP_INVALID = 6, TRAP_PAGE_FAULT = 14 };

/* Error code of a page fault (Intel SDM volume 3A, section 4.7). PF_FETCH needs EFER.NXE and PAE. */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_FETCH = 16 };

/* What trap.S pushes, lowest address first; `esp` and `ss` only from ring 3. */
struct trap_frame {
	uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
	uint32_t vector, error;
	uint32_t eip, cs, eflags, esp, ss;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint32_t base;
};

extern char trap_entries[TRAP_COUNT][16];
extern char user_left[];
void trap_handle(struct trap_frame *f);

/* Order of the segments. trap.S knows those of ring 3. */
enum { SELECTOR_CODE = 8, SELECTOR_DATA = 0x10, SELECTOR_USER_DATA = 0x23, SELECTOR_TSS = 0x28,
       SELECTOR_CPU = 0x33, SELECTOR_RING = 3 };
static uint64_t idt[TRAP_COUNT];

static uint64_t segment(uint32_t base, uint32_t limit, uint64_t access)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | access << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
}

static void gdt_load(struct machine_cpu *m)
{
	struct table_pointer pointer = { sizeof(m->gdt) - 1, (uint32_t)m->gdt };

	m->tss.esp0 = (uint32_t)(m->user_stack + sizeof(m->user_stack));
	m->tss.ss0 = SELECTOR_DATA;
	m->tss.iomap = sizeof(m->tss);
	m->gdt[1] = 0x00cf9b000000ffff;
	m->gdt[2] = 0x00cf93000000ffff;
	m->gdt[3] = 0x00cffb000000ffff; /* code, ring 3 */
	m->gdt[4] = 0x00cff3000000ffff; /* data, ring 3 */
	m->gdt[5] = segment((uint32_t)&m->tss, sizeof(m->tss) - 1, 0x89);
	m->gdt[6] = segment((uint32_t)m, sizeof(m->self) - 1, 0xf3) | UINT64_C(4) << 52;
	__asm__ volatile("lgdt %0" : : "m"(pointer));
	__asm__ volatile("ljmp %0, $1f; 1:" : : "i"(SELECTOR_CODE));
	__asm__ volatile("movl %0, %%ds; movl %0, %%es; movl %1, %%ss; movl %2, %%gs"
			 :
			 : "r"(SELECTOR_USER_DATA), "r"(SELECTOR_DATA), "r"(SELECTOR_CPU)
			 : "memory");
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

void machine_cpu_init(struct cpu *me)
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uint32_t)idt };

	me->machine.self = me;
	gdt_load(&me->machine);
	for (unsigned i = 0; i < TRAP_COUNT; i++) { /* the same on all CPUs; present, interrupt gate */
		uint32_t entry = (uint32_t)trap_entries[i];

		idt[i] = (entry & 0xffff) | (uint64_t)SELECTOR_CODE << 16 | UINT64_C(0x8e00) << 32 |
			 (uint64_t)(entry >> 16) << 48;
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
	me->id = apic_cpu_init();
}

/* Was this page fault provoked? Then note it and let the frame return to the fixup. That it was a fetch the error
 * code does not tell without PAE, but the address does. A call has pushed its return address, which the kernel's
 * stack has next, since ring 0 pushes no stack pointer. */
static bool page_fault_expected(struct trap_frame *f)
{
	bool fetch = f->eip == cpu_cr2();
	uintptr_t to = probe_faulted(fetch ? f->esp : f->eip, cpu_cr2(), f->error);

	if (to)
		f->eip = to;
	return to != 0;
}

/* User code ends with an instruction that is none, or with a page fault. */
static bool user_trapped(struct trap_frame *f)
{
	struct cpu *me = machine_cpu();

	if (!(f->cs & SELECTOR_RING) || !me->user_sp ||
	    (f->vector != TRAP_PAGE_FAULT && f->vector != TRAP_INVALID))
		return false;
	f->eip = (uint32_t)user_left;
	f->cs = SELECTOR_CODE;
	f->eflags = 2;
	f->esi = me->user_sp;
	probe_user_trapped((struct fault){ .taken = f->vector == TRAP_PAGE_FAULT,
					   .value = (uint8_t)f->eax,
					   .va = cpu_cr2(),
					   .code = f->error & ~(uint32_t)PF_USER });
	return true;
}

static noreturn void trap_die(const struct trap_frame *f)
{
	kprintf("\nCPU %u: unexpected exception %u, error code %#x, address %#lx\n", machine_cpu()->number,
		f->vector, f->error, (unsigned long)cpu_cr2());
	kprintf("eip %08x  cs %04x  eflags %08x\n", f->eip, f->cs, f->eflags);
	kprintf("eax %08x  ebx %08x  ecx %08x  edx %08x\n", f->eax, f->ebx, f->ecx, f->edx);
	kprintf("esi %08x  edi %08x  ebp %08x\n", f->esi, f->edi, f->ebp);
	machine_exit(false);
}

void trap_handle(struct trap_frame *f)
{
	if (user_trapped(f))
		return;
	if (f->vector == TRAP_PAGE_FAULT && page_fault_expected(f))
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
	if (access == ACCESS_EXEC && !machine_two_levels)
		code |= PF_FETCH;
	return code;
}
