/* SPDX-License-Identifier: MIT */
/* Theory of operation: Multiboot 2 intake
 * Problem      one structure holds everything, as tags in any order: a type, a length, contents. Each
 *              number in it may be wrong or hostile.
 * Structure    two walks over the tags. The first finds memory, UEFI and the kernel's sections, the
 *              second what else is reserved. Texts, copies of tables and section headers lie inside
 *              the structure, which is reserved as a whole. Layouts are those of Multiboot2
 *              Specification 2.0, section 3.6, little-endian.
 * Invariants   T1 everything is read through memmap_intake.h, which asks first.
 *              T2 a tag that is visited lies inside the structure, as long as its type needs.
 *              T3 work is bounded: numbers of tags and entries are checked, those of modules and
 *                 sections in multiboot.h.
 *              T4 the memory map is fed first, sections next: they count only inside RAM.
 * Concurrency  none: one CPU, before the scheduler. */
#include <mmlib/multiboot.h>
#include "checked.h"
#include "pmm/multiboot.h"

#define MB2_HEAD        8u  /* of the structure: total size, reserved; of a tag: type, size */
#define MB2_ALIGN       8u  /* tags begin on multiples of it */
#define MB2_ENTRY_BYTES 24u /* the least of an entry of the table of memory */
#define MB2_MAX_TAGS    4096

/* Types of tags, by the subsection that describes them. */
enum {
	MB2_END = 0,         /* 3.6.2 */
	MB2_CMDLINE = 1,     /* 3.6.5 */
	MB2_MODULE = 3,      /* 3.6.6 */
	MB2_SIZES = 4,       /* 3.6.3 */
	MB2_MEMORY = 6,      /* 3.6.8 */
	MB2_FRAMEBUFFER = 8, /* 3.6.12 */
	MB2_ELF = 9,         /* 3.6.7 */
	MB2_RSDP_OLD = 14,   /* 3.6.16 */
	MB2_RSDP_NEW = 15,   /* 3.6.17 */
	MB2_EFI_MAP = 17,    /* 3.6.19 */
	MB2_EFI_ON = 18      /* 3.6.20 */
};

/* Where contents begin, in bytes from the begin of their tag. */
enum { MB2_AT_ENTRIES = 16, MB2_AT_SECTIONS = 20, MB2_AT_EFI_MAP = 16 };

/* Lengths of an RSDP: ACPI 6.5, section 5.2.5.3. */
enum { MB2_RSDP_1 = 20, MB2_RSDP_2 = 36 };

struct multiboot2_tag {
	uint64_t pa; /* of its type */
	uint32_t type;
	uint32_t size; /* with type and size, without padding */
};

/* The structure and what was found in it. */
struct multiboot2 {
	const struct memmap_intake *in;
	uint64_t pa;
	uint32_t bytes;
	uint32_t lower, upper; /* memory by its sizes */
	struct multiboot_sections sections;
	struct multiboot_found found;
	struct mm_multiboot_efi efi;
	bool new_rsdp;
};

typedef enum mm_status (*multiboot2_visitor)(struct multiboot2 *m,
					     const struct multiboot2_tag *tag);

/* The shortest tag that holds what is read of it, in whole fields. */
static uint32_t multiboot2_least(uint32_t type)
{
	switch (type) {
	case MB2_MODULE:
	case MB2_SIZES:
		return 16;
	case MB2_MEMORY:
		return MB2_AT_ENTRIES;
	case MB2_FRAMEBUFFER:
		return 28;
	case MB2_ELF:
		return MB2_AT_SECTIONS;
	case MB2_EFI_MAP:
		return MB2_AT_EFI_MAP;
	default:
		return MB2_HEAD;
	}
}

/* The tag at an offset, if it is sound (T2). */
static enum mm_status multiboot2_tag(const struct multiboot2 *m, uint32_t at,
				     struct multiboot2_tag *tag)
{
	const uint8_t *p;

	if (m->bytes - at < MB2_HEAD)
		return MM_E_INVAL;
	tag->pa = m->pa + at;
	p = mm_memmap_item(m->in, tag->pa, MB2_HEAD, 0);
	if (!p)
		return MM_E_FAULT;
	tag->type = memmap_le32(p);
	tag->size = memmap_le32(p + 4);
	if (tag->size < multiboot2_least(tag->type) || tag->size > m->bytes - at)
		return MM_E_INVAL;
	return MM_OK;
}

