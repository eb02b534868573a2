/* SPDX-License-Identifier: MIT */
/* Fuzz heaps that are used as one, and one heap beside them, against a shadow.
 *
 * The shadow knows every live object: its address, its size, a pattern that fills it, and the place that it was
 * allocated for. After each operation no frame has objects of two heaps, each object is of the heap that its place
 * has had from the beginning, contents are whole. Wrong frees, through another heap of the set or the one beside it
 * too, get their documented error. Some heaps note owners. Allocations inside the library fail when the input says so.
 * Each 64th time, and at the end, everything is verified. At the end all is freed and destroyed, and the page layer
 * has its first state hash. The first byte tells how many heaps there are. */
#include <stdlib.h>
#include <string.h>
#include <mmlib/owner.h>
#include <mmlib/site.h>
#include "../tests/contents.h"
#include "operations.h"
#include "slab_machine.h"

#define WHOLE      64u
#define RAM_FRAMES 1024u
#define LIVE       96u
#define PLACES     32u

struct object {
	unsigned char *p;
	size_t size;
	uint8_t tag;
	uint8_t place;
};

static struct mm_heap heaps[MM_HEAP_SET_MAX], beside;
static struct mm_heap_set set;
static struct mm_heap *heap_of_place[PLACES];
static struct object live[LIVE];
static unsigned n;

/* Places are as far apart as calls are. */
static uintptr_t place(unsigned i)
{
	return (uintptr_t)0x10234560u + i * 20u;
}

static size_t pick_size(unsigned a, unsigned b)
{
	return a < 230 ? (a * 7 + b) % 1100 + 1 : (a - 229) * 700u + b;
}

static void add(unsigned char *p, size_t size, unsigned i, unsigned tag)
{
	MUST(p >= sim.host && p + size <= sim.host + sim.bytes);
	live[n++] = (struct object){ p, size, (uint8_t)tag, (uint8_t)i };
	contents_fill(p, size, (uint8_t)tag);
}

static void op_alloc(unsigned a, unsigned b)
{
	size_t size = pick_size(a, b);
	void *p = NULL;
	enum mm_status st;

	if (n == LIVE)
		return;
	st = mm_kmalloc_site_st(&set, size, b & 1 ? MM_ALLOC_ZERO : 0, place(b % PLACES), &p);
	MUST(st == MM_OK || (st == MM_E_NOMEM && !p));
	if (st != MM_OK)
		return;
	MUST(!(b & 1) || contents_all(p, size, 0));
	add(p, size, b % PLACES, a + b);
}

static void op_free(unsigned a, unsigned b)
{
	struct object o;

	if (!n)
		return;
	o = live[a % n];
	live[a % n] = live[n - 1];
	n--;
	MUST(mm_kfree_set(&set, o.p) == MM_OK);
	if (b & 1)
		MUST(mm_kfree_set(&set, o.p) == MM_E_DOUBLE_FREE);
}

/* Frees that must be refused, and change nothing. */
static void op_wrong_free(unsigned a, unsigned b)
{
	struct mm_heap *h = &heaps[b % set.n];
	struct object o;

	MUST(mm_kfree_set(&set, &o) == MM_E_FOREIGN && mm_kfree_set(&set, NULL) == MM_OK);
	if (!n)
		return;
	o = live[a % n];
	if (o.size > 1)
		MUST(mm_kfree_set(&set, o.p + b % (o.size - 1) + 1) == MM_E_ALIGN);
	MUST(mm_kfree(&beside, o.p) == MM_E_OWNER);
	MUST(h == heap_of_place[o.place] || mm_kfree(h, o.p) == MM_E_OWNER);
}

/* It stays whose it was. */
static void op_resize(unsigned a, unsigned b)
{
	size_t size = pick_size(b, a);
	struct object o;
	void *p = NULL;

	if (!n)
		return;
	o = live[a % n];
	if (mm_krealloc_site_st(&set, o.p, size, 0, place(b % PLACES), &p) != MM_OK)
		return;
	MUST(contents_intact(p, o.size < size ? o.size : size, o.tag));
	live[a % n] = live[n - 1];
	n--;
	add(p, size, o.place, a + b);
}

