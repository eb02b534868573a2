/* SPDX-License-Identifier: MIT */
/* Page-table formats that are selected at run time, each against what its manual says (pt_arch.c): the geometry,
 * every attribute both ways, every bit that is reserved, and entries written out by hand. Trees of them are the
 * fuzz target's, which runs here as the test pt_random. */
#include "pt_each.h"
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_tree.h>
#include "hook.h"
#include "vmm/pt_core.h"

static void there_are_as_many_as_are_named(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		assert_non_null(mm_pt_format((enum mm_pt_format)k));
		assert_non_null(ora_formats[k]);
	}
	assert_null(mm_pt_format(MM_PT_FORMATS));
}

static void geometry_is_the_manuals(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		assert_int_equal(port->nlevels, arch->top + 1);
		assert_int_equal(port->va_bits, ora_va_bits(arch));
		assert_int_equal(port->entry_lg2, arch->entry_lg2 ? arch->entry_lg2 : 3);
		unsigned bits = port->level[0].shift;
		for (unsigned l = 0; l <= arch->top; l++) {
			assert_int_equal(port->level[l].shift, bits);
			assert_true(ora_size(&ora, l) == UINT64_C(1) << bits);
			bits += port->level[l].bits;
		}
		if (arch->follows) /* one bit more: the other half of the root leads nowhere */
			assert_true(bits == port->va_bits + 1u || bits == port->va_bits + 2u);
		else
			assert_int_equal(bits, port->va_bits);
		stop();
	}
}

/* The highest frame for a leaf at a level, and some bits of it. */
static uint64_t some_frame(unsigned level, unsigned i)
{
	uint64_t size = ora_size(&ora, level);
	uint64_t last =
		port->pa_bits < MM_PADDR_BITS ? (UINT64_C(1) << port->pa_bits) - 1 : MM_PADDR_MAX;

	return (i == 0 ? 0 : i == 1 ? last : last / 3) & ~(size - 1);
}

/* What a format says of addresses, so that loops need not ask it. */
static void addresses_are_as_plain_as_is_said(void **state)
{
	unsigned plain = 0, swapped = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		plain += port->address_plain && !arch->big_endian;
		swapped += port->address_plain && arch->big_endian;
		for (unsigned i = 0; port->address_plain && i < 3; i++) {
			mm_paddr_t pa = (mm_paddr_t)some_frame(0, i);
			uint64_t leaf = port->leaf(&pt, pa, 0, MM_PT_READ), table = port->table(&pt, pa, 1);
			assert_true(order(port->frame(&pt, pa, 0)) << (port->address_plain - 1) == pa);
			assert_true(order(leaf & pt.address) << (port->address_plain - 1) == pa && port->pa(&pt, leaf, 0) == pa);
			assert_true(order(table & pt.address) << (port->address_plain - 1) == pa && port->below(&pt, table) == pa);
		}
		stop();
	}
	/* x86-64 with five levels, EPT, RISC-V with 64 bits, AArch64 without LPA, MIPS64, LoongArch */
	assert_int_equal(plain, 18);
	assert_int_equal(swapped, 3); /* PPC64, s390x */
}

static void a_leaf_says_what_was_asked_for(unsigned level, uint32_t attr)
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t pa = some_frame(level, i),
			 raw = port->leaf(&pt, (mm_paddr_t)pa, level, attr);
		uint64_t e = order(raw);
		uint32_t told = attr & ~(uint32_t)MM_PT_TRACK;
		if (!(attr & MM_PT_TRACK))
			told |= MM_PT_ACCESSED | MM_PT_DIRTY;
		assert_int_equal(port->classify(&pt, raw, level), MM_PT_LEAF);
		assert_int_equal(port->attr(&pt, raw, level), told | arch->fixed);
		assert_true(port->pa(&pt, raw, level) == pa);
		assert_true(raw == (port->leaf(&pt, 0, level, attr) |
				    port->frame(&pt, (mm_paddr_t)pa, level)));
		/* the same, by the manual */
		assert_true(arch->valid ? arch->valid(e, level) : e & 1);
		assert_true(arch->is_leaf(e, level));
		assert_int_equal(arch->attr(e, level), told | arch->fixed);
		assert_true(((arch->pa ? arch->pa(e, level) : (e & arch->address) << arch->shift) &
			     ~(ora_size(&ora, level) - 1)) == pa);
		assert_null(arch->reserved(&ora, e, level, true));
		/* map asks once for all */
		const uint64_t any = port->leaf_mask ? port->leaf_bits : raw, empty = port->empty(&pt, 0);
		assert_true(level > 0 || port->transition(&pt, empty, raw, 0) == port->transition(&pt, empty, any, 0));
	}
}

