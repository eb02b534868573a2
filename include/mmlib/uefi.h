/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief UEFI: the boot memory map from what GetMemoryMap() returned.
 *
 * Source: UEFI Specification 2.10, section 7.2 (memory types and what they mean after
 * ExitBootServices(), EFI_MEMORY_DESCRIPTOR, attributes). The table is the last one that the loader
 * got before ExitBootServices(). Descriptors are read byte by byte, at any alignment. */
#ifndef MMLIB_UEFI_H
#define MMLIB_UEFI_H
#include <mmlib/memmap.h>
MM_BEGIN_DECLS

/** What a descriptor says of its memory. Firmware may give any other number too: from 0x70000000 on
 *  the types of OEMs, from 0x80000000 on those of operating systems' own loaders. */
enum mm_uefi_type {
	MM_UEFI_RESERVED = 0,              /**< not to be touched */
	MM_UEFI_LOADER_CODE = 1,           /**< code of UEFI applications, loaders among them */
	MM_UEFI_LOADER_DATA = 2,           /**< what they allocated: the kernel's image, most often */
	MM_UEFI_BOOT_SERVICES_CODE = 3,    /**< firmware that is over */
	MM_UEFI_BOOT_SERVICES_DATA = 4,    /**< its data */
	MM_UEFI_RUNTIME_SERVICES_CODE = 5, /**< firmware that stays */
	MM_UEFI_RUNTIME_SERVICES_DATA = 6, /**< its data */
	MM_UEFI_CONVENTIONAL = 7,          /**< free */
	MM_UEFI_UNUSABLE = 8,              /**< has errors */
	MM_UEFI_ACPI_RECLAIM = 9,          /**< ACPI tables */
	MM_UEFI_ACPI_NVS = 10,             /**< firmware's, also over sleep */
	MM_UEFI_MMIO = 11,                 /**< device registers that runtime services need */
	MM_UEFI_MMIO_PORTS = 12,           /**< memory cycles that become I/O cycles */
	MM_UEFI_PAL_CODE = 13,             /**< code that is part of the processor */
	MM_UEFI_PERSISTENT = 14,           /**< keeps its contents without power */
	MM_UEFI_UNACCEPTED = 15,           /**< a confidential guest must accept it first */
};

/** @name Attributes
 *  What memory is capable of, not how it is mapped now; those that matter to a memory map. @{ */
#define MM_UEFI_WB            0x8ull                /**< can be cached write-back */
#define MM_UEFI_NV            0x8000ull             /**< persistent */
#define MM_UEFI_MORE_RELIABLE 0x10000ull            /**< more so than other memory */
#define MM_UEFI_SP            0x40000ull            /**< set aside for a specific purpose */
#define MM_UEFI_RUNTIME       0x8000000000000000ull /**< runtime services use it */
/** @} */

/** One descriptor, decoded. */
struct mm_uefi_desc {
	uint32_t type;      /**< #mm_uefi_type, or any other number */
	uint64_t base;      /**< first byte, physical; by the specification on a border of 4,096 */
	uint64_t virt;      /**< where SetVirtualAddressMap() put it; 0 before */
	uint64_t pages;     /**< length in pages of 4,096 bytes, whatever the kernel's frames are */
	uint64_t attribute; /**< MM_UEFI_WB and others */
};

/** What a table says beside the memory map: numbers of descriptors. mm_uefi_next() gives their
 *  ranges. */
struct mm_uefi_info {
	uint32_t descriptors; /**< all */
	uint32_t runtime;     /**< with #MM_UEFI_RUNTIME: SetVirtualAddressMap() wants these */
	uint32_t reliable;    /**< with #MM_UEFI_MORE_RELIABLE */
	uint32_t uncached;    /**< RAM by type that lacks #MM_UEFI_WB: taken as #MM_MEM_RESERVED */
	uint32_t unaccepted;  /**< of #MM_UEFI_UNACCEPTED: #MM_MEM_RESERVED until they are accepted */
	uint32_t private_use; /**< of types of OEMs and loaders: #MM_MEM_RESERVED */
	uint32_t unaligned;   /**< that do not begin on a border of 4,096: taken to the byte */
};

/** Next descriptor of a table, in the table's order. Start with `size_t at = 0;` and call until
 *  false.
 *  @param table what GetMemoryMap() filled @param bytes of it: its MemoryMapSize
 *  @param stride bytes from one to the next: its DescriptorSize, 40 or more, since later ones are longer
 *  @param[in,out] at position, bytes
 *  @param[out] out the descriptor, written only on true
 *  @return whether there was one; false for NULL and for a stride below 40. Bytes after the last
 *  whole descriptor are passed over
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
bool mm_uefi_next(const void *table, size_t bytes, size_t stride, size_t *at,
		  struct mm_uefi_desc *out);

/** Feed a table of UEFI memory descriptors, as it is after ExitBootServices().
 *
 * - Conventional memory: #MM_MEM_USABLE. Code and data of boot services: #MM_MEM_BOOT_SERVICES; the
 *   specification calls them free, but firmware of many machines still uses them during
 *   SetVirtualAddressMap(), so the kernel says when (mm_pmm_release()).
 * - Code and data of loaders: #MM_MEM_LOADER. The kernel's image is in there too: mm_memmap_add() it
 *   as #MM_MEM_KERNEL, which wins.
 * - ACPI reclaim: #MM_MEM_ACPI_RECLAIM. ACPI NVS: #MM_MEM_ACPI_NVS. Unusable: #MM_MEM_BAD.
 *   Persistent: #MM_MEM_PERSISTENT.
 * - All others, of whatever number: #MM_MEM_RESERVED. Types of OEMs and of loaders mean what their
 *   makers know, and nobody says that they are ever free. 16 to 0x6fffffff count as unknown.
 *
 * Attributes, of the types above that may be given back as plain RAM one day (conventional, boot
 * services, loader, ACPI reclaim):
 * - #MM_UEFI_RUNTIME makes them #MM_MEM_RESERVED: runtime services go on using them.
 * - Without #MM_UEFI_WB they are #MM_MEM_RESERVED: atomics and unaligned access need not work on
 *   memory that cannot be cached. Linux does the same.
 * - #MM_UEFI_NV makes conventional and boot-services memory #MM_MEM_PERSISTENT, #MM_UEFI_SP makes it
 *   #MM_MEM_SPECIFIC. What a loader or ACPI tables are in keeps its type.
 *
 * Pages are of 4,096 bytes; larger frames are rounded to by the map. A range that begins inside a
 * page, which the specification forbids, is taken to the byte. One that passes the end of the
 * address space, or has 2^52 pages or more, counts as wrapped, as mm_memmap_add() says.
 *
 * The table is not kept. A kernel that calls SetVirtualAddressMap() keeps its own copy and fills in
 * where its runtime descriptors are mapped.
 *
 * @param map map; on an error the descriptors before the failing one stay in it
 * @param table first descriptor @param bytes of the table
 * @param stride bytes from one descriptor to the next (DescriptorSize), 40 or more
 * @param version DescriptorVersion, 1 or later: later ones stay compatible
 * @param[out] info the rest, or NULL; written only on #MM_OK
 * @retval MM_OK all taken; bytes after the last whole descriptor are passed over
 * @retval MM_E_2BIG the map is full
 * @retval MM_E_INVAL NULL map, NULL table with bytes, stride < 40, version 0
 * @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_uefi(struct mm_memmap *map, const void *table,
					       size_t bytes, size_t stride, uint32_t version,
					       struct mm_uefi_info *info) MM_TAGGED(mm_memmap_add_uefi);
MM_END_DECLS
#endif
