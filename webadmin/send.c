/* SPDX-License-Identifier: ISC
 *
 * send.c: POST /api/v1/send: a message by HTTP (docs/API.md).
 *
 *   request --letter.c--> envelope and message --gate (op=send)--> ticket of who asks
 *      --courier.c--> smtpd --> JSON: id, accepted, refused
 *
 * Who may send, and with which sender's address, decide authd and smtpd as they do for a mail
 * program that logs in. When the client goes away before the answer, nobody knows whether the
 * message was accepted, as with any protocol; it is not sent if smtpd has not all of it.
 */
#include <sysexits.h>

#include "base/rand.h"
#include "net/suppressed.h"
#include "webadmin/api.h"
#include "webadmin/ask.h"
#include "webadmin/courier.h"
#include "webadmin/json.h"

#define SESSION_ID 12

struct send {
	struct request *q;
	struct ask *ask;
	struct courier *courier;
	struct arena arena;
	struct letter letter;
	char session[SESSION_ID + 1];
};

static int64_t sends;

static void send_free(struct send *s)
{
	if (s->ask)
		ask_cancel(s->ask);
	if (s->courier)
		courier_cancel(s->courier);
	letter_done(&s->letter);
	arena_wipe(&s->arena);
	free(s);
	sends--;
}

static void gone(void *arg)
{
	send_free(arg);
}

/* --- the answer --------------------------------------------------------------------- */

static bool is_good(const struct courier_reply *r)
{
	return r->code >= 200 && r->code < 300;
}

static void print_refused(struct buf *b, const struct send *s, const struct courier_result *r)
{
	size_t i, n = 0;

	buf_puts(b, "\"refused\":[");
	for (i = 0; i < s->letter.nto; i++) {
		if (r->mail || r->rcpt[i].code < 400) /* without a MAIL nobody said a word of them */
			continue;
		buf_puts(b, n++ ? ",{\"to\":" : "{\"to\":");
		json_text(b, s->letter.to[i]);
		buf_fmt(b, ",\"code\":%d,\"status\":", r->rcpt[i].code);
		json_text(b, r->rcpt[i].status);
		buf_puts(b, ",\"words\":");
		json_text(b, r->rcpt[i].words);
		if (str_search(r->rcpt[i].words, STR(">: " SUPPRESSED_WORD)) >= 0)
			buf_puts(b, ",\"class\":\"suppressed\"");
		buf_c(b, '}');
	}
	buf_c(b, ']');
}

static void answer_accepted(const struct send *s, const struct courier_result *r)
{
	size_t i, n = 0;
	struct buf b;

	buf_init(&b, web.conf->web_answer);
	buf_puts(&b, "{\"id\":");
	json_text(&b, r->id);
	buf_puts(&b, ",\"accepted\":[");
	for (i = 0; i < s->letter.nto; i++) {
		if (!is_good(&r->rcpt[i]))
			continue;
		if (n++)
			buf_c(&b, ',');
		json_text(&b, s->letter.to[i]);
	}
	buf_puts(&b, "],");
	print_refused(&b, s, r);
	buf_c(&b, '}');
	request_answer_buf(s->q, 200, "application/json", &b);
}

/* The answer to what smtpd refused: its status of HTTP and the code that a command would have. */
static unsigned status_of(const struct send *s, const struct courier_result *r, int *code_out)
{
	const struct courier_reply *last = &r->last;
	size_t i, good = 0, later = 0;

	for (i = 0; i < s->letter.nto; i++) {
		good += is_good(&r->rcpt[i]);
		later += r->rcpt[i].code >= 400 && r->rcpt[i].code < 500;
	}
	*code_out = EX_TEMPFAIL;
	if (last->code < 500 || (!r->mail && good == 0 && later > 0))
		return 503;
	if (last->code == 552) {
		*code_out = EX_DATAERR;
		return 413;
	}
	if (str_starts(last->status, "5.7.")) { /* the sender, or the author in the header */
		*code_out = EX_NOPERM;
		return 403;
	}
	*code_out = good == 0 && !r->mail ? EX_NOUSER : EX_DATAERR;
	return r->mail ? 400 : 422;
}

