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

static struct oldserver_tries *tries; /* of the test that runs */

static struct oldserver_asker asker(const char *name, const char *network, const char *password, enum oldserver_from from)
{
	struct oldserver_asker who = { .name = str_of(name), .password = str_of(password), .from = from };

	assert_int_equal(addr_parse(str_of(network), &who.peer), 0);
	return who;
}

/* One login with a password that is wrong; was it shown? */
static bool guess(const struct oldserver_asker *who, int64_t now)
{
	enum oldserver_try r = oldserver_tries_ask(tries, who, now);

	if (r == OLDSERVER_ASK)
		oldserver_tries_end(tries, who, true, now);
	return r == OLDSERVER_ASK;
}

/* So many guesses, each another one; how many were shown? */
static unsigned guesses(const char *name, const char *network, enum oldserver_from from, unsigned n, int64_t now)
{
	static unsigned serial;
	struct oldserver_asker who;
	char password[16];
	unsigned shown = 0;

	while (n-- > 0) {
		snprintf(password, sizeof(password), "%u", serial++);
		who = asker(name, network, password, from);
		shown += guess(&who, now);
	}
	return shown;
}

static void begin(unsigned account, unsigned all)
{
	struct oldserver_limits l = { .accounts = 4096, .account = account, .all = all };

	tries = oldserver_tries_new(&l);
}

static void a_refused_password_is_shown_once_an_hour(void **state)
{
	struct oldserver_asker a = asker("a@x", "192.0.2.1", "1", OLDSERVER_STRANGER), b = asker("b@x", "192.0.2.1", "1", OLDSERVER_STRANGER);

	(void)state;
	begin(20, 200);
	assert_true(guess(&a, 5));
	assert_int_equal(oldserver_tries_ask(tries, &a, 6), OLDSERVER_REFUSED_BEFORE);
	assert_int_equal(oldserver_tries_ask(tries, &b, 6), OLDSERVER_ASK);
	assert_int_equal(oldserver_tries_ask(tries, &a, 5 + HOUR), OLDSERVER_ASK);
	oldserver_tries_free(tries);
}

static void one_network_locks_nobody_out(void **state)
{
	struct oldserver_asker owner = asker("a@x", "198.51.100.7", "right", OLDSERVER_STRANGER);
	int64_t now;
	unsigned shown = 0, last = 0;

	(void)state;
	begin(20, 200);
	for (now = 0; now < 24 * (int64_t)HOUR; now += 60000) {
		last = guesses("a@x", "192.0.2.1", OLDSERVER_STRANGER, 5, now);
		shown += last;
		assert_int_equal(oldserver_tries_ask(tries, &owner, now), OLDSERVER_ASK);
		oldserver_tries_end(tries, &owner, false, now);
		if (now == 0)
			assert_int_equal(shown, 4); /* of 10, a quarter of which is not for strangers: half of the 8, at once */
	}
	assert_in_range(shown, 100, 4 + 24 * 10); /* one when one has come back, and always leaves the others */
	oldserver_tries_free(tries);
}

static void a_network_that_guesses_leaves_its_last_tries_to_others(void **state)
{
	struct oldserver_asker owner = asker("a@x", "198.51.100.7", "right", OLDSERVER_STRANGER);
	char network[32];
	int64_t now;
	unsigned i;

	(void)state;
	begin(20, 200);
	for (now = 0; now < 3 * (int64_t)HOUR; now += 60000) {
		for (i = 0; i < 8; i++) {
			snprintf(network, sizeof(network), "203.0.%u.1", i);
			guesses("a@x", network, OLDSERVER_STRANGER, 1, now);
		}
		if (now < HOUR) /* until all of them had one, and what they took comes back */
			continue;
		assert_int_equal(oldserver_tries_ask(tries, &owner, now), OLDSERVER_ASK);
		oldserver_tries_end(tries, &owner, false, now);
	}
	oldserver_tries_free(tries);
}

