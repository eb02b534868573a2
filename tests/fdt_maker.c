/* SPDX-License-Identifier: MIT */
#include "fdt_maker.h"
#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x) ((x) ? (void)0 : abort())

/* Where bytes come from. Zeroes follow the last one. */
struct source {
	const uint8_t *in;
	size_t n;
};

struct maker {
	void *fdt;
	struct source s;
	int ac, sc; /* cells that reg properties are written with */
};

static unsigned byte(struct maker *m)
{
	if (m->s.n == 0)
		return 0;
	m->s.n--;
	return *m->s.in++;
}

static bool more(const struct maker *m)
{
	return m->s.n > 0;
}

static void prop(struct maker *m, const char *name, const void *value, size_t bytes)
{
	MUST(fdt_property(m->fdt, name, value, (int)bytes) == 0);
}

static void text(struct maker *m, const char *name, const char *value)
{
	prop(m, name, value, strlen(value) + 1);
}

static void cell(struct maker *m, const char *name, uint32_t value)
{
	fdt32_t v = cpu_to_fdt32(value);

	prop(m, name, &v, sizeof(v));
}

static size_t put_number(fdt32_t *p, int cells, uint64_t v)
{
	if (cells == 2)
		*p++ = cpu_to_fdt32((uint32_t)(v >> 32));
	*p = cpu_to_fdt32((uint32_t)v);
	return (size_t)cells;
}

/* An address: near others, off frame borders now and then, rarely high. */
static uint64_t address(struct maker *m)
{
	unsigned b = byte(m);
	uint64_t v = (uint64_t)(b & 63) << 11;

	if (b == 255)
		return ~(uint64_t)0 - byte(m);
	if (b & 128)
		v += byte(m);
	return b & 64 ? v + ((uint64_t)1 << 32) : v;
}

static void cells(struct maker *m)
{
	unsigned b = byte(m);

	m->ac = 2;
	m->sc = 1;
	if (b % 16 != 15) {
		m->ac = b % 16 == 14 ? 3 : 1 + (b & 1);
		cell(m, "#address-cells", (uint32_t)m->ac);
	}
	b /= 16;
	if (b % 16 != 15) {
		m->sc = b % 16 == 14 ? 0 : 1 + (b & 1);
		cell(m, "#size-cells", (uint32_t)m->sc);
	}
}

static void reg(struct maker *m)
{
	fdt32_t value[32];
	unsigned b = byte(m);
	size_t n = 0;

	for (unsigned i = 0; i < (b & 3); i++) {
		int ac = m->ac == 1 ? 1 : 2, sc = m->sc == 1 ? 1 : 2;

		n += put_number(value + n, ac, address(m));
		n += put_number(value + n, sc, address(m));
	}
	prop(m, "reg", value, 4 * n + (b == 0xf0 ? 3 : 0) + (b == 0xf1 ? 4 : 0));
}

static void status(struct maker *m)
{
	static const char *const say[] = { "okay", "ok", "disabled", "fail", "reserved" };
	unsigned b = byte(m);

	if (b % 4 == 3)
		text(m, "status", say[b / 4 % 5]);
	if (b == 128)
		prop(m, "status", "okay", 4); /* no zero at its end */
	if (b & 64)
		text(m, "x", "y");
}

static void begin(struct maker *m, const char *name, unsigned unit)
{
	char full[32];

	snprintf(full, sizeof(full), "%s@%x", name, unit);
	MUST(fdt_begin_node(m->fdt, unit ? full : name) == 0);
}

static void end(struct maker *m)
{
	MUST(fdt_end_node(m->fdt) == 0);
}

static void memory(struct maker *m)
{
	unsigned b = byte(m);

	begin(m, "memory", b);
	if (b % 8)
		reg(m);
	if (b % 16 != 15)
		text(m, "device_type", "memory");
	status(m);
	if (b & 1)
		cell(m, "numa-node-id", (b >> 1 & 3) + (b == 255 ? 250 : 0));
	if (b == 253)
		prop(m, "numa-node-id", "12345", 5);
	end(m);
}

static void reservations(struct maker *m)
{
	struct maker child = *m;
	unsigned b = byte(&child);

	begin(&child, "reserved-memory", b == 77);
	cells(&child);
	prop(&child, "ranges", "some bytes", b == 66 ? 8 : 0);
	for (unsigned i = 0; i < b % 8 && more(&child); i++) {
		unsigned kind = byte(&child);
		fdt32_t size[2];

		begin(&child, "r", i + 1);
		if (kind & 1)
			prop(&child, "no-map", "", 0);
		if (kind & 2)
			prop(&child, "reusable", "", 0);
		if (kind & 4)
			prop(&child, "size", size,
			     4 * put_number(size, child.sc == 1 ? 1 : 2, address(&child)));
		if (!(kind & 4) || kind & 8)
			reg(&child);
		status(&child);
		if (kind & 16) {
			begin(&child, "deeper", kind);
			reg(&child);
			end(&child);
		}
		end(&child);
	}
	end(&child);
	m->s = child.s;
}

