/* SPDX-License-Identifier: ISC
 *
 * What a server offers is used by the book, and what it offered and then refuses ends no mail: CHUNKING (RFC
 * 3030), LIMITS (RFC 9422), fields before the message; dialogues as in send_dialogue.h.
 */
#include "send_dialogue.h"

#define TO_BEN "C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>", "S:250 ok", "S:250 ok"

static void open_to(const char *last)
{
	session(CONF_SMARTHOST_NONE, "");
	client_connected(&c);
	PLAY(HELLO, "S:250-PIPELINING", last);
}

static void a_message_goes_in_one_chunk(void **state)
{
	(void)state;
	open_to("S:250 CHUNKING");
	begin(simple("Subject: x\r\n\r\n.dot\nlf\rcr"));
	PLAY(TO_BEN, "C:BDAT 28 LAST", "C:Subject: x", "C:", "C:.dot", "C:lf", "C:cr", "S:250 2.0.0 got it");
	assert_int_equal(c.state, CLIENT_READY);
	taken();
	result(0, 250, "2.0.0", "250 2.0.0 got it");
	job_free(job);
	begin(simple("")); /* the session goes on, whatever there is to say */
	PLAY(TO_BEN, "C:BDAT 0 LAST", "S:554 5.6.0 empty", "C:RSET", "S:250 ok");
	assert_int_equal(c.state, CLIENT_READY);
	taken();
	result(0, 554, "5.6.0", "554 5.6.0 empty");
	end();
}

static void fields_go_before_the_message_and_are_counted(void **state)
{
	static const char *const last[] = { "S:250-SIZE 40\r\n250 CHUNKING", "S:250 SIZE 40" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_to(last[i]);
		job = simple("A: b\r\n\r\nc\r\n");
		job->prepend = STR("DKIM-Signature: x\r\n");
		begin(job);
		PLAY("C:MAIL FROM:<anna@example.org> SIZE=30", "C:RCPT TO:<ben@example.net>");
		if (i)
			PLAY("S:250 ok", "S:250 ok", "C:DATA", "S:354 go", "C:DKIM-Signature: x", "C:A: b", "C:", "C:c", "C:.", "S:250 ok");
		else
			PLAY("S:250 ok", "S:250 ok", "C:BDAT 30 LAST", "C:DKIM-Signature: x", "C:A: b", "C:", "C:c", "S:250 ok");
		taken();
		result(0, 250, "2.0.0", "250 ok");
		job_free(job);
		job = simple("A: b\r\n\r\nc\r\n");
		job->prepend = STR("DKIM-Signature: far too long\r\n");
		begin(job);
		taken();
		assert_string_equal(job->rcpt[0].status, "5.3.4");
		end();
	}
}

/* What the client says is taken as it comes; how many BDATs were begun. */
static size_t drain(size_t upto)
{
	size_t n = 0;

	while (n < upto) {
		client_output(&c);
		if (!c.out.n)
			break;
		n += c.out.n >= 5 && !memcmp(c.out.p, "BDAT ", 5);
		client_wrote(&c, c.out.n);
	}
	return n;
}

static struct job *large(size_t n)
{
	char *text = mem_alloc(1, n + 1);
	struct job *j;

	memset(text, 'x', n);
	j = simple(text);
	free(text);
	return j;
}

static void say(const char *reply)
{
	client_input(&c, str_of(reply));
}

static void chunks_do_not_wait_for_one_another(void **state)
{
	(void)state;
	open_to("S:250 CHUNKING");
	begin(large(200000));
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>");
	say("250 ok\r\n250 ok\r\n");
	assert_int_equal(drain(100), 4);
	assert_int_equal(c.state, CLIENT_FINAL);
	say("250 64k\r\n250 64k\r\n250 64k\r\n");
	assert_null(client_take(&c));
	say("250 2.0.0 all of it\r\n");
	taken();
	result(0, 250, "2.0.0", "250 2.0.0 all of it");
	end();
}

