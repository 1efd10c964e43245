/* SPDX-License-Identifier: ISC
 *
 * oauthd_tokens.c: tokens that the provider is asked about (RFC 7662; see oauthd.h).
 *
 *   token_ask --> WAITS --its turn, and an asker is free--> ASKED --its word--> KNOWN --[oauth] introspect_cache, or its end--> gone
 *                    `------ too late ------------------------`--> "temp", gone
 *
 * Turns go by network (fair.h): whoever floods us from one waits behind himself, and one has not all askers, however long the
 * provider takes for its tokens. A token is of the network that asked first.
 * What is known lies under a digest keyed with a random number of this process: who could read the memory finds no token. Of
 * those that are known at most [oauth] introspect_entries are kept, the newest.
 */
#include "auth/oauthd.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define TOKEN_MAX 65536 /* a line of [limit] auth_line is no longer */

void tokens_start(struct oauthd *o)
{
	table_init(&o->known);
	TAILQ_INIT(&o->waiting);
	fair_init(&o->turns);
	TAILQ_INIT(&o->asked);
	TAILQ_INIT(&o->kept);
}

static struct str key_of(const struct token *t)
{
	return str_make(t->digest, sizeof t->digest);
}

static struct tokens *list_of(struct oauthd *o, enum token_state s)
{
	return s == TOKEN_WAITS ? &o->waiting : s == TOKEN_ASKED ? &o->asked : &o->kept;
}

/* The one place that changes a state. */
static void move(struct oauthd *o, struct token *t, enum token_state to)
{
	TAILQ_REMOVE(list_of(o, t->state), t, link);
	fair_remove(&o->turns, &t->turn);
	o->nwaiting -= t->state != TOKEN_KNOWN && to == TOKEN_KNOWN;
	o->nkept += t->state != TOKEN_KNOWN && to == TOKEN_KNOWN;
	t->state = to;
	TAILQ_INSERT_TAIL(list_of(o, to), t, link);
}

static void drop(struct oauthd *o, struct token *t)
{
	TAILQ_REMOVE(list_of(o, t->state), t, link);
	fair_remove(&o->turns, &t->turn);
	o->nwaiting -= t->state != TOKEN_KNOWN;
	o->nkept -= t->state == TOKEN_KNOWN;
	table_remove(&o->known, key_of(t));
	buf_wipe(&t->text);
	free(t->network);
	free(t->claims);
	free(t);
}

static void give_up(struct oauthd *o, struct token *t)
{
	oauthd_answer(o, &t->ids, "temp", NULL);
	drop(o, t);
}

static struct token *add(struct oauthd *o, const unsigned char digest[32], struct str network, struct str text)
{
	struct token *t = mem_alloc(1, sizeof *t);

	memcpy(t->digest, digest, sizeof t->digest);
	buf_init(&t->text, TOKEN_MAX);
	buf_str(&t->text, text);
	t->network = mem_alloc(network.n + 1, 1);
	if (network.n)
		memcpy(t->network, network.p, network.n);
	t->until = deadline_in(o->conf->oauth_timeout);
	TAILQ_INSERT_TAIL(&o->waiting, t, link);
	fair_add(&o->turns, network, &t->turn);
	o->nwaiting++;
	table_set(&o->known, key_of(t), t);
	return t;
}

/* Has this network an asker left? */
static bool may_ask(struct str network, void *arg)
{
	const struct oauthd *o = arg;
	const struct token *t;
	int64_t n = 0;

	TAILQ_FOREACH (t, &o->asked, link)
		n += str_eqc(network, t->network);
	return n < o->conf->oauth_requests_per_network;
}

static void dispatch(struct oauthd *o)
{
	struct token *t;
	size_t i;

	_Static_assert(offsetof(struct token, turn) == 0, "a fair_job is cast back to its token");
	while ((i = asker_free(o)) > 0 && (t = (struct token *)fair_take_if(&o->turns, may_ask, o)) != NULL) {
		if (!asker_ask(o, i, t)) {
			give_up(o, t);
			continue;
		}
		move(o, t, TOKEN_ASKED);
	}
}

void token_ask(struct oauthd *o, uint64_t id, struct str network, struct str text)
{
	unsigned char digest[32];
	struct ids one = { { id }, 1 };
	struct token *t;

	HMAC(EVP_sha256(), o->digest_key, sizeof o->digest_key, (const unsigned char *)text.p, text.n, digest, NULL);
	t = table_get(&o->known, str_make(digest, sizeof digest));
	if (t && t->state == TOKEN_KNOWN && deadline_passed(t->until)) {
		drop(o, t);
		t = NULL;
	}
	if (t && t->state == TOKEN_KNOWN) {
		oauthd_answer(o, &one, t->active ? "ok" : "inactive", t->claims);
		return;
	}
	if (o->conf->oauth_introspect.n == 0 || text.n == 0 || text.n > TOKEN_MAX || (t && !ids_add(&t->ids, id)) ||
		(!t && (o->nwaiting >= (size_t)o->conf->oauth_waiting ||
			fair_waiting(&o->turns, network) >= (size_t)o->conf->oauth_waiting_per_network))) {
		oauthd_answer(o, &one, "temp", NULL);
		return;
	}
	if (t)
		return;
	t = add(o, digest, network, text);
	(void)ids_add(&t->ids, id);
	dispatch(o);
}

/* How long its word counts. */
static int64_t life(const struct oauthd *o, const struct ipc_msg *m)
{
	int64_t ms = o->conf->oauth_introspect_cache;
	uint64_t expires;

	if (ipc_get_u64(m, "expires", INT64_MAX / 2000, &expires) == 0)
		ms = MIN(ms, ((int64_t)expires - clock_unix()) * 1000);
	return ms;
}

void token_done(struct oauthd *o, struct token *t, const struct ipc_msg *m)
{
	struct str result = m ? ipc_get(m, "result") : STR(""), claims = m ? ipc_get(m, "claims") : STR("");
	bool inactive = str_eqc(result, "inactive");
	int64_t ms;

	if (!inactive && (!str_eqc(result, "ok") || claims.n == 0 || claims.n > PROVIDER_CLAIMS_MAX)) {
		oauthd_failed(o, "the provider says nothing of a token", m ? ipc_get(m, "words") : STR("no answer in time, or no process for it"));
		give_up(o, t);
		dispatch(o);
		return;
	}
	ms = life(o, m);
	t->active = !inactive;
	t->claims = t->active ? mem_alloc(claims.n + 1, 1) : NULL;
	if (t->claims)
		memcpy(t->claims, claims.p, claims.n);
	buf_wipe(&t->text);
	oauthd_answer(o, &t->ids, inactive ? "inactive" : "ok", t->claims);
	if (ms <= 0) {
		drop(o, t);
	} else {
		t->until = deadline_in(ms);
		move(o, t, TOKEN_KNOWN);
	}
	while (o->nkept > (size_t)o->conf->oauth_introspect_entries)
		drop(o, TAILQ_FIRST(&o->kept));
	dispatch(o);
}

void tokens_tick(struct oauthd *o)
{
	struct token *t;

	while ((t = TAILQ_FIRST(&o->waiting)) && deadline_passed(t->until))
		give_up(o, t);
	while ((t = TAILQ_FIRST(&o->kept)) && deadline_passed(t->until)) /* one behind it may be older: it is looked at when asked for */
		drop(o, t);
	dispatch(o);
}

deadline tokens_next(const struct oauthd *o)
{
	const struct token *t = TAILQ_FIRST(&o->waiting);

	return t ? t->until : DEADLINE_NEVER;
}
