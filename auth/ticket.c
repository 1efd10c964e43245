/* SPDX-License-Identifier: ISC
 *
 * ticket.c: see ticket.h. Tickets lie in one array, and their text begins with the place there: no hash
 * and no search. Those that are there are a list in the order in which they were made, the free places
 * another, of which the last one freed goes first: so an array that was large once stays cold.
 *
 *   text = place (8 hex digits) secret (32 hex digits)
 *
 * Invariant: n places are in the list of those made, each with its secret; all others are free and wiped.
 */
#include "auth/ticket.h"

#include <openssl/crypto.h>

#include "base/codec.h"
#include "base/rand.h"
#include "mail/address.h"

#define NOWHERE UINT32_MAX
#define PLACES_MIN 64
#define SECRET 16
#define PLACE 4 /* bytes of its number */

struct ticket {
	uint32_t prev, next; /* of those made; of a free place the next free one */
	unsigned char secret[SECRET];
	int64_t until_ms;
	char *user; /* NULL: free; as a rule `brief` */
	char service[16], brief[72];
};

struct tickets {
	struct ticket *at;
	uint32_t places, first, last, free;
	size_t n, max;
};

struct tickets *tickets_new(size_t max)
{
	struct tickets *t = mem_alloc(1, sizeof(*t));

	t->first = t->last = t->free = NOWHERE;
	t->max = MIN(max, (size_t)NOWHERE / 2);
	return t;
}

static void unlink_place(struct tickets *t, const struct ticket *k)
{
	if (k->prev == NOWHERE)
		t->first = k->next;
	else
		t->at[k->prev].next = k->next;
	if (k->next == NOWHERE)
		t->last = k->prev;
	else
		t->at[k->next].prev = k->prev;
	t->n--;
}

static void drop(struct tickets *t, uint32_t place)
{
	struct ticket *k = &t->at[place];

	unlink_place(t, k);
	if (k->user != k->brief)
		free(k->user);
	explicit_bzero(k->secret, sizeof(k->secret));
	k->user = NULL;
	k->next = t->free;
	t->free = place;
}

static void drop_to(struct tickets *t, size_t n)
{
	while (t->n > n)
		drop(t, t->first);
}

void tickets_free(struct tickets *t)
{
	drop_to(t, 0);
	free(t->at);
	free(t);
}

void tickets_limit(struct tickets *t, size_t max)
{
	t->max = MIN(max, (size_t)NOWHERE / 2);
	drop_to(t, t->max);
}

/* Twice as many places. The old array is wiped: there are secrets in it. */
static void grow(struct tickets *t)
{
	uint32_t n = t->places ? t->places * 2 : PLACES_MIN, i;
	struct ticket *at = mem_alloc(n, sizeof(*at));

	for (i = 0; i < t->places; i++) {
		at[i] = t->at[i];
		if (t->at[i].user == t->at[i].brief)
			at[i].user = at[i].brief;
	}
	if (t->at)
		explicit_bzero(t->at, t->places * sizeof(*at));
	free(t->at);
	t->at = at;
	for (i = n; i-- > t->places;) {
		at[i].next = t->free;
		t->free = i;
	}
	t->places = n;
}

/* A place, at the end of those made. */
static uint32_t take(struct tickets *t)
{
	uint32_t place;

	if (t->free == NOWHERE)
		grow(t);
	place = t->free;
	t->free = t->at[place].next;
	t->at[place].prev = t->last;
	t->at[place].next = NOWHERE;
	if (t->last == NOWHERE)
		t->first = place;
	else
		t->at[t->last].next = place;
	t->last = place;
	t->n++;
	return place;
}

/* Random bytes for 32 of them are asked of the kernel at once. Each is used once and wiped; the process that
 * makes tickets never forks. */
static void draw(unsigned char out[SECRET])
{
	static unsigned char pool[32 * SECRET];
	static size_t left;

	if (left == 0) {
		rand_bytes(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= SECRET;
	memcpy(out, pool + left, SECRET);
	explicit_bzero(pool + left, SECRET);
}

static void print(uint32_t place, const unsigned char secret[SECRET], char out[TICKET_LEN + 1])
{
	unsigned char bytes[PLACE + SECRET] = { (unsigned char)(place >> 24), (unsigned char)(place >> 16),
		(unsigned char)(place >> 8), (unsigned char)place };
	static const char hex[] = "0123456789abcdef";
	size_t i;

	memcpy(bytes + PLACE, secret, SECRET);
	for (i = 0; i < sizeof(bytes); i++) {
		out[2 * i] = hex[bytes[i] >> 4];
		out[2 * i + 1] = hex[bytes[i] & 15];
	}
	out[TICKET_LEN] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

void ticket_issue(struct tickets *t, struct str user, struct str service, int64_t now_ms,
	int64_t life_ms, char out[TICKET_LEN + 1])
{
	struct ticket *k;
	uint32_t place;

	drop_to(t, t->max > 0 ? t->max - 1 : 0);
	place = take(t);
	k = &t->at[place];
	BUG_ON(service.n >= sizeof(k->service));
	memcpy(k->service, service.p, service.n);
	k->service[service.n] = '\0';
	k->user = user.n < sizeof(k->brief) ? k->brief : mem_alloc(user.n + 1, 1);
	memcpy(k->user, user.p, user.n);
	k->user[user.n] = '\0';
	k->until_ms = now_ms + life_ms;
	draw(k->secret);
	print(place, k->secret, out);
}

/* Its place; NOWHERE: there is no such ticket. */
static uint32_t find(const struct tickets *t, struct str ticket)
{
	uint32_t place = NOWHERE, i;
	struct buf bytes;

	if (ticket.n != TICKET_LEN)
		return NOWHERE;
	buf_init(&bytes, PLACE + SECRET);
	if (hex_decode(ticket, &bytes) == 0)
		for (place = 0, i = 0; i < PLACE; i++)
			place = place << 8 | (unsigned char)bytes.p[i];
	if (place >= t->places || !t->at[place].user || CRYPTO_memcmp(t->at[place].secret, bytes.p + PLACE, SECRET) != 0)
		place = NOWHERE;
	buf_wipe(&bytes);
	return place;
}

int ticket_redeem(struct tickets *t, struct str ticket, struct str service, int64_t now_ms,
	char **user_out)
{
	uint32_t place = find(t, ticket);
	const struct ticket *k;
	bool good;

	if (place == NOWHERE)
		return E_NOTFOUND;
	k = &t->at[place];
	good = now_ms <= k->until_ms && str_eqc(service, k->service);
	if (good)
		*user_out = mem_strdup(k->user);
	drop(t, place);
	return good ? 0 : E_NOTFOUND;
}

void tickets_forget_user(struct tickets *t, struct str user)
{
	uint32_t place, next;

	for (place = t->first; place != NOWHERE; place = next) {
		next = t->at[place].next;
		if (address_is(user, str_of(t->at[place].user)))
			drop(t, place);
	}
}

void tickets_sweep(struct tickets *t, int64_t now_ms)
{
	uint32_t place, next;

	for (place = t->first; place != NOWHERE; place = next) {
		next = t->at[place].next;
		if (now_ms > t->at[place].until_ms)
			drop(t, place);
	}
}

size_t tickets_count(const struct tickets *t)
{
	return t->n;
}
