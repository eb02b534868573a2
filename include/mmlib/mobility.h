/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Mobility of page frames: which memory can be emptied again, and emptying it.
 *
 * Memory is divided into pageblocks of 2^#MM_BLOCK_ORDER frames. Each has a class, so that blocks which
 * can never be moved do not lie scattered over all memory: a request takes from a pageblock of its own
 * class, or makes a whole free pageblock one of its class, and takes from others when there is none.
 * A pageblock can be isolated: what is free in it, or becomes free, is withheld. Taking memory offline,
 * bad frames and CMA areas (mmlib/cma.h) all stand on that. */
#ifndef MMLIB_MOBILITY_H
#define MMLIB_MOBILITY_H
#include <mmlib/pmm.h>
MM_BEGIN_DECLS

/** Frames of a pageblock. */
#define MM_BLOCK_FRAMES ((mm_pfn_t)1 << MM_BLOCK_ORDER)

/** Class of a pageblock. */
enum mm_mobility_class {
	MM_CLASS_UNMOVABLE,   /**< what no flag says otherwise of; also all memory that was never used */
	MM_CLASS_RECLAIMABLE, /**< #MM_ALLOC_RECLAIMABLE */
	MM_CLASS_MOVABLE,     /**< #MM_ALLOC_MOVABLE */
	MM_CLASS_CMA,         /**< of a CMA area: #MM_ALLOC_MOVABLE, and claims */
	MM_CLASSES,           /**< how many */
};

/** A pageblock. */
struct mm_block_info {
	enum mm_mobility_class mobility; /**< its class */
	bool isolated;                   /**< what becomes free in it is withheld */
};

/** Pageblocks of one class. */
struct mm_mobility_stats {
	mm_pfn_t blocks;   /**< pageblocks */
	mm_pfn_t free;     /**< frames in their buddies; what CPUs have at hand is not told apart */
	mm_pfn_t isolated; /**< of the pageblocks: isolated ones */
	mm_pfn_t held;     /**< free frames that are withheld */
};

/** A block that has to move. */
struct mm_migration {
	mm_paddr_t from; /**< first byte of an allocated movable block */
	mm_paddr_t to;   /**< first byte of a new movable block of the same order */
	unsigned order;  /**< log2 of the frames of both */
	unsigned owner;  /**< whose it is, as mm_mover::notes have it; 0: nobody's, or there are none */
};

struct mm_notes;

/** How blocks are moved: the host's part. */
struct mm_mover {
	/** Move one block: copy its contents, use `to` wherever `from` was used, and call mm_note_move() in
	 *  between if there are notes about it (mmlib/note.h). No lock is held, so it
	 *  may sleep if the caller of the operation may, and may allocate and free; it must not call an
	 *  operation that moves.
	 *  #MM_OK: done. From then on `to` belongs to who had `from`, and `from` to mmlib: nobody frees
	 *  it. #MM_E_AGAIN: it was freed, or is just being freed, by who had it. Any other answer, best
	 *  #MM_E_BUSY: it is pinned. `to` is taken back in both cases. */
	enum mm_status (*migrate)(void *ctx, const struct mm_migration *what);
	void *ctx; /**< passed to `migrate` */
	const struct mm_notes *notes; /**< OPTIONAL: of the same manager. Owners of blocks are told from
	                                   them. NULL: they are not */
};

/** A bad frame that is in use: the caller keeps it, untouched, for as long as the manager lives. */
struct mm_bad_frame {
	struct mm_bad_frame *next; /**< @private */
	mm_pfn_t pfn;              /**< @private */
	uint32_t done;             /**< @private it has been withdrawn */
};

/** Give pageblocks classes, in all ranges that have none yet: at boot, and again after each
 *  mm_pmm_add_range(). Until then, and in ranges too small for the metadata, all requests are served from one pool
 *  and nothing can be isolated. Costs 2.15 bits a frame, and a #mm_page_cpu for each CPU: taken from
 *  the manager's own memory.
 *  @param pmm manager
 *  @retval MM_OK done, or nothing was to do @retval MM_E_NOMEM no room; nothing changed
 *  @retval MM_E_NOTSUP mmlib was built with MM_MOBILITY 0
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps all others away; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_mobility_init(struct mm_pmm *pmm) MM_TAGGED(mm_mobility_init);

/** Make wholly free pageblocks unmovable, so that neighbours of different classes are one large block
 *  again. What CPUs have at hand is in the way (mm_pmm_drain()). An allocation that needs it does both
 *  by itself.
 *  @param pmm manager
 *  @retval MM_OK done @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(free pageblocks)} */
MM_NODISCARD enum mm_status mm_mobility_gather(struct mm_pmm *pmm);

