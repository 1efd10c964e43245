/* SPDX-License-Identifier: ISC
 *
 * A whole session with another server as a dialogue (send_dialogue.h).
 */
#include "send_dialogue.h"

#include "smtp/send/auth.h"

static void a_message_goes_out_dot_stuffed_and_with_crlf(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(simple("Subject: x\r\n\r\n.dot\r\n..two\r\nbare\nlf\rcr\r\nend"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:250 2.1.0 ok", "C:RCPT TO:<ben@example.net>", "S:250 2.1.5 ok", "C:DATA",
		"S:354 go", "C:Subject: x", "C:", "C:..dot", "C:...two", "C:bare", "C:lf", "C:cr", "C:end", "C:.",
		"S:250 2.0.0 queued as 123");
	assert_int_equal(c.state, CLIENT_READY);
	taken();
	result(0, 250, "2.0.0", "250 2.0.0 queued as 123");
	assert_false(job->dsn);
	assert_true(str_eqc(job->remote, "relay.example.net"));
	client_quit(&c);
	PLAY("C:QUIT", "S:221 bye");
	assert_int_equal(c.state, CLIENT_CLOSED);
	end();
}

static void each_recipient_has_its_own_result(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250-SIZE 100000", "S:250 PIPELINING");
	begin(three());
	PLAY("C:MAIL FROM:<anna@example.org> SIZE=21", "C:RCPT TO:<a@x.example>", "C:RCPT TO:<b@x.example>",
		"C:RCPT TO:<c@x.example>", "S:250 ok", "S:250 ok", "S:550-5.1.1 no such", "S:550 5.1.1 user here", "S:450 greylisted",
		"C:DATA", "S:354 go", "C:Subject: x", "C:", "C:hello", "C:.", "S:250 done");
	taken();
	result(0, 250, "2.0.0", "250 done");
	result(1, 550, "5.1.1", "550 5.1.1 no such user here");
	result(2, 450, "4.0.0", "450 greylisted");
	end();
}

static void nobody_taken_is_reset_and_the_session_goes_on(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:250 ok", "C:RCPT TO:<ben@example.net>", "S:550 no", "C:RSET", "S:250 ok");
	assert_int_equal(c.state, CLIENT_READY);
	taken();
	result(0, 550, "5.0.0", "550 no");
	job_free(job);
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:552 5.3.4 too large");
	taken();
	result(0, 552, "5.3.4", "552 5.3.4 too large");
	end();
}

static void too_many_recipients_go_in_further_transactions(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(three());
	PLAY("C:MAIL FROM:<anna@example.org>", "S:250 ok", "C:RCPT TO:<a@x.example>", "S:250 ok", "C:RCPT TO:<b@x.example>",
		"S:452 too many recipients", "C:RCPT TO:<c@x.example>", "S:452 4.5.3 too many", "C:DATA", "S:354 go",
		"C:Subject: x", "C:", "C:hello", "C:.", "S:250 one",
		"C:MAIL FROM:<anna@example.org>");
	assert_true(c.news && job_news(job)); /* the first one's result need not wait */
	PLAY("S:250 ok", "C:RCPT TO:<b@x.example>", "S:250 ok", "C:RCPT TO:<c@x.example>",
		"S:452 4.2.2 mailbox full", "C:DATA", "S:354 go", "C:Subject: x", "C:", "C:hello", "C:.", "S:250 two");
	taken();
	result(0, 250, "2.0.0", "250 one");
	result(1, 250, "2.0.0", "250 two");
	result(2, 452, "4.2.2", "452 4.2.2 mailbox full");
	end();
}

static void the_setting_cuts_large_jobs(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	opt->recipients = 2;
	client_connected(&c);
	PLAY(HELLO, "S:250 PIPELINING");
	begin(three());
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<a@x.example>", "C:RCPT TO:<b@x.example>", "S:250 ok", "S:550 no",
		"S:550 no", "C:RSET", "S:250 ok", "C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<c@x.example>", "S:250 ok", "S:250 ok",
		"C:DATA", "S:354 go", "C:Subject: x", "C:", "C:hello", "C:.", "S:554 spam");
	taken();
	result(1, 550, "5.0.0", "550 no");
	result(2, 554, "5.0.0", "554 spam");
	end();
}

