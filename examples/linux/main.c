/* SPDX-License-Identifier: MIT */
/* The module: takes mmlib into use when it is loaded, puts its promises to the test, measures it
 * beside Linux's own allocators, and gives everything back when it is unloaded.
 *
 * Parameters
 *   base, bytes   the reserved area
 *   checks        run the checks (default)
 *   measured      measure
 *   plant         make a check fail, since one that cannot fail proves nothing:
 *                 "leak" keeps a frame, "damage" changes a byte of what is allocated,
 *                 "noflush" does not tell other CPUs of pages that change */
#include <linux/module.h>
#include <linux/smp.h>
#include "example.h"
#include "port.h"
#include "tap.h"

static unsigned long base, bytes;
static bool checks = true, measured;
static char *plant = "";

module_param(base, ulong, 0444);
module_param(bytes, ulong, 0444);
module_param(checks, bool, 0444);
module_param(measured, bool, 0444);
module_param(plant, charp, 0444);

static bool planted(const char *what)
{
	return strcmp(plant, what) == 0;
}

static void run_checks(void)
{
	linux_flush_here_only = planted("noflush");
	check_port();
	check_frames();
	check_heap(planted("damage"));
	check_tables();
}

static int __init example_init(void)
{
	mm_paddr_t leak;
	int err = linux_start(base, bytes);

	if (err)
		return err;
	pr_info("mmlib: %lu MiB at %#lx, %u CPUs, checks at level %d\n", bytes >> 20, base,
		num_online_cpus(), MM_CHECKS);
	if (checks)
		run_checks();
	if (measured)
		measure();
	if (planted("leak"))
		tap_status(mm_page_alloc(&linux_pmm, 0, 0, &leak), MM_OK,
			   "a frame is leaked, as asked for");
	return 0;
}

static void __exit example_exit(void)
{
	tap_check(linux_stop(), "everything is given back: no frame is in use, metadata is whole");
	tap_end();
}

module_init(example_init);
module_exit(example_exit);
MODULE_DESCRIPTION("mmlib beside Linux's own memory management");
MODULE_LICENSE("Dual MIT/GPL");
