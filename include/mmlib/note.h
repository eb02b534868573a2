/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Notes about page frames: who owns a block, how many hold it, and a word of the host for each
 *  frame.
 *
 * Tables beside a manager, as many as are asked for. Who asks for none has none: allocation and free of
 * page frames know nothing of them. Blocks with an owner or holders go back with mm_note_put(), never in
 * parts, and never with mm_page_free(), which would leave the notes to whoever gets the block next. */
#ifndef MMLIB_NOTE_H
#define MMLIB_NOTE_H
#include <mmlib/pmm.h>
MM_BEGIN_DECLS

/** Which tables. */
enum mm_note_tables {
	MM_NOTE_REFS = 1u << 0,  /**< how many hold a block: 4 bytes a frame */
	MM_NOTE_WORDS = 1u << 1, /**< a word of the host: one pointer a frame */
};

/** Where the frames of a range are in the tables. */
struct mm_note_range {
	mm_pfn_t first; /**< @private */
	mm_pfn_t last;  /**< @private inclusive */
	size_t at;      /**< @private place of the first one */
};

/** Notes about the frames that a manager had when they were set up. All-zero: there are none. */
struct mm_notes {
	struct mm_pmm *pmm;           /**< @private */
	struct mm_note_range *ranges; /**< @private by rising address */
	uint32_t nranges;             /**< @private */
	uint32_t ntags;               /**< @private owners told apart; 0: no owners */
	uintptr_t *totals;            /**< @private frames of each owner, atomic counters */
	uintptr_t *words;             /**< @private or NULL */
	uint32_t *refs;               /**< @private holders beyond the first, or NULL */
	uint8_t *tags;                /**< @private of the first frame of a block, or NULL */
	mm_paddr_t base;              /**< @private the tables' own frames */
	mm_pfn_t frames;              /**< @private how many */
};

/** Set up tables, in frames of the manager: all words 0, nothing owned, each block held once.
 *  @param[out] n notes, written only on #MM_OK @param pmm manager, kept by pointer
 *  @param tables of #mm_note_tables
 *  @param ntags owners that are told apart, nobody (0) included: a byte a frame and a word an owner; at
 *         most 256. 0: owners are not noted
 *  @retval MM_OK done @retval MM_E_NOMEM the tables do not fit in frames that lie together
 *  @retval MM_E_AGAIN as mm_page_alloc()
 *  @retval MM_E_INVAL NULL, neither tables nor owners, an unknown table, or too many owners
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps mm_pmm_add_range() away; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_notes_init(struct mm_notes *n, struct mm_pmm *pmm, uint32_t tables,
					  unsigned ntags) MM_TAGGED(mm_notes_init);

/** Give the tables back. Blocks stay as they are, without notes. @param n notes, all-zero afterwards
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{no-sleep; locks: none\, caller keeps all others away; cost: O(tables)} */
MM_NODISCARD enum mm_status mm_notes_destroy(struct mm_notes *n);

/** Allocate a block for an owner, held once.
 *  @param n notes @param order,flags as mm_page_alloc(), without #MM_ALLOC_TABLE
 *  @param tag owner, less than `ntags`; without owners 0 @param[out] out first byte, only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such owner, or as mm_page_alloc()
 *  @retval MM_E_STATE not set up @retval MM_E_NOMEM, MM_E_AGAIN as mm_page_alloc()
 *  @mm_ctx{as mm_page_alloc()\; locks: none; cost: O(log ranges) more} */
MM_NODISCARD enum mm_status mm_note_alloc(struct mm_notes *n, unsigned order, uint32_t flags,
					  unsigned tag, mm_paddr_t *out);

/** One more holds a block. The caller holds it too, so that it does not go meanwhile. A count that has
 *  reached 2^32 stays there: the block is never freed again.
 *  @param n notes @param pa first byte of an allocated block
 *  @retval MM_OK done @retval MM_E_DOUBLE_FREE it is free
 *  @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_OWNER as mm_page_free()
 *  @retval MM_E_NOTSUP holders are not noted @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, lock-free; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_note_get(struct mm_notes *n, mm_paddr_t pa);

/** One less holds a block; the last one frees it, and it is nobody's.
 *  @param n notes @param pa first byte of an allocated block, of whatever order
 *  @param[out] last was it the last one? or NULL; written only on #MM_OK
 *  @retval MM_OK done @retval MM_E_DOUBLE_FREE nobody holds it: it is free
 *  @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_OWNER as mm_page_free()
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_note_put(struct mm_notes *n, mm_paddr_t pa, bool *last);

/** How many hold a block? @param n notes @param pa its first byte @return holders; 0: it is not an
 *  allocated block that is noted. Without a table of holders 1
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change it; cost: O(log ranges)} */
uint64_t mm_note_holders(const struct mm_notes *n, mm_paddr_t pa);

/** A block is another owner's from now on.
 *  @param n notes @param pa first byte of an allocated block @param tag owner, or 0: nobody
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such owner
 *  @retval MM_E_DOUBLE_FREE it is free @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_OWNER as mm_page_free()
 *  @retval MM_E_NOTSUP owners are not noted @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_note_tag(struct mm_notes *n, mm_paddr_t pa, unsigned tag);

/** Whose is a block? @param n notes @param pa its first byte @return owner; 0: nobody's, owners are not
 *  noted, or it is not an allocated block that is noted
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change it; cost: O(log ranges)} */
unsigned mm_note_owner(const struct mm_notes *n, mm_paddr_t pa);

/** A block's contents are somewhere else from now on: holders, owner, and the words of all its frames go
 *  there too. For who moves blocks (mm_mover::migrate): once nobody uses @p from any more, and before
 *  anybody can use @p to. The old block is nobody's then, held once, its words 0.
 *  @param n notes @param from first byte of an allocated block @param to first byte of another of the same
 *  order, which is nobody's and held once
 *  @retval MM_OK done @retval MM_E_ORDER they have different orders
 *  @retval MM_E_BUSY @p to has an owner, or more holders than one
 *  @retval MM_E_INVAL NULL, or both are the same
 *  @retval MM_E_DOUBLE_FREE one is free @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_OWNER as mm_page_free()
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{irq-ok\, no-sleep; locks: none\, caller keeps others away from both blocks; cost: O(log
 *  ranges)\, and the frames if there are words} */
MM_NODISCARD enum mm_status mm_note_move(struct mm_notes *n, mm_paddr_t from, mm_paddr_t to);

/** Frames that an owner has. @param n notes @param tag owner, not 0 @return frames; 0 if there is no such
 *  owner
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
mm_pfn_t mm_note_total(const struct mm_notes *n, unsigned tag);

/** Walk the blocks of an owner by rising address: what did it leak? Start with `mm_pfn_t it = 0;` and call
 *  until false.
 *  @param n notes @param tag owner, not 0 @param[in,out] it frame to go on from
 *  @param[out] out block, written only on true @return whether there was one
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change what was told;
 *  cost: O(frames up to the block)} */
bool mm_note_next(const struct mm_notes *n, unsigned tag, mm_pfn_t *it, struct mm_frame_run *out);

/** The host's word of a frame: 0 at first, and mmlib does not touch it but in mm_note_move().
 *  @param n notes @param pa any address in the frame, allocated or not
 *  @return where the word is; NULL if words are not noted, or not of this frame
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log ranges)} */
uintptr_t *mm_note_word(const struct mm_notes *n, mm_paddr_t pa);
MM_END_DECLS
#endif
