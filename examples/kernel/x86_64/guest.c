/* SPDX-License-Identifier: MIT */
/* AMD's nested tables under test: this kernel runs as its own guest.
 *
 * Theory of operation
 * Problem      nested tables (AMD64 APM volume 2, 15.25) are x86-64's own format, used by what a guest
 *              does. A guest that leaves after each access would show no flush that is missing: QEMU
 *              forgets all when one is entered.
 * Structure    guest_enter() returns as a guest, in the state that it was called in, and stays one. The
 *              tree under test has all memory at its own address, in the first entry of its root, so that
 *              nothing changes for the kernel; the pages that are tried are in the second entry. The
 *              guest's own tables (guest_root) are the kernel's upper half and, in that second entry, each
 *              address at itself, with all rights of all modes.
 * Host         a loop with a stack of its own, on each CPU, without interrupts (GIF), which are the
 *              guest's. A nested page fault goes back to the guest as a page fault at that address, which
 *              its handler knows; VMMCALL is for what only a host does: other tables, a flush, and to end
 *              being a guest.
 * Users        all that a guest does is a user's access to nested tables, its walks of its own tables too, which
 *              count as writes (15.25.5 "Nested Table Walk").
 * Flush        by TLB_CONTROL of the VMCB (15.16.1), or by another ASID, when the guest is entered again. A
 *              CPU has to be out of its guest for that: the interrupt of the call that flushes sees to it. */
#include "guest.h"
#include "cpu.h"

#define MSR_EFER        0xc0000080u
#define MSR_PAT         0x277u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define EFER_SVME       (UINT64_C(1) << 12)

/* All memory and all devices lie below; what is tried lies in [GUEST_ROOT_BYTES, 2 * GUEST_ROOT_BYTES). */
#define GUEST_REACH      (UINT64_C(32) << 30)
#define GUEST_ROOT_BYTES (UINT64_C(1) << 39)
#define GUEST_VA         (GUEST_ROOT_BYTES + (UINT64_C(64) << 30))
#define GUEST_CODE       (GUEST_ROOT_BYTES + (UINT64_C(60) << 30))

struct segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};

