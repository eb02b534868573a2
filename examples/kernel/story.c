/* SPDX-License-Identifier: MIT */
/* What both stories share, that of main.c and that of conformance; and the latter. */
#include "console.h"
#include "kernel.h"
#include "smp.h"

void kernel_must(enum mm_status st, const char *promise)
{
	if (check_status(st, MM_OK, promise))
		return;
	kprintf("Bail out! %s\n", mm_status_name(st));
	machine_exit(false);
}

bool kernel_has_word(const char *word)
{
	size_t length = __builtin_strlen(word);
	const char *p = kernel.cmdline;

	while (*p) {
		while (*p == ' ')
			p++;
		if (__builtin_memcmp(p, word, length) == 0 && (p[length] == ' ' || !p[length]))
			return true;
		while (*p && *p != ' ')
			p++;
	}
	return false;
}

mm_pfn_t frames_used(void)
{
	struct mm_pmm_stats all = { 0 };

	return mm_pmm_stats(&kernel.pmm, -1, &all) == MM_OK ? all.used : MM_PFN_MAX;
}

/* No more than what conform.h needs. */
noreturn void kernel_conformance(void)
{
	mm_pfn_t used;

	kernel_must(memory_frames_init(), "the page-frame allocator takes over");
	MACHINE_MOVED();
	kernel_must(memory_tables_init(), "page tables are built, and the CPU runs on them");
	kernel_must(memory_add_high(), "RAM that the boot tables did not reach is added");
	kernel_must(smp_start(), "the other CPUs are started");
	used = frames_used();
	kernel.flush_here_only = kernel_has_word("noflush");
	check_conformance();
	kernel.flush_here_only = false;
	check_status(mm_pmm_drain(&kernel.pmm), MM_OK, "frames at hand are given back");
	check(frames_used() == used, "everything that was taken is given back");
	machine_exit(check_end());
}
