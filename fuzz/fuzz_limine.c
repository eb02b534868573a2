/* SPDX-License-Identifier: MIT */
/* Fuzz target: Limine intake, in two ways by the first bit of the input.
 *
 * 0: the input is memory with structures in it, and says where the responses are: anything goes. The
 *    status is one of those documented; if the intake took it all, the map is compared with a second
 *    reading of the same memory (memmap_claims.h).
 * 1: the input makes responses that are whole, with ranges on the cells of memmap_model.h, on a map
 *    with little room, and the map must equal the model after each.
 * The reader grants blocks of exactly the length asked for, which are gone at the next request. */
#include <mmlib/limine.h>
#include "memmap_claims.h"
#include "sim.h"

#define HHDM 0xffff800000000000ull

/* An mm_virt_reader. */
static const void *virt_read(void *ctx, mm_vaddr_t va, size_t bytes)
{
	return memory_grant(ctx, va, bytes);
}

static enum mm_mem_type type_of(uint64_t number, bool kernel_known)
{
	static const enum mm_mem_type known[9] = {
		MM_MEM_USABLE, MM_MEM_RESERVED, MM_MEM_ACPI_RECLAIM, MM_MEM_ACPI_NVS, MM_MEM_BAD,
		MM_MEM_LOADER, MM_MEM_KERNEL,   MM_MEM_RESERVED,     MM_MEM_RESERVED,
	};

	if (number == 6 && kernel_known)
		return MM_MEM_INITRD;
	return number < 9 ? known[number] : MM_MEM_RESERVED;
}

/* --- Any memory --- */

static uint64_t peek(const struct memory *m, uint64_t va)
{
	uint64_t v = 0;

	check(va + 7 >= va && va - m->base + 8 <= m->n); /* the intake asked for it */
	for (unsigned i = 8; i-- > 0;)
		v = v << 8 | m->bytes[va - m->base + i];
	return v;
}

static uint64_t list_item(const struct memory *m, uint64_t list, uint64_t i)
{
	const uint64_t pointers = peek(m, list + 16);

	check(pointers + i * 8 >= pointers);
	return peek(m, pointers + i * 8);
}

static void second_reading(const struct memory *m, const struct mm_limine *l, struct claims *c,
			   struct mm_boot_info *info)
{
	const uint64_t hhdm = l->hhdm ? peek(m, l->hhdm + 8) : 0;
	uint64_t count = l->modules ? peek(m, l->modules + 8) : 0;

	check(l->memmap && (l->hhdm || !(l->modules || l->rsdp || l->executable_file)));
	check(count <= 64 && !(l->executable_address && l->executable_bytes == 0));
	*info = (struct mm_boot_info){ 0 };
	if (l->executable_file) {
		const uint64_t text = peek(m, peek(m, l->executable_file + 8) + 32);

		for (uint64_t at = text; text != 0 && m->bytes[at - m->base] != 0; at++)
			check(at + 1 - m->base < m->n && at < UINT64_MAX);
		info->cmdline = text ? text - hhdm : 0;
	}
	if (l->rsdp) {
		const uint64_t address = peek(m, l->rsdp + 8);

		info->rsdp = address && address >= hhdm ? address - hhdm : address;
	}
	if (l->executable_address)
		claims_add(c, peek(m, l->executable_address + 8), l->executable_bytes, false,
			   MM_MEM_KERNEL);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t f = list_item(m, l->modules, i);

		check(peek(m, f + 8) >= hhdm);
		claims_add(c, peek(m, f + 8) - hhdm, peek(m, f + 16), false, MM_MEM_INITRD);
		if (i == 0) {
			info->module = peek(m, f + 8) - hhdm;
			info->module_bytes = peek(m, f + 16);
		}
	}
	count = peek(m, l->memmap + 8);
	check(count >= 1 && count <= 4096);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t e = list_item(m, l->memmap, i);
		const uint64_t number = peek(m, e + 16);

		claims_add(c, peek(m, e), peek(m, e + 8), false,
			   type_of(number, l->executable_address != 0));
		c->dropped.unknown += number > 8;
	}
}

