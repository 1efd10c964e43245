/* SPDX-License-Identifier: ISC
 *
 * sign.c: a message is signed (RFC 6376 5; see dkim.h): relaxed/relaxed, no l=.
 *
 * Which fields: those of RFC 6376 5.4.1 that are there. The ones that decide what is shown, to
 * whom an answer goes, and how the body is read are over-signed: listed once more than they
 * occur, so that nobody adds another one and the signature still holds (5.4, 8.15). Those that a
 * relay may add in good faith (Sender, List-*, Resent-*) are listed as often as they are there.
 * Received, Return-Path and other signatures are never listed.
 */
#include "smtp/verify/dkim.h"

#include "base/codec.h"

#define LINE 72

static const struct {
	const char *name;
	bool over;
} fields[] = {
	{ "From", true }, { "Reply-To", true }, { "Subject", true }, { "Date", true }, { "To", true }, { "Cc", true },
	{ "Message-ID", true }, { "In-Reply-To", true }, { "References", true }, { "MIME-Version", true },
	{ "Content-Type", true }, { "Content-Transfer-Encoding", true },
	{ "Sender", false }, { "Content-ID", false }, { "Content-Description", false },
	{ "Resent-Date", false }, { "Resent-From", false }, { "Resent-To", false }, { "Resent-Cc", false },
	{ "List-Id", false }, { "List-Help", false }, { "List-Unsubscribe", false }, { "List-Unsubscribe-Post", false },
	{ "List-Subscribe", false }, { "List-Post", false }, { "List-Owner", false }, { "List-Archive", false },
	{ "Autocrypt", false }, { "TLS-Report-Domain", false }, { "TLS-Report-Submitter", false }, /* RFC 8460 5.3 */
};

struct dkim_signer {
	struct dkim_head head;
	bool ended;
	struct dkim_body *body;
	unsigned char hash[DKIM_HASH];
	int err;
};

struct dkim_signer *dkim_signer_new(size_t header_max)
{
	struct dkim_signer *s = mem_alloc(1, sizeof *s);

	dkim_head_init(&s->head, header_max);
	s->body = dkim_body_new(DKIM_RELAXED, UINT64_MAX);
	return s;
}

void dkim_signer_free(struct dkim_signer *s)
{
	if (!s)
		return;
	dkim_body_free(s->body);
	dkim_head_done(&s->head);
	free(s);
}

/* --- the message comes ----------------------------------------------------------------- */

int dkim_signer_add(struct dkim_signer *s, struct str piece)
{
	if (s->err)
		return s->err;
	piece = str_from(piece, dkim_head_add(&s->head, piece));
	if (piece.n)
		dkim_body_add(s->body, piece);
	return s->err = s->head.text.err;
}

int dkim_signer_end(struct dkim_signer *s)
{
	BUG_ON(s->ended);
	s->ended = true;
	dkim_body_end(s->body, s->hash, NULL);
	s->body = NULL;
	return s->err ? s->err : (s->err = dkim_head_end(&s->head));
}

int dkim_signer_author(struct dkim_signer *s, struct buf *out)
{
	return dkim_head_author(&s->head, out);
}

/* --- the signature ------------------------------------------------------------------------ */

int dkim_names(const struct header *h, bool signatures, struct str *out, size_t *n_out)
{
	size_t i, j, n = 0;

	for (i = 0; i < ARRAY_LEN(fields); i++) {
		size_t times = fields[i].over;

		for (j = 0; j < h->n; j++)
			times += str_ieqc(h->field[j].name, fields[i].name);
		if (times > DKIM_NAMES - n)
			return E_LIMIT;
		while (times--)
			out[n++] = str_of(fields[i].name);
	}
	for (i = 0; signatures && i < h->n; i++)
		if (str_ieqc(h->field[i].name, "DKIM-Signature")) {
			if (n == DKIM_NAMES)
				return E_LIMIT;
			out[n++] = STR("DKIM-Signature");
		}
	*n_out = n;
	return 0;
}

/* "h=From:To:..." in lines of a good length. */
static void print_names(const struct str *name, size_t n, struct buf *out)
{
	size_t i, at = 0;

	buf_puts(out, "\r\n\th=");
	for (i = 0; i < n; i++) {
		if (at + name[i].n > LINE) {
			buf_puts(out, "\r\n\t ");
			at = 0;
		}
		buf_str(out, name[i]);
		buf_c(out, i + 1 < n ? ':' : ';');
		at += name[i].n + 1;
	}
}

void dkim_print_signature(struct str raw, struct buf *out)
{
	struct buf text;
	size_t at;

	buf_init(&text, 4096);
	base64_encode(raw, &text);
	for (at = 0; at < text.n; at += LINE) {
		if (at)
			buf_puts(out, "\r\n\t ");
		buf_str(out, str_sub(buf_view(&text), at, at + LINE));
	}
	buf_puts(out, "\r\n");
	buf_done(&text);
}

int dkim_field_sign(const struct header *h, const struct str *name, size_t n, const unsigned char hash[DKIM_HASH],
	const struct dkim_key *k, struct str first, struct buf *out)
{
	struct buf field, text, raw;
	int r;

	buf_init(&field, DKIM_SIGNATURE_MAX);
	buf_init(&text, h->size * 2 + DKIM_SIGNATURE_MAX);
	buf_init(&raw, 4096);
	buf_str(&field, first);
	buf_puts(&field, " bh=");
	base64_encode(str_make(hash, DKIM_HASH), &field);
	buf_c(&field, ';');
	print_names(name, n, &field);
	buf_puts(&field, "\r\n\tb=");
	dkim_signed_text(h, name, n, DKIM_RELAXED, buf_view(&field), &text);
	r = field.err ? field.err : text.err ? text.err : dkim_key_sign(k, buf_view(&text), &raw);
	if (r == 0) {
		buf_str(out, buf_view(&field));
		dkim_print_signature(buf_view(&raw), out);
		r = out->err;
	}
	buf_done(&field);
	buf_done(&text);
	buf_done(&raw);
	return r;
}

int dkim_signer_sign(struct dkim_signer *s, const struct dkim_key *k, struct str domain, struct str selector,
	int64_t now, struct buf *out)
{
	struct str name[DKIM_NAMES];
	struct buf first;
	size_t n;
	int r;

	BUG_ON(!s->ended);
	r = s->err ? s->err : dkim_names(&s->head.h, false, name, &n);
	if (r)
		return r;
	buf_init(&first, 1024);
	buf_fmt(&first, "DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed; d=%.*s;\r\n\ts=%.*s; t=%lld;",
		dkim_algorithm_name(dkim_key_algorithm(k)), STRF(domain), STRF(selector), (long long)now);
	r = first.err ? first.err : dkim_field_sign(&s->head.h, name, n, s->hash, k, buf_view(&first), out);
	buf_done(&first);
	return r;
}
