/* SPDX-License-Identifier: MIT */
/* Theory of operation: user mode on a root of its own
 * Problem      page tables are isolated: while user mode runs, the kernel's memory is not even mapped, but for what a
 *              trap needs before it is on the kernel's root. mmlib/pt_share.h has it that two roots are one space then.
 * Structure    space    the kernel's half is that of the kernel's tree, the user's half is its own;
 *              second   follows it in the user's half, and has what entry keeps;
 *              entry    the pieces of the image that traps need, where the kernel has them, too.
 *              All CPUs are in the space: what they do is on its root, user mode on the second one, and traps go from
 *              that to this and back. So a probe of user mode goes through all of that. The machine also has a probe by
 *              the kernel while the second root is loaded, whose fault comes in the same way.
 *              Where the kernel's half has a root register of its own (AArch64's TTBR1), the user's half is one tree
 *              and entry is the second root: nothing follows anything.
 * Controls     `unfollowed`: the second root does not follow, so nothing of the user's is in it. `unisolated`: it has
 *              the kernel's half. `roots`: nothing but this part is tried. */
#include "conform.h"
#if MACHINE_ROOTS

static struct mm_pt space, second, entry;
static mm_paddr_t frames; /* two, marked 1 and 2, and one for code */
static uint32_t wrong[CPUS_MAX];
static const bool split = MACHINE_ROOTS == 2;

static unsigned top(void)
{
	return conform.pt->port->nlevels - 1u;
}

/* Bytes of an entry of the root, and of half of all. */
static uint64_t entry_bytes(void)
{
	return UINT64_C(1) << conform.pt->port->level[top()].shift;
}

static uint64_t half_bytes(void)
{
	return UINT64_C(1) << (kernel.pt.port->va_bits - (kernel.pt.port->extension == MM_PT_VA_SIGN));
}

/* The first byte behind the user's half. */
static mm_vaddr_t user_end(void)
{
	const struct mm_pt_port *port = conform.pt->port;

	return (mm_vaddr_t)1 << (port->va_bits - (port->extension == MM_PT_VA_SIGN));
}

/* Frames of a table on each level but the root's. */
static mm_pfn_t frames_of_path(void)
{
	const struct mm_pt_port *port = conform.pt->port;
	mm_pfn_t n = 0;

	for (unsigned l = 0; l < top(); l++)
		n += (mm_pfn_t)1 << memory_order(UINT64_C(1) << (port->level[l].bits + port->entry_lg2));
	return n;
}

/* The first address of the kernel's half. */
static mm_vaddr_t half(void)
{
	return (mm_vaddr_t)0 - (mm_vaddr_t)half_bytes();
}

/* Frames that are not free, but for those at hand. */
static mm_pfn_t used(void)
{
	return mm_pmm_drain(&kernel.pmm) == MM_OK ? frames_used() : MM_PFN_MAX;
}

static bool run(void (*job)(struct cpu *me))
{
	bool ok = true;

	smp_run(job);
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		ok = ok && wrong[i] == 0;
	return ok;
}

/* The trees */

/* In the entry's tree: each piece where it is in the image. */
static enum mm_status map_entry(struct mm_tlb_gather *g)
{
	enum mm_status st = MM_OK;
	struct entry_part part;
	uint32_t it = 0;

	while (st == MM_OK && machine_entry_part(&it, &part))
		st = mm_pt_map(&entry, (mm_vaddr_t)(uintptr_t)part.start, image_pa(part.start),
			       (uint64_t)(part.end - part.start), part.attr, 0, g);
	return st;
}

/* Once. */
static bool make_kept(void)
{
	const mm_vaddr_t at = (mm_vaddr_t)(uintptr_t)image_entry & ~(mm_vaddr_t)(entry_bytes() - 1);
	struct mm_tlb_gather g = { 0 };
	enum mm_status st;

	if (!split) {
		check_status(mm_pt_keep(&kernel.pt, half(), half_bytes(), &g), MM_OK,
			     "second root: the kernel's half gets tables that stay");
		mm_pt_sync(&kernel.pt, &g);
	}
	st = mm_pt_init(&entry, kernel.pt.port, &memory_table_env, &kernel.pt.cfg);
	if (st == MM_OK)
		st = map_entry(&g);
	if (st == MM_OK && !split)
		st = mm_pt_keep(&entry, at, entry_bytes(), &g);
	mm_pt_sync(&entry, &g);
	return check_status(st, MM_OK, "second root: what traps need is mapped in a tree that keeps it");
}

