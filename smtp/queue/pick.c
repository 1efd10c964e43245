/* SPDX-License-Identifier: ISC
 *
 * pick.c: which recipients are tried next, fair between destinations.
 *
 * There are as many places as the senders offer, for mail to mailboxes and to the
 * outside apart. One destination (a domain outside, a mailbox here) holds at most
 * `[queue] share` percent of them, so that one that stalls, or has a hundred
 * thousand messages waiting, leaves room for the others:
 *
 *   1. the WINDOW first due recipients (by priority, then age; fewer if there are few places), those of destinations below their share.
 *      What is due at a destination that is down (dests.c) is deferred there and then, as many a turn;
 *   2. if few of them can be started: the destinations in turn, one message each, SEEKS
 *      of them in a turn of the loop; each costs two steps down an index, one that is down a look into a table;
 *   3. if the whole round found nobody else: up to `share_alone` percent.
 *
 * Which message of a destination: the highest priority, and of that the senders in turn, of each the oldest:
 * one with a hundred thousand messages does not keep another's single one waiting.
 *
 * A destination that has not answered yet, or not the last time, gets `[queue] first` places, and all such together `share_new`
 * percent: thousands of dead ones, each of whose attempts takes minutes, leave room for those that live.
 *
 * While something is due that found no place, new messages go to the end (q->backlog).
 */
#include "smtp/queue/queue.h"

#include <unistd.h>

#include "base/rand.h"
#include "trace/trace.h"

#define WINDOW 128
#define WINDOW_PER_PLACE 2u
#define WINDOW_LEAST 8u
#define SEEKS 200
#define OPEN_AGAIN 60 /* s: after a file that cannot be opened at the moment */

uint64_t pick_room(const struct queue *q, bool local)
{
	uint64_t credit = 0, used = 0;
	const struct job *j;
	size_t i;

	if (q->njobs >= (size_t)q->conf->queue_active || q->stopping)
		return 0;
	for (i = 0; i < QUEUE_SENDERS; i++)
		if (q->sender[i].who && (!q->sender[i].blocked || deadline_passed(q->sender[i].blocked)))
			credit += q->sender[i].credit[local];
	/* new ones stand in front: those of this turn */
	for (j = LIST_FIRST(&q->jobs); j && j->state == JOB_NEW; j = LIST_NEXT(j, link))
		used += j->local == local;
	return credit > used ? credit - used : 0;
}

struct str pick_key(const struct rcpt_row *x)
{
	return x->hop.n ? x->hop : x->dest;
}

bool pick_may(struct queue *q, const struct rcpt_row *x, int64_t percent)
{
	uint64_t places = MIN(q->jobs_of[x->local] + pick_room(q, x->local), (uint64_t)q->conf->queue_active);
	uint64_t max = MAX(places * (uint64_t)q->conf->queue_share_new / 100, (uint64_t)1), first = (uint64_t)q->conf->queue_first;
	const struct dest *d = x->local ? NULL : dest_of(q, pick_key(x));

	/* perhaps it is dead, and each attempt takes minutes; where there are many such, one each */
	if (!x->local && !(d && d->answers) && (q->unanswered >= max ||
			(d && d->jobs >= (q->unanswered < MAX(max / 4, 4 * first) ? first : 1))))
		return false;
	return dest_room(q, pick_key(x), MAX(places * (uint64_t)percent / 100, (uint64_t)1));
}

/* A job of all that is due of the message, on the way of x. */
static void start(struct queue *q, const struct rcpt_row *x, int64_t now)
{
	struct arena *a = &q->turn.arena;
	struct message_row row;
	struct rcpt_row *v;
	struct envelope e;
	struct job *j;
	struct suppressed why;
	uint64_t offset;
	size_t i, k, n;
	int fd;

	if (rows_message(&q->rows, x->m, a, &row) < 0)
		return;
	fd = message_open(q, row.id, a, &e, &offset);
	if (fd < 0) {
		if (fd == -ENOENT || fd == E_DAMAGED || fd == E_SYNTAX || fd == E_LIMIT) {
			message_damaged(q, &row, fd);
		} else { /* no descriptors, no memory: later */
			trace_event(TRACE_ERROR, "spool-failed", NULL, "%.*s: %s", STRF(row.id), err_text(fd));
			rows_set_state(&q->rows, x->m, x->number, RCPT_WAITING, now + OPEN_AGAIN);
		}
		q->turn.changed = true;
		return;
	}
	j = job_new(q, &row, &e, offset, x);
	j->fd = fd;
	n = j->verp.n ? 0 : rows_rcpts(&q->rows, x->m, a, &v);
	if (j->verp.n) { /* goes alone */
		v = memcpy(arena_alloc(a, sizeof(*v)), x, sizeof(*x));
		n = 1;
	}
	for (i = k = 0; i < n; i++) {
		if (v[i].state != RCPT_WAITING || v[i].next > now || !job_fits(j, &v[i]))
			continue;
		while (k < e.nrcpt && e.rcpt[k].number < v[i].number)
			k++;
		if (k == e.nrcpt || e.rcpt[k].number != v[i].number) {
			rows_set_state(&q->rows, row.m, v[i].number, RCPT_DAMAGED, now);
			continue;
		}
		if (!v[i].local && suppress_find(&q->suppress, &q->rows, v[i].address, row.sender, a, &why)) {
			ended_suppressed(q, &row, &v[i], &why);
			continue;
		}
		if (!job_add(j, &e.rcpt[k], &v[i]))
			break;
		rows_set_state(&q->rows, row.m, v[i].number, RCPT_ACTIVE, now);
	}
	q->turn.changed = true;
	if (j->n == 0)
		job_free(q, j);
}

