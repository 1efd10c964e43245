/* SPDX-License-Identifier: ISC
 *
 * stack_tables.c: tokens, routes, settings, rules and delegations of a stack of back ends: all in the first layer that has
 * a place for them. So people of an LDAP directory have delegations, too.
 */
#include "auth/directory_stack.h"

static struct directory *keeper(struct directory *d)
{
	return stack_of(d)->tables;
}

int stack_token(struct directory *d, struct str id, struct arena *a, struct directory_token *out)
{
	return keeper(d)->ops->token(keeper(d), id, a, out);
}

int stack_token_add(struct directory *d, const struct directory_token *v)
{
	return keeper(d)->ops->token_add(keeper(d), v);
}

int stack_token_remove(struct directory *d, struct str id)
{
	return keeper(d)->ops->token_remove(keeper(d), id);
}

int stack_token_used(struct directory *d, struct str id, uint64_t when)
{
	return keeper(d)->ops->token_used(keeper(d), id, when);
}

int stack_tokens(struct directory *d, bool (*fn)(const struct directory_token *v, void *arg), void *arg)
{
	return keeper(d)->ops->tokens(keeper(d), fn, arg);
}

int stack_route(struct directory *d, struct str to, struct str from, struct arena *a,
	struct directory_route *out)
{
	return keeper(d)->ops->route(keeper(d), to, from, a, out);
}

int stack_route_put(struct directory *d, const struct directory_route *v, bool is_new)
{
	return keeper(d)->ops->route_put(keeper(d), v, is_new);
}

int stack_route_remove(struct directory *d, struct str to, struct str from)
{
	return keeper(d)->ops->route_remove(keeper(d), to, from);
}

int stack_routes(struct directory *d, bool (*fn)(const struct directory_route *v, void *arg), void *arg)
{
	return keeper(d)->ops->routes(keeper(d), fn, arg);
}

int stack_setting(struct directory *d, struct str name, struct buf *out)
{
	return keeper(d)->ops->setting(keeper(d), name, out);
}

int stack_setting_put(struct directory *d, struct str name, struct str value, bool replace)
{
	return keeper(d)->ops->setting_put(keeper(d), name, value, replace);
}

int stack_rule(struct directory *d, struct str kind, struct str who, struct arena *a,
	struct directory_rule *out)
{
	return keeper(d)->ops->rule(keeper(d), kind, who, a, out);
}

int stack_rule_kinds(struct directory *d, unsigned *out)
{
	return keeper(d)->ops->rule_kinds(keeper(d), out);
}

int stack_rule_add(struct directory *d, const struct directory_rule *v)
{
	return keeper(d)->ops->rule_add(keeper(d), v);
}

int stack_rule_remove(struct directory *d, struct str kind, struct str who)
{
	return keeper(d)->ops->rule_remove(keeper(d), kind, who);
}

int stack_rules(struct directory *d, bool (*fn)(const struct directory_rule *v, void *arg), void *arg)
{
	return keeper(d)->ops->rules(keeper(d), fn, arg);
}

int stack_delegations(struct directory *d, struct str address, struct str who,
	bool (*fn)(const struct directory_delegation *v, void *arg), void *arg)
{
	return keeper(d)->ops->delegations(keeper(d), address, who, fn, arg);
}

int stack_delegation_add(struct directory *d, const struct directory_delegation *v)
{
	return keeper(d)->ops->delegation_add(keeper(d), v);
}

int stack_delegation_remove(struct directory *d, const struct directory_delegation *v)
{
	return keeper(d)->ops->delegation_remove(keeper(d), v);
}

int stack_delegation_forget(struct directory *d, struct str name)
{
	return keeper(d)->ops->delegation_forget(keeper(d), name);
}
