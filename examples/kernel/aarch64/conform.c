/* SPDX-License-Identifier: MIT */
/* What conform.h wants of an AArch64: the low half of the address space is a tree of its own (TTBR0),
 * with its own granule, while the kernel stays in the high half. Words on the command line: 16k, 64k,
 * 64k-lpa, 4k-lpa2, 16k-lpa2; s2, s2-48: a second stage instead, guest.c; recursive: window.c; roots: user mode has
 * another tree of the high half (TTBR1).
 * Hardware keeps accessed and dirty (FEAT_HAFDBS), where it can. */
#include <mmlib/pt_formats.h>
#include "../conform.h"
#include "cpu.h"
#include "guest.h"

/* TCR_EL1, of the low half: size, granule, walks of it off; size of addresses; hardware keeps AF, dirty. */
#define TCR_T0SZ   UINT64_C(0x3f)
#define TCR_EPD0   UINT64_C(0x80)
#define TCR_TG0    UINT64_C(0xc000)
#define TCR_A1     (UINT64_C(1) << 22) /* the number is TTBR1's */
#define TCR_IPS    (UINT64_C(7) << 32)
#define TCR_HA     (UINT64_C(1) << 39)
#define TCR_HD     (UINT64_C(1) << 40)
enum { TG0_SHIFT = 14, IPS_SHIFT = 32, ASID_SHIFT = 48 };
enum { HAFDBS_AF = 1, HAFDBS_DIRTY = 2 };
enum { VA_RANGE_52 = 1, PA_RANGE_52 = 6 };

static const struct granule {
	const char *word;
	enum mm_pt_format format; /* MM_PT_FORMATS: the one of pt_aarch64.h */
	unsigned tg0, va_bits;
	unsigned tgran_shift, tgran_least, tgran_none; /* in ID_AA64MMFR0_EL1 */
} granules[] = {
	{ "64k-lpa", MM_PT_AARCH64_64K_LPA, 1, 52, 24, 0, 15 },
	{ "4k-lpa2", MM_PT_AARCH64_4K_LPA2, 0, 52, 28, 1, 15 },
	{ "16k-lpa2", MM_PT_AARCH64_16K_LPA2, 2, 52, 20, 2, 0 },
	{ "64k", MM_PT_AARCH64_64K, 1, 48, 24, 0, 15 },
	{ "16k", MM_PT_AARCH64_16K, 2, 48, 20, 1, 0 },
	{ "", MM_PT_FORMATS, 0, 48, 28, 0, 15 },
};
static const struct granule *granule;

const char *const machine_conform_unseen[][2] = {
	{ NULL, NULL },
};

static const char *choose(const struct mm_pt_port **port)
{
	uint64_t mmfr0 = cpu_read(id_aa64mmfr0_el1), mmfr2 = cpu_read(id_aa64mmfr2_el1);
	unsigned has;

	*port = guest_port();
	granule = granules;
	while (*granule->word && (*port || !kernel_has_word(granule->word)))
		granule++;
	has = mmfr0 >> granule->tgran_shift & 15;
	if (has == granule->tgran_none || has < granule->tgran_least)
		return "this CPU has no such granule";
	if (granule->va_bits == 52 && ((mmfr2 >> 16 & 15) != VA_RANGE_52 || (mmfr0 & 15) < PA_RANGE_52))
		return "this CPU has no 52-bit addresses";
	if (!*port)
		*port = granule->format == MM_PT_FORMATS ? mm_pt_aarch64_port() : mm_pt_format(granule->format);
	return NULL;
}

const char *machine_conform(struct conform *c)
{
	const struct mm_pt_port *port;
	const char *lacks = choose(&port);
	unsigned hafdbs = cpu_read(id_aa64mmfr1_el1) & 15;
	struct mm_pt_cfg cfg;

	if (lacks)
		return lacks;
	mm_pt_aarch64_probe(&cfg);
	cfg.features = MM_PT_AARCH64_CONTIG | (windows_wanted() ? MM_PT_AARCH64_RECURSIVE : 0u);
	if (granule->va_bits == 52)
		cfg.pa_bits = 52;
	if (mm_pt_init(&c->own, port, &memory_table_env, &cfg) != MM_OK)
		return "no memory for a root table";
	if (windows_wanted()) {
		windows_check(&kernel.pt, MACHINE_SCRATCH);
		check_status(machine_windows_start(&c->own), MM_OK, "the low half has a recursive entry, too");
	}
	c->pt = &c->own;
	c->keeps = (hafdbs >= HAFDBS_AF ? MM_PT_ACCESSED : 0u) | (hafdbs >= HAFDBS_DIRTY ? MM_PT_DIRTY : 0u);
	return guest_port() ? guest_init(c) : NULL;
}

