/* SPDX-License-Identifier: MIT */
/* Multiboot 2 intake: each tag, in any order, each field that may be wrong, and every read refused
 * once. */
#include "multiboot_memory.h"

/* Tags, one behind the other. */
struct tags {
	struct memory *m;
	uint8_t *start;
	uint32_t at;
};

enum { TAGS = 0x100000 }; /* room for them */

static struct tags tags_begin(void)
{
	struct tags t = { .m = calloc(1, sizeof(*t.m)), .at = 8 };

	t.start = add_piece(t.m, BASE, TAGS);
	return t;
}

/* Add a tag with room for `bytes` of contents. */
static uint8_t *tag(struct tags *t, uint32_t type, uint32_t bytes)
{
	uint8_t *p = t->start + t->at;

	put(p, type, 4);
	put(p + 4, bytes + 8, 4);
	t->at += (bytes + 8 + 7) & ~7u;
	return p + 8;
}

static void tags_end(struct tags *t)
{
	tag(t, 0, 0);
	put(t->start, t->at, 4);
}

static void tag_memory(struct tags *t)
{
	uint8_t *p = tag(t, 6, 8 + 3 * 24);

	put(p, 24, 4);
	put(p + 4, 0, 4);
	put_entry(p + 8, 0, 0x9fc00, 1);
	put_entry(p + 8 + 24, 0xf0000, 0x10000, 2);
	put_entry(p + 8 + 48, MIB, 255 * MIB, 1);
}

static void tag_sizes(struct tags *t)
{
	uint8_t *p = tag(t, 4, 8);

	put(p, 639, 4);
	put(p + 4, 15 * 1024, 4);
}

static void tag_module(struct tags *t, uint32_t start, uint32_t end)
{
	uint8_t *p = tag(t, 3, 8 + 5);

	put(p, start, 4);
	put(p + 4, end, 4);
	memcpy(p + 8, "text", 5);
}

static void tag_sections(struct tags *t)
{
	uint8_t *p = tag(t, 9, 12 + 3 * 64);

	put(p, 3, 4);
	put(p + 4, 64, 4);
	put(p + 8, 0, 4);
	put_section64(p + 12, 0, 0, 0, 0);
	put_section64(p + 12 + 64, 1, 6, KERNEL, F + 1);
	put_section64(p + 12 + 128, 3, 0, SYMBOLS32, 5);
}

static void tag_screen(struct tags *t)
{
	uint8_t *p = tag(t, 8, 30);

	put(p, 0xe0000000, 8);
	put(p + 8, 2400, 4);
	put(p + 12, 640, 4);
	put(p + 16, 480, 4);
}

static void tag_text(struct tags *t, uint32_t type, const char *text)
{
	memcpy(tag(t, type, (uint32_t)strlen(text) + 1), text, strlen(text) + 1);
}

static void tag_efi_map(struct tags *t)
{
	uint8_t *p = tag(t, 17, 8 + 2 * 48);

	put(p, 48, 4);
	put(p + 4, 1, 4);
}

/* The tags that say something, in an order that begins with number `first`. */
static struct tags everything(unsigned first)
{
	struct tags t = tags_begin();

	for (unsigned i = 0; i < 12; i++) {
		switch ((first + i) % 12) {
		case 0:
			tag_memory(&t);
			break;
		case 1:
			tag_sizes(&t);
			break;
		case 2:
			tag_module(&t, MODULE, MODULE + F + 1);
			tag_module(&t, MODULE2, MODULE2 + 5);
			break;
		case 3:
			tag_sections(&t);
			break;
		case 4:
			tag_screen(&t);
			break;
		case 5:
			tag_text(&t, 1, "console=ttyS0");
			break;
		case 6:
			tag_text(&t, 2, "a loader");
			break;
		case 7:
			tag_efi_map(&t);
			break;
		case 8:
			tag(&t, 14, 20);
			break;
		case 9:
			tag(&t, 15, 36);
			break;
		case 10:
			tag(&t, 4711, 3); /* nobody knows it */
			break;
		default:
			tag(&t, 18, 0);
			break;
		}
	}
	tags_end(&t);
	return t;
}