static void starttls_comes_before_everything(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_VERIFY, "");
	client_connected(&c);
	PLAY(HELLO, "S:250-DSN", "S:250 STARTTLS", "C:STARTTLS", "S:220 go");
	assert_int_equal(c.state, CLIENT_HANDSHAKE);
	client_secured(&c);
	PLAY("C:EHLO our.example.org", "S:250 relay.example.net");
	assert_int_equal(c.state, CLIENT_READY);
	assert_false(c.ehlo.dsn); /* what was said in clear does not count */
	end();
}

static void bytes_behind_starttls_end_it(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_VERIFY, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 STARTTLS", "C:STARTTLS", "S:220 go\r\n250 relay.example.net");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_int_equal(c.why.code, 451);
	end();
}

static void nothing_goes_in_clear_against_the_setting(void **state)
{
	static const int64_t modes[] = { CONF_SMARTHOST_VERIFY, CONF_SMARTHOST_ENCRYPT };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(modes); i++) {
		session(modes[i], "anna");
		client_connected(&c);
		PLAY(HELLO, "S:250 AUTH PLAIN");
		assert_int_equal(c.state, CLIENT_CLOSED);
		assert_non_null(strstr(c.why.text, "does not offer STARTTLS"));
		end();
		session(modes[i], "");
		client_connected(&c);
		PLAY("S:220 relay", "C:EHLO our.example.org", "S:500 what?", "C:HELO our.example.org", "S:250 relay");
		assert_int_equal(c.state, CLIENT_CLOSED);
		end();
		session(modes[i], "");
		client_connected(&c);
		PLAY(HELLO, "S:250 STARTTLS", "C:STARTTLS", "S:454 not now");
		assert_int_equal(c.state, CLIENT_CLOSED);
		end();
	}
	session(CONF_SMARTHOST_OPPORTUNISTIC, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 STARTTLS", "C:STARTTLS", "S:454 not now");
	assert_int_equal(c.state, CLIENT_READY);
	end();
}

static void the_password_never_goes_in_clear(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "anna");
	client_connected(&c);
	PLAY(HELLO, "S:250 AUTH PLAIN LOGIN");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_true(c.login_failed);
	assert_non_null(strstr(c.why.text, "without TLS"));
	end();
	session(CONF_SMARTHOST_NONE, "anna"); /* SCRAM tells nobody the password */
	client_connected(&c);
	client_input(&c, STR("220 x\r\n"));
	client_input(&c, STR("250-relay\r\n250 AUTH PLAIN SCRAM-SHA-256\r\n"));
	assert_int_equal(c.state, CLIENT_AUTH);
	assert_non_null(strstr(buf_cstr(&c.out), "AUTH SCRAM-SHA-256 "));
	assert_null(strstr(buf_cstr(&c.out), "secret"));
	/* a server that does not prove itself is not believed */
	client_input(&c, STR("235 2.7.0 welcome\r\n"));
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_non_null(strstr(c.why.text, "did not prove"));
	end();
}

static void logins_under_tls(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_VERIFY, "anna");
	opt->implicit = true;
	client_connected(&c);
	assert_int_equal(c.state, CLIENT_HANDSHAKE);
	client_secured(&c);
	PLAY(HELLO, "S:250 AUTH LOGIN PLAIN", "C:AUTH PLAIN AGFubmEAc2VjcmV0", "S:235 ok");
	assert_int_equal(c.state, CLIENT_READY);
	end();
	session(CONF_SMARTHOST_VERIFY, "anna");
	opt->implicit = true;
	client_connected(&c);
	client_secured(&c);
	PLAY(HELLO, "S:250 AUTH LOGIN", "C:AUTH LOGIN", "S:334 VXNlcm5hbWU6", "C:YW5uYQ==", "S:334 UGFzc3dvcmQ6", "C:c2VjcmV0",
		"S:535 5.7.8 bad credentials");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_true(c.login_failed);
	assert_int_equal(c.why.code, 451);
	assert_non_null(strstr(c.why.text, "refuses the login of 'anna': 535 5.7.8 bad credentials"));
	end();
	session(CONF_SMARTHOST_VERIFY, "anna"); /* challenges without end */
	opt->implicit = true;
	client_connected(&c);
	client_secured(&c);
	PLAY(HELLO, "S:250 AUTH PLAIN", "C:AUTH PLAIN AGFubmEAc2VjcmV0", "S:334 ");
	assert_int_equal(c.state, CLIENT_CLOSED);
	end();
}

