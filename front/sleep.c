/* SPDX-License-Identifier: ISC
 *
 * sleep.c: IMAP sessions without a process (net/handover.h, imap/hibernate.c).
 *
 *   ROOM --"sleep" on the lease--> SLEEP --wants: news, or the client wants more-->
 *     queue --few at once, speaking clients first--> OFFERED --taken--> ROOM
 *
 * A sleeper is in an IDLE (it has its tag) or between two commands (it has none).
 * While nothing happened DONE, IDLE and NOOP are answered here; all else wakes a
 * room, which gets the bytes that came. News between two commands wait for the next
 * command, as RFC 3501 has it. What a room needs to go on stays here until it says
 * `taken`: one that dies before costs the client nothing but time.
 *
 * Invariants:
 *   1. c->sleeper is there in SLEEP, and in OFFERED on the way out of it.
 *   2. Once it wants a room nothing is read from its client (conn.h 1).
 *   3. It is on at most one queue; `waking` counts those in OFFERED.
 */
#include "front/conn.h"

#include <sys/socket.h>

#include "base/file.h"
#include "trace/trace.h"

#define LINE_WHOLE 512 /* longer than any line that is answered here */
#define TURN 64 /* lines in one go */
#define DATAGRAM 64
#define RETRY_MS 100 /* no imapd just now */

enum { BY_CLIENT, BY_NEWS };

struct sleeper {
	int notify;
	struct event ev_notify;
	char *tag; /* of the IDLE that goes on; NULL: between two commands */
	char *look; /* datagrams that are news, one a line */
	deadline idle_end, look_at, wake_by;
	bool news; /* something happened: only a room can answer now */
	bool wants, listed, waking;
	int queue;
	struct conn *next, *prev;
};

static void trace_sleep(const struct conn *c, const char *event, const char *why)
{
	struct trace t;

	trace_begin(&t, TRACE_DEBUG, event);
	trace_s(&t, "s", c->id);
	trace_s(&t, "why", why);
	trace_end(&t);
}

bool sleep_wants(const struct conn *c)
{
	return c->sleeper->wants;
}

bool sleep_may(const struct conn *c)
{
	const struct front *f = c->front;

	return c->service->dialogue == &imap_dialogue && f->conf->imap_hibernate_after &&
		f->sleepers.n + !c->sleeper <= (size_t)f->conf->imap_sleepers;
}

/* ---- queues */

static void enlist(struct conn *c)
{
	struct sleepers *q = &c->front->sleepers;
	struct sleeper *s = c->sleeper;

	if (s->listed || s->waking)
		return;
	s->listed = true;
	s->next = NULL;
	s->prev = q->last[s->queue];
	if (s->prev)
		s->prev->sleeper->next = c;
	else
		q->first[s->queue] = c;
	q->last[s->queue] = c;
	event_active(&c->front->ev_wakes, EV_READ, 0);
}

static void unlist(struct conn *c)
{
	struct sleepers *q = &c->front->sleepers;
	struct sleeper *s = c->sleeper;

	if (!s->listed)
		return;
	s->listed = false;
	if (s->prev)
		s->prev->sleeper->next = s->next;
	else
		q->first[s->queue] = s->next;
	if (s->next)
		s->next->sleeper->prev = s->prev;
	else
		q->last[s->queue] = s->prev;
}

static void want(struct conn *c, int queue, const char *why)
{
	struct sleeper *s = c->sleeper;

	if (s->wants)
		return;
	trace_sleep(c, "wanted", why);
	s->wants = true;
	s->queue = queue;
	s->wake_by = deadline_in(c->front->conf->imap_wake_wait);
	event_del(&s->ev_notify);
	conn_deadline(c, c->front->conf->imap_wake_wait);
}

void sleep_serve(struct front *f)
{
	struct sleepers *q = &f->sleepers;
	struct conn *c;

	while (q->waking < (size_t)f->conf->imap_wakes &&
		(c = q->first[BY_CLIENT] ? q->first[BY_CLIENT] : q->first[BY_NEWS])) {
		struct sleeper *s = c->sleeper;

		unlist(c);
		if (handover_wake(c) < 0) {
			conn_deadline(c, MAX(MIN(deadline_left(s->wake_by), RETRY_MS), 1));
			continue;
		}
		s->waking = true;
		q->waking++;
	}
}

/* ---- to sleep, awake */

/* The next thing to do without anybody's word. */
static void arm(struct conn *c)
{
	struct sleeper *s = c->sleeper;
	int64_t ms = deadline_left(s->idle_end);

	if (s->look_at && !s->news)
		ms = MIN(ms, deadline_left(s->look_at));
	conn_deadline(c, MAX(ms, 1));
}

static bool has_line(struct str lines, struct str line)
{
	while (lines.n)
		if (str_eq(str_cut(&lines, '\n'), line))
			return true;
	return false;
}

/* Did something happen since it fell asleep? */
static bool read_news(struct conn *c)
{
	struct sleeper *s = c->sleeper;
	char text[DATAGRAM];
	ssize_t n;

	while ((n = recv(s->notify, text, sizeof text, MSG_DONTWAIT)) >= 0)
		s->news |= has_line(str_of(s->look), str_make(text, (size_t)n));
	return s->news;
}

static void notify_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (!read_news(c) || !c->sleeper->tag)
		return;
	want(c, BY_NEWS, "news");
	sleep_run(c);
}

