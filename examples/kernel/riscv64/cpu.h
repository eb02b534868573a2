/* SPDX-License-Identifier: MIT */
/* The instructions that C has no words for. A register is an unsigned long, on RV64 and on RV32. */
#ifndef CPU_H
#define CPU_H

enum { SSTATUS_SIE = 2, SIE_SSIE = 2, SIP_SSIP = 2 };

#define csr_read(csr)                                                                              \
	__extension__({                                                                            \
		unsigned long value;                                                               \
		__asm__ volatile("csrr %0, " #csr : "=r"(value) : : "memory");                     \
		value;                                                                             \
	})

#define csr_write(csr, value)                                                                      \
	__asm__ volatile("csrw " #csr ", %0" : : "r"((unsigned long)(value)) : "memory")
#define csr_set(csr, bits)                                                                         \
	__asm__ volatile("csrs " #csr ", %0" : : "r"((unsigned long)(bits)) : "memory")
#define csr_clear(csr, bits)                                                                       \
	__asm__ volatile("csrc " #csr ", %0" : : "r"((unsigned long)(bits)) : "memory")
#endif