static void what_the_server_cannot_is_found_before(void **state)
{
	static const char *const utf8[] = { "via=smtp", "sender=anna@example.org", "smtputf8=1", "rcpt=1 b\xc3\xb6@x.example",
		"rcpt=2 b@x.example", NULL };

	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 SIZE 10");
	begin(simple("eleven bytes\r\n"));
	taken();
	result(0, 552, "5.3.4", "smarthost relay.example.net:587 takes messages of up to 10 bytes, this one has 14");
	job_free(job);
	begin(simple("\xc3\xb6\r\n"));
	taken();
	assert_int_equal(job->rcpt[0].code, 554);
	assert_string_equal(job->rcpt[0].status, "5.6.3");
	job_free(job);
	begin(make_job("A: b\r\n\r\nc", utf8)); /* only the address needs it: the other one goes */
	assert_int_equal(job->rcpt[0].code, 553);
	assert_string_equal(job->rcpt[0].status, "5.6.7");
	PLAY("C:MAIL FROM:<anna@example.org> SIZE=9", "S:250 ok", "C:RCPT TO:<b@x.example>", "S:250 ok", "C:DATA", "S:354 ok",
		"C:A: b", "C:", "C:c", "C:.", "S:250 ok");
	taken();
	result(1, 250, "2.0.0", "250 ok");
	end();
}

static void what_the_server_can_is_told(void **state)
{
	static const char *const fields[] = { "via=smtp", "sender=ann\xc3\xa4@example.org", "smtputf8=1", "ret=hdrs", "envid=QQ+3D1",
		"rcpt=1 a@x.example", "notify.1=6", "orcpt.1=rfc822;A+2Bb@x.example", "rcpt=2 b@x.example", "notify.2=1", NULL };

	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250-8BITMIME", "S:250-SMTPUTF8", "S:250-SIZE", "S:250 DSN");
	begin(make_job("A: \xc3\xb6\r\n\r\n", fields));
	PLAY("C:MAIL FROM:<ann\xc3\xa4@example.org> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1", "S:250 ok",
		"C:RCPT TO:<a@x.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;A+2Bb@x.example", "S:250 ok",
		"C:RCPT TO:<b@x.example> NOTIFY=NEVER", "S:250 ok", "C:DATA", "S:354 ok", "C:A: \xc3\xb6", "C:", "C:.", "S:250 ok");
	taken();
	assert_true(job->dsn);
	end();
}

static void lmtp_answers_each_recipient(void **state)
{
	static const char *const fields[] = { "via=lmtp", "sender=", "rcpt=1 a@x.example", "rcpt=5 b@x.example", "rcpt=9 c@x.example",
		"notify.1=2", "session=s1", "user=anna+x@example.org", "requiretls=1", "priority=-2", "peer=192.0.2.1",
		"helo=a+b", NULL };

	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	opt->lmtp = true;
	opt->label = "local delivery";
	client_connected(&c);
	PLAY("S:220 x LMTP", "C:LHLO our.example.org", "S:250-x", "S:250-PIPELINING", "S:250 8BITMIME");
	begin(make_job("A: b\r\n\r\n", fields));
	PLAY("C:MAIL FROM:<> BODY=8BITMIME XID=m7 XSESSION=s1 XREQUIRETLS=1 XPRIORITY=-2 XPEER=192.0.2.1 XHELO=a+2Bb "
		"XUSER=anna+2Bx@example.org",
		"C:RCPT TO:<a@x.example> NOTIFY=SUCCESS XN=1", "C:RCPT TO:<b@x.example> XN=5",
		"C:RCPT TO:<c@x.example> XN=9", "S:250 ok", "S:250 ok", "S:550 5.1.1 gone", "S:250 ok", "C:DATA", "S:354 ok", "C:A: b",
		"C:", "C:.", "S:250 2.0.0 stored");
	assert_null(client_take(&c));
	client_lost(&c, "4.4.2", "closed the connection");
	taken();
	result(0, 250, "2.0.0", "250 2.0.0 stored");
	result(1, 550, "5.1.1", "550 5.1.1 gone");
	result(2, 451, "4.4.2", "local delivery closed the connection");
	assert_int_equal(job->remote.n, 0);
	end();
}

