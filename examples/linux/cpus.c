/* SPDX-License-Identifier: MIT */
/* Work on all CPUs at once: an item of work for each CPU's own worker thread. */
#include <linux/cpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "cpus.h"

struct cpu_work {
	struct work_struct work;
	void (*job)(void);
};

static void run(struct work_struct *work)
{
	container_of(work, struct cpu_work, work)->job();
}

bool cpus_run(void (*job)(void))
{
	struct cpu_work *works = kcalloc(nr_cpu_ids, sizeof(*works), GFP_KERNEL);

	if (!works)
		return false;
	cpus_read_lock(); /* the same CPUs in both loops */
	for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++) {
		works[cpu].job = job;
		INIT_WORK(&works[cpu].work, run);
		if (cpu_online(cpu))
			queue_work_on((int)cpu, system_long_wq, &works[cpu].work);
	}
	for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
		flush_work(&works[cpu].work);
	cpus_read_unlock();
	kfree(works);
	return true;
}
