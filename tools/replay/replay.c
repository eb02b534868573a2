/* SPDX-License-Identifier: MIT */
/* mm-replay: what a traced system asked for, asked of mmlib again, on memory of this machine. Says what was
 * live, what mmlib took for it, what is lost inside and between blocks as time goes on, and how long it takes
 * beside malloc() doing the same. Of a trace that was written while records were, it replays what comes before the
 * first torn record that follows a whole one.
 *   mm-replay [--memory MIB] TRACE
 * Status: 0; 1 if mmlib cannot serve what the traced system got; 2 if the trace is damaged; 3 if a part of it is torn
 * and all before that was replayed. */
#include "operations.h"
#include <mmlib/kmalloc.h>
#include <mmlib/range.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define RAM_AT  UINT64_C(0x10000000)
#define ORDERS  32u
#define LARGE   9u /* blocks of this order are what the free frames should lie in */
#define SAMPLES 16u

/* Where each place of operations is now. */
struct here {
	void *p;       /* object */
	mm_paddr_t pa; /* frames */
	uint64_t size;
	bool parts; /* some frames of it were freed */
};

static unsigned char *ram;
static struct mm_pmm pmm;
static struct mm_heap heap;

static void *to_virt(void *ctx, mm_paddr_t pa)
{
	(void)ctx;
	return ram + (pa - RAM_AT);
}

static void panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	fprintf(stderr, "mm-replay: %s:%d: an invariant is broken\n", file, line);
	abort();
}

static const struct mm_port port = {
	.version = MM_PORT_VERSION, .size = sizeof(port), .to_virt = to_virt, .panic = panic
};

static void need(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "mm-replay: %s\n", what);
		exit(2);
	}
}

static uint8_t *read_file(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	uint8_t *in = NULL;
	size_t room = 0, got = 0;

	need(f != NULL, "no such file");
	do {
		if (got == room) {
			room = room ? 2 * room : 65536;
			in = realloc(in, room);
			need(in != NULL, "no memory");
		}
		*bytes = got;
		got += fread(in + got, 1, room - got, f);
	} while (got != *bytes);
	fclose(f);
	return in;
}

