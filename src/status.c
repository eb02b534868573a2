/* SPDX-License-Identifier: MIT */
/* Names of status values. A file of its own: who never prints one links no text. */
#include <mmlib/status.h>

const char *mm_status_name(enum mm_status status)
{
	switch (status) {
#define NAME(s) \
	case s: \
		return #s
		NAME(MM_OK);
		NAME(MM_E_PERM);
		NAME(MM_E_NOENT);
		NAME(MM_E_IO);
		NAME(MM_E_2BIG);
		NAME(MM_E_AGAIN);
		NAME(MM_E_NOMEM);
		NAME(MM_E_ACCES);
		NAME(MM_E_FAULT);
		NAME(MM_E_BUSY);
		NAME(MM_E_EXIST);
		NAME(MM_E_INVAL);
		NAME(MM_E_NOSPC);
		NAME(MM_E_RANGE);
		NAME(MM_E_OVERFLOW);
		NAME(MM_E_NOTSUP);
		NAME(MM_E_DOUBLE_FREE);
		NAME(MM_E_FOREIGN);
		NAME(MM_E_ALIGN);
		NAME(MM_E_ORDER);
		NAME(MM_E_OWNER);
		NAME(MM_E_PORT);
		NAME(MM_E_STATE);
		NAME(MM_E_CORRUPT);
		NAME(MM_E_BBM);
#undef NAME
	}
	return "MM_E_?";
}
