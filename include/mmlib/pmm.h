/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief Physical memory manager: page frames from a boot memory map, by zones.
 *
 * One byte a frame says what the frame is, so that a wrong free is answered instead of believed.
 * The kernel configures zones: slices of the address space by upper limit, and named zones, which are
 * address ranges cut out of them. Each NUMA node has its own zone for each limit. A zone holds ranges,
 * one for each stretch of RAM, each with its own buddy. Metadata follows the memory, not the address
 * space. */
#ifndef MMLIB_PMM_H
#define MMLIB_PMM_H
#include <mmlib/buddy.h>
#include <mmlib/memmap.h>
#include <mmlib/numa.h>
#include <mmlib/port.h>
MM_BEGIN_DECLS

/** What is special about a zone. */
enum mm_zone_flags {
	MM_ZONE_NAMED = 1u << 0,      /**< an address range, `base` to `last`, that belongs to no limit */
	MM_ZONE_EXPLICIT = 1u << 1,   /**< named zones: only for who asks for this zone */
	MM_ZONE_NOFALLBACK = 1u << 2, /**< named zones: who asks for this zone gets no other memory */
	MM_ZONE_HIGH = 1u << 3,       /**< `to_virt` does not reach it, so its metadata lies elsewhere: only
	                                   for who asks with #MM_ALLOC_HIGH */
};

/** A zone as the kernel asks for it. Zones by limit come first: physical memory of a node up to
 *  `last`, from where the one before ends. Named zones follow: fast memory on the chip, say. Write it
 *  with designated initialisers: what is left out is 0, and means nothing special. */
struct mm_zone_cfg {
	const char *name;   /**< for reports */
	mm_paddr_t last;    /**< last byte, inclusive; one less than a multiple of the frame size */
	mm_paddr_t base;    /**< named zones: first byte, a multiple of the frame size; else 0 */
	uint16_t flags;     /**< of #mm_zone_flags */
	uint16_t latency;   /**< class of its latency, for reports: the smaller the faster */
	mm_pfn_t keep;      /**< frames left for those who need this zone: requests that may use a higher
	                         limit, or did not ask for this named zone, do not take them */
	mm_pfn_t min;       /**< frames left for #MM_ALLOC_EMERGENCY */
	mm_pfn_t low;       /**< with fewer frames free, CPUs keep none at hand, and the port's `pressure`
	                         is told; at least `min` */
	mm_pfn_t high;      /**< with as many free, it is told that pressure is over; at least `low`. The
	                         four count frames of one node; 0: none */
};

/** What mm_pmm_init() is told beside the memory map. */
struct mm_pmm_cfg {
	const struct mm_zone_cfg *zones; /**< by rising limit, the last limit is #MM_PADDR_MAX; then named
	                                      ones, disjoint. Kept by pointer */
	uint32_t nzones;       /**< how many, named ones included: 1 to #MM_ZONES_MAX */
	const struct mm_numa *numa; /**< nodes, at most #MM_NODES_MAX, and their distances, kept by
	                            pointer; or NULL: one node. RAM that nobody told a node of belongs to
	                            that of the memory below it */
	const uint32_t *cpu_nodes; /**< node of each CPU; or NULL: all are of node 0 */
	uint32_t ncpus;        /**< CPUs that may ever call: each keeps some blocks at hand. 0: none do, all
	                            go to the buddy */
	uint32_t spare_ranges; /**< room for ranges that mm_pmm_add_range() adds later: one for each piece
	                            of RAM above `reach` in each zone, and for hotplug. 0: none */
	mm_paddr_t low;        /**< metadata is placed at or above this address */
	mm_paddr_t reach;      /**< last byte that `to_virt` reaches now, one less than a multiple of the
	                            frame size: metadata is placed at or below it, RAM above is left for
	                            mm_pmm_add_range() */
};

/** What a frame is. */
enum mm_frame_class {
	MM_FRAME_FREE,     /**< in the buddy */
	MM_FRAME_USED,     /**< part of an allocated block */
	MM_FRAME_TABLE,    /**< a page-table page */
	MM_FRAME_META,     /**< mmlib's own metadata */
	MM_FRAME_SLAB,     /**< objects of a cache */
	MM_FRAME_RESERVED, /**< a hole, or RAM that was not given to mmlib */
	MM_FRAME_BAD,      /**< broken RAM */
	MM_FRAME_HELD,     /**< free, but withheld: its pageblock is isolated */
	MM_FRAME_OFFLINE,  /**< RAM that was taken out of use */
	MM_FRAME_NONE,     /**< outside every range */
};

