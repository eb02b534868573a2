/* SPDX-License-Identifier: MIT */
/* Page-table formats that are data: masks and values of bits, and no code of their own.
 *
 * Theory of operation
 * Problem      most formats differ in which bit says what, and in nothing else.
 * Structure    a struct mm_mask has the bits; the functions below are all that a port has to have, with
 *              such a structure as a constant, so that they fold to it. MM_MASK_PORT() makes them.
 *              An attribute is encoded by rules: where attributes `among` are just `attr`, bits `set` are
 *              set; where bits `mask` of a leaf are just `bits`, it has `attr`. A physical address is in
 *              one field, shifted, or has its highest bits in a second one.
 *              What is asked of each entry in a loop is short if the port says table_mask, leaf_mask and
 *              address_plain, too; what is odd is looked at in a function that is not folded to where it is
 *              called (mask_odd()), so that an instance is as small and fast as by hand.
 *              Entries are numbers as the manual has them; where the manual's byte order is not this
 *              CPU's, they are swapped on the way in and out. The walker never calculates with them, so it
 *              does not notice, but for addresses, which it may swap by itself if the port says
 *              address_swapped.
 * Invariants   M1 what the rules encode they decode: a test goes through all attributes of each format.
 *              M2 what no rule makes is MM_PT_BAD: reserved bits need not be listed. */
#ifndef MM_SRC_PORTS_MASK_H
#define MM_SRC_PORTS_MASK_H
#include <mmlib/pt_port.h>
#include "bits.h"
#include "hook.h"

/* What folds to a format; as PT_INLINE of vmm/pt_entry.h. */
#if UINTPTR_MAX > 0xffffffffu
#define MASK_FN static inline __attribute__((__always_inline__))
#else
#define MASK_FN static inline
#endif

struct mm_mask_rule {
	uint32_t among, attr;     /* set, or clear again if leaf[] has it, if, of these attributes, it has just those */
	uint64_t set, mask, bits; /* told if, of these bits, just those are set */
};

/* Attributes that are bits in the order in which enum mm_pt_attr has them, so many further left: rules at once. */
struct mm_mask_same {
	uint32_t attr;
	uint8_t left;
};

/* An attribute is a bit; the lack of one is; the lack of one that leaf[] has; encodes only; decodes only. */
#define MASK_IF(a, b)                                                                              \
	{                                                                                          \
		(a), (a), (b), (b), (b)                                                            \
	}
#define MASK_UNLESS(a, b)                                                                          \
	{ (a), 0, (b), 0, 1 },                                                                     \
	{                                                                                          \
		0, (a), 0, (b), 0                                                                  \
	}
#define MASK_LACKS(a, b)                                                                           \
	{                                                                                          \
		(a), (a), (b), (b), 0                                                              \
	}
#define MASK_SETS(among, a, b)                                                                     \
	{                                                                                          \
		(among), (a), (b), 0, 1                                                            \
	}
#define MASK_TELLS(a, mask, bits)                                                                  \
	{                                                                                          \
		0, (a), 0, (mask), (bits)                                                          \
	}
#define MASK_WD      (MM_PT_WRITE | MM_PT_DIRTY)
#define MASK_NO_TYPE UINT64_MAX
#define MASK_RULES   14u

/* A member of a run that has some bits in place of address bits: it is told by bits `mask` being just `is`, and has
 * what a leaf has in two fields so many bits further left. */
struct mm_mask_member {
	uint64_t mask, is, moved[2];
	uint8_t by[2];
};

/* Where there are two of something, the first is for all leaves, or with `apart` for those of level 0, and the second
 * for large ones. Where there are six, by level. Not `same`: both hold. */
