/* SPDX-License-Identifier: ISC
 *
 * sasl_external.c: SASL EXTERNAL (RFC 4422, appendix A): the account behind a client's certificate (external.h), for the
 * library, which then compares it with the one that the client asks for.
 */
#include "auth/external.h"
#include "auth/sasl_private.h"
#include "base/clock.h"
#include "conf/conf.h"

static int is_account(void *arg, struct str name)
{
	struct sasl_exchange *x = arg;
	struct directory_account account;
	int r = resolve_account(&x->service->resolver, name, &x->a, &account);

	return r == 0 ? 1 : r == E_NOTFOUND ? 0 : r;
}

const char *sasl_set_external(struct sasl_exchange *x, struct str asked)
{
	const struct sasl_service *service = x->service;
	struct external q = { .ca = service->client_ca, .chain = x->start.client_chain, .asked = asked, .now = clock_unix(),
		.kind = service->conf->auth_client_name == CONF_CLIENT_NAME_CN ? CLIENT_NAME_CN : CLIENT_NAME_EMAIL,
		.is_account = is_account, .arg = x };
	const char *why = "";
	struct str name;
	int r;

	x->user = asked.n > 0 ? sasl_name(&x->a, asked) : STR("");
	r = external_name(&q, &x->a, &name, &why);
	x->down |= r == E_TEMP;
	if (r < 0)
		return why;
	x->user = name;
	if (!sasl_look_up(x, name))
		return x->found ? "account may not log in" : "no such account";
	x->verified = true;
	return sasl_setprop(x->conn, SASL_AUTH_EXTERNAL, arena_cstr(&x->a, name)) == SASL_OK ? NULL : "SASL library failed";
}
