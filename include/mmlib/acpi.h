/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief ACPI tables: how to find one, and NUMA nodes from SRAT and SLIT.
 *
 * Source: ACPI 6.5, sections 5.2.5 to 5.2.8, 5.2.16 and 5.2.17; RINTC affinity as in ACPI 6.6.
 * Tables are read byte by byte, at any alignment, and nothing in them is believed before their length
 * is known and their sum is right. */
#ifndef MMLIB_ACPI_H
#define MMLIB_ACPI_H
#include <mmlib/memmap.h>
#include <mmlib/numa.h>
MM_BEGIN_DECLS

/** Find a table by its signature, from the RSDP. Follows the XSDT if there is one (RSDP of revision 2
 *  or later), else the RSDT. Of several tables of one signature, the first that is whole counts.
 *  Entries whose header is not to be read are passed over.
 *  @param read access to physical memory: asked for whole tables, so it has to grant their length
 *  @param ctx passed to it
 *  @param rsdp physical address of the RSDP, as a loader tells it
 *  @param signature four letters: "SRAT", "APIC"
 *  @param[out] pa its physical address @param[out] bytes its length; both written only on #MM_OK
 *  @retval MM_OK found, and its sum is right
 *  @retval MM_E_NOENT there is none
 *  @retval MM_E_CORRUPT there is one, but its length or its sum is wrong, or those of XSDT or RSDT are
 *  @retval MM_E_FAULT the reader refused the RSDP, the XSDT or RSDT, the table itself, or the header of
 *          a table that may have been it
 *  @retval MM_E_INVAL NULL, or no RSDP: its signature or its sum is wrong
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(tables)\, and the bytes of those that are summed up} */
MM_NODISCARD enum mm_status mm_acpi_find(mm_phys_reader read, void *ctx, mm_paddr_t rsdp,
					 const char *signature, mm_paddr_t *pa, size_t *bytes)
					 MM_TAGGED(mm_acpi_find);

/** What mm_numa_add_srat() found. */
struct mm_srat_info {
	uint32_t cpus;       /**< entries of CPUs */
	uint32_t memory;     /**< entries of memory */
	uint32_t hotplug;    /**< of them, memory that may be plugged in later: it has a node, and may not
	                          be there */
	uint32_t persistent; /**< of them, memory that keeps its contents without power */
	uint32_t devices;    /**< entries of generic initiators and ports, and of GIC ITSs */
	uint32_t disabled;   /**< entries passed over: not enabled, or of the APIC id that means all CPUs */
	uint32_t unknown;    /**< entries passed over: of types that nobody here knows */
	uint32_t dropped;    /**< ranges without a byte that #mm_paddr_t reaches: empty, wrapping, too high */
	uint32_t clipped;    /**< hot-pluggable ranges of which another domain has bytes too */
};

/** Feed a System Resource Affinity Table: which node memory and CPUs belong to.
 *
 * - Each proximity domain of an enabled entry becomes a node, even one without memory (generic
 *   initiators, CPUs). With mm_numa_use_domains() nodes are numbered by rising domain, else a domain
 *   is its node's number. mm_numa_node_of_domain() translates later ones (_PXM).
 * - With mm_numa_use_cpus() CPUs are noted, by APIC id or x2APIC id, which are one kind of number, or
 *   by ACPI processor UID (GICC, RINTC), which the MADT translates.
 * - A domain of a table of revision 1 has 8 bits.
 *
 * It says nothing of what is RAM: hot-pluggable memory that is not there has a node, and the boot
 * memory map knows that it is not there. mm_srat_next() tells which ranges these are. Firmware gives
 * large windows to them, with memory of other domains inside: a hot-pluggable range gets what no other
 * range has, and of two such ranges the first.
 *
 * The table is read whole before anything is changed, so an error in it changes nothing.
 *
 * @param numa nodes as mm_numa_init() left them, and mm_numa_use_domains() and mm_numa_use_cpus(); as
 *        they were on any error
 * @param table the table, at any alignment @param bytes how many bytes can be read there
 * @param[out] info what was in it, or NULL; written only on #MM_OK
 * @retval MM_OK taken
 * @retval MM_E_INVAL NULL numa or table, nodes that are named already, or no SRAT: the signature is
 *         wrong
 * @retval MM_E_FAULT the table is longer than @p bytes, or @p bytes is less than a header
 * @retval MM_E_CORRUPT its sum is wrong, or it is too short; an entry that is shorter than its type
 *         is, or reaches past the end of the table
 * @retval MM_E_EXIST two domains claim the same memory, not hot-pluggable, or the same CPU
 * @retval MM_E_2BIG no room for a domain, a range or a CPU. A kernel that wants its memory map in spite
 *         of it goes on with nothing named: one node.
 * @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(bytes) and O(entries * (nodes +
 * ranges + CPUs))} */
