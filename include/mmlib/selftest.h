/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Port self-test: run it inside your own kernel to learn whether your port keeps its promises.
 *
 * It prints TAP, one line for each promise, through the port's `log`. One CPU runs
 * mm_port_selftest(), the others mm_port_selftest_join() at the same time. What a port does not have
 * is reported as skipped, with the reason. */
#ifndef MMLIB_SELFTEST_H
#define MMLIB_SELFTEST_H
#include <mmlib/port.h>
MM_BEGIN_DECLS

/** Pages of address space that the TLB checks use: enough that each has a place of its own in the TLB
 *  of any machine or emulator. */
#define MM_SELFTEST_PAGES 64u

/** Mapping operations of the kernel, complete with whatever TLB flush it does: these are tested. */
struct mm_selftest_tlb {
	/** First byte of #MM_SELFTEST_PAGES pages of address space where nothing is mapped. */
	unsigned char *va;
	/** Map the frame at @p pa at @p va, readable and writable, visible to all CPUs. */
	void (*map)(void *ctx, void *va, mm_paddr_t pa);
	/** Unmap @p va on all CPUs. */
	void (*unmap)(void *ctx, void *va);
};

/** A self-test. The caller fills in what is not private, all else zero; static, since other CPUs
 *  share it. */
struct mm_selftest {
	const struct mm_port *port; /**< port under test, with `log` */
	mm_paddr_t frames;          /**< two neighbouring free frames that it may write */
	uint32_t ncpus;             /**< CPUs that take part: the caller and those that join */
	const struct mm_selftest_tlb *tlb; /**< or NULL: the TLB checks are skipped */
	void *tlb_ctx;              /**< passed to its functions */

	uint32_t joined;     /**< @private CPUs that have come */
	uint32_t phase;      /**< @private what those that joined shall do now */
	uint32_t finished;   /**< @private CPUs that have done it */
	uint32_t group;      /**< @private numbers that are looked at now: 32 * group and above */
	uint32_t seen;       /**< @private bit n: a CPU with number 32 * group + n has come */
	uint32_t wrong;      /**< @private things that CPUs found wrong in this phase */
	uint32_t checks;     /**< @private lines printed */
	uint32_t failed;     /**< @private of them "not ok" */
	uintptr_t lock;      /**< @private lock under test */
	uint32_t counter;    /**< @private guarded by it, and by nothing else */
	unsigned char value; /**< @private what the pages must show in this phase */
};

/** Check every promise of a port and print TAP: a plan, then a line for each check.
 *  @param t what to test
 *  @return how many checks failed; `UINT32_MAX`, and nothing is printed, if @p t is NULL, its port
 *  cannot be used at all, or `ncpus` is 0, or more than 1 without MM_ATOMICS
 *  @mm_ctx{thread\, IRQs on\, may wait for the CPUs that join; locks: one of its own; cost:
 *  milliseconds} */
uint32_t mm_port_selftest(struct mm_selftest *t) MM_TAGGED(mm_port_selftest);

/** Take part in a self-test that another CPU runs; returns when that ends.
 *  @param t the same as given there
 *  @mm_ctx{thread\, IRQs on\, waits for the CPU that tests; locks: one of the test's; cost:
 *  milliseconds} */
void mm_port_selftest_join(struct mm_selftest *t);
MM_END_DECLS
#endif
