/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief The host port: what a kernel tells mmlib about itself.
 *
 * Two callbacks are required, all others are optional, each with a documented meaning of its
 * absence. Fill in a `static const struct mm_port`; mmlib keeps only the pointer. No mmlib lock is
 * held while a callback runs, unless its comment says so, and no callback may call mmlib. */
#ifndef MMLIB_PORT_H
#define MMLIB_PORT_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

/** Version of #mm_port. Changes when a callback is added or changes its meaning. */
#define MM_PORT_VERSION 2u

/** Host callbacks. @c ctx is passed back as the first argument of each, so that two kernels can
 *  live in one test process. Contexts are written as in `mm_ctx` lines: where mmlib may call it. */
struct mm_port {
	uint32_t version; /**< #MM_PORT_VERSION: which members this host knows */
	uint32_t size;    /**< `sizeof(struct mm_port)` of the host's build */
	void *ctx;        /**< the host's own; may be NULL */

	/** REQUIRED. Address through which the kernel reaches physical address @p pa (bytes).
	 *  mmlib asks only for memory that it was given. A result stays valid for ever. Inside one
	 *  stretch of RAM, small holes included, the distance between the two is constant: mmlib
	 *  asks for the first byte of a block and goes on from there. What is aligned physically
	 *  is aligned at this address as far as that distance is: a multiple of the frame size, and
	 *  of the largest alignment that the kernel asks mm_kmalloc() for. Never NULL: where frame 0
	 *  would be at address 0, mm_memmap_add() it as #MM_MEM_RESERVED.
	 *  [irq-ok, nmi-ok, no-sleep] */
	void *(*to_virt)(void *ctx, mm_paddr_t pa);
	/** REQUIRED. An invariant of mmlib is broken, or somebody wrote to free memory
	 *  (#MM_PAGE_POISON): stop the machine. Must not return.
	 *  [any context, locks may be held] */
	void (*panic)(void *ctx, const char *file, int line);

	/** OPTIONAL, with @c unlock. Take the lock in @p word (all-zero is an unlocked one),
	 * interrupts
	 *  off. Returns the interrupt state before. Acquires: what follows sees what all who had it before
	 *  did up to their @c unlock, which releases. Absent: one CPU, or callers serialise.
	 *  [irq-ok, no-sleep] */
	uintptr_t (*lock)(void *ctx, uintptr_t *word);
	/** OPTIONAL, with @c lock. Release @p word and restore the interrupt state that @c lock
	 *  returned. [irq-ok, no-sleep] */
	void (*unlock)(void *ctx, uintptr_t *word, uintptr_t irq);
	/** OPTIONAL, with @c irq_restore. Interrupts off on this CPU; returns the state before, always
	 *  the same value for the same state (not a whole flags register).
	 *  Absent: no interrupt handler calls mmlib. [irq-ok, no-sleep] */
	uintptr_t (*irq_save)(void *ctx);
	/** OPTIONAL, with @c irq_save. Puts the state back. [irq-ok, no-sleep] */
	void (*irq_restore)(void *ctx, uintptr_t irq);
	/** OPTIONAL. Dense number of this CPU, from 0. Absent: there is one CPU, number 0.
	 *  Called pinned. [irq-ok, nmi-ok, no-sleep] */
	uint32_t (*cpu)(void *ctx);
	/** OPTIONAL, with @c unpin. From here on this context is not preempted. Nests. A context that goes on
	 *  on another CPU must see there what it did before, and what was done on that CPU: schedulers see to
	 *  it. Absent: the kernel does not preempt. [irq-ok, nmi-ok, no-sleep] */
	void (*pin)(void *ctx);
	/** OPTIONAL, with @c pin. Ends one pin. [irq-ok, nmi-ok, no-sleep] */
	void (*unpin)(void *ctx);
	/** OPTIONAL. Run @p fn(@p arg) on CPU @p cpu and wait for its end. @p fn sees what was done before
	 *  the call, and who called sees what it did (an interrupt alone orders neither). Absent: caches of other
	 * CPUs
	 *  are drained at their own next call, so out of memory may be reported as #MM_E_AGAIN.
	 *  @p cpu may be the calling one. The wait must not need the scheduler (an inter-processor
	 *  interrupt, not a thread): the caller may be pinned. [not with IRQs off] */
	void (*run_on)(void *ctx, uint32_t cpu, void (*fn)(void *arg), void *arg);
	/** OPTIONAL. Monotonic time, nanoseconds. Absent: nothing ages. [irq-ok, nmi-ok, no-sleep]
	 * */
	uint64_t (*now_ns)(void *ctx);
	/** OPTIONAL. One line of text without a newline. Absent: mmlib is silent.
	 *  [any context, locks may be held] */
	void (*log)(void *ctx, const char *line);
	/** OPTIONAL. Unpredictable bits. Absent: addresses and slots are not randomised.
	 *  [irq-ok, no-sleep] */
	uint64_t (*random)(void *ctx);
	/** OPTIONAL. Zero @p bytes at physical @p pa, both multiples of the frame size. Absent:
	 *  `memset` through @c to_virt. [irq-ok, no-sleep] */
	void (*zero)(void *ctx, mm_paddr_t pa, size_t bytes);
	/** OPTIONAL. Page frames: memory of zone @p zone, an index as mm_pmm_stats() takes it, has become
	 *  scarce or is enough again; @p level is one of #mm_pressure. Called by whoever allocates or frees
	 *  and does not find all at hand, once for each change; calls of two CPUs may overlap, and
	 *  mm_pmm_stats() tells the level now. Wake who frees memory: it runs in the caller's context.
	 *  Absent: nobody is told. [irq-ok, no-sleep] */
	void (*pressure)(void *ctx, uint32_t zone, uint32_t level);
};

