/* SPDX-License-Identifier: MIT */
/* Hooks for tests. In a normal build they are nothing.
 *
 * MM_HOOKS=1 (tests only) makes the library use what the test program supplies:
 *   mm_hook_step()   called before every atomic operation: a schedule explorer may switch CPUs there
 *   mm_hook_fail()   called before every internal allocation: true makes it fail. Each place that does has a struct
 *                    mm_hook_site in one section, so that a test can tell which never failed
 *   mm_hook_plant    number of a planted bug, from the list below; 0: none
 *   mm_hook_left_out what a site of the page-table walker that is planted has left out so far, of enum mm_pt_after or
 *                    another bit: 0, it was not met */
#ifndef MM_SRC_HOOK_H
#define MM_SRC_HOOK_H
#include <mmlib/types.h>
#ifndef MM_HOOKS
#define MM_HOOKS 0
#endif

#if MM_HOOKS
void mm_hook_step(void);
struct mm_hook_site {
	const char *file;
	unsigned line;
	unsigned failed; /* how often, for the test */
};
bool mm_hook_fail_at(struct mm_hook_site *site);
#define mm_hook_fail()                                                                        \
	__extension__({                                                                       \
		static struct mm_hook_site mm_site __attribute__((__section__("mm_hook_sites"))) = { \
			__FILE__, __LINE__, 0                                                 \
		};                                                                            \
		mm_hook_fail_at(&mm_site);                                                    \
	})
extern unsigned mm_hook_plant, mm_hook_left_out;
#define MM_PLANTED(bug) (mm_hook_plant == (bug))
#define MM_LEAVE_OUT(bits) (mm_hook_left_out |= (bits))
#else
#ifdef MM_PLANT /* one that is compiled in, to see what a compiler makes of it */
#define MM_PLANTED(bug) (MM_PLANT == (bug))
#else
#define MM_PLANTED(bug) false
#endif
#define MM_LEAVE_OUT(bits) ((void)0)

static inline void mm_hook_step(void)
{
}

static inline bool mm_hook_fail(void)
{
	return false;
}
#endif

/* Planted bugs: negative controls. A fuzz target, a test or the explorer that is told to plant one must
 * find it, else it proves nothing: `MM_PLANT=2 build/gcc/tests/test_buddy_debug`. */
