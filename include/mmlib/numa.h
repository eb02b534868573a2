/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief NUMA: which node memory and CPUs belong to, and how far nodes are from each other.
 *
 * Neutral of format: mm_memmap_add_fdt() fills it from a device tree, mm_numa_add_srat() and
 * mm_numa_add_slit() from ACPI tables, and the functions below from anything else. The caller owns
 * the arrays. Nodes are numbered from 0; distances are those of ACPI and of device trees: 10 is
 * local, 20 twice as slow, 255 not reachable.
 *
 * Firmware has numbers of its own for nodes, "domains", which may have gaps of billions. With room for
 * them (mm_numa_use_domains()) nodes are numbered without gaps, by rising domain; without it, a
 * domain is its node's number. */
#ifndef MMLIB_NUMA_H
#define MMLIB_NUMA_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

#define MM_NUMA_NONE        0xffffffffu /**< no node */
#define MM_NUMA_LOCAL       10          /**< distance of a node to itself */
#define MM_NUMA_REMOTE      20          /**< distance between two nodes that nobody told */
#define MM_NUMA_UNREACHABLE 255         /**< distance of nodes that do not reach each other */

/** Memory of one node. */
struct mm_numa_range {
	mm_paddr_t base; /**< first byte */
	mm_paddr_t last; /**< last byte, inclusive */
	uint32_t node;   /**< its node */
};

/** A CPU and its node. */
struct mm_numa_cpu {
	uint64_t id;   /**< what firmware calls it: see mm_numa_add_srat(), mm_memmap_add_fdt() */
	uint32_t node; /**< its node */
};

/** Nodes of a machine. All-zero is valid: no memory, and room for no node. */
struct mm_numa {
	struct mm_numa_range *ranges; /**< @private sorted, disjoint, maximal */
	uint32_t count;               /**< @private ranges in use */
	uint32_t capacity;            /**< @private length of the array */
	uint8_t *distances;           /**< @private row by row: from, to */
	uint32_t room;                /**< @private nodes that fit: rows and columns of distances */
	uint32_t nodes;               /**< @private highest node named so far, plus 1 */
	uint32_t *domains;            /**< @private domain of each node, rising; NULL: its number */
	struct mm_numa_cpu *cpus;     /**< @private by rising id */
	uint32_t cpu_count;           /**< @private CPUs in use */
	uint32_t cpu_capacity;        /**< @private length of that array */
};

/** Start with no memory, and with the distances #MM_NUMA_LOCAL and #MM_NUMA_REMOTE.
 *  @param[out] numa nodes
 *  @param ranges array that lives as long as the nodes @param capacity its length in elements
 *  @param distances array of nodes times nodes bytes that lives as long
 *  @param nodes most nodes; those that are named later must be below it
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL numa, NULL ranges with a capacity, or NULL distances with nodes
 *  @retval MM_E_OVERFLOW nodes times nodes does not fit size_t
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(nodes * nodes)} */
MM_NODISCARD enum mm_status mm_numa_init(struct mm_numa *numa, struct mm_numa_range *ranges,
					 uint32_t capacity, uint8_t *distances, uint32_t nodes)
					 MM_TAGGED(mm_numa_init);

/** Give room for the domains of nodes, so that nodes are numbered without gaps. To be called before
 *  anything is named. Only tables name nodes then: the functions below take those that have a domain.
 *  @param numa nodes
 *  @param domains array of as many numbers as mm_numa_init() was told nodes, that lives as long
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL numa, NULL domains with room for nodes, or a node was named already
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_numa_use_domains(struct mm_numa *numa, uint32_t *domains);

/** Give room for CPUs, so that those who read firmware's tables note them. To be called before
 *  anything is named.
 *  @param numa nodes @param cpus array that lives as long as the nodes @param capacity its length in elements
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL numa, NULL cpus with a capacity, or a node was named already
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_numa_use_cpus(struct mm_numa *numa, struct mm_numa_cpu *cpus,
					     uint32_t capacity);

/** Say that memory belongs to a node.
 *  Ranges of one node that overlap or touch become one. As mm_memmap_add() does for usable memory,
 *  a range that is empty or wraps is dropped, and one that passes #MM_PADDR_MAX is clipped.
 *  @param numa nodes @param base first byte @param length bytes @param node its node
 *  @retval MM_OK taken, or dropped
 *  @retval MM_E_EXIST some byte of it belongs to another node
 *  @retval MM_E_2BIG node is not below the number that mm_numa_init() was given, or the array of
 *          ranges is full
 *  @retval MM_E_INVAL NULL numa
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(ranges)} */
MM_NODISCARD enum mm_status mm_numa_add_range(struct mm_numa *numa, uint64_t base, uint64_t length,
					      uint32_t node);

