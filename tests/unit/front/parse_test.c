/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/parse.h"

static int line_of(struct str bytes, size_t max, struct str *line, size_t *used)
{
	size_t scanned = 0;

	return parse_line(bytes, max, &scanned, line, used);
}

static void a_line_ends_with_crlf_alone(void **state)
{
	struct str line;
	size_t used;

	(void)state;
	assert_int_equal(line_of(STR("NOOP\r\nQUIT"), 100, &line, &used), 1);
	assert_true(str_eqc(line, "NOOP"));
	assert_int_equal(used, 6);
	assert_int_equal(line_of(STR("NOOP"), 100, &line, &used), 0);
	assert_int_equal(line_of(STR("NOOP\n"), 100, &line, &used), E_SYNTAX);
	assert_int_equal(line_of(STR("NO\rOP\r\n"), 100, &line, &used), E_SYNTAX);
	assert_int_equal(line_of(STR("NO\0OP\r\n"), 100, &line, &used), E_SYNTAX);
	assert_int_equal(line_of(STR("\n"), 100, &line, &used), E_SYNTAX);
	assert_int_equal(line_of(STR("\r\n"), 100, &line, &used), 1);
	assert_int_equal(line.n, 0);
}

static void a_line_of_the_maximum_fits_and_one_more_does_not(void **state)
{
	struct str line;
	size_t used;

	(void)state;
	assert_int_equal(line_of(STR("12345678\r\n"), 8, &line, &used), 1);
	assert_int_equal(line_of(STR("123456789\r\n"), 8, &line, &used), E_LIMIT);
	assert_int_equal(line_of(STR("12345678\r"), 8, &line, &used), 0);
	assert_int_equal(line_of(STR("1234567890"), 8, &line, &used), E_LIMIT);
}

static void a_line_in_pieces_is_searched_once(void **state)
{
	static const char text[] = "EHLO a.example\r\n";
	struct str line;
	size_t scanned = 0, used = 0, i;

	(void)state;
	for (i = 0; i < sizeof text - 2; i++)
		assert_int_equal(parse_line(str_make(text, i), 100, &scanned, &line, &used), 0);
	assert_int_equal(parse_line(str_make(text, sizeof text - 1), 100, &scanned, &line, &used), 1);
	assert_true(str_eqc(line, "EHLO a.example"));
}

/* C20 */
static void browsers_are_known_by_their_first_line(void **state)
{
	(void)state;
	assert_true(parse_is_http(STR("GET / HTTP/1.1")));
	assert_true(parse_is_http(STR("post /x HTTP/1.0")));
	assert_true(parse_is_http(STR("CONNECT host:25 HTTP/1.1")));
	assert_true(parse_is_http(STR("PRI * HTTP/2.0")));
	assert_false(parse_is_http(STR("GET LOGIN anna secret")));
	assert_false(parse_is_http(STR("GETX / HTTP/1.1")));
	assert_false(parse_is_http(STR("NOOP")));
	assert_false(parse_is_http(STR("")));
}

static void mechanism_names_follow_rfc4422(void **state)
{
	(void)state;
	assert_true(parse_is_mech(STR("SCRAM-SHA-256-PLUS")));
	assert_true(parse_is_mech(STR("plain")));
	assert_false(parse_is_mech(STR("")));
	assert_false(parse_is_mech(STR("A B")));
	assert_false(parse_is_mech(STR("ABCDEFGHIJKLMNOPQRSTU")));
	assert_true(parse_in_list("PLAIN SCRAM-SHA-256", STR("scram-sha-256")));
	assert_false(parse_in_list("PLAIN SCRAM-SHA-256", STR("SCRAM")));
	assert_false(parse_in_list("PLAIN  LOGIN", STR("")));
	assert_false(parse_in_list("", STR("PLAIN")));
}

