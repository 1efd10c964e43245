/* SPDX-License-Identifier: ISC
 *
 * acmed.c: main, loop and schedule (see acmed.h).
 *
 * When an order is due: no certificate for the names, or its renewal time came (a part of its
 * life is left, or the authority said so, RFC 9773: it is asked at each look); but not before next_try, which stands in the
 * state and grows with each failure. A child that died counts as a failure. When one came
 * through, master hears "certs", and the fronts have it without a session ending.
 */
#include "acme/acmed.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/order.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/value.h"
#include "net/addr.h"
#include "net/cert.h"
#include "trace/trace.h"

#define FIRST_LOOK_MS 60000
#define AFTER_ISSUE_MS 3000
#define AGAIN_S 60 /* after a child that died, at most */
#define TURN_MS 60000 /* the wall clock is looked at so often */
#define RULES 24
#define LOOK_S 60
#define TRUST_MAX (4 * 1024 * 1024)

static struct acmed acmed;

/* --- schedule ---------------------------------------------------------------------- */

static void joined_names(const struct conf *c, char *out, size_t size)
{
	struct str names[CONF_ACME_NAMES];
	size_t n = order_names(c, names), i, at = 0;

	out[0] = '\0';
	for (i = 0; i < n && at + names[i].n + 3 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%.*s", i ? ", " : "", STRF(names[i]));
}

bool acmed_due(const struct acmed *a, int64_t *at_out)
{
	char names[sizeof a->state.names];
	int64_t at = 0, now = clock_unix(), next = a->state.next_try;

	if (!a->conf->acme_enabled)
		return false;
	joined_names(a->conf, names, sizeof names);
	if (a->state.not_after > 0 && strcmp(names, a->state.names) == 0)
		at = MIN(a->state.renew_at, a->state.not_after);
	/* a clock that was set back must not keep us waiting for ever */
	if (a->state.last_try > now)
		next = MIN(next, now + a->conf->acme_retry_max / 1000);
	*at_out = MAX(at, MAX(next, a->retry_at));
	return true;
}

/* --- children ------------------------------------------------------------------------- */

/* In a child: what belongs to the loop is closed. */
static void leave_loop(struct acmed *a)
{
	size_t i;

	fd_close(&a->program.control);
	for (i = 0; i < FRONTS; i++)
		fd_close(&a->front[i].fd);
}

static void load_file(int fd, size_t max, struct buf *out)
{
	struct stat st;
	char *p;

	buf_init(out, max);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && (p = buf_room(out, (size_t)st.st_size)) &&
		file_pread_all(fd, p, (size_t)st.st_size, 0) == 0)
		buf_grew(out, (size_t)st.st_size);
}

/* The account's key; made at the first order. */
static struct jws_key *account_key(int dir)
{
	struct jws_key *k = NULL;
	struct buf pem;

	buf_init(&pem, 16384);
	if (file_load(dir, "account.pem", &pem) == 0) {
		k = jws_key_new(buf_view(&pem));
	} else if (cert_key_new(&pem) == 0 && file_replace(dir, "account.pem", buf_view(&pem), 0600) == 0) {
		k = jws_key_new(buf_view(&pem));
	}
	buf_wipe(&pem);
	return k;
}

static void finish(struct acme_state *s, const struct conf *c, const struct problem *why)
{
	int64_t now = clock_unix(), wait;

	if (!why) {
		s->failures = 0;
		s->next_try = 0;
		s->last_good = now;
		s->words[0] = s->fix[0] = '\0';
		return;
	}
	s->failures++;
	wait = MAX(acme_backoff(s->failures, c->acme_retry, c->acme_retry_max), why->retry_after);
	s->next_try = now + wait;
	snprintf(s->words, sizeof s->words, "%s", why->words);
	snprintf(s->fix, sizeof s->fix, "%s", why->fix);
}

