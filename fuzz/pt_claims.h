/* SPDX-License-Identifier: MIT */
/* Of the fuzz target of page tables: claims on ranges of the tree. While there are some, operations go through the one
 * that has their address, sometimes through another or the tree itself, which is refused. Included once failed() and
 * sync_all() are known. */
#include <mmlib/pt_claim.h>

static struct mm_pt *claim_around(uint64_t va)
{
	for (size_t i = 0; i < CLAIMS; i++)
		if (claims[i].pt.port && va >= claims[i].range.va && va <= claims[i].range.last)
			return &claims[i].pt;
	return NULL;
}

/* The oracle has to know which tables may be empty. */
static void claims_tell(void)
{
	ora.nclaims = 0;
	for (size_t i = 0; i < CLAIMS; i++)
		if (claims[i].pt.port)
			ora.claim[ora.nclaims++] = claims[i].range;
}

/* Whom an operation goes through. A gather is of one writer. */
static void pick_writer(const struct op *op)
{
	struct mm_pt *any = &claims[op->skew % CLAIMS].pt, *w = claim_around(pick_va(op));

	if (!w || (op->fail & 0x38) == 0x38)
		w = any->port ? any : &f.pt;
	if ((op->fail & 0x38) == 0x30)
		w = &f.pt;
	if (w != f.writer)
		sync_all();
	f.writer = w;
}

static void release(size_t i)
{
	f.writer = &f.pt;
	MUST(mm_pt_release(&claims[i].pt, &f.g) == MM_OK);
	MUST(!claims[i].pt.port && !f.g.flush && !f.g.ntables);
	claims_tell();
}

static void claim(const struct op *op, size_t i)
{
	const uint64_t va = pick_va(op), length = pick_length(op) + op->attr_lo % 64u * PAGE, last = va + (length - 1);
	enum mm_status expect = range_status(va, length);

	if (expect == MM_OK && claims_meet(va, last))
		expect = MM_E_BUSY;
	enum mm_status st = mm_pt_claim(&f.pt, va, length, op->attr_hi & 1 ? &ora.env : NULL, &f.g, &claims[i].pt);
	if (st != MM_OK) {
		failed(st, expect ? expect : MM_E_NOMEM);
		return;
	}
	MUST(expect == MM_OK);
	claims[i].range = (struct ora_span){ va, last };
	claims_tell();
}

/* One more, or one less. */
static void op_claim(const struct op *op)
{
	const size_t i = op->flags % CLAIMS;

	sync_all();
	f.writer = &f.pt;
	ora_begin(&ora, 0, UINT64_MAX);
	if (claims[i].pt.port)
		release(i);
	else
		claim(op, i);
	sync_all();
}

static void claims_end(void)
{
	sync_all();
	for (size_t i = 0; i < CLAIMS; i++)
		if (claims[i].pt.port)
			release(i);
}
