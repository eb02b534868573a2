/* SPDX-License-Identifier: MIT */
/* The address space of the demo kernel on AArch64. kernel.lds and boot.S know the same numbers. */
#ifndef LAYOUT_H
#define LAYOUT_H
#define MACHINE_DIRECT_MAP   0xffff800000000000
#define MACHINE_REACH        0xffffffff
#define MACHINE_LOW          0x40000000
#define MACHINE_SCRATCH      0xffffc00000000000
#define MACHINE_USER_SCRATCH 0x1000000000
#define MACHINE_USER_CODE    0x0f00000000
#define MACHINE_STACKS       0xffffd00000000000
#define MACHINE_IMAGE_OFFSET 0xffffffff80000000
#define MACHINE_UPPER        0xffff800000000000
#define MACHINE_UPPER_SIZE   0x0000800000000000

/* Memory types of the boot tables, as mmlib numbers them: mm_pt_aarch64_high_port() wants that. */
#define BOOT_MAIR        0x040044bbff
#define BOOT_ATTR_MEMORY 0
#define BOOT_ATTR_DEVICE 4

/* HCR_EL2, where the kernel is at EL2: E2H, RW, TGE, DC, FMO, IMO, VM. guest.c has the reasons. */
#define MACHINE_HCR 0x488001019

#ifndef __ASSEMBLER__
#include <mmlib/pt_aarch64.h>
_Static_assert(BOOT_MAIR == MM_PT_AARCH64_MAIR, "the number in boot.S");
#define MACHINE_NAME   "AArch64"
/* Folded to 48 bits; LPA2 asks the tree at run time. */
#define MACHINE_PT(op) (*(machine_lpa2 ? &mm_pt_##op : &mm_pt_aarch64_high_##op))
#define MACHINE_DEVICE MM_PT_DEVICE
#define MACHINE_FRAME(va) machine_frame(va)
#define MACHINE_ROOTS     2
/* Pages of one number only, if user mode is to have a root of its own. */
#define MACHINE_GLOBAL    (kernel_has_word("roots") ? 0u : (uint32_t)MM_PT_GLOBAL)
#define MACHINE_MOVED()   machine_moved()
/* The first 16 MiB of RAM, what 32 bits reach, and all. */
#define MACHINE_ZONES                                                                              \
	{ .name = "DMA", .last = 0x40ffffff }, { .name = "DMA32", .last = 0xffffffff },            \
	{                                                                                          \
		.name = "NORMAL", .last = MM_PADDR_MAX                                             \
	}

extern struct mm_pt_aarch64_tlb machine_tlb; /* how TLBs are flushed */
extern uint32_t machine_lpa2; /* both halves of the address space have LPA2's descriptors: for boot.S */

/* How mm_pt_env asks for the table at pa. */
#if MM_PT_WINDOW
#define TABLE_AT        window
#define TABLE_AT_ARGS   const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va
#define TABLE_AT_UNUSED ((void)pt, (void)window, (void)va)
/* Reach the tables of a tree by a recursive entry, if the command line wants that; try whether they are; and shall a
 * flush be left out? */
void *machine_pt_window(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va);
bool windows_wanted(void);
enum mm_status machine_windows_start(struct mm_pt *pt);
void windows_check(struct mm_pt *pt, mm_vaddr_t va);
bool windows_keep(const struct mm_tlb_gather *g);
#else
#define TABLE_AT              to_virt
#define TABLE_AT_ARGS         void *ctx, mm_paddr_t pa
#define TABLE_AT_UNUSED       ((void)ctx)
#define windows_wanted()      false
#define machine_windows_start(pt) MM_OK
#define windows_check(pt, va) ((void)(pt), (void)(va))
#define windows_keep(g)       false
#endif

extern bool machine_guest;   /* a guest's memory is what is under test, */
bool machine_at_guest(void); /* and is just now */
#define MACHINE_GUEST() machine_at_guest()
bool machine_is_host(void); /* at EL2 */

mm_paddr_t machine_frame(mm_vaddr_t va);
void machine_moved(void); /* first.c */

/* What traps need before they are on the kernel's root, in pages of its own: mapped in second roots, too. */
struct machine_cpu {
	char trap_stack[8192] __attribute__((aligned(16)));
	uint64_t kernel_root; /* TTBR1 of traps that come while it is... */
	uint64_t second_root; /* ...this, that of user mode; 0: it has none of its own */
	uint32_t switches;    /* traps that came on the second root */
} __attribute__((aligned(4096)));

struct cpu;

static inline struct cpu *machine_cpu(void)
{
	struct cpu *me;

	__asm__ volatile("mrs %0, tpidr_el1" : "=r"(me));
	return me;
}
#endif
#endif
