/* SPDX-License-Identifier: MIT */
/** @file
 *  @brief The only place where mmlib includes a header that is not its own.
 *
 * A freestanding C11 compiler has all of these. A kernel that has none of them (Linux: see
 * examples/linux/linux_std.h) builds with `-DMM_STD_HEADER='"my_std.h"'`, a header that provides the
 * names that mmlib uses: `uint8_t` to `uint64_t`, `int64_t`, `uintptr_t`, `size_t`, `bool`, `true`,
 * `false`, `NULL`, `SIZE_MAX`, `UINT32_MAX`, `UINT64_MAX`, `UINTPTR_MAX`, `UINT64_C`. `UINTPTR_MAX` must
 * be a constant for the preprocessor too. */
#ifndef MMLIB_STD_H
#define MMLIB_STD_H
#ifdef MM_STD_HEADER
#include MM_STD_HEADER
#else
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif
#endif
