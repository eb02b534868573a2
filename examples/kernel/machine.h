/* SPDX-License-Identifier: MIT */
/* What the demo kernel needs of a machine. One folder for each machine implements this; everything
 * else in examples/kernel/ is the same on all of them.
 *
 * A machine also supplies "layout.h":
 *   MACHINE_NAME          text
 *   MACHINE_DIRECT_MAP    virtual address of physical address 0 in the direct map. The boot tables
 *                         already have it there, so a pointer made early stays valid for ever.
 *   MACHINE_REACH         last physical byte that the boot tables map there
 *   MACHINE_LOW           first physical byte where mmlib's metadata may lie
 *   MACHINE_IMAGE_OFFSET  virtual minus physical address of the kernel's image
 *   MACHINE_SCRATCH       virtual address where nothing is mapped, for trying things out
 *   MACHINE_USER_SCRATCH, MACHINE_USER_CODE  the same for user pages, and where their code goes
 *   MACHINE_STACKS        virtual address of the stacks of CPUs 1, 2, ...
 *   MACHINE_UPPER, MACHINE_UPPER_SIZE  the kernel's part of the address space
 *   MACHINE_PT(op)        name of a page-table operation, folded to this format if it is only one
 *   MACHINE_DEVICE        attributes of a mapping of device registers
 *   MACHINE_ZONES         initialisers of the zones, lowest first
 *   MACHINE_FRAME(va)     physical address of the page at a virtual one, as the CPU translates it for the kernel to
 *                         read; 0: it is not there. Left out where the CPU does not tell
 *   MACHINE_FAULT_VA(va)  the address that a fault at this one tells; left out where that is itself
 *   MACHINE_DENY(key, what, user)  take this, of enum denied, from pages with a protection key, the user's or the
 *                         kernel's; false: they have none. Left out where no page has
 *   MACHINE_DENIED        what a fault's code has beside machine_fault_code() where a key is the cause
 *   MACHINE_GUEST()       is the tree under test what a guest's memory is behind? Then guest_read() and its like of
 *                         probe.h go there, and the user is the guest's. Left out where there are no guests
 *   MACHINE_MOVED()       checks of the boot tables, if mmlib made them: before the kernel's own are there
 *   MACHINE_ROOTS         1: it has machine_roots() and what is with it, for conform_roots.c; 2: and the kernel's half
 *                         has a root register of its own; else left out
 *   MACHINE_CONFORM_END() conformance is at its end, and the tree under test is given back next. Left out where there is
 *                         nothing to do
 *   MACHINE_GLOBAL        MM_PT_GLOBAL, or 0 if the kernel's pages are not to be in all address spaces
 *   MACHINE_UNMAPPED      true, if the kernel and its direct map are where no tables are needed
 *   MACHINE_LOSES_INTERRUPTS  true, if a CPU that waits for an interrupt may wait for ever: it does not sleep then
 *   struct machine_cpu    what the machine keeps for each CPU; where there is MACHINE_ROOTS among it uint32_t switches,
 *                         traps that came on a second root
 *   machine_cpu()         this CPU's struct cpu, from a register */
#ifndef MACHINE_H
#define MACHINE_H
#include <mmlib/memmap.h>
#include <mmlib/numa.h>
#include <mmlib/pt_port.h>
#include <stdnoreturn.h>
#include "layout.h"
#ifndef MACHINE_LOSES_INTERRUPTS
#define MACHINE_LOSES_INTERRUPTS false
#endif
#ifndef MACHINE_UNMAPPED
#define MACHINE_UNMAPPED false
#endif
#ifndef MACHINE_FRAME
#define MACHINE_FRAME(va) ((void)(va), MM_PADDR_MAX)
#endif
#ifndef MACHINE_GUEST
#define MACHINE_GUEST() false
#endif
#ifndef MACHINE_FAULT_VA
#define MACHINE_FAULT_VA(va) (va)
#endif
#ifndef MACHINE_MOVED
#define MACHINE_MOVED() ((void)0)
#endif

#ifndef MACHINE_CONFORM_END
#define MACHINE_CONFORM_END() ((void)0)
#endif

#ifndef MACHINE_GLOBAL
#define MACHINE_GLOBAL MM_PT_GLOBAL
#endif

#ifndef MACHINE_ROOTS
#define MACHINE_ROOTS 0
#endif

#ifndef MACHINE_DENY
#define MACHINE_DENY(key, what, user) ((void)(key), (void)(what), (void)(user), false)
#define MACHINE_DENIED                0
#endif

/* Borders of the image, from the linker script: virtual addresses on page borders. */
extern char image_start[], image_text[], image_text_end[], image_rodata[], image_rodata_end[];
extern char image_data[], image_guard[], image_stack[], image_end[];

/* Code that does nothing but return, its first bytes, and a word between instructions that a write
 * may destroy without harm. */
extern char machine_return[], machine_victim[];
#define MACHINE_RETURN_BYTES 8

enum { GUARD_BYTES = 4096, STACK_ORDER = 2, STACK_BYTES = 16384, CPUS_MAX = 8 };
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };
enum denied { DENIED_NOTHING, DENIED_WRITE, DENIED_DATA }; /* by a protection key */

/* What a probe met. */
struct fault {
	bool taken;    /* was there a fault? */
	uint8_t value; /* the byte that was read, if not */
	uintptr_t va;  /* the address, as the CPU reports it */
	uint64_t code; /* the CPU's code of the cause */
};

