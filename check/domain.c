/* SPDX-License-Identifier: ISC
 *
 * domain.c: is what a domain must publish there, and is it right? (`mansio domain check`)
 *
 * First all names are asked at once, then what their answers lead to (the hosts of the MX, SPF). An
 * answer that did not come is UNKNOWN; one that the servers could not give, or that is forged, is
 * said as what it is, because others see it too.
 */
#include "check/domain.h"

#include <strings.h>

#define FOUND_MAX 1500

/* --- rows ----------------------------------------------------------------------- */

static void row(struct domain_check *d, const char *name, const char *type, struct finding x, const char *found,
	const char *expected)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "name", name);
	ipc_setc(&m, "type", type);
	ipc_setc(&m, "state", check_state_name(x.state));
	ipc_setc(&m, "found", found);
	ipc_setc(&m, "expected", expected);
	ipc_setc(&m, "words", x.words);
	ipc_setc(&m, "fix", x.state == CHECK_OK ? "" : x.fix);
	check_row(d->k, &m);
}

struct finding finding(enum check_state state, const char *words, const char *fix)
{
	return (struct finding){ state, words, fix ? fix : "" };
}

/* Records as text, one after the other. */
static const char *found_text(struct domain_check *d, const struct dns_answer *x, enum dns_type type)
{
	struct buf b;
	const char *text;
	size_t i;

	buf_init(&b, FOUND_MAX);
	for (i = 0; i < x->n; i++) {
		buf_puts(&b, i ? "; " : "");
		dns_record_print(&x->record[i], type, &b);
	}
	b.err = 0;
	text = arena_cstr(&d->k->a, x->n ? buf_view(&b) : str_of(dns_state_name(x->state)));
	buf_done(&b);
	return text;
}

/* --- questions -------------------------------------------------------------------- */

static void look(struct looks *l, const char *name, enum dns_type type)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->q[i].type == type && strcasecmp(l->q[i].name, name) == 0)
			return;
	if (l->n < LOOKS)
		l->q[l->n++] = (struct resolver_question){ .name = name, .type = type };
}

const struct dns_answer *seen(const struct looks *l, const char *name, enum dns_type type)
{
	static const struct dns_answer none = { .state = DNS_TIMEOUT };
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->q[i].type == type && strcasecmp(l->q[i].name, name) == 0)
			return &l->q[i].answer;
	return &none;
}

static bool is_answer(const struct dns_answer *x)
{
	return x->state == DNS_OK || x->state == DNS_NODATA || x->state == DNS_NXDOMAIN;
}

/* What is wrong if there is no usable answer; false: there is one. */
static bool no_answer(struct domain_check *d, const struct dns_answer *x, const char *name, struct finding *out)
{
	if (is_answer(x))
		return false;
	if (x->state == DNS_BOGUS)
		*out = finding(CHECK_FAIL, arena_fmt(&d->k->a, "The DNSSEC signatures do not hold (%.200s): everybody who checks them sees nothing.",
			x->why.n ? x->why.p : "no reason given"),
			"Ask whoever runs the zone to sign it anew, or to take the DS record out of the parent zone.");
	else if (x->state == DNS_SERVFAIL)
		*out = finding(CHECK_UNKNOWN, arena_fmt(&d->k->a, "The name servers give no usable answer about %s.", name),
			"Ask whoever runs the zone: a name server does not answer, or does not know the zone (lame). If all checks say so, see 'mansio host check'.");
	else
		*out = finding(CHECK_UNKNOWN, arena_fmt(&d->k->a, "Could not be looked up: %s.", dns_state_text(x->state)),
			"Check this host's way to the Internet and to its name servers: mansio host check");
	return true;
}

const char *publish(struct domain_check *d, const struct want *w)
{
	return arena_fmt(&d->k->a, "Publish: %s. IN %s %s", w->name, dns_type_name(w->type), w->value);
}

enum check_state missing(const struct want *w)
{
	return w->need == NEED_MUST ? CHECK_FAIL : w->need == NEED_SHOULD ? CHECK_WARN : CHECK_OK;
}

