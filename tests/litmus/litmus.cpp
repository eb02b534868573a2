/* SPDX-License-Identifier: MIT */
/* Orders that hang on a CPU which lets loads and stores overtake each other, or on a compiler: neither the explorer,
 * for which all happens in one order, nor ThreadSanitizer, for which atomic data is never wrong, can see that one of
 * them is missing. So these are models, a few lines each, of what the function that is named does, under Relacy, which
 * lets loads find any value that C allows. Each must hold, and must not hold without the order that it is about.
 *   litmus [ITERATIONS]     schedules of each, default 300000 */
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <relacy/relacy.hpp>

/* slab_table(): who is second to make a table uses the first one's, as the swap that failed told it, or by a load. */
template <bool ORDERED> struct table : rl::test_suite<table<ORDERED>, 2> {
	rl::atomic<unsigned> place;
	rl::var<unsigned> entry[2];

	void before()
	{
		place($) = 0;
		for (unsigned i = 0; i < 2; i++)
			entry[i]($) = 0;
	}
	void thread(unsigned t)
	{
		unsigned was = 0;

		entry[t]($) = 1;
		if (place.compare_exchange_strong(was, t + 1, rl::mo_seq_cst, $, rl::mo_relaxed, $))
			return;
		if (ORDERED)
			was = place.load(rl::mo_acquire, $);
		RL_ASSERT(entry[was - 1]($) == 1);
	}
};

/* buddy_insist() around a merge by another CPU: frames that are free throughout are not told as in use. */
template <bool ORDERED> struct insist : rl::test_suite<insist<ORDERED>, 2> {
	rl::atomic<unsigned> begun, done, word, up, searching;

	void before()
	{
		begun($) = done($) = up($) = searching($) = 0;
		word($) = 1;
	}
	void merge()
	{
		unsigned was = 1;

		begun.fetch_add(1, rl::mo_seq_cst, $);
		word.compare_exchange_strong(was, 0, rl::mo_seq_cst, $, rl::mo_relaxed, $);
		up.fetch_or(1, rl::mo_seq_cst, $);
		done.fetch_add(1, rl::mo_seq_cst, $);
	}
	void thread(unsigned t)
	{
		unsigned d, b;

		if (t == 0) {
			merge();
			return;
		}
		searching.fetch_add(1, rl::mo_seq_cst, $);
		rl::atomic_thread_fence(rl::mo_seq_cst, $);
		d = done.load(rl::mo_acquire, $);
		b = begun.load(rl::mo_acquire, $);
		if (word.load(rl::mo_relaxed, $) || up.load(rl::mo_acquire, $))
			return; /* it is found */
		if (ORDERED)
			rl::atomic_thread_fence(rl::mo_seq_cst, $);
		RL_ASSERT(d != b || begun.load(rl::mo_acquire, $) != b);
	}
};

/* zone_watch(): two CPUs change how much is free, and then tell of pressure: in the end it is that of what is free. */
template <bool ORDERED> struct watch : rl::test_suite<watch<ORDERED>, 2> {
	rl::atomic<unsigned> free_frames, pressure;

	void before()
	{
		free_frames($) = 12;
		pressure($) = 0;
	}
	void thread(unsigned t)
	{
		const rl::memory_order order = ORDERED ? rl::mo_seq_cst : rl::mo_relaxed;
		unsigned was, now;

		free_frames.fetch_add(t ? 5u : 0u - 5u, rl::mo_seq_cst, $);
		do {
			was = pressure.load(order, $);
			now = free_frames.load(order, $) < 10;
			if (now != was)
				pressure.compare_exchange_strong(was, now, rl::mo_seq_cst, $, rl::mo_relaxed, $);
		} while (now != was);
	}
	void after()
	{
		RL_ASSERT((free_frames.load(rl::mo_seq_cst, $) < 10) == pressure.load(rl::mo_seq_cst, $));
	}
};

/* mobility_hold() and isolate_empty(): a frame is freed, another CPU withholds it, and a third one, which claims it,
 * sees what its owner wrote last. */
