/* SPDX-License-Identifier: ISC
 *
 * limit.h: how many connections and messages others bear. Pure logic: the clock (monotonic, ms) is passed in.
 *
 * A group is anything that shares limits: a destination, a host, a provider (many MX, one house), a source
 * address. Whoever opens a connection or sends a message asks all groups that it belongs to.
 *
 *   open ──limit_may_open──> session ──limit_may_send──> message ──reply──> limit_reply
 *
 * Fixed limits come from the settings (struct limit_rules). Below them each group finds its own: what the other
 * side says (421, or many 4xx) halves the connections and stretches the time between messages, successes
 * give both back step by step.
 *
 * Always true: 1 <= allowed <= rules.sessions; in any 60 s at most rules.minute messages begin.
 */
#ifndef MANSIO_SMTP_SEND_LIMIT_H
#define MANSIO_SMTP_SEND_LIMIT_H

#include "base/table.h"

#define LIMIT_GROUPS 4 /* that one connection is in, at most */

struct limit_rules {
	unsigned sessions; /* at once, 0: no limit */
	unsigned minute; /* messages a minute, 0: no limit */
	unsigned messages; /* of one session, 0: no limit */
};

struct limit {
	struct limit_rules rules;
	unsigned open; /* sessions */
	unsigned allowed; /* sessions, as the other side bears them; 0: as many as the rules say */
	int64_t gap; /* ms between messages, found out; 0: none */
	int64_t next; /* no message before */
	int64_t tokens, filled; /* thousandths of a message, and when they were counted */
	unsigned good, bad; /* replies since the last step */
	int64_t stepped; /* when allowed and gap changed last */
	int64_t used; /* when anything happened */
	char name[];
};

struct limits {
	struct table groups;
};

void limits_init(struct limits *l);
void limits_done(struct limits *l);
/* The group of that name, made if it is not there; its rules are set. It lives until limits_sweep finds
 * it without sessions, recovered, and not used for ten minutes. */
struct limit *limit_group(struct limits *l, struct str name, const struct limit_rules *rules, int64_t now);
void limits_sweep(struct limits *l, int64_t now);

/* May one session more be opened, in all of the n groups? NULL entries are passed over. */
bool limit_may_open(struct limit *const *g, size_t n, int64_t now);
void limit_opened(struct limit *const *g, size_t n, int64_t now);
void limit_closed(struct limit *const *g, size_t n, int64_t now);
/* May a message begin? */
bool limit_may_send(struct limit *const *g, size_t n, int64_t now);
void limit_sent(struct limit *const *g, size_t n, int64_t now);
/* ms until a message may begin; 0: now. */
int64_t limit_wait(struct limit *const *g, size_t n, int64_t now);
/* What the other side said to a connection or a message: its code. */
void limit_reply(struct limit *const *g, size_t n, int code, int64_t now);
/* Messages that a session may carry, 0: no limit. */
unsigned limit_messages(struct limit *const *g, size_t n);

/* The provider of a mail server by the settings ("NAME: PATTERN PATTERN": a name, or *. and what it ends in), else
 * limit_provider. Part of `host` or of a rule. */
struct str limit_provider_named(const struct str *rules, size_t n, struct str host);
/* ... by its name alone: the registered domain of its name ("mx1.mail.example.co.uk" -> "example.co.uk");
 * an address literal is itself. Part of `host`. */
struct str limit_provider(struct str host);

#endif
