/* SPDX-License-Identifier: ISC
 *
 * sender.c: the program that makes the queue's attempts: main, links, settings,
 * results, stop (see sender.h; what queued and we say: docs/QUEUE.md).
 *
 * Order of the start: settings, the SASL plug-ins, the
 * trusted certificates; then the sandbox (network out, no files); then "ready". The
 * password and the certificates come from master as files in memory.
 *
 * When queued is replaced, what it asked for is given up as long as no message is on
 * its way; what is, goes on, and its result is lost: the new queued tries again, at
 * worst somebody gets it twice.
 */
#include "smtp/send/sender.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "smtp/send/auth.h"
#include "trace/trace.h"

#define TRUST_MAX (4 * 1024 * 1024)
#define PASSWORD_MAX 1024
#define RESULTS 30 /* recipients in one message, so that their replies fit */
#define SUBMISSION_PORT 587
#define SUBMISSIONS_PORT 465

static struct sender sender;

void sender_wake(struct sender *s)
{
	event_active(&s->ev_work, EV_TIMEOUT, 0);
}

/* --- results ----------------------------------------------------------------- */

static void queued_lost(struct sender *s);

/* What waits, as far as the link takes it. */
static void flush_results(struct sender *s)
{
	while (s->results && s->queued >= 0) {
		struct result *x = s->results;
		int r = ipc_try_send(s->queued, &x->m);

		if (r == -EAGAIN) {
			event_add(&s->ev_queued_out, NULL);
			return;
		}
		if (r == E_CLOSED) {
			queued_lost(s);
			return;
		}
		if (r) /* cannot be said: queued learns of it by the job's time */
			trace_event(TRACE_ERROR, "result-lost", NULL, "%s", err_text(r));
		s->results = x->next;
		if (!s->results)
			s->last_result = &s->results;
		ipc_done(&x->m);
		free(x);
	}
}

static struct ipc_msg *new_result(struct sender *s)
{
	struct result *x = mem_alloc(1, sizeof *x);

	*s->last_result = x;
	s->last_result = &x->next;
	return &x->m;
}

/* Gives queued the places that it does not know of. */
static void grant(struct sender *s, struct route *r)
{
	size_t places = route_places(r);
	struct ipc_msg *m;

	if (s->queued < 0 || s->stopping || r->granted >= places)
		return;
	m = new_result(s);
	ipc_init(m, "ready");
	ipc_setc(m, "via", r->lmtp ? "lmtp" : "smtp");
	ipc_set_u64(m, "n", places - r->granted);
	r->granted = places;
}

void sender_done(struct sender *s, struct job *j)
{
	struct route *r = j->lmtp ? &s->local : &s->smarthost;
	bool last = j->orphan || s->queued < 0;

	while (!last)
		job_results(j, RESULTS, new_result(s), &last);
	r->granted -= r->granted > 0;
	grant(s, r);
	job_free(j);
	flush_results(s);
}

void sender_tell(struct sender *s, struct job *j)
{
	bool last;

	while (job_news(j) && !j->orphan && s->queued >= 0)
		job_results(j, RESULTS, new_result(s), &last);
	flush_results(s);
}

static void drop_results(struct sender *s)
{
	while (s->results) {
		struct result *x = s->results;

		s->results = x->next;
		ipc_done(&x->m);
		free(x);
	}
	s->last_result = &s->results;
}

/* --- queued ---------------------------------------------------------------------- */

static void queued_lost(struct sender *s)
{
	if (s->queued < 0)
		return;
	event_del(&s->ev_queued);
	event_del(&s->ev_queued_out);
	fd_close(&s->queued);
	drop_results(s);
	route_drop(&s->smarthost, true);
	route_drop(&s->local, true);
}

static size_t busy(const struct route *r)
{
	const struct session *x;
	size_t n = r->nwaiting;

	for (x = r->sessions; x; x = x->next)
		n += x->client.job != NULL;
	return n;
}

/* At the start of a link. Jobs of an earlier queued hold their places until they are done. */
static void grant_places(struct sender *s)
{
	struct route *r[] = { &s->local, &s->smarthost };
	size_t i;

	for (i = 0; i < ARRAY_LEN(r); i++) {
		r[i]->granted = busy(r[i]);
		grant(s, r[i]);
	}
	flush_results(s);
}

