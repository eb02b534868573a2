/* SPDX-License-Identifier: MIT */
/* Of the fuzz target of page tables: the formats, one case, how an input chooses addresses and attributes, and
 * what the manuals and the contract say of them. */
#ifndef PT_CASE_H
#define PT_CASE_H
#include <mmlib/pt_aarch64.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_port.h>
#include <mmlib/pt_riscv64.h>
#include <mmlib/pt_tree.h>
#include <mmlib/pt_x86_64.h>
#include "../tests/pt_extra.h"
#include "../tests/pt_oracle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLES  28u /* more than a gather holds */
#define LONG    10u /* if they are longer than 4 KiB */
#define MAX_OPS 48 /* of a case */
#define EVERYTHING 32 /* operations until all tables are looked at */
#define LIST    700u /* most frames in a list: more than a table takes */
#define CLAIMS  3u
#define PAGE    (UINT64_C(1) << ora_page_shift)
#define PAGE_4K 4096u
#define PA_BITS 44 /* of the machine, at most */

struct op {
	uint8_t kind, where, scale, flags, attr_lo, attr_hi, skew, fail;
	uint16_t offset, length;
};

/* A format with a folded instance. */
struct folded {
	const struct mm_pt_port *(*port)(void);
	const struct ora_arch *arch;
	enum mm_status (*map)(struct mm_pt *, mm_vaddr_t, mm_paddr_t, uint64_t, uint32_t, uint32_t,
			      struct mm_tlb_gather *);
	enum mm_status (*unmap)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t,
				struct mm_tlb_gather *);
	enum mm_status (*protect)(struct mm_pt *, mm_vaddr_t, uint64_t, uint32_t, uint32_t,
				  struct mm_tlb_gather *);
	enum mm_status (*query)(const struct mm_pt *, mm_vaddr_t, struct mm_pt_run *);
	bool (*next)(struct mm_pt_cur *, struct mm_pt_run *);
	enum mm_status (*unmap_next)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				     struct mm_pt_run *);
	enum mm_status (*map_list)(struct mm_pt *, mm_vaddr_t, const mm_paddr_t *, size_t, uint32_t,
				   uint32_t, struct mm_tlb_gather *);
	enum mm_status (*translate)(const struct mm_pt *, mm_vaddr_t, mm_paddr_t *);
	bool (*leaves)(struct mm_pt_cur *, struct mm_pt_leaves *);
	enum mm_status (*unmap_leaves)(struct mm_pt *, struct mm_pt_cur *, struct mm_tlb_gather *,
				       struct mm_pt_leaves *);
};

#define FOLDED(name)                                                                               \
	name##_map, name##_unmap, name##_protect, name##_query, name##_cur_next,                   \
		name##_unmap_next, name##_map_list, name##_translate, name##_cur_leaves,           \
		name##_unmap_leaves

static const struct folded folded[] = {
	{ mm_pt_x86_64_port, &ora_x86_64, FOLDED(mm_pt_x86_64) },
	{ mm_pt_aarch64_port, &ora_aarch64, FOLDED(mm_pt_aarch64) },
	{ mm_pt_aarch64_high_port, &ora_aarch64_high, FOLDED(mm_pt_aarch64_high) },
	{ mm_pt_sv39_port, &ora_sv39, FOLDED(mm_pt_sv39) },
	{ mm_pt_sv48_port, &ora_sv48, FOLDED(mm_pt_sv48) },
};
#define NFOLDED (sizeof(folded) / sizeof(folded[0]))
#define NBUILT  (NFOLDED + MM_PT_FORMATS) /* those that are in the library, then those of tests */
#define NALL    (NBUILT + ORA_EXTRA)

static const struct ora_arch *arch_of(unsigned k)
{
	if (k >= NBUILT)
		return ora_extra[k - NBUILT].arch;
	return k < NFOLDED ? folded[k].arch : ora_formats[k - NFOLDED];
}

static const struct mm_pt_port *port_of(unsigned k)
{
	if (k >= NBUILT)
		return ora_extra[k - NBUILT].port;
	return k < NFOLDED ? folded[k].port() : mm_pt_format((enum mm_pt_format)(k - NFOLDED));
}

struct fuzz {
	const struct folded *format; /* NULL: it has no instance of its own */
	const struct ora_arch *arch;
	uint64_t low_end,
		high;     /* last address of the low half, first of the high half; 0: it has none */
	uint64_t base[8]; /* where operations happen */
	uint64_t big[3];  /* bytes of an entry at levels 0, 1 and 2, or nearly */
	uint64_t limit;   /* first physical address that there is not */
	struct mm_pt pt;
	struct mm_pt *writer; /* what operations go through: the tree, or a claim */
	struct mm_tlb_gather g;
	bool folded, allow_wx;
	uint32_t features;
	uint8_t leaf_levels; /* at which there may be leaves */
	struct mm_pt_cfg cfg;
	uint64_t hash; /* of all tables, before the operation... */
	bool refused;  /* ...which was: they are as they were */
	unsigned compared;
};

