/* SPDX-License-Identifier: ISC
 *
 * hook_record_test.c: records as CSV and JSON whatever is in them, and the signature.
 */
#include "smtp/hook/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct ipc_msg m;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	buf_init(&out, 65536);
	ipc_init(&m, "delivery");
	ipc_setc(&m, "n", "7");
	ipc_setc(&m, "id", "abc-7");
	ipc_setc(&m, "time", "1700000000");
	ipc_setc(&m, "event", "bounced");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ipc_done(&m);
	buf_done(&out);
	return 0;
}

static void test_csv_is_one_line_and_no_formula(void **state)
{
	(void)state;
	ipc_setc(&m, "sender", "=cmd|' /C calc'!A0");
	ipc_setc(&m, "recipient", "@x,\"y\"@example.org");
	ipc_setc(&m, "reply", "550 5.1.1 no\r\n=such\tuser");
	ipc_setc(&m, "code", "550");
	ipc_setc(&m, "size", "none");
	record_csv(&m, &out);
	assert_string_equal(buf_cstr(&out), "1700000000,\"abc-7\",\"bounced\",\"\",\"\",\"'=cmd|' /C calc'!A0\",\"'@x,\"\"y\"\"@example.org\","
		"550,\"\",\"550 5.1.1 no  =such user\",\"\",\"\",\"\",,,\"\",\"\"\r\n");
}

static void test_csv_head_has_as_many_columns(void **state)
{
	size_t i, commas = 0, of_head = 0;

	(void)state;
	record_csv(&m, &out);
	for (i = 0; i < out.n; i++)
		commas += out.p[i] == ',';
	buf_reset(&out);
	record_csv_head(&out);
	for (i = 0; i < out.n; i++)
		of_head += out.p[i] == ',';
	assert_int_equal(commas, of_head);
}

static void test_json_holds_any_bytes(void **state)
{
	(void)state;
	ipc_setc(&m, "reply", "a\"b\\c\nd\x7f" "e\xff");
	ipc_setc(&m, "recipient", "b\xc3\xa4r@example.org");
	ipc_setc(&m, "attempts", "3");
	record_json(&m, &out);
	assert_string_equal(buf_cstr(&out), "{\"time\":1700000000,\"id\":\"abc-7\",\"event\":\"bounced\",\"recipient\":\"b\xc3\xa4r@example.org\","
		"\"reply\":\"a\\\"b\\\\c\\u000ad\\u007fe\\u00ff\",\"attempts\":3}");
}

static void test_what_is_no_record(void **state)
{
	struct ipc_msg bad;

	(void)state;
	assert_true(record_valid(&m));
	ipc_init(&bad, "delivery");
	ipc_setc(&bad, "id", "abc-7");
	ipc_setc(&bad, "event", "bounced");
	assert_false(record_valid(&bad));
	ipc_done(&bad);
}

/* echo -n '1700000000.{}' | openssl dgst -sha256 -hmac secret */
static void test_the_signature(void **state)
{
	(void)state;
	record_sign(STR("secret"), 1700000000, STR("{}"), &out);
	assert_string_equal(buf_cstr(&out), "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_csv_is_one_line_and_no_formula, setup, teardown),
		cmocka_unit_test_setup_teardown(test_csv_head_has_as_many_columns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_holds_any_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_signature, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
