/* SPDX-License-Identifier: MIT */
/* Fuzz target: boot memory map, its e820 and PVH formats and the early allocator, against the model
 * of memmap_model.h. After every operation: the map equals the model, verify agrees, an error
 * changed nothing. */
#include <mmlib/early.h>
#include "memmap_model.h"
#include "sim.h"

static void op_add(struct fuzz *z, struct input *in)
{
	const struct fuzz was = *z;
	struct model next = z->model;
	const int t = (int)(byte(in) % (MM_MEM_BAD + 2));
	const enum mm_mem_type type = (enum mm_mem_type)t;
	const char *owner = owners[byte(in) % 3];
	uint64_t base, length;

	pick_range(in, &next, type, owner, &base, &length);
	enum mm_status status = mm_memmap_add(&z->map, base, length, type, owner);
	if (t >= MM_MEM_USABLE && t <= MM_MEM_BAD)
		settle(z, &was, &next, status);
	else
		check(status == MM_E_INVAL && memcmp(z, &was, sizeof(*z)) == 0);
}

static void op_take(struct fuzz *z, struct input *in)
{
	const struct fuzz was = *z;
	struct model next = z->model;
	const int t = (int)(byte(in) % (MM_MEM_BAD + 2));
	const char *owner = owners[byte(in) % 3];
	unsigned first, last;

	pick_cells(in, &first, &last);
	mm_paddr_t length = cell_last(last) - cell_base[first] + 1;
	enum mm_status status =
		mm_memmap_take(&z->map, cell_base[first], length, (enum mm_mem_type)t, owner);
	outward(&first, &last);
	if (t <= MM_MEM_USABLE || t > MM_MEM_BAD || length == 0) {
		check(status == MM_E_INVAL && memcmp(z, &was, sizeof(*z)) == 0);
	} else if (!model_usable(&next, first, last)) {
		check(status == MM_E_BUSY && memcmp(z, &was, sizeof(*z)) == 0);
	} else {
		for (unsigned c = first; c <= last; c++)
			next.type[c] = (enum mm_mem_type)0;
		model_claim(&next, first, last, (enum mm_mem_type)t, owner);
		settle(z, &was, &next, status);
	}
}

/* The highest place for a request, tried frame by frame. */
static bool model_place(const struct model *m, mm_paddr_t low, mm_paddr_t high, unsigned w,
			mm_paddr_t frames, mm_paddr_t align, mm_paddr_t *out)
{
	for (unsigned f = FRAMES; f-- > 0;) {
		mm_paddr_t base = window[w] + f * F;

		if (frames > FRAMES - f || base % align != 0 || base < low)
			continue;
		mm_paddr_t last = base + (frames * F - 1);
		unsigned first = cell_at(base), end = first + (unsigned)frames * 4 - 1;
		if (last > high || !model_usable(m, first, end))
			continue;
		*out = base;
		return true;
	}
	return false;
}

static mm_paddr_t pick_size(struct input *in)
{
	unsigned how = byte(in);

	if (how < 200)
		return how * (F / 16);
	return how < 225 ? MM_PADDR_MAX - (how - 200) * (F / 16) : (mm_paddr_t)word(in);
}

static mm_paddr_t pick_align(struct input *in)
{
	unsigned how = byte(in);

	if (how < 64)
		return (mm_paddr_t)1 << how;
	return how < 200 ? F << how % 5 : (mm_paddr_t)(how - 200);
}