/* For each space. */
static bool make_space(void)
{
	const struct mm_pt *of_kernel = kernel_has_word("unisolated") ? &kernel.pt : &entry;
	struct mm_tlb_gather g = { 0 };
	mm_pfn_t before = used();
	enum mm_status st = mm_pt_init(&space, kernel.pt.port, &memory_table_env, &kernel.pt.cfg);

	if (st == MM_OK)
		st = mm_pt_share(&space, &kernel.pt, &g);
	mm_pt_sync(&space, &g);
	if (!check_status(st, MM_OK, "second root: a space has the kernel's half"))
		return false;
	st = mm_pt_init(&second, kernel.pt.port, &memory_table_env, &kernel.pt.cfg);
	if (st == MM_OK && !kernel_has_word("unfollowed"))
		st = mm_pt_mirror(&second, &space, 0, half_bytes(), &g);
	if (st == MM_OK)
		st = mm_pt_share(&second, of_kernel, &g);
	mm_pt_sync(&second, &g);
	check_status(st, MM_OK, "second root: it follows in the user's half, and has what traps need");
	check(used() == before + 2, "second root: each root takes a frame, and nothing else does");
	return st == MM_OK;
}

static void job_on(struct cpu *me)
{
	const mm_paddr_t isolated = kernel_has_word("unisolated") ? kernel.pt.root : entry.root;

	if (split)
		machine_roots(kernel.pt.root, isolated);
	else
		machine_roots(space.root, second.root);
	wrong[me->number] = 0;
}

static void job_off(struct cpu *me)
{
	machine_roots(kernel.pt.root, 0);
	wrong[me->number] = 0;
}

/* Traps of this CPU that came on the second root. */
static uint32_t switches_of(const struct cpu *me)
{
	return *(const volatile uint32_t *)&me->machine.switches;
}

/* probe(), by the kernel while the second root is loaded. */
static struct fault second_probe(enum access access, const void *va)
{
	struct fault *met = &machine_cpu()->fault;
	const bool irq = machine_irq_save();
	unsigned found;

	*met = (struct fault){ 0 };
	found = probe_second(va, access);
	machine_irq_restore(irq);
	if (met->taken != (found == 256))
		return (struct fault){ 0 };
	met->value = (uint8_t)found;
	return *met;
}

/* What is there */

/* A page, and what is to be found there. */
static struct {
	mm_vaddr_t va;
	uint32_t attr; /* 0: nothing */
	uint8_t mark;
} page;

/* By the kernel, with the second root. */
static bool second_as(mm_vaddr_t va, uint32_t attr, enum access access)
{
	const uintptr_t at = (uintptr_t)va + conform_place(access, false);
	struct fault f = second_probe(access, (const void *)at);

	if (f.taken == conform_allowed(attr, access, false))
		return false;
	if (f.taken)
		return f.va == at && f.code == machine_fault_code(access, attr != 0);
	return access != ACCESS_READ || f.value == page.mark;
}

/* The kernel on the space's root, the kernel on the second one, and user mode, to read, write and execute. */
static void job_look(struct cpu *me)
{
	uint32_t bad = 0;

	for (unsigned i = 0; i < 3; i++) {
		const enum access access = (enum access)i;
		const uint32_t switches = switches_of(me);

		bad += !conform_as(page.va, page.attr, access, false);
		bad += switches_of(me) != switches;
		bad += !second_as(page.va, page.attr, access);
		bad += !conform_as(page.va, page.attr, access, true);
		bad += switches_of(me) == switches;
	}
	bad += !conform_as(page.va, page.attr, ACCESS_READ, false); /* so it is in the TLB when it changes */
	wrong[me->number] = bad;
}

static void look(const char *what)
{
	check(run(job_look), conform_text("second root: ", what, "", ""));
}

static void map(mm_vaddr_t va, uint32_t attr, uint8_t mark)
{
	page.va = va;
	page.attr = attr;
	page.mark = mark;
	const mm_paddr_t frame = frames + (mm_paddr_t)((mark - 1u) * conform_page());
	check_status(conform_map(va, frame, conform_page(), attr), MM_OK,
		     "second root: a page is mapped through the first");
}

static void protect(uint32_t attr)
{
	page.attr = attr;
	check_status(conform_protect(page.va, conform_page(), attr), MM_OK,
		     "second root: it gets other rights through the first");
}