static void thousands_of_networks_have_so_many_an_hour_and_friends_still_find_one(void **state)
{
	struct oldserver_asker friend = asker("a@x", "198.51.100.7", "right", OLDSERVER_FRIEND), known = friend;
	char name[16], network[32];
	int64_t now = 0;
	unsigned i, of_a = 0, all = 0;

	(void)state;
	begin(20, 200);
	for (i = 0; i < 5000; i++) {
		now = i * (int64_t)HOUR / 5000;
		snprintf(name, sizeof(name), "%u@x", i % 300);
		snprintf(network, sizeof(network), "10.%u.%u.1", i / 256, i % 256);
		of_a += guesses("a@x", network, OLDSERVER_STRANGER, 1, now);
		all += guesses(name, network, OLDSERVER_STRANGER, 1, now);
	}
	assert_in_range(of_a, 16, 20);
	assert_in_range(all + of_a, 150, 200);
	assert_int_equal(oldserver_tries_ask(tries, &friend, now), OLDSERVER_ASK);
	oldserver_tries_end(tries, &friend, false, now);
	/* and there one that guesses leaves what the account itself is known by */
	assert_int_equal(guesses("a@x", "198.51.100.7", OLDSERVER_FRIEND, 5, now), 1);
	known.from = OLDSERVER_KNOWN;
	assert_int_equal(oldserver_tries_ask(tries, &known, now), OLDSERVER_ASK);
	oldserver_tries_free(tries);
}

static void what_is_not_refused_costs_nothing_and_the_same_at_once_costs_once(void **state)
{
	struct oldserver_asker a = asker("a@x", "192.0.2.1", "1", OLDSERVER_STRANGER);
	unsigned i;

	(void)state;
	begin(20, 200);
	for (i = 0; i < 50; i++) {
		assert_int_equal(oldserver_tries_ask(tries, &a, i), OLDSERVER_ASK);
		oldserver_tries_end(tries, &a, false, i);
	}
	for (i = 0; i < 50; i++)
		assert_int_equal(oldserver_tries_ask(tries, &a, 50), OLDSERVER_ASK);
	assert_int_equal(guesses("a@x", "192.0.2.1", OLDSERVER_STRANGER, 50, 50), 3); /* with the one that is asked about, 4 */
	oldserver_tries_end(tries, &a, false, 51); /* one of them came to nothing, and another was wrong */
	oldserver_tries_end(tries, &a, true, 51);
	oldserver_tries_end(tries, &a, true, 51);
	assert_int_equal(oldserver_tries_ask(tries, &a, 52), OLDSERVER_REFUSED_BEFORE);
	assert_int_equal(guesses("a@x", "192.0.2.1", OLDSERVER_STRANGER, 50, 52), 0);
	oldserver_tries_free(tries);
}

static void invented_names_find_the_same_and_make_no_real_one_forgotten(void **state)
{
	struct oldserver_asker real = asker("a@x", "192.0.2.1", "1", OLDSERVER_STRANGER), nobody = real, n;
	char name[16];
	unsigned i;

	(void)state;
	begin(4, 200);
	nobody.name = STR("n@x");
	nobody.nobody = true;
	assert_true(guess(&real, 5) && guess(&nobody, 5));
	assert_int_equal(oldserver_tries_ask(tries, &nobody, 6), OLDSERVER_REFUSED_BEFORE);
	for (i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "%u@x", i);
		n = asker(name, "192.0.2.1", "1", OLDSERVER_STRANGER);
		n.nobody = true;
		guess(&n, 7);
	}
	assert_int_equal(oldserver_tries_ask(tries, &real, 8), OLDSERVER_REFUSED_BEFORE);
	oldserver_tries_free(tries);
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
		cmocka_unit_test(one_network_locks_nobody_out),
		cmocka_unit_test(a_network_that_guesses_leaves_its_last_tries_to_others),
		cmocka_unit_test(thousands_of_networks_have_so_many_an_hour_and_friends_still_find_one),
		cmocka_unit_test(what_is_not_refused_costs_nothing_and_the_same_at_once_costs_once),
		cmocka_unit_test(invented_names_find_the_same_and_make_no_real_one_forgotten),
		cmocka_unit_test(it_is_asked_about_its_domains_until_that_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
