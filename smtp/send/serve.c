/* SPDX-License-Identifier: ISC
 *
 * serve.c: the sessions of a host (see sender.h, host.c): who gets the next job, when one more is opened, and what
 * becomes of one that is over.
 *
 * While no session works, one is tried, not ten: if it fails, everybody in the line hears of it at once and
 * goes to the next best host (dest.c), instead of each after a time-out of its own. Beside sessions that work further
 * ones are opened as jobs wait; if one of those fails, the others carry on, and the next is tried after a pause.
 *
 * Limits: sessions of a host, of a destination, and of all hosts by MX together. A host that is
 * held up by the last waits in a list, and idle sessions of others give way.
 */
#include "smtp/send/sender.h"

#include "trace/trace.h"

#define HOLD_MS 5000

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
	host_note_failure(h, c->why.text);
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
	if (s->client.no_starttls)
		tlsrpt_failed(s, "starttls-not-supported", NULL);
	if (s->client.why.code == 421)
		pace_reply(h, NULL, 421);
	if (count(h, true) + count(h, false) > 0) {
		h->hold = deadline_in(HOLD_MS);
	} else {
		h->naddrs = 0;
		host_failed(h, &s->client.why, false);
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
	if (h->kind == HOST_MX) {
		pace_reply(h, d, retry && s->client.why.code ? s->client.why.code : pace_code(j));
		pace_tell(d);
	}
	if (retry || j->resign)
		source_unsent(h, s, j);
	dest_released(d);
	if (j->resign && !h->sender->stopping && !j->orphan)
		sign_again(h->sender->signing, j);
	else if (retry && !h->sender->stopping && !j->orphan)
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
		if (!source_may(h, s)) { /* its address has sent enough today */
			client_quit(&s->client);
			session_step(s);
			continue;
		}
		if (!pace_host(h))
			return;
		d = next_dest(h);
		if (!d)
			return;
		s->dest = d;
		tlsrpt_serves(s, d);
		pace_sent(h, d);
		j = dest_take(d);
		if (d->why.code)
			j->tried = arena_str(&j->a, str_of(d->why.text));
		source_sent(h, s, j);
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

/* None of our addresses may send more today: everybody in the line waits for tomorrow. */
static void wait_line(struct host *h)
{
	struct dsn why = { 0 };
	int64_t seconds = source_wait(h, &why);

	while (!TAILQ_EMPTY(&h->dests))
		dest_wait(TAILQ_FIRST(&h->dests), &why, seconds);
}

void host_serve(struct host *h)
{
	size_t opening, serving, want;
	uint64_t room;

	sweep(h);
	if (h->sender->stopping || !h->opt)
		return;
	give(h);
	if (TAILQ_EMPTY(&h->dests) || (h->hold && !deadline_passed(h->hold)) || !host_reached(h))
		return;
	room = source_room(h);
	if (room == 0) {
		wait_line(h);
		return;
	}
	h->hold = DEADLINE_NEVER;
	opening = count(h, false);
	serving = count(h, true);
	want = (size_t)MIN((uint64_t)wanted(h), room);
	if (h->kind != HOST_LMTP && !serving)
		want = MIN(want, (size_t)1);
	while (!TAILQ_EMPTY(&h->dests) && opening < want && opening + serving < h->max && pace_may_open(h) && !starve(h))
		opening += open_one(h);
}