/* The allocator works inside one window, so what it gives out is made of cells. */
static void op_early(struct fuzz *z, struct input *in)
{
	const unsigned w = byte(in) % WINDOWS, t = byte(in) % (MM_MEM_BAD + 2), fail = byte(in);
	const char *owner = owners[byte(in) % 3];
	const mm_paddr_t low = window[w] + byte(in) % 96 * (F / 16);
	const mm_paddr_t high = window[w] + FRAMES * F - 1 - byte(in) % 96 * (F / 16);
	const mm_paddr_t size = pick_size(in), align = pick_align(in);
	mm_paddr_t base = 7, want, frames = size / F + (size % F != 0);
	struct mm_early ea;

	if (low > high)
		return;
	check(mm_early_init(&ea, &z->map, low, high) == MM_OK);
	const struct fuzz was = *z;
	struct model next = z->model;
	sim_fail_at(fail >= 240, false);
	enum mm_status status = mm_early_alloc(&ea, size, align, (enum mm_mem_type)t, owner, &base);
	enum mm_status wrong = MM_OK;
	if (size == 0 || align == 0 || (align & (align - 1)) || t <= MM_MEM_USABLE ||
	    t > MM_MEM_BAD)
		wrong = MM_E_INVAL;
	else if (size > MM_PADDR_MAX - F + 1)
		wrong = MM_E_OVERFLOW;
	else if (fail >= 240 || !model_place(&next, low, high, w, frames, align, &want))
		wrong = MM_E_NOMEM;
	sim_fail_at(0, false);
	if (wrong != MM_OK || status != MM_OK)
		check(base == 7 && memcmp(z, &was, sizeof(*z)) == 0);
	if (wrong != MM_OK) {
		check(status == wrong);
		return;
	}
	unsigned first = cell_at(want), last = first + (unsigned)frames * 4 - 1;
	for (unsigned c = first; c <= last; c++)
		next.type[c] = (enum mm_mem_type)0;
	model_claim(&next, first, last, (enum mm_mem_type)t, owner);
	settle(z, &was, &next, status);
	check(status != MM_OK || base == want);
}

static enum mm_mem_type type_of_number(unsigned number, struct model *m)
{
	static const enum mm_mem_type known[] = { MM_MEM_USABLE,       MM_MEM_RESERVED,
						  MM_MEM_ACPI_RECLAIM, MM_MEM_ACPI_NVS,
						  MM_MEM_BAD,          0,
						  MM_MEM_PERSISTENT };

	if (number >= 1 && number <= 7 && known[number - 1])
		return known[number - 1];
	m->dropped.unknown++;
	return MM_MEM_RESERVED;
}

/* A table of up to 7 entries, cut anywhere, in a block that ends where the table ends. */
static void op_e820(struct fuzz *z, struct input *in)
{
	const size_t stride = 20 + byte(in) % 9, bytes = byte(in);
	uint8_t *table = malloc(bytes ? bytes : 1), whole[7 * 28 + 256];
	enum mm_status want = MM_OK;
	size_t at = 0;

	memset(whole, 0xff, sizeof(whole));
	for (; want == MM_OK && at + 20 <= bytes && at < sizeof(whole) - 28; at += stride) {
		struct model next = z->model;
		unsigned number = byte(in) % 8;
		uint64_t base, length;

		pick_range(in, &next, type_of_number(number, &next), NULL, &base, &length);
		put(whole + at, base, 8);
		put(whole + at + 8, length, 8);
		put(whole + at + 16, number, 4);
		if (model_count(&next) > z->map.capacity)
			want = MM_E_2BIG;
		else
			z->model = next;
	}
	memcpy(table, whole, bytes);
	check(mm_memmap_add_e820(&z->map, table, bytes, stride) == want);
	free(table);
}

/* Start info and table as the input wants them, on a map of its own: it must survive. */
static void op_pvh_hostile(struct input *in)
{
	struct mm_mem e[16];
	struct mm_memmap map;
	uint8_t image[512] = { 0 };
	const struct mm_boot_info before = { 1, 2, 3, 4 };
	struct mm_boot_info info = before;
	struct memory m = { .bytes = image, .n = sizeof(image), .base = 0x1000 };

	put(image, 0x336ec578, 4);
	image[4] = 1;
	put(image + 16, 0x1100, 8);
	put(image + 24, 0x11f0, 8);
	put(image + 40, 0x1040, 8);
	for (unsigned i = 0; i < 4; i++) /* the counts, and any other fields */
		image[byte(in) % 56] = (uint8_t)byte(in);
	image[48] = (uint8_t)byte(in);
	image[12] = (uint8_t)byte(in);
	size_t n = in->n < sizeof(image) - 56 ? in->n : sizeof(image) - 56;
	memcpy(image + 56, in->p, n);
	in->p += n;
	in->n -= n;
	check(mm_memmap_init(&map, e, 16) == MM_OK);
	enum mm_status status = mm_memmap_add_pvh(&map, memory_read, &m, 0x1000, &info);
	check(status == MM_OK || status == MM_E_INVAL || status == MM_E_FAULT ||
	      status == MM_E_2BIG);
	check(status == MM_OK || same_info(&info, &before));
	check(mm_memmap_verify(&map) == MM_OK);
	memory_end(&m);
}

