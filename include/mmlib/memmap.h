/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Boot memory map: whatever firmware says, as one sorted, disjoint map.
 *
 * The caller owns the array of entries. Feed it in any order; after every call the map is sorted and
 * disjoint, and of two claims to the same byte the less usable type has won. Reserved types are
 * rounded outward to frames when they are added. Usable memory is kept to the byte, so that two
 * pieces that meet inside a frame become one, and is rounded inward when it is read
 * (mm_memmap_next()). */
#ifndef MMLIB_MEMMAP_H
#define MMLIB_MEMMAP_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

/** What memory is. Where entries overlap, the higher number wins. Up to #MM_MEM_EARLY it is RAM that a
 *  manager of page frames keeps books of: usable now, or once whoever has it gives it back
 *  (mm_pmm_release()). */
enum mm_mem_type {
	MM_MEM_USABLE = 1,        /**< RAM, free */
	MM_MEM_BOOT_SERVICES = 2, /**< RAM of firmware's boot services; free once they have ended */
	MM_MEM_LOADER = 3,        /**< RAM that the loader uses; free once the kernel has read it all */
	MM_MEM_ACPI_RECLAIM = 4,  /**< RAM with ACPI tables; free once they are parsed */
	MM_MEM_INITRD = 5,        /**< RAM with the initial ramdisk, or another module */
	MM_MEM_KERNEL = 6,        /**< RAM with the kernel's image */
	MM_MEM_META = 7,          /**< RAM that mmlib took for its own metadata */
	MM_MEM_EARLY = 8,         /**< RAM that the kernel took with mm_early_alloc() */
	MM_MEM_SPECIFIC = 9,      /**< RAM set aside for one purpose: fast, or far */
	MM_MEM_PERSISTENT = 10,   /**< memory that keeps its contents without power */
	MM_MEM_ACPI_NVS = 11,     /**< RAM that firmware keeps over sleep */
	MM_MEM_RESERVED = 12,     /**< not to be used: firmware, devices, unknown types */
	MM_MEM_BAD = 13,          /**< broken RAM */
};

/** One piece of the address space. */
struct mm_mem {
	mm_paddr_t base;       /**< first byte */
	mm_paddr_t last;       /**< last byte, inclusive: the end of the address space fits */
	enum mm_mem_type type; /**< what it is */
	const char *owner;     /**< who took it, or NULL; the caller's text, kept and compared by pointer */
};

/** What intake could not use. Counted, never silently lost. One entry can count twice, as unknown and
 *  for its range. */
struct mm_memmap_dropped {
	uint32_t empty;   /**< entries of length 0 */
	uint32_t wrapped; /**< entries that passed the end of the address space: usable ones were dropped
	                       whole, others clipped */
	uint32_t beyond;  /**< entries that do not wrap but reach past #MM_PADDR_MAX of a build with 32-bit
	                       physical addresses: clipped, or dropped if nothing is left */
	uint32_t unknown; /**< entries of a type nobody defined: taken as #MM_MEM_RESERVED */
};

/** A boot memory map. All-zero is a valid map with room for no entry. */
struct mm_memmap {
	struct mm_mem *entries;           /**< @private sorted, disjoint, maximal */
	uint32_t count;                   /**< @private entries in use */
	uint32_t capacity;                /**< @private length of the array */
	struct mm_memmap_dropped dropped; /**< what intake dropped or clipped so far */
};

/** Start an empty map over the caller's array.
 *  @param[out] map map
 *  @param entries array that lives as long as the map
 *  @param capacity its length in entries; twice the number of ranges that will be added or taken is always
 *         enough
 *  @retval MM_OK done @retval MM_E_INVAL NULL map, or NULL entries with a capacity
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_memmap_init(struct mm_memmap *map, struct mm_mem *entries,
					   uint32_t capacity) MM_TAGGED(mm_memmap_init);

/** Add one range as firmware describes it.
 *  Takes whatever comes: length 0 is dropped and counted; a usable range that passes the end of the
 *  64-bit address space is dropped, any other is clipped there, both counted; one that reaches past
 *  #MM_PADDR_MAX is clipped and counted. Overlap is settled by type; of two claims of one type, the
 *  earlier keeps its owner. A range that ends exactly at the end of the address space is whole.
 *  @param map map @param base first byte @param length bytes @param type what it is
 *  @param owner text for reports, or NULL; only the pointer is kept
 *  @retval MM_OK taken, or dropped and counted
 *  @retval MM_E_2BIG the array has no room for the map with this range in it; the map, counters
 *          included, is unchanged
 *  @retval MM_E_INVAL NULL map, or a type that is not in #mm_mem_type
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(entries) for each piece that
 *  entries of its own or a higher type leave of it} */
MM_NODISCARD enum mm_status mm_memmap_add(struct mm_memmap *map, uint64_t base, uint64_t length,
					  enum mm_mem_type type, const char *owner)
					  MM_TAGGED(mm_memmap_add);

