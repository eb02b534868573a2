/* SPDX-License-Identifier: MIT */
/* Depth-first search over schedules, states seen, and replay. */
#define _GNU_SOURCE
#include "explore.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX   65536u
#define ACTIONS_MAX 262144u
#define LOOK_STEPS  32u
#define OPTIONS_MAX (EX_CPUS * 3)

struct option {
	uint8_t cpu, action, preempts;
};

/* A choice on the path that is being explored. */
struct choice {
	uint64_t key;
	double stands_for;
	uint8_t taken, n;
};

/* A state seen. */
struct seen {
	uint64_t key; /* 0: free place */
	double stands_for;
	int8_t budget;
	bool open; /* on the path */
};

static struct choice path[DEPTH_MAX];
static unsigned path_length;
static struct ex_at at; /* the current CPU, and the preemptions that are left */
static struct {
	uint8_t cpu, action;
} made[ACTIONS_MAX]; /* the schedule so far */
static struct seen *seen;
static size_t nseen, places;
static const struct scenario *scenario;
static jmp_buf out;
static char wrong[512];
static bool violated, pruning, from_start;

/* Violations */

void ex_violate(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!violated)
		vsnprintf(wrong, sizeof(wrong), format, args);
	va_end(args);
	violated = true;
	if (cpu_running())
		cpu_abandon();
	longjmp(out, 1);
}

/* The schedule: CPU, then i for an interrupt on it or c for a call of another CPU, *times. */
void ex_print_schedule(void)
{
	static const char letter[] = { ' ', 'i', 'c' };

	for (unsigned i = 0, n; i < at.nmade; i += n) {
		for (n = 1; i + n < at.nmade && made[i + n].cpu == made[i].cpu &&
			    made[i + n].action == made[i].action;)
			n++;
		printf("%s%u", i ? " " : "", made[i].cpu);
		if (made[i].action)
			putchar(letter[made[i].action]);
		if (n > 1)
			printf("*%u", n);
	}
	putchar('\n');
}

/* States */

static struct seen *place_of(struct seen *table, size_t n, uint64_t key)
{
	size_t i = key & (n - 1);

	while (table[i].key && table[i].key != key)
		i = (i + 1) & (n - 1);
	return &table[i];
}

static void grow(void)
{
	size_t n = places ? places * 2 : 1u << 14;
	struct seen *table = calloc(n, sizeof(*table));

	if (!table)
		abort();
	for (size_t i = 0; i < places; i++)
		if (seen[i].key)
			*place_of(table, n, seen[i].key) = seen[i];
	free(seen);
	seen = table;
	places = n;
}

static struct seen *find(uint64_t key)
{
	return place_of(seen, places, key);
}

/* One schedule */

static unsigned options(struct option *o)
{
	bool stays = cpu_can(at.current, ACT_STEP);
	unsigned n = 0;

	for (unsigned k = 0; k < ex_ncpus; k++) {
		unsigned cpu = (at.current + k) % ex_ncpus; /* going on comes first */
		bool preempts = scenario->bound && stays && cpu != at.current;

		if (preempts && at.budget == 0)
			continue;
		for (uint8_t action = ACT_STEP; action <= ACT_IPI; action++)
			if (cpu_can(cpu, action))
				o[n++] = (struct option){ (uint8_t)cpu, action, preempts };
	}
	return n;
}

static void make_it(const struct option *o)
{
	if (at.nmade == ACTIONS_MAX)
		ex_violate("schedule without end");
	made[at.nmade].cpu = o->cpu;
	made[at.nmade++].action = o->action;
	at.current = o->cpu;
	at.budget -= o->preempts;
	cpu_act(o->cpu, o->action);
	if (violated)
		longjmp(out, 1);
}

static void check_end(void)
{
	for (unsigned i = 0; i < ex_ncpus; i++)
		if (!cpu_finished(i))
			ex_violate("deadlock: CPU %u and others wait for ever", i);
	scenario->world->finish(scenario);
}

/* Choose at a new point. False: nothing new can come of this state. */
static bool choose(unsigned n)
{
	uint64_t key = pruning ? cpu_hash(arena_hash()) : 0;
	struct seen *s;

	if (at.depth == DEPTH_MAX)
		ex_violate("path without end");
	path[at.depth] = (struct choice){ 0, 0, 0, (uint8_t)n };
	path_length = at.depth + 1;
	if (!pruning)
		return true;
	if (scenario->bound)
		key = ex_hash(key, (uint64_t[]){ at.current }, 8);
	key = key ? key : 1;
	if (2 * (nseen + 1) > places)
		grow();
	s = find(key);
	if (s->key && s->open)
		ex_violate("a state repeats: a loop without progress");
	if (s->key && s->budget >= at.budget) {
		path_length = at.depth;
		if (at.depth)
			path[at.depth - 1].stands_for += s->stands_for;
		return false;
	}
	nseen += !s->key;
	*s = (struct seen){ key, 0, (int8_t)at.budget, true };
	path[at.depth].key = key;
	return true;
}

/* Where there is no choice: was this state seen? To ask takes as long as some steps, and a CPU is
 * asked after the same steps of its own, whatever others did before. */
static bool looks_at(unsigned cpu)
{
	return cpu != at.current || cpu_steps(cpu) % LOOK_STEPS == 0;
}

static void from_first(void)
{
	at = (struct ex_at){ .budget = scenario->bound ? scenario->bound : 100 };
	arena_restore();
	cpu_start();
}

