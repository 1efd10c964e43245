/* SPDX-License-Identifier: ISC
 *
 * JSON, queries and cookies: what becomes an argument of a verb, and what a row looks like.
 */
#include "webadmin/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include "webadmin/cookie.h"

#include <cmocka.h>

static struct ipc_msg given, args;
static struct buf why;

static int fields(const char *text, bool query)
{
	ipc_done(&given);
	ipc_init(&given, "given");
	buf_reset(&why);
	return query ? query_fields(str_of(text), "a.", &given, &why) : json_fields(str_of(text), "a.", &given, &why);
}

static int verb(const char *name, const char *json)
{
	int r = fields(json, false);

	ipc_done(&args);
	ipc_init(&args, "args");
	return r < 0 ? r : verb_fields(verb_named(name), "a.", &given, &args, &why);
}

static bool arg_is(const char *name, const char *value)
{
	return str_eqc(ipc_get(&args, name), value);
}

static void values_become_fields(void **state)
{
	(void)state;
	assert_int_equal(verb("user add", "{\"address\":\"a@b\",\"quota\":\"2k\",\"active\":false,\"quota_messages\":7,\"name\":null}"), 0);
	assert_true(arg_is("a.address", "a@b") && arg_is("a.quota", "2048") && arg_is("a.active", "no"));
	assert_true(arg_is("a.quota_messages", "7"));
	assert_null(ipc_get(&args, "a.name").p);
	assert_int_equal(verb("alias add", "{\"address\":\"a@b\",\"target\":[\"x@y\",\"z@y\"]}"), 0);
	assert_true(str_eqc(ipc_get_nth(&args, "a.target", 1), "z@y"));
}

static void what_does_not_fit_the_table_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "1", "{\"address\":{}}", "{\"address\":1.5}",
		"{\"address\":\"a@b\",\"address\":\"c@d\"}", "{\"address\":[\"a@b\",\"c@d\"]}", "{\"other\":\"x\"}", "{\"address\":[[]]}",
		"{\"address\":\"a\\u0000b\"}", "{\"address\":\"a\\nb\"}", "{\"address\":\"a@b\",\"active\":\"perhaps\"}",
		"{\"address\":\"a@b\",\"quota\":\"1x\"}", "{\"name\":\"no address\"}", "{\"\":\"x\"}", "{\"a.address\":\"a@b\"}", "{\"address\":\"\"}" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (verb("user add", bad[i]) == 0)
			fail_msg("%s", bad[i]);
	assert_int_equal(verb("session kick", "{}"), E_SYNTAX);
	assert_int_equal(verb("session kick", "{\"id\":\"x\"}"), 0);
	assert_int_equal(verb("session kick", "{\"id\":\"x\",\"scope\":\"y\"}"), E_SYNTAX);
}

static void queries_are_decoded_strictly(void **state)
{
	(void)state;
	assert_int_equal(fields("match=a+b%2b&domain=x", true), 0);
	assert_true(str_eqc(ipc_get(&given, "a.match"), "a b+"));
	assert_int_equal(fields("", true), 0);
	assert_int_equal(given.nfields, 0);
	assert_true(fields("x=%4", true) < 0 && fields("x=%zz", true) < 0 && fields("X=1", true) < 0);
	assert_true(fields("a%62=1", true) < 0 && fields("=1", true) < 0);
}

static void a_row_has_numbers_texts_and_lists(void **state)
{
	struct ipc_msg row;
	struct buf b;

	(void)state;
	ipc_init(&row, "result");
	ipc_setc(&row, "address", "a\"\\\n</script>");
	ipc_setc(&row, "size", "12");
	ipc_setc(&row, "name", "12");
	ipc_setc(&row, "target", "x");
	ipc_setc(&row, "target", "y");
	ipc_set(&row, "raw", STR("\xff\xc3\xa4"));
	ipc_setc(&row, "code", "0");
	ipc_setc(&row, "done", "1");
	buf_init(&b, 4096);
	json_row(&b, &row);
	assert_string_equal(buf_cstr(&b), "{\"address\":\"a\\\"\\\\\\u000a</script>\",\"size\":12,\"name\":\"12\","
		"\"target\":[\"x\",\"y\"],\"raw\":\"\\u00ff\\u00c3\\u00a4\"}");
	buf_done(&b);
	ipc_done(&row);
}

static void one_cookie_or_none(void **state)
{
	(void)state;
	assert_true(str_eqc(cookie_get(STR("a=b; __Host-mansio=x.1; c=d"), COOKIE_NAME), "x.1"));
	assert_null(cookie_get(STR("a=__Host-mansio=x"), COOKIE_NAME).p);
	assert_null(cookie_get(STR("__Host-mansio=x; __Host-mansio=x"), COOKIE_NAME).p);
	assert_null(cookie_get(STR("__Host-mansio"), COOKIE_NAME).p);
	assert_null(cookie_get(STR("__Host-mansio="), COOKIE_NAME).p);
	assert_null(cookie_get(STR("__host-mansio=x"), COOKIE_NAME).p);
	assert_null(cookie_get(STR("__Host-mansio=\"x\""), COOKIE_NAME).p);
	assert_null(cookie_get(STR_NONE, COOKIE_NAME).p);
	assert_true(str_eqc(bearer_get(STR("bearer abc.1")), "abc.1"));
	assert_null(bearer_get(STR("Basic abc")).p);
	assert_null(bearer_get(STR("Bearer a b")).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_become_fields),
		cmocka_unit_test(what_does_not_fit_the_table_is_refused),
		cmocka_unit_test(queries_are_decoded_strictly),
		cmocka_unit_test(a_row_has_numbers_texts_and_lists),
		cmocka_unit_test(one_cookie_or_none),
	};

	buf_init(&why, 4096);
	ipc_init(&given, "given");
	ipc_init(&args, "args");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