template <bool ORDERED> struct hold : rl::test_suite<hold<ORDERED>, 3> {
	rl::atomic<unsigned> word, byte;
	rl::var<unsigned> data;

	void before()
	{
		word($) = byte($) = 0;
		data($) = 0;
	}
	void thread(unsigned t)
	{
		unsigned was = 1;

		if (t == 0) {
			data($) = 1;
			word.fetch_or(1, rl::mo_seq_cst, $);
		} else if (t == 1) {
			if (word.compare_exchange_strong(was, 0, rl::mo_seq_cst, $, rl::mo_relaxed, $))
				byte.store(7, ORDERED ? rl::mo_release : rl::mo_relaxed, $);
		} else if (byte.load(rl::mo_relaxed, $) == 7) {
			if (ORDERED)
				rl::atomic_thread_fence(rl::mo_seq_cst, $);
			RL_ASSERT(data($) == 1);
		}
	}
};

/* guard_new(): who frees twice takes the slot's next object by its state, and then sees where that begins. */
template <bool ORDERED> struct late : rl::test_suite<late<ORDERED>, 2> {
	enum { FREE, USED };
	rl::atomic<unsigned> state, base;

	void before()
	{
		state($) = FREE;
		base($) = 1; /* of the object that was freed before */
	}
	void thread(unsigned t)
	{
		unsigned was = USED;

		if (t == 0) {
			base.store(2, rl::mo_relaxed, $);
			state.store(USED, ORDERED ? rl::mo_release : rl::mo_relaxed, $);
		} else if (state.compare_exchange_strong(was, FREE, rl::mo_seq_cst, $, rl::mo_relaxed, $)) {
			RL_ASSERT(base.load(rl::mo_relaxed, $) == 2);
		}
	}
};

/* pt_make8(), pt_clear8() and pt_load8() where CPUs have no load of 8 bytes: a low half that says valid is read with
 * the high half that was made beside it. */
template <bool ORDERED> struct halves : rl::test_suite<halves<ORDERED>, 2> {
	rl::atomic<unsigned> low, high;

	void before()
	{
		low($) = high($) = 0;
	}
	void thread(unsigned t)
	{
		const rl::memory_order acquire = ORDERED ? rl::mo_acquire : rl::mo_relaxed,
				       release = ORDERED ? rl::mo_release : rl::mo_relaxed;
		unsigned l, h, again;

		if (t == 0) {
			high.store(1, rl::mo_relaxed, $);
			low.store(1, release, $);
			low.store(0, rl::mo_relaxed, $);
			high.store(0, release, $);
			return;
		}
		again = low.load(acquire, $);
		do {
			l = again;
			h = high.load(acquire, $);
			again = low.load(acquire, $);
		} while (l != again);
		RL_ASSERT(!l || h);
	}
};

/* nmi_push() and nmi_take_slab(): NMIs of two CPUs free two objects of one slab, and one of another; a third CPU
 * brings home what it finds meanwhile. In the end all three are home, and who brings one home sees what was written
 * before. Three models, of one order each. LOOK: whether somebody looks at a slab, and what states he finds; RETURN: an
 * object is returned; PUSH: a slab comes into the list. */
template <typename SELF, rl::memory_order LOOK, rl::memory_order RETURN, rl::memory_order PUSH>
struct returned : rl::test_suite<SELF, 3> {
	enum { USED, RETURNING, RETURNED, IDLE };
	enum { OUT = 0, END = 3 }; /* links: in no list, or the last there; else the next slab's number + 1 */
	enum { SLABS = 2, OBJECTS = 2 };
	rl::atomic<unsigned> list, link[SLABS], state[SLABS][OBJECTS];
	rl::var<unsigned> data[SLABS][OBJECTS];