/* --- the domain itself --------------------------------------------------------------- */

static void check_zone(struct domain_check *d)
{
	const struct dns_answer *x = seen(&d->looks, d->domain, DNS_NS), *mx = seen(&d->looks, d->domain, DNS_MX);
	struct finding f;
	struct looks l = { .n = 0 };
	const char *lost = NULL;
	size_t i;

	if (no_answer(d, x, d->domain, &f)) {
		row(d, d->domain, "NS", f, found_text(d, x, DNS_NS), "");
		return;
	}
	if (x->state == DNS_NXDOMAIN) {
		row(d, d->domain, "NS", finding(CHECK_FAIL, "This domain does not exist.", "Register it, or check its spelling."), "nxdomain", "");
		return;
	}
	for (i = 0; i < x->n; i++)
		look(&l, x->record[i].name.p, DNS_A), look(&l, x->record[i].name.p, DNS_AAAA);
	resolver_ask_all(d->k->resolver, &d->k->a, l.q, l.n, check_wait(d->k));
	for (i = 0; i + 1 < l.n && !lost; i += 2)
		if (is_answer(&l.q[i].answer) && is_answer(&l.q[i + 1].answer) && !l.q[i].answer.n && !l.q[i + 1].answer.n)
			lost = l.q[i].name;
	if (lost)
		f = finding(CHECK_FAIL, arena_fmt(&d->k->a, "The name server %s has no address.", lost), "Take it out of the zone and of its parent, or give it an address.");
	else if (x->n == 1)
		f = finding(CHECK_WARN, "There is one name server only: when it is away, so is the domain.", "Add a second one, on another network.");
	else if (x->n == 0)
		f = finding(CHECK_OK, "A name inside a zone of others.", NULL);
	else
		f = finding(CHECK_OK, "The name servers answer.", NULL);
	row(d, d->domain, "NS", f, found_text(d, x, DNS_NS), "");
	row(d, d->domain, "DNSSEC", mx->secure ? finding(CHECK_OK, "Signed, and the signatures hold.", NULL) :
		finding(CHECK_OK, "Not signed. That is no mistake; signed, nobody could forge these answers.", NULL), mx->secure ? "secure" : "insecure", "");
}

/* --- MX --------------------------------------------------------------------------------- */

static bool looks_like_address(struct str name)
{
	struct addr a;

	return addr_parse(name, &a) == 0;
}

/* The first thing wrong with one of the hosts (RFC 5321 5.1, RFC 2181 10.3); NULL: all good. */
static const char *wrong_mx_host(struct domain_check *d, const struct dns_answer *x, const struct looks *l)
{
	size_t i;

	for (i = 0; i < x->n; i++) {
		const char *h = x->record[i].name.p;
		const struct dns_answer *v4 = seen(l, h, DNS_A), *v6 = seen(l, h, DNS_AAAA);

		if (x->record[i].name.n == 1)
			return "The MX is \".\": the domain says that it takes no mail at all (RFC 7505).";
		if (looks_like_address(x->record[i].name))
			return arena_fmt(&d->k->a, "The MX names the address %s; it must name a host.", h);
		if (seen(l, h, DNS_CNAME)->n)
			return arena_fmt(&d->k->a, "The MX names %s, which is a CNAME; it must name a host with addresses of its own (RFC 2181 10.3).", h);
		if (is_answer(v4) && is_answer(v6) && !v4->n && !v6->n)
			return arena_fmt(&d->k->a, "The MX names %s, which has no address.", h);
	}
	return NULL;
}

static struct finding judge_mx(struct domain_check *d, const struct want *w, const struct dns_answer *x, const struct looks *l)
{
	const char *wrong = wrong_mx_host(d, x, l);
	size_t i, ours = 0, best = 0;

