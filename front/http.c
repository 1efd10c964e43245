/* SPDX-License-Identifier: ISC
 *
 * http.c: port 80. One request a connection, GET and HEAD alone, within the deadline of a
 * handshake: answers to http-01 of ACME (RFC 8555 8.3); what mail programs ask for in clear to
 * find their settings goes to webadmind as it came; everybody else is sent to https. The host
 * in that answer is what the client asked for, if it is a host name at all, else our own.
 */
#include "front/conn.h"

#include "trace/trace.h"

#define CHALLENGE "/.well-known/acme-challenge/"

static void greet(struct conn *c)
{
	c->login_by = deadline_in(c->front->conf->limit_handshake);
	conn_command_deadline(c);
}

/* Status line and fields; the body follows unless it was HEAD. */
static void answer(struct conn *c, const char *status, const char *field, struct str body, bool head)
{
	conn_say(c, "HTTP/1.1 %s", status);
	conn_say(c, "Connection: close");
	conn_say(c, "Content-Length: %zu", body.n);
	conn_say(c, "Content-Type: %s", "application/octet-stream");
	conn_say(c, "X-Content-Type-Options: nosniff");
	if (field)
		conn_say(c, "%s", field);
	conn_say(c, "%s", "");
	if (!head)
		buf_str(&c->out, body);
	conn_finish(c, "answered");
}

/* The port of https, as ":8443", or nothing if it is the usual one. */
static void https_port(const struct front *f, char out[16])
{
	struct buf text;
	struct addr a;
	struct str list;

	out[0] = '\0';
	buf_init(&text, 4096);
	if (conf_value(f->conf, "listen", "https", &text) == 0) {
		list = buf_view(&text);
		if (addr_parse_hostport(str_trim(str_cut(&list, ',')), &a) == 0 && a.port && a.port != 443)
			snprintf(out, 16, ":%u", a.port);
	}
	buf_done(&text);
}

static void redirect(struct conn *c, const struct http_head *h)
{
	char port[16], *field;
	struct arena a;
	struct str host;

	if (!http_host_name(h->host, &host))
		host = str_of(c->front->hostname);
	https_port(c->front, port);
	arena_init(&a);
	field = arena_fmt(&a, "Location: https://%.*s%s%.*s", STRF(host), port, STRF(h->target));
	answer(c, "301 Moved Permanently", field, STR_NONE, str_eqc(h->method, "HEAD"));
	arena_done(&a);
}

/* Thunderbird looks there without TLS, too. */
static bool is_autoconfig(struct str target)
{
	struct str path = str_cut(&target, '?');

	return str_eqc(path, "/mail/config-v1.1.xml") || str_eqc(path, "/.well-known/autoconfig/mail/config-v1.1.xml");
}

/* The request is answered, and consumed, or goes on to webadmind with all of its bytes. */
static void serve(struct conn *c, const struct http_head *h, size_t used)
{
	bool head = str_eqc(h->method, "HEAD");
	const char *text;

	if (is_autoconfig(h->target) && links_current(c->front, c->service->room)) {
		conn_offer(c);
		return;
	}
	conn_consume(c, used);

	if (!head && !str_eqc(h->method, "GET")) {
		answer(c, "405 Method Not Allowed", "Allow: GET, HEAD", STR_NONE, false);
		return;
	}
	if (!str_starts(h->target, CHALLENGE)) {
		redirect(c, h);
		return;
	}
	text = challenge_answer(c->front, str_from(h->target, strlen(CHALLENGE)));
	trace_event(TRACE_INFO, "acme-challenge", c->id, "%s", text ? "answered" : "nothing is pending for it");
	if (text)
		answer(c, "200 OK", NULL, str_of(text), head);
	else
		answer(c, "404 Not Found", NULL, STR_NONE, head);
}

static int step(struct conn *c)
{
	struct http_head h;
	size_t used = 0;
	int r = http_head_parse(conn_unread(c), c->front->conf->limit_prelogin_line, &h, &used);

	if (r == 0)
		return 0;
	if (r < 0) {
		conn_bye(c, r == E_LIMIT ? BYE_TOO_LONG : BYE_MALFORMED);
		return 1;
	}
	serve(c, &h, used);
	return 1;
}

/* conn_say adds the last CRLF. */
#define REFUSED(status) "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Length: 0\r\n"

const struct dialogue http_dialogue = {
	.greet = greet,
	.step = step,
	.bye = {
		[BYE_BUSY] = REFUSED("503 Service Unavailable"),
		[BYE_ADDRESS] = REFUSED("503 Service Unavailable"),
		[BYE_NETWORK] = REFUSED("503 Service Unavailable"),
		[BYE_TIMEOUT] = REFUSED("408 Request Timeout"),
		[BYE_NO_ROOM] = REFUSED("503 Service Unavailable"),
		[BYE_STOP] = REFUSED("503 Service Unavailable"),
		[BYE_KICK] = REFUSED("503 Service Unavailable"),
		[BYE_ERRORS] = REFUSED("400 Bad Request"),
		[BYE_FAILURES] = REFUSED("400 Bad Request"),
		[BYE_TOO_LONG] = REFUSED("431 Request Header Fields Too Large"),
		[BYE_MALFORMED] = REFUSED("400 Bad Request"),
		[BYE_BANNED] = REFUSED("429 Too Many Requests"),
	},
};
