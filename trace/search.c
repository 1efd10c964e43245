/* SPDX-License-Identifier: ISC
 *
 * search.c: mansio trace search: index lines (flight.h) that fit, the newest
 * first; then, of those whose fate was not known when the line was written,
 * the later events, in one more walk for all of them.
 */
#include "trace/query.h"

#define CANDIDATES 4000 /* if a state is asked for: so many are looked at */
#define LINES_MAX 4096 /* index lines of a block */

struct hit {
	struct summary x;
	int64_t block;
	bool gone;
};

struct run {
	const struct search *q;
	struct arena a;
	struct table by_m;
	struct hit *hit;
	size_t n, cap, most;
	bool reached; /* `before` was passed */
	struct record *line;
};

/* A whole address is compared as a whole, "@domain" with its end, the rest is a part of it. */
static bool address_fits(struct str value, struct str wanted)
{
	ssize_t at = str_find(wanted, '@');

	if (at > 0 && (size_t)at + 1 < wanted.n)
		return str_ieq(value, wanted);
	if (at == 0)
		return value.n >= wanted.n && str_ieq(str_from(value, value.n - wanted.n), wanted);
	return fields_contain(value, wanted);
}

static bool any_address(const struct fields *e, const char *const *keys, size_t nkeys, struct str wanted)
{
	size_t i, k;

	for (i = 0; i < e->n; i++)
		for (k = 0; k < nkeys; k++)
			if (str_eqc(e->f[i].key, keys[k]) && address_fits(e->f[i].raw, wanted))
				return true;
	return false;
}

static bool fits(const struct search *q, const struct record *r, const struct fields *e)
{
	static const char *const all[] = { "to", "from", "user", "box" };

	if ((q->since && r->time < q->since) || (q->until && r->time >= q->until))
		return false;
	if (q->address.n && !any_address(e, all, 4, q->address))
		return false;
	if (q->sender.p && !q->sender.n && fields_raw(e, "from").n)
		return false; /* sender=<>: the null sender */
	if (q->sender.n && !any_address(e, all + 1, 2, q->sender))
		return false;
	if (q->recipient.n && !any_address(e, (const char *const[]){ "to", "box" }, 2, q->recipient))
		return false;
	if (q->subject.n && !fields_contain(fields_raw(e, "subject"), q->subject))
		return false;
	return !q->message_id.n || fields_contain(fields_raw(e, "mid"), q->message_id) ||
		str_eq(fields_raw(e, "m"), q->message_id);
}

/* The same message again: the line that was written last is the right one. */
static void take(struct run *run, int64_t n, const struct record *r)
{
	struct fields e;
	struct summary x;

	if (fields_parse(r->text, &e) < 0)
		return;
	if (!run->reached) {
		run->reached = str_eq(fields_raw(&e, "m"), run->q->before);
		return;
	}
	if (!fits(run->q, r, &e) || table_get(&run->by_m, fields_raw(&e, "m")))
		return;
	summary_init(&x, r, &e, &run->a);
	if (run->n == run->cap) {
		run->cap = run->cap ? run->cap * 2 : 64;
		run->hit = mem_grow(run->hit, run->cap, sizeof(*run->hit));
	}
	run->hit[run->n++] = (struct hit){ .x = x, .block = n };
	table_set(&run->by_m, x.m, (void *)(uintptr_t)run->n); /* 1 + its place */
}

static bool visit(void *arg, int64_t n, struct str text)
{
	struct run *run = arg;
	struct record r;
	size_t k = 0;

	while (record_next(&text, &r))
		if (r.level == BLOCK_INDEX && k < LINES_MAX)
			run->line[k++] = r;
	while (k > 0 && run->n < run->most)
		take(run, n, &run->line[--k]);
	return run->n < run->most;
}

static bool visit_later(void *arg, int64_t n, struct str text)
{
	struct run *run = arg;
	struct record r;
	struct fields e;
	uintptr_t place;

	(void)n;
	while (record_next(&text, &r)) {
		if (r.level == BLOCK_INDEX || fields_parse(r.text, &e) < 0)
			continue;
		place = (uintptr_t)table_get(&run->by_m, fields_raw(&e, "m"));
		if (place && !run->hit[place - 1].x.settled)
			summary_event(&run->hit[place - 1].x, &r, &e, &run->a);
	}
	return true;
}

static int follow(struct keep *k, struct run *run)
{
	struct look l = { .worst = -1 };
	uint64_t *id = arena_array(&run->a, run->n + 1, sizeof(*id));
	size_t i;

	for (i = 0; i < run->n; i++) {
		if (run->hit[i].x.settled)
			continue;
		id[l.nid++] = block_id(run->hit[i].x.m);
		/* what became of it on the straight way may stand in the block before */
		l.from = l.nid == 1 ? run->hit[i].block - 1 : MIN(l.from, run->hit[i].block - 1);
	}
	l.id = id;
	return l.nid ? keep_look(k, &l, visit_later, run) : 0;
}

/* Where the walk begins behind `before`. */
static bool first_block(void *arg, int64_t n, struct str text)
{
	struct { struct str m; int64_t n; } *find = arg;
	struct record r;
	struct fields e;

	while (record_next(&text, &r))
		if (r.level == BLOCK_INDEX && fields_parse(r.text, &e) == 0 && str_eq(fields_raw(&e, "m"), find->m))
			find->n = n;
	return find->n == 0;
}

static int find_before(struct keep *k, const struct search *q, int64_t *from_out)
{
	struct { struct str m; int64_t n; } find = { q->before, 0 };
	uint64_t id = block_id(q->before);
	struct look l = { .worst = -1, .id = &id, .nid = 1, .backward = true };
	int r = keep_look(k, &l, first_block, &find);

	*from_out = find.n;
	return r < 0 ? r : find.n ? 0 : E_NOTFOUND;
}

static void rows(struct run *run, search_row *row, void *arg)
{
	const struct search *q = run->q;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < run->n && n < q->limit; i++) {
		struct summary *x = &run->hit[i].x;

		if (!q->scope.all && !summary_narrow(x, &q->scope))
			continue;
		if (q->state.n && !str_eqc(q->state, summary_state(x)))
			continue;
		row(arg, x, &run->a);
		n++;
	}
}

int search_run(struct keep *k, const struct search *q, search_row *row, void *arg)
{
	struct str needle[5];
	struct look l = { .since = q->since, .until = 0, .worst = -1, .needle = needle, .backward = true };
	struct run run = { .q = q, .reached = !q->before.n };
	const struct str *const wanted[] = { &q->address, &q->sender, &q->recipient, &q->subject };
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_LEN(wanted); i++)
		if (wanted[i]->n)
			needle[l.nneedle++] = *wanted[i];
	if (q->message_id.n)
		needle[l.nneedle++] = q->message_id; /* index lines hold m as well */
	arena_init(&run.a);
	table_init(&run.by_m);
	run.line = arena_array(&run.a, LINES_MAX, sizeof(*run.line));
	run.most = q->state.n || !q->scope.all ? CANDIDATES : (size_t)q->limit;
	if (q->before.n)
		r = find_before(k, q, &l.from);
	if (r == 0)
		r = keep_look(k, &l, visit, &run);
	if (r == 0)
		r = follow(k, &run);
	if (r == 0)
		rows(&run, row, arg);
	free(run.hit);
	table_done(&run.by_m);
	arena_done(&run.a);
	return r;
}
