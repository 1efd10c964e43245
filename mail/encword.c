/* SPDX-License-Identifier: ISC
 *
 * encword.c: encoded words in header bodies (RFC 2047), both ways.
 *
 *     encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
 *
 * Decoding is lenient about length and missing space around a word, not about
 * its form; white space between two words vanishes (section 6.2). Words of
 * one charset that follow each other are joined before they are converted,
 * because much mail cuts characters in two at the border. The charset may
 * carry a language (RFC 2231 5).
 *
 * Linear: looking for a word's end stops at the next '?', so each byte is
 * looked at a fixed number of times, whatever false starts a body holds.
 */
#include "mail/charset.h"
#include "base/codec.h"
#include "mail/mime.h"

#define CHARSET_MAX 64

struct word {
	struct str charset, text;
	char encoding; /* 'q' or 'b' */
	size_t size; /* bytes in the body */
};

/* Word at the start of s. */
static bool word_parse(struct str s, struct word *w)
{
	ssize_t q;
	size_t i;

	if (!str_starts(s, "=?"))
		return false;
	q = str_find(str_sub(s, 2, MIN(s.n, (size_t)2 + CHARSET_MAX)), '?');
	if (q < 1 || (size_t)q + 5 > s.n)
		return false;
	w->charset = str_sub(s, 2, 2 + (size_t)q);
	i = 2 + (size_t)q + 1;
	w->encoding = ascii_lower(s.p[i]);
	if ((w->encoding != 'q' && w->encoding != 'b') || i + 1 >= s.n || s.p[i + 1] != '?')
		return false;
	s = str_from(s, i + 2);
	q = str_find(s, '?');
	if (q < 0 || (size_t)q + 1 >= s.n || s.p[q + 1] != '=')
		return false;
	w->text = str_sub(s, 0, (size_t)q);
	w->size = i + 2 + (size_t)q + 2;
	/* charset*language */
	q = str_find(w->charset, '*');
	if (q >= 0)
		w->charset = str_sub(w->charset, 0, (size_t)q);
	return charset_known(w->charset);
}

static int hex_value(char c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void q_decode(struct str text, struct buf *out)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		int hi = -1, lo = -1;

		if (text.p[i] == '=' && i + 2 < text.n) {
			hi = hex_value(text.p[i + 1]);
			lo = hex_value(text.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			buf_c(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_c(out, text.p[i] == '_' ? ' ' : text.p[i]);
		}
	}
}

/* Words of one charset, decoded and not yet converted. */
struct run {
	struct str charset;
	struct buf raw;
};

static void run_flush(struct run *r, struct buf *out)
{
	if (r->raw.n)
		charset_to_utf8(r->charset, buf_view(&r->raw), out);
	buf_reset(&r->raw);
}

static void run_add(struct run *r, const struct word *w, struct buf *out)
{
	if (!str_ieq(r->charset, w->charset))
		run_flush(r, out);
	r->charset = w->charset;
	if (w->encoding == 'q')
		q_decode(w->text, &r->raw);
	else
		mime_decode(w->text, STR("base64"), &r->raw);
}

/* Encoded line ends would forge lines wherever the result is printed. */
static void without_breaks(struct buf *out, size_t from)
{
	size_t i;

	for (i = from; i < out->n; i++)
		if (out->p[i] == '\r' || out->p[i] == '\n' || !out->p[i])
			out->p[i] = ' ';
}

static size_t space_len(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] && strchr(" \t\r\n", s.p[n]))
		n++;
	return n;
}

void encoded_words_decode(struct str body, struct buf *out)
{
	struct run run = { .charset = STR("") };
	size_t at = 0, plain = 0, from = out->n;
	struct word w;

	buf_init(&run.raw, body.n + 1);
	while (at < body.n && !out->err) {
		const char *eq = memchr(body.p + at, '=', body.n - at);

		at = eq ? (size_t)(eq - body.p) : body.n;
		if (!eq || !word_parse(str_from(body, at), &w)) {
			at += eq != NULL;
			continue;
		}
		/* plain text since the last word, unless it is only the gap between two */
		if (!(run.raw.n && space_len(str_sub(body, plain, at)) == at - plain)) {
			run_flush(&run, out);
			charset_to_utf8(STR("utf-8"), str_sub(body, plain, at), out);
		}
		run_add(&run, &w, out);
		at += w.size;
		plain = at;
	}
	run_flush(&run, out);
	charset_to_utf8(STR("utf-8"), str_from(body, plain), out);
	buf_done(&run.raw);
	without_breaks(out, from);
}

/* --- encoding --------------------------------------------------------------- */

static bool needs_encoding(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e ||
			(s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
			return true;
	return false;
}

/* Base64 in words of at most 75 characters: "=?utf-8?B?" 60 "?=" holds 45 bytes. */
void encoded_words_encode(struct str utf8, struct buf *out)
{
	struct buf clean;
	struct str s;
	size_t at = 0, n;

	if (!needs_encoding(utf8)) {
		buf_str(out, utf8);
		return;
	}
	buf_init(&clean, utf8.n * 3);
	charset_to_utf8(STR("utf-8"), utf8, &clean);
	s = buf_view(&clean);
	while (at < s.n) {
		struct str part = str_sub(s, at, at + 45);

		/* never a character in two words (RFC 2047 5) */
		for (n = part.n; at + n < s.n && n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80;)
			n--;
		part.n = n;
		buf_puts(out, at ? "\r\n =?utf-8?B?" : "=?utf-8?B?");
		base64_encode(part, out);
		buf_puts(out, "?=");
		at += n;
	}
	buf_done(&clean);
}