struct mm_mask {
	bool apart;
	bool big_endian;
	bool write_needs_read;
	bool breaks; /* break-before-make */
	uint64_t valid;      /* bits of which hardware wants one, and no empty entry has one; with port->follows: at level 0 */
	uint64_t invalid;    /* bits of which each empty entry has one that hardware wants clear. Neither: classify() tells */
	uint64_t empty[MM_PT_LEVELS_MAX];
	uint32_t nowhere;    /* with port->follows: bytes from the root on of the table that leads nowhere */
	uint64_t table[MM_PT_LEVELS_MAX];      /* what a table's entry has beside its address... */
	uint64_t table_mask[MM_PT_LEVELS_MAX]; /* ...and which bits tell that it is one */
	uint64_t table_leaf; /* what it has, too, if the tree has port->recursive_feature */
	uint64_t leaf[MM_PT_LEVELS_MAX];       /* what all leaves have */
	uint64_t addr, table_addr;             /* fields of addresses; 0: the same */
	uint64_t spare;                        /* what large leaves use otherwise of that field */
	uint64_t high;             /* field of the highest bits, and how far they are... */
	uint8_t shift, high_shift; /* ...shifted right */
	struct mm_mask_same same[2];
	const struct mm_mask_rule *rules[2]; /* or NULL; the second: as the first */
	uint64_t type[2][5]; /* WB WT WC UC DEVICE, or MASK_NO_TYPE */
	uint64_t type_mask[2];
	uint64_t type_again[2];    /* bits of it that say nothing beside others of it */
	uint8_t type_left;         /* they are numbers in that order, so many bits further left; 0: type[] says */
	uint32_t must, never;      /* attributes that all leaves have; that none has */
	uint32_t told;             /* attributes that are not in entries */
	uint32_t type_feature;     /* of mm_pt_cfg::features: there are types but WB; 0: always */
	uint64_t seen;             /* say dirty: hardware may set one where leaf() sets another */
	uint64_t exact[2];         /* what a change of needs a flush, beside addresses */
	uint64_t lost[2], gone[2]; /* rights that are bits set; that are bits clear */
	uint64_t soft;             /* what hardware does not look at: a change wants nothing */
	uint8_t after_make, after_make_top, after_gain; /* of enum mm_pt_after */
	uint64_t run;                   /* a member of a contiguous run; 0: there are none */
	uint64_t run_field, run_length; /* if it says there how long that is, in place of address bits */
	const struct mm_mask_member *member; /* of a run at level 0, where there are such */
};

/* What becomes valid, and a right that is gained, are ordered before they are used. */
#define MASK_SYNCS                                                                                 \
	.after_make = MM_PT_AFTER_SYNC, .after_make_top = MM_PT_AFTER_SYNC,                        \
	.after_gain = MM_PT_AFTER_SYNC

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define MASK_BE64(v) (v)
#define MASK_IS_BIG  true
#else
#define MASK_BYTE(v, n) ((((v) >> (n)*8) & UINT64_C(255)) << (56 - (n)*8))
#define MASK_BE64(v)                                                                               \
	(MASK_BYTE(v, 0) | MASK_BYTE(v, 1) | MASK_BYTE(v, 2) | MASK_BYTE(v, 3) | MASK_BYTE(v, 4) | \
	 MASK_BYTE(v, 5) | MASK_BYTE(v, 6) | MASK_BYTE(v, 7))
#define MASK_IS_BIG false
#endif

/* Between the manual's order of bytes and this CPU's, which one is the same as the other. */
MASK_FN uint64_t mask_order(const struct mm_mask *m, uint64_t v)
{
	return m->big_endian && !MASK_IS_BIG ? mm_swap64(v) : v;
}

/* An address is aligned, and no longer than its field. */
MASK_FN uint64_t mask_field(const struct mm_mask *m, mm_paddr_t pa, uint64_t addr)
{
	if (!m->high)
		return mm_shr64(pa, m->shift);
	return (mm_shr64(pa, m->shift) & addr) | (mm_shr64(pa, m->high_shift) & m->high);
}

