/* SPDX-License-Identifier: ISC
 *
 * held.c: see held.h.
 *
 * A line is "hold ID NUMBER.\n" or "free ID NUMBER.\n"; the last one of a recipient counts. One that a crash cut off has no
 * dot, and was never acted on: its turn was not committed. Lines of messages that have left do no harm: ids come once.
 */
#include "smtp/queue/held.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/file.h"
#include "mail/envelope.h"
#include "smtp/queue/queue.h"

#define NAME ".held" /* beside the messages: as safe as they are, and no id */
#define FILE_MAX (1024u * 1024 * 1024)
#define GROWN (1024u * 1024) /* bytes; a smaller file is not written anew */

enum { TAKE, LEAVE, WAS, FORGET, ALL, WISH, UNWISH, WISHES, NSTMT };
_Static_assert((int)NSTMT <= (int)HELD_NSTMT, "HELD_NSTMT");

static const char *const sql[NSTMT] = {
	[TAKE] = "INSERT OR IGNORE INTO held VALUES(?,?)",
	[LEAVE] = "DELETE FROM held WHERE id=? AND number=?",
	[WAS] = "SELECT 1 FROM held WHERE id=? AND number=?",
	[FORGET] = "DELETE FROM held",
	/* the first part by the index recipient_kept; wish 1 is WISH_HOLD */
	[ALL] = "SELECT id, number FROM recipient JOIN message USING(m) WHERE state IN (2,7) AND state=2"
		" UNION ALL SELECT id, number FROM wish JOIN message USING(m) WHERE wish=1",
	[WISH] = "INSERT OR REPLACE INTO wish VALUES(?,?,?)",
	[UNWISH] = "DELETE FROM wish WHERE m=? AND number=?",
	[WISHES] = "SELECT m, number, wish FROM wish WHERE m>=? AND m<=? LIMIT 1",
};
_Static_assert(WISH_HOLD == 1, "the statement ALL");

static sqlite3_stmt *use(struct queue *q, int i)
{
	return rows_use(&q->rows, sql[i], &q->held.stmt[i]);
}

static sqlite3_stmt *of(struct queue *q, int i, struct str id, uint32_t number)
{
	sqlite3_stmt *s = use(q, i);

	if (s) {
		db_bind_str(s, 1, id);
		db_bind_u64(s, 2, number);
	}
	return s;
}

static void put_line(struct buf *b, const char *what, struct str id, uint64_t number)
{
	buf_fmt(b, "%s %.*s %llu.\n", what, STRF(id), (unsigned long long)number);
}

/* --- after a start ------------------------------------------------------------------ */

static void read_line(struct queue *q, struct str line)
{
	struct cur c = cur_of(line);
	bool held = cur_word(&c, "hold ");
	struct str rest, id;
	sqlite3_stmt *s;
	uint64_t number;

	if (!held && !cur_word(&c, "free "))
		return;
	rest = cur_rest(&c);
	id = str_cut(&rest, ' ');
	if (!envelope_id_ok(id) || !str_ends(rest, ".") || str_u64(str_sub(rest, 0, rest.n - 1), UINT32_MAX, &number))
		return;
	s = of(q, held ? TAKE : LEAVE, id, (uint32_t)number);
	if (s)
		rows_run(&q->rows, s);
}

static int load(struct queue *q)
{
	struct buf b;
	struct str rest;
	int r;

	buf_init(&b, FILE_MAX);
	r = file_load(q->spool, NAME, &b);
	if (r == -ENOENT)
		r = 0;
	rest = buf_view(&b);
	if (r == 0) {
		rows_begin(&q->rows);
		while (rest.n > 0)
			read_line(q, str_cut(&rest, '\n'));
		r = rows_commit(&q->rows);
	}
	buf_done(&b);
	return r;
}

int held_open(struct queue *q)
{
	q->held = (struct held){ .fd = -1, .anew = true };
	buf_init(&q->held.lines, FILE_MAX);
	return q->rows.rebuild ? load(q) : 0;
}

void held_done(struct queue *q)
{
	size_t i;

	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(q->held.stmt[i]);
	fd_close(&q->held.fd);
	buf_done(&q->held.lines);
}

bool held_before(struct queue *q, struct str id, uint32_t number)
{
	sqlite3_stmt *s = of(q, WAS, id, number);
	bool was = s && rows_step(&q->rows, s);

	if (was)
		db_reset(s);
	return was;
}

void held_rebuilt(struct queue *q)
{
	sqlite3_stmt *s = use(q, FORGET);

	if (s)
		rows_run(&q->rows, s);
	q->held.anew = true;
}

/* --- the file ------------------------------------------------------------------------- */

