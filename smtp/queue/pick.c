/* SPDX-License-Identifier: ISC
 *
 * pick.c: which recipients are tried next, fair between destinations.
 *
 * There are as many places as the senders offer, for mail to mailboxes and to the
 * outside apart. One destination (a domain outside, a mailbox here) holds at most
 * `[queue] share` percent of them, so that one that stalls, or has a hundred
 * thousand messages waiting, leaves room for the others:
 *
 *   1. the WINDOW oldest due recipients, those of destinations below their share;
 *   2. if all of them are above it: the destinations in turn, one message each, SEEKS
 *      of them in a turn of the loop; each costs two steps down an index;
 *   3. if the whole round found nobody else: up to `share_alone` percent.
 *
 * While something is due that found no place, new messages go to the end (q->backlog).
 */
#include "smtp/queue/queue.h"

#include <unistd.h>

#include "trace/trace.h"

#define WINDOW 128
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

bool pick_may(struct queue *q, bool local, struct str dest, int64_t percent)
{
	uint64_t places = q->jobs_of[local] + pick_room(q, local);
	uint64_t share = MAX(places * (uint64_t)percent / 100, (uint64_t)1);
	const struct dest *d = table_get(&q->dests, dest);

	return !d || d->jobs < share;
}

/* A job of all that is due of the message, on the way of x. */
static void start(struct queue *q, const struct rcpt_row *x, int64_t now)
{
	struct arena *a = &q->turn.arena;
	struct message_row row;
	struct rcpt_row *v;
	struct envelope e;
	struct job *j;
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
	close(fd);
	j = job_new(q, &row, &e, offset, x->local, x->dest);
	n = rows_rcpts(&q->rows, x->m, a, &v);
	for (i = k = 0; i < n; i++) {
		if (v[i].state != RCPT_WAITING || v[i].local != x->local || v[i].next > now)
			continue;
		while (k < e.nrcpt && e.rcpt[k].number < v[i].number)
			k++;
		if (k == e.nrcpt || e.rcpt[k].number != v[i].number) {
			rows_set_state(&q->rows, row.m, v[i].number, RCPT_DAMAGED, now);
			continue;
		}
		if (!job_add(j, &e.rcpt[k], v[i].dest, v[i].attempts, v[i].delayed))
			break;
		rows_set_state(&q->rows, row.m, v[i].number, RCPT_ACTIVE, now);
	}
	q->turn.changed = true;
	if (j->n == 0)
		job_free(q, j);
}

/* The oldest ones. How many were due in the window. */
static size_t window(struct queue *q, bool local, int64_t percent, int64_t now, size_t *started)
{
	struct rcpt_row *v = arena_array(&q->turn.arena, WINDOW, sizeof(*v));
	size_t i, n = rows_due(&q->rows, local, now, &q->turn.arena, v, WINDOW);
	int64_t done = 0; /* rows of one message often lie side by side */

	for (i = 0; i < n && pick_room(q, local) > 0; i++) {
		if (v[i].m == done || !pick_may(q, local, v[i].dest, percent))
			continue;
		start(q, &v[i], now);
		done = v[i].m;
		(*started)++;
	}
	return n;
}

/* The destinations in turn, from where the last turn ended. True: it was a whole round. */
static bool round_robin(struct queue *q, bool local, int64_t now, size_t *started)
{
	struct str from = str_of(q->cursor[local]), dest;
	struct rcpt_row x;
	bool wrapped = from.n == 0;
	size_t i;

	for (i = 0; i < SEEKS && pick_room(q, local) > 0; i++) {
		dest = rows_next_dest(&q->rows, from, &q->turn.arena);
		if (!dest.p) {
			from = STR("");
			q->cursor[local][0] = '\0';
			if (wrapped)
				return true;
			wrapped = true;
			continue;
		}
		from = dest;
		if (!pick_may(q, local, dest, q->conf->queue_share) ||
		    !rows_due_of(&q->rows, dest, local, now, &q->turn.arena, &x))
			continue;
		start(q, &x, now);
		(*started)++;
	}
	snprintf(q->cursor[local], sizeof(q->cursor[local]), "%.*s", STRF(from));
	return false;
}

static void pick(struct queue *q, bool local, int64_t now)
{
	size_t started = 0, n;
	bool whole = true;

	n = window(q, local, q->conf->queue_share, now, &started);
	if (n == WINDOW && started == 0 && pick_room(q, local) > 0)
		whole = round_robin(q, local, now, &started);
	if (n > 0 && started == 0 && whole && pick_room(q, local) > 0)
		window(q, local, q->conf->queue_share_alone, now, &started);
	/* something was begun, and there is room: look again at once */
	if (n > 0 && (started > 0 || !whole) && pick_room(q, local) > 0)
		q->more = true;
}

void pick_due(struct queue *q)
{
	int64_t now = clock_unix();
	int local;

	for (local = 0; local < 2; local++) {
		if (q->next_due[local] <= now && pick_room(q, local) > 0)
			pick(q, local, now);
		q->next_due[local] = rows_next_due(&q->rows, local);
		q->backlog[local] = q->next_due[local] <= now;
	}
}
