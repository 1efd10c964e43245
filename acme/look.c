/* SPDX-License-Identifier: ISC
 *
 * look.c: asks every port of ours which certificate it serves, under each name, as a
 * stranger would (cert list): connects, speaks STARTTLS where TLS does not come first (RFC 3207,
 * 2595, 8314), shakes hands without verifying, and judges what it was shown.
 */
#include "acme/acmed.h"

#include <poll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "acme/order.h"
#include "base/file.h"
#include "conf/value.h"
#include "net/addr.h"
#include "net/tls_client.h"
#include "trace/trace.h"

#define WAIT_MS 5000
#define NAMES 32
#define PEM_MAX (256 * 1024)

enum begin { BEGIN_TLS, BEGIN_SMTP, BEGIN_IMAP, BEGIN_POP3 };
static const struct {
	const char *service;
	enum begin begin;
} services[] = {
	{ "smtp", BEGIN_SMTP }, { "submission", BEGIN_SMTP }, { "submissions", BEGIN_TLS }, { "imap", BEGIN_IMAP },
	{ "imaps", BEGIN_TLS }, { "pop3", BEGIN_POP3 }, { "pop3s", BEGIN_TLS }, { "https", BEGIN_TLS },
};

struct known { /* a certificate that should be served */
	char fingerprint[65], source[300];
};

struct look {
	struct acmed *a;
	int reply;
	struct tls_trust *trust;
	char name[NAMES][256];
	size_t nnames;
	struct known known[17];
	size_t nknown;
};

/* --- what there should be ------------------------------------------------------------ */

static void add_name(struct look *l, struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > 255 || name.p[0] == '*' || l->nnames == NAMES)
		return;
	for (i = 0; i < name.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", name.p[i]))
			return;
	for (i = 0; i < l->nnames; i++)
		if (str_ieqc(name, l->name[i]))
			return;
	snprintf(l->name[l->nnames++], 256, "%.*s", STRF(name));
}

static bool is_address(struct str s)
{
	struct addr a;

	return addr_parse(s, &a) == 0;
}

static void add_known(struct look *l, struct str pem, struct str source)
{
	struct cert_facts f;
	struct str rest, name;

	if (l->nknown == ARRAY_LEN(l->known) || cert_facts(pem, &f) < 0)
		return;
	snprintf(l->known[l->nknown].fingerprint, sizeof f.fingerprint, "%s", f.fingerprint);
	snprintf(l->known[l->nknown++].source, sizeof l->known[0].source, "%.*s", STRF(source));
	for (rest = str_of(f.names); rest.p;) {
		name = str_trim(str_cut(&rest, ','));
		if (!is_address(name))
			add_name(l, name);
	}
}

static void collect(struct look *l)
{
	struct str names[CONF_ACME_NAMES];
	struct buf pem;
	size_t n, i;

	add_name(l, str_of(conf_hostname(l->a->conf)));
	if (l->a->conf->acme_enabled) {
		n = order_names(l->a->conf, names);
		for (i = 0; i < n; i++)
			add_name(l, names[i]);
		buf_init(&pem, PEM_MAX);
		if (file_load(l->a->dir, "live.pem", &pem) == 0)
			add_known(l, buf_view(&pem), STR("acme"));
		buf_wipe(&pem);
	}
	/* the self-signed one served until the first was issued, and is served no more */
	for (i = 0; i < l->a->nchains; i++)
		if (l->nknown == 0 || !str_eqc(l->a->label[i], "self-signed"))
			add_known(l, buf_view(&l->a->chain[i]), l->a->label[i]);
}

/* --- one port --------------------------------------------------------------------------- */

static bool ready(int fd, short what, deadline d)
{
	struct pollfd pfd = { fd, what, 0 };

	return poll(&pfd, 1, deadline_left(d)) > 0;
}

static int dial(const struct addr *a, deadline d)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, &ss), errlen = sizeof(int);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0) {
		err = errno;
		if (err == EINPROGRESS)
			err = !ready(fd, POLLOUT, d) ? ETIMEDOUT :
				getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &errlen) < 0 ? errno : err;
	}
	if (err) {
		close(fd);
		return -err;
	}
	return fd;
}

static int say(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) ? 0 : E_CLOSED;
}

