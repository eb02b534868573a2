/* SPDX-License-Identifier: MIT */
/* The explorer's command line.
 *   explore                              list the scenarios
 *   explore [OPTION…] NAME…|all          explore; a name may end in '*'
 *     --schedules N   stop a scenario after N schedules (default 1000000), or ten times as many if
 *                     it is two CPUs with one operation each
 *     --seconds N     or after N seconds (default 600)
 *     --bound N       preemptions: instead of the scenario's own bound; 0 for all schedules
 *     --short         at most two preemptions, or one, where all would take long
 *     --no-pruning    do not stop at states that were seen: counts the schedules one by one
 *     --check-pruning both ways, and once more from the start each time, and compare (small scenarios)
 *     --spoil         go back to choices without a page of memory: --check-pruning must notice
 *     --must-fail     succeed only if a violation is found (negative controls)
 *   explore NAME --replay 'SCHEDULE'     show each step of a schedule
 * With MM_PLANT=N in the environment, race N of src/hook.h is planted.
 * NAME.i is NAME with the second CPU's operation as an interrupt on the first, NAME.j the reverse. */
#define _GNU_SOURCE
#include "explore.h"
#include "hook.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ex_limits limits = { .schedules = 1000000, .seconds = 600 };
static int bound = -1;
static bool must_fail, brief, checking;
static const char *replay, *now_running = "";
static unsigned long explored, violations;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (signal == SIGSEGV && arena_fault(info->si_addr))
		return;
	printf("%s: VIOLATION: %s\n  replay: ", now_running,
	       signal == SIGALRM ? "endless loop without a step" : "memory fault");
	ex_print_schedule();
	fflush(stdout);
	_exit(must_fail ? 0 : 1);
}

static void catch_faults(void)
{
	static unsigned char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
}

/* Does a search that stops at states seen stand for as many schedules as there are? And is going back to a
 * choice the same as making all steps to it again? */
static void check_pruning(const struct scenario *s)
{
	struct ex_limits all = limits, slow = limits;
	struct ex_result short_way = ex_search(s, &limits), long_way, slow_way;

	all.no_pruning = slow.from_start = true;
	all.schedules = 100000000;
	long_way = ex_search(s, &all);
	slow_way = ex_search(s, &slow);
	explored++;
	printf("%-18s %lu schedules stand for %.0f; one by one: %lu\n", s->name,
	       short_way.schedules, short_way.stands_for, long_way.schedules);
	violations += !long_way.complete || short_way.violated || long_way.violated ||
		      short_way.stands_for != (double)long_way.schedules;
	violations += slow_way.violated || slow_way.schedules != short_way.schedules ||
		      slow_way.states != short_way.states || slow_way.stands_for != short_way.stands_for;
}

/* Two CPUs with one operation each: every schedule is run, so these have ten times the room. */
static bool one_each(const struct scenario *s)
{
	return !s->cpu[0][1].kind && !s->cpu[1][1].kind && !s->cpu[2][0].kind;
}

static void explore(const struct scenario *original)
{
	struct scenario copy = *original, *s = &copy;
	struct ex_limits room = limits;
	struct ex_result r;

	now_running = s->name;
	if (brief && s->flags & SCN_LONGEST)
		s->bound = 1;
	if (brief && s->flags & SCN_LONG && (s->bound == 0 || s->bound > 2))
		s->bound = 2;
	if (checking) {
		check_pruning(s);
		return;
	}
	if (replay) {
		violations += !ex_replay(s, replay);
		explored++;
		return;
	}
	if (one_each(s))
		room.schedules *= 10;
	r = ex_search(s, &room);
	explored++;
	violations += r.violated;
	if (r.violated) {
		printf("  found after %lu schedules, %lu states, %.2f s\n", r.schedules + 1,
		       r.states, r.seconds);
		return;
	}
	printf("%-18s %9lu schedules %9lu states %7.2f s  ", s->name, r.schedules, r.states,
	       r.seconds);
	if (!r.complete)
		printf("stopped at the limit");
	else if (s->bound)
		printf("all with at most %d preemptions", s->bound);
	else
		printf("all: they stand for %.3g", r.stands_for);
	putchar('\n');
	fflush(stdout);
}

