/* SPDX-License-Identifier: ISC
 *
 * options.c: the settings as a session sees them (struct client_options), for
 * our own lmtpd, the smarthost, and servers that MX records name.
 */
#include "smtp/send/sender.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "trace/trace.h"

#define TRUST_MAX (4 * 1024 * 1024)
#define PASSWORD_MAX 1024
#define SMTP_PORT 25
#define SUBMISSION_PORT 587
#define SUBMISSIONS_PORT 465

static struct client_options *options_new(const struct conf *c)
{
	struct client_options *o = mem_alloc(1, sizeof *o);

	o->refs = 1;
	arena_init(&o->a);
	o->helo = arena_cstr(&o->a, str_of(conf_hostname(c)));
	o->reply_size = (size_t)c->send_reply_size;
	o->session_messages = (uint64_t)c->send_session_messages;
	o->convert_size = (uint64_t)c->send_convert_size;
	o->lookup = c->send_lookup;
	o->connect = c->send_connect;
	o->handshake = c->send_handshake;
	o->greeting = c->send_greeting;
	o->command = c->send_command;
	o->data_start = c->send_data_start;
	o->data_block = c->send_data_block;
	o->data_end = c->send_data_end;
	o->idle = c->send_session_idle;
	return o;
}

struct client_options *options_local(const struct conf *c)
{
	struct client_options *o = options_new(c);

	o->lmtp = true;
	o->tls = CONF_SMARTHOST_NONE;
	o->host = "";
	o->label = "local delivery";
	o->recipients = (size_t)c->smtp_recipients;
	o->idle = c->delivery_keep_idle;
	return o;
}

/* A file in memory, from master; its descriptor is closed. */
static void take_file(struct ipc_msg *m, const char *name, size_t max, struct buf *out)
{
	int fd = ipc_take_fd(m, name);
	struct stat st;
	char *p;

	buf_init(out, max);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (p = buf_room(out, (size_t)st.st_size)) &&
		file_pread_all(fd, p, (size_t)st.st_size, 0) == 0)
		buf_grew(out, (size_t)st.st_size);
	close(fd);
}

struct tls_trust *options_trust(struct ipc_msg *m, const char *file, const char *event)
{
	struct tls_trust *t = NULL;
	const char *why = "";
	struct buf pem;

	take_file(m, file, TRUST_MAX, &pem);
	if (pem.n == 0) {
		buf_done(&pem);
		return NULL;
	}
	if (tls_trust_new(buf_view(&pem), &t, &why)) {
		trace_event(TRACE_ERROR, event, NULL, "%s", why);
		if (tls_trust_new(STR_NONE, &t, &why))
			BUG_ON(true);
	}
	buf_done(&pem);
	return t;
}

struct client_options *options_smarthost(const struct conf *c, struct ipc_msg *m, struct tls_trust *trust)
{
	struct client_options *o;
	struct buf password;
	struct str host;
	uint16_t port;
	bool literal;

	take_file(m, "password", PASSWORD_MAX, &password);
	if (c->send_smarthost.n == 0 || addr_split_hostport(c->send_smarthost, &host, &port, &literal)) {
		buf_wipe(&password);
		return NULL;
	}
	o = options_new(c);
	o->host = arena_cstr(&o->a, host);
	o->literal = literal;
	o->port = port ? port : SUBMISSION_PORT;
	o->label = arena_fmt(&o->a, literal && str_find(host, ':') >= 0 ? "smarthost [%s]:%u" : "smarthost %s:%u", o->host, o->port);
	o->tls = c->send_smarthost_tls;
	o->implicit = c->send_smarthost_tls_start == CONF_TLS_START_IMPLICIT ||
		(c->send_smarthost_tls_start == CONF_TLS_START_AUTO && o->port == SUBMISSIONS_PORT);
	o->recipients = (size_t)c->send_recipients;
	o->user = arena_str(&o->a, c->send_smarthost_user);
	o->password = arena_str(&o->a, buf_view(&password));
	o->trust = tls_trust_ref(trust);
	buf_wipe(&password);
	return o;
}

/* TLS if the server has it; that nobody can be sure of the other side is the nature of MX. A route
 * says for itself what it wants. */
struct client_options *options_mx(const struct conf *c, struct str name, uint16_t port, struct tls_trust *trust,
	const struct way *way)
{
	struct client_options *o = options_new(c);
	struct addr a;

	o->host = arena_cstr(&o->a, name);
	o->literal = addr_parse(name, &a) == 0;
	o->port = port;
	o->label = port == SMTP_PORT ? o->host :
		arena_fmt(&o->a, o->literal && a.family == 6 ? "[%s]:%u" : "%s:%u", o->host, port);
	o->tls = CONF_SMARTHOST_OPPORTUNISTIC;
	o->recipients = (size_t)c->send_recipients;
	o->trust = tls_trust_ref(trust);
	if (way)
		way_options(way, o);
	return o;
}

/* Gives a reference back the way clients do. */
void options_drop(struct client_options *o)
{
	struct client last;

	if (!o)
		return;
	client_init(&last, o);
	o->refs--;
	client_done(&last);
}
