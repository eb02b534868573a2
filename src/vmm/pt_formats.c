/* SPDX-License-Identifier: MIT */
/* Theory of operation: formats that are selected at run time
 * Structure    each is data in ports/; here they have numbers. Those of x86-64 and RISC-V are what the ports
 *              with instances of their own say, with a level more. */
#include <mmlib/pt_formats.h>
#include "ports/arm_more.h"
#include "ports/ept.h"
#include "ports/ia32.h"
#include "ports/ppc64.h"
#include "ports/riscv64.h"
#include "ports/riscv_more.h"
#include "ports/s390x.h"
#include "ports/x86_64.h"

const struct mm_pt_port *mm_pt_format(enum mm_pt_format format)
{
	switch (format) {
	case MM_PT_X86_64_LA57:
		return &mm_port_x86_64_la57;
	case MM_PT_SV57:
		return &mm_port_sv57;
	case MM_PT_AARCH64_16K:
		return &a64_16k_port.port;
	case MM_PT_AARCH64_16K_HIGH:
		return &a64_16k_high_port.port;
	case MM_PT_AARCH64_64K:
		return &a64_64k_port.port;
	case MM_PT_AARCH64_64K_HIGH:
		return &a64_64k_high_port.port;
	case MM_PT_AARCH64_64K_LPA:
		return &a64_64k_lpa_port.port;
	case MM_PT_AARCH64_64K_LPA_HIGH:
		return &a64_64k_lpa_high_port.port;
	case MM_PT_AARCH64_4K_LPA2:
		return &a64_4k_lpa2_port.port;
	case MM_PT_AARCH64_4K_LPA2_HIGH:
		return &a64_4k_lpa2_high_port.port;
	case MM_PT_AARCH64_16K_LPA2:
		return &a64_16k_lpa2_port.port;
	case MM_PT_AARCH64_16K_LPA2_HIGH:
		return &a64_16k_lpa2_high_port.port;
	case MM_PT_AARCH64_S2:
		return &a64s2_port.port;
	case MM_PT_AARCH64_S2_48:
		return &a64s2_48_port.port;
	case MM_PT_IA32:
		return &ia32_port.port;
	case MM_PT_IA32_PAE:
		return &pae_port.port;
	case MM_PT_EPT:
		return &ept_port.port;
	case MM_PT_EPT5:
		return &ept5_port.port;
	case MM_PT_SV32:
		return &sv32_port.port;
	case MM_PT_SV39X4:
		return &svx4_port.port;
	case MM_PT_SV48X4:
		return &sv48x4_port.port;
	case MM_PT_SV57X4:
		return &sv57x4_port.port;
	case MM_PT_ARMV7:
		return &armv7_port.port;
	case MM_PT_ARMV7_LPAE:
		return &lpae_port.port;
	case MM_PT_S390X:
		return &s390x_port.port;
	case MM_PT_S390X_R2:
		return &s390x_r2_port.port;
	case MM_PT_PPC64:
		return &ppc64_port.port;
	case MM_PT_FORMATS:
		break;
	}
	return NULL;
}
