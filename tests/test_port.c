/* SPDX-License-Identifier: MIT */
/* The host port: what mm_port_check() accepts and refuses, and the names of status values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mmlib/port.h>
#include "sim.h"

static uintptr_t some_lock(void *ctx, uintptr_t *word)
{
	(void)ctx;
	(void)word;
	return 0;
}

static uintptr_t some_irq_save(void *ctx)
{
	(void)ctx;
	return 0;
}

static void some_pin(void *ctx)
{
	(void)ctx;
}

static void some_panic(void *ctx, const char *file, int line)
{
	(void)ctx;
	(void)file;
	(void)line;
}

static struct mm_port minimal(void)
{
	return (struct mm_port){ .version = MM_PORT_VERSION,
				 .size = sizeof(struct mm_port),
				 .to_virt = sim_to_virt,
				 .panic = some_panic };
}

static void two_callbacks_are_enough(void **state)
{
	(void)state;
	struct mm_port port = minimal();

	assert_int_equal(mm_port_check(&port), MM_OK);
}

static void null_and_empty_ports_are_refused(void **state)
{
	(void)state;
	struct mm_port port = { 0 };

	assert_int_equal(mm_port_check(NULL), MM_E_PORT);
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
}

static void another_version_or_size_is_refused(void **state)
{
	(void)state;
	struct mm_port port = minimal();

	port.version = MM_PORT_VERSION + 1;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port = minimal();
	port.version = 0;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port = minimal();
	port.size = sizeof(port) - sizeof(void *);
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
}

static void each_required_callback_is_required(void **state)
{
	(void)state;
	struct mm_port port = minimal();

	port.to_virt = NULL;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port = minimal();
	port.panic = NULL;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
}

static void half_a_pair_is_refused(void **state)
{
	(void)state;
	struct mm_port port = minimal();

	port.lock = some_lock;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port = minimal();
	port.irq_save = some_irq_save;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port = minimal();
	port.pin = some_pin;
	assert_int_equal(mm_port_check(&port), MM_E_PORT);
	port.unpin = some_pin;
	assert_int_equal(mm_port_check(&port), MM_OK);
}

static void absent_hooks_have_their_documented_meaning(void **state)
{
	(void)state;
	struct mm_port port = minimal();

	assert_int_equal(mm_port_cpu(&port), 0);
	mm_port_pin(&port);
	mm_port_unpin(&port);
}

static void every_status_has_its_name_and_number(void **state)
{
	(void)state;
	assert_string_equal(mm_status_name(MM_OK), "MM_OK");
	assert_string_equal(mm_status_name(MM_E_NOMEM), "MM_E_NOMEM");
	assert_string_equal(mm_status_name(MM_E_BBM), "MM_E_BBM");
	assert_string_equal(mm_status_name((enum mm_status)12345), "MM_E_?");
	assert_int_equal(MM_E_NOMEM, -12);
	assert_int_equal(MM_E_INVAL, -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_callbacks_are_enough),
		cmocka_unit_test(null_and_empty_ports_are_refused),
		cmocka_unit_test(another_version_or_size_is_refused),
		cmocka_unit_test(each_required_callback_is_required),
		cmocka_unit_test(half_a_pair_is_refused),
		cmocka_unit_test(absent_hooks_have_their_documented_meaning),
		cmocka_unit_test(every_status_has_its_name_and_number),
	};
	return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
