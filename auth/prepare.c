/* SPDX-License-Identifier: ISC
 *
 * prepare.c: see prepare.h. Properties and normal forms are libunistring's; the tables below are those of RFC 3454
 * that SASLprep names and that no property gives.
 */
#include "auth/prepare.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

struct range {
	ucs4_t first, last;
};

static const struct range nothing[] = { /* B.1: commonly mapped to nothing */
	{ 0xad, 0xad }, { 0x34f, 0x34f }, { 0x1806, 0x1806 }, { 0x180b, 0x180d }, { 0x200b, 0x200d }, { 0x2060, 0x2060 },
	{ 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
};
static const struct range blank[] = { /* C.1.2: blanks beside U+0020 */
	{ 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200b }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};
static const struct range prohibited[] = { /* C.2.1 to C.9 */
	{ 0, 0x1f }, { 0x7f, 0x9f }, { 0x340, 0x341 }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f }, { 0x180e, 0x180e }, { 0x200c, 0x200f },
	{ 0x2028, 0x202e }, { 0x2060, 0x2063 }, { 0x206a, 0x206f }, { 0x2ff0, 0x2ffb }, { 0xd800, 0xf8ff }, { 0xfdd0, 0xfdef },
	{ 0xfeff, 0xfeff }, { 0xfff9, 0xffff }, { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f }, { 0xf0000, 0x10ffff },
};

#define IN(table, c) in(table, ARRAY_LEN(table), c)
static bool in(const struct range *v, size_t n, ucs4_t c)
{
	while (n > 0)
		if (v[--n].first <= c && c <= v[n].last)
			return true;
	return false;
}

static bool is_prohibited(ucs4_t c)
{
	return IN(prohibited, c) || (c & 0xfffe) == 0xfffe; /* C.4: the last two of each plane */
}

/* The next code point of what is UTF-8. */
static ucs4_t next(struct str *s)
{
	ucs4_t c = 0;
	int n = u8_mbtouc(&c, (const uint8_t *)s->p, s->n);

	*s = str_from(*s, (size_t)MAX(n, 1));
	return c;
}

static void put(struct buf *out, ucs4_t c)
{
	uint8_t text[6];
	int n = u8_uctomb(text, c, sizeof(text));

	buf_add(out, text, (size_t)MAX(n, 0));
}

static bool normal(struct str s, uninorm_t form, struct buf *out)
{
	size_t n = 0;
	uint8_t *made = u8_normalize(form, (const uint8_t *)s.p, s.n, NULL, &n);

	if (!made)
		return false;
	buf_add(out, made, n);
	OPENSSL_cleanse(made, n);
	free(made);
	return !out->err;
}

static bool is_right_to_left(ucs4_t c)
{
	int bidi = uc_bidi_class(c);

	return bidi == UC_BIDI_R || bidi == UC_BIDI_AL;
}

/* RFC 3454 6: with any character that is written to the left, the first and the last are such, and none goes to the right. */
static bool one_direction(struct str s)
{
	bool left = false, right = false;
	ucs4_t c, first = 0, last = 0;
	struct str rest = s;

	while (rest.n > 0) {
		c = next(&rest);
		first = first ? first : c;
		last = c;
		left |= is_right_to_left(c);
		right |= uc_bidi_class(c) == UC_BIDI_L;
	}
	return !left || (!right && is_right_to_left(first) && is_right_to_left(last));
}

/* RFC 4013 2 */
static bool saslprep(struct str given, struct buf *out)
{
	struct buf mapped;
	struct str rest;
	bool good;
	ucs4_t c;

	buf_init(&mapped, 2048);
	while (given.n > 0) {
		c = next(&given);
		if (IN(blank, c))
			buf_c(&mapped, ' ');
		else if (!IN(nothing, c))
			put(&mapped, c);
	}
	good = !mapped.err && mapped.n > 0 && normal(buf_view(&mapped), UNINORM_NFKC, out);
	buf_wipe(&mapped);
	for (rest = buf_view(out); good && rest.n > 0;)
		good = !is_prohibited(next(&rest));
	return good && out->n <= PREPARED_MAX && one_direction(buf_view(out));
}

/* RFC 8265 4.2.2, but for what it refuses. */
static bool opaque(struct str given, struct buf *out)
{
	struct buf mapped;
	bool good;
	ucs4_t c;

	buf_init(&mapped, 2048);
	while (given.n > 0) {
		c = next(&given);
		put(&mapped, uc_is_general_category(c, UC_SPACE_SEPARATOR) ? ' ' : c);
	}
	good = !mapped.err && normal(buf_view(&mapped), UNINORM_NFC, out);
	buf_wipe(&mapped);
	return good && out->n > 0 && out->n <= PREPARED_MAX;
}

void prepare_password(struct str given, struct buf *out)
{
	struct buf form;
	bool good = false;

	if (str_is_ascii(given) || !str_is_utf8(given) || given.n > PREPARED_MAX) {
		buf_str(out, given); /* no form but itself: most are such */
		return;
	}
	buf_init(&form, 16384); /* NFKC makes one of at most 18 */
	good = saslprep(given, &form);
	if (!good) {
		buf_wipe(&form);
		buf_init(&form, 16384);
		good = opaque(given, &form);
	}
	buf_str(out, good ? buf_view(&form) : given);
	buf_wipe(&form);
}

const char *prepare_password_wrong(struct str given)
{
	const struct str all = given;

	if (!str_is_utf8(given))
		return "is no UTF-8";
	while (given.n > 0)
		if (uc_is_general_category(next(&given), UC_CONTROL))
			return "has control characters";
	return all.n ? NULL : "is empty";
}

/* --- names ------------------------------------------------------------------------ */

/* Letters of these are hard to tell apart: of one of them only. 0: any other. */
static unsigned family(ucs4_t c)
{
	static const char *const names[] = { "Latin", "Greek", "Cyrillic" };
	const uc_script_t *script = uc_script(c);
	unsigned i;

	for (i = 0; script && i < ARRAY_LEN(names); i++)
		if (strcmp(script->name, names[i]) == 0)
			return 1u << i;
	return 0;
}

/* RFC 8264 9.17: it is another character in disguise (a ligature, a letter in bold). */
static bool is_disguise(ucs4_t c)
{
	uint8_t text[6], made[64];
	size_t n = sizeof(made);
	int len = u8_uctomb(text, c, sizeof(text));

	return len > 0 && u8_normalize(UNINORM_NFKC, text, (size_t)len, made, &n) && (n != (size_t)len || memcmp(made, text, n) != 0);
}

const char *prepare_name_wrong(struct str local)
{
	bool first = true, left = false, right = false, begins_left = false;
	unsigned families = 0;
	ucs4_t c;

	if (str_is_ascii(local))
		return NULL;
	if (!str_is_utf8(local))
		return "is no UTF-8";
	for (; local.n > 0; first = false) {
		c = next(&local);
		if (c >= 0x80 && !uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_Nd))
			return "has characters that cannot be seen, or are no letters";
		if (is_disguise(c))
			return "has characters that stand for others";
		if (first && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M))
			return "begins with a mark";
		families |= family(c);
		left |= is_right_to_left(c);
		right |= uc_bidi_class(c) == UC_BIDI_L;
		begins_left |= first && is_right_to_left(c);
	}
	if (left && (right || !begins_left))
		return "is written in two directions";
	if (families & (families - 1))
		return "has letters of several scripts that look alike";
	return NULL;
}
