/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables: map, unmap, protect and query ranges, for any radix format.
 *
 * A table tree is a #mm_pt, its format a #mm_pt_port (one file for each architecture in src/ports/),
 * its memory and its TLB a #mm_pt_env that the kernel supplies. The walker needs nothing else of
 * mmlib, so it also serves a boot loader, a hypervisor's second stage or an IOMMU.
 *
 * Each operation exists once for each format that is built in, folded to that format
 * (`mm_pt_x86_64_map()`, in mmlib/pt_x86_64.h), and once for any format, selected at run time
 * (`mm_pt_map()`, here). Both are the same source and behave the same; the folded ones are two to
 * four times faster. What changes the shape of a tree is in mmlib/pt_tree.h.
 *
 * Ranges are [va, va + length) and may end at the end of the address space. Entries that change are
 * noted in a #mm_tlb_gather; mm_pt_sync() flushes the TLB and only then gives tables back.
 *
 * Concurrency comes in three tiers; hardware may walk a tree and set accessed and dirty bits in each of them:
 * - exclusive, all that is not said otherwise: the caller lets nobody else change the same tree meanwhile, and cursors
 *   stand still;
 * - disjoint ranges: several writers at once have a claim each, on ranges of one tree (mmlib/pt_claim.h), without a lock
 *   and without atomic operations on what they share; or a tree each, whose roots share: the kernel's half is one tree,
 *   each space another (mmlib/pt_share.h);
 * - readers without a lock: mm_pt_query() and mm_pt_translate(), on any CPU and in any context, beside the writer. They
 *   are told what was or what is, or that nothing is there in the midst of a change, if `free_table` leaves tables as
 *   they are until readers that came before have left (RCU, an epoch); or if readers keep interrupts off and `flush`
 *   waits for an interrupt on each CPU.
 * A CPU of 32 bits, but ARMv7 with LDREXD, reads entries of 8 bytes as two halves. A question in an NMI that
 * meets a change by another CPU may get the low half of one entry with the high half of another there. On
 * any of them, if it interrupts a change or meets one, it may get #MM_E_CORRUPT for the page that changes. */
#ifndef MMLIB_PT_H
#define MMLIB_PT_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

struct mm_pt;
struct mm_pt_port;
struct mm_tlb_gather;

/** Attributes of a mapping, in terms that every architecture has. A combination that a format cannot
 *  express is #MM_E_NOTSUP, never an approximation. */
enum mm_pt_attr {
	MM_PT_READ = 1u << 0,     /**< may be read */
	MM_PT_WRITE = 1u << 1,    /**< may be written */
	MM_PT_EXEC = 1u << 2,     /**< may be executed */
	MM_PT_USER = 1u << 3,     /**< unprivileged code may do these things */
	MM_PT_GLOBAL = 1u << 4,   /**< the same in every address space */
	MM_PT_TRACK = 1u << 5,    /**< accessed and dirty start clear and are kept by hardware or by the
	                               fault handler; without it they are preset */
	MM_PT_ACCESSED = 1u << 6, /**< told by queries; not for callers to set */
	MM_PT_DIRTY = 1u << 7,    /**< told by queries; not for callers to set */
	MM_PT_WB = 0u << 8,       /**< memory, write-back cached */
	MM_PT_WT = 1u << 8,       /**< memory, write-through cached */
	MM_PT_WC = 2u << 8,       /**< memory, write-combining, not cached */
	MM_PT_UC = 3u << 8,       /**< memory, not cached */
	MM_PT_DEVICE = 4u << 8,   /**< device registers, in order */
	MM_PT_TYPE = 7u << 8,     /**< mask of the memory type */
	MM_PT_KEYS = 15u << 12,   /**< mask of the protection key: MM_PT_KEY() */
};

/** Protection key @p n of a mapping, 0 to 15. Or it into the attributes; 0 is what they have without. A key other than
 *  0 is #MM_E_NOTSUP where the format has none, or `features` does not say that the machine has them. What a key
 *  takes away is in a register of the CPU, which is the kernel's. */
#define MM_PT_KEY(n) ((uint32_t)(n) << 12)

