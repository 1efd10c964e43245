/* SPDX-License-Identifier: ISC
 *
 * verbs.c: the verbs of traced: arguments into a question (query.h), its rows
 * into messages for the reader. What is wrong with an argument is a sentence.
 */
#include "trace/keeper.h"

#include <sysexits.h>
#include <unistd.h>

#include "conf/value.h"
#include "trace/stats.h"

#define HOUR 3600
#define DAY 86400
#define SEARCH_LINES 100
#define SEARCH_MOST 1000
#define LOG_LINES 200
#define LOG_MOST 10000
#define GROWN 10 /* messages more than twice as many: the queue has grown */

struct ask {
	struct keeper *k;
	struct reader *r;
	struct ipc_msg *m;
	struct arena a;
	int64_t now; /* s */
	uint64_t n, most; /* rows of an audit list */
	char wrong[160]; /* a sentence, if an argument is */
};

/* --- arguments --------------------------------------------------------------------- */

static struct str text_arg(struct ask *q, const char *name)
{
	struct str v = ipc_get(q->m, name);

	return v.p ? fields_lower(&q->a, fields_escape(&q->a, v)) : STR_NONE;
}

/* In s; `other` if it is not there. */
static int64_t time_arg(struct ask *q, const char *name, int64_t other)
{
	struct str v = ipc_get(q->m, name);
	uint64_t unix_s;
	int64_t ms;

	if (!v.n)
		return other;
	if (str_u64(v, INT64_MAX / 2000000, &unix_s) == 0)
		return (int64_t)unix_s;
	if (conf_time_parse(v, &ms) == 0)
		return q->now - ms / 1000;
	if (conf_date_parse(v, &ms, NULL) < 0)
		snprintf(q->wrong, sizeof(q->wrong), "%s: must be a time ago (30m, 2h, 3d), a date (2026-11-21, "
			"2026-11-21T14:30, UTC) or Unix seconds", name);
	return ms;
}

static uint64_t limit_arg(struct ask *q, uint64_t other, uint64_t most)
{
	uint64_t n = other;

	if (ipc_get_u64(q->m, "limit", INT64_MAX, &n) < 0)
		n = other;
	return n == 0 ? most : MIN(n, most);
}

static int level_arg(struct ask *q)
{
	static const char *const name[] = { "debug", "info", "warn", "error" };
	struct str v = ipc_get(q->m, "level");
	size_t i;

	for (i = 0; i < ARRAY_LEN(name); i++)
		if (str_eqc(v, name[i]))
			return (int)i;
	if (v.n)
		snprintf(q->wrong, sizeof(q->wrong), "level: must be debug, info, warn or error");
	return 0;
}

/* --- rows ---------------------------------------------------------------------------- */

static void set_text(struct ipc_msg *m, const char *name, struct arena *a, struct str raw)
{
	ipc_set(m, name, fields_text(a, raw));
}

void query_log_row(struct ipc_msg *m, const struct record *r)
{
	static const char *const level[] = { "debug", "info", "warn", "error" };
	struct str text = r->text;

	ipc_init(m, "result");
	ipc_set_u64(m, "time", (uint64_t)(r->time / 1000000));
	ipc_setc(m, "level", level[(r->level - '0') & 3]);
	ipc_set(m, "program", r->program);
	ipc_set(m, "event", str_cut(&text, ' '));
	ipc_set(m, "text", text.p ? text : STR(""));
}

static void log_row(void *arg, const struct record *r)
{
	struct ask *q = arg;
	struct ipc_msg m;

	query_log_row(&m, r);
	reader_send(q->r, &m);
	ipc_done(&m);
}

static void search_row_out(void *arg, const struct summary *x, struct arena *a)
{
	struct ask *q = arg;
	struct ipc_msg m;
	struct buf words;

	buf_init(&words, 4096);
	summary_words(x, a, &words);
	ipc_init(&m, "result");
	ipc_set_u64(&m, "time", (uint64_t)(x->time / 1000000));
	ipc_set(&m, "id", x->m.n ? x->m : x->s);
	ipc_set(&m, "session", x->s);
	set_text(&m, "sender", a, x->from);
	set_text(&m, "recipient", a, x->nrcpt ? x->rcpt[0].to : STR(""));
	ipc_set_u64(&m, "recipients", MAX(x->rcpts, (uint64_t)x->nrcpt));
	set_text(&m, "subject", a, x->subject);
	ipc_set_u64(&m, "size", x->size);
	ipc_setc(&m, "state", summary_state(x));
	ipc_set(&m, "words", buf_view(&words));
	reader_send(q->r, &m);
	ipc_done(&m);
	buf_done(&words);
}

