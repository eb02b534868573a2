/* SPDX-License-Identifier: MIT */
/* The buddy: every call against the plain model of buddy_model.h, every error, damage of every bit,
 * every short sequence. What happens at the same time is in test_buddy_races.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "buddy_model.h"
#include "sim.h"

#define W ((mm_pfn_t)MM_WORD_BITS)
#define F MODEL_F

static void must(const char *wrong)
{
	if (wrong)
		fail_msg("%s", wrong);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 11;
}

static uint64_t hash(const struct model *m)
{
	return sim_hash(0, m->meta, buddy_words_bytes(&m->b, m->size));
}

/* A model with all frames free. */
static void make(struct model *m, mm_pfn_t base, mm_pfn_t frames)
{
	must(model_init(m, base, frames));
	must(model_check(m));
	must(model_free_range(m, base, frames));
	must(model_check(m));
}

/* Ranges whose edges cut words at every level, or none. */
static const mm_pfn_t lengths[] = { 1,        2,    W - 1,        W,           W + 1, 3 * W + 5,
				    W *W - 1, W *W, W *W + W + 1, 2 * W *W + 3 };

static mm_pfn_t base_of(unsigned n, mm_pfn_t frames)
{
	const mm_pfn_t bases[] = { 0, 1, W - 1, 5 * W * W + 7, MM_PFN_MAX - (frames - 1) };

	return bases[n];
}
#define NBASES   5
#define NLENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* Arguments */

static void size_is_about_a_bit_for_each_frame(void **state)
{
	size_t bytes = mm_buddy_size(0, (mm_pfn_t)1 << 20);

	(void)state;
	assert_true(bytes >= (1 << 20) / 8);
	/* words of all levels, then log2 W hints for two words */
	assert_true(bytes < (1 << 20) / 8 * 4 / 3 * (1 + (MM_WORD_BITS == 8) * 3 / 14.0 + 0.2));
	if (MM_WORD_BITS == 64)
		assert_true(bytes <= (1 << 20) / 8 * 1066 / 1000);
	assert_int_equal(bytes % sizeof(mm_word_t), 0);
}

static void ranges_that_cannot_be_have_no_size(void **state)
{
	(void)state;
	assert_int_equal(mm_buddy_size(0, 0), 0);
	assert_int_equal(mm_buddy_size(5, 0), 0);
	assert_int_equal(mm_buddy_size(MM_PFN_MAX, 2), 0);
	assert_int_equal(mm_buddy_size(1, (mm_pfn_t)-1), 0);
	assert_true((mm_pfn_t)(MM_PFN_MAX + 1) > MM_PFN_MAX); /* walks go on there, and end */
	assert_int_equal(mm_buddy_size((mm_pfn_t)-1, 1), 0);
	assert_int_not_equal(mm_buddy_size(MM_PFN_MAX, 1), 0);
	assert_int_not_equal(mm_buddy_size(0, MM_PFN_MAX), 0);
}

static void init_refuses_bad_arguments_and_writes_nothing(void **state)
{
	struct mm_buddy b, before;
	mm_word_t meta[64], meta_before[64];
	size_t size = mm_buddy_size(3, 100);

	(void)state;
	memset(&b, 0x5A, sizeof(b));
	memset(meta, 0xA5, sizeof(meta));
	before = b;
	memcpy(meta_before, meta, sizeof(meta));
	assert_int_equal(mm_buddy_init(NULL, 3, 100, meta, sizeof(meta)), MM_E_INVAL);
	assert_int_equal(mm_buddy_init(&b, 3, 100, NULL, sizeof(meta)), MM_E_INVAL);
	assert_int_equal(mm_buddy_init(&b, 3, 0, meta, sizeof(meta)), MM_E_INVAL);
	assert_int_equal(mm_buddy_init(&b, MM_PFN_MAX, 2, meta, sizeof(meta)), MM_E_INVAL);
	assert_int_equal(mm_buddy_init(&b, (mm_pfn_t)-3, 10, meta, sizeof(meta)), MM_E_INVAL);
	if (sizeof(mm_word_t) > 1)
		assert_int_equal(mm_buddy_init(&b, 3, 100, (char *)meta + 1, sizeof(meta) - 8),
				 MM_E_INVAL);
	assert_int_equal(mm_buddy_init(&b, 3, 100, meta, size - 1), MM_E_NOSPC);
	assert_int_equal(mm_buddy_init(&b, 3, 100, meta, 0), MM_E_NOSPC);
	assert_memory_equal(&b, &before, sizeof(b));
	assert_memory_equal(meta, meta_before, sizeof(meta));
	assert_int_equal(mm_buddy_init(&b, 3, 100, meta, size), MM_OK);
}

