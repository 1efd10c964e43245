/* SPDX-License-Identifier: ISC
 *
 * smtp_test.c: the command grammar of SMTP and LMTP.
 */
#include "mail/smtp.h"

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

static void verbs(void **state)
{
	struct str args;

	(void)state;
	assert_int_equal(smtp_verb(STR("mAiL FROM:<>  \t"), &args), SMTP_MAIL);
	assert_true(str_eqc(args, "FROM:<>"));
	assert_int_equal(smtp_verb(STR("QUIT"), &args), SMTP_QUIT);
	assert_int_equal(args.n, 0);
	assert_int_equal(smtp_verb(STR(""), &args), SMTP_UNKNOWN);
	assert_int_equal(smtp_verb(STR("  "), &args), SMTP_UNKNOWN);
	assert_int_equal(smtp_verb(STR("DATAx"), &args), SMTP_UNKNOWN);
	assert_int_equal(smtp_verb(STR("DAT"), &args), SMTP_UNKNOWN);
	assert_int_equal(smtp_verb(STR(" DATA"), &args), SMTP_UNKNOWN);
	/* C20 */
	assert_int_equal(smtp_verb(STR("POST / HTTP/1.1"), &args), SMTP_HTTP);
	assert_int_equal(smtp_verb(STR("CONNECT a:1 HTTP/1.0"), &args), SMTP_HTTP);
	assert_string_equal(smtp_verb_name(SMTP_STARTTLS), "STARTTLS");
}

static void mail_from(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *local; /* NULL: null path */
		size_t nparams;
	} row[] = {
		{ "FROM:<>", 0, NULL, 0 },
		{ "from:<a@b>", 0, "a", 0 },
		{ "FROM: <a@b>", 0, "a", 0 },
		{ "FROM:<@x,@y.z:a@b>", 0, "a", 0 },
		{ "FROM:<\"a b\"@c> SIZE=1 BODY=8BITMIME SMTPUTF8", 0, "a b", 3 },
		{ "FROM:<a@b>   SIZE=1", 0, "a", 1 },
		{ "FROM:<a@b>SIZE=1", E_SYNTAX, NULL, 0 },
		{ "FROM:a@b", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b", E_SYNTAX, NULL, 0 },
		{ "FROM <a@b>", E_SYNTAX, NULL, 0 },
		{ "FROM:<a>", E_SYNTAX, NULL, 0 },
		{ "FROM:<postmaster>", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> SIZE=", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> =1", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> SIZE=1 size=2", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> A=b=c", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> A=\x01", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b>\tSIZE=1", E_SYNTAX, NULL, 0 },
		{ "FROM:<@x,y:a@b>", E_SYNTAX, NULL, 0 },
		{ "FROM:<@:a@b>", E_SYNTAX, NULL, 0 },
		{ "FROM:<@x:>", E_SYNTAX, NULL, 0 },
		{ "FROM:<a@b> <c@d>", E_SYNTAX, NULL, 0 },
		{ "", E_SYNTAX, NULL, 0 },
		{ "TO:<a@b>", E_SYNTAX, NULL, 0 },
	};
	struct smtp_path_command c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		int r = smtp_parse_mail(str_of(row[i].in), false, &a, &c);

		if (r != row[i].r)
			fail_msg("row %zu '%s': %d", i, row[i].in, r);
		if (r)
			continue;
		assert_int_equal(c.null_path, row[i].local == NULL);
		assert_int_equal(c.nparams, row[i].nparams);
		if (row[i].local)
			assert_true(str_eqc(c.addr.local, row[i].local));
	}
	assert_int_equal(smtp_parse_mail(STR("FROM:<a@b> size=12 smtputf8"), false, &a, &c), 0);
	assert_true(str_eqc(smtp_param(&c, "SIZE")->value, "12"));
	assert_null(smtp_param(&c, "SMTPUTF8")->value.p);
	assert_null(smtp_param(&c, "BODY"));
	assert_int_equal(smtp_parse_mail(STR("FROM:<\xc3\xa9@b>"), false, &a, &c), E_SYNTAX);
	assert_int_equal(smtp_parse_mail(STR("FROM:<\xc3\xa9@b>"), true, &a, &c), 0);
	assert_int_equal(smtp_parse_mail(STR("FROM:<\xc3@b>"), true, &a, &c), E_SYNTAX);
}

static void rcpt_to(void **state)
{
	struct smtp_path_command c;

	(void)state;
	assert_int_equal(smtp_parse_rcpt(STR("TO:<>"), false, &a, &c), E_SYNTAX);
	assert_int_equal(smtp_parse_rcpt(STR("TO:<a@b>"), false, &a, &c), 0);
	assert_int_equal(smtp_parse_rcpt(STR("TO:<PostMaster>"), false, &a, &c), 0);
	assert_true(c.postmaster);
	assert_int_equal(smtp_parse_rcpt(STR("TO:<postmaster@b>"), false, &a, &c), 0);
	assert_false(c.postmaster);
	assert_int_equal(smtp_parse_rcpt(STR("TO:<@a:b%c@d>"), false, &a, &c), 0);
	assert_true(str_eqc(c.addr.local, "b%c"));
}

