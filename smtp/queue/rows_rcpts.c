/* SPDX-License-Identifier: ISC
 *
 * rows_rcpts.c: the recipients in the queue's database, one by one, and their sums (rows.h).
 */
#include "smtp/queue/rows_sql.h"

void rows_add_rcpt(struct rows *r, const struct rcpt_row *x)
{
	sqlite3_stmt *s = rows_stmt(r, ADD_RCPT);

	if (!s)
		return;
	rows_bind(s, 1, x->m);
	rows_bind(s, 2, x->number);
	db_bind_str(s, 3, x->address);
	db_bind_str(s, 4, x->dest);
	rows_bind(s, 5, x->local);
	rows_bind(s, 6, x->state);
	rows_bind(s, 7, x->attempts);
	rows_bind(s, 8, x->next);
	rows_bind(s, 9, x->delayed);
	rows_bind(s, 10, x->due);
	rows_bind(s, 11, x->code);
	db_bind_str(s, 12, x->status);
	db_bind_str(s, 13, x->reply);
	db_bind_str(s, 14, x->remote);
	rows_bind(s, 15, x->last);
	rows_bind(s, 16, x->how);
	rows_bind(s, 17, x->expired);
	db_bind_str(s, 18, x->hop.p ? x->hop : STR(""));
	rows_bind(s, 19, x->level);
	rows_bind(s, 20, x->stream);
	rows_bind(s, 21, x->class);
	rows_run(r, s);
}

void rows_read_rcpt(sqlite3_stmt *s, struct arena *a, struct rcpt_row *out)
{
	*out = (struct rcpt_row){ .m = (int64_t)db_u64(s, 0), .number = (uint32_t)db_u64(s, 1),
		.address = db_str(s, 2, a), .dest = db_str(s, 3, a), .local = db_u64(s, 4) != 0,
		.state = (enum rcpt_state)MIN(db_u64(s, 5), (uint64_t)RCPT_STATES - 1),
		.attempts = (uint32_t)db_u64(s, 6), .next = (int64_t)db_u64(s, 7),
		.delayed = db_u64(s, 8) != 0,
		.due = (enum report_kind)MIN(db_u64(s, 9), (uint64_t)REPORT_DELAY),
		.code = (int)db_u64(s, 10), .status = db_str(s, 11, a), .reply = db_str(s, 12, a),
		.remote = db_str(s, 13, a), .last = (int64_t)db_u64(s, 14),
		.how = (enum rcpt_how)MIN(db_u64(s, 15), (uint64_t)HOW_EXPANDED), .expired = db_u64(s, 16) != 0,
		.hop = db_str(s, 17, a), .level = (int)db_u64(s, 18), .stream = (uint32_t)db_u64(s, 19),
		.class = (int)db_u64(s, 20) };
}

size_t rows_rcpts(struct rows *r, int64_t m, struct arena *a, struct rcpt_row **out)
{
	sqlite3_stmt *s = rows_stmt(r, RCPTS);
	struct rcpt_row *v = NULL;
	size_t n = 0, cap = 0;

	*out = NULL;
	if (!s)
		return 0;
	rows_bind(s, 1, m);
	while (rows_step(r, s)) {
		if (n == cap) {
			struct rcpt_row *more;

			cap = cap ? cap * 2 : 4;
			more = arena_array(a, cap, sizeof(*v));
			if (n)
				memcpy(more, v, n * sizeof(*v));
			v = more;
		}
		rows_read_rcpt(s, a, &v[n++]);
	}
	*out = v;
	return n;
}

void rows_update(struct rows *r, const struct rcpt_row *x)
{
	sqlite3_stmt *s = rows_stmt(r, UPDATE);

	if (!s)
		return;
	rows_bind(s, 1, x->state);
	rows_bind(s, 2, x->attempts);
	rows_bind(s, 3, x->next);
	rows_bind(s, 4, x->delayed);
	rows_bind(s, 5, x->due);
	rows_bind(s, 6, x->code);
	db_bind_str(s, 7, x->status);
	db_bind_str(s, 8, x->reply);
	db_bind_str(s, 9, x->remote);
	rows_bind(s, 10, x->last);
	rows_bind(s, 11, x->how);
	rows_bind(s, 12, x->expired);
	rows_bind(s, 13, x->class);
	rows_bind(s, 14, x->m);
	rows_bind(s, 15, x->number);
	rows_run(r, s);
}