static void an_all_zero_buddy_has_no_frames(void **state)
{
	struct mm_buddy b;
	mm_pfn_t pfn = 7;
	unsigned order = 7;

	(void)state;
	memset(&b, 0, sizeof(b));
	assert_int_equal(mm_buddy_max_order(&b), 0);
	assert_int_equal(mm_buddy_alloc(&b, 0, &pfn), MM_E_NOMEM);
	assert_int_equal(mm_buddy_alloc(&b, 1, &pfn), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_at(&b, 0, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free(&b, 0, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&b, 0, 1), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&b, 0, 0), MM_OK);
	assert_false(mm_buddy_is_free(&b, 0));
	assert_false(mm_buddy_next_free(&b, 0, 0, &pfn, &order));
	assert_int_equal(mm_buddy_count_free(&b), 0);
	assert_int_equal(mm_buddy_verify(&b), MM_OK);
	assert_int_equal(pfn, 7);
	assert_int_equal(order, 7);
}

static void every_misuse_gets_its_error_and_changes_nothing(void **state)
{
	struct model m;
	mm_pfn_t out = 7;
	uint64_t before;

	(void)state;
	make(&m, 3, 3 * W);
	unsigned bad = mm_buddy_max_order(&m.b) + 1;
	must(model_alloc_at(&m, 4, 2));
	before = hash(&m);
	assert_int_equal(mm_buddy_alloc(NULL, 0, &out), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc(&m.b, 0, NULL), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc(&m.b, bad, &out), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc(&m.b, ~0u, &out), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc(&m.b, bad - 1, &out), MM_E_NOMEM);
	assert_int_equal(mm_buddy_alloc_at(NULL, 4, 0), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 0, bad), MM_E_INVAL);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 9, 1), MM_E_ALIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 2, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 2, 1), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 3 * W + 3, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 3 * W + 2, 1), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, (mm_pfn_t)-1, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 4, 0), MM_E_BUSY);
	assert_int_equal(mm_buddy_alloc_at(&m.b, 4, 2), MM_E_BUSY);
	assert_int_equal(mm_buddy_free(NULL, 4, 2), MM_E_INVAL);
	assert_int_equal(mm_buddy_free(&m.b, 0, bad), MM_E_INVAL);
	assert_int_equal(mm_buddy_free(&m.b, 5, 1), MM_E_ALIGN);
	assert_int_equal(mm_buddy_free(&m.b, 2, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free(&m.b, 3 * W + 3, 0), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free(&m.b, 3, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free(&m.b, W, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free(&m.b, W, F), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free_range(NULL, 4, 1), MM_E_INVAL);
	assert_int_equal(mm_buddy_free_range(&m.b, 2, 3), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&m.b, 4, 3 * W), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&m.b, 4, (mm_pfn_t)-1), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&m.b, (mm_pfn_t)-1, 2), MM_E_FOREIGN);
	assert_int_equal(mm_buddy_free_range(&m.b, 4, 5), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free_range(&m.b, 3, 5), MM_E_DOUBLE_FREE);
	assert_false(mm_buddy_is_free(NULL, 4));
	assert_false(mm_buddy_is_free(&m.b, 2));
	assert_false(mm_buddy_is_free(&m.b, 3 * W + 3));
	assert_int_equal(mm_buddy_verify(NULL), MM_E_INVAL);
	assert_int_equal(out, 7);
	assert_true(hash(&m) == before);
	must(model_check(&m));
	model_destroy(&m);
}

static void a_free_with_free_frames_inside_is_found_when_hardened(void **state)
{
	struct model m;

	(void)state;
	make(&m, 0, 4 * W);
	must(model_alloc_at(&m, W, F));
	must(model_free(&m, W + 2, 1)); /* inside what we hold */
	must(model_check(&m));
	uint64_t before = hash(&m);
	if (MM_CHECKS >= 2)
		assert_int_equal(mm_buddy_free(&m.b, W, F), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free(&m.b, W, F - 1), MM_E_DOUBLE_FREE);
	assert_true(hash(&m) == before);
	model_destroy(&m);
}