/** How an operation proceeds. */
enum mm_pt_flags {
	MM_PT_PARTIAL = 1u << 0, /**< map: on failure keep what was mapped; `gather->stop_va` says how far */
	MM_PT_EXACT = 1u << 1,   /**< unmap, protect: a hole in the range is #MM_E_NOENT, nothing changed */
	MM_PT_DISCARD = 1u << 2, /**< unmap: tables that the range covers whole are dropped unread, some
	                              fifty times faster; `gather->pages` counts them as full */
	MM_PT_NO_RUNS = 1u << 3, /**< map, reserve, collapse: make no contiguous runs; split: leave none */
	/** unmap, protect, split: what stays mapped is so at each moment. If a leaf would have to pass through an empty entry
	 *  (break-before-make; a contiguous run in every format), #MM_E_BBM, nothing changed. collapse: such leaves stay as
	 *  they are. For the pages of a kernel's own code, stacks and tables. O(entries) more */
	MM_PT_NO_BREAK = 1u << 4,
};

/** Use no leaf above level @p level (0: the smallest pages only). Or it into the flags. */
#define MM_PT_MAX_LEVEL(level) (((uint32_t)(level) + 1u) << 8)

#define MM_PT_WINDOWS 12 /**< numbers of windows: see mm_pt_env::window */

/** What the kernel supplies for a tree. Make it `static const`; kept by pointer. */
struct mm_pt_env {
	void *ctx; /**< passed back */
	/** A page for a table: @p bytes long, aligned to its length; contents do not matter.
	 *  Returns #MM_OK and its physical address, or an error, which the operation returns.
	 *  Must not call the walker for the same tree. [same context as the operation]
	 *  An address that is misaligned or beyond the physical bits is not touched, handed to
	 *  free_table() once, and the operation fails with #MM_E_PORT. */
	enum mm_status (*alloc_table)(void *ctx, size_t bytes, mm_paddr_t *pa);
	/** Takes a table page back. Called after the flush that made it unreachable. */
	void (*free_table)(void *ctx, mm_paddr_t pa, size_t bytes);
#if !MM_PT_WINDOW
	/** Address through which a table page is read and written, for as long as it is in use: operations have
	 *  pointers to several tables at once, and a cursor keeps one from call to call. A kernel that compiles mmlib itself
	 *  may define `MM_PT_TO_VIRT(pt, pa)` in its configuration header: that is used instead, and
	 *  the indirect call for each table is gone. It is for direct maps: the walker keeps the pointer of one
	 *  table for as long as that is in the tree. Who has no direct map sets #MM_PT_WINDOW. */
	void *(*to_virt)(void *ctx, mm_paddr_t pa);
#else
	/** Only with #MM_PT_WINDOW. Address through which the table page at @p pa is read and written until the next
	 *  call with the same number of a window, or to the end of the operation: one page of address space for each
	 *  of #MM_PT_WINDOWS is enough, which is made to lead to @p pa here. The length of the table is that of its level, of
	 *  the root as `alloc_table` was told it.
	 *  Windows below #MM_PT_WINDOWS / 2 are for tables in the tree, and the number is the table's level: with a
	 *  recursive entry in its root, it is also where that entry shows the table of this level around @p va, and
	 *  nothing needs to be mapped if @p pt is the active tree. What CPUs keep of that address is theirs: it may be of
	 *  a table that was there before. In the others are tables that are not in the tree yet, not any more, or in
	 *  another. No window needs to be seen by other CPUs. Operations of which one begins while another has not ended,
	 *  on other trees or other CPUs, have windows of their own each; so no callback calls the walker with the same ones.
	 *  Questions use windows as all operations do: with them there are no readers without a lock, and an interrupt
	 *  that asks has windows of its own, or finds interrupts off. Must not call the walker for the same tree.
	 *  @p pt is a copy in mm_pt_init(). [same context as the operation] */
	void *(*window)(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va);
#endif
	/** Make every CPU forget what the gather holds: translations in [g->start, g->last], and cached
	 *  upper entries over it if `g->tables`: those of the root too, which CPUs with ia32 PAE keep until
	 *  CR3 is written. What CPUs keep of that nothing was there (`misses`, below) is to be forgotten with them.
	 *  With `g->sync` alone: only order the stores. Returns when all CPUs have done so. */
	void (*flush)(void *ctx, const struct mm_tlb_gather *g);
};

/** Properties of a tree that are known at run time only. All-zero: the format's own maximum. */
struct mm_pt_cfg {
	uint8_t pa_bits;     /**< bits of a physical address this machine has; 0: the format's maximum,
	                          or what #mm_paddr_t holds if that is less */
	uint8_t leaf_levels; /**< bit l: this machine has leaves at level l; 0: all the format has.
	                          Bit 0 and no gaps: a leaf is split into those one level below */
	bool allow_wx;       /**< mappings may be both writable and executable; else #MM_E_PERM */
	uint32_t features;   /**< of this machine, as the format's header names them; 0: the least */
	uint64_t set_bits;   /**< bits set in every entry, leaf or table (memory encryption) */
};

