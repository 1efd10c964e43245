/* SPDX-License-Identifier: ISC
 *
 * imap_reply.c: responses into values (imap_reply.h). Strict where a mistake could cost a message
 * (UIDs, lists of flags), deaf to all that an import does not ask for.
 */
#include "import/imap_reply.h"

#include "base/cur.h"
#include "mail/date.h"
#include "store/store.h"

#define NESTING 30

bool imap_word(struct str list, const char *word)
{
	while (list.p && list.n)
		if (str_ieqc(str_cut(&list, ' '), word))
			return true;
	return false;
}

/* "{" number ["+"] "}" */
int64_t imap_literal(struct str line, size_t *at_out)
{
	ssize_t at = str_rfind(line, '{');
	struct str n;
	uint64_t v;

	if (at < 0 || !str_ends(line, "}"))
		return -1;
	n = str_sub(line, (size_t)at + 1, line.n - 1);
	if (str_ends(n, "+"))
		n.n--;
	if (str_u64(n, INT64_MAX, &v) < 0)
		return -1;
	*at_out = (size_t)at;
	return (int64_t)v;
}

/* Up to a space or a parenthesis; with [...] as a whole: BODY[HEADER.FIELDS (A B)]. */
static struct str take_atom(struct cur *c)
{
	const unsigned char *from = c->p;
	int depth = 0;

	while (!cur_end(c)) {
		int b = cur_peek(c);

		if (!depth && (b == ' ' || b == '(' || b == ')' || b == '"'))
			break;
		depth += b == '[';
		depth -= b == ']' && depth;
		c->p++;
	}
	return str_make(from, (size_t)(c->p - from));
}

/* quoted = DQUOTE *(char / "\" quoted-specials) DQUOTE: 1, 0, E_SYNTAX */
static int take_quoted(struct cur *c, struct arena *a, struct str *out)
{
	struct cur at = *c;
	struct buf b;
	int ch;

	if (!cur_take(&at, '"'))
		return 0;
	buf_init(&b, (size_t)1 << 20);
	while ((ch = cur_next(&at)) >= 0 && ch != '"') {
		if (ch == '\\')
			ch = cur_next(&at);
		if (ch < 0)
			break;
		buf_c(&b, (char)ch);
	}
	if (ch == '"' && !b.err) {
		*out = arena_str(a, buf_view(&b));
		*c = at;
	}
	buf_done(&b);
	return ch == '"' && !b.err ? 1 : E_SYNTAX;
}

/* A word or a string. */
static int take_string(struct cur *c, struct arena *a, struct str *out)
{
	int r = take_quoted(c, a, out);

	if (r)
		return r < 0 ? r : 0;
	*out = take_atom(c);
	return out->n ? 0 : E_SYNTAX;
}

static int skip_value(struct cur *c, struct arena *a, int depth)
{
	struct str s;

	if (!cur_take(c, '('))
		return take_string(c, a, &s);
	if (depth > NESTING)
		return E_SYNTAX;
	while (!cur_take(c, ')')) {
		if (cur_end(c))
			return E_SYNTAX;
		if (!cur_take(c, ' ') && skip_value(c, a, depth + 1) < 0)
			return E_SYNTAX;
	}
	return 0;
}

/* "(" words ")", as one text */
static int take_words(struct cur *c, struct str *out)
{
	const unsigned char *from;

	if (!cur_take(c, '('))
		return E_SYNTAX;
	from = c->p;
	while (!cur_end(c) && cur_peek(c) != ')' && cur_peek(c) != '(')
		c->p++;
	*out = str_make(from, (size_t)(c->p - from));
	return cur_take(c, ')') ? 0 : E_SYNTAX;
}

/* --- FETCH ------------------------------------------------------------------------ */

static const struct { const char *name; uint32_t flag; } flag_names[] = {
	{ "\\Seen", STORE_SEEN }, { "\\Answered", STORE_ANSWERED }, { "\\Flagged", STORE_FLAGGED },
	{ "\\Deleted", STORE_DELETED }, { "\\Draft", STORE_DRAFT },
};

static int take_flags(struct cur *c, struct arena *a, struct imap_reply *out)
{
	struct str words, w;
	struct buf b;
	size_t i;
	int err = take_words(c, &words);

	if (err)
		return err;
	buf_init(&b, 65536);
	out->has_flags = true;
	out->flags = 0;
	while (words.p && words.n) {
		w = str_cut(&words, ' ');
		for (i = 0; i < ARRAY_LEN(flag_names); i++)
			if (str_ieqc(w, flag_names[i].name))
				out->flags |= flag_names[i].flag;
		if (w.n && w.p[0] != '\\' && w.n <= 200 && !str_has_ctl(w)) {
			if (b.n)
				buf_c(&b, ' ');
			buf_str(&b, w);
		}
	}
	out->keywords = arena_str(a, buf_view(&b));
	err = b.err;
	buf_done(&b);
	return err;
}

