/* SPDX-License-Identifier: ISC
 *
 * ticket.c: see ticket.h. A table finds them, a list keeps them in the order
 * in which they were made. Invariant: both hold the same tickets, at most max.
 */
#include "auth/ticket.h"

#include <sys/queue.h>

#include "base/codec.h"
#include "base/rand.h"
#include "base/table.h"
#include "mail/address.h"

struct ticket {
	TAILQ_ENTRY(ticket) link;
	char id[TICKET_LEN + 1];
	char service[16];
	char *user;
	int64_t until_ms;
};

struct tickets {
	struct table table;
	TAILQ_HEAD(ticket_list, ticket) list;
	size_t max;
};

struct tickets *tickets_new(size_t max)
{
	struct tickets *t = mem_alloc(1, sizeof(*t));

	table_init(&t->table);
	TAILQ_INIT(&t->list);
	t->max = max;
	return t;
}

static void drop(struct tickets *t, struct ticket *k)
{
	table_remove(&t->table, str_of(k->id));
	TAILQ_REMOVE(&t->list, k, link);
	explicit_bzero(k->id, sizeof(k->id));
	free(k->user);
	free(k);
}

void tickets_free(struct tickets *t)
{
	while (!TAILQ_EMPTY(&t->list))
		drop(t, TAILQ_FIRST(&t->list));
	table_done(&t->table);
	free(t);
}

void tickets_limit(struct tickets *t, size_t max)
{
	t->max = max;
	while (t->table.n > max)
		drop(t, TAILQ_FIRST(&t->list));
}

/* Random bytes for 32 of them are asked of the kernel at once. Each is used once and wiped; the process that
 * makes tickets never forks. */
static void draw(unsigned char out[TICKET_LEN / 2])
{
	static unsigned char pool[32 * TICKET_LEN / 2];
	static size_t left;

	if (left == 0) {
		rand_bytes(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= TICKET_LEN / 2;
	memcpy(out, pool + left, TICKET_LEN / 2);
	explicit_bzero(pool + left, TICKET_LEN / 2);
}

void ticket_issue(struct tickets *t, struct str user, struct str service, int64_t now_ms,
	int64_t life_ms, char out[TICKET_LEN + 1])
{
	unsigned char random[TICKET_LEN / 2];
	struct ticket *k = mem_alloc(1, sizeof(*k));
	struct buf hex;

	BUG_ON(service.n >= sizeof(k->service));
	draw(random);
	buf_init(&hex, TICKET_LEN + 1);
	hex_encode(str_make(random, sizeof(random)), &hex);
	memcpy(k->id, hex.p, TICKET_LEN);
	buf_wipe(&hex);
	memcpy(k->service, service.p, service.n);
	k->user = mem_alloc(user.n + 1, 1);
	memcpy(k->user, user.p, user.n);
	k->until_ms = now_ms + life_ms;
	while (t->table.n >= t->max && !TAILQ_EMPTY(&t->list))
		drop(t, TAILQ_FIRST(&t->list));
	table_set(&t->table, str_of(k->id), k);
	TAILQ_INSERT_TAIL(&t->list, k, link);
	memcpy(out, k->id, TICKET_LEN + 1);
}

int ticket_redeem(struct tickets *t, struct str ticket, struct str service, int64_t now_ms,
	char **user_out)
{
	struct ticket *k = ticket.n == TICKET_LEN ? table_get(&t->table, ticket) : NULL;
	bool good;

	if (!k)
		return E_NOTFOUND;
	good = now_ms <= k->until_ms && str_eqc(service, k->service);
	if (good) {
		*user_out = k->user;
		k->user = NULL;
	}
	drop(t, k);
	return good ? 0 : E_NOTFOUND;
}

void tickets_forget_user(struct tickets *t, struct str user)
{
	struct ticket *k, *next;

	for (k = TAILQ_FIRST(&t->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (address_is(user, str_of(k->user)))
			drop(t, k);
	}
}

void tickets_sweep(struct tickets *t, int64_t now_ms)
{
	struct ticket *k, *next;

	for (k = TAILQ_FIRST(&t->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (now_ms > k->until_ms)
			drop(t, k);
	}
}

size_t tickets_count(const struct tickets *t)
{
	return t->table.n;
}