/** Entries of a root that are not only its tree's: mmlib/pt_share.h. */
struct mm_pt_shared {
	uint8_t how;    /**< @private 0: it is nothing */
	uint16_t first; /**< @private entries of the root, from this one on... */
	uint16_t n;     /**< @private ...so many */
	mm_vaddr_t va;  /**< @private what the first is for begins here */
};

/** A tree of page tables. Set up with mm_pt_init(). Roots may share tables below them, as those of address spaces
 *  share a kernel's half: mmlib/pt_share.h. */
struct mm_pt {
	const struct mm_pt_port *port; /**< @private */
	const struct mm_pt_env *env;   /**< @private */
	mm_paddr_t root;               /**< physical address of the root table, for the CPU's register;
	                                    read-only */
	struct mm_pt_cfg cfg;          /**< @private with the zeros resolved */
	uint64_t pa_last;              /**< @private highest physical address */
	uint64_t reserved;             /**< @private address bits that no entry may have */
	uint64_t address;              /**< @private and those that an address may have, of a page or of a table */
	uint64_t table_test;           /**< @private bits that tell a table, reserved ones among them */
	uint64_t leaf_test;            /**< @private and those that tell a smallest leaf */
	uint64_t table_own;            /**< @private what a table entry of level 1 has here beside its address, or with
	                                    port->follows an empty entry above level 0... */
	uint64_t table_others;         /**< @private ...and all bits but those of addresses */
	uint64_t detached;             /**< @private tables detached so far: cursors notice */
	uint8_t runs;                  /**< @private bit l: contiguous runs are used at level l */
	uint64_t leaf;                 /**< @private a smallest leaf with... */
	uint32_t leaf_attr;            /**< @private ...these attributes, which are allowed */
	mm_paddr_t near;               /**< @private the table of level 1 above the last page that was mapped or unmapped
	                                    alone, or the first of a range that was mapped: its address, or
	                                    with `MM_PT_TO_VIRT` the pointer to it if that fits; */
	mm_vaddr_t near_va;            /**< @private what it is for begins here, */
	uint64_t near_pages[8];        /**< @private and is so many smallest pages, for who remembered it; 0: there is none */
	uint64_t shortcut;             /**< @private the same in one word, for who asks beside a writer */
	uint8_t shares;                /**< @private all of what `shared` are */
	struct mm_pt_shared shared[2]; /**< @private */
	mm_paddr_t follower;           /**< @private root in which entries are kept alike */
	struct mm_pt *claims;          /**< @private of a tree: its claims; of a claim: the next one of the tree's */
	struct mm_pt *claim_of;        /**< @private of a claim: the tree */
	mm_vaddr_t claim_va;           /**< @private of a claim: first byte of its range... */
	mm_vaddr_t claim_last;         /**< @private ...and the last */
#if MM_PT_WINDOW
	mm_vaddr_t va_recursive; /**< @private what the recursive entry is for begins here... */
	uint32_t attr_recursive; /**< @private ...and no more rights than these are there */
	uint16_t recursive;      /**< @private 1 + its number: mmlib/pt_recursive.h. 0: there is none */
	bool recursive_breaks;   /**< @private what it shows wants break-before-make */
#endif
};

/** Most detached trees of tables a gather holds before it flushes by itself. */
#define MM_GATHER_TABLES 16

/** Tables that are set aside for operations: mm_pt_reserve() in mmlib/pt_tree.h. Of one tree; all-zero
 *  is an empty one. */
struct mm_pt_pool {
	mm_paddr_t first[6]; /**< @private by level: the first; each holds the address of the next */
	size_t n[6];         /**< by level, leaf tables first: how many; read-only */
	mm_vaddr_t stop_va;  /**< where mm_pt_reserve() wanted the table that it did not get... */
	uint8_t stop_level;  /**< ...and the level of the entry that would lead to it */
};

/** What was changed and must be forgotten by TLBs. On the caller's stack; all-zero is an empty one. Only operations fill
 *  it, and only mm_pt_sync() empties it: who writes `start`, `last`, `flush` or `min_shift` loses flushes, as what lies
 *  below `last` counts as noted.
 *  May be used over many operations on one tree before mm_pt_sync(). */