/** Take a range of usable memory for a purpose: all of it must be usable now.
 *  Where mm_memmap_add() settles what firmware says, this is a programmer's claim and is exact. The
 *  range is rounded outward to frames first.
 *  @param map map @param base first byte @param length bytes
 *  @param type what it becomes, any but #MM_MEM_USABLE @param owner text for reports, or NULL
 *  @retval MM_OK taken
 *  @retval MM_E_BUSY some byte of it is not usable memory
 *  @retval MM_E_2BIG the array has no room
 *  @retval MM_E_INVAL NULL map, length 0, wrapping range, or bad type
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_memmap_take(struct mm_memmap *map, mm_paddr_t base, mm_paddr_t length,
					   enum mm_mem_type type, const char *owner);

/** Next entry of the map, in address order, rounded to frames.
 *  Usable memory is rounded inward; pieces without a whole frame are passed over. Start with
 *  `uint32_t it = 0;` and call until false.
 *  @param map map @param[in,out] it position @param[out] out the entry, written only on true
 *  @return whether there was one; false for NULL
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(1) amortised} */
bool mm_memmap_next(const struct mm_memmap *map, uint32_t *it, struct mm_mem *out)
	MM_TAGGED(mm_memmap_next);

/** Bytes of one type, rounded as mm_memmap_next() does.
 *  @param map map @param type type @return bytes in whole frames; #MM_PADDR_MAX
 *  if that is the whole address space
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(entries)} */
mm_paddr_t mm_memmap_bytes(const struct mm_memmap *map, enum mm_mem_type type);

/** Is the map as it promises to be: sorted, disjoint, maximal, reserved types on frame borders?
 *  @param map map @retval MM_OK yes @retval MM_E_CORRUPT no @retval MM_E_INVAL NULL map
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(entries)} */
MM_NODISCARD enum mm_status mm_memmap_verify(const struct mm_memmap *map);

/** Name of a type, for logs. @param type any value @return static text, "?" for unknown values
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
const char *mm_mem_type_name(enum mm_mem_type type);

/** Feed a table of e820 entries, as INT 15h E820h and Linux boot_params give it: 20 bytes each
 *  (base 8, length 8, type 4; little-endian, unaligned), @p stride bytes apart.
 *  Types: 1 usable, 2 reserved, 3 ACPI reclaim, 4 ACPI NVS, 5 bad, 7 persistent, all others reserved
 *  and counted as unknown. Source: ACPI 6.5, section 15.1.
 *  @param map map; on an error the entries before the failing one stay in it
 *  @param table first entry, read byte by byte @param bytes of the table
 *  @param stride bytes from one entry to the next, 20 or more
 *  @retval MM_OK all entries taken; bytes after the last whole entry are passed over
 *  @retval MM_E_2BIG the map is full @retval MM_E_INVAL NULL map, NULL table with bytes, stride < 20
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_e820(struct mm_memmap *map, const void *table, size_t bytes,
					       size_t stride) MM_TAGGED(mm_memmap_add_e820);

/** What a loader says beside the memory map. */
struct mm_boot_info {
	mm_paddr_t cmdline;    /**< physical address of the command line, which ends with a zero byte; 0
	                            if none */
	mm_paddr_t rsdp;       /**< physical address of the ACPI RSDP, 0 if none */
	mm_paddr_t module;     /**< first module (initrd), 0 if none */
	uint64_t module_bytes; /**< its length, bytes */
};

/** Bounded access to physical memory for parsers that follow pointers.
 *  @param ctx the caller's @param pa physical address @param bytes length
 *  @return pointer to @p bytes readable bytes, at any alignment, which stay readable until the next
 *  call; NULL if they are not to be read */
typedef const void *(*mm_phys_reader)(void *ctx, mm_paddr_t pa, size_t bytes);

/** Feed a PVH start info (`struct hvm_start_info`, magic 0x336ec578, version 1 or later): its memory
 *  map, and reserves start info, map table, module list, modules and command lines as
 *  #MM_MEM_LOADER (modules #MM_MEM_INITRD). Bounded on hostile input: every byte is asked of
 *  @p read first; at most 4,096 map entries, 64 modules, and 4,096 bytes of a command line are read.
 *  An address of 0 in the structure means that the thing is not there.
 *  Source: Xen public header hvm/start_info.h.
 *  @param map map; on an error what was fed before the failing entry stays in it
 *  @param read access to physical memory @param ctx passed to it
 *  @param start_info physical address that the loader left in EBX
 *  @param[out] info the rest, or NULL; written only on #MM_OK
 *  @retval MM_OK taken
 *  @retval MM_E_INVAL NULL map or reader, wrong magic, version 0 (no memory map), no entries
 *  @retval MM_E_FAULT the reader refused an address that the structure names, or #mm_paddr_t cannot
 *          hold it
 *  @retval MM_E_2BIG the map is full, there are more than 4,096 entries or 64 modules, or a command
 *          line does not end within 4,096 bytes
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_pvh(struct mm_memmap *map, mm_phys_reader read, void *ctx,
					      mm_paddr_t start_info, struct mm_boot_info *info)
					      MM_TAGGED(mm_memmap_add_pvh);
MM_END_DECLS
#endif
