/* SPDX-License-Identifier: MIT */
/* Conformance with the MMU: the tree under test, and what all parts of the test share. */
#include "conform.h"

struct conform conform;

/* Frames begin where a page of the emulator does. */
static unsigned order_of(uint64_t bytes)
{
	const uint64_t least = conform_alike() * conform_page();

	return memory_order(bytes < least ? least : bytes);
}

bool conform_take(uint64_t bytes, mm_paddr_t *pa)
{
	return mm_page_alloc(&kernel.pmm, order_of(bytes), 0, pa) == MM_OK;
}

void conform_give(mm_paddr_t pa, uint64_t bytes)
{
	if (mm_page_free(&kernel.pmm, pa, order_of(bytes)) != MM_OK)
		check(false, "frames are given back");
}

void conform_mark(mm_paddr_t pa, uint8_t mark)
{
	char *at = direct_map(pa);

	__builtin_memcpy(at + AT_RETURN, machine_return, MACHINE_RETURN_BYTES);
	__builtin_memcpy(at + AT_TRAP, machine_user + MACHINE_USER_TRAP,
			 MACHINE_USER_BYTES - MACHINE_USER_TRAP);
	at[AT_MARK] = (char)mark;
}

const char *conform_text(const char *a, const char *b, const char *c, const char *d)
{
	static char text[128];
	const char *const parts[] = { a, b, c, d };
	size_t n = 0;

	for (unsigned i = 0; i < 4; i++)
		for (const char *p = parts[i]; *p && n < sizeof(text) - 1; p++)
			text[n++] = *p;
	text[n] = '\0';
	return text;
}

static enum mm_status synced(enum mm_status st, struct mm_tlb_gather *g)
{
	mm_pt_sync(conform.pt, g);
	return st;
}

enum mm_status conform_map(mm_vaddr_t va, mm_paddr_t pa, uint64_t bytes, uint32_t attr)
{
	struct mm_tlb_gather g = { 0 };

	return synced(mm_pt_map(conform.pt, va, pa, bytes, attr, 0, &g), &g);
}

enum mm_status conform_protect(mm_vaddr_t va, uint64_t bytes, uint32_t attr)
{
	struct mm_tlb_gather g = { 0 };

	return synced(mm_pt_protect(conform.pt, va, bytes, attr, MM_PT_EXACT, &g), &g);
}

enum mm_status conform_unmap(mm_vaddr_t va, uint64_t bytes)
{
	struct mm_tlb_gather g = { 0 };

	return synced(mm_pt_unmap(conform.pt, va, bytes, MM_PT_EXACT, &g), &g);
}

bool conform_allowed(uint32_t attr, enum access access, bool user)
{
	static const uint32_t right[] = { MM_PT_READ, MM_PT_WRITE, MM_PT_EXEC };

	if (!(attr & right[access]) || (user && !conform.by_segment && !(attr & MM_PT_USER)) ||
	    (conform.user_only && !(attr & MM_PT_USER)))
		return false;
	return user || !(attr & MM_PT_USER) || machine_kernel_at_user(access);
}

unsigned conform_place(enum access access, bool user)
{
	if (access == ACCESS_EXEC)
		return user ? AT_TRAP : AT_RETURN;
	return access == ACCESS_READ ? AT_MARK : AT_WRITE;
}

struct fault conform_try(mm_vaddr_t va, enum access access, bool user)
{
	const void *at = (const void *)(uintptr_t)(va + conform_place(access, user));

	return user ? probe_user(access, at, (uintptr_t)conform.code) : probe(access, at);
}

bool conform_as(mm_vaddr_t va, uint32_t attr, enum access access, bool user)
{
	struct fault f = conform_try(va, access, user);

	if (f.taken == conform_allowed(attr, access, user))
		return false;
	return !f.taken || (f.va == MACHINE_FAULT_VA((uintptr_t)va + conform_place(access, user)) &&
			    f.code == machine_fault_code(access, attr != 0));
}

static void job_load(struct cpu *me)
{
	(void)me;
	machine_conform_load(conform.pt->root, 1);
}

/* Code for user mode, and a frame's worth of it. */
static bool map_user_code(void)
{
	if (!conform_take(conform_page(), &conform.code_at))
		return false;
	__builtin_memcpy(direct_map(conform.code_at), machine_user, MACHINE_USER_BYTES);
	return conform_map(conform.code, conform.code_at, conform_page(), MM_PT_READ | MM_PT_EXEC | conform_user()) == MM_OK;
}

static void list_unseen(void)
{
	for (unsigned i = 0; machine_conform_unseen[i][0]; i++)
		check_skip(machine_conform_unseen[i][0], machine_conform_unseen[i][1]);
	check_skip("barriers: none is missing", "QEMU walks tables in the order of the stores");
}

static void all_parts(void)
{
	if (kernel_has_word("roots")) { /* no more than that */
		conform_roots();
		return;
	}
	conform_rights();
	conform_pages();
	conform_shape();
	conform_spaces();
	conform_roots();
	list_unseen();
}

void check_conformance(void)
{
	const char *lacks;

	conform.pt = &kernel.pt;
	conform.va = MACHINE_USER_SCRATCH;
	conform.code = MACHINE_USER_CODE;
	lacks = machine_conform(&conform);
	if (lacks) {
		check_skip("the MMU is as the command line wants it", lacks);
		return;
	}
	conform.with_kernel = conform.with_kernel || conform.pt == &kernel.pt;
	kprintf("    format under test: %s\n", conform.pt->port->name);
	smp_run(job_load);
	(void)machine_conform_flush(0, &lacks);
	if (check(map_user_code(), "code for user mode is mapped"))
		all_parts();
	check_status(conform_unmap(conform.code, conform_page()), MM_OK, "it is unmapped");
	conform_give(conform.code_at, conform_page());
	check_status(mm_pt_verify(conform.pt, NULL), MM_OK, "the tree is whole");
	MACHINE_CONFORM_END();
	if (conform.pt == &conform.own)
		check_status(mm_pt_destroy(conform.pt), MM_OK, "and is given back");
}