/* The address in an entry, as far as @addr has it. */
MASK_FN mm_paddr_t mask_address(const struct mm_mask *m, const struct mm_pt *pt, uint64_t raw,
				uint64_t addr)
{
	uint64_t entry = mask_order(m, raw & ~pt->cfg.set_bits);

	return (mm_paddr_t)(mm_shl64(entry & addr & ~m->high, m->shift) |
			    mm_shl64(entry & m->high, m->high_shift));
}

MASK_FN uint64_t mask_table_addr(const struct mm_mask *m)
{
	return m->table_addr ? m->table_addr : m->addr;
}

/* Is that field the same in all entries, but for what is spare in large leaves? */
MASK_FN bool mask_one_field(const struct mm_mask *m)
{
	return !m->high && !m->table_addr;
}

MASK_FN mm_paddr_t mask_below(const struct mm_mask *m, const struct mm_pt *pt, uint64_t raw)
{
	if (!m->high)
		return (mm_paddr_t)mm_shl64(mask_order(m, raw & pt->address), m->shift);
	return mask_address(m, pt, raw, mask_table_addr(m));
}

/* Address bits that a leaf at a level has clear. */
MASK_FN uint64_t mask_low(const struct mm_mask *m, const struct mm_pt_port *port, unsigned level)
{
	uint64_t low =
		m->addr & ~m->high & mm_shr64(mm_shl64(1, port->level[level].shift) - 1, m->shift);

	return level ? low & ~m->spare : low;
}

/* Which of two. */
MASK_FN unsigned mask_big(const struct mm_mask *m, unsigned level)
{
	return m->apart && level > 0;
}

MASK_FN const struct mm_mask_rule *mask_rules(const struct mm_mask *m, unsigned level)
{
	return mask_big(m, level) && m->rules[1] ? m->rules[1] : m->rules[0];
}

/* What an empty entry is: a constant, if it is the same at all levels. */
MASK_FN uint64_t mask_nothing(const struct mm_mask *m, unsigned level)
{
	const uint64_t *e = m->empty;

	return e[0] | e[1] | e[2] | e[3] | e[4] | e[5] ? e[level] : 0;
}

/* Does the port say what tells a table at this level? */
MASK_FN bool mask_tells_table(const struct mm_pt_port *port, unsigned level)
{
	return port->table_mask && (level == 1 || !port->table_low);
}

/* Does it lead to a table? For what is not empty. */
MASK_FN bool mask_is_table(const struct mm_mask *m, const struct mm_pt_port *port, uint64_t raw, unsigned level)
{
	if (level == 0)
		return false;
	if (mask_tells_table(port, level))
		return (raw & port->table_mask) == port->table_bits;
	/* cppcheck-suppress arrayIndexOutOfBoundsCond ; a level is below MM_PT_LEVELS_MAX */
	return !((mask_order(m, raw) ^ m->table[level]) & m->table_mask[level]);
}

/* The same, with no reserved bit. */
MASK_FN bool mask_is_good_table(const struct mm_mask *m, const struct mm_pt_port *port, const struct mm_pt *pt,
				uint64_t raw, unsigned level)
{
	if (level == 0)
		return false;
	if (mask_tells_table(port, level))
		return (raw & (port->table_mask | pt->reserved)) == port->table_bits;
	return mask_is_table(m, port, raw, level) && !(raw & pt->reserved);
}

/* Is it a struct mm_mask_member? */
MASK_FN bool mask_is_moved(const struct mm_mask *m, uint64_t entry, unsigned level)
{
	return level == 0 && m->member && (entry & m->member->mask) == m->member->is;
}

/* Such a member, of a leaf. Not where it is called: few formats have it. */
static __attribute__((__noinline__)) uint64_t mask_move(const struct mm_mask *m, uint64_t leaf)
{
	const struct mm_mask_member *to = m->member;
	uint64_t entry = leaf & ~to->mask;

	for (unsigned i = 0; i < 2; i++)
		entry &= ~(to->moved[i] | mm_shl64(to->moved[i], to->by[i]));
	entry |= to->is;
	for (unsigned i = 0; i < 2; i++)
		entry |= mm_shl64(leaf & to->moved[i], to->by[i]);
	return entry;
}

