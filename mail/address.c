/* SPDX-License-Identifier: ISC
 *
 * address.c: envelope addresses (RFC 5321 4.1.2 and 4.1.3, with UTF-8 as in
 * RFC 6531 3.3), their printed form and the form in which they are compared.
 *
 *   Mailbox        = Local-part "@" ( Domain / address-literal )
 *   Local-part     = Dot-string / Quoted-string
 *   Dot-string     = Atom *("." Atom)
 *   Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
 *   Domain         = sub-domain *("." sub-domain)
 *   sub-domain     = Let-dig [Ldh-str] / U-label
 *
 * A parser that mends what it reads is how an address became a shell command
 * elsewhere (C01): here a byte that does not fit ends the address or refuses
 * it, and nothing is ever taken away from a name. Address lists of header
 * fields are in address_list.c.
 */
#include "mail/address.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

enum { ATEXT = 1, QTEXT = 2, LETDIG = 4, DOMAIN = 8, NONASCII = 16 };

static cur_class class = {
	[' '] = QTEXT,
	['!'] = ATEXT | QTEXT,
	['#' ... '\''] = ATEXT | QTEXT,
	['(' ... ')'] = QTEXT,
	['*' ... '+'] = ATEXT | QTEXT,
	[','] = QTEXT,
	['-'] = ATEXT | QTEXT | DOMAIN,
	['.'] = QTEXT | DOMAIN,
	['/'] = ATEXT | QTEXT,
	['0' ... '9'] = ATEXT | QTEXT | LETDIG | DOMAIN,
	[':' ... '<'] = QTEXT,
	['='] = ATEXT | QTEXT,
	['>'] = QTEXT,
	['?'] = ATEXT | QTEXT,
	['@'] = QTEXT,
	['A' ... 'Z'] = ATEXT | QTEXT | LETDIG | DOMAIN,
	['['] = QTEXT,
	[']'] = QTEXT,
	['^' ... '`'] = ATEXT | QTEXT,
	['a' ... 'z'] = ATEXT | QTEXT | LETDIG | DOMAIN,
	['{' ... '~'] = ATEXT | QTEXT,
	[0x80 ... 0xff] = NONASCII,
};

#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

static bool is(unsigned char b, uint16_t bits)
{
	return (class[b] & bits) != 0;
}

/* Dot-string: atoms with single dots between them. */
static bool dot_string_ok(struct str s, uint16_t bits)
{
	bool atom = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (!atom)
				return false;
			atom = false;
		} else if (is((unsigned char)s.p[i], bits)) {
			atom = true;
		} else {
			return false;
		}
	}
	return atom;
}

/* Cursor behind the opening quote. Appends without escapes. */
static int parse_quoted(struct cur *c, uint16_t utf8, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, ADDRESS_LOCAL_MAX + 1);
	size_t n = 0;
	int b;

	for (;;) {
		b = cur_next(c);
		if (b == '"')
			break;
		if (b == '\\') { /* quoted-pairSMTP = "\" %d32-126 */
			b = cur_next(c);
			if (b < 32 || b > 126)
				return E_SYNTAX;
		} else if (b < 0 || !is((unsigned char)b, QTEXT | utf8)) {
			return E_SYNTAX;
		}
		if (n == ADDRESS_LOCAL_MAX)
			return E_LIMIT;
		p[n++] = (char)b;
	}
	*out = str_make(p, n);
	return 0;
}

static int parse_local(struct cur *c, uint16_t utf8, struct arena *a, struct str *out)
{
	const unsigned char *start = c->p;
	struct str s;

	if (cur_take(c, '"'))
		return parse_quoted(c, utf8, a, out);
	while (!cur_end(c) && (*c->p == '.' || is(*c->p, ATEXT | utf8)))
		c->p++;
	s = str_make(start, (size_t)(c->p - start));
	if (!dot_string_ok(s, ATEXT | utf8))
		return E_SYNTAX;
	if (s.n > ADDRESS_LOCAL_MAX)
		return E_LIMIT;
	*out = arena_str(a, s);
	return 0;
}

/* Labels of letters, digits and inner hyphens; U-labels are only checked for
 * being UTF-8 here, domain_normal() does the rest. */
