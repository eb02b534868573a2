/* SPDX-License-Identifier: MIT */
/* Oracle for page tables: memory for tables, a model of an MMU and its TLB, and a plain map of what
 * should be mapped. Shared by the tests and the fuzz target.
 *
 * What the entries of an architecture mean is in pt_arch.c, written from its manual, not from the
 * library's port. The TLB is the worst one possible: it holds every translation and every pointer
 * to a table that was ever reachable, until a flush covers it. Where the architecture demands
 * break-before-make, nothing valid may be in the tables over what the TLB still holds; where stores
 * must be ordered before a new entry is used, a flush must say so.
 *
 * A violation is kept in `wrong`, the first one; the test asserts that there is none. */
#ifndef PT_ORACLE_H
#define PT_ORACLE_H
#include <mmlib/pt.h>

#define ORA_PAGE 4096u
#define ORA_RUNS 32768 /* most stretches in a set */
#define ORA_LEVELS 6

/* A stretch of address space. attr as #mm_pt_attr, rights as all levels together give them. */
struct ora_run {
	uint64_t va, last, pa;
	uint32_t attr;
	uint8_t level;
	uint8_t run; /* log2 of the entries that a TLB holds as one, or 0 */
};

/* Stretches, sorted, disjoint. */
struct ora_set {
	struct ora_run run[ORA_RUNS];
	size_t n;
};

struct ora_page {
	bool used;         /* given out */
	size_t bytes;      /* of the table */
	bool live;         /* reachable when last observed */
	bool now;          /* scratch: reachable in this scan */
	bool stale;        /* was reachable, and no flush has covered it since */
	bool asked;        /* the library was told where it is, since ora_begin()... */
	bool fresh;        /* ...and since somebody looked */
	bool written;      /* scratch: since its entries were last looked for one that is not empty */
	bool empty;        /* none is */
	unsigned level;    /* as a table */
	uint64_t va, last; /* what it translates */
	size_t filled;     /* an entry that was not empty */
	uint64_t hash;     /* of its copy */
};

/* What has changed, as addresses. */
struct ora_span {
	uint64_t va, last;
};

struct ora;

enum ora_half { ORA_SIGN, ORA_ZERO, ORA_ONES };

#define ORA_FREE 0xA5 /* in each byte of free memory: nothing may depend on what a new table holds */

/* What an architecture's manual says. Levels count from the leaf table. Without more, entries have 8
 * bytes, tables are 4 KiB of 512, and bit 0 says that an entry is valid. Here an entry is a
 * number, as the manual numbers its bits. */
struct ora_arch {
	const char *name;
	unsigned top;            /* level of the root table */
	uint8_t span_lg2[ORA_LEVELS];     /* log2 of what an entry covers, by level; 0: 12 + 9 * level */
	uint8_t entries_lg2[ORA_LEVELS];  /* log2 of the entries of a table; 0: 9 */
	uint8_t entry_lg2;       /* log2 of the bytes of an entry; 0: 3 */
	uint8_t va_bits;         /* bits of an address that are translated; 0: all that index tables */
	bool big_endian;         /* whatever the CPU is; else entries are in the CPU's own order */
	enum ora_half half;      /* address bits above those that are translated */
	uint64_t address;        /* field of the physical address... */
	unsigned shift;          /* ...and how far it is shifted right in the entry */
	uint64_t ignored;        /* bits that may be set in an entry that is empty: hardware's, or software's own */
	bool must_break;         /* break-before-make */
	/* Contiguous runs: log2 of the entries of one, by level; which of the machine's features makes them;
	 * the mark; a field that says how long, and how it says so, if the frame is that of the run in all
	 * members; what hardware may set in any member, for all. */
	uint8_t run_lg2[ORA_LEVELS];
	uint32_t run_feature;
	uint64_t run_mark, run_field, run_length, run_touch;
	/* Or, where that is no mark, for leaves: is it in one? All members are the same then, and reserved() gets
	 * them as they are. */
	bool (*in_run)(const struct ora *ora, uint64_t e, unsigned level);
	bool must_order;         /* an entry that became valid wants ordered stores */
	bool user_is_not_kernel; /* the kernel never executes what the user may use */
	bool root_is_latched;    /* a CPU reads the root's entries when the root is loaded, and never again */
	bool (*valid)(uint64_t e, unsigned level);    /* NULL: bit 0 */
	bool pairs; /* a TLB keeps a page that is not valid, as half of a pair: not here, in test_pt_refill.c */
	/* The MMU follows whatever is above level 0. What leads so many bytes behind the root, where no address
	 * of those that are translated leads, is a table that leads to itself: empty. */
	bool follows;
	uint64_t nowhere;
	bool (*empty)(uint64_t e, unsigned level);    /* nothing in it; NULL: no bit but `ignored` */
	uint64_t (*pa)(uint64_t e, unsigned level);   /* address in an entry; NULL: `address` */
	bool (*is_leaf)(uint64_t e, unsigned level);  /* of a valid entry */
	uint32_t (*attr)(uint64_t e, unsigned level); /* of a leaf, in #mm_pt_attr terms */
	uint32_t (*path)(uint64_t e, uint32_t path);  /* rights that are left below a table */
	/* Can a leaf express @attr, of which nothing is wrong by itself? @features as mm_pt_cfg::features. */
	bool (*can)(uint32_t attr, uint32_t features);
	uint32_t features; /* what there is of those */
	uint32_t key_feature; /* which of them makes protection keys, of which can() is not asked; 0: there are none */
	uint32_t unkept;   /* accessed, dirty: what hardware does not set by itself... */
	uint32_t fixed;    /* ...and what is not in entries at all, and told as set */
	/* What is wrong with a valid entry, or NULL. */
	const char *(*reserved)(const struct ora *ora, uint64_t e, unsigned level, bool leaf);
	/* What hardware makes of an entry that it used for an access. */
	uint64_t (*touched)(uint64_t e, bool last, bool write);
};

