/* SPDX-License-Identifier: MIT */
/* The instructions that C has no words for. */
#ifndef CPU_H
#define CPU_H
#include <stdint.h>

#define cpu_read(reg)                                                                              \
	__extension__({                                                                            \
		uint64_t value;                                                                    \
		__asm__ volatile("mrs %0, " #reg : "=r"(value));                                   \
		value;                                                                             \
	})

#define cpu_write(reg, value)                                                                      \
	__asm__ volatile("msr " #reg ", %0" : : "r"((uint64_t)(value)) : "memory")
#endif