/* Byte by byte, so that nothing behind the line is taken. 0: it is the last one, and begins so. */
static int hear(int fd, const char *good, bool multi, deadline d)
{
	char line[1024];
	size_t n = 0;
	ssize_t r;

	for (;;) {
		if (!ready(fd, POLLIN, d))
			return E_TIMEOUT;
		r = recv(fd, line + n, 1, 0);
		if (r == 0 || (r < 0 && errno != EAGAIN))
			return E_CLOSED;
		if (r < 0)
			continue;
		if (line[n] != '\n') {
			if (n < sizeof line - 2)
				n++;
			continue;
		}
		line[n] = '\0';
		n = 0;
		if (multi && strlen(line) > 3 && line[3] == '-')
			continue;
		if (good[0] == 'a' && line[0] == '*')
			continue; /* IMAP: untagged */
		return strncmp(line, good, strlen(good)) == 0 ? 0 : E_UNSUPPORTED;
	}
}

static int starttls(int fd, enum begin begin, deadline d)
{
	static const struct {
		const char *hello, *first, *first_good, *ask, *good;
	} word[] = {
		[BEGIN_SMTP] = { "220", "EHLO localhost\r\n", "250", "STARTTLS\r\n", "220" },
		[BEGIN_IMAP] = { "* OK", NULL, NULL, "a STARTTLS\r\n", "a OK" },
		[BEGIN_POP3] = { "+OK", NULL, NULL, "STLS\r\n", "+OK" },
	};
	bool smtp = begin == BEGIN_SMTP;
	int r = hear(fd, word[begin].hello, smtp, d);

	if (r == 0 && word[begin].first) {
		r = say(fd, word[begin].first);
		if (r == 0)
			r = hear(fd, word[begin].first_good, smtp, d);
	}
	if (r == 0)
		r = say(fd, word[begin].ask);
	return r == 0 ? hear(fd, word[begin].good, smtp, d) : r;
}

/* Where a PROXY header is expected of our own addresses, it says that we speak for ourselves. */
static int proxy_header(const struct conf *c, int fd, const struct addr *a)
{
	struct addr_net net;
	size_t i;

	for (i = 0; i < c->server_proxy_from.n; i++)
		if (addr_net_parse(c->server_proxy_from.v[i], &net) == 0 && addr_net_has(&net, a))
			return say(fd, "PROXY UNKNOWN\r\n");
	return 0;
}

static int handshake(struct tls *t, int fd, deadline d)
{
	for (;;) {
		enum tls_want w = tls_handshake(t);

		if (w == TLS_DONE)
			return 0;
		if (w != TLS_WANT_READ && w != TLS_WANT_WRITE)
			return E_TLS;
		if (!ready(fd, w == TLS_WANT_READ ? POLLIN : POLLOUT, d))
			return E_TIMEOUT;
	}
}

/* --- one row ---------------------------------------------------------------------------------- */

struct row {
	const char *service, *name, *state;
	uint16_t port;
	struct cert_facts f;
	const char *source;
	char words[512];
};

static const char *source_of(const struct look *l, const struct cert_facts *f)
{
	size_t i;

	for (i = 0; i < l->nknown; i++)
		if (strcmp(l->known[i].fingerprint, f->fingerprint) == 0)
			return l->known[i].source;
	return "unknown";
}

static void judge(const struct look *l, struct row *r, bool fits)
{
	int64_t left = r->f.not_after - clock_unix();

	r->source = source_of(l, &r->f);
	r->state = "OK";
	if (left <= 0) {
		r->state = "FAIL";
		snprintf(r->words, sizeof r->words, "it has expired: mail programs refuse it");
	} else if (!fits) {
		r->state = "FAIL";
		snprintf(r->words, sizeof r->words, "it is not for this name, but for %.300s: mail programs refuse it",
			r->f.names[0] ? r->f.names : "none");
	} else if (left < l->a->conf->acme_expires / 1000) {
		r->state = "WARN";
		snprintf(r->words, sizeof r->words, "it expires in %lld days%s", (long long)(left / 86400),
			strcmp(r->source, "acme") == 0 ? ": 'mansio cert show' tells why it was not renewed" : "");
	} else if (r->f.self_signed) {
		r->state = "WARN";
		snprintf(r->words, sizeof r->words, "self-signed: mail programs ask their users whether they trust it");
	} else if (strcmp(r->source, "unknown") == 0) {
		r->state = "WARN";
		snprintf(r->words, sizeof r->words, "it is none that the settings name: does another program answer on this port?");
	}
}

