/* SPDX-License-Identifier: ISC
 *
 * session.c: one connection to another server: socket, TLS, deadlines (see sender.h).
 * What is said over it is the client's matter (client.h).
 *
 * Each state has a deadline of its own, renewed by progress only: a whole reply, a move, bytes
 * of a message taken. Single bytes of a reply renew nothing, so a server that drips
 * is as late as one that is silent; and the job has a deadline over all of it.
 */
#include "smtp/send/sender.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define TURNS 16 /* reads of one session before others have theirs */

static void watch(struct session *s, short what);

void session_lost(struct session *s, const char *status, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	client_lost(&s->client, status, text);
}

/* --- the socket ------------------------------------------------------------- */

static void hang_up(struct session *s)
{
	if (s->tls)
		tls_shutdown(s->tls);
	tls_free(s->tls);
	s->tls = NULL;
	if (s->ev_what)
		event_del(&s->ev);
	s->ev_what = 0;
	dial_stop(s);
	rescue_closing(s);
	fd_close(&s->fd);
	s->dry = false;
}

/* lmtpd's parent gets the other end, and forks a child for it. */
static int connect_lmtpd(struct session *s, struct str session)
{
	struct ipc_msg m;
	int pair[2], r;

	if (s->host->sender->lmtpd < 0)
		return E_CLOSED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ipc_init(&m, "lmtp");
	ipc_set(&m, "session", session);
	ipc_add_fd(&m, "client", pair[1]);
	r = ipc_try_send(s->host->sender->lmtpd, &m);
	ipc_done(&m);
	close(pair[1]);
	s->fd = pair[0];
	return r ? r : fd_nonblock(s->fd, true);
}

/* --- bytes -------------------------------------------------------------------- */

/* "none", "TLSv1.3 verified". */
static void security(const struct session *s, char out[64])
{
	const struct client_options *o = s->client.opt;

	if (s->host->kind == HOST_MX)
		security_told(&s->host->sec, s->tls ? tls_version(s->tls) : NULL, out, 64);
	else if (!s->tls)
		snprintf(out, 64, "none");
	else
		snprintf(out, 64, "%s %s", tls_version(s->tls), o->tls == CONF_SMARTHOST_VERIFY ? "verified" :
				o->tls == CONF_SMARTHOST_ENCRYPT ? "encrypted" : "opportunistic");
}

/* The log learns whom we talk to as soon as mail may go. */
static void tell_ready(struct session *s)
{
	char ip[ADDR_TEXT], tls[64];
	struct trace t;

	if (s->ready_told || s->client.state != CLIENT_READY || s->host->kind == HOST_LMTP)
		return;
	s->ready_told = true;
	s->host->down = DEADLINE_NEVER;
	s->host->login_told = false;
	s->host->failure[0] = '\0';
	trace_begin(&t, TRACE_INFO, "connected");
	trace_s(&t, "remote", s->client.opt->host);
	trace_s(&t, "ip", addr_text(&s->addr[s->at], ip));
	trace_u64(&t, "port", s->client.opt->port);
	security(s, tls);
	trace_s(&t, "tls", s->host->kind == HOST_MX ? tls : s->tls ? tls_version(s->tls) : "none");
	if (s->tls)
		trace_s(&t, "cipher", tls_cipher(s->tls));
	if (s->client.logged_in)
		trace_str(&t, "user", s->client.opt->user);
	trace_end(&t);
}

void session_describe(const struct session *s, struct job *j)
{
	char text[64];

	if (s->host->kind == HOST_LMTP)
		return;
	j->ip = arena_str(&j->a, str_of(addr_text(&s->addr[s->at], text)));
	security(s, text);
	j->tls = arena_str(&j->a, str_of(text));
}

/* The first step of the handshake, as safe as it must be. */
static int begin_tls(struct session *s)
{
	const struct client_options *o = s->client.opt;
	struct security *sec = &s->host->sec;
	const char *names[SECURITY_NAMES];
	size_t i;
	int r;

	if (s->host->kind != HOST_MX)
		return tls_connect(o->trust, s->fd, o->host, o->literal, o->tls == CONF_SMARTHOST_VERIFY, &s->tls);
	if (sec->level == SEC_DANE) {
		for (i = 0; i < sec->nnames; i++)
			names[i] = sec->name[i];
		r = tls_connect_dane(o->trust, s->fd, names, sec->nnames, sec->tlsa, sec->ntlsa, &s->tls);
		if (r != E_UNSUPPORTED)
			return r;
		/* full keys that are none: as if no record could be used, encrypted (RFC 7672 2.2), and told so */
		sec->level = SEC_ENCRYPT;
		return tls_connect(o->trust, s->fd, o->host, o->literal, false, &s->tls);
	}
	if (sec->testing)
		return tls_connect_try(o->trust, s->fd, sec->name[0], &s->tls);
	return tls_connect(o->trust, s->fd, sec->level >= SEC_VERIFY ? sec->name[0] : o->host, o->literal,
		sec->level >= SEC_VERIFY, &s->tls);
}