static int on_job(struct sender *s, struct ipc_msg *m)
{
	struct job *j;
	int r;

	if (!ipc_is(m, "job"))
		return E_PEER;
	r = job_parse(m, &j);
	if (r)
		return r;
	if (s->stopping)
		job_free(j); /* queued sees the link end */
	else
		route_add(j->lmtp ? &s->local : &s->smarthost, j);
	return 0;
}

static void queued_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	for (i = 0; i < 32 && r == 0 && s->queued == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			r = on_job(s, &m);
		ipc_done(&m);
	}
	if (r == 0 || r == -EAGAIN || r == -EINTR || s->queued != fd)
		return;
	if (r == E_PEER)
		trace_event(TRACE_ERROR, "peer-dropped", NULL, "queued sent a malformed message");
	queued_lost(s);
}

static void queued_out_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	flush_results(arg);
}

static void queued_set(struct sender *s, int fd)
{
	queued_lost(s);
	fd_nonblock(fd, true);
	s->queued = fd;
	event_assign(&s->ev_queued, s->base, fd, EV_READ | EV_PERSIST, queued_event, s);
	event_assign(&s->ev_queued_out, s->base, fd, EV_WRITE, queued_out_event, s);
	event_add(&s->ev_queued, NULL);
	grant_places(s);
}

/* --- settings ---------------------------------------------------------------------- */

static void common_options(const struct conf *c, struct client_options *o)
{
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
}

static struct client_options *local_options(const struct conf *c)
{
	struct client_options *o = mem_alloc(1, sizeof *o);

	common_options(c, o);
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

static struct client_options *smarthost_options(const struct conf *c, struct ipc_msg *m)
{
	struct client_options *o;
	struct buf pem, password;
	const char *why = "";
	struct str host;
	uint16_t port;
	bool literal;

	take_file(m, "trust", TRUST_MAX, &pem);
	take_file(m, "password", PASSWORD_MAX, &password);
	if (c->send_smarthost.n == 0 || addr_split_hostport(c->send_smarthost, &host, &port, &literal)) {
		buf_done(&pem);
		buf_wipe(&password);
		return NULL;
	}
	o = mem_alloc(1, sizeof *o);
	common_options(c, o);
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
	if (tls_trust_new(buf_view(&pem), &o->trust, &why)) {
		trace_event(TRACE_ERROR, "smarthost-ca", NULL, "%s", why);
		if (tls_trust_new(STR_NONE, &o->trust, &why))
			BUG_ON(true);
	}
	buf_done(&pem);
	buf_wipe(&password);
	return o;
}

static void settings(struct sender *s, struct ipc_msg *m)
{
	const struct conf *c = s->program.conf;

	s->conf = c;
	route_set(&s->local, local_options(c), (size_t)c->send_local_sessions);
	route_set(&s->smarthost, smarthost_options(c, m), (size_t)c->send_sessions);
}

static void resolver_set(struct sender *s, int fd);

/* --- master's wishes ------------------------------------------------------------------ */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct sender *s = p->data;

	if (!strcmp(name, "queued")) {
		queued_set(s, fd);
	} else if (!strcmp(name, "lmtpd")) {
		fd_close(&s->lmtpd);
		s->lmtpd = fd;
	} else if (!strcmp(name, "resolverd")) {
		resolver_set(s, fd);
	} else if (!strcmp(name, "traced")) {
		trace_least(p->conf->log_level);
		trace_open(fd, "sender");
	} else {
		close(fd);
	}
}

/* More sessions: queued gets the new places at once; fewer: as jobs are done. */
static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	struct sender *s = p->data;

	(void)old;
	trace_least(p->conf->log_level);
	settings(s, m);
	grant(s, &s->local);
	grant(s, &s->smarthost);
	flush_results(s);
	trace_event(TRACE_INFO, "reload", NULL, "settings of the smarthost");
}

static void stop_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd, (void)what;
	event_base_loopexit(s->base, NULL);
}

/* What is on its way may arrive within the grace time; the rest stays in the queue. */
static void on_stop(struct program *p)
{
	struct sender *s = p->data;
	int64_t ms = s->conf->server_stop_grace;

	if (s->stopping)
		return;
	s->stopping = true;
	route_drop(&s->smarthost, false);
	route_drop(&s->local, false);
	event_add(&s->ev_stop, &(struct timeval){ ms / 1000, ms % 1000 * 1000 });
	sender_wake(s);
}

static const struct program_ops ops = { .peer = on_peer, .reload = on_reload, .stop = on_stop };

/* --- events ----------------------------------------------------------------------------- */