static int domain_check(struct str d)
{
	struct str rest = d, label;

	if (d.n > ADDRESS_DOMAIN_MAX)
		return E_LIMIT;
	while (rest.p) {
		label = str_cut(&rest, '.');
		if (!label.n || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return E_SYNTAX;
		if (label.n > LABEL_MAX && str_is_ascii(label))
			return E_LIMIT;
	}
	return 0;
}

/* What stands between the brackets: an IPv4 address, or an IPv6 one behind its
 * tag. No other tag is registered (RFC 5321 4.1.3). */
static bool literal_ok(struct str s)
{
	char text[64];
	unsigned char ip[16];

	if (s.n >= sizeof text || memchr(s.p, 0, s.n))
		return false;
	if (str_istarts(s, "IPv6:")) {
		s = str_from(s, 5);
		memcpy(text, s.p, s.n);
		text[s.n] = 0;
		return inet_pton(AF_INET6, text, ip) == 1;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	return inet_pton(AF_INET, text, ip) == 1;
}

static int parse_literal(struct cur *c, struct arena *a, struct str *out)
{
	struct str rest = cur_rest(c);
	ssize_t end = str_find(rest, ']');

	if (end < 0 || !literal_ok(str_sub(rest, 1, (size_t)end)))
		return E_SYNTAX;
	*out = arena_str(a, str_sub(rest, 0, (size_t)end + 1));
	c->p += end + 1;
	return 0;
}

static int parse_domain(struct cur *c, uint16_t utf8, struct arena *a, struct address *addr)
{
	struct str d;
	int r;

	if (cur_peek(c) == '[') {
		addr->literal = true;
		return parse_literal(c, a, &addr->domain);
	}
	d = cur_span(c, class, DOMAIN | utf8);
	r = domain_check(d);
	if (!r)
		addr->domain = arena_str(a, d);
	return r;
}

int address_parse(struct cur *c, struct arena *a, bool allow_utf8, struct address *out)
{
	uint16_t utf8 = allow_utf8 ? NONASCII : 0;
	struct address addr = { 0 };
	struct cur at = *c;
	int r;

	if (cur_end(&at) || (*at.p != '"' && *at.p != '.' && !is(*at.p, ATEXT | utf8)))
		return 0;
	r = parse_local(&at, utf8, a, &addr.local);
	if (r)
		return r;
	if (!cur_take(&at, '@'))
		return E_SYNTAX;
	r = parse_domain(&at, utf8, a, &addr);
	if (r)
		return r;
	if (addr.local.n + 1 + addr.domain.n > ADDRESS_MAX)
		return E_LIMIT;
	addr.utf8 = !str_is_ascii(addr.local) || !str_is_ascii(addr.domain);
	if (addr.utf8 && (!str_is_utf8(addr.local) || !str_is_utf8(addr.domain)))
		return E_SYNTAX;
	*c = at;
	*out = addr;
	return 1;
}

int address_parse_all(struct str s, struct arena *a, struct address *out)
{
	struct cur c = cur_of(s);
	struct address addr;
	int r = address_parse(&c, a, true, &addr);

	if (r < 0)
		return r;
	if (r == 0 || !cur_end(&c))
		return E_SYNTAX;
	*out = addr;
	return 0;
}

void address_print(const struct address *addr, struct buf *out)
{
	size_t i;

	if (dot_string_ok(addr->local, ATEXT | NONASCII)) {
		buf_str(out, addr->local);
	} else {
		buf_c(out, '"');
		for (i = 0; i < addr->local.n; i++) {
			if (addr->local.p[i] == '"' || addr->local.p[i] == '\\')
				buf_c(out, '\\');
			buf_c(out, addr->local.p[i]);
		}
		buf_c(out, '"');
	}
	if (addr->domain.n) {
		buf_c(out, '@');
		buf_str(out, addr->domain);
	}
}

struct str address_text(struct arena *a, const struct address *addr)
{
	struct buf b;
	struct str out;

	buf_init(&b, 2 * addr->local.n + addr->domain.n + 3);
	address_print(addr, &b);
	out = arena_str(a, buf_view(&b));
	buf_done(&b);
	return out;
}

static struct str lower(struct str s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t i;

	for (i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return str_make(p, s.n);
}

int domain_normal(struct str domain, struct arena *a, struct str *out)
{
	uint8_t *ace = NULL;
	char *text;
	int r;

	if (!domain.n || domain.n > ADDRESS_DOMAIN_MAX || memchr(domain.p, 0, domain.n))
		return E_SYNTAX;
	if (str_is_ascii(domain)) { /* A-labels are already what we compare */
		*out = lower(domain, a);
		return 0;
	}
	if (!str_is_utf8(domain))
		return E_SYNTAX;
	text = arena_cstr(a, domain);
	r = idn2_lookup_u8((const uint8_t *)text, &ace, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (r != IDN2_OK)
		return E_SYNTAX;
	*out = lower(str_of((const char *)ace), a);
	idn2_free(ace);
	return out->n <= ADDRESS_DOMAIN_MAX ? 0 : E_SYNTAX;
}

struct str address_width(struct str s, struct arena *a)
{
	const uint8_t *p = (const uint8_t *)s.p;
	uint8_t text[6];
	struct buf b;
	size_t i;

	if (str_is_ascii(s) || !str_is_utf8(s))
		return s;
	buf_init(&b, 8 * s.n + 8);
	for (i = 0; i < s.n;) {
		ucs4_t c, whole[UC_DECOMPOSITION_MAX_LENGTH];
		int tag = 0, k, n = u8_mbtouc(&c, p + i, s.n - i);
		int parts = c >= 0xff01 && c <= 0xffee ? uc_decomposition(c, &tag, whole) : 0;

		if (parts > 0 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW))
			for (k = 0; k < parts; k++)
				buf_add(&b, text, (size_t)MAX(u8_uctomb(text, whole[k], sizeof(text)), 0));
		else
			buf_add(&b, p + i, (size_t)n);
		i += (size_t)n;
	}
	if (!b.err)
		s = arena_str(a, buf_view(&b));
	buf_done(&b);
	return s;
}

/* RFC 8265 3.3.2: in lower case (of no language), composed. */
static int case_mapped(struct str s, struct arena *a, struct str *out)
{
	size_t n = 0;
	uint8_t *made = u8_tolower((const uint8_t *)s.p, s.n, NULL, UNINORM_NFC, NULL, &n);

	if (!made)
		return errno == ENOMEM ? -ENOMEM : E_SYNTAX;
	*out = arena_str(a, str_make(made, n));
	free(made);
	return 0;
}

int address_normal(const struct address *addr, struct arena *a, struct str *local_out,
	struct str *domain_out)
{
	struct str local = addr->local, domain = STR_NONE;
	int r;

	if (addr->domain.n) {
		r = domain_normal(addr->domain, a, &domain);
		if (r)
			return r;
	}
	if (!str_is_ascii(local)) {
		if (!str_is_utf8(local))
			return E_SYNTAX;
		r = case_mapped(address_width(local, a), a, &local);
		if (r)
			return r;
	}
	*local_out = lower(local, a);
	*domain_out = domain;
	return 0;
}