/* What a policy on trial would have refused is told (RFC 8461 5). */
static void tell_trial(const struct session *s)
{
	const struct security *sec = &s->host->sec;

	if (s->host->kind == HOST_MX && sec->testing && (sec->sts_mismatch || !tls_verified(s->tls)))
		trace_event(TRACE_WARN, "sts-testing", NULL, "%s: the MTA-STS policy on trial would refuse this server: %s", s->client.opt->label,
			sec->sts_mismatch ? "it is none of its hosts" : tls_refusal(s->tls));
}

/* True: something happened. */
static bool handshake(struct session *s)
{
	const struct client_options *o = s->client.opt;

	if (!s->tls && o->tls == CONF_SMARTHOST_VERIFY && tls_trust_count(o->trust) == 0) {
		session_lost(s, "4.7.5", "cannot be verified: no trusted certificates are known here (package ca-certificates, or [send] %s)",
			s->host->kind == HOST_MX ? "ca" : "smarthost_ca");
		return true;
	}
	if (!s->tls && begin_tls(s)) {
		session_lost(s, "4.7.5", "gets no TLS: the library refuses its name");
		return true;
	}
	switch (tls_handshake(s->tls)) {
	case TLS_DONE:
		s->tls_wants_write = false;
		tell_trial(s);
		s->client.verified = tls_verified(s->tls) && (s->host->kind == HOST_MX ? s->host->sec.level >= SEC_VERIFY :
				o->tls == CONF_SMARTHOST_VERIFY);
		client_secured(&s->client);
		return true;
	case TLS_WANT_READ:
		s->tls_wants_write = false;
		return false;
	case TLS_WANT_WRITE:
		s->tls_wants_write = true;
		return false;
	default:
		s->tls_failed = true;
		tlsrpt_failed(s, tls_result_type(s->tls), tls_refusal(s->tls));
		session_lost(s, "4.7.5", "fails in the TLS handshake: %s", tls_refusal(s->tls));
		return true;
	}
}

static ssize_t write_some(struct session *s)
{
	const struct buf *out = &s->client.out;
	ssize_t n;

	if (!s->tls) {
		n = send(s->fd, out->p, out->n, MSG_NOSIGNAL);
		return n < 0 ? -errno : n;
	}
	n = tls_write(s->tls, out->p, out->n);
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
		return -EAGAIN;
	return n > 0 ? n : E_CLOSED;
}

static ssize_t read_some(struct session *s)
{
	char *p = s->host->sender->scratch;
	size_t cap = sizeof s->host->sender->scratch;
	ssize_t n;

	if (!s->tls) {
		if (s->dry)
			return -EAGAIN;
		n = recv(s->fd, p, cap, 0);
		s->dry = n < (ssize_t)cap && n != 0;
		return n < 0 ? -errno : n == 0 ? E_CLOSED : n;
	}
	n = tls_read(s->tls, p, cap);
	s->tls_wants_write = n == TLS_WANT_WRITE;
	if (n == TLS_WANT_READ || n == TLS_WANT_WRITE)
		return -EAGAIN;
	return n > 0 ? n : E_CLOSED;
}

static bool again(ssize_t n)
{
	return n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR;
}

/* What waits to go out, and more of the message as it goes. */
static bool push(struct session *s)
{
	struct client *c = &s->client;
	ssize_t n;

	client_output(c);
	if (c->out.n == 0 || c->state == CLIENT_CLOSED || c->state == CLIENT_HANDSHAKE)
		return false;
	n = write_some(s);
	if (again(n))
		return false;
	if (n < 0) {
		/* its last words may still be there to read: why it closed */
		buf_reset(&c->out);
		shutdown(s->fd, SHUT_WR);
		return false;
	}
	client_wrote(c, (size_t)n);
	rescue_sent(s);
	return true;
}

static bool pull(struct session *s)
{
	ssize_t n = read_some(s);

	if (again(n))
		return false;
	if (n < 0) {
		session_lost(s, "4.4.2", "closed the connection while we waited for %s", client_waits_for(&s->client));
		return true;
	}
	client_input(&s->client, str_make(s->host->sender->scratch, (size_t)n));
	if (s->client.accepted && s->client.job) /* before anything else: we may be killed now */
		taken_note(s->host->sender->taken, s->client.job);
	s->client.accepted = false;
	rescue_answered(s);
	explicit_bzero(s->host->sender->scratch, (size_t)n);
	return true;
}

static bool turn(struct session *s)
{
	bool any;

	if (s->fd < 0)
		return false;
	/* what STARTTLS is to be answered with must be out, and nothing else read, before */
	if (s->client.state == CLIENT_HANDSHAKE)
		return handshake(s);
	any = push(s);
	if (s->client.state != CLIENT_CLOSED && s->client.state != CLIENT_HANDSHAKE && pull(s))
		any = true;
	return any;
}

