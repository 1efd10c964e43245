/* SPDX-License-Identifier: ISC
 *
 * report_test.c: delivery reports, read back by the suite's own MIME reader:
 * the parts, their fields, what is returned, and that nothing from outside
 * becomes a line of its own.
 */
#include "mail/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mail/mime.h"

#define MESSAGE "From: bert@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n" \
	"Message-ID: <one@example.org>\r\n\r\nHello\r\n=_report_ r1\r\n"

static const struct report_rcpt failed = {
	.action = REPORT_FAILED,
	.address = STR("anna@example.net"),
	.orcpt = STR("rfc822;an+2Bna@example.net"),
	.code = 550,
	.status = STR("5.1.1"),
	.reply = STR("no such user"),
	.remote = STR("mx.example.net"),
	.last_attempt = 1795000100,
};
static const struct report base = {
	.hostname = STR("mail.example.org"),
	.id = STR("r1r1r1r1r1r1"),
	.time = 1795000200,
	.sender = STR("bert@example.org"),
	.message_id = STR("m1m1m1m1m1m1"),
	.envid = STR("QQ+2B1"),
	.arrival = 1795000000,
	.content = STR(MESSAGE),
	.whole = true,
	.rcpt = &failed,
	.nrcpt = 1,
};

/* A report, printed and parsed. */
struct printed {
	struct arena a;
	struct buf out, text, status;
	struct str message;
	struct mime m;
	const struct mime_part *part[3];
	struct report_needs needs;
};

static void print(const struct report *r, struct printed *p)
{
	int i, next;

	arena_init(&p->a);
	buf_init(&p->out, 1 << 20);
	buf_init(&p->text, 1 << 20);
	buf_init(&p->status, 1 << 20);
	report_print(r, &p->out, &p->needs);
	assert_int_equal(p->out.err, 0);
	p->message = buf_view(&p->out);
	assert_int_equal(str_search(p->message, STR("\n\n")), -1);
	mime_parse(p->message, &mime_default_limits, &p->a, &p->m);
	assert_false(p->m.has_bare_lf);
	assert_true(str_eqc(p->m.part[0].type, "multipart") && str_eqc(p->m.part[0].subtype, "report"));
	assert_true(str_eqc(mime_param(&p->m.part[0], "report-type"), "delivery-status"));
	for (i = 0, next = p->m.part[0].first_child; i < 3; i++, next = p->m.part[next].next_sibling) {
		assert_true(next > 0);
		p->part[i] = &p->m.part[next];
	}
	assert_int_equal(next, -1);
	for (i = 0; i < 2; i++)
		mime_decode(str_make(p->message.p + p->part[i]->body_at, p->part[i]->body_size), p->part[i]->encoding,
			i ? &p->status : &p->text);
}

static void done(struct printed *p)
{
	buf_done(&p->out);
	buf_done(&p->text);
	buf_done(&p->status);
	arena_done(&p->a);
}

static struct str body(const struct printed *p, int i)
{
	return str_make(p->message.p + p->part[i]->body_at, p->part[i]->body_size);
}

static bool has(struct str s, const char *text)
{
	return str_search(s, str_of(text)) >= 0;
}

#define HAS(s, text) assert_true(has(s, text))

static void a_failure(void **state)
{
	struct printed p = { 0 };
	struct str text, status;

	(void)state;
	print(&base, &p);
	text = buf_view(&p.text);
	status = buf_view(&p.status);
	HAS(p.message, "From: Mail delivery <postmaster@mail.example.org>\r\nTo: <bert@example.org>\r\n");
	HAS(p.message, "\r\nSubject: Not delivered: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an alle\r\n");
	HAS(p.message, "\r\nMessage-ID: <r1r1r1r1r1r1@mail.example.org>\r\nIn-Reply-To: <one@example.org>\r\n");
	HAS(p.message, "\r\nAuto-Submitted: auto-replied\r\n");
	HAS(text, "could not be delivered to:");
	HAS(text, "\n  anna@example.net\r\n    not delivered.");
	HAS(text, "The server mx.example.net said:\r\n      550 5.1.1 no such user\r\n");
	HAS(text, "What to do: There is no such address.");
	assert_true(str_eqc(p.part[1]->subtype, "delivery-status"));
	HAS(status, "Original-Envelope-Id: QQ+1\r\nReporting-MTA: dns;mail.example.org\r\nArrival-Date: ");
	HAS(status, "\r\n\r\nOriginal-Recipient: rfc822;an+na@example.net\r\nFinal-Recipient: rfc822;anna@example.net\r\n"
		"Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns;mx.example.net\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\nLast-Attempt-Date: ");
	HAS(status, "\r\nFinal-Log-ID: m1m1m1m1m1m1\r\n");
	assert_false(has(status, "Will-Retry-Until"));
	assert_true(p.part[2]->message && str_eqc(p.part[2]->subtype, "rfc822"));
	assert_true(str_eq(body(&p, 2), STR(MESSAGE))); /* byte for byte */
	assert_true(!p.needs.body8 && !p.needs.smtputf8);
	done(&p);
}

