/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Architecture port: what one page-table format is, for those who write one.
 *
 * A port is one header in src/ports/ with `static inline` functions and one `static const struct
 * mm_pt_port`. The walker is compiled once with that constant, so every call below folds away.
 * Every function is a pure function of its arguments. Levels count from the leaf table: level 0
 * maps the smallest pages. */
#ifndef MMLIB_PT_PORT_H
#define MMLIB_PT_PORT_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** Most levels a format may have. */
#define MM_PT_LEVELS_MAX 6

/** What an entry is. */
enum mm_pt_kind {
	MM_PT_EMPTY, /**< nothing, and the walker may use it */
	MM_PT_TABLE, /**< points to a table one level below */
	MM_PT_LEAF,  /**< maps memory */
	MM_PT_BAD,   /**< reserved bits, or a payload in an entry that is not present: no leaf(), table()
	                  or empty() makes this */
	MM_PT_RUN,   /**< maps memory, as a member of a contiguous run: only where the tree uses them */
};

/** What must follow the change of an entry. Bits. */
enum mm_pt_after {
	MM_PT_AFTER_NONE = 0,
	MM_PT_AFTER_SYNC = 1u << 0,   /**< order the store before the next use */
	MM_PT_AFTER_FLUSH = 1u << 1,  /**< forget the translations it held */
	MM_PT_AFTER_TABLES = 1u << 2, /**< forget cached upper entries too */
	MM_PT_AFTER_BBM = 1u << 3,    /**< must pass through an empty entry and a flush in between */
	MM_PT_AFTER_MISSES = 1u << 4, /**< an empty entry became valid, and CPUs keep what is not: forget that
	                                   nothing was there. With #MM_PT_AFTER_TABLES: upper entries too */
};

/** What the bits of a virtual address above those that are translated must be. */
enum mm_pt_va {
	MM_PT_VA_SIGN, /**< copies of the highest translated bit: one tree has both ends */
	MM_PT_VA_ZERO, /**< zero: the tree of the low end */
	MM_PT_VA_ONES, /**< one: the tree of the high end */
};

/** One level's geometry. */
struct mm_pt_level {
	uint8_t shift; /**< log2 of the bytes that one entry covers */
	uint8_t bits;  /**< log2 of the entries in a table */
	bool leaf;     /**< entries may map memory; true from level 0 on without gaps */
};

/** A page-table format. */
struct mm_pt_port {
	const char *name;     /**< for reports */
	uint8_t nlevels;      /**< levels, the root's included */
	uint8_t entry_lg2;    /**< log2 of the bytes in an entry: 2 or 3 */
	uint8_t va_bits;      /**< bits of a virtual address that are translated */
	uint8_t pa_bits;      /**< most bits of a physical address that an entry holds */
	uint8_t extension;    /**< of #mm_pt_va: what the bits of an address above va_bits are */
	bool follows;         /**< hardware follows whatever is in an entry above level 0: empty() is the same at all of
	                           these levels, and leads to a table of which no entry is a leaf at level 0 */
	bool table_low;       /**< table_mask and table_bits are those of level 1 only: above it the walker asks
	                           classify() */
	uint64_t hw_volatile; /**< bits of a leaf that hardware may change at any time, on which neither
	                           classify() nor transition() to an empty entry depends... */
	uint64_t hw_final;    /**< ...and their values once it changes them no more: such a leaf is
	                           replaced with a plain store */
	uint64_t empty_ignore; /**< bits that may be set in an entry that is empty all the same:
	                            classify() says #MM_PT_EMPTY if all others are those of empty(). With
	                            `follows` at level 0 only */
	uint64_t table_mask;  /**< bits that tell a table, beside those of pt->reserved: above level 0
	                            classify() says #MM_PT_TABLE if and only if, of these and those... */
	uint64_t table_bits;  /**< ...just these are set, and with `follows` it is not empty(). Mask 0: the
	                           walker asks classify() */
	uint64_t leaf_mask;   /**< bits that tell a leaf, beside those of pt->reserved: at level 0 classify()
	                           says #MM_PT_LEAF if, of these and those... */
	uint64_t leaf_bits;   /**< ...just these are set; transition() from it to an empty entry depends on
	                           no others, and from an empty entry to any leaf of level 0 it is as to
	                           leaf_bits. Mask 0: the walker asks both */
	uint8_t address_plain; /**< 1 + n: below() is no more than the bits that pt->address leaves, and pa() of a leaf at
	                            level 0 no more than its frame(), n bits further left; 0: the walker asks them */
	bool address_swapped; /**< the same, but the bytes of an entry, of which it has 8, are first put in the other order */
	uint8_t witness;      /**< lowest bit of a field of level[0].bits bits, 4 or more, in which software may keep a
	                           number in an empty entry of level 0, where an entry has 8 bytes,
	                           empty_ignore has the field, and each leaf a bit that no empty entry
	                           has: one of software's, maybe. 0: there is none. With it a single
	                           unmap need not look through the table whether that was the last page;
	                           fastest inside of an aligned half-word that has no other bits of
	                           empty_ignore */
	uint64_t addr_mask;   /**< bits of an entry that hold an address. Of those that pa_bits leaves
	                           free mm_pt_cfg::set_bits may take some; the rest must be 0 */
	struct mm_pt_level level[MM_PT_LEVELS_MAX]; /**< level 0 first */
	/** Contiguous runs, for formats that have them: log2 of the entries in one, by level; 0: none there.
	 *  A run is aligned, in the table and in memory, its entries lead to frames that follow each other,
	 *  with the same attributes, and a TLB may hold all of it as one. */
	uint8_t run_lg2[MM_PT_LEVELS_MAX];
	uint32_t run_feature; /**< of mm_pt_cfg::features: runs are used */
	uint32_t run_feature_0; /**< the same for those at level 0 alone; 0: they are not apart */
	uint32_t recursive_feature; /**< of mm_pt_cfg::features, with #MM_PT_WINDOW: table() makes what is a leaf at level 0,
	                                 too, and a root is as long as a smallest page (mmlib/pt_recursive.h); 0: never */
	uint32_t key_feature; /**< of mm_pt_cfg::features: leaf() is asked for protection keys (#MM_PT_KEYS); 0: never */