	for (i = 0; i < x->n; i++) {
		ours += str_ieqc(x->record[i].name, d->f->host);
		best = x->record[i].priority < x->record[best].priority ? i : best;
	}
	if (!x->n)
		return finding(CHECK_FAIL, "There is no MX: mail for the domain does not find this host.", publish(d, w));
	if (wrong)
		return finding(CHECK_FAIL, wrong, publish(d, w));
	if (!ours)
		return finding(CHECK_FAIL, arena_fmt(&d->k->a, "Mail for the domain goes to %s, not to this host.", x->record[best].name.p),
			arena_fmt(&d->k->a, "When mail is to come here: replace it. %s", publish(d, w)));
	if (ours < x->n)
		return finding(CHECK_WARN, "Other hosts take mail for the domain too.",
			"Take them out unless they pass mail on to this host: what they keep is not here.");
	return finding(CHECK_OK, "Mail for the domain comes to this host.", NULL);
}

static void check_mx(struct domain_check *d, const struct want *w)
{
	const struct dns_answer *x = seen(&d->looks, w->name, DNS_MX);
	struct looks l = { .n = 0 };
	struct finding f;
	size_t i;

	for (i = 0; i < x->n && i < 20; i++) {
		look(&l, x->record[i].name.p, DNS_CNAME);
		look(&l, x->record[i].name.p, DNS_A);
		look(&l, x->record[i].name.p, DNS_AAAA);
	}
	resolver_ask_all(d->k->resolver, &d->k->a, l.q, l.n, check_wait(d->k));
	if (!no_answer(d, x, w->name, &f))
		f = judge_mx(d, w, x, &l);
	row(d, w->name, "MX", f, found_text(d, x, DNS_MX), w->value);
}

/* --- addresses ------------------------------------------------------------------------------ */

static bool is_mine(const struct domain_check *d, const struct addr *a)
{
	size_t i;

	for (i = 0; i < d->nmine; i++)
		if (addr_eq(&d->mine[i], a))
			return true;
	return false;
}

static struct finding judge_address(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	size_t i, mine = 0, private = 0;

	for (i = 0; i < x->n; i++) {
		mine += is_mine(d, &x->record[i].addr);
		private += !addr_is_public(&x->record[i].addr);
	}
	if (!x->n)
		return finding(missing(w), arena_fmt(&d->k->a, "The name of this host, %s, has no such address.", w->name), publish(d, w));
	if (private)
		return finding(CHECK_FAIL, "The address is a private one: nobody outside reaches it.", publish(d, w));
	if (!d->mine_known)
		return finding(CHECK_WARN, "This host has private addresses only, so it cannot tell whether this is the one that leads to it.",
			"Make sure that the router passes the ports of [listen] on to this host.");
	if (!mine)
		return finding(CHECK_FAIL, "That is the address of another host.", publish(d, w));
	if (mine < x->n)
		return finding(CHECK_WARN, "One of the addresses is not of this host.", "Take it out: half of all connections go there.");
	return finding(CHECK_OK, "The name leads to this host.", NULL);
}

static struct finding judge_ptr(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	const char *fix = arena_fmt(&d->k->a, "At the provider who gave you the address, set its reverse name (PTR) to %s", d->f->host);
	size_t i;

	for (i = 0; i < x->n; i++)
		if (str_ieqc(x->record[i].name, d->f->host))
			return x->n == 1 ? finding(CHECK_OK, "The address bears the name of this host.", NULL) :
				finding(CHECK_WARN, "The address has several names.", fix);
	if (!x->n)
		return finding(CHECK_FAIL, "The address has no name: large providers refuse mail from it.", fix);
	return finding(missing(w), arena_fmt(&d->k->a, "The address bears the name %s, not this host's.", x->record[0].name.p), fix);
}

/* --- SPF, DMARC --------------------------------------------------------------------------------- */

static struct finding judge_spf_result(struct domain_check *d, const struct want *w, const struct spf *s)
{
	const char *who = d->f->conf->send_smarthost.n ? "the smarthost" : "this host";

