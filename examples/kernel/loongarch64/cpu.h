/* SPDX-License-Identifier: MIT */
/* Control and status registers: LoongArch Reference Manual, volume 1, v1.10, 7 "Control and Status Registers"; and
 * IOCSR, those of the chip. trap.S and refill.S have some of the numbers, too. */
#ifndef CPU_H
#define CPU_H

#define CSR_CRMD      0x0
#define CSR_PRMD      0x1
#define CSR_ECFG      0x4
#define CSR_ESTAT     0x5
#define CSR_ERA       0x6
#define CSR_BADV      0x7
#define CSR_BADI      0x8
#define CSR_EENTRY    0xc
#define CSR_TLBIDX    0x10
#define CSR_TLBEHI    0x11
#define CSR_TLBELO0   0x12
#define CSR_TLBELO1   0x13
#define CSR_ASID      0x18
#define CSR_PGDL      0x19
#define CSR_PGDH      0x1a
#define CSR_PGD       0x1b
#define CSR_PWCL      0x1c
#define CSR_PWCH      0x1d
#define CSR_STLBPS    0x1e
#define CSR_CPUID     0x20
#define CSR_SAVE0     0x30
#define CSR_SAVE1     0x31
#define CSR_SAVE2     0x32
#define CSR_SAVE3     0x33
#define CSR_SAVE4     0x34
#define CSR_SAVE5     0x35
#define CSR_TLBRENTRY 0x88
#define CSR_TLBRBADV  0x89
#define CSR_TLBRSAVE  0x8b
#define CSR_TLBRELO0  0x8c
#define CSR_TLBRELO1  0x8d
#define CSR_TLBREHI   0x8e
#define CSR_TLBRPRMD  0x8f
#define CSR_DMW0      0x180
#define CSR_DMW1      0x181

#define CRMD_IE     4
#define PLV_USER    3
#define ECFG_IPI    0x1000 /* interrupts that CPUs send each other */
#define IOCSR_EN    0x1004 /* of those, which are let in */
#define IOCSR_CLEAR 0x100c
#define IOCSR_SEND  0x1040

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

#define CSR_FN static inline __attribute__((__always_inline__)) /* a register's number is part of the instruction */

CSR_FN uint64_t csr_read(const unsigned number)
{
	uint64_t value;

	__asm__ volatile("csrrd %0, %1" : "=r"(value) : "i"(number) : "memory");
	return value;
}

CSR_FN void csr_write(const unsigned number, uint64_t value)
{
	__asm__ volatile("csrwr %0, %1" : "+r"(value) : "i"(number) : "memory");
}

/* The bits of @mask alone; returns what it was. */
CSR_FN uint64_t csr_exchange(const unsigned number, uint64_t value, uint64_t mask)
{
	__asm__ volatile("csrxchg %0, %1, %2" : "+r"(value) : "r"(mask), "i"(number) : "memory");
	return value;
}
#undef CSR_FN

static inline void iocsr_write(uint64_t address, uint32_t value)
{
	__asm__ volatile("iocsrwr.w %0, %1" : : "r"(value), "r"(address) : "memory");
}

struct mm_tlb_gather;
extern const char trap_entry[];

/* tlb.c: this CPU's translation begins, on the kernel's tables; and its lower half. */
void tlb_start(void);
void tlb_load(uint64_t root, unsigned asid);
/* Forget what the gather holds, under all numbers. */
void tlb_flush(const struct mm_tlb_gather *g);
/* The CPU met a page at @bad that is not valid, or not dirty. False: the access is not allowed. */
bool tlb_exception(uint64_t bad, uint32_t access);
/* Half of a pair of the page at @va as the TLB has it; 0: it has none. */
uint64_t tlb_look(uint64_t va);

/* firmware.c: what QEMU tells. */
uint64_t firmware_ram(void);
uint32_t firmware_cpus(void);
void firmware_words(char *words, uint64_t bytes);
#endif
#endif
