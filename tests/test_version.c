/* SPDX-License-Identifier: MIT */
/* Versions: headers, library and build system tell the same one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <mmlib/version.h>

static void headers_tell_the_version_of_the_project(void **state)
{
	(void)state;
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", MM_VERSION_MAJOR, MM_VERSION_MINOR, MM_VERSION_PATCH);
	assert_string_equal(text, PROJECT_VERSION);
}

static void the_library_tells_the_version_of_its_headers(void **state)
{
	(void)state;
	assert_int_equal(mm_version(), MM_VERSION);
	assert_int_equal(MM_VERSION >> 16, MM_VERSION_MAJOR);
	assert_int_equal(MM_VERSION >> 8 & 0xff, MM_VERSION_MINOR);
	assert_int_equal(MM_VERSION & 0xff, MM_VERSION_PATCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_tell_the_version_of_the_project),
		cmocka_unit_test(the_library_tells_the_version_of_its_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