static void each_attribute_goes_both_ways(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		unsigned n = 0;
		start(k);
		for (uint32_t low = 0; low < 256; low++) {
			for (uint32_t type = 0; type < 5; type++) {
				uint32_t attr = low | type << 8;
				if (!(attr & 7) || (!(attr & MM_PT_TRACK) && (attr & 0xc0)))
					continue;
				bool can = arch->can(attr, arch->features);
				assert_int_equal(port->check(&pt, attr), can ? MM_OK : MM_E_NOTSUP);
				n += can;
				for (unsigned l = 0; can && l <= arch->top; l++)
					if (port->level[l].leaf)
						a_leaf_says_what_was_asked_for(l, attr);
			}
		}
		assert_true(n >= 4);
		stop();
	}
}

static bool is_x86(unsigned k)
{
	return k == MM_PT_X86_64_LA57 || k == MM_PT_IA32 || k == MM_PT_IA32_PAE;
}

/* What loops ask, of an entry and of each that has one bit otherwise. */
static void loops_ask_the_same(uint64_t like, unsigned level)
{
	for (unsigned bit = 0; bit <= 8u << port->entry_lg2; bit++) {
		const uint64_t e = bit < 64 ? like ^ UINT64_C(1) << bit : like;
		if (port->entry_lg2 == 2 && e >> 32)
			continue;
		const enum mm_pt_kind kind = port->classify(&pt, e, level);
		uint64_t slot = 0;
		pt_make(&slot, port->entry_lg2, e);
		assert_true(!pt_used(port, &slot, 0, level, port->empty(&pt, level)) == (kind == MM_PT_EMPTY));
		if (level > 0)
			assert_true(pt_is_table(&pt, port, e, level) == (kind == MM_PT_TABLE));
		else
			assert_true(!pt_is_leaf(&pt, port, e) || kind == MM_PT_LEAF);
	}
}

static void what_loops_ask_is_what_the_format_says(void **state)
{
	unsigned follow = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		assert_int_equal(port->follows, arch->follows);
		follow += port->follows;
		for (unsigned l = 0; l <= arch->top; l++) {
			assert_int_equal(port->classify(&pt, port->empty(&pt, l), l), MM_PT_EMPTY);
			loops_ask_the_same(port->empty(&pt, l), l);
			if (port->level[l].leaf)
				loops_ask_the_same(port->leaf(&pt, 0, l, MM_PT_READ), l);
			for (unsigned i = 0; l > 0 && i < 3; i++)
				loops_ask_the_same(port->table(&pt, (mm_paddr_t)some_frame(0, i), l), l);
		}
		stop();
	}
	assert_int_equal(follow, 4); /* LoongArch */
}

static bool is_s390x(unsigned k)
{
	return k == MM_PT_S390X || k == MM_PT_S390X_R2;
}

/* Turn over each bit: what the manual calls wrong, the port calls bad. x86's shadow stacks it takes for
 * read-only pages: a CPU without CET makes such entries. s390x's software bit is nothing to hardware: who reads a leaf
 * does not ask for it. */
