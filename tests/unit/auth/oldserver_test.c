/* SPDX-License-Identifier: ISC
 *
 * People who move in: what the old server says (RFC 9051, RFC 5530) and what comes of it; how often it is asked.
 */
#include "auth/oldserver.h"

#include "auth/oldserver_dialogue.h"
#include "auth/oldserver_tries.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "conf/conf.h"

#define GREETING "* OK ready"
#define PLAIN "* CAPABILITY IMAP4rev1 AUTH=PLAIN", "c OK done"

/* What comes of these lines; said_out: all that we said. */
static enum oldserver_step hear(struct oldserver_dialogue *d, const char *const *line, struct buf *said)
{
	enum oldserver_step step = OLDSERVER_MORE;

	for (; *line && step == OLDSERVER_MORE; line++) {
		step = oldserver_line(d, str_of(*line), said);
		if (step == OLDSERVER_SECURE) {
			oldserver_secured(d, said);
			step = OLDSERVER_MORE;
		}
	}
	return step;
}

static void each_answer_has_one_meaning(void **state)
{
	static const struct {
		const char *line[12];
		enum oldserver_step step;
	} rows[] = {
		{ { GREETING, PLAIN, "+ ", "l OK in" }, OLDSERVER_GOOD },
		{ { GREETING, PLAIN, "+", "* CAPABILITY X", "l OK [CAPABILITY X] in" }, OLDSERVER_GOOD },
		{ { GREETING, PLAIN, "+ ", "l OK [REFERRAL imap://other/] in" }, OLDSERVER_GOOD },
		{ { GREETING, PLAIN, "+ ", "l NO" }, OLDSERVER_REFUSED },
		{ { GREETING, PLAIN, "+ ", "l NO wrong" }, OLDSERVER_REFUSED },
		{ { GREETING, PLAIN, "+ ", "l NO [AUTHENTICATIONFAILED] wrong" }, OLDSERVER_REFUSED },
		{ { GREETING, PLAIN, "+ ", "l no [authorizationfailed] wrong" }, OLDSERVER_REFUSED },
		{ { GREETING, PLAIN, "+ ", "l NO [EXPIRED] wrong" }, OLDSERVER_REFUSED },
		{ { GREETING, PLAIN, "+ ", "l NO [UNAVAILABLE] later" }, OLDSERVER_LATER },
		{ { GREETING, PLAIN, "+ ", "l NO [INUSE] later" }, OLDSERVER_LATER },
		{ { GREETING, PLAIN, "+ ", "l NO [SERVERBUG] oh" }, OLDSERVER_LATER },
		{ { GREETING, PLAIN, "+ ", "l NO [REFERRAL imap://evil.example/] go there" }, OLDSERVER_LATER },
		{ { GREETING, PLAIN, "+ ", "l BAD what" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "* BYE too many" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "x OK in" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "* OK in", "c OK in" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "+ more" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "l OKAY" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "l OK bare\nlf" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ ", "l OK in {5}" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "l OK in" }, OLDSERVER_DOWN }, /* before the password was said */
		{ { GREETING, PLAIN, "l NO not here" }, OLDSERVER_DOWN },
		{ { GREETING, PLAIN, "+ Y2hhbGxlbmdl" }, OLDSERVER_DOWN },
		{ { "* PREAUTH welcome" }, OLDSERVER_DOWN },
		{ { "* BYE full" }, OLDSERVER_DOWN },
		{ { "+OK pop3" }, OLDSERVER_DOWN },
		{ { "220 smtp" }, OLDSERVER_DOWN },
		{ { "c OK early" }, OLDSERVER_DOWN },
		{ { GREETING, "* CAPABILITY IMAP4rev1 LOGINDISABLED", "c OK done" }, OLDSERVER_DOWN },
		{ { GREETING, "c NO" }, OLDSERVER_DOWN },
		{ { GREETING, "* CAPABILITY IMAP4rev1", "c OK done", "l OK in" }, OLDSERVER_GOOD },
		{ { GREETING, PLAIN }, OLDSERVER_MORE },
	};
	struct buf said;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct oldserver_dialogue d = { .user = STR("anna"), .password = STR("pw") };

		buf_init(&said, 8192);
		if (hear(&d, rows[i].line, &said) != rows[i].step)
			fail_msg("row %zu: %s", i, d.why ? d.why : "");
		assert_true(rows[i].step == OLDSERVER_MORE || rows[i].step == OLDSERVER_GOOD || d.why);
		buf_done(&said);
	}
}

static void said(struct oldserver_dialogue d, const char *const *line, const char *text)
{
	struct buf out;

	buf_init(&out, 8192);
	hear(&d, line, &out);
	assert_string_equal(buf_cstr(&out), text);
	buf_done(&out);
}

static void the_password_is_said_in_every_form(void **state)
{
	static const char *const plain[] = { GREETING, PLAIN, "+ ", NULL };
	static const char *const login[] = { GREETING, "* CAPABILITY IMAP4rev1", "c OK", "+ go", "+ go", "+ go", NULL };

	(void)state;
	said((struct oldserver_dialogue){ .user = STR("anna"), .password = STR("p\xc3\xa4") }, plain,
		"c CAPABILITY\r\nl AUTHENTICATE PLAIN\r\nAGFubmEAcMOk\r\n");
	said((struct oldserver_dialogue){ .user = STR("anna"), .password = STR("a \"b\\") }, login,
		"c CAPABILITY\r\nl LOGIN \"anna\" \"a \\\"b\\\\\"\r\n");
	said((struct oldserver_dialogue){ .user = STR("anna"), .password = STR("p\xc3\xa4") }, login,
		"c CAPABILITY\r\nl LOGIN {4}\r\nanna {3}\r\np\xc3\xa4\r\n");
}

static void what_comes_before_tls_counts_for_nothing(void **state)
{
	static const char *const stripped[] = { GREETING, "* CAPABILITY IMAP4rev1 AUTH=PLAIN", "c OK", NULL };
	static const char *const refused[] = { GREETING, "* CAPABILITY STARTTLS", "c OK", "s NO", NULL };
	static const char *const injected[] = { "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi", "* CAPABILITY STARTTLS AUTH=PLAIN", "c OK",
		"s OK", "* CAPABILITY LOGINDISABLED", "c OK", NULL };
	static const char *const login[] = { GREETING, "* CAPABILITY STARTTLS AUTH=PLAIN LOGINDISABLED", "c OK", "s OK", "* CAPABILITY X",
		"c OK", NULL };
	struct oldserver_dialogue d = { .user = STR("a"), .password = STR("secret"), .starttls = true }, e = d, f = d;
	struct buf out;

	(void)state;
	buf_init(&out, 8192);
	assert_int_equal(hear(&d, stripped, &out), OLDSERVER_DOWN);
	d = e;
	assert_int_equal(hear(&d, refused, &out), OLDSERVER_DOWN);
	assert_int_equal(hear(&e, injected, &out), OLDSERVER_DOWN);
	assert_int_equal(str_search(buf_view(&out), STR("l ")), -1);
	assert_int_equal(hear(&f, login, &out), OLDSERVER_MORE);
	assert_true(str_ends(buf_view(&out), "s STARTTLS\r\nc CAPABILITY\r\nl LOGIN \"a\" \"secret\"\r\n"));
	buf_done(&out);
}

static void a_server_that_never_answers_ends(void **state)
{
	struct oldserver_dialogue d = { .user = STR("a"), .password = STR("b") };
	enum oldserver_step step;
	struct buf out;
	int n = 0;

	(void)state;
	buf_init(&out, 8192);
	step = oldserver_line(&d, STR(GREETING), &out);
	while (step == OLDSERVER_MORE && n++ < 1000)
		step = oldserver_line(&d, STR("* OK still here"), &out);
	assert_int_equal(step, OLDSERVER_DOWN);
	buf_done(&out);
}

#define HOUR 3600000

static void a_refused_password_is_shown_once_an_hour(void **state)
{
	struct oldserver_limits l = { .accounts = 4, .account = 3, .all = 100 };
	struct oldserver_tries *t = oldserver_tries_new(&l);

	(void)state;
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("1"), 5), OLDSERVER_ASK);
	oldserver_tries_refused(t, STR("a@x"), STR("1"), true, 5);
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("1"), 6), OLDSERVER_REFUSED_BEFORE);
	assert_int_equal(oldserver_tries_ask(t, STR("b@x"), STR("1"), 6), OLDSERVER_ASK);
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("2"), 6), OLDSERVER_ASK);
	oldserver_tries_refused(t, STR("a@x"), STR("2"), true, 6);
	oldserver_tries_refused(t, STR("a@x"), STR("3"), true, 7);
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("4"), 8), OLDSERVER_ENOUGH);
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("1"), 8), OLDSERVER_REFUSED_BEFORE);
	assert_int_equal(oldserver_tries_ask(t, STR("b@x"), STR("4"), 8), OLDSERVER_ASK);
	assert_int_equal(oldserver_tries_ask(t, STR("a@x"), STR("1"), 5 + HOUR), OLDSERVER_ASK);
	oldserver_tries_free(t);
}