/* The leaf, with the frame of the whole run, that it was made of. */
static __attribute__((__noinline__)) uint64_t mask_move_back(const struct mm_mask *m, uint64_t entry)
{
	const struct mm_mask_member *to = m->member;
	uint64_t leaf = (entry & ~to->mask) | (m->leaf[0] & to->mask);

	for (unsigned i = 0; i < 2; i++)
		leaf = (leaf & ~mm_shl64(to->moved[i], to->by[i])) | (mm_shr64(entry, to->by[i]) & to->moved[i]);
	return leaf;
}

/* A type that is not write-back, which is most frequent. */
static __attribute__((__noinline__)) uint32_t mask_type(const struct mm_mask *m, uint64_t bits, unsigned big)
{
	uint32_t attr = 0;

	if (bits & ~m->type_again[big])
		bits &= ~m->type_again[big];
	for (uint32_t t = 1; t < 5; t++)
		attr |= bits == m->type[big][t] ? t << 8 : 0u;
	return attr;
}

/* Bits that say the protection key: where there is one, it is the first of `same`. */
MASK_FN uint64_t mask_keys(const struct mm_mask *m)
{
	return mm_shl64(m->same[0].attr & MM_PT_KEYS, m->same[0].left);
}

MASK_FN uint32_t mask_attr(const struct mm_mask *m, uint64_t raw, unsigned level)
{
	const struct mm_mask_rule *rule = mask_rules(m, level);
	uint64_t entry = mask_order(m, raw);
	uint32_t attr = m->told | m->must;

#pragma GCC unroll 2
	for (unsigned i = 0; i < 2; i++)
		attr |= (uint32_t)mm_shr64(entry, m->same[i].left) & m->same[i].attr;
	if (level && MM_PLANTED(MM_PLANT_MASK_KEY_TELL))
		attr &= ~(uint32_t)MM_PT_KEYS;
	if (rule) {
#pragma GCC unroll 16
		for (unsigned i = 0; i < MASK_RULES; i++)
			attr |= (entry & rule[i].mask) == rule[i].bits ? rule[i].attr : 0u;
	}
	unsigned big = mask_big(m, level);
	uint64_t bits = entry & m->type_mask[big];
	if (m->type_left)
		return attr | (uint32_t)mm_shr64(bits, m->type_left) << 8;
	return bits == m->type[big][0] ? attr : attr | mask_type(m, bits, big);
}

MASK_FN bool mask_combines(const struct mm_mask *m, const struct mm_pt *pt, uint32_t attr)
{
	return (attr & m->must) == m->must && !(attr & m->never) &&
	       !(m->write_needs_read && (attr & (MM_PT_READ | MM_PT_WRITE)) == MM_PT_WRITE) &&
	       !(m->type_feature && (attr & MM_PT_TYPE) && !(pt->cfg.features & m->type_feature));
}

/* Types that none has, in the order of enum mm_pt_attr: a constant, if the format is. */
MASK_FN unsigned mask_no_types(const struct mm_mask *m)
{
	unsigned none = 0;

#pragma GCC unroll 5
	for (unsigned t = 0; t < 5; t++)
		none |= m->type[0][t] == MASK_NO_TYPE ? 1u << t : 0u;
	return none;
}

MASK_FN enum mm_status mask_check(const struct mm_mask *m, const struct mm_pt *pt, uint32_t attr)
{
	unsigned type = (attr & MM_PT_TYPE) >> 8;

	return mask_combines(m, pt, attr) && !(mask_no_types(m) >> type & 1) ? MM_OK : MM_E_NOTSUP;
}

