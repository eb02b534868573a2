/* SPDX-License-Identifier: MIT */
/* Fuzz target: UEFI intake, in two ways by the first bit of the input.
 *
 * 0: the input is a file as tests/data/uefi has them: DescriptorSize, DescriptorVersion, descriptors.
 *    What the map says is compared with a second reading of the table (memmap_claims.h).
 * 1: the input makes tables whose ranges fall on the cells of memmap_model.h, on a map with little
 *    room that other operations fill too, and the map must equal the model after every table.
 * Tables lie in blocks that end where they end, at odd addresses. */
#include <mmlib/uefi.h>
#include "memmap_claims.h"
#include "sim.h"

#define RAW_MOST 240 /* descriptors of a file that is read whole */

/* What a type with attributes is by UEFI 2.10, section 7.2, and the decisions of mmlib/uefi.h. */
static enum mm_mem_type want_type(uint32_t type, uint64_t attribute)
{
	static const enum mm_mem_type plain[16] = {
		MM_MEM_RESERVED,      MM_MEM_LOADER,       MM_MEM_LOADER,     MM_MEM_BOOT_SERVICES,
		MM_MEM_BOOT_SERVICES, MM_MEM_RESERVED,     MM_MEM_RESERVED,   MM_MEM_USABLE,
		MM_MEM_BAD,           MM_MEM_ACPI_RECLAIM, MM_MEM_ACPI_NVS,   MM_MEM_RESERVED,
		MM_MEM_RESERVED,      MM_MEM_RESERVED,     MM_MEM_PERSISTENT, MM_MEM_RESERVED,
	};
	const bool frees = type == 3 || type == 4 || type == 7;
	const bool cached = attribute & 8, runs = attribute >> 63;

	if (type >= 16)
		return MM_MEM_RESERVED;
	if ((frees || type == 1 || type == 2 || type == 9) && (!cached || runs))
		return MM_MEM_RESERVED;
	if (frees && (attribute & 0x8000))
		return MM_MEM_PERSISTENT;
	return frees && (attribute & 0x40000) ? MM_MEM_SPECIFIC : plain[type];
}

static bool unknown(uint32_t type)
{
	return type >= 16 && type <= 0x6fffffff;
}

static void want_info(struct mm_uefi_info *info, const struct mm_uefi_desc *d)
{
	const uint32_t t = d->type;

	info->descriptors++;
	info->runtime += (uint32_t)(d->attribute >> 63);
	info->reliable += (d->attribute >> 16) & 1;
	info->uncached += ((t >= 1 && t <= 4) || t == 7 || t == 9) && !(d->attribute & 8);
	info->unaccepted += t == 15;
	info->private_use += t >> 31 || t >> 28 == 7;
	info->unaligned += d->base % 4096 != 0;
}

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

/* A copy of n bytes that begins at an odd address and ends where its block ends. */
static uint8_t *odd_copy(const uint8_t *from, size_t n)
{
	uint8_t *block = malloc(n + 1);

	check(block != NULL);
	if (n > 0)
		memcpy(block + 1, from, n);
	return block;
}

/* --- Files --- */

/* The second reading. Returns how many descriptors there are. */
ORACLE unsigned read_table(const uint8_t *p, size_t n, size_t stride, struct mm_uefi_desc *d)
{
	unsigned i = 0;

	while (i < RAW_MOST && n >= 40) {
		d[i].type = (uint32_t)number(p, 4);
		d[i].base = number(p + 8, 8);
		d[i].virt = number(p + 16, 8);
		d[i].pages = number(p + 24, 8);
		d[i++].attribute = number(p + 32, 8);
		if (n <= stride)
			break;
		p += stride;
		n -= stride;
	}
	return i;
}

ORACLE void check_iterator(const uint8_t *table, size_t n, size_t stride,
			   const struct mm_uefi_desc *want, unsigned count)
{
	struct mm_uefi_desc d;
	size_t at = 0;

	for (unsigned i = 0; i < count; i++) {
		check(mm_uefi_next(table, n, stride, &at, &d));
		check(d.type == want[i].type && d.base == want[i].base && d.virt == want[i].virt &&
		      d.pages == want[i].pages && d.attribute == want[i].attribute);
	}
	check(!mm_uefi_next(table, n, stride, &at, &d));
}

