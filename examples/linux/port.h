/* SPDX-License-Identifier: MIT */
/* mmlib inside Linux: its port, and the memory it manages. */
#ifndef PORT_H
#define PORT_H
#include <linux/types.h>
#include <mmlib/kmalloc.h>
#include <mmlib/pt_x86_64.h>

extern const struct mm_port linux_port;
/* For page tables: memory of linux_pmm, flushed on every CPU. */
extern const struct mm_pt_env linux_pt_env;
extern struct mm_pmm linux_pmm;
extern struct mm_heap linux_heap;

/* Take an area that was reserved on the kernel's command line into use, and follow CPUs that come and
 * go. 0, or a negative errno: then nothing is left behind. */
int linux_start(phys_addr_t base, size_t bytes);
/* Give the area back. False: something was still allocated, or damaged. */
bool linux_stop(void);

/* Make only the calling CPU forget translations, to show that it would be noticed. */
extern bool linux_flush_here_only;
#endif
