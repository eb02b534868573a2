/* SPDX-License-Identifier: MIT */
/* Objects: mmlib and other allocators on the same work, interleaved. Each is a bench_slab in a process
 * of its own (they all want to be malloc). In each round each has one turn, of some slices with their
 * yardsticks, so what slows the machine for long slows all.
 *
 *	bench_drive JOB,JOB… NAME=PROGRAM[=PRELOAD]…
 * NAME is l0, l1, l2, l0.inline or l1.inline, or a peer's. */
#define _GNU_SOURCE
#include "bench.h"
#include "slab_jobs.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDES_MAX 12u

struct side {
	const char *name;
	bool ours;
	pid_t pid;
	int to, from;
	bool takes_part; /* in the job at hand */
	struct answer last;
	struct bench_series *series;
};

static struct side sides[SIDES_MAX];
static unsigned nsides;

/* What mmlib does of each job, by the names of the sides; peers do all. */
static const struct {
	const char *name, *ours;
	bool two;
} jobs[JOBS] = {
	[PAIR64] = { "pair64", " l0 l1 l0.inline l1.inline ", false },
	[LIFO64] = { "lifo64", " l0 ", false },
	[RAND256] = { "rand256", " l0 ", false },
	[LIFO1K] = { "lifo1k", " l0 ", false },
	[CHURN] = { "churn", " l0 l1 l2 ", false },
	[TWO_CHURN] = { "2t_churn", " l0 l1 ", true },
	[PRODCONS] = { "prodcons", " l0 l1 ", true },
	[PRODCONS_AGED] = { "prodcons_aged", " l0 l1 ", true },
};

/* ---- processes ---- */

static void start(struct side *side, char *text)
{
	char *program = strchr(text, '='), *preload;
	int to[2], from[2];

	if (!program)
		bench_die("NAME=PROGRAM[=PRELOAD]");
	*program++ = 0;
	preload = strchr(program, '=');
	if (preload)
		*preload++ = 0;
	side->name = text;
	side->ours = text[0] == 'l' && text[1] >= '0' && text[1] <= '9';
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || (side->pid = fork()) < 0)
		bench_die("no process");
	if (side->pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		if (preload)
			setenv("LD_PRELOAD", preload, 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	side->to = to[1];
	side->from = from[0];
}

static void ended_early(const struct side *side, enum job job)
{
	int status = 0;

	waitpid(side->pid, &status, 0);
	fprintf(stderr, "bench: %s ended early in %s: %s\n", side->name, jobs[job].name,
		WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it gave up");
	exit(1);
}

static struct answer ask(struct side *side, enum job job, enum step step)
{
	struct request r = { (uint8_t)job, (uint8_t)step };
	struct answer a;

	if (write(side->to, &r, sizeof(r)) != (ssize_t)sizeof(r) ||
	    read(side->from, &a, sizeof(a)) != (ssize_t)sizeof(a))
		ended_early(side, job);
	return a;
}

static void stop(struct side *side)
{
	int status;

	close(side->to);
	if (waitpid(side->pid, &status, 0) != side->pid || status != 0)
		bench_die("an allocator's process failed");
}

/* ---- a job ---- */

static struct bench_series *series(void)
{
	struct bench_series *s = calloc(1, sizeof(*s));

	if (!s)
		bench_die("no memory");
	return s;
}

/* Who does it? False: nobody can, on this machine. */
static bool prepare(enum job job)
{
	bool can = true;

	for (struct side *s = sides; s < sides + nsides; s++) {
		char word[32];

		snprintf(word, sizeof(word), " %s ", s->name);
		s->takes_part = !s->ours || strstr(jobs[job].ours, word);
		if (s->takes_part)
			can = ask(s, job, PREPARE).ok && can;
		s->series = series();
	}
	return can;
}

/* Is the yardstick a pair of glibc's? It tells how fast the CPU is at plain code. */
static bool beside_pair(enum job job)
{
	return !jobs[job].two && job != CHURN;
}

/* A turn for each. Rounds start at another side each. */
static void one_round(enum job job, unsigned round)
{
	for (unsigned i = 0; i < nsides; i++) {
		struct side *s = &sides[(i + round) % nsides];
		double pair64;

		if (!s->takes_part)
			continue;
		pair64 = yard_glibc_pair64(); /* here, where malloc is glibc's */
		s->last = ask(s, job, TURN);
		if (beside_pair(job))
			s->last.yard = (pair64 + yard_glibc_pair64()) / 2;
		bench_record_if(s->series, s->last.ns, s->last.yard, s->last.ok);
	}
}

static bool more(void)
{
	bool all = true;

	for (unsigned i = 0; i < nsides; i++)
		if (sides[i].takes_part)
			all = !bench_more(sides[i].series) && all;
	return !all;
}

static void name_of(char *out, size_t bytes, const struct side *s, enum job job)
{
	const char *form = job == PAIR64 && !strchr(s->name, '.') ? ".call" : "";

	if (s->ours)
		snprintf(out, bytes, "slab.%s.%s%s", jobs[job].name, s->name, form);
	else
		snprintf(out, bytes, "peer.%s.%s", s->name, jobs[job].name);
}

static void print(enum job job)
{
	const char *yard = beside_pair(job)   ? "yard.glibc_pair64"
			   : job == CHURN     ? "yard.touch"
			   : job == TWO_CHURN ? "yard.2t_touch"
					      : "yard.line_transfer";
	char name[64], peer[64], both[128];

	for (unsigned i = 0; i < nsides; i++)
		if (sides[i].takes_part)
			bench_settle(sides[i].series, yard);
	for (unsigned i = 0; i < nsides; i++) {
		if (!sides[i].takes_part)
			continue;
		name_of(name, sizeof(name), &sides[i], job);
		bench_report(name, sides[i].series, "ns", yard);
		for (unsigned k = 0; k < nsides; k++) {
			if (!sides[i].ours || sides[k].ours || !sides[k].takes_part)
				continue;
			name_of(peer, sizeof(peer), &sides[k], job);
			snprintf(both, sizeof(both), "%s.vs_%s", name, sides[k].name);
			bench_compare(both, sides[i].series, "ns", peer, sides[k].series);
		}
	}
}

static void run(enum job job)
{
	bool can = prepare(job);

	if (can) {
		for (unsigned round = 0; more(); round++)
			one_round(job, round);
		print(job);
	}
	for (struct side *s = sides; s < sides + nsides; s++) {
		if (s->takes_part && can)
			ask(s, job, FINISH);
		free(s->series);
	}
}

/* Is the word one of those in the list? */
static bool asked_for(const char *list, const char *word)
{
	char all[128], one[32];

	snprintf(all, sizeof(all), ",%s,", list);
	snprintf(one, sizeof(one), ",%s,", word);
	return strstr(all, one);
}

int main(int argc, char **argv)
{
	char rounds[16];

	if (argc < 3)
		bench_die("JOB,JOB… NAME=PROGRAM[=PRELOAD]…");
	bench_pin(0);
	for (int i = 2; i < argc && nsides < SIDES_MAX; i++)
		start(&sides[nsides++], argv[i]);
	snprintf(rounds, sizeof(rounds), "%u",
		 (bench_rounds() + 3) / 4); /* a turn is some slices */
	setenv("BENCH_ROUNDS", rounds, 1);
	for (enum job job = PAIR64; job < JOBS; job++)
		if (asked_for(argv[1], jobs[job].name))
			run(job);
	for (unsigned i = 0; i < nsides; i++)
		stop(&sides[i]);
	return 0;
}
