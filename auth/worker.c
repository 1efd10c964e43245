/* SPDX-License-Identifier: ISC
 *
 * worker.c: see worker.h.
 *
 * It takes all questions that wait for it (a batch), asks the directory once for the accounts that their logins begin with,
 * and then does one after the other. After one that took long the logins behind it are given back: others can begin them.
 *
 * A worker that cannot go on (its database fails, authd closed the link) exits; authd asks for
 * another. The one that answers lookups hears what others change in a directory that tells.
 */
#include "auth/worker_private.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/auth_private.h"
#include "auth/directory_files.h"
#include "auth/frame.h"
#include "auth/kerberos.h"
#include "auth/password.h"
#include "auth/peek.h"
#include "auth/resolve.h"
#include "auth/trouble.h"
#include "auth/verbs.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/file.h"
#include "base/proc.h"
#include "net/client_cert.h"
#include "net/ipc.h"

#define LATE_MS 20 /* a question took so long: who waits behind it shall wait no longer */

static void settings_use(struct worker *w)
{
	struct sasl_service *s = &w->service;

	s->resolver.separator = w->conf->auth_detail_separator.n ?
					w->conf->auth_detail_separator.p[0] : '\0';
	s->resolver.default_quota = w->conf->mail_default_quota;
	s->cost = (unsigned)w->conf->auth_yescrypt_cost;
	s->iterations = (unsigned)w->conf->auth_scram_iterations;
	s->upgrade = w->conf->auth_upgrade_hashes;
	s->kinds = scram_kinds(w->conf->auth_scram_keys.v, w->conf->auth_scram_keys.n);
	s->limits = (struct scheme_limits){ w->conf->auth_hash_memory, (uint64_t)w->conf->auth_hash_work };
	s->login_cache_ms = w->conf->auth_login_cache_time;
	s->code_tries = w->conf->auth_code_tries;
	s->code_window_s = w->conf->auth_code_window / 1000;
	s->conf = w->conf;
	s->host = w->conf->server_hostname;
	s->main_web = w->conf->auth_main_password == CONF_MAIN_PASSWORD_WEB;
}

/* The rules of files, in place of those before; -1: none. Takes fd. */
static int rules_use(struct worker *w, int fd)
{
	struct str *rules = &w->service.resolver.rules;
	struct stat st = { 0 };
	void *p = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	fd_close(&fd);
	if (p == MAP_FAILED)
		return E_TEMP;
	if (rules->n)
		munmap((void *)(uintptr_t)rules->p, rules->n);
	*rules = str_make(p, (size_t)st.st_size);
	return 0;
}

/* The keys that tokens are signed with, in place of those before; master, or oauthd, has seen that they can be read.
 * Takes fd. */
static int keys_use(struct worker *w, int fd)
{
	struct jwks *keys = NULL;
	struct buf text, why;
	int r = 0;

	buf_init(&text, JWKS_FILE_MAX);
	buf_init(&why, 1024);
	if (fd >= 0) {
		r = file_read_all(fd, &text);
		if (r == 0)
			r = jwks_read(buf_view(&text), JWKS_USABLE, &why, &keys);
	}
	if (r == 0) {
		jwks_free(w->keys);
		w->keys = keys;
		w->service.keys = keys;
	}
	fd_close(&fd);
	buf_done(&text);
	buf_done(&why);
	return r;
}

/* Who vouches for clients, in place of those before; master has seen that they can be read. Takes fd. */
static int client_ca_use(struct worker *w, int fd)
{
	struct client_ca *ca = NULL;
	struct buf text, why;
	int r = 0;

	buf_init(&text, CLIENT_CA_FILE_MAX);
	buf_init(&why, 1024);
	if (fd >= 0) {
		r = file_read_all(fd, &text);
		if (r == 0)
			r = client_ca_new(buf_view(&text), (unsigned)w->conf->auth_client_depth, &ca, &why);
	}
	if (r == 0) {
		client_ca_free(w->client_ca);
		w->client_ca = ca;
		w->service.client_ca = ca;
	}
	fd_close(&fd);
	buf_done(&text);
	buf_done(&why);
	return r;
}

static int keytab_use(struct worker *w, int fd)
{
	(void)w;
	return kerberos_keytab(fd);
}

static int tables_use(struct worker *w, struct tables *t)
{
	static int (*const use[TABLES])(struct worker *, int) = { rules_use, keys_use, client_ca_use, keytab_use };
	int r = 0, q;
	size_t i;

	for (i = 0; i < TABLES; i++) {
		q = use[i](w, t->fd[i]);
		t->fd[i] = -1;
		r = r < 0 ? r : q;
	}
	return r;
}