	if (s->result == SPF_BROKEN)
		return finding(CHECK_FAIL, arena_fmt(&d->k->a, "The SPF record is broken: %s.", s->why), publish(d, w));
	if (s->result == SPF_TEMP)
		return finding(CHECK_UNKNOWN, arena_fmt(&d->k->a, "SPF: %s.", s->why), "Try again; if it stays, ask whoever runs that zone.");
	if (s->all == '+')
		return finding(CHECK_FAIL, "SPF ends in +all: anybody may send mail as this domain.", publish(d, w));
	if (s->result == SPF_FAIL || s->result == SPF_SOFTFAIL)
		return finding(CHECK_FAIL, arena_fmt(&d->k->a, "SPF does not name %s: mail sent by it looks forged.", who), publish(d, w));
	if (s->result != SPF_PASS || s->all == '?')
		return finding(CHECK_WARN, arena_fmt(&d->k->a, "SPF says nothing for certain: it needs %s's name, and -all or ~all at its end.", who), publish(d, w));
	return finding(CHECK_OK, arena_fmt(&d->k->a, "SPF names %s (%u of 10 lookups).", who, s->lookups), NULL);
}

static struct finding judge_spf(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	struct str text = STR_NONE;
	struct addr from = { .family = 0 };
	struct spf s;
	size_t i, n = 0;
	bool known;

	for (i = 0; i < x->n; i++) {
		if (!spf_is_record(x->record[i].data))
			continue;
		n++;
		text = x->record[i].data;
	}
	if (n == 0)
		return finding(missing(w), "There is no SPF record: others cannot tell this domain's mail from forged mail.", publish(d, w));
	if (n > 1)
		return finding(CHECK_FAIL, "There are two SPF records: then neither counts (RFC 7208 3.2).", arena_fmt(&d->k->a, "Keep one. %s", publish(d, w)));
	/* mail that leaves by a smarthost leaves from its addresses, which are not known here if it is a name */
	known = d->f->conf->send_smarthost.n ? relay_address(d->k, &from) && addr_is_public(&from) : d->nmine > 0;
	for (i = 0; i < d->nmine && !from.family; i++)
		if (d->mine[i].family == 4 || i + 1 == d->nmine)
			from = d->mine[i];
	if (!from.family)
		from.family = 4; /* 0.0.0.0: in no record, but what is wrong with it is seen */
	spf_check(d->k, w->name, text, &from, &s);
	if (s.result != SPF_BROKEN && s.result != SPF_TEMP && s.all != '+' && !known)
		return finding(CHECK_OK, arena_fmt(&d->k->a, "There is one, and it is well formed (%u of 10 lookups).", s.lookups), NULL);
	return judge_spf_result(d, w, &s);
}

static struct finding judge_dmarc(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	size_t i, n = 0;

	for (i = 0; i < x->n; i++)
		n += str_istarts(x->record[i].data, "v=DMARC1");
	if (n == 1 && x->n >= 1)
		return finding(CHECK_OK, "There is one.", NULL);
	if (n > 1)
		return finding(CHECK_WARN, "There are two: then neither counts (RFC 7489 6.6.3).", arena_fmt(&d->k->a, "Keep one. %s", publish(d, w)));
	return finding(missing(w), "There is no DMARC record.", publish(d, w));
}

/* --- SRV, CNAME ------------------------------------------------------------------------------------- */

static struct finding judge_srv(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	struct dns_record r;
	struct str value = str_of(w->value);
	size_t i;

	value.n--; /* the last dot */
	if (dns_record_parse(value, DNS_SRV, &d->k->a, &r))
		BUG_ON(true);
	for (i = 0; i < x->n; i++)
		if (str_ieq(x->record[i].name, r.name) && x->record[i].port == r.port)
			return finding(CHECK_OK, "It leads to this host.", NULL);
	if (!x->n)
		return finding(missing(w), "It is missing: programs have to guess.", publish(d, w));
	return finding(CHECK_WARN, "It leads elsewhere.", publish(d, w));
}

/* A CNAME or addresses of its own: what counts is where it ends. */
static struct finding judge_alias(struct domain_check *d, const struct want *w, const struct dns_answer *x)
{
	const struct dns_answer *host = seen(&d->looks, d->f->host, DNS_A);
	size_t i, j, same = 0;