/* Where the input says; often inside of memory. */
static uint64_t pick_address(struct input *in, const struct memory *m)
{
	const unsigned how = byte(in);

	if (how < 32)
		return 0;
	return how < 224 ? m->base + how % 64 * 8 : word(in);
}

static void any_memory(const uint8_t *data, size_t n)
{
	static const uint64_t bases[4] = { HHDM, 0x1000, UINT64_MAX - 255, 0 };
	static struct mm_mem e[2 * CLAIMS];
	static struct claims claims;
	const struct mm_boot_info before = { 1, 2, 3, 4 };
	struct mm_boot_info info = before, want;
	struct input in = { data, n };
	struct memory m = { 0 };
	struct mm_memmap map;
	struct mm_limine l;
	uint8_t image[512] = { 0 };

	m.bytes = image;
	m.base = bases[byte(&in) / 2 % 4];
	m.n = sizeof(image) - byte(&in) % 8;
	l.memmap = pick_address(&in, &m);
	l.hhdm = pick_address(&in, &m);
	l.executable_address = pick_address(&in, &m);
	l.executable_bytes = word(&in) >> byte(&in) % 64;
	l.executable_file = pick_address(&in, &m);
	l.modules = pick_address(&in, &m);
	l.rsdp = pick_address(&in, &m);
	if (in.n > 0)
		memcpy(image, in.p, in.n < sizeof(image) ? in.n : sizeof(image));
	check(mm_memmap_init(&map, e, 2 * CLAIMS) == MM_OK);
	enum mm_status status = mm_memmap_add_limine(&map, virt_read, &m, &l, &info);
	memory_end(&m);
	check(status == MM_OK || status == MM_E_INVAL || status == MM_E_FAULT ||
	      status == MM_E_2BIG);
	check(mm_memmap_verify(&map) == MM_OK);
	if (status != MM_OK) {
		check(same_info(&info, &before));
		return;
	}
	memset(&claims, 0, sizeof(claims));
	second_reading(&m, &l, &claims, &want);
	check_claims(&map, &claims);
	check(same_info(&info, &want));
}

/* --- Whole responses --- */

enum { /* where things are in memory */
       MEMMAP = 0,
       OFFSET = 32,
       ADDRESS = 64,
       FILERESP = 96,
       RSDP = 128,
       MODULES = 160,
       KERNELFILE = 200,
       POINTERS = 256,
       MODPOINTERS = 512,
       ENTRIES = 640,
       MODFILES = 1280,
       TEXT = 2048,
       SIZE = 2048 + 4104
};

#define ENTRIES_MOST 16
#define MODULES_MOST 6

struct answer {
	uint8_t image[SIZE];
	struct memory memory;
	struct mm_limine limine;
	uint64_t hhdm;
	struct span kernel, module[MODULES_MOST], entry[ENTRIES_MOST];
	uint64_t number[ENTRIES_MOST];
	unsigned modules, entries, text;
	uint64_t rsdp;
};

static void put_list(struct answer *a, unsigned at, uint64_t count, unsigned pointers)
{
	put(a->image + at + 8, count, 8);
	put(a->image + at + 16, a->memory.base + pointers, 8);
}

/* Not in the order of their pointers. */
static unsigned entry_at(unsigned i)
{
	return ENTRIES + (i * 7 % ENTRIES_MOST) * 24;
}

static unsigned module_at(unsigned i)
{
	return MODFILES + (MODULES_MOST - 1 - i) * 41;
}

static void make_entries(struct answer *a, struct input *in)
{
	a->entries = 1 + byte(in) % ENTRIES_MOST;
	put_list(a, MEMMAP, a->entries, POINTERS);
	for (unsigned i = 0; i < a->entries; i++) {
		const unsigned at = entry_at(i), how = byte(in);
		struct span *s = &a->entry[i];

		pick_span(in, s);
		a->number[i] = how < 240 ? how % 10 : (uint64_t)how << 32;
		put(a->image + at, s->base, 8);
		put(a->image + at + 8, s->length, 8);
		put(a->image + at + 16, a->number[i], 8);
		put(a->image + POINTERS + i * 8, a->memory.base + at, 8);
	}
	a->limine.memmap = a->memory.base + MEMMAP;
}