/* APM volume 2, appendix B: what is not named is 0. */
struct vmcb {
	uint32_t intercepts[5]; /* 0x000 */
	uint8_t zero0[0x58 - 0x14];
	uint32_t asid; /* 0x058 */
	uint8_t tlb_control;
	uint8_t zero1[0x70 - 0x5d];
	uint64_t exit_code, exit_info[3]; /* 0x070 */
	uint64_t nested; /* 0x090 */
	uint64_t zero2[2];
	uint64_t event; /* 0x0a8 */
	uint64_t nested_root;
	uint8_t zero3[0x400 - 0xb8];
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
	uint8_t zero4[0x4cb - 0x4a0];
	uint8_t cpl; /* 0x4cb */
	uint32_t zero5;
	uint64_t efer; /* 0x4d0 */
	uint8_t zero6[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip; /* 0x548 */
	uint8_t zero7[0x5d8 - 0x580];
	uint64_t rsp; /* 0x5d8 */
	uint8_t zero8[0x5f8 - 0x5e0];
	uint64_t rax; /* 0x5f8 */
	uint8_t zero9[0x640 - 0x600];
	uint64_t cr2; /* 0x640 */
	uint8_t zero10[0x668 - 0x648];
	uint64_t pat; /* 0x668 */
	uint8_t zero11[0x1000 - 0x670];
};
_Static_assert(sizeof(struct vmcb) == 0x1000 && offsetof(struct vmcb, cpl) == 0x4cb &&
		       offsetof(struct vmcb, pat) == 0x668 && offsetof(struct vmcb, rip) == 0x578 &&
		       offsetof(struct vmcb, event) == 0xa8,
	       "as the manual has it");

enum { INTERCEPT_SHUTDOWN = 31, INTERCEPT_VMRUN = 0, INTERCEPT_VMMCALL = 1 }; /* bits of words 3 and 4 */
enum { TLB_NOTHING = 0, TLB_ALL = 1 };
enum { EXIT_VMMCALL = 0x81, EXIT_NESTED_FAULT = 0x400, VMMCALL_BYTES = 3 };
#define WALK_OF_GUEST_TABLES (UINT64_C(1) << 33)
/* Vector 14, an exception with an error code, which the upper half has. */
#define EVENT_PAGE_FAULT UINT64_C(0x80000b0e)
enum { PF_USER = 4, PF_CODE = 0x1b };

/* What guest_enter() pushes, lowest address first. */
struct guest_regs {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx;
};

/* What a CPU's guest has: a VMCB, a page for the host's state, and the host's stack. */
enum { VMCB, HOST_STATE, HOST_STACK, GUEST_PAGES = 4 };
enum guest_call { GUEST_LOAD, GUEST_FLUSH, GUEST_LEAVE };

void guest_enter(uint64_t vmcb_pa, struct vmcb *vmcb, uintptr_t stack_end);
bool guest_exit(struct vmcb *v, const struct guest_regs *r);
void guest_call(enum guest_call call, uint64_t root, unsigned asid);

bool guest_flush_by_asid;
static bool started;
static struct {
	mm_paddr_t pages;
	bool inside;
} guests[CPUS_MAX];
static mm_paddr_t guest_root; /* and behind it the table that its second entry leads to */

static struct vmcb *vmcb_of(const struct cpu *c)
{
	return direct_map(guests[c->number].pages);
}

/* A guest does what it did not get done again, unless its handler of page faults knows better. */
static void nested_fault(struct vmcb *v)
{
	const uint64_t va = v->exit_info[1], code = v->exit_info[0];

	if (va < GUEST_ROOT_BYTES || code & WALK_OF_GUEST_TABLES) {
		kprintf("\nnested fault at %#lx, code %#lx, rip %#lx\n", va, code, v->rip);
		machine_exit(false);
	}
	v->cr2 = va;
	v->event = EVENT_PAGE_FAULT | ((code & PF_CODE) | (v->cpl == 3 ? PF_USER : 0)) << 32;
}

/* There are two for each tree. Nothing is left under the second one when it comes, since all goes with it. */
enum { SECOND_ASID = 8 };

static void set_asid(struct vmcb *v, uint32_t asid)
{
	if (v->asid & SECOND_ASID)
		v->tlb_control = TLB_ALL;
	v->asid = asid;
}

/* Of guest_enter(), as the host. Does the guest go on? */
bool guest_exit(struct vmcb *v, const struct guest_regs *r)
{
	v->tlb_control = TLB_NOTHING;
	v->event = 0;
	if (v->exit_code == EXIT_NESTED_FAULT) {
		nested_fault(v);
		return true;
	}
	if (v->exit_code != EXIT_VMMCALL) {
		kprintf("\nguest: exit %#lx, %#lx %#lx, rip %#lx\n", v->exit_code, v->exit_info[0], v->exit_info[1],
			v->rip);
		machine_exit(false);
	}
	v->rip += VMMCALL_BYTES;
	if (r->rdi == GUEST_LOAD) {
		v->nested_root = r->rsi;
		set_asid(v, (uint32_t)r->rdx);
	} else if (r->rdi == GUEST_FLUSH && guest_flush_by_asid) {
		set_asid(v, v->asid ^ SECOND_ASID);
	} else {
		v->tlb_control = TLB_ALL;
	}
	return r->rdi != GUEST_LEAVE;
}

static struct segment table_register(bool idt)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} p;

	if (idt)
		__asm__ volatile("sidt %0" : "=m"(p));
	else
		__asm__ volatile("sgdt %0" : "=m"(p));
	return (struct segment){ .limit = p.limit, .base = p.base };
}

/* This CPU as it is, but for its tables. */
static void fill(struct vmcb *v)
{
	const struct segment data = { 0, 0xc93, 0xffffffff, 0 };

	__builtin_memset(v, 0, sizeof(*v));
	v->intercepts[3] = 1u << INTERCEPT_SHUTDOWN;
	v->intercepts[4] = 1u << INTERCEPT_VMRUN | 1u << INTERCEPT_VMMCALL;
	v->tlb_control = TLB_ALL;
	v->nested = 1;
	v->cs = (struct segment){ 8, 0xa9b, 0xffffffff, 0 };
	v->ss = v->ds = v->es = data;
	v->gdtr = table_register(false);
	v->idtr = table_register(true);
	v->efer = cpu_read_msr(MSR_EFER);
	__asm__ volatile("mov %%cr0, %0" : "=r"(v->cr0));
	v->cr3 = guest_root;
	v->cr4 = cpu_cr4();
	v->dr6 = 0xffff0ff0;
	v->dr7 = 0x400;
	v->rflags = 2;
	v->pat = cpu_read_msr(MSR_PAT);
}