MASK_FN uint64_t mask_type_bits(const struct mm_mask *m, unsigned level, uint32_t type)
{
	return m->type_left ? mm_shr64(mm_shl64(type, m->type_left), 8) : m->type[mask_big(m, level)][type >> 8];
}

MASK_FN uint64_t mask_leaf(const struct mm_mask *m, const struct mm_pt *pt, mm_paddr_t pa,
			   unsigned level, uint32_t attr)
{
	const struct mm_mask_rule *rule = mask_rules(m, level);
	uint64_t entry = m->leaf[level] | mask_field(m, pa, m->addr);

	if (!(attr & MM_PT_TRACK))
		attr |= MM_PT_ACCESSED | MM_PT_DIRTY;
#pragma GCC unroll 2
	for (unsigned i = 0; i < 2; i++)
		entry |= mm_shl64(attr & m->same[i].attr, m->same[i].left);
	if (rule) {
#pragma GCC unroll 16
		for (unsigned i = 0; i < MASK_RULES; i++)
			entry ^= (attr & rule[i].among) == rule[i].attr ? rule[i].set : 0;
	}
	entry |= mask_type_bits(m, level, attr & MM_PT_TYPE);
	return mask_order(m, entry) | pt->cfg.set_bits;
}

MASK_FN uint64_t mask_table(const struct mm_mask *m, const struct mm_pt_port *port, const struct mm_pt *pt,
			    mm_paddr_t pa, unsigned level)
{
	const bool leaf = MM_PT_WINDOW && (pt->cfg.features & port->recursive_feature);
	const uint64_t has = leaf ? m->table[level] | m->table_leaf : m->table[level];

	return mask_order(m, has | mask_field(m, pa, mask_table_addr(m))) | pt->cfg.set_bits;
}

/* Where no value of a directory's entry means that nothing is there, an empty one has the address of a table that
 * leads back to itself, and that as a table of level 0 has no valid entry. It is the part of the root that no
 * address reaches: the root has an index of one bit more than there are, so that no memory but its own is needed,
 * and nobody has to fill it but who fills the root with empty entries. */
MASK_FN uint64_t mask_empty(const struct mm_mask *m, const struct mm_pt_port *port, const struct mm_pt *pt,
			    unsigned level)
{
	if (port->follows && level > 0)
		return mask_table(m, port, pt, pt->root + m->nowhere, level);
	return mask_order(m, mask_nothing(m, level));
}

MASK_FN mm_paddr_t mask_leaf_pa(const struct mm_mask *m, const struct mm_pt_port *port,
				const struct mm_pt *pt, uint64_t raw, unsigned level)
{
	const uint64_t spare = level ? m->spare : 0, addr = m->addr & ~mask_low(m, port, level) & ~spare;

	if (!m->high)
		return (mm_paddr_t)mm_shl64(mask_order(m, raw & pt->address) & addr, m->shift);
	return mask_address(m, pt, raw, addr);
}

/* A leaf is what leaf() makes of what the entry says: no other bits, and none missing (M2), but for those
 * that say dirty twice. */
MASK_FN bool mask_is_leaf(const struct mm_mask *m, const struct mm_pt_port *port,
			  const struct mm_pt *pt, uint64_t raw, unsigned level)
{
	const uint32_t rights = MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC;
	uint32_t attr = mask_attr(m, raw, level);
	mm_paddr_t pa = mask_leaf_pa(m, port, pt, raw, level);

	return port->level[level].leaf && (pt->cfg.leaf_levels >> level & 1) && (attr & rights) &&
	       (attr & MM_PT_TYPE) <= MM_PT_DEVICE && mask_combines(m, pt, attr) && !(raw & pt->reserved) &&
	       !((raw ^ mask_leaf(m, pt, pa, level, attr | MM_PT_TRACK)) & ~mask_order(m, m->seen));
}

MASK_FN bool mask_is_run(const struct mm_mask *m, uint64_t entry, unsigned level)
{
	return level == 0 && m->member ? mask_is_moved(m, entry, level) : (entry & m->run) != 0;
}