static void make_modules(struct answer *a, struct input *in)
{
	a->modules = byte(in) % (MODULES_MOST + 1);
	put_list(a, MODULES, a->modules, MODPOINTERS);
	for (unsigned i = 0; i < a->modules; i++) {
		const unsigned at = module_at(i);

		pick_span(in, &a->module[i]);
		put(a->image + at + 8, a->module[i].base + a->hhdm, 8);
		put(a->image + at + 16, a->module[i].length, 8);
		put(a->image + at + 24, UINT64_MAX, 8);
		put(a->image + MODPOINTERS + i * 8, a->memory.base + at, 8);
	}
	a->limine.modules = a->memory.base + MODULES;
}

static void make_rest(struct answer *a, struct input *in, unsigned parts)
{
	static const uint64_t rsdps[4] = { 0, 0xe0000, 0x123456, 0x7fffffff };

	put(a->image + OFFSET + 8, a->hhdm, 8);
	a->limine.hhdm = a->memory.base + OFFSET;
	if (parts & 1) {
		pick_span(in, &a->kernel);
		put(a->image + ADDRESS + 8, a->kernel.base, 8);
		a->limine.executable_address = a->memory.base + ADDRESS;
		a->limine.executable_bytes = a->kernel.length;
	}
	if (parts & 2) {
		a->text = byte(in) + 1;
		if (a->text >= 253) /* about the longest that is read */
			a->text += 4094 - 253;
		memset(a->image + TEXT, 'x', a->text);
		a->image[TEXT + a->text] = 0;
		if (parts & 32 || a->memory.base + TEXT == 0) /* none */
			a->text = 0;
		put(a->image + KERNELFILE + 32, a->text ? a->memory.base + TEXT : 0, 8);
		put(a->image + FILERESP + 8, a->memory.base + KERNELFILE, 8);
		a->limine.executable_file = a->memory.base + FILERESP;
	}
	if (parts & 4) {
		a->rsdp = rsdps[byte(in) % 4];
		put(a->image + RSDP + 8, a->rsdp && parts & 8 ? a->rsdp + a->hhdm : a->rsdp, 8);
		a->limine.rsdp = a->memory.base + RSDP;
	}
	if (parts & 16)
		make_modules(a, in);
}

/* Do what the intake must do with one range. False: it has no room. */
static bool step(struct fuzz *z, const struct span *s, enum mm_mem_type type, const char *owner)
{
	struct model next = z->model;

	model_add(&next, s, type, owner);
	if (model_count(&next) > z->map.capacity)
		return false;
	z->model = next;
	return true;
}

/* The texts with which mmlib marks kernel and modules, learnt from a map with nothing else. */
static const char *owner_kernel, *owner_module;

/* Does something in memory go round the end of the address space? */
static bool crosses(const struct answer *a, unsigned at, unsigned bytes)
{
	return a->memory.base + at + (bytes - 1) < a->memory.base + at;
}

static enum mm_status want_entries(struct fuzz *z, const struct answer *a, bool usable)
{
	for (unsigned i = 0; i < a->entries; i++) {
		if (crosses(a, POINTERS, i * 8 + 8) || crosses(a, entry_at(i), 24))
			return MM_E_FAULT;
		const bool known = a->limine.executable_address != 0;
		const enum mm_mem_type type = type_of(a->number[i], known);

		if ((type == MM_MEM_USABLE) != usable)
			continue;
		if (!step(z, &a->entry[i], type, NULL))
			return MM_E_2BIG;
		z->model.dropped.unknown += a->number[i] > 8;
	}
	return MM_OK;
}

static enum mm_status want_answer(struct fuzz *z, const struct answer *a)
{
	if (a->text && crosses(a, TEXT, a->text < 4096 ? a->text + 1 : 4096))
		return MM_E_FAULT;
	if (a->text >= 4096)
		return MM_E_2BIG;
	if (a->text && a->memory.base + TEXT < a->hhdm)
		return MM_E_FAULT;
	if (a->limine.executable_address && a->kernel.length == 0)
		return MM_E_INVAL;
	if (a->limine.executable_address && !step(z, &a->kernel, MM_MEM_KERNEL, owner_kernel))
		return MM_E_2BIG;
	for (unsigned i = 0; i < a->modules; i++) {
		if (crosses(a, MODPOINTERS, i * 8 + 8) || crosses(a, module_at(i), 40))
			return MM_E_FAULT;
		if (a->module[i].base + a->hhdm < a->hhdm) /* went round */
			return MM_E_FAULT;
		if (!step(z, &a->module[i], MM_MEM_INITRD, owner_module))
			return MM_E_2BIG;
	}
	enum mm_status status = want_entries(z, a, false);
	return status == MM_OK ? want_entries(z, a, true) : status;
}