	/** The empty entry at a level. Not always 0. */
	uint64_t (*empty)(const struct mm_pt *pt, unsigned level);
	/** What @p entry is. */
	enum mm_pt_kind (*classify)(const struct mm_pt *pt, uint64_t entry, unsigned level);
	/** Can the format express @p attr? #MM_OK or #MM_E_NOTSUP. */
	enum mm_status (*check)(const struct mm_pt *pt, uint32_t attr);
	/** A leaf. @p attr passed check(). Without #MM_PT_TRACK accessed and dirty are preset; with it
	 *  they are as #MM_PT_ACCESSED and #MM_PT_DIRTY in @p attr say. */
	uint64_t (*leaf)(const struct mm_pt *pt, mm_paddr_t pa, unsigned level, uint32_t attr);
	/** The bits of a leaf that hold @p pa: leaf() of @p pa is leaf() of 0 or-ed with them. Loops
	 *  compute the rest of a leaf once. */
	uint64_t (*frame)(const struct mm_pt *pt, mm_paddr_t pa, unsigned level);
	/** Attributes of a leaf, the inverse of leaf(); never has #MM_PT_TRACK. */
	uint32_t (*attr)(const struct mm_pt *pt, uint64_t entry, unsigned level);
	/** An entry that points to a table. */
	uint64_t (*table)(const struct mm_pt *pt, mm_paddr_t pa, unsigned level);
	/** Physical address of the table that @p entry, of kind #MM_PT_TABLE, points to. What tells that
	 *  kind may be gone from it: look at the address only. */
	mm_paddr_t (*below)(const struct mm_pt *pt, uint64_t entry);
	/** Physical address in an entry, leaf or table. If that of the lowest bit of a frame at level 0 is this bit, that of
	 *  each other one is, too, or has it clear: who reads many entries asks for those only that have one of these. */
	mm_paddr_t (*pa)(const struct mm_pt *pt, uint64_t entry, unsigned level);
	/** What must follow a change from @p old to @p now: bits of #mm_pt_after. All rules of the
	 *  architecture about TLBs and barriers are here. Who says #MM_PT_AFTER_BBM to anything says it to another frame in
	 *  a leaf of level 0: mm_pt_map() asks for that. */
	unsigned (*transition)(const struct mm_pt *pt, uint64_t old, uint64_t now, unsigned level);
	/** A member of a run, made of @p leaf, which is what leaf() said; NULL: the format has no runs.
	 *  attr() tells the attributes of both. pa() of a member is anywhere in the run. */
	uint64_t (*run)(const struct mm_pt *pt, uint64_t leaf, unsigned level);
};
MM_END_DECLS
#endif