	for (i = 0; i < x->n; i++)
		for (j = 0; j < host->n; j++)
			same += addr_eq(&x->record[i].addr, &host->record[j].addr);
	if (str_ieqc(x->canonical, d->f->host) || (x->n && same))
		return finding(CHECK_OK, "It leads to this host.", NULL);
	if (!x->n)
		return finding(missing(w), "It is missing: programs have to be told their settings by hand.", publish(d, w));
	return finding(CHECK_WARN, "It leads elsewhere.", publish(d, w));
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static void check_want(struct domain_check *d, const struct want *w)
{
	bool dmarc = str_starts(str_of(w->name), "_dmarc."), alias = w->type == DNS_CNAME;
	enum dns_type type = alias ? DNS_A : w->type;
	const struct dns_answer *x = seen(&d->looks, w->name, type);
	struct finding f;

	if (keys_missing(d->k, w))
		return;
	if (no_answer(d, x, w->name, &f)) {
		row(d, w->name, dns_type_name(w->type), f, found_text(d, x, type), w->value);
		return;
	}
	switch (w->type) {
	case DNS_A:
	case DNS_AAAA:
		f = judge_address(d, w, x);
		break;
	case DNS_PTR:
		f = judge_ptr(d, w, x);
		break;
	case DNS_TXT:
		if (str_starts(str_of(w->name), "_mta-sts.") || str_starts(str_of(w->name), "_smtp._tls."))
			f = judge_policy(d, w, x);
		else if (w->key)
			f = judge_key(d, w, x);
		else
			f = dmarc ? judge_dmarc(d, w, x) : judge_spf(d, w, x);
		break;
	case DNS_SRV:
		f = judge_srv(d, w, x);
		break;
	case DNS_CNAME:
		f = judge_alias(d, w, x);
		break;
	default:
		f = judge_tlsa(d, w, x);
		break;
	}
	row(d, w->name, dns_type_name(w->type), f, alias && x->canonical.n ? x->canonical.p : found_text(d, x, type), w->value);
}

/* Its own public addresses; behind a router, those that its name has. */
static void find_mine(struct domain_check *d)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	size_t i, t;

	for (i = 0; i < d->f->naddrs; i++)
		if (addr_is_public(&d->f->addr[i]))
			d->mine[d->nmine++] = d->f->addr[i];
	d->mine_known = d->nmine > 0;
	for (t = 0; t < ARRAY_LEN(types) && !d->mine_known; t++) {
		const struct dns_answer *x = seen(&d->looks, d->f->host, types[t]);

		for (i = 0; i < x->n && d->nmine < CHECK_ADDRESSES; i++)
			d->mine[d->nmine++] = x->record[i].addr;
	}
}

int verb_domain_check(struct check *k, const char *domain)
{
	struct domain_check *d = arena_alloc(&k->a, sizeof *d);
	size_t i;

	d->k = k;
	d->f = k->f;
	d->domain = domain;
	wants_make(k, domain, &d->wants);
	look(&d->looks, domain, DNS_NS);
	look(&d->looks, k->f->host, DNS_A);
	look(&d->looks, k->f->host, DNS_AAAA);
	for (i = 0; i < d->wants.n; i++)
		if (!keys_placeholder(&d->wants.v[i]))
			look(&d->looks, d->wants.v[i].name, d->wants.v[i].type == DNS_CNAME ? DNS_A : d->wants.v[i].type);
	resolver_ask_all(k->resolver, &k->a, d->looks.q, d->looks.n, check_wait(k));
	find_mine(d);
	check_zone(d);
	for (i = 0; i < d->wants.n; i++) {
		if (d->wants.v[i].type == DNS_MX)
			check_mx(d, &d->wants.v[i]);
		else if (i == 0 || d->wants.v[i].type != d->wants.v[i - 1].type || strcmp(d->wants.v[i].name, d->wants.v[i - 1].name) != 0)
			check_want(d, &d->wants.v[i]);
	}
	return 0;
}
