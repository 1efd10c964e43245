/* SPDX-License-Identifier: ISC
 *
 * host.c: a server that takes mail: our own lmtpd, the smarthost, or one that MX records
 * name; shared by all destinations that lead to it (see sender.h).
 *
 * Destinations with mail stand in its line; an idle session takes a job of the first, which goes
 * to the end. While no session works, one is tried, not ten: if it fails, everybody in the
 * line hears of it at once and goes to the next best host (dest.c), instead of each after
 * a time-out of its own. Beside sessions that work further ones are opened as jobs wait; if
 * one of those fails, the others carry on, and the next is tried after a pause.
 *
 * Limits: sessions of a host, of a destination, and of all hosts by MX together. A host that is
 * held up by the last waits in a list, and idle sessions of others give way.
 */
#include "smtp/send/sender.h"

#include "trace/trace.h"

#define ADDRESSES_MS 60000 /* addresses are asked for again after this */
#define HOLD_MS 5000

static void addresses(struct lookup *l, const struct resolver_addresses *a);
static void tlsa(struct lookup *l, const struct dns_answer *x);

/* --- life --------------------------------------------------------------------------- */

void host_init(struct host *h, struct sender *s, enum host_kind kind)
{
	*h = (struct host){ .sender = s, .kind = kind };
	TAILQ_INIT(&h->dests);
	h->lookup.addresses = addresses;
	h->tlsa.answered = tlsa;
	h->tlsa.type = DNS_TLSA;
	arena_init(&h->a);
	arena_init(&h->records);
}

/* Idle sessions end. */
static void rest(struct host *h)
{
	struct session *s;

	for (s = h->sessions; s; s = s->next)
		if (s->client.state == CLIENT_READY && !s->client.job) {
			client_quit(&s->client);
			session_step(s);
		}
}

/* Other settings may mean another server: what is known of the old one goes. */
void host_set(struct host *h, struct client_options *opt, size_t max)
{
	struct client_options *old = h->opt;

	h->opt = opt;
	h->max = max;
	h->naddrs = 0;
	lookup_stop(h->sender, &h->lookup);
	lookup_stop(h->sender, &h->tlsa);
	h->decided = false;
	if (h->kind == HOST_MX)
		h->facts.host = opt->host;
	h->hold = h->down = DEADLINE_NEVER;
	h->login_told = false;
	h->failure[0] = '\0';
	rest(h);
	options_drop(old);
	host_wake(h);
}

/* What may differ between destinations that name the same host stands in its key. */
static void print_key(const struct dest *d, struct str name, uint16_t port, bool allowed, char *out, size_t n)
{
	bool special = d->secure || d->sts_found;

	snprintf(out, n, "%.*s %u %d %d %d %s %s", STRF(name), port, d->secure, d->sts_found ? (int)d->sts_mode : -1, allowed,
		special ? d->name : "", d->way ? d->way->key : "");
}

/* d->a may go before the host: what it says is copied. */
static void set_facts(struct host *h, const struct dest *d)
{
	struct str *mx = arena_array(&h->a, d->sts_n + 1, sizeof *mx);
	size_t i;

	for (i = 0; i < d->sts_n; i++)
		mx[i] = arena_str(&h->a, d->sts_mx[i]);
	h->facts = (struct security_facts){
		.domain = arena_cstr(&h->a, str_of(d->name)), .host = h->opt->host, .literal = h->opt->literal, .mx_secure = d->secure,
		.sts_found = d->sts_found, .sts_mode = d->sts_mode, .sts_mx = mx, .sts_n = d->sts_n,
	};
	way_facts(d->way, &h->facts);
}

struct host *host_get(const struct dest *d, struct str name, uint16_t port)
{
	struct sender *s = d->sender;
	bool allowed = d->sts_found && sts_allows(d->sts_mx, d->sts_n, name.p ? name.p : "");
	char key[900];
	struct host *h;

	print_key(d, name, port, allowed, key, sizeof key);
	h = table_get(&s->hosts, str_of(key));
	if (!h) {
		h = mem_alloc(1, sizeof *h);
		host_init(h, s, HOST_MX);
		h->key = mem_strdup(key);
		h->way = way_ref(d->way);
		h->opt = options_mx(s->conf, name, port, s->trust, d->way);
		h->max = (size_t)s->conf->send_host_sessions;
		set_facts(h, d);
		table_set(&s->hosts, str_of(key), h);
	}
	h->refs++;
	return h;
}