struct mm_tlb_gather {
	mm_vaddr_t start;   /**< first byte changed; valid if `flush` */
	mm_vaddr_t last;    /**< last byte changed, inclusive */
	bool sync;          /**< entries became valid: order the stores before use */
	bool flush;         /**< translations must be forgotten, before what they led to is used otherwise */
	bool tables;        /**< tables were removed or replaced: upper entries too */
	bool misses;        /**< entries became valid where CPUs may keep that nothing is there: sync before
	                         use. env->flush is told that with `flush` and its range */
	uint8_t min_shift;  /**< log2 of the smallest page changed */
	uint8_t ntables;    /**< @private detached trees */
	uint8_t levels[MM_GATHER_TABLES];      /**< @private level of each */
	mm_paddr_t trees[MM_GATHER_TABLES];    /**< @private root of each */
	struct mm_pt_pool *pool; /**< where tables are taken from first; NULL: from the env. mm_pt_sync()
	                              leaves it as it is. An operation that fails puts tables back here,
	                              those that it got from the env too; what a map had in the tree by
	                              then goes to the env */
	mm_vaddr_t small;      /**< @private nothing is left to note of a smallest page from here to `last` */
	mm_vaddr_t miss_start; /**< @private of `misses`: the first byte... */
	mm_vaddr_t miss_last;  /**< @private ...and the last */
	uint64_t pages;     /**< smallest-size pages the last operation mapped, unmapped or changed; after #MM_OK of
	                         mm_pt_map_page() and mm_pt_unmap_page(), which is one page, it says nothing */
	mm_vaddr_t stop_va; /**< where the last operation that failed stopped. Map, unmap, protect, split and collapse
	                         whose arguments are refused: where it was to begin, and `pages` is 0 */
	uint8_t stop_level; /**< level of the entry it stopped at; 0 is the level of the smallest pages */
};

/** A stretch of the address space as the tables have it. A contiguous run (AArch64's Contiguous bit, RISC-V's
 *  Svnapot) is told as one stretch, with the level of its entries: from `va` to `last` is how long it is. */
struct mm_pt_run {
	mm_vaddr_t va;    /**< first byte */
	mm_vaddr_t last;  /**< last byte, inclusive */
	mm_paddr_t pa;    /**< physical address of `va`, if mapped */
	uint32_t attr;    /**< of #mm_pt_attr; 0: nothing is mapped here */
	uint8_t level;    /**< level of the entry, of the first one if several empty ones */
};

/** Leaves of one size that follow each other in one table, or one contiguous run: `n` is 1 then. The caller sets the first three members;
 *  what lies behind element `n - 1` of the arrays may have changed afterwards. */
struct mm_pt_leaves {
	mm_paddr_t *pa;  /**< where physical addresses go, in order of the virtual ones: of the first byte
	                      of each leaf that is in the cursor's range */
	uint32_t *attr;  /**< where attributes go, of #mm_pt_attr; NULL: nobody wants them */
	size_t room;     /**< elements of each; 64 are enough to be fast */
	size_t n;        /**< leaves that there are */
	mm_vaddr_t va;   /**< first byte of the first */
	mm_vaddr_t last; /**< last byte of the last, inclusive */
	uint8_t level;   /**< level of them all */
};

/** A position in a tree that moves forward. On the caller's stack. The tree may change between two
 *  calls with the cursor: it then goes on with what it finds from its position on. */
struct mm_pt_cur {
	const struct mm_pt *pt; /**< @private */
	mm_vaddr_t va;          /**< @private next byte to look at */
	mm_vaddr_t last;        /**< @private last byte of the range */
	void *table;            /**< @private table that held the last entry, or NULL */
	uint64_t detached;      /**< @private `pt->detached` when it was found */
	uint8_t level;          /**< @private its level */
	bool end;               /**< @private range is used up */
};

