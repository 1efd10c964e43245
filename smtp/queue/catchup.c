/* SPDX-License-Identifier: ISC
 *
 * catchup.c: a server that was away is back, and says so (ETRN, RFC 1985): what waits for its
 * domain is due now, and the domain is not taken for down any more.
 *
 *   asked --> slices, each in a turn's transaction --> answered after the commit of the last one
 *
 * The same is done where the sender says that mail goes another way from now on (a route, the smarthost): catchup_way.
 *
 * It changes when mail is tried, and nothing else: not where it goes, not how often it may
 * fail. Each domain is caught up once in `[queue] catchup_again`, CATCHUPS_MAX at once;
 * whoever asks more often hears how long to wait. A slice looks at SLICE_DESTS destinations and
 * moves SLICE_ROWS recipients, so a queue of millions holds up nobody.
 */
#include "smtp/queue/queue.h"

#define CATCHUPS_MAX 8
#define SLICE_DESTS 2000
#define SLICE_ROWS 2000
#define COUNT_MAX 10000 /* messages; above that they are many */
#define REMEMBER_MAX 20000 /* domains that were caught up of late */

struct catchup {
	LIST_ENTRY(catchup) link;
	void *who; /* NULL: nobody waits for the answer any more */
	uint64_t question;
	bool below;
	bool way; /* the way there is another one: nobody asked, and nobody is answered */
	bool inside; /* rows of `dest` are still to be moved */
	bool ended;
	uint64_t messages;
	char dest[DEST_NAME_MAX + 1]; /* at hand, or the last one */
	char domain[DEST_NAME_MAX + 1];
};

/* --- how often ------------------------------------------------------------------------ */

/* ms until it may be done again, by the setting as it is now. */
static int64_t left(const struct queue *q, const int64_t *when)
{
	return when ? *when + q->conf->queue_catchup_again - clock_mono_ms() : 0;
}

static uint64_t too_soon(const struct queue *q, const char *domain)
{
	int64_t ms = left(q, table_get(&q->caught, str_of(domain)));

	return ms > 0 ? ((uint64_t)ms + 999) / 1000 : 0;
}

static void remember(struct queue *q, const char *domain)
{
	int64_t *when = table_get(&q->caught, str_of(domain));

	if (!when && q->caught.n >= REMEMBER_MAX)
		return;
	if (!when) {
		when = mem_alloc(1, sizeof(*when));
		table_set(&q->caught, str_of(domain), when);
	}
	*when = clock_mono_ms();
}

struct sweep {
	struct queue *q;
	bool all;
};

static bool sweep(struct str key, void *value, void *arg)
{
	struct sweep *s = arg;

	if (s->all || left(s->q, value) <= 0) {
		table_remove(&s->q->caught, key);
		free(value);
	}
	return true;
}

void catchups_sweep(struct queue *q)
{
	table_each(&q->caught, sweep, &(struct sweep){ .q = q });
}

/* --- questions and answers ---------------------------------------------------------------- */

static void answer(struct queue *q, const struct catchup *c, const char *result, uint64_t again)
{
	if (c->who)
		q->ops->caught(c->who, c->question, result, c->messages > COUNT_MAX ? 0 : c->messages, again);
}

void catchup_start(struct queue *q, struct str domain, bool below, void *who, uint64_t question)
{
	struct catchup *c = mem_alloc(1, sizeof(*c)), *other;
	uint64_t again;
	size_t n = 0;

	*c = (struct catchup){ .who = who, .question = question, .below = below };
	snprintf(c->domain, sizeof(c->domain), "%.*s", STRF(domain));
	LIST_FOREACH(other, &q->catchups, link)
		n += !other->way;
	again = too_soon(q, c->domain);
	if (again > 0 || n >= CATCHUPS_MAX || !q->rows.db || q->full_until || q->stopping) {
		answer(q, c, again ? "soon" : "busy", again);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&q->catchups, c, link);
	q->more = true;
}

/* Of many at once one for all is made: what was begun is looked at again. */
void catchup_way(struct queue *q, struct str domain)
{
	struct catchup *c, *last = NULL;
	size_t n = 0;

	if (!q->rows.db || q->stopping || domain.n > DEST_NAME_MAX)
		return;
	LIST_FOREACH(c, &q->catchups, link) {
		n += c->way;
		if (c->way)
			last = c;
	}
	if (n >= CATCHUPS_MAX) {
		domain = STR("");
		c = last;
	} else {
		c = mem_alloc(1, sizeof(*c));
		LIST_INSERT_HEAD(&q->catchups, c, link);
	}
	memset(c->dest, 0, sizeof(c->dest));
	c->way = true;
	c->inside = c->ended = false;
	c->below = domain.n == 0 || domain.p[0] == '.';
	snprintf(c->domain, sizeof(c->domain), "%.*s", STRF(domain));
	q->more = true;
}

