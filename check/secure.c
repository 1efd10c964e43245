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

/* What others fetch, as policyd saw it last: the policy of that id. */
struct seen_policy {
	bool asked; /* else policyd does not answer, or keeps to no policies */
	const char *failed; /* why it could not be fetched; NULL: it was */
	struct str mode, mx[32];
	size_t n;
};

static void see_policy(struct domain_check *d, struct seen_policy *out)
{
	struct ipc_msg q, answer;
	struct str words, mx;

	*out = (struct seen_policy){ .asked = false };
	if (d->k->policyd < 0 || !d->f->conf->sts_enabled)
		return;
	ipc_init(&q, "policy");
	ipc_setc(&q, "domain", d->domain);
	if (ipc_call(d->k->policyd, &q, &answer, deadline_in(check_wait(d->k))) == 0 && ipc_is(&answer, "policy")) {
		words = ipc_get(&answer, "words");
		out->asked = !str_eqc(ipc_get(&answer, "result"), "none");
		out->failed = str_eqc(ipc_get(&answer, "result"), "failed") ? arena_cstr(&d->k->a, words) : NULL;
		out->mode = arena_str(&d->k->a, ipc_get(&answer, "mode"));
		while (out->n < ARRAY_LEN(out->mx) && (mx = ipc_get_nth(&answer, "mx", out->n)).p)
			out->mx[out->n++] = arena_str(&d->k->a, mx);
	}
	ipc_done(&answer);
	ipc_done(&q);
}

static bool seen_names(const struct seen_policy *p, struct str host)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (conf_sts_pattern(p->mx[i], host))
			return true;
	return false;
}

/* The hosts of the MX that the policy does not name: who keeps to it sends them nothing (RFC 8461 4.1). others: the one
 * that others fetch; NULL: ours. */
static const char *unnamed(struct domain_check *d, const struct seen_policy *others, size_t *n_out)
{
	const struct dns_answer *mx = seen(&d->looks, d->domain, DNS_MX);
	const char *text;
	struct buf b;
	size_t i;

	*n_out = 0;
	buf_init(&b, 2000);
	for (i = 0; i < mx->n; i++) {
		struct str host = mx->record[i].name;

		if (host.n > 1 && !(others ? seen_names(others, host) : conf_sts_names(d->f->conf, host)))
			buf_fmt(&b, "%s%.*s", (*n_out)++ ? ", " : "", STRF(host));
	}
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

static struct finding judge_sts(struct domain_check *d, const struct want *w, bool same)
{
	const char *ours = d->f->conf->sts_publish == CONF_STS_ENFORCE ? "enforce" : "testing", *others;
	enum check_state bad = d->f->conf->sts_publish == CONF_STS_ENFORCE ? CHECK_FAIL : CHECK_WARN;
	struct arena *a = &d->k->a;
	struct seen_policy p;
	size_t n;

	others = unnamed(d, NULL, &n);
	if (n)
		return finding(bad, arena_fmt(a, "The MX names %s, but the policy does not: who keeps to it sends no mail there.", others),
			name_them(d, others));
	if (!same)
		return finding(CHECK_WARN, "It names another version of the policy than the one that is served: others keep the old one for long.",
			publish(d, w));
	see_policy(d, &p);
	if (p.failed)
		return finding(CHECK_WARN, arena_fmt(a, "It says that there is a policy, but none can be fetched from https://mta-sts.%s/: %s.", d->domain, p.failed),
			arena_fmt(a, "The name mta-sts.%s and port 443 must lead here, and the certificate must be for this name too ([acme] names).", d->domain));
	others = p.asked ? unnamed(d, &p, &n) : "";
	if (p.asked && (n || !str_eqc(p.mode, ours)))
		return finding(bad, n ? arena_fmt(a, "The policy that others fetch does not name %s: who keeps to it sends no mail there.", others) :
			arena_fmt(a, "The policy that others fetch is another one: its mode is %.*s, ours is %s.", STRF(p.mode), ours),
			arena_fmt(a, "Make https://mta-sts.%s/ lead to this host.", d->domain));
	return finding(CHECK_OK, p.asked ? "It is there, and the policy is fetched and names every host of the MX." :
		"It is there, and the policy names every host of the MX.", NULL);
}

struct finding judge_policy(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	struct str want = str_sub(str_of(w->value), 1, strlen(w->value) - 1), kind = want;
	size_t i, n = 0;
	bool same = false;

	kind = str_cut(&kind, ';');
	for (i = 0; i < x->n; i++)
		if (str_starts(x->record[i].data, arena_cstr(&d->k->a, kind))) {
			n++;
			same |= str_eq(x->record[i].data, want);
		}
	if (n == 0)
		return finding(CHECK_OK, "There is none, and none is needed.", NULL);
	if (n > 1)
		return finding(CHECK_WARN, "There are several, so that none counts.", "Leave one.");
	return str_starts(kind, "v=STSv1") ? judge_sts(d, w, same) : finding(CHECK_OK, "It is there.", NULL);
}
