/* SPDX-License-Identifier: MIT */
/* The whole story of a machine that is there for conformance only: conform.h. */
#include "console.h"
#include "kernel.h"
#include "smp.h"

noreturn void kernel_main(uintptr_t boot_info)
{
	enum mm_status st;

	machine_init();
	machine_cpu_init(&cpus[0]);
	kprintf("mmlib demo kernel, %s\n", MACHINE_NAME);
	st = memory_map_init(boot_info);
	kernel.ncpus = smp_find();
	kprintf("    command line \"%s\", CPUs: %u\n", kernel.cmdline, kernel.ncpus);
	kernel_must(st, "the loader's memory map is read");
	kernel_conformance();
}
