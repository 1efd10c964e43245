/* SPDX-License-Identifier: ISC
 *
 * dests.c: what the queue knows of destinations in memory: the jobs in hand there,
 * whose turn it was last, and what the sender says of it:
 *
 *   up    (what is not said otherwise)     down  no jobs until its time is over; what becomes due is deferred
 *   slow  `limit` jobs at most                   with the sender's words (pick.c), by the schedule
 *
 * A destination is a domain outside, a mailbox here, or the hop that the admin gave. Nothing
 * of this is kept on the disk: after a start the sender finds out again. Entries that say
 * nothing are dropped, DESTS_MAX of them at most are kept.
 */
#include "smtp/queue/queue.h"

#define DESTS_MAX 100000 /* with a state; further ones are taken for up */
#define IDLE_MAX 10000 /* kept without one, for the turns of senders */
#define AGAIN_MAX 86400 /* s */
#define FRESH_MS 3600000 /* so long a wish that nobody could be told of is kept */
#define REMEMBER 3600 /* s: that nobody answered where nothing is in hand, for the admin */

static bool has_state(const struct dest *d)
{
	return d->state != DEST_UP && !deadline_passed(d->until);
}

static void forget(struct queue *q, struct dest *d)
{
	table_remove(&q->dests, str_of(d->name));
	free(d->reply);
	free(d->said);
	free(d);
}

static char *copy(struct str s)
{
	char *p = mem_alloc(1, s.n + 1);

	memcpy(p, s.p, s.n);
	return p;
}

static struct dest *make(struct queue *q, struct str name)
{
	struct dest *d = table_get(&q->dests, name);

	if (!d) {
		d = mem_alloc(1, sizeof(*d) + name.n + 1);
		memcpy(d->name, name.p, name.n);
		d->since = clock_unix();
		table_set(&q->dests, name, d);
	}
	return d;
}

struct dest *dest_take(struct queue *q, struct str name)
{
	struct dest *d = make(q, name);

	d->jobs++;
	return d;
}

void dest_give(struct queue *q, struct dest *d)
{
	if (--d->jobs == 0 && !has_state(d) && !d->fresh && q->dests.n > IDLE_MAX)
		forget(q, d);
}

struct dest *dest_of(const struct queue *q, struct str name)
{
	return table_get(&q->dests, name);
}

const struct dest *dest_down(const struct queue *q, struct str name)
{
	const struct dest *d = table_get(&q->dests, name);

	return d && d->state == DEST_DOWN && has_state(d) ? d : NULL;
}

bool dest_room(const struct queue *q, struct str name, uint64_t share)
{
	const struct dest *d = table_get(&q->dests, name);

	if (!d)
		return true;
	if (has_state(d))
		share = d->state == DEST_DOWN ? 0 : MIN(share, (uint64_t)MAX(d->limit, 1u));
	return d->jobs < share;
}

uint64_t dest_seconds(const struct dest *d)
{
	return has_state(d) ? ((uint64_t)deadline_left(d->until) + 999) / 1000 : 0;
}

enum dest_state dest_shown(const struct dest *d)
{
	return d->state == DEST_SLOW && !has_state(d) ? DEST_UP : d->state;
}

/* Whoever is down again is down since the first time. */
static void become(struct dest *d, enum dest_state state)
{
	if (dest_shown(d) != state)
		d->since = clock_unix();
	d->state = state;
}

/* One of whom the sender says nothing (its way is a route of some senders only) is down for the admin's eyes alone. */
void dest_said(struct dest *d, bool answers, struct str reply)
{
	free(d->said);
	d->said = copy(reply);
	d->said_at = clock_unix();
	if (answers && d->state == DEST_DOWN)
		become(d, DEST_UP);
	if (!answers && dest_shown(d) == DEST_UP) {
		become(d, DEST_DOWN);
		d->until = deadline_in(0);
	}
}

bool dests_message(struct queue *q, const struct ipc_msg *m)
{
	struct str name = ipc_get(m, "name"), state = ipc_get(m, "state"), reply = str_sub(ipc_get(m, "reply"), 0, QUEUE_REPLY_MAX);
	struct str status = ipc_get(m, "status");
	uint64_t seconds = 60, limit = 1, code = 0;
	struct dest *d;

	ipc_get_u64(m, "again", AGAIN_MAX, &seconds);
	ipc_get_u64(m, "limit", 1000000, &limit);
	ipc_get_u64(m, "code", 599, &code);
	if (name.n == 0 || name.n > DEST_NAME_MAX || status.n > 11 ||
	    (!str_eqc(state, "up") && !str_eqc(state, "down") && !str_eqc(state, "slow")))
		return false;
	d = dest_of(q, name);
	if (str_eqc(state, "up") ? !d : !d && q->dests.n >= DESTS_MAX)
		return true;
	d = make(q, name);
	free(d->reply);
	d->reply = NULL;
	become(d, str_eqc(state, "up") ? DEST_UP : str_eqc(state, "down") ? DEST_DOWN : DEST_SLOW);
	d->until = deadline_in((int64_t)MAX(seconds, (uint64_t)1) * 1000);
	d->limit = (unsigned)limit;
	d->code = (int)code;
	snprintf(d->status, sizeof(d->status), "%.*s", STRF(status));
	if (reply.n && d->state != DEST_UP)
		d->reply = copy(reply);
	q->more = true;
	return true;
}

/* It stays down for the admin's eyes until somebody answers there; it is tried all the same. */
void dest_again(struct queue *q, struct str name)
{
	struct dest *d = dest_of(q, name);

	if (!d && q->dests.n >= DESTS_MAX)
		return;
	d = make(q, name);
	if (d->state == DEST_DOWN)
		d->until = deadline_in(0); /* it may be tried */
	d->fresh = deadline_in(FRESH_MS);
}

/* What is said of it no longer counts; the admin may ask. */
static bool is_remembered(const struct queue *q, const struct dest *d)
{
	if (d->fresh && !deadline_passed(d->fresh))
		return true;
	return d->state == DEST_DOWN && q->dests.n <= IDLE_MAX && clock_unix() - MAX(d->since, d->said_at) < REMEMBER;
}

static bool sweep(struct str key, void *value, void *arg)
{
	struct dest *d = value;

	(void)key;
	if (d->jobs == 0 && !has_state(d) && !is_remembered(arg, d))
		forget(arg, d);
	return true;
}

void dests_sweep(struct queue *q)
{
	table_each(&q->dests, sweep, q);
}

static bool drop(struct str key, void *value, void *arg)
{
	(void)key;
	forget(arg, value);
	return true;
}

void dests_done(struct queue *q)
{
	table_each(&q->dests, drop, q);
	table_done(&q->dests);
}
