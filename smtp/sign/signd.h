/* SPDX-License-Identifier: ISC
 *
 * signd.h: private to signd: the process that has the keys of DKIM and signs what leaves.
 *
 *   signd.c     links, verbs' way in, the loop
 *   task.c      messages that are being signed, a piece of each in turn
 *   keys.c      the keys and their lives (keys.h)
 *   seal.c      forwards: what is found of them, and their seals
 *   ask.c       questions to the DNS about a message
 *   publish.c   asks the DNS whether keys that wait are out
 *   verbs.c     dkim rotate, dkim list, dkim remove
 *
 * Questions (links are named by master; what is not here drops the link):
 *
 *   sender   sign id sender [report=1] offset size + descriptor "file"
 *                     -> signed id [header=FIELDS domain=] | words= (goes without) | failed=1 words=
 *   sender   seal id sender alias [peer= helo=] offset size + descriptor "file": a forward; sender: as it came
 *            [found= chain=: as they were answered, for a message whose text was changed since]
 *                     -> signed id [header=FIELDS domain=] | words=; found=RESULTS chain=, confirmed=1: he is who he says
 *   checkd   records id domain -> records id name= value= state= (repeated, in this order)
 *   checkd   link id           -> link id + descriptor "link"
 *
 * A message is signed by the domain of its author (From) if that is the domain of the envelope
 * sender, above or beneath it; else by the envelope sender's. Only the latter was found to belong to
 * who sent the message: a person of one domain gets no signature of another by writing its name into
 * From. A report of ours has no sender, and its From is our own word.
 */
#ifndef MANSIO_SMTP_SIGN_SIGND_H
#define MANSIO_SMTP_SIGN_SIGND_H

#include "base/clock.h"
#include "conf/program.h"
#include "smtp/sign/keys.h"
#include "smtp/verify/results.h"

#define SIGND_LINKS 32

struct asker {
	int fd; /* -1: none */
	bool signs; /* sender; else checkd */
};

struct task {
	struct task *next;
	int asker, fd;
	uint64_t id, at, end;
	bool report;
	char domain[KEYS_DOMAIN_MAX + 1]; /* of the envelope sender, lower case */
	struct dkim_signer *signer; /* or */
	struct seal *seal; /* it is a forward */
};

/* Answers of the DNS about one message. */
struct signd;
struct asked;
struct inquiry {
	struct signd *d;
	struct arena a;
	struct asked *first;
	size_t n, open;
	deadline until;
};

struct signd {
	struct program program;
	struct keys keys;
	struct asker asker[SIGND_LINKS];
	int resolver, authd; /* links, -1: not there */
	struct task *tasks, **last;
	size_t ntasks;
	deadline turn_at; /* keys_turn, next */
	deadline look_at; /* the next question to the DNS */
	uint64_t question; /* under way, 0: none */
	deadline question_until;
	char asked[KEYS_DOMAIN_MAX + 1], asked_selector[DKIM_SELECTOR_MAX + 1]; /* of which key; where the round goes on */
	bool due; /* look soon: there is a new key */
	uint64_t inquiries;
};

/* signd.c */
void signd_drop(struct signd *d, size_t asker); /* its tasks with it */

/* task.c */
int task_add(struct signd *d, size_t asker, struct ipc_msg *m); /* E_PEER: malformed */
void tasks_work(struct signd *d); /* a piece of each */
void tasks_drop(struct signd *d, size_t asker);
/* An answer of the DNS: true if a message waited for it. NULL: the resolver is gone. */
bool tasks_answer(struct signd *d, const struct ipc_msg *m);
/* Has any something to do now, and if not, until when does one wait? */
bool tasks_idle(const struct signd *d, deadline *until_out);

/* seal.c */
struct seal *seal_new(struct signd *d, const struct ipc_msg *m);
void seal_free(struct seal *s);
int seal_add(struct seal *s, struct str piece);
bool seal_ready(struct seal *s); /* all of it was added: is everything known? Asks for what is not */
bool seal_waits(const struct seal *s, deadline *until_out); /* for the DNS alone */
bool seal_answer(struct seal *s, uint64_t id, const struct ipc_msg *m);
void seal_lost(struct seal *s);
void seal_finish(struct signd *d, struct seal *s, struct ipc_msg *out); /* the fields of the answer */

/* ask.c */
void inquiry_init(struct inquiry *q, struct signd *d, int64_t wait_ms);
void inquiry_done(struct inquiry *q);
const struct dns_answer *inquiry_ask(void *inquiry, struct str name, enum dns_type type); /* a spf_ask_fn */
bool inquiry_answer(struct inquiry *q, uint64_t id, const struct ipc_msg *m);
void inquiry_lost(struct inquiry *q);

/* publish.c */
void publish_tick(struct signd *d);
void publish_answer(struct signd *d, const struct ipc_msg *m);

/* verbs.c */
void verbs_control(struct signd *d, struct ipc_msg *m);

#endif