/** Is this port usable? Every `init` that takes a port calls it.
 *  @param port the port, or NULL
 *  @retval MM_OK        version, size and required callbacks are there, pairs are whole
 *  @retval MM_E_PORT    NULL, another version or size, a required callback is missing, or only half
 *                       of a pair is given
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_port_check(const struct mm_port *port) MM_TAGGED(mm_port_check);

/** @name Hot hooks
 * What fast paths use instead of the callbacks. A kernel that compiles mmlib itself may supply
 * `-DMM_PORT_INLINE_HEADER='"my_hooks.h"'`, a header that defines these four as inline functions of
 * the same prototypes; then fast paths have no indirect call.
 *
 * Where a per-CPU variable is one load away, that header can save the way from a CPU's number to what
 * mmlib keeps for it. It defines `MM_PORT_SLOT`, and these two, for an array of #MM_SLOTS pointers in
 * each CPU's own data, all of which are #MM_SLOT_EMPTY at first:
 *
 *     static inline void *mm_port_slot(unsigned i);              // what is in slot i of this CPU
 *     static inline void mm_port_set_slot(unsigned i, void *p);  // put it there
 *
 * Both are called pinned. Hooks of a pin get NULL for the port then. A slot points to memory that mmlib
 * was given: who takes that away (the end of a test, a module that is unloaded) empties the slots of all
 * CPUs first. With several managers of page frames, a CPU's slot serves the one that it asked last.
 * @{ */
#define MM_SLOT_PAGE 0u /**< slot of page frames */
#define MM_SLOTS     1u /**< how many slots there are */
/** What is in a slot that nobody filled. */
#define MM_SLOT_EMPTY ((void *)&mm_port_nobody)
static const uintptr_t mm_port_nobody = 2; /**< @private a locked door, see src/local.h */
#ifdef MM_PORT_INLINE_HEADER
#include MM_PORT_INLINE_HEADER
#else
/** `port->to_virt`. @param port checked port @param pa physical address, bytes @return its address
 * */
static inline void *mm_port_to_virt(const struct mm_port *port, mm_paddr_t pa)
{
	return port->to_virt(port->ctx, pa);
}

/** `port->cpu`, or 0. @param port checked port @return number of this CPU */
static inline uint32_t mm_port_cpu(const struct mm_port *port)
{
	return port->cpu ? port->cpu(port->ctx) : 0;
}

/** `port->pin`, or nothing. @param port checked port */
static inline void mm_port_pin(const struct mm_port *port)
{
	if (port->pin)
		port->pin(port->ctx);
}

/** `port->unpin`, or nothing. @param port checked port */
static inline void mm_port_unpin(const struct mm_port *port)
{
	if (port->unpin)
		port->unpin(port->ctx);
}
#endif
/** @} */
MM_END_DECLS
#endif