static int order_with_key(struct acmed *a, struct acme_state *s, const struct str *names, size_t n)
{
	struct order o = { .names = names, .nnames = n, .link = a->link, .hook = a->hook };
	struct buf trust, eab;
	int r;

	load_file(a->trust, TRUST_MAX, &trust);
	load_file(a->eab, 4096, &eab);
	o.acme = (struct acme){ .conf = a->conf, .state = s, .dir = a->dir, .eab_key = buf_view(&eab),
		.end = deadline_in(a->conf->acme_order) };
	o.acme.key = account_key(a->dir);
	o.acme.http = http_new(buf_view(&trust), a->resolver, a->conf->acme_request);
	if (!o.acme.key) {
		problem_set(&o.acme.why, "look at the folder acme of the state folder: its owner is _acme, and the disk has room",
			"the account's key could not be read or made");
		r = E_DENIED;
	} else {
		r = s->rekey ? rekey_ready(&o, a->resolver) : 0;
		if (r == 0)
			r = order_run(&o);
		else
			s->rekey = false; /* the wish is void: a renewal must not wait for it */
	}
	finish(s, a->conf, r < 0 ? &o.acme.why : NULL);
	trace_event(r < 0 ? TRACE_ERROR : TRACE_INFO, r < 0 ? "acme-failed" : "acme-issued", NULL, "%s%s%s",
		r < 0 ? s->words : s->names, r < 0 ? "; " : "", r < 0 ? s->fix : "");
	return r;
}

/* The authority may want it sooner than we, as when it must revoke many (RFC 9773). */
static void ask_renewal(struct acmed *a, struct acme_state *s)
{
	struct acme acme = { .conf = a->conf, .state = s, .dir = a->dir };
	struct buf trust;
	int64_t at;

	load_file(a->trust, TRUST_MAX, &trust);
	acme.http = http_new(buf_view(&trust), a->resolver, a->conf->acme_request);
	at = client_renew_at(&acme, s->ari);
	if (at > 0 && at < s->renew_at) {
		trace_event(TRACE_INFO, "acme-renewal", NULL, "the authority wants it renewed sooner than planned");
		s->renew_at = at;
	}
	http_free(acme.http);
	buf_done(&trust);
}

/* Exit code 0: there is a (new) certificate; 1: it failed, and the state says why; 2: not needed. */
static NORETURN void order_child(struct acmed *a, bool forced, bool rekey)
{
	struct str names[CONF_ACME_NAMES];
	size_t n = order_names(a->conf, names);
	struct acme_state s;
	int64_t planned;
	int lock, r;

	proc_title("acmed order");
	leave_loop(a);
	alarm((unsigned)(a->conf->acme_order / 1000 + 30));
	lock = file_open(a->dir, "lock", O_RDWR | O_CREAT, 0600);
	if (lock < 0 || file_lock(lock, true, deadline_in(a->conf->acme_order)) < 0)
		_exit(3);
	acme_state_load(a->dir, &s);
	if (order_have(a->dir, a->conf, names, n, &s) && !forced && s.renew_at > clock_unix()) {
		if (s.ari[0])
			ask_renewal(a, &s);
		r = acme_state_save(a->dir, &s);
		if (r < 0 || s.renew_at > clock_unix())
			_exit(r < 0 ? 3 : 2);
	}
	s.last_try = clock_unix();
	s.rekey |= rekey;
	planned = s.renew_at;
	if (forced)
		s.renew_at = MIN(s.renew_at, s.last_try); /* and it stays due until one came through */
	s.next_try = s.last_try + MIN(a->conf->acme_retry / 1000, (int64_t)AGAIN_S); /* should we die */
	if (acme_state_save(a->dir, &s) < 0)
		_exit(3);
	r = order_with_key(a, &s, names, n);
	if (r < 0 && rekey && !s.rekey)
		s.renew_at = planned;
	if (acme_state_save(a->dir, &s) < 0)
		_exit(3);
	_exit(r < 0 ? 1 : 0);
}

static void start_order(struct acmed *a)
{
	bool forced = a->forced, rekey = a->rekey;
	int pair[2];

	a->forced = a->ask = a->rekey = false;
	if (ipc_pair(pair) < 0)
		return;
	a->order = proc_fork(true);
	if (a->order == 0) {
		close(pair[0]);
		a->link = pair[1];
		order_child(a, forced, rekey);
	}
	close(pair[1]);
	if (a->order < 0) {
		close(pair[0]);
		a->retry_at = clock_unix() + AGAIN_S;
		return;
	}
	fd_nonblock(pair[0], true);
	a->link = pair[0];
	trace_event(TRACE_DEBUG, "acme-order", NULL, "begins");
}

void acmed_tell_master(struct acmed *a)
{
	struct ipc_msg m;

	ipc_init(&m, "certs");
	ipc_send(a->program.control, &m);
	ipc_done(&m);
	a->look_at = deadline_in(AFTER_ISSUE_MS);
}

