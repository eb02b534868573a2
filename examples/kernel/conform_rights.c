/* SPDX-License-Identifier: MIT */
/* Each set of rights, and each memory type, that a page can have: what the CPU lets the kernel and the user
 * do with it, and how and where it faults otherwise. And the last pages of the address space. */
#include "conform.h"

static const struct {
	uint32_t attr;
	const char *name;
} sets[] = {
	{ MM_PT_READ, "r--: " },
	{ MM_PT_READ | MM_PT_WRITE, "rw-: " },
	{ MM_PT_READ | MM_PT_EXEC, "r-x: " },
	{ MM_PT_EXEC, "--x: " },
	{ MM_PT_WRITE, "-w-: " },
	{ MM_PT_READ | MM_PT_USER, "r--u: " },
	{ MM_PT_READ | MM_PT_WRITE | MM_PT_USER, "rw-u: " },
	{ MM_PT_READ | MM_PT_EXEC | MM_PT_USER, "r-xu: " },
	{ MM_PT_EXEC | MM_PT_USER, "--xu: " },
	{ MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL, "rw-g: " },
	{ MM_PT_READ | MM_PT_EXEC | MM_PT_USER | MM_PT_GLOBAL, "r-xug: " },
};

enum { KEY_DENIED = 9, KEY_FREE = 6 }; /* no bit of one is the other's */

static mm_paddr_t frame;

static void try_all(uint32_t attr, const char *name)
{
	static const char *const verbs[] = { "read", "write", "execute" };

	for (unsigned i = 0; i < 6; i++) {
		enum access access = (enum access)(i % 3);
		bool user = i >= 3, may = conform_allowed(attr, access, user);

		check(conform_as(conform.va, attr, access, user),
		      conform_text(name, user ? "the user" : "the kernel", may ? " may " : " may not ",
				   verbs[access]));
	}
}

static void one_set(uint32_t attr, const char *name)
{
	enum mm_status st = conform_map(conform.va, frame, conform_page(), attr);

	if (st == MM_E_NOTSUP) {
		check_skip(conform_text(name, "is honoured", "", ""), "the format has no such pages");
		return;
	}
	if (st != MM_OK) {
		check(false, conform_text(name, "is mapped", "", ""));
		return;
	}
	try_all(attr, name);
	check_status(conform_unmap(conform.va, conform_page()), MM_OK,
		     conform_text(name, "is unmapped", "", ""));
}

static void one_type(uint32_t type, const char *name)
{
	const uint32_t attr = conform_read() | MM_PT_WRITE | type;
	enum mm_status st = conform_map(conform.va, frame, conform_page(), attr);
	uint32_t seen;

	if (st == MM_E_NOTSUP) {
		check_skip(conform_text(name, "is honoured", "", ""), "the format has no such type");
		return;
	}
	check(st == MM_OK && conform_as(conform.va, attr, ACCESS_READ, false) &&
		      conform_as(conform.va, attr, ACCESS_WRITE, false),
	      conform_text(name, "can be read and written", "", ""));
	seen = machine_memory_type((const void *)(uintptr_t)conform.va);
	if (seen == MACHINE_TYPE_UNSEEN)
		check_skip(conform_text(name, "is the type that the CPU uses", "", ""),
			   "QEMU has no caches, and the CPU does not tell");
	else
		check(seen == type, conform_text(name, "is the type that the CPU uses", "", ""));
	check_status(conform_unmap(conform.va, conform_page()), MM_OK,
		     conform_text(name, "is unmapped", "", ""));
}

/* Its last byte is that of the address space, or of the lower half. */
static void last_page(struct mm_pt *pt, mm_vaddr_t va, const char *name)
{
	struct mm_pt *under_test = conform.pt;
	const void *last;
	struct fault read;

	conform.pt = pt;
	last = (const void *)(uintptr_t)(va + (mm_vaddr_t)(conform_page() - 1));
	const mm_paddr_t pa = frame + (mm_paddr_t)((conform_alike() - 1) * conform_page());
	((volatile uint8_t *)direct_map(pa))[conform_page() - 1] = 0x5a;
	check_status(conform_map(va, pa, conform_page(), conform_read()), MM_OK,
		     conform_text(name, ": is mapped", "", ""));
	read = probe(ACCESS_READ, last);
	check(conform_as(va, conform_read(), ACCESS_READ, false) && !read.taken && read.value == 0x5a,
	      conform_text(name, ": can be read to its last byte", "", ""));
	check(conform_as(va, conform_read(), ACCESS_WRITE, false), conform_text(name, ": cannot be written", "", ""));
	check_status(conform_unmap(va, conform_page()), MM_OK, conform_text(name, ": is unmapped", "", ""));
	check(conform_as(va, 0, ACCESS_READ, false), conform_text(name, ": faults then", "", ""));
	conform.pt = under_test;
}

static void last_pages(void)
{
	const struct mm_pt_port *port = conform.pt->port;
	mm_vaddr_t end = (mm_vaddr_t)(UINT64_C(1) << (port->va_bits - (port->extension == MM_PT_VA_SIGN)));

	if (conform.end)
		end = conform.end;
	last_page(conform.pt, end - (mm_vaddr_t)conform_page(), "last page of the user's part");
	if (kernel.pt.port->extension != MM_PT_VA_ZERO)
		last_page(&kernel.pt, (mm_vaddr_t)0 - (mm_vaddr_t)(UINT64_C(1) << kernel.pt.port->level[0].shift), "last page of all");
}