/** How much memory of a zone is left, as the port's `pressure` is told. */
enum mm_pressure {
	MM_PRESSURE_NONE, /**< enough: it began so, or has had mm_zone_cfg::high frames free since */
	MM_PRESSURE_LOW,  /**< has had fewer than mm_zone_cfg::low */
	MM_PRESSURE_MIN,  /**< has had mm_zone_cfg::min or fewer, and not `low` since: ordinary requests
	                       get none */
};

/** How to allocate. One list for all layers of mmlib; bits that are unknown, or that a function does not
 *  take, are #MM_E_INVAL. Interrupt handlers, and who has interrupts off, always say #MM_ALLOC_ATOMIC or
 *  #MM_ALLOC_NO_RETRY; all others are legal in every context.
 *
 *  | flag | mm_page_alloc() | mm_page_alloc_at() | heap | with interrupts off |
 *  |---|---|---|---|---|
 *  | #MM_ALLOC_ZERO | yes | yes | yes | yes, its cost is the frames' |
 *  | #MM_ALLOC_TABLE | order 0 | order 0 | no | yes |
 *  | #MM_ALLOC_ATOMIC | yes | yes | yes | this one is needed, |
 *  | #MM_ALLOC_NO_RETRY | yes | yes | no | or this one |
 *  | #MM_ALLOC_NODE_EXACT, MM_ALLOC_NODE() | yes | no | yes | yes |
 *  | MM_ALLOC_ZONE() | yes | no | no | yes |
 *  | #MM_ALLOC_HIGH | not with #MM_ALLOC_TABLE | not needed | no | yes |
 *  | #MM_ALLOC_EMERGENCY | yes | not needed | no | yes | */
enum mm_alloc_flags {
	MM_ALLOC_ZERO = 1u << 0,  /**< contents are zero */
	MM_ALLOC_TABLE = 1u << 1, /**< a page-table page: order 0, freed with mm_page_free_table() only */
	MM_ALLOC_ATOMIC = 1u << 2, /**< the caller cannot wait for other CPUs: `run_on` is not called, so
	                                the answer may be #MM_E_AGAIN where it would be #MM_OK */
	MM_ALLOC_NODE_EXACT = 1u << 3, /**< from the node asked for, or from none */
	MM_ALLOC_EMERGENCY = 1u << 4, /**< for who frees memory with it: may take what mm_zone_cfg::min and
	                                   mm_zone_cfg::keep hold back */
	MM_ALLOC_HIGH = 1u << 5, /**< a zone of #MM_ZONE_HIGH will do. With #MM_ALLOC_ZERO only if the port
	                              has `zero` */
	MM_ALLOC_NO_RETRY = 1u << 6, /**< for who has another way: other CPUs are not asked for what they
	                                  have at hand, so the answer may be #MM_E_AGAIN */
	MM_ALLOC_MOVABLE = 1u << 8, /**< contents may be moved to another block by the host, when it is
	                                asked to: see mmlib/mobility.h */
	MM_ALLOC_RECLAIMABLE = 1u << 9, /**< the host can free it when memory is short: kept together, see
	                                mmlib/mobility.h */
};

/** Restrict an allocation to the zone of this index in mm_pmm_cfg::zones and to those below; if it is a
 *  named one, ask for it. Or it into the flags. */
#define MM_ALLOC_ZONE(zone) (((uint32_t)(zone) < 30u ? (uint32_t)(zone) + 1u : 31u) << 27)

/** Ask for memory of a node; others follow by distance unless #MM_ALLOC_NODE_EXACT is there too. Or it
 *  into the flags. Without it: the node of the calling CPU. */
#define MM_ALLOC_NODE(node) (((uint32_t)(node) < 0x7feu ? (uint32_t)(node) + 1u : 0x7ffu) << 16)

/** Frames that one side table of a range serves: a table of one pointer for each fills a frame. */
#define MM_SIDE_FRAMES ((mm_pfn_t)(MM_FRAME_SIZE / sizeof(void *)))

