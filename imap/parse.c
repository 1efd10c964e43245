/* SPDX-License-Identifier: ISC
 *
 * parse.c: words of IMAP commands (RFC 3501 9, formal syntax). Nothing is
 * repaired: what does not match is refused. 8-bit bytes may stand in quoted
 * strings and in the words of a search (clients do that), elsewhere not.
 */
#include "imap/parse.h"

#include "mail/date.h"
#include "mail/imapset.h"
#include "store/store.h"

#define ALL (IMAP_C_ATOM | IMAP_C_ASTRING | IMAP_C_TAG | IMAP_C_LIST)
#define WORD (ALL | IMAP_C_WORD)

/* atom-specials = "(" / ")" / "{" / SP / CTL / "%" / "*" / DQUOTE / "\" / "]" */
cur_class imap_class = {
	[0x21] = ALL,
	[0x23 ... 0x24] = ALL,
	['%'] = IMAP_C_LIST,
	[0x26 ... 0x27] = ALL,
	['*'] = IMAP_C_LIST,
	['+'] = IMAP_C_ATOM | IMAP_C_ASTRING | IMAP_C_LIST,
	[','] = ALL,
	['-' ... '.'] = WORD,
	['/'] = ALL,
	['0' ... '9'] = WORD,
	[':' ... '@'] = ALL,
	['A' ... 'Z'] = WORD,
	['['] = ALL,
	[']'] = IMAP_C_ASTRING | IMAP_C_TAG | IMAP_C_LIST,
	['^' ... '`'] = ALL,
	['a' ... 'z'] = WORD,
	['|' ... '~'] = ALL,
	[0x80 ... 0xff] = IMAP_C_HIGH,
};

static int parse_run(struct cur *c, uint16_t bits, struct str *out)
{
	struct str s = cur_span(c, imap_class, bits);

	if (!s.n)
		return 0;
	*out = s;
	return 1;
}

int imap_parse_tag(struct cur *c, struct str *out)
{
	return parse_run(c, IMAP_C_TAG, out);
}

int imap_parse_atom(struct cur *c, struct str *out)
{
	return parse_run(c, IMAP_C_ATOM, out);
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; "\" escapes only DQUOTE and "\" */
int imap_parse_quoted(struct cur *c, struct arena *a, struct str *out)
{
	struct cur w = *c;
	char *copy;
	size_t n = 0;

	if (!cur_take(&w, '"'))
		return 0;
	copy = arena_alloc(a, cur_left(&w) + 1);
	for (;;) {
		int b = cur_next(&w);

		if (b == '"')
			break;
		if (b == '\\') {
			b = cur_next(&w);
			if (b != '"' && b != '\\')
				return E_SYNTAX;
		}
		if (b <= 0 || b == '\r' || b == '\n')
			return E_SYNTAX;
		copy[n++] = (char)b;
	}
	*c = w;
	*out = str_make(copy, n);
	return 1;
}

/* literal = "{" number ["+"] "}" CRLF *CHAR8 */
static int parse_literal(struct cur *c, struct str *out)
{
	struct cur w = *c;
	uint64_t n;

	if (!cur_take(&w, '{'))
		return 0;
	if (cur_u64(&w, UINT32_MAX, &n) != 1)
		return E_SYNTAX;
	cur_take(&w, '+');
	if (!cur_word(&w, "}\r\n") || !cur_bytes(&w, (size_t)n, out))
		return E_SYNTAX;
	*c = w;
	return 1;
}

int imap_parse_string(struct cur *c, struct arena *a, struct str *out)
{
	int r = imap_parse_quoted(c, a, out);

	return r ? r : parse_literal(c, out);
}

int imap_parse_astring(struct cur *c, struct arena *a, struct str *out)
{
	int r = parse_run(c, IMAP_C_ASTRING, out);

	return r ? r : imap_parse_string(c, a, out);
}

int imap_parse_search_string(struct cur *c, struct arena *a, struct str *out)
{
	int r = parse_run(c, IMAP_C_ASTRING | IMAP_C_HIGH, out);

	return r ? r : imap_parse_string(c, a, out);
}

int imap_parse_list_mailbox(struct cur *c, struct arena *a, struct str *out)
{
	int r = parse_run(c, IMAP_C_LIST, out);

	return r ? r : imap_parse_string(c, a, out);
}

int imap_parse_nstring(struct cur *c, struct arena *a, struct str *out)
{
	struct cur w = *c;

	if (cur_iword(&w, "NIL")) {
		*c = w;
		*out = STR_NONE;
		return 1;
	}
	return imap_parse_string(c, a, out);
}

int imap_parse_modseq(struct cur *c, uint64_t *out)
{
	return cur_u64(c, INT64_MAX, out);
}

int imap_parse_mailbox(struct cur *c, struct arena *a, struct str *out, bool *bad_out)
{
	struct str raw, name;
	struct buf b;
	int r = imap_parse_astring(c, a, &raw);

	if (r != 1)
		return r;
	buf_init(&b, IMAP_NAME_MAX);
	*bad_out = mutf7_decode(raw, &b) || b.err || !b.n;
	name = arena_str(a, buf_view(&b));
	buf_done(&b);
	if (str_istarts(name, "INBOX") && (name.n == 5 || name.p[5] == '/'))
		memcpy((char *)(uintptr_t)name.p, "INBOX", 5);
	*out = name;
	return 1;
}

static int add_flag(struct imap_flags *f, struct str name, bool system)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "Seen", STORE_SEEN }, { "Answered", STORE_ANSWERED }, { "Flagged", STORE_FLAGGED },
		{ "Deleted", STORE_DELETED }, { "Draft", STORE_DRAFT },
	};
	size_t i;

	if (!system) {
		for (i = 0; i < f->nkeywords; i++)
			if (str_ieq(f->keyword[i], name))
				return 0;
		if (name.n > IMAP_KEYWORD_MAX || f->nkeywords == IMAP_FLAGS_MAX)
			return E_SYNTAX;
		f->keyword[f->nkeywords++] = name;
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieqc(name, known[i].name)) {
			f->flags |= known[i].bit;
			return 0;
		}
	return E_SYNTAX; /* \Recent cannot be set, others do not exist */
}