/* The leaf that a member of a run would be without it. False: no run() makes such a member. */
MASK_FN bool mask_run_leaf(const struct mm_mask *m, uint64_t entry, unsigned level, uint64_t *raw)
{
	if (mask_is_moved(m, entry, level)) {
		uint64_t leaf = mask_move_back(m, entry);
		*raw = mask_order(m, leaf);
		return mask_move(m, leaf) == entry;
	}
	*raw = mask_order(m, entry & ~(m->run | m->run_field));
	return (entry & m->run_field) == m->run_length;
}

/* Are directories, empty ones too, for mask_odd() to tell? A call keeps frames small where CPUs have 32 bits. */
MASK_FN bool mask_asks_odd(const struct mm_pt_port *port)
{
	return port->follows && sizeof(uintptr_t) < 8;
}

/* What most entries are, most frequent first. False: see mask_odd(). */
MASK_FN bool mask_is_plain(const struct mm_mask *m, const struct mm_pt_port *port, const struct mm_pt *pt,
			   uint64_t raw, unsigned level, enum mm_pt_kind *kind)
{
	if (port->follows && level > 0) {
		if (mask_asks_odd(port))
			return false;
		*kind = raw == port->empty(pt, level) ? MM_PT_EMPTY : MM_PT_TABLE;
		return *kind == MM_PT_EMPTY || mask_is_good_table(m, port, pt, raw, level);
	}
	if (mask_is_good_table(m, port, pt, raw, level))
		*kind = MM_PT_TABLE;
	else if (level == 0 && port->leaf_mask && (raw & (port->leaf_mask | pt->reserved)) == port->leaf_bits)
		*kind = MM_PT_LEAF;
	else if (!((raw ^ mask_order(m, mask_nothing(m, level))) & ~port->empty_ignore))
		*kind = MM_PT_EMPTY;
	else
		return false;
	return true;
}

/* What the others are. */
MASK_FN enum mm_pt_kind mask_odd(const struct mm_mask *m, const struct mm_pt_port *port,
				 const struct mm_pt *pt, uint64_t raw, unsigned level)
{
	uint64_t entry = mask_order(m, raw);

	if (port->follows && level > 0 && raw == port->empty(pt, level))
		return MM_PT_EMPTY;
	if (port->follows && mask_is_good_table(m, port, pt, raw, level))
		return MM_PT_TABLE;
	bool run = mask_is_run(m, entry, level) && (pt->runs >> level & 1);
	if (run && !mask_run_leaf(m, entry, level, &raw))
		return MM_PT_BAD;
	if (!mask_is_leaf(m, port, pt, raw, level))
		return MM_PT_BAD;
	return run ? MM_PT_RUN : MM_PT_LEAF;
}

/* What is no leaf has its address where tables have it. In one field, what classify() lets pass has clear what a large
 * leaf has to have clear. */
MASK_FN mm_paddr_t mask_pa(const struct mm_mask *m, const struct mm_pt_port *port,
			   const struct mm_pt *pt, uint64_t raw, unsigned level)
{
	if (mask_one_field(m)) {
		bool spare = level && m->spare && !mask_is_table(m, port, raw, level);
		return mask_below(m, pt, spare ? raw & ~mask_order(m, m->spare) : raw);
	}
	if (mask_is_table(m, port, raw, level))
		return mask_below(m, pt, raw);
	return mask_leaf_pa(m, port, pt, raw, level);
}

/* May hardware have it? */
MASK_FN bool mask_is_valid(const struct mm_mask *m, const struct mm_pt_port *port, const struct mm_pt *pt,
			   uint64_t raw, unsigned level)
{
	if (port->follows && level > 0)
		return raw != port->empty(pt, level);
	if (m->valid)
		return (mask_order(m, raw) & m->valid) != 0;
	if (m->invalid)
		return !(mask_order(m, raw) & mask_nothing(m, level) & m->invalid);
	enum mm_pt_kind kind = port->classify(pt, raw, level);
	return kind != MM_PT_EMPTY && kind != MM_PT_BAD;
}