static void unmap(void)
{
	page.attr = 0;
	check_status(conform_unmap(page.va, conform_page()), MM_OK, "second root: it is unmapped through the first");
	look("it is gone on all CPUs");
}

static void rights(void)
{
	const uint32_t r = conform_read();

	map(conform.va, r | MM_PT_USER, 1);
	look("user pages: r--");
	protect(r | MM_PT_WRITE | MM_PT_USER);
	look("user pages: rw-");
	protect(r | MM_PT_EXEC | MM_PT_USER);
	look("user pages: r-x");
	protect(r | MM_PT_WRITE);
	look("a page of the kernel in the user's half");
	protect(r | MM_PT_USER);
	look("rights that were taken away");
	unmap();
	map(conform.va, r | MM_PT_USER, 2);
	look("another frame");
	unmap();
}

/* Tables come and go on all levels, and entries in both roots with them. */
static void new_entries(void)
{
	const uint32_t attr = conform_read() | MM_PT_WRITE | MM_PT_USER;
	const mm_pfn_t before = used();
	unsigned n = 0;

	while (n < 3 && user_end() - conform.va > (n + 1) * entry_bytes())
		n++;
	for (unsigned i = 1; i <= n; i++) {
		map(conform.va + (mm_vaddr_t)(i * entry_bytes()), attr, (uint8_t)(1 + i % 2));
		look("new entries of the root are in both");
		if (i == 1)
			check(used() == before + frames_of_path(), "second root: they lead to the same tables");
	}
	for (unsigned i = n; i >= 1; i--) {
		page.va = conform.va + (mm_vaddr_t)(i * entry_bytes());
		unmap();
	}
	check(used() == before, "second root: their tables are given back");
}

/* What is not there */

static uint8_t secret; /* of the kernel */

static bool in_entry(uintptr_t va)
{
	struct entry_part part;
	uint32_t it = 0;

	while (machine_entry_part(&it, &part))
		if (va - (uintptr_t)part.start < (uintptr_t)(part.end - part.start))
			return true;
	return false;
}

/* By the kernel with the second root, or in user mode: it faults, and is not @mapped. */
static bool denied(enum access access, uintptr_t va, bool user, bool mapped)
{
	const void *at = (const void *)va;
	struct fault f = user ? probe_user(access, at, (uintptr_t)conform.code) : second_probe(access, at);

	return f.taken && f.va == va && f.code == machine_fault_code(access, mapped);
}

/* All that the kernel's half has, from its first byte to its last. */
static uint32_t leaves[CPUS_MAX];
enum { SMALL = 128 };

/* Each page of what is small, which the entry may have a part of; both ends of what is not. */
static bool is_gone(uintptr_t va, uintptr_t last)
{
	const uintptr_t step = last - va < SMALL * MM_FRAME_SIZE ? MM_FRAME_SIZE : last - va;
	bool ok = in_entry(last) || denied(ACCESS_READ, last, false, false);

	for (uintptr_t off = 0; off <= last - va; off += step)
		ok = ok && (in_entry(va + off) || denied(ACCESS_READ, va + off, false, false));
	return ok;
}

static void job_all_of_kernel(struct cpu *me)
{
	uint32_t bad = 0;
	struct mm_pt_run at;
	struct mm_pt_cur cur;

	leaves[me->number] = 0;
	bad += mm_pt_cur_init(&cur, &kernel.pt, half(), half_bytes()) != MM_OK;
	while (bad == 0 && mm_pt_cur_next(&cur, &at)) {
		if (!at.attr)
			continue;
		leaves[me->number]++;
		bad += !is_gone((uintptr_t)at.va, (uintptr_t)at.last);
	}
	wrong[me->number] = bad;
}

static void job_some_of_kernel(struct cpu *me)
{
	uint32_t bad = 0;
	const uintptr_t at[] = { (uintptr_t)machine_return,          (uintptr_t)&secret,
				 (uintptr_t)&kernel,                 me->stack + STACK_BYTES - 1,
				 (uintptr_t)direct_map(entry.root), (uintptr_t)direct_map(frames) };

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		bad += !denied(ACCESS_READ, at[i], true, false);
	bad += !denied(ACCESS_WRITE, (uintptr_t)&secret, true, false);
	bad += !denied(ACCESS_EXEC, (uintptr_t)machine_return, true, false);
	bad += !denied(ACCESS_WRITE, (uintptr_t)&secret, false, false);
	bad += !denied(ACCESS_EXEC, (uintptr_t)machine_return, false, false);
	wrong[me->number] = bad;
}