/* The same of all of @attr. */
static inline bool ora_can(const struct ora_arch *arch, uint32_t attr, uint32_t features)
{
	return arch->can(attr, features) && (!(attr & MM_PT_KEYS) || features & arch->key_feature);
}

extern unsigned ora_page_shift; /* log2 of the smallest page: of the format that is observed */
extern const struct ora_arch ora_x86_64, ora_aarch64, ora_aarch64_high, ora_sv39, ora_sv48;
/* Those of mmlib/pt_formats.h, by their number. */
extern const struct ora_arch *const ora_formats[];

struct ora {
	struct mm_pt_env env; /* hand this to mm_pt_init() */
	unsigned char *mem;
	unsigned char *shadow; /* tables of the tree as they were last observed */
	size_t bytes;          /* of `mem` */
	size_t pages; /* tables that it has room for, of `slot` bytes each */
	size_t slot;
	mm_paddr_t base;
	struct ora_page *page;
	size_t used;      /* tables given out */
	size_t reachable; /* tables in the tree, by the last scan */
	size_t apart;     /* tables given out to trees that nobody observes */
	bool keeps;       /* tables directly below the root for these addresses may be empty */
	struct ora_span kept;
	struct ora_span claim[4]; /* so may those that an end of one of these runs through */
	size_t nclaims;
	bool empty_table; /* there is one below the root, by the last scan */
	const char *wrong;

	unsigned allocs;       /* calls since fail was set */
	unsigned fail_at;      /* this call fails, from 1; 0: none */
	bool fail_sticky;      /* and all later ones */
	mm_paddr_t give;       /* if not 0, alloc_table returns this once */
	mm_paddr_t given_back; /* address outside the memory that came back */
	unsigned flushes;
	struct mm_tlb_gather flushed; /* what the last flush was told */
	const struct ora_set *stays;  /* what each flush has to find mapped; or NULL */

	const struct mm_pt *pt; /* observed tree, or NULL */
	bool damaged;           /* the test planted damage: reserved bits are no violation */
	bool meanwhile;         /* a CPU walks between two steps: no table that it meets is as free memory is */
	bool unordered;         /* an entry became valid, and no flush has ordered it since */
	bool new_table;         /* one of them points to a table */
	const struct ora_arch *arch;
	uint32_t features; /* of the machine, as mm_pt_cfg::features */
	uint8_t pa_bits;   /* of the machine */
	uint64_t c_bit;    /* encryption bit, not an address bit */
	bool page_roots;   /* a root takes a whole page */
	bool quick;        /* look at what may have changed only, see ora_begin() */
	const void *seen;  /* tree that was observed last */
	uint64_t latched[4]; /* the root's entries as all CPUs have them, where they keep them */
	struct ora_span reach;    /* of the operation */
	struct ora_span *changed; /* since then: sorted, disjoint */
	size_t nchanged;
	struct ora_set live, stale, scan; /* scan: what is in `changed` now */
};