static enum mm_status intake2(struct box *b, const struct tags *t, struct mm_boot_info *info,
			      struct mm_multiboot_efi *efi)
{
	box_init(b, ROOM);
	return mm_memmap_add_multiboot2(&b->map, reader, t->m, (mm_paddr_t)BASE, info, efi);
}

/* Offset of the contents of the first tag of a type. */
static uint32_t where(const struct tags *t, uint32_t type)
{
	uint32_t off = 8;

	while (get(t->start + off, 4) != type)
		off = (off + (uint32_t)get(t->start + off + 4, 4) + 7) & ~7u;
	return off + 8;
}

static void tags_are_understood_in_any_order(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 12; first++) {
		struct tags t = everything(first);
		struct mm_boot_info info = { 1, 1, 1, 1 };
		struct mm_multiboot_efi efi = { 0 };
		struct box b;

		assert_int_equal(intake2(&b, &t, &info, &efi), MM_OK);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		assert_true(info.cmdline == BASE + where(&t, 1));
		assert_true(info.rsdp == BASE + where(&t, 15));
		assert_true(info.module == MODULE && info.module_bytes == F + 1);
		assert_true(efi.map == BASE + where(&t, 17) + 8 && efi.bytes == 2 * 48);
		assert_true(efi.stride == 48 && efi.version == 1 && efi.boot_services);
		assert_int_equal(at(&b.map, 0), MM_MEM_USABLE);
		assert_int_equal(at(&b.map, 0xf0000), MM_MEM_RESERVED);
		assert_int_equal(at(&b.map, BASE), MM_MEM_LOADER);
		assert_int_equal(at(&b.map, BASE + t.at - 1), MM_MEM_LOADER);
		assert_int_equal(at(&b.map, BASE + t.at + F), MM_MEM_USABLE);
		assert_int_equal(at(&b.map, MODULE + F), MM_MEM_INITRD);
		assert_int_equal(at(&b.map, MODULE + 2 * F), MM_MEM_USABLE);
		assert_int_equal(at(&b.map, MODULE2), MM_MEM_INITRD);
		assert_int_equal(at(&b.map, KERNEL + F), MM_MEM_KERNEL);
		assert_int_equal(at(&b.map, KERNEL + 2 * F), MM_MEM_USABLE);
		assert_int_equal(at(&b.map, SYMBOLS32), MM_MEM_LOADER);
		assert_int_equal(at(&b.map, 0xe0000000 + 2400 * 480 - 1), MM_MEM_RESERVED);
		assert_int_equal(at(&b.map, 256 * MIB - 1), MM_MEM_USABLE);
		assert_int_equal(at(&b.map, 256 * MIB), HOLE);
		assert_int_equal(intake2(&b, &t, NULL, NULL), MM_OK);
		free_memory(t.m);
	}
}