void machine_conform_load(mm_paddr_t root, unsigned asid)
{
	if (machine_guest) {
		guest_load(root, asid);
		return;
	}
	uint64_t tcr = cpu_read(tcr_el1) & ~(TCR_T0SZ | TCR_EPD0 | TCR_TG0 | TCR_HA | TCR_HD);

	tcr |= (64 - granule->va_bits) | (uint64_t)granule->tg0 << TG0_SHIFT;
	tcr |= (conform.keeps & MM_PT_ACCESSED ? TCR_HA : 0) | (conform.keeps & MM_PT_DIRTY ? TCR_HD : 0);
	if (granule->va_bits == 52)
		tcr = (tcr & ~TCR_IPS) | (uint64_t)PA_RANGE_52 << IPS_SHIFT;
	cpu_write(ttbr0_el1, root | (uint64_t)asid << ASID_SHIFT);
	cpu_write(tcr_el1, tcr);
	__asm__ volatile("isb" : : : "memory");
}

/* A number for each, in TTBR1: that of TTBR0 is passed over then. */
void machine_roots(mm_paddr_t kernel_root, mm_paddr_t second)
{
	struct machine_cpu *m = &machine_cpu()->machine;
	const bool irq = machine_irq_save();
	const uint64_t tcr = cpu_read(tcr_el1);

	m->kernel_root = kernel_root | (second ? UINT64_C(1) << ASID_SHIFT : 0);
	m->second_root = second ? second | UINT64_C(2) << ASID_SHIFT : 0;
	cpu_write(ttbr1_el1, m->kernel_root);
	cpu_write(tcr_el1, second ? tcr | TCR_A1 : tcr & ~TCR_A1);
	__asm__ volatile("isb; tlbi vmalle1; dsb nsh; isb" : : : "memory");
	machine_irq_restore(irq);
}

/* All that traps need on the second root: the vectors, and of each CPU its stack. */
bool machine_entry_part(uint32_t *it, struct entry_part *part)
{
	const uint32_t i = (*it)++;

	if (i == 0)
		*part = (struct entry_part){ image_entry, image_entry_end, MM_PT_READ | MM_PT_EXEC };
	else if (i <= CPUS_MAX)
		*part = (struct entry_part){ (char *)&cpus[i - 1].machine, (char *)(&cpus[i - 1].machine + 1),
					     MM_PT_READ | MM_PT_WRITE };
	return i <= CPUS_MAX;
}

/* Ranges are this machine's own way, if it has them. */
const char *machine_conform_flush(unsigned way, const char **lacks)
{
	static const char *const ways[] = { "", "TLBI by address, ", "TLBI by range, ", "TLBI by address and ASID, ",
					    "TLBI by range and ASID, " };

	if (way >= sizeof(ways) / sizeof(*ways))
		return NULL;
	if (machine_guest)
		return guest_flush_way(way, lacks);
	mm_pt_aarch64_tlb_probe(&machine_tlb); /* the low half has its granule by now */
	if (!way && windows_wanted())
		windows_check(conform.pt, conform.va);
	*lacks = way && way % 2 == 0 && !machine_tlb.ranges ? "this CPU has no FEAT_TLBIRANGE" : NULL;
	machine_tlb.ranges = machine_tlb.ranges && way % 2 == 0;
	machine_tlb.one_space = way >= 3;
	machine_tlb.asid = 1;
	return ways[way];
}

/* PAN is off. No user page is executable for the kernel. */
bool machine_kernel_at_user(enum access access)
{
	return access != ACCESS_EXEC;
}

#define PAR_FRAME UINT64_C(0x000ffffffffff000)

/* PAR_EL1: what the CPU makes of an address, for the kernel to read, or a guest. */
static uint64_t translate(mm_vaddr_t va)
{
	if (machine_at_guest())
		return guest_translate(va);
	__asm__ volatile("at s1e1r, %0; isb" : : "r"(va) : "memory");
	return cpu_read(par_el1);
}

mm_paddr_t machine_frame(mm_vaddr_t va)
{
	uint64_t par = translate(va);

	return par & 1 ? 0 : par & PAR_FRAME;
}

/* MAIR's byte is in the upper one of PAR_EL1. */
uint32_t machine_memory_type(const void *va)
{
	uint64_t par = translate((uintptr_t)va);

	for (uint32_t i = 0; i < 5; i++)
		if (!(par & 1) && par >> 56 == (MM_PT_AARCH64_MAIR >> 8 * i & 255))
			return i * MM_PT_WT;
	return MM_PT_TYPE;
}
