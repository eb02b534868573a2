/* SPDX-License-Identifier: MIT */
/* Registers of coprocessor 0: MIPS64 Architecture For Programmers, volume III, "CP0 Registers". */
#ifndef CPU_H
#define CPU_H
#include <stdbool.h>
#include <stdint.h>

#define CP0(name, number)                                                                          \
	static inline uint64_t cp0_##name(void)                                                    \
	{                                                                                          \
		uint64_t value;                                                                    \
                                                                                                   \
		__asm__ volatile("dmfc0 %0, " number : "=r"(value) : : "memory");                  \
		return value;                                                                      \
	}                                                                                          \
	static inline void cp0_set_##name(uint64_t value)                                          \
	{                                                                                          \
		__asm__ volatile("dmtc0 %0, " number "; ehb" : : "r"(value) : "memory");           \
	}
CP0(index, "$0")
CP0(entry_lo0, "$2")
CP0(entry_lo1, "$3")
CP0(page_mask, "$5")
CP0(entry_hi, "$10")
CP0(cause, "$13")
CP0(ebase, "$15, 1")
CP0(gcr_base, "$15, 3")
CP0(kscratch1, "$31, 2")
#undef CP0

enum { STATUS_IE = 1, STATUS_KSU = 0x18 };

struct mm_pt;
struct mm_tlb_gather;

/* tlb.c: all entries out; those that have a byte of what the gather holds. */
void tlb_empty(void);
void tlb_flush(const struct mm_tlb_gather *g);
/* The CPU met an exception of its TLB at @bad. False: the access is not allowed. */
bool tlb_exception(uint64_t bad, uint32_t access, bool is_refill);
/* EntryLo of the page at @va as the TLB has it; 0: it has none. */
uint64_t tlb_look(uint64_t va);

/* machine.c: interrupts that other CPUs send to this one, and taking one. */
void gic_cpu_init(uint32_t id);
void gic_handle(void);
#endif