/** Set up an empty tree: allocates the root table.
 *  @param[out] pt tree, written only on #MM_OK
 *  @param port format, e.g. mm_pt_x86_64_port(), kept by pointer
 *  @param env the kernel's part, kept by pointer @param cfg properties of this machine, or NULL
 *  @retval MM_OK done
 *  @retval MM_E_PORT a callback is missing, the format contradicts itself, in where addresses lie or what tells a leaf, too,
 *          @p cfg claims more than the format has, the format has no leaf but such as may be written and executed, or
 *          `alloc_table` returned a misaligned or unrepresentable address
 *  @retval MM_E_INVAL NULL
 *  @return or what `alloc_table` returned
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_pt_init(struct mm_pt *pt, const struct mm_pt_port *port,
				       const struct mm_pt_env *env, const struct mm_pt_cfg *cfg)
				       MM_TAGGED(mm_pt_init);

/** The kernel, or its view of memory, has moved: from now on tables are reached as @p env says, and all addresses that
 *  it gave before are void. For who makes the first tree before the MMU is on, when addresses are physical, and goes on
 *  with it afterwards. What a gather and a pool hold stays good; a cursor is to be set up anew.
 *  @param pt tree @param port,env as in mm_pt_init(), at the addresses that they have now; what they say has not changed
 *  but for how tables are reached
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up @retval MM_E_PORT a callback is missing
 *  @retval MM_E_BUSY it has claims, or is one (mmlib/pt_claim.h)
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_pt_moved(struct mm_pt *pt, const struct mm_pt_port *port, const struct mm_pt_env *env)
					MM_TAGGED(mm_pt_moved);

/** Give back every table. The tree must not be in use by any CPU. Mapped frames are not touched. What gathers hold is
 *  synced before, and pools are given back: afterwards nobody knows whose those tables are.
 *  @param pt tree; all-zero afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up, or a claim on one
 *  @retval MM_E_BUSY it has claims (mmlib/pt_claim.h)
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps others away; cost: O(tables)} */
MM_NODISCARD enum mm_status mm_pt_destroy(struct mm_pt *pt);

/** Flush what the gather holds, then give its tables back. The gather is empty afterwards; its
 *  report (`pages`, `stop_va`, `stop_level`) stays.
 *  With NULL it does nothing.
 *  @param pt the tree it was used with @param g gather
 *  @mm_ctx{boot\, no-sleep; locks: none\, calls env->flush and env->free_table; cost: the flush
 *  and O(tables)} */
void mm_pt_sync(struct mm_pt *pt, struct mm_tlb_gather *g) MM_TAGGED(mm_pt_sync);

/** Check the tree: every entry well formed, no empty table below the root.
 *  @param pt tree @param[out] tables how many table pages it has, or NULL
 *  @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller keeps others away; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_pt_verify(const struct mm_pt *pt, size_t *tables);

/** The same, and where the damage is.
 *  @param pt tree @param[out] tables how many table pages it has, or NULL
 *  @param[out] where written only on #MM_E_CORRUPT: the addresses and the level of the entry that is damaged, or that
 *  leads to a table that must not be there, or back to one above; NULL: nobody asks
 *  @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, caller keeps others away; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_pt_verify_at(const struct mm_pt *pt, size_t *tables, struct mm_pt_run *where)
				    MM_TAGGED(mm_pt_verify_at);

/** Put a cursor at the start of a range.
 *  @param[out] cur cursor, written only on #MM_OK @param pt tree
 *  @param va first byte, page-aligned @param length bytes, a multiple of the page size
 *  @retval MM_OK done @retval MM_E_INVAL, MM_E_ALIGN, MM_E_RANGE, MM_E_STATE as mm_pt_map()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_pt_cur_init(struct mm_pt_cur *cur, const struct mm_pt *pt,
					   mm_vaddr_t va, uint64_t length);

/** Map [va, va + length) to physical [pa, pa + length), with the largest leaves that fit.
 *  Nothing may be mapped there, and no damaged entry may be there. Where the tree uses contiguous runs (see
 *  the format's header), frames that are as long and aligned as one become one, on each level that
 *  MM_PT_MAX_LEVEL() leaves, unless #MM_PT_NO_RUNS. On failure what was mapped is
 *  unmapped again (the gather covers what was visible for a moment, `g->pages` is 0), unless
 *  #MM_PT_PARTIAL. Where the format demands break-before-make, and the gather has lost translations here
 *  that are not flushed yet, it is synced first. What the frames hold is the caller's: on CPUs that reorder
 *  stores, who has just written there puts a barrier for stores before the call if another CPU may use the
 *  range at once; it may see the entry before it sees the zeroes.
 *  @param pt tree @param va,pa first bytes, page-aligned @param length bytes, a multiple of the page
 *  size @param attr of #mm_pt_attr @param flags #MM_PT_PARTIAL, #MM_PT_NO_RUNS, and MM_PT_MAX_LEVEL()
 *  @param[in,out] g gather
 *  @retval MM_OK done
 *  @retval MM_E_EXIST something is in the entry at `g->stop_va`, a leaf or damage
 *  @retval MM_E_PERM writable and executable, and the tree does not allow it
 *  @retval MM_E_NOTSUP the format cannot express @p attr
 *  @retval MM_E_RANGE @p va or @p pa is not representable (non-canonical, beyond the physical bits)
 *  @retval MM_E_INVAL NULL, length 0, a range that wraps, unknown bits in @p attr or @p flags, an
 *          @p attr with #MM_PT_ACCESSED or #MM_PT_DIRTY or with none of read, write and execute
 *  @retval MM_E_ALIGN not on page borders
 *  @retval MM_E_STATE not set up, or by a folded operation: set up for another format
 *  @retval MM_E_OWNER something of it is another tree's (mmlib/pt_share.h), shows the tree's own tables
 *          (mmlib/pt_recursive.h), or is not this claim's, nor that of a tree with claims (mmlib/pt_claim.h)
 *  @retval MM_E_PORT `alloc_table` returned a misaligned or unrepresentable address
 *  @return or what `alloc_table` returned
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table and may
 *  call env->flush; cost: O(entries written)} */