/* Behaviour, against the model */

static void every_order_is_aligned_disjoint_and_comes_back(void **state)
{
	(void)state;
	for (unsigned base = 0; base < NBASES; base++) {
		for (unsigned n = 0; n < NLENGTHS; n++) {
			struct model m;

			make(&m, base_of(base, lengths[n]), lengths[n]);
			uint64_t first = hash(&m);
			for (unsigned order = 0; order <= mm_buddy_max_order(&m.b); order++) {
				mm_pfn_t out;

				do /* the model knows the address: aligned, inside, free, lowest */
					must(model_alloc(&m, order, &out));
				while (out != 77);
				must(model_check(&m));
				must(model_free_rest(&m));
				assert_true(hash(&m) == first);
			}
			model_destroy(&m);
		}
	}
}

static void one_random_op(struct model *m, uint64_t *seed)
{
	unsigned order = (unsigned)(next_random(seed) % (mm_buddy_max_order(&m->b) + 2));
	mm_pfn_t pfn = m->base + next_random(seed) % m->frames, out;
	mm_pfn_t aligned = pfn & ~(((mm_pfn_t)1 << order) - 1);

	if (next_random(seed) % 2)
		order %= F, aligned = pfn & ~(((mm_pfn_t)1 << order) - 1);
	switch (next_random(seed) % 8) {
	case 0:
	case 1:
	case 2:
		must(model_alloc(m, order, &out));
		break;
	case 3:
		must(model_alloc_at(m, aligned, order));
		break;
	case 4:
	case 5:
	case 6:
		must(model_free(m, aligned, order));
		break;
	default:
		must(model_free_range(m, pfn, next_random(seed) % (2 * W)));
	}
}

static void random_calls_do_what_the_model_says(void **state)
{
	uint64_t seed = UINT64_C(0x123456789abcdef);

	(void)state;
	for (unsigned base = 0; base < NBASES; base++) {
		for (unsigned n = 0; n < NLENGTHS; n++) {
			unsigned every = lengths[n] > 1000 ? 64 : 4;
			struct model m;

			make(&m, base_of(base, lengths[n]), lengths[n]);
			uint64_t first = hash(&m);
			for (unsigned i = 0; i < (sim_is_slow() ? 120 : 1200); i++) {
				one_random_op(&m, &seed);
				if (i % every == 0)
					must(model_check(&m));
			}
			must(model_free_rest(&m));
			must(model_check(&m));
			assert_true(hash(&m) == first);
			model_destroy(&m);
		}
	}
}

static void any_part_of_a_block_can_be_freed(void **state)
{
	struct model m;

	(void)state;
	make(&m, 0, W * W);
	uint64_t first = hash(&m);
	for (unsigned order = 0; order <= 2 * F; order++) {
		for (unsigned part = 0; part <= order; part++) {
			mm_pfn_t out = 0, count = (mm_pfn_t)1 << (order - part);

			must(model_alloc(&m, order, &out));
			for (mm_pfn_t i = 0; i < count;
			     i++) { /* the odd ones, then the even ones */
				mm_pfn_t n = (i * 2 + 1) % (count + 1);

				must(model_free(&m, out + (n << part), part));
			}
			must(model_free_rest(&m));
			assert_true(hash(&m) == first);
		}
	}
	must(model_check(&m));
	model_destroy(&m);
}

static void a_range_with_one_free_frame_is_not_freed_at_all(void **state)
{
	struct model m;
	mm_pfn_t length = W * W + 3 * W;

	(void)state;
	make(&m, 1, length);
	for (mm_pfn_t i = 0; i < length; i++)
		must(model_alloc_at(&m, 1 + i, 0));
	assert_int_equal(m.nfree, 0);
	for (mm_pfn_t i = 0; i < length; i += W / 2 + 1) {
		must(model_free(&m, 1 + i, 0));
		uint64_t before = hash(&m);
		assert_int_equal(mm_buddy_free_range(&m.b, 1, length), MM_E_DOUBLE_FREE);
		assert_int_equal(mm_buddy_free_range(&m.b, 1 + i, 1), MM_E_DOUBLE_FREE);
		assert_true(hash(&m) == before);
		must(model_alloc_at(&m, 1 + i, 0));
	}
	must(model_free_range(&m, 1, length));
	must(model_check(&m));
	model_destroy(&m);
}

