/* SPDX-License-Identifier: ISC
 *
 * charset.c: conversion to UTF-8, and the fold for comparison.
 *
 * UTF-8, US-ASCII, ISO-8859-1, ISO-8859-15 and windows-1252, which are nearly
 * all mail, are converted right here. The others are iconv's, but only those
 * of the list below: a name from a mail never reaches iconv_open, so no
 * conversion module that we did not choose is ever loaded. Open conversions
 * are kept in a cache of a few (a mail uses one or two).
 *
 * Always true: what is appended is valid UTF-8; each step consumes input, so
 * the work is linear; labels are read as the web reads them where the wire
 * does (US-ASCII may hold UTF-8, ISO-8859-1 is windows-1252, GB2312 is GBK).
 */
#include "mail/charset.h"

#include <iconv.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define NAME_MAX_LEN 32

enum how { BY_UTF8, BY_1252, BY_8859_15, BY_ICONV };

/* Names in lower case without '_' ' ' and quotes; sorted for nobody: the list is short. */
static const struct charset {
	const char *name;
	enum how how;
	const char *iconv;
} charsets[] = {
	{ "utf-8", BY_UTF8, NULL }, { "utf8", BY_UTF8, NULL }, { "us-ascii", BY_UTF8, NULL },
	{ "ascii", BY_UTF8, NULL }, { "ansi-x3.4-1968", BY_UTF8, NULL }, { "646", BY_UTF8, NULL },
	{ "iso-8859-1", BY_1252, NULL }, { "iso8859-1", BY_1252, NULL },
	{ "latin1", BY_1252, NULL }, { "iso-8859-1-i", BY_1252, NULL },
	{ "windows-1252", BY_1252, NULL }, { "cp1252", BY_1252, NULL },
	{ "cp-1252", BY_1252, NULL }, { "iso-8859-15", BY_8859_15, NULL },
	{ "iso8859-15", BY_8859_15, NULL }, { "latin9", BY_8859_15, NULL },
	{ "iso-8859-2", BY_ICONV, "ISO-8859-2" }, { "iso8859-2", BY_ICONV, "ISO-8859-2" },
	{ "latin2", BY_ICONV, "ISO-8859-2" }, { "iso-8859-3", BY_ICONV, "ISO-8859-3" },
	{ "iso-8859-4", BY_ICONV, "ISO-8859-4" }, { "iso-8859-5", BY_ICONV, "ISO-8859-5" },
	{ "iso-8859-6", BY_ICONV, "ISO-8859-6" }, { "iso-8859-7", BY_ICONV, "ISO-8859-7" },
	{ "iso-8859-8", BY_ICONV, "ISO-8859-8" }, { "iso-8859-8-i", BY_ICONV, "ISO-8859-8" },
	{ "iso-8859-9", BY_ICONV, "CP1254" }, { "iso-8859-10", BY_ICONV, "ISO-8859-10" },
	{ "iso-8859-11", BY_ICONV, "CP874" }, { "iso-8859-13", BY_ICONV, "ISO-8859-13" },
	{ "iso-8859-14", BY_ICONV, "ISO-8859-14" }, { "iso-8859-16", BY_ICONV, "ISO-8859-16" },
	{ "windows-1250", BY_ICONV, "CP1250" }, { "cp1250", BY_ICONV, "CP1250" },
	{ "windows-1251", BY_ICONV, "CP1251" }, { "cp1251", BY_ICONV, "CP1251" },
	{ "cp-1251", BY_ICONV, "CP1251" }, { "windows-1253", BY_ICONV, "CP1253" },
	{ "windows-1254", BY_ICONV, "CP1254" }, { "windows-1255", BY_ICONV, "CP1255" },
	{ "windows-1256", BY_ICONV, "CP1256" }, { "windows-1257", BY_ICONV, "CP1257" },
	{ "windows-1258", BY_ICONV, "CP1258" }, { "windows-874", BY_ICONV, "CP874" },
	{ "tis-620", BY_ICONV, "CP874" }, { "koi8-r", BY_ICONV, "KOI8-R" },
	{ "koi8-u", BY_ICONV, "KOI8-U" }, { "ibm437", BY_ICONV, "CP437" },
	{ "cp437", BY_ICONV, "CP437" }, { "ibm850", BY_ICONV, "CP850" },
	{ "cp850", BY_ICONV, "CP850" }, { "ibm852", BY_ICONV, "CP852" },
	{ "ibm866", BY_ICONV, "CP866" }, { "cp866", BY_ICONV, "CP866" },
	{ "macintosh", BY_ICONV, "MACINTOSH" }, { "x-mac-roman", BY_ICONV, "MACINTOSH" },
	{ "iso-2022-jp", BY_ICONV, "ISO-2022-JP" }, { "shift-jis", BY_ICONV, "CP932" },
	{ "sjis", BY_ICONV, "CP932" }, { "x-sjis", BY_ICONV, "CP932" },
	{ "windows-31j", BY_ICONV, "CP932" }, { "cp932", BY_ICONV, "CP932" },
	{ "euc-jp", BY_ICONV, "EUC-JP" }, { "gb2312", BY_ICONV, "GBK" },
	{ "x-gbk", BY_ICONV, "GBK" }, { "gbk", BY_ICONV, "GBK" }, { "cp936", BY_ICONV, "GBK" },
	{ "gb18030", BY_ICONV, "GB18030" }, { "big5", BY_ICONV, "BIG5" },
	{ "big5-hkscs", BY_ICONV, "BIG5-HKSCS" }, { "euc-kr", BY_ICONV, "UHC" },
	{ "ks-c-5601-1987", BY_ICONV, "UHC" }, { "cp949", BY_ICONV, "UHC" },
	{ "iso-2022-kr", BY_ICONV, "ISO-2022-KR" }, { "utf-7", BY_ICONV, "UTF-7" },
	{ "unicode-1-1-utf-7", BY_ICONV, "UTF-7" }, { "utf-16", BY_ICONV, "UTF-16" },
	{ "utf-16le", BY_ICONV, "UTF-16LE" }, { "utf-16be", BY_ICONV, "UTF-16BE" },
	{ "utf-32", BY_ICONV, "UTF-32" },
};

