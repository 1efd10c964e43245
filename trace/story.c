/* SPDX-License-Identifier: ISC
 *
 * story.c: mansio trace show: everything that happened to one message, in the
 * order in which it happened: its own events, those of its session that belong
 * to no message, and those of the messages that it became (forwards, reports).
 *
 * For a narrowed asker (scope.h) each event is told with those fields alone that
 * concern him.
 */
#include "trace/query.h"

#include "trace/events.h"

#define LINES_MAX 2000
#define CHILDREN_MAX 8

struct line {
	size_t at;
	int64_t time;
	struct str program, text;
};

struct story {
	struct arena a;
	struct str id, session, child[CHILDREN_MAX];
	size_t nchild;
	bool later; /* the second walk */
	bool whole; /* the id is a session's */
	struct line *line;
	size_t n;
	const struct scope *scope;
	bool sender; /* a narrowed asker sent it */
};

static bool is_child(const struct story *y, struct str m)
{
	size_t i;

	for (i = 0; i < y->nchild; i++)
		if (str_eq(y->child[i], m))
			return true;
	return false;
}

static bool wanted(struct story *y, const struct fields *e)
{
	struct str m = fields_raw(e, "m"), s = fields_raw(e, "s"), as = fields_raw(e, "as");

	if (y->later)
		return m.n ? !str_eq(m, y->id) && is_child(y, m) : !y->whole && y->session.n && str_eq(s, y->session);
	if (str_eq(s, y->id)) {
		y->whole = true;
		return true;
	}
	if (!str_eq(m, y->id))
		return false;
	if (!y->session.n && s.n)
		y->session = arena_str(&y->a, s);
	if (as.n && y->nchild < CHILDREN_MAX && !is_child(y, as))
		y->child[y->nchild++] = arena_str(&y->a, as);
	return true;
}

static bool visit(void *arg, int64_t n, struct str text)
{
	struct story *y = arg;
	struct record r;
	struct fields e;

	(void)n;
	while (record_next(&text, &r)) {
		if (r.level == BLOCK_INDEX || fields_parse(r.text, &e) < 0 || !wanted(y, &e) || y->n == LINES_MAX)
			continue;
		y->line[y->n] = (struct line){ y->n, r.time, arena_str(&y->a, r.program), arena_str(&y->a, r.text) };
		y->n++;
	}
	return true;
}