static void story_row_out(void *arg, int64_t time, struct str event, struct str program, struct str words,
	struct str detail)
{
	struct ask *q = arg;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "time", (uint64_t)(time / 1000000));
	ipc_set(&m, "event", event);
	ipc_set(&m, "program", program);
	ipc_set(&m, "words", words);
	ipc_set(&m, "detail", detail);
	reader_send(q->r, &m);
	ipc_done(&m);
}

static void change_row_out(void *arg, int64_t time, const char *kind, struct str words)
{
	struct ask *q = arg;
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_u64(&m, "time", (uint64_t)(time / 1000000));
	ipc_setc(&m, "kind", kind);
	ipc_set(&m, "words", words);
	reader_send(q->r, &m);
	ipc_done(&m);
}

/* --- verbs ------------------------------------------------------------------------------ */

static void finish(struct ask *q, int r)
{
	if (r < 0)
		reader_end(q->r, EX_TEMPFAIL, "the events cannot be read at the moment");
	else
		reader_end(q->r, EX_OK, NULL);
}

static int trace_search(struct ask *q)
{
	static const char *const states[] = { "delivered", "waiting", "failed", "held", "removed", "rejected" };
	struct search s = { .address = text_arg(q, "address"), .sender = text_arg(q, "sender"),
		.recipient = text_arg(q, "recipient"), .subject = text_arg(q, "subject"),
		.message_id = text_arg(q, "message_id"), .state = ipc_get(q->m, "state"),
		.before = ipc_get(q->m, "before") };
	size_t i;
	int r;

	s.since = time_arg(q, "since", 0) * 1000000;
	s.until = time_arg(q, "until", 0) * 1000000;
	s.limit = limit_arg(q, SEARCH_LINES, SEARCH_MOST);
	if (str_eqc(s.sender, "<>"))
		s.sender = STR("");
	for (i = 0; i < ARRAY_LEN(states) && !str_eqc(s.state, states[i]); i++)
		;
	if (s.state.n && i == ARRAY_LEN(states))
		snprintf(q->wrong, sizeof(q->wrong), "state: must be delivered, waiting, failed, held, removed or rejected");
	scope_read(&s.scope, q->m, &q->a);
	if (q->wrong[0])
		return 0;
	r = search_run(&q->k->keep, &s, search_row_out, q);
	if (r == E_NOTFOUND)
		snprintf(q->wrong, sizeof(q->wrong), "before: there is no such message");
	return r;
}

static int trace_show(struct ask *q)
{
	struct scope s;
	int r;

	scope_read(&s, q->m, &q->a);
	r = story_run(&q->k->keep, ipc_get(q->m, "id"), &s, story_row_out, q);
	if (r != E_NOTFOUND)
		return r;
	reader_end(q->r, EX_NOUSER, "nothing is known of that message (any more)");
	q->r = NULL;
	return 0;
}

static void read_filter(struct ask *q, struct log_filter *f)
{
	*f = (struct log_filter){ .level = level_arg(q), .program = text_arg(q, "program"), .match = text_arg(q, "match") };
	f->since = time_arg(q, "since", 0) * 1000000;
	f->until = time_arg(q, "until", 0) * 1000000;
}

static int log_list(struct ask *q)
{
	struct log_filter f;

	read_filter(q, &f);
	return q->wrong[0] ? 0 : log_run(&q->k->keep, &f, limit_arg(q, LOG_LINES, LOG_MOST), log_row, q);
}

static int log_follow(struct ask *q)
{
	struct log_filter f;

	read_filter(q, &f);
	if (q->wrong[0])
		return 0;
	f.program = arena_str(&q->r->a, f.program);
	f.match = arena_str(&q->r->a, f.match);
	q->r->filter = f;
	q->r->kind = READER_LOG;
	q->r = NULL;
	return 0;
}

static bool audit_row(void *arg, int64_t n, struct str line)
{
	static const char *const column[] = { "who", "from", "verb", "args", "code" };
	struct ask *q = arg;
	struct record r;
	struct fields e;
	struct ipc_msg m;
	size_t i;

	(void)n;
	if (record_parse(line, &r) < 0 || fields_parse(r.text, &e) < 0)
		return true;
	ipc_init(&m, "result");
	ipc_set_u64(&m, "time", (uint64_t)(r.time / 1000000));
	for (i = 0; i < ARRAY_LEN(column); i++) {
		struct str raw = fields_raw(&e, column[i]);

		if (!raw.p && i == 1)
			raw = fields_raw(&e, "peer"); /* of the page */
		set_text(&m, column[i], &m.arena, raw.p ? raw : STR(""));
	}
	reader_send(q->r, &m);
	ipc_done(&m);
	return ++q->n < q->most && !q->r->gone;
}

