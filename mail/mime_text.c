/* SPDX-License-Identifier: ISC
 *
 * mime_text.c: the text of a part as UTF-8, for searching and for plain views:
 * transfer encoding, charset, and for HTML its tags undone.
 *
 * The HTML reader is a filter, not a parser: tags vanish (those of blocks
 * leave a space, so that words do not run together), script, style and
 * comments vanish with their content, the common entities become characters.
 * It goes forward only; what is never closed ends with the text. So it is
 * linear, and its result is never longer than what it read.
 */
#include "mail/charset.h"
#include "mail/mime.h"

#include <unistr.h>

static bool is_letter(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

/* Behind the end of "<!-- -->" or of a tag at s.p[at] == '<'; quotes count. */
static size_t tag_end(struct str s, size_t at)
{
	char quote = 0;

	if (str_starts(str_from(s, at), "<!--")) {
		ssize_t end = str_search(str_from(s, at + 4), STR("-->"));

		return end < 0 ? s.n : at + 4 + (size_t)end + 3;
	}
	for (at++; at < s.n; at++) {
		if (quote) {
			if (s.p[at] == quote)
				quote = 0;
		} else if (s.p[at] == '>') {
			return at + 1;
		} else if ((s.p[at] == '"' || s.p[at] == '\'') && s.p[at - 1] == '=') {
			quote = s.p[at];
		}
	}
	return s.n;
}

static struct str tag_name(struct str s, size_t at)
{
	size_t start = ++at;

	while (at < s.n && (is_letter(s.p[at]) || (s.p[at] >= '0' && s.p[at] <= '9')))
		at++;
	return str_sub(s, start, at);
}

/* Tags that stand inside a word without ending it. */
static bool is_inline(struct str name)
{
	static const char *const names[] = { "a", "abbr", "b", "big", "em", "font", "i", "s",
		"small", "span", "strong", "sub", "sup", "u", "wbr" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (str_ieqc(name, names[i]))
			return true;
	return false;
}

/* Behind "</name ...>" that ends script or style; the end of the text if none. */
static size_t raw_end(struct str s, size_t at, struct str name)
{
	while (at < s.n) {
		const char *lt = memchr(s.p + at, '<', s.n - at);

		if (!lt)
			return s.n;
		at = (size_t)(lt - s.p);
		if (at + 2 + name.n <= s.n && s.p[at + 1] == '/' &&
			str_ieq(str_sub(s, at + 2, at + 2 + name.n), name))
			return tag_end(s, at);
		at++;
	}
	return s.n;
}

/* Skips the markup at s.p[at] == '<'; returns at itself if it is only a '<'. */
static size_t skip_tag(struct str s, size_t at, struct buf *out)
{
	char c = at + 1 < s.n ? s.p[at + 1] : ' ';
	struct str name;
	size_t end;

	if (!is_letter(c) && c != '/' && c != '!' && c != '?')
		return at;
	name = tag_name(s, c == '/' ? at + 1 : at);
	end = tag_end(s, at);
	if (c != '/' && (str_ieqc(name, "script") || str_ieqc(name, "style")))
		end = raw_end(s, end, name);
	if (c != '!' && !is_inline(name))
		utf8_add(out, " ", 1);
	return end;
}

static const struct {
	const char *name;
	uint16_t u;
} entities[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "nbsp", ' ' }, { "auml", 0xe4 }, { "ouml", 0xf6 }, { "uuml", 0xfc }, { "Auml", 0xc4 },
	{ "Ouml", 0xd6 }, { "Uuml", 0xdc }, { "szlig", 0xdf }, { "eacute", 0xe9 },
	{ "egrave", 0xe8 }, { "ecirc", 0xea }, { "agrave", 0xe0 }, { "aacute", 0xe1 },
	{ "acirc", 0xe2 }, { "ccedil", 0xe7 }, { "iacute", 0xed }, { "icirc", 0xee },
	{ "ntilde", 0xf1 }, { "oacute", 0xf3 }, { "ocirc", 0xf4 }, { "uacute", 0xfa },
	{ "ugrave", 0xf9 }, { "aring", 0xe5 }, { "aelig", 0xe6 }, { "oslash", 0xf8 },
	{ "copy", 0xa9 }, { "reg", 0xae }, { "euro", 0x20ac }, { "hellip", 0x2026 },
	{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
	{ "ldquo", 0x201c }, { "rdquo", 0x201d }, { "bdquo", 0x201e }, { "middot", 0xb7 },
	{ "laquo", 0xab }, { "raquo", 0xbb }, { "shy", 0xad }, { "zwnj", 0x200c } };

static bool entity_value(struct str name, ucs4_t *out)
{
	uint32_t v = 0;
	size_t i = 1;
	bool hex;

	if (name.n < 2 || name.p[0] != '#') {
		for (i = 0; i < ARRAY_LEN(entities); i++)
			if (str_eqc(name, entities[i].name)) {
				*out = entities[i].u;
				return true;
			}
		return false;
	}
	hex = ascii_lower(name.p[1]) == 'x';
	for (i = hex ? 2 : 1; i < name.n; i++) {
		char c = ascii_lower(name.p[i]);
		uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') :
			hex && c >= 'a' && c <= 'f'   ? (uint32_t)(c - 'a') + 10 :
							99;

		if (digit == 99)
			return false;
		v = v * (hex ? 16 : 10) + digit;
		if (v > 0x10ffff)
			return false;
	}
	*out = v;
	return v && (v < 0xd800 || v > 0xdfff);
}

/* The entity at s.p[at] == '&'; without one the '&' itself. */
static size_t take_entity(struct str s, size_t at, struct buf *out)
{
	ssize_t end = str_find(str_sub(s, at + 1, at + 12), ';');
	uint8_t utf8[6];
	ucs4_t u;

	if (end < 1 || !entity_value(str_sub(s, at + 1, at + 1 + (size_t)end), &u)) {
		utf8_add(out, "&", 1);
		return at + 1;
	}
	utf8_add(out, utf8, (size_t)MAX(u8_uctomb(utf8, u, sizeof utf8), 0));
	return at + 1 + (size_t)end + 1;
}

static void strip_html(struct str s, struct buf *out)
{
	size_t at = 0, start, next;

	while (at < s.n && !out->err) {
		for (start = at; at < s.n && s.p[at] != '<' && s.p[at] != '&';)
			at++;
		utf8_add(out, s.p + start, at - start);
		if (at == s.n)
			break;
		if (s.p[at] == '&') {
			at = take_entity(s, at, out);
			continue;
		}
		next = skip_tag(s, at, out);
		if (next == at) {
			utf8_add(out, "<", 1);
			next++;
		}
		at = next;
	}
}

int mime_text(struct str message, const struct mime_part *p, bool strip, struct buf *out)
{
	struct str body = str_sub(message, p->body_at, p->body_at + p->body_size);
	struct str charset = mime_param(p, "charset");
	struct buf decoded, utf8, *to = out;
	bool html = strip && str_eqc(p->subtype, "html");

	if (!str_eqc(p->type, "text"))
		return E_UNSUPPORTED;
	buf_init(&decoded, body.n + 1);
	if (str_eqc(p->encoding, "base64") || str_eqc(p->encoding, "quoted-printable")) {
		mime_decode(body, p->encoding, &decoded);
		body = buf_view(&decoded);
	}
	buf_init(&utf8, body.n * 4 + 4);
	if (html)
		to = &utf8;
	/* a charset that nobody knows: as UTF-8, which at least shows its ASCII */
	if (charset_to_utf8(charset.n ? charset : STR("us-ascii"), body, to) == E_UNSUPPORTED)
		charset_to_utf8(STR("utf-8"), body, to);
	if (html)
		strip_html(buf_view(&utf8), out);
	buf_done(&utf8);
	buf_done(&decoded);
	return 0;
}
