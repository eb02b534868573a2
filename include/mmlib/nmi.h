/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Kernel heap: frees that may come at any instruction.
 *
 * An NMI, or a machine check, hits its CPU anywhere: amid a call of mmlib, and while a lock is held that nobody can
 * wait for then. What it frees here is marked, by atomic operations alone, and is free from then on: no call takes it
 * for allocated any more. Memory it is again when somebody brings it home: whoever next finds nothing at hand in the
 * heap, or has more there than fits; mm_heap_cpu_idle() and mm_heap_reap(), which a kernel whose NMIs free calls now
 * and then; and all that gives memory back or counts it. That is done in the context of who does it.
 *
 * Threads and interrupts may free so, too; mm_kfree() is faster. To allocate in an NMI: mm_mempool_take() and
 * mm_prefill_alloc() of mmlib/reserve.h. What comes from a mempool goes to its cache, not to the pool, by all but
 * mm_mempool_free_nmi(). Of several heaps that are one (mmlib/site.h): mm_heap_set_of() tells which.
 *
 * Needs MM_CHECKS 1 or more, and MM_ATOMICS: without either, all answer #MM_E_NOTSUP. A kernel that does not call them
 * is linked without them; the usual allocation and free are the same in all kernels. */
#ifndef MMLIB_NMI_H
#define MMLIB_NMI_H
#include <mmlib/kmalloc.h>
#include <mmlib/reserve.h>
MM_BEGIN_DECLS

/** Free memory, at any instruction.
 *  @param heap heap @param p memory of mm_kmalloc() or of any cache of the heap; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL heap @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP a block of more than #MM_KMALLOC_MAX_CLASS bytes: it stays allocated, and who is no NMI frees
 *  it by mm_kfree(). A list of those would have to go through
 *          their own memory, where whoever still writes to one leads mmlib astray: no state of mmlib's lies in memory
 *          that callers had, and other places for it, an NMI cannot get. Or not in this build: see above
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN as mm_kfree()
 *  @retval MM_E_DOUBLE_FREE it is free, by whichever call
 *  @retval MM_E_CORRUPT somebody wrote over its end (#MM_HARDEN_CANARY), and the port's `log` is told; it stays
 *          allocated
 *  Who brings it home looks for that once more, and whether somebody wrote beside it, if it is guarded (mmlib/guard.h):
 *  it is allocated again then, unless it is guarded and the host is told. Until it is home, memory checkers are not
 *  told of its free. It is not held back by #MM_HARDEN_QUARANTINE. Racing frees: one of those by this call is believed,
 *  mm_kfree() beside it as mm_cache_free() says.
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_kfree_nmi(struct mm_heap *heap, void *p) MM_TAGGED(mm_kfree_nmi);

/** Free an object, at any instruction.
 *  @param cache the cache it came from @param p the object; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL cache @retval MM_E_STATE the cache is destroyed
 *  @retval MM_E_NOTSUP not in this build: see above
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN as mm_cache_free()
 *  @retval MM_E_DOUBLE_FREE, MM_E_CORRUPT as mm_kfree_nmi()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_cache_free_nmi(struct mm_cache *cache, void *p) MM_TAGGED(mm_cache_free_nmi);

/** Free an object, at any instruction: to the reserve if that is not full, where it is at once; else to the cache, as
 *  mm_cache_free_nmi().
 *  @param pool pool @param p an object of its cache, from wherever; NULL does nothing
 *  @retval MM_OK done @retval MM_E_INVAL NULL pool @retval MM_E_STATE not set up
 *  @retval MM_E_NOTSUP not in this build: see above
 *  @retval MM_E_FOREIGN, MM_E_OWNER, MM_E_ALIGN, MM_E_DOUBLE_FREE, MM_E_CORRUPT as mm_cache_free_nmi()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(n)\, and O(bytes) with #MM_HARDEN_ZERO} */
MM_NODISCARD enum mm_status mm_mempool_free_nmi(struct mm_mempool *pool, void *p) MM_TAGGED(mm_mempool_free_nmi);
MM_END_DECLS
#endif