static void each_reserved_bit_is_known(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		start(k);
		for (unsigned l = 0; l <= arch->top; l++) {
			uint64_t leaf = order(port->leaf(&pt, 0, l, MM_PT_READ | MM_PT_EXEC));
			uint64_t table = order(port->table(&pt, 0x50000000, l));
			for (unsigned bit = 0; bit < 8u << port->entry_lg2; bit++) {
				uint64_t e = leaf ^ UINT64_C(1) << bit;
				bool valid = arch->valid ? arch->valid(e, l) : e & 1;
				if (port->level[l].leaf && valid && arch->is_leaf(e, l) &&
				    arch->reserved(&ora, e, l, true)) {
					enum mm_pt_kind kind = port->classify(&pt, order(e), l);
					if (kind != MM_PT_BAD && getenv("MM_SHOW"))
						print_message("%s: level %u, bit %u: %s\n",
							      arch->name, l, bit,
							      arch->reserved(&ora, e, l, true));
					bool run =
						e & arch->run_mark && arch->run_lg2[l] && /* see test_pt_runs.c */
						(e & arch->run_field) == arch->run_length;
					found += kind != (run ? MM_PT_RUN : MM_PT_BAD) &&
						 !(is_x86(k) && bit == 6) && !(is_s390x(k) && l + bit == 0);
				}
				e = table ^ UINT64_C(1) << bit;
				valid = l > 0 && (arch->valid ? arch->valid(e, l) : e & 1);
				if (valid && arch->is_leaf(e, l))
					assert_int_not_equal(port->classify(&pt, order(e), l),
							     MM_PT_TABLE);
			}
			if (l > 0) {
				assert_int_equal(port->classify(&pt, order(table), l), MM_PT_TABLE);
				assert_true(port->below(&pt, order(table)) == 0x50000000);
				assert_null(arch->reserved(&ora, table, l, false));
			}
			uint64_t empty = port->empty(&pt, l);
			assert_int_equal(port->classify(&pt, empty, l), MM_PT_EMPTY);
			if (arch->follows && l > 0)
				assert_true(empty == pt.root + arch->nowhere);
			else
				assert_false(arch->valid ? arch->valid(order(empty), l)
							 : order(empty) & 1);
		}
		stop();
	}
	assert_int_equal(found, 0);
}

/* The entry for address 0 in the lowest table. */
static void *first_entry(void)
{
	void *p = ora_virt(&ora, pt.root);

	for (unsigned l = arch->top; l > 0; l--) {
		uint64_t e = port->entry_lg2 == 2 ? *(uint32_t *)p : *(uint64_t *)p;
		p = ora_virt(&ora, port->below(&pt, e));
	}
	return p;
}

/* SDM volume 3A, "Accessed and Dirty Flags": a CPU that writes a page while another clears R/W may leave R/W
 * clear and dirty set, if it has no CET. The page is still mapped, and dirty. */
static void dirty_of_what_may_not_be_written_is_no_damage(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_run run;
		if (!is_x86(k))
			continue;
		start(k);
		ora.damaged = true; /* the oracle would take it for a shadow stack */
		assert_int_equal(mm_pt_map(&pt, 0, 0x5000, 0x1000,
					   MM_PT_READ | MM_PT_EXEC | MM_PT_WRITE | MM_PT_TRACK, 0,
					   &g),
				 MM_OK);
		assert_int_equal(
			mm_pt_protect(&pt, 0, 0x1000, MM_PT_READ | MM_PT_EXEC | MM_PT_TRACK, 0, &g),
			MM_OK);
		if (port->entry_lg2 == 2)
			*(uint32_t *)first_entry() |= 0x60;
		else
			*(uint64_t *)first_entry() |= 0x60;
		assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
		assert_int_equal(mm_pt_query(&pt, 0, &run), MM_OK);
		assert_int_equal(run.pa, 0x5000);
		assert_int_equal(run.attr, MM_PT_READ | MM_PT_EXEC | MM_PT_ACCESSED | MM_PT_DIRTY);
		assert_int_equal(mm_pt_unmap(&pt, 0, 0x1000, MM_PT_EXACT, &g), MM_OK);
		assert_int_equal(g.pages, 1);
		mm_pt_sync(&pt, &g);
		assert_int_equal(mm_pt_query(&pt, 0, &run), MM_E_NOENT);
		stop();
	}
}

/* QEMU sets the accessed bit of PAE's root entries, which the manual has reserved. */
static void an_emulators_accessed_bit_is_no_damage(void **state)
{
	struct mm_tlb_gather g = { 0 };
	struct mm_pt_run run;

	(void)state;
	start(MM_PT_IA32_PAE);
	assert_int_equal(mm_pt_map(&pt, 0, 0x5000, 0x1000, MM_PT_READ, 0, &g), MM_OK);
	*(uint64_t *)ora_virt(&ora, pt.root) |= 0x20;
	assert_int_equal(mm_pt_verify(&pt, NULL), MM_OK);
	assert_int_equal(mm_pt_query(&pt, 0, &run), MM_OK);
	assert_int_equal(run.pa, 0x5000);
	assert_int_equal(mm_pt_unmap(&pt, 0, 0x1000, MM_PT_EXACT, &g), MM_OK);
	mm_pt_sync(&pt, &g);
	assert_int_equal(mm_pt_query(&pt, 0, &run), MM_E_NOENT);
	stop();
}

