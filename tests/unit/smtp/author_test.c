/* SPDX-License-Identifier: ISC
 *
 * author_test.c: whose name a message of anna@example.org may bear (policy_author.c). authd is played below: she has
 * anna@, info@ and "a b"@example.org; boss@ is another's; the domain of other.example is not ours; slow@ is not known
 * at the moment.
 */
#include "smtp/receive/session.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct conf *conf;
static size_t asked, questions; /* addresses, round trips */
static int down, relinks;
static struct dsn why;
static struct str about;

int auth_senders(int link, struct str user, const struct str *address, size_t n, enum auth_result *out, deadline d)
{
	static const char *const hers[] = { "anna@example.org", "info@example.org", "anna@EXAMPLE.org", "\"a b\"@example.org",
		"anna@xn--bcher-kva.example", "anna@b\xc3\xbc" "cher.example" };
	size_t i, k;

	(void)d;
	assert_int_equal(link, 5);
	assert_true(str_eqc(user, "anna@example.org"));
	questions++;
	asked += n;
	for (i = 0; i < n; i++) {
		out[i] = str_ends(address[i], "@other.example") ? AUTH_NODOMAIN : str_starts(address[i], "slow@") ? AUTH_TEMP : AUTH_DENIED;
		for (k = 0; k < ARRAY_LEN(hers); k++)
			if (str_eqc(address[i], hers[k]))
				out[i] = AUTH_OK;
	}
	return down > 0 ? down--, E_CLOSED : 0;
}

bool room_relink(struct room *room, const int *link, int was)
{
	assert_true(link == &room->authd && was == 5);
	return relinks-- > 0;
}

/* The code of the refusal, 0: none. */
static int judged_as(struct session *s, const char *header)
{
	struct room room = { .conf = conf, .authd = 5 };
	int r;

	why = (struct dsn){ 0 };
	about = STR_NONE;
	asked = questions = 0;
	s->room = &room;
	s->who.user = STR("anna@example.org");
	s->tx.named = STR("anna@example.org");
	s->tx.header = str_of(header);
	r = policy_author(s, &why);
	assert_true(r == 0 || r == -1);
	assert_int_equal(r == 0, why.code == 0);
	if (s->about)
		about = s->about_whom;
	s->about = NULL;
	return why.code;
}

static struct arena a; /* of the last message */

static int judged(const char *header)
{
	struct session s = { .authenticated = true, .submission = true };
	int code;

	arena_reset(&a);
	s.tx.a = a;
	code = judged_as(&s, header);
	a = s.tx.a;
	return code;
}

static void check(const char *const *header, size_t n, int code)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (judged(header[i]) != code)
			fail_msg("%s -> %d %s, wanted %d", header[i], why.code, why.text, code);
}

#define CHECK(code, ...) do { \
	static const char *const list[] = { __VA_ARGS__ }; \
	check(list, ARRAY_LEN(list), code); \
} while (0)

static void her_own_addresses_in_every_form(void **state)
{
	(void)state;
	CHECK(0, "From: anna@example.org\r\n\r\n", "from:anna@example.org\r\n\r\n", "FROM \t: <anna@example.org>\r\n\r\n",
		"From: Anna B <info@example.org>\r\n\r\n", "From: anna (of (this) house) @ example . org\r\n\r\n",
		"From:\r\n =?utf-8?q?J=C3=BC?=\r\n\t<anna@example.org>\r\n\r\n", "From: J\xc3\xbc <anna@example.org>\r\n\r\n",
		"From: \"anna\"@example.org\r\n\r\n", "From: \"a b\"@example.org\r\n\r\n",
		"From: Anna <anna@xn--bcher-kva.example>\r\n\r\n", "From: Anna <anna@b\xc3\xbc" "cher.example>\r\n\r\n",
		"From: The house: anna@example.org;\r\n\r\n", "From: <@relay.example:anna@example.org>\r\n\r\n",
		"From: anna@example.org, info@example.org\r\nSender: anna@example.org\r\n\r\n",
		/* no From: as it came, and what says so elsewhere */
		"Subject: x\r\n\r\nFrom: boss@example.org\r\n", "", "To: boss@example.org\r\nReply-To: boss@example.org\r\nFrom-Me: boss@example.org\r\n\r\n");
	/* names are not judged */
	CHECK(0, "From: boss@example.org <anna@example.org>\r\n\r\n", "From: \"boss@example.org\" <anna@example.org>\r\n\r\n",
		"From: anna@example.org (boss@example.org)\r\n\r\n", "From: \"boss@example.org\": anna@example.org;\r\n\r\n");
}