/** Class of the pageblock around an address.
 *  @param pmm manager @param pa physical address @param[out] out written only on #MM_OK
 *  @retval MM_OK answered @retval MM_E_FOREIGN outside every range
 *  @retval MM_E_NOTSUP its range has no classes
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_mobility_block(const struct mm_pmm *pmm, mm_paddr_t pa,
					      struct mm_block_info *out);

/** Pageblocks of one class. Exact if nobody else is at work.
 *  @param pmm manager @param mobility class @param[out] out counts, only on #MM_OK
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such class @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_mobility_stats(const struct mm_pmm *pmm,
					      enum mm_mobility_class mobility,
					      struct mm_mobility_stats *out)
					      MM_TAGGED(mm_mobility_stats);

/** Isolate pageblocks: free frames in them are withheld, and each that is freed later. They count as
 *  reserved from then on. All or nothing. While anything is isolated, CPUs look at the class of each
 *  block that they take or keep at hand.
 *  @param pmm manager @param base first byte @param length bytes; both multiples of a pageblock's
 *  size, but the range's own first or last frame may stand for a border
 *  @retval MM_OK each frame in them is withheld or in use
 *  @retval MM_E_BUSY some pageblock is isolated already
 *  @retval MM_E_AGAIN other CPUs have frames at hand and could not be made to give them back (no
 *          `run_on`), or were at work with some; nothing changed, and they were asked to
 *  @retval MM_E_ALIGN not on borders of pageblocks @retval MM_E_FOREIGN not inside one range
 *  @retval MM_E_NOTSUP the range has no classes
 *  @retval MM_E_INVAL NULL, length 0 or wrapping @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{not with IRQs off if the port has run_on\, no-sleep; locks: none; cost: O(CPUs + frames)} */
MM_NODISCARD enum mm_status mm_pmm_isolate(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length);

/** End an isolation: what is withheld is free again.
 *  @param pmm manager @param base,length exactly as isolated, or a part on borders of pageblocks
 *  @retval MM_OK done @retval MM_E_STATE some pageblock is not isolated, or before mm_pmm_init()
 *  @retval MM_E_ALIGN, MM_E_FOREIGN, MM_E_NOTSUP, MM_E_INVAL as mm_pmm_isolate()
 *  @mm_ctx{irq-ok\, no-sleep; locks: none; cost: O(CPUs + frames)} */
MM_NODISCARD enum mm_status mm_pmm_unisolate(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length);

/** Take frames out of use: isolate, move what is in use, withdraw. `total` of their zones falls by
 *  what was withdrawn. What is no RAM, bad, or offline already is passed over.
 *  @param pmm manager @param base first byte, a multiple of the frame size
 *  @param length bytes, a multiple of the frame size
 *  @param mover moves blocks, or NULL: what is in use cannot be moved
 *  @param[out] pinned the first frame in the way, or NULL; written only on #MM_E_BUSY and #MM_E_AGAIN
 *  @retval MM_OK done
 *  @retval MM_E_BUSY a frame is in use, and cannot be moved: unmovable, metadata, held back at boot,
 *          or the mover says so; or its pageblock is isolated by somebody else
 *  @retval MM_E_NOMEM no block to move one to @retval MM_E_PORT the mover freed what it must not
 *  @retval MM_E_AGAIN others were at work with a frame for long, or as mm_pmm_isolate()
 *  @retval MM_E_FOREIGN not inside one range @retval MM_E_NOTSUP the range has no classes
 *  @retval MM_E_INVAL NULL, length 0 or wrapping, not on frame borders
 *  @retval MM_E_STATE before mm_pmm_init()
 *  On an error all frames are as before; blocks that moved stay where they are now.
 *  @mm_ctx{may-sleep if the mover does\, not with IRQs off if the port has run_on; locks: none;
 *  cost: O(CPUs + frames) for each block that moves} */
MM_NODISCARD enum mm_status mm_pmm_offline(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
					   const struct mm_mover *mover, mm_paddr_t *pinned);

/** Put frames back into use that mm_pmm_offline() took; others in between are passed over.
 *  @param pmm manager @param base,length multiples of the frame size
 *  @param[out] frames how many, or NULL; written only on #MM_OK
 *  @retval MM_OK done: one frame or more @retval MM_E_NOENT none is offline
 *  @retval MM_E_FOREIGN, MM_E_INVAL, MM_E_STATE as mm_pmm_offline()
 *  @mm_ctx{irq-ok\, no-sleep; locks: none\, caller serialises calls for the same frames; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_pmm_online(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length,
					  mm_pfn_t *frames);

/** Withdraw a frame for ever: at once if it is free, at hand or movable, else when it is freed.
 *  `total` of its zone falls by one then.
 *  @param pmm manager @param pa in the frame
 *  @param mover moves the block it is part of, or NULL
 *  @param note remembers a frame in use until it is freed; NULL: such a frame is refused
 *  @retval MM_OK it is withdrawn, or was before
 *  @retval MM_E_BUSY in use: it will be withdrawn when it is freed, with @p note; else nothing changed
 *  @retval MM_E_EXIST in use, and known to be bad already; @p note is not used
 *  @retval MM_E_NOMEM, MM_E_AGAIN, MM_E_NOTSUP as mm_pmm_offline(); nothing changed
 *  @retval MM_E_FOREIGN outside every range, or no RAM
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  A frame of metadata, or one held back at boot, is never freed in the sense of this function.
 *  @mm_ctx{may-sleep if the mover does\, not with IRQs off if the port has run_on; locks: none;
 *  cost: O(CPUs + frames of a pageblock)} */
MM_NODISCARD enum mm_status mm_pmm_bad_frame(struct mm_pmm *pmm, mm_paddr_t pa,
					     const struct mm_mover *mover, struct mm_bad_frame *note)
					     MM_TAGGED(mm_pmm_bad_frame);
MM_END_DECLS
#endif