static void answer_refused(const struct send *s, const struct courier_result *r)
{
	struct buf b, words;
	unsigned status;
	int code;

	status = status_of(s, r, &code);
	buf_init(&words, 8192);
	if (r->last.code)
		buf_fmt(&words, "%d %.*s%s%.*s", r->last.code, STRF(r->last.status), r->last.status.n ? " " : "",
			STRF(str_sub(r->last.words, 0, 2000)));
	else
		buf_str(&words, r->last.words);
	buf_init(&b, web.conf->web_answer);
	buf_puts(&b, "{\"error\":");
	json_text(&b, buf_view(&words));
	buf_fmt(&b, ",\"code\":%d,", code);
	print_refused(&b, s, r);
	buf_c(&b, '}');
	buf_done(&words);
	request_answer_buf(s->q, status, "application/json", &b);
}

static void delivered(void *arg, const struct courier_result *r)
{
	struct send *s = arg;

	s->courier = NULL;
	if (is_good(&r->last))
		answer_accepted(s, r);
	else
		answer_refused(s, r);
	send_free(s);
}

/* --- the gate ------------------------------------------------------------------------- */

static void known(void *arg, int code, struct str error, const struct ipc_msg *last)
{
	struct send *s = arg;
	struct courier_origin o = { .session = s->session, .peer = *request_peer(s->q) };

	s->ask = NULL;
	if (code || !last) {
		if (last && ipc_get_bool(last, "unknown"))
			request_set(s->q, "WWW-Authenticate", "Bearer");
		request_fail(s->q, api_status(code ? code : EX_TEMPFAIL, last), code, "%.*s", STRF(error));
		send_free(s);
		return;
	}
	o.user = ipc_get(last, "user");
	o.ticket = ipc_get(last, "ticket");
	door_tls(request_fd(s->q), &o.tls_version, &o.tls_cipher, &o.tls_bits);
	s->courier = courier_new(&o, &s->letter, delivered, s);
	if (!s->courier) {
		request_fail(s->q, 503, EX_TEMPFAIL, "no process takes mail now: try again");
		send_free(s);
	}
}

static const struct ask_ops send_ops = { .done = known };

static void ask_gate(struct send *s)
{
	struct ipc_msg m;

	api_question(s->q, &m, "send");
	ipc_setc(&m, "session", s->session);
	s->ask = ask_new(&m, web.conf->web_send_wait, &send_ops, s);
	ipc_done(&m);
	if (s->ask) {
		request_on_gone(s->q, gone, s);
		return;
	}
	request_fail(s->q, 503, EX_TEMPFAIL, "the suite is busy: try again");
	send_free(s);
}

/* --- the request ------------------------------------------------------------------------ */

/* False: refused, answered. */
static bool read_letter(struct send *s)
{
	const struct conf *conf = web.conf;
	struct letter_limits max = { .recipients = (size_t)conf->smtp_recipients,
		.size = (size_t)MIN(conf->smtp_message_size, (uint64_t)2 * conf->web_send_size) };
	bool json = api_type_is(s->q, "application/json");
	char boundary[17];
	struct buf why;
	int r;

	if (!json && !api_type_is(s->q, "message/rfc822")) {
		request_fail(s->q, 415, EX_USAGE, "Content-Type must be application/json or message/rfc822");
		return false;
	}
	buf_init(&why, 2048);
	rand_id(boundary, sizeof(boundary) - 1);
	if (json && request_query(s->q).n > 0) {
		buf_puts(&why, "with JSON all is said in the body");
		r = E_SYNTAX;
	} else if (json) {
		r = letter_of_json(request_body(s->q), &max, boundary, &s->arena, &s->letter, &why);
	} else {
		r = letter_of_message(request_body(s->q), request_query(s->q), &max, &s->arena, &s->letter, &why);
	}
	if (r < 0)
		request_fail(s->q, r == E_LIMIT ? 413 : 400, r == E_LIMIT ? EX_DATAERR : EX_USAGE, "%s",
			why.n ? buf_cstr(&why) : "this is no message");
	buf_done(&why);
	request_body_drop(s->q);
	return r == 0;
}

void send_serve(struct request *q)
{
	struct send *s;

	if (!api_may_change(q))
		return;
	if (sends >= web.conf->web_sends) {
		request_fail(q, 503, EX_TEMPFAIL, "too many messages are on their way: try again");
		return;
	}
	s = mem_alloc(1, sizeof(*s));
	sends++;
	s->q = q;
	arena_init(&s->arena);
	rand_id(s->session, SESSION_ID);
	if (read_letter(s))
		ask_gate(s);
	else
		send_free(s);
}
