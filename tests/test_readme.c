/* SPDX-License-Identifier: MIT */
/* The example on the README's first screen compiles and works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "readme_example.h"
#include "sim.h"

static void the_readme_example_works(void **state)
{
	(void)state;
	/* one e820 entry: 1 MiB at 1 MiB, usable */
	static const unsigned char e820[20] = { 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0,
						0x10, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
	struct sim sim;
	mm_paddr_t page;
	const unsigned char *p;

	sim_init(&sim, 0x100000, 0x100000);
	page = first_page(&sim.port, e820, sizeof(e820));
	assert_in_range(page, 0x100000, 0x1fffff);
	p = sim_to_virt(&sim, page);
	for (size_t i = 0; i < (size_t)MM_FRAME_SIZE; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(mm_page_free(&pmm, page, 0), MM_OK);
	assert_int_equal(mm_page_free(&pmm, page, 0), MM_E_DOUBLE_FREE);
	sim_destroy(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_readme_example_works) };

	return cmocka_run_group_tests_name("readme", tests, NULL, NULL);
}