/* A CPU. The first one runs on the image's stack. */
struct cpu {
	uint32_t number;       /* from 0, without gaps */
	uint32_t online;       /* it has come up */
	uint64_t id;           /* what the hardware calls it */
	uintptr_t stack;       /* lowest byte of its stack; GUARD_BYTES below it are never mapped */
	uint32_t pins;         /* how often it is pinned now */
	struct smp_call *call; /* what another CPU asks it to do in an interrupt */
	void (*job)(struct cpu *me); /* what it is to do instead of idling */
	struct fault fault;          /* the last one that a probe met */
	uintptr_t user_sp;           /* the stack to return to while user code runs; else 0 */
	uint32_t nearly;             /* it is about to end its job */
	struct machine_cpu machine;
};

/* What a new CPU is given: its page tables, its stack and itself. Boot code reads it. */
struct machine_start {
	uint64_t root;
	uintptr_t stack_end;
	struct cpu *cpu;
};

/* Where the kernel begins: called by the boot code, on the boot tables. */
noreturn void kernel_main(uintptr_t boot_info);
/* Where a new CPU begins: called by the boot code, on the kernel's tables and its own stack. */
noreturn void smp_cpu_main(struct cpu *me);
/* Another CPU's interrupt has arrived: called by the machine, interrupts off. */
void smp_interrupt(void);

/* Console; called first. */
void machine_init(void);
void machine_console_put(char c);
/* Leave the machine and tell the host whether all went well. */
noreturn void machine_exit(bool ok);

/* Feed the loader's memory map, and what firmware says of NUMA nodes. Copies the command line, cut to
 * @bytes with its final zero. */
enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes);
/* Next page of device registers that the kernel uses through the direct map. Start with 0. */
bool machine_next_device(uint32_t *it, mm_paddr_t *pa);

/* Page tables: the format, and what this CPU has of it. */
const struct mm_pt_port *machine_pt_port(void);
void machine_pt_probe(struct mm_pt_cfg *cfg);
void machine_switch_tables(mm_paddr_t root);
/* The flush that mm_pt_env asks for, on this CPU and, if @all, on all others. Interrupts on, if
 * there are others. */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all);

/* This CPU's exceptions, interrupts and register for machine_cpu(). First thing on each CPU; the
 * first one also gets its `id`. */
void machine_cpu_init(struct cpu *me);
/* Next CPU beside this one that firmware tells of. Start with 0. After machine_memmap(). */
bool machine_next_cpu(uint32_t *it, uint64_t *id);
/* Let CPU @c begin; @start is in the image or in the direct map. False: firmware refuses. */
bool machine_cpu_start(const struct cpu *c, const struct machine_start *start);
/* Interrupt another CPU: it calls smp_interrupt(). */
void machine_interrupt(const struct cpu *c);
/* Interrupts of this CPU off; were they on? And: as they were. */
bool machine_irq_save(void);
void machine_irq_restore(bool on);
/* Interrupts off: wait for one, take it, and return with interrupts off. */
void machine_idle(void);
/* Spare the others in a loop that waits. */
void machine_relax(void);

/* The code that this machine gives for a fault: on a page that is mapped but forbids the access, or on
 * one that is not mapped. Of user code the same as of the kernel. */
uint64_t machine_fault_code(enum access access, bool mapped);

/* Code for user mode, of MACHINE_USER_BYTES, to be copied anywhere: reads a byte from, or writes one to,
 * where the second argument of user_enter() points, and traps; and at MACHINE_USER_TRAP only traps. */
extern const char machine_user[];
enum { MACHINE_USER_READ = 0, MACHINE_USER_WRITE = 16, MACHINE_USER_TRAP = 32, MACHINE_USER_BYTES = 48 };

/* The MMU as conform.h wants it: which format, from the command line and what the CPU has; and what the
 * MMU keeps. Returns why the format cannot be had, or NULL. @c->pt is the kernel's own tree, and stays so
 * where that also holds user pages; else @c->own is set up for those. */
struct conform;
const char *machine_conform(struct conform *c);
/* This CPU to the tree at @root for user pages, under number @asid. */
void machine_conform_load(mm_paddr_t root, unsigned asid);
/* How the tree under test is flushed from here on, while it is loaded under number 1: 0 is this machine's own way, the
 * others are tried one after the other. Returns what begins the names of its checks, NULL if there are no more; and why this CPU does not have it,
 * or NULL. */
const char *machine_conform_flush(unsigned way, const char **lacks);
/* May the kernel access a user page that allows the access to the user? */
bool machine_kernel_at_user(enum access access);
/* The memory type at @va as the MMU sees it, of MM_PT_TYPE; or MACHINE_TYPE_UNSEEN. */
enum { MACHINE_TYPE_UNSEEN = 1 };
uint32_t machine_memory_type(const void *va);
/* Of MACHINE_DENY. */
bool machine_deny(unsigned key, enum denied what, bool user);
/* User mode on a root of its own (MACHINE_ROOTS). What of the kernel that has: pieces of the image, of whole pages.
 * Start with 0. The linker script has the borders of the code among them. */
struct entry_part {
	const char *start, *end;
	uint32_t attr;
};
extern char image_entry[], image_entry_end[];
bool machine_entry_part(uint32_t *it, struct entry_part *part);
/* This CPU to @kernel_root, and from here on its user mode on @second: user_enter() goes there, and traps come back.
 * 0: no more. */
void machine_roots(mm_paddr_t kernel_root, mm_paddr_t second);
/* As probe_read() and its like, by the kernel while the second root is loaded: what was read, or 256 if it faulted.
 * Interrupts off. */
unsigned probe_second(const void *va, unsigned access);
/* Code for user mode, as machine_user: writes 1 behind where the second argument of user_enter() points, reads there
 * until that is not 0, and traps. */
extern const char machine_user_wait[];
enum { MACHINE_USER_WAIT_BYTES = 32 };
/* Why QEMU cannot show something of this machine: pairs of a promise and a reason, up to NULL. */
extern const char *const machine_conform_unseen[][2];
#endif
