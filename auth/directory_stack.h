/* SPDX-License-Identifier: ISC
 *
 * directory_stack.h: what the files of the stack of back ends share: directory_stack.c (who knows it: questions),
 * stack_identity.c (numbers of accounts), stack_changes.c, stack_tables.c, stack_secrets.c (what belongs to an
 * account), directory_list.c (lists).
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

static inline struct stack *stack_of(struct directory *d)
{
	return (struct stack *)d;
}

/* The first layer that knows it; E_NOTFOUND: none does; negative: one that may know it is down. */
int stack_find_domain(struct stack *s, struct str name, struct arena *a, struct directory_domain *out,
	struct directory **layer_out);
int stack_find_account(struct stack *s, struct str local, struct str domain, struct arena *a,
	struct directory_account *out, struct directory **layer_out);
int stack_find_alias(struct stack *s, struct str address, struct arena *a, struct directory_alias *out,
	struct directory **layer_out);
/* May it know something about this domain? */
bool stack_asks(const struct directory *e, struct str domain);
/* stack_identity.c */
/* An account of layer e as the stack tells it: its number, its place, whether its domain is active. */
int stack_account(struct stack *s, struct directory *e, struct arena *a, struct directory_account *v);
/* Which layer keeps the account of this number, and under which number of its own. E_UNSUPPORTED: one that has no numbers. */
int stack_layer_of(struct stack *s, uint64_t id, struct directory **layer_out, uint64_t *own_id_out);
/* directory_stack.c */
/* The layer whose account a name could be that no layer knows: always the same one for a name, so that the time
 * that its password takes tells nobody that it does not exist (C16). NULL: none. */
struct directory *stack_could_be_of(struct stack *s, struct str name);

/* stack_secrets.c */
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

int stack_security_key_add(struct directory *d, uint64_t account, const struct directory_security_key *v);
int stack_security_key_remove(struct directory *d, uint64_t account, struct str id);
int stack_security_key_used(struct directory *d, uint64_t account, const struct directory_security_key *v);
int stack_security_keys(struct directory *d, uint64_t account,
	bool (*fn)(const struct directory_security_key *v, void *arg), void *arg);

/* stack_changes.c */
int stack_credentials(struct directory *d, uint64_t id, struct str before, struct str hash, struct str scram);
int stack_domain_put(struct directory *d, const struct directory_domain *v, bool is_new);
int stack_domain_remove(struct directory *d, struct str name);
int stack_account_put(struct directory *d, const struct directory_account *v, bool is_new);
int stack_account_remove(struct directory *d, struct str local, struct str domain);
int stack_alias_put(struct directory *d, const struct directory_alias *v, struct str domain, bool is_new);
int stack_alias_remove(struct directory *d, struct str address);
int stack_invite(struct directory *d, struct str id, struct arena *a, struct directory_invite *out);
int stack_invite_put(struct directory *d, const struct directory_invite *v);
int stack_invite_remove(struct directory *d, uint64_t account);

/* stack_tables.c */
int stack_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out);
int stack_token_add(struct directory *d, const struct directory_token *v);
int stack_token_remove(struct directory *d, struct str id);
int stack_token_used(struct directory *d, struct str id, uint64_t when);
int stack_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg);
int stack_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out);
int stack_route_put(struct directory *d, const struct directory_route *v, bool is_new);
int stack_route_remove(struct directory *d, struct str to, struct str from);
int stack_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg);
int stack_setting(struct directory *d, struct str name, struct buf *out);
int stack_setting_put(struct directory *d, struct str name, struct str value, bool replace);
int stack_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out);
int stack_rule_kinds(struct directory *d, unsigned *out);
int stack_rule_add(struct directory *d, const struct directory_rule *v);
int stack_rule_remove(struct directory *d, struct str kind, struct str who);
int stack_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg);
int stack_delegations(struct directory *d, struct str address, struct str who,
	bool (*fn)(const struct directory_delegation *v, void *arg), void *arg);
int stack_delegation_add(struct directory *d, const struct directory_delegation *v);
int stack_delegation_remove(struct directory *d, const struct directory_delegation *v);
int stack_delegation_forget(struct directory *d, struct str name);

/* directory_list.c */
int stack_domains(struct directory *d, bool (*fn)(const struct directory_domain *v, void *arg), void *arg);
int stack_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg);
int stack_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg);
int stack_people(struct directory *d, struct str domain, bool (*account)(const struct directory_account *v, void *arg),
	bool (*alias)(const struct directory_alias *v, void *arg), void *arg, struct buf *missing);

#endif