static const struct charset *find(struct str name)
{
	char low[NAME_MAX_LEN];
	size_t i, n = 0;

	name = str_trim(name);
	if (name.n > 1 && name.p[0] == '"' && name.p[name.n - 1] == '"')
		name = str_sub(name, 1, name.n - 1);
	if (name.n >= sizeof low)
		return NULL;
	for (i = 0; i < name.n; i++)
		low[n++] = name.p[i] == '_' ? '-' : ascii_lower(name.p[i]);
	for (i = 0; i < ARRAY_LEN(charsets); i++)
		if (n && charsets[i].name[0] == low[0] &&
			str_eqc((struct str){ low, n }, charsets[i].name))
			return &charsets[i];
	return NULL;
}

bool charset_known(struct str name)
{
	return find(name) != NULL;
}

/* --- open conversions ------------------------------------------------------ */

static struct {
	const char *name; /* of the table above: compared by address */
	iconv_t cd;
} cache[4];
static unsigned cache_turn;

/* (iconv_t)-1 if the system lacks the conversion. */
static iconv_t conversion(const char *name)
{
	unsigned i;
	iconv_t cd;

	for (i = 0; i < ARRAY_LEN(cache); i++)
		if (cache[i].name && !strcmp(cache[i].name, name)) {
			iconv(cache[i].cd, NULL, NULL, NULL, NULL);
			return cache[i].cd;
		}
	cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return cd;
	i = cache_turn++ % ARRAY_LEN(cache);
	if (cache[i].name)
		iconv_close(cache[i].cd);
	cache[i].name = name;
	cache[i].cd = cd;
	return cd;
}

void charset_preload(void)
{
	/* a conversion of the C library itself: reads the configuration, loads no module */
	iconv_t cd = iconv_open("UTF-8", "UTF-16LE");

	if (cd != (iconv_t)-1)
		iconv_close(cd);
}

/* --- to UTF-8 ---------------------------------------------------------------- */

void utf8_add(struct buf *out, const void *utf8, size_t n)
{
	const char *p = utf8;
	size_t fits = out->max - out->n;

	if (out->err || n <= fits) {
		buf_add(out, p, n);
		return;
	}
	while (fits && ((unsigned char)p[fits] & 0xc0) == 0x80)
		fits--;
	buf_add(out, p, fits);
	buf_add(out, p + fits, n - fits); /* does not fit: the error sticks */
}

static void from_utf8(struct str s, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)s.p, *end = s.n ? p + s.n : p;

	while (p < end && !out->err) {
		const uint8_t *bad = u8_check(p, (size_t)(end - p));
		const uint8_t *stop = bad ? bad : end;

		utf8_add(out, p, (size_t)(stop - p));
		if (!bad)
			return;
		utf8_add(out, REPLACEMENT, 3);
		p = bad + 1;
	}
}

/* windows-1252 0x80..0x9f, also where mail says ISO-8859-1; 0: unassigned. */
static const uint16_t cp1252[32] = { 0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d,
	0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178 };