MASK_FN unsigned mask_break(const struct mm_mask *m)
{
	return m->breaks && !MM_PLANTED(MM_PLANT_MASK_BREAK) ? (unsigned)MM_PT_AFTER_BBM : 0u;
}

/* From leaf to leaf of the same size. */
MASK_FN unsigned mask_between(const struct mm_mask *m, uint64_t old, uint64_t now, unsigned big)
{
	uint64_t addr = big ? m->addr & ~m->spare : m->addr;
	uint64_t any = addr | m->high | m->run | m->type_mask[big] | m->exact[big];

	if (MM_PLANTED(MM_PLANT_MASK_KEY_FLUSH))
		any &= ~mask_keys(m);
	if (MM_PLANTED(MM_PLANT_MASK_GLOBAL))
		any &= ~m->exact[big];
	uint64_t other = MM_PLANTED(MM_PLANT_MASK_OTHER) ? 0 : (old ^ now) & any;
	uint64_t less = (old & ~now & m->lost[big]) | (~old & now & m->gone[big]);
	if (MM_PLANTED(MM_PLANT_MASK_RIGHTS))
		less = 0;
	if (other && m->breaks)
		return MM_PT_AFTER_FLUSH | mask_break(m);
	if (other | less)
		return MM_PT_AFTER_FLUSH;
	if (MM_PLANTED(MM_PLANT_MASK_OTHER) || MM_PLANTED(MM_PLANT_MASK_RIGHTS))
		return MM_PT_AFTER_NONE;
	return !((old ^ now) & ~m->soft) ? (unsigned)MM_PT_AFTER_NONE : m->after_gain;
}

MASK_FN unsigned mask_transition(const struct mm_mask *m, const struct mm_pt_port *port,
				 const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level)
{
	bool is = mask_is_valid(m, port, pt, now, level);

	if (!mask_is_valid(m, port, pt, old, level))
		return !is || MM_PLANTED(MM_PLANT_MASK_SYNC) ? (unsigned)MM_PT_AFTER_NONE
		       : level + 1u == port->nlevels         ? m->after_make_top
							     : m->after_make;
	bool was_table = mask_is_table(m, port, old, level);
	bool is_table = is && mask_is_table(m, port, now, level);
	if (is_table && MM_PLANTED(MM_PLANT_MASK_TABLES))
		return MM_PT_AFTER_FLUSH | mask_break(m);
	unsigned tables = was_table || is_table ? (unsigned)MM_PT_AFTER_TABLES : 0u;
	if (!is)
		return MM_PLANTED(MM_PLANT_MASK_FLUSH) ? (unsigned)MM_PT_AFTER_NONE
						       : MM_PT_AFTER_FLUSH | tables;
	if (tables)
		return MM_PT_AFTER_FLUSH | tables | mask_break(m);
	return mask_between(m, mask_order(m, old), mask_order(m, now), mask_big(m, level));
}

/* A member of a run, of a leaf. */
MASK_FN uint64_t mask_run(const struct mm_mask *m, uint64_t leaf, unsigned level)
{
	if (level == 0 && m->member)
		return mask_order(m, mask_move(m, mask_order(m, leaf)));
	return (leaf & ~mask_order(m, m->run_field)) | mask_order(m, m->run | m->run_length);
}

/* For an instance of the walker that is folded to one format: functions of its own, of `static const struct
 * mm_mask id##_mask`, for `static const struct mm_pt_port id##_port`, which uses MM_MASK_CALLS(id). */
