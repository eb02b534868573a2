/* SPDX-License-Identifier: MIT */
/* A host without readers, for tests of frees that wait: at each poll all have left. */
#ifndef EPOCH_BOX_H
#define EPOCH_BOX_H
#include <mmlib/deferred.h>

static uint64_t epoch_now(void *ctx)
{
	(void)ctx;
	return 1;
}

static bool epoch_passed(void *ctx, uint64_t time)
{
	(void)ctx;
	return time == 1;
}

static const struct mm_epoch_hooks epoch_hooks = { .now = epoch_now, .passed = epoch_passed };
#endif
