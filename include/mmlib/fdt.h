/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Flattened device trees: the boot memory map and NUMA nodes from the blob that firmware or
 *  a loader left.
 *
 * Source: Devicetree Specification v0.4; for NUMA the binding "numa" of the Linux kernel. Blobs are
 * read byte by byte, at any alignment, and bounded on hostile input: no byte outside of the blob is
 * read, nothing recurs, and work is bounded by its length. */
#ifndef MMLIB_FDT_H
#define MMLIB_FDT_H
#include <mmlib/memmap.h>
#include <mmlib/numa.h>
MM_BEGIN_DECLS

/** @name Owners
 *  What mm_memmap_add_fdt() writes into the map as owner. Compare the pointers. @{ */
extern const char mm_fdt_no_map[];   /**< `no-map`: reserved, and not to be mapped, not even for
                                          speculation */
extern const char mm_fdt_reusable[]; /**< `reusable`: reserved, but its driver lends it for memory
                                          that can be moved out of the way */
extern const char mm_fdt_reserved[]; /**< reserved by /reserved-memory, neither of them */
extern const char mm_fdt_rsvmap[];   /**< reserved by the memory reservation block */
extern const char mm_fdt_initrd[];   /**< the initial ramdisk that /chosen tells of */
extern const char mm_fdt_blob[];     /**< the blob itself */
/** @} */

/** What a blob says beside the memory map. */
struct mm_fdt_info {
	uint32_t bytes;          /**< length of the blob: what of it is to be kept */
	const char *bootargs;    /**< command line in the blob, not ended by a zero; NULL if none */
	uint32_t bootargs_bytes; /**< its length */
	uint64_t initrd;         /**< physical address of the initial ramdisk */
	uint64_t initrd_bytes;   /**< its length; 0 if there is none */
	uint64_t dynamic_bytes;  /**< bytes that the dynamic reservations want, or UINT64_MAX if more */
	uint32_t dynamic;        /**< reservations with a size but no place: the kernel is to choose one;
	                              not in the map */
	uint32_t reserved;       /**< ranges reserved by /reserved-memory and the reservation block */
	uint32_t memory;         /**< ranges of memory */
	uint32_t disabled;       /**< nodes passed over for their `status` */
};

/** Feed a flattened device tree.
 *
 * - Memory (3.4): children of the root with `device_type` "memory" and a `status` that is absent,
 *   "okay" or "ok", as #MM_MEM_USABLE.
 * - Reservations, as #MM_MEM_RESERVED: the memory reservation block (5.3), and the children of
 *   /reserved-memory (3.5) with `reg`, unless they are "disabled". `no-map` wins over plain
 *   reservations of the same bytes, those over the reservation block, and that over `reusable`.
 * - The initial ramdisk of /chosen (`linux,initrd-start` and `linux,initrd-end`, 1 or 2 cells, both
 *   there), as #MM_MEM_INITRD, and the blob itself, as #MM_MEM_LOADER.
 * - With @p numa: `numa-node-id` of memory that is taken, and `distance-matrix` of a /distance-map
 *   that is compatible to "numa-distance-map-v1". A pair told in one direction holds for both. With
 *   room for CPUs (mm_numa_use_cpus()) also `numa-node-id` of the children of /cpus with `device_type`
 *   "cpu", by the numbers in their `reg` (3.8.1): MPIDR, hart id. Node
 *   ids are nodes, or with mm_numa_use_domains() domains.
 *
 * The blob is read whole before anything is changed, so an error in it changes nothing.
 * Reservations go into the map before memory, so a map that became full calls nothing usable that
 * is reserved.
 *
 * @param map map; unchanged on any error but #MM_E_2BIG
 * @param blob the blob, at any alignment
 * @param bytes how many bytes can be read there, at least the blob's; what is beyond it is not read, so who
 *        does not know its length says how much is mapped
 * @param blob_pa physical address of the blob
 * @param[out] info the rest, or NULL; written only on #MM_OK
 * @param numa nodes as mm_numa_init() left them, or NULL; as they were on any error
 * @retval MM_OK taken
 * @retval MM_E_INVAL NULL map or blob, a blob that reaches past the end of the address space at
 *         @p blob_pa, nodes that are filled already, or no device tree: the magic number is wrong
 * @retval MM_E_FAULT the blob is longer than @p bytes, or @p bytes is less than a header
 * @retval MM_E_NOTSUP a version before 17, or not compatible to it (5.1); or /reserved-memory with
 *         `ranges` that translate
 * @retval MM_E_CORRUPT broken: a block, token, name or value that is not inside its block; nodes
 *         that do not nest; a property after a child; no root, two, or one with a name; /chosen,
 *         /reserved-memory, /distance-map or /cpus twice; `reg` or `distance-matrix` that does not divide
 *         into entries; a number that is not one cell, or for the ramdisk one or two; a ramdisk
 *         that ends before it begins
 * @retval MM_E_RANGE `#address-cells` or `#size-cells` of the root or of /reserved-memory, or
 *         `#address-cells` of /cpus if CPUs are noted, that is neither 1 nor 2, or a distance that
 *         mm_numa_set_distance() refuses
 * @retval MM_E_EXIST two nodes claim the same memory, or the same CPU
 * @retval MM_E_2BIG the map is full: what was fed before stays in it; or @p numa has no room: the
 *         map is unchanged
 * @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(bytes + n * entries)} */
MM_NODISCARD enum mm_status mm_memmap_add_fdt(struct mm_memmap *map, const void *blob, size_t bytes,
					      mm_paddr_t blob_pa, struct mm_fdt_info *info,
					      struct mm_numa *numa) MM_TAGGED(mm_memmap_add_fdt);

/** Find a device by what it is compatible to, and its first `reg`: the console of a virtual
 *  machine, say. Nodes that are not enabled, more than 7 levels deep, or behind a bus that has no
 *  empty `ranges`, so that its addresses may not be those of the CPU, are passed over.
 *  @param blob the blob, at any alignment @param bytes how many bytes can be read there
 *  @param compatible text, one of the node's `compatible` list
 *  @param[out] base,length its registers; written only on #MM_OK
 *  @retval MM_OK found
 *  @retval MM_E_NOENT no such node with a `reg`
 *  @retval MM_E_INVAL NULL, or no device tree
 *  @retval MM_E_FAULT,MM_E_NOTSUP,MM_E_CORRUPT as mm_memmap_add_fdt() says of the blob's form
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(bytes)} */
MM_NODISCARD enum mm_status mm_fdt_find(const void *blob, size_t bytes, const char *compatible,
					uint64_t *base, uint64_t *length);
MM_END_DECLS
#endif
