/* SPDX-License-Identifier: MIT */
/* What the walker is given: tables by bench_table_get(), no TLB. Included once, where those and BENCH_TO_VIRT() are known. */
static enum mm_status env_alloc(void *ctx, size_t bytes, mm_paddr_t *pa)
{
	(void)ctx;
	(void)bytes;
	*pa = bench_table_get();
	return *pa ? MM_OK : MM_E_NOMEM;
}

static void env_free(void *ctx, mm_paddr_t pa, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	bench_table_put(pa);
}

static void *env_to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return BENCH_TO_VIRT(pa);
}

static void env_flush(void *ctx, const struct mm_tlb_gather *g)
{
	(void)ctx;
	(void)g;
}

static const struct mm_pt_env env = { NULL, env_alloc, env_free, env_to_virt, env_flush };