/* The text with which mmlib marks what a PVH loader left, learnt from a map with nothing else. */
static const char *pvh_owner(void)
{
	uint8_t image[256] = { 0 };
	struct memory m = { .bytes = image, .n = sizeof(image), .base = 0x1000 };
	struct mm_mem e[2];
	struct mm_memmap map;

	put(image, 0x336ec578, 4);
	put(image + 4, 1, 4);
	put(image + 40, 0x1080, 8);
	put(image + 48, 1, 4);
	check(mm_memmap_init(&map, e, 2) == MM_OK);
	check(mm_memmap_add_pvh(&map, memory_read, &m, 0x1000, NULL) == MM_OK && map.count == 1);
	memory_end(&m);
	return e[0].owner;
}

/* A well-formed start info in the second window, and what the model makes of it. */
static void op_pvh(struct fuzz *z, struct input *in)
{
	enum { TABLE = 64, TEXT = 512 };
	uint8_t image[1024] = { 0 };
	const unsigned entries = 1 + byte(in) % 6, frame = byte(in) % FRAMES, text = byte(in);
	const unsigned own = cell_at(window[1] + frame * F);
	struct memory m = { .bytes = image, .n = sizeof(image), .base = cell_base[own] };
	struct mm_boot_info info;
	struct model next;
	unsigned i;

	put(image, 0x336ec578, 4);
	put(image + 4, 1, 4);
	put(image + 24, text ? m.base + TEXT : 0, 8);
	put(image + 40, m.base + TABLE, 8);
	put(image + 48, entries, 4);
	memset(image + TEXT, 'x', text);
	for (i = 0; i < entries; i++) {
		unsigned number = byte(in) % 8;
		uint64_t base, length;

		next = z->model;
		pick_range(in, &next, type_of_number(number, &next), NULL, &base, &length);
		put(image + TABLE + i * 24, base, 8);
		put(image + TABLE + i * 24 + 8, length, 8);
		put(image + TABLE + i * 24 + 16, number, 4);
		if (model_count(&next) > z->map.capacity)
			break;
		z->model = next;
	}
	enum mm_status status = mm_memmap_add_pvh(&z->map, memory_read, &m, m.base, &info);
	memory_end(&m);
	if (i < entries) {
		check(status == MM_E_2BIG);
		return;
	}
	next = z->model;
	model_claim(&next, own, own, MM_MEM_LOADER, pvh_owner()); /* all of it is in one frame */
	check(status == (model_count(&next) > z->map.capacity ? MM_E_2BIG : MM_OK));
	if (status != MM_OK)
		return;
	z->model = next;
	check(info.cmdline == (text ? m.base + TEXT : 0) && info.rsdp == 0 && info.module == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct fuzz z;
	struct input in = { data, n };

	fuzz_init(&z, &in);
	for (unsigned ops = 0; in.n > 0 && ops < 48; ops++) {
		switch (byte(&in) % 16) {
		case 0:
		case 1:
		case 2:
			op_take(&z, &in);
			break;
		case 3:
		case 4:
		case 5:
		case 6:
			op_early(&z, &in);
			break;
		case 7:
		case 8:
			op_e820(&z, &in);
			break;
		case 9:
			op_pvh(&z, &in);
			break;
		case 10:
			op_pvh_hostile(&in);
			break;
		default:
			op_add(&z, &in);
			break;
		}
		check_all(&z);
	}
	return 0;
}
