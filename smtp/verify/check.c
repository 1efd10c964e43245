/* SPDX-License-Identifier: ISC
 *
 * check.c: signatures of others, read and verified (RFC 6376 3.5, 3.7, 6.1; see dkim.h).
 */
#include "smtp/verify/dkim.h"

#include "base/codec.h"

#define VALUE_MAX 4096

/* --- the text that is signed ------------------------------------------------------------- */

/* Position and length of the value of b= in a field: from behind "=" to the ";" or the end.
 * The field's tags were parsed before, so there is one (or none: then 0 bytes at the end). */
void dkim_find_signature(struct str field, size_t *at_out, size_t *n_out)
{
	ssize_t colon = str_find(field, ':');
	size_t i = colon < 0 ? field.n : (size_t)colon + 1;

	*at_out = field.n;
	*n_out = 0;
	while (i < field.n) {
		ssize_t semi = str_find(str_from(field, i), ';');
		struct str spec = semi < 0 ? str_from(field, i) : str_sub(field, i, i + (size_t)semi);
		ssize_t eq = str_find(spec, '=');

		if (eq >= 0 && str_eqc(str_trim(str_sub(spec, 0, (size_t)eq)), "b")) {
			*at_out = i + (size_t)eq + 1;
			*n_out = spec.n - (size_t)eq - 1;
			return;
		}
		i += spec.n + 1;
	}
}

/* 5.4.2: of several fields of a name the last one counts first; a name without a field (any more) is
 * nothing. 3.7: the signature's own field follows, without the last CRLF. */
void dkim_signed_text(const struct header *h, const struct str *names, size_t n, enum dkim_canon c,
	struct str field, struct buf *out)
{
	bool *used = mem_alloc(h->n + 1, sizeof *used);
	struct buf own;
	size_t i, j, at, len;

	for (i = 0; i < n; i++)
		for (j = h->n; j-- > 0;)
			if (!used[j] && str_ieq(h->field[j].name, names[i])) {
				used[j] = true;
				dkim_canon_field(h->field[j].raw, c, out);
				break;
			}
	free(used);
	dkim_find_signature(field, &at, &len);
	buf_init(&own, field.n + 2);
	buf_str(&own, str_sub(field, 0, at));
	buf_str(&own, str_from(field, at + len));
	dkim_canon_field(buf_view(&own), c, out);
	if (!out->err)
		buf_cut(out, out->n - 2);
	buf_done(&own);
}

/* --- reading --------------------------------------------------------------------------------- */

static int parse_canon(struct str s, struct dkim_signature *out)
{
	struct str body = s, header = str_trim(str_cut(&body, '/'));
	const struct str part[] = { header, str_trim(body) };
	enum dkim_canon *to[] = { &out->header, &out->body };
	size_t i;

	out->header = out->body = DKIM_SIMPLE;
	for (i = 0; i < 2; i++) {
		if (str_ieqc(part[i], "relaxed"))
			*to[i] = DKIM_RELAXED;
		else if (part[i].p && part[i].n && !str_ieqc(part[i], "simple"))
			return E_UNSUPPORTED;
	}
	return 0;
}

int dkim_parse_algorithm(struct str s, enum dkim_algorithm *out)
{
	if (str_ieqc(s, "rsa-sha256"))
		*out = DKIM_RSA;
	else if (str_ieqc(s, "ed25519-sha256"))
		*out = DKIM_ED25519;
	else
		return E_UNSUPPORTED; /* rsa-sha1 too: RFC 8301 3.1 */
	return 0;
}

int dkim_decode(struct str v, struct arena *a, struct str *out)
{
	struct buf b;
	int r;

	if (v.n > VALUE_MAX)
		return E_LIMIT;
	buf_init(&b, VALUE_MAX);
	r = base64_decode(dkim_compact(v, a), &b);
	if (r == 0)
		*out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return r;
}

static int parse_names(struct str v, struct dkim_signature *out)
{
	bool from = false;

	while (v.p) {
		struct str name = str_trim(str_cut(&v, ':'));

		if (!name.n)
			return E_SYNTAX;
		if (out->nnames == DKIM_NAMES)
			return E_LIMIT;
		from |= str_ieqc(name, "from");
		out->names[out->nnames++] = name;
	}
	return from ? 0 : E_SYNTAX; /* 5.4: From is always signed */
}

