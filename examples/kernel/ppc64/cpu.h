/* SPDX-License-Identifier: MIT */
/* What the files of this machine know of each other: firmware's calls, and registers. */
#ifndef CPU_H
#define CPU_H
#include <stdbool.h>
#include <stdint.h>
#include <mmlib/types.h>

/* Special registers, by their numbers: Power ISA 3.0B, book III, "Special Purpose Registers". */
#define SPR(name, number)                                                                          \
	static inline uint64_t spr_##name(void)                                                    \
	{                                                                                          \
		uint64_t value;                                                                    \
                                                                                                   \
		__asm__ volatile("mfspr %0, " number : "=r"(value) : : "memory");                  \
		return value;                                                                      \
	}                                                                                          \
	static inline void spr_set_##name(uint64_t value)                                          \
	{                                                                                          \
		__asm__ volatile("mtspr " number ", %0; isync" : : "r"(value) : "memory");         \
	}
SPR(dsisr, "18")
SPR(dar, "19")
SPR(dec, "22")
SPR(amr, "29")
SPR(pidr, "48")
SPR(iamr, "61")
#undef SPR
enum { DEC_NEVER = 0x7fffffff }; /* seconds, and then it is said so again */

/* firmware.c: hypervisor calls of PAPR. Answers the status; @out, if there is one, gets what comes beside it. */
enum {
	H_OK = 0,
	H_EOI = 0x64,
	H_CPPR = 0x68,
	H_IPI = 0x6c,
	H_XIRR = 0x74,
	H_CEDE = 0xe0,
	H_REGISTER_PROC_TBL = 0x37c,
};
int64_t hcall(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t *out);
/* Property @name of the device tree's node at @path: its length, cut to @bytes; 0 if there is none. */
size_t firmware_property(const char *path, const char *name, void *to, size_t bytes);
/* RTAS service @name: its status. @out gets what comes beside it, if that is asked for. */
int32_t rtas(const char *name, const uint32_t in[3], uint32_t count, uint32_t *out);

/* tables.c: process table, and which tree is at which number. */
void tables_init(void);
#endif
