/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Limine boot protocol: the boot memory map from the loader's responses.
 *
 * Source: The Limine Boot Protocol, base revisions 0 to 6 (PROTOCOL.md of the limine-protocol
 * project): features Memory Map, HHDM, Executable Address, Executable File, Module and RSDP, and the
 * File Structure. Responses stay compatible to their older revisions, so any revision is read.
 * Numbers are little-endian, pointers 64 bits wide and virtual. */
#ifndef MMLIB_LIMINE_H
#define MMLIB_LIMINE_H
#include <mmlib/memmap.h>
MM_BEGIN_DECLS

/** Bounded access to memory as it is mapped now, for parsers that follow virtual pointers.
 *  @param ctx the caller's @param va virtual address @param bytes length
 *  @return pointer to @p bytes readable bytes, at any alignment, which stay readable until the next
 *  call; NULL if they are not to be read */
typedef const void *(*mm_virt_reader)(void *ctx, mm_vaddr_t va, size_t bytes);

/** What the loader answered: the `response` pointers of the kernel's requests, as numbers. 0 where
 *  the kernel did not ask, or got no answer. */
struct mm_limine {
	mm_vaddr_t memmap;             /**< Memory Map; required */
	mm_vaddr_t hhdm;               /**< Higher Half Direct Map; required with any of the last three */
	mm_vaddr_t executable_address; /**< Executable (formerly Kernel) Address */
	uint64_t executable_bytes;     /**< length of the kernel's image in memory, bytes, from its
	                                    lowest segment to the end of its .bss: no response has it */
	mm_vaddr_t executable_file;    /**< Executable (formerly Kernel) File: the command line */
	mm_vaddr_t modules;            /**< Module */
	mm_vaddr_t rsdp;               /**< RSDP */
};

/** Feed what a loader that speaks the Limine protocol answered.
 *
 * Entries of the memory map:
 * - usable (0): #MM_MEM_USABLE; ACPI reclaimable (2): #MM_MEM_ACPI_RECLAIM; ACPI NVS (3):
 *   #MM_MEM_ACPI_NVS; bad (4): #MM_MEM_BAD; bootloader reclaimable (5): #MM_MEM_LOADER. The
 *   responses themselves, the loader's page tables and its stacks lie in the latter.
 * - executable and modules (6): one number for memory that must stay and memory that need not. It is
 *   #MM_MEM_KERNEL, which nobody gives back, unless the kernel says where it is: with
 *   `executable_address` the image is #MM_MEM_KERNEL, and the rest #MM_MEM_INITRD.
 * - reserved (1), framebuffer (7), reserved but mapped (8: tables of ACPI and SMBIOS, runtime
 *   services): #MM_MEM_RESERVED. So is any other number, which counts as unknown.
 *
 * Modules are #MM_MEM_INITRD wherever they lie. As far as the loader was started by UEFI, it calls
 * memory for specific purposes usable; a kernel that wants to know asks for the EFI Memory Map
 * feature and feeds that too (mm_memmap_add_uefi()).
 *
 * Bounded on hostile input: every byte is asked of @p read first; at most 4,096 map entries, 64
 * modules, and 4,096 bytes of a command line are read.
 *
 * @param map map; on an error what was fed before the failing entry stays in it
 * @param read access to memory @param ctx passed to it
 * @param limine the responses
 * @param[out] info physical addresses of command line, RSDP and first module, or NULL; written only
 *         on #MM_OK
 * @retval MM_OK taken
 * @retval MM_E_INVAL NULL map, reader or responses; no memory map, or one without entries;
 *         `executable_address` without a length; an address to translate, and no `hhdm`
 * @retval MM_E_FAULT the reader refused an address, an address wraps, a module or the command line
 *         is not in the direct map, or one of them or the RSDP is where #mm_paddr_t does not reach
 * @retval MM_E_2BIG the map is full, there are more than 4,096 entries or 64 modules, or the command
 *         line does not end within 4,096 bytes
 * @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_limine(struct mm_memmap *map, mm_virt_reader read,
						 void *ctx, const struct mm_limine *limine,
						 struct mm_boot_info *info)
						 MM_TAGGED(mm_memmap_add_limine);
MM_END_DECLS
#endif
