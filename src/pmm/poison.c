/* SPDX-License-Identifier: MIT */
/* Theory of operation: poison of free frames
 * Problem      who goes on writing to a frame after its free damages whoever gets it next, far from the
 *              mistake.
 * Structure    a frame is filled with a pattern between its free and its way to a hand or buddy, and
 *              compared with it when it is allocated. A flag for each frame says that it was filled: memory
 *              of boot never was, nor what came back from being offline, and there is no telling from
 *              contents alone, which a restart may leave as they were.
 *              As a pointer the pattern is no address on CPUs that check the upper bits.
 * Damage       is told to the port's log, then panic: whose mistake it was is not known any more, and what
 *              else it hit neither.
 * Invariants   P1 a frame's flag is set only if its last owner filled it, and nobody had it since.
 *              P2 flag and contents are touched only by who owns the frame: after a free is believed and
 *                 before others can have it, or after it was taken.
 * Left alone   frames that to_virt does not reach (MM_ZONE_HIGH).
 * Concurrency  any CPU, interrupts. All of this is left out unless MM_PAGE_POISON is set. */
#include "zone.h"
#include "hook.h"
#include "pmm/poison.h"

#if POISON_ACTS
#define POISON_BYTE 0xdbu
#define POISON_WORD (UINTPTR_MAX / 0xffu * POISON_BYTE)

/* Range of frames that can be filled, or NULL. They are all of one range. */
static const struct mm_range *poison_range(const struct mm_pmm *pmm, mm_paddr_t pa)
{
	const struct mm_range *r = pmm_find_pa(pmm, pa);

	return r && !zone_is_high(pmm, r->zone) ? r : NULL;
}

/* Who wants to know of frames is told, also of those that to_virt does not reach. */
static void poison_tell(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames, bool used)
{
#if MM_SANITIZER_FRAMES
	const struct mm_range *r = pmm_find_pa(pmm, pa);
	unsigned byte = frame_load(r, mm_pa_to_pfn(pa));

	if (used)
		mm_san_frames(pa, frames, r->zone, byte >= FRAME_LARGE || byte == FRAME_META);
	else
		mm_san_frames_free(pa, frames, r->zone);
#else
	(void)pmm;
	(void)pa;
	(void)frames;
	(void)used;
#endif
}

void poison_fill(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames)
{
	const struct mm_range *r = poison_range(pmm, pa);

	poison_tell(pmm, pa, frames, false);
	if (!r)
		return;
#if MM_PAGE_POISON
	__builtin_memset(mm_port_to_virt(pmm->port, pa), POISON_BYTE, (size_t)frames << MM_FRAME_SHIFT);
	__builtin_memset(&r->poisoned[mm_pa_to_pfn(pa) - r->first], 1, (size_t)frames); /* P1 */
#endif
	mm_san_close(mm_port_to_virt(pmm->port, pa), (size_t)frames << MM_FRAME_SHIFT);
}

#if MM_PAGE_POISON

/* Is a frame as it was filled? Its first word is, and each equals the one before. */
static bool poison_intact(const uintptr_t *words)
{
	if (MM_PLANTED(MM_PLANT_POISON))
		return words[0] == POISON_WORD;
	return words[0] == POISON_WORD &&
	       __builtin_memcmp(words, words + 1, (size_t)MM_FRAME_SIZE - sizeof(*words)) == 0;
}

static void poison_look(const struct mm_pmm *pmm, const struct mm_range *r, mm_paddr_t pa, mm_pfn_t frames)
{
	for (mm_pfn_t i = 0; i < frames; i++) {
		mm_paddr_t frame = pa + mm_pfn_to_pa(i);
		const unsigned char *at;
		bool intact;

		if (!r->poisoned[mm_pa_to_pfn(frame) - r->first])
			continue;
		poison_forget(r, mm_pa_to_pfn(frame)); /* P1 */
		at = mm_port_to_virt(pmm->port, frame);
		intact = poison_intact((const uintptr_t *)(const void *)at);
		while (!intact && *at == POISON_BYTE) {
			at++;
			frame++;
		}
		if (!intact)
			dump_tell(pmm, "free memory was written: ", frame);
		MM_CHECK(pmm->port, intact);
	}
}

#endif

void poison_check(const struct mm_pmm *pmm, mm_paddr_t pa, mm_pfn_t frames)
{
	const struct mm_range *r = poison_range(pmm, pa);

	poison_tell(pmm, pa, frames, true);
	if (!r)
		return;
#if MM_PAGE_POISON
	mm_san_open(mm_port_to_virt(pmm->port, pa), (size_t)frames << MM_FRAME_SHIFT);
	poison_look(pmm, r, pa, frames);
#endif
	mm_san_fresh(mm_port_to_virt(pmm->port, pa), (size_t)frames << MM_FRAME_SHIFT);
}

void poison_forget(const struct mm_range *r, mm_pfn_t pfn)
{
#if MM_PAGE_POISON
	r->poisoned[pfn - r->first] = 0;
#else
	(void)r;
	(void)pfn;
#endif
}

#undef POISON_BYTE
#undef POISON_WORD
#endif
