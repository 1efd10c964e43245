/* SPDX-License-Identifier: ISC
 *
 * keep.h: private to trace/: the events on disk, state/trace/trace.db.
 *
 *     events --keep_add--> the open block --keep_commit (each batch)--> table tail
 *                              | full
 *                              v
 *                          tables block, ids, grams;   tail is emptied
 *
 * An event costs a few hundred bytes of memory traffic and its part of one
 * transaction a second; what a search needs is worked out once for a block of
 * some hundred. Audit events go into a table of their own, too, since they are kept longer.
 *
 * Always true: nothing here is needed by the mail. What cannot be written
 * waits in the open block; when that is full, what comes is counted alone. A
 * database that is damaged is put aside (trace.db.damaged) and made anew.
 */
#ifndef MANSIO_TRACE_KEEP_H
#define MANSIO_TRACE_KEEP_H

#include "base/clock.h"
#include "base/db.h"
#include "trace/block.h"

enum keep_statement { KEEP_STATEMENTS = 20 };

struct keep {
	sqlite3 *db; /* NULL: there is none at the moment */
	sqlite3_stmt *s[KEEP_STATEMENTS];
	struct block open;
	size_t stored; /* bytes of its text in tail */
	int64_t next; /* number of the open block */
	struct buf audit; /* lines that wait for the next commit */
	uint64_t lost; /* events that were dropped, not yet told */
	bool aside; /* a damaged one was put aside, not yet told */
	deadline again; /* no database: the next try */
	deadline full_again; /* the block is full and cannot be written: the next try */
	int64_t wall, mono; /* the clocks when they last agreed, s and ms */
	deadline expire_after; /* the clock was set: nothing is deleted before */
};

/* In the current directory. The database may be missing, then and later: keep->db says so. */
void keep_init(struct keep *k);
void keep_done(struct keep *k); /* commits */
void keep_add(struct keep *k, const struct record *r, const struct fields *parsed);
/* All that waits becomes durable enough to survive us: 0, or negative and it goes on waiting. */
int keep_commit(struct keep *k);
/* Deletes what is too old (s) or too much (bytes); a little at a time. True: there is more. */
bool keep_expire(struct keep *k, int64_t keep_s, int64_t audit_s, uint64_t size);
/* What a failure means: a damaged database is put aside. */
void keep_failed(struct keep *k, int err);

/* What a walk looks for. A block is visited if it may hold it. */
struct look {
	int64_t since, until; /* µs, until exclusive; 0: any */
	int worst; /* at least this level, -1: any */
	const uint64_t *id; /* one of them */
	size_t nid;
	const struct str *needle; /* all of them; raw, lower case */
	size_t nneedle;
	bool backward; /* the newest first */
	int64_t from; /* not behind this block in that direction; 0: any */
};
/* False: enough. The text is good during the call. */
typedef bool keep_visit(void *arg, int64_t n, struct str text);
/* 0, or negative: not all could be read. */
int keep_look(struct keep *k, const struct look *l, keep_visit *visit, void *arg);
/* Audit lines, the newest first. */
int keep_audit(struct keep *k, int64_t since, int64_t until, keep_visit *visit, void *arg);

#endif