static void a_refused_chunk_stops_the_others_and_the_session_goes_on(void **state)
{
	(void)state;
	open_to("S:250 CHUNKING");
	begin(large(200000));
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>");
	say("250 ok\r\n250 ok\r\n");
	assert_int_equal(drain(2), 2);
	say("552 5.2.2 no room\r\n");
	assert_int_equal(drain(2), 0);
	assert_int_equal(c.state, CLIENT_CONTENT); /* one is not answered yet */
	say("503 5.5.1 which message\r\n");
	PLAY("C:RSET", "S:250 ok");
	assert_int_equal(c.state, CLIENT_READY);
	taken();
	result(0, 552, "5.2.2", "552 5.2.2 no room");
	job_free(job);
	begin(large(100000)); /* all of it was on its way when the first was refused */
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>");
	say("250 ok\r\n250 ok\r\n");
	assert_int_equal(drain(9), 2);
	assert_int_equal(c.state, CLIENT_FINAL);
	say("451 4.3.0 disk\r\n250 2.0.0 what a fine message\r\n");
	PLAY("C:RSET", "S:250 ok");
	taken();
	result(0, 451, "4.3.0", "451 4.3.0 disk");
	job_free(job);
	begin(large(100)); /* a second answer is nobody's */
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>");
	say("250 ok\r\n250 ok\r\n");
	assert_int_equal(drain(9), 1);
	say("250 ok\r\n250 ok\r\n");
	assert_int_equal(c.state, CLIENT_CLOSED);
	taken();
	result(0, 250, "2.0.0", "250 ok");
	end();
}

/* It may be reading the message as commands: nothing more is said, and the next session says DATA. */
static void chunking_that_is_none_is_not_tried_again(void **state)
{
	(void)state;
	open_to("S:250 CHUNKING");
	begin(simple("A: b\r\n\r\nMAIL FROM:<evil@example.com>\r\n"));
	PLAY(TO_BEN, "C:BDAT 38 LAST", "C:A: b", "C:", "C:MAIL FROM:<evil@example.com>", "S:502 5.5.2 BDAT?");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_true(c.retry);
	assert_int_equal(c.out.n, 0);
	opt->refs++;
	taken();
	assert_int_equal(job->rcpt[0].state, RCPT_OPEN);
	client_done(&c);
	client_init(&c, opt);
	opt->refs--;
	client_connected(&c);
	PLAY(HELLO, "S:250-PIPELINING", "S:250 CHUNKING");
	begin(job);
	PLAY(TO_BEN, "C:DATA", "S:354 go", "C:A: b", "C:", "C:MAIL FROM:<evil@example.com>", "C:.", "S:250 ok");
	taken();
	result(0, 250, "2.0.0", "250 ok");
	end();
}

#define ONE(to) "C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<" to ">", "S:250 ok", "S:250 ok", "C:DATA", "S:354 go", \
	"C:Subject: x", "C:", "C:hello", "C:.", "S:250 ok"

static void limits_are_kept(void **state)
{
	static const char *const fields[] = { "via=smtp", "sender=anna@example.org", "rcpt=1 a@x.example", "rcpt=2 b@y.example",
		"rcpt=3 c@X.example", NULL };

	(void)state;
	open_to("S:250 LIMITS RCPTMAX=1 MAILMAX=2");
	begin(three());
	PLAY(ONE("a@x.example"), ONE("b@x.example"), "C:QUIT");
	assert_true(c.retry && client_spent(&c));
	taken(); /* what is left goes in another session */
	assert_int_equal(job->rcpt[1].state, RCPT_KNOWN);
	assert_int_equal(job->rcpt[2].state, RCPT_OPEN);
	end();
	open_to("S:250 LIMITS RCPTDOMAINMAX=1");
	begin(make_job("Subject: x\r\n\r\nhello\r\n", fields));
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<a@x.example>", "C:RCPT TO:<c@X.example>", "S:250 ok", "S:250 ok",
		"S:250 ok", "C:DATA", "S:354 go", "C:Subject: x", "C:", "C:hello", "C:.", "S:250 ok", ONE("b@y.example"));
	assert_int_equal(c.state, CLIENT_READY);
	assert_false(client_spent(&c));
	taken();
	end();
}