void rows_set_state(struct rows *r, int64_t m, uint32_t number, enum rcpt_state state, int64_t next)
{
	ROWS_DO(r, SET_STATE, state, next, m, number);
}

void rows_delete(struct rows *r, int64_t m, uint32_t number)
{
	ROWS_DO(r, DELETE_RCPT, m, number);
}

void rows_set_hop(struct rows *r, int64_t m, uint32_t number, struct str hop)
{
	sqlite3_stmt *s = rows_stmt(r, SET_HOP);

	if (!s)
		return;
	db_bind_str(s, 1, hop);
	rows_bind(s, 2, m);
	rows_bind(s, 3, number);
	rows_run(r, s);
}

int64_t rows_next_report(struct rows *r, int64_t after)
{
	sqlite3_stmt *s = rows_stmt(r, NEXT_REPORT);
	int64_t m = 0;

	if (!s)
		return 0;
	rows_bind(s, 1, after);
	if (rows_step(r, s)) {
		m = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return m;
}

size_t rows_reset_active(struct rows *r, int64_t from, int64_t to, int64_t now)
{
	sqlite3_stmt *s = rows_stmt(r, RESET_ACTIVE);

	if (!s)
		return 0;
	rows_bind(s, 1, now);
	rows_bind(s, 2, from);
	rows_bind(s, 3, to);
	return rows_changed(r, s);
}

static void add_state(struct dest_row *d, enum rcpt_state state, uint64_t n)
{
	d->n += n;
	if (state == RCPT_WAITING)
		d->waiting += n;
	else if (state == RCPT_SCHEDULED || state == RCPT_THROTTLED)
		d->scheduled += n;
	else if (state == RCPT_HELD)
		d->held += n;
	else
		d->other += n;
}

static int64_t next_of(struct rows *r, struct str dest)
{
	sqlite3_stmt *s = rows_stmt(r, NEXT_OF);
	int64_t next = 0;

	if (!s)
		return 0;
	db_bind_str(s, 1, dest);
	if (rows_step(r, s)) {
		next = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return next;
}

void rows_dest(struct rows *r, struct str dest, struct arena *a, struct dest_row *out)
{
	sqlite3_stmt *s = rows_stmt(r, DEST);

	*out = (struct dest_row){ .dest = dest };
	if (!s)
		return;
	db_bind_str(s, 1, dest);
	while (rows_step(r, s))
		add_state(out, (enum rcpt_state)MIN(db_u64(s, 0), (uint64_t)RCPT_STATES - 1), db_u64(s, 1));
	db_reset(s);
	s = out->waiting ? rows_stmt(r, FIRST_OF) : NULL;
	if (!s)
		return;
	db_bind_str(s, 1, dest);
	if (rows_step(r, s)) {
		out->next = (int64_t)db_u64(s, 0);
		out->last = (int64_t)db_u64(s, 1);
		out->reply = db_str(s, 2, a);
		db_reset(s);
	}
}

size_t rows_dests(struct rows *r, struct str after, struct arena *a, struct dest_row *out, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, DESTS);
	struct str dest;
	size_t i = 0, k;

	if (!s)
		return 0;
	db_bind_str(s, 1, after);
	while (rows_step(r, s)) {
		dest = db_str(s, 0, a);
		if (i == 0 || !str_eq(dest, out[i - 1].dest)) {
			if (i == n)
				break;
			out[i++] = (struct dest_row){ .dest = dest };
		}
		add_state(&out[i - 1], (enum rcpt_state)MIN(db_u64(s, 1), (uint64_t)RCPT_STATES - 1), db_u64(s, 2));
	}
	db_reset(s);
	for (k = 0; k < i; k++)
		if (out[k].waiting)
			out[k].next = next_of(r, out[k].dest);
	return i;
}
