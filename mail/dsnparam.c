/* SPDX-License-Identifier: ISC
 *
 * dsnparam.c: NOTIFY, ORCPT, RET, ENVID (see dsnparam.h).
 *
 *   notify-esmtp-value  = "NEVER" / 1#notify-list-element      (RFC 3461 4.1)
 *   orcpt-parameter     = "ORCPT=" addr-type ";" xtext         (4.2)
 *   ret-value           = "FULL" / "HDRS"                      (4.3)
 *   envid-parameter     = "ENVID=" xtext                       (4.4)
 *   utf-8-addr-xtext    = 1*(QCHAR / EmbeddedUnicodeChar)      (RFC 6533 3)
 */
#include "mail/dsnparam.h"

#include "base/codec.h"
#include "base/cur.h"
#include "mail/envelope.h"

static const struct {
	const char *word;
	uint32_t bit;
} notify[] = {
	{ "NEVER", NOTIFY_NEVER },
	{ "SUCCESS", NOTIFY_SUCCESS },
	{ "FAILURE", NOTIFY_FAILURE },
	{ "DELAY", NOTIFY_DELAY },
};

int dsn_notify_parse(struct str value, uint32_t *bits_out)
{
	uint32_t bits = 0;
	size_t i;

	if (!value.n)
		return E_SYNTAX;
	while (value.p) {
		struct str word = str_cut(&value, ',');

		for (i = 0; i < ARRAY_LEN(notify) && !str_ieqc(word, notify[i].word); i++)
			;
		if (i == ARRAY_LEN(notify) || bits & notify[i].bit)
			return E_SYNTAX;
		bits |= notify[i].bit;
	}
	if (bits & NOTIFY_NEVER && bits != NOTIFY_NEVER)
		return E_SYNTAX;
	*bits_out = bits;
	return 0;
}

void dsn_notify_print(uint32_t bits, struct buf *out)
{
	const char *separator = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(notify); i++) {
		if (!(bits & notify[i].bit))
			continue;
		buf_fmt(out, "%s%s", separator, notify[i].word);
		separator = ",";
	}
}

int dsn_ret_parse(struct str value, bool *full_out)
{
	bool full = str_ieqc(value, "FULL");

	if (!full && !str_ieqc(value, "HDRS"))
		return E_SYNTAX;
	*full_out = full;
	return 0;
}

static bool printable(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return s.n > 0;
}

/* Decodes to printable ASCII. */
static int xtext_check(struct str value)
{
	struct buf text;
	int r;

	buf_init(&text, value.n + 1);
	r = xtext_decode(value, &text);
	if (!r && !printable(buf_view(&text)))
		r = E_SYNTAX;
	buf_done(&text);
	return r;
}

int dsn_envid_check(struct str value)
{
	return value.n > DSN_ENVID_MAX ? E_LIMIT : xtext_check(value);
}

/* EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}": two to six digits of what is
 * not written directly: no control, no surrogate. */
static bool unicode_char(struct cur *c)
{
	uint32_t code = 0;
	int digits = 0, b;

	if (!cur_word(c, "\\x{"))
		return false;
	for (;; digits++) {
		b = cur_next(c);
		if (b >= '0' && b <= '9')
			code = code << 4 | (uint32_t)(b - '0');
		else if (b >= 'A' && b <= 'F')
			code = code << 4 | (uint32_t)(b - 'A' + 10);
		else
			break;
		if (digits == 6)
			return false;
	}
	return b == '}' && digits >= 2 && code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0) &&
		!(code >= 0xd800 && code < 0xe000) && code <= 0x10ffff;
}

/* utf-8-addr-xtext; with `utf8` the other forms too, which hold UTF-8 itself. */
static int utf8_check(struct str value, bool utf8)
{
	struct cur c = cur_of(value);

	if (!value.n || !str_is_utf8(value))
		return E_SYNTAX;
	while (!cur_end(&c)) {
		int b = cur_peek(&c);

		if (b == '\\') {
			if (!unicode_char(&c))
				return E_SYNTAX;
			continue;
		}
		if (b <= 0x20 || b == 0x7f || b == '=' || (!utf8 && (b == '+' || b > 0x7f)))
			return E_SYNTAX;
		cur_next(&c);
	}
	return 0;
}

static bool atom(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e || strchr("()<>@,;:\\\".[]", s.p[i]))
			return false;
	return s.n > 0;
}

int dsn_orcpt_check(struct str value, bool utf8)
{
	struct str rest = value, type;

	if (value.n > DSN_ORCPT_MAX)
		return E_LIMIT;
	type = str_cut(&rest, ';');
	if (!rest.p || !atom(type))
		return E_SYNTAX;
	return str_ieqc(type, "utf-8") ? utf8_check(rest, utf8) : xtext_check(rest);
}
