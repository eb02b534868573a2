/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Page tables for TLBs that software fills: what a refill handler writes into the TLB, and what hardware
 *         with a walker would do at an access.
 *
 * For MIPS64 and LoongArch, and any other CPU whose entries can be described by struct mm_pt_tlb: the tree may be
 * of any format. docs/porting.md has a handler.
 *
 *      // TLB refill, interrupts off; nothing here needs a TLB: code, stack, tree and what env->to_virt returns
 *      struct mm_pt_pair pair;
 *      if (mm_pt_refill(current_tree, &tlb, bad_address, &pair) != MM_OK)
 *              the way of an access that is not allowed: below
 *      write_entry_lo(pair.lo[0], pair.lo[1]);
 *      write_page_mask(mm_pt_pair_mask(&pair));                        // LoongArch: pair.shift
 *      tlb_write_random();
 *
 * A page that was mapped with #MM_PT_TRACK becomes valid in the TLB with the first access, and writable with the
 * first write: the CPU then raises an exception (TLB invalid, TLB modified; page invalid, page modified), whose
 * handler calls mm_pt_touch() and, if that says #MM_OK, mm_pt_refill(), and replaces the entry. Any other result is
 * a page fault. What is not valid is not written by itself, only as the other half of a pair that is: an entry for
 * nothing would be in the way of a large page that is mapped there later, as it is an entry for the same address.
 *
 * Concurrency: both read and touch the tables as hardware does, at any time, on any CPU, without locks. That is right
 * as long as `env->flush` waits for a CPU that is in such a handler: it interrupts it, and handlers run with
 * interrupts off. Tables go back only after that flush, and what a handler wrote before it is forgotten by it.
 * A CPU of 32 bits that cannot compare and swap 8 bytes at once, which is all but x86 and ARMv7 with LDREXD, takes
 * entries of 8 bytes apart to change them: there mm_pt_touch() needs the lock of the tree's writer, like a writer.
 * It also reads them as two halves. Then there must be a mm_pt_sync() between any two changes of an entry (between
 * an unmap and the next map of that page, between two protects of it), else a handler that runs meanwhile may find
 * the low half of one entry with the high half of another: a frame that is neither's. On x86 and ARMv7 entries are
 * read at once (on x86 by cmpxchg8b, so that what `env->to_virt` says must be writable). Formats whose entries have
 * 4 bytes, as #MM_PT_SV32, want nothing of all this. Those in which it is not the low half that says what is valid,
 * #MM_PT_PPC64 on big-endian CPUs and #MM_PT_S390X on the others, are not for handlers on CPUs of 32 bits. */
#ifndef MMLIB_PT_REFILL_H
#define MMLIB_PT_REFILL_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** How a TLB that software fills has its entries: constant data of a CPU. #MM_PT_TLB_MIPS64 and
 *  #MM_PT_TLB_LOONGARCH64 are what their manuals say; a CPU that differs changes members. */
struct mm_pt_tlb {
	uint64_t sizes; /**< bit n: there are pages of 2^n bytes */
	bool single;    /**< an entry has one page; else two that follow each other, of one size */
	uint8_t shift;  /**< how far a physical address is shifted right... */
	uint64_t address; /**< ...into this field */
	uint64_t valid;   /**< bits of a page that may be accessed */
	uint64_t write;   /**< that may be written */
	uint64_t user;    /**< that the user may access; 0: not for the TLB to say */
	uint64_t no_read; /**< that may not be read; 0: the TLB cannot say so, and it may */
	uint64_t no_exec; /**< that may not be executed; 0: the same */
	uint64_t global;  /**< bits of a page of all address spaces */
	uint64_t type
		[5]; /**< by memory type, write-back first, in the order of #mm_pt_attr; UINT64_MAX: there is
	                        none, and such a page never becomes valid */
};

/** MIPS64, with RI and XI (Config3.RXI, PageGrain.RIE and XIE; without them set `no_read` and `no_exec` to 0) and
 *  pages of 4 KiB to 256 MiB. Write-back is cache attribute 3; where the CPUs are coherent often 5: set `type[0]`. */
#define MM_PT_TLB_MIPS64                                                                           \
	{                                                                                          \
		.sizes = UINT64_C(0x15555000), .shift = 6,                                         \
		.address = UINT64_C(0x001fffffffffffc0), .valid = 2, .write = 4,                   \
		.no_read = UINT64_C(1) << 63, .no_exec = UINT64_C(1) << 62, .global = 1, .type = { \
			0x18,                                                                      \
			UINT64_MAX,                                                                \
			0x38,                                                                      \
			UINT64_MAX,                                                                \
			0x10                                                                       \
		}                                                                                  \
	}

