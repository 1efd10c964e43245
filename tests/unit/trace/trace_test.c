/* SPDX-License-Identifier: ISC
 * C24: nothing that a stranger sends adds a line, a field, or moves a terminal. */
#include "trace/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void escaped(struct str in, const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	trace_escape(in, &out);
	assert_string_equal(buf_cstr(&out), expected);
	buf_done(&out);
}

static void c24_values_are_escaped(void **state)
{
	(void)state;
	escaped(STR("anna@example.org"), "anna@example.org");
	escaped(STR(""), "\"\"");
	escaped(STR("two words"), "\"two words\"");
	escaped(STR("a=b"), "\"a=b\"");
	escaped(STR("say \"x\\y\""), "\"say \\\"x\\\\y\\\"\"");
	escaped(STR("a\r\nb\0c"), "a\\x0d\\x0ab\\x00c");
	escaped(STR("\033[31mred"), "\\x1b[31mred");
	escaped(STR("\xe2\x80\xae" "evil"), "\\u{202e}evil");
	escaped(STR("\xe2\x81\xa6\xe2\x80\x8b\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\x7f"),
		"\\u{2066}\\u{200b}\\u{85}\\u{2028}\\u{feff}\\x7f");
	escaped(STR("\xc3\xbc"
		    "ber"), "\xc3\xbc"
			    "ber");
	escaped(STR("\xff\xc3(\xed\xa0\x80\xc0\xaf"), "\\xff\\xc3(\\xed\\xa0\\x80\\xc0\\xaf");
	escaped(STR("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

static void c24_fields_are_cut_at_a_character(void **state)
{
	char big[3000];
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	for (i = 0; i + 1 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xbc", 2);
	trace_escape(str_make(big + 1, 2999), &out);
	assert_true(out.n <= TRACE_FIELD_MAX + 8);
	assert_true(str_is_utf8(buf_view(&out)));
	assert_true(str_ends(buf_view(&out), "..."));
	buf_reset(&out);
	memset(big, 1, sizeof(big));
	trace_escape(str_make(big, sizeof(big)), &out);
	assert_true(out.n <= TRACE_FIELD_MAX + 8);
	buf_done(&out);
}

static int pair[2];

static struct str receive(char *into, size_t size)
{
	ssize_t n = recv(pair[1], into, size, MSG_DONTWAIT);

	return n < 0 ? STR_NONE : str_make(into, (size_t)n);
}

static void an_event_is_one_packet(void **state)
{
	enum trace_level level;
	struct str text;
	struct trace t;
	char got[8192];

	(void)state;
	trace_begin(&t, TRACE_WARN, "login");
	trace_s(&t, "s", "abc");
	trace_str(&t, "user", STR("a\nb"));
	trace_s(&t, "absent", NULL);
	trace_u64(&t, "n", 42);
	trace_end(&t);
	assert_int_equal(trace_line_parse(receive(got, sizeof(got)), &level, &text), 0);
	assert_int_equal(level, TRACE_WARN);
	assert_true(str_eqc(text, "login s=abc user=a\\x0ab n=42"));
	trace_event(TRACE_INFO, "stop", "", "after %d", 3);
	assert_int_equal(trace_line_parse(receive(got, sizeof(got)), &level, &text), 0);
	assert_true(str_eqc(text, "stop text=\"after 3\""));
}

static void what_nobody_wants_to_read_is_not_sent(void **state)
{
	char got[8192];
	struct str text;
	enum trace_level level;
	struct trace t;

	(void)state;
	trace_least(TRACE_INFO);
	trace_event(TRACE_DEBUG, "quiet", "abc", "after %d", 3);
	trace_begin(&t, TRACE_DEBUG, "quiet");
	trace_str(&t, "k", STR("v"));
	trace_u64(&t, "n", 1);
	trace_end(&t);
	trace_event(TRACE_INFO, "loud", NULL, NULL);
	assert_int_equal(trace_line_parse(receive(got, sizeof(got)), &level, &text), 0);
	assert_true(str_eqc(text, "loud"));
	trace_least(TRACE_DEBUG);
	trace_event(TRACE_DEBUG, "quiet", NULL, NULL);
	assert_int_equal(trace_line_parse(receive(got, sizeof(got)), &level, &text), 0);
	assert_true(str_eqc(text, "quiet"));
}

static void c24_a_line_stays_below_4_kib(void **state)
{
	char big[1000], got[8192];
	enum trace_level level;
	struct buf line;
	struct trace t;
	struct str text;
	int i;

	(void)state;
	memset(big, '\n', sizeof(big));
	trace_begin(&t, TRACE_INFO, "x");
	for (i = 0; i < 20; i++)
		trace_str(&t, "k", str_make(big, sizeof(big)));
	trace_end(&t);
	assert_int_equal(trace_line_parse(receive(got, sizeof(got)), &level, &text), 0);
	assert_true(str_ends(text, " cut=1"));
	buf_init(&line, 8192);
	trace_line_print(&line, 1763753454123456, "a-program-name-of-31-characters", 4194304, TRACE_ERROR, text);
	assert_true(line.n < 4096);
	assert_true(str_starts(buf_view(&line), "2025-11-21T19:30:54.123Z a-program-name-of-31-characters[4194304] ERROR x k="));
	buf_done(&line);
}

static void what_cannot_be_sent_is_counted_and_told(void **state)
{
	char got[8192];
	struct str s, last = STR_NONE;
	int sent;

	(void)state;
	for (sent = 0; sent < 100000; sent++) {
		ssize_t n = send(pair[0], "1 filler", 8, MSG_DONTWAIT);

		if (n < 0)
			break;
	}
	assert_true(sent < 100000);
	trace_event(TRACE_INFO, "lost", NULL, NULL);
	trace_event(TRACE_INFO, "lost", NULL, NULL);
	while ((s = receive(got, sizeof(got))).p)
		;
	trace_event(TRACE_INFO, "found", NULL, NULL);
	last = receive(got, sizeof(got));
	assert_true(str_eqc(last, "1 found dropped=2"));
	trace_event(TRACE_INFO, "found", NULL, NULL);
	assert_true(str_eqc(receive(got, sizeof(got)), "1 found"));
}

static void packets_of_a_bad_peer_are_refused(void **state)
{
	static const char *const wrong[] = { "", "1", "1 ", "5 x", "x y", "1x y", "1  x", "1 a\nb", "1 a\x1b", "1 \xff" };
	enum trace_level level;
	struct str text;
	char big[TRACE_LINE_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(trace_line_parse(str_of(wrong[i]), &level, &text), E_PEER);
	memset(big, 'a', sizeof(big));
	memcpy(big, "1 ", 2);
	assert_int_equal(trace_line_parse(str_make(big, sizeof(big)), &level, &text), E_PEER);
	assert_int_equal(trace_line_parse(str_make(big, TRACE_LINE_MAX), &level, &text), 0);
}

static int setup(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -1;
	trace_open(pair[0], "test");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(c24_values_are_escaped),
		cmocka_unit_test(c24_fields_are_cut_at_a_character),
		cmocka_unit_test(an_event_is_one_packet),
		cmocka_unit_test(what_nobody_wants_to_read_is_not_sent),
		cmocka_unit_test(c24_a_line_stays_below_4_kib),
		cmocka_unit_test(what_cannot_be_sent_is_counted_and_told),
		cmocka_unit_test(packets_of_a_bad_peer_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
