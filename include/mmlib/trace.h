/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief A trace of what callers do: records in a ring that the host owns.
 *
 * Built with `-DMM_SANITIZER_HEADER='"mmlib/sanitizer_trace.h"'`, mmlib writes a record for each page frame
 * and object that comes or goes. The host defines mm_trace_here(), which says where to. Later it writes the
 * ring to a file, mm_trace_begin() and then what mm_trace_next() gives, which `tools/replay` replays and the
 * fuzz target `trace` takes as it is. Any number of CPUs and interrupts write at the same time, and may be read
 * meanwhile; none waits. A record whose place somebody else is writing to, who was overtaken by a whole ring, is
 * lost; so is one that is overwritten while it is read: its number does not follow then. Where
 * MM_ATOMICS is 0, an interrupt in the midst of a write loses its record: keep those that allocate off.
 *
 * A trace is a head of 32 bytes and records of 24, little-endian. `next` counts the records that were ever
 * written; as soon as the ring is full the oldest are overwritten, and the head says how many. */
#ifndef MMLIB_TRACE_H
#define MMLIB_TRACE_H
#include <mmlib/types.h>
MM_BEGIN_DECLS

#define MM_TRACE_VERSION 1u /**< version of the format; readers know one */
#define MM_TRACE_MAGIC   0x72546d6du /**< first word of a trace: "mmTr" */

/** What a record tells. */
enum mm_trace_kind {
	MM_TRACE_FRAMES = 1,   /**< frames are a caller's */
	MM_TRACE_OWN = 2,      /**< frames are a heap's own: its slabs, large blocks and metadata */
	MM_TRACE_UNFRAMES = 3, /**< frames, of either kind, are nobody's; maybe a part of what was allocated */
	MM_TRACE_ALLOC = 4,    /**< an object or a large block is a caller's */
	MM_TRACE_RESIZE = 5,   /**< it has another size, at the same address */
	MM_TRACE_FREE = 6,     /**< it is nobody's */
	MM_TRACE_MISUSE = 7,   /**< a free was refused */
	MM_TRACE_KINDS = 8,    /**< no kind */
};

/** One record, as it is in memory and in a file: little-endian. */
struct mm_trace_record {
	uint32_t sequence;   /**< number of the record, from 1 on, modulo 2^32; what does not follow the one
	                          before was being written when it was read */
	uint8_t kind;        /**< of #mm_trace_kind */
	uint8_t cpu;         /**< CPU, modulo 256 */
	uint16_t pool;       /**< frames: index of their zone; objects: 16 bits that tell their cache */
	uint32_t address[2]; /**< frames: physical address; objects: pointer. Lower half first */
	uint32_t size[2];    /**< frames: how many; objects: bytes that were asked for; free: 0 */
};

/** Head of a trace, little-endian. */
struct mm_trace_head {
	uint32_t magic;       /**< #MM_TRACE_MAGIC */
	uint16_t version;     /**< #MM_TRACE_VERSION */
	uint16_t record;      /**< bytes of a record: 24 */
	uint32_t records;     /**< how many follow */
	uint32_t frame_shift; /**< log2 of the bytes in a frame */
	uint32_t lost[2];     /**< records that were overwritten. Lower half first */
	uint32_t zero[2];     /**< 0 */
};

/** A ring. All-zero is one that records nothing. */
struct mm_trace {
	struct mm_trace_record *records; /**< memory for them, zero at first; NULL: none */
	uintptr_t n;    /**< how many: a power of two, many more than CPUs write at the same time */
	uintptr_t next; /**< @private records that were ever written, an atomic counter */
	uint32_t (*cpu)(void *ctx); /**< number of the calling CPU, in any context; NULL: 0 */
	void *ctx;      /**< first argument of `cpu` */
};

/** To be defined by the host: where records go now. Called in every context that mmlib is called in.
 *  @return a ring, or NULL: nothing is recorded
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: the host's} */
struct mm_trace *mm_trace_here(void);

/** Number of a little-endian word, or the word of a number. @private @param word 32 bits @return the same here
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline uint32_t mm_trace_le32(uint32_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return word >> 24 | (word >> 8 & 0xff00u) | (word & 0xff00u) << 8 | word << 24;
#else
	return word;
#endif
}

/** The same of 16 bits. @private @param word 16 bits @return the same here
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline uint16_t mm_trace_le16(uint16_t word)
{
	return (uint16_t)(mm_trace_le32(word) >> (mm_trace_le32(1) == 1 ? 0 : 16));
}

/** The number of two little-endian halves. @private @param half lower first @return number
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline uint64_t mm_trace_number(const uint32_t half[2])
{
	return (uint64_t)mm_trace_le32(half[1]) << 32 | mm_trace_le32(half[0]);
}

/** And the way back. @private @param[out] half lower first @param number 64 bits
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline void mm_trace_halves(uint32_t half[2], uint64_t number)
{
	half[0] = mm_trace_le32((uint32_t)number);
	half[1] = mm_trace_le32((uint32_t)(number >> 32));
}

/** A word of a record, whatever its type there. @private */
typedef uint32_t __attribute__((__may_alias__)) mm_trace_word;

/** @cond words that others may read or write at the same time */
#if MM_ATOMICS
#define MM_TRACE_LOAD(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define MM_TRACE_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#else
#define MM_TRACE_LOAD(p)     (*(const volatile mm_trace_word *)(p))
#define MM_TRACE_STORE(p, v) (*(volatile mm_trace_word *)(p) = (v))
#endif
/** @endcond */