static void host_free(struct host *h)
{
	if (h->works)
		TAILQ_REMOVE(&h->sender->work, h, work);
	if (h->starves)
		TAILQ_REMOVE(&h->sender->starved, h, starved);
	lookup_stop(h->sender, &h->lookup);
	lookup_stop(h->sender, &h->tlsa);
	arena_done(&h->a);
	arena_done(&h->records);
	table_remove(&h->sender->hosts, str_of(h->key));
	options_drop(h->opt);
	way_drop(h->way);
	free(h->key);
	free(h);
}

/* It is freed later, by its work or tick: the caller may stand in the middle of it. */
void host_release(struct host *h)
{
	h->refs--;
}

static bool is_unused(const struct host *h)
{
	return h->key && h->refs == 0 && !h->sessions;
}

bool host_is_down(const struct host *h)
{
	return h->down && !deadline_passed(h->down);
}

void host_wake(struct host *h)
{
	if (!h->works)
		TAILQ_INSERT_TAIL(&h->sender->work, h, work);
	h->works = true;
	sender_wake(h->sender);
}

void host_attach(struct host *h, struct dest *d)
{
	TAILQ_INSERT_TAIL(&h->dests, d, turn);
	d->attached = true;
	host_wake(h);
}

void host_detach(struct host *h, struct dest *d)
{
	TAILQ_REMOVE(&h->dests, d, turn);
	d->attached = false;
}

/* --- failure ------------------------------------------------------------------------- */

static void note_failure(struct host *h, const char *text)
{
	snprintf(h->failure, sizeof h->failure, "%.*s", (int)sizeof h->failure - 1, text);
}

/* Everybody in the line goes elsewhere. A destination may come back to this line only when its
 * list is made anew, so those of now are counted. */
static void fail_line(struct host *h, const struct dsn *why, bool ours)
{
	struct dest_list line = TAILQ_HEAD_INITIALIZER(line);
	struct dest *d;

	if (h->kind == HOST_MX) {
		h->down = h->sender->conf->send_down ? deadline_in(h->sender->conf->send_down) : DEADLINE_NEVER;
		h->down_why = *why;
		h->ours = ours;
	}
	TAILQ_CONCAT(&line, &h->dests, turn);
	while ((d = TAILQ_FIRST(&line))) {
		TAILQ_REMOVE(&line, d, turn);
		d->attached = false;
		dest_host_failed(d, why, ours);
	}
}

/* --- addresses ---------------------------------------------------------------- */

/* Would mail come back to one of our own doors? */
static bool is_our_door(const struct host *h, const struct addr *a)
{
	const struct conf *c = h->sender->conf;
	const struct conf_list *lists[] = { &c->listen_smtp, &c->listen_submission, &c->listen_submissions };
	struct addr own, any = { 0 };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		for (k = 0; k < lists[i]->n; k++) {
			if (addr_parse_hostport(lists[i]->v[k], &own) || own.port != h->opt->port)
				continue;
			any.family = own.family;
			if (own.family == 0 || addr_eq(&own, a) || addr_eq(&own, &any))
				return true;
		}
	return false;
}

static void no_address(struct host *h, int code, const char *status, const char *what, bool ours)
{
	struct dsn why = { 0 };

	dsn_set(&why, code, status, "%s %s", h->opt->label, what);
	note_failure(h, why.text);
	trace_event(TRACE_WARN, "no-address", NULL, "%s", why.text);
	fail_line(h, &why, ours);
}

/* The families in turn, so that a second connection soon tries the other one (RFC 8305 4). */
static void alternate(struct addr *v, size_t n)
{
	size_t i, k;

	for (i = 1; i < n; i++) {
		for (k = i; k < n && v[k].family == v[i - 1].family; k++)
			;
		if (k < n && k > i) {
			struct addr x = v[k];

			memmove(&v[i + 1], &v[i], (k - i) * sizeof *v);
			v[i] = x;
		}
	}
}

