/* SPDX-License-Identifier: ISC
 *
 * logins.c: see logins.h. A table finds a login by its public id, a list keeps all in
 * the order in which they were made. Invariant: both hold the same, at most max.
 */
#include "auth/logins.h"

#include <openssl/crypto.h>

#include "mail/address.h"

struct logins {
	struct table table;
	TAILQ_HEAD(login_list, login) list;
	struct logins_limits limits;
};

struct logins *logins_new(const struct logins_limits *limits)
{
	struct logins *l = mem_alloc(1, sizeof(*l));

	table_init(&l->table);
	TAILQ_INIT(&l->list);
	l->limits = *limits;
	return l;
}

void login_end(struct logins *l, struct login *k)
{
	table_remove(&l->table, str_of(k->id));
	TAILQ_REMOVE(&l->list, k, link);
	free(k->user);
	free(k->peer);
	free(k->agent);
	explicit_bzero(k, sizeof(*k));
	free(k);
}

void logins_free(struct logins *l)
{
	while (!TAILQ_EMPTY(&l->list))
		login_end(l, TAILQ_FIRST(&l->list));
	table_done(&l->table);
	free(l);
}

void logins_set(struct logins *l, const struct logins_limits *limits)
{
	l->limits = *limits;
	while (l->table.n > limits->max)
		login_end(l, TAILQ_FIRST(&l->list));
}

static bool over(const struct logins *l, const struct login *k, int64_t now_ms)
{
	return now_ms - k->used_ms > l->limits.idle_ms || now_ms - k->made_ms > l->limits.age_ms;
}

/* Room for one more of that user. */
static void make_room(struct logins *l, struct str user)
{
	struct login *k, *oldest = NULL;
	size_t n = 0;

	TAILQ_FOREACH(k, &l->list, link)
		if (str_eqc(user, k->user)) {
			oldest = oldest ? oldest : k;
			n++;
		}
	if (n >= l->limits.per_user && oldest)
		login_end(l, oldest);
	while (l->table.n >= l->limits.max && !TAILQ_EMPTY(&l->list))
		login_end(l, TAILQ_FIRST(&l->list));
}

static char *copy(struct str s)
{
	char *p = mem_alloc(s.n + 1, 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct login *login_make(struct logins *l, struct str user, uint64_t account, struct str peer,
	struct str agent, int64_t now_ms, int64_t now_unix, char cookie_out[SECRET_TEXT + 1])
{
	struct login *k = mem_alloc(1, sizeof(*k));
	char csrf[SECRET_TEXT + 1], none[SECRET_HEX + 1];

	logins_sweep(l, now_ms);
	make_room(l, user);
	secret_new(cookie_out, k->digest);
	secret_new(csrf, none);
	memcpy(k->id, cookie_out, SECRET_ID);
	memcpy(k->csrf, csrf + SECRET_ID + 1, SECRET_HEX);
	k->user = copy(user);
	k->peer = copy(peer);
	k->agent = copy(agent);
	k->account = account;
	k->since = k->last = now_unix;
	k->made_ms = k->used_ms = now_ms;
	table_set(&l->table, str_of(k->id), k);
	TAILQ_INSERT_TAIL(&l->list, k, link);
	return k;
}

struct login *login_find(struct logins *l, struct str cookie, int64_t now_ms, int64_t now_unix,
	bool touch)
{
	struct str id, secret;
	struct login *k;

	if (!secret_split(cookie, &id, &secret) || !(k = table_get(&l->table, id)) ||
		!secret_good(secret, str_of(k->digest)))
		return NULL;
	if (over(l, k, now_ms)) {
		login_end(l, k);
		return NULL;
	}
	if (touch) {
		k->used_ms = now_ms;
		k->last = now_unix;
	}
	return k;
}

bool login_csrf_good(const struct login *k, struct str given)
{
	return given.n == SECRET_HEX && CRYPTO_memcmp(given.p, k->csrf, SECRET_HEX) == 0;
}

struct login *login_by_id(struct logins *l, struct str id)
{
	return table_get(&l->table, id);
}

size_t logins_end_user(struct logins *l, struct str user)
{
	struct login *k, *next;
	size_t n = 0;

	for (k = TAILQ_FIRST(&l->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (address_is(user, str_of(k->user))) {
			login_end(l, k);
			n++;
		}
	}
	return n;
}

void logins_sweep(struct logins *l, int64_t now_ms)
{
	struct login *k, *next;

	for (k = TAILQ_FIRST(&l->list); k; k = next) {
		next = TAILQ_NEXT(k, link);
		if (over(l, k, now_ms))
			login_end(l, k);
	}
}

size_t logins_count(const struct logins *l)
{
	return l->table.n;
}

struct login *logins_first(struct logins *l)
{
	return TAILQ_FIRST(&l->list);
}

struct login *logins_next(struct login *k)
{
	return TAILQ_NEXT(k, link);
}