void held_note(struct queue *q, struct str id, uint32_t number, bool held)
{
	put_line(&q->held.lines, held ? "hold" : "free", id, number);
	q->turn.changed = true;
}

void held_undone(struct queue *q)
{
	buf_reset(&q->held.lines);
	fd_close(&q->held.fd);
	q->held.anew = true;
}

/* From the rows as they will be after this turn. */
static int write_anew(struct queue *q)
{
	struct held *h = &q->held;
	sqlite3_stmt *s = use(q, ALL);
	struct arena a;
	struct buf b;
	int r;

	if (!s)
		return q->rows.err;
	buf_init(&b, FILE_MAX);
	arena_init(&a);
	while (rows_step(&q->rows, s)) {
		put_line(&b, "hold", db_str(s, 0, &a), db_u64(s, 1));
		arena_reset(&a);
	}
	r = q->rows.err < 0 ? q->rows.err : b.err;
	fd_close(&h->fd);
	if (r == 0)
		r = b.n > 0 ? file_replace(q->spool, NAME, buf_view(&b), 0600) : file_unlink(q->spool, NAME);
	if (r == 0) {
		h->bytes = h->least = b.n;
		h->anew = false;
	}
	arena_done(&a);
	buf_done(&b);
	return r;
}

static int append(struct queue *q, bool *name_out)
{
	struct held *h = &q->held;
	int r;

	if (h->lines.err)
		return E_FULL;
	if (h->fd < 0) {
		*name_out = true;
		h->fd = file_open(q->spool, NAME, O_WRONLY | O_APPEND | O_CREAT, 0600);
		if (h->fd >= 0 && (r = file_write_all(h->fd, "\n", 1)) < 0) /* after a line that was cut off */
			return r;
	}
	r = h->fd < 0 ? h->fd : file_write_all(h->fd, h->lines.p, h->lines.n);
	if (r == 0)
		r = file_fsync(h->fd);
	h->bytes += h->lines.n;
	return r;
}

int held_sync(struct queue *q, bool *name_out)
{
	struct held *h = &q->held;
	int r = 0;

	if (h->bytes > GROWN && h->bytes > 2 * h->least)
		h->anew = true;
	if (h->anew && !q->rows.rebuild) /* before that the rows do not know all */
		r = write_anew(q);
	else if (h->lines.n > 0 || h->lines.err)
		r = append(q, name_out);
	buf_reset(&h->lines);
	return r == -ENOSPC || r == -EDQUOT ? E_FULL : r;
}

/* --- wishes ----------------------------------------------------------------------------- */

void held_wish(struct queue *q, int64_t m, uint32_t number, int wish)
{
	sqlite3_stmt *s = use(q, wish == WISH_NONE ? UNWISH : WISH);

	if (!s)
		return;
	db_bind_u64(s, 1, (uint64_t)m);
	db_bind_u64(s, 2, number);
	if (wish != WISH_NONE)
		db_bind_u64(s, 3, (uint64_t)wish);
	rows_run(&q->rows, s);
	q->turn.changed = true;
}

/* One wish of a life before: its recipient is in nobody's hands any more. */
static void fulfil(struct queue *q, int64_t m, uint32_t number, uint64_t wish)
{
	struct message_row row;
	struct rcpt_row *v, *x;
	size_t n;

	held_wish(q, m, number, WISH_NONE);
	if (rows_message(&q->rows, m, &q->turn.arena, &row) < 0)
		return;
	n = rows_rcpts(&q->rows, m, &q->turn.arena, &v);
	for (x = v; x < v + n && x->number != number; x++)
		;
	if (x == v + n || x->state != RCPT_WAITING)
		return;
	if (wish == WISH_HOLD)
		rows_set_state(&q->rows, m, number, RCPT_HELD, clock_unix());
	else if (wish == WISH_REMOVE)
		ended_removed(q, &row, x);
	else if (wish == WISH_BOUNCE)
		ended_bounced(q, &row, x);
	if (wish != WISH_HOLD && rows_remove_if_done(&q->rows, m))
		queue_unlink_later(q, row.id);
}

void held_fulfil(struct queue *q, int64_t from, int64_t to)
{
	int64_t m;
	uint64_t wish;
	uint32_t number;
	sqlite3_stmt *s;

	while ((s = use(q, WISHES)) != NULL) {
		db_bind_u64(s, 1, (uint64_t)from);
		db_bind_u64(s, 2, (uint64_t)to);
		if (!rows_step(&q->rows, s))
			return;
		m = (int64_t)db_u64(s, 0);
		number = (uint32_t)db_u64(s, 1);
		wish = db_u64(s, 2);
		db_reset(s);
		fulfil(q, m, number, wish);
	}
}
