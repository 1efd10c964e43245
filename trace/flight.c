/* SPDX-License-Identifier: ISC
 *
 * flight.c: see flight.h. A session has one transaction at a time, so its id
 * is the key.
 *
 * The index line's event is "index": m s from user peer to* box* subject mid
 * size rcpts state (accepted, rejected) and done=1 when every recipient has it.
 */
#include "trace/flight.h"

#include <sys/queue.h>

#define TEXT_MAX 16384

struct rcpt {
	struct str address;
	bool done;
};

struct flight {
	struct arena a;
	int64_t time;
	struct str key, m, s, from, user, peer, reply; /* key: s, or m of one that never was in a session */
	struct rcpt rcpt[FLIGHT_RCPTS];
	struct str box[FLIGHT_RCPTS]; /* mailboxes behind aliases */
	size_t nrcpt, nbox, rcpts, ndone;
	bool refused, made; /* made: no transaction brought it: a forward, a report */
	TAILQ_ENTRY(flight) link;
};

struct flights {
	struct table by_session;
	TAILQ_HEAD(, flight) all; /* oldest first */
	size_t n;
	flight_leave *leave;
	void *arg;
};

struct flights *flights_new(flight_leave *leave, void *arg)
{
	struct flights *f = mem_alloc(1, sizeof(*f));

	table_init(&f->by_session);
	TAILQ_INIT(&f->all);
	f->leave = leave;
	f->arg = arg;
	return f;
}

static void forget(struct flights *f, struct flight *x)
{
	if (table_get(&f->by_session, x->key) == x)
		table_remove(&f->by_session, x->key);
	TAILQ_REMOVE(&f->all, x, link);
	f->n--;
	arena_done(&x->a);
	free(x);
}

void flights_free(struct flights *f)
{
	struct flight *x;

	while ((x = TAILQ_FIRST(&f->all)))
		forget(f, x);
	table_done(&f->by_session);
	free(f);
}

/* Raw values hold neither quotes nor blanks unescaped but inside quotes: so they go between such. */
static void put(struct buf *b, const char *key, struct str raw)
{
	if (!raw.p)
		return;
	buf_fmt(b, " %s=\"", key);
	buf_str(b, raw);
	buf_c(b, '"');
}

/* e: the event that ends it, with more facts; or NULL. */
static void leave(struct flights *f, struct flight *x, const struct record *r, const struct fields *e, const char *state)
{
	struct record out = { .time = x->time, .level = BLOCK_INDEX, .program = r->program, .pid = r->pid };
	struct buf b;
	size_t i;

	buf_init(&b, TEXT_MAX);
	buf_puts(&b, "index");
	put(&b, "m", x->m);
	put(&b, "s", x->s);
	put(&b, "state", str_of(state));
	put(&b, "from", x->from);
	put(&b, "user", x->user);
	put(&b, "peer", x->peer);
	if (!e)
		put(&b, "reply", x->reply);
	if (e) {
		put(&b, "size", fields_raw(e, "size"));
		put(&b, "mid", fields_raw(e, "mid"));
		put(&b, "subject", fields_raw(e, "subject"));
	}
	if (x->made)
		buf_puts(&b, " made=1");
	buf_fmt(&b, " rcpts=%zu", x->rcpts);
	if (x->rcpts && x->ndone >= x->rcpts)
		buf_puts(&b, " done=1");
	for (i = 0; i < x->nrcpt; i++)
		put(&b, "to", x->rcpt[i].address);
	for (i = 0; i < x->nbox; i++)
		put(&b, "box", x->box[i]);
	out.text = buf_view(&b);
	if (b.err == 0)
		f->leave(f->arg, &out);
	buf_done(&b);
	forget(f, x);
}

static struct flight *flight_new(struct flights *f, const struct record *r, const struct fields *e, const char *key)
{
	struct flight *x = mem_alloc(1, sizeof(*x));

