/* SPDX-License-Identifier: ISC
 *
 * lists.c: mansio suppression list, add, remove, mansio destination list, show and mansio warmup list, as tasks (tasks.c).
 */
#include <sysexits.h>

#include "smtp/queue/tasks.h"
#include "trace/trace.h"

#define SLICE 500
#define OTHERS 10 /* entries that are named */

static bool full(struct task *t)
{
	t->cut = t->limit > 0 && t->recipients >= t->limit;
	return t->cut;
}

static void suppression_row(struct task *t, const struct suppress_row *x, int64_t now)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set(&m, "address", x->address);
	ipc_set(&m, "sender", x->sender);
	ipc_setc(&m, "class", x->class ? bounce_name(x->class) : "admin");
	ipc_set_u64(&m, "age", (uint64_t)MAX(now - x->since, (int64_t)0));
	ipc_set_u64(&m, "left", (uint64_t)MAX(x->until - now, (int64_t)0));
	ipc_set(&m, "reply", x->reply);
	task_result(t, &m);
	t->recipients++;
}

static bool is_wanted(const struct task *t, const struct suppress_row *x)
{
	return (!t->filter.domain.p || task_is_in(x->address, t->filter.domain)) &&
		(!t->text.n || str_search(x->address, t->text) >= 0);
}

static bool suppressions(struct queue *q, struct task *t)
{
	struct suppress_row *v = arena_array(&q->turn.arena, SLICE, sizeof(*v));
	int64_t now = clock_unix();
	struct str sender = buf_view(&t->cursor), address = str_cut(&sender, '\n');
	size_t i, n = suppress_range(&q->suppress, &q->rows, &(struct suppress_row){ .address = address, .sender = sender },
		&q->turn.arena, v, SLICE);

	for (i = 0; i < n; i++) {
		if (v[i].until <= now || !is_wanted(t, &v[i]))
			continue;
		if (full(t))
			break;
		suppression_row(t, &v[i], now);
	}
	if (n < SLICE)
		return false;
	buf_reset(&t->cursor);
	buf_str(&t->cursor, v[n - 1].address);
	buf_c(&t->cursor, '\n');
	buf_str(&t->cursor, v[n - 1].sender);
	return true;
}

static void say(const struct task *t, const char *event, int64_t until)
{
	struct trace e;

	trace_begin(&e, TRACE_INFO, event);
	trace_str(&e, "to", str_sub(t->filter.recipient, 0, TRACE_TEXT));
	if (until)
		trace_u64(&e, "left", (uint64_t)until);
	trace_s(&e, "by", "admin");
	trace_end(&e);
}

static void suppress(struct queue *q, struct task *t)
{
	suppress_add(&q->suppress, &q->rows, &(struct suppress_row){ .address = t->filter.recipient, .sender = t->filter.domain,
		.until = clock_unix() + t->seconds, .reply = t->text });
	say(t, "suppressed", t->seconds);
	t->messages++;
}

/* One entry goes: that for all senders, or that for those of one domain. If it is not there, those that are are named. */
static void unsuppress(struct queue *q, struct task *t)
{
	struct str address = t->filter.recipient, domain = t->filter.domain, v[OTHERS];
	struct buf b;
	size_t i, n;

	if (suppress_remove(&q->suppress, &q->rows, address, domain)) {
		say(t, "unsuppressed", 0);
		t->messages++;
		return;
	}
	buf_init(&b, 8192);
	n = suppress_senders(&q->suppress, &q->rows, address, &q->turn.arena, v, OTHERS);
	buf_fmt(&b, "%.*s is not suppressed", STRF(address));
	if (domain.n)
		buf_fmt(&b, " for senders of %.*s alone", STRF(domain));
	else if (n > 0)
		buf_puts(&b, " for all senders");
	for (i = 0; i < n; i++) {
		buf_puts(&b, i ? ", " : ", but for ");
		if (v[i].n)
			buf_fmt(&b, "sender=%.*s", STRF(v[i]));
		else
			buf_puts(&b, "all senders (say no sender=)");
	}
	t->none = arena_cstr(&t->arena, buf_view(&b));
	buf_done(&b);
}