MM_NODISCARD enum mm_status mm_numa_add_srat(struct mm_numa *numa, const void *table, size_t bytes,
					     struct mm_srat_info *info) MM_TAGGED(mm_numa_add_srat);

/** Feed a System Locality Information Table: how far nodes are apart, in each direction. The SRAT comes
 *  first, for this table names nobody. Rows and columns of domains that are no nodes are passed over;
 *  nodes that it has no row for keep the distances they have.
 *
 *  The table is read whole before anything is changed. Firmware that fills it with zeroes, or calls
 *  remote nodes as near as local ones, gets an error; the distances stay those of mm_numa_init().
 *  @param numa nodes; unchanged on any error
 *  @param table the table, at any alignment @param bytes how many bytes can be read there
 *  @retval MM_OK taken
 *  @retval MM_E_INVAL NULL numa or table, or no SLIT: the signature is wrong
 *  @retval MM_E_STATE no node has been named yet
 *  @retval MM_E_FAULT the table is longer than @p bytes, or @p bytes is less than a header
 *  @retval MM_E_CORRUPT its sum is wrong, or it is too short for its number of localities
 *  @retval MM_E_RANGE a distance that is none: of a node to itself anything but #MM_NUMA_LOCAL, to
 *          another one #MM_NUMA_LOCAL or less
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(bytes)\, and O(nodes * nodes)} */
MM_NODISCARD enum mm_status mm_numa_add_slit(struct mm_numa *numa, const void *table, size_t bytes);

/** What an entry of an SRAT is about. */
enum mm_srat_kind {
	MM_SRAT_CPU = 1,       /**< a CPU: local APIC, local x2APIC, GICC or RINTC affinity */
	MM_SRAT_MEMORY = 2,    /**< a range of memory */
	MM_SRAT_ITS = 3,       /**< an interrupt translation service of a GIC */
	MM_SRAT_INITIATOR = 4, /**< a device that accesses memory itself (generic initiator) */
	MM_SRAT_PORT = 5,      /**< where such devices are attached (generic port) */
};

/** One entry of an SRAT. */
struct mm_srat_entry {
	enum mm_srat_kind kind; /**< what it is about */
	uint32_t domain;        /**< its proximity domain: see mm_numa_node_of_domain() */
	uint32_t id;            /**< of a CPU: APIC id, or ACPI processor UID; of an ITS: its id */
	bool hotplug;           /**< of memory: may be plugged in later */
	bool persistent;        /**< of memory: keeps its contents without power */
	uint64_t base;          /**< of memory: first byte */
	uint64_t length;        /**< of memory: bytes, as the table says */
	uint8_t handle_type;    /**< of initiators and ports: 0 ACPI (_HID, _UID), 1 PCI (segment, BDF) */
	uint8_t handle[16];     /**< of initiators and ports: the device, as the table says */
};

/** Next enabled entry, in the order of the table. For kernels that want more than mm_numa_add_srat()
 *  keeps: which ranges are hot-pluggable, say. Start with `uint32_t it = 0;` and call until false.
 *  @param table a table that mm_numa_add_srat() took @param bytes its length, as it was told then
 *  @param[in,out] it position @param[out] out the entry, written only on true
 *  @return whether there was one; false for NULL, and at an entry that is broken
 *  @mm_ctx{boot\, no-sleep; locks: none; cost: O(entries passed over)} */
bool mm_srat_next(const void *table, size_t bytes, uint32_t *it, struct mm_srat_entry *out);
MM_END_DECLS
#endif