/* The sessions of now are as safe as was asked for when they began; the next ones are as safe as is asked now. */
static void decide(struct host *h)
{
	static const int64_t tls[] = { [SEC_NONE] = CONF_SMARTHOST_NONE, [SEC_MAY] = CONF_SMARTHOST_OPPORTUNISTIC,
		[SEC_ENCRYPT] = CONF_SMARTHOST_ENCRYPT, [SEC_VERIFY] = CONF_SMARTHOST_VERIFY, [SEC_DANE] = CONF_SMARTHOST_ENCRYPT };
	struct client_options *old = h->opt;
	struct security was = h->sec;

	security_decide(&h->facts, h->canonical, &h->sec);
	if (h->sec.refused) {
		no_address(h, h->sec.code, h->sec.status, h->sec.words, false);
		h->naddrs = 0;
		return;
	}
	h->decided = true;
	if (old->tls != tls[h->sec.level] || was.level != h->sec.level) {
		h->opt = options_mx(h->sender->conf, str_of(old->host), old->port, h->sender->trust, h->way);
		h->opt->tls = tls[h->sec.level];
		h->facts.host = h->opt->host;
		security_decide(&h->facts, h->canonical, &h->sec); /* its names are those of the options */
		options_drop(old);
	}
	host_wake(h);
}

/* The answer lives as long as the decision does. */
static void tlsa(struct lookup *l, const struct dns_answer *x)
{
	struct host *h = (struct host *)((char *)l - offsetof(struct host, tlsa));
	struct dns_answer *keep = &h->tlsa_answer;
	size_t i;

	arena_reset(&h->records);
	*keep = *x;
	keep->record = arena_array(&h->records, x->n + 1, sizeof *keep->record);
	for (i = 0; i < x->n; i++) {
		keep->record[i] = x->record[i];
		keep->record[i].data = arena_str(&h->records, x->record[i].data);
	}
	keep->why = arena_str(&h->records, x->why);
	keep->canonical = arena_str(&h->records, x->canonical);
	h->facts.tlsa = keep;
	decide(h);
}

static void addresses(struct lookup *l, const struct resolver_addresses *a)
{
	struct host *h = (struct host *)((char *)l - offsetof(struct host, lookup));
	bool none = a->state == DNS_NODATA || a->state == DNS_NXDOMAIN;
	char text[256];
	size_t i;

	if (!a->n) {
		snprintf(text, sizeof text, "has no address: %s", a->error);
		if (h->kind == HOST_MX && none)
			no_address(h, 550, "5.4.4", text, false);
		else
			no_address(h, 451, "4.4.3", text, false);
		return;
	}
	for (i = 0; i < a->n; i++) {
		if (a->local[i] && is_our_door(h, &a->addr[i])) {
			no_address(h, h->kind == HOST_MX ? 554 : 451, h->kind == HOST_MX ? "5.4.6" : "4.4.6",
				"is this server itself: mail would go in a circle", true);
			return;
		}
		h->addr[i] = a->addr[i];
		h->addr[i].port = h->opt->port;
	}
	h->naddrs = h->kind == HOST_MX ? MIN(a->n, (size_t)h->sender->conf->send_addresses) : a->n;
	alternate(h->addr, h->naddrs);
	h->addrs_until = deadline_in(ADDRESSES_MS);
	h->facts.address_secure = a->secure;
	h->facts.tlsa = NULL;
	if (h->kind == HOST_MX && security_wants_tlsa(&h->facts)) {
		snprintf(text, sizeof text, "_%u._tcp.%s", h->opt->port, h->opt->host);
		h->decided = false;
		lookup_stop(h->sender, &h->tlsa);
		lookup_start(h->sender, &h->tlsa, LOOKUP_RECORDS, text);
	} else if (h->kind == HOST_MX) {
		decide(h);
	} else {
		host_wake(h);
	}
}

/* True: they are known. */
static bool have_addresses(struct host *h)
{
	if (h->kind == HOST_LMTP || (h->naddrs && !deadline_passed(h->addrs_until) && (h->decided || h->kind != HOST_MX)))
		return true;
	if (!h->lookup.id && !h->tlsa.id)
		lookup_start(h->sender, &h->lookup, LOOKUP_ADDRESSES, h->opt->host);
	return false;
}

/* --- sessions -------------------------------------------------------------------- */

/* Those that serve, or those that are being set up; not those that say good-bye. */
static size_t count(const struct host *h, bool serving)
{
	const struct session *s;
	size_t n = 0;

	for (s = h->sessions; s; s = s->next)
		n += (s->client.state >= CLIENT_READY) == serving && s->client.state < CLIENT_QUIT;
	return n;
}