MM_NODISCARD enum mm_status mm_pt_map(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa, uint64_t length,
				      uint32_t attr, uint32_t flags, struct mm_tlb_gather *g);

/** Map one page, the format's smallest: mm_pt_map() of so many bytes and without flags, in fewer instructions. Those are
 *  least for pages with the same @p attr in the same table of level 1 (1 GiB of addresses, on most) as the one before.
 *  @param pt tree @param va,pa first bytes, page-aligned @param attr of #mm_pt_attr @param[in,out] g gather
 *  @retval MM_OK done: one page, `g->pages` does not say it
 *  @retval MM_E_EXIST, MM_E_PERM, MM_E_NOTSUP, MM_E_RANGE, MM_E_INVAL, MM_E_ALIGN, MM_E_STATE, MM_E_OWNER, MM_E_PORT
 *          as mm_pt_map()
 *  @return or what `alloc_table` returned
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table and may
 *  call env->flush; cost: O(levels)\, and entries of tables that are made} */
MM_NODISCARD enum mm_status mm_pt_map_page(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa, uint32_t attr,
					   struct mm_tlb_gather *g);

/** Map a list of frames, one smallest page each, from @p va on: frame k at @p va + k pages. No runs are made.
 *  Otherwise as mm_pt_map(), which is for frames that follow each other.
 *  @param pt tree @param va first byte, page-aligned
 *  @param pa physical addresses of the frames, page-aligned, in any order; must not change meanwhile
 *  @param n how many @param attr of #mm_pt_attr @param flags #MM_PT_PARTIAL or 0
 *  @param[in,out] g gather
 *  @retval MM_OK done
 *  @retval MM_E_RANGE @p va, or the frame for `g->stop_va`, is not representable
 *  @retval MM_E_ALIGN @p va, or the frame for `g->stop_va`, is not on a page border
 *  @retval MM_E_INVAL NULL, @p n 0 or more pages than there are addresses, or as mm_pt_map()
 *  @retval MM_E_EXIST, MM_E_PERM, MM_E_NOTSUP, MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none\, calls env->alloc_table and may
 *  call env->flush; cost: O(n)} */
MM_NODISCARD enum mm_status mm_pt_map_list(struct mm_pt *pt, mm_vaddr_t va, const mm_paddr_t *pa,
					   size_t n, uint32_t attr, uint32_t flags,
					   struct mm_tlb_gather *g);

/** Unmap a range. Holes are passed over, damaged entries too: they go only with their table. A leaf
 *  that sticks out of the range is split, and a run that does is broken, through empty entries and a flush;
 *  tables that become empty are detached. Frames may be reused
 *  only after mm_pt_sync().
 *  @param pt tree @param va first byte, page-aligned @param length bytes, a multiple of the page size
 *  @param flags #MM_PT_EXACT, #MM_PT_DISCARD, #MM_PT_NO_BREAK, or 0 @param[in,out] g gather
 *  @retval MM_OK done; `g->pages` says how many pages were mapped
 *  @retval MM_E_NOENT nothing was mapped, or with #MM_PT_EXACT not all; nothing changed
 *  @retval MM_E_BBM with #MM_PT_NO_BREAK: the leaf at `g->stop_va` sticks out, and cannot be split at once; nothing changed
 *  @retval MM_E_RANGE, MM_E_INVAL, MM_E_ALIGN, MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned for a split; nothing changed
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(entries)\, with
 *  #MM_PT_DISCARD O(tables)} */
