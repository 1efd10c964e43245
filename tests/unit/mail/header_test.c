/* SPDX-License-Identifier: ISC
 *
 * header_test.c: fields, folds, limits, message ids.
 */
#include "mail/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena a;

static int setup(void **state)
{
	(void)state;
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

static void eq(struct str s, const char *want)
{
	assert_string_equal(arena_cstr(&a, s), want);
}

static void fields_stand_as_written(void **state)
{
	struct header h;

	(void)state;
	header_parse(STR("From: a@b\r\nSubject : one\r\n two\r\nX:\nempty line is next:\r\n\r\nBody: x\r\n"),
		NULL, &a, &h);
	assert_int_equal(h.n, 4);
	eq(h.field[0].name, "From");
	eq(h.field[0].body, " a@b");
	eq(h.field[0].raw, "From: a@b\r\n");
	eq(h.field[1].name, "Subject");
	eq(h.field[1].body, " one\r\n two");
	eq(header_unfold(h.field[1].body, &a), "one two");
	eq(h.field[2].name, "X");
	eq(h.field[2].body, "");
	eq(h.field[3].name, "");
	assert_false(h.cut);
	assert_int_equal(h.size, strlen("From: a@b\r\nSubject : one\r\n two\r\nX:\nempty line is next:\r\n\r\n"));
	assert_non_null(header_get(&h, "SUBJECT", 0));
	assert_null(header_get(&h, "subject", 1));
	assert_null(header_get(&h, "body", 0));
}

static void lines_without_name_do_not_end_the_header(void **state)
{
	struct header h;

	(void)state;
	header_parse(STR("From anna Mon Jan  1 00:00:00 2001\nno colon here\nTo: x\n"), NULL, &a, &h);
	assert_int_equal(h.n, 3);
	eq(h.field[0].name, "");
	eq(h.field[1].name, "");
	eq(header_get(&h, "to", 0)->body, " x");
	/* the obsolete form (RFC 5322 4.5) is a field, also where a line of an mbox might stand */
	header_parse(STR("From : boss@example.org\n"), NULL, &a, &h);
	eq(header_get(&h, "from", 0)->body, " boss@example.org");
	header_parse(STR(""), NULL, &a, &h);
	assert_int_equal(h.n, 0);
	assert_int_equal(h.size, 0);
	header_parse(STR("\r\nbody"), NULL, &a, &h);
	assert_int_equal(h.size, 2);
	header_parse(STR(" folded first\r\nA: b"), NULL, &a, &h);
	eq(header_get(&h, "a", 0)->body, " b");
}

static void C08_limits_cut_the_list_not_the_size(void **state)
{
	struct header_limits lim = { .fields = 2, .field_bytes = 4, .bytes = 100 };
	struct str m = STR("A: 123456\r\nB: 2\r\nC: 3\r\n\r\nbody");
	struct header h;

	(void)state;
	header_parse(m, &lim, &a, &h);
	assert_int_equal(h.n, 2);
	assert_true(h.cut);
	assert_int_equal(h.field[0].body.n, 4);
	assert_int_equal(h.size, m.n - 4);
	lim.fields = 100;
	lim.bytes = 5;
	header_parse(m, &lim, &a, &h);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.size, m.n - 4);
}

static void message_ids(void **state)
{
	struct str *id;

	(void)state;
	assert_int_equal(header_message_ids(STR(" <a@b> (c) <c@\r\n d>,<<e@f>>  <> < x"), &a, 10, &id), 3);
	eq(id[0], "<a@b>");
	eq(id[1], "<c@d>");
	eq(id[2], "<e@f>");
	assert_int_equal(header_message_ids(STR("<1><2><3>"), &a, 2, &id), 2);
	eq(id[0], "<2>");
	eq(id[1], "<3>");
	assert_int_equal(header_message_ids(STR(""), &a, 2, &id), 0);
	assert_int_equal(header_message_ids(STR("<1>"), &a, 0, &id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_stand_as_written, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_without_name_do_not_end_the_header, setup, teardown),
		cmocka_unit_test_setup_teardown(C08_limits_cut_the_list_not_the_size, setup, teardown),
		cmocka_unit_test_setup_teardown(message_ids, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