/** One stretch of RAM with its metadata. */
struct mm_range {
	struct mm_buddy buddy; /**< @private */
	uint8_t *bytes;        /**< @private one for each frame; encoding in src/pmm/frame.h */
#if MM_PAGE_POISON
	uint8_t *poisoned;     /**< @private one for each frame: 1, it was filled when it was freed */
#endif
	unsigned char *virt;   /**< @private address of its first frame */
	void **side;           /**< @private tables that upper layers keep, one for each
	                            #MM_SIDE_FRAMES frames, each NULL until it is needed; NULL: no heap
	                            was made yet */
	mm_pfn_t first;        /**< @private first frame */
	mm_pfn_t last;         /**< @private last frame, inclusive */
#if MM_MOBILITY
	struct mm_mobility *mobility; /**< @private classes of its pageblocks, or NULL: none are used */
#endif
	uint32_t zone;         /**< @private index of its zone */
	uint32_t next;         /**< @private index of the next range of its zone, or #MM_RANGE_NONE */
	uint32_t by_virt;      /**< @private not of this range: index of the one that has its number if
	                            they are counted by virtual address */
};

#define MM_RANGE_NONE 0xffffffffu /**< no range */

/** Alignment of a zone, bytes: with several nodes, their CPUs share no cache line. */
#define MM_ZONE_ALIGN (MM_NODES_MAX > 1 ? 64 : sizeof(uintptr_t))

/** One zone. */
struct mm_zone {
	uintptr_t free;        /**< @private frames in the buddies, an atomic counter */
	mm_pfn_t total;        /**< @private RAM frames */
	mm_pfn_t reserved;     /**< @private RAM frames held back from the buddy: metadata, and what
	                            mm_pmm_release() was not asked for; one CPU writes */
	const struct mm_zone_cfg *cfg; /**< @private what the kernel asked for */
	uint32_t node;         /**< @private its node */
	uint32_t first_range;  /**< @private index of its first range, or #MM_RANGE_NONE */
	uint32_t pressure;     /**< @private #mm_pressure, atomic */
	uint32_t refills;      /**< @private how often a CPU began to take blocks to its hands, atomic */
} __attribute__((__aligned__(MM_ZONE_ALIGN)));

/** Highest order that a CPU keeps blocks of at hand: a large page where a frame is 4 KiB. */
#define MM_HAND_ORDER 9u
#define MM_HAND_AWAY  10u /**< single frames that go back: not for use, but neighbours go together */
#define MM_HANDS      11u /**< one for each order, and #MM_HAND_AWAY */
#ifndef MM_HAND_GOING     /* tests make it small */
#define MM_HAND_GOING 16u /**< room of #MM_HAND_AWAY */
#endif

/** Blocks that a CPU may have at hand: single frames, orders 1 to 3, 4 to 8, 9, and frames that go back. */
#define MM_HAND_BLOCKS (MM_PAGE_MAGAZINE + 3 * MM_PAGE_SLOTS + 5 * 2 + 4 + MM_HAND_GOING)

/** Blocks of one order on one CPU: in mm_page_cpu::blocks, from a place that is always the same up to
 *  below `top`. */
struct mm_hand {
	uint32_t top;   /**< @private behind the warmest block */
	uint32_t floor; /**< @private who comes by finds a block if top is above: the place of the coldest,
	                     or #MM_HAND_CLOSED */
	uint32_t end;   /**< @private who comes by finds room if top is below; 0: none is kept */
};

#define MM_HAND_CLOSED 0xffffffffu /**< floor of a hand that gives nothing to who comes by */

/** What one CPU has at hand: blocks of one range, as offsets from its first frame. Only that CPU
 *  touches them. What a single frame needs comes first, in one cache line. */
struct mm_page_cpu {
	uintptr_t door;  /**< @private see src/local.h; the key is the address of the manager */
	mm_paddr_t base; /**< @private the range's first byte */
	uint8_t *bytes;  /**< @private the range's; NULL: there is no range yet */
	mm_paddr_t near_last;  /**< @private offset of the last frame that is kept for use again */
	mm_paddr_t known_last; /**< @private offset of the last frame whose byte is known to be filled */
	struct mm_hand hand[MM_HANDS]; /**< @private by order */
	uint32_t drain;         /**< @private bit 0: another CPU asks for what is here; above it: how many
	                             isolations look at what comes here */
	uint32_t zone;          /**< @private the zone that it keeps frames of */
	uint16_t node;          /**< @private its node */
	uint16_t mobility;      /**< @private class of its blocks: unmovable, or movable and CMA */
	struct mm_range *range; /**< @private whose blocks these are, or NULL */
	uint32_t next;          /**< @private offset of the word that single frames come from next, or 0 */
	uint32_t blocks[MM_HAND_BLOCKS]; /**< @private those of all hands, one after the other */
} __attribute__((__aligned__(128)));