static bool same_counts(const struct mm_uefi_info *a, const struct mm_uefi_info *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void file(const uint8_t *data, size_t n)
{
	static struct mm_uefi_desc d[RAW_MOST];
	static struct mm_mem e[2 * RAW_MOST];
	static struct claims claims;
	const struct mm_uefi_info before = { 1, 2, 3, 4, 5, 6, 7 };
	struct mm_uefi_info info = before, want = { 0 };
	struct mm_memmap map;

	if (n < 8)
		return;
	const size_t stride = number(data, 4);
	const uint32_t version = (uint32_t)number(data + 4, 4);
	n -= 8;
	if (n > RAW_MOST * 40)
		n = RAW_MOST * 40;
	uint8_t *block = odd_copy(data + 8, n);
	check(mm_memmap_init(&map, e, 2 * RAW_MOST) == MM_OK);
	enum mm_status status = mm_memmap_add_uefi(&map, block + 1, n, stride, version, &info);
	if (stride < 40 || version == 0) {
		check(status == MM_E_INVAL && map.count == 0 && same_counts(&info, &before));
		free(block);
		return;
	}
	check(status == MM_OK);
	const unsigned count = read_table(block + 1, n, stride, d);
	memset(&claims, 0, sizeof(claims));
	for (unsigned i = 0; i < count; i++) {
		const bool too_long = d[i].pages >> 52;

		claims_add(&claims, d[i].base, too_long ? UINT64_MAX : d[i].pages * 4096, too_long,
			   want_type(d[i].type, d[i].attribute));
		claims.dropped.unknown += unknown(d[i].type);
		want_info(&want, &d[i]);
	}
	check_claims(&map, &claims);
	check(same_counts(&info, &want));
	check_iterator(block + 1, n, stride, d, count);
	free(block);
}

/* --- Tables of cells --- */

/* How many frames from a cell on: frames need not begin where a frame of the map does, but then the
 * range stays in its window. */
static uint64_t pick_frames(struct input *in, unsigned first)
{
	const unsigned how = byte(in);

	if (cell_base[first] % F != 0)
		return how % (FRAMES - first % (FRAMES * 4 + 1) / 4);
	unsigned last = first + how % 40;
	if (last >= CELLS)
		last = CELLS - 1;
	while (cell_last(last) % F != F - 1)
		last++;
	return how == 0 ? 0 : (cell_last(last) - cell_base[first]) / F + 1;
}

static void pick_desc(struct input *in, struct mm_uefi_desc *d)
{
	static const uint64_t bits[8] = { 8, 8, 8, 8, 0x8000, 0x10000, 0x40000, 1ull << 63 };
	static const uint32_t far[8] = { 16,         0x6fffffff, 0x70000000, 0x7fffffff,
					 0x80000000, UINT32_MAX, 0x107,      0x80000007 };
	const unsigned type = byte(in), attributes = byte(in), how = byte(in);
	const unsigned first = byte(in) % CELLS;

	d->type = type < 224 ? type % 16 : far[type % 8];
	d->base = cell_base[first];
	d->virt = attributes;
	d->pages = pick_frames(in, first) * (F / 4096);
	if (how >= 248)
		d->pages += (uint64_t)1 << 52; /* and that alone, in bytes, would be as without */
	else if (how >= 236)
		d->pages = UINT64_MAX;
	else if (how >= 224 && first > 0)
		d->pages = (0 - d->base) / 4096 + 1 + how % 4;
	d->attribute = 0;
	for (unsigned i = 0; i < 8; i++)
		if (attributes >> i & 1)
			d->attribute |= bits[i];
}

ORACLE unsigned cell_of_last(mm_paddr_t last)
{
	unsigned c = 0;

	while (cell_last(c) != last)
		check(++c < CELLS);
	return c;
}

static void model_desc(struct model *m, const struct mm_uefi_desc *d)
{
	struct span s = { d->base, d->pages * 4096, cell_at(d->base), CELLS - 1, false };

	if (d->pages >> 52) {
		s.wraps = true;
		s.length = UINT64_MAX;
	} else if (s.length > 0 && s.base + (s.length - 1) < s.base) {
		s.wraps = true;
	} else if (s.length > 0) {
		s.last = cell_of_last(s.base + (s.length - 1));
	}
	model_add(m, &s, want_type(d->type, d->attribute), NULL);
	m->dropped.unknown += unknown(d->type);
}

static void put_desc(uint8_t *p, const struct mm_uefi_desc *d)
{
	put(p, d->type, 4);
	put(p + 8, d->base, 8);
	put(p + 16, d->virt, 8);
	put(p + 24, d->pages, 8);
	put(p + 32, d->attribute, 8);
}

/* A table of up to 12 descriptors, cut anywhere. */
static void op_table(struct fuzz *z, struct input *in)
{
	const struct mm_uefi_info before = { 1, 2, 3, 4, 5, 6, 7 };
	const size_t stride = 40 + byte(in) % 25, bytes = byte(in) * 2;
	struct mm_uefi_info info = before, counts = { 0 };
	enum mm_status want = MM_OK;
	uint8_t whole[512 + 64];

	memset(whole, 0xff, sizeof(whole));
	for (size_t at = 0; want == MM_OK && at + 40 <= bytes; at += stride) {
		struct model next = z->model;
		struct mm_uefi_desc d;

		pick_desc(in, &d);
		put_desc(whole + at, &d);
		model_desc(&next, &d);
		want_info(&counts, &d);
		if (model_count(&next) > z->map.capacity)
			want = MM_E_2BIG;
		else
			z->model = next;
	}
	uint8_t *block = odd_copy(whole, bytes);
	check(mm_memmap_add_uefi(&z->map, block + 1, bytes, stride, 1 + byte(in), &info) == want);
	check(same_counts(&info, want == MM_OK ? &counts : &before));
	free(block);
}

static void op_take(struct fuzz *z, struct input *in)
{
	struct model next = z->model;
	const struct fuzz was = *z;
	unsigned first, last;

	pick_cells(in, &first, &last);
	const mm_paddr_t length = cell_last(last) - cell_base[first] + 1;
	const enum mm_mem_type type = MM_MEM_INITRD + byte(in) % 2;
	if (length == 0)
		return;
	enum mm_status status = mm_memmap_add(&z->map, cell_base[first], length, type, "a");
	model_claim(&next, first, last, type, "a");
	settle(z, &was, &next, status);
}

static void tables(const uint8_t *data, size_t n)
{
	static struct fuzz z;
	struct input in = { data, n };

	fuzz_init(&z, &in);
	for (unsigned ops = 0; in.n > 0 && ops < 12; ops++) {
		if (byte(&in) % 8 == 0)
			op_take(&z, &in);
		else
			op_table(&z, &in);
		check_all(&z);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 0 && (data[0] & 1))
		tables(data + 1, n - 1);
	else
		file(data, n);
	return 0;
}