/** Copy a record but for its number, into the ring or out of it. @private @param[out] to record @param from record
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline void mm_trace_copy(struct mm_trace_record *to, const struct mm_trace_record *from)
{
	mm_trace_word *out = (mm_trace_word *)(void *)to;
	const mm_trace_word *in = (const mm_trace_word *)(const void *)from;

	for (unsigned i = 1; i < sizeof(*to) / sizeof(*out); i++)
		MM_TRACE_STORE(&out[i], MM_TRACE_LOAD(&in[i]));
}

/** Take the place of a record: its number becomes 0. Who comes first takes a place that nobody has written to; later
 *  it is taken from the record that was a ring, or rings, before.
 *  @private @param place word of the number in the ring @param at how many records were before @param n of the ring
 *  @return false: it is somebody else's @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none; cost: O(1)} */
static inline bool mm_trace_take(mm_trace_word *place, uintptr_t at, uintptr_t n)
{
	mm_trace_word was = MM_TRACE_LOAD(place);
	uint32_t number = (uint32_t)at + 1;

	if (was == 0 || number == 0)
		return at < n && number != 0;
	if ((int32_t)(number - mm_trace_le32(was)) <= 0)
		return false;
#if MM_ATOMICS /* what is written now comes after what was written there before */
	return __atomic_compare_exchange_n(place, &was, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
#else
	MM_TRACE_STORE(place, 0);
	return true;
#endif
}

/** Write a record. What mmlib does through mmlib/sanitizer_trace.h; the host may add what its own layers do.
 *  @param t ring, or NULL @param kind of #mm_trace_kind @param pool as in a record
 *  @param address as in a record @param size as in a record
 *  @mm_ctx{boot\, irq-ok\, nmi-ok\, no-sleep; locks: none\, two atomic operations; cost: O(1)} */
static inline void mm_trace_write(struct mm_trace *t, unsigned kind, unsigned pool, uint64_t address, uint64_t size)
{
	struct mm_trace_record r, *place;
	mm_trace_word *number;
	uintptr_t at;

	if (!t || !t->records)
		return;
#if MM_ATOMICS
	at = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED);
#else
	at = t->next++;
#endif
	r.sequence = mm_trace_le32((uint32_t)at + 1);
	r.kind = (uint8_t)kind;
	r.cpu = (uint8_t)(t->cpu ? t->cpu(t->ctx) : 0);
	r.pool = mm_trace_le16((uint16_t)pool);
	mm_trace_halves(r.address, address);
	mm_trace_halves(r.size, size);
	place = &t->records[at & (t->n - 1)];
	number = (mm_trace_word *)(void *)&place->sequence;
	if (!mm_trace_take(number, at, t->n))
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	mm_trace_copy(place, &r);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	MM_TRACE_STORE(number, r.sequence);
}

/** Where reading is. */
struct mm_trace_cur {
	uintptr_t at;  /**< @private number of the next record */
	uintptr_t end; /**< @private number of the one behind the last */
};

/** Begin to read: the head of the trace that the ring holds, as it is now. What is written from here on is not in
 *  the trace; if it overwrites what is not read yet, mm_trace_next() gives a record that is torn, and readers of the
 *  trace notice, for its number does not follow.
 *  @param t ring @param[out] head to be written first @param[out] cur position for mm_trace_next()
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
static inline void mm_trace_begin(const struct mm_trace *t, struct mm_trace_head *head, struct mm_trace_cur *cur)
{
#if MM_ATOMICS
	uintptr_t next = __atomic_load_n(&t->next, __ATOMIC_RELAXED);
#else
	uintptr_t next = *(const volatile uintptr_t *)&t->next;
#endif
	uintptr_t lost = next > t->n ? next - t->n : 0;

	head->magic = mm_trace_le32(MM_TRACE_MAGIC);
	head->version = mm_trace_le16(MM_TRACE_VERSION);
	head->record = mm_trace_le16(sizeof(struct mm_trace_record));
	head->records = mm_trace_le32((uint32_t)(next - lost));
	head->frame_shift = mm_trace_le32(MM_FRAME_SHIFT);
	mm_trace_halves(head->lost, lost);
	mm_trace_halves(head->zero, 0);
	*cur = (struct mm_trace_cur){ lost, next };
}

/** Next record, oldest first: as many as the head says.
 *  @param t ring @param[in,out] cur of mm_trace_begin()
 *  @param[out] out the record, to be written to the file as it is. If it is torn, that is, being written, lost or
 *  overwritten, its number is not that of its place
 *  @return false at the end: nothing is written
 *  @mm_ctx{boot\, irq-ok\, no-sleep; locks: none; cost: O(1)} */
static inline bool mm_trace_next(const struct mm_trace *t, struct mm_trace_cur *cur, struct mm_trace_record *out)
{
	const struct mm_trace_record *place;
	const mm_trace_word *number;
	uint32_t want;

	if (cur->at == cur->end)
		return false;
	place = &t->records[cur->at++ & (t->n - 1)];
	number = (const mm_trace_word *)(const void *)&place->sequence;
	want = mm_trace_le32((uint32_t)cur->at);
	out->sequence = MM_TRACE_LOAD(number);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	mm_trace_copy(out, place);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (want == 0 || out->sequence != want || MM_TRACE_LOAD(number) != want)
		out->sequence = ~want;
	return true;
}
MM_END_DECLS
#endif
