/* SPDX-License-Identifier: ISC
 *
 * way.c: see way.h.
 */
#include "smtp/send/way.h"

#include "base/file.h"
#include "base/sha256.h"
#include "smtp/send/sender.h"
#include "trace/trace.h"

#define KNOWN_MS 60000
#define STALE_MS 5000 /* authd did not answer: asked again after this */
#define ASKED_MAX 4000 /* at once: authd drops who asks without end */
#define KEY_MAX 1200 /* of a test: domain and both addresses */
#define ANSWERS 64 /* of one turn */
#define SUBMISSIONS_PORT 465

/* A question, and its answer as long as that is good. */
struct ask {
	TAILQ_ENTRY(ask) link;
	char *key, *domain, *from;
	char *address; /* of a test, and from whom it is; else NULL */
	uint64_t id; /* 0: nothing is asked */
	bool stale; /* the routes have changed: the answer counts only where no other is to be had */
	bool known, none; /* none: there are no routes at all */
	struct way *way; /* NULL: no route */
	deadline until, give_up, used_until;
	struct job *waiting, **last;
};

/* --- ways ------------------------------------------------------------------------- */

struct way *way_ref(struct way *w)
{
	if (w)
		w->refs++;
	return w;
}

void way_drop(struct way *w)
{
	if (!w || --w->refs > 0)
		return;
	if (w->route.secret.n)
		explicit_bzero((char *)(uintptr_t)w->route.secret.p, w->route.secret.n);
	arena_done(&w->a);
	free(w);
}

static void digest(const struct auth_route *r, char out[65])
{
	const struct str part[] = { r->host, r->user, r->secret, r->mech, r->source };
	const uint32_t number[] = { r->port, r->tls, r->start };
	unsigned char sum[SHA256_SIZE];
	struct sha256 s;
	uint64_t n;
	size_t i;

	sha256_init(&s);
	for (i = 0; i < ARRAY_LEN(part); i++) {
		n = part[i].n;
		sha256_add(&s, &n, sizeof n);
		sha256_add(&s, part[i].p, part[i].n);
	}
	sha256_add(&s, number, sizeof number);
	sha256_end(&s, sum);
	sha256_print(sum, out);
}

/* The route that m tells; NULL: none. Negative: authd does not know now, or speaks nonsense. */
static int way_read(const struct ipc_msg *m, struct way **out)
{
	struct way *w = mem_alloc(1, sizeof *w);
	struct str rest;
	uint64_t id;
	int r;

	arena_init(&w->a);
	w->refs = 1;
	r = auth_route_parse(m, &w->a, &id, &w->route);
	if (r == 0 && w->route.result == AUTH_TEMP)
		r = E_TEMP;
	if (r < 0 || w->route.result != AUTH_OK) {
		way_drop(w);
		*out = NULL;
		return r;
	}
	digest(&w->route, w->key);
	for (rest = w->route.source; rest.n > 0 && w->nsources < WAY_SOURCES;)
		if (addr_parse(str_cut(&rest, ','), &w->source[w->nsources]) == 0)
			w->nsources++;
	*out = w;
	return 0;
}

void way_options(const struct way *w, struct client_options *o)
{
	static const int64_t tls[] = { [AUTH_ROUTE_TLS_DEFAULT] = CONF_SMARTHOST_OPPORTUNISTIC,
		[AUTH_ROUTE_TLS_VERIFY] = CONF_SMARTHOST_VERIFY, [AUTH_ROUTE_TLS_ENCRYPT] = CONF_SMARTHOST_ENCRYPT,
		[AUTH_ROUTE_TLS_MAY] = CONF_SMARTHOST_OPPORTUNISTIC, [AUTH_ROUTE_TLS_NONE] = CONF_SMARTHOST_NONE };

	o->tls = tls[w->route.tls];
	o->implicit = w->route.start == AUTH_ROUTE_IMPLICIT ||
		(w->route.start == AUTH_ROUTE_START_AUTO && w->route.port == SUBMISSIONS_PORT);
	o->user = arena_str(&o->a, w->route.user);
	o->password = arena_str(&o->a, w->route.secret);
	o->mech = arena_str(&o->a, w->route.mech);
}