/** A physical memory manager. All-zero is a valid one without memory: allocation answers
 *  #MM_E_STATE. */
struct mm_pmm {
	const struct mm_port *port; /**< @private */
	struct mm_range *ranges;    /**< @private sorted by address */
	struct mm_range *main;      /**< @private the longest one: look there first */
	uint32_t nranges;           /**< @private */
	uint32_t max_ranges;        /**< @private */
	uint32_t ncpus;             /**< @private */
	struct mm_page_cpu *cpus;   /**< @private one for each CPU */
	struct mm_page_cpu *movable_cpus; /**< @private the same for movable blocks, or NULL */
	uint32_t classes;           /**< @private pageblocks of some range have classes */
	uint32_t moving;            /**< @private how often free frames began to move between classes */
	uint32_t moved;             /**< @private and how often that ended */
	uint32_t isolations;        /**< @private isolations, and bad frames in use: who frees looks */
	struct mm_cma *cmas;        /**< @private areas, the last one first */
	struct mm_bad_frame *bad;   /**< @private bad frames that were in use, the last one first */
	uint32_t max_order;         /**< @private highest order that some range could ever hold */
	struct mm_zone *zones;      /**< @private of node 0 by limit, of node 1 by limit, ..., named ones */
	const struct mm_zone_cfg *cfg; /**< @private the kernel's zones */
	const struct mm_numa *numa; /**< @private nodes, or NULL */
	uint16_t *nearest;            /**< @private nodes by distance from node 0, node 1, ... */
	uint32_t nzones;            /**< @private zones */
	uint16_t ncfg;              /**< @private the kernel's zones: how many, */
	uint16_t nlimits;           /**< @private and how many of them by limit */
	uint16_t top;               /**< @private the highest limit that has memory on some node */
	uint16_t watched;           /**< @private some zone has watermarks */
	uint32_t nnodes;            /**< @private nodes */
	uint32_t heaps;             /**< @private heaps that are there */
	uint32_t side_frames;       /**< @private frames of the block for arrays of side tables, */
	mm_paddr_t sides;           /**< @private and where it is */
};

/** Frames of a zone, or of all. total = free + used + reserved, to the frame. */
struct mm_pmm_stats {
	const char *name;  /**< of the zone; NULL for the sum */
	uint32_t node;     /**< of the zone; #MM_NUMA_NONE for the sum */
	uint16_t flags;    /**< of the zone: #mm_zone_flags */
	uint16_t latency;  /**< of the zone: its class */
	enum mm_pressure pressure; /**< of the zone, as it was told last */
	mm_pfn_t keep;     /**< of the zone: as configured */
	mm_pfn_t min;      /**< of the zone: as configured */
	mm_pfn_t low;      /**< of the zone: as configured */
	mm_pfn_t high;     /**< of the zone: as configured */
	mm_pfn_t total;    /**< RAM frames */
	mm_pfn_t free;     /**< frames that can be allocated, those at hand on CPUs included */
	mm_pfn_t used;     /**< frames that are allocated */
	mm_pfn_t reserved; /**< metadata, and RAM that the map does not call usable, until it is given
	                        back with mm_pmm_release(); free frames that are withheld */
};

/** What mm_page_info() and mm_pmm_next_run() tell. */
struct mm_frame_run {
	mm_paddr_t base;           /**< first byte */
	mm_pfn_t frames;           /**< how many frames */
	enum mm_frame_class state; /**< what they are */
	uint32_t order;            /**< order of the block, if they are one allocated block; else 0 */
};