/* What traps need is there for the kernel, with no more rights than it has elsewhere, and not for the user. */
static void job_entry(struct cpu *me)
{
	uint32_t bad = 0, it = 0;
	struct entry_part part;

	while (machine_entry_part(&it, &part)) {
		const uintptr_t ends[] = { (uintptr_t)part.start, (uintptr_t)part.end - 1 };

		for (unsigned i = 0; i < 2; i++) {
			bad += second_probe(ACCESS_READ, (const void *)ends[i]).taken;
			bad += !(part.attr & MM_PT_WRITE) && !denied(ACCESS_WRITE, ends[i], false, true);
			bad += !(part.attr & MM_PT_EXEC) && !denied(ACCESS_EXEC, ends[i] & ~(uintptr_t)3, false, true);
			bad += !denied(ACCESS_READ, ends[i], true, true);
		}
	}
	wrong[me->number] = bad;
}

/* The kernel maps something new in its half: the spaces have it, second roots have not. */
static bool kernel_page_is_there;

static void job_kernel_page(struct cpu *me)
{
	const uintptr_t at = MACHINE_SCRATCH;

	const bool first = probe(ACCESS_READ, (const void *)at).taken != kernel_page_is_there;

	wrong[me->number] = !first || !denied(ACCESS_READ, at, false, false) || !denied(ACCESS_READ, at, true, false);
}

static void kernel_page(void)
{
	struct mm_tlb_gather g = { 0 };

	check_status(mm_pt_map(&kernel.pt, MACHINE_SCRATCH, frames, conform_page(), conform_read(), 0, &g), MM_OK,
		     "second root: the kernel maps a page in its half");
	mm_pt_sync(&kernel.pt, &g);
	kernel_page_is_there = true;
	check(run(job_kernel_page), "second root: the space has it, the second root has not");
	check_status(mm_pt_unmap(&kernel.pt, MACHINE_SCRATCH, conform_page(), MM_PT_EXACT, &g), MM_OK,
		     "second root: it is unmapped");
	mm_pt_sync(&kernel.pt, &g);
	kernel_page_is_there = false;
	check(run(job_kernel_page), "second root: neither has it");
}

static void isolation(void)
{
	check(run(job_entry), "second root: what traps need is there, as it should be");
	check(run(job_all_of_kernel) && leaves[0] > 2, "second root: nothing else of the kernel is");
	kprintf("    leaves of the kernel that were looked for: %u\n", leaves[0]);
	check(run(job_some_of_kernel), "second root: not for user mode either, whatever it is");
	kernel_page();
}

/* A change meets CPUs in user mode */

static uint32_t back[CPUS_MAX]; /* out of it again */

static void nothing(void *arg)
{
	(void)arg;
}

/* CPU @i's two bytes in the first frame: read by user mode, and written by it. */
static volatile uint8_t *flag(uint32_t i)
{
	return (volatile uint8_t *)direct_map(frames) + AT_WRITE + 2 * (size_t)i;
}

/* All are in user mode; an interrupt comes and goes; then their page goes, and the flush finds them there. Who does
 * not notice is let go. */
static uint32_t interrupt_them(void)
{
	uint32_t bad = 0;

	for (uint32_t i = 1; i < kernel.ncpus; i++)
		while (!flag(i)[1] && !__atomic_load_n(&back[i], __ATOMIC_ACQUIRE))
			machine_relax();
	smp_call_others(nothing, NULL);
	bad += conform_unmap(page.va, conform_page()) != MM_OK;
	for (unsigned n = 0; n < 1 << 16; n++)
		machine_relax();
	for (uint32_t i = 1; i < kernel.ncpus; i++)
		flag(i)[0] = 1;
	return bad;
}

static void job_wait(struct cpu *me)
{
	const uint32_t switches = switches_of(me);
	const uintptr_t at = (uintptr_t)page.va + AT_WRITE + 2 * (uintptr_t)me->number;

	if (me->number == 0) {
		wrong[0] = interrupt_them();
		return;
	}
	user_enter((uintptr_t)conform.code + MACHINE_USER_BYTES, at, &me->user_sp);
	wrong[me->number] = !me->fault.taken || me->fault.va != at || switches_of(me) - switches < 2;
	__atomic_store_n(&back[me->number], 1, __ATOMIC_RELEASE);
}

