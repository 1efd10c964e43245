/* SPDX-License-Identifier: ISC
 *
 * oldserver_login.c: see oldserver_login.h.
 *
 * TLS always, and the certificate must be good for the host of the settings: a password is shown to nobody else. Before
 * the handshake lines are read byte by byte, so that nothing that came behind STARTTLS is taken for something that was
 * said under TLS; what did come ends it.
 */
#include "auth/oldserver_login.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include "base/file.h"
#include "net/addr.h"

#define SAY_MAX 8192

struct login {
	const struct conf *conf;
	deadline until;
	int fd;
	struct tls *tls; /* NULL: not yet */
	char in[OLDSERVER_LINE_MAX + 2];
	size_t n;
	char *why;
};

static enum oldserver_step down(struct login *l, const char *what, const char *words)
{
	snprintf(l->why, OLDSERVER_WHY, "the old server: %s%s%s", what, words ? ": " : "", words ? words : "");
	return OLDSERVER_DOWN;
}

static int wait_for(struct login *l, short events)
{
	struct pollfd p = { .fd = l->fd, .events = events };
	int r = poll(&p, 1, deadline_left(l->until));

	return r > 0 ? 0 : r == 0 ? E_TIMEOUT : errno == EINTR ? 0 : -errno;
}

/* --- the connection -------------------------------------------------------------------- */

static int connect_one(struct login *l, const struct addrinfo *a)
{
	socklen_t size = sizeof(int);
	int err = 0;

	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	fd_nonblock(l->fd, true);
	if (connect(l->fd, a->ai_addr, a->ai_addrlen) < 0) {
		err = errno == EINPROGRESS ? wait_for(l, POLLOUT) : -errno;
		if (!err && (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err))
			err = err ? -err : -errno;
	}
	if (err)
		fd_close(&l->fd);
	return err;
}

static enum oldserver_step make_connection(struct login *l)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all, *i;
	uint64_t port = (uint64_t)l->conf->oldserver_port;
	char text[24];
	int r;

	if (port == 0)
		port = l->conf->oldserver_tls == CONF_OLDSERVER_TLS_STARTTLS ? 143 : 993;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)port);
	r = getaddrinfo(l->conf->oldserver_host.p, text, &want, &all);
	if (r != 0)
		return down(l, "its name has no address", gai_strerror(r));
	r = -EHOSTUNREACH;
	for (i = all; i && r < 0 && !deadline_passed(l->until); i = i->ai_next)
		r = connect_one(l, i);
	freeaddrinfo(all);
	return r < 0 ? down(l, "no connection", err_text(r)) : OLDSERVER_MORE;
}

static enum oldserver_step handshake(struct login *l, struct tls_trust *trust)
{
	const char *host = l->conf->oldserver_host.p;
	enum tls_want w;
	struct addr a;
	int err;

