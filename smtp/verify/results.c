/* SPDX-License-Identifier: ISC
 *
 * results.c: see results.h. The message is read once: when its header is over, its signatures say which
 * forms of the body are wanted, each is hashed once for all that want it.
 */
#include "smtp/verify/results.h"

#include "mail/address.h"

#define BODIES (RESULTS_SIGNATURES + 2)
#define KEY_RECORD_MAX 8192
#define OWN 0 /* the body in relaxed form: for our own seal */

enum verdict { VERDICT_WAIT, VERDICT_PASS, VERDICT_FAIL, VERDICT_POLICY, VERDICT_PERMERROR, VERDICT_TEMPERROR, VERDICT_NEUTRAL };

struct signature {
	const struct header_field *field;
	struct dkim_signature g;
	bool sound;
	size_t body;
	enum verdict verdict;
	const char *why;
};

struct results {
	struct results_of of;
	struct dkim_head head;
	struct arena scratch; /* of one try */
	bool read; /* the header was parsed */
	int err;
	struct {
		enum dkim_canon canon;
		uint64_t limit, size;
		struct dkim_body *hasher;
		unsigned char hash[DKIM_HASH];
	} body[BODIES];
	size_t nbodies;
	struct signature sig[RESULTS_SIGNATURES];
	size_t nsigs;
	struct arc_chain chain;
	size_t chain_body;
	enum arc_status arc;
	const char *arc_why;
	enum spf_result spf;
	struct str given; /* what was found before; empty: nothing */
	bool spf_helo; /* of the name in EHLO: there is no sender */
};

struct results *results_new(size_t header_max, const struct results_of *of)
{
	struct results *r = mem_alloc(1, sizeof *r);

	r->of = *of;
	dkim_head_init(&r->head, header_max);
	arena_init(&r->scratch);
	r->spf = SPF_WAIT;
	r->arc = ARC_WAIT;
	return r;
}

void results_free(struct results *r)
{
	size_t i;

	if (!r)
		return;
	for (i = 0; i < r->nbodies; i++)
		dkim_body_free(r->body[i].hasher);
	arena_done(&r->scratch);
	dkim_head_done(&r->head);
	free(r);
}

/* --- reading --------------------------------------------------------------------- */

static size_t want_body(struct results *r, enum dkim_canon c, uint64_t limit)
{
	size_t i;

	for (i = 0; i < r->nbodies; i++)
		if (r->body[i].canon == c && r->body[i].limit == limit)
			return i;
	BUG_ON(i == BODIES);
	r->body[i].canon = c;
	r->body[i].limit = limit;
	r->body[i].hasher = dkim_body_new(c, limit);
	return r->nbodies++;
}

static void find_signatures(struct results *r)
{
	const struct header *h = &r->head.h;
	size_t i;

	for (i = 0; i < h->n && r->nsigs < RESULTS_SIGNATURES; i++) {
		struct signature *s = &r->sig[r->nsigs];

		if (!str_ieqc(h->field[i].name, "DKIM-Signature"))
			continue;
		*s = (struct signature){ .field = &h->field[i] };
		s->sound = dkim_signature_parse(h->field[i].body, &r->head.a, &s->g) == 0;
		if (s->sound)
			s->body = want_body(r, s->g.body, s->g.limit);
		r->nsigs++;
	}
}

static int header_over(struct results *r)
{
	int e = dkim_head_end(&r->head);

	r->read = true;
	if (e)
		return e;
	want_body(r, DKIM_RELAXED, UINT64_MAX); /* OWN */
	find_signatures(r);
	arc_parse(&r->head.h, &r->head.a, &r->chain);
	if (r->chain.has_last)
		r->chain_body = want_body(r, r->chain.last.body, r->chain.last.limit);
	return 0;
}

int results_add(struct results *r, struct str piece)
{
	size_t i;

	if (r->err)
		return r->err;
	piece = str_from(piece, dkim_head_add(&r->head, piece));
	r->err = r->head.text.err;
	if (!r->err && r->head.over && !r->read)
		r->err = header_over(r);
	for (i = 0; !r->err && piece.n && i < r->nbodies; i++)
		dkim_body_add(r->body[i].hasher, piece);
	return r->err;
}

int results_end(struct results *r)
{
	size_t i;

	if (!r->err && !r->read)
		r->err = header_over(r);
	for (i = 0; i < r->nbodies; i++) {
		dkim_body_end(r->body[i].hasher, r->body[i].hash, &r->body[i].size);
		r->body[i].hasher = NULL;
	}
	return r->err;
}

