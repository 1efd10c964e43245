/* SPDX-License-Identifier: ISC
 *
 * arc.c: chains of forwarders, read, verified and made longer (see arc.h).
 *
 * A seal signs, relaxed and in this order, AAR, AMS and AS of every set from the first to its own, whose b= is
 * empty and whose last CRLF is missing (RFC 8617 5.1.1). After a failure it signs its own set alone (5.1.2).
 */
#include "smtp/verify/arc.h"

#include <openssl/evp.h>

#define INSTANCE_DIGITS 2

const char *arc_status_name(enum arc_status s)
{
	return s == ARC_PASS ? "pass" : s == ARC_FAIL ? "fail" : "none";
}

/* --- reading ----------------------------------------------------------------------- */

/* 1 to ARC_SETS, or 0. */
static unsigned instance_of(struct str value)
{
	uint64_t n;

	return value.n && value.n <= INSTANCE_DIGITS && str_u64(value, ARC_SETS, &n) == 0 ? (unsigned)n : 0;
}

/* "i=1; example.org; ...": the rest is for people and programs that believe the seal. */
static unsigned results_instance(struct str body)
{
	struct str first = str_cut(&body, ';'), value = first, name = str_trim(str_cut(&value, '='));

	return str_eqc(name, "i") && value.p && body.p ? instance_of(str_trim(value)) : 0;
}

static unsigned tags_instance(struct str body)
{
	struct dkim_tags t;

	return dkim_tags_parse(body, &t) ? 0 : instance_of(dkim_tag(&t, "i"));
}

static void broken(struct arc_chain *c, const char *why)
{
	if (!c->bad)
		c->bad = why;
}

static void add(struct arc_chain *c, const struct header_field *f, size_t kind)
{
	unsigned i = f->raw.n > DKIM_SIGNATURE_MAX ? 0 : kind == 0 ? results_instance(f->body) : tags_instance(f->body);
	const struct header_field **at;

	if (!i) {
		broken(c, "a field is malformed");
		return;
	}
	c->n = MAX(c->n, i);
	at = kind == 0 ? &c->set[i].results : kind == 1 ? &c->set[i].message : &c->set[i].seal;
	if (*at)
		broken(c, "a field is there twice");
	*at = f;
}

struct seal {
	enum dkim_algorithm algorithm;
	struct str domain, selector, signature, status;
};

/* h= may not be there (4.1.3). */
static int parse_seal(struct str body, struct arena *a, struct seal *out)
{
	struct dkim_tags t;
	int r = dkim_tags_parse(body, &t);

	if (r)
		return r;
	*out = (struct seal){ .domain = dkim_tag(&t, "d"), .selector = dkim_tag(&t, "s"), .status = dkim_tag(&t, "cv") };
	if (dkim_tag(&t, "h").p || !dkim_name_ok(out->domain) || !dkim_name_ok(out->selector))
		return E_SYNTAX;
	r = dkim_parse_algorithm(dkim_tag(&t, "a"), &out->algorithm);
	return r ? r : dkim_decode(dkim_tag(&t, "b"), a, &out->signature);
}

/* The newest message signature: as DKIM's, but for v= and i=; it may not list seals (4.1.2). */
static void parse_last(struct arc_chain *c, struct arena *a)
{
	const struct header_field *f = c->set[c->n].message;
	struct dkim_tags t;
	size_t i;

	if (!f || dkim_tags_parse(f->body, &t) || dkim_signature_tags(&t, a, &c->last)) {
		broken(c, "the last message signature is malformed");
		return;
	}
	for (i = 0; i < c->last.nnames; i++)
		if (str_ieqc(c->last.names[i], "ARC-Seal"))
			broken(c, "the last message signature lists seals");
	c->has_last = true;
}

void arc_parse(const struct header *h, struct arena *a, struct arc_chain *out)
{
	static const char *const names[] = { "ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal" };
	struct seal seal;
	size_t i, kind;

	*out = (struct arc_chain){ .n = 0 };
	for (i = 0; i < h->n; i++)
		for (kind = 0; kind < ARRAY_LEN(names); kind++)
			if (str_ieqc(h->field[i].name, names[kind]))
				add(out, &h->field[i], kind);
	if (!out->n)
		return;
	if (out->set[out->n].seal && parse_seal(out->set[out->n].seal->body, a, &seal) == 0)
		out->ended = str_ieqc(seal.status, "fail");
	for (i = 1; i <= out->n; i++)
		if (!out->set[i].results || !out->set[i].message || !out->set[i].seal)
			broken(out, "a set is not complete");
	parse_last(out, a);
}

/* --- verifying ------------------------------------------------------------------------ */