static void order_ended(struct acmed *a, int status)
{
	bool issued = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	a->order = 0;
	fd_close(&a->link);
	fronts_clear(a);
	if (acme_state_load(a->dir, &a->state) < 0)
		trace_event(TRACE_WARN, "acme-state", NULL, "cannot be read: starting without memory");
	if (issued)
		acmed_tell_master(a);
	else if (!WIFEXITED(status) || WEXITSTATUS(status) > 2) {
		trace_event(TRACE_ERROR, "acme-failed", NULL, "the order's process ended: %s", proc_status_text(status));
		a->retry_at = clock_unix() + MIN(a->conf->acme_retry / 1000, (int64_t)AGAIN_S);
	}
	program_status(&a->program, 0, a->state.words[0] ? "the last order failed: cert show" : "");
}

void acmed_look(struct acmed *a, int reply)
{
	pid_t pid;
	size_t i;

	for (i = 0; i < LOOKS && a->look[i] > 0; i++)
		;
	/* not with us: a reload puts another acmed in our place, and somebody waits for the answer */
	pid = i < LOOKS ? proc_fork(false) : -EAGAIN;
	if (pid == 0) {
		proc_title("acmed look");
		leave_loop(a);
		alarm(LOOK_S);
		look_run(a, reply);
		_exit(0);
	}
	if (pid > 0)
		a->look[i] = pid;
	fd_close(&reply);
}

static void reap(struct acmed *a)
{
	int status;
	size_t i;
	pid_t pid;

	while ((pid = proc_reap(&status)) > 0) {
		if (pid == a->order)
			order_ended(a, status);
		for (i = 0; i < LOOKS; i++)
			if (pid == a->look[i])
				a->look[i] = 0;
	}
}

/* --- master's wishes --------------------------------------------------------------------- */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct acmed *a = p->data;

	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0)
		trace_open(fd, "acmed");
	else if (strcmp(name, "resolverd") == 0) {
		fd_close(&a->resolver);
		a->resolver = fd;
	} else
		close(fd);
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	if (strcmp(name, "front") == 0)
		fronts_add(p->data, instance, fd);
	else
		close(fd);
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	verbs_control(p->data, m);
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client, .control = on_control };

/* --- the loop --------------------------------------------------------------------------------- */

/* At the start of the suite, links to the others come one by one. */
static bool can_order(const struct acmed *a)
{
	size_t i;

	for (i = 0; i < FRONTS && a->front[i].fd < 0; i++)
		;
	return a->conf->acme_enabled && a->order <= 0 && a->resolver >= 0 && i < FRONTS;
}

static void work(struct acmed *a)
{
	int64_t at;

	fronts_tick(a);
	if (deadline_passed(a->look_at)) {
		a->look_at = deadline_in(a->conf->acme_look);
		a->ask = a->state.ari[0] != '\0';
		acmed_look(a, -1);
	}
	if (can_order(a) && (a->forced || a->ask || (acmed_due(a, &at) && at <= clock_unix())))
		start_order(a);
}

static int wait_ms(const struct acmed *a)
{
	int64_t at, ms = MIN(deadline_left(a->look_at), TURN_MS);

	if (can_order(a) && acmed_due(a, &at))
		ms = MIN(ms, MAX((at - clock_unix()) * 1000, (int64_t)50));
	if (a->pending[0])
		ms = MIN(ms, (int64_t)deadline_left(a->answer_by));
	return (int)ms;
}

static void turn(struct acmed *a, int signals)
{
	struct signalfd_siginfo info;
	struct pollfd pfd[FRONTS + 3];
	size_t who[FRONTS + 3], n = 0, i;

	pfd[n++] = (struct pollfd){ a->program.control, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ signals, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ a->link, POLLIN, 0 }; /* -1 is passed over */
	for (i = 0; i < FRONTS; i++) {
		if (a->front[i].fd < 0)
			continue;
		who[n] = i;
		pfd[n++] = (struct pollfd){ a->front[i].fd, POLLIN, 0 };
	}
	if (poll(pfd, n, wait_ms(a)) > 0) {
		for (i = 3; i < n; i++)
			if (pfd[i].revents)
				fronts_readable(a, who[i]);
		if (pfd[2].revents)
			fronts_order_readable(a);
		if (pfd[0].revents)
			program_dispatch(&a->program);
		if (pfd[1].revents)
			while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
				reap(a);
	}
	work(a);
}

