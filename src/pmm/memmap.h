/* SPDX-License-Identifier: MIT */
/* Private to the boot memory map's own files: what its intake formats and the early allocator share
 * with it. */
#ifndef MM_SRC_PMM_MEMMAP_H
#define MM_SRC_PMM_MEMMAP_H
#include <mmlib/memmap.h>

#define MEMMAP_IN_FRAME (MM_FRAME_SIZE - 1) /* the bits of an address inside its frame */

/* Does b, an entry above a, begin with the byte after a's last? */
static inline bool memmap_touch(const struct mm_mem *a, const struct mm_mem *b)
{
	return a->last + 1 == b->base;
}

/* Round a range inward to frames. False, and nothing written, if no whole frame is in it. */
static inline bool memmap_inward(mm_paddr_t *base, mm_paddr_t *last)
{
	mm_paddr_t up = (MM_FRAME_SIZE - (*base & MEMMAP_IN_FRAME)) & MEMMAP_IN_FRAME;
	mm_paddr_t down = ((*last & MEMMAP_IN_FRAME) + 1) & MEMMAP_IN_FRAME;

	if (*last - *base < up || *last - *base - up < down)
		return false;
	*base += up;
	*last -= down;
	return true;
}

static inline bool memmap_type_known(enum mm_mem_type type)
{
	return type >= MM_MEM_USABLE && type <= MM_MEM_BAD;
}

/* Little-endian numbers at any address, byte by byte: before the MMU is on, memory may fault on
 * unaligned access. */
static inline uint32_t memmap_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t memmap_le64(const uint8_t *p)
{
	return memmap_le32(p) | (uint64_t)memmap_le32(p + 4) << 32;
}

/* Make [base, last], whole frames that entries of one type cover, usable again; and before that, how
 * many entries the map will have more. Never more than 2. */
void mm_memmap_free(struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last);
int64_t mm_memmap_free_growth(const struct mm_memmap *map, mm_paddr_t base, mm_paddr_t last);

/* One entry as e820 and PVH lay it out (base 8, length 8, type 4), added to the map. Both number
 * types alike. */
enum mm_status mm_memmap_add_raw(struct mm_memmap *map, const uint8_t *entry);
#endif
