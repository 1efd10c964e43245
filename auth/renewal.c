/* SPDX-License-Identifier: ISC
 *
 * renewal.c: see renewal.h. A table by session id finds them, a list keeps the
 * order in which they were made. Invariant: both hold the same, at most max.
 */
#include "auth/renewal.h"

#include <sys/queue.h>

#include "base/codec.h"
#include "base/rand.h"
#include "base/table.h"
#include "mail/address.h"

struct renewal {
	TAILQ_ENTRY(renewal) link;
	char session[RENEWAL_SESSION + 1];
	char ticket[TICKET_LEN + 1];
	char service[16];
	int64_t until_ms;
	char *user;
};

struct renewals {
	struct table table;
	TAILQ_HEAD(renewal_list, renewal) list;
	size_t max;
};

struct renewals *renewals_new(size_t max)
{
	struct renewals *r = mem_alloc(1, sizeof(*r));

	table_init(&r->table);
	TAILQ_INIT(&r->list);
	r->max = max;
	return r;
}

static void drop(struct renewals *r, struct renewal *k)
{
	table_remove(&r->table, str_of(k->session));
	TAILQ_REMOVE(&r->list, k, link);
	explicit_bzero(k->ticket, sizeof(k->ticket));
	free(k->user);
	free(k);
}

void renewals_free(struct renewals *r)
{
	while (!TAILQ_EMPTY(&r->list))
		drop(r, TAILQ_FIRST(&r->list));
	table_done(&r->table);
	free(r);
}

void renewals_limit(struct renewals *r, size_t max)
{
	r->max = max;
	while (r->table.n > max)
		drop(r, TAILQ_FIRST(&r->list));
}

static void draw_ticket(char out[TICKET_LEN + 1])
{
	unsigned char random[TICKET_LEN / 2];
	struct buf hex;

	rand_bytes(random, sizeof(random));
	buf_init(&hex, TICKET_LEN + 1);
	hex_encode(str_make(random, sizeof(random)), &hex);
	memcpy(out, hex.p, TICKET_LEN);
	out[TICKET_LEN] = '\0';
	buf_wipe(&hex);
	explicit_bzero(random, sizeof(random));
}

bool renewal_issue(struct renewals *r, struct str session, struct str user, struct str service,
	int64_t until_ms, char out[TICKET_LEN + 1])
{
	struct renewal *k;

	if (session.n != RENEWAL_SESSION || str_has_ctl(session))
		return false;
	renewal_forget(r, session);
	while (r->table.n >= r->max && !TAILQ_EMPTY(&r->list))
		drop(r, TAILQ_FIRST(&r->list));
	k = mem_alloc(1, sizeof(*k));
	BUG_ON(service.n >= sizeof(k->service));
	memcpy(k->session, session.p, session.n);
	memcpy(k->service, service.p, service.n);
	k->user = mem_alloc(user.n + 1, 1);
	memcpy(k->user, user.p, user.n);
	k->until_ms = until_ms;
	draw_ticket(k->ticket);
	table_set(&r->table, str_of(k->session), k);
	TAILQ_INSERT_TAIL(&r->list, k, link);
	memcpy(out, k->ticket, sizeof(k->ticket));
	return true;
}

int renewal_redeem(struct renewals *r, struct str session, struct str ticket, struct str service,
	int64_t now_ms, char **user_out, int64_t *until_out)
{
	struct renewal *k = session.n == RENEWAL_SESSION ? table_get(&r->table, session) : NULL;
	bool good;

	if (!k)
		return E_NOTFOUND;
	good = now_ms <= k->until_ms && str_eqc(service, k->service) && str_eqc(ticket, k->ticket);
	if (good) {
		*user_out = k->user;
		*until_out = k->until_ms;
		k->user = NULL;
	}
	drop(r, k);
	return good ? 0 : E_NOTFOUND;
}

void renewal_forget(struct renewals *r, struct str session)
{
	struct renewal *k = table_get(&r->table, session);

	if (k)
		drop(r, k);
}

void renewal_forget_user(struct renewals *r, struct str user)
{
	struct renewal *k, *next;

	for (k = TAILQ_FIRST(&r->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (address_is(user, str_of(k->user)))
			drop(r, k);
	}
}

void renewals_sweep(struct renewals *r, int64_t now_ms)
{
	struct renewal *k, *next;

	for (k = TAILQ_FIRST(&r->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (now_ms > k->until_ms)
			drop(r, k);
	}
}

size_t renewals_count(const struct renewals *r)
{
	return r->table.n;
}