void host_note(const struct host *h, size_t waiting, char *out, size_t n)
{
	if (!h->opt)
		snprintf(out, n, "no smarthost");
	else if (h->failure[0])
		snprintf(out, n, "%s", h->failure);
	else
		snprintf(out, n, "%s: %zu connections, %zu waiting", h->opt->label, count(h, true), waiting);
}

/* The log and the admin: a login that is refused needs him, and is told once. */
static void tell_failure(struct host *h, const struct client *c)
{
	note_failure(h, c->why.text);
	if (c->login_failed && !h->login_told) {
		h->login_told = true;
		trace_event(TRACE_ERROR, "smarthost-login", NULL, "%s", c->why.text);
	} else {
		trace_event(TRACE_WARN, "session-failed", NULL, "%s", c->why.text);
	}
}

/* A session is over. It was not yet of use: then perhaps nobody is. */
static void ended(struct host *h, struct session *s)
{
	if (s->client.why.code && !s->ready_told)
		tell_failure(h, &s->client);
	if (h->kind == HOST_LMTP || s->ready_told || !s->client.why.code || s->client.opt != h->opt)
		return;
	if (s->client.why.code == 421)
		pace_reply(h, NULL, 421);
	if (count(h, true) + count(h, false) > 0) {
		h->hold = deadline_in(HOLD_MS);
	} else {
		h->naddrs = 0;
		fail_line(h, &s->client.why, false);
	}
}

/* One is out of the way: whoever waits for its place is next. */
static void close_session(struct host *h, struct session *s)
{
	struct sender *sender = h->sender;
	struct host *next;

	h->nsessions--;
	session_free(s);
	if (h->kind != HOST_MX)
		return;
	sender->nsessions--;
	pace_session(h, false);
	next = TAILQ_FIRST(&sender->starved);
	if (next) {
		TAILQ_REMOVE(&sender->starved, next, starved);
		next->starves = false;
		host_wake(next);
	}
}

/* The results of its job; or the job waits again. */
static void take_job(struct host *h, struct session *s)
{
	bool retry = s->client.retry;
	struct dest *d = s->dest;
	struct job *j;

	if (s->client.news && s->client.job)
		sender_tell(h->sender, s->client.job);
	s->client.news = false;
	j = client_take(&s->client);
	if (!j)
		return;
	s->dest = NULL;
	if (h->kind == HOST_MX)
		pace_reply(h, d, retry && s->client.why.code ? s->client.why.code : pace_code(j));
	dest_released(d);
	if (retry && !h->sender->stopping && !j->orphan)
		dest_again(d, j);
	else
		sender_done(h->sender, j);
}

/* Takes results, lets the idle ones go on or go; frees those that are over. */
static void sweep(struct host *h)
{
	struct session **at = &h->sessions, *s;

	while ((s = *at)) {
		bool spent, crowded;

		take_job(h, s);
		spent = s->client.served >= s->client.opt->session_messages || client_spent(&s->client) || s->client.opt != h->opt ||
			h->sender->stopping;
		crowded = h->kind == HOST_MX && !TAILQ_EMPTY(&h->sender->starved) && TAILQ_EMPTY(&h->dests);
		if (s->client.state == CLIENT_READY && !s->client.job && (crowded || (spent && s->client.served))) {
			client_quit(&s->client);
			session_step(s);
		}
		if (s->client.state == CLIENT_CLOSED && session_next_address(s))
			continue;
		if (s->client.state != CLIENT_CLOSED) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		ended(h, s);
		close_session(h, s);
	}
}

/* Lmtpd being gone is told to one job at a time: it may be back for the next. */
static bool open_one(struct host *h)
{
	struct dest *d = TAILQ_FIRST(&h->dests);
	struct dsn why = { 0 };
	struct session *s = session_open(h, d->waiting->session, &why);
	struct job *j;

	if (s) {
		s->next = h->sessions;
		h->sessions = s;
		h->nsessions++;
		h->sender->nsessions += h->kind == HOST_MX;
		pace_session(h, true);
		return true;
	}
	j = dest_take(d);
	dest_released(d);
	job_fail(j, &why);
	sender_done(h->sender, j);
	return false;
}

