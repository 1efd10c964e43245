/* SPDX-License-Identifier: ISC
 *
 * authd.c: who exists and who you are. The main process: it holds the links of
 * all programs, tickets, mailbox keys, the cache and the fair queue, and never
 * blocks. What may block (directory, hashing, SASL) is in workers (worker.c),
 * forked by a small parent before this process locks itself in.
 *
 *   fronts --sasl--> exchange.c --+                     +--> worker 0: lookups
 *   rooms --> authd_link.c --> lookup.c --> pool.c -----+--> workers: SASL, verbs
 *   master --control--> control.c +
 *   webadmind --ask--> gate.c ----+--> master, for verbs of others
 *
 * Rights: the mail root (keys are opened beneath it), and nothing else; the
 * database belongs to the workers.
 */
#include "auth/authd.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/directory.h"
#include "auth/directory_files.h"
#include "auth/guard.h"
#include "auth/oauth_link.h"
#include "auth/oldserver.h"
#include "auth/recent.h"
#include "auth/trouble.h"
#include "auth/worker.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sandbox.h"
#include "trace/trace.h"

#define SWEEP_MS 10000
#define NETWORK_WORKERS 8

struct authd authd;

static const struct client_ops client_events = {
	.message = link_message,
	.closed = link_closed,
};

static void on_peer(struct program *p, const char *name, int fd)
{
	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0)
		trace_open(fd, p->name);
	else if (strcmp(name, "pamd") == 0)
		pool_pamd(authd.pool, fd);
	else if (strcmp(name, "oauthd") == 0)
		oauth_peer(fd);
	else
		close(fd);
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	struct client *c = client_new(name, instance, fd);

	(void)p;
	client_hold(c);
	guard_link(c);
	if (c->fd >= 0)
		offer_send(c);
	if (c->fd >= 0)
		routes_tell(c);
	client_release(c);
}

static struct slowdown_limits slowdown_limits(const struct conf *c)
{
	return (struct slowdown_limits){ .first_ms = c->auth_failure_delay,
		.max_ms = MAX(c->auth_failure_delay, c->auth_failure_delay_max),
		.memory_ms = c->auth_failure_memory, .entries = (size_t)c->auth_failures };
}

static struct logins_limits logins_limits(const struct conf *c)
{
	return (struct logins_limits){ .max = (size_t)c->web_logins, .per_user = (size_t)c->web_logins_per_user,
		.idle_ms = c->web_login_idle, .age_ms = c->web_login_age };
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	struct slowdown_limits l = slowdown_limits(p->conf);
	struct logins_limits w = logins_limits(p->conf);
	bool clear_before = old->auth_allow_clear, shared_before = old->auth_shared_secret_clear;
	struct tables tables = tables_take(m);

	oauth_reload(old);
	if (tables.fd[TABLE_KEYS] < 0)
		tables.fd[TABLE_KEYS] = oauth_keys();
	trace_least(p->conf->log_level);
	slowdown_set(authd.slowdown, &l);
	guard_reload();
	logins_set(authd.logins, &w);
	tickets_limit(authd.tickets, (size_t)p->conf->auth_tickets);
	renewals_limit(authd.renewals, (size_t)p->conf->auth_tickets);
	cache_set(authd.cache, (size_t)p->conf->auth_cache_entries, p->conf->auth_cache_time);
	recent_set(p->conf);
	pool_settings(authd.pool, ipc_get(m, "settings"), tables, (size_t)p->conf->auth_queue);
	if (clear_before != p->conf->auth_allow_clear || shared_before != p->conf->auth_shared_secret_clear)
		clients_each(offer_send);
	directory_changed();
}

static void on_stop(struct program *p)
{
	(void)p;
	ipc_turn_end();
	exit(0);
}

static const struct program_ops ops = {
	.peer = on_peer,
	.client = on_client,
	.reload = on_reload,
	.control = control_message,
	.stop = on_stop,
};

static void control_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	program_dispatch(&authd.program);
}

/* Of a back end, by a worker. */
static void tell_trouble(struct str text)
{
	if (trouble_is_new(text, clock_mono_ms()))
		trace_event(TRACE_WARN, "directory-trouble", NULL, "%.*s", STRF(text));
}

static void sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	tickets_sweep(authd.tickets, clock_mono_ms());
	renewals_sweep(authd.renewals, clock_mono_ms());
	logins_sweep(authd.logins, clock_mono_ms());
	guard_sweep();
	before_sweep();
	program_status(&authd.program, authd.exchanges, NULL);
}

