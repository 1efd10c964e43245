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
#include "mail/address.h"

#define LINE 72
#define MAILBOXES 100
/* The header is parsed as it will be for others: with fields before it. Else a first line "From  : x"
 * would be the "From " line of an mbox. Nobody lists this one. */
#define FIRST "X:\r\n"

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
	struct buf head;
	size_t line; /* bytes of the present line of the header */
	bool cr, in_body, ended;
	struct dkim_body *body;
	unsigned char hash[DKIM_HASH];
	struct arena a;
	struct header h;
	int err;
};

struct dkim_signer *dkim_signer_new(size_t header_max)
{
	struct dkim_signer *s = mem_alloc(1, sizeof *s);

	buf_init(&s->head, header_max + strlen(FIRST));
	buf_puts(&s->head, FIRST);
	arena_init(&s->a);
	s->body = dkim_body_new(DKIM_RELAXED, UINT64_MAX);
	return s;
}

void dkim_signer_free(struct dkim_signer *s)
{
	if (!s)
		return;
	dkim_body_free(s->body);
	buf_done(&s->head);
	arena_done(&s->a);
	free(s);
}

/* --- the message comes ----------------------------------------------------------------- */

static void head_line_end(struct dkim_signer *s)
{
	if (s->line)
		buf_puts(&s->head, "\r\n");
	else
		s->in_body = true;
	s->line = 0;
}

/* Bytes of the header, up to the end of its empty line; how many were taken. After a CR the
 * LF that belongs to it is still to come: it is taken with the next byte. */
static size_t head_add(struct dkim_signer *s, struct str in)
{
	size_t i = 0, from;

	while (i < in.n) {
		if (s->cr && in.p[i] == '\n') {
			s->cr = false;
			i++;
			continue;
		}
		s->cr = false;
		if (s->in_body)
			break;
		if (in.p[i] == '\r' || in.p[i] == '\n') {
			s->cr = in.p[i++] == '\r';
			head_line_end(s);
			continue;
		}
		for (from = i; i < in.n && in.p[i] != '\r' && in.p[i] != '\n'; i++)
			;
		buf_add(&s->head, in.p + from, i - from);
		s->line += i - from;
	}
	return i;
}

int dkim_signer_add(struct dkim_signer *s, struct str piece)
{
	if (s->err)
		return s->err;
	if (!s->in_body || s->cr)
		piece = str_from(piece, head_add(s, piece));
	if (piece.n)
		dkim_body_add(s->body, piece);
	return s->err = s->head.err;
}

int dkim_signer_end(struct dkim_signer *s)
{
	BUG_ON(s->ended);
	if (!s->in_body && s->line)
		head_line_end(s);
	s->ended = true;
	dkim_body_end(s->body, s->hash, NULL);
	s->body = NULL;
	if (!s->err)
		s->err = s->head.err;
	if (s->err)
		return s->err;
	/* a fold of nothing: it would become one of the signature's own */
	if (s->head.n > strlen(FIRST) && (s->head.p[strlen(FIRST)] == ' ' || s->head.p[strlen(FIRST)] == '\t'))
		return s->err = E_SYNTAX;
	header_parse(buf_view(&s->head), &header_default_limits, &s->a, &s->h);
	return s->err = s->h.cut ? E_LIMIT : 0;
}

int dkim_signer_author(struct dkim_signer *s, struct buf *out)
{
	const struct header_field *from = header_get(&s->h, "From", 0);
	struct header_address *list;
	struct str domain = STR_NONE;
	size_t i, n;
	bool cut;

	if (!from || header_get(&s->h, "From", 1))
		return E_NOTFOUND;
	n = address_list(from->body, &s->a, MAILBOXES, &list, &cut);
	for (i = 0; i < n; i++) {
		if (list[i].kind != HEADER_MAILBOX)
			continue;
		if (!list[i].domain.n || (domain.p && !str_ieq(domain, list[i].domain)))
			return E_NOTFOUND;
		domain = list[i].domain;
	}
	if (!domain.n || cut)
		return E_NOTFOUND;
	for (i = 0; i < domain.n; i++)
		buf_c(out, ascii_lower(domain.p[i]));
	return out->err;
}

/* --- the signature ------------------------------------------------------------------------ */

static int list_names(const struct header *h, struct str *out, size_t *n_out)
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

static void print_signature(struct str raw, struct buf *out)
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

int dkim_signer_sign(struct dkim_signer *s, const struct dkim_key *k, struct str domain, struct str selector,
	int64_t now, struct buf *out)
{
	struct str name[DKIM_NAMES];
	struct buf field, text, raw;
	size_t n;
	int r;

	BUG_ON(!s->ended);
	r = s->err ? s->err : list_names(&s->h, name, &n);
	if (r)
		return r;
	buf_init(&field, DKIM_SIGNATURE_MAX);
	buf_init(&text, s->head.max * 2 + DKIM_SIGNATURE_MAX);
	buf_init(&raw, 4096);
	buf_fmt(&field, "DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed; d=%.*s;\r\n\ts=%.*s; t=%lld; bh=",
		dkim_algorithm_name(dkim_key_algorithm(k)), STRF(domain), STRF(selector), (long long)now);
	base64_encode(str_make(s->hash, sizeof s->hash), &field);
	buf_c(&field, ';');
	print_names(name, n, &field);
	buf_puts(&field, "\r\n\tb=");
	dkim_signed_text(&s->h, name, n, DKIM_RELAXED, buf_view(&field), &text);
	r = field.err ? field.err : text.err ? text.err : dkim_key_sign(k, buf_view(&text), &raw);
	if (r == 0) {
		buf_str(out, buf_view(&field));
		print_signature(buf_view(&raw), out);
		r = out->err;
	}
	buf_done(&field);
	buf_done(&text);
	buf_done(&raw);
	return r;
}