static struct str lower(struct str s, struct arena *a)
{
	char *p = arena_cstr(a, s);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return str_make(p, s.n);
}

/* d= and s= become a name that is asked for: letters, digits, hyphens, underscores in labels. */
bool dkim_name_ok(struct str s)
{
	size_t i, label = 0;

	for (i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (c == '.' ? label == 0 : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return s.n > 0 && s.n <= 253 && label > 0;
}

static int parse_time(struct str v, int64_t *out)
{
	uint64_t n;
	int r;

	if (!v.p)
		return 0;
	r = str_u64(v, INT64_MAX / 2, &n);
	if (r == 0)
		*out = (int64_t)n;
	return r;
}

/* i= is of d= or beneath it (3.5). */
static bool identity_ok(struct str identity, struct str domain)
{
	ssize_t at = str_rfind(identity, '@');
	struct str of = str_from(identity, (size_t)(at + 1));

	return at >= 0 && of.n >= domain.n && str_eq(str_from(of, of.n - domain.n), domain) &&
		(of.n == domain.n || of.p[of.n - domain.n - 1] == '.');
}

int dkim_signature_tags(const struct dkim_tags *t, struct arena *a, struct dkim_signature *out)
{
	struct str hash, l = dkim_tag(t, "l");
	int r;

	*out = (struct dkim_signature){ .limit = UINT64_MAX, .identity = STR("") };
	out->domain = lower(dkim_tag(t, "d"), a);
	out->selector = lower(dkim_tag(t, "s"), a);
	if (!dkim_name_ok(out->domain) || !dkim_name_ok(out->selector))
		return E_SYNTAX;
	if ((r = dkim_parse_algorithm(dkim_tag(t, "a"), &out->algorithm)) || (r = parse_canon(dkim_tag(t, "c"), out)) ||
		(r = parse_names(dkim_tag(t, "h"), out)) || (r = dkim_decode(dkim_tag(t, "bh"), a, &hash)) ||
		(r = dkim_decode(dkim_tag(t, "b"), a, &out->signature)) || (r = parse_time(dkim_tag(t, "t"), &out->made)) ||
		(r = parse_time(dkim_tag(t, "x"), &out->expires)) || (l.p && (r = str_u64(l, UINT64_MAX - 1, &out->limit))))
		return r;
	if (hash.n != DKIM_HASH || !out->signature.n || (out->expires && out->expires < out->made))
		return E_SYNTAX;
	memcpy(out->body_hash, hash.p, DKIM_HASH);
	return 0;
}

int dkim_signature_parse(struct str field_body, struct arena *a, struct dkim_signature *out)
{
	struct dkim_tags t;
	int r;

	*out = (struct dkim_signature){ .limit = UINT64_MAX, .identity = STR("") };
	if (field_body.n > DKIM_SIGNATURE_MAX)
		return E_LIMIT;
	r = dkim_tags_parse(field_body, &t);
	if (r)
		return r;
	if (!str_eqc(dkim_tag(&t, "v"), "1"))
		return E_UNSUPPORTED;
	r = dkim_signature_tags(&t, a, out);
	if (r == 0 && dkim_tag(&t, "i").p) {
		out->identity = lower(dkim_tag(&t, "i"), a);
		if (!identity_ok(out->identity, out->domain))
			return E_SYNTAX;
	}
	return r;
}

/* --- verifying ---------------------------------------------------------------------------------- */

int dkim_signature_check(const struct dkim_signature *g, const struct header *h, const struct header_field *field,
	const unsigned char hash[DKIM_HASH], const struct dkim_key *key, const char **why_out)
{
	struct buf text;
	int r = E_DENIED;

	buf_init(&text, h->size * 2 + DKIM_SIGNATURE_MAX);
	if (dkim_key_algorithm(key) != g->algorithm) {
		*why_out = "the key is of another kind";
	} else if (memcmp(hash, g->body_hash, DKIM_HASH) != 0) {
		*why_out = "the body was changed";
	} else {
		dkim_signed_text(h, g->names, g->nnames, g->header, field->raw, &text);
		if (!text.err && dkim_key_fits(key, buf_view(&text), g->signature))
			r = 0;
		else
			*why_out = "the header was changed, or the key is another one";
	}
	buf_done(&text);
	return r;
}
