/* SPDX-License-Identifier: ISC
 *
 * rows_due.c: which recipients are due, in the order in which they are to be tried (rows.h).
 *
 * An index has (way, priority, time): of each priority that waits for anything, the highest first, the
 * oldest are read. Another has (destination, way, priority, sender, time), for the turns within a destination.
 */
#include "smtp/queue/rows_sql.h"

/* The next lower priority that waits for anything, -1: none. There is one mostly. */
static int next_level(struct rows *r, bool local, int below)
{
	sqlite3_stmt *s = rows_stmt(r, LEVEL);
	int level = -1;

	if (!s || below <= 0)
		return -1;
	rows_bind(s, 1, local);
	rows_bind(s, 2, below);
	if (rows_step(r, s)) {
		level = (int)db_u64(s, 0);
		db_reset(s);
	}
	return level;
}

size_t rows_due(struct rows *r, bool local, int64_t now, struct arena *a, struct rcpt_row *out, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, DUE);
	size_t i = 0;
	int level = LEVELS;

	while (s && i < n && (level = next_level(r, local, level)) >= 0) {
		rows_bind(s, 1, local);
		rows_bind(s, 2, level);
		rows_bind(s, 3, now);
		db_bind_u64(s, 4, n - i);
		while (i < n && rows_step(r, s))
			rows_read_rcpt(s, a, &out[i++]);
		db_reset(s);
	}
	return i;
}

/* --- turns within a destination */

#define STREAMS 8 /* senders without anything due that are passed over */

static int next_level_of(struct rows *r, struct str dest, bool local, int below)
{
	sqlite3_stmt *s = rows_stmt(r, LEVEL_OF);
	int level = -1;

	if (!s || below <= 0)
		return -1;
	db_bind_str(s, 1, dest);
	rows_bind(s, 2, local);
	rows_bind(s, 3, below);
	if (rows_step(r, s)) {
		level = (int)db_u64(s, 0);
		db_reset(s);
	}
	return level;
}

static bool next_stream_of(struct rows *r, struct str dest, bool local, int level, int64_t *stream)
{
	sqlite3_stmt *s = rows_stmt(r, STREAM_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	rows_bind(s, 2, local);
	rows_bind(s, 3, level);
	rows_bind(s, 4, *stream);
	if (!rows_step(r, s))
		return false;
	*stream = (int64_t)db_u64(s, 0);
	db_reset(s);
	return true;
}

static bool first_of(struct rows *r, struct str dest, bool local, int level, int64_t stream, int64_t now,
	struct arena *a, struct rcpt_row *out)
{
	sqlite3_stmt *s = rows_stmt(r, TURN_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	rows_bind(s, 2, local);
	rows_bind(s, 3, level);
	rows_bind(s, 4, stream);
	rows_bind(s, 5, now);
	if (!rows_step(r, s))
		return false;
	rows_read_rcpt(s, a, out);
	db_reset(s);
	return true;
}

bool rows_turn_of(struct rows *r, struct str dest, bool local, uint32_t stream, int64_t now,
	struct arena *a, struct rcpt_row *out)
{
	int level = LEVELS, i;

	while ((level = next_level_of(r, dest, local, level)) >= 0) {
		int64_t at = (int64_t)stream + 1;
		bool wrapped = false;

		for (i = 0; i < STREAMS; i++, at++) {
			if (!next_stream_of(r, dest, local, level, &at)) {
				if (wrapped)
					break;
				wrapped = true;
				at = -1; /* and round, from the first one */
				continue;
			}
			if (first_of(r, dest, local, level, at, now, a, out))
				return true;
		}
	}
	return false;
}

struct str rows_next_dest(struct rows *r, struct str after, struct arena *a)
{
	sqlite3_stmt *s = rows_stmt(r, NEXT_DEST);
	struct str dest = STR_NONE;

	if (!s)
		return dest;
	db_bind_str(s, 1, after);
	if (rows_step(r, s)) {
		dest = db_str(s, 0, a);
		db_reset(s);
	}
	return dest;
}

bool rows_due_of(struct rows *r, struct str dest, bool local, int64_t now, struct arena *a,
	struct rcpt_row *out)
{
	sqlite3_stmt *s = rows_stmt(r, DUE_OF);

	if (!s)
		return false;
	db_bind_str(s, 1, dest);
	rows_bind(s, 2, now);
	rows_bind(s, 3, local);
	if (!rows_step(r, s))
		return false;
	rows_read_rcpt(s, a, out);
	db_reset(s);
	return true;
}

int64_t rows_next_due(struct rows *r, bool local)
{
	sqlite3_stmt *s = rows_stmt(r, NEXT_DUE);
	int64_t next = INT64_MAX;
	int level = LEVELS;

	while (s && (level = next_level(r, local, level)) >= 0) {
		rows_bind(s, 1, local);
		rows_bind(s, 2, level);
		if (rows_step(r, s)) {
			next = MIN(next, (int64_t)db_u64(s, 0));
			db_reset(s);
		}
	}
	return next;
}

size_t rows_released(struct rows *r, int64_t now, struct arena *a, struct rcpt_row *out, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, RELEASED);
	size_t i = 0;

	if (!s)
		return 0;
	rows_bind(s, 1, now);
	db_bind_u64(s, 2, n);
	while (i < n && rows_step(r, s))
		rows_read_rcpt(s, a, &out[i++]);
	db_reset(s);
	return i;
}

int64_t rows_next_release(struct rows *r)
{
	sqlite3_stmt *s = rows_stmt(r, NEXT_RELEASE);
	int64_t next = INT64_MAX;

	if (s && rows_step(r, s)) {
		next = (int64_t)db_u64(s, 0);
		db_reset(s);
	}
	return next;
}

size_t rows_bring_back(struct rows *r, bool local, int64_t latest, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, BRING_BACK);
	size_t moved = 0;
	int level = LEVELS;

	while (s && moved < n && (level = next_level(r, local, level)) >= 0) {
		rows_bind(s, 1, latest);
		rows_bind(s, 2, local);
		db_bind_u64(s, 3, n - moved);
		rows_bind(s, 4, level);
		moved += rows_changed(r, s);
	}
	return moved;
}

uint64_t rows_waiting(struct rows *r, struct str dest, uint64_t n)
{
	sqlite3_stmt *s = rows_stmt(r, WAITING_FOR);
	uint64_t found = 0;

	if (!s)
		return 0;
	db_bind_str(s, 1, dest);
	db_bind_u64(s, 2, n);
	if (rows_step(r, s))
		found = db_u64(s, 0);
	db_reset(s);
	return found;
}

size_t rows_hurry(struct rows *r, struct str dest, int64_t now, size_t n)
{
	sqlite3_stmt *s = rows_stmt(r, HURRY);

	if (!s)
		return 0;
	db_bind_str(s, 1, dest);
	rows_bind(s, 2, now);
	db_bind_u64(s, 3, n);
	return rows_changed(r, s);
}