/** Build zones and ranges from a boot memory map and take over its usable memory.
 *  Metadata is placed in the map's usable memory and noted there as #MM_MEM_META. All RAM at or
 *  below `cfg->reach` is managed after it, and that in zones of #MM_ZONE_HIGH, wherever it is; for other
 *  RAM above call mm_pmm_add_range() once `to_virt` reaches it.
 *  @param[out] pmm manager @param port host port, kept by pointer
 *  @param map the boot memory map @param cfg zones and limits; need not outlive the call
 *  @retval MM_OK done
 *  @retval MM_E_PORT mm_port_check() failed
 *  @retval MM_E_INVAL NULL, no or too many zones, zones by limit not rising or not ending in
 *          #MM_PADDR_MAX, named ones overlapping or before those by limit, flags that their zone does not
 *          have, `min`, `low` and `high` not rising, a limit or `reach` (0, say) that is not one less than a
 *          multiple of the frame size, low > reach, more nodes than #MM_NODES_MAX, or a
 *          CPU of a node that is not there
 *  @retval MM_E_NOMEM no usable memory at or below `reach`, or no room for metadata in it
 *  @retval MM_E_2BIG the map has no room to note the metadata
 *  On an error neither @p pmm nor @p map has changed.
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises; cost: O(ranges + entries)\, what is not
 *  usable\, and a 140th of the metadata: see mm_pmm_init_more()} */
MM_NODISCARD enum mm_status mm_pmm_init(struct mm_pmm *pmm, const struct mm_port *port,
					struct mm_memmap *map, const struct mm_pmm_cfg *cfg)
					MM_TAGGED(mm_pmm_init);

/** What does mm_pmm_init() refuse? For the panic that follows #MM_E_INVAL or #MM_E_PORT. Nothing of it is linked
 *  into a kernel that does not ask.
 *  @param port the same port @param cfg the same zones and limits
 *  @param[out] which the zone, or the CPU, that the text is about, from 0; may be NULL
 *  @return a text, constant, or NULL: neither of these two is refused
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(zones * zones + CPUs)} */
const char *mm_pmm_why(const struct mm_port *port, const struct mm_pmm_cfg *cfg, uint32_t *which)
	MM_TAGGED(mm_pmm_why);

/** Do some of what mm_pmm_init() left undone: metadata of memory that is free in pieces of W * W frames (16
 *  MiB with frames of 4 KiB and 64-bit words) is filled when such a piece is first used, in some hundred
 *  nanoseconds. An idle loop may do it before. Nothing else depends on it.
 *  @param pmm manager @param n at most so many pieces, not 0
 *  @retval MM_OK one or more were filled @retval MM_E_NOENT nothing is left to be done
 *  @retval MM_E_INVAL NULL, or n 0 @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free\, not while a range is added; cost: O(ranges +
 *  n)} */
MM_NODISCARD enum mm_status mm_pmm_init_more(struct mm_pmm *pmm, uint32_t n);

/** Add RAM that the manager does not have yet. Its metadata is placed in its own first frames.
 *  Parts in different zones become different ranges.
 *  @param pmm manager @param base first byte, a multiple of the frame size
 *  @param length bytes, a multiple of the frame size
 *  @retval MM_OK done
 *  @retval MM_E_INVAL NULL, length 0, not on frame borders, or wrapping
 *  @retval MM_E_EXIST overlaps a range that is there
 *  @retval MM_E_NOSPC no room for another range (`spare_ranges`)
 *  @retval MM_E_NOMEM too small to hold its own metadata @retval MM_E_STATE before mm_pmm_init()
 *  @retval MM_E_NOTSUP some of it is in a zone of #MM_ZONE_HIGH: metadata would lie where `to_virt` does
 *          not reach
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps all others away; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_pmm_add_range(struct mm_pmm *pmm, mm_paddr_t base, mm_paddr_t length);

/** Give back RAM that was held back at boot, once nobody needs what is in it: every frame in
 *  [@p base, @p last] that the map calls @p type and that the manager holds back goes to its buddy,
 *  and is usable in the map. In each zone `reserved` falls and `free` rises by exactly these frames.
 *
 *  Both have to agree: frames that are not held back, since they are free, in use, metadata or a hole,
 *  are passed over, so a second call finds nothing. RAM in no range of the manager (above `reach`) is
 *  passed over too, and the map goes on calling it @p type: mm_pmm_add_range() takes it.
 *
 *  Contents are neither read nor written: who must not see what a loader left asks for
 *  #MM_ALLOC_ZERO. Before the call, the caller ends all other uses and mappings of the memory, and
 *  makes sure that `to_virt` reaches it. The map keeps whole frames, so a frame that firmware called
 *  @p type in part comes back whole.
 *  @param pmm manager @param map the map that it was made from
 *  @param type #MM_MEM_BOOT_SERVICES, #MM_MEM_LOADER, #MM_MEM_ACPI_RECLAIM, #MM_MEM_INITRD,
 *         #MM_MEM_KERNEL (parts that ran only once) or #MM_MEM_EARLY
 *  @param base,last first and last byte; rounded inward to frames. 0 and #MM_PADDR_MAX: everywhere
 *  @param[out] frames how many, or NULL; written only on #MM_OK
 *  @retval MM_OK done: one frame or more
 *  @retval MM_E_NOENT there is no such frame
 *  @retval MM_E_2BIG the map has no room for the pieces that stay; nothing changed
 *  @retval MM_E_INVAL NULL pmm or map, base above last, or another type
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises uses of the map and calls of
 *  mm_pmm_add_range()\, other CPUs may allocate and free; cost: O(entries * (entries + ranges)) and
 *  the frames that the map calls so} */
