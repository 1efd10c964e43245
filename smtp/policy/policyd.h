/* SPDX-License-Identifier: ISC
 *
 * policyd.h: private to policyd: the program that knows the MTA-STS policies of other domains (RFC 8461), and the reports
 * about TLS (RFC 8460): ours to them, theirs to us.
 *
 *   policyd.c   the process: links, loop, sandbox
 *   ask.c       questions of sender, and of checkd: what is known, what the DNS says, what must be fetched
 *   fetch.c     fetches under way: a child each, HTTPS by libcurl
 *   cache.c     what was fetched, on disk
 *   sts.c       records and policies as values
 *   tally.c     sessions that sender had, added up on their way into smtp/report/store.h
 *   task.c      children for reports
 *   deliver.c   reports of days that are over, on their way to who wants them
 *   receive.c   reports of others, on their way into the store
 *   verbs.c     report list, report show, report send
 *
 *   sender -> policyd   policy id domain
 *   policyd -> sender   policy id result=found|none|failed mode=enforce|testing|none mx= (repeated) words
 *   sender -> policyd   tls domain type [result reason] mx ip local helo tlsa= (repeated): one session; no answer
 *   smtpd -> policyd    report domain + descriptor "message": mail that brings one; domain: of the recipient, empty: any; no answer
 *   checkd asks for the policies of our own domains, to see what others see; and
 *   checkd -> policyd   link id   -> link id + descriptor "link": for a child of its own
 *
 * Always true:
 *   1. Each question is answered within [sts] wait, by what is known then.
 *   2. A policy that was fetched counts until its max_age is over, or another takes its place: neither a look-up nor a fetch
 *      that fails, nor a record that is gone, makes it void (RFC 8461 5.1).
 *   3. The loop reads and writes files and parses nothing from outside; a fetch's child has the network and no files, and so has
 *      one that reads or posts a report.
 *   4. A session is counted in the store some seconds after it was told; a crash loses those alone (RFC 8460 asks for sums).
 */
#ifndef MANSIO_SMTP_POLICY_POLICYD_H
#define MANSIO_SMTP_POLICY_POLICYD_H

#include "base/clock.h"
#include "base/table.h"
#include "conf/program.h"
#include "net/dns.h"
#include "smtp/policy/cache.h"
#include "smtp/report/store.h"

#define POLICY_DOMAIN 254

#define POLICY_ASKERS 16 /* links: sender's, and those of checkd and its children */

struct question { /* it waits for the DNS, then perhaps for a fetch */
	struct question *next;
	size_t asker; /* whose */
	uint64_t id; /* the asker's */
	uint64_t lookup; /* ours, of the TXT question; 0: that is over */
	bool internal; /* nobody waits: a policy is to be renewed */
	deadline until;
	char domain[POLICY_DOMAIN];
};

struct fetch {
	struct fetch *next;
	char domain[POLICY_DOMAIN], id[STS_ID + 1];
	uint64_t asked; /* the resolver for a link of the child's own; 0: it has come, or none is asked for */
	pid_t pid; /* 0: not yet */
	int link; /* to the child, -1 */
	bool over; /* failed: kept until `until`, so that it is not tried again at once */
	deadline until;
	const char *result; /* ... as RFC 8460 4.3 calls it */
	char words[POLICY_WORDS]; /* why it failed */
};

enum task_state { TASK_WAITS, TASK_DNS, TASK_LINK, TASK_CHILD, TASK_OVER };

/* A report that is being sent or read: at most one child at a time. */
struct task {
	struct task *next;
	enum task_state state;
	bool reads; /* one of others; else it is sent */
	int64_t report; /* sent: which */
	char domain[POLICY_DOMAIN]; /* whom it is about; read: of the recipient, may be empty */
	int message; /* read: a file in memory, -1 */
	uint64_t asked; /* a question of ours, or for a link */
	pid_t pid;
	int link; /* to the child, -1 */
	deadline until;
	struct arena a;
	struct str uri[TLSRPT_URIS]; /* sent: where to */
	size_t nuris, at;
	char words[POLICY_WORDS]; /* why the last one did not do */
	struct tlsrpt got; /* read: until now */
	struct str submitter;
	size_t nfailures;
};