void guest_load(mm_paddr_t root, unsigned asid)
{
	struct cpu *me = machine_cpu();
	const mm_paddr_t pages = guests[me->number].pages;
	struct vmcb *v = vmcb_of(me);
	const bool irq = machine_irq_save();

	if (guests[me->number].inside) {
		guest_call(GUEST_LOAD, root, asid);
	} else {
		guests[me->number].inside = true;
		cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) | EFER_SVME);
		cpu_write_msr(MSR_VM_HSAVE_PA, pages + HOST_STATE * MM_FRAME_SIZE);
		fill(v);
		v->nested_root = root;
		v->asid = asid;
		guest_enter(pages, v, (uintptr_t)v + GUEST_PAGES * MM_FRAME_SIZE);
	}
	machine_irq_restore(irq);
}

static void job_leave(struct cpu *me)
{
	const bool irq = machine_irq_save();

	guest_call(GUEST_LEAVE, 0, 0);
	guests[me->number].inside = false;
	cpu_write_msr(MSR_EFER, cpu_read_msr(MSR_EFER) & ~EFER_SVME);
	machine_irq_restore(irq);
}

bool guest_is_in(void)
{
	return started && conform.pt == &conform.own;
}

/* Before a CPU is in its guest the tree is not in use. */
void guest_flush(void)
{
	if (guests[machine_cpu()->number].inside)
		guest_call(GUEST_FLUSH, 0, 0);
}

/* CPUID Fn8000_0001 ECX bit 2: there is VMRUN. Fn8000_000A EDX bit 0: there are nested tables. */
static bool has_nested_tables(void)
{
	uint32_t eax = 0x80000001, ebx, ecx, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	if (!(ecx & 4))
		return false;
	eax = 0x8000000a;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return edx & 1;
}

/* The guest's own tables. All of a page's bits that hardware sets are set: 0xe7 is a leaf with all rights. */
static bool make_guest_root(void)
{
	uint64_t *root;

	if (!conform_take(2 * MM_FRAME_SIZE, &guest_root))
		return false;
	root = direct_map(guest_root);
	__builtin_memset(root, 0, MM_FRAME_SIZE);
	__builtin_memcpy(root + 256, (uint64_t *)direct_map(kernel.pt.root) + 256, MM_FRAME_SIZE / 2);
	root[1] = (guest_root + MM_FRAME_SIZE) | 0x27;
	for (unsigned i = 0; i < 512; i++)
		root[512 + i] = GUEST_ROOT_BYTES + ((uint64_t)i << 30) + 0xe7;
	return true;
}

/* All memory at its own address, with the rights that a writable page and the image's code have. */
static bool map_memory(struct mm_pt *pt)
{
	const uint32_t attr = MM_PT_READ | MM_PT_USER;
	const uintptr_t text = (uintptr_t)image_text - MACHINE_IMAGE_OFFSET;
	struct mm_tlb_gather g = { 0 };
	bool ok = mm_pt_map(pt, 0, 0, GUEST_REACH, attr | MM_PT_WRITE, 0, &g) == MM_OK;

	ok = ok && mm_pt_protect(pt, text, (uint64_t)(image_text_end - image_text), attr | MM_PT_EXEC, 0, &g) ==
			   MM_OK;
	mm_pt_sync(pt, &g);
	return ok;
}

const char *guest_init(struct conform *c)
{
	struct mm_pt_cfg cfg;

	if (machine_five_levels || !has_nested_tables())
		return "this CPU has no nested tables of four levels";
	machine_pt_probe(&cfg);
	cfg.features = 0; /* keys of nested pages mean nothing */
	if (mm_pt_init(&c->own, machine_pt_port(), &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	c->pt = &c->own;
	c->va = GUEST_VA;
	c->code = GUEST_CODE;
	c->end = 2 * GUEST_ROOT_BYTES;
	c->user_only = c->faults_forget = c->with_kernel = true;
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		if (!conform_take(GUEST_PAGES * MM_FRAME_SIZE, &guests[i].pages))
			return "no memory for guests";
	if (!make_guest_root() || !map_memory(&c->own))
		return "no memory for a guest's tables";
	started = true;
	check_skip("guests: what one has used stays under its ASID, and under no other",
		   "QEMU 7.2 forgets all when a guest begins and ends");
	return NULL;
}

void guest_end(void)
{
	struct mm_tlb_gather g = { 0 };

	if (!started)
		return;
	smp_run(job_leave);
	started = false;
	check_status(mm_pt_unmap(&conform.own, 0, GUEST_REACH, 0, &g), MM_OK, "all CPUs have left their guests");
	mm_pt_sync(&conform.own, &g);
	conform_give(guest_root, 2 * MM_FRAME_SIZE);
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		conform_give(guests[i].pages, GUEST_PAGES * MM_FRAME_SIZE);
}