static int take_item(struct cur *c, struct arena *a, struct imap_reply *out)
{
	struct str name = take_atom(c), v;
	struct date d;
	uint64_t n;

	if (!name.n || !cur_take(c, ' '))
		return E_SYNTAX;
	if (str_ieqc(name, "FLAGS"))
		return take_flags(c, a, out);
	if (str_ieqc(name, "UID")) {
		if (str_u64(take_atom(c), UINT32_MAX - 1, &n) < 0 || !n)
			return E_SYNTAX;
		out->uid = (uint32_t)n;
		return 0;
	}
	if (str_ieqc(name, "INTERNALDATE")) {
		if (take_string(c, a, &v) < 0)
			return E_SYNTAX;
		if (date_imap_parse(v, &d) == 0)
			out->internaldate = d.unix_time;
		return 0;
	}
	if (str_ieqc(name, "BODY[]")) {
		v = take_atom(c);
		out->has_body = str_eqc(v, "<>");
		return v.n || take_quoted(c, a, &v) == 1 ? 0 : E_SYNTAX;
	}
	return skip_value(c, a, 0);
}

static int take_fetch(struct cur *c, struct arena *a, struct imap_reply *out)
{
	if (!cur_take(c, '('))
		return E_SYNTAX;
	while (!cur_take(c, ')')) {
		if (cur_end(c) || (!cur_take(c, ' ') && take_item(c, a, out) < 0))
			return E_SYNTAX;
	}
	return 0;
}

/* --- the others ------------------------------------------------------------------------ */

static int take_list(struct cur *c, struct arena *a, struct imap_reply *out)
{
	struct str separator;

	if (take_words(c, &out->attributes) < 0 || !cur_take(c, ' ') || take_string(c, a, &separator) < 0 ||
	    !cur_take(c, ' '))
		return E_SYNTAX;
	if (!str_ieqc(separator, "NIL") && separator.n != 1)
		return E_SYNTAX;
	out->separator = separator.n == 1 ? separator.p[0] : 0;
	if (take_quoted(c, a, &out->name) == 0)
		out->name = take_atom(c); /* "(" is no part of an atom */
	return out->name.n ? 0 : E_SYNTAX;
}

static int take_state(struct cur *c, struct str word, struct imap_reply *out)
{
	static const char *const names[] = { "OK", "NO", "BAD", "PREAUTH", "BYE" };
	struct str rest = cur_rest(c), code;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names) && !str_ieqc(word, names[i]); i++)
		;
	if (i == ARRAY_LEN(names))
		return E_SYNTAX;
	out->state = (enum imap_state)i;
	if (str_starts(rest, "[") && str_find(rest, ']') > 0) {
		rest = str_from(rest, 1);
		code = str_cut(&rest, ']');
		out->code = str_cut(&code, ' ');
		out->code_value = code.p ? code : STR("");
	}
	out->text = rest.p ? str_trim(rest) : STR("");
	return 0;
}

static int take_untagged(struct cur *c, struct arena *a, struct imap_reply *out)
{
	struct str word = take_atom(c);
	uint64_t n;

	cur_take(c, ' ');
	if (str_u64(word, UINT32_MAX, &n) == 0) {
		out->number = (uint32_t)n;
		word = take_atom(c);
		cur_take(c, ' ');
		if (str_ieqc(word, "EXISTS")) {
			out->kind = IMAP_EXISTS;
		} else if (str_ieqc(word, "FETCH")) {
			out->kind = IMAP_FETCH;
			return take_fetch(c, a, out);
		}
		return 0;
	}
	if (str_ieqc(word, "CAPABILITY")) {
		out->kind = IMAP_CAPABILITY;
		out->text = cur_rest(c);
		return 0;
	}
	if (str_ieqc(word, "LIST") || str_ieqc(word, "LSUB")) {
		out->kind = str_ieqc(word, "LIST") ? IMAP_LIST : IMAP_LSUB;
		return take_list(c, a, out);
	}
	if (take_state(c, word, out) == 0)
		out->kind = IMAP_STATE;
	return 0;
}

int imap_reply_parse(struct str text, struct arena *a, struct imap_reply *out)
{
	struct cur c = cur_of(text);
	struct imap_reply r = { .kind = IMAP_OTHER, .text = STR(""), .code = STR(""), .code_value = STR(""),
		.keywords = STR(""), .attributes = STR("") };
	int err = 0;

	if (cur_take(&c, '+')) {
		cur_take(&c, ' ');
		r.kind = IMAP_CONTINUE;
		r.text = cur_rest(&c);
	} else if (cur_take(&c, '*')) {
		err = cur_take(&c, ' ') ? take_untagged(&c, a, &r) : E_SYNTAX;
	} else {
		r.tag = take_atom(&c);
		r.kind = IMAP_TAGGED;
		if (!r.tag.n || !cur_take(&c, ' '))
			return E_SYNTAX;
		text = take_atom(&c);
		cur_take(&c, ' ');
		err = take_state(&c, text, &r);
	}
	if (!err)
		*out = r;
	return err;
}
