/* SPDX-License-Identifier: ISC
 *
 * spf.c: what a domain's SPF record (RFC 7208) says of mail from one address, and what is wrong
 * with the record. Macros that name the sender have no value here: such a term is passed over.
 * The mail path has no part in this: it is for an admin who wants to know.
 */
#include "check/check.h"

#define LOOKUPS 10 /* RFC 7208 4.6.4 */
#define DEPTH 11
#define MX_HOSTS 10

struct walk {
	struct check *k;
	const struct addr *from;
	struct spf *out;
	unsigned depth;
};

bool spf_is_record(struct str txt)
{
	return str_ieqc(txt, "v=spf1") || str_istarts(txt, "v=spf1 ");
}

static enum spf_result broken(struct walk *w, enum spf_result r, const char *fmt, ...) PRINTF(3, 4);
static enum spf_result broken(struct walk *w, enum spf_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!w->out->why[0])
		vsnprintf(w->out->why, sizeof w->out->why, fmt, ap);
	va_end(ap);
	return r;
}

static bool count(struct walk *w)
{
	return ++w->out->lookups <= LOOKUPS;
}

static bool in_prefix(const struct addr *net, uint64_t bits, const struct addr *a)
{
	struct addr_net n = { *net, (uint8_t)bits };
	size_t i;

	/* bits behind the prefix are nobody's mistake here */
	for (i = bits; i < (net->family == 4 ? 32u : 128u); i++)
		n.net.ip[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	return net->family == a->family && addr_net_has(&n, a);
}

/* "host/24//64" -> "host" and the length for the family of `from`. */
static bool take_prefix(const struct walk *w, struct str *spec, uint64_t *bits)
{
	uint64_t whole = w->from->family == 4 ? 32 : 128;
	ssize_t two = str_search(*spec, STR("//"));
	struct str six = two >= 0 ? str_from(*spec, (size_t)two + 2) : STR_NONE, four = *spec;

	if (two >= 0)
		four.n = (size_t)two;
	*spec = str_cut(&four, '/');
	*bits = whole;
	if (w->from->family == 4)
		return !four.p || str_u64(four, 32, bits) == 0;
	return !six.p || str_u64(six, 128, bits) == 0;
}

static bool ip_matches(struct walk *w, struct str spec, bool *good)
{
	struct str bits_text = spec, host = str_cut(&bits_text, '/');
	struct addr a;
	uint64_t bits;

	*good = addr_parse(host, &a) == 0;
	bits = *good && a.family == 6 ? 128 : 32;
	if (*good && bits_text.p)
		*good = str_u64(bits_text, bits, &bits) == 0;
	return *good && in_prefix(&a, bits, w->from);
}

static bool host_matches(struct walk *w, const char *name, uint64_t bits)
{
	struct dns_answer x;
	size_t i;

	resolver_ask(w->k->resolver, &w->k->a, name, w->from->family == 4 ? DNS_A : DNS_AAAA, check_wait(w->k), &x);
	for (i = 0; i < x.n; i++)
		if (in_prefix(&x.record[i].addr, bits, w->from))
			return true;
	return false;
}

static bool mx_matches(struct walk *w, const char *name, uint64_t bits)
{
	struct dns_answer x;
	size_t i;

	resolver_ask(w->k->resolver, &w->k->a, name, DNS_MX, check_wait(w->k), &x);
	for (i = 0; i < x.n && i < MX_HOSTS; i++)
		if (host_matches(w, x.record[i].name.p, bits))
			return true;
	return false;
}

static enum spf_result walk(struct walk *w, const char *domain, struct str text);

/* The record of a domain: exactly one. */
static enum spf_result walk_domain(struct walk *w, const char *domain)
{
	struct dns_answer x;
	struct str text = STR_NONE;
	size_t i, n = 0;

	if (w->depth >= DEPTH)
		return broken(w, SPF_BROKEN, "include goes in a circle at %s", domain);
	resolver_ask(w->k->resolver, &w->k->a, domain, DNS_TXT, check_wait(w->k), &x);
	if (x.state != DNS_OK && x.state != DNS_NODATA && x.state != DNS_NXDOMAIN)
		return broken(w, SPF_TEMP, "the record of %s could not be looked up", domain);
	for (i = 0; i < x.n; i++) {
		if (!spf_is_record(x.record[i].data))
			continue;
		text = x.record[i].data;
		n++;
	}
	if (n > 1)
		return broken(w, SPF_BROKEN, "%s has more than one SPF record", domain);
	return n ? walk(w, domain, text) : SPF_NONE;
}

static enum spf_result of_sign(char sign)
{
	return sign == '-' ? SPF_FAIL : sign == '~' ? SPF_SOFTFAIL : sign == '?' ? SPF_NEUTRAL : SPF_PASS;
}

/* One mechanism. *hit: it decides. A result other than SPF_NONE ends everything. */
static enum spf_result mechanism(struct walk *w, struct str name, struct str spec, const char *domain, bool *hit)
{
	const char *host;
	uint64_t bits;
	bool good = true;
	enum spf_result r;

	if (str_ieqc(name, "all")) {
		*hit = true;
	} else if (str_ieqc(name, "ip4") || str_ieqc(name, "ip6")) {
		*hit = ip_matches(w, spec, &good);
	} else if (str_search(spec, STR("%")) >= 0) {
		return count(w) ? SPF_NONE : broken(w, SPF_BROKEN, "more than 10 lookups, at %s", domain);
	} else if (str_ieqc(name, "a") || str_ieqc(name, "mx")) {
		good = take_prefix(w, &spec, &bits);
		host = spec.n ? arena_cstr(&w->k->a, spec) : domain;
		if (good && !count(w))
			return broken(w, SPF_BROKEN, "more than 10 lookups, at %s", domain);
		*hit = good && (str_ieqc(name, "a") ? host_matches(w, host, bits) : mx_matches(w, host, bits));
	} else if (str_ieqc(name, "include")) {
		if (!count(w))
			return broken(w, SPF_BROKEN, "more than 10 lookups, at %s", domain);
		host = arena_cstr(&w->k->a, spec);
		r = walk_domain(w, host);
		if (r == SPF_NONE)
			return broken(w, SPF_BROKEN, "include:%s, which has no SPF record", host);
		if (r == SPF_BROKEN || r == SPF_TEMP)
			return r;
		*hit = r == SPF_PASS;
	} else if (str_ieqc(name, "ptr") || str_ieqc(name, "exists")) {
		good = count(w);
	} else {
		good = false;
	}
	return good ? SPF_NONE : broken(w, SPF_BROKEN, "a term that makes no sense, or one lookup too many, in the record of %s", domain);
}

static enum spf_result walk(struct walk *w, const char *domain, struct str text)
{
	struct str rest = text, term, name, spec, redirect = STR_NONE;
	enum spf_result r, found = SPF_NONE;
	char sign;
	bool hit;

	w->depth++;
	str_cut(&rest, ' ');
	/* to the end even if something matched: what stands behind is wrong all the same */
	while (rest.p) {
		term = str_cut(&rest, ' ');
		if (!term.n)
			continue;
		if (str_istarts(term, "redirect=")) {
			redirect = str_from(term, 9);
			continue;
		}
		if (str_find(term, '=') >= 0 && str_find(term, ':') < 0)
			continue; /* exp=, and modifiers to come */
		sign = strchr("+-~?", term.p[0]) ? term.p[0] : 0;
		spec = sign ? str_from(term, 1) : term;
		name = str_find(spec, ':') >= 0 ? str_cut(&spec, ':') : str_cut(&spec, '/');
		if (!spec.p)
			spec = STR("");
		else if (str_find(term, ':') < 0)
			spec = str_from(term, (size_t)str_find(term, '/'));
		hit = false;
		r = mechanism(w, name, spec, domain, &hit);
		if (r != SPF_NONE)
			return r;
		if (w->depth == 1 && str_ieqc(name, "all"))
			w->out->all = sign ? sign : '+';
		if (hit && found == SPF_NONE)
			found = of_sign(sign);
	}
	w->depth--;
	if (found == SPF_NONE && redirect.n) {
		if (!count(w))
			return broken(w, SPF_BROKEN, "more than 10 lookups, at %s", domain);
		return walk_domain(w, arena_cstr(&w->k->a, redirect));
	}
	return found == SPF_NONE ? SPF_NEUTRAL : found;
}

void spf_check(struct check *k, const char *domain, struct str text, const struct addr *from, struct spf *out)
{
	struct walk w = { .k = k, .from = from, .out = out };

	*out = (struct spf){ 0 };
	out->result = text.p ? walk(&w, domain, text) : walk_domain(&w, domain);
}
