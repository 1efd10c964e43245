/* SPDX-License-Identifier: ISC
 *
 * resolve.h: what an address means: the account that logs in, the mailboxes
 * that mail goes to, and whether an account may send with it. Pure rules over
 * auth/directory.h; runs in workers.
 */
#ifndef MANSIO_AUTH_RESOLVE_H
#define MANSIO_AUTH_RESOLVE_H

#include "auth/auth.h"
#include "auth/directory.h"

#define RESOLVE_DEPTH 10

struct resolver {
	struct directory *d;
	char separator; /* user+detail; 0: none */
	uint64_t default_quota; /* of accounts without their own */
	struct str rules; /* those of files (rulefile.h), beside the directory's */
};

/* "local@domain" in normal form, quoted where needed: the name of an account. */
struct str address_name(struct str local, struct str domain, struct arena *a);
/* Text of a stranger to normal form; E_SYNTAX (also for address literals). */
int address_read(struct str text, struct arena *a, struct str *local_out, struct str *domain_out);

/* The account with exactly this name; E_NOTFOUND also for what is no address. */
int resolve_account(const struct resolver *r, struct str name, struct arena *a,
	struct directory_account *out);
/* May anybody log in with this account now? Its mail is received in any case. */
bool resolve_may_log_in(const struct directory_account *acc);
uint64_t resolve_quota(const struct resolver *r, const struct directory_account *acc);
/* As auth_rcpt: 0 and the result in out, or negative (back end down). */
int resolve_rcpt(const struct resolver *r, struct str address, struct arena *a,
	struct auth_rcpt *out);
/* The same, told step by step: fn(depth, kind, address, words) for each thing on the way. */
typedef void resolve_fn(void *arg, unsigned depth, const char *kind, struct str address, const char *words);
int resolve_explain(const struct resolver *r, struct str address, struct arena *a, resolve_fn *fn,
	void *arg, struct auth_rcpt *out);
/* Whose address it is: no forwards, no catch-all, no keeper. */
int resolve_own(const struct resolver *r, struct str address, struct arena *a, struct auth_rcpt *out);
/* May this account send with this address: its own, an alias of it, or by a delegation (auth/delegation.h)? */
int resolve_sender(const struct resolver *r, struct str user, struct str address, struct arena *a,
	enum auth_result *out);

#endif