#define MM_MASK_PORT(id)                                                                           \
	static const struct mm_pt_port id##_port;                                                  \
	MASK_FN uint64_t id##_empty(const struct mm_pt *pt, unsigned level)                         \
	{                                                                                          \
		return mask_empty(&id##_mask, &id##_port, pt, level);                              \
	}                                                                                          \
	static __attribute__((__noinline__)) enum mm_pt_kind id##_odd(                             \
		const struct mm_pt *pt, uint64_t e, unsigned level)                                \
	{                                                                                          \
		return mask_odd(&id##_mask, &id##_port, pt, e, level);                             \
	}                                                                                          \
	MASK_FN enum mm_pt_kind id##_classify(const struct mm_pt *pt, uint64_t e, unsigned level)  \
	{                                                                                          \
		enum mm_pt_kind kind;                                                              \
		if (mask_is_plain(&id##_mask, &id##_port, pt, e, level, &kind))                    \
			return kind;                                                               \
		kind = id##_odd(pt, e, level);                                                     \
		if (!mask_asks_odd(&id##_port) && (kind == MM_PT_TABLE || kind == MM_PT_EMPTY))    \
			__builtin_unreachable(); /* who looks for tables need not call it */       \
		return kind;                                                                       \
	}                                                                                          \
	MASK_FN enum mm_status id##_check(const struct mm_pt *pt, uint32_t attr)                    \
	{                                                                                          \
		return mask_check(&id##_mask, pt, attr);                                           \
	}                                                                                          \
	MASK_FN uint64_t id##_leaf(const struct mm_pt *pt, mm_paddr_t pa, unsigned level,           \
				  uint32_t attr)                                                   \
	{                                                                                          \
		return mask_leaf(&id##_mask, pt, pa, level, attr);                                 \
	}                                                                                          \
	MASK_FN uint64_t id##_frame(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)          \
	{                                                                                          \
		(void)pt;                                                                          \
		(void)level;                                                                       \
		return mask_order(&id##_mask, mask_field(&id##_mask, pa, id##_mask.addr));         \
	}                                                                                          \
	MASK_FN uint32_t id##_attr(const struct mm_pt *pt, uint64_t e, unsigned level)              \
	{                                                                                          \
		(void)pt;                                                                          \
		return mask_attr(&id##_mask, e, level);                                            \
	}                                                                                          \
	MASK_FN uint64_t id##_table(const struct mm_pt *pt, mm_paddr_t pa, unsigned level)          \
	{                                                                                          \
		return mask_table(&id##_mask, &id##_port, pt, pa, level);                          \
	}                                                                                          \
	MASK_FN mm_paddr_t id##_below(const struct mm_pt *pt, uint64_t e)                           \
	{                                                                                          \
		return mask_below(&id##_mask, pt, e);                                              \
	}                                                                                          \
	MASK_FN mm_paddr_t id##_pa(const struct mm_pt *pt, uint64_t e, unsigned level)              \
	{                                                                                          \
		return mask_pa(&id##_mask, &id##_port, pt, e, level);                              \
	}                                                                                          \
	MASK_FN unsigned id##_transition(const struct mm_pt *pt, uint64_t old, uint64_t now,        \
					unsigned level)                                            \
	{                                                                                          \
		return mask_transition(&id##_mask, &id##_port, pt, old, now, level);               \
	}                                                                                          \
	MASK_FN uint64_t id##_run(const struct mm_pt *pt, uint64_t leaf, unsigned level)           \
	{                                                                                          \
		(void)pt;                                                                          \
		return mask_run(&id##_mask, leaf, level);                                          \
	}

#define MM_MASK_CALLS(id)                                                                          \
	.empty = id##_empty, .classify = id##_classify, .check = id##_check, .leaf = id##_leaf,    \
	.frame = id##_frame, .attr = id##_attr, .table = id##_table, .below = id##_below,          \
	.pa = id##_pa, .transition = id##_transition
#define MM_MASK_RUNS(id, feature, ...)                                                             \
	.run = id##_run, .run_feature = (feature), .run_lg2 = { __VA_ARGS__ }

#endif