static void without_its_tag_a_thing_is_not_there(void **state)
{
	(void)state;
	static const uint32_t types[] = { 1, 3, 4, 6, 8, 9, 14, 15, 17, 18 };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct tags t = everything(0);
		struct mm_boot_info info = { 1, 1, 1, 1 };
		struct mm_multiboot_efi efi = { .map = 1 };
		const uint32_t type = types[i];
		struct box b;

		for (uint32_t off = 8; off < t.at;
		     off = (off + (uint32_t)get(t.start + off + 4, 4) + 7) & ~7u)
			if (get(t.start + off, 4) == type)
				put(t.start + off, 0x1000 + type, 4);
		assert_int_equal(intake2(&b, &t, &info, &efi), MM_OK);
		assert_true((info.cmdline != 0) == (type != 1));
		assert_true((info.module != 0) == (type != 3) &&
			    (info.module_bytes != 0) == (type != 3));
		assert_true(info.rsdp == BASE + where(&t, type == 15 ? 14 : 15));
		assert_true((efi.map != 0) == (type != 17) && (efi.stride != 0) == (type != 17));
		assert_true(efi.boot_services == (type != 18));
		assert_int_equal(at(&b.map, MODULE), type == 3 ? MM_MEM_USABLE : MM_MEM_INITRD);
		assert_int_equal(at(&b.map, FREE), MM_MEM_USABLE); /* sizes stand in */
		assert_int_equal(at(&b.map, 200 * MIB), type == 6 ? HOLE : MM_MEM_USABLE);
		assert_int_equal(at(&b.map, KERNEL), type == 9   ? MM_MEM_USABLE
						     : type == 6 ? HOLE
								 : MM_MEM_KERNEL);
		assert_int_equal(at(&b.map, 0xe0000000), type == 8 ? HOLE : MM_MEM_RESERVED);
		free_memory(t.m);
	}
}

/* What has to be there for a map, with and without someone who takes EFI's. */
static void memory_has_to_come_from_somewhere(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 16; set++) {
		struct tags t = tags_begin();
		struct mm_multiboot_efi efi;
		struct box b;

		if (set & 1)
			tag_memory(&t);
		if (set & 2)
			tag_sizes(&t);
		if (set & 4)
			tag_efi_map(&t);
		if (set & 8)
			tag(&t, 18, 0);
		tag_sections(&t);
		tags_end(&t);
		assert_int_equal(intake2(&b, &t, NULL, NULL), set & 3 ? MM_OK : MM_E_INVAL);
		assert_int_equal(intake2(&b, &t, NULL, &efi), set ? MM_OK : MM_E_INVAL);
		if (set)
			assert_int_equal(at(&b.map, KERNEL), (set & 3) == 2 ? HOLE : MM_MEM_KERNEL);
		free_memory(t.m);
	}
}

static void a_table_without_entries_is_none(void **state)
{
	(void)state;
	struct tags t = tags_begin();
	struct box b;

	put(tag(&t, 6, 8), 24, 4);
	put(tag(&t, 17, 8), 48, 4);
	tags_end(&t);
	struct mm_multiboot_efi efi = { .map = 1 };
	assert_int_equal(intake2(&b, &t, NULL, &efi), MM_E_INVAL);
	t.at -= 8;
	tag_sizes(&t);
	tags_end(&t);
	assert_int_equal(intake2(&b, &t, NULL, &efi), MM_OK);
	assert_true(efi.map == 0);
	assert_int_equal(at(&b.map, FREE), MM_MEM_USABLE);
	free_memory(t.m);
}

static void entries_of_version_2_have_any_stride(void **state)
{
	(void)state;
	for (uint32_t stride = 20; stride < 80; stride += 4) {
		for (uint32_t cut = 0; cut <= 3 * stride; cut++) {
			struct tags t = tags_begin();
			uint8_t *p = tag(&t, 6, 8 + cut);
			struct box b;

			put(p, stride, 4);
			put(p + 4, 7, 4); /* a later version */
			for (uint32_t i = 0; i < 3; i++)
				put_entry(p + 8 + i * stride, 2 * i * F + 32 * MIB, F, 1);
			tag_sizes(&t); /* over what was cut off */
			tags_end(&t);
			const uint32_t count = stride < 24 ? 0 : (cut + stride - 24) / stride;
			assert_int_equal(intake2(&b, &t, NULL, NULL),
					 stride < 24 ? MM_E_INVAL : MM_OK);
			if (count)
				assert_true(mm_memmap_bytes(&b.map, MM_MEM_USABLE) == count * F);
			free_memory(t.m);
		}
	}
}