static void meet(void)
{
	map(conform.va, conform_read() | MM_PT_WRITE | MM_PT_USER, 1);
	for (uint32_t i = 0; i < kernel.ncpus; i++)
		flag(i)[0] = flag(i)[1] = 0, back[i] = 0;
	check(run(job_wait), "second root: what is unmapped is gone at once for CPUs that are in user mode");
	page.attr = 0;
	look("it is gone on all CPUs");
}

static void refusals(void)
{
	struct mm_tlb_gather g = { 0 };

	if (split || kernel_has_word("unfollowed"))
		return;
	check_status(mm_pt_map(&second, conform.va, frames, conform_page(), conform_read(), 0, &g), MM_E_OWNER,
		     "second root: nothing is mapped through it");
	check_status(mm_pt_unmap(&second, conform.code, conform_page(), 0, &g), MM_E_OWNER,
		     "second root: nor unmapped");
	check_status(mm_pt_verify(&space, NULL), MM_OK, "second root: the space is whole");
	check_status(mm_pt_verify(&second, NULL), MM_OK, "second root: it is whole");
}

static void try_all(void)
{
	const mm_paddr_t code = frames + (mm_paddr_t)(2 * conform_page());

	if (!check(run(job_on), "second root: all CPUs are in the space"))
		return;
	check_status(conform_map(conform.code, code, conform_page(), MM_PT_READ | MM_PT_EXEC | MM_PT_USER), MM_OK,
		     "second root: code for user mode is mapped");
	rights();
	new_entries();
	isolation();
	meet();
	refusals();
	if (split)
		check_status(conform_unmap(conform.code, conform_page()), MM_OK, "second root: code is unmapped");
	else /* goes with the space */
		check_status(conform_map(conform.va + (mm_vaddr_t)entry_bytes(), frames, conform_page(),
					 conform_read()), MM_OK, "second root: a page stays mapped");
	check(run(job_off), "second root: all CPUs are out of it");
}

static void destroy(mm_pfn_t before)
{
	struct mm_tlb_gather g = { 0 };

	if (!split) {
		check_status(mm_pt_destroy(&space), MM_OK, "second root: the space ends");
		check_status(mm_pt_destroy(&second), MM_OK, "second root: it ends");
		check_status(mm_pt_unkeep(&kernel.pt, &g), MM_OK, "second root: the kernel's half is the kernel's alone");
		mm_pt_sync(&kernel.pt, &g);
	}
	check_status(mm_pt_destroy(&entry), MM_OK, "second root: so does what it had of the kernel");
	check(used() == before, "second root: all tables are given back");
}

static void both_roots(void)
{
	struct mm_pt *under_test = conform.pt;
	const mm_vaddr_t code = conform.code;
	const mm_pfn_t before = used();

	if (make_kept() && (split || make_space())) {
		conform.pt = split ? conform.pt : &space;
		conform.code += (mm_vaddr_t)conform_page();
		try_all();
		conform.code = code;
		conform.pt = under_test;
	}
	destroy(before);
}

/* Why this kernel's trees are not for it; or NULL. */
static const char *unfit(void)
{
	struct mm_pt_run at;

	if (!split && (conform.pt != &kernel.pt || kernel.pt.cfg.leaf_levels >> top() & 1))
		return "the tree under test may have leaves in its root, or is another: the word roots";
	if (split && (mm_pt_query(&kernel.pt, (mm_vaddr_t)(uintptr_t)&secret, &at) != MM_OK || at.attr & MM_PT_GLOBAL))
		return "the kernel's pages are global: the word roots";
	return NULL;
}

void conform_roots(void)
{
	const uint64_t bytes = 4 * conform_page();
	char *code;

	const char *lacks = unfit();

	if (lacks) {
		check_skip("second root: user mode is on it", lacks);
		return;
	}
	if (!check(conform_take(bytes, &frames), "second root: frames are allocated"))
		return;
	conform_mark(frames, 1);
	conform_mark(frames + (mm_paddr_t)conform_page(), 2);
	code = direct_map(frames + (mm_paddr_t)(2 * conform_page()));
	__builtin_memcpy(code, machine_user, MACHINE_USER_BYTES);
	__builtin_memcpy(code + MACHINE_USER_BYTES, machine_user_wait, MACHINE_USER_WAIT_BYTES);
	both_roots();
	conform_give(frames, bytes);
}
#else
void conform_roots(void)
{
}
#endif
