/* SPDX-License-Identifier: ISC
 *
 * query.h: private to trace/: the questions that the verbs ask of what is
 * kept: search, one message's story, the log, the audit log, what changed.
 * Each calls back with rows, in order.
 */
#ifndef MANSIO_TRACE_QUERY_H
#define MANSIO_TRACE_QUERY_H

#include "trace/keep.h"
#include "trace/summary.h"

/* --- trace search. All texts escaped and in lower case (raw); STR_NONE: any. */
struct search {
	struct str address, sender, recipient, subject, message_id, state, before;
	int64_t since, until; /* µs */
	uint64_t limit;
	struct scope scope;
};
typedef void search_row(void *arg, const struct summary *x, struct arena *a);
int search_run(struct keep *k, const struct search *q, search_row *row, void *arg);

/* --- trace show: a message by its id, or a session by its. E_NOTFOUND: none that he may see. */
typedef void story_row(void *arg, int64_t time, struct str event, struct str program, struct str words,
	struct str detail);
int story_run(struct keep *k, struct str id, const struct scope *s, story_row *row, void *arg);

/* --- log list: the newest `limit` that fit, the oldest of them first. */
struct log_filter {
	int level;
	struct str program, match; /* raw, lower case */
	int64_t since, until;
};
bool log_fits(const struct log_filter *f, const struct record *r);
typedef void record_row(void *arg, const struct record *r);
int log_run(struct keep *k, const struct log_filter *f, uint64_t limit, record_row *row, void *arg);

/* --- changes list: what is worth a look since then. */
typedef void change_row(void *arg, int64_t time, const char *kind, struct str words);
int changes_run(struct keep *k, int64_t since, change_row *row, void *arg);

struct ipc_msg;
/* A row of the log (m is made). */
void query_log_row(struct ipc_msg *m, const struct record *r);

#endif
