/* SPDX-License-Identifier: ISC
 *
 * admit.c: from accept to the first command: PROXY header, limits by address,
 * greeting delay, TLS handshake (at once, or after STARTTLS), greeting.
 */
#include "front/conn.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "net/client_cert.h"
#include "net/proxy.h"
#include "trace/trace.h"

struct trust_client conn_trust(const struct conn *c)
{
	return (struct trust_client){ .peer = &c->peer, .certificate = str_of(c->client_cert),
		.public_key = str_of(c->client_key) };
}

/* Where people log in by mail programs; browsers would bother everybody. */
static bool takes_certificates(const struct conn *c)
{
	return c->front->client_ca && (c->service->submission || c->service->dialogue == &imap_dialogue ||
		c->service->dialogue == &pop3_dialogue);
}

static void ask_certificate(struct conn *c)
{
	bool any = c->service->dialogue == &smtp_dialogue && trust_asks(c->front->conf, c->service->submission);

	if (any || takes_certificates(c))
		tls_ask_certificate(c->tls);
	if (!any && takes_certificates(c)) /* fingerprints may be of anybody's certificates */
		tls_name_authorities(c->tls, c->front->client_ca);
}

void conn_start_handshake(struct conn *c)
{
	if (!c->front->tls || tls_new(c->front->tls, c->fd, c->service->tls_name, &c->tls) < 0) {
		trace_event(TRACE_ERROR, "tls-missing", c->id, "no certificate is loaded");
		conn_close(c, "no certificate");
		return;
	}
	ask_certificate(c);
	conn_move(c, CONN_HANDSHAKE);
	conn_deadline(c, front_wait(c->front, c->front->conf->limit_handshake));
	c->tls_write = false;
	conn_watch(c);
}

/* Whom the client proved to be; of a resumed session, when it was new. */
static void take_fingerprints(struct conn *c)
{
	char cert[TLS_FINGERPRINT + 1], key[TLS_FINGERPRINT + 1];

	if (!tls_peer_fingerprints(c->tls, cert, key))
		return;
	conn_set(&c->client_cert, str_of(cert));
	conn_set(&c->client_key, str_of(key));
}

/* Is EXTERNAL offered? "" yes, else why not; NULL: that is no question here. */
static const char *judge_certificate(struct conn *c)
{
	const char *why = "it is longer than front takes";
	struct buf chain;

	if (!c->client_cert || !takes_certificates(c))
		return NULL;
	buf_init(&chain, CLIENT_CHAIN_MAX);
	c->certified = tls_peer_chain(c->tls, &chain) && !chain.err &&
		client_ca_check(c->front->client_ca, buf_view(&chain), clock_unix(), &why) == 0;
	buf_done(&chain);
	return c->certified ? "" : why;
}

static void trace_tls(const struct conn *c, const char *why)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "tls");
	trace_s(&t, "s", c->id);
	trace_s(&t, "version", tls_version(c->tls));
	trace_s(&t, "cipher", tls_cipher(c->tls));
	trace_s(&t, "sni", tls_sni(c->tls));
	trace_s(&t, "resumed", tls_resumed(c->tls) ? "yes" : "no");
	if (c->client_cert) {
		trace_s(&t, "client_cert", c->client_cert);
		trace_s(&t, "client_key", c->client_key);
	}
	if (why && why[0])
		trace_s(&t, "client_why", why);
	trace_end(&t);
}

void conn_handshake(struct conn *c)
{
	enum tls_want w = tls_handshake(c->tls);

	if (w == TLS_WANT_READ || w == TLS_WANT_WRITE) {
		c->tls_write = w == TLS_WANT_WRITE;
		conn_watch(c);
		return;
	}
	if (w != TLS_DONE) {
		trace_event(TRACE_INFO, "tls-failed", c->id, "%s", tls_error(c->tls));
		conn_close(c, "handshake failed");
		return;
	}
	c->tls_write = false;
	if (tls_answered_challenge(c->tls)) { /* RFC 8737 3: no data, closed at once */
		trace_event(TRACE_INFO, "acme-challenge", c->id, "answered for %s", tls_sni(c->tls));
		conn_close(c, "challenge answered");
		return;
	}
	take_fingerprints(c);
	trace_tls(c, judge_certificate(c));
	conn_start_talk(c, c->service->tls_first);
}

