/* SPDX-License-Identifier: ISC
 *
 * sasl_bearer.c: logins by access tokens: OAUTHBEARER (RFC 7628) and XOAUTH2 (bearer.h). Whoever has no good token learns
 * nothing of accounts: none is looked for. A refusal takes two messages (RFC 7628 3.2.3); it is a failed login from the first on.
 */
#include "auth/sasl_private.h"

#include "auth/bearer.h"
#include "auth/oauth.h"
#include "base/clock.h"
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

void sasl_bearer_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out)
{
	struct bearer said;
	struct str claimed;
	const char *why = "";
	int r;

	*out = (struct sasl_outcome){ .result = SASL_BAD, .data = STR_NONE, .user = x->user, .why = "" };
	if (x->refused || ++x->steps > 2)
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
	x->user = said.user.n ? sasl_name(&x->a, said.user) : STR("");
	r = x->service->keys ? oauth_check(x->service->conf, x->service->keys, said.token, clock_unix(), &x->a, &claimed, &why) : E_UNSUPPORTED;
	if (r == 0)
		enter(x, claimed, said.user, out);
	else
		refuse(x, r == E_NOTFOUND ? BEARER_SCOPE : BEARER_TOKEN, x->service->keys ? why : "no tokens are taken", out);
}
