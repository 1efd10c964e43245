/* SPDX-License-Identifier: ISC
 *
 * recent.c: see recent.h.
 */
#include "auth/recent.h"

#include "auth/cache.h"
#include "base/clock.h"

static struct {
	struct cache *users; /* digest -> name */
	struct verified *digests; /* only its key */
	uint64_t generation;
	bool on, held;
} recent = { .generation = 1 };

void recent_set(const struct conf *c)
{
	int64_t life = MIN(c->auth_cache_time, c->auth_login_cache_time);

	if (!recent.digests) {
		recent.digests = verified_new(0);
		if (!recent.digests)
			die_oom(0);
		recent.users = cache_new(0, 0);
	}
	recent.on = life > 0 && c->auth_cache_entries > 0;
	cache_set(recent.users, (size_t)c->auth_cache_entries, life);
	recent.generation++;
}

void recent_clear(void)
{
	cache_clear(recent.users);
	recent.generation++;
}

void recent_hold(bool on)
{
	recent.held = on;
}

void recent_find(const struct sasl_start *s, struct recent_key *key_out, struct str *good_out)
{
	struct verified_login l = { .service = s->service, .name = STR(""), .password = s->initial, .hash = STR("") };

	*good_out = STR("");
	key_out->generation = 0;
	if (!recent.on || recent.held || !s->initial.p || !str_eqc(s->mech, "PLAIN") || str_eqc(s->service, "web"))
		return;
	verified_key(recent.digests, &l, key_out->digest);
	key_out->generation = recent.generation;
	*good_out = cache_get(recent.users, str_make(key_out->digest, VERIFIED_KEY), clock_mono_ms());
}

void recent_keep(const struct recent_key *key, struct str user)
{
	if (key->generation == recent.generation)
		cache_put(recent.users, str_make(key->digest, VERIFIED_KEY), user, clock_mono_ms());
}
