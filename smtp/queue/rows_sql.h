/* SPDX-License-Identifier: ISC
 *
 * rows_sql.h: private to the three files of the queue's database (rows.h): the statements by name, and
 * how one is used: after an error of the transaction nothing more is done.
 *
 *   rows.c         schema, statements, transactions, opening; messages
 *   rows_rcpts.c   recipients, one by one; sums
 *   rows_due.c     what is due: by priority, age, destination, sender
 */
#ifndef MANSIO_SMTP_QUEUE_ROWS_SQL_H
#define MANSIO_SMTP_QUEUE_ROWS_SQL_H

#include "smtp/queue/rows.h"

enum stmt {
	BEGIN, COMMIT, ROLLBACK, REBUILD, REBUILT, ADD, ADD_RCPT, FIND, MESSAGE, LAST, RANGE, SET_TIME,
	ANY_RCPT, REMOVE, RCPTS, DUE, NEXT_DEST, DUE_OF, NEXT_DUE, UPDATE, SET_STATE, DELETE_RCPT,
	RESET_ACTIVE, BRING_BACK, NEXT_REPORT, DESTS, NEXT_OF, LEVEL, LEVEL_OF, STREAM_OF, TURN_OF, SET_HOP,
	RELEASED, NEXT_RELEASE, WAITING_FOR, HURRY, SET_REPORTS, DEST, FIRST_OF, NSTMT
};

/* NULL after an error of this transaction. */
sqlite3_stmt *rows_stmt(struct rows *r, enum stmt i);
void rows_bind(sqlite3_stmt *s, int at, int64_t v); /* less than 0: 0 */
/* Runs one whose n parameters are numbers. */
void rows_do(struct rows *r, enum stmt i, const int64_t *v, int n);
#define ROWS_DO(r, i, ...) rows_do(r, i, (const int64_t[]){ __VA_ARGS__ }, (int)(sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))
size_t rows_changed(struct rows *r, sqlite3_stmt *s); /* runs it: how many rows */
void rows_read_rcpt(sqlite3_stmt *s, struct arena *a, struct rcpt_row *out);

#endif
