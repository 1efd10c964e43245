/* SPDX-License-Identifier: ISC
 *
 * changes.c: mansio changes list: what is new since yesterday, each thing once:
 * what administrators did, processes that died, settings, certificates, mail
 * that was given up; and failures of a kind that the week before had not seen.
 */
#include "trace/query.h"

#include "trace/events.h"

#define WEEK_US ((int64_t)7 * 86400 * 1000000)
#define GROUPS_MAX 1000
#define NAMES 5 /* arguments that are told of equal things */

struct group {
	const char *kind;
	int64_t time; /* of the last one */
	uint64_t n;
	bool before; /* a failure that was there already */
	struct str words; /* of the last one */
	struct str names; /* audit: what it was done to */
	unsigned nnames;
};

struct run {
	struct arena a;
	struct table by_key;
	struct group *group;
	size_t n;
	int64_t since;
};

static struct group *group_of(struct run *run, const char *kind, struct str one, struct str two)
{
	struct str key = str_of(arena_fmt(&run->a, "%s %.*s %.*s", kind, STRF(one), STRF(two)));
	uintptr_t place = (uintptr_t)table_get(&run->by_key, key);

	if (place)
		return &run->group[place - 1];
	if (run->n == GROUPS_MAX)
		return NULL;
	run->group[run->n] = (struct group){ .kind = kind };
	table_set(&run->by_key, key, (void *)(uintptr_t)(run->n + 1));
	return &run->group[run->n++];
}

static struct str sentence(struct run *run, const struct record *r, const struct fields *e)
{
	const struct event_def *d = event_find(r->program, e->event);
	struct str out;
	struct buf b;

	buf_init(&b, 4096);
	if (d)
		event_words(d, e, &run->a, &b);
	else
		buf_str(&b, r->text);
	out = arena_str(&run->a, buf_view(&b));
	buf_done(&b);
	return out;
}

static void again(struct run *run, struct group *g, const struct record *r, const struct fields *e)
{
	g->n++;
	if (r->time < g->time)
		return;
	g->time = r->time;
	g->words = sentence(run, r, e);
}

static const char *const kind_name[] = { [CHANGE_PROCESS] = "process", [CHANGE_SETTINGS] = "settings",
	[CHANGE_MAIL] = "mail", [CHANGE_TRACE] = "trace", [CHANGE_CERTIFICATE] = "certificate" };

static void event(struct run *run, const struct record *r, const struct fields *e)
{
	const struct event_def *d = event_find(r->program, e->event);
	bool recent = r->time >= run->since;
	struct group *g;

	if (d && d->kind != CHANGE_NONE && recent && r->level > '0') {
		g = group_of(run, kind_name[d->kind], e->event, fields_raw(e, "process"));
		if (g)
			again(run, g, r, e);
	} else if (r->level >= '2') {
		g = group_of(run, "failure", r->program, e->event);
		if (g && recent)
			again(run, g, r, e);
		else if (g)
			g->before = true;
	}
}

static bool visit(void *arg, int64_t n, struct str text)
{
	struct run *run = arg;
	struct record r;
	struct fields e;

	(void)n;
	while (record_next(&text, &r))
		if (r.level != BLOCK_INDEX && (r.time >= run->since || r.level >= '2') && fields_parse(r.text, &e) == 0)
			event(run, &r, &e);
	return true;
}

/* --- what administrators did ----------------------------------------------------------- */

static const char *audit_kind(struct str verb)
{
	if (str_eqc(verb, "user add"))
		return "person";
	if (str_starts(verb, "config") || str_eqc(verb, "reload"))
		return "settings";
	return str_starts(verb, "cert") ? "certificate" : "audit";
}

static bool visit_audit(void *arg, int64_t n, struct str line)
{
	struct run *run = arg;
	struct record r;
	struct fields e;
	struct group *g;
	struct str verb, args;

	(void)n;
	if (record_parse(line, &r) < 0 || fields_parse(r.text, &e) < 0)
		return true;
	verb = fields_raw(&e, "verb");
	args = fields_text(&run->a, fields_raw(&e, "args"));
	g = group_of(run, audit_kind(verb), fields_raw(&e, "who"), verb);
	if (!g)
		return false;
	g->n++;
	if (r.time >= g->time)
		g->time = r.time;
	if (args.n && g->nnames++ < NAMES)
		g->names = str_of(arena_fmt(&run->a, "%.*s%s%.*s", STRF(g->names), g->names.n ? "; " : "", STRF(args)));
	g->words = str_of(arena_fmt(&run->a, "%.*s did '%.*s'", STRF(fields_text(&run->a, fields_raw(&e, "who"))),
		STRF(verb)));
	return true;
}

static int newest_first(const void *va, const void *vb)
{
	const struct group *a = va, *b = vb;

	return a->time == b->time ? 0 : a->time > b->time ? -1 : 1;
}

static void tell(struct run *run, const struct group *g, change_row *row, void *arg)
{
	struct buf b;

	buf_init(&b, 8192);
	if (strcmp(g->kind, "failure") == 0)
		buf_puts(&b, "Not seen in the week before: ");
	buf_str(&b, g->words);
	if (g->names.n)
		buf_fmt(&b, ": %.*s%s", STRF(g->names), g->nnames > NAMES ? " ..." : "");
	if (g->n > 1)
		buf_fmt(&b, " (%llu times)", (unsigned long long)g->n);
	(void)run;
	row(arg, g->time, g->kind, buf_view(&b));
	buf_done(&b);
}

int changes_run(struct keep *k, int64_t since, change_row *row, void *arg)
{
	struct look old = { .since = MAX(since - WEEK_US, (int64_t)1), .until = since, .worst = 2 };
	struct look recent = { .since = since, .worst = -1 };
	struct run run = { .since = since };
	size_t i;
	int r;

	arena_init(&run.a);
	table_init(&run.by_key);
	run.group = arena_array(&run.a, GROUPS_MAX, sizeof(*run.group));
	r = keep_audit(k, since, 0, visit_audit, &run);
	if (r == 0)
		r = keep_look(k, &old, visit, &run);
	if (r == 0)
		r = keep_look(k, &recent, visit, &run);
	qsort(run.group, run.n, sizeof(*run.group), newest_first);
	for (i = 0; r == 0 && i < run.n; i++)
		if (run.group[i].n && !run.group[i].before)
			tell(&run, &run.group[i], row, arg);
	table_done(&run.by_key);
	arena_done(&run.a);
	return r;
}
