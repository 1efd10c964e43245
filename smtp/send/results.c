/* SPDX-License-Identifier: ISC
 *
 * results.c: what queued is told (docs/QUEUE.md): results of jobs, and how many more it may
 * send. All of it goes through one line, as far as the link takes it.
 */
#include "smtp/send/sender.h"

#include "base/file.h"
#include "trace/trace.h"

#define RESULTS 30 /* recipients in one message, so that their replies fit */
#define UNDER_WAY_AGAIN 1 /* s: when the end of an attempt is looked for that outlived its queued */
#define WAY_MS 60000 /* so long a queued that is new is told that the way of mail has changed: the one before may not have done it yet */
#define SLOW_SECONDS 600 /* a destination that is slow is as others again if nothing more is heard of it */

void results_flush(struct sender *s)
{
	while (s->results && s->queued >= 0) {
		struct result *x = s->results;
		int r = ipc_try_send(s->queued, &x->m);

		if (r == -EAGAIN) {
			event_add(&s->ev_queued_out, NULL);
			return;
		}
		if (r == E_CLOSED) {
			sender_queued_lost(s);
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

void results_forget(struct sender *s)
{
	while (s->results) {
		struct result *x = s->results;

		s->results = x->next;
		ipc_done(&x->m);
		free(x);
	}
	s->last_result = &s->results;
}

/* NULL: queued does not know it by name. */
static struct ipc_msg *new_word(struct sender *s, const struct dest *d, const char *state)
{
	struct ipc_msg *m;

	if (s->queued < 0 || !d->name || d->way || d->tls != DEST_TLS_USUAL)
		return NULL;
	m = new_result(s);
	ipc_init(m, "dest");
	ipc_setc(m, "name", d->name);
	ipc_setc(m, "state", state);
	return m;
}

void sender_tell_down(struct sender *s, struct dest *d, const struct dsn *why, int64_t ms)
{
	struct ipc_msg *m = new_word(s, d, "down");

	if (!m)
		return;
	ipc_set_u64(m, "again", (uint64_t)(ms + 999) / 1000);
	ipc_set_u64(m, "code", (uint64_t)why->code);
	ipc_setc(m, "status", why->status);
	ipc_setc(m, "reply", why->text);
	d->told_down = true;
	d->told_limit = 0;
}

void sender_tell_limit(struct sender *s, struct dest *d, unsigned jobs)
{
	struct ipc_msg *m;

	if (jobs == d->told_limit && !d->told_down)
		return;
	m = new_word(s, d, jobs ? "slow" : "up");
	if (m && jobs) {
		ipc_set_u64(m, "again", SLOW_SECONDS);
		ipc_set_u64(m, "limit", jobs);
	}
	d->told_limit = jobs;
	d->told_down = false;
}

static void tell_way(struct sender *s, struct str pattern)
{
	struct ipc_msg *m;

	if (s->queued < 0)
		return; /* the next one is told */
	m = new_result(s);
	ipc_init(m, "way");
	if (str_eqc(pattern, "*"))
		ipc_set_bool(m, "all", true);
	else
		ipc_set(m, "name", pattern);
	sender_wake(s);
}

void sender_tell_way(struct sender *s, struct str pattern)
{
	s->way_until = deadline_in(WAY_MS);
	tell_way(s, pattern);
}

void sender_tell_routes(struct sender *s, bool any)
{
	struct ipc_msg *m;

	if (s->queued < 0 || s->routes == (any ? ROUTES_ANY : ROUTES_NONE))
		return;
	s->routes = any ? ROUTES_ANY : ROUTES_NONE;
	m = new_result(s);
	ipc_init(m, "routes");
	ipc_set_u64(m, "any", any);
	results_flush(s);
}

bool sender_ask_suppressed(struct sender *s, uint64_t id, struct str address, struct str from)
{
	struct ipc_msg *m;

	if (s->queued < 0)
		return false;
	m = new_result(s);
	ipc_init(m, "suppressed");
	ipc_set_u64(m, "id", id);
	ipc_set(m, "address", address);
	ipc_set(m, "sender", from);
	results_flush(s);
	return true;
}

/* --- places ------------------------------------------------------------------ */

static void grant(struct sender *s, bool local)
{
	size_t places = route_places(s, local);
	struct ipc_msg *m;

	if (s->queued < 0 || s->stopping || s->granted[local] >= places)
		return;
	m = new_result(s);
	ipc_init(m, "ready");
	ipc_setc(m, "via", local ? "lmtp" : "smtp");
	ipc_set_u64(m, "n", places - s->granted[local]);
	s->granted[local] = places;
}

void places_grant(struct sender *s)
{
	grant(s, true);
	grant(s, false);
	results_flush(s);
}

/* Jobs of an earlier queued hold their places until they are done. */
void places_start(struct sender *s)
{
	s->granted[0] = s->in_hand[0];
	s->granted[1] = s->in_hand[1];
	s->routes = ROUTES_UNKNOWN; /* to this queued */
	if (s->way_until && !deadline_passed(s->way_until))
		tell_way(s, STR("*"));
	places_grant(s);
}

/* --- jobs ---------------------------------------------------------------------- */

void sender_drop(struct sender *s, struct job *j)
{
	if (j->probe) {
		probe_unrouted(j->probe);
		return;
	}
	if (j->goes_on)
		LIST_REMOVE(j, others);
	s->in_hand[j->lmtp]--;
	job_free(j);
}

void sender_done(struct sender *s, struct job *j)
{
	bool last = j->orphan || s->queued < 0, local = j->lmtp;

	if (j->probe) {
		probe_unrouted(j->probe);
		return;
	}
	while (!last)
		job_results(j, RESULTS, new_result(s), &last);
	s->granted[local] -= s->granted[local] > 0;
	sender_drop(s, j);
	sender_wake(s); /* tells it, with what else is over by then */
}

void sender_tell(struct sender *s, struct job *j)
{
	bool last;

	while (job_news(j) && !j->orphan && s->queued >= 0)
		job_results(j, RESULTS, new_result(s), &last);
	sender_wake(s);
}

/* --- over the death of queued, or ours ---------------------------------------------- */

void orphan_add(struct sender *s, struct job *j)
{
	if (!j->goes_on)
		LIST_INSERT_HEAD(&s->orphans, j, others);
	j->goes_on = true;
}

static bool is_under_way(const struct sender *s, const struct job *j, const struct job_rcpt *r)
{
	const struct job *o;
	size_t i;

	if (rescue_waits(s, j->message, r->number))
		return true;
	LIST_FOREACH(o, &s->orphans, others) {
		if (o->lmtp || !str_eq(o->message, j->message))
			continue;
		for (i = 0; i < o->nrcpt; i++)
			if (o->rcpt[i].number == r->number && o->rcpt[i].state < RCPT_KNOWN)
				return true;
	}
	return false;
}

/* (What goes to our own lmtpd has a delivery id, and is taken once only.) */
bool results_known(struct sender *s, struct job *j)
{
	size_t i;

	if (j->lmtp)
		return false;
	if (taken_answer(s->taken, j) > 0) {
		sender_tell(s, j);
		j->remote = j->ip = j->tls = STR_NONE;
		j->dsn = false;
	}
	for (i = 0; i < j->nrcpt; i++)
		if (j->rcpt[i].state == RCPT_OPEN && is_under_way(s, j, &j->rcpt[i])) {
			job_set(j, &j->rcpt[i], 0, "4.3.0", STR("an attempt from before a restart is still under way"));
			j->again = UNDER_WAY_AGAIN;
		}
	if (job_open(j))
		return false;
	sender_done(s, j);
	return true;
}