/* greet: false after STARTTLS, when the client speaks first. */
void conn_start_talk(struct conn *c, bool greet)
{
	bool login = c->service->dialogue != &smtp_dialogue;

	conn_move(c, CONN_TALK);
	if (login && !c->login_by)
		c->login_by = deadline_in(c->front->conf->limit_login);
	conn_command_deadline(c);
	if (greet)
		c->service->dialogue->greet(c);
	conn_run(c);
}

static void trace_connect(const struct conn *c)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_DEBUG, "connect");
	trace_s(&t, "s", c->id);
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	trace_u64(&t, "port", c->peer.port);
	trace_end(&t);
}

static void trace_limit(const struct conn *c, enum limits_verdict v)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, TRACE_WARN, "limit");
	trace_s(&t, "s", c->id);
	trace_s(&t, "limit", limits_text(v));
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	trace_end(&t);
}

/* Before TLS and greeting. */
static void conn_refuse(struct conn *c, enum bye why)
{
	if (!c->service->tls_first) {
		conn_say(c, "%s", c->service->dialogue->bye[why]);
		if (conn_flush(c) < 0)
			return;
	}
	conn_close(c, conn_bye_reason[why]);
}

/* The peer's address is known: count it, then greet or shake hands. */
void conn_admit(struct conn *c)
{
	const struct conf *conf = c->front->conf;
	enum limits_verdict v;

	if (banlist_hit(c->front->bans, c->service, &c->peer)) { /* by a proxy; others were refused at accept */
		int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			conn_refuse(c, BYE_BANNED);
		else
			banlist_refuse(c->front->bans, c->service, fd, conf);
		conn_close(c, conn_bye_reason[BYE_BANNED]);
		return;
	}
	v = c->service->local ? LIMITS_OK : limits_address(&c->front->limits, &c->peer,
		(size_t)conf->limit_connections_per_address, (size_t)conf->limit_connections_per_network);

	trace_connect(c);
	if (v != LIMITS_OK) {
		enum bye why = v == LIMITS_ADDRESS ? BYE_ADDRESS : BYE_NETWORK;

		trace_limit(c, v);
		conn_refuse(c, why);
		return;
	}
	c->in_address = !c->service->local;
	if (c->service->tls_first) {
		conn_start_handshake(c);
	} else if (strcmp(c->service->name, "smtp") == 0 && conf->limit_greeting_delay > 0) {
		conn_move(c, CONN_DELAY);
		conn_deadline(c, conf->limit_greeting_delay);
		conn_watch(c);
	} else {
		conn_start_talk(c, true);
	}
}

/* Peeks, so that nothing behind the header is taken: TLS may start there. The
 * low-water mark keeps a slow header from waking us for bytes already seen. */
void conn_read_proxy(struct conn *c)
{
	char *p = c->front->scratch;
	struct proxy_header h;
	ssize_t n = recv(c->fd, p, PROXY_MAX, MSG_PEEK | MSG_DONTWAIT), len;
	int low = 1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	len = n <= 0 ? E_CLOSED : proxy_parse(str_make(p, (size_t)n), &h);
	if (len == 0 && n < PROXY_MAX) {
		low = (int)n + 1;
		if ((size_t)n > c->scanned) {
			c->scanned = (size_t)n;
			setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
			return;
		}
		len = E_CLOSED; /* woken without a byte more: the end */
		low = 1;
	}
	if (len <= 0 || recv(c->fd, p, (size_t)len, MSG_DONTWAIT) != len) {
		trace_event(TRACE_WARN, "proxy-header", c->id, "%s", n <= 0 ? "closed" : "malformed");
		conn_close(c, "no PROXY header");
		return;
	}
	setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
	if (!h.local) {
		c->peer = h.src;
		c->local = h.dst;
	}
	c->scanned = 0;
	conn_move(c, CONN_START);
	conn_admit(c);
}

/* Before the greeting of port 25: who talks now does not speak SMTP. */
void conn_early_talker(struct conn *c)
{
	char b;

	if (recv(c->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		conn_close(c, "client left");
		return;
	}
	trace_event(TRACE_INFO, "early-talker", c->id, "bytes before the greeting");
	conn_say(c, "554 5.5.0 SMTP synchronization error");
	conn_finish(c, "talked before the greeting");
}