static int settings_read(struct worker *w, struct str text)
{
	struct conf *c;
	int r = conf_parse(text, "settings", NULL, &c);

	if (r < 0)
		return r;
	if (w->conf != w->first)
		conf_free(w->conf);
	w->conf = c;
	settings_use(w);
	r = kerberos_settings(w->conf);
	return r < 0 ? r : sasl_service_set(&w->service);
}

static void take_settings(struct worker *w, struct ipc_msg *q)
{
	struct tables tables = tables_take(q);
	int r = settings_read(w, ipc_get(q, "settings"));

	if (r == 0 && tables_use(w, &tables) < 0)
		_exit(EX_TEMPFAIL); /* the next one has them, or none of us has */
	tables_close(&tables);
}

static size_t slot_find(const struct worker *w, uint64_t id)
{
	size_t i;

	for (i = 0; i < EXCHANGES; i++)
		if (w->slot[i].id == id)
			return i;
	return EXCHANGES;
}

static void slot_clear(struct worker *w, size_t i)
{
	sasl_exchange_free(w->slot[i].x);
	w->slot[i].x = NULL;
	w->slot[i].id = 0;
}

/* One step of the exchange in a slot; a finished one gives its place back. */
static void answer_step(struct worker *w, size_t i, struct str data, const struct sasl_told *told, struct ipc_msg *out)
{
	static const char *const word[] = { [SASL_CONTINUES] = "continue", [SASL_GOOD] = "ok",
		[SASL_BAD] = "fail", [SASL_DOWN] = "unavailable", [SASL_CODE] = "code", [SASL_CLOCK] = "clock",
		[SASL_ASKS] = "ask" };
	struct sasl_outcome o;

	if (told)
		sasl_exchange_told(w->slot[i].x, told, &o);
	else
		sasl_exchange_step(w->slot[i].x, data, &o);
	ipc_setc(out, "result", word[o.result]);
	ipc_setc(out, "ask", o.ask);
	if (o.token.p)
		ipc_set(out, "token", o.token);
	if (o.data.p)
		ipc_set(out, "data", o.data);
	ipc_set(out, "user", o.user);
	ipc_setc(out, "why", o.why);
	ipc_set_bool(out, "changed", o.upgraded);
	ipc_set_bool(out, "moved_in", o.moved_in);
	ipc_set_bool(out, "failed", o.failed);
	ipc_set_bool(out, "lasting", o.lasting);
	ipc_set_bool(out, "no_submission", o.no_submission);
	if (o.expires)
		ipc_set_u64(out, "expires", o.expires);
	if (o.result == SASL_CODE) {
		ipc_setc(out, "ways", o.ways);
		ipc_set(out, "keys", o.keys);
	}
	if (o.copied.p)
		ipc_set(out, "copied", o.copied);
	if (o.result != SASL_CONTINUES && o.result != SASL_ASKS)
		slot_clear(w, i);
}

static void answer_start(struct worker *w, const struct ipc_msg *q, struct ipc_msg *out)
{
	struct sasl_start start;
	size_t i = slot_find(w, 0);

	if (i == EXCHANGES || sasl_start_parse(q, IPC_MAX, &start) < 0 || start.id == 0) {
		ipc_setc(out, "result", "unavailable");
		return;
	}
	w->service.scram = ipc_get_bool(q, "scram");
	w->slot[i].id = start.id;
	w->slot[i].x = sasl_exchange_new(&start);
	answer_step(w, i, start.initial, NULL, out);
}

/* What oauthd said. */
static void answer_told(struct worker *w, const struct ipc_msg *q, struct ipc_msg *out)
{
	struct str result = ipc_get(q, "result");
	struct sasl_told told = { .claims = ipc_get(q, "claims"),
		.result = str_eqc(result, "ok") ? TOLD_OK : str_eqc(result, "inactive") ? TOLD_INACTIVE : TOLD_NOTHING };
	size_t i = EXCHANGES;
	uint64_t id;

	if (ipc_get_u64(q, "id", UINT64_MAX, &id) == 0 && id > 0)
		i = slot_find(w, id);
	if (i == EXCHANGES)
		ipc_setc(out, "result", "unavailable");
	else
		answer_step(w, i, STR_NONE, &told, out);
}

static void answer_sasl(struct worker *w, const struct ipc_msg *q, struct ipc_msg *out)
{
	struct sasl_step step;
	size_t i = EXCHANGES;

	w->service.from = oldserver_from_parse(ipc_get(q, "from"));
	if (ipc_is(q, "sasl-start")) {
		answer_start(w, q, out);
		return;
	}
	if (ipc_is(q, "sasl-told")) {
		answer_told(w, q, out);
		return;
	}
	if (sasl_step_parse(q, IPC_MAX, &step) == 0 && step.id > 0)
		i = slot_find(w, step.id);
	if (i == EXCHANGES)
		ipc_setc(out, "result", "unavailable");
	else
		answer_step(w, i, step.data, NULL, out);
}

