/* SPDX-License-Identifier: MIT */
/* Any sequence of calls of one tiny cache, right or wrong, against the shadow of tests/tiny_model.h.
 *
 * After each operation: its status is the expected one; what was refused has changed no byte, and what was
 * done none that objects are in; objects do not overlap; verify is content and counts are the model's. Each 64th
 * time, when pages went, and at the end: where each object is and what it holds. At the end all is freed and
 * given back. Many at once are as many operations.
 *
 * Input: byte 0 size of an object, 1 alignment and size of a page, 2 where pages come from; then 3 bytes
 * an operation: what, and an object or an address, 2 bytes. */
#include "../tests/tiny_model.h"
#include "operations.h"
#include <stdio.h>

#define WHOLE 64u /* operations between two looks at every object */

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void must(const char *wrong)
{
	if (wrong) {
		fprintf(stderr, "tiny: %s\n", wrong);
		abort();
	}
}

static unsigned done; /* operations of this input */

/* After an operation. */
static void look(const struct model *m)
{
	must(++done % WHOLE == 0 ? model_check(m) : model_check_books(m));
	operations_count();
}

/* Mostly in the arena, now and then anywhere. */
static void *pointer_of(struct model *m, const uint8_t *op)
{
	size_t at = op[1] | (size_t)op[2] << 8;

	if (m->nobjects && op[0] & 0x20)
		return m->object[at % m->nobjects] + (op[2] & 15) - 4;
	return op[0] & 0x40 ? (void *)((uintptr_t)0 - at)
			    : m->arena + at % (MODEL_PAGES * m->cfg.page);
}

static void add(struct model *m, const uint8_t *op)
{
	size_t page = m->cfg.page, i = op[1] % MODEL_PAGES, pages = 1 + op[2] % (MODEL_PAGES - i);
	enum mm_status want = MM_OK, st;
	struct model_state was;

	for (size_t k = i; k < i + pages; k++)
		if (m->out[k])
			want = MM_E_EXIST;
	if (op[0] & 0x80)
		want = MM_E_NOSPC;
	model_save_call(m, &was);
	st = want == MM_E_NOSPC ? mm_tiny_add(&m->t, m->arena + i * page + 1,
					      page - 1 + op[1] % (unsigned)page)
				: mm_tiny_add(&m->t, m->arena + i * page, pages * page);
	if (model_same(m, &was, false) != (want != MM_OK))
		must("add: state");
	if (st != want)
		must("add: status");
	for (size_t k = i; want == MM_OK && k < i + pages; k++)
		m->out[k] = true;
}

static void run_op(struct model *m, const uint8_t *op)
{
	unsigned which = op[1] | (unsigned)op[2] << 8;

	switch (op[0] % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		must(model_alloc(m));
		break;
	case 5: /* many; once more when there is none */
		for (unsigned i = 0, had = 0; i < op[1] && had <= m->nobjects; i++, look(m)) {
			had = m->nobjects + 1;
			must(model_alloc(m));
		}
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		if (m->nobjects)
			must(model_free(m, m->object[which % m->nobjects]));
		break;
	case 10:
		for (unsigned i = 0; i < op[1] && m->nobjects; i++, look(m))
			must(model_free(m, m->object[(which * 7 + i) % m->nobjects]));
		break;
	case 11:
	case 12:
		must(model_free(m, pointer_of(m, op)));
		break;
	case 13:
		must(mm_tiny_shrink(&m->t) == (m->cfg.put ? MM_OK : MM_E_NOTSUP) ? NULL : "shrink");
		must(model_check(m));
		break;
	case 14:
		m->dry = op[1] & 1;
		m->skewed = op[1] & 2;
		break;
	default:
		add(m, op);
	}
	look(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static struct model m;

	if (n < 3)
		return 0;
	done = 0;
	if (model_init(&m, 1 + in[0] % 100u, (size_t)1 << (in[1] & 7) >> 1,
		       (size_t)128 << (in[1] >> 3 & 3), in[2] & 1) != MM_OK) {
		model_destroy(&m);
		return 0;
	}
	for (in += 3, n -= 3; n >= 3; in += 3, n -= 3)
		run_op(&m, in);
	must(model_empty(&m));
	must(mm_tiny_destroy(&m.t) == MM_OK ? NULL : "destroy");
	model_destroy(&m);
	return 0;
}