#define MM_PLANT_MEMMAP_MERGE 1 /* memmap: neighbours merge although their types differ */
#define MM_PLANT_BUDDY_MERGE  2 /* buddy: a word is promoted although one bit is missing */
#define MM_PLANT_PT_EMPTY     3 /* walker: a table is detached although entries remain */
#define MM_PLANT_FDT          4 /* device tree: offset of a property's name is not checked */
#define MM_PLANT_SLAB_BIT     5 /* slab: the last object of a word is handed out twice */
#define MM_PLANT_MULTIBOOT    6 /* Multiboot: the last byte of a module is not reserved */
#define MM_PLANT_UEFI         7 /* UEFI: memory that runtime services use is called usable */
#define MM_PLANT_ACPI         8 /* ACPI: an entry may reach past the end of its table */
#define MM_PLANT_LIMINE       9 /* Limine: memory of an unknown kernel can be given back */
#define MM_PLANT_ZONE         30 /* zones: the frames of an emergency are for all */
#define MM_PLANT_FAR          36 /* buddy: a free sets a hint behind the last word, where no search looks */
#define MM_PLANT_INLINE 60 /* page frames, inline: an address on no frame border is believed */
#define MM_PLANT_HARDEN 80 /* hardened objects: only the first byte of a free one is looked at */
#define MM_PLANT_CANARY 81 /* hardened objects: a canary is looked at only where it is no whole word */
#define MM_PLANT_BEHIND 68 /* hardened objects: a canary is looked at behind a slab's last object, too */
#define MM_PLANT_GUARD  82 /* guarded objects: what lies behind one is not looked at */
#define MM_PLANT_SITE   83 /* heaps as one: the place of a call is not asked for */
#define MM_PLANT_POISON 27 /* poison: only the first word of a frame is looked at */
/* Races, for the schedule explorer: */
#define MM_PLANT_SUM_RECHECK 10 /* summary: who cleared a bit does not look at the word again */
#define MM_PLANT_PROMOTE     11 /* buddy: a full word is emptied by a store */
#define MM_PLANT_GIVE        12 /* buddy: a free is a load and a store */
#define MM_PLANT_SUM_INFER   13 /* summary: taken for set because the word was not zero */
#define MM_PLANT_DRAIN       14 /* frames at hand: a drain empties other CPUs' magazines itself */
#define MM_PLANT_DEPOT       15 /* magazines: the depot is used without its lock */
#define MM_PLANT_BLANK       46 /* magazines: a CPU keeps empty ones until it has given all others back */
#define MM_PLANT_UNHAND      38 /* magazines: a CPU seems to have none of a cache before its objects are home */
#define MM_PLANT_IDLE        84 /* heap: who is idle, and finds that its CPU is not, takes a request for answered */
#define MM_PLANT_TRIM        85 /* slabs: who gives empty ones back does not take the lock */
#define MM_PLANT_OFFLINE     86 /* heap: a CPU goes offline after interrupts may use its magazines again */
#define MM_PLANT_AWAY        87 /* nodes: a CPU seems to have nothing of a cache while it sorts that */
#define MM_PLANT_DENIED      88 /* slabs: whose slab is not admitted gives the descriptor back without the lock */
#define MM_PLANT_CHARGE      90 /* slabs: the host is told of one that goes, and did not admit it */
#define MM_PLANT_COMING      105 /* slabs: who gets none does not see that another CPU is making one */
#define MM_PLANT_HELD        92 /* quarantine: who gets a magazine does not see that another CPU got the last one */
#define MM_PLANT_CLEAR       93 /* hardened objects: who frees one clears it before he knows whether it is his */
#define MM_PLANT_RETIRE      89 /* objects: who frees one at level 2 does not see that another did */
#define MM_PLANT_QUOTA       37 /* caches: who counts a slab does not see that a CPU of another node did, too */
#define MM_PLANT_TABLE       45 /* heap: who is second to make a table does not see what the first one wrote to it */
#define MM_PLANT_LAST        49 /* notes: the last holder of a block does not see what the others did to it */
#define MM_PLANT_PLACE       48 /* caches: who makes one does not see what was done to the one before in its place */
#define MM_PLANT_STALE       59 /* heap: a free reads its frame's byte before it takes the object */
#define MM_PLANT_BUSY        16 /* CPU-local: an interrupt does not test the busy flag */
#define MM_PLANT_RELEASE     17 /* give-back: frames are in the buddy before their bytes say so */
#define MM_PLANT_RUN         18 /* buddy: frames that a run holds in vain are not in a move */
#define MM_PLANT_CONTIG      19 /* frames: what remains behind a part that is freed has no head (no race) */
#define MM_PLANT_BULK        25 /* frames: who frees many does not see one twice (no race) */
#define MM_PLANT_TAG_RECHECK 26 /* mobility: who put frames does not look at the tag again */
#define MM_PLANT_DODGE       35 /* frames at hand: who found none, and nothing else, does not look again */
#define MM_PLANT_GUARD_ASK   47 /* isolation: only CPUs that are seen to have something at hand are asked for it */
#define MM_PLANT_UNHOLD      33 /* mobility: who takes withheld frames back does not see that another did */
#define MM_PLANT_PINNED      28 /* isolation: what cannot be moved is passed over (no race) */
#define MM_PLANT_SUM_MOVE    29 /* summary: who sets a bit, and then those above it, is in no move */
#define MM_PLANT_SECTOR      34 /* frames: the next word of a sector is taken without a look (no race) */
#define MM_PLANT_SECTION     32 /* buddy: a section is filled by who does not own it */
#define MM_PLANT_PRESSURE    31 /* zones: two CPUs tell of the same change */
/* Page-table formats: */
#define MM_PLANT_A64_DSB     139 /* AArch64: a flush does not wait until it has ended everywhere */
#define MM_PLANT_A64_RANGE   141 /* AArch64: the odd page of a range is not flushed */
#define MM_PLANT_A64_COMBINED 169 /* AArch64: a flush of a second stage leaves entries that hold both stages */
#define MM_PLANT_ARMV7_BRANCH 149 /* ARMv7: branch predictors go on with what was there before a flush */
#define MM_PLANT_PAE_ROOT     150 /* ia32 PAE: a CPU goes on with the four entries that it read before */
#define MM_PLANT_EPT_FAILED   171 /* EPT: where a flush fails, nothing is forgotten */
#define MM_PLANT_MIPS_EHB     151 /* MIPS64: what is read of a TLB entry may be that of the one before */
#define MM_PLANT_RV64_INVAL  140 /* RISC-V: walks are not ordered behind what Svinval forgets */
#define MM_PLANT_MASK_KEY_FLUSH 137 /* formats that are data: another protection key is not flushed */
#define MM_PLANT_MASK_KEY_TELL  138 /* formats that are data: the protection key of a large page is not told */
#define MM_PLANT_MASK_GLOBAL 143 /* formats that are data: a page that becomes global, or is so no more, is not flushed */
#define MM_PLANT_MASK_TABLES 22 /* formats that are data: a split is flushed by address, as if for leaves only */
#define MM_PLANT_MASK_FLUSH  75 /* formats that are data: what becomes empty is not flushed */
#define MM_PLANT_MASK_RIGHTS 76 /* formats that are data: a loss of rights is not flushed */
#define MM_PLANT_MASK_OTHER  77 /* formats that are data: another type, or global, is not flushed */
#define MM_PLANT_MASK_SYNC   78 /* formats that are data: a new entry is not ordered */
#define MM_PLANT_MASK_BREAK  79 /* formats that are data: no break-before-make */
#define MM_PLANT_PT_REMAP    24 /* walker: maps where the TLB still has the old translation */
#define MM_PLANT_PT_COLLAPSE 70 /* walker: what hardware set in a table that became a leaf is not looked at again */
#define MM_PLANT_PT_RESERVE  71 /* walker: the last table of a range is not counted */
#define MM_PLANT_PT_NEAR     67 /* walker: a table that is remembered goes, and is not forgotten */
#define MM_PLANT_PT_SHORTCUT 110 /* walker: the same for questions */
#define MM_PLANT_PT_WINDOW  120 /* walker: a cursor keeps a table whose window shows another */
#define MM_PLANT_PT_ASIDE   121 /* walker: a table that is to be filled comes into the window of one in the tree */
#define MM_PLANT_PT_RECURSIVE 122 /* walker: the recursive entry is taken for one that leads to a table of the tree's own */
#define MM_PLANT_PT_NEAR_RECURSIVE 135 /* walker: in two levels, the recursive entry is near as others are */
#define MM_PLANT_PT_CURSOR  136 /* walker: a cursor of a space keeps a table of the kernel's tree */
#define MM_PLANT_PT_SHARED  146 /* walker: of two ranges of a root only the first is known to be shared */
#define MM_PLANT_PT_WALKER  145 /* walker: a table that another walker has remembered is near, too */
#define MM_PLANT_PT_KEEP    148 /* walker: tables that are to stay go when they are empty */
#define MM_PLANT_PT_MIRROR  147 /* walker: a root that follows another does not follow */
#define MM_PLANT_PT_CLAIM   159 /* walker: a claim changes what is not its own */
#define MM_PLANT_PT_CLAIM_TWICE 160 /* walker: what is claimed is claimed once more */
#define MM_PLANT_PT_CLAIM_PRUNE 161 /* walker: a table that two claims are in goes when it is empty */
#define MM_PLANT_PT_CLAIM_WITNESS 162 /* walker: a table that two claims are in gets a witness */
#define MM_PLANT_PT_SMALL   126 /* walker: a small page in the range of a large one is not noted */
#define MM_PLANT_PT_MISS    163 /* walker: a page that is mapped before others of a gather is not noted as a miss */
#define MM_PLANT_PT_FOLLOWS 164 /* walker: an empty entry that hardware follows is taken for one that leads to a table */
#define MM_PLANT_PT_BARE    170 /* walker: what an entry of level 1 has beside an address is not looked at where tables' have nothing */
#define MM_PLANT_PT_BAREST  167 /* walker: a leaf without a bit of an address is overlooked in a table */
#define MM_PLANT_PT_IGNORED 166 /* walker: a damaged entry that hardware follows is taken for an empty one */
#define MM_PLANT_PT_UNBROKEN 173 /* walker: MM_PT_NO_BREAK is not asked what would break */
#define MM_PLANT_PT_SHOWN   168 /* walker: what the recursive entry showed of a table that goes is not flushed */
#define MM_PLANT_PT_PLAIN   165 /* walker: high bits of addresses that lie elsewhere in entries are told from there */
#define MM_PLANT_PT_WITNESS  44 /* walker: what is said to be in use in a table is believed, although it was cleared */
#define MM_PLANT_RUN_FLUSH   72 /* contiguous runs: a run is broken without a flush in between */
#define MM_PLANT_RUN_MEMBER  73 /* contiguous runs: the last member is forgotten */
#define MM_PLANT_RUN_DIRTY   74 /* contiguous runs: accessed and dirty are the first member's */
#define MM_PLANT_REFILL_DIRTY  64 /* refill: a page that may be written is so before it is dirty */
#define MM_PLANT_REFILL_HALF   65 /* refill: all parts of a large page have the frame of the first */
#define MM_PLANT_REFILL_GLOBAL 66 /* refill: a pair is global if one of its pages is */
#define MM_PLANT_REFILL_BESIDE 39 /* refill: a pair with a half that is not valid is not global */
#define MM_PLANT_PT_SITE     200 /* walker: 200 + n: what site n of enum pt_site has to do is not done */
/* Heaps for tiny systems: */
#define MM_PLANT_REGION_MERGE 40 /* region heap: a block does not join the free one before it */
#define MM_PLANT_REGION_GAP   41 /* region heap: what is skipped for an alignment is lost */
#define MM_PLANT_REGION_FIT   42 /* region heap: a block of the same class is taken for large enough */
#define MM_PLANT_REGION_STAY 157 /* region heap: a block that could stay where it is moves */
#define MM_PLANT_REGION_READ 128 /* region heap: links are read of what is behind a block, free or not */
#define MM_PLANT_ASK       58 /* magazines: who answers a request forgets one that came meanwhile */
#define MM_PLANT_GUARD_FREE 63 /* guarded objects: who frees one does not see that another did */
#define MM_PLANT_GUARD_MAKE 97 /* guarded objects: one can be freed before its slot is said to be used */
#define MM_PLANT_GUARD_LATE 112 /* guarded objects: who gives one back that was freed late takes another for it (no race) */
#define MM_PLANT_RESERVE   53 /* mempool: who takes an object does not see that another did */
#define MM_PLANT_OWNER     54 /* owners: who had an object first stays its owner */
#define MM_PLANT_GONE      91 /* owners: a walk does not see that the page where it is went */
#define MM_PLANT_WALK      61 /* owners: of the last object of a slab, a walk tells its neighbour's */
#define MM_PLANT_SORT      62 /* nodes: the last object that a CPU has is not looked at, and stays */
#define MM_PLANT_REFUSE    94 /* heap: who frees a large block does not see that another did */
#define MM_PLANT_RECORD    96 /* heap: who frees a large block does not see that its mark, or record, is gone */
#define MM_PLANT_BULK_UNDO 98 /* heap: who cannot allocate many gives back what somebody freed meanwhile */
#define MM_PLANT_HOLD      99 /* parked objects: who lets one wait does not see that somebody freed it meanwhile */
#define MM_PLANT_MOVE      100 /* kmalloc: who moves memory does not see what who freed it did meanwhile */
#define MM_PLANT_STAY      156 /* kmalloc: memory that becomes smaller where it is keeps what was beyond (no race) */
#define MM_PLANT_COPY      108 /* kmalloc: memory that moves is freed before what is in it is copied */
#define MM_PLANT_DROP      107 /* handles: the magazine is given back before the objects in it are */
#define MM_PLANT_CROSS     109 /* heaps as one: what is freed goes to the first one (no race) */
#define MM_PLANT_TORN      102 /* owners: a walk tells what two guarded objects were, of one slot, as one */
#define MM_PLANT_LIST      104 /* owners: a walk looks at large blocks without the lock */
#define MM_PLANT_MAKING    106 /* owners: a large block can be freed before it has its record */
#define MM_PLANT_LATE      111 /* heap: who frees a large block late does not see that it is another heap's by now */
#define MM_PLANT_VERIFY    117 /* heap: who checks all does not look at what CPUs have at hand */
#define MM_PLANT_WHOSE     152 /* heap: a free of another heap's large block is believed */
#define MM_PLANT_UNSEEN    153 /* quarantine: a large block that waited is not looked at */
#define MM_PLANT_OLDEST    154 /* quarantine: who takes a large block out does not take the lock */
#define MM_PLANT_ROOM      155 /* quarantine: large blocks wait though there is no memory */
#define MM_PLANT_IN_USE    95 /* heap: of a table that is given back, half is not looked at (no race) */
#define MM_PLANT_COUNT     118 /* heap: large blocks that go are counted as if they were of another order */
#define MM_PLANT_OWN       101 /* heap: a free of what is mmlib's own is believed */
#define MM_PLANT_SIZED     55 /* heap: the size that a free tells is believed */
#define MM_PLANT_FITS      144 /* heap: a block of pages is thought too large for what is just too much for half of it */
#define MM_PLANT_PERCPU_UNDO 158 /* per-CPU memory: if a CPU gets none, the first one's is not given back */
#define MM_PLANT_PERCPU    56 /* per-CPU memory: a free does not see where the next allocation begins */
#define MM_PLANT_SLAB_BULK 50 /* heap: who frees many leaves what came before the one that is refused free */
#define MM_PLANT_EPOCH     69 /* deferred frees: the time of a batch is asked for while others may fill it */
#define MM_PLANT_DEFERRED  52 /* deferred frees: a batch that is polled does not wait */
#define MM_PLANT_MEMPOOL   51 /* mempool: a free forgets the reserve */
#define MM_PLANT_PAGES     132 /* slabs: pages that a table is missing for are not given back (no race) */
#define MM_PLANT_UNTRIED   133 /* none: the test of failures does not come to one of the places that may fail */
#define MM_PLANT_HOMING    57 /* heap: a new slab has memory of the CPU's node, whatever node it is for */
#define MM_PLANT_NMI_EARLY 113 /* freed by an NMI: one is said to be before its slab is among those to look at */
#define MM_PLANT_NMI_LOOK  114 /* freed by an NMI: who brings them home looks before others may send him there again */
#define MM_PLANT_NMI_LEAVE 115 /* freed by an NMI: who sees one that is about to be does not come again */
#define MM_PLANT_NMI_GO    116 /* freed by an NMI: a slab that somebody is sent to is given back */
#define MM_PLANT_NMI_GIVEN 131 /* freed by an NMI, late: a guarded object stays, that who allocated it gave back meanwhile */
#define MM_PLANT_NMI_HOMING 142 /* freed by an NMI: who unmakes a cache does not see who brings its last object home */
#define MM_PLANT_NMI_LED    130 /* freed by an NMI: a cache goes while somebody is led to a slab of it (no race) */
#define MM_PLANT_NMI_WAIT  134 /* freed by an NMI to a reserve: it is there before it waits */
#define MM_PLANT_TINY_BIT     43 /* tiny cache: the last object of a word is handed out twice */
#endif