static void forget_ahead(struct worker *w)
{
	struct directory *d = w->service.resolver.d;

	if (d->ops->prefetch)
		d->ops->prefetch(d, NULL, 0);
}

static void answer_control(struct worker *w, struct ipc_msg *q, struct ipc_msg *out)
{
	int reply = ipc_take_fd(q, "reply");
	bool changed;

	forget_ahead(w); /* it sees what is there now */
	/* Verbs write, and are rare: a connection that was made while there was no room or no
	 * descriptor may be one for reading only (db_stuck), and not know it yet. */
	if (w->service.resolver.d->ops->renew(w->service.resolver.d) < 0)
		_exit(EX_TEMPFAIL);
	if (reply >= 0)
		fd_nonblock(reply, true);
	changed = verb_run(&w->service.resolver, w->conf, &w->service.shared_key, q, reply, out);
	fd_close(&reply);
	ipc_setc(out, "result", "ok");
	ipc_set_bool(out, "changed", changed);
}

/* A link to pamd, in place of one that is gone. */
static void take_peer(struct worker *w, struct ipc_msg *m)
{
	struct directory *d = w->service.resolver.d;
	int fd = ipc_take_fd(m, "link");

	if (fd >= 0 && d->ops->peer)
		d->ops->peer(d, fd);
	else
		fd_close(&fd);
}

static void abort_exchange(struct worker *w, const struct ipc_msg *q)
{
	uint64_t id;
	size_t i;

	if (ipc_get_u64(q, "id", UINT64_MAX, &id) == 0 && id > 0 && (i = slot_find(w, id)) < EXCHANGES)
		slot_clear(w, i);
}

/* What is told and not asked. False: it is a question. */
static bool hear(struct worker *w, struct ipc_msg *m)
{
	if (ipc_is(m, "sasl-abort"))
		abort_exchange(w, m);
	else if (ipc_is(m, "settings"))
		take_settings(w, m);
	else if (ipc_is(m, "pamd"))
		take_peer(w, m);
	else if (ipc_is(m, "keys"))
		(void)keys_use(w, ipc_take_fd(m, "keys")); /* those of before stay if these cannot be used */
	else
		return false;
	return true;
}

/* One message; a question gets one answer. */
static int serve(struct worker *w, struct ipc_msg *q)
{
	bool sasl = str_starts(q->verb, "sasl-");
	struct ipc_msg out;
	int r;

	if (hear(w, q))
		return 0;
	ipc_init(&out, sasl ? "sasl" : "answer");
	if (sasl)
		answer_sasl(w, q, &out);
	else if (ipc_is(q, "control"))
		answer_control(w, q, &out);
	else
		worker_answer(w, q, &out);
	r = out.err ? E_LIMIT : ipc_send(w->link, &out);
	if (r == E_LIMIT) { /* too large for one message: the question gets an answer all the same */
		ipc_done(&out);
		ipc_init(&out, sasl ? "sasl" : "answer");
		ipc_setc(&out, "result", sasl ? "unavailable" : "temp");
		r = ipc_send(w->link, &out);
	}
	ipc_done(&out);
	fd_close(&w->close_after);
	return r;
}

/* What another one changed, and nobody answers. */
static void tell_changed(struct worker *w)
{
	struct ipc_msg m;

	ipc_init(&m, "changed");
	(void)ipc_send(w->link, &m);
	ipc_done(&m);
}

static void tell_trouble(void *arg, const char *text)
{
	struct worker *w = arg;
	struct ipc_msg m;

	ipc_init(&m, "trouble");
	ipc_setc(&m, "text", text);
	(void)ipc_send(w->link, &m);
	ipc_done(&m);
}

/* A verb goes on and on: it is no worker that hangs. */
static void tell_working(void *arg)
{
	struct worker *w = arg;
	struct ipc_msg m;

	ipc_init(&m, "working");
	(void)ipc_send(w->link, &m);
	ipc_done(&m);
}

/* Until authd asks: meanwhile the back ends are heard. 0 or negative. */
static int wait_for_question(struct worker *w)
{
	struct directory *d = w->service.resolver.d;
	struct pollfd f[2] = { { .fd = w->link, .events = POLLIN }, { .events = POLLIN } };

	while (w->lookups && d->ops->news) {
		if (d->ops->news(d))
			tell_changed(w);
		f[1].fd = d->ops->news_fd(d);
		if (poll(f, ARRAY_LEN(f), -1) < 0)
			return -errno;
		if (f[0].revents)
			break;
	}
	return 0;
}