/* From the last choice, or along the path to it; then the first option each time. Jumps out on a
 * violation. */
static void run_schedule(void)
{
	struct option o[OPTIONS_MAX];

	if (from_start || !path_length || !snapshot_back(&at, path_length - 1))
		from_first();
	for (;;) {
		unsigned n = options(o), pick = 0;

		if (n == 0)
			break;
		if (n > 1 || (pruning && looks_at(o[0].cpu))) {
			if (at.depth == path_length && !choose(n))
				return;
			if (!from_start && n > 1)
				snapshot_keep(&at, path_length);
			pick = path[at.depth++].taken;
		}
		make_it(&o[pick]);
	}
	if (at.depth)
		path[at.depth - 1].stands_for += 1;
	check_end();
}

/* On to the next schedule: false if that was the last. */
static bool advance(double *total)
{
	while (path_length) {
		struct choice *c = &path[path_length - 1];
		struct seen *s;

		if (++c->taken < c->n)
			return true;
		if (pruning) {
			s = find(c->key);
			s->open = false;
			s->stands_for = c->stands_for;
		}
		path_length--;
		*(path_length ? &path[path_length - 1].stands_for : total) += c->stands_for;
	}
	return false;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(const struct scenario *s)
{
	free(seen);
	seen = NULL;
	nseen = places = 0;
	path_length = 0;
	at = (struct ex_at){ .budget = 100 };
	snapshot_reset();
	violated = false;
	scenario = s;
	arena_reset();
	cpu_setup(s);
	ex = arena_alloc(sizeof(*ex), 4096);
	if (setjmp(out)) {
		printf("%s: cannot be set up: %s\n", s->name, wrong);
		exit(2);
	}
	s->world->setup(s);
	arena_protect();
}

struct ex_result ex_search(const struct scenario *s, const struct ex_limits *limits)
{
	static struct ex_result r;
	static double start;

	r = (struct ex_result){ 0 };
	start = now();
	pruning = !limits->no_pruning;
	from_start = limits->from_start;
	begin(s);
	if (setjmp(out)) {
		r.violated = true;
		printf("%s: VIOLATION: %s\n  replay: ", s->name, wrong);
		ex_print_schedule();
	} else {
		for (;;) {
			run_schedule();
			r.schedules++;
			r.complete = !advance(&r.stands_for);
			if (r.complete || r.schedules >= limits->schedules)
				break;
			if ((r.schedules & 255) == 0 && now() - start > limits->seconds)
				break;
		}
	}
	r.states = nseen;
	r.seconds = now() - start;
	return r;
}

/* Replay */

/* Function and line of a step; asks addr2line, once for each place. */
static const char *resolve(void *where)
{
	static struct {
		void *where;
		char text[160];
	} known[512];
	unsigned i = 0;
	char command[128];
	FILE *pipe;

	while (i < 511 && known[i].where && known[i].where != where)
		i++;
	if (known[i].where == where)
		return known[i].text;
	known[i].where = where;
	snprintf(command, sizeof(command), "addr2line -s -p -f -e /proc/%d/exe %p 2>/dev/null",
		 (int)getpid(), (void *)((char *)where - 1));
	pipe = popen(command, "r");
	if (pipe) {
		if (!fgets(known[i].text, sizeof(known[i].text), pipe))
			known[i].text[0] = 0;
		pclose(pipe);
	}
	known[i].text[strcspn(known[i].text, "\n")] = 0;
	return known[i].text;
}

static void show(const struct option *o)
{
	static const char *const action[] = { "", "interrupt, before ",
					      "call of another CPU, before " };
	const char *what;
	void *where;

	cpu_where(o->cpu, &what, &where);
	printf("%5u  %*sCPU %u: %s%s %s\n", at.nmade + 1, (int)o->cpu * 4, "", o->cpu,
	       action[o->action], what, where ? resolve(where) : "");
}

static void step_replay(unsigned cpu, unsigned action)
{
	struct option o = { (uint8_t)cpu, (uint8_t)action, 0 };

	if (cpu >= ex_ncpus || !cpu_can(cpu, action)) {
		printf("this schedule does not fit: CPU %u cannot do that\n", cpu);
		exit(2);
	}
	show(&o);
	make_it(&o);
}

/* Follow a schedule as ex_print_schedule() wrote it. */
bool ex_replay(const struct scenario *s, const char *schedule)
{
	static const char *rest;

	rest = schedule;
	begin(s);
	if (setjmp(out)) {
		printf("VIOLATION: %s\n", wrong);
		return false;
	}
	arena_restore();
	cpu_start();
	while (*rest) {
		char *end;
		unsigned cpu = (unsigned)strtoul(rest, &end, 10), action = ACT_STEP, times = 1;

		if (end == rest) {
			printf("not a schedule: %s\n", rest);
			exit(2);
		}
		if (*end == 'i' || *end == 'c')
			action = *end++ == 'i' ? ACT_IRQ : ACT_IPI;
		if (*end == '*')
			times = (unsigned)strtoul(end + 1, &end, 10);
		rest = end + strspn(end, " ");
		while (times--)
			step_replay(cpu, action);
	}
	for (unsigned i = 0; i < ex_ncpus; i++)
		if (!cpu_finished(i) && (cpu_can(i, ACT_STEP) || cpu_can(i, ACT_IPI))) {
			printf("the schedule ends before CPU %u does\n", i);
			return true;
		}
	check_end();
	printf("no violation\n");
	return true;
}