/* A parameter or a command that it offered and does not know: later, with its words. */
static void what_was_offered_and_is_refused_ends_no_mail(void **state)
{
	static const char *const words[] = { "555 5.5.4 SIZE?", "504 no", "501 5.5.4 BODY", "500 what", "502 5.5.1 not here" };
	char reply[64];
	size_t i;

	(void)state;
	open_to("S:250-SIZE 1000\r\n250 DSN");
	for (i = 0; i < ARRAY_LEN(words); i++) {
		snprintf(reply, sizeof reply, "%s\r\n250 ok\r\n", words[i]);
		begin(simple("A: b\r\n\r\n"));
		PLAY("C:MAIL FROM:<anna@example.org> SIZE=8", "C:RCPT TO:<ben@example.net>");
		say(reply);
		taken();
		result(0, 451, "4.5.0", words[i]);
		job_free(job);
	}
	begin(simple("A: b\r\n\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org> SIZE=8", "C:RCPT TO:<ben@example.net>", "S:250 ok", "S:501 5.1.3 what an address", "C:RSET",
		"S:250 ok");
	taken();
	result(0, 501, "5.1.3", "501 5.1.3 what an address");
	end();
}

/* RFC 6152 3 */
static void eight_bit_text_is_converted_for_who_does_not_take_it(void **state)
{
	(void)state;
	open_to("S:250 SIZE 145");
	opt->convert_size = 1000;
	begin(simple("A: b\r\n\r\nblau und gr\xc3\xbcn\r\n"));
	PLAY("C:MAIL FROM:<anna@example.org> SIZE=133", "C:RCPT TO:<ben@example.net>", "S:250 ok", "S:250 ok", "C:DATA", "S:354 go", "C:A: b",
		"C:MIME-Version: 1.0", "C:Content-Type: text/plain; charset=utf-8", "C:Content-Transfer-Encoding: quoted-printable", "C:",
		"C:blau und gr=C3=BCn", "C:.", "S:250 ok");
	taken();
	job_free(job);
	begin(simple("A: b\r\n\r\nblau und gr\xc3\xbcn und rot und gelb\r\n")); /* too large only now */
	taken();
	assert_string_equal(job->rcpt[0].status, "5.3.4");
	job_free(job);
	begin(simple("A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n\xc3\xbc\r\n"));
	taken();
	result(0, 554, "5.6.3", "smarthost relay.example.net:587 takes 7-bit text only (no 8BITMIME), and this message cannot be converted: "
		"a part is not in the encoding that it names");
	job_free(job);
	begin(simple("a: b\r\n\r\nhello\r\n")); /* and the next one is itself */
	PLAY("C:MAIL FROM:<anna@example.org> SIZE=15", "C:RCPT TO:<ben@example.net>", "S:250 ok", "S:250 ok", "C:DATA", "S:354 go", "C:a: b", "C:",
		"C:hello", "C:.", "S:250 ok");
	taken();
	end();
}

/* RFC 6531: only what needs it needs it. */
static void addresses_are_said_in_ascii_where_that_is_possible(void **state)
{
	static const char *const fields[] = { "via=smtp", "sender=anna@b\xc3\xbc.example", "smtputf8=1", "rcpt=1 ben@gr\xc3\xbcn.example",
		"rcpt=2 j\xc3\xbcrg@x.example", NULL };

	(void)state;
	open_to("S:250 HELP");
	begin(make_job("A: b\r\n\r\n", fields));
	PLAY("C:MAIL FROM:<anna@xn--b-eha.example>", "C:RCPT TO:<ben@xn--grn-ioa.example>", "S:250 ok", "S:250 ok", "C:DATA", "S:354 go",
		"C:A: b", "C:", "C:.", "S:250 ok");
	taken();
	result(0, 250, "2.0.0", "250 ok");
	assert_string_equal(job->rcpt[1].status, "5.6.7");
	end();
	open_to("S:250 SMTPUTF8");
	begin(make_job("A: b\r\n\r\n", fields));
	PLAY("C:MAIL FROM:<anna@b\xc3\xbc.example> SMTPUTF8", "C:RCPT TO:<ben@gr\xc3\xbcn.example>", "C:RCPT TO:<j\xc3\xbcrg@x.example>",
		"S:550 no");
	end();
}

/* RFC 8689 4.2.1, 5 */
static void what_requires_tls_goes_to_who_was_verified_and_passes_it_on(void **state)
{
	static const char *const fields[] = { "via=smtp", "sender=anna@example.org", "requiretls=1", "priority=-3", "rcpt=1 ben@example.net", NULL };
	static const char *const report[] = { "via=smtp", "sender=", "requiretls=1", "rcpt=1 ben@example.net", NULL };

	(void)state;
	open_to("S:250 REQUIRETLS");
	begin(make_job("A: b\r\n\r\n", fields));
	taken();
	result(0, 550, "5.7.10",
		"smarthost relay.example.net:587 is not known by a verified certificate, and the sender requires that (REQUIRETLS)");
	job_free(job);
	c.secure = true; /* anybody's certificate */
	begin(make_job("A: b\r\n\r\n", fields));
	taken();
	assert_string_equal(job->rcpt[0].status, "5.7.10");
	job_free(job);
	begin(make_job("A: b\r\n\r\n", report));
	PLAY("C:MAIL FROM:<> REQUIRETLS", "C:RCPT TO:<ben@example.net>", "S:550 no", "S:550 no");
	taken();
	job_free(job);
	c.verified = true;
	begin(make_job("A: b\r\n\r\n", fields));
	PLAY("C:MAIL FROM:<anna@example.org> REQUIRETLS", "C:RCPT TO:<ben@example.net>", "S:550 no", "S:550 no");
	taken();
	job_free(job);
	c.ehlo.requiretls = false;
	c.ehlo.mt_priority = true;
	begin(make_job("A: b\r\n\r\n", fields));
	taken();
	result(0, 550, "5.7.30", "smarthost relay.example.net:587 does not offer REQUIRETLS, and the sender requires that");
	job_free(job);
	begin(make_job("A: b\r\n\r\n", &fields[0]));
	taken();
	job_free(job);
	job = make_job("A: b\r\n\r\n", fields);
	job->requiretls = false;
	begin(job);
	PLAY("C:MAIL FROM:<anna@example.org> MT-PRIORITY=-3", "C:RCPT TO:<ben@example.net>", "S:550 no", "S:550 no");
	taken();
	end();
}

/* RFC 8689 4.2.1: a server that does not pass it on is left before any mail is at stake, for good: the next one may do. */
static void a_session_for_requiretls_is_of_no_use_without_it(void **state)
{
	(void)state;
	session(CONF_SMARTHOST_NONE, "");
	opt->requiretls = true;
	client_connected(&c);
	PLAY(HELLO, "S:250 PIPELINING");
	assert_int_equal(c.state, CLIENT_CLOSED);
	assert_int_equal(c.why.code, 550);
	assert_string_equal(c.why.status, "5.7.30");
	client_done(&c);
	session(CONF_SMARTHOST_VERIFY, "");
	opt->requiretls = true;
	client_connected(&c);
	PLAY(HELLO, "S:250 REQUIRETLS");
	assert_int_equal(c.why.code, 550);
	assert_string_equal(c.why.status, "5.7.10");
	client_done(&c);
}

/* What a test of delivery says: MAIL, RCPT and RSET, whatever the answer; SIZE and the rest are a message's. */
static void a_test_of_delivery_never_says_data(void **state)
{
	static const char *const fields[] = { "via=smtp", "sender=", "rcpt=1 ben@example.net", NULL };
	size_t i;
	static const struct {
		const char *say, *status;
		int code;
	} rows[] = { { "S:250 2.1.5 ok", "2.1.5", 250 }, { "S:451 4.7.1 later", "4.7.1", 451 }, { "S:550 5.1.1 no", "5.1.1", 550 } };

	(void)state;
	open_to("S:250 SIZE 1000");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct job *j = make_job("x", fields);

		j->probe = (struct probe *)j; /* any: it is not looked into */
		begin(j);
		PLAY("C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<ben@example.net>", rows[i].say, "C:RSET", "S:250 ok");
		taken();
		assert_int_equal(j->rcpt[0].code, rows[i].code);
		assert_string_equal(j->rcpt[0].status, rows[i].status);
		job_free(j);
	}
	job = NULL;
	end();
}