static void sasl_answers_are_base64_or_a_star(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(parse_sasl(STR("*"), &b), E_CLOSED);
	assert_int_equal(parse_sasl(STR("AGEAYg=="), &b), 0);
	assert_int_equal(b.n, 4);
	assert_int_equal(parse_sasl(STR("AGEAYg="), &b), E_SYNTAX);
	assert_int_equal(parse_sasl(STR("AGEA Yg=="), &b), E_SYNTAX);
	assert_int_equal(parse_sasl(STR("="), &b), E_SYNTAX);
	assert_int_equal(b.n, 4);
	assert_int_equal(parse_sasl(STR(""), &b), 0);
	assert_int_equal(parse_sasl_initial(STR("="), &b), 0);
	assert_int_equal(b.n, 4);
	assert_int_equal(parse_sasl_initial(STR(""), &b), E_SYNTAX);
	assert_int_equal(parse_sasl_initial(STR("QQ=="), &b), 0);
	assert_int_equal(b.n, 5);
	buf_done(&b);
}

static void smtp_verbs_carry_their_arguments(void **state)
{
	struct smtp_line l;

	(void)state;
	assert_int_equal(smtp_line_parse(STR("EHLO mail.example"), &l), 0);
	assert_int_equal(l.verb, SMTP_EHLO);
	assert_true(str_eqc(l.arg, "mail.example"));
	assert_int_equal(smtp_line_parse(STR("EHLO"), &l), E_SYNTAX);
	assert_int_equal(smtp_line_parse(STR("auth PLAIN AGEAYg=="), &l), 0);
	assert_true(str_eqc(l.mech, "PLAIN") && str_eqc(l.initial, "AGEAYg=="));
	assert_int_equal(smtp_line_parse(STR("AUTH PLAIN"), &l), 0);
	assert_null(l.initial.p);
	assert_int_equal(smtp_line_parse(STR("AUTH PLAIN x y"), &l), E_SYNTAX);
	assert_int_equal(smtp_line_parse(STR("AUTH"), &l), E_SYNTAX);
	assert_int_equal(l.verb, SMTP_AUTH);
	assert_int_equal(smtp_line_parse(STR("STARTTLS now"), &l), E_SYNTAX);
	assert_int_equal(smtp_line_parse(STR("BDAT 10 LAST"), &l), 0);
	assert_int_equal(l.size, 10);
	assert_int_equal(smtp_line_parse(STR("MAIL FROM:<a@b> SIZE=1"), &l), 0);
	assert_int_equal(l.verb, SMTP_MAIL);
	assert_int_equal(smtp_line_parse(STR("CONNECT a:25 HTTP/1.1"), &l), 0);
	assert_int_equal(l.verb, SMTP_HTTP);
}

static void pop3_passwords_may_hold_spaces(void **state)
{
	struct pop3_line l;

	(void)state;
	assert_int_equal(pop3_line_parse(STR("pass a b  c "), &l), 0);
	assert_int_equal(l.verb, POP3_PASS);
	assert_true(str_eqc(l.arg, "a b  c "));
	assert_int_equal(pop3_line_parse(STR("USER"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("USER "), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("QUIT x"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("AUTH"), &l), 0);
	assert_int_equal(l.mech.n, 0);
	assert_int_equal(pop3_line_parse(STR("AUTH PLAIN ="), &l), 0);
	assert_true(str_eqc(l.initial, "="));
	assert_int_equal(pop3_line_parse(STR("AUTH "), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("STAT"), &l), 0);
	assert_int_equal(l.verb, POP3_OTHER);
	assert_int_equal(pop3_line_parse(STR("APOP a b"), &l), 0);
	assert_int_equal(l.verb, POP3_APOP);
	assert_true(str_eqc(l.arg, "a") && str_eqc(l.digest, "b"));
	assert_int_equal(pop3_line_parse(STR("APOP"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("APOP a"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("APOP a "), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("APOP  b"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("APOP a b c"), &l), E_SYNTAX);
	assert_int_equal(pop3_line_parse(STR("STAT"), &l), 0);
	assert_int_equal(l.verb, POP3_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_ends_with_crlf_alone),
		cmocka_unit_test(a_line_of_the_maximum_fits_and_one_more_does_not),
		cmocka_unit_test(a_line_in_pieces_is_searched_once),
		cmocka_unit_test(browsers_are_known_by_their_first_line),
		cmocka_unit_test(mechanism_names_follow_rfc4422),
		cmocka_unit_test(sasl_answers_are_base64_or_a_star),
		cmocka_unit_test(smtp_verbs_carry_their_arguments),
		cmocka_unit_test(pop3_passwords_may_hold_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