static size_t room_of(struct host *h, struct dest *d)
{
	size_t max = h->kind == HOST_MX ? (size_t)h->sender->conf->send_destination_sessions : SIZE_MAX;

	if (h->kind == HOST_MX && d->active < max)
		max = MIN(max, pace_dest(h, d));
	return d->active < max ? MIN(max - d->active, d->nwaiting) : 0;
}

/* The first in the line that may have one session more; it goes to the end. */
static struct dest *next_dest(struct host *h)
{
	struct dest *d;

	TAILQ_FOREACH(d, &h->dests, turn)
		if (room_of(h, d))
			break;
	if (d) {
		TAILQ_REMOVE(&h->dests, d, turn);
		TAILQ_INSERT_TAIL(&h->dests, d, turn);
	}
	return d;
}

static void give(struct host *h)
{
	struct session *s;
	struct dest *d;
	struct job *j;

	for (s = h->sessions; s && !TAILQ_EMPTY(&h->dests); s = s->next) {
		if (s->client.state != CLIENT_READY || s->client.job || s->client.opt != h->opt)
			continue;
		if (!pace_host(h))
			return;
		d = next_dest(h);
		if (!d)
			return;
		s->dest = d;
		pace_sent(h, d);
		j = dest_take(d);
		session_describe(s, j);
		client_start(&s->client, j);
		session_step(s);
	}
}

/* Jobs that would have a session if there were more of them. */
static size_t wanted(struct host *h)
{
	struct dest *d;
	size_t n = 0;

	TAILQ_FOREACH(d, &h->dests, turn) {
		n += room_of(h, d);
		if (n >= h->max)
			break;
	}
	return n;
}

static bool has_idle(const struct host *h)
{
	const struct session *s;

	for (s = h->sessions; s; s = s->next)
		if (s->client.state == CLIENT_READY && !s->client.job)
			return true;
	return false;
}

static bool wake_idle(struct str key, void *value, void *arg)
{
	struct host *h = value;

	(void)key, (void)arg;
	if (!TAILQ_EMPTY(&h->dests) || !has_idle(h))
		return true;
	host_wake(h);
	return false;
}

/* All sessions that there may be are there: waits for one to end, and an idle one does at once. */
static bool starve(struct host *h)
{
	struct sender *s = h->sender;

	if (h->kind != HOST_MX || s->nsessions < (size_t)s->conf->send_connections)
		return false;
	if (!h->starves) {
		TAILQ_INSERT_TAIL(&s->starved, h, starved);
		h->starves = true;
		table_each(&s->hosts, wake_idle, NULL);
	}
	return true;
}

static void work(struct host *h)
{
	size_t opening, serving, want;

	sweep(h);
	if (h->sender->stopping || !h->opt)
		return;
	give(h);
	if (TAILQ_EMPTY(&h->dests) || (h->hold && !deadline_passed(h->hold)) || !have_addresses(h))
		return;
	h->hold = DEADLINE_NEVER;
	opening = count(h, false);
	serving = count(h, true);
	want = wanted(h);
	if (h->kind != HOST_LMTP && !serving)
		want = MIN(want, (size_t)1);
	while (!TAILQ_EMPTY(&h->dests) && opening < want && opening + serving < h->max && pace_may_open(h) && !starve(h))
		opening += open_one(h);
}

void host_work(struct host *h)
{
	work(h);
	if (is_unused(h))
		host_free(h);
}

void host_tick(struct host *h)
{
	if (h->pace && deadline_passed(h->pace)) {
		h->pace = DEADLINE_NEVER;
		host_wake(h);
	}
	if (h->hold && deadline_passed(h->hold))
		host_wake(h);
	if (is_unused(h))
		host_free(h);
}

void host_drop(struct host *h, bool orphan)
{
	struct session *s;
	struct job *j;

	for (s = h->sessions; s; s = s->next) {
		j = s->client.job;
		if (j)
			j->orphan |= orphan || !j->begun; /* nothing is known of it: it is nobody's attempt */
		if (j && orphan && j->begun)
			orphan_add(h->sender, j);
		if (!j && s->client.state == CLIENT_READY)
			client_quit(&s->client);
		else if (!j || !j->begun)
			client_lost(&s->client, "4.3.2", "is not waited for: this server stops");
		session_step(s);
	}
	host_wake(h);
}