/* Entries put together by hand from the manuals' figures. */
static void entries_are_those_of_the_manuals(void **state)
{
	static const struct {
		enum mm_pt_format format;
		unsigned level; /* 9: a table's entry at level 1 */
		uint64_t pa;
		uint32_t attr;
		uint64_t entry;
	} known[] = {
		{ MM_PT_X86_64_LA57, 0, 0x1000, MM_PT_READ | MM_PT_WRITE,
		  UINT64_C(0x8000000000001063) },
		{ MM_PT_SV57, 0, 0x1000, MM_PT_READ | MM_PT_EXEC, 0x4cb },
		{ MM_PT_SV32, 1, 0x400000, MM_PT_READ | MM_PT_WRITE | MM_PT_USER, 0x1000d7 },
		{ MM_PT_SV39X4, 0, 0x1000, MM_PT_READ | MM_PT_WRITE, 0x4d7 },
		{ MM_PT_IA32, 0, 0x1000, MM_PT_READ | MM_PT_EXEC | MM_PT_WRITE | MM_PT_USER,
		  0x1067 },
		{ MM_PT_IA32, 1, 0x400000, MM_PT_READ | MM_PT_EXEC | MM_PT_WRITE | MM_PT_WC,
		  0x4010e3 },
		{ MM_PT_IA32_PAE, 1, 0x200000, MM_PT_READ | MM_PT_WRITE,
		  UINT64_C(0x80000000002000e3) },
		{ MM_PT_EPT, 1, 0x200000, MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, 0x2003b7 },
		{ MM_PT_EPT, 0, 0x1000, MM_PT_READ | MM_PT_DEVICE, 0x1301 },
		{ MM_PT_AARCH64_16K, 0, 0x4000, MM_PT_READ | MM_PT_WRITE,
		  UINT64_C(0x0068000000004f03) },
		{ MM_PT_AARCH64_64K_LPA, 0, UINT64_C(0x000f000000010000), MM_PT_READ | MM_PT_EXEC,
		  UINT64_C(0x00c000000001ff83) },
		{ MM_PT_AARCH64_4K_LPA2, 1, UINT64_C(0x000c000000200000),
		  MM_PT_READ | MM_PT_USER | MM_PT_WRITE, UINT64_C(0x0068000000200f41) },
		{ MM_PT_AARCH64_S2, 0, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC,
		  UINT64_C(0x00080000000017ff) },
		{ MM_PT_ARMV7, 0, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, 0x1c92 },
		{ MM_PT_ARMV7, 1, 0x100000, MM_PT_READ | MM_PT_USER | MM_PT_DEVICE | MM_PT_GLOBAL,
		  0x11dc12 },
		{ MM_PT_ARMV7_LPAE, 0, UINT64_C(0xff00001000), MM_PT_READ | MM_PT_EXEC,
		  UINT64_C(0x010000ff00001f83) },
		{ MM_PT_S390X, 0, 0x1000, MM_PT_READ, 0x1301 },
		{ MM_PT_S390X, 1, 0x100000, MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, 0x100400 },
		{ MM_PT_PPC64, 0, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_USER,
		  UINT64_C(0xc000000000001186) },
		{ MM_PT_LOONGARCH64, 0, 0x1000, MM_PT_READ | MM_PT_WRITE,
		  UINT64_C(0x4000000000001193) },
		{ MM_PT_LOONGARCH64, 1, 0x200000,
		  MM_PT_READ | MM_PT_EXEC | MM_PT_USER | MM_PT_GLOBAL, 0x2012dd },
		{ MM_PT_LOONGARCH64_16K_HIGH, 1, 0x2000000,
		  MM_PT_READ | MM_PT_EXEC | MM_PT_TRACK | MM_PT_DEVICE, 0x20000c0 },
		{ MM_PT_MIPS64, 0, 0x1000, MM_PT_READ | MM_PT_WRITE | MM_PT_GLOBAL, 0x17d3 },
		{ MM_PT_MIPS64, 1, 0x200000, MM_PT_EXEC | MM_PT_DEVICE, 0x2004ad },
		{ MM_PT_X86_64_LA57, 9, 0x1000, 0, 0x1027 },
		{ MM_PT_SV32, 9, 0x1000, 0, 0x401 },
		{ MM_PT_EPT, 9, 0x1000, 0, 0x1007 },
		{ MM_PT_AARCH64_64K, 9, 0x10000, 0, 0x10003 },
		{ MM_PT_ARMV7, 9, 0x1400, 0, 0x1401 },
		{ MM_PT_S390X, 9, 0x1800, 0, 0x1800 },
		{ MM_PT_PPC64, 9, 0x1000, 0, UINT64_C(0x8000000000001009) },
		{ MM_PT_LOONGARCH64, 9, 0x1000, 0, 0x1000 },
		{ MM_PT_MIPS64, 9, 0x1000, 0, 0x1001 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		start(known[i].format);
		uint64_t made = known[i].level == 9 ? port->table(&pt, (mm_paddr_t)known[i].pa, 1)
						    : port->leaf(&pt, (mm_paddr_t)known[i].pa,
								 known[i].level, known[i].attr);
		if (order(made) != known[i].entry)
			fail_msg("%s, level %u: %#llx, not %#llx", arch->name, known[i].level,
				 (unsigned long long)order(made),
				 (unsigned long long)known[i].entry);
		stop();
	}
}

/* Bits in which leaves of one type differ that are global both, or neither, at one address. */
static uint64_t bits_of_rights(unsigned level)
{
	const uint32_t rights = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC | MM_PT_USER | MM_PT_ACCESSED | MM_PT_DIRTY;
	uint64_t bits = 0;

	for (uint32_t attr = 0; attr <= rights; attr++)
		if (!(attr & ~rights) && port->check(&pt, attr) == MM_OK)
			bits |= port->leaf(&pt, 0, level, attr | MM_PT_TRACK) ^
				port->leaf(&pt, 0, level, MM_PT_READ | MM_PT_TRACK);
	return bits;
}

/* Bits that no leaf() changes, of what classify() says is a leaf all the same. Returns how many there are. */
static unsigned others_are_broken(unsigned level)
{
	const uint64_t leaf = port->leaf(&pt, 0, level, MM_PT_READ), rights = bits_of_rights(level);
	unsigned n = 0;

	for (unsigned b = 0; b < 8u << port->entry_lg2; b++) {
		uint64_t other = leaf ^ UINT64_C(1) << b;
		if ((rights >> b & 1) || port->classify(&pt, other, level) != MM_PT_LEAF)
			continue;
		unsigned after = port->transition(&pt, leaf, other, level) & port->transition(&pt, other, leaf, level);
		if ((after & MM_PT_AFTER_BBM) == 0 || (after & MM_PT_AFTER_FLUSH) == 0)
			fail_msg("%s, level %u: another bit %u takes no break", arch->name, level, b);
		n++;
	}
	return n;
}

/* Where rules are break-before-make: they are for all that is not a right, as shareability. */
static void what_is_no_right_is_broken(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS + 2; k++) {
		if (k < MM_PT_FORMATS)
			start(k);
		else if (k == MM_PT_FORMATS)
			start_as(&ora_aarch64, mm_pt_aarch64_port());
		else
			start_as(&ora_aarch64_high, mm_pt_aarch64_high_port());
		for (unsigned level = 0; arch->must_break && level < port->nlevels && port->level[level].leaf; level++)
			n += others_are_broken(level);
		stop();
	}
	assert_true(n > 500); /* addresses, types, nG */
}

