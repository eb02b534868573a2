/* SPDX-License-Identifier: MIT */
/* MM_STD_HEADER for Linux, which has none of the C compiler's headers: the names that mmlib wants of
 * them, from Linux's own. */
#ifndef LINUX_STD_H
#define LINUX_STD_H
#include <linux/limits.h> /* SIZE_MAX, UINTPTR_MAX */
#include <linux/stddef.h> /* NULL, true, false */
#include <linux/types.h>

#ifndef alignof
#define alignof _Alignof
#endif
#ifndef UINT32_MAX
#define UINT32_MAX U32_MAX
#endif
#ifndef UINT64_MAX
#define UINT64_MAX U64_MAX
#endif
#ifndef UINT64_C
#define UINT64_C(c) c##ULL
#endif
#endif