/* No other server is blamed, and nobody is told to type what he cannot. */
static void ended_by_this_server(void **state)
{
	const struct report_rcpt rcpt[] = {
		{ .action = REPORT_FAILED, .address = STR("a@x"), .status = STR("5.1.1"), .by = REPORT_BY_LIST,
			.reply = STR("mail to this address is stopped on this server until tomorrow: it moved") },
		{ .action = REPORT_FAILED, .address = STR("b@x"), .status = STR("5.7.1"), .by = REPORT_BY_ADMIN,
			.reply = STR("returned by the administrator of this server"), .last_attempt = 1795000100 },
	};
	struct report r = base;
	struct printed p = { 0 };
	struct str status, text;

	(void)state;
	r.rcpt = rcpt;
	r.nrcpt = 2;
	print(&r, &p);
	status = buf_view(&p.status);
	text = buf_view(&p.text);
	HAS(status, "Final-Recipient: rfc822;a@x\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: x-mansio; mail to this address");
	HAS(status, "until tomorrow: it moved\r\nFinal-Log-ID: "); /* nothing was tried */
	HAS(status, "Action: failed\r\nStatus: 5.7.1\r\nDiagnostic-Code: x-mansio; returned by the administrator");
	assert_false(has(status, "Remote-MTA"));
	HAS(text, "\n  a@x\r\n    not delivered: this mail server does not send it.\r\n    The reason: mail to this address is stopped");
	HAS(text, "ask the administrator of this\r\nmail server to let mail to it through again");
	HAS(text, "\n  b@x\r\n    not delivered. The administrator of this mail server has ended it.\r\n\r\nWhat to do: Please ask");
	assert_false(has(text, "server there"));
	done(&p);
}

static void several(void **state)
{
	const struct report_rcpt rcpt[] = {
		{ .action = REPORT_DELIVERED, .address = STR("a@x") },
		{ .action = REPORT_DELAYED, .address = STR("b@x"), .code = 451, .status = STR("4.4.1"),
			.reply = STR("later"), .retry_until = 1795400000 },
		{ .action = REPORT_EXPANDED, .address = STR("c@x") },
		{ .action = REPORT_RELAYED, .address = STR("d@x"), .remote = STR("mx.x"), .status = STR("2.0.0") },
		{ .action = REPORT_FAILED, .address = STR("e@x"), .reply = STR("no answer in five days") },
	};
	struct report r = base;
	struct printed p = { 0 };
	struct str status;

	(void)state;
	r.rcpt = rcpt;
	r.nrcpt = ARRAY_LEN(rcpt);
	r.whole = false;
	print(&r, &p);
	status = buf_view(&p.status);
	HAS(p.message, "Subject: Not delivered:"); /* the gravest of all */
	HAS(status, "Final-Recipient: rfc822;a@x\r\nAction: delivered\r\nStatus: 2.0.0\r\n");
	HAS(status, "Final-Recipient: rfc822;b@x\r\nAction: delayed\r\nStatus: 4.4.1\r\n");
	HAS(status, "Will-Retry-Until: ");
	HAS(status, "Final-Recipient: rfc822;c@x\r\nAction: expanded\r\nStatus: 2.0.0\r\n");
	HAS(status, "Action: relayed\r\nStatus: 2.0.0\r\nRemote-MTA: dns;mx.x\r\n");
	HAS(status, "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: x-mansio; no answer in five days\r\n");
	HAS(buf_view(&p.text), "The reason: no answer in five days");
	assert_true(str_eqc(p.part[2]->type, "text") && str_eqc(p.part[2]->subtype, "rfc822-headers"));
	HAS(body(&p, 2), "Message-ID: <one@example.org>\r\n");
	assert_false(has(body(&p, 2), "Hello"));
	done(&p);
	r.nrcpt = 3;
	print(&r, &p);
	HAS(p.message, "\r\nSubject: Delayed:");
	HAS(buf_view(&p.text), "You need not do anything");
	done(&p);
	r.nrcpt = 1;
	print(&r, &p);
	HAS(p.message, "\r\nSubject: Delivered:");
	HAS(buf_view(&p.text), "delivered to the mailbox.");
	done(&p);
}

