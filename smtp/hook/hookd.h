/* SPDX-License-Identifier: ISC
 *
 * hookd.h: private to smtp/hook/: what happens to the queue's attempts after they are over.
 *
 *   queued --delivery--> hookd.c --+--> account.c: the file of the day
 *                          |       `--> store.c: hooks.db, what is to be posted
 *                         ack                |
 *                                         push.c --post--> poster.c, a process of its own --> the receiver
 *
 * Always true: an ack is sent when the records are in file and database; what is posted leaves
 * the database after a 2xx; so each event arrives at least once, and keeps its id. A receiver
 * that is slow, wrong or hung costs hookd one request at a time and a bounded table, and
 * nobody else anything. The poster has the network and nothing else; hookd has its folder and
 * no network.
 */
#ifndef MANSIO_SMTP_HOOK_HOOKD_H
#define MANSIO_SMTP_HOOK_HOOKD_H

#include "base/clock.h"
#include "conf/program.h"

#define HOOK_CLIENTS 8
#define HOOK_WORDS 300

enum push_state { PUSH_IDLE, PUSH_RESOLVING, PUSH_POSTING };

struct push {
	enum push_state state;
	int poster; /* pair to it */
	uint64_t id; /* of the question or request in hand */
	char resolve[1024]; /* HOST:PORT:ADDRESSES, or empty */
	struct buf body;
	int64_t first, upto; /* numbers of the events in it; upto 0: a test */
	size_t n;
	deadline until; /* of the answer */
	deadline next; /* no request before; never: at once */
	uint32_t failures;
	uint64_t posted, given_up;
	int test; /* reply of `webhook test` that waits, -1: none */
	bool testing; /* the request in hand is that test */
	int status; /* of the last answer */
	char words[HOOK_WORDS];
};

struct hookd {
	struct program program;
	const struct conf *conf;
	int dir, resolver;
	struct buf secret;
	int client[HOOK_CLIENTS];
	struct push push;
	bool stopping;
	deadline stop_at;
	deadline sweep_at;
};

/* account.c: true if these must be on the disk before the ack. */
int account_add(const struct hookd *h, const struct ipc_msg *m);
int account_flush(struct hookd *h); /* what was added is in the file of today: 0 or negative */
void account_sweep(const struct hookd *h); /* old files go */
int account_list(const struct hookd *h, void (*row)(void *arg, const char *name, uint64_t size), void *arg);

/* store.c: hooks.db in the current directory. All: 0 or negative. */
int store_open(void);
int store_begin(void);
int store_commit(void);
int store_add(struct str id, int64_t time, struct str json); /* one that is there already is no error */
uint64_t store_pending(void);
int64_t store_oldest(void); /* its time; 0: nothing waits */
/* The next events as JSON, joined by commas: at most n and max bytes. Their count and numbers. */
size_t store_batch(size_t n, size_t max, struct buf *out, int64_t *first_out, int64_t *upto_out);
int store_posted(int64_t first, int64_t upto);
/* Gives up what is older than `before`, and the oldest above `most`. Their count, or negative. */
int64_t store_give_up(int64_t before, uint64_t most);

/* push.c */
void push_open(struct hookd *h, int poster);
bool push_wants(const struct hookd *h, struct str event);
void push_work(struct hookd *h); /* what can be begun, is; what is too late, failed */
int64_t push_wait(const struct hookd *h); /* ms until there is work, -1: none */
void push_resolved(struct hookd *h); /* the link to resolverd is readable */
void push_answered(struct hookd *h); /* the poster is */
void push_test(struct hookd *h, int reply); /* takes reply */

/* poster.c: the child: forks, and returns the pair to it. trust: PEM of who may vouch. */
int poster_start(const struct conf *conf, struct str trust);

/* verbs.c */
void hook_verb(struct hookd *h, struct ipc_msg *m);
void hook_answer(int reply, struct ipc_msg *m, int code, const char *error); /* the last message; closes reply */

#endif