/* --- destinations ------------------------------------------------------------------- */

static const char *const dest_state[] = { [DEST_UP] = "up", [DEST_SLOW] = "slow", [DEST_DOWN] = "down" };

/* What came of the last attempt there, and when: as it was heard, else as it stands at what is tried next. */
static void last_word(struct ipc_msg *m, const struct dest *d, const struct dest_row *sum)
{
	int64_t at = d && d->said_at ? d->said_at : sum->last;

	ipc_set_u64(m, "last", (uint64_t)MAX(at, (int64_t)0));
	if (d && dest_seconds(d) && d->reply)
		ipc_setc(m, "reply", d->reply);
	else if (d && d->said)
		ipc_setc(m, "reply", d->said);
	else
		ipc_set(m, "reply", sum->reply.p ? sum->reply : STR(""));
}

/* What is known of a destination, and of what is in the queue for it. d may be NULL. */
static void destination_row(struct queue *q, struct task *t, struct str name, const struct dest *d)
{
	uint64_t left = d ? dest_seconds(d) : 0;
	enum dest_state state = d ? dest_shown(d) : DEST_UP;
	bool whole = t->verb == TASK_DESTINATION;
	int64_t now = clock_unix();
	struct dest_row sum;
	struct ipc_msg m;

	rows_dest(&q->rows, name, &q->turn.arena, &sum);
	if (whole && !sum.n && !d)
		return;
	ipc_init(&m, "result");
	ipc_set(&m, "destination", name);
	ipc_setc(&m, "state", dest_state[state]);
	ipc_set_u64(&m, "active", d ? d->jobs : 0);
	ipc_set_u64(&m, "limit", state == DEST_SLOW ? d->limit : 0);
	ipc_set_u64(&m, "left", left);
	if (d) /* of others it is not known */
		ipc_set_u64(&m, "since", (uint64_t)MAX(d->since, (int64_t)0));
	ipc_set_u64(&m, "waiting", sum.waiting);
	task_next(&m, sum.waiting > 0, MAX(sum.next - now, (int64_t)left));
	if (whole) {
		ipc_set_u64(&m, "scheduled", sum.scheduled);
		ipc_set_u64(&m, "held", sum.held);
		ipc_set_u64(&m, "failed", sum.other);
	}
	last_word(&m, d, &sum);
	task_result(t, &m);
	t->recipients++;
	t->messages++;
}

static bool collect(struct str key, void *value, void *arg)
{
	const struct dest *d = value;
	struct task *t = arg;

	if (d->jobs > 0 || dest_shown(d) != DEST_UP)
		t->names[t->nnames++] = arena_str(&t->arena, key);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Their names at the start, then one a slice: some have many messages to be counted. */
static bool destinations(struct queue *q, struct task *t)
{
	if (!t->names) {
		t->names = arena_array(&t->arena, q->dests.n + 1, sizeof(*t->names));
		table_each(&q->dests, collect, t);
		qsort(t->names, t->nnames, sizeof(*t->names), by_name);
	}
	if (t->next == t->nnames || full(t))
		return false;
	destination_row(q, t, t->names[t->next], dest_of(q, t->names[t->next]));
	t->next++;
	return t->next < t->nnames;
}

bool lists_slice(struct queue *q, struct task *t)
{
	switch (t->verb) {
	case TASK_SUPPRESSIONS:
		return suppressions(q, t);
	case TASK_DESTINATIONS:
		return destinations(q, t);
	case TASK_DESTINATION:
		destination_row(q, t, t->names[0], dest_of(q, t->names[0]));
		break;
	case TASK_WARMUPS:
		warmup_list(q, t);
		break;
	case TASK_LIMITS:
		return limits_list(q, t);
	case TASK_LIMIT_RESET:
		limits_reset(q, t);
		break;
	case TASK_SUPPRESS:
		suppress(q, t);
		break;
	case TASK_UNSUPPRESS:
		unsuppress(q, t);
		break;
	default:
		break;
	}
	return false;
}
