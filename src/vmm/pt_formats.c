/* SPDX-License-Identifier: MIT */
/* Theory of operation: formats that are selected at run time
 * Structure    each is data in ports/; here they have numbers. Those of x86-64 and RISC-V are what the ports
 *              with instances of their own say, with a level more. */
#include <mmlib/pt_formats.h>
#include "ports/aarch64_more.h"
#include "ports/armv7.h"
#include "ports/ept.h"
#include "ports/ia32.h"
#include "ports/loongarch64.h"
#include "ports/mips64.h"
#include "ports/ppc64.h"
#include "ports/riscv64.h"
#include "ports/riscv_more.h"
#include "ports/s390x.h"
#include "ports/x86_64.h"

static const struct mm_pt_port *const formats[] = {
	[MM_PT_X86_64_LA57] = &x86_64_port,
	[MM_PT_SV57] = &rv64_port,
	[MM_PT_AARCH64_16K] = &a64_16k_port.port,
	[MM_PT_AARCH64_16K_HIGH] = &a64_16k_high_port.port,
	[MM_PT_AARCH64_64K] = &a64_64k_port.port,
	[MM_PT_AARCH64_64K_HIGH] = &a64_64k_high_port.port,
	[MM_PT_AARCH64_64K_LPA] = &a64_64k_lpa_port.port,
	[MM_PT_AARCH64_64K_LPA_HIGH] = &a64_64k_lpa_high_port.port,
	[MM_PT_AARCH64_4K_LPA2] = &a64_4k_lpa2_port.port,
	[MM_PT_AARCH64_4K_LPA2_HIGH] = &a64_4k_lpa2_high_port.port,
	[MM_PT_AARCH64_16K_LPA2] = &a64_16k_lpa2_port.port,
	[MM_PT_AARCH64_16K_LPA2_HIGH] = &a64_16k_lpa2_high_port.port,
	[MM_PT_AARCH64_S2] = &a64s2_port.port,
	[MM_PT_AARCH64_S2_48] = &a64s2_48_port.port,
	[MM_PT_IA32] = &ia32_port.port,
	[MM_PT_IA32_PAE] = &pae_port.port,
	[MM_PT_EPT] = &ept_port.port,
	[MM_PT_EPT5] = &ept5_port.port,
	[MM_PT_SV32] = &sv32_port.port,
	[MM_PT_SV39X4] = &svx4_port.port,
	[MM_PT_SV48X4] = &sv48x4_port.port,
	[MM_PT_SV57X4] = &sv57x4_port.port,
	[MM_PT_ARMV7] = &armv7_port.port,
	[MM_PT_ARMV7_LPAE] = &lpae_port.port,
	[MM_PT_S390X] = &s390x_port.port,
	[MM_PT_S390X_R2] = &s390x_r2_port.port,
	[MM_PT_PPC64] = &ppc64_port.port,
	[MM_PT_LOONGARCH64] = &loong_port.port,
	[MM_PT_LOONGARCH64_HIGH] = &loong_high_port.port,
	[MM_PT_LOONGARCH64_16K] = &loong_16k_port.port,
	[MM_PT_LOONGARCH64_16K_HIGH] = &loong_16k_high_port.port,
	[MM_PT_MIPS64] = &mips64_port.port,
};

const struct mm_pt_port *mm_pt_format(enum mm_pt_format format)
{
	return (unsigned)format < MM_PT_FORMATS ? formats[format] : NULL;
}