	if (l->n > 0 || recv(l->fd, l->in, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return down(l, "it talks between STARTTLS and the handshake", NULL);
	err = tls_connect(trust, l->fd, host, addr_parse(str_of(host), &a) == 0, true, &l->tls);
	while (!err) {
		w = tls_handshake(l->tls);
		if (w == TLS_DONE)
			return OLDSERVER_MORE;
		if (w != TLS_WANT_READ && w != TLS_WANT_WRITE)
			return down(l, "TLS", tls_refusal(l->tls)[0] ? tls_refusal(l->tls) : tls_error(l->tls));
		err = wait_for(l, w == TLS_WANT_READ ? POLLIN : POLLOUT);
	}
	return down(l, "TLS", err_text(err));
}

/* --- lines ------------------------------------------------------------------------------- */

/* Some bytes more: a single one as long as there is no TLS. */
static int read_more(struct login *l)
{
	size_t room = l->tls ? sizeof(l->in) - l->n : 1;
	ssize_t r;

	for (;;) {
		r = l->tls ? tls_read(l->tls, l->in + l->n, room) : recv(l->fd, l->in + l->n, room, 0);
		if (r > 0) {
			l->n += (size_t)r;
			return 0;
		}
		if (r == 0)
			return E_CLOSED;
		if (l->tls ? r != TLS_WANT_READ && r != TLS_WANT_WRITE : errno != EAGAIN && errno != EINTR)
			return E_CLOSED;
		r = wait_for(l, l->tls && r == TLS_WANT_WRITE ? POLLOUT : POLLIN);
		if (r < 0)
			return (int)r;
	}
}

/* The next line without its CRLF; *used_out: bytes of the buffer that it took. E_SYNTAX: a LF alone. */
static int read_line(struct login *l, struct str *line_out, size_t *used_out)
{
	size_t from = 0, i;
	int r;

	for (;;) {
		for (i = from; i < l->n; i++) {
			if (l->in[i] != '\n')
				continue;
			*line_out = str_make(l->in, i - (i > 0));
			*used_out = i + 1;
			return i > 0 && l->in[i - 1] == '\r' ? 0 : E_SYNTAX;
		}
		from = l->n;
		if (l->n == sizeof(l->in))
			return E_LIMIT;
		r = read_more(l);
		if (r < 0)
			return r;
	}
}

static int say(struct login *l, struct str s)
{
	ssize_t r;

	while (s.n > 0) {
		r = l->tls ? tls_write(l->tls, s.p, s.n) : send(l->fd, s.p, s.n, MSG_NOSIGNAL);
		if (r > 0) {
			s = str_from(s, (size_t)r);
			continue;
		}
		if (l->tls ? r != TLS_WANT_READ && r != TLS_WANT_WRITE : errno != EAGAIN && errno != EINTR)
			return E_CLOSED;
		r = wait_for(l, l->tls && r == TLS_WANT_READ ? POLLIN : POLLOUT);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

/* --- a login -------------------------------------------------------------------------------- */

static enum oldserver_step talk(struct login *l, struct tls_trust *trust, struct oldserver_dialogue *d)
{
	enum oldserver_step step = OLDSERVER_MORE;
	struct str line;
	struct buf out;
	size_t used;
	int r = 0;

	buf_init(&out, SAY_MAX);
	while (r == 0 && step == OLDSERVER_MORE) {
		r = read_line(l, &line, &used);
		if (r < 0)
			break;
		step = oldserver_line(d, line, &out);
		l->n -= used;
		memmove(l->in, l->in + used, l->n);
		if (out.n > 0 && (l->n > 0 || (l->tls && tls_pending(l->tls) > 0)))
			step = down(l, "it answers before it is asked", NULL);
		if (step == OLDSERVER_SECURE) {
			step = handshake(l, trust);
			if (step == OLDSERVER_MORE)
				oldserver_secured(d, &out);
		}
		r = out.err ? out.err : step == OLDSERVER_MORE ? say(l, buf_view(&out)) : 0;
		buf_wipe(&out);
		buf_init(&out, SAY_MAX);
	}
	buf_wipe(&out);
	if (r < 0)
		return down(l, r == E_LIMIT || r == E_SYNTAX ? "no line of IMAP" : "no answer", err_text(r));
	if (d->why)
		snprintf(l->why, OLDSERVER_WHY, "%s", d->why);
	return step;
}

enum oldserver_step oldserver_login(const struct conf *conf, struct tls_trust *trust, struct str user, struct str password,
	deadline until, char why[OLDSERVER_WHY])
{
	struct login l = { .conf = conf, .until = until, .fd = -1, .why = why };
	struct oldserver_dialogue d = { .user = user, .password = password,
		.starttls = conf->oldserver_tls == CONF_OLDSERVER_TLS_STARTTLS };
	enum oldserver_step step;

	why[0] = '\0';
	step = make_connection(&l);
	if (step == OLDSERVER_MORE && !d.starttls)
		step = handshake(&l, trust);
	if (step == OLDSERVER_MORE)
		step = talk(&l, trust, &d);
	if (step == OLDSERVER_GOOD || step == OLDSERVER_REFUSED)
		(void)say(&l, STR("q LOGOUT\r\n"));
	if (l.tls) {
		tls_shutdown(l.tls);
		tls_free(l.tls);
	}
	fd_close(&l.fd);
	return step;
}
