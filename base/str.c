/* SPDX-License-Identifier: ISC
 *
 * str.c: comparing, cutting and checking borrowed bytes (contract in str.h).
 *
 * Nothing here depends on the locale, and nothing reads outside [p, p + n).
 */
#include "base/str.h"

/* memcmp with ASCII letters folded. */
static int fold_cmp(const char *a, const char *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char x = (unsigned char)ascii_lower(a[i]);
		unsigned char y = (unsigned char)ascii_lower(b[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

bool str_ieq(struct str a, struct str b)
{
	return a.n == b.n && fold_cmp(a.p, b.p, a.n) == 0;
}

bool str_ieqc(struct str a, const char *cstring)
{
	return str_ieq(a, str_of(cstring));
}

/* Where one is the beginning of the other the shorter one comes first. */
static int by_length(int cmp, size_t a, size_t b)
{
	if (cmp)
		return cmp < 0 ? -1 : 1;
	return a == b ? 0 : a < b ? -1 : 1;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.n, b.n);

	return by_length(n ? memcmp(a.p, b.p, n) : 0, a.n, b.n);
}

int str_icmp(struct str a, struct str b)
{
	return by_length(fold_cmp(a.p, b.p, MIN(a.n, b.n)), a.n, b.n);
}

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool str_istarts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && fold_cmp(s.p, prefix, n) == 0;
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && (n == 0 || memcmp(s.p + s.n - n, suffix, n) == 0);
}

ssize_t str_find(struct str s, char c)
{
	const char *hit = s.n ? memchr(s.p, (unsigned char)c, s.n) : NULL;

	return hit ? hit - s.p : -1;
}

ssize_t str_rfind(struct str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, (unsigned char)c, s.n) : NULL;

	return hit ? hit - s.p : -1;
}

ssize_t str_search(struct str s, struct str needle)
{
	const char *hit;

	if (needle.n == 0)
		return 0;
	if (s.n < needle.n)
		return -1;
	/* glibc's is two-way: linear, whatever a stranger searches for */
	hit = memmem(s.p, s.n, needle.p, needle.n);
	return hit ? hit - s.p : -1;
}

struct str str_from(struct str s, size_t a)
{
	return str_sub(s, a, s.n);
}

struct str str_sub(struct str s, size_t a, size_t b)
{
	b = MIN(b, s.n);
	a = MIN(a, b);
	return (struct str){ s.p ? s.p + a : NULL, b - a };
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct str str_cut(struct str *rest, char c)
{
	struct str head = *rest;
	ssize_t at = str_find(head, c);

	if (at < 0) {
		*rest = STR_NONE;
		return head;
	}
	*rest = str_from(head, (size_t)at + 1);
	head.n = (size_t)at;
	return head;
}

int str_u64(struct str s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;
	size_t i;

	if (s.n == 0)
		return E_SYNTAX;
	for (i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - '0';

		if (digit > 9)
			return E_SYNTAX;
		over |= __builtin_mul_overflow(v, 10u, &v);
		over |= __builtin_add_overflow(v, digit, &v);
	}
	if (over || v > max)
		return E_LIMIT;
	*out = v;
	return 0;
}

bool str_has_ctl(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

size_t str_char(const unsigned char *p, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;

	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	*cp = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

bool str_deceives(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x61c || cp == 0x180e ||
		(cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
		(cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || (cp >= 0xfff9 && cp <= 0xfffb) ||
		(cp >= 0xe0000 && cp <= 0xe0fff);
}

bool str_is_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = s.n, len;
	uint32_t cp;

	while (n) {
		len = str_char(p, n, &cp);
		if (!len)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

bool str_is_line(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t i, len;
	uint32_t cp;

	for (i = 0; i < s.n; i += len) {
		len = str_char(p + i, s.n - i, &cp);
		/* without the joiners (U+200C, U+200D) there is no Persian */
		if (!len || (str_deceives(cp) && cp != 0x200c && cp != 0x200d))
			return false;
	}
	return true;
}

bool str_is_ascii(struct str s)
{
	unsigned char all = 0;
	size_t i;

	for (i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}
