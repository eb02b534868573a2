/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: memory that is freed when nobody can be reading it any more.
 *
 * For kernels whose readers take no locks (RCU, epochs): a writer unlinks an object and hands it over; it is
 * freed after all readers of that time have left. The host says what a time is and whether its readers have
 * left. Nothing is written into the object while it waits, and a second free of it is answered.
 *
 * Who only needs objects that stay of their type: #MM_CACHE_KEEP. */
#ifndef MMLIB_DEFERRED_H
#define MMLIB_DEFERRED_H
#include <mmlib/kmalloc.h>
MM_BEGIN_DECLS

/** What the host tells of its readers. Linux has these as get_state_synchronize_rcu() and
 *  poll_state_synchronize_rcu(). No lock of mmlib is held; neither may call mmlib. */
struct mm_epoch_hooks {
	/** A time that passes when all who read now have left. [irq-ok, no-sleep] */
	uint64_t (*now)(void *ctx);
	/** Has that time passed? [irq-ok, no-sleep] */
	bool (*passed)(void *ctx, uint64_t time);
	void *ctx; /**< the host's own, the first argument of both */
};

struct mm_deferred_batch;

/** Memory that waits to be freed. */
struct mm_deferred {
	struct mm_heap *heap;               /**< @private NULL: not set up */
	const struct mm_epoch_hooks *hooks; /**< @private */
	uintptr_t lock;                     /**< @private guards all below */
	struct mm_deferred_batch *filling;  /**< @private has no time yet, or NULL */
	struct mm_deferred_batch *first;    /**< @private those that wait, the oldest first */
	struct mm_deferred_batch **end;     /**< @private where the next one is linked */
	size_t waiting;                     /**< @private pointers in all of them */
	size_t refused;                     /**< @private objects and large blocks that could not be freed */
};

/** Set up.
 *  @param[out] d written only on #MM_OK @param heap heap that memory goes back to
 *  @param hooks both are needed; kept by pointer
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or a hook is missing @retval MM_E_STATE no heap
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_deferred_init(struct mm_deferred *d, struct mm_heap *heap,
					     const struct mm_epoch_hooks *hooks);

/** Free memory later: after all have left that may be reading it now. Somebody must call
 *  mm_deferred_poll().
 *  @param d as set up @param p memory of mm_kmalloc() or of any cache of the heap, that no new reader can find;
 *  NULL does nothing
 *  @retval MM_OK it waits
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @retval MM_E_FOREIGN, MM_E_ALIGN as mm_kfree()
 *  @retval MM_E_OWNER as mm_kfree()
 *  @retval MM_E_CORRUPT as mm_kfree()
 *  @retval MM_E_DOUBLE_FREE it is free, or waits already. With MM_CHECKS 0 that it waits is not seen here, and a block
 *          above #MM_KMALLOC_MAX_CLASS that waits is pages, so #MM_E_OWNER
 *  @retval MM_E_NOMEM, MM_E_AGAIN there is no room to note it; nothing changed: wait for the readers, then call
 *          mm_kfree()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: that of @p d; cost: O(1)} */
MM_NODISCARD enum mm_status mm_kfree_deferred(struct mm_deferred *d, void *p);

/** Free what nobody can be reading any more. For a timer, an idle loop, or who needs memory.
 *  @param d as set up
 *  @retval MM_OK nothing waits any more @retval MM_E_AGAIN something does
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: that of @p d\, slab depots; cost: O(what is freed)} */
enum mm_status mm_deferred_poll(struct mm_deferred *d);

/** How much waits.
 *  @param d as set up, or NULL @return objects and blocks that wait; 0 if it is not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD size_t mm_deferred_waiting(const struct mm_deferred *d);

/** Take down.
 *  @param d that nobody else is using; all-zero afterwards
 *  @param[out] refused NULL, or how many objects and large blocks were damaged while they waited, and stay allocated;
 *  with MM_CHECKS 0, how many large blocks were freed by somebody else, as pages
 *  @retval MM_OK done @retval MM_E_BUSY something waits @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, no-sleep; locks: slab depot; cost: O(1)} */
MM_NODISCARD enum mm_status mm_deferred_destroy(struct mm_deferred *d, size_t *refused);
MM_END_DECLS
#endif
