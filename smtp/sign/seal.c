/* SPDX-License-Identifier: ISC
 *
 * seal.c: forwards: what is found of a message that came from a stranger and goes on (smtp/verify/results.h),
 * said in a seal with the key of the alias's domain (see signd.h).
 *
 *   read piece by piece --all of it--> asking the DNS --everything known, or [forward] check is over--> answered
 *
 * Nothing of this can stop a forward: what cannot be checked is not claimed, and where no seal can be
 * made the message goes without.
 */
#include "smtp/sign/signd.h"

#include "base/file.h"
#include "net/resolver.h"

#define FIELDS_MAX (4 * DKIM_SIGNATURE_MAX)

struct seal {
	struct inquiry inquiry;
	struct results *results;
	struct arena a;
	struct str alias; /* its domain */
	int err;
	bool asking, given; /* given: it was looked at before */
};

struct seal *seal_new(struct signd *d, const struct ipc_msg *m)
{
	const struct conf *c = d->program.conf;
	struct seal *s = mem_alloc(1, sizeof *s);
	struct results_of of = { .ask = inquiry_ask, .arg = &s->inquiry };
	struct str alias = ipc_get(m, "alias"), peer = ipc_get(m, "peer");
	char *lower;
	size_t i;

	arena_init(&s->a);
	inquiry_init(&s->inquiry, d, c->forward_check);
	of.host = arena_str(&s->a, str_of(conf_hostname(c)));
	of.sender = arena_str(&s->a, ipc_get(m, "sender"));
	of.helo = arena_str(&s->a, ipc_get(m, "helo"));
	if (peer.n && addr_parse(peer, &of.peer))
		of.peer.family = 0;
	s->alias = str_from(alias, (size_t)(str_rfind(alias, '@') + 1));
	lower = arena_cstr(&s->a, s->alias);
	for (i = 0; i < s->alias.n; i++)
		lower[i] = ascii_lower(lower[i]);
	s->alias = str_make(lower, s->alias.n);
	s->results = results_new((size_t)c->dkim_header, &of);
	s->given = ipc_get(m, "found").n > 0;
	if (s->given)
		results_given(s->results, ipc_get(m, "found"), ipc_get(m, "chain"));
	return s;
}

void seal_free(struct seal *s)
{
	if (!s)
		return;
	results_free(s->results);
	inquiry_done(&s->inquiry);
	arena_done(&s->a);
	free(s);
}

int seal_add(struct seal *s, struct str piece)
{
	return s->err = results_add(s->results, piece);
}

bool seal_ready(struct seal *s)
{
	bool last = deadline_passed(s->inquiry.until);

	if (!s->asking) {
		s->asking = true;
		s->err = results_end(s->results);
	} else if (s->inquiry.open && !last) {
		return false;
	}
	return s->err || s->given || results_try(s->results, last, clock_unix());
}

bool seal_waits(const struct seal *s, deadline *until_out)
{
	*until_out = s->inquiry.until;
	return s->asking && s->inquiry.open;
}

bool seal_answer(struct seal *s, uint64_t id, const struct ipc_msg *m)
{
	return inquiry_answer(&s->inquiry, id, m);
}

void seal_lost(struct seal *s)
{
	inquiry_lost(&s->inquiry);
}

/* An RSA key: there are verifiers of chains that know no other. */
static struct sign_key *key_for(struct signd *d, const struct seal *s, struct sign_domain **of_out)
{
	struct sign_domain *of = keys_for(&d->keys, s->alias);
	struct sign_key *x, *found = NULL;

	for (x = of ? of->first : NULL; x; x = x->next)
		if (x->state == KEY_ACTIVE && (!found || x->algorithm == DKIM_RSA))
			found = x;
	*of_out = of;
	return found;
}

static const char *words_for(int err)
{
	return err == E_LIMIT ? "no set can be added to its chain (ARC), or its header is too large" :
		err == E_TEMP ? "whether its chain (ARC) holds is not known" : err == E_SYNTAX ? "it does not begin with a field" :
		"the key of its domain cannot be used";
}

void seal_finish(struct signd *d, struct seal *s, struct ipc_msg *out)
{
	struct sign_domain *of = NULL;
	struct sign_key *x = key_for(d, s, &of);
	const struct dkim_key *key;
	struct buf b;
	int r = s->err;

	buf_init(&b, FIELDS_MAX);
	if (!r && !s->given) {
		ipc_set_bool(out, "confirmed", results_confirmed(s->results));
		results_print(s->results, &b);
		ipc_set(out, "found", buf_view(&b));
		ipc_setc(out, "chain", results_chain(s->results));
		buf_reset(&b);
	}
	if (!r && x && d->program.conf->forward_arc) {
		key = keys_private(&d->keys, x);
		r = key ? results_seal(s->results, key, str_of(of->name), str_of(x->selector), clock_unix(), &b) : E_NOTFOUND;
		if (!r) {
			ipc_set(out, "header", buf_view(&b));
			ipc_setc(out, "domain", of->name);
		}
	}
	ipc_setc(out, "words", r ? words_for(r) : x ? NULL : "no key for the alias's domain");
	buf_done(&b);
}