/* --- DKIM ----------------------------------------------------------------------------- */

/* The record of a key: text of a TXT record whose bytes are signed with (dns_unescape). */
static int key_record(void *arg, struct str domain, struct str selector, struct str *out)
{
	struct results *r = arg;
	struct str name = str_of(arena_fmt(&r->scratch, "%.*s._domainkey.%.*s", STRF(selector), STRF(domain)));
	const struct dns_answer *v;
	struct buf b;
	int e;

	if (!dns_is_name(name))
		return E_NOTFOUND;
	v = r->of.ask(r->of.arg, name, DNS_TXT);
	if (!v)
		return -EAGAIN;
	if (v->state == DNS_NODATA || v->state == DNS_NXDOMAIN || (v->state == DNS_OK && !v->n))
		return E_NOTFOUND;
	if (v->state != DNS_OK)
		return E_TEMP;
	buf_init(&b, KEY_RECORD_MAX);
	e = dns_unescape(v->record[0].data, &b);
	if (!e)
		e = b.err;
	*out = arena_str(&r->scratch, buf_view(&b));
	buf_done(&b);
	return e;
}

static enum verdict with_key(struct results *r, struct signature *s, struct str record, int64_t now)
{
	struct dkim_key *key = NULL;
	enum verdict v = VERDICT_FAIL;

	if (dkim_key_parse(record, &key)) {
		s->why = "the record of its key is not good";
		return VERDICT_PERMERROR;
	}
	if (dkim_signature_check(&s->g, &r->head.h, s->field, r->body[s->body].hash, key, &s->why))
		v = VERDICT_FAIL;
	else if (s->g.expires && s->g.expires < now)
		s->why = "it has expired";
	else if (s->g.limit != UINT64_MAX && r->body[s->body].size > s->g.limit) {
		s->why = "it covers only a part of the body";
		v = VERDICT_POLICY;
	} else
		v = VERDICT_PASS;
	dkim_key_free(key);
	return v;
}

static void try_signature(struct results *r, struct signature *s, int64_t now)
{
	struct str record;
	int e;

	if (s->verdict != VERDICT_WAIT)
		return;
	if (!s->sound) {
		s->why = "it is malformed, or of a kind that does not count";
		s->verdict = VERDICT_NEUTRAL;
		return;
	}
	e = key_record(r, s->g.domain, s->g.selector, &record);
	if (e == -EAGAIN)
		return;
	s->verdict = e == 0 ? with_key(r, s, record, now) : e == E_TEMP ? VERDICT_TEMPERROR : VERDICT_PERMERROR;
	if (e == E_NOTFOUND)
		s->why = "its key is not in the DNS";
}

/* --- all ----------------------------------------------------------------------------------- */

static void try_spf(struct results *r, int64_t now)
{
	struct spf s = { .client = r->of.peer, .helo = r->of.helo, .sender = r->of.sender, .host = r->of.host, .now = now,
		.ask = r->of.ask, .arg = r->of.arg, .a = &r->scratch };

	if (r->spf != SPF_WAIT || !r->of.peer.family)
		return;
	if (!s.sender.n) {
		r->spf_helo = true;
		s.sender = str_of(arena_fmt(&r->scratch, "postmaster@%.*s", STRF(r->of.helo)));
	}
	r->spf = spf_check(&s);
}

bool results_try(struct results *r, bool last, int64_t now)
{
	bool all = true;
	size_t i;

	arena_reset(&r->scratch);
	for (i = 0; i < r->nsigs; i++) {
		try_signature(r, &r->sig[i], now);
		if (last && r->sig[i].verdict == VERDICT_WAIT)
			r->sig[i].verdict = VERDICT_TEMPERROR;
		all &= r->sig[i].verdict != VERDICT_WAIT;
	}
	if (r->arc == ARC_WAIT)
		r->arc = arc_check(&r->chain, &r->head.h, r->body[r->chain_body].hash, key_record, r, &r->scratch, &r->arc_why);
	if (last && r->arc == ARC_WAIT)
		r->arc = ARC_UNKNOWN;
	try_spf(r, now);
	if (last && r->spf == SPF_WAIT)
		r->spf = SPF_TEMPERROR;
	return all && r->arc != ARC_WAIT && (r->spf != SPF_WAIT || !r->of.peer.family);
}

/* --- what is said --------------------------------------------------------------------------- */

/* May stand as a value without quotes in any reader (RFC 8601 2.2). */
static bool plain(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-_.+", c)))
			return false;
	}
	return s.n > 0 && s.n <= 255;
}