static void op_give_back(unsigned a, unsigned b)
{
	struct mm_heap *h = &heaps[b % set.n];
	size_t frames;

	switch (a % 4) {
	case 0:
		MUST(mm_heap_shrink(h) == MM_OK);
		break;
	case 1:
		MUST(mm_heap_reap(h, NULL) == MM_OK);
		break;
	case 2:
		MUST(mm_heap_reclaim(h, b, &frames) == MM_OK);
		break;
	default:
		MUST(n == 0 || mm_heap_set_destroy(&set) == MM_E_BUSY);
		break;
	}
}

/* Whose frames are the objects in? */
static void check_apart(void)
{
	static const struct mm_heap *whose[RAM_FRAMES];

	memset(whose, 0, sizeof(whose));
	for (unsigned i = 0; i < n; i++) {
		struct mm_heap *h = heap_of_place[live[i].place];
		size_t first = (size_t)(live[i].p - sim.host) >> MM_FRAME_SHIFT;
		size_t last = (size_t)(live[i].p + live[i].size - 1 - sim.host) >> MM_FRAME_SHIFT;

		MUST(contents_intact(live[i].p, live[i].size, live[i].tag));
		MUST(mm_heap_set_of(&set, live[i].p) == h && mm_ksize(h, live[i].p) >= live[i].size);
		for (; first <= last; first++) {
			MUST(!whose[first] || whose[first] == h);
			whose[first] = h;
		}
	}
}

static void check_all(void)
{
	for (unsigned i = 0; i < set.n; i++)
		MUST(mm_heap_verify(&heaps[i]) == MM_OK);
	for (unsigned i = 0; i < PLACES; i++)
		MUST(mm_heap_set_site(&set, place(i)) == heap_of_place[i]);
	MUST(mm_pmm_verify(heaps[0].pmm) == MM_OK);
}

static void op(unsigned what, unsigned a, unsigned b)
{
	sim_cpu = what >> 7;
	if ((what >> 4 & 7) == 3)
		sim_fail_at(a % 4 + 1, b & 8);
	switch (what % 8) {
	case 0:
		op_free(a, b);
		break;
	case 1:
		op_wrong_free(a, b);
		break;
	case 2:
		op_resize(a, b);
		break;
	case 3:
		op_give_back(a, b);
		break;
	case 4:
		for (unsigned i = 0; i < b % 16; i++)
			op_free(a + i, 0);
		break;
	case 5:
		for (unsigned i = 0; i < b % 16; i++)
			op_alloc(a, b + i);
		break;
	default:
		op_alloc(a, b);
		break;
	}
	sim_fail_at(0, false);
}

/* So many heaps; which of them note owners? */
static void start_heaps(struct mm_pmm *pmm, unsigned count, unsigned notes)
{
	MUST(mm_heap_set_init(&set, heaps, count, pmm, 2, UINT64_C(0x9E3779B97F4A7C15) * (count + notes)) == MM_OK);
	MUST(mm_heap_init(&beside, pmm, 2) == MM_OK);
	for (unsigned i = 0; i < count; i++) {
		MUST(mm_heap_cpu_online(&heaps[i], 1) == MM_OK);
		if (notes >> i % 4 & 1)
			MUST(mm_heap_note_owners(&heaps[i]) == MM_OK);
	}
	for (unsigned i = 0; i < PLACES; i++)
		heap_of_place[i] = mm_heap_set_site(&set, place(i));
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t bytes)
{
	struct mm_pmm pmm;
	uint64_t first;
	unsigned ops = 0;

	sim_cpu = 0;
	n = 0;
	machine_start(&pmm, RAM_FRAMES, NULL);
	first = pmm_state_hash(&pmm);
	start_heaps(&pmm, bytes ? in[0] % MM_HEAP_SET_MAX + 1 : 2, bytes ? in[0] >> 4 : 0);
	for (; bytes >= 3; in += 3, bytes -= 3, ops++) {
		op(in[0], in[1], in[2]);
		check_apart();
		if (ops % WHOLE == 0)
			check_all();
		operations_count();
	}
	while (n)
		op_free(0, 0);
	sim_cpu = 0;
	check_all();
	MUST(mm_heap_set_destroy(&set) == MM_OK && mm_heap_destroy(&beside) == MM_OK);
	MUST(mm_pmm_drain(&pmm) == MM_OK);
	MUST(pmm_state_hash(&pmm) == first);
	return 0;
}
