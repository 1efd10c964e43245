/* SPDX-License-Identifier: ISC
 *
 * popbefore.c: see popbefore.h.
 *
 * Always true: the list is in the order of each address's newest login, the oldest first; an address that is kept has
 * a login; its logins are in order of time, the oldest first.
 */
#include "auth/popbefore.h"

#include <sys/queue.h>

#include "base/table.h"
#include "mail/address.h"

struct place {
	TAILQ_ENTRY(place) link;
	uint8_t key[17]; /* family and address */
	size_t n;
	struct {
		char *user;
		int64_t at;
	} login[POPBEFORE_USERS];
};

struct popbefore {
	struct table table;
	TAILQ_HEAD(place_list, place) list;
	size_t max;
};

struct popbefore *popbefore_new(size_t max)
{
	struct popbefore *p = mem_alloc(1, sizeof(*p));

	table_init(&p->table);
	TAILQ_INIT(&p->list);
	p->max = max;
	return p;
}

static void remove_login(struct place *x, size_t i)
{
	free(x->login[i].user);
	x->n--;
	memmove(&x->login[i], &x->login[i + 1], (x->n - i) * sizeof(x->login[0]));
}

static void drop(struct popbefore *p, struct place *x)
{
	while (x->n > 0)
		remove_login(x, x->n - 1);
	table_remove(&p->table, str_make(x->key, sizeof(x->key)));
	TAILQ_REMOVE(&p->list, x, link);
	free(x);
}

void popbefore_limit(struct popbefore *p, size_t max)
{
	p->max = max;
	while (p->table.n > max)
		drop(p, TAILQ_FIRST(&p->list));
}

void popbefore_free(struct popbefore *p)
{
	popbefore_limit(p, 0);
	table_done(&p->table);
	free(p);
}

static void key_of(const struct addr *peer, uint8_t key[17])
{
	memset(key, 0, 17);
	key[0] = peer->family;
	memcpy(key + 1, peer->ip, peer->family == 4 ? 4 : 16);
}

static struct place *find(const struct popbefore *p, const struct addr *peer)
{
	uint8_t key[17];

	key_of(peer, key);
	return table_get(&p->table, str_make(key, sizeof(key)));
}

void popbefore_login(struct popbefore *p, const struct addr *peer, struct str user, int64_t now_ms)
{
	struct place *x = find(p, peer);
	size_t i;

	if ((peer->family != 4 && peer->family != 6) || user.n == 0 || p->max == 0)
		return;
	if (x) {
		TAILQ_REMOVE(&p->list, x, link);
	} else {
		popbefore_limit(p, p->max);
		if (p->table.n == p->max)
			drop(p, TAILQ_FIRST(&p->list));
		x = mem_alloc(1, sizeof(*x));
		key_of(peer, x->key);
		table_set(&p->table, str_make(x->key, sizeof(x->key)), x);
	}
	TAILQ_INSERT_TAIL(&p->list, x, link);
	for (i = 0; i < x->n && !str_eqc(user, x->login[i].user); i++)
		;
	if (i < x->n)
		remove_login(x, i);
	else if (x->n == POPBEFORE_USERS)
		remove_login(x, 0);
	x->login[x->n].user = mem_alloc(user.n + 1, 1);
	memcpy(x->login[x->n].user, user.p, user.n);
	x->login[x->n++].at = now_ms;
}

size_t popbefore_users(const struct popbefore *p, const struct addr *peer, int64_t now_ms, int64_t life_ms, struct str out[POPBEFORE_USERS])
{
	const struct place *x = find(p, peer);
	size_t i, n = 0;

	for (i = 0; x && i < x->n; i++)
		if (now_ms - x->login[i].at < life_ms)
			out[n++] = str_of(x->login[i].user);
	return n;
}

void popbefore_forget(struct popbefore *p, struct str user)
{
	struct place *x, *next;
	size_t i;

	for (x = TAILQ_FIRST(&p->list); x; x = next) {
		next = TAILQ_NEXT(x, link);
		for (i = x->n; i-- > 0;)
			if (address_is(user, str_of(x->login[i].user)))
				remove_login(x, i);
		if (x->n == 0)
			drop(p, x);
	}
}

void popbefore_sweep(struct popbefore *p, int64_t now_ms, int64_t life_ms)
{
	struct place *x;

	while ((x = TAILQ_FIRST(&p->list)) != NULL && now_ms - x->login[x->n - 1].at >= life_ms)
		drop(p, x);
}

size_t popbefore_count(const struct popbefore *p)
{
	return p->table.n;
}