/* Visit each tag up to the end tag. */
static enum mm_status multiboot2_walk(struct multiboot2 *m, multiboot2_visitor visit)
{
	struct multiboot2_tag tag;
	uint64_t at = MB2_HEAD;

	for (uint32_t n = 0; n < MB2_MAX_TAGS; n++) { /* T3 */
		enum mm_status status = multiboot2_tag(m, (uint32_t)at, &tag);

		if (status == MM_OK && tag.type == MB2_END)
			return MM_OK;
		if (status == MM_OK)
			status = visit(m, &tag);
		if (status != MM_OK)
			return status;
		at = mm_align_down(at + tag.size + (MB2_ALIGN - 1), MB2_ALIGN);
		if (at > m->bytes)
			at = m->bytes; /* the last tag has no padding: there is no end tag */
	}
	return MM_E_2BIG;
}

/* Two neighbouring numbers of a tag. */
static enum mm_status multiboot2_pair(const struct multiboot2 *m, const struct multiboot2_tag *tag,
				      uint32_t offset, uint32_t out[2])
{
	const uint8_t *p = mm_memmap_item(m->in, tag->pa + offset, 8, 0);

	if (!p)
		return MM_E_FAULT;
	out[0] = memmap_le32(p);
	out[1] = memmap_le32(p + 4);
	return MM_OK;
}

/* The table of memory. Bytes after the last whole entry are passed over. */
static enum mm_status multiboot2_entries(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	uint32_t head[2], at = MB2_AT_ENTRIES; /* bytes of an entry, version */
	enum mm_status status = multiboot2_pair(m, tag, 8, head);

	if (status == MM_OK && head[0] < MB2_ENTRY_BYTES)
		return MM_E_INVAL;
	for (uint32_t n = 0; status == MM_OK && tag->size - at >= MB2_ENTRY_BYTES; n++) {
		const uint8_t *p = mm_memmap_item(m->in, tag->pa + at, MB2_ENTRY_BYTES, 0);

		if (n == MEMMAP_MAX_ENTRIES) /* T3 */
			return MM_E_2BIG;
		status = p ? mm_memmap_add_raw(m->in->map, p) : MM_E_FAULT;
		m->found.memory = m->found.memory || status == MM_OK;
		if (tag->size - at <= head[0])
			break;
		at += head[0];
	}
	return status;
}

static enum mm_status multiboot2_find_sections(struct multiboot2 *m,
					       const struct multiboot2_tag *tag)
{
	uint32_t head[2]; /* number, bytes of a header; then comes the index of the names */
	enum mm_status status = multiboot2_pair(m, tag, 8, head);

	if (status != MM_OK || m->sections.count > 0)
		return status;
	if ((uint64_t)head[0] * head[1] > tag->size - MB2_AT_SECTIONS)
		return MM_E_INVAL;
	m->sections.pa = tag->pa + MB2_AT_SECTIONS;
	m->sections.count = head[0];
	m->sections.entry = head[1];
	return MM_OK;
}

static enum mm_status multiboot2_find_efi(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	uint32_t head[2]; /* bytes of a descriptor, version */
	enum mm_status status = multiboot2_pair(m, tag, 8, head);

	if (status != MM_OK || m->efi.map || tag->size == MB2_AT_EFI_MAP)
		return status;
	m->efi.map = (mm_paddr_t)(tag->pa + MB2_AT_EFI_MAP);
	m->efi.bytes = tag->size - MB2_AT_EFI_MAP;
	m->efi.stride = head[0];
	m->efi.version = head[1];
	return MM_OK;
}

/* First walk. */
static enum mm_status multiboot2_memory(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	uint32_t sizes[2];
	enum mm_status status;

	switch (tag->type) {
	case MB2_MEMORY:
		return multiboot2_entries(m, tag);
	case MB2_SIZES:
		status = multiboot2_pair(m, tag, 8, sizes);
		if (status != MM_OK)
			return status;
		m->lower = sizes[0];
		m->upper = sizes[1];
		return MM_OK;
	case MB2_ELF:
		return multiboot2_find_sections(m, tag);
	case MB2_EFI_MAP:
		return multiboot2_find_efi(m, tag);
	case MB2_EFI_ON:
		m->efi.boot_services = true;
		return MM_OK;
	default:
		return MM_OK;
	}
}