/** LoongArch64: TLBELO0, TLBELO1. `sizes` is what PRCFG2 says; here 4 KiB to 512 MiB. */
#define MM_PT_TLB_LOONGARCH64                                                                      \
	{                                                                                          \
		.sizes = UINT64_C(0x3ffff000), .address = UINT64_C(0x0000fffffffff000),            \
		.valid = 1, .write = 2, .user = 0xc, .no_read = UINT64_C(1) << 61,                 \
		.no_exec = UINT64_C(1) << 62, .global = 0x40, .type = {                            \
			0x10,                                                                      \
			UINT64_MAX,                                                                \
			0x20,                                                                      \
			UINT64_MAX,                                                                \
			0                                                                          \
		}                                                                                  \
	}

/** An entry of a TLB: two pages of one size that follow each other, or one. */
struct mm_pt_pair {
	mm_vaddr_t va; /**< first byte */
	uint64_t lo
		[2]; /**< what the TLB wants: EntryLo0 and EntryLo1, or TLBELO0 and TLBELO1. Not valid: without
		      mm_pt_tlb::valid, but global if the other half is */
	uint8_t shift; /**< log2 of the bytes of one page */
};

/** PageMask of a pair, for MIPS64.
 *  @param pair what mm_pt_refill() wrote @return the register's value
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline uint64_t mm_pt_pair_mask(const struct mm_pt_pair *pair)
{
	uint32_t pages = ((uint32_t)1 << (pair->shift + 1 - 12)) - 1; /* of 4 KiB */

	return (uint64_t)(pages & ~1u) * 4096u;
}

/** What the TLB is to hold for an address: the largest pages that it has and that lie in what is mapped as one. The
 *  other half of a pair may be one that is not valid. A pair is global if all that is valid in it is:
 *  a global page beside one that is not is there under each ASID that used it, and a flush must find all.
 *  @param pt tree @param tlb how entries look @param va any byte, e.g. the address that missed
 *  @param[out] pair to be written into the TLB; written only on #MM_OK
 *  @retval MM_OK the page of @p va is valid
 *  @retval MM_E_NOENT it is not: nothing is mapped, the entry is damaged, or it was not accessed yet
 *          (mm_pt_touch()); nothing is for the TLB to hold
 *  @retval MM_E_NOTSUP the TLB has no page that is as small as the smallest of the tree
 *  @retval MM_E_RANGE @p va is none that the tree translates @retval MM_E_INVAL NULL @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)} */
MM_NODISCARD enum mm_status mm_pt_refill(const struct mm_pt *pt, const struct mm_pt_tlb *tlb,
					 mm_vaddr_t va, struct mm_pt_pair *pair)
	MM_TAGGED(mm_pt_refill);

/** In which steps `env->flush` goes through [`g->start`, `g->last`] so that it comes upon each entry that
 *  mm_pt_refill() made of a page in there. That is less than `g->min_shift` where a leaf is larger than the largest
 *  pages that the TLB has: it is there in pieces.
 *  @param tlb how entries look @param g what to forget
 *  @return log2 of the bytes of a step, at most `g->min_shift`; 0 for NULL
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD unsigned mm_pt_refill_step(const struct mm_pt_tlb *tlb, const struct mm_tlb_gather *g);

/** An access, as hardware with a walker does it: if the tables allow it, set the accessed bit, and with
 *  #MM_PT_WRITE the dirty one, as no writer does otherwise.
 *  @param pt tree @param va any byte
 *  @param access #MM_PT_READ, #MM_PT_WRITE or #MM_PT_EXEC, or more of them, and #MM_PT_USER if the user's
 *         and the format tells users' pages (#MM_PT_MIPS64 does not: an address's segment does); 0: any
 *  @retval MM_OK it may: a refill now makes it so @retval MM_E_PERM it may not
 *  @retval MM_E_NOENT nothing is mapped, or the entry is damaged @retval MM_E_NOTSUP a contiguous run, or
 *          the format has no such bits that may be set beside a writer: #MM_PT_ARMV7 and #MM_PT_ARMV7_LPAE
 *  @retval MM_E_RANGE @p va is none that the tree translates
 *  @retval MM_E_INVAL NULL, or other bits in @p access
 *  @retval MM_E_STATE not set up
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(levels)} */
MM_NODISCARD enum mm_status mm_pt_touch(const struct mm_pt *pt, mm_vaddr_t va, uint32_t access);
MM_END_DECLS
#endif
