/* SPDX-License-Identifier: ISC
 *
 * dial.c: a connection to one of the addresses of a host (see sender.h), with fast fallback
 * (RFC 8305 5): while a connection to the first address is not there after `[send] fallback`,
 * the next one is tried beside it, up to DIALS at once; an address that refuses makes room for
 * the next at once. The first that stands is taken, the others are hung up.
 *
 * Each address has `[send] connect`. When none is left, the session is lost, with what each
 * of them said.
 */
#include "smtp/send/sender.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

void dial_init(struct session *s)
{
	size_t i;

	for (i = 0; i < DIALS; i++) {
		s->dial[i].session = s;
		s->dial[i].fd = -1;
	}
}

static void hang_up(struct dial *d)
{
	if (d->fd < 0)
		return;
	event_del(&d->ev);
	fd_close(&d->fd);
}

void dial_stop(struct session *s)
{
	size_t i;

	for (i = 0; i < DIALS; i++)
		hang_up(&s->dial[i]);
}

bool dial_left(const struct session *s, size_t *at_out)
{
	size_t i;

	for (i = 0; i < s->naddrs; i++)
		if (!s->tried[i]) {
			*at_out = i;
			return true;
		}
	return false;
}

static size_t running(const struct session *s)
{
	size_t i, n = 0;

	for (i = 0; i < DIALS; i++)
		n += s->dial[i].fd >= 0;
	return n;
}

static void note(struct session *s, size_t at, int err)
{
	size_t n = strlen(s->failures);
	char ip[ADDR_TEXT];

	if (s->client.opt->literal)
		snprintf(s->failures, sizeof s->failures, ": %s", err_text(err));
	else
		snprintf(s->failures + n, sizeof s->failures - n, "%s at %s: %s", n ? "," : "",
			addr_text(&s->addr[at], ip), err_text(err));
}

static void stands(struct session *s, struct dial *d)
{
	s->at = d->at;
	s->fd = d->fd;
	s->source = d->source;
	event_del(&d->ev);
	d->fd = -1;
	dial_stop(s);
	client_connected(&s->client);
}

static void event_of(evutil_socket_t fd, short what, void *arg);

/* 0 under way or done; negative: why not. */
static int dial_one(struct session *s, struct dial *d, size_t at)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&s->addr[at], &ss);
	int on = 1, r;

	s->tried[at] = true;
	d->at = at;
	d->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return -errno;
	r = source_bind(s->host, d->fd, s->addr[at].family, &d->source);
	if (r < 0) {
		fd_close(&d->fd);
		return r;
	}
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	event_assign(&d->ev, s->host->sender->base, d->fd, EV_WRITE, event_of, d);
	if (connect(d->fd, (struct sockaddr *)&ss, len) == 0) {
		stands(s, d);
	} else if (errno == EINPROGRESS) {
		d->until = deadline_in(s->client.opt->connect);
		event_add(&d->ev, NULL);
	} else {
		int err = -errno;

		fd_close(&d->fd);
		return err;
	}
	return 0;
}

/* One more, if there is an address and room; without either, and nothing under way: lost. */
static void next(struct session *s)
{
	size_t at, i;
	int r;

	while (s->client.state == CLIENT_CONNECTING && running(s) < DIALS && dial_left(s, &at)) {
		for (i = 0; s->dial[i].fd >= 0; i++)
			;
		r = dial_one(s, &s->dial[i], at);
		if (r == 0)
			break;
		note(s, at, r);
	}
	s->fallback = dial_left(s, &at) && running(s) < DIALS ? deadline_in(s->host->sender->conf->send_fallback) : DEADLINE_NEVER;
	if (s->client.state == CLIENT_CONNECTING && running(s) == 0)
		session_lost(s, "4.4.1", "cannot be reached%s", s->failures);
}

static void failed(struct dial *d, int err)
{
	struct session *s = d->session;

	hang_up(d);
	note(s, d->at, err);
	next(s);
}

static void event_of(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	struct session *s = d->session;
	int err = 0;
	socklen_t len = sizeof err;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err)
		failed(d, -err);
	else
		stands(s, d);
	session_step(s);
}

void dial_start(struct session *s, size_t at)
{
	int r = dial_one(s, &s->dial[0], at);

	if (r)
		note(s, at, r);
	if (r || s->client.state == CLIENT_CONNECTING) {
		size_t more;

		s->fallback = dial_left(s, &more) ? deadline_in(s->host->sender->conf->send_fallback) : DEADLINE_NEVER;
		if (r)
			next(s);
	}
}

deadline dial_wait(const struct session *s)
{
	deadline d = s->fallback;
	size_t i;

	for (i = 0; i < DIALS; i++)
		if (s->dial[i].fd >= 0 && (d == DEADLINE_NEVER || s->dial[i].until < d))
			d = s->dial[i].until;
	return d;
}

void dial_timer(struct session *s)
{
	size_t i;

	for (i = 0; i < DIALS; i++)
		if (s->dial[i].fd >= 0 && deadline_passed(s->dial[i].until))
			failed(&s->dial[i], E_TIMEOUT);
	if (s->fallback && deadline_passed(s->fallback) && s->client.state == CLIENT_CONNECTING)
		next(s);
}