/* Tests try formats that are wrong: what to take in place of one, or NULL. */
static const struct mm_pt_port *(*swap_port)(const struct mm_pt_port *port);
static struct ora ora;
static struct ora_set model, before, part, one, stays;
static struct fuzz f;
static struct second {
	struct mm_pt pt; /* no port: there is none */
	struct mm_pt_env env;
	struct mm_tlb_gather g;
	bool kept;     /* something is, ora.kept, for the second or before it comes... */
	bool shares;   /* ...and it has that */
	bool follows;  /* it has what the first has in... */
	struct ora_span followed;
} second;          /* a root that shares with the first: pt_second.h */
static struct claimed {
	struct mm_pt pt; /* no port: there is none */
	struct ora_span range;
} claims[CLAIMS]; /* pt_claims.h */
static mm_paddr_t frames[LIST];
static uint32_t attrs[LIST];

#define MUST(x) must((x), #x, __LINE__)

static void tell_line(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s\n", text);
}

static void must(bool ok, const char *what, int line)
{
	if (ok && !ora.wrong)
		return;
	fprintf(stderr, "fuzz_pt.c:%d: %s; oracle: %s; %s\n", line, what,
		ora.wrong ? ora.wrong : "-", f.arch->name);
	if (!ora.wrong)
		mm_pt_dump(&f.pt, 0, tell_line, NULL);
	abort();
}

/* ---- one source of operations, two instances ---- */

static enum mm_status do_map(uint64_t va, uint64_t pa, uint64_t len, uint32_t attr, uint32_t flags)
{
	return f.folded ? f.format->map(f.writer, va, (mm_paddr_t)pa, len, attr, flags, &f.g)
			: mm_pt_map(f.writer, va, (mm_paddr_t)pa, len, attr, flags, &f.g);
}

static enum mm_status do_unmap(uint64_t va, uint64_t len, uint32_t flags)
{
	return f.folded ? f.format->unmap(f.writer, va, len, flags, &f.g)
			: mm_pt_unmap(f.writer, va, len, flags, &f.g);
}

static enum mm_status do_protect(uint64_t va, uint64_t len, uint32_t attr, uint32_t flags)
{
	return f.folded ? f.format->protect(f.writer, va, len, attr, flags, &f.g)
			: mm_pt_protect(f.writer, va, len, attr, flags, &f.g);
}

static enum mm_status do_query(uint64_t va, struct mm_pt_run *run)
{
	return f.folded ? f.format->query(f.writer, va, run) : mm_pt_query(f.writer, va, run);
}

static bool do_next(struct mm_pt_cur *cur, struct mm_pt_run *run)
{
	return f.folded ? f.format->next(cur, run) : mm_pt_cur_next(cur, run);
}

static enum mm_status do_unmap_next(struct mm_pt_cur *cur, struct mm_pt_run *run)
{
	return f.folded ? f.format->unmap_next(f.writer, cur, &f.g, run)
			: mm_pt_unmap_next(f.writer, cur, &f.g, run);
}

static enum mm_status do_map_list(uint64_t va, const mm_paddr_t *pa, size_t n, uint32_t attr,
				  uint32_t flags)
{
	return f.folded ? f.format->map_list(f.writer, va, pa, n, attr, flags, &f.g)
			: mm_pt_map_list(f.writer, va, pa, n, attr, flags, &f.g);
}

static enum mm_status do_translate(uint64_t va, mm_paddr_t *pa)
{
	return f.folded ? f.format->translate(f.writer, va, pa) : mm_pt_translate(f.writer, va, pa);
}

static bool do_leaves(struct mm_pt_cur *cur, struct mm_pt_leaves *leaves)
{
	return f.folded ? f.format->leaves(cur, leaves) : mm_pt_cur_leaves(cur, leaves);
}

static enum mm_status do_unmap_leaves(struct mm_pt_cur *cur, struct mm_pt_leaves *leaves)
{
	return f.folded ? f.format->unmap_leaves(f.writer, cur, &f.g, leaves)
			: mm_pt_unmap_leaves(f.writer, cur, &f.g, leaves);
}

/* ---- what the manual and the contract say ---- */

static uint64_t pick_va(const struct op *op)
{
	uint64_t off = op->offset % 2048 * PAGE;

	switch (op->scale % 4) {
	case 2:
		off = op->offset % 16 * f.big[1] + (op->offset >> 4) % 2 * PAGE;
		break;
	case 3:
		off = op->offset % 4 * f.big[2] + (op->offset >> 2) % 2 * f.big[1];
		break;
	}
	return f.base[op->where % 8] + off;
}