MM_NODISCARD enum mm_status mm_pt_unmap(struct mm_pt *pt, mm_vaddr_t va, uint64_t length, uint32_t flags,
					struct mm_tlb_gather *g);

/** Unmap one page, the format's smallest: mm_pt_unmap() of so many bytes and without flags, in fewer instructions. Those
 *  are least for pages in the same table of level 1 (1 GiB of addresses, on most) as the one before.
 *  @param pt tree @param va first byte, page-aligned @param[in,out] g gather
 *  @retval MM_OK done: one page, `g->pages` does not say it @retval MM_E_NOENT it was not mapped
 *  @retval MM_E_RANGE, MM_E_INVAL, MM_E_ALIGN, MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned for a split; nothing changed
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(levels)\, and entries of a table that may have
 *  become empty} */
MM_NODISCARD enum mm_status mm_pt_unmap_page(struct mm_pt *pt, mm_vaddr_t va, struct mm_tlb_gather *g);

/** Change the attributes of what is mapped in a range. Holes and damaged entries are passed over; a
 *  leaf that sticks out of the range is split, a run that does is broken. A run in the range stays one, and
 *  changes through empty entries and a flush. Accessed and dirty bits that are set stay set.
 *  @param pt tree @param va first byte, page-aligned @param length bytes, a multiple of the page size
 *  @param attr of #mm_pt_attr @param flags #MM_PT_EXACT, #MM_PT_NO_BREAK, both or 0 @param[in,out] g gather
 *  @retval MM_OK done; `g->pages` says how many pages were mapped
 *  @retval MM_E_NOENT nothing is mapped, or with #MM_PT_EXACT not all; nothing changed
 *  @retval MM_E_BBM with #MM_PT_NO_BREAK: the leaf at `g->stop_va` cannot be changed or split at once; nothing changed
 *  @retval MM_E_PERM, MM_E_NOTSUP, MM_E_RANGE, MM_E_INVAL, MM_E_ALIGN, MM_E_STATE, MM_E_PORT, MM_E_OWNER
 *          as mm_pt_map()
 *  @return or what `alloc_table` returned for a split; nothing changed
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_pt_protect(struct mm_pt *pt, mm_vaddr_t va, uint64_t length,
					  uint32_t attr, uint32_t flags, struct mm_tlb_gather *g);

/** What is mapped at an address?
 *  @param pt tree @param va any byte
 *  @param[out] run the whole leaf or run around @p va, with `pa` that of @p va itself; `attr` 0 and the
 *              whole empty entry if nothing is. Written only on #MM_OK and #MM_E_NOENT.
 *  @retval MM_OK mapped @retval MM_E_NOENT not mapped
 *  @retval MM_E_CORRUPT the entry is damaged (reserved bits): see mm_pt_verify()
 *  @retval MM_E_RANGE non-canonical @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)\, in a contiguous
 *  run also its members} */
MM_NODISCARD enum mm_status mm_pt_query(const struct mm_pt *pt, mm_vaddr_t va, struct mm_pt_run *run);

/** Only the physical address of mm_pt_query(), in half the time. On a CPU of 64 bits less, for what shares a table of
 *  level 1 (1 GiB of it, on most) with a page that was mapped or unmapped just before, or with the first of a range.
 *  @param pt tree @param va any byte
 *  @param[out] pa physical address of @p va, written only on #MM_OK
 *  @retval MM_OK mapped
 *  @retval MM_E_NOENT, MM_E_CORRUPT, MM_E_RANGE, MM_E_INVAL, MM_E_STATE as mm_pt_query()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)\, in a contiguous
 *  run also its members} */
MM_NODISCARD enum mm_status mm_pt_translate(const struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t *pa);

/** Next stretch of a cursor's range: a leaf or a run, or holes folded into one; cut to the range. A damaged
 *  entry is a hole.
 *  @param cur cursor @param[out] run written only on true @return whether there was one
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1) a leaf\, amortised} */
bool mm_pt_cur_next(struct mm_pt_cur *cur, struct mm_pt_run *run);

/** Next leaves of a cursor's range, cut to the range; holes are passed over. What mm_pt_cur_next() tells
 *  in as many calls, ten times faster.
 *  @param cur cursor
 *  @param[in,out] leaves room for them; the rest is written only on true
 *  @return whether there was one; false too with NULL or no room
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1) a leaf\, amortised} */
bool mm_pt_cur_leaves(struct mm_pt_cur *cur, struct mm_pt_leaves *leaves);