static int audit_list(struct ask *q)
{
	int64_t since = time_arg(q, "since", 0), until = time_arg(q, "until", 0);

	q->most = limit_arg(q, LOG_LINES, LOG_MOST);
	return q->wrong[0] ? 0 : keep_audit(&q->k->keep, since * 1000000, until * 1000000, audit_row, q);
}

static bool first_slot(void *arg, const struct slot *s)
{
	*(struct slot *)arg = *s;
	return false;
}

static void queue_growth(struct ask *q, int64_t since)
{
	struct slot then = { 0 };
	uint64_t now = q->k->stats->gauge[GAUGE_QUEUE];
	char words[160];

	ring_read(&q->k->stats->ring, since, since + DAY, q->now - since < HOUR ? 1 : 10, first_slot, &then);
	if (!then.seconds || now < 2 * slot_gauge(&then, GAUGE_QUEUE) + GROWN)
		return;
	snprintf(words, sizeof(words), "The queue has grown from %llu to %llu messages.",
		(unsigned long long)slot_gauge(&then, GAUGE_QUEUE), (unsigned long long)now);
	change_row_out(q, q->now * 1000000, "queue", str_of(words));
}

static int changes_list(struct ask *q)
{
	int64_t since = time_arg(q, "since", q->now - DAY);

	if (q->wrong[0])
		return 0;
	queue_growth(q, since);
	return changes_run(&q->k->keep, since * 1000000, change_row_out, q);
}

static int stats_show_verb(struct ask *q)
{
	int64_t since = time_arg(q, "since", q->now - 3600), until = time_arg(q, "until", q->now);
	struct stats_columns c = { { false } };
	struct str name;
	uint64_t step = 0;
	size_t i;

	for (i = 0; (name = ipc_get_nth(q->m, "series", i)).p; i++)
		if (stats_column(&c, name) < 0)
			snprintf(q->wrong, sizeof(q->wrong), "series: there is none called '%.*s'", (int)MIN(name.n, 40), name.p);
	ipc_get_u64(q->m, "step", 90 * DAY, &step);
	if (!q->wrong[0])
		stats_show(q->k->stats, &c, since, until, (int64_t)step, q->r);
	return 0;
}

static int stats_live(struct ask *q)
{
	q->r->kind = READER_LIVE;
	q->r = NULL;
	return 0;
}

static int stats_metrics_verb(struct ask *q)
{
	struct ipc_msg m;
	struct buf text;

	buf_init(&text, IPC_MAX / 2);
	stats_metrics(q->k->stats, &text);
	if (text.n && text.p[text.n - 1] == '\n')
		buf_cut(&text, text.n - 1);
	ipc_init(&m, "result");
	ipc_set(&m, "text", buf_view(&text));
	reader_send(q->r, &m);
	ipc_done(&m);
	buf_done(&text);
	return 0;
}

void keeper_verb(struct keeper *k, struct ipc_msg *m)
{
	static const struct {
		const char *name;
		int (*run)(struct ask *q);
	} verbs[] = {
		{ "trace search", trace_search }, { "trace show", trace_show }, { "log list", log_list },
		{ "log follow", log_follow }, { "audit list", audit_list }, { "changes list", changes_list },
		{ "stats show", stats_show_verb }, { "stats live", stats_live }, { "stats metrics", stats_metrics_verb },
	};
	struct ask q = { .k = k, .m = m, .now = clock_unix() };
	int fd = ipc_take_fd(m, "reply"), r = 0;
	size_t i;

	if (fd < 0)
		return;
	q.r = reader_new(&k->readers, fd, READER_ANSWER);
	arena_init(&q.a);
	for (i = 0; i < ARRAY_LEN(verbs) && !str_eqc(ipc_get(m, "verb"), verbs[i].name); i++)
		;
	if (readers_count(&k->readers) > (size_t)k->conf->trace_readers) {
		reader_end(q.r, EX_TEMPFAIL, "too many read the log and the statistics at once (trace.readers); try again");
	} else if (i == ARRAY_LEN(verbs)) {
		reader_end(q.r, EX_UNAVAILABLE, "this program has no such verb");
	} else {
		r = verbs[i].run(&q);
		if (q.wrong[0])
			reader_end(q.r, EX_USAGE, q.wrong);
		else if (q.r)
			finish(&q, r);
	}
	arena_done(&q.a);
}
