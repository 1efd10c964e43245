/* SPDX-License-Identifier: ISC
 *
 * imapdesc.c: ENVELOPE and BODYSTRUCTURE (RFC 3501 7.4.2, grammar in 9).
 *
 * Both are written straight into the answer; the tree of parts is walked by
 * its parent and sibling links, not by recursion. Where mail is broken and
 * the grammar leaves no word for it, the answer is what clients know from
 * Dovecot: text parts always name a charset, a multipart without parts has
 * one empty text, an address without domain says "MISSING_DOMAIN" (NIL would
 * make it a group), and NUL becomes 0x80, since no IMAP string can hold it.
 */
#include "mail/imapdesc.h"

#include "base/codec.h"
#include "base/cur.h"
#include "mail/address.h"

#define ADDRESSES 1000

/* --- strings --------------------------------------------------------------------- */

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE: 7 bit without CR, LF, NUL. */
static bool quotable(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!s.p[i] || (s.p[i] & 0x80) || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

static void put_literal(struct str s, struct buf *out)
{
	size_t at = 0;

	buf_fmt(out, "{%zu}\r\n", s.n);
	while (at < s.n) {
		const char *nul = memchr(s.p + at, 0, s.n - at);
		size_t end = nul ? (size_t)(nul - s.p) : s.n;

		buf_add(out, s.p + at, end - at);
		if (nul)
			buf_c(out, (char)0x80);
		at = end + (nul != NULL);
	}
}

static void put_string(struct str s, struct buf *out)
{
	size_t i, start = 0;

	if (!quotable(s)) {
		put_literal(s, out);
		return;
	}
	buf_c(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_add(out, s.p + start, i - start);
		buf_c(out, '\\');
		start = i;
	}
	buf_add(out, s.p + start, s.n - start);
	buf_c(out, '"');
}

void imapdesc_nstring(struct str s, struct buf *out)
{
	if (s.p)
		put_string(s, out);
	else
		buf_puts(out, "NIL");
}

/* As imapdesc_nstring, but empty is absent too. */
static void put_nonempty(struct str s, struct buf *out)
{
	imapdesc_nstring(s.n ? s : STR_NONE, out);
}

/* --- ENVELOPE ---------------------------------------------------------------------- */

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
 * Group start: host NIL, mailbox is the group's name; end: all NIL. */
static void put_address(const struct header_address *adr, struct buf *out)
{
	switch (adr->kind) {
	case HEADER_GROUP_START:
		buf_puts(out, "(NIL NIL ");
		put_string(adr->name, out);
		buf_puts(out, " NIL)");
		break;
	case HEADER_GROUP_END:
		buf_puts(out, "(NIL NIL NIL NIL)");
		break;
	case HEADER_MAILBOX:
		buf_c(out, '(');
		put_nonempty(adr->name, out);
		buf_c(out, ' ');
		put_nonempty(adr->route, out);
		buf_c(out, ' ');
		put_string(adr->local.n ? adr->local : STR("MISSING_MAILBOX"), out);
		buf_c(out, ' ');
		put_string(adr->domain.n ? adr->domain : STR("MISSING_DOMAIN"), out);
		buf_c(out, ')');
		break;
	}
}

/* Addresses of all fields of that name, or of the first only. False: none. */
static bool put_addresses(const struct header *h, const char *name, bool all, struct buf *out)
{
	const struct header_field *f;
	size_t nth, i, n, total = 0;
	struct header_address *list;
	struct arena scratch;

	arena_init(&scratch);
	for (nth = 0; total < ADDRESSES && (nth == 0 || all); nth++) {
		f = header_get(h, name, nth);
		if (!f || nth == ADDRESSES)
			break;
		n = address_list(f->body, &scratch, ADDRESSES - total, &list, NULL);
		for (i = 0; i < n; i++) {
			if (!total++)
				buf_c(out, '(');
			put_address(&list[i], out);
		}
		arena_reset(&scratch);
	}
	arena_done(&scratch);
	if (total)
		buf_c(out, ')');
	return total > 0;
}

static void put_addresses_or(const struct header *h, const char *name, const char *instead,
	bool all, struct buf *out)
{
	buf_c(out, ' ');
	if (!put_addresses(h, name, all, out) &&
		(!instead || !put_addresses(h, instead, false, out)))
		buf_puts(out, "NIL");
}

static void put_field(const struct header *h, const char *name, struct arena *a, struct buf *out)
{
	const struct header_field *f = header_get(h, name, 0);

	imapdesc_nstring(f ? header_unfold(f->body, a) : STR_NONE, out);
}

/* envelope = "(" date SP subject SP from SP sender SP reply-to SP to SP cc SP
 *            bcc SP in-reply-to SP message-id ")" */
void imapdesc_envelope(const struct header *h, struct arena *a, struct buf *out)
{
	buf_c(out, '(');
	put_field(h, "date", a, out);
	buf_c(out, ' ');
	put_field(h, "subject", a, out);
	put_addresses_or(h, "from", NULL, false, out);
	put_addresses_or(h, "sender", "from", false, out);
	put_addresses_or(h, "reply-to", "from", false, out);
	put_addresses_or(h, "to", NULL, true, out);
	put_addresses_or(h, "cc", NULL, true, out);
	put_addresses_or(h, "bcc", NULL, true, out);
	buf_c(out, ' ');
	put_field(h, "in-reply-to", a, out);
	buf_c(out, ' ');
	put_field(h, "message-id", a, out);
	buf_c(out, ')');
}

/* --- BODYSTRUCTURE --------------------------------------------------------------------- */

static void put_param(struct str name, struct str value, bool extended, struct buf *out)
{
	struct str v = value;

	if (!extended || str_is_ascii(v) || !quotable(name)) {
		put_string(name, out);
		buf_c(out, ' ');
		put_string(v, out);
		return;
	}
	/* decoded for our own use: clients get RFC 2231 again */
	put_string(name, out);
	buf_cut(out, out->n - 1);
	buf_puts(out, "*\" \"utf-8''");
	for (; v.n; v = str_from(v, 1)) {
		unsigned char c = (unsigned char)v.p[0];

		if (c > 32 && c < 127 && !strchr("*'%()<>@,;:\\\"/[]?=", c))
			buf_c(out, (char)c);
		else
			buf_fmt(out, "%%%02X", c);
	}
	buf_c(out, '"');
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static void put_params(const struct mime_param *list, size_t n, bool text, struct buf *out)
{
	bool charset = false;
	size_t i;

	if (!n && !text) {
		buf_puts(out, "NIL");
		return;
	}
	for (i = 0; i < n; i++) {
		buf_c(out, i ? ' ' : '(');
		put_param(list[i].name, list[i].value, list[i].extended, out);
		charset = charset || str_eqc(list[i].name, "charset");
	}
	if (text && !charset)
		buf_puts(out, n ? " \"charset\" \"us-ascii\"" : "(\"charset\" \"us-ascii\"");
	buf_c(out, ')');
}

/* body-fld-lang: the words of Content-Language (RFC 3282), always as a list. */
static void put_language(struct str s, struct buf *out)
{
	bool any = false;
	struct str rest = s, word;

	while (rest.p) {
		word = str_trim(str_cut(&rest, ','));
		if (!word.n)
			continue;
		buf_c(out, any ? ' ' : '(');
		put_string(word, out);
		any = true;
	}
	buf_puts(out, any ? ")" : "NIL");
}

/* SP body-fld-dsp SP body-fld-lang SP body-fld-loc: the tail of every part */
static void put_extension(const struct mime_part *p, struct buf *out)
{
	buf_c(out, ' ');
	if (p->disposition.n) {
		buf_c(out, '(');
		put_string(p->disposition, out);
		buf_c(out, ' ');
		put_params(p->disposition_param, p->ndisposition_params, false, out);
		buf_c(out, ')');
	} else {
		buf_puts(out, "NIL");
	}
	buf_c(out, ' ');
	put_language(p->language, out);
	buf_c(out, ' ');
	put_nonempty(p->location, out);
}

/* media SP body-fields. What the tree holds as one leaf although its type
 * promises an inner structure (past a limit, encoded) is only bytes. */
static void put_fields(const struct mime_part *p, bool text, struct buf *out)
{
	bool opaque = str_eqc(p->type, "multipart") ||
		(str_eqc(p->type, "message") && !p->message &&
			(str_eqc(p->subtype, "rfc822") || str_eqc(p->subtype, "global")));

	put_string(opaque ? STR("application") : p->type, out);
	buf_c(out, ' ');
	put_string(opaque ? STR("octet-stream") : p->subtype, out);
	buf_c(out, ' ');
	put_params(p->param, p->nparams, text, out);
	buf_c(out, ' ');
	put_nonempty(p->id, out);
	buf_c(out, ' ');
	put_nonempty(p->description, out);
	buf_c(out, ' ');
	put_string(p->encoding, out);
	buf_fmt(out, " %zu", p->body_size);
}

/* What comes before a part's children; leaves are complete after it. */
static void part_begin(struct str message, const struct mime *m, const struct mime_part *p,
	struct arena *scratch, struct buf *out)
{
	bool text = str_eqc(p->type, "text");
	struct header inner;
	const struct mime_part *child;

	buf_c(out, '(');
	if (p->multipart) {
		if (p->first_child < 0)
			buf_puts(out, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
		return;
	}
	put_fields(p, text, out);
	if (p->message) {
		child = &m->part[p->first_child];
		header_parse(str_sub(message, child->header_at, child->header_at + child->header_size),
			NULL, scratch, &inner);
		buf_c(out, ' ');
		imapdesc_envelope(&inner, scratch, out);
		buf_c(out, ' ');
		arena_reset(scratch);
	} else if (text) {
		buf_fmt(out, " %u", p->body_lines);
	}
}

static void part_end(const struct mime_part *p, bool extended, struct buf *out)
{
	if (p->multipart) {
		buf_c(out, ' ');
		put_string(p->subtype, out);
		if (extended) {
			buf_c(out, ' ');
			put_params(p->param, p->nparams, false, out);
		}
	} else {
		if (p->message)
			buf_fmt(out, " %u", p->body_lines);
		if (extended) {
			buf_c(out, ' ');
			put_nonempty(p->md5, out);
		}
	}
	if (extended)
		put_extension(p, out);
	buf_c(out, ')');
}

void imapdesc_bodystructure(struct str message, const struct mime *m, bool extended, struct buf *out)
{
	struct arena scratch;
	int at = 0;

	arena_init(&scratch);
	for (;;) {
		part_begin(message, m, &m->part[at], &scratch, out);
		if (m->part[at].first_child >= 0) {
			at = m->part[at].first_child;
			continue;
		}
		part_end(&m->part[at], extended, out);
		while (m->part[at].next_sibling < 0 && m->part[at].parent >= 0) {
			at = m->part[at].parent;
			part_end(&m->part[at], extended, out);
		}
		if (m->part[at].next_sibling < 0)
			break;
		at = m->part[at].next_sibling;
	}
	arena_done(&scratch);
}

/* --- FETCH BODY[1.2.3] --------------------------------------------------------------------- */

static int nth_child(const struct mime *m, int at, uint32_t number)
{
	for (at = m->part[at].first_child; at >= 0; at = m->part[at].next_sibling)
		if (m->part[at].number == number)
			return at;
	return -1;
}

/* Numbers count the parts of the message that `base` is the root of: of a
 * multipart its children, else 1 is the body itself (RFC 3501 6.4.5). */
int imapdesc_part(const struct mime *m, const uint32_t *path, size_t n)
{
	int base = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		bool root = i == 0;

		if (i > 0 && m->part[base].message) {
			base = m->part[base].first_child;
			root = true;
		}
		if (m->part[base].multipart)
			base = nth_child(m, base, path[i]);
		else if (!root || path[i] != 1)
			return -1;
		if (base < 0)
			return -1;
	}
	return base;
}
