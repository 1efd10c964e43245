/* SPDX-License-Identifier: ISC
 *
 * route.c: a way that jobs go: to the smarthost, or to our own lmtpd (see sender.h).
 *
 * Jobs wait in order; an idle session takes the next one. While no session works, one
 * is tried, not ten: if it fails, everything that waits fails with it, at once and with
 * its words, instead of each after a time-out of its own. Beside sessions that work
 * further ones are opened as jobs wait; if one of those fails, the others carry on,
 * and the next is tried after a pause.
 */
#include "smtp/send/sender.h"

#include "trace/trace.h"

#define ADDRESSES_MS 60000 /* addresses are asked for again after this */
#define HOLD_MS 5000

void route_init(struct route *r, struct sender *s, bool lmtp)
{
	*r = (struct route){ .sender = s, .lmtp = lmtp };
	r->last = &r->waiting;
}

/* Other settings may mean another server: what is known of the old one goes. */
void route_set(struct route *r, struct client_options *opt, size_t max)
{
	struct client_options *old = r->opt;
	struct client last;
	struct session *s;

	r->opt = opt;
	r->max = max;
	r->naddrs = 0;
	r->looking = 0;
	r->hold = DEADLINE_NEVER;
	r->login_told = false;
	r->failure[0] = '\0';
	for (s = r->sessions; s; s = s->next)
		if (s->client.state == CLIENT_READY && !s->client.job) {
			client_quit(&s->client);
			session_step(s);
		}
	if (old) { /* drops our reference the way clients do */
		client_init(&last, old);
		old->refs--;
		client_done(&last);
	}
	sender_wake(r->sender);
}

size_t route_places(const struct route *r)
{
	return r->lmtp ? r->max : r->max * 2; /* the next one is at hand when a session is free */
}

static void push(struct route *r, struct job *j, bool front)
{
	j->next = front ? r->waiting : NULL;
	if (front) {
		if (!r->waiting)
			r->last = &j->next;
		r->waiting = j;
	} else {
		*r->last = j;
		r->last = &j->next;
	}
	r->nwaiting++;
}

static struct job *pop(struct route *r)
{
	struct job *j = r->waiting;

	if (!j)
		return NULL;
	r->waiting = j->next;
	if (!r->waiting)
		r->last = &r->waiting;
	j->next = NULL;
	r->nwaiting--;
	return j;
}

void route_add(struct route *r, struct job *j)
{
	j->until = deadline_in(r->sender->conf->send_attempt);
	push(r, j, false);
	sender_wake(r->sender);
}

static void fail_waiting(struct route *r, const struct dsn *why)
{
	struct job *j;

	while ((j = pop(r))) {
		job_fail(j, why);
		sender_done(r->sender, j);
	}
}

/* --- addresses ---------------------------------------------------------------- */

/* Would mail come back to one of our own doors? */
static bool is_our_door(const struct route *r, const struct addr *a)
{
	const struct conf *c = r->sender->conf;
	const struct conf_list *lists[] = { &c->listen_smtp, &c->listen_submission, &c->listen_submissions };
	struct addr own, any = { 0 };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		for (k = 0; k < lists[i]->n; k++) {
			if (addr_parse_hostport(lists[i]->v[k], &own) || own.port != r->opt->port)
				continue;
			any.family = own.family;
			if (own.family == 0 || addr_eq(&own, a) || addr_eq(&own, &any))
				return true;
		}
	return false;
}

static void note_failure(struct route *r, const char *text)
{
	snprintf(r->failure, sizeof r->failure, "%.*s", (int)sizeof r->failure - 1, text);
}

static void no_address(struct route *r, const char *status, const char *what)
{
	struct dsn why = { 0 };

	dsn_set(&why, 451, status, "%s %s", r->opt->label, what);
	note_failure(r, why.text);
	trace_event(TRACE_WARN, "no-address", NULL, "%s", why.text);
	fail_waiting(r, &why);
}

void route_addresses(struct route *r, const struct resolver_addresses *a)
{
	char text[256];
	size_t i;

	if (!r->looking || a->id != r->looking || !r->opt)
		return; /* too late */
	r->looking = 0;
	if (!a->n) {
		snprintf(text, sizeof text, "has no address: %s", a->error);
		no_address(r, "4.4.3", text);
		return;
	}
	for (i = 0; i < a->n; i++) {
		if (a->local[i] && is_our_door(r, &a->addr[i])) {
			no_address(r, "4.4.6", "is this server itself: mail would go in a circle");
			return;
		}
		r->addr[i] = a->addr[i];
		r->addr[i].port = r->opt->port;
	}
	r->naddrs = a->n;
	r->addrs_until = deadline_in(ADDRESSES_MS);
	sender_wake(r->sender);
}

/* A link that is full or not there is no reason to fail: the time for the question runs, and
 * a new link comes with a new resolver. */
void route_ask_again(struct route *r)
{
	if (r->looking && r->opt)
		resolver_send_address(r->sender->resolver, r->looking, r->opt->host, r->opt->lookup);
}

/* True: they are known. */
static bool have_addresses(struct route *r)
{
	struct sender *s = r->sender;

	if (r->lmtp || (r->naddrs && !deadline_passed(r->addrs_until)))
		return true;
	if (r->looking)
		return false;
	r->looking = ++s->questions;
	r->look_until = deadline_in(r->opt->lookup + 1000); /* the resolver's own end of it comes first */
	route_ask_again(r);
	return false;
}