void way_facts(const struct way *w, struct security_facts *f)
{
	static const enum security_level demand[] = { [AUTH_ROUTE_TLS_DEFAULT] = SEC_MAY, [AUTH_ROUTE_TLS_VERIFY] = SEC_VERIFY,
		[AUTH_ROUTE_TLS_ENCRYPT] = SEC_ENCRYPT, [AUTH_ROUTE_TLS_MAY] = SEC_MAY, [AUTH_ROUTE_TLS_NONE] = SEC_NONE };

	if (!w)
		return;
	if (w->route.host.n > 0)
		f->mx_secure = true; /* the admin named it */
	f->by_admin = w->route.tls != AUTH_ROUTE_TLS_DEFAULT;
	f->demand = demand[w->route.tls];
}

/* --- questions ---------------------------------------------------------------------- */

void way_init(struct sender *s)
{
	s->authd = -1;
	table_init(&s->ways);
	table_init(&s->way_ids);
	TAILQ_INIT(&s->asks);
}

static char *copy(struct str s)
{
	char *p = mem_alloc(s.n + 1, 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

static struct ask *ask_get(struct sender *s, struct str domain, struct str from, struct str address)
{
	struct ask *k;
	struct buf key;

	buf_init(&key, KEY_MAX);
	buf_str(&key, domain);
	buf_c(&key, ' ');
	buf_str(&key, from);
	if (address.n) { /* a question of its own */
		buf_puts(&key, "  ");
		buf_str(&key, address);
	}
	k = table_get(&s->ways, buf_view(&key));
	if (!k) {
		k = mem_alloc(1, sizeof *k);
		k->last = &k->waiting;
		k->key = mem_strdup(buf_cstr(&key));
		k->domain = copy(domain);
		k->from = copy(from);
		k->address = address.n ? copy(address) : NULL;
		table_set(&s->ways, str_of(k->key), k);
		TAILQ_INSERT_TAIL(&s->asks, k, link);
	}
	buf_done(&key);
	return k;
}

static void ask_free(struct sender *s, struct ask *k)
{
	TAILQ_REMOVE(&s->asks, k, link);
	table_remove(&s->ways, str_of(k->key));
	way_drop(k->way);
	free(k->key);
	free(k->domain);
	free(k->from);
	free(k->address);
	free(k);
}

/* A link that is gone or full: the tick and the next link ask again. */
static void say(struct sender *s, struct ask *k)
{
	if (s->authd < 0 || s->nways_asked > ASKED_MAX ||
	    (k->address ? auth_route_send_test(s->authd, str_of(k->address), str_of(k->from), k->id) :
		auth_route_send(s->authd, str_of(k->domain), str_of(k->from), k->id)) < 0)
		k->until = deadline_in(0);
}

static struct str id_key(const uint64_t *id)
{
	return str_make((const char *)id, sizeof *id);
}

static void asked(struct sender *s, struct ask *k)
{
	table_remove(&s->way_ids, id_key(&k->id));
	s->nways_asked--;
	k->id = 0;
}

static void begin(struct sender *s, struct ask *k)
{
	k->id = ++s->last_ask;
	table_set(&s->way_ids, id_key(&k->id), k);
	s->nways_asked++;
	k->give_up = deadline_in(s->conf->send_lookup);
	k->until = DEADLINE_NEVER;
	say(s, k);
	sender_wake(s); /* for the tick */
}

/* --- jobs --------------------------------------------------------------------------- */

static void go(struct sender *s, const struct ask *k, struct job *j)
{
	route_by(s, j, str_of(k->domain), k->way, k->none);
}

static void all_go(struct sender *s, struct ask *k)
{
	struct job *j = k->waiting, *next;

	k->waiting = NULL;
	k->last = &k->waiting;
	for (; j; j = next) {
		next = j->next;
		j->next = NULL;
		go(s, k, j);
	}
}

/* No answer: that of before, else later. */
static void without(struct sender *s, struct ask *k)
{
	struct dsn why = { 0 };
	struct job *j = k->waiting, *next;

	if (k->known) {
		all_go(s, k);
		return;
	}
	k->waiting = NULL;
	k->last = &k->waiting;
	dsn_set(&why, 451, "4.3.0", "which way mail to %s goes cannot be looked up at the moment", k->domain);
	for (; j; j = next) {
		next = j->next;
		j->next = NULL;
		job_fail(j, &why);
		sender_done(s, j);
	}
}

void way_job(struct sender *s, struct job *j, struct str domain)
{
	ssize_t at = str_rfind(j->sender, '@');
	struct str from = at >= 0 ? str_from(j->sender, (size_t)at + 1) : STR("");
	struct ask *k = j->probe ? ask_get(s, domain, j->sender, j->rcpt[0].address) : ask_get(s, domain, from, STR_NONE);

	k->used_until = deadline_in(KNOWN_MS);
	if (j->probe && !k->id)
		k->known = false; /* a test goes by what is true now */
	if (!k->id && (!k->known || k->stale || deadline_passed(k->until)))
		begin(s, k);
	if (k->known && s->routes == 0) /* a new queued */
		sender_tell_routes(s, !k->none);
	if (k->known && !k->stale) { /* while it is asked for anew, what was true a minute ago will do */
		go(s, k, j);
		return;
	}
	*k->last = j;
	k->last = &j->next;
}

static void learn(struct sender *s, struct ask *k, const struct ipc_msg *m)
{
	struct way *w = NULL;
	struct job *j;
	int r = way_read(m, &w);

	asked(s, k);
	for (j = k->waiting; j && k->address && r == 0; j = j->next)
		r = auth_test_parse(m, &j->a, j->test = arena_array(&j->a, 1, sizeof *j->test));
	if (r < 0) {
		way_drop(w);
		k->until = deadline_in(STALE_MS);
		without(s, k);
		return;
	}
	way_drop(k->way);
	k->way = w;
	k->none = ipc_get_bool(m, "none");
	sender_tell_routes(s, !k->none);
	k->known = true;
	k->stale = false;
	k->until = deadline_in(KNOWN_MS);
	all_go(s, k);
}

/* What is under way may have been read before the change: it is asked again, under a new number. */
static void changed(struct sender *s, struct str to)
{
	struct ask *k;

	TAILQ_FOREACH(k, &s->asks, link) {
		k->stale = true;
		if (k->id) {
			asked(s, k);
			begin(s, k);
		}
	}
	if (to.n > 0)
		change_way(s, to);
}

static void take(struct sender *s, const struct ipc_msg *m)
{
	struct ask *k;
	uint64_t id;

	if (ipc_is(m, "routes"))
		changed(s, ipc_get(m, "to"));
	else if (ipc_get_u64(m, "id", UINT64_MAX, &id) == 0 && (k = table_get(&s->way_ids, id_key(&id))))
		learn(s, k, m);
}

void way_tick(struct sender *s)
{
	struct ask *k, *next;

	for (k = TAILQ_FIRST(&s->asks); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->id && deadline_passed(k->give_up)) {
			asked(s, k);
			k->until = deadline_in(STALE_MS);
			without(s, k);
		} else if (k->id && k->until && deadline_passed(k->until) && (!k->known || k->stale)) {
			say(s, k);
		}
		if (!k->id && !k->waiting && deadline_passed(k->used_until))
			ask_free(s, k);
	}
}

bool way_waits(const struct sender *s)
{
	return !TAILQ_EMPTY(&s->asks);
}

void way_reload(struct sender *s)
{
	struct ask *k;

	TAILQ_FOREACH(k, &s->asks, link)
		k->stale = true;
}

void way_forget(struct sender *s)
{
	struct ask *k;
	struct job *j;

	TAILQ_FOREACH(k, &s->asks, link) {
		while ((j = k->waiting)) {
			k->waiting = j->next;
			j->next = NULL;
			sender_drop(s, j);
		}
		k->last = &k->waiting;
	}
}

/* --- the link ------------------------------------------------------------------------- */

static void lost(struct sender *s)
{
	if (s->authd < 0)
		return;
	event_del(&s->ev_authd);
	fd_close(&s->authd);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	struct ipc_msg m;
	int i, r = 0;

	(void)what;
	for (i = 0; i < ANSWERS && r == 0 && s->authd == fd; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			take(s, &m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		lost(s);
}

void way_link(struct sender *s, int fd)
{
	struct ask *k;

	lost(s);
	fd_nonblock(fd, true);
	s->authd = fd;
	event_assign(&s->ev_authd, s->base, fd, EV_READ | EV_PERSIST, readable, s);
	event_add(&s->ev_authd, NULL);
	TAILQ_FOREACH(k, &s->asks, link)
		if (k->id)
			say(s, k);
}