#if MM_HOOKS
/* ---- what TLBs may still hold ---- */

#define PAGE ora_size(&ora, 0)

/* What must be true after each operation. */
static bool holds(struct mm_tlb_gather *g)
{
	ora_check_gather(&ora, g);
	return !ora.wrong;
}

static bool holds_synced(struct mm_tlb_gather *g)
{
	bool ok = holds(g);

	mm_pt_sync(&pt, g);
	ora_check_synced(&ora);
	return ok && !ora.wrong;
}

static uint32_t another_type(uint32_t attr)
{
	for (uint32_t type = MM_PT_WT; type <= MM_PT_DEVICE; type += MM_PT_WT)
		if (arch->can(attr | type, arch->features))
			return attr | type;
	return attr ^ (arch->can(attr | MM_PT_GLOBAL, arch->features) ? MM_PT_GLOBAL : MM_PT_USER);
}

/* First address. */
static uint64_t base(void)
{
	return arch->half == ORA_ONES ? ~((UINT64_C(1) << ora_va_bits(arch)) - 1) : 0;
}

/* Page by page: rights lost, another type, gone, another frame at once. */
static bool pages_change(uint32_t rw, uint32_t r)
{
	struct mm_tlb_gather g = { 0 };

	assert_int_equal(mm_pt_map(&pt, base(), 0, 4 * PAGE, rw, 0, &g), MM_OK);
	if (!holds_synced(&g))
		return false;
	assert_int_equal(mm_pt_protect(&pt, base(), 2 * PAGE, r, 0, &g), MM_OK);
	if (!holds_synced(&g))
		return false;
	if (arch->can(another_type(rw), arch->features)) {
		assert_int_equal(
			mm_pt_protect(&pt, base() + 2 * PAGE, PAGE, another_type(rw), 0, &g),
			MM_OK);
		if (!holds_synced(&g))
			return false;
	}
	assert_int_equal(mm_pt_unmap(&pt, base() + PAGE, PAGE, 0, &g), MM_OK);
	if (!holds(&g))
		return false;
	assert_int_equal(mm_pt_map(&pt, base() + PAGE, 8 * PAGE, PAGE, r, 0, &g), MM_OK);
	return holds_synced(&g);
}

