/* SPDX-License-Identifier: MIT */
/* Rows of mistakes: ROW(name, ERROR, call) in a macro ROWS(ROW), each of them a test of its own that is called name.
 * tools/check_rows.py looks whether there is one for each error that is documented.
 *
 *	ROWS(ROW_CALL)
 *	static struct row rows[] = { ROWS(ROW_ENTRY) };
 *	static void answered_and_nothing_changed(void **state) { const struct row *row = *state; ... }
 *	int main(void) { return ROWS_RUN("what", rows, NULL, NULL); } */
#ifndef ROWS_H
#define ROWS_H
#include <mmlib/status.h>

#define MM_E_OK MM_OK /* for what does nothing, and that is right */

struct row {
	enum mm_status (*call)(void);
	enum mm_status status;
};

#define ROW_CALL(name, status, ...)             \
	static enum mm_status call_##name(void) \
	{                                       \
		return __VA_ARGS__;             \
	}
#define ROW_ENTRY(name, status, ...) { call_##name, MM_E_##status },
#define ROW_TEST(name, status, ...) { #name, answered_and_nothing_changed, NULL, NULL, NULL },

#define ROWS_RUN(what, rows, setup, teardown)                                                      \
	__extension__({                                                                            \
		struct CMUnitTest row_tests[] = { ROWS(ROW_TEST) };                                \
		for (size_t row_i = 0; row_i < sizeof(row_tests) / sizeof(row_tests[0]); row_i++)  \
			row_tests[row_i].initial_state = &(rows)[row_i];                           \
		cmocka_run_group_tests_name(what, row_tests, setup, teardown);                     \
	})
#endif
