/* SPDX-License-Identifier: ISC
 *
 * rows.h: queue.db, the state of each message and each recipient (docs/QUEUE.md).
 * What a message *is* stands in its file; here stands only how far it has come.
 *
 * All changes of one turn of the loop are one transaction. Errors are sticky:
 * after the first one nothing more is done, and rows_commit tells it and rolls
 * everything back. E_FULL: the disk is full, the same may work later; E_DAMAGED:
 * the database is; any other: it is not known what is on the disk.
 *
 * Three trees are touched by a message that goes through at once (message, its
 * id, recipient): the indexes leave out what is being worked on.
 */
#ifndef MANSIO_SMTP_QUEUE_ROWS_H
#define MANSIO_SMTP_QUEUE_ROWS_H

#include "base/db.h"
#include "mail/envelope.h"

enum rcpt_state { /* as in the database: do not renumber */
	RCPT_WAITING = 0, /* for its time */
	RCPT_ACTIVE = 1, /* in a job of a sender */
	RCPT_HELD = 2, /* until the admin releases it */
	RCPT_FAILED = 3, /* for good: until its report is made */
	RCPT_DONE = 4, /* delivered: until its report is made */
	RCPT_DAMAGED = 5, /* the file is missing or broken: kept for the admin */
	RCPT_SCHEDULED = 6, /* the sender wants it to leave later (RFC 4865): until `next` */
	RCPT_THROTTLED = 7, /* above a limit of its account (limits.h): until `next` */
	RCPT_STATES
};
/* How a recipient was served; as in the database. */
enum rcpt_how { HOW_DELIVERED = 0, HOW_RELAYED = 1, HOW_EXPANDED = 2 };
enum report_kind { REPORT_NONE, REPORT_FAILURE, REPORT_SUCCESS, REPORT_DELAY, REPORT_KINDS };

/* Who hears of a failure; as in the database. */
enum report_to {
	REPORTS_NOBODY = 0,
	REPORTS_SENDER = 1, /* and of other outcomes */
	REPORTS_KEEPER = 2, /* of a forward whose sender nothing confirms: the postmaster of the alias's domain */
};

struct message_row {
	int64_t m; /* number of the message in the database */
	struct str id, sender, session;
	int64_t time;
	uint64_t size;
	enum report_to reports;
};

struct rcpt_row {
	int64_t m;
	uint32_t number;
	struct str address;
	struct str dest; /* outside: the domain; here: the mailbox; in lower case */
	bool local;
	enum rcpt_state state;
	uint32_t attempts;
	int64_t next; /* WAITING: Unix seconds */
	bool delayed; /* the delay report was made */
	enum report_kind due; /* the report that is to be made */
	int code; /* of the last attempt, 0: none yet */
	struct str status, reply, remote;
	int64_t last; /* time of the last attempt */
	enum rcpt_how how; /* DONE: into a mailbox, to a server that tells no more, to what an alias stands for */
	bool expired; /* FAILED: because its time was over */
	struct str hop; /* host:port that the admin sends it to, empty: its own way */
	int level; /* priority + LEVEL_NORMAL: higher ones first */
	uint32_t stream; /* who sent it, as a number: senders take turns within a destination */
	int class; /* of the last failure (classify.h) */
};

#define LEVEL_NORMAL 9 /* MT-PRIORITY 0 (RFC 6710); -9 is 0, 9 is 18 */
#define LEVELS 19

enum { ROWS_NSTMT = 64 };
struct rows {
	sqlite3 *db;
	sqlite3_stmt *stmt[ROWS_NSTMT];
	bool rebuild; /* made anew: the files tell what there is */
	bool begun;
	int err; /* sticky, of this transaction */
};

/* Opens queue.db in the current directory. 0, E_FULL, E_DAMAGED, E_UNSUPPORTED (of a newer program), E_*. */
int rows_open(struct rows *r);
void rows_close(struct rows *r);
/* Puts a damaged queue.db aside, by the time. */
void rows_set_aside(int dir, int64_t now);

void rows_begin(struct rows *r);
int rows_commit(struct rows *r);
void rows_rollback(struct rows *r);
void rows_rebuilt(struct rows *r); /* all files were seen */