/* The command line, if it ends inside its tag. */
static enum mm_status multiboot2_cmdline(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	uint32_t bytes;
	enum mm_status status;

	if (m->found.info.cmdline)
		return MM_OK;
	status = mm_memmap_text_bytes(m->in, tag->pa + MB2_HEAD, tag->size - MB2_HEAD, &bytes);
	if (status == MM_OK)
		m->found.info.cmdline = (mm_paddr_t)(tag->pa + MB2_HEAD);
	return status;
}

/* A copy of an RSDP, unless it is cut short or a newer one is known. */
static enum mm_status multiboot2_rsdp(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	const bool new = tag->type == MB2_RSDP_NEW;

	if (tag->size - MB2_HEAD < (new ? MB2_RSDP_2 : MB2_RSDP_1) || m->new_rsdp)
		return MM_OK;
	m->found.info.rsdp = (mm_paddr_t)(tag->pa + MB2_HEAD);
	m->new_rsdp = new;
	return MM_OK;
}

static enum mm_status multiboot2_module(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	uint32_t range[2];
	enum mm_status status = multiboot2_pair(m, tag, 8, range);

	if (status != MM_OK)
		return status;
	return mm_multiboot_module(m->in, range[0], range[1], &m->found);
}

static enum mm_status multiboot2_screen(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	const uint8_t *p = mm_memmap_item(m->in, tag->pa + 8, 20, 0);

	if (!p)
		return MM_E_FAULT;
	return mm_multiboot_framebuffer(m->in, memmap_le64(p), memmap_le32(p + 8),
					memmap_le32(p + 16));
}

/* Second walk. */
static enum mm_status multiboot2_rest(struct multiboot2 *m, const struct multiboot2_tag *tag)
{
	switch (tag->type) {
	case MB2_CMDLINE:
		return multiboot2_cmdline(m, tag);
	case MB2_MODULE:
		return multiboot2_module(m, tag);
	case MB2_FRAMEBUFFER:
		return multiboot2_screen(m, tag);
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW:
		return multiboot2_rsdp(m, tag);
	default:
		return MM_OK;
	}
}

/* How long is the structure, and may all of it have an address? */
static enum mm_status multiboot2_begin(struct multiboot2 *m)
{
	const uint8_t *p;
	uint64_t last;

	if (m->pa % MB2_ALIGN != 0)
		return MM_E_INVAL;
	p = mm_memmap_item(m->in, m->pa, MB2_HEAD, 0);
	if (!p)
		return MM_E_FAULT;
	m->bytes = memmap_le32(p);
	if (m->bytes < 2 * MB2_HEAD)
		return MM_E_INVAL;
	return mm_range_last(m->pa, m->bytes, &last) && (mm_paddr_t)last == last ? MM_OK
										 : MM_E_FAULT;
}

/* Memory, from what the first walk found. */
static enum mm_status multiboot2_feed(struct multiboot2 *m, bool efi)
{
	enum mm_status status = multiboot2_walk(m, multiboot2_memory);

	if (status == MM_OK && !m->found.memory)
		status = mm_multiboot_sizes(m->in, m->lower, m->upper, &m->found);
	if (status != MM_OK || m->found.memory)
		return status;
	return efi && (m->efi.map || m->efi.boot_services) ? MM_OK : MM_E_INVAL;
}

enum mm_status mm_memmap_add_multiboot2(struct mm_memmap *map, mm_phys_reader read, void *ctx,
					mm_paddr_t info_pa, struct mm_boot_info *info,
					struct mm_multiboot_efi *efi)
{
	const struct memmap_intake in = { map, read, ctx, "Multiboot" };
	struct multiboot2 m = { .in = &in, .pa = info_pa };

	if (!map || !read)
		return MM_E_INVAL;
	enum mm_status status = multiboot2_begin(&m);
	if (status == MM_OK)
		status = multiboot2_feed(&m, efi != NULL); /* T4 */
	if (status == MM_OK)
		status = mm_multiboot_sections(&in, &m.sections, &m.found);
	if (status == MM_OK)
		status = multiboot2_walk(&m, multiboot2_rest);
	if (status == MM_OK)
		status = mm_memmap_loader(&in, m.pa, m.bytes);
	if (status != MM_OK)
		return status;
	if (info)
		*info = m.found.info;
	if (efi)
		*efi = m.efi;
	return MM_OK;
}
#undef MB2_HEAD
#undef MB2_ALIGN
#undef MB2_ENTRY_BYTES
#undef MB2_MAX_TAGS