/* May it run in an interrupt? */
static bool for_interrupts(const struct op *op)
{
	return op->kind && op->kind != OP_DRAIN && op->kind != OP_SHRINK &&
	       op->kind != OP_OFFLINE && op->kind != OP_RELEASE && op->kind != OP_ISOLATE &&
	       op->kind != OP_UNISOLATE && op->kind != OP_UNPLUG && op->kind != OP_CLAIM && op->kind != OP_MORE &&
	       op->kind != OP_UNMAKE && !op_is_nmi(op); /* that is one */
}

/* Operation `inner` as an interrupt on the CPU of `outer`. */
static struct scenario as_interrupt(const struct scenario *s, const char *name, unsigned outer,
				    unsigned inner)
{
	struct scenario v = *s;

	v.name = name;
	v.bound = 0;
	memset(v.cpu, 0, sizeof(v.cpu));
	memset(v.irq, 0, sizeof(v.irq));
	memcpy(v.cpu[0], s->cpu[outer], sizeof(v.cpu[0]));
	v.irq[0][0] = s->cpu[inner][0];
	v.irq[0][1] = s->cpu[inner][1];
	for (unsigned i = 0; i < EX_IRQS; i++)
		v.irq[0][i].flags |= MM_ALLOC_ATOMIC;
	return v;
}

static bool matches(const char *name, char **patterns, int n)
{
	for (int i = 0; i < n; i++) {
		size_t length = strlen(patterns[i]);

		if (strcmp(patterns[i], name) == 0 || strcmp(patterns[i], "all") == 0 ||
		    (length && patterns[i][length - 1] == '*' &&
		     strncmp(patterns[i], name, length - 1) == 0))
			return true;
	}
	return false;
}

static void explore_one(const struct scenario *original, char **patterns, int n)
{
	char name[64];
	struct scenario s = *original;
	bool pair = s.cpu[1][0].kind && !s.cpu[2][0].kind && !s.irq[0][0].kind && !s.irq[1][0].kind;

	if (bound >= 0)
		s.bound = bound;
	if (matches(s.name, patterns, n))
		explore(&s);
	for (unsigned inner = 0; inner < 2 && pair && !(s.flags & SCN_NO_IRQ); inner++) {
		struct scenario v;

		if (!for_interrupts(&s.cpu[inner][0]) ||
		    (s.cpu[inner][1].kind && !for_interrupts(&s.cpu[inner][1])))
			continue;
		snprintf(name, sizeof(name), "%s.%c", s.name, inner ? 'i' : 'j');
		v = as_interrupt(&s, name, !inner, inner);
		if (matches(name, patterns, n))
			explore(&v);
	}
}

static int list(void)
{
	for (const struct scenario *s = ex_scenarios; s->name; s++)
		printf("%-18s %s\n", s->name, s->what);
	return 2;
}

int main(int argc, char **argv)
{
	char *patterns[64];
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--must-fail") == 0)
			must_fail = true;
		else if (strcmp(argv[i], "--short") == 0)
			brief = true;
		else if (strcmp(argv[i], "--no-pruning") == 0)
			limits.no_pruning = true;
		else if (strcmp(argv[i], "--check-pruning") == 0)
			checking = true;
		else if (strcmp(argv[i], "--spoil") == 0)
			snapshot_spoil();
		else if (strcmp(argv[i], "--schedules") == 0 && i + 1 < argc)
			limits.schedules = strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			limits.seconds = strtod(argv[++i], NULL);
		else if (strcmp(argv[i], "--bound") == 0 && i + 1 < argc)
			bound = atoi(argv[++i]);
		else if (strcmp(argv[i], "--replay") == 0 && i + 1 < argc)
			replay = argv[++i];
		else if (argv[i][0] != '-' && n < 64)
			patterns[n++] = argv[i];
		else
			return list();
	}
	if (n == 0)
		return list();
	if (getenv("MM_PLANT"))
		mm_hook_plant = (unsigned)strtoul(getenv("MM_PLANT"), NULL, 10);
	catch_faults();
	for (const struct scenario *s = ex_scenarios; s->name; s++)
		explore_one(s, patterns, n);
	if (!explored) {
		printf("no such scenario\n");
		return 2;
	}
	if (must_fail)
		return violations ? 0 : 1;
	return violations ? 1 : 0;
}