static void wrong_tags_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint32_t type;
		int at; /* from the begin of the contents */
		uint64_t value;
		enum mm_status status;
	} row[] = {
		{ 1, -4, 7, MM_E_INVAL },
		{ 1, -4, 0, MM_E_INVAL },
		{ 1, -4, UINT32_MAX, MM_E_INVAL },
		{ 1, -4, 8 + 13, MM_E_2BIG }, /* no end */
		{ 2, -4, 7, MM_E_INVAL },
		{ 3, -4, 15, MM_E_INVAL },
		{ 4, -4, 15, MM_E_INVAL },
		{ 6, -4, 15, MM_E_INVAL },
		{ 6, 0, 23, MM_E_INVAL },
		{ 6, 0, 0, MM_E_INVAL },
		{ 8, -4, 27, MM_E_INVAL },
		{ 9, -4, 19, MM_E_INVAL },
		{ 9, 0, 4, MM_E_INVAL }, /* sections beyond the tag */
		{ 9, 0, UINT32_MAX, MM_E_INVAL },
		{ 9, 0, UINT32_MAX / 64 + 1, MM_E_INVAL },
		{ 9, -4, 8 + 12 + 3 * 64 - 1, MM_E_INVAL },
		{ 9, 4, 65, MM_E_INVAL },
		{ 9, 4, 63, MM_E_INVAL },
		{ 9, 4, 0, MM_E_INVAL },
		{ 9, 4, UINT32_MAX, MM_E_INVAL },
		{ 17, -4, 15, MM_E_INVAL },
		{ 18, -4, 7, MM_E_INVAL },
		{ 4711, -4, 7, MM_E_INVAL },
		{ 4711, -4, UINT32_MAX - 7, MM_E_INVAL },
		{ 0, -4, 7, MM_E_INVAL },
		{ 0, -4, 9, MM_E_INVAL },
		{ 0, -8, 5, MM_E_INVAL }, /* no end tag */
	};
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct tags t = everything(0);
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct mm_multiboot_efi efi = { .map = 5 };
		struct box b;

		put(t.start + (int)where(&t, row[i].type) + row[i].at, row[i].value, 4);
		enum mm_status status = intake2(&b, &t, &info, &efi);
		if (status != row[i].status)
			fail_msg("row %zu: %s", i, mm_status_name(status));
		assert_true(info.cmdline == 1 && info.module_bytes == 4 && efi.map == 5);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		free_memory(t.m);
	}
}

static void a_tag_holds_what_is_read_of_it(void **state)
{
	(void)state;
	static const struct {
		uint32_t type, bytes; /* of contents */
	} row[] = { { 3, 8 }, { 4, 8 }, { 6, 8 }, { 8, 20 }, { 9, 12 }, { 17, 8 } };

	for (size_t i = 0; i < 2 * sizeof(row) / sizeof(row[0]); i++) {
		struct tags t = tags_begin();
		const uint32_t bytes = row[i / 2].bytes - i % 2;
		struct box b;

		tag_memory(&t);
		uint8_t *p = tag(&t, row[i / 2].type, bytes);
		memset(p, 0, bytes);
		p[0] = row[i / 2].type == 9 ? 0 : 24; /* no sections; bytes of an entry */
		tags_end(&t);
		assert_int_equal(intake2(&b, &t, NULL, NULL), i % 2 ? MM_E_INVAL : MM_OK);
		free_memory(t.m);
	}
}

static void a_command_line_without_a_byte_has_no_end(void **state)
{
	(void)state;
	struct tags t = tags_begin();
	struct box b;

	tag_memory(&t);
	tag(&t, 1, 0);
	tags_end(&t);
	assert_int_equal(intake2(&b, &t, NULL, NULL), MM_E_2BIG);
	free_memory(t.m);
}

