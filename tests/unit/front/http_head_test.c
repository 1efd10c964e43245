/* SPDX-License-Identifier: ISC */
#include "front/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int parse(const char *text, struct http_head *h)
{
	size_t used = 0;
	int r = http_head_parse(str_of(text), 200, h, &used);

	if (r == 1)
		assert_int_equal(used, strlen(text));
	return r;
}

static void a_request(void **state)
{
	struct http_head h;

	(void)state;
	assert_int_equal(parse("GET /a/b?c HTTP/1.1\r\nHost:  Mail.Example.org:80 \r\nX: y\r\n\r\n", &h), 1);
	assert_true(str_eqc(h.method, "GET") && str_eqc(h.target, "/a/b?c") && str_eqc(h.host, "Mail.Example.org:80"));
	assert_int_equal(parse("HEAD / HTTP/1.0\r\n\r\n", &h), 1);
	assert_null(h.host.p);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n", &h), 1);
}

static void more_is_awaited(void **state)
{
	const char *whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_head h;
	size_t i, used;

	(void)state;
	for (i = 0; i < strlen(whole); i++)
		assert_int_equal(http_head_parse(str_make(whole, i), 200, &h, &used), 0);
}

static void what_is_refused(void **state)
{
	static const char *const bad[] = {
		"GET / HTTP/1.1\r\n\r\n", /* no host */
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\n\n",
		"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n",
		"\r\n",
	};
	struct http_head h;
	size_t i, used;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(bad[i], &h) != E_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(http_head_parse(STR("GET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\r\n\r\n"), 30, &h, &used), E_LIMIT);
}

static void host_names(void **state)
{
	static const char *const good[] = { "a", "Mail.example.org", "a-b.c:80", "1.2.3.4" };
	static const char *const bad[] = { "", ":80", "a..b", ".a", "a.", "-a", "a-", "a b", "a/b", "a@b", "[::1]", "a_b" };
	struct str name;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++)
		assert_true(http_host_name(str_of(good[i]), &name));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (http_host_name(str_of(bad[i]), &name))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request),
		cmocka_unit_test(more_is_awaited),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(host_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