static int by_time(const void *va, const void *vb)
{
	const struct line *a = va, *b = vb;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int gather(struct keep *k, struct story *y)
{
	uint64_t id[CHILDREN_MAX + 1];
	struct look l = { .worst = -1, .id = id, .nid = 1 };
	size_t i;
	int r;

	id[0] = block_id(y->id);
	r = keep_look(k, &l, visit, y);
	l.nid = 0;
	if (!y->whole && y->session.n)
		id[l.nid++] = block_id(y->session);
	for (i = 0; i < y->nchild; i++)
		id[l.nid++] = block_id(y->child[i]);
	y->later = true;
	if (r == 0 && l.nid)
		r = keep_look(k, &l, visit, y);
	qsort(y->line, y->n, sizeof(*y->line), by_time);
	return r;
}

/* --- what a narrowed asker is told ------------------------------------------------- */

static bool concerns(struct story *y)
{
	struct fields e;
	bool any = false;
	size_t i;

	for (i = 0; i < y->n; i++) {
		if (fields_parse(y->line[i].text, &e) < 0 || !str_eq(fields_raw(&e, "m"), y->id))
			continue;
		/* not "queued": a forward has the sender's name, and goes where he need not know */
		if (str_eqc(e.event, "mail") || str_eqc(e.event, "accepted"))
			y->sender |= scope_has_field(y->scope, &e, "from") || scope_has_field(y->scope, &e, "user");
		any |= scope_has_field(y->scope, &e, "to") || scope_has_field(y->scope, &e, "account");
	}
	return any || y->sender;
}

/* Fields that may be shown of an event about somebody. */
static bool is_shown(struct str key, bool own, bool sender)
{
	static const char *const always[] = { "s", "m", "from", "size", "mid", "subject", "code", "status", "reply",
		"attempt", "wait", "age", "remote", "report", "by", "state", "via" };
	static const char *const owners[] = { "to", "account", "folder", "uid", "again", "target" };
	static const char *const senders[] = { "to", "peer", "helo", "user", "ip", "tls", "tried", "class", "service", "way", "ms",
		"rcpts" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(always); i++)
		if (str_eqc(key, always[i]))
			return true;
	for (i = 0; own && i < ARRAY_LEN(owners); i++)
		if (str_eqc(key, owners[i]))
			return true;
	for (i = 0; sender && i < ARRAY_LEN(senders); i++)
		if (str_eqc(key, senders[i]))
			return true;
	return false;
}

/* Leaves of e what he may see; false: nothing of it. */
static bool narrow(const struct story *y, struct fields *e)
{
	bool own = scope_has_field(y->scope, e, "to") || scope_has_field(y->scope, e, "account");
	bool about = fields_raw(e, "to").p != NULL;
	size_t i, n = 0;

	if (!str_eq(fields_raw(e, "m"), y->id))
		return false; /* the session, and what became of it elsewhere */
	if (about && !own && !y->sender)
		return false;
	if (!about && !y->sender && !str_eqc(e->event, "mail") && !str_eqc(e->event, "accepted") &&
	    !str_eqc(e->event, "message"))
		return false;
	for (i = 0; i < e->n; i++)
		if (is_shown(e->f[i].key, own, y->sender))
			e->f[n++] = e->f[i];
	e->n = n;
	return true;
}

static void plain_words(const struct fields *e, struct arena *a, struct buf *out)
{
	struct str from = fields_raw(e, "from"), to = fields_raw(e, "to");

	if (str_eqc(e->event, "mail")) {
		buf_puts(out, "Mail from ");
		buf_str(out, from.n ? fields_text(a, from) : STR("<>"));
		buf_puts(out, " comes in.");
	} else if (str_eqc(e->event, "delivered") || str_eqc(e->event, "forwarded")) {
		buf_puts(out, "Delivered to ");
		buf_str(out, fields_text(a, to));
		buf_c(out, '.');
	} else {
		buf_puts(out, "Accepted.");
	}
}

static void words(const struct story *y, const struct line *l, const struct fields *e, struct arena *a, struct buf *out)
{
	const struct event_def *d = event_find(l->program, e->event);
	bool own = y->scope->all || scope_has_field(y->scope, e, "to") || scope_has_field(y->scope, e, "account");
	bool plain = str_eqc(e->event, "delivered") || str_eqc(e->event, "forwarded") ? !own :
		(str_eqc(e->event, "mail") || str_eqc(e->event, "accepted")) && !y->scope->all && !y->sender;

	if (plain)
		plain_words(e, a, out);
	else if (d)
		event_words(d, e, a, out);
	else
		buf_str(out, y->scope->all ? l->text : e->event);
}

/* As in the log: what a server said cannot look like a field of its own. */
static void detail(const struct fields *e, struct buf *out)
{
	size_t i, k;

	for (i = 0; i < e->n; i++) {
		struct str v = e->f[i].raw;
		bool quotes = v.n == 0;

		for (k = 0; k < v.n && !quotes; k++)
			quotes = v.p[k] == ' ' || v.p[k] == '"' || v.p[k] == '=';
		buf_fmt(out, "%s%.*s=%s", i ? " " : "", STRF(e->f[i].key), quotes ? "\"" : "");
		buf_str(out, v);
		if (quotes)
			buf_c(out, '"');
	}
}

static void tell(const struct story *y, const struct line *l, story_row *row, void *arg)
{
	struct buf say, facts;
	struct fields e;
	struct arena a;

	if (fields_parse(l->text, &e) < 0 || (!y->scope->all && !narrow(y, &e)))
		return;
	arena_init(&a);
	buf_init(&say, 8192);
	buf_init(&facts, 8192);
	words(y, l, &e, &a, &say);
	detail(&e, &facts);
	row(arg, l->time, e.event, l->program, buf_view(&say), buf_view(&facts));
	buf_done(&say);
	buf_done(&facts);
	arena_done(&a);
}

int story_run(struct keep *k, struct str id, const struct scope *s, story_row *row, void *arg)
{
	struct story y = { .scope = s };
	size_t i;
	int r;

	arena_init(&y.a);
	y.id = fields_escape(&y.a, id);
	y.line = arena_array(&y.a, LINES_MAX, sizeof(*y.line));
	r = id.n ? gather(k, &y) : 0;
	if (r == 0 && (y.n == 0 || (!s->all && !concerns(&y))))
		r = E_NOTFOUND;
	for (i = 0; r == 0 && i < y.n; i++)
		tell(&y, &y.line[i], row, arg);
	arena_done(&y.a);
	return r;
}