	void before()
	{
		list($) = OUT;
		for (unsigned s = 0; s < SLABS; s++) {
			link[s]($) = OUT;
			for (unsigned i = 0; i < OBJECTS; i++) {
				state[s][i]($) = USED;
				data[s][i]($) = 0;
			}
		}
	}
	void push(unsigned s)
	{
		unsigned was = OUT, first;

		if (link[s].load(LOOK, $) != OUT ||
		    !link[s].compare_exchange_strong(was, END, rl::mo_seq_cst, $, rl::mo_relaxed, $))
			return;
		first = list.load(rl::mo_relaxed, $);
		do
			link[s].store(first != OUT ? first : unsigned(END), rl::mo_relaxed, $);
		while (!list.compare_exchange_strong(first, s + 1, PUSH, $, rl::mo_relaxed, $));
	}
	void nmi_free(unsigned s, unsigned i)
	{
		unsigned was = USED;

		data[s][i]($) = 1;
		RL_ASSERT(state[s][i].compare_exchange_strong(was, RETURNING, rl::mo_seq_cst, $, rl::mo_relaxed, $));
		data[s][i]($) = 2; /* as nmi_guarded() notes who frees */
		push(s);
		state[s][i].store(RETURNED, RETURN, $);
	}
	void take_back()
	{
		for (unsigned at = list.exchange(OUT, rl::mo_acquire, $), s; at != OUT && at != END;) {
			s = at - 1;
			at = link[s].load(rl::mo_relaxed, $);
			RL_ASSERT(at != OUT);
			unsigned was = at;
			link[s].compare_exchange_strong(was, OUT, rl::mo_seq_cst, $, rl::mo_relaxed, $);
			for (unsigned i = 0; i < OBJECTS; i++)
				collect(s, i);
		}
	}
	void collect(unsigned s, unsigned i)
	{
		unsigned is = state[s][i].load(LOOK, $);

		if (is == RETURNED) {
			RL_ASSERT(data[s][i]($) == 2);
			data[s][i]($) = 3;
			state[s][i].store(IDLE, rl::mo_relaxed, $);
		} else if (is == RETURNING) {
			push(s);
		}
	}
	void thread(unsigned t)
	{
		if (t == 0) {
			nmi_free(0, 0);
			nmi_free(1, 0);
		} else if (t == 1) {
			nmi_free(0, 1);
		} else {
			take_back();
		}
	}
	void after()
	{
		take_back();
		for (unsigned n = 0; n < 3; n++)
			RL_ASSERT(state[n / 2][n % 2].load(rl::mo_seq_cst, $) == IDLE);
	}
};

template <bool ORDERED> struct nmi_look
	: returned<nmi_look<ORDERED>, ORDERED ? rl::mo_seq_cst : rl::mo_relaxed, rl::mo_release, rl::mo_seq_cst> {
};
template <bool ORDERED> struct nmi_return
	: returned<nmi_return<ORDERED>, rl::mo_seq_cst, ORDERED ? rl::mo_release : rl::mo_relaxed, rl::mo_seq_cst> {
};
template <bool ORDERED> struct nmi_link
	: returned<nmi_link<ORDERED>, rl::mo_seq_cst, rl::mo_release, ORDERED ? rl::mo_seq_cst : rl::mo_relaxed> {
};

static unsigned long iterations = 300000;
static std::ostream nowhere(nullptr); /* for the history of how one failed that must */
static int bad;

template <typename MODEL> static bool holds()
{
	rl::test_params params;

	params.iteration_count = iterations;
	params.output_stream = params.progress_stream = &nowhere;
	return rl::simulate<MODEL>(params);
}

template <template <bool> class MODEL> static void check(const char *name)
{
	bool with = holds<MODEL<true>>(), without = holds<MODEL<false>>();

	bad |= !with || without;
	std::cout << name << ": " << (with ? "holds" : "DOES NOT HOLD") << ", and without its order "
		  << (without ? "TOO" : "it does not") << "\n";
}

int main(int argc, char **argv)
{
	if (argc > 1)
		iterations = std::strtoul(argv[1], nullptr, 10);
	check<table>("slab_table");
	check<insist>("buddy_insist");
	check<watch>("zone_watch");
	check<hold>("mobility_hold");
	check<late>("guard_new");
	check<halves>("pt_load8");
	check<nmi_look>("nmi_collect");
	check<nmi_return>("nmi_return");
	check<nmi_link>("nmi_push");
	return bad;
}