/* A large leaf, split and made again. */
static bool a_leaf_changes(uint32_t rw)
{
	const uint64_t size = ora_size(&ora, 1), va = base() + 2 * size;
	struct mm_tlb_gather g = { 0 };

	assert_int_equal(mm_pt_map(&pt, va, (mm_paddr_t)(2 * size), size, rw, 0, &g), MM_OK);
	if (!holds_synced(&g))
		return false;
	assert_int_equal(mm_pt_split(&pt, va, PAGE, 0, &g), MM_OK);
	if (!holds_synced(&g))
		return false;
	assert_int_equal(mm_pt_collapse(&pt, va, size, 0, &g), MM_OK);
	return holds_synced(&g);
}

/* With bug @plant, or 0: what did the oracle see? */
static const char *seen_with(unsigned k, unsigned plant)
{
	start(k);
	const uint32_t rw = arch->can(MM_PT_READ | MM_PT_WRITE, arch->features)
				    ? MM_PT_READ | MM_PT_WRITE
				    : MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC;
	ora_observe(&ora);
	ora.unordered = ora.new_table = false;
	ora.pa_bits = ora.pa_bits < 52 ? ora.pa_bits : 52; /* more than is used */
	mm_hook_plant = plant;
	if (pages_change(rw, rw & ~(uint32_t)MM_PT_WRITE))
		a_leaf_changes(rw);
	mm_hook_plant = 0;
	const char *wrong = ora.wrong;
	ora.wrong = NULL;
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	return wrong;
}

/* One flush, barrier or break left out, in each format: the TLB model notices, and nothing without. */
static void each_omission_is_noticed(void **state)
{
	unsigned tried = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		const char *wrong = seen_with(k, 0);
		if (wrong)
			fail_msg("%s: %s", ora_formats[k]->name, wrong);
		for (unsigned plant = MM_PLANT_MASK_FLUSH;
		     plant <= MM_PLANT_MASK_BREAK; plant++) {
			bool other = ora_formats[k]->can(another_type(MM_PT_READ | MM_PT_EXEC),
							 ora_formats[k]->features);
			if ((plant == MM_PLANT_MASK_SYNC && !ora_formats[k]->must_order &&
			     !ora_formats[k]->root_is_latched) ||
			    (plant == MM_PLANT_MASK_BREAK && !ora_formats[k]->must_break) ||
			    (plant == MM_PLANT_MASK_OTHER && !other))
				continue;
			if (!seen_with(k, plant))
				fail_msg("%s: bug %u was not noticed", ora_formats[k]->name, plant);
			tried++;
		}
	}
	print_message("%u omissions were noticed\n", tried);
	assert_true(tried >= 80);
}
#endif