static void print_sender(const struct results *r, struct buf *out)
{
	struct str sender = r->spf_helo ? r->of.helo : r->of.sender;
	ssize_t at = str_rfind(sender, '@');
	struct str local = str_sub(sender, 0, at < 0 ? 0 : (size_t)at), domain = str_from(sender, (size_t)(at + 1));

	if (!plain(domain))
		return;
	buf_puts(out, r->spf_helo ? " smtp.helo=" : " smtp.mailfrom=");
	if (plain(local))
		buf_fmt(out, "%.*s@", STRF(local));
	buf_str(out, domain);
}

static void print_signature(const struct signature *s, struct buf *out)
{
	static const char *const words[] = { [VERDICT_WAIT] = "temperror", [VERDICT_PASS] = "pass", [VERDICT_FAIL] = "fail",
		[VERDICT_POLICY] = "policy", [VERDICT_PERMERROR] = "permerror", [VERDICT_TEMPERROR] = "temperror",
		[VERDICT_NEUTRAL] = "neutral" };

	buf_fmt(out, ";\r\n\tdkim=%s", words[s->verdict]);
	if (s->why)
		buf_fmt(out, " (%s)", s->why);
	if (s->sound)
		buf_fmt(out, " header.d=%.*s header.s=%.*s", STRF(s->g.domain), STRF(s->g.selector));
}

void results_print(const struct results *r, struct buf *out)
{
	char text[ADDR_TEXT];
	size_t i;

	buf_str(out, r->of.host);
	for (i = 0; i < r->nsigs; i++)
		print_signature(&r->sig[i], out);
	if (!r->nsigs)
		buf_puts(out, ";\r\n\tdkim=none");
	if (r->of.peer.family) {
		buf_fmt(out, ";\r\n\tspf=%s", spf_result_name(r->spf));
		print_sender(r, out);
	}
	if (r->arc == ARC_UNKNOWN)
		return;
	buf_fmt(out, ";\r\n\tarc=%s", arc_status_name(r->arc));
	if (r->arc == ARC_FAIL && r->arc_why)
		buf_fmt(out, " (%s)", r->arc_why);
	if (r->of.peer.family)
		buf_fmt(out, " smtp.remote-ip=%s%s%s", r->of.peer.family == 6 ? "\"" : "", addr_text(&r->of.peer, text),
			r->of.peer.family == 6 ? "\"" : "");
}

/* d= is the domain of the address, or above it. */
static bool of_domain(struct str address, struct str domain)
{
	ssize_t at = str_rfind(address, '@');
	struct str d = str_from(address, (size_t)(at + 1));

	return at > 0 && d.n >= domain.n && str_ieq(str_from(d, d.n - domain.n), domain) &&
		(d.n == domain.n || d.p[d.n - domain.n - 1] == '.');
}

/* A signature alone names a domain; a message that its person signed can be sent again by anybody, to anybody, with
 * another sender of that domain. So it must be over his address. */
bool results_confirmed(struct results *r)
{
	size_t i;

	if (!r->of.sender.n)
		return false;
	if (r->spf == SPF_PASS && r->of.peer.family)
		return true;
	for (i = 0; i < r->nsigs; i++)
		if (r->sig[i].verdict == VERDICT_PASS && of_domain(r->of.sender, r->sig[i].g.domain) &&
			dkim_head_from(&r->head, r->of.sender))
			return true;
	return false;
}

void results_given(struct results *r, struct str text, struct str status)
{
	r->given = arena_str(&r->head.a, text);
	r->arc = str_eqc(status, "pass") ? ARC_PASS : str_eqc(status, "fail") ? ARC_FAIL : str_eqc(status, "none") ? ARC_NONE : ARC_UNKNOWN;
}

const char *results_chain(const struct results *r)
{
	return r->arc == ARC_UNKNOWN || r->arc == ARC_WAIT ? "unknown" : arc_status_name(r->arc);
}

int results_seal(const struct results *r, const struct dkim_key *k, struct str domain, struct str selector, int64_t now,
	struct buf *out)
{
	struct buf text;
	int e;

	if (r->err || r->arc == ARC_UNKNOWN || r->arc == ARC_WAIT)
		return r->err ? r->err : E_TEMP;
	buf_init(&text, DKIM_SIGNATURE_MAX);
	if (r->given.n)
		buf_str(&text, r->given);
	else
		results_print(r, &text);
	e = text.err ? text.err : arc_seal(&r->chain, r->arc, &r->head.h, r->body[OWN].hash, k, domain, selector,
		buf_view(&text), now, out);
	buf_done(&text);
	return e;
}
