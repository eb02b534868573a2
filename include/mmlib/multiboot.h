/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Multiboot 1 and 2: the boot memory map, without what the loader itself put into memory.
 *
 * Sources: Multiboot Specification 0.6.96, section 3.3; Multiboot2 Specification 2.0, section 3.6.
 * All numbers are little-endian, addresses are physical.
 *
 * Both intakes take the loader's table of memory and then what the table calls free although it is
 * not: information structure, tables, texts, command lines and symbols as #MM_MEM_LOADER, modules as
 * #MM_MEM_INITRD, sections of the kernel as #MM_MEM_KERNEL, a framebuffer as #MM_MEM_RESERVED. When
 * two claim a byte, the map's rule decides, so the order does not matter.
 *
 * The kernel's sections: headers give the address that a section is linked for, which is physical
 * only if the kernel is not linked to high addresses. So a section counts only if all of it is RAM by
 * the map, below 4 GiB: specifications let loaders put nothing higher. A kernel that is linked high,
 * or was moved by its loader, has to add its own image with mm_memmap_add(), and any kernel may.
 *
 * Bounded on hostile input: every byte is asked of the reader first; at most 4,096 entries of a
 * memory map, 4,096 sections, 256 modules and 4,096 bytes of a text are read. */
#ifndef MMLIB_MULTIBOOT_H
#define MMLIB_MULTIBOOT_H
#include <mmlib/memmap.h>
MM_BEGIN_DECLS

/** @name Which loader was it?
 *  What EAX holds where the kernel begins. EBX holds the address of the information structure,
 *  which has no magic of its own. Version 1: section 3.2; version 2: section 3.3. @{ */
#define MM_MULTIBOOT_MAGIC  0x2badb002u /**< EAX: version 1 */
#define MM_MULTIBOOT2_MAGIC 0x36d76289u /**< EAX: version 2 */
/** @} */

/** Feed a Multiboot information structure of version 1.
 *  Without a table of memory, its two sizes stand in (`mem_lower`, of which 640 KiB at most are
 *  believed, and `mem_upper`). An address of 0 means that the thing is not there. Unknown flags, boot
 *  device and ROM configuration table are passed over. This version knows no RSDP.
 *  @param map map; on an error what was fed before the failing entry stays in it
 *  @param read access to physical memory @param ctx passed to it
 *  @param info_pa physical address that the loader left in EBX
 *  @param[out] info the rest, or NULL; written only on #MM_OK. The module is the first that is not
 *         empty
 *  @retval MM_OK taken
 *  @retval MM_E_INVAL NULL map or reader, neither a table of memory nor sizes, an entry of the table
 *          shorter than 20 bytes, sections of neither 40 nor 64 bytes, symbols of two kinds
 *  @retval MM_E_FAULT the reader refused an address that the structure names, or #mm_paddr_t cannot
 *          hold it
 *  @retval MM_E_2BIG the map is full, there are more entries, sections or modules than said above, or
 *          a text does not end within 4,096 bytes
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_multiboot(struct mm_memmap *map, mm_phys_reader read,
						    void *ctx, mm_paddr_t info_pa,
						    struct mm_boot_info *info)
						    MM_TAGGED(mm_memmap_add_multiboot);

/** What a Multiboot 2 loader says of UEFI. The map lies inside the information structure: it goes when
 *  #MM_MEM_LOADER memory does. */
struct mm_multiboot_efi {
	mm_paddr_t map;     /**< physical address of the first descriptor, 0 if there is no map */
	uint32_t bytes;     /**< length of the map */
	uint32_t stride;    /**< bytes from one descriptor to the next, as firmware says */
	uint32_t version;   /**< version of the descriptors */
	bool boot_services; /**< boot services go on: the kernel ends them, and gets the map then */
};

/** Feed a Multiboot information structure of version 2.
 *  Without a table of memory, the tag of basic memory information stands in, as in version 1. An EFI
 *  memory map is not read, only found: it says more than the table (memory of one purpose, persistent
 *  memory, runtime services), and since both can only take away from what the other calls free, a
 *  kernel may add it too (mm_memmap_add_uefi()). The tag of ELF symbols is read as loaders write it
 *  and as the example header in section 4 has it, with 32-bit numbers, where the text of section
 *  3.6.7 has 16. Tags of unknown types are passed over.
 *  @param map map; on an error what was fed before the failing entry stays in it
 *  @param read access to physical memory @param ctx passed to it
 *  @param info_pa physical address that the loader left in EBX, a multiple of 8
 *  @param[out] info the rest, or NULL; written only on #MM_OK. The RSDP is the loader's copy, of the
 *         new form if both are there: it goes when #MM_MEM_LOADER memory does. The module is the
 *         first that is not empty
 *  @param[out] efi what it says of UEFI; written only on #MM_OK. NULL: the kernel takes no EFI map
 *  @retval MM_OK taken
 *  @retval MM_E_INVAL NULL map or reader, address not a multiple of 8, a tag that is too short or
 *          reaches beyond the structure, no end tag, an entry of the table shorter than 24 bytes,
 *          sections of neither 40 nor 64 bytes, no memory: neither table nor sizes, and, if @p efi is
 *          not NULL, neither an EFI map nor boot services to get one from
 *  @retval MM_E_FAULT the reader refused a part of the structure, or #mm_paddr_t cannot hold an
 *          address
 *  @retval MM_E_2BIG the map is full, there are more entries, sections or modules than said above, or
 *          more than 4,096 tags, or the command line does not end within its tag or 4,096 bytes
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_multiboot2(struct mm_memmap *map, mm_phys_reader read,
						     void *ctx, mm_paddr_t info_pa,
						     struct mm_boot_info *info,
						     struct mm_multiboot_efi *efi)
						     MM_TAGGED(mm_memmap_add_multiboot2);
MM_END_DECLS
#endif