static void too_many_params(void **state)
{
	struct smtp_path_command c;
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 10000);
	buf_puts(&b, "FROM:<>");
	for (i = 0; i < SMTP_PARAMS_MAX; i++)
		buf_fmt(&b, " P%d=1", i);
	assert_int_equal(smtp_parse_mail(buf_view(&b), false, &a, &c), 0);
	buf_puts(&b, " X");
	assert_int_equal(smtp_parse_mail(buf_view(&b), false, &a, &c), E_LIMIT);
	buf_done(&b);
}

static void bdat(void **state)
{
	static const struct {
		const char *in;
		int r;
		uint64_t size;
		bool last;
	} row[] = {
		{ "0", 0, 0, false },
		{ "0 LAST", 0, 0, true },
		{ "86 last", 0, 86, true },
		{ "2147483648", 0, 2147483648u, false },
		{ "9223372036854775807", 0, INT64_MAX, false },
		{ "9223372036854775808", E_SYNTAX, 0, false },
		{ "18446744073709551616", E_SYNTAX, 0, false },
		{ "-1", E_SYNTAX, 0, false },
		{ "+1", E_SYNTAX, 0, false },
		{ "", E_SYNTAX, 0, false },
		{ "LAST", E_SYNTAX, 0, false },
		{ "1LAST", E_SYNTAX, 0, false },
		{ "1 LASTx", E_SYNTAX, 0, false },
		{ "1 2", E_SYNTAX, 0, false },
		{ "0x10", E_SYNTAX, 0, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t size = 7;
		bool last = false;

		assert_int_equal(smtp_parse_bdat(str_of(row[i].in), &size, &last), row[i].r);
		assert_int_equal(size, row[i].r ? 7 : row[i].size);
		assert_int_equal(last, row[i].last);
	}
}

static void helo(void **state)
{
	static const struct {
		const char *in;
		int r;
	} row[] = {
		{ "mail.example.org", 0 }, { "WIN_PC-1", 0 }, { "[192.0.2.1]", 0 },
		{ "[IPv6:2001:db8::1]", 0 }, { " a ", 0 }, { "", E_SYNTAX }, { "a b", E_SYNTAX },
		{ "[]", E_SYNTAX }, { "[1", E_SYNTAX }, { "a<b>", E_SYNTAX }, { "a\nb", E_SYNTAX },
		{ "\xc3\xa9", E_SYNTAX }, { "a(b", E_SYNTAX }, { "a:b", E_SYNTAX },
	};
	struct str out;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(smtp_parse_helo(str_of(row[i].in), &out), row[i].r);
	buf_init(&b, 10000);
	buf_fmt(&b, "%0255d", 0);
	assert_int_equal(smtp_parse_helo(buf_view(&b), &out), 0);
	buf_c(&b, 'x');
	assert_int_equal(smtp_parse_helo(buf_view(&b), &out), E_SYNTAX);
	buf_done(&b);
}

/* RFC 1985 */
static void etrn(void **state)
{
	static const struct {
		const char *in, *node;
		char option;
	} row[] = {
		{ "example.net", "example.net", 0 }, { " Mail.Example.NET ", "mail.example.net", 0 }, { "@a-b.example", "a-b.example", '@' },
		{ "#Any/queue", "any/queue", '#' }, { "_x.example", "_x.example", 0 }, { "", NULL, 0 }, { "@", NULL, 0 }, { "#", NULL, 0 },
		{ "localhost", NULL, 0 }, { "a..b", NULL, 0 }, { ".a.b", NULL, 0 }, { "a.b.", NULL, 0 }, { "-a.b", NULL, 0 }, { "a-.b", NULL, 0 },
		{ "a.b-", NULL, 0 }, { "a b.c", NULL, 0 }, { "[192.0.2.1]", NULL, 0 }, { "x@a.b", NULL, 0 }, { "#a b", NULL, 0 },
		{ "\xc3\xbc.example", NULL, 0 }, { "a.b\n", "a.b", 0 }, { "a\n.b", NULL, 0 },
	};
	struct str node;
	char option;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(row); i++) {
		assert_int_equal(smtp_parse_etrn(str_of(row[i].in), &a, &option, &node), row[i].node ? 0 : E_SYNTAX);
		if (row[i].node)
			assert_true(option == row[i].option && str_eqc(node, row[i].node));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(verbs, setup, teardown),
		cmocka_unit_test_setup_teardown(mail_from, setup, teardown),
		cmocka_unit_test_setup_teardown(rcpt_to, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_params, setup, teardown),
		cmocka_unit_test_setup_teardown(bdat, setup, teardown),
		cmocka_unit_test_setup_teardown(helo, setup, teardown),
		cmocka_unit_test_setup_teardown(etrn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