/* Where the line breaks, every recipient is told so, for now. */
static void lost_at_each_step(void **state)
{
	static const char *const steps[] = { "250 ok", "250 ok", "354 ok" };
	size_t n, i;

	(void)state;
	for (n = 0; n <= ARRAY_LEN(steps); n++) {
		session(CONF_SMARTHOST_NONE, "");
		client_connected(&c);
		PLAY(HELLO, "S:250 HELP");
		begin(simple("x\r\n"));
		for (i = 0; i < n; i++) {
			char text[32];

			client_output(&c);
			client_wrote(&c, c.out.n);
			snprintf(text, sizeof text, "%s\r\n", steps[i]);
			client_input(&c, str_of(text));
		}
		client_lost(&c, "4.4.2", "closed the connection");
		taken();
		result(0, 451, "4.4.2", "smarthost relay.example.net:587 closed the connection");
		end();
	}
}

static void a_421_ends_it_for_now(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 PIPELINING");
	begin(three());
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<a@x.example>", "C:RCPT TO:<b@x.example>", "C:RCPT TO:<c@x.example>",
		"S:250 ok", "S:550 5.1.1 no", "S:421 4.3.2 shutting down");
	assert_int_equal(c.state, CLIENT_CLOSED);
	taken();
	result(0, 550, "5.1.1", "550 5.1.1 no");
	result(1, 451, "4.3.2", "smarthost relay.example.net:587 closes the connection: 421 4.3.2 shutting down");
	end();
}

static void an_old_connection_that_went_away_costs_no_attempt(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:550 no");
	taken();
	job_free(job);
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:421 timeout");
	assert_true(c.retry);
	taken();
	assert_int_equal(job->rcpt[0].state, RCPT_OPEN);
	end();
}

static void refusals_that_are_the_admins_matter_bounce_nothing(void **state)
{
	static const char *const replies[] = { "530 5.7.0 authenticate first", "503 AUTH first", "535 no" };
	char line[64], want[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(replies); i++) {
		session(CONF_SMARTHOST_NONE, "");
		client_connected(&c);
		PLAY(HELLO, "S:250 HELP");
		begin(simple("x\r\n"));
		snprintf(line, sizeof line, "S:%s", replies[i]);
		snprintf(want, sizeof want, "%s", replies[i]);
		PLAY("C:MAIL FROM:<anna@example.org>", line);
		taken();
		result(0, 451, "4.7.0", want);
		end();
	}
}

static void a_reply_in_the_middle_of_the_message(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:250 ok", "C:RCPT TO:<ben@example.net>", "S:250 ok", "C:DATA");
	client_input(&c, STR("354 go\r\n250 2.0.0 thanks, that is enough\r\n"));
	assert_int_equal(c.state, CLIENT_CLOSED);
	taken();
	assert_int_equal(job->rcpt[0].code, 451);
	end();
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250 HELP");
	begin(simple("x\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org>", "S:250 ok", "C:RCPT TO:<ben@example.net>", "S:250 ok", "C:DATA");
	client_input(&c, STR("354 go\r\n552 5.3.4 too large\r\n"));
	taken();
	result(0, 552, "5.3.4", "552 5.3.4 too large");
	assert_int_equal(c.out.n, 0); /* no dot is sent behind it */
	end();
}

static void servers_that_make_no_sense(void **state)
{
	static const char *const greetings[] = { "hello\r\n", "220-a\r\n221 b\r\n", "99 x\r\n", "354 go\r\n", "554 no\r\n",
		"421 busy\r\n", "220x\r\n" };
	char big[3000];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(greetings); i++) {
		session(CONF_SMARTHOST_NONE, "");
		client_connected(&c);
		client_input(&c, str_of(greetings[i]));
		assert_int_equal(c.state, CLIENT_CLOSED);
		assert_int_equal(c.why.code, 451);
		end();
	}
	memset(big, 'a', sizeof big);
	session(CONF_SMARTHOST_NONE, ""); /* a line without end */
	client_connected(&c);
	client_input(&c, str_make(big, 1500));
	assert_int_equal(c.state, CLIENT_GREETING);
	client_input(&c, str_make(big, 1500));
	assert_int_equal(c.state, CLIENT_CLOSED);
	end();
	session(CONF_SMARTHOST_NONE, ""); /* lines without end */
	client_connected(&c);
	for (i = 0; i < 1000 && c.state != CLIENT_CLOSED; i++)
		client_input(&c, STR("220-more\r\n"));
	assert_true(i < 250);
	end();
}

static void our_own_name_is_a_circle(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY("S:220 x", "C:EHLO our.example.org", "S:250 OUR.example.org Hello");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_string_equal(c.why.status, "4.4.6");
	end();
}

