/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief x86-64 page tables, four levels: 4 KiB, 2 MiB and 1 GiB pages, 48-bit addresses. */
#ifndef MMLIB_PT_X86_64_H
#define MMLIB_PT_X86_64_H
#include <mmlib/pt.h>
MM_BEGIN_DECLS

/** For mm_pt_cfg::features, of four levels and of five: this machine has protection keys, and each CPU has CR4.PKE set,
 *  CR4.PKS, or both. Keys of the user's pages and of the kernel's are the same field: without the one of these bits that is
 *  for a page its key is kept and told, and takes nothing away. */
#define MM_PT_X86_64_KEYS 1u

/** The format, for mm_pt_init().
 *
 *  Expects EFER.NXE set on every CPU, CR0.WP too, or the kernel itself may write to what is not
 *  writable, CR4.PGE if #MM_PT_GLOBAL shall have an effect, and PAT entry 4 set to write-combining if #MM_PT_WC is used
 *  (the reset value has none). Memory types are PAT entries: WB 0, WT 1, UC 2 (the UC- that an MTRR
 *  may make write-combining), DEVICE 3 (always uncached), WC 4.
 *
 *  #MM_PT_READ is required: x86 has neither execute-only nor write-only pages. The dirty bit of a
 *  page that may not be written is kept in bit 58, which hardware ignores: bit 6 set on a read-only
 *  page makes it a shadow stack under CET.
 *
 *  A gain of rights is not flushed: at worst a CPU takes one page fault too many. A fault handler asks
 *  mm_pt_query() and returns if the access is allowed by then.
 *
 *  AMD's nested tables are this format, too: what a guest does is a user's access to them, so that all pages are
 *  #MM_PT_USER, in a tree of its own. None of the functions below flushes them, nor does INVLPGA: a kernel has TLB_CONTROL
 *  of the VMCB do that (docs/embedding.md).
 *
 *  Memory encryption (SME, SEV): put the C bit into `cfg.set_bits`, and what CPUID 8000001Fh says is
 *  left of the physical bits into `cfg.pa_bits`.
 *  @return static data
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const struct mm_pt_port *mm_pt_x86_64_port(void) MM_TAGGED(mm_pt_x86_64_port);

MM_PT_DECLARE(mm_pt_x86_64);

/** What a flush may use, and whose translations it is about: mm_pt_x86_64_flush_local_by(). mm_pt_x86_64_tlb_probe()
 *  fills in the first two; a kernel with PCIDs has a copy for each tree. All-zero: the current PCID, and what is global.
 *
 *  With #one_space, translations under other PCIDs stay, and what is global (SDM volume 3A, 4.10.4.1, INVPCID). So it
 *  is for trees that hold no #MM_PT_GLOBAL pages and are never used with another PCID; a tree with a second root for user
 *  mode has two, and wants two calls. The PCID may be one that is not in CR3. Without INVPCID such a flush is one of
 *  everything: a kernel that does not want that notes instead that it has to load CR3 with bit 63 clear when it is
 *  there next, and calls this for the current space only. */
struct mm_pt_x86_64_tlb {
	bool invpcid;   /**< this CPU has INVPCID: CPUID.(EAX=07H,ECX=0):EBX.INVPCID[bit 10] */
	bool pcids;     /**< CR4.PCIDE is set: without `one_space`, the tree is part of all spaces, or of several */
	bool global;    /**< all pages of the tree are #MM_PT_GLOBAL: INVLPG reaches them under every PCID, so with `pcids`
	                     it is enough where few pages and no tables went */
	bool one_space; /**< only what is under `pcid` */
	uint16_t pcid;  /**< number of the address space, if `one_space`: 0 to 4095; 0 without `pcids` */
};

#if defined(__x86_64__)
/** Ask this CPU (CPUID) how many physical address bits it has, whether it has 1 GiB pages, and whether CR4.PKE is set
 *  (#MM_PT_X86_64_KEYS). CPUID does not tell of CR4.PKS.
 *  @param[out] cfg all-zero but for what was found
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: five CPUID} */
void mm_pt_x86_64_probe(struct mm_pt_cfg *cfg);

/** Make this CPU forget what a gather holds: INVLPG for each page, or all of the TLB when there are
 *  more than 32 (by CR4.PGE if that is set, so global pages too, else by CR3). For env->flush of a
 *  kernel; remote CPUs call it too. Privileged. Must not be preempted by what writes CR4 or CR3.
 *  Covers the current PCID; for a tree that other PCIDs use: mm_pt_x86_64_flush_local_by().
 *  What it executes is told in SDM volume 3A, 4.10.4.1.
 *  @param g gather
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_x86_64_flush_local(const struct mm_tlb_gather *g) MM_TAGGED(mm_pt_x86_64_flush_local);

/** Ask this CPU how its TLB is flushed: CPUID for INVPCID, and CR4.PCIDE. When that is as it will be. Privileged.
 *  @param[out] tlb all-zero but for what was found
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: two CPUID} */
void mm_pt_x86_64_tlb_probe(struct mm_pt_x86_64_tlb *tlb);

/** mm_pt_x86_64_flush_local() of one address space by its PCID, or of all of them. Of one: MFENCE, then INVPCID for each
 *  page, or for the PCID when there are more than 32 or tables went; without INVPCID as the current space is flushed,
 *  but for what is global, or, if it is not current, everything. Of all: MFENCE, INVPCID for all, or CR4.PGE changed and
 *  changed back, unless `global` says that INVLPG is enough. Must not be preempted by what writes CR4 or CR3.
 *  @param tlb what this CPU has, and which address space @param g gather, of one tree
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(pages)\, bounded} */
void mm_pt_x86_64_flush_local_by(const struct mm_pt_x86_64_tlb *tlb, const struct mm_tlb_gather *g);
#endif
MM_END_DECLS
#endif