static void hash_field(EVP_MD_CTX *md, struct str raw)
{
	struct buf b;

	buf_init(&b, DKIM_SIGNATURE_MAX * 2);
	dkim_canon_field(raw, DKIM_RELAXED, &b);
	BUG_ON(b.err || EVP_DigestUpdate(md, b.p, b.n) != 1);
	buf_done(&b);
}

/* A seal without the value of b= and without its last CRLF. */
static void seal_text(struct str raw, struct buf *out)
{
	struct buf b;
	size_t at, n, from = out->n;

	dkim_find_signature(raw, &at, &n);
	buf_init(&b, raw.n + 2);
	buf_str(&b, str_sub(raw, 0, at));
	buf_str(&b, str_from(raw, at + n));
	dkim_canon_field(buf_view(&b), DKIM_RELAXED, out);
	if (!out->err && out->n >= from + 2)
		buf_cut(out, out->n - 2);
	buf_done(&b);
}

/* The hash under the seal, when `md` has had all before it. */
static void seal_hash(const EVP_MD_CTX *md, struct str raw, unsigned char out[DKIM_HASH])
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	struct buf b;

	buf_init(&b, DKIM_SIGNATURE_MAX * 2);
	seal_text(raw, &b);
	BUG_ON(!copy || b.err || EVP_MD_CTX_copy_ex(copy, md) != 1 || EVP_DigestUpdate(copy, b.p, b.n) != 1 ||
		EVP_DigestFinal_ex(copy, out, NULL) != 1);
	EVP_MD_CTX_free(copy);
	buf_done(&b);
}

/* What is known of a key: ARC_PASS with it in *out. */
static enum arc_status key_of(arc_key_fn *fn, void *arg, struct str domain, struct str selector, struct dkim_key **out,
	const char **why_out)
{
	struct str record;
	int r = fn(arg, domain, selector, &record);

	if (r == -EAGAIN)
		return ARC_WAIT;
	if (r == E_TEMP)
		return ARC_UNKNOWN;
	if (r == 0)
		r = dkim_key_parse(record, out);
	if (r)
		*why_out = r == E_NOTFOUND ? "a key is not in the DNS" : "the record of a key is not good";
	return r ? ARC_FAIL : ARC_PASS;
}

/* Asks for all keys, so that the questions run side by side. ARC_PASS: every answer is there. */
static enum arc_status all_keys(const struct arc_chain *c, const struct seal *seal, arc_key_fn *fn, void *arg,
	const char **why_out)
{
	enum arc_status worst = ARC_PASS;
	unsigned i;

	for (i = 0; i <= c->n; i++) {
		struct dkim_key *key = NULL;
		enum arc_status s = i ? key_of(fn, arg, seal[i].domain, seal[i].selector, &key, why_out) :
			key_of(fn, arg, c->last.domain, c->last.selector, &key, why_out);

		dkim_key_free(key);
		if (s == ARC_WAIT || (s == ARC_FAIL && worst != ARC_WAIT) || (s == ARC_UNKNOWN && worst == ARC_PASS))
			worst = s;
	}
	return worst;
}

static bool message_good(const struct arc_chain *c, const struct header *h, const unsigned char hash[DKIM_HASH],
	arc_key_fn *fn, void *arg, const char **why_out)
{
	struct dkim_key *key = NULL;
	bool good = key_of(fn, arg, c->last.domain, c->last.selector, &key, why_out) == ARC_PASS &&
		dkim_signature_check(&c->last, h, c->set[c->n].message, hash, key, why_out) == 0;

	dkim_key_free(key);
	return good;
}

static bool seals_good(const struct arc_chain *c, const struct seal *seal, arc_key_fn *fn, void *arg, const char **why_out)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = true;
	unsigned i;

	BUG_ON(!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1);
	for (i = 1; i <= c->n && good; i++) {
		unsigned char hash[DKIM_HASH];
		struct dkim_key *key = NULL;

		hash_field(md, c->set[i].results->raw);
		hash_field(md, c->set[i].message->raw);
		seal_hash(md, c->set[i].seal->raw, hash);
		hash_field(md, c->set[i].seal->raw);
		good = key_of(fn, arg, seal[i].domain, seal[i].selector, &key, why_out) == ARC_PASS;
		if (good && (dkim_key_algorithm(key) != seal[i].algorithm || !dkim_key_fits_hash(key, hash, seal[i].signature))) {
			*why_out = "a seal is broken";
			good = false;
		}
		dkim_key_free(key);
	}
	EVP_MD_CTX_free(md);
	return good;
}

