/* SPDX-License-Identifier: MIT */
/* An NMI amid an operation: at one of its steps, an object that the shadow heap knew until then is freed. */
#ifndef SLAB_NMI_H
#define SLAB_NMI_H
#include <mmlib/nmi.h>
#include "slab_waits.h"

static struct nmi {
	struct mm_heap *heap;
	struct object object; /* p NULL: none */
	unsigned left;        /* steps until it comes */
	struct mm_mempool *pool; /* NULL, or it goes back to this reserve */
} nmi;

/* What an NMI cannot free is a large block, and stays. */
static bool nmi_free(struct mm_heap *heap, struct mm_cache *cache, const struct object *o)
{
	enum mm_status st = cache ? mm_cache_free_nmi(cache, o->p) : mm_kfree_nmi(heap, o->p);

	MUST(st == MM_OK || (st == MM_E_NOTSUP && !cache && o->size > MM_KMALLOC_MAX_CLASS / 2));
	MUST(st != MM_OK || (mm_kfree_nmi(heap, o->p) == MM_E_DOUBLE_FREE && mm_ksize(heap, o->p) == 0));
	return st == MM_OK;
}

/* To a reserve, or to its cache if that has no room. */
static void nmi_leave(struct mm_mempool *pool, const struct object *o)
{
	MUST(mm_mempool_free_nmi(pool, o->p) == MM_OK);
	MUST(mm_mempool_free_nmi(pool, o->p) == MM_E_DOUBLE_FREE);
}

static void nmi_step(void)
{
	struct object o = nmi.object;

	if (!o.p || --nmi.left)
		return;
	nmi.object.p = NULL; /* it has steps of its own */
	MUST(object_intact(&o, nmi.pool != NULL, false)); /* a constructed one's first byte is its type's */
	if (nmi.pool)
		nmi_leave(nmi.pool, &o);
	else if (!nmi_free(nmi.heap, NULL, &o))
		nmi.object = o;
	nmi.left = 0;
}

/* It is to come after so many steps. */
static void nmi_start(struct mm_heap *heap, const struct object *o, unsigned steps)
{
	nmi = (struct nmi){ heap, *o, steps + 1, NULL };
	sim_step = nmi_step;
}

/* The same, and it is to go back to a reserve. */
static void nmi_start_leave(struct mm_mempool *pool, const struct object *o, unsigned steps)
{
	nmi_start(pool->cache->heap, o, steps);
	nmi.pool = pool;
}

/* The operation is over. If it took no so many steps, the object goes now. */
static void nmi_end(void)
{
	struct object o = nmi.object;

	sim_step = NULL;
	nmi.object.p = NULL;
	if (o.p && nmi.pool)
		nmi_leave(nmi.pool, &o);
	else if (o.p && (!nmi.left || !nmi_free(nmi.heap, NULL, &o)))
		MUST(mm_kfree(nmi.heap, o.p) == MM_OK);
}
#endif
