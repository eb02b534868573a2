/* SPDX-License-Identifier: MIT */
/* Formats that are not in the library, each with its description for the oracle: the one that ports are copied from
 * (src/ports/template.h), and one that is odd on purpose (odd_port.h). */
#ifndef PT_EXTRA_H
#define PT_EXTRA_H
#include <mmlib/pt_port.h>
#include "pt_oracle.h"

#define ORA_EXTRA 2u
struct ora_extra {
	const struct ora_arch *arch;
	const struct mm_pt_port *port;
};
extern const struct ora_extra ora_extra[ORA_EXTRA];
#endif