MM_NODISCARD enum mm_status mm_pmm_release(struct mm_pmm *pmm, struct mm_memmap *map,
					   enum mm_mem_type type, mm_paddr_t base, mm_paddr_t last,
					   mm_pfn_t *frames);

/** Give back RAM that was held back at boot, for kernels that threw the boot map away: every frame
 *  in [@p base, @p last] that the manager holds back, whatever the map called it, metadata excepted.
 *  The rest is as mm_pmm_release() says.
 *  @param pmm manager @param base,last first and last byte; rounded inward to frames
 *  @param[out] frames how many, or NULL; written only on #MM_OK
 *  @retval MM_OK done: one frame or more @retval MM_E_NOENT there is no such frame
 *  @retval MM_E_INVAL NULL pmm, or base above last @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller serialises releases and calls of
 *  mm_pmm_add_range()\, other CPUs may allocate and free; cost: O(ranges)\, and the frames} */
MM_NODISCARD enum mm_status mm_pmm_release_range(struct mm_pmm *pmm, mm_paddr_t base,
						 mm_paddr_t last, mm_pfn_t *frames);

/** Allocate 2^order frames, contiguous and aligned to their size.
 *  Takes from the nearest node that can serve it, beginning with the node asked for or, without one, the
 *  calling CPU's; in each from the highest allowed zone by limit, so low memory is spared, then from
 *  named zones that are not #MM_ZONE_EXPLICIT. A named zone that is asked for comes before all others.
 *  @param pmm manager @param order log2 of the frames
 *  @param flags of #mm_alloc_flags, and MM_ALLOC_ZONE() @param[out] out first byte, only on #MM_OK
 *  @retval MM_OK done
 *  @retval MM_E_NOMEM no allowed zone has such a block beyond what it holds back (`min`, `keep`): own
 *          frames at hand were given back, and those of all other CPUs if the port has `run_on`, and it
 *          was looked for again. Requests on several CPUs at once may take a block each of what is held
 *          back
 *  @retval MM_E_AGAIN other CPUs hold frames at hand and could not be made to give them back now
 *          (no `run_on`, or #MM_ALLOC_ATOMIC, or they were about to use them); they were asked to,
 *          unless with #MM_ALLOC_NO_RETRY. Or as mm_buddy_alloc()
 *  @retval MM_E_INVAL NULL, unknown flag, no such zone or node, an order that no range could ever hold,
 *          #MM_ALLOC_TABLE with an order or with #MM_ALLOC_HIGH, or two of #MM_ALLOC_TABLE,
 *          #MM_ALLOC_MOVABLE, #MM_ALLOC_RECLAIMABLE
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: none\, lock-free; cost: O(log
 *  ranges) with a frame at hand\, else O(ranges)\, O(CPUs) before a failure\, and
 *  the frames if they are to be zeroed} */
MM_NODISCARD enum mm_status mm_page_alloc(struct mm_pmm *pmm, unsigned order, uint32_t flags,
					  mm_paddr_t *out) MM_TAGGED(mm_page_alloc);