void catchups_gone(struct queue *q, const void *who)
{
	struct catchup *c;

	LIST_FOREACH(c, &q->catchups, link)
		if (c->who == who)
			c->who = NULL;
}

void catchups_stop(struct queue *q)
{
	struct catchup *c;

	while ((c = LIST_FIRST(&q->catchups)) != NULL) {
		LIST_REMOVE(c, link);
		free(c);
	}
	table_each(&q->caught, sweep, &(struct sweep){ .q = q, .all = true });
	table_done(&q->caught);
}

/* --- work ------------------------------------------------------------------------------------ */

/* example.net itself, or what ends in .example.net; a mailbox here is neither. */
static bool is_meant(const struct catchup *c, struct str dest)
{
	struct str domain = str_of(c->domain);

	if (c->way && c->below)
		return str_find(dest, '@') < 0 && dest.n > domain.n && str_ends(dest, c->domain);
	if (str_eq(dest, domain))
		return true;
	return dest.n > domain.n && str_find(dest, '@') < 0 && dest.p[dest.n - domain.n - 1] == '.' &&
		str_eq(str_from(dest, dest.n - domain.n), domain);
}

static void begin_dest(struct queue *q, struct catchup *c)
{
	uint64_t n = rows_waiting(&q->rows, str_of(c->dest), COUNT_MAX + 1);

	c->messages += n;
	c->inside = n > 0;
	dest_again(q, str_of(c->dest));
}

/* The next destination that is meant. 1 there is one, 0 none, -1 not found in this slice. */
static int next_dest(struct queue *q, struct catchup *c)
{
	struct str dest = str_of(c->dest);
	size_t i;

	if (!c->below) {
		if (c->dest[0])
			return 0;
		snprintf(c->dest, sizeof(c->dest), "%s", c->domain);
		return 1;
	}
	for (i = 0; i < SLICE_DESTS; i++) {
		dest = rows_next_dest(&q->rows, dest, &q->turn.arena);
		if (!dest.p)
			return 0;
		snprintf(c->dest, sizeof(c->dest), "%.*s", STRF(dest));
		if (dest.n <= DEST_NAME_MAX && is_meant(c, dest))
			return 1;
	}
	return -1;
}

static void slice(struct queue *q, struct catchup *c)
{
	int64_t now = clock_unix();
	size_t rows = 0, n;
	int r = 1;

	while (rows < SLICE_ROWS && q->rows.err >= 0) {
		if (!c->inside) {
			r = next_dest(q, c);
			if (r <= 0)
				break;
			begin_dest(q, c);
			rows++; /* a destination is work too */
			continue;
		}
		n = rows_hurry(&q->rows, str_of(c->dest), now, SLICE_ROWS - rows);
		c->inside = n == SLICE_ROWS - rows;
		if (n > 0)
			q->next_due[0] = 0; /* in this very turn */
		rows += n;
	}
	c->ended = r == 0;
	q->turn.changed = true;
}

void catchups_slice(struct queue *q)
{
	struct catchup *c;

	LIST_FOREACH(c, &q->catchups, link) {
		slice(q, c);
		if (!c->ended)
			q->more = true;
	}
}

static bool in_hand(const struct queue *q, const struct catchup *c)
{
	const struct job *j;

	LIST_FOREACH(j, &q->jobs, link)
		if (!j->local && j->n > 0 && is_meant(c, j->rcpt[0].dest))
			return true;
	return false;
}

void catchups_committed(struct queue *q, bool ok)
{
	struct catchup *c, *next;

	for (c = LIST_FIRST(&q->catchups); c; c = next) {
		next = LIST_NEXT(c, link);
		if (ok && !c->ended)
			continue;
		if (!ok && c->way) { /* again from the start, when there is room */
			c->dest[0] = '\0';
			c->inside = c->ended = false;
			continue;
		}
		if (ok && c->messages > 0 && !c->way)
			remember(q, c->domain);
		answer(q, c, !ok ? "busy" : c->messages > 0 ? "started" : in_hand(q, c) ? "active" : "none", 0);
		LIST_REMOVE(c, link);
		free(c);
	}
}
