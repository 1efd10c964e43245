/* SPDX-License-Identifier: ISC
 *
 * dial.c: the dialer (dial.h): a process for each connection:
 *
 *   wait for the byte -> address of the name (resolverd) -> connect -> [greeting, STARTTLS] ->
 *   handshake, verified -> "+" -> bytes to and fro until one side ends
 *
 * TLS always; between STARTTLS and the end of the handshake nothing is read or sent
 * (what a server said too early ends it). Ports are those of [import] ports, by Landlock too.
 */
#include "import/dial.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "net/addr.h"
#include "net/resolver.h"
#include "net/tls_client.h"
#include "trace/trace.h"

#define PIECE 32768
#define TRUST_MAX ((size_t)4 << 20)
#define BEFORE_MS 3600000 /* an import may take its time until it needs another connection */

struct dialing {
	const struct conf *conf;
	int end, resolver, trust, sock;
	char host[256];
	uint16_t port;
	bool starttls;
	struct tls *tls;
	char why[300];
};

static int fail(struct dialing *d, const char *fmt, ...) PRINTF(2, 3);
static int fail(struct dialing *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
	return E_TEMP;
}

static int wait_for(int fd, short events, deadline until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = poll(&p, 1, deadline_left(until));

	return r > 0 ? 0 : r == 0 ? E_TIMEOUT : errno == EINTR ? 0 : -errno;
}

/* --- the connection ------------------------------------------------------------------ */

static int try_address(struct dialing *d, const struct addr *a, int64_t wait_ms)
{
	struct sockaddr_storage ss;
	struct addr to = *a;
	socklen_t len, size = sizeof(int);
	int fd, err = 0;

	to.port = d->port;
	len = addr_to_sockaddr(&to, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0) {
		err = errno == EINPROGRESS ? wait_for(fd, POLLOUT, deadline_in(wait_ms)) : -errno;
		if (!err && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err))
			err = err ? -err : -errno;
	}
	if (err)
		close(fd);
	return err ? err : fd;
}

/* Landlock says so too, where the kernel has it. */
static bool port_allowed(const struct dialing *d)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < d->conf->import_ports.n; i++)
		if (str_u64(d->conf->import_ports.v[i], 65535, &v) == 0 && v == d->port)
			return d->port != 0;
	return false;
}

static int make_connection(struct dialing *d)
{
	struct resolver_addresses found;
	size_t i;
	int r = E_NOTFOUND;

	if (!port_allowed(d))
		return fail(d, "port %u is none of [import] ports", d->port);

	resolver_address(d->resolver, d->host, d->conf->import_wait, &found);
	if (!found.n)
		return fail(d, "%s: %s", d->host, found.error);
	for (i = 0; i < found.n; i++) {
		r = try_address(d, &found.addr[i], MIN(d->conf->import_wait, 30000));
		if (r >= 0) {
			d->sock = r;
			return 0;
		}
	}
	return fail(d, "%s port %u: %s", d->host, d->port, err_text(r));
}

/* One line in clear, byte by byte: nothing behind it may be taken. */
static int clear_line(struct dialing *d, char *out, size_t size, deadline until)
{
	size_t n = 0;
	char c;

	while (n + 1 < size) {
		ssize_t r = recv(d->sock, &c, 1, 0);

		if (r == 0)
			return E_CLOSED;
		if (r < 0 && errno == EAGAIN) {
			int err = wait_for(d->sock, POLLIN, until);

			if (err)
				return err;
			continue;
		}
		if (r < 0)
			return -errno;
		if (c == '\n') {
			out[n] = 0;
			return 0;
		}
		out[n++] = c;
	}
	return E_LIMIT;
}