/* Memory for @pages tables of 4 KiB from physical @base on. */
void ora_init(struct ora *ora, mm_paddr_t base, size_t pages);
void ora_destroy(struct ora *ora);
/* Forget everything but the memory itself; all pages are free again. */
void ora_reset(struct ora *ora);
/* Another format than x86-64, after a reset. */
void ora_set_arch(struct ora *ora, const struct ora_arch *arch);
void ora_fail(struct ora *ora, unsigned at, bool sticky);
void ora_violation(struct ora *ora, const char *what);
void *ora_virt(struct ora *ora, mm_paddr_t pa);

/* Look at the whole tree: ora->live is what it maps, translations that are gone become stale.
 * Checks reserved bits, tables that were given back, shadow-stack pages.
 * If `quick` is set, only tables are looked at of which the library, or hardware, was told the address since
 * ora_begin(), of those longer than 4 KiB only what an operation on the range that it was told may write, and
 * only what changed is decoded: whoever sets it calls ora_observe_all() from time to time, which sees what was
 * written elsewhere, and decodes everything. */
void ora_observe(struct ora *ora);
void ora_observe_all(struct ora *ora);
/* An operation on [va, last] begins. */
void ora_begin(struct ora *ora, uint64_t va, uint64_t last);
/* After an operation: whatever is stale must be covered by the gather, and no table is empty. */
void ora_check_gather(struct ora *ora, const struct mm_tlb_gather *g);
/* After mm_pt_sync(): nothing is stale, every table given out is in the tree. */
void ora_check_synced(struct ora *ora);
/* Hash of all tables in the tree and of how many there are; as they were last observed. */
uint64_t ora_hash(struct ora *ora);
uint64_t ora_hash_seen(const struct ora *ora);

/* An access as the MMU does it: checks rights, sets accessed and dirty. */
bool ora_access(struct ora *ora, uint64_t va, bool write, bool user, bool fetch);
/* Bytes of a leaf. Bits of a translated address. */
uint64_t ora_size(const struct ora *ora, unsigned level);
unsigned ora_va_bits(const struct ora_arch *arch);
/* The leaf around @va, straight from the tables; attr 0 if there is none. */
struct ora_run ora_walk(struct ora *ora, uint64_t va);
/* The same, and where the tables are that the walk went through: from the root's level down to that of the leaf. */
struct ora_run ora_path(struct ora *ora, uint64_t va, uint64_t *table);
/* May a CPU go on using translation @old of @va if the tables now say @now? One that is writable and dirty does not set
 * the bit again. */
bool ora_may_keep(const struct ora_run *old, const struct ora_run *now, uint64_t va);

/* The plain map. */
void set_clear(struct ora_set *set);
/* First stretch that ends at or after @va. Smallest pages of a stretch. */
size_t set_find(const struct ora_set *set, uint64_t va);
uint64_t set_run_pages(const struct ora_run *r);
bool set_overlaps(const struct ora_set *set, uint64_t va, uint64_t last, uint64_t *first);
void set_insert(struct ora_set *set, struct ora_run run);
/* What is in [va, last] becomes these, which are in there. */
void set_splice(struct ora_set *set, uint64_t va, uint64_t last, const struct ora_run *run, size_t n);
/* Removes [va, last]; returns how many smallest pages were there. */
uint64_t set_remove(struct ora_set *set, uint64_t va, uint64_t last);
/* New attributes for what is there in [va, last]; accessed and dirty stay. Returns pages. */
uint64_t set_protect(struct ora_set *set, uint64_t va, uint64_t last, uint32_t attr);
/* Or bits into what is there; clear them. */
void set_touch(struct ora_set *set, uint64_t va, uint64_t last, uint32_t bits);
void set_untouch(struct ora_set *set, uint64_t va, uint64_t last, uint32_t bits);
uint64_t set_pages(const struct ora_set *set, uint64_t va, uint64_t last);
/* What a query of a fresh mapping with @attr tells. */
uint32_t ora_told(uint32_t attr);
/* Same addresses, frames and attributes? */
bool set_equal(const struct ora_set *a, const struct ora_set *b);
#endif
