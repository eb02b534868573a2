/* SPDX-License-Identifier: MIT */
/* A tree of each format in turn, with the oracle that knows its manual. Included by one file of a program. */
#ifndef MM_TESTS_PT_EACH_H
#define MM_TESTS_PT_EACH_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <mmlib/pt_formats.h>
#include <mmlib/pt_port.h>
#include "pt_oracle.h"

static struct ora ora;
static struct mm_pt pt;
static const struct mm_pt_port *port;
static const struct ora_arch *arch;

/* @c_bit: an address bit that all entries have beside their addresses, as the manual numbers it; 0: there is none. Then
 * addresses have @pa_bits bits. */
static inline enum mm_status try_start(const struct ora_arch *as, const struct mm_pt_port *format, uint64_t c_bit,
				       uint64_t set_bits, uint8_t pa_bits)
{
	struct mm_pt_cfg cfg = { 0 };

	if (!ora.mem)
		ora_init(&ora, 0x40000000, 256);
	arch = as;
	port = format;
	assert_non_null(port);
	ora_reset(&ora);
	ora_set_arch(&ora, arch);
	cfg.allow_wx = true;
	cfg.features = ora.features = arch->features;
	cfg.set_bits = set_bits;
	cfg.pa_bits = c_bit ? pa_bits : 0;
	ora.c_bit = c_bit;
	ora.pa_bits = pa_bits;
	enum mm_status st = mm_pt_init(&pt, port, &ora.env, &cfg);
	ora.pt = st == MM_OK ? &pt : NULL;
	return st;
}

static inline void start_as(const struct ora_arch *as, const struct mm_pt_port *format)
{
	assert_int_equal(try_start(as, format, 0, 0, format->pa_bits), MM_OK);
}

static inline void start(unsigned k)
{
	start_as(ora_formats[k], mm_pt_format((enum mm_pt_format)k));
}

static inline void stop(void)
{
	ora.pt = NULL;
	assert_int_equal(mm_pt_destroy(&pt), MM_OK);
	assert_null(ora.wrong);
	assert_int_equal(ora.used, 0);
}

/* An entry as the manual numbers its bits, as the port has it, and back. */
static inline uint64_t order(uint64_t e)
{
	const uint16_t one = 1;
	uint64_t swapped = 0;

	if (!arch->big_endian || !*(const uint8_t *)&one)
		return e;
	for (unsigned i = 0; i < 8; i++)
		swapped |= (e >> 8 * i & 0xff) << (56 - 8 * i);
	return swapped;
}
#endif
