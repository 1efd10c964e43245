/* SPDX-License-Identifier: ISC
 *
 * lists.c: mansio suppression list, add, remove and mansio destination list, as tasks (tasks.c).
 */
#include <sysexits.h>

#include "smtp/queue/tasks.h"
#include "trace/trace.h"

#define SLICE 500

static bool is_in(struct str address, struct str domain)
{
	ssize_t at = str_rfind(address, '@');

	return at >= 0 && str_ieq(str_from(address, (size_t)at + 1), domain);
}

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
	ipc_setc(&m, "class", x->class ? bounce_name(x->class) : "admin");
	ipc_set_u64(&m, "age", (uint64_t)MAX(now - x->since, (int64_t)0));
	ipc_set_u64(&m, "left", (uint64_t)MAX(x->until - now, (int64_t)0));
	ipc_set(&m, "reply", x->reply);
	task_result(t, &m);
	t->recipients++;
}

static bool is_wanted(const struct task *t, const struct suppress_row *x)
{
	return (!t->filter.domain.p || is_in(x->address, t->filter.domain)) &&
		(!t->text.n || str_search(x->address, t->text) >= 0);
}

static bool suppressions(struct queue *q, struct task *t)
{
	struct suppress_row *v = arena_array(&q->turn.arena, SLICE, sizeof(*v));
	int64_t now = clock_unix();
	size_t i, n = suppress_range(&q->suppress, &q->rows, buf_view(&t->cursor), &q->turn.arena, v, SLICE);

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

struct listing {
	struct queue *q;
	struct task *t;
};

static bool destination_row(struct str key, void *value, void *arg)
{
	static const char *const state[] = { [DEST_UP] = "up", [DEST_SLOW] = "slow", [DEST_DOWN] = "down" };
	struct listing *l = arg;
	const struct dest *d = value;
	uint64_t left = dest_seconds(d);
	struct ipc_msg m;

	if (d->jobs == 0 && !left)
		return true;
	if (full(l->t))
		return false;
	ipc_init(&m, "result");
	ipc_set(&m, "destination", key);
	ipc_setc(&m, "state", state[left ? d->state : DEST_UP]);
	ipc_set_u64(&m, "active", d->jobs);
	ipc_set_u64(&m, "limit", left && d->state == DEST_SLOW ? d->limit : 0);
	ipc_set_u64(&m, "left", left);
	ipc_setc(&m, "reply", left && d->reply ? d->reply : "");
	task_result(l->t, &m);
	l->t->recipients++;
	return true;
}

bool lists_slice(struct queue *q, struct task *t)
{
	struct listing l = { q, t };

	switch (t->verb) {
	case TASK_SUPPRESSIONS:
		return suppressions(q, t);
	case TASK_DESTINATIONS:
		table_each(&q->dests, destination_row, &l);
		break;
	case TASK_SUPPRESS:
		suppress_add(&q->suppress, &q->rows, t->filter.recipient, clock_unix() + t->seconds, BOUNCE_NONE, t->text);
		say(t, "suppressed", t->seconds);
		t->messages++;
		break;
	case TASK_UNSUPPRESS:
		if (suppress_remove(&q->suppress, &q->rows, t->filter.recipient)) {
			say(t, "unsuppressed", 0);
			t->messages++;
		}
		break;
	default:
		break;
	}
	return false;
}