/* Mostly short: a large one takes as long as a hundred others. */
static uint64_t pick_length(const struct op *op)
{
	uint64_t n = op->length;

	switch (op->scale / 4 % 4) {
	case 0:
		return n % 16 * PAGE;
	case 1:
		return n % (n < 0xe000 ? 160 : 2048) * PAGE;
	case 2:
		return n % (n < 0xe000 ? 4 : 16) * f.big[1] + (n >> 4) % 2 * PAGE;
	default:
		return n % (n < 0xc000 ? 2 : 4) * f.big[2] + (n >> 2) % 2 * f.big[1];
	}
}

/* Mostly in step with @va, and somewhere below the limit or around it. */
static uint64_t pick_pa(const struct op *op, uint64_t va)
{
	uint64_t pa =
		(va & (f.limit / 4 - 1)) + op->skew % 4 * PAGE + (op->skew & 4 ? f.big[1] : 0);

	return pa + f.limit / 4 + (op->skew & 0x80 ? f.limit / 2 : 0);
}

/* Borders of all levels, at both ends. */
static void pick_bases(void)
{
	const unsigned bits = ora_va_bits(f.arch), top = f.arch->top;
	const uint64_t ones = ~((UINT64_C(1) << bits) - 1), half = UINT64_C(1) << (bits - 1);
	const uint64_t low = f.arch->half == ORA_ONES ? ones : 0;
	uint64_t end = f.arch->half == ORA_ZERO ? half * 2 : 0;

	f.low_end = f.arch->half == ORA_SIGN   ? half - 1
		    : f.arch->half == ORA_ZERO ? half * 2 - 1
					       : 0;
	f.high = f.arch->half == ORA_SIGN ? ones | half : f.arch->half == ORA_ONES ? ones : 0;
	for (unsigned l = 0; l < 3; l++)
		f.big[l] = l <= top ? ora_size(&ora, l) : half / 4;
	uint64_t third = top > 2 ? ora_size(&ora, 3) : half / 2;
	const uint64_t base[8] = { low,
				   low + f.big[2] - 2 * f.big[1],
				   low + third - 2 * f.big[1],
				   (f.low_end ? f.low_end + 1 : ones + half) - 4 * f.big[1],
				   f.high ? f.high : half,
				   end - 4 * f.big[1],
				   end - 4 * f.big[2],
				   low + f.big[2] };
	memcpy(f.base, base, sizeof(base));
}

static enum mm_status range_status(uint64_t va, uint64_t len)
{
	bool wraps = va + len < va && va + len != 0;

	if (len == 0 || wraps)
		return MM_E_INVAL;
	uint64_t last = va + len - 1, low = f.low_end, high = f.high;
	return (low && last <= low) || (high && va >= high) ? MM_OK : MM_E_RANGE;
}

static bool claims_meet(uint64_t va, uint64_t last)
{
	for (size_t i = 0; i < CLAIMS; i++)
		if (claims[i].pt.port && last >= claims[i].range.va && va <= claims[i].range.last)
			return true;
	return false;
}

static bool claims_any(void)
{
	return claims_meet(0, UINT64_MAX);
}

/* The same for what changes something. */
static enum mm_status change_status(uint64_t va, uint64_t len)
{
	enum mm_status st = range_status(va, len);

	if (st != MM_OK)
		return st;
	if (f.writer == &f.pt)
		return claims_any() ? MM_E_OWNER : MM_OK;
	const struct ora_span *own = &((const struct claimed *)f.writer)->range;
	return va >= own->va && va + (len - 1) <= own->last ? MM_OK : MM_E_OWNER;
}

static enum mm_status attr_status(uint32_t attr)
{
	if (!(attr & (MM_PT_READ | MM_PT_WRITE | MM_PT_EXEC)) ||
	    (attr & (MM_PT_ACCESSED | MM_PT_DIRTY)) || (attr & MM_PT_TYPE) > MM_PT_DEVICE)
		return MM_E_INVAL;
	if ((attr & MM_PT_WRITE) && (attr & MM_PT_EXEC) && !f.allow_wx)
		return MM_E_PERM;
	return ora_can(f.arch, attr, f.features) ? MM_OK : MM_E_NOTSUP;
}

static uint32_t pick_attr(const struct op *op)
{
	uint32_t attr = op->attr_lo;

	if (op->attr_hi & 0x80)
		return attr | (uint32_t)(op->attr_hi & 7) << 8 | /* anything */
		       (op->attr_hi & 0x40 ? MM_PT_KEY(op->attr_hi >> 3 & 15) : 0);
	attr = (attr & ~(uint32_t)(MM_PT_ACCESSED | MM_PT_DIRTY)) | MM_PT_READ;
	if (attr & MM_PT_WRITE)
		attr &= ~(uint32_t)MM_PT_EXEC;
	if (f.features & f.arch->key_feature)
		attr |= MM_PT_KEY(op->attr_hi >> 4 & 7);
	return attr | (op->attr_hi & 8 ? (uint32_t)(op->attr_hi % 5) << 8 : 0);
}
#endif