/* Frames with one bit set in their addresses, each bit in turn, where the CPU tells what it finds. Memory need not be
 * there: nobody looks. */
static void address_bits(void)
{
	const char *const promise = "each bit of a frame's address is where the CPU looks for it";
	mm_paddr_t found = 0;
	bool ok = true;

	for (unsigned i = conform.pt->port->level[0].shift; i < conform.pt->cfg.pa_bits; i++) {
		const mm_paddr_t pa = (mm_paddr_t)1 << i;

		ok = conform_map(conform.va, pa, conform_page(), conform_read() | MACHINE_DEVICE) == MM_OK && ok;
		found = MACHINE_FRAME(conform.va);
		ok = conform_unmap(conform.va, conform_page()) == MM_OK && ok && found == pa;
	}
	if (found == MM_PADDR_MAX)
		check_skip(promise, "the CPU does not tell");
	else
		check(ok, promise);
}

/* W^X, if the tree keeps it. */
static void writable_code(void)
{
	const uint32_t rwx = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC;

	if (conform.pt->cfg.allow_wx) {
		one_set(rwx, "rwx: ");
		one_set(rwx | MM_PT_USER, "rwxu: ");
		return;
	}
	check_status(conform_map(conform.va, frame, conform_page(), rwx), MM_E_PERM, "rwx: is refused");
	check(conform_as(conform.va, 0, ACCESS_READ, false), "what was refused is not there");
}

/* Keys are about data, and nothing is fetched less for them. A fault tells of the key whatever else forbids the
 * access (SDM 4.7). */
static bool key_as(uint32_t attr, enum denied what, enum access access, bool user)
{
	const bool denied = access == ACCESS_READ ? what == DENIED_DATA : access == ACCESS_WRITE && what != DENIED_NOTHING;

	if (!denied || (user && !(attr & MM_PT_USER))) /* that faults, whatever the key */
		return conform_as(conform.va, attr, access, user);
	struct fault f = conform_try(conform.va, access, user);
	return f.taken && f.code == (machine_fault_code(access, true) | MACHINE_DENIED);
}

static bool key_as_all(uint32_t attr, enum denied what)
{
	bool ok = MACHINE_DENY(KEY_DENIED, what, attr & MM_PT_USER);

	if (!(attr & MM_PT_KEY(KEY_DENIED)))
		what = DENIED_NOTHING;
	for (unsigned i = 0; i < 6; i++)
		ok = key_as(attr, what, (enum access)(i % 3), i >= 3) && ok;
	return ok;
}

/* A page with a key of which this CPU takes something away, and what becomes of it with another. */
static void one_key(uint32_t attr, const char *name)
{
	static const char *const promises[] = { "a key that denies nothing", "a key that denies writes",
						"a key that denies data" };
	const uint32_t denied = attr | MM_PT_KEY(KEY_DENIED), other = attr | MM_PT_KEY(KEY_FREE);
	const uint64_t bytes = conform_page();

	if (!MACHINE_DENY(KEY_DENIED, DENIED_NOTHING, attr & MM_PT_USER)) {
		check_skip(conform_text(name, "a protection key is honoured", "", ""), "this MMU has none");
		return;
	}
	check_status(conform_map(conform.va, frame, bytes, denied), MM_OK,
		     conform_text(name, "is mapped with a protection key", "", ""));
	for (unsigned what = DENIED_NOTHING; what <= DENIED_DATA; what++)
		check(key_as_all(denied, (enum denied)what), conform_text(name, promises[what], " is honoured", ""));
	check(conform_protect(conform.va, bytes, other) == MM_OK && key_as_all(other, DENIED_DATA),
	      conform_text(name, "another key denies nothing", "", ""));
	check(conform_protect(conform.va, bytes, denied) == MM_OK &&
		      key_as(denied, DENIED_DATA, ACCESS_READ, attr & MM_PT_USER),
	      conform_text(name, "with the key that it had, it is denied at once", "", ""));
	(void)MACHINE_DENY(KEY_DENIED, DENIED_NOTHING, attr & MM_PT_USER);
	check_status(conform_unmap(conform.va, bytes), MM_OK, conform_text(name, "is unmapped", "", ""));
}

void conform_rights(void)
{
	if (!check(conform_take(conform_page(), &frame), "a frame is allocated"))
		return;
	conform_mark(frame, 1);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		one_set(sets[i].attr, sets[i].name);
	writable_code();
	one_key(MM_PT_READ | MM_PT_WRITE | MM_PT_USER, "rw-u: ");
	one_key(MM_PT_READ | MM_PT_EXEC | MM_PT_USER, "r-xu: ");
	one_key(MM_PT_READ | MM_PT_WRITE, "rw-: ");
	one_type(MM_PT_WB, "write-back: ");
	one_type(MM_PT_WT, "write-through: ");
	one_type(MM_PT_WC, "write-combining: ");
	one_type(MM_PT_UC, "not cached: ");
	one_type(MM_PT_DEVICE, "device: ");
	address_bits();
	last_pages();
	conform_give(frame, conform_page());
}