/* RFC 6376 5.3: the signature is not of the text that leaves; the job goes back with that text, unsigned. */
static void a_signed_message_that_is_converted_goes_back_to_be_signed(void **state)
{
	char text[400] = "";
	struct job *j;

	(void)state;
	open_to("S:250 PIPELINING");
	opt->convert_size = 100000;
	j = simple("Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9f" "e, and more of it that is plain\r\n");
	j->prepend = STR("DKIM-Signature: x\r\n");
	begin(j);
	assert_true(j->resign && c.retry && !j->prepend.n && j->offset == 0);
	taken();
	assert_int_equal(pread(j->fd, text, sizeof text - 1, 0), (ssize_t)j->size);
	assert_non_null(strstr(text, "Gr=C3=BC=C3=9Fe"));
	begin(j); /* signed anew */
	j->resign = false;
	PLAY("C:MAIL FROM:<anna@example.org>", "C:RCPT TO:<ben@example.net>", "S:550 no", "S:550 no");
	taken();
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_goes_in_one_chunk),
		cmocka_unit_test(fields_go_before_the_message_and_are_counted),
		cmocka_unit_test(chunks_do_not_wait_for_one_another),
		cmocka_unit_test(a_refused_chunk_stops_the_others_and_the_session_goes_on),
		cmocka_unit_test(chunking_that_is_none_is_not_tried_again),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(what_was_offered_and_is_refused_ends_no_mail),
		cmocka_unit_test(eight_bit_text_is_converted_for_who_does_not_take_it),
		cmocka_unit_test(addresses_are_said_in_ascii_where_that_is_possible),
		cmocka_unit_test(what_requires_tls_goes_to_who_was_verified_and_passes_it_on),
		cmocka_unit_test(a_session_for_requiretls_is_of_no_use_without_it),
		cmocka_unit_test(a_test_of_delivery_never_says_data),
		cmocka_unit_test(a_signed_message_that_is_converted_goes_back_to_be_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