static void a_structure_of_version_2_ends_with_its_end_tag(void **state)
{
	(void)state;
	struct tags t = everything(0);
	struct box b;

	for (uint32_t total = 0; total < t.at; total++) {
		struct tags cut = { .m = calloc(1, sizeof(*cut.m)) };

		put(t.start, total, 4);
		memcpy(add_piece(cut.m, BASE, total < 8 ? 8 : total), t.start,
		       total < 8 ? 8 : total);
		assert_int_equal(intake2(&b, &cut, NULL, NULL), MM_E_INVAL); /* and no fault */
		free_memory(cut.m);
	}
	put(t.start, t.at + 1, 4); /* longer is reserved, and not read */
	memset(t.start + t.at, 0xff, 64);
	assert_int_equal(intake2(&b, &t, NULL, NULL), MM_OK);
	put(t.start, UINT32_MAX, 4);
	assert_int_equal(intake2(&b, &t, NULL, NULL), MM_PADDR_BITS == 64 ? MM_OK : MM_E_FAULT);
	free_memory(t.m);
}

static void a_short_rsdp_is_passed_over(void **state)
{
	(void)state;
	static const struct {
		uint32_t old, new;
		unsigned want; /* type of the tag */
	} row[] = {
		{ 20, 36, 15 }, { 20, 35, 14 }, { 19, 36, 15 },
		{ 19, 35, 0 },  { 0, 0, 0 },    { 99, 99, 15 },
	};
	for (unsigned swap = 0; swap < 2; swap++) {
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			struct tags t = tags_begin();
			struct mm_boot_info info = { 0 };
			struct box b;

			tag_memory(&t);
			tag(&t, swap ? 15 : 14, swap ? row[i].new : row[i].old);
			tag(&t, swap ? 14 : 15, swap ? row[i].old : row[i].new);
			tags_end(&t);
			assert_int_equal(intake2(&b, &t, &info, NULL), MM_OK);
			assert_true(info.rsdp == (row[i].want ? BASE + where(&t, row[i].want) : 0));
			free_memory(t.m);
		}
	}
}

static void of_several_tags_the_first_is_reported(void **state)
{
	(void)state;
	struct tags t = tags_begin();
	struct mm_multiboot_efi efi;
	struct mm_boot_info info;
	struct box b;

	tag_memory(&t);
	tag_module(&t, MODULE, MODULE);
	tag_module(&t, MODULE2, MODULE2 + 1);
	tag_module(&t, MODULE, MODULE + 1);
	tag_text(&t, 1, "first");
	tag_text(&t, 1, "second");
	tag_efi_map(&t);
	tag_efi_map(&t);
	tag_sections(&t);
	uint8_t *second = tag(&t, 9, 12 + 40);
	put(second, 1, 4);
	put(second + 4, 40, 4);
	put_section32(second + 12, 1, 6, 64 * MIB, F);
	uint8_t *more = tag(&t, 6, 8 + 24); /* memory is taken from all tables */
	put(more, 24, 4);
	put_entry(more + 8, 512 * MIB, MIB, 1);
	tags_end(&t);
	assert_int_equal(intake2(&b, &t, &info, &efi), MM_OK);
	assert_true(info.cmdline == BASE + where(&t, 1));
	assert_true(info.module == MODULE2 && info.module_bytes == 1);
	assert_true(efi.map == BASE + where(&t, 17) + 8);
	assert_int_equal(at(&b.map, MODULE), MM_MEM_INITRD);
	assert_int_equal(at(&b.map, KERNEL), MM_MEM_KERNEL);
	assert_int_equal(at(&b.map, 64 * MIB), MM_MEM_USABLE);
	assert_int_equal(at(&b.map, 512 * MIB), MM_MEM_USABLE);
	assert_int_equal(b.map.dropped.empty, 1);
	free_memory(t.m);
}

