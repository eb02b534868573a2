/* SPDX-License-Identifier: MIT */
/* QEMU's machine "virt": SBI firmware, a device tree, and a device to end QEMU with. Exceptions are
 * in traps.c. */
#include "../fdt.h"
#include "../kernel.h"
#include "../smp.h"
#include <mmlib/pt_formats.h>
#include "cpu.h"

/* "sifive,test0": what is written there ends QEMU. */
enum { TEST_DEVICE = 0x100000, TEST_PASS = 0x5555, TEST_FAIL = 0x13333 };

/* SBI 1.0: extensions and their functions. */
enum { SBI_PUTCHAR = 1 };
enum { SBI_IPI = 0x735049, SBI_IPI_SEND = 0 };
enum { SBI_HSM = 0x48534d, SBI_HSM_START = 0, SBI_HSM_STATUS = 2, SBI_HSM_STOPPED = 1 };
enum { SBI_OK = 0, HARTS_MAX = 64 }; /* harts whose numbers are asked for */

struct sbi_answer {
	int64_t error;
	uint64_t value;
};

enum { SATP_MODE_SHIFT = 60, SATP_SV39 = 8, SATP_SV48 = 9, SATP_SV57 = 10 };

extern uint64_t machine_satp_mode; /* of the kernel's own tables */

extern const struct machine_start *machine_starting; /* what the hart that begins next is to know; NULL: the first */

static struct sbi_answer sbi(uint64_t extension, uint64_t function, const uint64_t arg[4])
{
	register uint64_t a0 __asm__("a0") = arg[0];
	register uint64_t a1 __asm__("a1") = arg[1];
	register uint64_t a2 __asm__("a2") = arg[2];
	register uint64_t a3 __asm__("a3") = arg[3];
	register uint64_t a6 __asm__("a6") = function;
	register uint64_t a7 __asm__("a7") = extension;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbi_answer){ (int64_t)a0, a1 };
}

#define SBI(extension, function, ...) sbi(extension, function, (const uint64_t[4]){ __VA_ARGS__ })

void machine_init(void)
{
	/* The firmware's console is ready as it is. */
}

void machine_console_put(char c)
{
	SBI(SBI_PUTCHAR, 0, (uint8_t)c);
}

noreturn void machine_exit(bool ok)
{
	*(volatile uint32_t *)(MACHINE_DIRECT_MAP + TEST_DEVICE) = ok ? TEST_PASS : TEST_FAIL;
	for (;;)
		__asm__ volatile("wfi");
}

enum mm_status machine_memmap(uintptr_t boot_info, struct mm_memmap *map, struct mm_numa *numa,
			      char *cmdline, size_t bytes)
{
	return fdt_memmap(boot_info, map, numa, cmdline, bytes);
}

bool machine_next_device(uint32_t *it, mm_paddr_t *pa)
{
	*pa = TEST_DEVICE;
	return (*it)++ == 0;
}

/* What the boot code has turned on, or what the command line says. */
const struct mm_pt_port *machine_pt_port(void)
{
	if (machine_satp_mode == 0)
		machine_satp_mode = kernel_has_word("sv57")   ? SATP_SV57
				    : kernel_has_word("sv48") ? SATP_SV48
				    : kernel_has_word("sv39") ? SATP_SV39
							      : csr_read(satp) >> SATP_MODE_SHIFT;
	if (machine_satp_mode == SATP_SV57)
		return mm_pt_format(MM_PT_SV57);
	return machine_satp_mode == SATP_SV48 ? mm_pt_sv48_port() : mm_pt_sv39_port();
}

struct mm_pt_riscv64_tlb machine_tlb;

void machine_pt_probe(struct mm_pt_cfg *cfg)
{
	*cfg = (struct mm_pt_cfg){
		.features = (kernel_has_word("svpbmt") ? MM_PT_RISCV64_SVPBMT : 0u) |
			    (kernel_has_word("svnapot") ? MM_PT_RISCV64_SVNAPOT : 0u)
	};
	if (kernel_has_word("roots")) /* none in the root: mm_pt_mirror() */
		cfg->leaf_levels = (uint8_t)((1u << (machine_pt_port()->nlevels - 1)) - 1);
	machine_tlb.svinval = kernel_has_word("svinval");
}

/* The kernel's half is in all address spaces. */
static void flush_here(void *gather)
{
	struct mm_pt_riscv64_tlb tlb = machine_tlb;
	const struct mm_tlb_gather *g = gather;

	if (MACHINE_GUEST()) {
		mm_pt_riscv64_flush_local_guest(&tlb, g);
		return;
	}
	tlb.one_space = tlb.one_space && !(g->start >> 63);
	mm_pt_riscv64_flush_local_by(&tlb, g);
}

/* A hart cannot reach into the TLB of another: it has to be asked, of entries that became valid
 * too. The firmware's remote fence (RFENCE) does the same, but asks one hart after the other. */
void machine_tlb_flush(const struct mm_tlb_gather *g, bool all)
{
	flush_here((void *)(uintptr_t)g);
	if (all)
		smp_call_others(flush_here, (void *)(uintptr_t)g);
}

void machine_interrupt(const struct cpu *c)
{
	SBI(SBI_IPI, SBI_IPI_SEND, 1, c->id);
}

bool machine_next_cpu(uint32_t *it, uint64_t *id)
{
	while (*it < HARTS_MAX) {
		struct sbi_answer status;

		*id = (*it)++;
		status = SBI(SBI_HSM, SBI_HSM_STATUS, *id);
		if (status.error == SBI_OK && status.value == SBI_HSM_STOPPED)
			return true;
	}
	return false;
}

bool machine_cpu_start(const struct cpu *c, const struct machine_start *start)
{
	__atomic_store_n(&machine_starting, start, __ATOMIC_RELEASE);
	return SBI(SBI_HSM, SBI_HSM_START, c->id, (uintptr_t)image_start - MACHINE_IMAGE_OFFSET)
		       .error == SBI_OK;
}
