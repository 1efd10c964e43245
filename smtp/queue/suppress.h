/* SPDX-License-Identifier: ISC
 *
 * suppress.h: addresses outside to which nothing is sent for some time, because a server said that the
 * mailbox does not exist, its owner complained (then for the domain of that sender alone, said.c), or by hand. Kept in queue.db; in the transaction of the turn.
 *
 * Mail to such an address fails at once, and its sender is told why and how it ends. The list is not in the
 * files of the spool: a queue.db that is built anew begins with an empty one.
 */
#ifndef MANSIO_SMTP_QUEUE_SUPPRESS_H
#define MANSIO_SMTP_QUEUE_SUPPRESS_H

#include "base/clock.h"
#include "net/suppressfilter.h"
#include "smtp/queue/classify.h"
#include "smtp/queue/rows.h"

enum { SUPPRESS_NSTMT = 8 };
struct suppress {
	sqlite3_stmt *stmt[SUPPRESS_NSTMT];
	bool any; /* the list may hold something */
	struct suppressfilter *filter; /* for those who receive mail, NULL: they ask about each */
	int filter_fd;
};

void suppress_init(struct suppress *s, struct rows *r);
void suppress_done(struct suppress *s);
struct suppress_row {
	struct str address, reply;
	struct str sender; /* domain of the senders whose mail it is about, empty: all */
	int64_t until, since; /* Unix seconds */
	enum bounce_class class;
};
/* Since now. Another entry for the same is replaced. */
void suppress_add(struct suppress *s, struct rows *r, const struct suppress_row *x);
/* The entry for all senders (sender empty), or that of one sender's domain. False: it was not there. */
bool suppress_remove(struct suppress *s, struct rows *r, struct str address, struct str sender);
/* Why nothing is sent: what a report, a record and smtpd say. */
struct suppressed {
	struct str status; /* 5.1.1: its server said that there is no such mailbox; 5.7.1: of our own */
	struct str words; /* for who wrote the message, a sentence without an end; no command of ours in it */
};
/* Is mail from this sender (an address) to that one stopped? Then why. */
bool suppress_find(struct suppress *s, struct rows *r, struct str address, struct str sender, struct arena *a,
	struct suppressed *out);
/* The senders' domains of an address's entries, empty first: for all. n at most. How many. */
size_t suppress_senders(struct suppress *s, struct rows *r, struct str address, struct arena *a, struct str *out, size_t n);
/* Entries whose time is over: n at most. How many. */
size_t suppress_expire(struct suppress *s, struct rows *r, size_t n);

/* Up to n above `after` (address and sender), in order. */
size_t suppress_range(struct suppress *s, struct rows *r, const struct suppress_row *after, struct arena *a,
	struct suppress_row *out, size_t n);

#endif