/* --- sessions -------------------------------------------------------------------- */

/* Those that serve, or those that are being set up; not those that say good-bye. */
static size_t count(const struct route *r, bool serving)
{
	const struct session *s;
	size_t n = 0;

	for (s = r->sessions; s; s = s->next)
		n += (s->client.state >= CLIENT_READY) == serving && s->client.state < CLIENT_QUIT;
	return n;
}

void route_note(const struct route *r, char *out, size_t n)
{
	if (!r->opt)
		snprintf(out, n, "no smarthost");
	else if (r->failure[0])
		snprintf(out, n, "%s", r->failure);
	else
		snprintf(out, n, "%s: %zu connections, %zu waiting", r->opt->label, count(r, true), r->nwaiting);
}

/* The log and the admin: a login that is refused needs him, and is told once. */
static void tell_failure(struct route *r, const struct client *c)
{
	note_failure(r, c->why.text);
	if (c->login_failed && !r->login_told) {
		r->login_told = true;
		trace_event(TRACE_ERROR, "smarthost-login", NULL, "%s", c->why.text);
	} else {
		trace_event(TRACE_WARN, "session-failed", NULL, "%s", c->why.text);
	}
}

/* A session is over. It was not yet of use: then perhaps nobody is. */
static void ended(struct route *r, struct session *s)
{
	if (s->client.why.code && !s->ready_told)
		tell_failure(r, &s->client);
	if (r->lmtp || s->ready_told || !s->client.why.code || s->client.opt != r->opt)
		return;
	if (count(r, true) + count(r, false) > 0) {
		r->hold = deadline_in(HOLD_MS);
	} else {
		r->naddrs = 0;
		fail_waiting(r, &s->client.why);
	}
}

/* Takes results, lets the idle ones go on or go; frees those that are over. */
static void sweep(struct route *r)
{
	struct session **at = &r->sessions, *s;

	while ((s = *at)) {
		bool retry = s->client.retry;
		struct job *j = client_take(&s->client);
		bool spent = s->client.served >= s->client.opt->session_messages || client_spent(&s->client) || s->client.opt != r->opt ||
			r->sender->stopping;

		if (s->client.news && s->client.job)
			sender_tell(r->sender, s->client.job);
		s->client.news = false;
		if (j && retry && !r->sender->stopping && !j->orphan)
			push(r, j, true);
		else if (j)
			sender_done(r->sender, j);
		if (s->client.state == CLIENT_READY && !s->client.job && spent && s->client.served) {
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
		ended(r, s);
		session_free(s);
	}
}

/* Lmtpd being gone is told to one job at a time: it may be back for the next. */
static bool open_one(struct route *r)
{
	struct dsn why = { 0 };
	struct session *s = session_open(r, &why);
	struct job *j;

	if (s) {
		s->next = r->sessions;
		r->sessions = s;
		return true;
	}
	j = pop(r);
	job_fail(j, &why);
	sender_done(r->sender, j);
	return false;
}

static void give(struct route *r)
{
	struct session *s;

	for (s = r->sessions; s && r->waiting; s = s->next) {
		if (s->client.state != CLIENT_READY || s->client.job || s->client.opt != r->opt)
			continue;
		client_start(&s->client, pop(r));
		session_step(s);
	}
}

void route_work(struct route *r)
{
	struct dsn why = { 0 };
	size_t opening, serving, want;

	sweep(r);
	if (r->sender->stopping)
		return;
	if (r->waiting && !r->opt) {
		dsn_set(&why, 451, "4.3.5", "there is no way to the outside: no smarthost is set ([send] smarthost)");
		fail_waiting(r, &why);
		return;
	}
	give(r);
	if (!r->waiting || !have_addresses(r) || (r->hold && !deadline_passed(r->hold)))
		return;
	r->hold = DEADLINE_NEVER;
	opening = count(r, false);
	serving = count(r, true);
	want = r->lmtp || serving ? r->nwaiting : 1;
	while (r->waiting && opening < want && opening + serving < r->max)
		opening += open_one(r);
}

bool route_waits(const struct route *r)
{
	return r->waiting || r->looking;
}

void route_tick(struct route *r)
{
	struct dsn why = { 0 };
	size_t i, n = r->nwaiting;

	if (r->looking && deadline_passed(r->look_until)) {
		r->looking = 0;
		no_address(r, "4.4.3", "has no address: nobody answers in DNS");
		n = r->nwaiting;
	}
	dsn_set(&why, 451, "4.4.5", "%s was busy for too long with other mail", r->opt ? r->opt->label : "nobody");
	for (i = 0; i < n; i++) {
		struct job *j = pop(r);

		if (deadline_passed(j->until)) {
			job_fail(j, &why);
			sender_done(r->sender, j);
		} else {
			push(r, j, false);
		}
	}
}

void route_drop(struct route *r, bool orphan)
{
	struct session *s;
	struct job *j;

	while ((j = pop(r)))
		job_free(j);
	for (s = r->sessions; s; s = s->next) {
		j = s->client.job;
		if (j)
			j->orphan |= orphan || !j->begun; /* nothing is known of it: it is nobody's attempt */
		if (!j && s->client.state == CLIENT_READY)
			client_quit(&s->client);
		else if (!j || !j->begun)
			client_lost(&s->client, "4.3.2", "is not waited for: this server stops");
		session_step(s);
	}
	sender_wake(r->sender);
}
