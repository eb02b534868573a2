/* SPDX-License-Identifier: MIT */
/* Windows on tables: see pt_window.h. The memory is a file, of which pages can be in several places at once. */
#define _GNU_SOURCE
#include "pt_window.h"
#include <stdlib.h>
#if MM_PT_WINDOW
#include <sys/mman.h>
#include <unistd.h>
#include "vmm/pt_core.h"

#define LARGEST ((size_t)65536) /* no table is longer */

static int file = -1;
static unsigned char *place[MM_PT_WINDOWS];
static const unsigned char *shows[MM_PT_WINDOWS];
static size_t bytes_shown[MM_PT_WINDOWS];

void *window_memory(size_t bytes)
{
	file = memfd_create("tables", 0);
	if (file < 0 || ftruncate(file, (off_t)bytes))
		return NULL;
	for (unsigned i = 0; i < MM_PT_WINDOWS; i++) {
		place[i] = mmap(NULL, LARGEST, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (place[i] == MAP_FAILED)
			return NULL;
		shows[i] = NULL;
	}
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

void window_memory_free(void *mem, size_t bytes)
{
	munmap(mem, bytes);
	for (unsigned i = 0; i < MM_PT_WINDOWS; i++)
		munmap(place[i], LARGEST);
	close(file);
}

/* Is the table at @pa the one of this level around @va? */
static bool is_in_tree(struct ora *ora, const struct mm_pt *pt, mm_paddr_t pa, unsigned level, mm_vaddr_t va)
{
	mm_paddr_t at = pt->root;

	for (unsigned l = pt->port->nlevels - 1u; l > level; l--) {
		uint64_t entry = pt_get(pt->port, ora_virt(ora, at), pt_index(pt->port, va, l));
		if (!pt_is_table(pt, pt->port, entry, l))
			return false;
		at = pt->port->below(pt, entry);
	}
	return at == pa;
}

/* Whole pages of memory for a table of the level that a window is for. */
static size_t length(const struct mm_pt *pt, unsigned window)
{
	const unsigned level = window % (MM_PT_WINDOWS / 2);
	size_t bytes = pt_entries(pt->port, level) << pt->port->entry_lg2;

	if (level == pt->port->nlevels - 1u && (pt->cfg.features & pt->port->recursive_feature))
		bytes = pt_mask(pt->port, 0) + 1; /* of a root that shows itself */
	return (bytes + ORA_PAGE - 1) & ~(size_t)(ORA_PAGE - 1);
}

void *window_show(const struct mm_pt *pt, mm_paddr_t pa, unsigned window, mm_vaddr_t va)
{
	struct ora *ora = pt->env->ctx;
	const unsigned char *table = ora_virt(ora, pa);

	if (window >= MM_PT_WINDOWS) {
		ora_violation(ora, "there is no such window");
		return (void *)(uintptr_t)table;
	}
	if (window < MM_PT_WINDOWS / 2 && !is_in_tree(ora, pt, pa, window, va))
		ora_violation(ora, "a window into the tree for a table that is elsewhere");
	const size_t bytes = length(pt, window);
	if (shows[window] != table || bytes_shown[window] != bytes) {
		if (mmap(place[window], bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file,
			 table - ora->mem) == MAP_FAILED)
			abort();
		shows[window] = table;
		bytes_shown[window] = bytes;
	}
	return place[window];
}
#else

void *window_memory(size_t bytes)
{
	return aligned_alloc(ORA_PAGE, bytes);
}

void window_memory_free(void *mem, size_t bytes)
{
	(void)bytes;
	free(mem);
}
#endif