	arena_init(&x->a);
	x->time = r->time;
	x->key = arena_str(&x->a, fields_raw(e, key));
	x->s = arena_str(&x->a, fields_raw(e, "s"));
	x->m = arena_str(&x->a, fields_raw(e, "m"));
	x->from = arena_str(&x->a, fields_raw(e, "from"));
	if (fields_raw(e, "user").p)
		x->user = arena_str(&x->a, fields_raw(e, "user"));
	if (fields_raw(e, "peer").p)
		x->peer = arena_str(&x->a, fields_raw(e, "peer"));
	TAILQ_INSERT_TAIL(&f->all, x, link);
	f->n++;
	table_set(&f->by_session, x->key, x);
	return x;
}

static void add_rcpt(struct flight *x, struct str address)
{
	x->rcpts++;
	if (x->nrcpt < FLIGHT_RCPTS)
		x->rcpt[x->nrcpt++].address = arena_str(&x->a, address);
}

static void done(struct flight *x, struct str to, struct str box)
{
	size_t i;

	for (i = 0; i < x->nrcpt && !str_ieq(x->rcpt[i].address, to); i++)
		;
	if (i < x->nrcpt && !x->rcpt[i].done) {
		x->rcpt[i].done = true;
		x->ndone++;
	}
	if (box.p && !str_ieq(box, to) && x->nbox < FLIGHT_RCPTS)
		x->box[x->nbox++] = arena_str(&x->a, box);
}

/* The end of a transaction that was not accepted: of use only if somebody was refused. */
static void give_up(struct flights *f, struct flight *x, const struct record *r)
{
	if (x->refused)
		leave(f, x, r, NULL, "rejected");
	else
		forget(f, x);
}

static void refused(struct flights *f, struct flight *x, const struct record *r, const struct fields *e)
{
	struct str to = fields_raw(e, "to");

	if (!x && !to.p && !fields_raw(e, "from").p)
		return; /* a command, not a message */
	if (!x)
		x = flight_new(f, r, e, "s");
	x->refused = true;
	x->reply = str_of(arena_fmt(&x->a, "%.*s %.*s", STRF(fields_raw(e, "code")), STRF(fields_raw(e, "reply"))));
	if (to.p && x->nrcpt < FLIGHT_RCPTS)
		x->rcpt[x->nrcpt++].address = arena_str(&x->a, to);
}

void flights_event(struct flights *f, const struct record *r, const struct fields *e)
{
	struct str s = fields_raw(e, "s"), m = fields_raw(e, "m");
	struct flight *x = s.n ? table_get(&f->by_session, s) : NULL;
	bool same = x && (!m.n || str_eq(x->m, m));
	size_t i;

	if (str_eqc(e->event, "queued") && !same && m.n) {
		struct flight *y = flight_new(f, r, e, "m");

		y->made = true;
		for (i = 0; i < e->n; i++)
			if (str_eqc(e->f[i].key, "to"))
				add_rcpt(y, e->f[i].raw);
		y->rcpts = MAX(y->rcpts, (size_t)fields_u64(e, "rcpts"));
		leave(f, y, r, e, "accepted");
	}
	if (!s.n)
		return;
	if (str_eqc(e->event, "mail")) {
		if (x)
			give_up(f, x, r);
		while (f->n >= FLIGHTS)
			give_up(f, TAILQ_FIRST(&f->all), r);
		flight_new(f, r, e, "s");
	} else if (str_eqc(e->event, "close")) {
		if (x)
			give_up(f, x, r);
	} else if (str_eqc(e->event, "refused") && str_eqc(r->program, "smtpd")) {
		refused(f, same ? x : NULL, r, e);
	} else if (same && str_eqc(e->event, "rcpt")) {
		add_rcpt(x, fields_raw(e, "to"));
	} else if (same && str_eqc(e->event, "delivered")) {
		done(x, fields_raw(e, "to"), fields_raw(e, "account"));
	} else if (same && (str_eqc(e->event, "accepted") || str_eqc(e->event, "message"))) {
		x->rcpts = MAX(x->rcpts, (size_t)fields_u64(e, "rcpts"));
		leave(f, x, r, e, "accepted");
	}
}
