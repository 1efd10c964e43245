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
 * its way; what is, goes on. The new queued gives all of it again: what was taken meanwhile is told
 * from memory (taken.h), what is still on its way is not tried beside that (results.c).
 */
#include "smtp/send/sender.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "smtp/send/auth.h"
#include "trace/trace.h"


static struct sender sender;

void sender_wake(struct sender *s)
{
	if (!s->working)
		event_active(&s->ev_work, EV_TIMEOUT, 0);
}

/* --- queued ---------------------------------------------------------------------- */

static bool drop_dest(struct str key, void *value, void *arg)
{
	(void)key, (void)arg;
	dest_drop(value);
	return true;
}

static bool drop_host(struct str key, void *value, void *arg)
{
	(void)key;
	host_drop(value, *(bool *)arg);
	return true;
}

static void drop_all(struct sender *s, bool orphan)
{
	sign_drop(s->signing, sender_drop);
	way_forget(s);
	dest_drop(&s->local);
	dest_drop(&s->smarthost);
	table_each(&s->dests, drop_dest, NULL);
	host_drop(&s->local_host, orphan);
	host_drop(&s->smarthost_host, orphan);
	table_each(&s->hosts, drop_host, &orphan);
}

void sender_queued_lost(struct sender *s)
{
	if (s->queued < 0)
		return;
	event_del(&s->ev_queued);
	event_del(&s->ev_queued_out);
	fd_close(&s->queued);
	results_forget(s);
	drop_all(s, true);
}

static int on_job(struct sender *s, struct ipc_msg *m)
{
	struct job *j;
	int r;

	if (ipc_is(m, "warmup")) {
		sources_told(s, m);
		return 0;
	}
	if (ipc_is(m, "suppressed")) {
		probe_suppressed(s, m);
		return 0;
	}
	if (!ipc_is(m, "job"))
		return E_PEER;
	r = job_parse(m, &j);
	if (r)
		return r;
	if (s->stopping) {
		job_free(j); /* queued sees the link end */
		return 0;
	}
	s->in_hand[j->lmtp]++;
	if (!results_known(s, j))
		sign_job(s->signing, j);
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
	sender_queued_lost(s);
}

static void queued_out_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	results_flush(arg);
}

static void queued_set(struct sender *s, int fd)
{
	sender_queued_lost(s);
	fd_nonblock(fd, true);
	s->queued = fd;
	event_assign(&s->ev_queued, s->base, fd, EV_READ | EV_PERSIST, queued_event, s);
	event_assign(&s->ev_queued_out, s->base, fd, EV_WRITE, queued_out_event, s);
	event_add(&s->ev_queued, NULL);
	places_start(s);
}

/* --- settings ---------------------------------------------------------------------- */

static bool forget_host(struct str key, void *value, void *arg)
{
	struct host *h = value;
	struct sender *s = arg;

	/* its name and port are those of the options; the key stays */
	(void)key;
	host_set(h, host_options(h, str_of(h->opt->host), h->opt->port), (size_t)s->conf->send_host_sessions);
	return true;
}

static void settings(struct sender *s, struct ipc_msg *m)
{
	const struct conf *c = s->program.conf;
	struct tls_trust *old = s->trust, *smarthost = options_trust(m, "smarthost_trust", "smarthost-ca");
	const char *why;

	s->conf = c;
	s->trust = options_trust(m, "trust", "send-ca");
	if (!s->trust && tls_trust_new(STR_NONE, &s->trust, &why))
		BUG_ON(true);
	tls_trust_free(old);
	host_set(&s->local_host, options_local(c), (size_t)c->send_local_sessions);
	host_set(&s->smarthost_host, options_smarthost(c, m, smarthost ? smarthost : s->trust), (size_t)c->send_sessions);
	tls_trust_free(smarthost);
	dest_fix(&s->local, &s->local_host);
	dest_fix(&s->smarthost, s->smarthost_host.opt ? &s->smarthost_host : NULL);
	table_each(&s->hosts, forget_host, s);
}

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
		lookup_linked(s, LOOKUP_RESOLVER, fd);
	} else if (!strcmp(name, "policyd")) {
		lookup_linked(s, LOOKUP_POLICYD, fd);
	} else if (!strcmp(name, "authd")) {
		way_link(s, fd);
	} else if (!strcmp(name, "signd")) {
		sign_link(s->signing, fd);
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
	struct client_options *before = s->smarthost_host.opt;
	struct job *waiting = dest_withdraw(&s->smarthost);
	bool other;

	if (before)
		before->refs++;
	trace_least(p->conf->log_level);
	settings(s, m);
	way_reload(s);
	other = !change_same(before, s->smarthost_host.opt) || old->send_direct != p->conf->send_direct;
	options_drop(before);
	change_lead(s, waiting);
	if (other)
		change_way(s, STR("*"));
	places_grant(s);
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
	probe_stop(s);
	drop_all(s, false);
	event_add(&s->ev_stop, &(struct timeval){ ms / 1000, ms % 1000 * 1000 });
	sender_wake(s);
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	probe_start(p->data, m);
}