static void all_accounts_together_have_a_limit(void **state)
{
	struct oldserver_limits l = { .accounts = 2, .account = 8, .all = 3 };
	struct oldserver_tries *t = oldserver_tries_new(&l);

	(void)state;
	oldserver_tries_refused(t, STR("nobody@x"), STR("1"), false, 1); /* the old server did not see it */
	oldserver_tries_refused(t, STR("a@x"), STR("1"), true, 1);
	oldserver_tries_refused(t, STR("b@x"), STR("1"), true, 2);
	assert_int_equal(oldserver_tries_ask(t, STR("d@x"), STR("1"), 3), OLDSERVER_ASK);
	oldserver_tries_refused(t, STR("c@x"), STR("1"), true, 3); /* the first one is forgotten for it */
	assert_int_equal(oldserver_tries_ask(t, STR("c@x"), STR("1"), 3), OLDSERVER_REFUSED_BEFORE);
	assert_int_equal(oldserver_tries_ask(t, STR("d@x"), STR("1"), 3), OLDSERVER_ENOUGH);
	assert_int_equal(oldserver_tries_ask(t, STR("d@x"), STR("1"), 1 + HOUR), OLDSERVER_ASK);
	oldserver_tries_free(t);
}

static void it_is_asked_about_its_domains_until_that_day(void **state)
{
	const int64_t day = 1798761600; /* 2027-01-01 */
	struct conf *c;
	struct arena a;

	(void)state;
	arena_init(&a);
	assert_int_equal(conf_parse(STR("[oldserver]\nhost = old.example\ndomains = a.example, b.example\nuntil = 2027-01-01\nuser = %u+%d/%a%%\n"),
		"c", NULL, &c), 0);
	assert_true(oldserver_covers(c, STR("b.example"), day - 1));
	assert_false(oldserver_covers(c, STR("b.example"), day));
	assert_false(oldserver_covers(c, STR("c.example"), day - 1));
	assert_true(str_eqc(oldserver_user(c, STR("anna@a.example"), &a), "anna+a.example/anna@a.example%"));
	conf_free(c);
	assert_int_equal(conf_parse(STR("[oldserver]\ndomains = a.example\n"), "c", NULL, &c), 0);
	assert_false(oldserver_covers(c, STR("a.example"), 1));
	conf_free(c);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_has_one_meaning),
		cmocka_unit_test(the_password_is_said_in_every_form),
		cmocka_unit_test(what_comes_before_tls_counts_for_nothing),
		cmocka_unit_test(a_server_that_never_answers_ends),
		cmocka_unit_test(a_refused_password_is_shown_once_an_hour),
		cmocka_unit_test(all_accounts_together_have_a_limit),
		cmocka_unit_test(it_is_asked_about_its_domains_until_that_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
