/* SPDX-License-Identifier: MIT */
/* Page-table loops written by hand for one format each, as a kernel without a library has them:
 * what the walker is compared with. They know their format, check only what they must to be correct
 * (something there already, no table), and count and report nothing. */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H
#include <stddef.h>
#include <stdint.h>

/* Pages for tables, as both sides use them. Physical addresses; 0: none left. */
uint64_t bench_table_get(void);
void bench_table_put(uint64_t pa);

#define HAND_DECLARE(format)                                                                       \
	int hand_##format##_map(uint64_t *root, uint64_t va, uint64_t pa, uint64_t length);        \
	int hand_##format##_map_page(uint64_t *root, uint64_t va, uint64_t pa);                    \
	int hand_##format##_map_list(uint64_t *root, uint64_t va, const uint64_t *pa, size_t n);   \
	int hand_##format##_map_live(uint64_t *root, uint64_t va, uint64_t pa, uint64_t length);   \
	uint64_t hand_##format##_query(uint64_t *root, uint64_t va);                               \
	uint64_t hand_##format##_sum(uint64_t *root, uint64_t va, uint64_t length);                \
	int hand_##format##_protect(uint64_t *root, uint64_t va, uint64_t length);                 \
	int hand_##format##_unmap(uint64_t *root, uint64_t va, uint64_t length);                   \
	int hand_##format##_protect_live(uint64_t *root, uint64_t va, uint64_t length);            \
	uint64_t hand_##format##_unmap_live(uint64_t *root, uint64_t va, uint64_t length,          \
					    uint64_t *dirty);                                      \
	int hand_##format##_discard(uint64_t *root, uint64_t va, uint64_t length);                 \
	int hand_##format##_unmap_page(uint64_t *root, uint64_t va)
HAND_DECLARE(x86_64);
HAND_DECLARE(aarch64);
HAND_DECLARE(riscv64);
#endif
