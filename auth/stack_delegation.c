/* SPDX-License-Identifier: ISC
 *
 * stack_delegation.c: delegations of a stack of back ends: with its other tables, in the first layer that has a place for
 * them. So people of an LDAP directory have theirs, too.
 */
#include "auth/directory_stack.h"

static struct directory *keeper(struct directory *d)
{
	return ((struct stack *)d)->tables;
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