static void the_last_frames_of_the_address_space_are_ordinary(void **state)
{
	struct model m;
	mm_pfn_t out = 0;

	(void)state;
	make(&m, MM_PFN_MAX - 2 * W, 2 * W + 1);
	assert_int_equal(mm_buddy_alloc_at(&m.b, MM_PFN_MAX, 0), MM_OK);
	assert_int_equal(mm_buddy_free(&m.b, MM_PFN_MAX, 0), MM_OK);
	assert_int_equal(mm_buddy_free(&m.b, MM_PFN_MAX, 0), MM_E_DOUBLE_FREE);
	assert_int_equal(mm_buddy_free_range(&m.b, MM_PFN_MAX, 2), MM_E_FOREIGN);
	while (m.nfree)
		must(model_alloc(&m, 0, &out));
	assert_int_equal(out, MM_PFN_MAX);
	must(model_check(&m));
	model_destroy(&m);
}

/* Damage */

/* The free set as is_free tells it, and the metadata that it should have. */
static bool is_ordinary(struct model *m)
{
	const char *wrong;

	m->nfree = 0;
	for (mm_pfn_t i = 0; i < m->frames; i++)
		m->nfree += m->free[i] = mm_buddy_is_free(&m->b, m->base + i);
	wrong = model_check_anew(m);
	return !wrong;
}

#if MM_BUDDY_ROWS > 0
/* Hints of item i of a row, one bit a class. */
static unsigned hints(const mm_word_t *row, size_t i)
{
	unsigned classes = 0;

	for (unsigned c = 0; c < MODEL_F; c++)
		classes |= (unsigned)(row[i / W * MODEL_F + c] >> i % W & 1u) << c;
	return classes;
}

/* log2 of the longest aligned run of a word that is not zero, at most F - 1. */
static unsigned longest(mm_word_t word)
{
	for (unsigned c = MODEL_F - 1; c > 0; c--)
		for (unsigned at = 0; at < W; at += 1u << c) {
			mm_word_t run =
				(mm_word_t)((((mm_word_t)1 << ((1u << c) - 1) << 1) - 1) << at);

			if ((word & run) == run)
				return c;
		}
	return 0;
}

/* Of each pair of words that is not zero, a hint that is high enough; above, exactly what is below; and
 * nothing behind the last. */
static bool hints_are_sound(const struct mm_buddy_level *lv, size_t words)
{
	size_t count = (words + 1) / 2; /* pairs */

	for (size_t i = 0; lv->rows[0] && i < (count + W - 1) / W * W; i++) {
		unsigned have = hints(lv->rows[0], i);

		if (i >= count && have)
			return false;
		for (size_t k = 2 * i; i < count && k < 2 * i + 2; k++)
			if (k < words ? lv->words[k] && !(have >> longest(lv->words[k]))
				      : lv->words[k] != 0)
				return false;
	}
	for (unsigned row = 1; row < MM_BUDDY_ROWS && lv->rows[row]; row++) {
		count = (count + W - 1) / W; /* groups of the row below */
		for (size_t i = 0; i < (count + W - 1) / W * W; i++) {
			unsigned want = 0;

			for (unsigned c = 0; i < count && c < MODEL_F; c++)
				want |= (unsigned)(lv->rows[row - 1][i * MODEL_F + c] != 0) << c;
			if (hints(lv->rows[row], i) != want)
				return false;
		}
	}
	return true;
}

static bool summaries_are_sound(const struct model *m)
{
	mm_pfn_t first = m->base / (2 * W) * (2 * W), last = m->base + (m->frames - 1);

	for (unsigned level = 0; level < m->b.nlevels; level++) {
		first >>= MODEL_F;
		last >>= MODEL_F;
		if (!hints_are_sound(&m->b.level[level], (size_t)(last - first + 1)))
			return false;
	}
	return true;
}
#else
static bool summaries_are_sound(const struct model *m)
{
	(void)m;
	return true;
}
#endif

/* verify must say OK exactly if the damage gave the words of some other set of free frames, and hints
 * that find them all. */