void sleep_begin(struct conn *c, const struct handover *h, int notify)
{
	struct front *f = c->front;
	struct sleeper *s = mem_alloc(1, sizeof *s);

	conn_move(c, CONN_SLEEP);
	c->sleeper = s;
	f->sleepers.n++;
	s->notify = notify;
	conn_set(&s->tag, h->tag);
	conn_set(&s->look, h->look);
	s->idle_end = deadline_in(h->idle_left);
	if (f->conf->imap_hibernate_look && h->look.n)
		s->look_at = deadline_in(f->conf->imap_hibernate_look);
	event_assign(&s->ev_notify, f->base, notify, EV_READ | EV_PERSIST, notify_event, c);
	event_add(&s->ev_notify, NULL);
	arm(c);
	trace_sleep(c, "asleep", "idle");
	front_status(f);
	if (f->sleepers.n > (size_t)f->conf->imap_sleepers)
		want(c, BY_CLIENT, "too many sleep");
	sleep_run(c);
}

void sleep_fields(const struct conn *c, struct handover *h)
{
	const struct sleeper *s = c->sleeper;

	h->tag = str_of(s->tag);
	h->idle_left = (uint32_t)MAX(deadline_left(s->idle_end), 1);
}

int sleep_notify(const struct conn *c)
{
	return c->sleeper->notify;
}

int64_t sleep_patience(const struct conn *c)
{
	return MAX(deadline_left(c->sleeper->wake_by), 1);
}

void sleep_again(struct conn *c)
{
	struct sleeper *s = c->sleeper;

	s->waking = false;
	c->front->sleepers.waking--;
	event_active(&c->front->ev_wakes, EV_READ, 0);
	conn_deadline(c, MAX(MIN(deadline_left(s->wake_by), RETRY_MS), 1));
}

void sleep_end(struct conn *c)
{
	struct front *f = c->front;
	struct sleeper *s = c->sleeper;

	if (!s)
		return;
	unlist(c);
	if (s->waking)
		f->sleepers.waking--;
	f->sleepers.n--;
	event_del(&s->ev_notify);
	fd_close(&s->notify);
	conn_set(&s->tag, STR_NONE);
	conn_set(&s->look, STR_NONE);
	free(s);
	c->sleeper = NULL;
	front_status(f);
	if (f->sleepers.first[BY_CLIENT] || f->sleepers.first[BY_NEWS])
		event_active(&f->ev_wakes, EV_READ, 0);
}

/* ---- the client's lines */

static void answer(struct conn *c, enum imap_asleep verb, struct str tag)
{
	struct sleeper *s = c->sleeper;

	s->idle_end = deadline_in(c->front->conf->imap_idle_timeout);
	switch (verb) {
	case ASLEEP_DONE:
		conn_say(c, "%s OK Idle completed", s->tag);
		conn_set(&s->tag, STR_NONE);
		break;
	case ASLEEP_IDLE:
		conn_set(&s->tag, tag);
		conn_say(c, "+ idling");
		break;
	default:
		conn_say(c, "%.*s OK NOOP completed", STRF(tag));
	}
	arm(c);
}

/* Takes one line that can be answered here: 1 done, 0 more bytes are needed. */
static int step(struct conn *c)
{
	struct str bytes = conn_unread(c), tag = STR_NONE;
	ssize_t lf = str_find(bytes, '\n');
	enum imap_asleep verb;

	if (lf < 0 && bytes.n < LINE_WHOLE)
		return 0;
	verb = lf < 0 ? ASLEEP_OTHER :
		imap_asleep_parse(str_sub(bytes, 0, (size_t)lf + 1), c->sleeper->tag != NULL, &tag);
	if (verb == ASLEEP_OTHER || read_news(c)) {
		want(c, BY_CLIENT, "client");
		return 1;
	}
	answer(c, verb, tag);
	conn_consume(c, (size_t)lf + 1);
	return 1;
}

void sleep_run(struct conn *c)
{
	struct sleeper *s = c->sleeper;
	int turn = 0;
	ssize_t r;

	while (!s->wants) {
		if (c->out.n > 0 && conn_flush(c) < 0)
			return;
		if (c->out.n > 0)
			break;
		if (turn++ >= TURN) {
			conn_more(c);
			break;
		}
		if (step(c))
			continue;
		r = conn_fill(c);
		if (r < 0) {
			conn_close(c, c->eof ? "client left" : "connection lost");
			return;
		}
		if (r == 0)
			break;
	}
	conn_release(c);
	if (c->out.n > 0 && conn_flush(c) < 0)
		return;
	if (s->wants && c->out.n == 0)
		enlist(c);
	conn_watch(c);
}

void sleep_timer(struct conn *c)
{
	struct sleeper *s = c->sleeper;

	if (s->wants && deadline_passed(s->wake_by)) {
		conn_bye(c, BYE_NO_ROOM);
	} else if (s->wants) {
		conn_deadline(c, MAX(deadline_left(s->wake_by), 1));
		sleep_run(c);
	} else if (deadline_passed(s->idle_end)) {
		conn_say(c, "* BYE Autologout, idle for too long");
		conn_finish(c, "timeout");
	} else if (s->look_at && !s->news && deadline_passed(s->look_at)) {
		s->news = true; /* perhaps: only a room can see */
		arm(c);
		if (s->tag)
			want(c, BY_NEWS, "look");
		sleep_run(c);
	} else {
		arm(c);
	}
}
