/* SPDX-License-Identifier: ISC
 *
 * spf.c: check_host() of RFC 7208 (see spf.h).
 *
 *     record    =  "v=spf1" *( 1*SP ( directive / modifier ) ) *SP          4.5
 *     directive =  [ "+" / "-" / "?" / "~" ] mechanism                       4.6.1
 *     mechanism =  all / include / a / mx / ptr / ip4 / ip6 / exists         5
 *     modifier  =  redirect / exp / name "=" macro-string                    6
 *
 * A term that is malformed makes the whole record an error (4.6), so the record is read to its end before the
 * first mechanism counts.
 */
#include "smtp/verify/spf.h"

#include <string.h>

#define RECORD_MAX 4096
#define TERMS_MAX 200
#define NAMES_MAX 10 /* of an MX or PTR answer (4.6.4) */
#define DEPTH 10 /* of include and redirect; the terms run out first */

struct run {
	const struct spf *s;
	struct str local, domain; /* of the sender */
	unsigned terms, voids;
	enum spf_result stop; /* SPF_WAIT, an error: everything ends with it; SPF_NONE: go on */
};

const char *spf_result_name(enum spf_result r)
{
	static const char *const names[] = { [SPF_NONE] = "none", [SPF_NEUTRAL] = "neutral", [SPF_PASS] = "pass", [SPF_FAIL] = "fail",
		[SPF_SOFTFAIL] = "softfail", [SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror", [SPF_WAIT] = "none" };

	return names[r];
}

static bool stop(struct run *x, enum spf_result why)
{
	if (x->stop == SPF_NONE)
		x->stop = why;
	return false;
}

/* --- the DNS ------------------------------------------------------------------------- */

/* NULL: x->stop says why. An empty answer is an answer. */
static const struct dns_answer *ask(struct run *x, struct str name, enum dns_type type, bool counts)
{
	const struct dns_answer *v;

	if (!dns_is_name(name)) { /* 4.3, 5: there cannot be anything */
		static const struct dns_answer nothing = { .state = DNS_NXDOMAIN };

		v = &nothing;
	} else {
		v = x->s->ask(x->s->arg, name, type);
	}
	if (!v)
		stop(x, SPF_WAIT);
	else if (v->state != DNS_OK && v->state != DNS_NODATA && v->state != DNS_NXDOMAIN)
		stop(x, SPF_TEMPERROR);
	else if (counts && (v->state != DNS_OK || !v->n) && ++x->voids > SPF_VOID)
		stop(x, SPF_PERMERROR);
	else
		return v;
	return NULL;
}

static bool term_counts(struct run *x)
{
	return ++x->terms <= SPF_TERMS || stop(x, SPF_PERMERROR);
}

/* --- macros (7) ------------------------------------------------------------------------ */

static void put_dots(const struct addr *client, struct buf *out)
{
	char text[ADDR_TEXT];
	size_t i;

	if (client->family == 4) {
		buf_puts(out, addr_text(client, text));
		return;
	}
	for (i = 0; i < 16; i++)
		buf_fmt(out, "%s%x.%x", i ? "." : "", client->ip[i] >> 4, client->ip[i] & 15);
}

/* The value of a letter; false: there is none such. */
static bool letter(struct run *x, char c, struct str domain, struct buf *out)
{
	const struct spf *s = x->s;
	char text[ADDR_TEXT];

	switch (ascii_lower(c)) {
	case 's':
		buf_fmt(out, "%.*s@%.*s", STRF(x->local), STRF(x->domain));
		return true;
	case 'l':
		buf_str(out, x->local);
		return true;
	case 'o':
		buf_str(out, x->domain);
		return true;
	case 'd':
		buf_str(out, domain);
		return true;
	case 'i':
		put_dots(&s->client, out);
		return true;
	case 'p':
		buf_puts(out, "unknown");
		return true;
	case 'v':
		buf_puts(out, s->client.family == 4 ? "in-addr" : "ip6");
		return true;
	case 'h':
		buf_str(out, s->helo);
		return true;
	case 'c': /* the last three: in exp= only */
		buf_puts(out, addr_text(&s->client, text));
		return true;
	case 'r':
		buf_str(out, s->host);
		return true;
	case 't':
		buf_fmt(out, "%lld", (long long)s->now);
		return true;
	}
	return false;
}

/* Cut at the delimiters, turned round, the last `keep` of them (0: all), joined by dots. */
static void transform(struct str value, struct str delimiters, bool reverse, uint64_t keep, struct buf *out)
{
	struct str part[128];
	size_t n = 0, i, from = 0, first;

	if (!delimiters.n)
		delimiters = STR(".");
	for (i = 0; i <= value.n && n < ARRAY_LEN(part); i++)
		if (i == value.n || str_find(delimiters, value.p[i]) >= 0) {
			part[n++] = str_sub(value, from, i);
			from = i + 1;
		}
	first = keep && keep < n ? n - (size_t)keep : 0;
	for (i = first; i < n; i++) {
		/* the right-hand parts after the turn are the left-hand ones before it */
		struct str p = reverse ? part[n - 1 - i] : part[i];

		if (i > first)
			buf_c(out, '.');
		buf_str(out, p);
	}
}

/* "{ir}" behind the percent sign; false: malformed. */
static bool macro(struct run *x, struct str *rest, struct str domain, struct buf *out)
{
	struct str body, digits;
	ssize_t end = str_find(*rest, '}');
	uint64_t keep = 0;
	bool reverse;
	struct buf value;
	size_t i;

	if (end < 2 || rest->p[0] != '{')
		return false;
	body = str_sub(*rest, 2, (size_t)end);
	buf_init(&value, RECORD_MAX);
	if (!letter(x, rest->p[1], domain, &value) || value.err) {
		buf_done(&value);
		return false;
	}
	for (i = 0; i < body.n && body.p[i] >= '0' && body.p[i] <= '9'; i++)
		;
	digits = str_sub(body, 0, i);
	body = str_from(body, i);
	reverse = body.n && ascii_lower(body.p[0]) == 'r';
	if (reverse)
		body = str_from(body, 1);
	for (i = 0; i < body.n && strchr(".-+,/_=", body.p[i]); i++)
		;
	*rest = str_from(*rest, (size_t)end + 1);
	if (i == body.n && !(digits.n && (str_u64(digits, 999, &keep) || !keep)))
		transform(buf_view(&value), body, reverse, keep, out);
	else
		out->err = E_SYNTAX;
	buf_done(&value);
	return !out->err;
}

/* 7.3: names longer than 253 bytes lose labels from the left. */
static struct str shorten(struct str name)
{
	while (name.n > 253 && name.p)
		str_cut(&name, '.');
	return name;
}

/* false: malformed, or stopped. */
static bool expand(struct run *x, struct str spec, struct str domain, struct str *out)
{
	bool good = true;
	struct buf b;

	buf_init(&b, RECORD_MAX);
	while (spec.n && good) {
		char c = spec.p[0];

		spec = str_from(spec, 1);
		if (c != '%') {
			good = c > ' ' && c <= '~';
			buf_c(&b, c);
		} else if (spec.n && strchr("%_-", spec.p[0])) {
			buf_puts(&b, spec.p[0] == '%' ? "%" : spec.p[0] == '_' ? " " : "%20");
			spec = str_from(spec, 1);
		} else {
			good = macro(x, &spec, domain, &b);
		}
	}
	good &= !b.err;
	if (b.n && b.p[b.n - 1] == '.')
		buf_cut(&b, b.n - 1);
	*out = shorten(arena_str(x->s->a, buf_view(&b)));
	buf_done(&b);
	return good || stop(x, SPF_PERMERROR);
}

/* --- mechanisms (5) ----------------------------------------------------------------------- */

struct term {
	char qualifier;
	struct str name, value; /* value: behind ":" (of an address, and lengths: behind the name) */
	unsigned bits4, bits6;
};

static bool in_network(const struct addr *client, const struct addr *net, unsigned bits)
{
	unsigned i;

	if (client->family != net->family)
		return false;
	for (i = 0; i < bits / 8; i++)
		if (client->ip[i] != net->ip[i])
			return false;
	return bits % 8 == 0 || (client->ip[i] >> (8 - bits % 8)) == (net->ip[i] >> (8 - bits % 8));
}

static bool address_match(struct run *x, struct str name, const struct term *t, bool counts)
{
	bool four = x->s->client.family == 4;
	const struct dns_answer *v = ask(x, name, four ? DNS_A : DNS_AAAA, counts);
	size_t i;

	for (i = 0; v && i < v->n; i++)
		if (in_network(&x->s->client, &v->record[i].addr, four ? t->bits4 : t->bits6))
			return true;
	return false;
}

static bool mx_match(struct run *x, struct str name, const struct term *t)
{
	const struct dns_answer *v = ask(x, name, DNS_MX, true);
	size_t i;

	if (v && v->n > NAMES_MAX)
		return stop(x, SPF_PERMERROR);
	for (i = 0; v && i < v->n && x->stop == SPF_NONE; i++)
		if (!str_eqc(v->record[i].name, ".") && address_match(x, v->record[i].name, t, false))
			return true;
	return false;
}

static bool beneath(struct str name, struct str domain)
{
	return name.n >= domain.n && str_ieq(str_from(name, name.n - domain.n), domain) &&
		(name.n == domain.n || name.p[name.n - domain.n - 1] == '.');
}

/* 5.5: the client's names that lead back to it. A failure of the DNS is no match. */
static bool ptr_match(struct run *x, struct str domain)
{
	struct term exact = { .bits4 = 32, .bits6 = 128 };
	const struct dns_answer *v;
	struct buf name;
	size_t i;

	buf_init(&name, 256);
	dns_reverse(&x->s->client, &name);
	v = ask(x, arena_str(x->s->a, buf_view(&name)), DNS_PTR, true);
	buf_done(&name);
	if (x->stop == SPF_TEMPERROR)
		x->stop = SPF_NONE;
	for (i = 0; v && i < MIN(v->n, (size_t)NAMES_MAX) && x->stop == SPF_NONE; i++) {
		bool match = beneath(v->record[i].name, domain) && address_match(x, v->record[i].name, &exact, false);

		if (x->stop == SPF_TEMPERROR)
			x->stop = SPF_NONE;
		else if (match)
			return true;
	}
	return false;
}

static enum spf_result check(struct run *x, struct str domain, unsigned depth);

static bool include_match(struct run *x, struct str name, unsigned depth)
{
	switch (check(x, name, depth + 1)) {
	case SPF_PASS:
		return true;
	case SPF_NONE: /* 5.2: there is nothing to include */
		return stop(x, SPF_PERMERROR);
	default:
		return false;
	}
}

/* "192.0.2.1/24": bits behind the prefix may be set, and do not count. */
static bool network(const struct term *t, struct addr *out, unsigned *bits_out)
{
	struct str length = t->value, text = str_cut(&length, '/');
	uint64_t n = str_ieqc(t->name, "ip4") ? 32 : 128;
	bool six = str_find(text, ':') >= 0;

	if (addr_parse(text, out) || six == str_ieqc(t->name, "ip4"))
		return false;
	if (length.p && (str_u64(length, n, &n) || (length.n > 1 && length.p[0] == '0')))
		return false;
	*bits_out = (unsigned)n;
	return true;
}

/* The name behind a mechanism; without one the domain itself. */
static bool target(struct run *x, const struct term *t, struct str domain, struct str *out)
{
	*out = domain;
	return !t->value.p || expand(x, t->value, domain, out);
}

static bool matches(struct run *x, const struct term *t, struct str domain, unsigned depth)
{
	const struct dns_answer *v;
	struct addr net;
	struct str name;
	unsigned bits;

	if (str_ieqc(t->name, "all"))
		return true;
	if (str_ieqc(t->name, "ip4") || str_ieqc(t->name, "ip6"))
		return network(t, &net, &bits) && in_network(&x->s->client, &net, bits);
	if (!term_counts(x) || !target(x, t, domain, &name))
		return false;
	if (str_ieqc(t->name, "include"))
		return include_match(x, name, depth);
	if (str_ieqc(t->name, "a"))
		return address_match(x, name, t, true);
	if (str_ieqc(t->name, "mx"))
		return mx_match(x, name, t);
	if (str_ieqc(t->name, "ptr"))
		return ptr_match(x, name);
	/* exists: an A record, whatever the client's family is (5.7) */
	v = ask(x, name, DNS_A, true);
	return v && v->n > 0;
}

/* --- the record ---------------------------------------------------------------------------- */

/* "/24", "//64", "/24//64" at the end of a domain-spec; they are cut off. */
static bool lengths(struct str *spec, struct term *t)
{
	struct str rest, four, six;
	bool inside = false; /* a macro: a slash in there is a delimiter of it */
	size_t at;
	uint64_t n;

	t->bits4 = 32;
	t->bits6 = 128;
	for (at = 0; at < spec->n && (inside || spec->p[at] != '/'); at++)
		inside = spec->p[at] == '{' || (inside && spec->p[at] != '}');
	if (at == spec->n)
		return true;
	rest = str_from(*spec, at + 1);
	*spec = str_sub(*spec, 0, at);
	four = str_cut(&rest, '/');
	six = rest;
	if (four.n && (str_u64(four, 32, &n) || (four.n > 1 && four.p[0] == '0')))
		return false;
	if (four.n)
		t->bits4 = (unsigned)n;
	if (!six.p)
		return four.n > 0;
	if (four.n) { /* "24//64": behind the first cut an empty part comes */
		if (!six.n || six.p[0] != '/')
			return false;
		six = str_from(six, 1);
	}
	if (str_u64(six, 128, &n) || (six.n > 1 && six.p[0] == '0'))
		return false;
	t->bits6 = (unsigned)n;
	return true;
}

static bool known(struct str name)
{
	static const char *const names[] = { "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieqc(name, names[i]))
			return true;
	return false;
}

static bool network_ok(const struct term *t)
{
	struct addr net;
	unsigned bits;

	return t->value.n && network(t, &net, &bits);
}

/* A directive; false: malformed. */
static bool parse_term(struct str word, struct term *out)
{
	size_t n;

	*out = (struct term){ .qualifier = '+' };
	if (word.n && strchr("+-?~", word.p[0])) {
		out->qualifier = word.p[0];
		word = str_from(word, 1);
	}
	for (n = 0; n < word.n && word.p[n] != ':' && word.p[n] != '/'; n++)
		;
	out->name = str_sub(word, 0, n);
	word = str_from(word, n);
	if (!known(out->name))
		return false;
	if (str_ieqc(out->name, "ip4") || str_ieqc(out->name, "ip6")) {
		out->value = str_from(word, 1);
		return word.n && word.p[0] == ':' && network_ok(out);
	}
	if (str_ieqc(out->name, "a") || str_ieqc(out->name, "mx")) {
		if (!lengths(&word, out))
			return false;
	}
	if (!word.n)
		return !str_ieqc(out->name, "include") && !str_ieqc(out->name, "exists");
	out->value = str_from(word, 1);
	return word.p[0] == ':' && out->value.n && !str_ieqc(out->name, "all");
}

/* name=value: 1 it is one, 0 no. */
static bool modifier(struct str word, struct str *name_out, struct str *value_out)
{
	size_t i;

	for (i = 0; i < word.n && word.p[i] != '='; i++) {
		char c = ascii_lower(word.p[i]);

		if (!((c >= 'a' && c <= 'z') || (i && ((c >= '0' && c <= '9') || strchr("-_.", c)))))
			return false;
	}
	if (!i || i == word.n)
		return false;
	*name_out = str_sub(word, 0, i);
	*value_out = str_from(word, i + 1);
	return true;
}

struct record {
	struct term term[TERMS_MAX];
	size_t n;
	struct str redirect;
};

static bool parse_modifier(struct str name, struct str value, struct record *r, bool *exp)
{
	if (str_ieqc(name, "redirect")) {
		if (r->redirect.p || !value.n)
			return false;
		r->redirect = value;
	} else if (str_ieqc(name, "exp")) {
		if (*exp || !value.n)
			return false;
		*exp = true;
	}
	return true; /* an unknown one is ignored (6) */
}

static bool parse_record(struct str text, struct record *out)
{
	struct str name, value;
	bool exp = false;

	out->n = 0;
	out->redirect = STR_NONE;
	str_cut(&text, ' '); /* v=spf1 */
	while (text.p) {
		struct str word = str_cut(&text, ' ');

		if (!word.n)
			continue;
		if (modifier(word, &name, &value)) {
			if (!parse_modifier(name, value, out, &exp))
				return false;
		} else if (out->n == TERMS_MAX || !parse_term(word, &out->term[out->n++])) {
			return false;
		}
	}
	return true;
}

/* 4.5: exactly one record of version 1. */
static enum spf_result find_record(struct run *x, struct str domain, struct str *out)
{
	const struct dns_answer *v = ask(x, domain, DNS_TXT, false);
	size_t i, n = 0;

	if (!v)
		return x->stop;
	for (i = 0; i < v->n; i++) {
		struct str t = v->record[i].data;

		if (!str_istarts(t, "v=spf1") || (t.n > 6 && t.p[6] != ' '))
			continue;
		n++;
		*out = t;
	}
	if (n > 1 || (n && out->n > RECORD_MAX))
		stop(x, SPF_PERMERROR);
	return n ? x->stop : SPF_NONE;
}

static enum spf_result of_qualifier(char c)
{
	return c == '-' ? SPF_FAIL : c == '~' ? SPF_SOFTFAIL : c == '?' ? SPF_NEUTRAL : SPF_PASS;
}

static enum spf_result redirected(struct run *x, const struct record *r, struct str domain, unsigned depth)
{
	enum spf_result v;
	struct str name;

	if (!term_counts(x) || !expand(x, r->redirect, domain, &name))
		return x->stop;
	v = check(x, name, depth + 1);
	if (v == SPF_NONE)
		stop(x, SPF_PERMERROR); /* 6.1 */
	return x->stop != SPF_NONE ? x->stop : v;
}

static enum spf_result check(struct run *x, struct str domain, unsigned depth)
{
	struct str text = STR_NONE;
	struct record *r;
	size_t i;

	if (depth > DEPTH)
		stop(x, SPF_PERMERROR);
	if (x->stop != SPF_NONE)
		return x->stop;
	if (find_record(x, domain, &text) != SPF_NONE || !text.p)
		return x->stop;
	r = ARENA_NEW(x->s->a, struct record);
	if (!parse_record(text, r)) {
		stop(x, SPF_PERMERROR);
		return x->stop;
	}
	for (i = 0; i < r->n; i++) {
		bool match = matches(x, &r->term[i], domain, depth);

		if (x->stop != SPF_NONE)
			return x->stop;
		if (match)
			return of_qualifier(r->term[i].qualifier);
	}
	return r->redirect.p ? redirected(x, r, domain, depth) : SPF_NEUTRAL;
}

enum spf_result spf_check(const struct spf *s)
{
	ssize_t at = str_rfind(s->sender, '@');
	struct run x = { .s = s, .local = str_sub(s->sender, 0, at < 0 ? 0 : (size_t)at),
		.domain = str_from(s->sender, (size_t)(at + 1)), .stop = SPF_NONE };
	enum spf_result v;

	if (!x.local.n)
		x.local = STR("postmaster"); /* 4.3 */
	if (!dns_is_name(x.domain) || str_find(x.domain, '.') < 0 || (s->client.family != 4 && s->client.family != 6))
		return SPF_NONE;
	v = check(&x, x.domain, 0);
	return x.stop != SPF_NONE ? x.stop : v;
}