static void nobody_elses(void **state)
{
	(void)state;
	CHECK(550, "From: boss@example.org\r\n\r\n", "From : The boss <boss@example.org>\r\n\r\n", "From:\r\n boss@example.org\r\n\r\n",
		"Subject: x\r\nFROM: anna <boss@example.org>\r\n\r\n", "From: boss (anna@example.org) @example.org\r\n\r\n",
		"From: anna@example.org, boss@example.org\r\nSender: anna@example.org\r\n\r\n",
		"From: anna@example.org; boss@example.org\r\nSender: anna@example.org\r\n\r\n",
		"From: us: anna@example.org, boss@example.org;\r\nSender: anna@example.org\r\n\r\n",
		"From: anna@example.org.other.test\r\n\r\n", "From: \"anna@example.org\"@example.org\r\n\r\n",
		"From: anna@[192.0.2.1]\r\n\r\n", "From: anna@example.org(x).other.test\r\n\r\n",
		"From: anna@example.org\r\nSender: boss@example.org\r\n\r\n", "Sender: boss@example.org\r\n\r\n",
		"From: anna@example.org\r\nSender: anna@example.org\r\nSender: boss@example.org\r\n\r\n",
		"From: x@other.example\r\n\r\n", "garbage\r\nFrom: boss@example.org\r\n\r\n");
	assert_int_equal(judged("From: boss@example.org\r\n\r\n"), 550);
	assert_string_equal(why.text, "From: <boss@example.org> is not an address of the account anna@example.org: "
		"write as one of its own, or have its owner allow it (send-as)");
	assert_true(str_eqc(about, "boss@example.org"));
	assert_int_equal(judged("From: x@other.example\r\n\r\n"), 550);
	assert_non_null(strstr(why.text, ": write as one of its own"));
	assert_null(strstr(why.text, "send-as"));
}

static void what_cannot_be_read_is_refused(void **state)
{
	struct buf b;
	int i;

	(void)state;
	CHECK(554, "From: anna@example.org\r\nSender: anna@example.org\r\nFrom: anna@example.org\r\n\r\n", "From: anna@example.org\r\nfrom : boss@example.org\r\n\r\n",
		"From:\r\n\r\n", "From: <>\r\n\r\n", "From: nobody:;\r\n\r\n", "From: (anna@example.org)\r\n\r\n",
		"From: root\r\n\r\n", "From: root (Cron Daemon)\r\n\r\n", "From: Anna <anna>\r\n\r\n", "From: \"\"@example.org\r\n\r\n",
		"From: =?utf-8?q?boss=40example.org?=\r\n\r\n", "From: anna@example.org <boss@example.org\r\n\r\n",
		"From: <boss@example.org> <anna@example.org>\r\n\r\n", "From: <anna@example.org> boss@example.org\r\n\r\n",
		"From: anna@example.org\r\n boss@example.org\r\n\r\n", "From: boss @ @ example.org, anna@example.org\r\n\r\n",
		"From: anna@example.org (boss <boss@example.org>\r\n\r\n", "From: anna@example.org, \"boss@example.org\r\n\r\n",
		"From: an\001na@example.org\r\n\r\n", "From: boss@example.org: anna@example.org;\r\n\r\n",
		"From: anna@example.org\r\nSender: nobody here\r\n\r\n",
		/* RFC 5322 3.6.2 */
		"From: anna@example.org, info@example.org\r\n\r\n");
	buf_init(&b, 200000);
	buf_puts(&b, "From: ");
	for (i = 0; i < 255; i++)
		buf_c(&b, 'x');
	buf_puts(&b, "@example.org\r\n\r\n");
	assert_int_equal(judged(buf_cstr(&b)), 554);
	buf_reset(&b);
	buf_puts(&b, "Sender: anna@example.org\r\nFrom: ");
	for (i = 0; i < 33; i++)
		buf_fmt(&b, "%sx%d@example.org", i ? "," : "", i);
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(judged(buf_cstr(&b)), 554);
	assert_non_null(strstr(why.text, "too many"));
	buf_reset(&b);
	buf_puts(&b, "Sender: anna@example.org\r\nFrom: ");
	for (i = 0; i < 5001; i++)
		buf_puts(&b, "anna@example.org,");
	buf_puts(&b, "\r\n\r\n");
	assert_int_equal(judged(buf_cstr(&b)), 554);
	buf_done(&b);
}