static void tell(const struct look *l, const struct row *r)
{
	struct ipc_msg m;
	struct trace t;

	if (l->reply < 0 && strcmp(r->state, "OK") != 0) {
		trace_begin(&t, TRACE_WARN, "certificate");
		trace_s(&t, "service", r->service);
		trace_u64(&t, "port", r->port);
		trace_s(&t, "name", r->name);
		trace_s(&t, "state", r->state);
		trace_s(&t, "text", r->words);
		trace_end(&t);
	}
	if (l->reply < 0)
		return;
	ipc_init(&m, "result");
	ipc_setc(&m, "service", r->service);
	ipc_set_u64(&m, "port", r->port);
	ipc_setc(&m, "name", r->name);
	ipc_setc(&m, "subject", r->f.subject);
	ipc_setc(&m, "names", r->f.names);
	ipc_setc(&m, "issuer", r->f.issuer);
	ipc_set_u64(&m, "not_after", (uint64_t)MAX(r->f.not_after, (int64_t)0));
	ipc_set_u64(&m, "days", (uint64_t)MAX((r->f.not_after - clock_unix()) / 86400, (int64_t)0));
	ipc_setc(&m, "fingerprint", r->f.fingerprint);
	ipc_setc(&m, "source", r->source ? r->source : "");
	ipc_setc(&m, "state", r->state);
	ipc_setc(&m, "words", r->words);
	program_result(l->reply, &m);
	ipc_done(&m);
}

static void look_at(struct look *l, size_t service, const struct addr *a, const char *name)
{
	struct row r = { .service = services[service].service, .name = name, .port = a->port, .state = "FAIL" };
	deadline d = deadline_in(WAIT_MS);
	struct tls *t = NULL;
	int fd = dial(a, d), err = fd;

	if (fd >= 0)
		err = proxy_header(l->a->conf, fd, a);
	if (err >= 0 && services[service].begin != BEGIN_TLS)
		err = starttls(fd, services[service].begin, d);
	if (err >= 0)
		err = tls_connect(l->trust, fd, name, false, false, &t);
	if (err >= 0)
		err = handshake(t, fd, d);
	if (err >= 0)
		err = tls_peer_facts(t, &r.f);
	if (err >= 0)
		judge(l, &r, tls_peer_is_for(t, name));
	else
		snprintf(r.words, sizeof r.words, "no certificate was shown: %s", err == E_UNSUPPORTED ? "STARTTLS is refused" :
			t ? tls_error(t) : err_text(err));
	tell(l, &r);
	if (t)
		tls_shutdown(t);
	tls_free(t);
	fd_close(&fd);
}

/* 0.0.0.0 and [::] are reached at our own address. */
static void reachable(struct addr *a)
{
	static const uint8_t none[16] = { 0 };
	uint16_t port = a->port;

	if (a->family == 0 || (a->family == 4 && memcmp(a->ip, none, 4) == 0))
		addr_parse(STR("127.0.0.1"), a);
	else if (a->family == 6 && memcmp(a->ip, none, 16) == 0)
		addr_parse(STR("::1"), a);
	a->port = port;
}

/* Each port once, at its first address. */
static void look_service(struct look *l, size_t service)
{
	uint16_t seen[64];
	struct buf text;
	struct str rest;
	struct addr a;
	size_t n = 0, i;

	buf_init(&text, 16384);
	if (conf_value(l->a->conf, "listen", services[service].service, &text) == 0) {
		for (rest = buf_view(&text); rest.p && rest.n && n < ARRAY_LEN(seen);) {
			if (addr_parse_hostport(str_trim(str_cut(&rest, ',')), &a) < 0 || a.port == 0)
				continue;
			for (i = 0; i < n && seen[i] != a.port; i++)
				;
			if (i < n)
				continue;
			seen[n++] = a.port;
			reachable(&a);
			for (i = 0; i < l->nnames; i++)
				look_at(l, service, &a, l->name[i]);
		}
	}
	buf_done(&text);
}

void look_run(struct acmed *a, int reply)
{
	struct look l = { .a = a, .reply = reply };
	const char *why = "";
	struct ipc_msg m;
	size_t i;
	int r = tls_trust_new(STR_NONE, &l.trust, &why);

	if (r == 0) {
		collect(&l);
		for (i = 0; i < ARRAY_LEN(services); i++)
			look_service(&l, i);
	}
	if (reply < 0)
		return;
	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", r < 0 ? EX_SOFTWARE : EX_OK);
	ipc_setc(&m, "error", r < 0 ? why : NULL);
	program_result(reply, &m);
	ipc_done(&m);
}