/** Unmap the next leaf or run of a cursor's range and tell what it was: the visiting form of unmap.
 *  Tables that become empty are detached. What sticks out of the range is split or broken.
 *  @param pt the cursor's tree @param cur cursor @param[in,out] g gather
 *  @param[out] run what was mapped, with its dirty bit; written only on #MM_OK
 *  @retval MM_OK one leaf is unmapped; its frame may be reused after mm_pt_sync()
 *  @retval MM_E_NOENT the range has no more leaves
 *  @retval MM_E_INVAL NULL, or a cursor of another tree
 *  @retval MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned for a split; nothing changed, the cursor waits at the leaf
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(1) a leaf\, amortised} */
MM_NODISCARD enum mm_status mm_pt_unmap_next(struct mm_pt *pt, struct mm_pt_cur *cur,
					     struct mm_tlb_gather *g, struct mm_pt_run *run);

/** Unmap the next leaves of a cursor's range and tell what they were: mm_pt_unmap_next() for many, ten
 *  times faster.
 *  @param pt the cursor's tree @param cur cursor @param[in,out] g gather
 *  @param[in,out] leaves room for them; `n` and what follows it are written only on #MM_OK
 *  @retval MM_OK they are unmapped; their frames may be reused after mm_pt_sync()
 *  @retval MM_E_NOENT the range has no more leaves
 *  @retval MM_E_INVAL NULL, no room, or a cursor of another tree
 *  @retval MM_E_STATE, MM_E_PORT, MM_E_OWNER as mm_pt_map()
 *  @return or what `alloc_table` returned for a split; nothing changed, the cursor waits at the leaf
 *  @mm_ctx{boot\, irq-ok if the env is\, no-sleep; locks: none; cost: O(1) a leaf\, amortised} */
MM_NODISCARD enum mm_status mm_pt_unmap_leaves(struct mm_pt *pt, struct mm_pt_cur *cur,
					       struct mm_tlb_gather *g, struct mm_pt_leaves *leaves);

/** Declares the operations folded to one format, with the prototypes of the `mm_pt_` ones above:
 *  MM_PT_DECLARE(mm_pt_x86_64) declares mm_pt_x86_64_map() and so on. */
#define MM_PT_DECLARE(name)                                                                            \
	MM_NODISCARD enum mm_status name##_map(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa,         \
					       uint64_t length, uint32_t attr, uint32_t flags,         \
					       struct mm_tlb_gather *g);                               \
	MM_NODISCARD enum mm_status name##_map_page(struct mm_pt *pt, mm_vaddr_t va, mm_paddr_t pa,    \
						    uint32_t attr, struct mm_tlb_gather *g);           \
	MM_NODISCARD enum mm_status name##_map_list(struct mm_pt *pt, mm_vaddr_t va,                   \
						    const mm_paddr_t *pa, size_t n, uint32_t attr,     \
						    uint32_t flags, struct mm_tlb_gather *g);          \
	MM_NODISCARD enum mm_status name##_unmap(struct mm_pt *pt, mm_vaddr_t va, uint64_t length,     \
						 uint32_t flags, struct mm_tlb_gather *g);             \
	MM_NODISCARD enum mm_status name##_unmap_page(struct mm_pt *pt, mm_vaddr_t va,                 \
						      struct mm_tlb_gather *g);                        \
	MM_NODISCARD enum mm_status name##_protect(struct mm_pt *pt, mm_vaddr_t va, uint64_t length,   \
						   uint32_t attr, uint32_t flags,                      \
						   struct mm_tlb_gather *g);                           \
	MM_NODISCARD enum mm_status name##_query(const struct mm_pt *pt, mm_vaddr_t va,                \
						 struct mm_pt_run *run);                               \
	MM_NODISCARD enum mm_status name##_translate(const struct mm_pt *pt, mm_vaddr_t va,            \
						     mm_paddr_t *pa);                                  \
	bool name##_cur_next(struct mm_pt_cur *cur, struct mm_pt_run *run);                            \
	bool name##_cur_leaves(struct mm_pt_cur *cur, struct mm_pt_leaves *leaves);                    \
	MM_NODISCARD enum mm_status name##_unmap_next(struct mm_pt *pt, struct mm_pt_cur *cur,         \
						      struct mm_tlb_gather *g, struct mm_pt_run *run); \
	MM_NODISCARD enum mm_status name##_unmap_leaves(struct mm_pt *pt, struct mm_pt_cur *cur,       \
							struct mm_tlb_gather *g,                       \
							struct mm_pt_leaves *leaves)
MM_END_DECLS
#endif
