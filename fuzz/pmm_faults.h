/* SPDX-License-Identifier: MIT */
/* Faults, against the map of owners of fuzz_pmm.c, which includes this: each call of mm_hook_fail() that the
 * page frames have fails (metadata of the manager, side tables of a heap, notes), which must be
 * MM_E_NOMEM and change nothing; and somebody writes to free frames, which the first allocation that gets
 * one must tell, with the address of the first byte. What was told ends the case: the port's `panic` does
 * not return. */
#include <setjmp.h>
#include <stdio.h>
#include <mmlib/note.h>

static jmp_buf damage_seen;
static char damage_line[80];

static void damage_told(void *ctx, const char *line)
{
	(void)ctx;
	(void)snprintf(damage_line, sizeof(damage_line), "%s", line);
}

static void damage_found(void *ctx, const char *file, int line)
{
	(void)ctx;
	(void)file;
	(void)line;
	longjmp(damage_seen, 1);
}

/* Is this the first byte that was written, of the first such frame among those that the operation was about
 * to get? */
static bool damage_right(const struct model *m, mm_paddr_t told)
{
	unsigned f = frame_of(told);

	if (f >= FRAMES || m->owner[f] != FREE || !m->damage[f] ||
	    told != pa_of(f) + m->damage[f] - 1u || f < m->asked || f - m->asked >= m->nasked)
		return false;
	for (unsigned i = m->asked; m->nasked < FRAMES && i < f; i++)
		if (m->damage[i])
			return false;
	return true;
}

/* The manager went into panic: it must have told of damage that there is. */
static void damage_judge(const struct model *m)
{
	unsigned long long told;

	if (sscanf(damage_line, "free memory was written: %llx", &told) != 1 ||
	    !damage_right(m, (mm_paddr_t)told)) {
		(void)fprintf(stderr, "pmm: panic: %s\n", damage_line);
		abort();
	}
	damage_line[0] = '\0';
}

/* Somebody writes to a byte of a frame that is free. Nobody can tell if it was never filled. */
static void op_damage(struct model *m, unsigned frame, unsigned byte)
{
	unsigned char *at = sim_to_virt(&sim, pa_of(frame));

	byte = byte * (unsigned)(MM_FRAME_SIZE / 256) + byte % (unsigned)(MM_FRAME_SIZE / 256);
	if (!machine.damages || m->owner[frame] != FREE || m->damage[frame])
		return;
	at[byte] ^= (unsigned char)(byte | 1);
	if (m->poisoned[frame])
		m->damage[frame] = (uint16_t)(byte + 1);
}

/* As mm_pmm_init(), but its metadata cannot be had. */
static enum mm_status init_without_memory(struct mm_pmm *pmm, struct mm_memmap *map,
					  const struct mm_pmm_cfg *cfg)
{
	uint64_t before = sim_hash(0, map->entries, map->count * sizeof(*map->entries));
	struct mm_memmap was = *map;
	struct mm_pmm none;
	enum mm_status st;

	memset(pmm, 0x5a, sizeof(*pmm));
	memset(&none, 0x5a, sizeof(none));
	sim_fail_at(1, true);
	st = mm_pmm_init(pmm, &sim.port, map, cfg);
	sim_fail_at(0, false);
	MUST(st != MM_OK && memcmp(pmm, &none, sizeof(none)) == 0);
	MUST(memcmp(map, &was, sizeof(was)) == 0);
	MUST(sim_hash(0, map->entries, map->count * sizeof(*map->entries)) == before);
	return st;
}

/* One more heap needs side tables: the first one brings a frame for them. */
static void op_side_get(struct mm_pmm *pmm, struct model *m, bool fail)
{
	const struct request r = { -1, -1, 0 };
	struct run_wanted one = block_wanted(0);
	unsigned want = pmm->heaps ? FRAMES : model_best(m, &r, &one);
	enum mm_status st;

	if (pmm->heaps > 3)
		return;
	model_ask(m, want, 1);
	sim_fail_at(fail, true);
	st = pmm_side_get(pmm);
	sim_fail_at(0, false);
	if (pmm->heaps > 1) {
		MUST(st == MM_OK);
		return;
	}
	MUST(st == (fail || want == FRAMES ? MM_E_NOMEM : MM_OK));
	if (st != MM_OK)
		return;
	MUST(pmm->side_frames == 1 && pmm->sides == pa_of(want) && pmm->heaps == 1);
	model_own(m, want, 0, false);
	model_put(m, want, SIDE, FRAME_META);
	model_watch(m, want);
}

static void op_side_put(struct mm_pmm *pmm, struct model *m)
{
	unsigned frame = frame_of(pmm->sides);

	if (!pmm->heaps)
		return;
	pmm_side_put(pmm);
	if (pmm->heaps)
		return;
	MUST(pmm->side_frames == 0 && m->owner[frame] == SIDE);
	model_disown(m, frame);
	model_watch(m, frame);
}

/* Frames that notes need. */
static unsigned notes_frames(const struct mm_pmm *pmm, uint32_t tables, unsigned ntags)
{
	size_t places = 0, bytes;

	for (uint32_t i = 0; i < pmm->nranges; i++)
		places += (size_t)(pmm->ranges[i].last - pmm->ranges[i].first) + 1;
	bytes = (pmm->nranges * sizeof(struct mm_note_range) + 7) / 8 * 8;
	bytes += (ntags * sizeof(uintptr_t) + 7) / 8 * 8;
	bytes += tables & MM_NOTE_WORDS ? (places * sizeof(uintptr_t) + 7) / 8 * 8 : 0;
	bytes += tables & MM_NOTE_REFS ? (places * sizeof(uint32_t) + 7) / 8 * 8 : 0;
	bytes += ntags ? (places + 7) / 8 * 8 : 0;
	return (unsigned)((bytes + MM_FRAME_SIZE - 1) / MM_FRAME_SIZE);
}

/* Notes come, if their frames can be had, and go. */
static void op_notes(struct mm_pmm *pmm, struct model *m, uint32_t tables, unsigned ntags, bool fail)
{
	const struct request r = { -1, -1, 0 };
	struct run_wanted run = { notes_frames(pmm, tables, ntags),
				  { 0, MM_PADDR_MAX, MM_FRAME_SIZE, 0 } };
	unsigned want = model_best(m, &r, &run);
	struct mm_notes notes;
	enum mm_status st;

	model_ask(m, want, run.count);
	sim_fail_at(fail, true);
	st = mm_notes_init(&notes, pmm, tables, ntags);
	sim_fail_at(0, false);
	if (!tables && !ntags) {
		MUST(st == MM_E_INVAL);
		return;
	}
	MUST(st == (fail || want == FRAMES ? MM_E_NOMEM : MM_OK));
	if (st != MM_OK)
		return;
	model_own_run(m, want, run.count);
	model_watch(m, want);
	check_state(m, pmm);
	MUST(mm_notes_destroy(&notes) == MM_OK);
	for (unsigned f = want; f < want + run.count; f++)
		model_give(m, f);
	model_watch(m, want);
}

static void op_fault(struct mm_pmm *pmm, struct model *m, unsigned what, unsigned a, unsigned b)
{
	switch (what % 4) {
	case 0:
		op_damage(m, a, b);
		break;
	case 1:
		op_side_get(pmm, m, b & 1);
		break;
	case 2:
		op_side_put(pmm, m);
		break;
	default:
		op_notes(pmm, m, a % 4, a & 128 ? a / 4 % 32 : 0, b & 1);
		break;
	}
}
