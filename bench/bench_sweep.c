/* SPDX-License-Identifier: MIT */
/* Page tables, by how many pages one call is given: 1 GiB of 4 KiB pages mapped, then unmapped, in calls
 * of 1 to 262,144 pages, one gather for all; by the walker and by hand in turn, by the functions that
 * take ranges. */
#include "pt_ops.h"
#include <stdio.h>

/* Nanoseconds a page: to map all in calls of @pages, and to unmap it again. */
struct cost {
	double map, unmap;
};

INLINE bool map_all(const struct pt_ops *o, uint64_t bytes)
{
	for (uint64_t done = 0; done < LENGTH; done += bytes)
		if (!o->map(VA + done, PA + done, bytes))
			return false;
	return true;
}

INLINE bool unmap_all(const struct pt_ops *o, uint64_t bytes)
{
	for (uint64_t done = 0; done < LENGTH; done += bytes)
		if (!o->unmap(VA + done, bytes))
			return false;
	return true;
}

INLINE struct cost slice(const struct pt_ops *o, uint32_t pages)
{
	struct cost cost;
	double t;

	tables_reset();
	o->begin();
	t = bench_now();
	must(map_all(o, pages * PAGE));
	pt_done();
	cost.map = (bench_now() - t) / PAGES;
	t = bench_now();
	must(unmap_all(o, pages * PAGE));
	pt_done();
	cost.unmap = (bench_now() - t) / PAGES;
	must(o->end());
	return cost;
}

#define FORMAT(f)                                                                                  \
	static struct cost walker_##f(uint32_t pages)                                              \
	{                                                                                          \
		return slice(&w_##f, pages);                                                       \
	}                                                                                          \
	static struct cost by_hand_##f(uint32_t pages)                                             \
	{                                                                                          \
		return slice(&h_##f, pages);                                                       \
	}
FORMAT(x86_64)
FORMAT(aarch64)
FORMAT(riscv64)

static const struct format {
	const char *name;
	struct cost (*walker)(uint32_t pages), (*by_hand)(uint32_t pages);
} formats[] = {
	{ "x86_64", walker_x86_64, by_hand_x86_64 },
	{ "aarch64", walker_aarch64, by_hand_aarch64 },
	{ "riscv64", walker_riscv64, by_hand_riscv64 },
};

static void measure(const struct format *f, uint32_t pages)
{
	static struct bench_series map, unmap;
	char name[48];

	map = unmap = (struct bench_series){ .n = 0 };
	bench_alone(true);
	bench_calm();
	for (unsigned r = 0; r < bench_rounds(); r++) {
		struct cost hand = f->by_hand(pages), walker = f->walker(pages);

		bench_record(&map, walker.map, hand.map);
		bench_record(&unmap, walker.unmap, hand.unmap);
	}
	snprintf(name, sizeof(name), "%s.map.%u", f->name, pages);
	pt_report("sweep.", name, &map);
	snprintf(name, sizeof(name), "%s.unmap.%u", f->name, pages);
	pt_report("sweep.", name, &unmap);
}

int main(void)
{
	pt_init();
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		for (uint32_t pages = 1; pages <= PAGES; pages *= 8)
			measure(&formats[i], pages);
	return 0;
}
