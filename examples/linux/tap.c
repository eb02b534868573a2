/* SPDX-License-Identifier: MIT */
/* TAP. One thread reports: that which loads or unloads the module. */
#include <linux/printk.h>
#include "tap.h"

static unsigned int checks;

bool tap_check(bool ok, const char *promise)
{
	pr_info("%s %u - %s\n", ok ? "ok" : "not ok", ++checks, promise);
	return ok;
}

bool tap_status(enum mm_status got, enum mm_status want, const char *promise)
{
	if (!tap_check(got == want, promise))
		pr_info("# got %s, want %s\n", mm_status_name(got), mm_status_name(want));
	return got == want;
}

void tap_end(void)
{
	pr_info("1..%u\n", checks);
}