static NORETURN void give_up(int code, const char *what, int err)
{
	fprintf(stderr, "mansio authd: %s: %s\n", what, err_text(err));
	exit(code);
}

static unsigned hashers(const struct conf *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->auth_workers > 0)
		return (unsigned)c->auth_workers;
	/* who waits for another host uses no core meanwhile */
	return (unsigned)MIN(MAX(cores, directory_network(c) ? NETWORK_WORKERS : 1), 64);
}

static void lock_in(int mail)
{
	struct sandbox_rule rule = { mail, SANDBOX_READ | SANDBOX_WRITE };
	int r = sandbox_enter(SANDBOX_AUTHD, &rule, 1, NULL);

	if (r < 0)
		give_up(EX_OSERR, "cannot lock itself in", r);
}

static void state_init(struct program *p, int parent, int mail)
{
	struct slowdown_limits l = slowdown_limits(p->conf);
	struct logins_limits w = logins_limits(p->conf);
	unsigned workers = hashers(p->conf);
	bool old = oldserver_active(p->conf, clock_unix());

	authd.tickets = tickets_new((size_t)p->conf->auth_tickets);
	authd.renewals = renewals_new((size_t)p->conf->auth_tickets);
	authd.cache = cache_new((size_t)p->conf->auth_cache_entries, p->conf->auth_cache_time);
	recent_set(p->conf);
	authd.slowdown = slowdown_new(&l);
	authd.logins = logins_new(&w);
	authd.challenges = challenges_new();
	keys_init(&authd.keys, mail);
	lock_in(mail);
	clients_init(authd.base, &client_events);
	/* who waits for the old server takes nobody's place */
	if (old)
		workers += (unsigned)p->conf->oldserver_connections;
	authd.pool = pool_new(authd.base, directory_changed, tell_trouble, parent, workers, (size_t)p->conf->auth_queue,
		ipc_get(&p->start, "settings"), tables_take(&p->start));
	if (old)
		pool_none_ahead(authd.pool);
}

/* It says nothing: this is its end. Without it no worker comes back, and locked in as we
 * are we cannot make another; master makes all of us anew. */
static void workers_gone(evutil_socket_t fd, short what, void *arg)
{
	int status = 0;

	(void)fd;
	(void)what;
	(void)arg;
	/* what it lacks an admin must bring */
	give_up(waitpid(-1, &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG ? EX_CONFIG : EX_SOFTWARE,
		"the parent of the workers died", E_CLOSED);
}

int main(int argc, char **argv)
{
	struct program *p = &authd.program;
	struct timeval every = { .tv_sec = SWEEP_MS / 1000 };
	struct event *control, *workers, *timer;
	int dir, mail, parent, shut[2];

	program_start(p, "authd", &ops, argc, argv);
	sandbox_log_only(p->conf->server_sandbox == 1);
	dir = ipc_take_fd(&p->start, "dir");
	mail = ipc_take_fd(&p->start, "mail");
	if (dir < 0 || mail < 0)
		give_up(EX_SOFTWARE, "master gave no directory", E_PEER);
	directory_files_take(&p->start);
	shut[0] = PROGRAM_CONTROL_FD;
	shut[1] = mail;
	parent = workers_start(dir, p->conf, shut, ARRAY_LEN(shut));
	if (parent < 0)
		give_up(EX_OSERR, "cannot start workers", parent);
	directory_files_drop();
	fd_nonblock(parent, true);
	trace_open(-1, p->name);
	guard_init(dir);
	fd_close(&dir);
	authd.kerberos = p->conf->kerberos_keytab.n > 0;
	authd.base = event_base_new();
	if (!authd.base)
		give_up(EX_OSERR, "cannot make the event loop", E_TEMP);
	state_init(p, parent, mail);
	control = event_new(authd.base, p->control, EV_READ | EV_PERSIST, control_readable, NULL);
	timer = event_new(authd.base, -1, EV_PERSIST, sweep, NULL);
	workers = event_new(authd.base, parent, EV_READ, workers_gone, NULL);
	event_add(control, NULL);
	event_add(workers, NULL);
	event_add(timer, &every);
	offer_refresh();
	while (!file_fsync_failed() && event_base_loop(authd.base, EVLOOP_ONCE) == 0) {
		trace_flush(); /* the log knows of a login before its client does */
		ipc_turn_end();
	}
	if (file_fsync_failed())
		give_up(EX_IOERR, "a mailbox directory could not be synced", -EIO);
	give_up(EX_OSERR, "the event loop ended", E_TEMP);
}