/* C02: line ends and controls in any fact make no line. */
static void nothing_injected(void **state)
{
#define EVIL "x\r\nBcc: evil@example.net\r\n\r\n--"
	const struct report_rcpt rcpt = { .action = REPORT_FAILED, .address = STR(EVIL), .orcpt = STR("rfc822;x+0D+0ABcc:y"),
		.code = 550, .status = STR("5\r\nBcc: z"), .reply = STR(EVIL), .remote = STR(EVIL) };
	struct report r = base;
	struct printed p = { 0 };

	(void)state;
	r.hostname = STR("mail.example.org");
	r.envid = STR("a+0D+0ABcc:y");
	r.sender = STR(EVIL);
	r.message_id = STR(EVIL);
	r.content = STR("Subject: a\rBcc: b\r\nMessage-ID: <a b\x01>\r\n\r\n");
	r.rcpt = &rcpt;
	print(&r, &p);
	assert_false(has(str_sub(p.message, 0, (size_t)p.part[2]->header_at), "\nBcc"));
	assert_false(has(p.message, "In-Reply-To"));
	HAS(p.message, "\r\nSubject: Not delivered\r\n");
	HAS(buf_view(&p.status), "Original-Recipient: rfc822;x??Bcc:y\r\n");
	done(&p);
}

static void eight_bits(void **state)
{
	struct report r = base;
	struct printed p = { 0 };
	struct buf back;

	(void)state;
	r.content = STR("Subject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n"); /* 8-bit MIME cannot be encoded */
	print(&r, &p);
	assert_true(p.needs.body8 && !p.needs.smtputf8);
	assert_true(str_eqc(p.part[2]->encoding, "8bit"));
	assert_true(str_eq(body(&p, 2), r.content));
	done(&p);
	r.content = STR("Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nx\r\n"); /* SMTPUTF8 must be (RFC 6533 4.5) */
	r.smtputf8 = true;
	print(&r, &p);
	assert_false(p.needs.body8 || p.needs.smtputf8);
	assert_true(str_is_ascii(p.message));
	assert_true(str_eqc(p.part[2]->subtype, "global") && str_eqc(p.part[2]->encoding, "base64"));
	buf_init(&back, 1000);
	mime_decode(body(&p, 2), STR("base64"), &back);
	assert_true(str_eq(buf_view(&back), r.content));
	buf_done(&back);
	done(&p);
	r.whole = false;
	print(&r, &p);
	assert_true(str_eqc(p.part[2]->subtype, "global-headers") && str_is_ascii(p.message));
	done(&p);
}

/* RFC 6533 3, 4.1 */
static void internationalised(void **state)
{
	const struct report_rcpt rcpt = { .action = REPORT_FAILED, .address = STR("d\xc3\xb6@example.net"),
		.orcpt = STR("utf-8;d\\x{F6}\\x{2B}\\x{1F600}\\x{D800}@example.net"), .code = 550, .status = STR("5.6.7"),
		.reply = STR("no utf8 here \xc3\xb6") };
	struct report r = base;
	struct printed p = { 0 };

	(void)state;
	r.rcpt = &rcpt;
	print(&r, &p);
	assert_true(str_eqc(p.part[1]->subtype, "global-delivery-status"));
	assert_true(str_is_ascii(p.message)); /* a sender without SMTPUTF8 can read it */
	HAS(buf_view(&p.status), "Original-Recipient: utf-8;d\xc3\xb6+\xf0\x9f\x98\x80\\x{D800}@example.net\r\n"
		"Final-Recipient: utf-8;d\xc3\xb6@example.net\r\n");
	HAS(buf_view(&p.status), "Diagnostic-Code: smtp; 550 5.6.7 no utf8 here ??\r\n");
	HAS(buf_view(&p.text), "\n  d\xc3\xb6@example.net\r\n");
	done(&p);
	r.sender = STR("b\xc3\xa9@example.org");
	print(&r, &p);
	assert_true(p.needs.smtputf8);
	done(&p);
}

static void corners(void **state)
{
	static char long_text[5000];
	struct report_rcpt rcpt = failed;
	struct report r = base;
	struct printed p = { 0 };
	struct str rest;
	struct buf small;

	(void)state;
	r.content = STR("");
	print(&r, &p);
	done(&p);
	r.content = STR("no header at all, no end");
	r.envid = r.message_id = STR("");
	print(&r, &p);
	assert_false(has(p.message, "Original-Envelope-Id"));
	done(&p);
	memset(long_text, 'x', sizeof long_text);
	rcpt.reply = rcpt.remote = str_make(long_text, 900);
	r.content = STR("X: --=_report_r1r1r1r1r1r1\r\n\r\n"); /* the boundary stands in it */
	r.rcpt = &rcpt;
	r.postmaster = STR("post@example.org");
	print(&r, &p);
	HAS(p.message, "From: Mail delivery <post@example.org>\r\n");
	for (rest = p.message; rest.n;)
		assert_true(str_cut(&rest, '\n').n <= 999); /* RFC 5322 2.1.1 */
	done(&p);
	buf_init(&small, 500);
	report_print(&base, &small, &p.needs);
	assert_int_equal(small.err, E_LIMIT);
	buf_done(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure),
		cmocka_unit_test(several),
		cmocka_unit_test(ended_by_this_server),
		cmocka_unit_test(nothing_injected),
		cmocka_unit_test(eight_bits),
		cmocka_unit_test(internationalised),
		cmocka_unit_test(corners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