static unsigned flip_every_bit(struct model *m)
{
	unsigned found = 0;

	for (size_t i = 0; i < m->size * 8; i++) {
		m->meta[i / 8] ^= (unsigned char)(1u << i % 8);
		bool whole = mm_buddy_verify(&m->b) == MM_OK;
		assert_int_equal(whole, is_ordinary(m) && summaries_are_sound(m));
		m->meta[i / 8] ^= (unsigned char)(1u << i % 8);
		found += !whole;
	}
	assert_true(is_ordinary(m));
	must(model_check(m));
	return found;
}

static void verify_finds_every_flipped_bit_that_is_damage(void **state)
{
	uint64_t seed = 99;

	(void)state;
	for (unsigned n = 0; n < NLENGTHS && lengths[n] <= 300; n++) {
		struct model m;
		unsigned found;

		make(&m, 1, lengths[n]);
		found = flip_every_bit(&m);
		assert_true(found > 0 || m.size == 1);
		for (unsigned i = 0; i < 60; i++) {
			one_random_op(&m, &seed);
			if (i % 15 == 0)
				flip_every_bit(&m);
		}
		model_destroy(&m);
	}
}

static void verify_finds_damage_of_the_structure(void **state)
{
	struct model m;
	struct mm_buddy b;

	(void)state;
	make(&m, 0, 4 * W);
#if MM_ATOMICS
	b = m.b;
	b.begun++;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
	b = m.b;
	b.searching++;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
#endif
	b = m.b;
	b.nlevels--;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
	b = m.b;
	b.frames = 0;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
	b = m.b;
	b.base = MM_PFN_MAX;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
	b = m.b;
	b.level[1].words = NULL;
	assert_int_equal(mm_buddy_verify(&b), MM_E_CORRUPT);
	model_destroy(&m);
}

/* Small scope: every sequence */

#if MM_WORD_BITS == 8
struct op {
	mm_pfn_t pfn;
	unsigned order;
};

static unsigned long sequences;

/* All continuations by `left` operations: allocate order 0 to 3, free each live block. */
static void explore(struct model *m, struct op *live, unsigned nlive, unsigned left)
{
	sequences++;
	must(model_check(m));
	for (unsigned order = 0; left && order <= 3; order++) {
		mm_pfn_t pfn;

		must(model_alloc(m, order, &pfn));
		if (pfn == 77)
			continue;
		live[nlive] = (struct op){ pfn, order };
		explore(m, live, nlive + 1, left - 1);
		must(model_free(m, pfn, order));
	}
	for (unsigned i = 0; left && i < nlive; i++) {
		struct op gone = live[i], last = live[nlive - 1];

		must(model_free(m, gone.pfn, gone.order));
		live[i] = last;
		explore(m, live, nlive - 1, left - 1);
		live[nlive - 1] = last;
		live[i] = gone;
		must(model_alloc_at(m, gone.pfn, gone.order));
	}
}

static void every_short_sequence_on_few_frames(void **state)
{
	struct op live[8];

	(void)state;
	for (mm_pfn_t frames = 8; frames <= 16; frames++) {
		for (mm_pfn_t base = 0; base <= 9; base += 3) {
			struct model m;

			make(&m, base, frames);
			uint64_t first = hash(&m);
			explore(&m, live, 0, 5);
			assert_true(hash(&m) == first);
			model_destroy(&m);
		}
	}
	print_message("%lu sequences\n", sequences);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_about_a_bit_for_each_frame),
		cmocka_unit_test(ranges_that_cannot_be_have_no_size),
		cmocka_unit_test(init_refuses_bad_arguments_and_writes_nothing),
		cmocka_unit_test(an_all_zero_buddy_has_no_frames),
		cmocka_unit_test(every_misuse_gets_its_error_and_changes_nothing),
		cmocka_unit_test(a_free_with_free_frames_inside_is_found_when_hardened),
		cmocka_unit_test(every_order_is_aligned_disjoint_and_comes_back),
		cmocka_unit_test(random_calls_do_what_the_model_says),
		cmocka_unit_test(any_part_of_a_block_can_be_freed),
		cmocka_unit_test(a_range_with_one_free_frame_is_not_freed_at_all),
		cmocka_unit_test(the_last_frames_of_the_address_space_are_ordinary),
		cmocka_unit_test(verify_finds_every_flipped_bit_that_is_damage),
		cmocka_unit_test(verify_finds_damage_of_the_structure),
#if MM_WORD_BITS == 8
		cmocka_unit_test(every_short_sequence_on_few_frames),
#endif
	};
	return cmocka_run_group_tests_name("buddy", tests, NULL, NULL);
}