static void control_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd, (void)what;
	program_dispatch(&s->program);
	s->conf = s->program.conf;
}

static void work_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	char note[sizeof s->told - 24], now[sizeof s->told] = "";
	uint64_t n;

	(void)fd, (void)what;
	route_work(&s->local);
	route_work(&s->smarthost);
	n = busy(&s->local) + busy(&s->smarthost);
	if ((route_waits(&s->local) || route_waits(&s->smarthost)) && !event_pending(&s->ev_tick, EV_TIMEOUT, NULL))
		event_add(&s->ev_tick, &(struct timeval){ 1, 0 });
	route_note(&s->smarthost, note, sizeof note);
	snprintf(now, sizeof now, "%llu %s", (unsigned long long)n, note);
	if (strcmp(now, s->told) != 0) {
		memcpy(s->told, now, sizeof now);
		program_status(&s->program, n, note);
	}
	if (s->stopping && n == 0 && !s->results)
		event_base_loopexit(s->base, NULL);
}

static void tick_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd, (void)what;
	route_tick(&s->local);
	route_tick(&s->smarthost);
	sender_wake(s); /* which sets the next tick, if there is need */
}

/* resolverd died: master starts it anew and sends a new link; what was asked is asked again. */
static void resolver_lost(struct sender *s)
{
	if (s->resolver < 0)
		return;
	event_del(&s->ev_resolver);
	fd_close(&s->resolver);
}

static void resolver_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	struct resolver_addresses a;
	struct ipc_msg m;
	int r = ipc_try_recv(fd, &m);

	(void)what;
	if (r == 0 && resolver_parse_address(&m, &a) == 0)
		route_addresses(&s->smarthost, &a);
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		resolver_lost(s);
}

static void resolver_set(struct sender *s, int fd)
{
	resolver_lost(s);
	fd_nonblock(fd, true);
	s->resolver = fd;
	event_assign(&s->ev_resolver, s->base, fd, EV_READ | EV_PERSIST, resolver_event, s);
	event_add(&s->ev_resolver, NULL);
	route_ask_again(&s->smarthost);
}

/* --- main ----------------------------------------------------------------------------------- */

static NORETURN void cannot(const char *what)
{
	fprintf(stderr, "mansio sender: %s\n", what);
	exit(71);
}

static void open_base(struct sender *s)
{
	struct event_config *cfg = event_config_new();

	if (cfg)
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	s->base = cfg ? event_base_new_with_config(cfg) : NULL;
	if (!s->base)
		cannot("no event loop");
	event_config_free(cfg);
	event_assign(&s->ev_control, s->base, s->program.control, EV_READ | EV_PERSIST, control_event, s);
	event_assign(&s->ev_work, s->base, -1, 0, work_event, s);
	event_assign(&s->ev_stop, s->base, -1, 0, stop_event, s);
	event_assign(&s->ev_tick, s->base, -1, 0, tick_event, s);
}

/* A message's file and a socket for each job. */
static void raise_descriptors(const struct conf *c)
{
	struct rlimit lim;
	rlim_t want = (rlim_t)(c->send_sessions * 3 + c->send_local_sessions * 2) + 256;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur >= want)
		return;
	lim.rlim_cur = MIN(want, lim.rlim_max);
	setrlimit(RLIMIT_NOFILE, &lim);
}

static void enter_sandbox(const struct sender *s)
{
	bool landlock = false;

	sandbox_log_only(s->conf->server_sandbox == CONF_SANDBOX_LOG);
	if (sandbox_prepare(SANDBOX_SENDER) || sandbox_enter(SANDBOX_SENDER, NULL, 0, &landlock))
		cannot("the kernel refuses the sandbox");
}

int main(int argc, char **argv)
{
	struct sender *s = &sender;

	s->queued = s->lmtpd = s->resolver = -1;
	s->last_result = &s->results;
	program_start(&s->program, "sender", &ops, argc, argv);
	s->program.data = s;
	s->conf = s->program.conf;
	trace_open(-1, "sender");
	if (auth_init())
		cannot("the SASL library cannot be had");
	raise_descriptors(s->conf);
	open_base(s);
	route_init(&s->local, s, true);
	route_init(&s->smarthost, s, false);
	settings(s, &s->program.start);
	enter_sandbox(s);
	event_add(&s->ev_control, NULL);
	program_ready(&s->program);
	event_base_dispatch(s->base);
	return 0;
}
