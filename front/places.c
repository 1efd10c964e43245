/* SPDX-License-Identifier: ISC
 *
 * places.c: which SMTP sessions may go to an smtpd now. There are few smtpds,
 * and a stranger may keep one busy for minutes, so that senders who are not
 * logged in share what limits_smtp_part leaves them: one network holds
 * limit.smtp_share percent at most, all strangers together leave
 * limit.smtp_reserve percent to those who are logged in. These go at once;
 * if every smtpd is busy their offer waits in the link, and `taken` must
 * come within limit.room_wait as for everybody (handover.c).
 *
 *   TALK --no place--> WAIT --a place, first come first served--> TALK, offered
 *                        `--limit.room_wait is over--> 421
 *
 * First come, first served, while not more wait than there are smtpds; beyond that the
 * newest goes first: then somebody fills the queue on purpose, and whoever stands behind
 * all of it would wait in vain like everybody (the first of them still get their 421).
 *
 * A stranger that says nothing for limit.pressure_wait (its smtpd tells: "silent")
 * keeps the place only until somebody waits for it.
 *
 * Always true: who waits did not fit when the last place was given back, so
 * a newcomer who fits passes over nobody who could go; a place is held
 * (c->in_smtp) exactly from the offer until handover_free. Fronts do not
 * speak to one another: each counts its own part of the pool.
 */
#include "front/conn.h"

#include "trace/trace.h"

static enum limits_verdict enter(struct conn *c)
{
	const struct conf *conf = c->front->conf;
	struct smtp_part part = limits_smtp_part((size_t)conf->smtp_processes, c->front->fronts,
		(size_t)c->front->program.instance, (unsigned)conf->limit_smtp_reserve,
		(unsigned)conf->limit_smtp_share);

	return limits_smtp(&c->front->limits, &c->peer, &part);
}

/* Would the waiting one fit if the other went? */
static bool would_fit(struct conn *waits, struct conn *other)
{
	static const struct smtp_part all = { SIZE_MAX, SIZE_MAX };
	struct limits *l = &waits->front->limits;
	bool fits;

	limits_smtp_leave(l, &other->peer);
	fits = enter(waits) == LIMITS_OK;
	if (fits)
		limits_smtp_leave(l, &waits->peer);
	limits_smtp(l, &other->peer, &all);
	return fits;
}

static bool may_go(const struct conn *c)
{
	return c->silent && c->in_smtp && c->kicked == BYE_NREASONS;
}

void places_silent(struct conn *c)
{
	struct conn *w;

	for (w = may_go(c) ? c->front->wait_first : NULL; w; w = w->wait_next)
		if (would_fit(w, c)) {
			handover_end(c, BYE_TIMEOUT);
			return;
		}
}

/* One silent session goes for one that begins to wait. */
static void press_for(struct conn *w)
{
	struct conn *c;

	for (c = w->front->conns; c; c = c->next)
		if (may_go(c) && would_fit(w, c)) {
			handover_end(c, BYE_TIMEOUT);
			return;
		}
}

static void trace_limit(const struct conn *c, enum trace_level level, const char *event, enum limits_verdict v)
{
	char text[ADDR_TEXT];
	struct trace t;

	trace_begin(&t, level, event);
	trace_s(&t, "s", c->id);
	trace_s(&t, "limit", limits_text(v));
	trace_s(&t, "service", c->service->name);
	trace_s(&t, "peer", addr_text(&c->peer, text));
	trace_end(&t);
}

static void queue(struct conn *c)
{
	struct front *f = c->front;

	if (f->waiting++ > (size_t)f->conf->smtp_processes) {
		c->wait_next = f->wait_first;
		c->wait_prev = NULL;
		f->wait_first->wait_prev = c;
		f->wait_first = c;
		return;
	}
	c->wait_prev = f->wait_last;
	c->wait_next = NULL;
	if (f->wait_last)
		f->wait_last->wait_next = c;
	else
		f->wait_first = c;
	f->wait_last = c;
}

void places_unqueue(struct conn *c)
{
	struct front *f = c->front;

	f->waiting--;
	if (c->wait_prev)
		c->wait_prev->wait_next = c->wait_next;
	else
		f->wait_first = c->wait_next;
	if (c->wait_next)
		c->wait_next->wait_prev = c->wait_prev;
	else
		f->wait_last = c->wait_prev;
	c->wait_next = c->wait_prev = NULL;
}

bool places_take(struct conn *c)
{
	enum limits_verdict v;

	if (c->service->dialogue != &smtp_dialogue || c->ticket || c->service->local || c->in_smtp)
		return true;
	v = enter(c);
	if (v == LIMITS_OK) {
		c->in_smtp = true;
		return true;
	}
	trace_limit(c, TRACE_DEBUG, "wait", v);
	conn_move(c, CONN_WAIT);
	queue(c);
	conn_deadline(c, front_wait(c->front, c->front->conf->limit_room_wait));
	press_for(c);
	return false;
}

void places_leave(struct conn *c)
{
	if (!c->in_smtp)
		return;
	limits_smtp_leave(&c->front->limits, &c->peer);
	c->in_smtp = false;
	if (c->front->wait_first) /* in a turn of its own: c may be half taken down */
		event_active(&c->front->ev_places, EV_READ, 0);
}

void places_serve(struct front *f)
{
	struct conn *c = f->wait_first;

	while (c) {
		if (enter(c) != LIMITS_OK) {
			c = c->wait_next;
			continue;
		}
		c->in_smtp = true;
		conn_move(c, CONN_TALK);
		handover_offer(c);
		c = f->wait_first; /* the list may be another now */
	}
}

void places_timeout(struct conn *c)
{
	enum limits_verdict v = enter(c);

	if (v == LIMITS_OK) { /* given back in this very turn */
		c->in_smtp = true;
		conn_move(c, CONN_TALK);
		handover_offer(c);
		return;
	}
	trace_limit(c, TRACE_WARN, "limit", v);
	conn_bye(c, BYE_NO_ROOM);
}
