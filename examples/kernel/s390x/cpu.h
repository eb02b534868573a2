/* SPDX-License-Identifier: MIT */
/* Registers and instructions: z/Architecture Principles of Operation, SA22-7832, "Control Registers", "Program-Status
 * Word", "Address-Space-Control Element", "CPU Signaling and Response". */
#ifndef CPU_H
#define CPU_H
#include <stdbool.h>
#include <stdint.h>

#define PSW_DAT      UINT64_C(0x0400000000000000)
#define PSW_EXTERNAL UINT64_C(0x0100000000000000)
#define PSW_WAIT     UINT64_C(0x0002000000000000)
#define PSW_PROBLEM  UINT64_C(0x0001000000000000)
#define PSW_SPACE    UINT64_C(0x0000c00000000000) /* which: primary 0; all bits are home */
#define PSW_64       UINT64_C(0x0000000180000000)

#define CR0_SECONDARY UINT64_C(0x04000000) /* there is a secondary space */
#define CR0_EDAT      UINT64_C(0x00800000) /* large leaves */
#define CR0_NX        UINT64_C(0x00100000) /* instruction-execution protection */
#define CR0_EMERGENCY UINT64_C(0x00004000) /* subclasses of external interruptions */
#define CR0_SERVICE   UINT64_C(0x00000200)

#define ASCE_REAL    UINT64_C(0x20) /* an address is the real one */
#define ASCE_REGION2 UINT64_C(0x8)
#define ASCE_REGION3 UINT64_C(0x4)
#define ASCE_LENGTH  UINT64_C(0x3) /* all of the table */

enum { EXTERNAL_EMERGENCY = 0x1201, EXTERNAL_SERVICE = 0x2401 };
enum { SIGP_SENSE = 1, SIGP_EMERGENCY = 3, SIGP_STOP = 5, SIGP_RESTART = 6, SIGP_SET_PREFIX = 13 };
enum { SIGP_BUSY = 2, SIGP_NOBODY = 3 };
enum { FACILITY_EDAT1 = 8, FACILITY_EDAT2 = 78, FACILITY_NX = 130 };

/* A number has to be one, for the assembler. */
#define CONTROL(number, value)                                                                     \
	do {                                                                                       \
		const uint64_t control_ = (value);                                                 \
                                                                                                   \
		__asm__ volatile("lctlg %%c" #number ",%%c" #number ",%0" : : "Q"(control_) : "memory"); \
	} while (0)

/* Order @order to CPU @cpu; its condition code. */
static inline unsigned cpu_signal(uint64_t cpu, uintptr_t order, uint64_t parameter)
{
	register uint64_t both __asm__("1") = parameter; /* and a status that comes back */
	uint32_t cc;

	do {
		__asm__ volatile("sigp %1,%2,0(%3)\n\tipm %0"
				 : "=d"(cc), "+d"(both)
				 : "d"(cpu), "a"(order)
				 : "cc", "memory");
		cc >>= 28;
	} while (cc == SIGP_BUSY);
	return cc;
}

static inline uint16_t low16(uintptr_t at)
{
	return *(volatile uint16_t *)at;
}

static inline uint64_t low64(uintptr_t at)
{
	return *(volatile uint64_t *)at;
}

/* Is there a facility, by its number? Bits are counted from the high end. */
static inline bool cpu_has(unsigned facility)
{
	uint64_t facilities[4] = { 0 };
	register uint64_t last __asm__("0") = 3;

	__asm__ volatile("stfle %0" : "=Q"(facilities), "+d"(last) : : "cc", "memory");
	return facilities[facility / 64] >> (63 - facility % 64) & 1;
}

/* sclp.c: the console; bytes of RAM, from address 0 on; that the service processor has answered. */
void sclp_init(void);
uint64_t sclp_memory(void);
void sclp_answered(void);

/* machine.c: an interrupt that another CPU sent. */
void machine_emergency(void);
/* conform.c: what makes this CPU forget, or all. */
void machine_forget(const struct mm_tlb_gather *g, bool all);
#endif
