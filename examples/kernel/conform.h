/* SPDX-License-Identifier: MIT */
/* Conformance of a page-table format with a real MMU: what conform*.c puts to the test, the same on all
 * machines. `conform` on the command line makes it all that the kernel does; scripts/conformance.sh runs it
 * for each format. A machine supplies machine_conform() and what follows it in machine.h. */
#ifndef CONFORM_H
#define CONFORM_H
#include <mmlib/pt_share.h>
#include <mmlib/pt_tree.h>
#include "console.h"
#include "kernel.h"
#include "probe.h"
#include "smp.h"

/* Pages that all CPUs look at: the low bytes of their page numbers differ, so that a flush by address that
 * loses bits, or a TLB that is looked up by few of them, shows. Some two tables of 512 entries hold no two. */
enum { CONFORM_PAGES = 64, CONFORM_STRIDE = 261 };

/* In each page that is tried: code that returns, code that traps, a byte to know the frame by, bytes that
 * are written. */
enum { AT_RETURN = 0, AT_TRAP = 64, AT_MARK = 128, AT_WRITE = 192 };

struct conform {
	struct mm_pt *pt;    /* the tree under test, in use by all CPUs */
	struct mm_pt own;    /* that tree, where it is not the kernel's */
	mm_vaddr_t va;       /* from here on nothing is mapped */
	mm_vaddr_t end;      /* where the emulator's addresses end; 0: where the format's do */
	mm_vaddr_t code;     /* page with code for user mode, */
	mm_paddr_t code_at;  /* and its frame */
	uint32_t keeps;      /* which of MM_PT_ACCESSED and MM_PT_DIRTY this MMU sets by itself */
	bool all_exec;       /* what can be read can be executed: there is no no-execute */
	bool code_in_all;    /* accesses are by code behind the tree under test, which each tree has at `code` then */
	bool by_segment;     /* who may use a page is its address's to say, not its own */
	bool user_only;      /* a page that is not the user's is nobody's */
	bool with_kernel;    /* the tree under test has what the kernel runs on, too, in other entries of its root */
	bool faults_forget;  /* the emulator's TLB forgets all with each fault */
	bool exec_forgets;   /* the emulator's TLB forgets all when the kernel executes there, or the user does anything */
	bool detached;       /* a tree changes only while no CPU uses it */
	uint8_t coarse;      /* log2 of the pages that the emulator has by itself, if they are larger than the smallest */
	bool keeps_numbers;  /* the TLB holds translations of several address spaces */
};

extern struct conform conform;

/* The five parts: rights and types of single pages; many pages on all CPUs; large pages; accessed, dirty,
 * and address spaces; two roots of one space, where the machine has a part for that. */
void conform_rights(void);
void conform_pages(void);
void conform_shape(void);
void conform_spaces(void);
void conform_roots(void);

/* Frames in a row, aligned to their length; and back. */
bool conform_take(uint64_t bytes, mm_paddr_t *pa);
void conform_give(mm_paddr_t pa, uint64_t bytes);
/* Code and mark into the frame at @pa. */
void conform_mark(mm_paddr_t pa, uint8_t mark);
/* The texts in a row. Good until the next call. */
const char *conform_text(const char *a, const char *b, const char *c, const char *d);

/* Operations on the tree under test, each followed by a sync of its own. */
enum mm_status conform_map(mm_vaddr_t va, mm_paddr_t pa, uint64_t bytes, uint32_t attr);
enum mm_status conform_protect(mm_vaddr_t va, uint64_t bytes, uint32_t attr);
enum mm_status conform_unmap(mm_vaddr_t va, uint64_t bytes);

/* Is this access allowed, to a page with @attr, by the user or by the kernel? 0: nothing is mapped. */
bool conform_allowed(uint32_t attr, enum access access, bool user);
/* Where in a page it is tried; and try it there, in the page at @va. */
unsigned conform_place(enum access access, bool user);
struct fault conform_try(mm_vaddr_t va, enum access access, bool user);
/* Try it: was it as @attr says, and if it faulted, where and how it should? */
bool conform_as(mm_vaddr_t va, uint32_t attr, enum access access, bool user);

static inline uint64_t conform_page(void)
{
	return UINT64_C(1) << conform.pt->port->level[0].shift;
}

/* The numbers of a page and of its frame are alike modulo that: an emulator may look up but one of so many in a row. */
static inline unsigned conform_alike(void)
{
	const uint8_t page = conform.pt->port->level[0].shift;

	return conform.coarse > page ? 1u << (conform.coarse - page) : 1;
}

/* What makes a page the user's. */
static inline uint32_t conform_user(void)
{
	return conform.by_segment ? 0u : (uint32_t)MM_PT_USER;
}

/* What each page has that somebody uses. */
static inline uint32_t conform_any(void)
{
	return conform.user_only ? MM_PT_USER : 0u;
}

/* What makes a page readable, and no more than the format has to. */
static inline uint32_t conform_read(void)
{
	return MM_PT_READ | conform_any() | (conform.all_exec ? MM_PT_EXEC : 0u);
}

static inline mm_vaddr_t conform_va(unsigned i)
{
	return conform.va + (mm_vaddr_t)(i * CONFORM_STRIDE * conform_page());
}
#endif
