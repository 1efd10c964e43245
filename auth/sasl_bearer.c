/* SPDX-License-Identifier: ISC
 *
 * sasl_bearer.c: logins by access tokens: OAUTHBEARER (RFC 7628) and XOAUTH2 (bearer.h). Whoever has no good token
 * learns nothing of accounts: none is looked for. A refusal takes two messages (RFC 7628 3.2.3); it is a failed login
 * from the first on.
 *
 *   message --> judge --> in, or refused
 *                 `--> ask (an unknown key, or a token that only the provider knows) --sasl_exchange_told--> in, refused, or try later
 *
 * Nobody waits here for the provider: authd's loop asks, and other logins go on. It is asked once in an exchange.
 */
#include "auth/sasl_private.h"

#include "auth/bearer.h"
#include "auth/oauth.h"
#include "base/clock.h"
#include "conf/oauth.h"
#include "mail/address.h"

static void refuse(struct sasl_exchange *x, enum bearer_error e, const char *why, struct sasl_outcome *out)
{
	struct buf text;

	buf_init(&text, 8192);
	bearer_refuse(x->start.mech, e, x->service->conf->oauth_issuer, x->service->conf->oauth_scope, &text);
	x->refused = true;
	out->result = SASL_CONTINUES;
	out->failed = true;
	out->why = why;
	out->user = x->user;
	out->data = arena_str(&x->a, buf_view(&text));
	buf_done(&text);
}

/* The token is good: may that account log in, and is it the one that the client asks for? */
static void enter(struct sasl_exchange *x, struct str claimed, struct str asked, struct sasl_outcome *out)
{
	struct str name;
	bool may;

	x->user = sasl_name(&x->a, claimed);
	may = sasl_look_up(x, x->user);
	out->user = x->user;
	if (x->down) {
		out->result = SASL_DOWN;
		out->why = "directory does not answer";
		return;
	}
	if (!may) {
		refuse(x, BEARER_TOKEN, x->found ? "account may not log in" : "no such account", out);
		return;
	}
	name = address_name(x->account.local, x->account.domain, &x->a);
	if (asked.n > 0 && !str_eq(sasl_name(&x->a, asked), name)) {
		refuse(x, BEARER_TOKEN, "may not act for another account", out);
		return;
	}
	out->result = SASL_GOOD;
	out->expires = x->account.expires;
	out->user = name;
	out->why = "";
}

static void asks(struct sasl_exchange *x, const char *what, struct sasl_outcome *out)
{
	x->ask = what;
	out->result = SASL_ASKS;
	out->ask = what;
	out->token = str_eqc(str_of(what), "introspect") ? x->token : STR_NONE;
}

/* r: of oauth_check or oauth_claims */
static void judged(struct sasl_exchange *x, int r, struct str claimed, const char *why, struct sasl_outcome *out)
{
	if (r == 0)
		enter(x, claimed, x->asked, out);
	else
		refuse(x, r == E_NOTFOUND ? BEARER_SCOPE : BEARER_TOKEN, why, out);
}

/* again: newer keys than these cannot be had. */
static void by_keys(struct sasl_exchange *x, bool again, struct sasl_outcome *out)
{
	const struct conf *c = x->service->conf;
	struct str claimed;
	const char *why = "";
	int r = oauth_check(c, x->service->keys, x->token, clock_unix(), &x->a, &claimed, &why);

	if (r == E_TEMP && !again && conf_oauth_keys(c) >= CONF_OAUTH_JWKS)
		asks(x, "renew", out);
	else
		judged(x, r, claimed, why, out);
}

static void begin(struct sasl_exchange *x, struct sasl_outcome *out)
{
	*out = (struct sasl_outcome){ .result = SASL_BAD, .data = STR_NONE, .user = x->user, .why = "" };
}

void sasl_bearer_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out)
{
	struct bearer said;

	begin(x, out);
	if (x->refused || x->ask || ++x->steps > 2)
		return;
	if (x->steps == 1 && !data.p) { /* no initial response (RFC 4422 3.3) */
		out->result = SASL_CONTINUES;
		out->data = STR("");
		return;
	}
	if (bearer_read(x->start.mech, data, &x->a, &said) < 0) {
		refuse(x, BEARER_MALFORMED, "malformed message", out);
		return;
	}
	x->user = out->user = said.user.n ? sasl_name(&x->a, said.user) : STR("");
	x->asked = arena_str(&x->a, said.user);
	x->token = arena_str(&x->a, said.token);
	switch (oauth_way(x->service->conf, x->token)) {
	case OAUTH_NOT:
		refuse(x, BEARER_TOKEN, "no tokens are taken", out);
		break;
	case OAUTH_BY_KEYS:
		by_keys(x, false, out);
		break;
	case OAUTH_BY_PROVIDER:
		asks(x, "introspect", out);
		break;
	}
}

void sasl_exchange_told(struct sasl_exchange *x, const struct sasl_told *told, struct sasl_outcome *out)
{
	const char *ask = x->ask, *why = "";
	struct str claimed;
	int r;

	begin(x, out);
	x->ask = NULL;
	if (!ask || told->result == TOLD_NOTHING) {
		out->result = SASL_DOWN;
		out->why = "the provider of tokens says nothing";
	} else if (str_eqc(str_of(ask), "renew")) {
		by_keys(x, true, out);
	} else if (told->result == TOLD_INACTIVE) {
		refuse(x, BEARER_TOKEN, "token: the provider says that it is not good", out);
	} else {
		r = oauth_claims(x->service->conf, OAUTH_ANSWERED, told->claims, clock_unix(), &x->a, &claimed, &why);
		judged(x, r, claimed, why, out);
	}
}
