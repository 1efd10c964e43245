/* SPDX-License-Identifier: ISC
 *
 * oauthd_keys.c: the provider's keys (see oauthd.h).
 *
 *   (start, `at`, keys_renew) --> fetching --> good: sent to authd, fetched again before they are old
 *                                        `--> failed: again after 1, 2, 4 ... s, at most [oauth] keys_again
 *
 * Whoever shows a token with an unknown key makes us fetch, but at most once in keys_again, whatever became of it. Old keys
 * stay where they are while this goes on: authd keeps them until `until`.
 */
#include "auth/oauthd.h"

#include "trace/trace.h"

#define FIRST_RETRY_MS 1000
#define DUE_PERCENT 80 /* of their time: then they are fetched again */

void keys_start(struct oauthd *o)
{
	buf_init(&o->keys.text, PROVIDER_TEXT_MAX);
	o->keys.at = conf_oauth_keys(o->conf) >= CONF_OAUTH_JWKS ? deadline_in(0) : DEADLINE_NEVER;
}

void keys_tell(struct oauthd *o)
{
	struct ipc_msg m;

	if (o->authd < 0 || o->keys.text.n == 0)
		return;
	ipc_init(&m, "keys");
	ipc_setc(&m, "of", o->of);
	ipc_set(&m, "text", buf_view(&o->keys.text));
	ipc_set_u64(&m, "until", o->keys.until);
	(void)ipc_send(o->authd, &m);
	ipc_done(&m);
}

/* They are there: for how long? */
static void keep(struct oauthd *o, const struct ipc_msg *m)
{
	const struct conf *c = o->conf;
	struct provider_keys *k = &o->keys;
	struct str text = ipc_get(m, "text");
	int64_t life = c->oauth_keys_longest;
	uint64_t max_age;

	if (ipc_get_u64(m, "max_age", INT32_MAX, &max_age) == 0)
		life = MIN(MAX((int64_t)max_age * 1000, c->oauth_keys_least), c->oauth_keys_longest);
	k->at = deadline_in(life * DUE_PERCENT / 100);
	k->wait = 0;
	k->until = (uint64_t)(clock_unix() + c->oauth_keys_kept / 1000);
	if (!str_eq(text, buf_view(&k->text)))
		trace_event(TRACE_INFO, "oauth-keys", NULL, "%.*s keys of %.*s", STRF(ipc_get(m, "count")), STRF(c->oauth_issuer));
	buf_reset(&k->text);
	buf_str(&k->text, text);
	keys_tell(o);
}

void keys_done(struct oauthd *o, const struct ipc_msg *m)
{
	struct provider_keys *k = &o->keys;

	k->fetching = false;
	k->failed = !m || !str_eqc(ipc_get(m, "result"), "ok") || ipc_get(m, "text").n == 0 || ipc_get(m, "text").n > PROVIDER_TEXT_MAX;
	if (k->failed) {
		k->wait = MIN(k->wait ? k->wait * 2 : (int64_t)FIRST_RETRY_MS, o->conf->oauth_keys_again);
		k->at = deadline_in(k->wait);
		oauthd_failed(o, "the provider's keys were not fetched", m ? ipc_get(m, "words") : STR("no answer in time, or no process for it"));
	} else {
		keep(o, m);
	}
	oauthd_answer(o, &k->ids, k->failed ? "temp" : "ok", NULL);
}

static void fetch(struct oauthd *o)
{
	struct provider_keys *k = &o->keys;

	k->fetching = true;
	k->at = DEADLINE_NEVER;
	k->tried = clock_mono_ms();
	if (!asker_ask(o, 0, NULL))
		keys_done(o, NULL);
}

void keys_renew(struct oauthd *o, uint64_t id)
{
	struct provider_keys *k = &o->keys;
	struct ids one = { { id }, 1 };
	bool lately = k->tried && clock_mono_ms() - k->tried < o->conf->oauth_keys_again;

	if (conf_oauth_keys(o->conf) < CONF_OAUTH_JWKS || (!k->fetching && lately) || !ids_add(&k->ids, id)) {
		oauthd_answer(o, &one, k->failed || k->fetching ? "temp" : "ok", NULL);
		return;
	}
	if (!k->fetching)
		fetch(o);
}

void keys_tick(struct oauthd *o)
{
	if (o->keys.at != DEADLINE_NEVER && deadline_passed(o->keys.at) && o->resolver >= 0)
		fetch(o);
}

deadline keys_next(const struct oauthd *o)
{
	return o->resolver >= 0 ? o->keys.at : DEADLINE_NEVER;
}
