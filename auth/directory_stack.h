/* SPDX-License-Identifier: ISC
 *
 * directory_stack.h: what the files of the stack of back ends share: directory_stack.c
 * (one thing at a time), directory_list.c (lists) and stack_app_password.c.
 */
#ifndef MANSIO_AUTH_DIRECTORY_STACK_H
#define MANSIO_AUTH_DIRECTORY_STACK_H

#include "auth/directory.h"

#define DIRECTORY_IS_STACK "stack" /* its name */

struct stack_layer {
	struct directory *d;
	bool accounts; /* not: the built-in one that is there for its domains and aliases alone */
};

struct stack {
	struct directory d;
	struct directory *own; /* the built-in one */
	struct directory *tables; /* who keeps tokens, routes, rules, settings */
	struct stack_layer layer[DIRECTORY_STACK + 1];
	size_t n;
};

/* May it know something about this domain? */
bool stack_asks(const struct directory *e, struct str domain);
/* An account of layer e as the stack tells it: its number, its place, whether its domain is active. */
int stack_account(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v);
/* Which layer keeps the account of this number, and under which number of its own. E_UNSUPPORTED: one that has no numbers. */
int stack_layer_of(struct stack *s, uint64_t id, struct directory **layer_out, uint64_t *own_id_out);
/* The layer whose account a name could be that no layer knows: always the same one for a name, so that the time
 * that its password takes tells nobody that it does not exist (C16). NULL: none. */
struct directory *stack_could_be_of(struct stack *s, struct str name);

/* stack_app_password.c */
int stack_app_password(struct directory *d, const struct directory_account *v, struct str digest, struct arena *a,
	struct directory_app_password *out);
int stack_app_password_add(struct directory *d, uint64_t account, const struct directory_app_password *v);
int stack_app_password_remove(struct directory *d, uint64_t account, struct str id);
int stack_app_passwords_forget(struct directory *d, struct str owner);
int stack_app_password_used(struct directory *d, uint64_t account, struct str id, uint64_t when, struct str peer);
int stack_app_passwords(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_app_password *v, void *arg), void *arg);
int stack_totp(struct directory *d, uint64_t account, struct arena *a, struct directory_totp *out);
int stack_totp_put(struct directory *d, uint64_t account, const struct directory_totp *v);
int stack_totp_remove(struct directory *d, uint64_t account);
int stack_totp_try(struct directory *d, uint64_t account, uint64_t now, uint64_t over, uint64_t max);
int stack_totp_step(struct directory *d, uint64_t account, uint64_t step);
int stack_totp_recover(struct directory *d, uint64_t account, struct str before, struct str after);
int stack_shared_secret(struct directory *d, const struct directory_account *v, struct arena *a,
	struct directory_shared_secret *out);
int stack_shared_secret_put(struct directory *d, uint64_t account, const struct directory_shared_secret *v);
int stack_shared_secret_remove(struct directory *d, uint64_t account);
int stack_shared_secret_any(struct directory *d, bool *any_out);

/* stack_delegation.c */
int stack_delegations(struct directory *d, struct str address, struct str who,
	bool (*fn)(const struct directory_delegation *v, void *arg), void *arg);
int stack_delegation_add(struct directory *d, const struct directory_delegation *v);
int stack_delegation_remove(struct directory *d, const struct directory_delegation *v);
int stack_delegation_forget(struct directory *d, struct str name);
int stack_security_key_add(struct directory *d, uint64_t account, const struct directory_security_key *v);
int stack_security_key_remove(struct directory *d, uint64_t account, struct str id);
int stack_security_key_used(struct directory *d, uint64_t account, const struct directory_security_key *v);
int stack_security_keys(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_security_key *v, void *arg), void *arg);

/* directory_list.c */
int stack_domains(struct directory *d, bool (*fn)(const struct directory_domain *v, void *arg), void *arg);
int stack_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg);
int stack_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg);

#endif