enum arc_status arc_check(const struct arc_chain *c, const struct header *h, const unsigned char hash[DKIM_HASH],
	arc_key_fn *key, void *arg, struct arena *a, const char **why_out)
{
	struct seal *seal = arena_array(a, c->n + 1, sizeof *seal);
	enum arc_status s;
	unsigned i;

	*why_out = c->ended || !c->bad ? "it failed before" : c->bad;
	if (!c->n)
		return c->bad ? ARC_FAIL : ARC_NONE;
	if (c->bad || c->ended || !c->has_last)
		return ARC_FAIL;
	for (i = 1; i <= c->n; i++) {
		*why_out = "a seal is malformed";
		if (parse_seal(c->set[i].seal->body, a, &seal[i]))
			return ARC_FAIL;
		*why_out = "a seal says another state than its place";
		if (!str_ieqc(seal[i].status, i == 1 ? "none" : "pass"))
			return ARC_FAIL;
	}
	s = all_keys(c, seal, key, arg, why_out);
	if (s != ARC_PASS)
		return s;
	return message_good(c, h, hash, key, arg, why_out) && seals_good(c, seal, key, arg, why_out) ? ARC_PASS : ARC_FAIL;
}

/* --- the next set ------------------------------------------------------------------------ */

static void old_sets(const struct arc_chain *c, struct buf *text)
{
	unsigned i;

	for (i = 1; i <= c->n; i++) {
		dkim_canon_field(c->set[i].results->raw, DKIM_RELAXED, text);
		dkim_canon_field(c->set[i].message->raw, DKIM_RELAXED, text);
		dkim_canon_field(c->set[i].seal->raw, DKIM_RELAXED, text);
	}
}

static int message_signature(unsigned i, const struct header *h, const unsigned char hash[DKIM_HASH], const struct dkim_key *k,
	struct str domain, struct str selector, int64_t now, struct buf *out)
{
	struct str name[DKIM_NAMES];
	struct buf first;
	size_t n;
	int r = dkim_names(h, true, name, &n);

	if (r)
		return r;
	buf_init(&first, 1024);
	buf_fmt(&first, "ARC-Message-Signature: i=%u; a=%s-sha256; c=relaxed/relaxed; d=%.*s;\r\n\ts=%.*s; t=%lld;", i,
		dkim_algorithm_name(dkim_key_algorithm(k)), STRF(domain), STRF(selector), (long long)now);
	r = first.err ? first.err : dkim_field_sign(h, name, n, hash, k, buf_view(&first), out);
	buf_done(&first);
	return r;
}

int arc_seal(const struct arc_chain *c, enum arc_status status, const struct header *h, const unsigned char hash[DKIM_HASH],
	const struct dkim_key *k, struct str domain, struct str selector, struct str results, int64_t now, struct buf *out)
{
	unsigned i = c->n + 1;
	struct buf found, message, seal, text, raw;
	int r;

	if (i > ARC_SETS || c->ended)
		return E_LIMIT;
	buf_init(&found, DKIM_SIGNATURE_MAX);
	buf_init(&message, DKIM_SIGNATURE_MAX);
	buf_init(&seal, DKIM_SIGNATURE_MAX);
	buf_init(&text, (ARC_SETS + 1) * 6 * DKIM_SIGNATURE_MAX);
	buf_init(&raw, 4096);
	buf_fmt(&found, "ARC-Authentication-Results: i=%u; %.*s\r\n", i, STRF(results));
	r = found.err ? found.err : message_signature(i, h, hash, k, domain, selector, now, &message);
	buf_fmt(&seal, "ARC-Seal: i=%u; a=%s-sha256; cv=%s; d=%.*s;\r\n\ts=%.*s; t=%lld;\r\n\tb=", i,
		dkim_algorithm_name(dkim_key_algorithm(k)), arc_status_name(status), STRF(domain), STRF(selector), (long long)now);
	if (status != ARC_FAIL)
		old_sets(c, &text);
	dkim_canon_field(buf_view(&found), DKIM_RELAXED, &text);
	dkim_canon_field(buf_view(&message), DKIM_RELAXED, &text);
	seal_text(buf_view(&seal), &text);
	if (!r)
		r = seal.err ? seal.err : text.err ? text.err : dkim_key_sign(k, buf_view(&text), &raw);
	if (!r) {
		buf_str(out, buf_view(&seal));
		dkim_print_signature(buf_view(&raw), out);
		buf_str(out, buf_view(&message));
		buf_str(out, buf_view(&found));
		r = out->err;
	}
	buf_done(&found);
	buf_done(&message);
	buf_done(&seal);
	buf_done(&text);
	buf_done(&raw);
	return r;
}
