/* SPDX-License-Identifier: ISC
 *
 * policyd.h: private to policyd: the program that knows the MTA-STS policies of other domains (RFC 8461).
 *
 *   policyd.c   the process: links, loop, sandbox
 *   ask.c       questions of sender: what is known, what the DNS says, what must be fetched
 *   fetch.c     fetches under way: a child each, HTTPS by libcurl
 *   cache.c     what was fetched, on disk
 *   sts.c       records and policies as values
 *
 *   sender -> policyd   policy id domain
 *   policyd -> sender   policy id result=found|none|failed mode=enforce|testing|none mx= (repeated) words
 *
 * Always true:
 *   1. Each question is answered within [sts] wait, by what is known then.
 *   2. A policy that was fetched counts until its max_age is over, or another takes its place: neither a look-up nor a fetch
 *      that fails, nor a record that is gone, makes it void (RFC 8461 5.1).
 *   3. The loop reads and writes files and parses nothing from outside; a fetch's child has the network and no files.
 */
#ifndef MANSIO_SMTP_POLICY_POLICYD_H
#define MANSIO_SMTP_POLICY_POLICYD_H

#include "base/clock.h"
#include "conf/program.h"
#include "net/dns.h"
#include "smtp/policy/cache.h"

#define POLICY_DOMAIN 254

struct question { /* of sender; it waits for the DNS, then perhaps for a fetch */
	struct question *next;
	uint64_t id; /* sender's */
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
	char words[POLICY_WORDS]; /* why it failed */
};

struct policyd {
	struct program program;
	const struct conf *conf;
	int dir, trust, resolver, sender;
	uint64_t serial; /* of questions to the resolver */
	struct question *questions;
	size_t nquestions;
	struct fetch *fetches;
	size_t running, kept; /* children; policies on disk */
	deadline sweep;
};

/* ask.c */
void ask_new(struct policyd *p, struct ipc_msg *m); /* from sender */
void ask_renew(struct policyd *p, const char *domain); /* its policy grows old */
void ask_answer(struct policyd *p, const struct ipc_msg *m); /* from resolverd */
void ask_again(struct policyd *p); /* a new link to it */
void ask_fetched(struct policyd *p, const char *domain, const struct policy *got, const char *words); /* got NULL: it failed */
void ask_drop(struct policyd *p); /* sender is gone */
void ask_tick(struct policyd *p);
deadline ask_next(const struct policyd *p);

/* fetch.c */
/* Is the policy with that id being fetched? 1 yes (or begun now); 0: not now, words_out says why. */
int fetch_start(struct policyd *p, const char *domain, const char *id, char words_out[POLICY_WORDS]);
void fetch_link(struct policyd *p, struct ipc_msg *m); /* from resolverd: the child's link */
void fetch_readable(struct policyd *p, int fd);
void fetch_reap(struct policyd *p);
void fetch_tick(struct policyd *p);

#endif
