/* SPDX-License-Identifier: ISC
 *
 * secure.c: what makes other servers insist on TLS to this host, published: TLSA (RFC 7672), MTA-STS (RFC 8461),
 * and TLS-RPT (RFC 8460).
 */
#include "check/domain.h"

#include "conf/sts.h"

/* Is that one of the keys published? */
static bool shows(const struct domain_check *d, const struct dns_answer *x, enum key_life life, const struct want **want_out)
{
	size_t i, j;

	*want_out = NULL;
	for (j = 0; j < d->wants.n; j++) {
		const struct want *w = &d->wants.v[j];

		if (w->type != DNS_TLSA || w->life != life)
			continue;
		*want_out = w;
		for (i = 0; i < x->n; i++)
			if (str_ieqc(x->record[i].data, w->value))
				return true;
	}
	return false;
}

struct finding judge_tlsa(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	const struct want *now, *next;
	bool has = shows(d, x, KEY_SIGNS, &now), has_next = shows(d, x, KEY_IS_NEXT, &next);

	if (!x->n)
		return finding(CHECK_OK, "There is none, and none is needed.", NULL);
	if (has && next && !has_next)
		return finding(CHECK_WARN, "It names the certificate in use, but not yet the next key.", publish(d, next));
	if (has)
		return finding(CHECK_OK, has_next ? "It names the certificate in use, and the next key." : "It names the certificate in use.", NULL);
	if (!x->secure)
		return finding(CHECK_WARN, "It names another certificate, and the zone is not signed: nobody looks at it.", "Take it out.");
	return finding(CHECK_FAIL, has_next ? "It names the next key, which is not in use yet: servers that check it (DANE) send no mail here." :
		"It names another certificate: servers that check it (DANE) send no mail here.",
		arena_fmt(&d->k->a, has_next ? "Add the one in use. %s" : "Replace it. %s", publish(d, w)));
}

/* --- MTA-STS, TLS-RPT ----------------------------------------------------------------------------------- */

/* The hosts of the MX that our policy does not name: who keeps to it sends them nothing (RFC 8461 4.1). */
static const char *unnamed(struct domain_check *d, size_t *n_out)
{
	const struct dns_answer *mx = seen(&d->looks, d->domain, DNS_MX);
	const char *text;
	struct buf b;
	size_t i;

	*n_out = 0;
	buf_init(&b, 2000);
	for (i = 0; i < mx->n; i++)
		if (mx->record[i].name.n > 1 && !conf_sts_names(d->f->conf, mx->record[i].name))
			buf_fmt(&b, "%s%.*s", (*n_out)++ ? ", " : "", STRF(mx->record[i].name));
	b.err = 0;
	text = arena_cstr(&d->k->a, buf_view(&b));
	buf_done(&b);
	return text;
}

/* What to set, so that all are named. */
static const char *name_them(struct domain_check *d, const char *hosts)
{
	const struct conf_list *now = &d->f->conf->sts_publish_mx;
	const char *list = hosts;
	size_t i;

	for (i = now->n; i > 0; i--)
		list = arena_fmt(&d->k->a, "%.*s, %s", STRF(now->v[i - 1]), list);
	return arena_fmt(&d->k->a, "If they are yours and have certificates: mansio config set sts.publish_mx '%s', and publish the new id; else take them out of the MX.", list);
}

struct finding judge_policy(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	struct str want = str_sub(str_of(w->value), 1, strlen(w->value) - 1), kind = want;
	bool same = false, sts;
	const char *others;
	size_t i, n = 0, nothers;

	kind = str_cut(&kind, ';');
	sts = str_starts(kind, "v=STSv1");
	for (i = 0; i < x->n; i++)
		if (str_starts(x->record[i].data, arena_cstr(&d->k->a, kind))) {
			n++;
			same |= str_eq(x->record[i].data, want);
		}
	if (n == 0)
		return finding(CHECK_OK, "There is none, and none is needed.", NULL);
	if (n > 1)
		return finding(CHECK_WARN, "There are several, so that none counts.", "Leave one.");
	others = sts ? unnamed(d, &nothers) : "";
	if (sts && nothers)
		return finding(d->f->conf->sts_publish == CONF_STS_ENFORCE ? CHECK_FAIL : CHECK_WARN,
			arena_fmt(&d->k->a, "The MX names %s, but the policy does not: who keeps to it sends no mail there.", others), name_them(d, others));
	if (same || !sts)
		return finding(CHECK_OK, sts ? "It is there, and the policy names every host of the MX." : "It is there.", NULL);
	return finding(CHECK_WARN, "It names another version of the policy than the one that is served: others keep the old one for long.", publish(d, w));
}