/* x is due: of its destination the one is started whose turn it is. What the admin sent elsewhere
 * goes by its age. */
static void start_turn(struct queue *q, const struct rcpt_row *x, int64_t now)
{
	const struct dest *d = dest_of(q, x->dest);
	uint32_t last = d ? d->stream : (uint32_t)rand_u64() & 0x7fffffff;
	struct rcpt_row turn;

	if (!x->hop.n && rows_turn_of(&q->rows, x->dest, x->local, last, now, &q->turn.arena, &turn))
		x = &turn;
	start(q, x, now);
}

struct looked {
	size_t size, due, started, deferred;
};

/* The first ones. What is due at a destination that is down goes out of the way. */
static void window(struct queue *q, bool local, int64_t percent, int64_t now, struct looked *l)
{
	struct rcpt_row *v;
	const struct dest *down;
	size_t i;
	int64_t done = 0; /* rows of one message often lie side by side */

	l->size = (size_t)MIN(pick_room(q, local) * WINDOW_PER_PLACE + WINDOW_LEAST, (uint64_t)WINDOW);
	v = arena_array(&q->turn.arena, l->size, sizeof(*v));
	l->due = rows_due(&q->rows, local, now, &q->turn.arena, v, l->size);
	for (i = 0; i < l->due && pick_room(q, local) > 0; i++) {
		down = local ? NULL : dest_down(q, pick_key(&v[i]));
		if (down) {
			jobs_defer(q, &v[i], down);
			l->deferred++;
		} else if ((local && v[i].m == done) || !pick_may(q, &v[i], percent)) {
			continue;
		} else {
			start_turn(q, &v[i], now);
			done = v[i].m;
			l->started++;
		}
	}
}

/* The destinations in turn, from where the last turn ended. True: it was a whole round. */
static bool round_robin(struct queue *q, bool local, int64_t now, size_t *started)
{
	struct str from = str_of(q->cursor[local]);
	struct rcpt_row x;
	bool wrapped = from.n == 0;
	size_t i;

	for (i = 0; i < SEEKS && pick_room(q, local) > 0; i++) {
		struct rcpt_row key = { .local = local, .dest = rows_next_dest(&q->rows, from, &q->turn.arena) };

		if (!key.dest.p) {
			from = STR("");
			q->cursor[local][0] = '\0';
			if (wrapped)
				return true;
			wrapped = true;
			continue;
		}
		from = key.dest;
		if (!pick_may(q, &key, q->conf->queue_share) ||
		    !rows_due_of(&q->rows, key.dest, local, now, &q->turn.arena, &x))
			continue;
		start_turn(q, &x, now);
		(*started)++;
	}
	snprintf(q->cursor[local], sizeof(q->cursor[local]), "%.*s", STRF(from));
	return false;
}

static void pick(struct queue *q, bool local, int64_t now)
{
	struct looked l = { 0 };
	bool whole = true;

	window(q, local, q->conf->queue_share, now, &l);
	/* too many of the first ones are of no use: whoever stands behind them does not wait for that */
	if (l.due == l.size && l.started < l.size / 8 && pick_room(q, local) > 0)
		whole = round_robin(q, local, now, &l.started);
	if (l.due > 0 && l.started + l.deferred == 0 && whole && pick_room(q, local) > 0)
		window(q, local, q->conf->queue_share_alone, now, &l);
	/* something was moved, and there is room: look again at once */
	if (l.due > 0 && (l.started + l.deferred > 0 || !whole) && pick_room(q, local) > 0)
		q->more = true;
}

#define RELEASES 500 /* a turn */

/* What was to leave later, and is due: its age begins now. */
static void release(struct queue *q, int64_t now)
{
	struct rcpt_row *v;
	size_t i, n;

	if (q->next_release > now)
		return;
	v = arena_array(&q->turn.arena, RELEASES, sizeof(*v));
	n = rows_released(&q->rows, now, &q->turn.arena, v, RELEASES);
	for (i = 0; i < n; i++) {
		rows_set_state(&q->rows, v[i].m, v[i].number, RCPT_WAITING, v[i].next);
		rows_set_time(&q->rows, v[i].m, v[i].next);
		q->turn.changed = true;
	}
	q->next_release = rows_next_release(&q->rows);
	if (n > 0) {
		q->next_due[0] = q->next_due[1] = 0;
		q->more = true;
	}
}

void pick_due(struct queue *q)
{
	int64_t now = clock_unix();
	int local;

	release(q, now);
	for (local = 0; local < 2; local++) {
		if (q->next_due[local] <= now && pick_room(q, local) > 0)
			pick(q, local, now);
		q->next_due[local] = rows_next_due(&q->rows, local);
		q->backlog[local] = q->next_due[local] <= now;
	}
}