struct policyd {
	struct program program;
	const struct conf *conf;
	int dir, trust, resolver, queued;
	int asker[POLICY_ASKERS]; /* -1: none; the first is sender's */
	int *room; /* links of smtpd */
	size_t nrooms;
	bool reports; /* there is a store */
	struct table tally; /* struct report_count by all that it says but how many */
	struct arena tally_arena;
	deadline tally_at; /* it goes into the store */
	bool full_told;
	struct task *tasks;
	size_t ntasks, nreads;
	deadline deliver_at;
	uint64_t serial; /* of questions to the resolver */
	struct question *questions;
	size_t nquestions;
	struct fetch *fetches;
	size_t running, kept; /* children; policies on disk */
	deadline sweep;
};

/* ask.c */
void ask_new(struct policyd *p, size_t asker, struct ipc_msg *m);
void ask_renew(struct policyd *p, const char *domain); /* its policy grows old */
void ask_answer(struct policyd *p, const struct ipc_msg *m); /* from resolverd */
void ask_again(struct policyd *p); /* a new link to it */
/* got NULL: it failed; result: as RFC 8460 4.3 calls that */
void ask_fetched(struct policyd *p, const char *domain, const struct policy *got, const char *words, const char *result);
void ask_drop(struct policyd *p, size_t asker); /* it is gone */
void ask_tick(struct policyd *p);
deadline ask_next(const struct policyd *p);

/* fetch.c */
/* Is the policy with that id being fetched? 1 yes (or begun now); 0: not now, words_out says why. */
int fetch_start(struct policyd *p, const char *domain, const char *id, char words_out[POLICY_WORDS]);
void fetch_link(struct policyd *p, struct ipc_msg *m); /* from resolverd: the child's link */
void fetch_readable(struct policyd *p, int fd);
void fetch_reap(struct policyd *p);
void fetch_tick(struct policyd *p);

/* tally.c */
void tally_take(struct policyd *p, const struct ipc_msg *m); /* from sender */
void tally_policy(struct policyd *p, const char *domain, const char *result, const char *reason); /* of ours: it cannot be had */
void tally_flush(struct policyd *p);

/* task.c */
struct task *task_new(struct policyd *p, bool reads, const char *domain);
/* A further link, to the resolver or the queue, for a child of it. 0 or negative. */
int task_ask_link(struct policyd *p, struct task *t, int of);
bool task_link(struct policyd *p, struct ipc_msg *m); /* it came; false: that is nobody's */
bool task_readable(struct policyd *p, int fd);
void task_free(struct policyd *p, struct task *t);
void task_tick(struct policyd *p);
/* In a child: nothing stays open but these two; the log is gone too. */
void child_keep(int one, int other);
/* In a child: the last word. */
NORETURN void child_done(int link, int err, const char *words);
void load_trust(int fd, struct buf *out); /* of policyd's start */

/* deliver.c */
void deliver_work(struct policyd *p); /* days that are over, reports that are due */
bool deliver_answer(struct policyd *p, const struct ipc_msg *m); /* of the resolver; false: another's */
NORETURN void deliver_child(struct policyd *p, struct task *t, int other);
void deliver_done(struct policyd *p, struct task *t, const struct ipc_msg *m); /* m NULL: it died, or took too long */
bool deliver_now(struct policyd *p, struct str domain, int64_t *id_out, const char **why_out);

/* receive.c */
void receive_new(struct policyd *p, struct ipc_msg *m); /* from smtpd */
void receive_work(struct policyd *p);
NORETURN void receive_child(struct policyd *p, struct task *t, int resolver);
void receive_said(struct policyd *p, struct task *t, const struct ipc_msg *m); /* as deliver_done; TASK_OVER: it was the last */

/* verbs.c */
void report_verb(struct policyd *p, struct ipc_msg *m);

#endif