/* flag = "\Answered" / ... / flag-keyword */
int imap_parse_flags(struct cur *c, struct arena *a, struct imap_flags *out)
{
	struct imap_flags f = { .flags = 0 };
	struct cur w = *c;

	f.keyword = arena_array(a, IMAP_FLAGS_MAX, sizeof *f.keyword);
	for (;;) {
		struct str name;
		bool system = cur_take(&w, '\\');

		if (imap_parse_atom(&w, &name) != 1 || add_flag(&f, name, system))
			return E_SYNTAX;
		if (cur_peek(&w) != ' ')
			break;
		cur_next(&w);
	}
	*c = w;
	*out = f;
	return 1;
}

int imap_parse_flag_list(struct cur *c, struct arena *a, struct imap_flags *out)
{
	struct cur w = *c;

	if (!cur_take(&w, '('))
		return 0;
	if (cur_take(&w, ')')) {
		*out = (struct imap_flags){ .flags = 0 };
	} else if (imap_parse_flags(&w, a, out) != 1 || !cur_take(&w, ')')) {
		return E_SYNTAX;
	}
	*c = w;
	return 1;
}

int imap_parse_append(const struct cur *args, struct arena *a, struct imap_append_args *out)
{
	struct cur c = *args;
	struct str when;
	struct date d;

	memset(out, 0, sizeof *out);
	if (!cur_take(&c, ' ') || imap_parse_mailbox(&c, a, &out->mailbox, &out->bad_name) != 1 ||
		!cur_take(&c, ' '))
		return E_SYNTAX;
	if (cur_peek(&c) == '(' &&
		(imap_parse_flag_list(&c, a, &out->flags) != 1 || !cur_take(&c, ' ')))
		return E_SYNTAX;
	if (cur_peek(&c) == '"') {
		if (imap_parse_quoted(&c, a, &when) != 1 || date_imap_parse(when, &d) ||
			!cur_take(&c, ' '))
			return E_SYNTAX;
		out->internaldate = d.unix_time ? d.unix_time : 1;
	}
	return cur_end(&c) ? 1 : E_SYNTAX;
}
