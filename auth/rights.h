/* SPDX-License-Identifier: ISC
 *
 * rights.h: who may ask for which verb from outside: the one place where the column
 * `who` of conf/verbs.def is applied. Pure rules.
 *
 * Roles, comma separated in an account or a token:
 *   admin              global administrator
 *   admin@example.org  administrator of that domain
 *   metrics            may read `stats metrics` (tokens)
 *   send:anna@example.org  may send as that person by POST /api/v1/send (tokens)
 * An account without roles is a person and may look after himself. An owner of a mailbox (auth/delegation.h) may look after
 * it, too, but for what its holder logs in by at the page.
 */
#ifndef MANSIO_AUTH_RIGHTS_H
#define MANSIO_AUTH_RIGHTS_H

#include "auth/roles.h"
#include "conf/verbs.h"

#define RIGHTS_DOMAINS 64

struct identity {
	struct str user; /* name of the account; empty: a token */
	struct str who; /* for the audit log: the account, or token:LABEL */
	bool admin, metrics;
	struct str send; /* whom a token sends as, in normal form; empty: nobody */
	struct str domain[RIGHTS_DOMAINS]; /* administrator of these */
	size_t ndomains;
	struct str owned; /* the mailbox of another one that the verb is about, and that he owns (rights_of_owner); else empty */
};

/* Reads roles into id; what is not known gives nothing. */
void rights_roles(struct str roles, struct identity *id);
/* Do these roles of an account reach further than the asker's own? Then he must not become
 * it, by a new password or otherwise. */
bool rights_exceed(const struct identity *id, struct str roles);

/* May this identity use the verb at all, with some arguments? For lists and pages. */
bool rights_any(const struct identity *id, const struct verb *v);

struct rights {
	struct str scope[RIGHTS_DOMAINS + 2]; /* domains, addresses; none: everything */
	size_t nscope;
	bool own; /* `address` names the asker himself */
	/* `address` in normal form; given by somebody who is no global administrator: the
	 * gate looks at that account before it passes the verb on. */
	struct str address;
};

/* Is this one of the verbs by which an owner looks after his mailbox? */
bool rights_of_owner(const struct verb *v);

/* args: the verb's arguments as fields prefix+NAME. 0 and out; E_DENIED with a
 * sentence in why. */
int rights_check(const struct identity *id, const struct verb *v, const struct ipc_msg *args,
	const char *prefix, struct arena *a, struct rights *out, struct buf *why);

#endif