static void check_info(const struct answer *a, const struct mm_boot_info *info)
{
	const uint64_t text = a->text ? a->memory.base + TEXT - a->hhdm : 0;

	check(info->cmdline == text && info->rsdp == a->rsdp);
	check(info->module == (a->modules ? a->module[0].base : 0));
	check(info->module_bytes == (a->modules ? a->module[0].length : 0));
}

static void op_answer(struct fuzz *z, struct input *in)
{
	static const uint64_t offsets[4] = { HHDM, HHDM, 0, 0xff00000000000000ull };
	static struct answer a;
	const struct mm_boot_info before = { 1, 2, 3, 4 };
	struct mm_boot_info info = before;
	const unsigned how = byte(in), parts = byte(in);

	memset(&a, 0, sizeof(a));
	a.hhdm = offsets[how % 4];
	a.memory.bytes = a.image;
	a.memory.n = SIZE;
	a.memory.base = HHDM + 0x7003;
	if (how & 4) /* the end of the address space is somewhere after the responses */
		a.memory.base = 0 - (uint64_t)(POINTERS + word(in) % (SIZE - POINTERS + 1));
	make_rest(&a, in, parts);
	make_entries(&a, in);
	const bool too_long = how >= 240;
	if (too_long)
		put(a.image + (how & 8 ? MEMMAP : MODULES) + 8,
		    (how & 8 ? 4097 : 65) + word(in) % 999, 8);
	enum mm_status want = MM_OK;
	if (too_long && (how & 8 || a.limine.modules))
		want = MM_E_2BIG;
	else
		want = want_answer(z, &a);
	check(mm_memmap_add_limine(&z->map, virt_read, &a.memory, &a.limine, &info) == want);
	memory_end(&a.memory);
	if (want == MM_OK)
		check_info(&a, &info);
	else
		check(same_info(&info, &before));
}

static void learn_owners(void)
{
	static struct answer a;
	struct mm_mem e[4];
	struct mm_memmap map;

	memset(&a, 0, sizeof(a));
	a.memory.bytes = a.image;
	a.memory.n = SIZE;
	a.memory.base = HHDM;
	a.hhdm = HHDM;
	put(a.image + OFFSET + 8, HHDM, 8);
	put(a.image + ADDRESS + 8, 4 * F, 8);
	put_list(&a, MODULES, 1, MODPOINTERS);
	put(a.image + MODPOINTERS, HHDM + MODFILES, 8);
	put(a.image + MODFILES + 8, HHDM + 8 * F, 8);
	put(a.image + MODFILES + 16, F, 8);
	put_list(&a, MEMMAP, 1, POINTERS);
	put(a.image + POINTERS, HHDM + ENTRIES, 8);
	a.limine = (struct mm_limine){
		HHDM + MEMMAP, HHDM + OFFSET, HHDM + ADDRESS, F, 0, HHDM + MODULES, 0
	};
	check(mm_memmap_init(&map, e, 4) == MM_OK);
	check(mm_memmap_add_limine(&map, virt_read, &a.memory, &a.limine, NULL) == MM_OK);
	check(map.count == 2 && e[0].type == MM_MEM_KERNEL && e[1].type == MM_MEM_INITRD);
	memory_end(&a.memory);
	owner_kernel = e[0].owner;
	owner_module = e[1].owner;
}

static void answers(const uint8_t *data, size_t n)
{
	static struct fuzz z;
	struct input in = { data, n };

	if (!owner_kernel)
		learn_owners();
	fuzz_init(&z, &in);
	for (unsigned ops = 0; in.n > 0 && ops < 8; ops++) {
		op_answer(&z, &in);
		check_all(&z);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 0 && (data[0] & 1))
		answers(data + 1, n - 1);
	else
		any_memory(data, n);
	return 0;
}