/** Say that a CPU belongs to a node.
 *  @param numa nodes @param id what firmware calls it @param node its node
 *  @retval MM_OK done, or already so
 *  @retval MM_E_EXIST it belongs to another node
 *  @retval MM_E_2BIG node is not below the number that mm_numa_init() was given, or the array of
 *          CPUs is full
 *  @retval MM_E_INVAL NULL numa
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(CPUs)} */
MM_NODISCARD enum mm_status mm_numa_add_cpu(struct mm_numa *numa, uint64_t id, uint32_t node);

/** Say how far a node is from another, in one direction.
 *  @param numa nodes @param from,to nodes
 *  @param distance #MM_NUMA_LOCAL if they are the same, else more, up to #MM_NUMA_UNREACHABLE
 *  @retval MM_OK done
 *  @retval MM_E_RANGE such a distance is none
 *  @retval MM_E_2BIG a node is not below the number that mm_numa_init() was given
 *  @retval MM_E_INVAL NULL numa
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(1)} */
MM_NODISCARD enum mm_status mm_numa_set_distance(struct mm_numa *numa, uint32_t from, uint32_t to,
						 uint32_t distance);

/** Node of an address. @param numa nodes @param pa physical address
 *  @return its node; #MM_NUMA_NONE if nobody told, or for NULL
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log ranges)} */
uint32_t mm_numa_node_of(const struct mm_numa *numa, mm_paddr_t pa);

/** Node of a CPU. @param numa nodes @param id what firmware calls it
 *  @return its node; #MM_NUMA_NONE if nobody told, or for NULL
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log CPUs)} */
uint32_t mm_numa_node_of_cpu(const struct mm_numa *numa, uint64_t id);

/** Node of a domain: of a device whose domain firmware tells elsewhere (_PXM), say.
 *  @param numa nodes @param domain firmware's number of a node
 *  @return the node; #MM_NUMA_NONE if no node has this domain, or for NULL
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log nodes)} */
uint32_t mm_numa_node_of_domain(const struct mm_numa *numa, uint32_t domain);

/** Distance from a node to a node. @param numa nodes @param from,to nodes
 *  @return the distance; #MM_NUMA_UNREACHABLE for nodes there is no room for, or for NULL
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
unsigned mm_numa_distance(const struct mm_numa *numa, uint32_t from, uint32_t to);

/** Number of nodes: the highest that a range, a CPU, a distance or a table named, plus 1. Some of
 *  them may have no memory. @param numa nodes @return how many; 0 for NULL, or if no node was named
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
uint32_t mm_numa_nodes(const struct mm_numa *numa);

/** Next range, in address order. Start with `uint32_t it = 0;` and call until false.
 *  @param numa nodes @param[in,out] it position @param[out] out the range, written only on true
 *  @return whether there was one; false for NULL
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(1)} */
bool mm_numa_next(const struct mm_numa *numa, uint32_t *it, struct mm_numa_range *out);

/** Next CPU, by rising id. Start with `uint32_t it = 0;` and call until false.
 *  @param numa nodes @param[in,out] it position @param[out] out the CPU, written only on true
 *  @return whether there was one; false for NULL
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(1)} */
bool mm_numa_next_cpu(const struct mm_numa *numa, uint32_t *it, struct mm_numa_cpu *out);

/** Is it as it promises to be: ranges sorted, disjoint, maximal, CPUs and domains rising, all of nodes
 *  there is room for, and distances possible? @param numa nodes
 *  @retval MM_OK yes @retval MM_E_CORRUPT no @retval MM_E_INVAL NULL numa
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(ranges + CPUs + nodes * nodes)} */
MM_NODISCARD enum mm_status mm_numa_verify(const struct mm_numa *numa);
MM_END_DECLS
#endif
