/* SPDX-License-Identifier: ISC
 *
 * The head of a request: where it ends, how long its body is, and what is refused.
 */
#include "webadmin/head.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD_MAX 512

static int check(const char *text, struct head *out)
{
	return head_check(str_of(text), HEAD_MAX, out);
}

static void a_good_head(void **state)
{
	static const char text[] = "POST /a?b=c HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  12 \r\nX-Y: a:b\tc \r\n\r\nbody";
	struct head h;

	(void)state;
	assert_int_equal(check(text, &h), 1);
	assert_int_equal(h.n, sizeof(text) - 5);
	assert_int_equal(h.body, 12);
	assert_int_equal(check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", &h), 1);
	assert_int_equal(h.body, 0);
}

static void every_beginning_of_it_waits_for_more(void **state)
{
	static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n";
	struct head h;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(head_check(str_make(text, n), HEAD_MAX, &h), 0);
}

static void what_can_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const bad[] = {
		"\r\n", "GET\r\n", "GET /\r\n", "GET / HTTP/1.1 \r\n", "GET  / HTTP/1.1\r\n", "GET x HTTP/1.1\r\n",
		"G(T / HTTP/1.1\r\n", "GET /\x01 HTTP/1.1\r\n", "GET /\x80 HTTP/1.1\r\n", "GET /#a HTTP/1.1\r\n",
		"GET / HTTP/11\r\n", "GET / http/1.1\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\rX",
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost:\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", "GET / HTTP/1.1\r\n\tHost: a\r\n", "GET / HTTP/1.1\r\nHost : a\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890123456\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n", "GET / HTTP/1.1\r\nHost: a\r\n: a\r\n",
	};
	struct head h;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (check(bad[i], &h) != E_SYNTAX)
			fail_msg("%s: %d", bad[i], check(bad[i], &h));
	assert_int_equal(head_check(STR("GET / HTTP/1.1\r\nX: a\0b\r\n"), HEAD_MAX, &h), E_SYNTAX);
}

static void other_framings_and_versions_are_told_apart(void **state)
{
	struct head h;

	(void)state;
	assert_int_equal(check("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", &h), E_UNSUPPORTED);
	assert_true(h.n > 0);
	assert_int_equal(check("GET / HTTP/1.0\r\n", &h), E_UNSUPPORTED);
	assert_int_equal(h.n, 0);
}

static void a_head_has_a_longest_length(void **state)
{
	char text[HEAD_MAX + 64];
	struct head h;
	int n;

	(void)state;
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", HEAD_MAX - 32, 0);
	assert_int_equal(n, HEAD_MAX);
	assert_int_equal(check(text, &h), 1);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nX: %0*d\r\n\r\n", HEAD_MAX - 31, 0);
	assert_int_equal(n, HEAD_MAX + 1);
	assert_int_equal(check(text, &h), E_LIMIT);
	assert_int_equal(head_check(str_make(text, HEAD_MAX), HEAD_MAX, &h), E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_head),
		cmocka_unit_test(every_beginning_of_it_waits_for_more),
		cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(other_framings_and_versions_are_told_apart),
		cmocka_unit_test(a_head_has_a_longest_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