/** Allocate one particular block, be it held back from others (`min`, `keep`) or not.
 *  @param pmm manager @param pa first byte, a multiple of the block's size
 *  @param order log2 of the frames @param flags of #mm_alloc_flags, without a zone, a node, #MM_ALLOC_HIGH
 *         and #MM_ALLOC_EMERGENCY
 *  @retval MM_OK done
 *  @retval MM_E_BUSY some frame of it is not free, is isolated, or is of a CMA area without
 *          #MM_ALLOC_MOVABLE
 *  @retval MM_E_FOREIGN not inside one range
 *  @retval MM_E_ALIGN @p pa is not a multiple of the block's size
 *  @retval MM_E_INVAL, MM_E_AGAIN, MM_E_STATE as mm_page_alloc()
 *  @mm_ctx{boot\, irq-ok with MM_ALLOC_ATOMIC\, no-sleep; locks: none\, lock-free; cost: O(log ranges)\,
 *  O(CPUs) if it is not in the buddy\, and the frames if they are to be zeroed} */
MM_NODISCARD enum mm_status mm_page_alloc_at(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order,
					     uint32_t flags);

/** Free a block.
 *  @param pmm manager @param pa first byte, as allocated @param order as allocated
 *  @retval MM_OK done
 *  @retval MM_E_DOUBLE_FREE it is free
 *  @retval MM_E_ORDER allocated with another order
 *  @retval MM_E_ALIGN not on a frame border, or inside an allocated block
 *  @retval MM_E_FOREIGN never allocated: outside every range, a hole, or reserved
 *  @retval MM_E_OWNER a page-table page, metadata of mmlib, or memory of a heap
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  Of two CPUs that free one block at the same time, both may be told #MM_OK unless MM_CHECKS is 2
 *  or more.
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_page_free(struct mm_pmm *pmm, mm_paddr_t pa, unsigned order)
	MM_TAGGED(mm_page_free);

/** Free a page that was allocated with #MM_ALLOC_TABLE.
 *  @param pmm manager @param pa as allocated
 *  @retval MM_OK done @retval MM_E_OWNER not a page-table page
 *  @retval MM_E_DOUBLE_FREE, MM_E_ALIGN, MM_E_FOREIGN, MM_E_INVAL, MM_E_STATE as mm_page_free()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none\, lock-free; cost: O(log ranges)} */
MM_NODISCARD enum mm_status mm_page_free_table(struct mm_pmm *pmm, mm_paddr_t pa);

/** Let a CPU keep frames at hand. CPU 0 is set up by mm_pmm_init(); others call this, or have it
 *  called for them, before their first allocation. A CPU that is not online allocates and frees
 *  too, more slowly.
 *  @param pmm manager @param cpu dense number, less than `ncpus`
 *  @retval MM_OK done, or already so @retval MM_E_INVAL NULL, or no such CPU
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
MM_NODISCARD enum mm_status mm_pmm_cpu_online(struct mm_pmm *pmm, uint32_t cpu)
	MM_TAGGED(mm_pmm_cpu_online);

/** Take back what a CPU has at hand, and keep it from taking more.
 *  @param pmm manager @param cpu a CPU that is stopped, or the calling one
 *  @retval MM_OK done, or already so @retval MM_E_INVAL NULL, or no such CPU
 *  @retval MM_E_BUSY it stopped in the middle of a call; nothing changed
 *  @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{no-sleep; locks: none; cost: O(frames at hand)} */
MM_NODISCARD enum mm_status mm_pmm_cpu_offline(struct mm_pmm *pmm, uint32_t cpu);

/** Say which node a CPU belongs to, for hosts that learn it after mm_pmm_init(). It keeps frames of that
 *  node at hand from then on.
 *  @param pmm manager @param cpu its number; offline @param node its node
 *  @retval MM_OK done @retval MM_E_BUSY the CPU is online
 *  @retval MM_E_INVAL NULL, or no such CPU or node @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps mm_pmm_add_range() and other calls for this CPU
 *  away; cost: O(nodes)} */
MM_NODISCARD enum mm_status mm_pmm_cpu_set_node(struct mm_pmm *pmm, uint32_t cpu, uint32_t node);

/** Give the frames that CPUs have at hand back to the buddies: this CPU's now, those of others
 * through
 *  the port's `run_on`, or, without it, at their next call or mm_pmm_cpu_idle().
 *  @param pmm manager
 *  @retval MM_OK all CPUs have given back
 *  @retval MM_E_AGAIN some CPUs will, at their next call
 *  @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, not with IRQs off if the port has run_on\, no-sleep; locks: none; cost: O(CPUs)\, and
 *  the frames at hand} */
MM_NODISCARD enum mm_status mm_pmm_drain(struct mm_pmm *pmm);