/* --- events ----------------------------------------------------------------------- */

static void arm(struct session *s)
{
	const struct client *c = &s->client;
	deadline d;
	int64_t ms;

	if (s->seen != c->progress || s->until == DEADLINE_NEVER) {
		s->seen = c->progress;
		s->until = deadline_in(client_wait(c));
	}
	d = c->state == CLIENT_CONNECTING ? dial_wait(s) : s->until;
	if (c->job && c->job->until < d)
		d = c->job->until;
	ms = deadline_left(d);
	event_add(&s->ev_timer, &(struct timeval){ ms / 1000, ms % 1000 * 1000 });
}

static void event_of(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd, (void)what;
	s->dry = false;
	session_step(s);
}

static void watch(struct session *s, short what)
{
	if (s->ev_what == what)
		return;
	if (s->ev_what)
		event_del(&s->ev);
	s->ev_what = what;
	event_assign(&s->ev, s->host->sender->base, s->fd, what | EV_PERSIST, event_of, s);
	event_add(&s->ev, NULL);
}

static void timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	struct client *c = &s->client;

	(void)fd, (void)what;
	s->tls_failed |= c->state == CLIENT_HANDSHAKE;
	if (c->job && deadline_passed(c->job->until))
		session_lost(s, "4.4.2", "took too long with this message (attempt = %llds): waited for %s",
			(long long)s->host->sender->conf->send_attempt / 1000, client_waits_for(c));
	else if (c->state == CLIENT_READY && !c->job)
		client_quit(c);
	else if (c->state == CLIENT_CONNECTING)
		dial_timer(s);
	else
		session_lost(s, "4.4.2", "was silent for too long: waited %llds for %s", (long long)client_wait(c) / 1000,
			client_waits_for(c));
	session_step(s);
}

void session_step(struct session *s)
{
	struct client *c = &s->client;
	int turns = TURNS;

	while (turns-- && c->state != CLIENT_CLOSED && turn(s))
		;
	tell_ready(s);
	if (c->state == CLIENT_CLOSED) {
		hang_up(s);
		event_del(&s->ev_timer);
	} else {
		bool more = turns < 0 || (s->tls && tls_pending(s->tls));

		if (s->fd >= 0)
			watch(s, (short)(s->tls_wants_write || c->out.n || c->state == CLIENT_CONTENT ?
				(EV_READ | EV_WRITE) : EV_READ));
		arm(s);
		if (more && s->ev_what)
			event_active(&s->ev, EV_READ, 0);
	}
	/* a place for work, results, or its end */
	if (c->state == CLIENT_CLOSED || c->state == CLIENT_READY || c->news)
		host_wake(s->host);
}

/* --- life --------------------------------------------------------------------------- */

static struct session *session_new(struct host *h)
{
	struct session *s = mem_alloc(1, sizeof *s);

	s->host = h;
	s->fd = -1;
	s->awaits = -1;
	dial_init(s);
	client_init(&s->client, h->opt);
	s->client.watch = h->probe ? &probe_watch : NULL;
	evtimer_assign(&s->ev_timer, h->sender->base, timer, s);
	return s;
}

struct session *session_open(struct host *h, struct str trace, struct dsn *why)
{
	struct session *s = session_new(h);
	int e;

	if (h->kind == HOST_LMTP) {
		e = connect_lmtpd(s, trace);
		if (e) {
			dsn_set(why, 451, "4.3.0", "%s is not available: %s", h->opt->label, err_text(e));
			session_free(s);
			return NULL;
		}
		client_connected(&s->client);
	} else {
		memcpy(s->addr, h->addr, sizeof s->addr);
		s->naddrs = h->naddrs;
		dial_start(s, 0);
	}
	session_step(s);
	return s;
}

bool session_next_address(struct session *s)
{
	struct client_options *opt = s->client.opt;
	bool clear = s->tls_failed && !s->clear && opt->tls == CONF_SMARTHOST_OPPORTUNISTIC && !opt->implicit;
	size_t at = s->at;

	if (s->client.login_failed || s->client.served || s->client.job || s->ready_told ||
		s->host->sender->stopping || s->host->kind == HOST_LMTP || (!clear && !dial_left(s, &at)))
		return false;
	s->clear = clear;
	s->tls_failed = false;
	s->failures[0] = '\0';
	hang_up(s);
	opt->refs++; /* over client_done */
	client_done(&s->client);
	client_init(&s->client, opt);
	opt->refs--;
	s->client.clear = clear;
	s->client.watch = s->host->probe ? &probe_watch : NULL;
	s->tls_wants_write = false;
	s->until = DEADLINE_NEVER;
	dial_start(s, at);
	session_step(s);
	return true;
}

void session_free(struct session *s)
{
	hang_up(s);
	event_del(&s->ev_timer);
	client_done(&s->client);
	free(s);
}
