/* SPDX-License-Identifier: ISC
 *
 * letter_test.c: what POST /api/v1/send makes of JSON and of whole messages.
 * (That other programs read the result is shown by tests/system/test_http_send.py.)
 */
#include "webadmin/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct arena arena;
static struct letter l;
static struct buf why;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena);
	buf_init(&why, 4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	letter_done(&l);
	buf_done(&why);
	arena_done(&arena);
	return 0;
}

static int json(const char *text)
{
	static const struct letter_limits max = { .recipients = 3, .size = 100000 };

	letter_done(&l);
	buf_reset(&why);
	return letter_of_json(str_of(text), &max, "0123456789abcdef", &arena, &l, &why);
}

static int message(const char *text, const char *query)
{
	static const struct letter_limits max = { .recipients = 3, .size = 100000 };

	letter_done(&l);
	buf_reset(&why);
	return letter_of_message(str_of(text), str_of(query), &max, &arena, &l, &why);
}

static bool has(const char *text)
{
	return str_search(buf_view(&l.message), str_of(text)) >= 0;
}

static void test_a_plain_letter(void **state)
{
	(void)state;
	assert_int_equal(json("{\"from\":\"Anna <anna@example.org>\",\"to\":\"ben@example.org\",\"subject\":\"Hi\",\"text\":\"One\\nTwo\"}"), 0);
	assert_string_equal(buf_cstr(&l.message),
		"From: Anna\r\n <anna@example.org>\r\nTo: ben@example.org\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nOne\r\nTwo\r\n");
	assert_true(str_eqc(l.from, "anna@example.org") && l.nto == 1 && str_eqc(l.to[0], "ben@example.org"));
	assert_false(l.smtputf8 || l.eight_bit);
}

static void test_verp_is_asked_for_by_true_alone(void **state)
{
	(void)state;
	assert_int_equal(json("{\"from\":\"anna@example.org\",\"to\":\"ben@example.org\",\"text\":\"a\",\"verp\":true}"), 0);
	assert_true(l.verp);
	assert_int_equal(json("{\"from\":\"anna@example.org\",\"to\":\"ben@example.org\",\"text\":\"a\",\"verp\":false}"), 0);
	assert_false(l.verp);
	assert_int_equal(json("{\"from\":\"anna@example.org\",\"to\":\"ben@example.org\",\"text\":\"a\",\"verp\":\"yes\"}"), E_SYNTAX);
}

static void test_everybody_gets_it_once_and_bcc_is_not_told(void **state)
{
	(void)state;
	assert_int_equal(json("{\"from\":\"a@x.example\",\"to\":[\"b@x.example\",\"b@x.example\"],\"cc\":\"c@x.example\","
		"\"bcc\":[\"secret@x.example\"]}"), 0);
	assert_int_equal(l.nto, 3);
	assert_false(has("secret") || has("Bcc"));
	assert_true(json("{\"from\":\"a@x.example\",\"to\":[\"b@x.example\",\"c@x.example\",\"d@x.example\",\"e@x.example\"]}") == E_LIMIT);
}

