/* SPDX-License-Identifier: MIT */
/* The service processor, by SERVICE CALL: the console, and how much memory there is.
 *
 * Theory of operation
 * Structure    one block of storage says what is wanted, and gets the answer. The console's text is gathered by lines.
 * Waiting      an external interruption says that the answer is there. Callers have interrupts off, and may hold locks:
 *              they are turned on meanwhile, and other CPUs have to wait (machine_emergency()). No control register is
 *              loaded for that: QEMU forgets all translations then, and this CPU would never be seen with an old one.
 * Concurrency  one caller at a time. The interruption comes to whom CR0 allows it: the first CPU, and one that dies. */
#include "../console.h"
#include "../machine.h"
#include "cpu.h"

enum { READ_INFO = 0x00020001, WRITE_EVENT = 0x00760005, WRITE_MASK = 0x00780005 };
enum { EVENT_ASCII = 0x1a, EVENT_ASCII_MASK = 0x40 };
enum { BLOCK_BYTES = 4096, LINE_BYTES = 256, READ_BYTES = 4096 };

struct block {
	uint16_t bytes;
	uint8_t function, control[3];
	uint16_t response;
	union {
		struct {
			uint16_t increments;
			uint8_t mebibytes; /* of each */
		} memory;
		struct {
			uint16_t reserved, mask_bytes;
			uint32_t receive, send, told[2];
		} mask;
		struct {
			uint16_t bytes;
			uint8_t type, flags;
			uint16_t reserved;
			char text[LINE_BYTES];
		} event;
	} is;
};
enum { HEAD_BYTES = 8, EVENT_HEAD_BYTES = 6, MASK_BYTES = 20 };
_Static_assert(offsetof(struct block, is.event.text) == HEAD_BYTES + EVENT_HEAD_BYTES, "nothing between them");

static union {
	struct block block;
	char bytes[BLOCK_BYTES];
} storage __attribute__((aligned(BLOCK_BYTES)));
static uint32_t answered;

void sclp_answered(void)
{
	__atomic_store_n(&answered, 1, __ATOMIC_RELEASE);
}

static void call(uint32_t command)
{
	struct machine_cpu *me = &machine_cpu()->machine;
	const bool on = machine_irq_save();
	uint32_t cc;

	__atomic_store_n(&answered, 0, __ATOMIC_RELAXED);
	me->calling = 1;
	do {
		__asm__ volatile(".insn rre,0xb2200000,%1,%2\n\tipm %0"
				 : "=d"(cc)
				 : "d"((uint64_t)command), "a"(&storage)
				 : "cc", "memory");
	} while (cc >> 28 == 2);
	machine_irq_restore(true);
	while (!__atomic_load_n(&answered, __ATOMIC_ACQUIRE) && cc >> 28 == 0)
		machine_relax();
	(void)machine_irq_save();
	me->calling = 0;
	if (me->deferred) {
		me->deferred = 0;
		machine_interrupt(machine_cpu());
	}
	machine_irq_restore(on);
}

static struct block *wanted(unsigned bytes)
{
	__builtin_memset(&storage, 0, HEAD_BYTES + EVENT_HEAD_BYTES);
	storage.block.bytes = (uint16_t)bytes;
	return &storage.block;
}

void sclp_init(void)
{
	struct block *b = wanted(HEAD_BYTES + MASK_BYTES);

	b->is.mask.mask_bytes = sizeof(uint32_t);
	b->is.mask.receive = 0;
	b->is.mask.send = EVENT_ASCII_MASK;
	call(WRITE_MASK);
}

uint64_t sclp_memory(void)
{
	struct block *b = wanted(READ_BYTES);

	call(READ_INFO);
	return (uint64_t)b->is.memory.increments * b->is.memory.mebibytes << 20;
}

static void write(const char *line, unsigned n)
{
	struct block *b = wanted(HEAD_BYTES + EVENT_HEAD_BYTES + n);

	b->is.event.bytes = (uint16_t)(EVENT_HEAD_BYTES + n);
	b->is.event.type = EVENT_ASCII;
	__builtin_memcpy(b->is.event.text, line, n);
	call(WRITE_EVENT);
}

void machine_console_put(char c)
{
	static char line[LINE_BYTES];
	static unsigned n;

	line[n++] = c;
	if (c != '\n' && n < LINE_BYTES)
		return;
	write(line, n);
	n = 0;
}