/* RFC 3501 6.2.1, RFC 8314 */
static int begin_tls(struct dialing *d)
{
	static const char command[] = "s1 STARTTLS\r\n";
	deadline until = deadline_in(d->conf->import_wait);
	char line[4096];
	int err = clear_line(d, line, sizeof(line), until), i;

	if (err || strncmp(line, "* OK", 4) != 0)
		return fail(d, "%s: no greeting of an IMAP server", d->host);
	if (send(d->sock, command, sizeof(command) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(command) - 1)
		return fail(d, "%s: %s", d->host, err_text(-errno));
	for (i = 0; i < 100; i++) {
		err = clear_line(d, line, sizeof(line), until);
		if (err)
			return fail(d, "%s: no answer to STARTTLS: %s", d->host, err_text(err));
		if (strncmp(line, "s1 ", 3) == 0)
			break;
	}
	if (strncmp(line, "s1 OK", 5) != 0)
		return fail(d, "%s: STARTTLS is refused", d->host);
	if (recv(d->sock, line, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		return fail(d, "%s: the server talks between STARTTLS and the handshake", d->host);
	return 0;
}

static int handshake(struct dialing *d)
{
	deadline until = deadline_in(d->conf->import_wait);
	struct tls_trust *trust;
	const char *why = "";
	struct buf pem;
	struct addr a;
	int err;

	buf_init(&pem, TRUST_MAX);
	err = d->trust >= 0 ? file_read_all(d->trust, &pem) : 0;
	if (!err)
		err = tls_trust_new(buf_view(&pem), &trust, &why);
	buf_done(&pem);
	if (err)
		return fail(d, "the certificates of those to be trusted cannot be read: %s", why);
	err = tls_connect(trust, d->sock, d->host, addr_parse(str_of(d->host), &a) == 0, true, &d->tls);
	while (!err) {
		enum tls_want w = tls_handshake(d->tls);

		if (w == TLS_DONE)
			return 0;
		if (w != TLS_WANT_READ && w != TLS_WANT_WRITE)
			return fail(d, "%s: %s", d->host, tls_refusal(d->tls)[0] ? tls_refusal(d->tls) : tls_error(d->tls));
		err = wait_for(d->sock, w == TLS_WANT_READ ? POLLIN : POLLOUT, until);
	}
	return fail(d, "%s: TLS: %s", d->host, err_text(err));
}

/* --- to and fro ----------------------------------------------------------------------- */

struct way {
	char data[PIECE];
	size_t n, at;
	bool ended;
};

/* From the server. -1: over. */
static void from_server(struct dialing *d, struct way *w)
{
	ssize_t r = tls_read(d->tls, w->data, sizeof(w->data));

	if (r > 0) {
		w->n = (size_t)r;
		w->at = 0;
	} else if (r != TLS_WANT_READ && r != TLS_WANT_WRITE) {
		w->ended = true;
	}
}

static void from_us(struct dialing *d, struct way *w)
{
	ssize_t r = recv(d->end, w->data, sizeof(w->data), MSG_DONTWAIT);

	if (r > 0) {
		w->n = (size_t)r;
		w->at = 0;
	} else if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
		w->ended = true;
	}
}

static void put_server(struct dialing *d, struct way *w)
{
	ssize_t r = tls_write(d->tls, w->data + w->at, w->n - w->at);

	if (r > 0)
		w->at += (size_t)r;
	else if (r != TLS_WANT_READ && r != TLS_WANT_WRITE)
		w->ended = true;
}

static void put_us(struct dialing *d, struct way *w)
{
	ssize_t r = send(d->end, w->data + w->at, w->n - w->at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (r > 0)
		w->at += (size_t)r;
	else if (r < 0 && errno != EAGAIN && errno != EINTR)
		w->ended = true;
}

static void pump(struct dialing *d)
{
	static struct way in, out;
	struct pollfd p[2];

	while (!in.ended && !out.ended) {
		bool had = in.n || out.n;

		if (in.at == in.n)
			in.n = in.at = 0;
		if (out.at == out.n)
			out.n = out.at = 0;
		if (!in.n)
			from_server(d, &in);
		if (!out.n)
			from_us(d, &out);
		if (in.n && !in.ended)
			put_us(d, &in);
		if (out.n && !out.ended)
			put_server(d, &out);
		if (in.ended || out.ended || in.at < in.n || out.at < out.n || !had) {
			/* what TLS holds already is not seen by poll */
			p[0] = (struct pollfd){ .fd = d->sock, .events = (short)((in.n && in.at < in.n ? 0 : POLLIN) |
				(out.at < out.n ? POLLOUT : 0)) };
			p[1] = (struct pollfd){ .fd = d->end, .events = (short)((out.n && out.at < out.n ? 0 : POLLIN) |
				(in.at < in.n ? POLLOUT : 0)) };
			if (in.ended || out.ended)
				break;
			if (tls_pending(d->tls) && in.at == in.n)
				continue;
			if (poll(p, 2, (int)MIN(d->conf->import_wait * 4, 3600000)) == 0)
				break;
		}
	}
	/* last words of the server */
	while (in.at < in.n && wait_for(d->end, POLLOUT, deadline_in(5000)) == 0) {
		size_t before = in.at;

		put_us(d, &in);
		if (in.at == before)
			break;
	}
}

static NORETURN void dial(struct dialing *d)
{
	char byte, line[400];
	int err;

	if (wait_for(d->end, POLLIN, deadline_in(BEFORE_MS)) != 0 || recv(d->end, &byte, 1, 0) != 1)
		_exit(0); /* not needed */
	err = make_connection(d);
	if (!err && d->starttls)
		err = begin_tls(d);
	if (!err)
		err = handshake(d);
	snprintf(line, sizeof(line), "%s%s\n", err ? "-" : "+", err ? d->why : "");
	if (send(d->end, line, strlen(line), MSG_NOSIGNAL) < 0 || err)
		_exit(0);
	pump(d);
	tls_shutdown(d->tls);
	_exit(0);
}

/* --- the dialer -------------------------------------------------------------------------- */

static void fork_for(const struct conf *conf, int link, int trust, struct ipc_msg *m)
{
	struct dialing d = { .conf = conf, .trust = trust, .sock = -1, .end = ipc_take_fd(m, "end"),
		.resolver = ipc_take_fd(m, "resolver") };
	uint64_t port = 0;

	snprintf(d.host, sizeof(d.host), "%.*s", STRF(ipc_get(m, "host")));
	ipc_get_u64(m, "port", 65535, &port);
	d.port = (uint16_t)port;
	d.starttls = ipc_get_bool(m, "starttls");
	if (d.end >= 0 && d.resolver >= 0 && proc_fork(true) == 0) {
		close(link);
		dial(&d);
	}
	fd_close(&d.end);
	fd_close(&d.resolver);
}

static NORETURN void serve(const struct conf *conf, int link, int trust)
{
	uint16_t port[SANDBOX_PORTS];
	size_t n = 0;
	struct ipc_msg m;
	uint64_t v;
	size_t i;
	int r;

	for (i = 0; i < conf->import_ports.n && n < ARRAY_LEN(port); i++)
		if (str_u64(conf->import_ports.v[i], 65535, &v) == 0)
			port[n++] = (uint16_t)v;
	sandbox_connect_ports(port, n);
	sandbox_log_only(conf->server_sandbox == CONF_SANDBOX_LOG);
	if (sandbox_enter(SANDBOX_CHECK, NULL, 0, NULL) < 0)
		_exit(1);
	for (;;) {
		r = ipc_recv_until(link, &m, deadline_in(1000));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (r == 0 && ipc_is(&m, "dial"))
			fork_for(conf, link, trust, &m);
		ipc_done(&m);
		if (r < 0 && r != E_TIMEOUT && r != -EINTR)
			break;
	}
	while (waitpid(-1, NULL, 0) > 0) /* connections outlive importd, as imports do */
		;
	_exit(0);
}

int dial_start(const struct conf *conf, int trust)
{
	int pair[2], err = ipc_pair(pair);
	pid_t pid;

	if (err)
		return err;
	pid = proc_fork(false);
	if (pid == 0) {
		int keep = fcntl(pair[1], F_DUPFD_CLOEXEC, 20), file = trust >= 0 ? fcntl(trust, F_DUPFD_CLOEXEC, 20) : -1;
		int log = trace_link() >= 0 ? fcntl(trace_link(), F_DUPFD_CLOEXEC, 20) : -1;

		(void)log;
		close_range(3, 19, 0);
		proc_title("dialer");
		serve(conf, keep, file);
	}
	close(pair[1]);
	if (trust >= 0)
		close(trust);
	if (pid < 0) {
		close(pair[0]);
		return (int)pid;
	}
	return pair[0];
}

/* --- the side of the import ---------------------------------------------------------------- */

/* "mail.example.org", "mail.example.org:1993", "[2001:db8::1]:993" */
static void host_of(struct str text, bool starttls, struct ipc_msg *out)
{
	struct str host = text, port = STR("");
	ssize_t at = str_rfind(text, ':');
	uint64_t n = starttls ? 143 : 993;

	if (at > 0 && (str_find(text, ':') == at || text.p[at - 1] == ']')) {
		host = str_sub(text, 0, (size_t)at);
		port = str_from(text, (size_t)at + 1);
	}
	if (str_starts(host, "[") && str_ends(host, "]"))
		host = str_sub(host, 1, host.n - 1);
	if (port.n && str_u64(port, 65535, &n) < 0)
		n = 0;
	ipc_set(out, "host", host);
	ipc_set_u64(out, "port", n);
	ipc_set_bool(out, "starttls", starttls);
}

int dial_prepare(int dialer, const struct ipc_msg *m, int resolver, int *end_out)
{
	struct ipc_msg q;
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		close(resolver);
		return -errno;
	}
	ipc_init(&q, "dial");
	host_of(ipc_get(m, "host"), str_eqc(ipc_get(m, "security"), "starttls"), &q);
	ipc_add_fd(&q, "end", pair[1]);
	ipc_add_fd(&q, "resolver", resolver);
	err = ipc_try_send(dialer, &q);
	ipc_done(&q);
	close(pair[1]);
	close(resolver);
	if (err)
		close(pair[0]);
	else
		*end_out = pair[0];
	return err;
}

int dial_connect(int end, int64_t wait_ms, char *why, size_t size)
{
	deadline until = deadline_in(wait_ms * 4);
	size_t n = 0;
	char c;

	snprintf(why, size, "the process that makes connections is gone");
	if (send(end, "c", 1, MSG_NOSIGNAL) != 1)
		return E_TEMP;
	for (;;) {
		if (wait_for(end, POLLIN, until) != 0)
			return E_TIMEOUT;
		if (recv(end, &c, 1, 0) != 1)
			return E_TEMP;
		if (c == '\n')
			break;
		if (n + 1 < size)
			why[n++] = c;
	}
	why[n] = 0;
	if (why[0] == '+')
		return 0;
	memmove(why, why + 1, n);
	return E_TEMP;
}
