/* SPDX-License-Identifier: ISC
 *
 * sasl_shared.c: CRAM-MD5 (RFC 2195) and APOP (RFC 1939 7): logins by the shared secret of an account
 * (shared_secret.h). Its main password and its app passwords are no good here. The library's CRAM-MD5 is not used: its
 * challenge has 32 random bits, and APOP wants the same work.
 *
 *   CRAM-MD5   (nothing) --challenge--> user SP digest --> good or bad
 *   APOP       challenge NUL user NUL digest --> good or bad; the challenge was front's greeting
 *
 * Nobody learns who exists: the challenge tells nothing of a name, and one that has no secret, cannot log in or does not exist
 * costs the same two queries, and opens and compares a secret that nobody has.
 */
#include "auth/cram.h"
#include "auth/sasl_private.h"

#define NOBODY 0 /* the account of a secret that nobody has */

bool sasl_shared_is(struct str mech)
{
	return str_eqc(mech, "CRAM-MD5") || str_eqc(mech, "APOP");
}

/* The secret of the account, or one that nobody has. true: it is his. */
static bool secret_of(struct sasl_exchange *x, bool may, struct buf *out)
{
	struct directory *d = x->service->resolver.d;
	struct directory_account nobody = { .name = x->user, .id = NOBODY };
	const struct shared_secret_key *k = &x->service->shared_key;
	struct directory_shared_secret v = { .sealed = STR("") };
	int r = d->ops->shared_secret ? d->ops->shared_secret(d, may ? &x->account : &nobody, &x->a, &v) : E_NOTFOUND;
	bool his = r == 0 && may;

	x->down |= r < 0 && r != E_NOTFOUND;
	x->why = !x->found ? "no such account" : !may ? "account may not log in" : "no shared secret";
	if (his && shared_secret_open(k, x->account.id, v.sealed, out) == 0)
		return true;
	if (his)
		x->why = "the shared secret was sealed with another key";
	buf_reset(out);
	if (shared_secret_open(k, NOBODY, buf_view(&x->service->shared_dummy), out) < 0)
		buf_puts(out, "nobody's");
	return false;
}

static void decide(struct sasl_exchange *x, const struct cram *said, struct str challenge, struct sasl_outcome *out)
{
	struct buf secret;
	bool may, his, good;

	x->user = sasl_name(&x->a, said->user);
	may = sasl_look_up(x, x->user);
	buf_init(&secret, SHARED_SECRET_MAX);
	his = secret_of(x, may, &secret);
	good = challenge.p ? cram_good(said, challenge, buf_view(&secret)) : apop_good(said, buf_view(&secret));
	buf_wipe(&secret);
	out->user = x->user;
	if (x->down) {
		out->result = SASL_DOWN;
		out->why = "directory does not answer";
	} else if (his && good) {
		out->result = SASL_GOOD;
		out->expires = x->account.expires;
		out->user = address_name(x->account.local, x->account.domain, &x->a);
		out->why = "";
	} else {
		out->why = his ? "wrong shared secret" : x->why;
	}
}

void sasl_shared_step(struct sasl_exchange *x, struct str data, struct sasl_outcome *out)
{
	bool apop = str_eqc(x->start.mech, "APOP");
	struct buf challenge;
	struct cram said;

	*out = (struct sasl_outcome){ .result = SASL_BAD, .data = STR_NONE, .user = x->user, .why = "malformed message" };
	x->steps++;
	if (!apop && x->steps == 1) {
		/* the server begins: an initial response is none of CRAM-MD5 (RFC 4954 4) */
		if (data.n > 0)
			return;
		buf_init(&challenge, 512);
		cram_challenge(x->service->host, &challenge);
		x->challenge = arena_str(&x->a, buf_view(&challenge));
		buf_done(&challenge);
		out->result = SASL_CONTINUES;
		out->data = x->challenge;
		out->why = "";
	} else if (x->steps == (apop ? 1 : 2) && (apop ? apop_read(data, &said) : cram_read(data, &said)) == 0) {
		decide(x, &said, x->challenge, out);
	}
}