/** To be called by idle loops: answers a request to give frames back.
 *  @param pmm manager, or NULL
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)\, or the frames at hand} */
void mm_pmm_cpu_idle(struct mm_pmm *pmm);

/** What is at this address? For an allocated block: the whole block.
 *  @param pmm manager @param pa any physical address
 *  @param[out] out the block around @p pa, or the single frame; #MM_FRAME_NONE outside every range
 *  @retval MM_OK answered @retval MM_E_INVAL NULL @retval MM_E_STATE before mm_pmm_init()
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(log ranges + orders)} */
MM_NODISCARD enum mm_status mm_page_info(const struct mm_pmm *pmm, mm_paddr_t pa,
					 struct mm_frame_run *out);

/** Walk managed memory in address order, neighbours of one class folded into one run (allocated
 *  blocks one by one). Takes no locks, so it may run in a panic.
 *  Start with `mm_pfn_t it = 0;` and call until false.
 *  @param pmm manager @param[in,out] it frame to go on from @param[out] out run, written only on
 *  true @return whether there was one
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change what was told;
 *  cost: O(frames of the run)} */
bool mm_pmm_next_run(const struct mm_pmm *pmm, mm_pfn_t *it, struct mm_frame_run *out);

/** Letter of a frame class in pictures of memory: `.` free, `U` used, `T` table, `M` metadata,
 *  `S` objects, `R` reserved, `B` bad, `H` withheld, `O` offline, space for none. @param state class @return the letter
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
char mm_frame_letter(enum mm_frame_class state);

/** Frames of a zone, or of all zones. Exact if nobody else is at work. Zones are counted from 0: those of
 *  node 0 by limit, of node 1 by limit, and so on, then the named ones. On one node that is their index
 *  in mm_pmm_cfg::zones.
 *  @param pmm manager @param zone index, or -1 for the sum @param[out] out counts
 *  @retval MM_OK done @retval MM_E_INVAL NULL, or no such zone @retval MM_E_STATE before init
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(zones + CPUs)} */
MM_NODISCARD enum mm_status mm_pmm_stats(const struct mm_pmm *pmm, int zone,
					 struct mm_pmm_stats *out) MM_TAGGED(mm_pmm_stats);

/** Free blocks of each order in a zone, as the buddies record them.
 *  @param pmm manager @param zone index @param[out] blocks count for each order
 *  @param norders length of @p blocks; blocks of higher orders are counted in the last
 *  @retval MM_OK done @retval MM_E_INVAL NULL, norders 0, or no such zone
 *  @retval MM_E_STATE before init
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(free blocks)} */
MM_NODISCARD enum mm_status mm_pmm_free_blocks(const struct mm_pmm *pmm, unsigned zone,
					       mm_pfn_t *blocks, unsigned norders);

/** Describe memory in lines of text: for each zone its frames, and its free blocks of each order as
 *  `order*count`; then a map, where each line begins with its address, and runs of frames of one class are
 *  the class's letter and their number (mm_frame_letter(); a letter alone is one frame):
 *
 *      zone NORMAL of node 0: 1022 frames
 *        993 free, 17 used, 12 reserved
 *        free blocks: 0*3 1*1 5*2 8*3
 *      0x0000000000100000: R U4 .3 T U12 .990 M11
 *
 *  Takes no locks and changes nothing, so it may run in a panic, while others stand in the middle of a
 *  call.
 *  @param pmm manager; NULL or before mm_pmm_init(): there is nothing to tell
 *  @param line called with each line, at most 79 characters without a newline; NULL: the port's `log`
 *  @param ctx first argument of @p line; with NULL the port's
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, others may change what was told;
 *  cost: O(frames)} */
void mm_pmm_dump(const struct mm_pmm *pmm, void (*line)(void *ctx, const char *text), void *ctx)
	MM_TAGGED(mm_pmm_dump);

/** Check all invariants: buddies whole, bytes and bitmaps agree, counters right, ranges sorted.
 *  @param pmm manager that nobody else is using
 *  @retval MM_OK whole @retval MM_E_CORRUPT damaged @retval MM_E_INVAL NULL
 *  @retval MM_E_STATE before init
 *  @mm_ctx{boot\, no-sleep; locks: none\, caller keeps others away; cost: O(frames)} */
MM_NODISCARD enum mm_status mm_pmm_verify(const struct mm_pmm *pmm);
MM_END_DECLS
#endif