static void limits_of_version_2_are_what_they_are_said_to_be(void **state)
{
	(void)state;
	static const struct {
		unsigned what;
		uint32_t most;
	} row[] = { { 0, 4096 - 2 }, { 1, 256 }, { 2, 4096 }, { 3, 4096 }, { 4, 4096 } };

	for (size_t i = 0; i < 2 * sizeof(row) / sizeof(row[0]); i++) {
		struct tags t = tags_begin();
		const uint32_t n = row[i / 2].most + i % 2;
		struct box b;
		uint8_t *p;

		tag_memory(&t);
		switch (row[i / 2].what) {
		case 0: /* tags, with those of memory and of the end */
			for (uint32_t k = 0; k < n; k++)
				tag(&t, 4711, 0);
			break;
		case 1:
			for (uint32_t k = 0; k < n; k++)
				tag_module(&t, MODULE, MODULE + k);
			break;
		case 2:
			p = tag(&t, 6, 8 + n * 24);
			put(p, 24, 4);
			for (uint32_t k = 0; k < n; k++)
				put_entry(p + 8 + k * 24, 16 * MIB, 1, 1);
			break;
		case 3:
			p = tag(&t, 9, 12 + n * 40);
			put(p, n, 4);
			put(p + 4, 40, 4);
			memset(p + 12, 0, n * 40);
			break;
		default:
			p = tag(&t, 1, n);
			memset(p, 'x', n - 1);
			p[n - 1] = 0;
			break;
		}
		tags_end(&t);
		assert_int_equal(intake2(&b, &t, NULL, NULL), i % 2 ? MM_E_2BIG : MM_OK);
		free_memory(t.m);
	}
}

static void a_refused_read_of_version_2_is_a_fault(void **state)
{
	(void)state;
	struct tags t = everything(3);
	struct box b;

	assert_int_equal(intake2(&b, &t, NULL, NULL), MM_OK);
	const unsigned calls = t.m->calls;
	assert_true(calls > 40);
	for (unsigned n = 1; n <= calls; n++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct mm_multiboot_efi efi = { .map = 5 };

		t.m->calls = 0;
		t.m->refuse_at = n;
		assert_int_equal(intake2(&b, &t, &info, &efi), MM_E_FAULT);
		assert_true(info.cmdline == 1 && info.module_bytes == 4 && efi.map == 5);
		assert_int_equal(t.m->calls, n);
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
	}
	free_memory(t.m);
}

static void a_full_map_ends_version_2_at_any_step(void **state)
{
	(void)state;
	struct tags t = everything(0);
	bool fitted = false;

	for (uint32_t capacity = 0; capacity <= 40; capacity++) {
		struct mm_boot_info info = { 1, 2, 3, 4 };
		struct box b;

		box_init(&b, capacity);
		enum mm_status status = mm_memmap_add_multiboot2(&b.map, reader, t.m,
								 (mm_paddr_t)BASE, &info, NULL);
		assert_int_equal(status, status == MM_OK ? MM_OK : MM_E_2BIG);
		assert_true(!fitted || status == MM_OK);
		assert_true((info.cmdline == 1) == (status != MM_OK));
		assert_int_equal(mm_memmap_verify(&b.map), MM_OK);
		fitted = status == MM_OK;
	}
	assert_true(fitted);
	free_memory(t.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_understood_in_any_order),
		cmocka_unit_test(without_its_tag_a_thing_is_not_there),
		cmocka_unit_test(memory_has_to_come_from_somewhere),
		cmocka_unit_test(a_table_without_entries_is_none),
		cmocka_unit_test(entries_of_version_2_have_any_stride),
		cmocka_unit_test(wrong_tags_are_refused),
		cmocka_unit_test(a_tag_holds_what_is_read_of_it),
		cmocka_unit_test(a_command_line_without_a_byte_has_no_end),
		cmocka_unit_test(a_structure_of_version_2_ends_with_its_end_tag),
		cmocka_unit_test(a_short_rsdp_is_passed_over),
		cmocka_unit_test(of_several_tags_the_first_is_reported),
		cmocka_unit_test(limits_of_version_2_are_what_they_are_said_to_be),
		cmocka_unit_test(a_refused_read_of_version_2_is_a_fault),
		cmocka_unit_test(a_full_map_ends_version_2_at_any_step),
	};
	return cmocka_run_group_tests_name("multiboot2", tests, NULL, NULL);
}