/* --- messages */
void rows_add(struct rows *r, const struct message_row *m);
void rows_add_rcpt(struct rows *r, const struct rcpt_row *x);
/* Strings are copied into the arena. 0, E_NOTFOUND, or the sticky error. */
int rows_find(struct rows *r, struct str id, int64_t *m_out);
int rows_message(struct rows *r, int64_t m, struct arena *a, struct message_row *out);
int64_t rows_last(struct rows *r); /* the highest number, 0: none */
/* Up to n messages with numbers above `after`, in order. How many. */
size_t rows_range(struct rows *r, int64_t after, struct arena *a, struct message_row *out, size_t n);
void rows_set_reports(struct rows *r, int64_t m, enum report_to reports);
void rows_set_time(struct rows *r, int64_t m, int64_t time);
/* Removes the message if it has no recipients any more. */
bool rows_remove_if_done(struct rows *r, int64_t m);

/* --- recipients */
/* All of a message in order: a list in the arena. */
size_t rows_rcpts(struct rows *r, int64_t m, struct arena *a, struct rcpt_row **out);
/* Up to n due ones of one way: higher priorities first, of each the oldest. */
size_t rows_due(struct rows *r, bool local, int64_t now, struct arena *a, struct rcpt_row *out, size_t n);
/* The first destination above `after` that waits for anything; STR_NONE: there is none. */
struct str rows_next_dest(struct rows *r, struct str after, struct arena *a);
/* The oldest due one of a destination. */
bool rows_due_of(struct rows *r, struct str dest, bool local, int64_t now, struct arena *a,
	struct rcpt_row *out);
/* The one whose turn it is at a destination, of those without a hop: the highest priority, the
 * sender after `stream`, its oldest. False: none is due, or it would cost too much to find. */
bool rows_turn_of(struct rows *r, struct str dest, bool local, uint32_t stream, int64_t now,
	struct arena *a, struct rcpt_row *out);
/* Messages that wait for a destination outside, n at most are counted. */
uint64_t rows_waiting(struct rows *r, struct str dest, uint64_t n);
/* Up to n of its recipients that wait are due now. How many. */
size_t rows_hurry(struct rows *r, struct str dest, int64_t now, size_t n);
/* When the next one is due, INT64_MAX: none. */
int64_t rows_next_due(struct rows *r, bool local);
/* All that changes of a recipient. */
void rows_update(struct rows *r, const struct rcpt_row *x);
void rows_set_state(struct rows *r, int64_t m, uint32_t number, enum rcpt_state state, int64_t next);
void rows_delete(struct rows *r, int64_t m, uint32_t number);
/* Where it goes from the next attempt on, whatever its state is. */
void rows_set_hop(struct rows *r, int64_t m, uint32_t number, struct str hop);
/* Up to n SCHEDULED and THROTTLED ones whose time has come. */
size_t rows_released(struct rows *r, int64_t now, struct arena *a, struct rcpt_row *out, size_t n);
int64_t rows_next_release(struct rows *r); /* INT64_MAX: none */
/* Attempts that were in hand when the last queued ended: due now. How many. */
size_t rows_reset_active(struct rows *r, int64_t from, int64_t to, int64_t now);
/* Brings attempts back that are further away than `latest`: at most n. How many. */
size_t rows_bring_back(struct rows *r, bool local, int64_t latest, size_t n);
/* The first message above `after` with a report to be made; 0: none. */
int64_t rows_next_report(struct rows *r, int64_t after);

/* --- sums for the admin: a row of the destinations above `after` */
struct dest_row {
	struct str dest;
	uint64_t n, waiting, scheduled, held, other;
	int64_t next; /* of those that wait */
	int64_t last; /* attempt of the one that is tried next, and what came of it; of one destination alone */
	struct str reply;
};
void rows_dest(struct rows *r, struct str dest, struct arena *a, struct dest_row *out); /* of one */
size_t rows_dests(struct rows *r, struct str after, struct arena *a, struct dest_row *out, size_t n);

/* --- for other tables of the same database (suppress.c): as the sticky error allows. slot: kept
 * by the caller, finalized by it before rows_close. */
sqlite3_stmt *rows_use(struct rows *r, const char *text, sqlite3_stmt **slot);
bool rows_step(struct rows *r, sqlite3_stmt *s);
void rows_run(struct rows *r, sqlite3_stmt *s);

#endif