static const struct program_ops ops = { .peer = on_peer, .reload = on_reload, .control = on_control, .stop = on_stop };

/* --- events ----------------------------------------------------------------------------- */

static void control_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd, (void)what;
	program_dispatch(&s->program);
	s->conf = s->program.conf;
}

/* Hosts have their turn in order; those that are woken meanwhile have the next. */
static void work_hosts(struct sender *s)
{
	struct host_list now = TAILQ_HEAD_INITIALIZER(now);
	struct host *h;

	TAILQ_CONCAT(&now, &s->work, work);
	while ((h = TAILQ_FIRST(&now))) {
		TAILQ_REMOVE(&now, h, work);
		h->works = false;
		host_work(h);
	}
}

static void tell_status(struct sender *s)
{
	char note[sizeof s->told - 24], now[sizeof s->told] = "";
	size_t n = s->in_hand[0] + s->in_hand[1];

	if (s->smarthost_host.opt || !s->conf->send_direct)
		host_note(&s->smarthost_host, s->smarthost.nwaiting, note, sizeof note);
	else
		snprintf(note, sizeof note, "%zu connections, %zu messages in hand", s->nsessions, s->in_hand[0]);
	snprintf(now, sizeof now, "%zu %s", n, note);
	if (strcmp(now, s->told) != 0) {
		memcpy(s->told, now, sizeof now);
		program_status(&s->program, n, note);
	}
}

static void work_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	size_t n;

	(void)fd, (void)what;
	s->working = true;
	work_hosts(s);
	s->working = false;
	places_grant(s); /* and all results of this turn with it */
	if (!TAILQ_EMPTY(&s->work))
		sender_wake(s);
	n = s->in_hand[0] + s->in_hand[1];
	if ((n || lookup_waits(s) || way_waits(s) || s->dests.n || s->hosts.n) && !event_pending(&s->ev_tick, EV_TIMEOUT, NULL))
		event_add(&s->ev_tick, &(struct timeval){ 1, 0 });
	tell_status(s);
	if (s->stopping && n == 0 && !s->results)
		event_base_loopexit(s->base, NULL);
}

static bool tick_dest(struct str key, void *value, void *arg)
{
	(void)key, (void)arg;
	dest_tick(value);
	return true;
}

static bool tick_host(struct str key, void *value, void *arg)
{
	(void)key, (void)arg;
	host_tick(value);
	return true;
}

static void tick_event(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;

	(void)fd, (void)what;
	lookup_tick(s);
	way_tick(s);
	dest_tick(&s->local);
	dest_tick(&s->smarthost);
	table_each(&s->dests, tick_dest, NULL);
	host_tick(&s->local_host);
	host_tick(&s->smarthost_host);
	table_each(&s->hosts, tick_host, NULL);
	limits_sweep(&s->limits, clock_mono_ms());
	sender_wake(s); /* which sets the next tick, if there is need */
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
	rlim_t want = (rlim_t)(c->send_sessions * 3 + c->send_local_sessions * 2 + c->send_connections * (2 + DIALS)) + 256;

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
	int kept;

	s->queued = s->lmtpd = -1;
	s->last_result = &s->results;
	program_start(&s->program, "sender", &ops, argc, argv);
	s->program.data = s;
	s->conf = s->program.conf;
	trace_open(-1, "sender");
	if (auth_init())
		cannot("the SASL library cannot be had");
	raise_descriptors(s->conf);
	open_base(s);
	host_init(&s->local_host, s, HOST_LMTP);
	host_init(&s->smarthost_host, s, HOST_SMARTHOST);
	dest_init(&s->local, s);
	dest_init(&s->smarthost, s);
	table_init(&s->dests);
	table_init(&s->names);
	table_init(&s->hosts);
	limits_init(&s->limits);
	table_init(&s->warm);
	TAILQ_INIT(&s->work);
	TAILQ_INIT(&s->starved);
	TAILQ_INIT(&s->probes);
	lookup_init(s);
	s->signing = sign_new(s, route_job, sender_done);
	s->taken = taken_open(ipc_take_fd(&s->program.start, "taken"));
	LIST_INIT(&s->orphans);
	kept = ipc_take_fd(&s->program.start, "kept.in");
	rescue_start(s, kept, ipc_take_fd(&s->program.start, "kept.out"));
	way_init(s);
	settings(s, &s->program.start);
	enter_sandbox(s);
	event_add(&s->ev_control, NULL);
	program_ready(&s->program);
	event_base_dispatch(s->base);
	return 0;
}