static void a_redirection(void **state)
{
	(void)state;
	CHECK(550, "Resent-From: anna@example.org\r\nFrom: boss@example.org\r\n\r\n", "Resent-From: anna@example.org\r\nFrom: x@other.example\r\n\r\n",
		"Resent-From: boss@example.org\r\nFrom: anna@example.org\r\n\r\n", "Resent-Sender: boss@example.org\r\nResent-From: anna@example.org\r\n\r\n");
	assert_int_equal(judged("Resent-From: anna@example.org\r\nFrom: boss@example.org\r\n\r\n"), 550);
	assert_non_null(strstr(why.text, "forward the message"));
	/* what stands below was somebody else's */
	CHECK(0, "Resent-From: anna@example.org\r\nResent-To: x@y.example\r\nResent-From: boss@example.org\r\nResent-Sender: boss@example.org\r\n"
		"From: anna@example.org\r\n\r\n");
	conf->smtp_header_from = CONF_HEADER_FROM_OUTSIDE;
	CHECK(0, "Resent-From: anna@example.org\r\nFrom: x@other.example\r\n\r\n");
	CHECK(550, "Resent-From: anna@example.org\r\nFrom: boss@example.org\r\n\r\n");
}

static void the_setting(void **state)
{
	(void)state;
	conf->smtp_header_from = CONF_HEADER_FROM_OUTSIDE;
	CHECK(0, "From: x@other.example\r\nSender: anna@example.org\r\n\r\n", "From: anna@example.org\r\n\r\n");
	CHECK(550, "From: boss@example.org\r\n\r\n", "From: x@other.example, boss@example.org\r\nSender: anna@example.org\r\n\r\n",
		"From: anna@[192.0.2.1]\r\n\r\n");
	CHECK(554, "From: root\r\n\r\n", "From: a@other.example\r\nFrom: b@other.example\r\n\r\n");
	conf->smtp_header_from = CONF_HEADER_FROM_ANY;
	CHECK(0, "From: boss@example.org\r\nFrom: root\r\n\r\n");
	assert_int_equal(questions, 0);
}

static void authd_is_asked_once_and_not_about_what_mail_named(void **state)
{
	(void)state;
	assert_int_equal(judged("From: anna@example.org\r\nSender: <anna@example.org>\r\n\r\n"), 0);
	assert_int_equal(questions, 0);
	assert_int_equal(judged("From: info@example.org, Info <info@example.org>, \"a b\"@example.org\r\nSender: info@example.org\r\n\r\n"), 0);
	assert_int_equal(questions, 1);
	assert_int_equal(asked, 2);
}

static void authd_is_not_there(void **state)
{
	(void)state;
	CHECK(451, "From: slow@example.org\r\n\r\n", "From: slow@example.org, info@example.org\r\nSender: anna@example.org\r\n\r\n");
	/* what is refused in any case is refused for good */
	CHECK(550, "From: slow@example.org, boss@example.org\r\nSender: anna@example.org\r\n\r\n");
	down = 1;
	CHECK(451, "From: info@example.org\r\n\r\n");
	down = relinks = 1;
	CHECK(0, "From: info@example.org\r\n\r\n");
	assert_int_equal(questions, 2);
	relinks = 0;
}

static void who_needs_no_login_is_believed(void **state)
{
	struct session host = { .authenticated = true, .local = true, .submission = true }, relay = { .tx.relay = true };

	(void)state;
	assert_int_equal(judged_as(&host, "From: boss@example.org\r\n\r\n"), 0);
	assert_int_equal(judged_as(&relay, "From: boss@example.org\r\nFrom: x\r\n\r\n"), 0);
	assert_int_equal(questions, 0);
}

static int setup(void **state)
{
	(void)state;
	conf = conf_defaults();
	arena_init(&a);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&a);
	conf_free(conf);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(her_own_addresses_in_every_form),
		TEST(nobody_elses),
		TEST(what_cannot_be_read_is_refused),
		TEST(a_redirection),
		TEST(the_setting),
		TEST(authd_is_asked_once_and_not_about_what_mail_named),
		TEST(authd_is_not_there),
		TEST(who_needs_no_login_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