static void chosen(struct maker *m)
{
	unsigned b = byte(m);
	fdt32_t value[2];

	begin(m, "chosen", b == 77);
	if (b & 1)
		prop(m, "bootargs", "quiet root=/dev/x", b >> 4);
	if (b & 2)
		prop(m, "linux,initrd-start", value,
		     4 * put_number(value, 1 + (b >> 2 & 1), address(m)));
	if (b & 8)
		prop(m, "linux,initrd-end", value,
		     b == 0xfe ? 6 : 4 * put_number(value, 1 + (b >> 4 & 1), address(m)));
	end(m);
}

static void distances(struct maker *m)
{
	unsigned b = byte(m);
	fdt32_t value[3 * 16] = { 0 };
	size_t n = 0;

	begin(m, "distance-map", b == 77);
	if (b % 16 != 15)
		text(m, "compatible", "numa-distance-map-v1");
	for (unsigned i = 0; i < b % 16 && more(m); i++) {
		unsigned pair = byte(m), far = byte(m);

		value[n++] = cpu_to_fdt32(pair & 3);
		value[n++] = cpu_to_fdt32((pair >> 2 & 3) + (pair == 240 ? 9 : 0));
		value[n++] = cpu_to_fdt32((pair & 3) == (pair >> 2 & 3) && far != 3 ? 10 : 8 + far);
	}
	prop(m, "distance-matrix", value, 4 * n + (b == 200));
	end(m);
}

static void cpus(struct maker *m)
{
	unsigned b = byte(m);
	int wide = b & 1;

	begin(m, "cpus", b == 77);
	if (b % 16 != 15)
		cell(m, "#address-cells", b == 14 ? 3 : wide ? 2 : 1);
	cell(m, "#size-cells", 0);
	for (unsigned i = 0; i <= b >> 5 && more(m); i++) {
		unsigned kind = byte(m);
		fdt32_t id[4];
		size_t n = 0;

		begin(m, "cpu", kind);
		for (unsigned thread = 0; thread <= (kind >> 6 & 1); thread++)
			n += put_number(id + n, wide || b % 16 == 15 ? 2 : 1, byte(m) * 0x101u);
		prop(m, "reg", id, 4 * n - (kind == 99 ? 2 : 0));
		if (kind & 1)
			cell(m, "numa-node-id", (kind >> 1 & 3) + (kind == 255 ? 250 : 0));
		if (kind & 8)
			prop(m, "numa-node-id", "12345", kind == 9 ? 5 : 4);
		if (kind % 16 != 6)
			text(m, "device_type", "cpu");
		end(m);
	}
	end(m);
}

static void device(struct maker *m)
{
	unsigned b = byte(m);

	for (unsigned i = 0; i <= b % 10; i++) {
		begin(m, b & 64 ? "bus" : "chosen", i + 1);
		if (b & 16)
			cell(m, "#address-cells", 1);
		if (b & 32)
			prop(m, "ranges", "", 0);
		if (b & 8) /* of no matter deeper down */
			text(m, "device_type", "memory");
		reg(m);
		text(m, "compatible", b & 128 ? "a,uart" : "a,other");
	}
	for (unsigned i = 0; i <= b % 10; i++)
		end(m);
}

/* Overwrite all properties "x" by nothing. */
static void nop(void *fdt)
{
	for (int node = 0; node >= 0; node = fdt_next_node(fdt, node, NULL))
		fdt_nop_property(fdt, node, "x");
}

size_t fdt_make(void *buf, const uint8_t *in, size_t n)
{
	struct maker m = { .fdt = buf, .s = { in, n < 1024 ? n : 1024 } };
	unsigned first = byte(&m);

	MUST(fdt_create(buf, FDT_MAKER_ROOM) == 0);
	for (unsigned i = 0; i < first % 4; i++) {
		uint64_t base = address(&m);

		MUST(fdt_add_reservemap_entry(buf, base, address(&m)) == 0);
	}
	MUST(fdt_finish_reservemap(buf) == 0 && fdt_begin_node(buf, "") == 0);
	cells(&m);
	for (unsigned steps = 0; steps < 40 && more(&m); steps++) {
		static void (*const make[])(struct maker *) = { memory,       memory, memory,
								reservations, chosen, distances,
								device,       cpus };
		make[byte(&m) % 8](&m);
	}
	MUST(fdt_end_node(buf) == 0 && fdt_finish(buf) == 0);
	if (first & 128)
		nop(buf);
	return fdt_totalsize(buf);
}
