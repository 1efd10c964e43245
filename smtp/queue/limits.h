/* SPDX-License-Identifier: ISC
 *
 * limits.h: how much an account sends to the outside (conf/sending.h), and to whom it wrote before. What is above a limit is
 * taken nevertheless, and kept in the queue: the account is not locked, and its other mail goes on.
 *
 *   above messages or recipients of an hour, a day --> THROTTLED until a window has room ([send] account_over = hold: HELD)
 *   to more new recipients than a day may have     --> HELD: an administrator looks, releases or removes it
 *   so much of the account's is kept already       --> not taken: 452 4.7.1 (a spam run fills no disk)
 *
 * Counted is what somebody who was logged in brought: not what is forwarded, reports, mail of this host's programs,
 * mail to mailboxes here. A window begins with the first that it counts, and is over after its hour or day: what waits
 * then has the next one. All of it is written with the message, in the transaction of the turn (table `account`,
 * `known`): no sync more, and nothing is forgotten or counted twice by a crash. Recipients are kept as keyed digests,
 * `[send] account_known` of each account, those that it did not write to for the longest time go first; who is released
 * is known from then on. A queue.db that is built anew knows nobody: the limits count for what it finds as if it came
 * now, but for what was held before: that stays so (held.h).
 */
#ifndef MANSIO_SMTP_QUEUE_LIMITS_H
#define MANSIO_SMTP_QUEUE_LIMITS_H

#include "conf/sending.h"
#include "smtp/queue/rows.h"

enum { LIMITS_NSTMT = 16 };
struct limits {
	sqlite3_stmt *stmt[LIMITS_NSTMT];
	uint64_t secret[2]; /* of the digests; 0, 0: not read yet */
	int64_t forget; /* Unix seconds: accounts that send nothing any more are looked for then */
};

struct limits_window {
	int64_t start; /* Unix seconds */
	uint64_t n; /* counted in it, and for those that follow it */
};

enum limits_verdict { LIMITS_GO, LIMITS_WAIT, LIMITS_HOLD };
struct limits_rcpt {
	enum limits_verdict verdict;
	int64_t next; /* WAIT: until then */
	bool counts; /* it is outside */
	bool fresh; /* the account never wrote to it */
	bool refresh; /* it did, but the row says so of long ago */
	uint64_t key;
};

/* What becomes of a message, before anything is written. */
struct limits_look {
	struct str account, why; /* why: what is kept, as the administrator reads it */
	uint64_t id;
	struct sending_limits limit;
	struct limits_window window[SENDING_KINDS];
	uint64_t known;
	int64_t seen; /* of the account's row, 0: it has none */
	struct limits_rcpt *rcpt; /* as those of the envelope */
	size_t held, waiting;
	uint64_t kept; /* of the account before; read if this adds to it */
	bool changed;
};

struct queue;
struct task;
struct envelope;

void limits_done(struct queue *q);
/* In the turn's arena. NULL: no limit counts for this message. */
struct limits_look *limits_look(struct queue *q, const struct envelope *e);
/* Some of it would be kept, and there is too much of that already. */
bool limits_full(const struct queue *q, const struct limits_look *look);
/* It is taken: counts, and tells. */
void limits_take(struct queue *q, const struct envelope *e, struct limits_look *look);
/* The administrator let it go: the account may write to that one. */
void limits_learn(struct queue *q, const struct envelope *e, struct str recipient);
/* Removes accounts that sent nothing for `[send] account_keep`, n at most. How many. */
size_t limits_forget(struct queue *q, size_t n);

/* mansio limit list, limit reset. list: true while there is more. */
bool limits_list(struct queue *q, struct task *t);
void limits_reset(struct queue *q, struct task *t);

/* Who sent it, as a number that stays the same (recipient.stream): an account, or a sender's address. */
uint32_t limits_stream(struct str who);
/* One more: when it may go, 0: at once. */
int64_t limits_window_take(struct limits_window *w, uint64_t limit, int64_t length, int64_t now);
/* What of it is over is forgotten. */
void limits_window_pass(struct limits_window *w, uint64_t limit, int64_t length, int64_t now);

#endif