/* Frames among which are the highest, wherever entries have those bits, by the batch. */
static void batches_tell_of_the_highest_frames(void **state)
{
	mm_paddr_t list[32], found[32];

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_leaves leaves = { .pa = found, .room = 32 };
		struct mm_pt_cur cur;

		start(k);
		const uint64_t page = ora_size(&ora, 0);
		const mm_vaddr_t va = arch->half == ORA_ONES ? (mm_vaddr_t)(0 - (UINT64_C(1) << port->va_bits)) : 0;
		const uint32_t rw = MM_PT_READ | MM_PT_WRITE, more = arch->can(rw, arch->features) ? 0 : MM_PT_EXEC;
		for (unsigned i = 0; i < 32; i++) /* a group of low ones, one of both, high ones, and some of each */
			list[i] = (mm_paddr_t)(i < 8 || i % 4 == 1 ? i * page : some_frame(0, 1 + i % 3) & ~(i % 5 * page));
		assert_int_equal(mm_pt_map_list(&pt, va, list, 32, rw | more, 0, &g), MM_OK);
		assert_int_equal(mm_pt_cur_init(&cur, &pt, va, 32 * page), MM_OK);
		for (size_t n = 0; n < 32; n += leaves.n) {
			assert_true(mm_pt_cur_leaves(&cur, &leaves));
			assert_memory_equal(found, list + n, leaves.n * sizeof(*list));
		}
		assert_int_equal(mm_pt_unmap(&pt, va, 32 * page, 0, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		stop();
	}
}

/* Nothing is changed: what stays is all that is mapped, and all of the same tables. */
static void refused(enum mm_status st, uint64_t hash, size_t used, mm_vaddr_t va, const struct mm_tlb_gather *g)
{
	assert_int_equal(st, MM_E_BBM);
	assert_true(ora_hash(&ora) == hash);
	assert_int_equal(ora.used, used);
	assert_true(g->stop_va == va && g->stop_level == 1);
	assert_false(g->flush || g->ntables);
}

/* With MM_PT_NO_BREAK, a large leaf is split, made whole again, and changed at once, or not at all. */
static void what_stays_is_mapped_at_each_moment(void **state)
{
	static struct ora_set stays;
	unsigned at_once = 0, never = 0, rights = 0;

	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		struct mm_tlb_gather g = { 0 };

		start(k);
		const uint64_t page = ora_size(&ora, 0), big = ora_size(&ora, 1);
		const mm_vaddr_t va = port->extension == MM_PT_VA_ONES ? (mm_vaddr_t)(0 - 4 * big) : (mm_vaddr_t)(4 * big);
		const uint32_t rw = MM_PT_READ | MM_PT_WRITE, more = arch->can(rw, arch->features) ? 0 : MM_PT_EXEC;
		if (!port->level[1].leaf) {
			stop();
			continue;
		}
		assert_int_equal(mm_pt_map(&pt, va, (mm_paddr_t)(2 * big), big, rw | more, MM_PT_NO_RUNS, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		ora_observe(&ora);
		const uint64_t hash = ora_hash(&ora);
		const size_t used = ora.used;
		stays.n = 0;
		set_insert(&stays, ora_walk(&ora, va));
		ora.stays = &stays;
		enum mm_status st = mm_pt_split(&pt, va, page, MM_PT_NO_BREAK, &g);
		if (arch->must_break) {
			never++;
			refused(st, hash, used, va, &g);
			refused(mm_pt_protect(&pt, va + page, page, MM_PT_READ | more, MM_PT_NO_BREAK, &g), hash, used, va + page, &g);
			refused(mm_pt_unmap(&pt, va + page, page, MM_PT_NO_BREAK, &g), hash, used, va + page, &g);
		} else {
			at_once++;
			assert_int_equal(st, MM_OK);
			mm_pt_sync(&pt, &g);
			assert_int_equal(mm_pt_collapse(&pt, va, big, MM_PT_NO_BREAK | MM_PT_NO_RUNS, &g), MM_OK);
			assert_int_equal(g.pages, big / page);
			assert_int_equal(mm_pt_protect(&pt, va + page, page, MM_PT_READ | more, MM_PT_NO_BREAK, &g), MM_OK);
			set_remove(&stays, va + page, va + 2 * page - 1);
			assert_int_equal(mm_pt_unmap(&pt, va + page, page, MM_PT_NO_BREAK, &g), MM_OK);
		}
		mm_pt_sync(&pt, &g);
		if (k >= MM_PT_AARCH64_16K && k <= MM_PT_AARCH64_16K_LPA2_HIGH) { /* other rights are no break there, another type is */
			assert_int_equal(mm_pt_protect(&pt, va, big, MM_PT_READ, MM_PT_NO_BREAK, &g), MM_OK);
			assert_int_equal(mm_pt_protect(&pt, va, big, MM_PT_READ | MM_PT_DEVICE, MM_PT_NO_BREAK, &g), MM_E_BBM);
			mm_pt_sync(&pt, &g);
			rights++;
		}
		ora.stays = NULL; /* nothing is to stay */
		assert_int_equal(mm_pt_unmap(&pt, va, big, MM_PT_NO_BREAK, &g), MM_OK);
		mm_pt_sync(&pt, &g);
		stop();
	}
	assert_true(at_once > 5 && never > 5 && rights > 5);
}

/* Of formats with witnesses (mmlib/pt_port.h): what is looked for in a table is a bit that tells it from empty entries. */
static void each_leaf_has_a_bit_that_no_empty_entry_has(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		unsigned tried = 0;

		start(k);
		for (uint32_t attr = 1; attr < MM_PT_DEVICE + 256u; attr++) {
			if (!port->witness || (attr & MM_PT_TYPE) > MM_PT_DEVICE || port->check(&pt, attr) != MM_OK)
				continue;
			assert_true(port->leaf(&pt, 0, 0, attr) & ~(port->empty(&pt, 0) | port->empty_ignore));
			tried++;
		}
		assert_true(tried || !port->witness);
		stop();
	}
}

/* Hardware takes 0 for a leaf on s390x, and no port makes it: a search for what is in use passes over it. */
static void a_leaf_that_no_search_finds_is_damage(void **state)
{
	(void)state;
	for (unsigned k = 0; k < MM_PT_FORMATS; k++) {
		struct mm_tlb_gather g = { 0 };
		struct mm_pt_run where = { 0 };

		start(k);
		const uint64_t page = ora_size(&ora, 0);
		if (is_s390x(k)) {
			assert_int_equal(mm_pt_map_page(&pt, 0, 0, MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC, &g), MM_OK);
			uint64_t *entry = first_entry();
			ora.damaged = true;
			assert_int_equal(mm_pt_verify_at(&pt, NULL, &where), MM_OK);
			entry[9] = 0;
			assert_int_equal(port->classify(&pt, 0, 0), MM_PT_LEAF);
			assert_int_equal(mm_pt_verify_at(&pt, NULL, &where), MM_E_CORRUPT);
			assert_true(where.va == 9 * page && where.last == 10 * page - 1 && where.level == 0);
			entry[9] = port->empty(&pt, 0);
			assert_int_equal(mm_pt_verify_at(&pt, NULL, &where), MM_OK);
		} else if (port->witness) {
			assert_int_not_equal(port->classify(&pt, 0, 0), MM_PT_LEAF);
		}
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_is_mapped_at_each_moment),
		cmocka_unit_test(each_leaf_has_a_bit_that_no_empty_entry_has),
		cmocka_unit_test(a_leaf_that_no_search_finds_is_damage),
		cmocka_unit_test(there_are_as_many_as_are_named),
		cmocka_unit_test(geometry_is_the_manuals),
		cmocka_unit_test(addresses_are_as_plain_as_is_said),
		cmocka_unit_test(each_attribute_goes_both_ways),
		cmocka_unit_test(what_loops_ask_is_what_the_format_says),
		cmocka_unit_test(each_reserved_bit_is_known),
		cmocka_unit_test(dirty_of_what_may_not_be_written_is_no_damage),
		cmocka_unit_test(an_emulators_accessed_bit_is_no_damage),
		cmocka_unit_test(entries_are_those_of_the_manuals),
		cmocka_unit_test(batches_tell_of_the_highest_frames),
		cmocka_unit_test(what_is_no_right_is_broken),
#if MM_HOOKS
		cmocka_unit_test(each_omission_is_noticed),
#endif
	};
	return cmocka_run_group_tests_name("pt_formats", tests, NULL, NULL);
}
