/* SPDX-License-Identifier: MIT */
/* See duo.h. The second thread sleeps between slices, so that it takes nothing from others; for a slice
 * both meet at a barrier and start together. Words that both write have cache lines of their own. */
#define _GNU_SOURCE
#include "duo.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

__thread uint32_t bench_cpu;
bool duo_working;

static struct {
	_Alignas(256) atomic_uint arrived;
	_Alignas(256) atomic_uint finished;
	_Alignas(256) sem_t wake;
	duo_work *work;
	void *arg;
	double cpu;
	bool calm;
} duo;

/* Both must have arrived: `round` counts to two for each meeting. */
static void meet(atomic_uint *word, unsigned round)
{
	atomic_fetch_add(word, 1);
	while ((int)(atomic_load(word) - 2 * round) < 0)
		bench_pause();
}

static void *partner(void *arg)
{
	(void)arg;
	bench_alone(true);
	bench_cpu = 1;
	for (unsigned round = 1;; round++) {
		double start;

		while (sem_wait(&duo.wake))
			;
		bench_calm();
		meet(&duo.arrived, round);
		start = bench_now();
		duo.work(1, duo.arg);
		duo.cpu = bench_now() - start;
		duo.calm = bench_calm();
		meet(&duo.finished, round);
	}
	return NULL;
}

bool duo_ready(void)
{
	static bool ready;
	pthread_t thread;
	pthread_attr_t attr;
	cpu_set_t set;

	if (ready)
		return true;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "bench: one CPU: no figures of two\n");
		return false;
	}
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sem_init(&duo.wake, 0, 0) || pthread_attr_init(&attr) ||
	    pthread_attr_setaffinity_np(&attr, sizeof(set), &set) ||
	    pthread_create(&thread, &attr, partner, NULL) || pthread_detach(thread))
		bench_die("no second thread");
	return ready = true;
}

struct duo_time duo_run(duo_work *work, void *arg)
{
	static unsigned round;
	struct duo_time t;
	double start, wall;

	duo.work = work;
	duo.arg = arg;
	round++;
	sem_post(&duo.wake);
	bench_calm();
	meet(&duo.arrived, round);
	duo_working = true;
	wall = bench_wall();
	start = bench_now();
	work(0, arg);
	t.cpu[0] = bench_now() - start;
	meet(&duo.finished, round);
	t.wall = bench_wall() - wall;
	duo_working = false;
	t.cpu[1] = duo.cpu;
	t.calm = bench_calm() && duo.calm;
	return t;
}

/* ---- yardstick ---- */

#define TRANSFERS 5000u /* to one of the two CPUs */

static _Alignas(256) atomic_uint ball;

static void play(unsigned cpu, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < TRANSFERS; i++) {
		while (atomic_load(&ball) != cpu)
			bench_pause();
		atomic_store(&ball, !cpu);
	}
}

double yard_line_transfer(bool *calm)
{
	struct duo_time t = duo_run(play, NULL);

	*calm = t.calm;
	return t.wall / (2 * TRANSFERS);
}