static void test_nothing_becomes_a_line_of_the_header(void **state)
{
	static const char *const bad[] = {
		"\"subject\":\"a\\r\\nBcc: x@x.example\"", "\"subject\":\"a\\nb\"",
		"\"headers\":{\"X-A\":\"b\\r\\nX-B: c\"}", "\"headers\":{\"X-A: b\\r\\nX-B\":\"c\"}", "\"headers\":{\"X A\":\"c\"}",
		"\"headers\":{\"Bcc\":\"c@x.example\"}", "\"headers\":{\"from\":\"c@x.example\"}", "\"headers\":{\"Content-Type\":\"c\"}",
		"\"headers\":{\"Received\":\"c\"}", "\"headers\":{\"DKIM-Signature\":\"c\"}", "\"headers\":{\"Resent-To\":\"c\"}",
		"\"cc\":\"a@x.example>\\r\\nX: y\"", "\"cc\":{\"name\":\"x\\r\\ny\",\"address\":\"a@x.example\"}", "\"cc\":\"a@x.example, b@x.example\"",
		"\"cc\":\"<a@x.example> <b@x.example>x\"", "\"reply_to\":\"nobody\"",
		"\"attachments\":[{\"content\":\"aGk=\",\"filename\":\"a\\r\\nb\"}]", "\"attachments\":[{\"content\":\"aGk=\",\"type\":\"a/b\\r\\nX: y\"}]",
		"\"attachments\":[{\"content\":\"aGk=\",\"type\":\"message/rfc822\"}]", "\"attachments\":[{\"content\":\"aG k=\"}]",
		"\"attachments\":[{\"content\":\"aGk=\",\"cid\":\"a>b\"}]", "\"attachments\":[{\"content\":\"aGk=\",\"cid\":\"ab\"}]",
		"\"bbc\":\"typing@x.example\"", "\"text\":7", "\"text\":\"a\\u0000b\"", "\"to\":\"twice@x.example\"",
	};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "{\"from\":\"a@x.example\",\"to\":\"b@x.example\",%s}", bad[i]);
		if (json(text) != E_SYNTAX)
			fail_msg("taken: %s", bad[i]);
		assert_true(why.n > 0);
	}
	assert_int_equal(json("{\"to\":\"b@x.example\"}"), E_SYNTAX);
	assert_int_equal(json("{\"from\":\"b@x.example\"}"), E_SYNTAX);
	assert_int_equal(json("[]"), E_SYNTAX);
	assert_int_equal(json(""), E_SYNTAX);
}

static void test_lines_are_short_and_dots_and_from_are_safe(void **state)
{
	struct str rest, line;

	(void)state;
	assert_int_equal(json("{\"from\":\"a@x.example\",\"to\":\"b@x.example\",\"text\":\".\\nFrom me \\n=\\u00fc\\rlast"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"), 0);
	assert_true(has("\r\n\r\n=2E\r\n=46rom me=20\r\n=3D=C3=BC\r\nlastx"));
	for (rest = buf_view(&l.message); rest.n > 0;) {
		line = str_cut(&rest, '\n');
		assert_true(line.n <= 77);
	}
}

static void test_an_address_that_is_not_ascii_needs_smtputf8(void **state)
{
	(void)state;
	assert_int_equal(json("{\"from\":\"a@x.example\",\"to\":\"b\xc3\xa4r@x.example\"}"), 0);
	assert_true(l.smtputf8 && l.eight_bit);
	assert_int_equal(json("{\"from\":\"B\xc3\xa4r <a@x.example>\",\"to\":\"b@x.example\"}"), 0);
	assert_false(l.smtputf8 || l.eight_bit);
}

static void test_a_whole_message(void **state)
{
	(void)state;
	assert_int_equal(message("From: Anna <a@x.example>\nTo: b@x.example\nBcc: c@x.example,\n d@x.example\nSubject: s\n\nhello\n", ""), 0);
	assert_string_equal(buf_cstr(&l.message), "From: Anna <a@x.example>\r\nTo: b@x.example\r\nSubject: s\r\n\r\nhello\r\n");
	assert_true(l.nto == 3 && str_eqc(l.from, "a@x.example") && str_eqc(l.to[2], "d@x.example"));
	assert_int_equal(message("From: a@x.example, z@x.example\r\nSender: s@x.example\r\nTo: b@x.example\r\n\r\nh", ""), 0);
	assert_true(str_eqc(l.from, "s@x.example"));
	assert_int_equal(message("From: a@x.example\r\nTo: b@x.example\r\n\r\nh\r\n", "from=q%40x.example&to=c@x.example"), 0);
	assert_true(l.nto == 1 && str_eqc(l.from, "q@x.example") && str_eqc(l.to[0], "c@x.example"));
	assert_int_equal(message("Subject: x\r\n\r\nh\r\n", "to=c@x.example"), E_SYNTAX);
	assert_int_equal(message("From: a@x.example\r\n\r\nh\r\n", ""), E_SYNTAX);
	assert_int_equal(message("From: a@x.example\r\n\r\nh\r\n", "to=c@x.example%0d%0aX"), E_SYNTAX);
	assert_int_equal(message("From: a@x.example\r\n\r\nh\r\n", "cc=c@x.example"), E_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_plain_letter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verp_is_asked_for_by_true_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_everybody_gets_it_once_and_bcc_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_becomes_a_line_of_the_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_are_short_and_dots_and_from_are_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_address_that_is_not_ascii_needs_smtputf8, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_whole_message, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
