/* SPDX-License-Identifier: ISC
 *
 * directory_stack.h: what the files of the stack of back ends share: directory_stack.c
 * (one thing at a time) and directory_list.c (lists).
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

/* directory_list.c */
int stack_domains(struct directory *d, bool (*fn)(const struct directory_domain *v, void *arg), void *arg);
int stack_accounts(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_account *v, void *arg), void *arg);
int stack_aliases(struct directory *d, struct str domain,
	bool (*fn)(const struct directory_alias *v, void *arg), void *arg);

#endif