#define ALL_MECHS (MECH_SCRAM_SHA_256 | MECH_SCRAM_SHA_1 | MECH_PLAIN | MECH_LOGIN | MECH_XOAUTH2)

/* The mechanism that is chosen, "-": none. */
static const char *chosen(const char *wanted, unsigned mechs, bool tls)
{
	static char name[32];
	struct auth *a = auth_new("relay.example.net", STR("u"), STR("t"), str_of(wanted), mechs, tls);

	snprintf(name, sizeof name, "%s", a ? auth_mechanism(a) : "-");
	auth_free(a);
	return name;
}

static void a_token_goes_out_only_if_it_is_named_and_under_tls(void **state)
{
	struct buf out;
	struct auth *a;

	(void)state;
	assert_string_equal(chosen("", ALL_MECHS, true), "SCRAM-SHA-256");
	assert_string_equal(chosen("auto", MECH_XOAUTH2, true), "-");
	assert_string_equal(chosen("XOAUTH2", ALL_MECHS, false), "-");
	assert_string_equal(chosen("XOAUTH2", MECH_PLAIN, true), "-");
	assert_string_equal(chosen("plain", ALL_MECHS, true), "PLAIN");
	assert_string_equal(chosen("PLAIN", ALL_MECHS, false), "-");
	a = auth_new("relay.example.net", STR("u@x"), STR("ya29.tok"), STR("XOAUTH2"), ALL_MECHS, true);
	buf_init(&out, 4096);
	assert_int_equal(auth_start(a, &out), 0);
	assert_string_equal(buf_cstr(&out), "AUTH XOAUTH2 dXNlcj11QHgBYXV0aD1CZWFyZXIgeWEyOS50b2sBAQ==");
	assert_true(auth_complete(a));
	/* refused with reasons: one empty line, then it is over */
	buf_reset(&out);
	assert_int_equal(auth_step(a, STR("eyJzdGF0dXMiOiI0MDEifQ=="), &out), 0);
	assert_int_equal(out.n, 0);
	assert_true(auth_step(a, STR(""), &out) < 0);
	auth_free(a);
	buf_done(&out);
}

static void a_long_token_waits_for_its_turn(void **state)
{
	char token[2000];
	struct buf out;
	struct auth *a;

	(void)state;
	memset(token, 'a', sizeof token);
	a = auth_new("relay.example.net", STR("u"), str_make(token, sizeof token), STR("XOAUTH2"), ALL_MECHS, true);
	buf_init(&out, 8192);
	assert_int_equal(auth_start(a, &out), 0);
	assert_string_equal(buf_cstr(&out), "AUTH XOAUTH2");
	buf_reset(&out);
	assert_int_equal(auth_step(a, STR(""), &out), 0);
	assert_true(out.n > sizeof token * 4 / 3);
	auth_free(a);
	buf_done(&out);
}

static int load_sasl(void **state)
{
	(void)state;
	return auth_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_goes_out_only_if_it_is_named_and_under_tls),
		cmocka_unit_test(a_long_token_waits_for_its_turn),
		cmocka_unit_test(a_message_goes_out_dot_stuffed_and_with_crlf),
		cmocka_unit_test(each_recipient_has_its_own_result),
		cmocka_unit_test(nobody_taken_is_reset_and_the_session_goes_on),
		cmocka_unit_test(too_many_recipients_go_in_further_transactions),
		cmocka_unit_test(the_setting_cuts_large_jobs),
		cmocka_unit_test(starttls_comes_before_everything),
		cmocka_unit_test(bytes_behind_starttls_end_it),
		cmocka_unit_test(nothing_goes_in_clear_against_the_setting),
		cmocka_unit_test(the_password_never_goes_in_clear),
		cmocka_unit_test(logins_under_tls),
		cmocka_unit_test(what_the_server_cannot_is_found_before),
		cmocka_unit_test(what_the_server_can_is_told),
		cmocka_unit_test(lmtp_answers_each_recipient),
		cmocka_unit_test(lost_at_each_step),
		cmocka_unit_test(a_421_ends_it_for_now),
		cmocka_unit_test(an_old_connection_that_went_away_costs_no_attempt),
		cmocka_unit_test(refusals_that_are_the_admins_matter_bounce_nothing),
		cmocka_unit_test(a_reply_in_the_middle_of_the_message),
		cmocka_unit_test(servers_that_make_no_sense),
		cmocka_unit_test(our_own_name_is_a_circle),
	};

	return cmocka_run_group_tests(tests, load_sasl, NULL);
}
