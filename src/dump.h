/* SPDX-License-Identifier: MIT */
/* Lines of text of fixed size, for dumps: no memory, little stack. What does not fit is left out. */
#ifndef MM_SRC_DUMP_H
#define MM_SRC_DUMP_H
#include <mmlib/types.h>
#include "bits.h"

#define DUMP_LINE 79u

struct dump {
	void (*line)(void *ctx, const char *text);
	void *ctx;
	unsigned length;
	char text[DUMP_LINE + 1];
};

static void dump_send(struct dump *d)
{
	d->text[d->length] = '\0';
	if (d->length)
		d->line(d->ctx, d->text);
	d->length = 0;
}

static void dump_char(struct dump *d, char c)
{
	if (d->length < DUMP_LINE)
		d->text[d->length++] = c;
}

static void dump_text(struct dump *d, const char *text)
{
	while (*text)
		dump_char(d, *text++);
}

static void dump_hex(struct dump *d, uint64_t n, unsigned digits)
{
	dump_text(d, "0x");
	while (digits-- > 0)
		dump_char(d, "0123456789abcdef"[mm_shr64(n, digits * 4) & 15]);
}
#endif