/* The name that a login begins with. */
static bool name_of(const struct ipc_msg *q, struct arena *a, struct directory_name *out)
{
	struct str initial = ipc_is(q, "sasl-start") ? ipc_get(q, "initial") : STR_NONE;

	return initial.p && address_read(peek_name(ipc_get(q, "mech"), initial, a), a, &out->local, &out->domain) == 0;
}

static void look_ahead(struct worker *w, size_t n)
{
	struct directory *d = w->service.resolver.d;
	struct directory_name name[DIRECTORY_PREFETCH];
	struct arena a;
	size_t i, m = 0;

	if (n < 2 || !d->ops->prefetch)
		return;
	arena_init(&a);
	for (i = 0; i < n; i++)
		m += name_of(&w->batch[i], &a, &name[m]);
	if (m > 1)
		d->ops->prefetch(d, name, m);
	arena_wipe(&a);
}

/* How many questions are there, of which the first one is waited for. */
static int take_batch(struct worker *w, size_t *n_out)
{
	int r = ipc_recv(w->link, &w->batch[0]);
	size_t n = 1;

	*n_out = n;
	if (r < 0)
		return r;
	while (r == 0 && n < ARRAY_LEN(w->batch)) {
		r = ipc_try_recv(w->link, &w->batch[n]);
		if (r == 0)
			n++;
		else
			ipc_done(&w->batch[n]);
	}
	*n_out = n;
	return r == -EAGAIN ? 0 : r;
}

static int give_back(struct worker *w)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "back");
	r = ipc_send(w->link, &m);
	ipc_done(&m);
	return r;
}

/* In their order, which is that of the answers. */
static int serve_batch(struct worker *w, size_t n)
{
	int64_t began, now;
	bool late = false;
	size_t i;
	int r = 0;

	look_ahead(w, n);
	began = clock_mono_ms();
	for (i = 0; i < n && r == 0; i++) {
		r = late && ipc_is(&w->batch[i], "sasl-start") ? give_back(w) : serve(w, &w->batch[i]);
		if (file_fsync_failed() || db_stuck())
			_exit(EX_IOERR);
		now = clock_mono_ms();
		late |= now - began > LATE_MS;
		began = now;
	}
	if (n > 1)
		forget_ahead(w);
	return r;
}

/* Before the sandbox: how verbs and logins open shared secrets. */
static void take_shared_key(struct worker *w)
{
	struct arena a;

	arena_init(&a);
	w->service.shared_key = shared_secret_key_of(directory_file("shared-secret.key", &a));
	arena_wipe(&a);
}

/* Opens the directory, then closes the sandbox. 0 or negative; exits where nothing can be done without. */
static int set_up(struct worker *w, const struct ipc_msg *start, const struct workers_room *room)
{
	struct directory *d;
	int r;

	w->lookups = ipc_get_bool(start, "lookups");
	w->close_after = -1;
	trouble_to(tell_trouble, w);
	buf_init(&w->service.dummy, 1024);
	w->service.verified = room->verified;
	if (conf_parse(ipc_get(start, "settings"), "settings", NULL, &w->conf) < 0)
		_exit(EX_SOFTWARE);
	w->first = w->conf;
	r = directory_open(w->conf, &d);
	if (r < 0) {
		fprintf(stderr, "mansio authd: directory.db: %s\n", err_text(r));
		_exit(EX_TEMPFAIL);
	}
	w->service.resolver.d = d;
	w->service.old = (struct oldserver){ .conf = room->old >= 0 ? w->first : NULL, .link = room->old };
	r = d->ops->secret(d, w->service.secret);
	take_shared_key(w);
	if (worker_lock_in(directory_network(w->conf) ? SANDBOX_AUTH_WORKER : SANDBOX_AUTH_LOCAL, room) < 0) {
		fprintf(stderr, "mansio authd: a worker cannot lock itself in\n");
		_exit(EX_OSERR);
	}
	verb_long(tell_working, w);
	if (w->lookups && d->ops->watch)
		d->ops->watch(d);
	settings_use(w);
	return r < 0 ? r : sasl_service_set(&w->service);
}

NORETURN void worker_run(int link, const struct ipc_msg *start, struct tables tables, const struct workers_room *room)
{
	struct worker *w = mem_alloc(1, sizeof(*w));
	size_t n;
	int r;

	proc_title("authd worker");
	w->link = link;
	r = set_up(w, start, room);
	if (r == 0)
		r = tables_use(w, &tables);
	while (r == 0) {
		n = 0;
		r = wait_for_question(w);
		if (r == 0)
			r = take_batch(w, &n);
		if (r == 0)
			r = serve_batch(w, n);
		while (n > 0)
			ipc_done(&w->batch[--n]);
		if (r == -EINTR)
			r = 0;
	}
	_exit(r == E_CLOSED || r == -EPIPE ? 0 : EX_SOFTWARE);
}