/* --- main ----------------------------------------------------------------------------------------- */

static NORETURN void cannot(const char *what)
{
	fprintf(stderr, "mansio acmed: %s\n", what);
	exit(71);
}

/* Where it may connect to: the authority, and our own ports (look.c). */
static void allow_ports(const struct conf *c)
{
	struct str rest = str_from(c->acme_directory, strlen("https://")), host;
	uint16_t port[SANDBOX_PORTS];
	struct addr addr;
	size_t n = 0, i, k;
	bool literal;

	port[n++] = 443;
	if (addr_split_hostport(str_cut(&rest, '/'), &host, &port[n], &literal) == 0 && port[n])
		n++;
	for (k = 0; k < conf_nkeys; k++) {
		const struct conf_list *l = conf_field_of(c, &conf_keys[k]);

		if (strcmp(conf_keys[k].section, "listen") != 0)
			continue;
		for (i = 0; i < l->n && n < ARRAY_LEN(port); i++)
			if (addr_parse_hostport(l->v[i], &addr) == 0)
				port[n++] = addr.port;
	}
	sandbox_connect_ports(port, n);
}

/* OpenSSL reads its configuration in the children. */
static void enter_sandbox(const struct acmed *a)
{
	struct sandbox_rule rules[RULES];
	bool landlock = false;
	size_t n, i;
	int ssl;

	sandbox_log_only(a->conf->server_sandbox == CONF_SANDBOX_LOG);
	allow_ports(a->conf);
	n = sandbox_system_rules(rules, RULES - 2);
	ssl = open("/etc/ssl", O_PATH | O_CLOEXEC);
	if (ssl >= 0)
		rules[n++] = (struct sandbox_rule){ ssl, SANDBOX_READ };
	rules[n++] = (struct sandbox_rule){ a->dir, SANDBOX_READ | SANDBOX_WRITE };
	if (sandbox_prepare(SANDBOX_ACME) < 0 || sandbox_enter(SANDBOX_ACME, rules, n, &landlock) < 0)
		cannot("the kernel refuses the sandbox");
	for (i = 0; i + 1 < n; i++)
		close(rules[i].fd);
}

/* cert.N: what master serves beside our own: to know it again when a port shows it. */
static void take_certificates(struct acmed *a, struct ipc_msg *m)
{
	char name[32];
	struct str label;
	int fd;

	for (; a->nchains < ARRAY_LEN(a->chain) && (label = ipc_get_nth(m, "cert", a->nchains)).n; a->nchains++) {
		snprintf(name, sizeof name, "cert.%zu", a->nchains);
		fd = ipc_take_fd(m, name);
		load_file(fd, 1 << 20, &a->chain[a->nchains]);
		fd_close(&fd);
		a->label[a->nchains] = str_of(mem_strdup(arena_cstr(&m->arena, label)));
	}
}

int main(int argc, char **argv)
{
	static const int sig[] = { SIGCHLD, 0 };
	struct acmed *a = &acmed;
	int signals;
	size_t i;

	program_start(&a->program, "acmed", &ops, argc, argv);
	a->program.data = a;
	a->conf = a->program.conf;
	a->link = a->hook = a->resolver = -1;
	for (i = 0; i < FRONTS; i++)
		a->front[i].fd = -1;
	trace_open(-1, "acmed");
	a->dir = ipc_take_fd(&a->program.start, "dir");
	a->trust = ipc_take_fd(&a->program.start, "trust");
	a->eab = ipc_take_fd(&a->program.start, "eab");
	take_certificates(a, &a->program.start);
	if (a->conf->acme_enabled && a->conf->acme_challenge == CONF_ACME_DNS)
		a->hook = hook_start(a->conf->acme_hook.p, a->conf->acme_hook_time);
	signals = proc_signal_fd(sig);
	if (a->dir < 0 || signals < 0)
		cannot("no folder for its state");
	enter_sandbox(a);
	acme_state_load(a->dir, &a->state);
	a->look_at = deadline_in(MIN(a->conf->acme_look, (int64_t)FIRST_LOOK_MS));
	program_ready(&a->program);
	for (;;)
		turn(a, signals);
}
