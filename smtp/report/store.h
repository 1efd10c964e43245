/* SPDX-License-Identifier: ISC
 *
 * store.h: what is known of reports about TLS, in _tlsrpt.db (SQLite) in state/policy: what we count for others, each day
 * and domain a report that becomes; and what others report to us. Sentences and numbers only, nothing is believed.
 *
 *   ours:    OPEN --its day is over, `report send`--> WAITING --+--> SENT
 *                                                               |--> UNWANTED (no record asks for one)
 *                                                               `--> GIVEN_UP
 *   others': RECEIVED
 *
 * Always true: one report of a domain is OPEN at most; after OPEN its numbers do not change; what was counted stands in
 * exactly one report. Each is removed `[tlsrpt] keep` after its end.
 */
#ifndef MANSIO_SMTP_REPORT_STORE_H
#define MANSIO_SMTP_REPORT_STORE_H

#include "conf/conf.h"
#include "smtp/report/tlsrpt.h"

enum report_state { REPORT_OPEN, REPORT_WAITING, REPORT_SENT, REPORT_UNWANTED, REPORT_GIVEN_UP, REPORT_RECEIVED };
const char *report_state_name(enum report_state s);

struct report_row {
	int64_t id;
	enum report_state state;
	struct str domain; /* whom it is about */
	struct str organisation, contact, uid; /* of others'; uid: their report-id, or ours once it has left OPEN */
	int64_t start, end; /* OPEN: end of the day */
	int64_t due, until; /* WAITING: next try, and when it is given up */
	uint64_t tries;
	struct str words; /* what became of the last try */
	uint64_t ok, failed; /* of all policies */
};

/* One session, or several of the same outcome: failure->n sessions; its result empty: good. */
struct report_count {
	struct str domain, type, text, mx;
	struct tlsrpt_failure failure;
};

/* In the current directory. A database that is damaged is put aside. 0 or negative. */
int reports_open(const struct conf *c);
/* All between them is one transaction. */
int reports_begin(void);
int reports_commit(void);
void reports_undo(void); /* instead of it */
/* 0; E_FULL: too many domains today. now: Unix time. */
int reports_count(const struct report_count *c, int64_t now);
/* Days that are over: their reports wait, each for a random time of `delay` seconds. */
int reports_seal(int64_t now, int64_t delay, int64_t lifetime);
/* That of the domain now, whatever the day: its id, 0: nothing was counted. Negative. */
int64_t reports_seal_now(struct str domain, int64_t now, int64_t lifetime);
/* Of those that wait and are due the next behind `after` (its id): 1 and out, 0: none. */
int reports_due(int64_t now, int64_t after, struct arena *a, struct report_row *out);
int64_t reports_next(void); /* when the next is due, 0: none waits */
int reports_set(int64_t id, enum report_state s, int64_t due, struct str words);
/* One of others. E_EXISTS: it is there already; E_FULL. */
int reports_receive(const struct tlsrpt *r, struct str domain, struct str submitter, int64_t now);
/* With its policies. E_NOTFOUND. */
int reports_load(int64_t id, struct arena *a, struct report_row *row_out, struct tlsrpt *out);
/* The newest first; domain empty: all. false of fn: enough. */
void reports_each(struct str domain, bool (*fn)(void *arg, const struct report_row *r), void *arg);
/* The main failures of a report: "certificate-expired (12), ...". */
void reports_failures(int64_t id, struct buf *out);
void reports_types(int64_t id, struct buf *out); /* "sts, tlsa" */
void reports_sweep(int64_t now);

#endif
