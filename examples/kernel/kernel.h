/* SPDX-License-Identifier: MIT */
/* The demo kernel's memory, and its parts in the order in which main.c runs them. */
#ifndef KERNEL_H
#define KERNEL_H
#include <mmlib/kmalloc.h>
#include "machine.h"

enum { NODES_MAX = 8 }; /* NUMA nodes that there is room for */

struct kernel {
	struct mm_memmap map; /* what memory the machine has */
	struct mm_numa numa;  /* which of it is near which CPU */
	struct mm_pmm pmm;    /* who owns which frame of it */
	struct mm_pt pt;      /* what the kernel sees of it */
	struct mm_heap heap;  /* objects in frames of it */
	uint32_t ncpus;       /* CPUs that firmware tells of */
	bool damage;          /* change a byte of what was allocated, to show that it is noticed */
	bool flush_here_only; /* do not tell other CPUs what changed, to show that it is noticed */
	char cmdline[128];
};

extern struct kernel kernel;

/* story.c: go on only if this step succeeded, since later ones stand on it. Is this word on the command line?
 * And the story of conform.h, from page frames on. */
void kernel_must(enum mm_status st, const char *promise);
bool kernel_has_word(const char *word);
noreturn void kernel_conformance(void);

/* Pointer to physical memory. */
static inline void *direct_map(mm_paddr_t pa)
{
	return (void *)(uintptr_t)(MACHINE_DIRECT_MAP + pa);
}

/* Physical address of something in the kernel's image. */
static inline mm_paddr_t image_pa(const void *p)
{
	return (uintptr_t)p - MACHINE_IMAGE_OFFSET;
}

/* memory.c: the part to copy into a kernel of your own. Each returns the first error it meets. */
extern const struct mm_port memory_port;
extern const struct mm_pt_env memory_table_env;
unsigned memory_order(uint64_t bytes); /* of the smallest block that holds them */
enum mm_status memory_map_init(uintptr_t boot_info);
enum mm_status memory_frames_init(void);
enum mm_status memory_tables_init(void);
enum mm_status memory_add_high(void);
enum mm_status memory_cpu_init(struct cpu *c);
enum mm_status memory_heap_init(void);
enum mm_status memory_unlock_boot(mm_paddr_t *base, mm_paddr_t *last);

/* check_*.c: promises put to the test. */
mm_pfn_t frames_used(void);
void check_accounting(const char *promise);
void check_numa(void);
void check_tables(void);
void check_blocks(void);
void check_exhaustion(void);
void check_misuse(void);
void check_faults(void);
void check_cpus(void);
void check_release(void);
void check_port(void);
void check_heap(void);
void check_shootdown(void);
void check_conformance(void);

/* report.c: memory as text. */
void report_map(void);
void report_numa(void);
void report_metadata(void);
void report_zones(void);
void report_caches(void);
void report_address_space(void);
void report_picture(void);
#endif