static void boot(size_t bytes)
{
	static struct mm_mem entries[8];
	static struct mm_memmap map;
	static const struct mm_zone_cfg all = { .name = "ALL", .last = MM_PADDR_MAX };
	const struct mm_pmm_cfg cfg = { .zones = &all, .nzones = 1, .ncpus = 1, .reach = RAM_AT + bytes - 1 };

	ram = mmap(NULL, bytes + (2u << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(ram != MAP_FAILED, "no address space");
	ram += (0 - (uintptr_t)ram) & ((2u << 20) - 1);
	need(mm_memmap_init(&map, entries, 8) == MM_OK &&
		     mm_memmap_add(&map, RAM_AT, bytes, MM_MEM_USABLE, NULL) == MM_OK &&
		     mm_pmm_init(&pmm, &port, &map, &cfg) == MM_OK && mm_heap_init(&heap, &pmm, 1) == MM_OK,
	     "mmlib does not start in so little memory");
}

static unsigned order_of(uint64_t frames)
{
	unsigned order = 0;

	while ((uint64_t)1 << order < frames)
		order++;
	return order;
}

/* A power of two is a block; any other number is a run. */
static bool is_block(uint64_t frames)
{
	return (frames & (frames - 1)) == 0;
}

static enum mm_status do_frames(struct here *h, uint64_t frames)
{
	const struct mm_page_limits any = { .low = 0, .high = MM_PADDR_MAX, .align = 1 };

	h->size = frames;
	h->parts = false;
	return is_block(frames) ? mm_page_alloc(&pmm, order_of(frames), 0, &h->pa) :
				  mm_page_alloc_contig(&pmm, (mm_pfn_t)frames, 0, &any, &h->pa);
}

static enum mm_status do_unframes(const struct here *h)
{
	return is_block(h->size) ? mm_page_free(&pmm, h->pa, order_of(h->size)) :
				   mm_page_free_range(&pmm, h->pa, (mm_pfn_t)h->size);
}

static enum mm_status do_object(struct here *h, uint64_t size)
{
	h->p = mm_kmalloc(&heap, (size_t)size, 0);
	h->size = size;
	return h->p ? MM_OK : MM_E_NOMEM;
}

static enum mm_status do_resize(struct here *h, uint64_t size)
{
	void *p = mm_krealloc(&heap, h->p, (size_t)size, 0);

	if (!p)
		return MM_E_NOMEM;
	h->p = p;
	h->size = size;
	return MM_OK;
}

static enum mm_status do_mmlib(const struct operation *op, struct here *h)
{
	switch (op->kind) {
	case OP_FRAMES:
		return do_frames(h, op->size);
	case OP_UNFRAMES:
		return do_unframes(h);
	case OP_PART:
		return mm_page_free_range(&pmm, h->pa + mm_pfn_to_pa((mm_pfn_t)op->offset), (mm_pfn_t)op->size);
	case OP_ALLOC:
		return do_object(h, op->size);
	case OP_RESIZE:
		return do_resize(h, op->size);
	default:
		return mm_kfree(&heap, h->p);
	}
}

/* malloc() doing the same; it cannot free a part. */
static bool do_malloc(const struct operation *op, struct here *h)
{
	size_t bytes = (size_t)op->size << (op->kind == OP_FRAMES ? MM_FRAME_SHIFT : 0);

	switch (op->kind) {
	case OP_FRAMES:
		h->p = aligned_alloc((size_t)MM_FRAME_SIZE, bytes);
		h->size = op->size;
		return h->p != NULL;
	case OP_ALLOC:
		h->p = malloc(bytes);
		return h->p != NULL;
	case OP_RESIZE: {
		void *p = realloc(h->p, bytes);

		h->p = p ? p : h->p;
		return p != NULL;
	}
	case OP_PART:
		h->size -= op->size;
		if (h->size == 0)
			free(h->p);
		return true;
	default:
		free(h->p);
		return true;
	}
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0.0;
}

/* Live counts as operations change them. */
struct live {
	uint64_t frames, bytes, objects;
};

static void count(struct live *l, const struct operation *op, const struct here *h)
{
	switch (op->kind) {
	case OP_FRAMES:
		l->frames += op->size;
		return;
	case OP_UNFRAMES:
		l->frames -= h->size;
		return;
	case OP_PART:
		l->frames -= op->size;
		return;
	case OP_RESIZE:
		l->bytes -= h->size;
		l->bytes += op->size;
		return;
	case OP_ALLOC:
		l->bytes += op->size;
		l->objects++;
		return;
	case OP_FREE:
		l->bytes -= h->size;
		l->objects--;
		return;
	}
}

static void sample(size_t at, const struct live *l)
{
	struct mm_pmm_stats s;
	mm_pfn_t blocks[ORDERS], large = 0;
	uint64_t room;

	need(mm_pmm_stats(&pmm, 0, &s) == MM_OK && mm_pmm_free_blocks(&pmm, 0, blocks, ORDERS) == MM_OK, "no counts");
	for (unsigned k = LARGE; k < ORDERS; k++)
		large += blocks[k] << k;
	room = (uint64_t)(s.used - l->frames) << MM_FRAME_SHIFT; /* the heap's */
	printf("%12zu %10ju %10ju %12ju %10ju %8.1f %8.1f\n", at, (uintmax_t)l->frames, (uintmax_t)l->objects,
	       (uintmax_t)l->bytes, (uintmax_t)s.used, percent(room - l->bytes, room), percent(s.free - large, s.free));
}

static bool replay(const struct operations *ops, struct here *here)
{
	struct live live = { 0 };
	size_t step = ops->n / SAMPLES + 1;

	printf("   operation     frames    objects        bytes   used, fr. inside %% between %%\n");
	for (size_t i = 0; i < ops->n; i++) {
		const struct operation *op = &ops->op[i];
		struct here was = here[op->place];
		enum mm_status st = do_mmlib(op, &here[op->place]);

		if (st != MM_OK) {
			printf("operation %zu: %s, %ju %s: %s\n", i, op->kind == OP_FRAMES ? "frames" : "memory",
			       (uintmax_t)op->size, op->kind == OP_FRAMES ? "frames" : "bytes", mm_status_name(st));
			return false;
		}
		count(&live, op, &was);
		if ((i + 1) % step == 0 || i + 1 == ops->n)
			sample(i + 1, &live);
	}
	need(mm_pmm_verify(&pmm) == MM_OK, "mmlib's page frames are damaged");
	return true;
}

/* Nanoseconds for all of it, from a fresh start. */
static uint64_t measure(const struct operations *ops, struct here *here, bool with_malloc)
{
	uint64_t from = now();

	for (size_t i = 0; i < ops->n; i++)
		if (with_malloc ? !do_malloc(&ops->op[i], &here[ops->op[i].place]) :
				  do_mmlib(&ops->op[i], &here[ops->op[i].place]) != MM_OK)
			need(false, "memory is used up");
	return now() - from;
}

int main(int argc, char **argv)
{
	size_t bytes, mib = argc == 4 && strcmp(argv[1], "--memory") == 0 ? strtoul(argv[2], NULL, 0) : 0;
	struct trace_file t;
	struct operations ops;
	struct here *here;
	uint8_t *in;
	const char *wrong;
	uint32_t at = 0;
	uint64_t ns[2];

	need(argc == 2 || mib, "usage: mm-replay [--memory MIB] TRACE");
	in = read_file(argv[argc - 1], &bytes);
	wrong = trace_open(&t, in, bytes);
	need(wrong == NULL, wrong);
	need(t.frame_shift == MM_FRAME_SHIFT, "its frames have another size: build mm-replay with that MM_FRAME_SHIFT");
	if (t.n) {
		trace_skip_torn(&t);
		need(t.n != 0, "no record of it is whole");
	}
	wrong = operations_read(&ops, &t, &at);
	if (wrong) {
		fprintf(stderr, "mm-replay: record %u: %s\n", at, wrong);
		return 2;
	}
	printf("%u records, %ju lost before them; %ju frees of what was allocated before, %ju refused frees\n", at,
	       (uintmax_t)t.lost, (uintmax_t)ops.unknown, (uintmax_t)ops.refused);
	if (at < t.n)
		printf("the next record is torn: %u records from it on are not replayed\n", t.n - at);
	printf("%zu operations; at most live: %ju frames, %ju bytes in objects\n", ops.n, (uintmax_t)ops.peak_frames,
	       (uintmax_t)ops.peak_bytes);
	if (!mib)
		for (mib = 16; (uint64_t)mib << 20 < 2 * ops.peak_room; mib *= 2)
			;
	printf("memory: %zu MiB\n", mib);
	here = calloc(ops.places + 1, sizeof(*here));
	need(here != NULL, "no memory");
	boot(mib << 20);
	if (!replay(&ops, here)) {
		printf("mmlib could not serve what the traced system got\n");
		return 1;
	}
	boot(mib << 20);
	ns[0] = measure(&ops, here, false);
	ns[1] = measure(&ops, here, true);
	if (ops.n)
		printf("ns an operation: mmlib %.1f, malloc %.1f\n", (double)ns[0] / (double)ops.n, (double)ns[1] / (double)ops.n);
	operations_end(&ops);
	free(here);
	free(in);
	return at < t.n ? 3 : 0;
}