static ucs4_t latin(unsigned char c, enum how how)
{
	static const struct {
		unsigned char c;
		uint16_t u;
	} latin9[] = { { 0xa4, 0x20ac }, { 0xa6, 0x160 }, { 0xa8, 0x161 }, { 0xb4, 0x17d },
		{ 0xb8, 0x17e }, { 0xbc, 0x152 }, { 0xbd, 0x153 }, { 0xbe, 0x178 } };
	size_t i;

	if (c < 0xa0 && c >= 0x80)
		return how == BY_1252 && cp1252[c - 0x80] ? cp1252[c - 0x80] : 0xfffd;
	if (how == BY_8859_15)
		for (i = 0; i < ARRAY_LEN(latin9); i++)
			if (latin9[i].c == c)
				return latin9[i].u;
	return c;
}

static void from_latin(struct str s, enum how how, struct buf *out)
{
	size_t i = 0, start;

	while (i < s.n && !out->err) {
		uint8_t utf8[6];

		for (start = i; i < s.n && !((unsigned char)s.p[i] & 0x80);)
			i++;
		utf8_add(out, s.p + start, i - start);
		if (i < s.n)
			utf8_add(out, utf8,
				(size_t)u8_uctomb(utf8, latin((unsigned char)s.p[i++], how), 6));
	}
}

static void from_iconv(iconv_t cd, struct str s, struct buf *out)
{
	char chunk[4096], *in = (char *)(uintptr_t)s.p;
	size_t left = s.n;

	while (left && !out->err) {
		char *to = chunk, *before = in;
		size_t room = sizeof chunk;
		size_t r = iconv(cd, &in, &left, &to, &room);
		int err = r == (size_t)-1 ? errno : 0;

		utf8_add(out, chunk, (size_t)(to - chunk));
		if (err == E2BIG && (to > chunk || in > before))
			continue;
		if (!left)
			break;
		utf8_add(out, REPLACEMENT, 3);
		if (err == EINVAL) /* cut in the middle of a character */
			break;
		in++;
		left--;
	}
	if (!out->err) {
		char *to = chunk;
		size_t room = sizeof chunk;

		iconv(cd, NULL, NULL, &to, &room);
		utf8_add(out, chunk, (size_t)(to - chunk));
	}
}

int charset_to_utf8(struct str charset, struct str s, struct buf *out)
{
	const struct charset *cs = find(charset);
	iconv_t cd;

	if (!cs)
		return E_UNSUPPORTED;
	if (cs->how == BY_UTF8) {
		from_utf8(s, out);
	} else if (cs->how != BY_ICONV) {
		from_latin(s, cs->how, out);
	} else {
		cd = conversion(cs->iconv);
		if (cd == (iconv_t)-1)
			return E_UNSUPPORTED;
		from_iconv(cd, s, out);
	}
	return out->err;
}

/* --- fold ------------------------------------------------------------------- */

/* Full decomposition of any type (RFC 5051 2 (2)(b)); the longest, U+FDFA,
 * has 18 characters, so the stack of what is still to decompose is short. */
static void fold_char(ucs4_t u, struct buf *out)
{
	ucs4_t stack[UC_DECOMPOSITION_MAX_LENGTH * 4], part[UC_DECOMPOSITION_MAX_LENGTH];
	size_t top = 0;

	stack[top++] = uc_totitle(u);
	while (top) {
		ucs4_t c = stack[--top];
		int tag, n = c < 0x80 ? -1 : uc_decomposition(c, &tag, part);
		uint8_t utf8[6];

		if (n < 1 || top + (size_t)n > ARRAY_LEN(stack)) {
			utf8_add(out, utf8, (size_t)MAX(u8_uctomb(utf8, c, sizeof utf8), 0));
			continue;
		}
		while (n > 0)
			stack[top++] = part[--n];
	}
}

void charset_fold(struct str utf8, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)utf8.p, *end = utf8.n ? p + utf8.n : p;

	while (p < end && !out->err) {
		char chunk[512];
		size_t n = 0;
		ucs4_t u;
		int len;

		while (p < end && *p < 0x80 && n < sizeof chunk)
			chunk[n++] = ascii_upper((char)*p++);
		utf8_add(out, chunk, n);
		if (p == end || *p < 0x80)
			continue;
		len = u8_mbtoucr(&u, p, (size_t)(end - p));
		if (len < 1) {
			buf_c(out, (char)*p++);
			continue;
		}
		p += len;
		fold_char(u, out);
	}
}
