/* SPDX-License-Identifier: MIT */
/* The version that was compiled. A file of its own: who does not ask links nothing. */
#include <mmlib/version.h>

uint32_t mm_version(void)
{
	return MM_VERSION;
}
