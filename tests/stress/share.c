/* SPDX-License-Identifier: MIT */
/* Two threads, each a CPU, that hold the same page, write a half of it each, and put it; again and again.
 *   share [PAGES]      how many pages are held by two
 * Oracle: one of them is the last, and only he. He gets the page again, or is told that he holds it alone, and writes
 * all of it: ThreadSanitizer sees that what the other one did to it comes before. */
#define _POSIX_C_SOURCE 200809L /* barriers */
#include <mmlib/note.h>
#include <string.h>
#include "threads.h"

#define FRAMES 2048u
#define CPUS   2u
#define HALF   ((size_t)MM_FRAME_SIZE / 2)

static struct sim sim;
static struct mm_pmm pmm;
static struct mm_notes notes;
static pthread_barrier_t both;
static mm_paddr_t page;
static bool was_last[CPUS];

/* Wait until both are here, and asleep: a race detector forgets where a thread was that spins. */
static void meet(void)
{
	(void)pthread_barrier_wait(&both);
}

static unsigned char *memory(mm_paddr_t pa)
{
	return mm_port_to_virt(&sim.port, pa);
}

/* Write all of a page that nobody else has. */
static void overwrite(mm_paddr_t pa)
{
	memset(memory(pa), 0x55, 2 * HALF);
}

/* Put it; who is last gets a page, which is that one unless it was not kept at hand. */
static void put(void)
{
	mm_paddr_t again;

	expect(mm_note_put(&notes, page, &was_last[this_cpu]), "a page cannot be put");
	if (!was_last[this_cpu])
		return;
	expect(mm_page_alloc(&pmm, 0, 0, &again), "no page");
	overwrite(again);
	expect(mm_page_free(&pmm, again, 0), "a page cannot be freed");
}

/* Put it, or wait to be alone, and write to it then. */
static void put_or_keep(void)
{
	was_last[this_cpu] = this_cpu == 0;
	if (this_cpu == 0) {
		while (mm_note_holders(&notes, page) > 1)
			sched_yield();
		overwrite(page);
	}
	expect(mm_note_put(&notes, page, NULL), "a page cannot be put");
}

static void share(unsigned round)
{
	memset(memory(page) + this_cpu * HALF, (int)this_cpu, HALF);
	if (round % 2)
		put();
	else
		put_or_keep();
}

static void *other(void *arg)
{
	unsigned long pages = *(unsigned long *)arg;

	this_cpu = 1;
	for (unsigned i = 0; i < pages; i++) {
		meet();
		share(i);
		meet();
	}
	return NULL;
}

static void start(void)
{
	threads_start(&sim, &pmm, FRAMES, CPUS);
	expect(mm_notes_init(&notes, &pmm, MM_NOTE_REFS, 0), "no notes");
}

int main(int argc, char **argv)
{
	unsigned long pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	pthread_t thread;

	if (sim_is_slow())
		pages /= 10;
	start();
	if (pthread_barrier_init(&both, NULL, CPUS) || pthread_create(&thread, NULL, other, &pages))
		wrong("no thread");
	for (unsigned i = 0; i < pages; i++) {
		expect(mm_note_alloc(&notes, 0, 0, 0, &page), "no page");
		expect(mm_note_get(&notes, page), "a page cannot be held twice");
		meet();
		share(i);
		meet();
		if (was_last[0] == was_last[1])
			wrong("not one of two was the last");
	}
	pthread_join(thread, NULL);
	expect(mm_notes_destroy(&notes), "notes cannot be destroyed");
	threads_stop(&sim, &pmm, CPUS);
	printf("%lu pages that two held\n", pages);
	return 0;
}
