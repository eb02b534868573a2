/* SPDX-License-Identifier: MIT */
/* What models write to memory that is theirs: byte k of a block is its seed and 7 k. Filled and compared by
 * memcpy() and memcmp() from a table, as fuzz targets do that after each operation. */
#ifndef CONTENTS_H
#define CONTENTS_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CONTENTS_PIECE 4096u /* of the table: a multiple of 256, after which bytes are the same again */

/* A table that begins with this seed. */
static inline const unsigned char *contents_of(unsigned char seed)
{
	static unsigned char table[256 + CONTENTS_PIECE];

	for (unsigned k = 0; !table[1] && k < sizeof(table); k++)
		table[sizeof(table) - 1 - k] = (unsigned char)((sizeof(table) - 1 - k) * 7); /* 1 at last */
	return table + (unsigned char)(seed * 183u); /* 7 * 183 is 1 and a multiple of 256 */
}

static inline void contents_fill(unsigned char *p, size_t n, unsigned char seed)
{
	const unsigned char *from = contents_of(seed);

	for (; n > CONTENTS_PIECE; p += CONTENTS_PIECE, n -= CONTENTS_PIECE)
		memcpy(p, from, CONTENTS_PIECE);
	memcpy(p, from, n);
}

/* Are they still there? */
static inline bool contents_intact(const unsigned char *p, size_t n, unsigned char seed)
{
	const unsigned char *from = contents_of(seed);

	for (; n > CONTENTS_PIECE; p += CONTENTS_PIECE, n -= CONTENTS_PIECE)
		if (memcmp(p, from, CONTENTS_PIECE) != 0)
			return false;
	return memcmp(p, from, n) == 0;
}

/* Is every byte `value`? */
static inline bool contents_all(const unsigned char *p, size_t n, unsigned char value)
{
	return n == 0 || (p[0] == value && memcmp(p, p + 1, n - 1) == 0);
}
#endif
