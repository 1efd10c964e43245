/* SPDX-License-Identifier: ISC
 *
 * address_list.c: the addresses of a header field (RFC 5322 3.4 with the
 * obsolete forms of 4.4, groups also where RFC 6854 allows them).
 *
 *     address    = mailbox / group
 *     mailbox    = [phrase] "<" [route ":"] addr-spec ">" / addr-spec
 *     group      = phrase ":" [mailbox *("," mailbox)] ";"
 *
 * Words are gathered until the byte comes that says what they were: '<' a
 * name, '@' a local part, ':' a group's name. What fits no form is skipped to
 * the next comma. One position that only moves forward, comments counted and
 * not nested by calls: linear, whatever stands in the field. Groups are always
 * closed in the result, by the limit if not by the text.
 */
#include "mail/address.h"

#include "mail/header.h"

struct parser {
	struct cur c;
	struct arena *a;
	struct buf text; /* the words so far, single spaces between them */
	size_t words; /* how many of them, not counting those joined by '.' */
	bool joined; /* the last byte was a '.', or nothing came yet */
	struct str comment; /* the last one, raw: a name of old (RFC 822 "joe@x (Joe)") */
	bool in_group;
	struct header_address *list;
	size_t n, cap, max;
	bool full;
	bool broken; /* a part was skipped, or the end came inside quotes or a comment */
};

/* atext, and every byte that has no meaning of its own (8 bit, lone '\\'). */
static bool is_atom(int b)
{
	return b > 32 && b != 127 && !strchr("()<>@,;:\"[].", b);
}

/* --- tokens -------------------------------------------------------------------- */

/* White space, controls and comments; remembers the last comment. */
static bool skip_cfws(struct parser *p)
{
	const unsigned char *start = p->c.p, *open = NULL;
	size_t depth = 0;

	for (; p->c.p < p->c.end; p->c.p++) {
		int b = *p->c.p;

		if (depth) {
			if (b == '\\' && p->c.p + 1 < p->c.end)
				p->c.p++;
			else if (b == '(')
				depth++;
			else if (b == ')' && --depth == 0)
				p->comment = str_make(open, (size_t)(p->c.p - open));
		} else if (b == '(') {
			depth = 1;
			open = p->c.p + 1;
		} else if (b > 32 && b != 127) {
			break;
		}
	}
	p->broken |= depth > 0;
	return p->c.p > start;
}

/* Behind the opening quote: appends the content without quotes and folds. */
static void take_quoted(struct parser *p)
{
	int b;

	while ((b = cur_next(&p->c)) >= 0 && b != '"') {
		if (b == '\\' && !cur_end(&p->c))
			b = cur_next(&p->c);
		if (b != '\r' && b != '\n')
			buf_c(&p->text, (char)b);
	}
	p->broken |= b < 0;
}

/* A word or a '.'; false at anything else. Words with space between them are
 * separated by one space, whatever it was. */
static bool take_word(struct parser *p)
{
	int b = cur_peek(&p->c);
	const unsigned char *start = p->c.p;

	if (b == '.') {
		p->c.p++;
		buf_c(&p->text, '.');
		p->joined = true;
		return true;
	}
	if (b != '"' && !is_atom(b))
		return false;
	if (!p->joined)
		buf_c(&p->text, ' ');
	p->words += !p->joined || !p->words;
	p->joined = false;
	if (b == '"') {
		p->c.p++;
		take_quoted(p);
		return true;
	}
	while (p->c.p < p->c.end && is_atom(*p->c.p))
		p->c.p++;
	buf_add(&p->text, start, (size_t)(p->c.p - start));
	return true;
}

/* Words to the next byte that is none. A name keeps the space behind a '.'
 * ("John Q. Public"), a local part has none ("john . q"). */
static void take_words(struct parser *p, bool name)
{
	buf_reset(&p->text);
	p->words = 0;
	p->joined = true;
	do {
		bool space = skip_cfws(p);

		if (space && name && p->words && p->joined && cur_peek(&p->c) != '.')
			p->joined = false;
	} while (take_word(p));
}

static struct str taken(struct parser *p)
{
	return arena_str(p->a, buf_view(&p->text));
}

/* To the next comma, or semicolon in a group, outside quotes and comments. */
static void skip_broken(struct parser *p)
{
	p->broken = true;
	for (;;) {
		skip_cfws(p);
		if (cur_end(&p->c) || *p->c.p == ',' || (*p->c.p == ';' && p->in_group))
			return;
		if (cur_next(&p->c) == '"') {
			buf_reset(&p->text);
			take_quoted(p);
		}
	}
}

/* --- the list ---------------------------------------------------------------- */

/* The place that a group's end needs is kept free while the group is open. */
static bool has_room(struct parser *p, size_t n)
{
	if (p->n + n + p->in_group <= p->max)
		return true;
	p->full = true;
	return false;
}

static struct header_address *add(struct parser *p)
{
	if (p->n == p->cap) {
		size_t want = p->cap ? p->cap * 2 : 4;
		struct header_address *grown = arena_array(p->a, want, sizeof *grown);

		if (p->n)
			memcpy(grown, p->list, p->n * sizeof *grown);
		p->list = grown;
		p->cap = want;
	}
	return &p->list[p->n++];
}

static void add_mailbox(struct parser *p, struct str name, struct str route, struct str local,
	struct str domain)
{
	struct header_address *adr;

	if (!has_room(p, 1))
		return;
	adr = add(p);
	*adr = (struct header_address){ .kind = HEADER_MAILBOX, .name = name, .route = route,
		.local = local, .domain = domain };
}

static void end_group(struct parser *p)
{
	if (p->in_group)
		*add(p) = (struct header_address){ .kind = HEADER_GROUP_END, .name = STR(""),
			.route = STR(""), .local = STR(""), .domain = STR("") };
	p->in_group = false;
}

/* --- the grammar --------------------------------------------------------------- */

/* domain = dot-atom / domain-literal / obs-domain; appended to text. */
static bool take_domain(struct parser *p)
{
	size_t before = p->text.n;

	skip_cfws(p);
	if (cur_peek(&p->c) == '[') {
		do {
			if (cur_peek(&p->c) > 32 && cur_peek(&p->c) != 127)
				buf_c(&p->text, (char)cur_peek(&p->c));
			p->c.p++;
		} while (!cur_end(&p->c) && !(*p->c.p && strchr("],;>", *p->c.p)));
		if (!cur_take(&p->c, ']'))
			return false;
		buf_c(&p->text, ']');
		skip_cfws(p);
		return true;
	}
	for (;;) {
		const unsigned char *start = p->c.p;

		while (p->c.p < p->c.end && (is_atom(*p->c.p) || *p->c.p == '.'))
			p->c.p++;
		buf_add(&p->text, start, (size_t)(p->c.p - start));
		skip_cfws(p);
		/* "example . org" goes on, "example org" does not */
		if (cur_end(&p->c) || p->c.p == start ||
			(*p->c.p != '.' && !(p->text.n > before && is_atom(*p->c.p) &&
						p->text.p[p->text.n - 1] == '.')))
			return p->text.n > before;
	}
}

/* obs-route = 1*("@" domain [","]) ":" ; as "@a,@b" */
static bool take_route(struct parser *p, struct str *route)
{
	buf_reset(&p->text);
	for (;;) {
		skip_cfws(p);
		if (cur_take(&p->c, ',')) {
			continue;
		} else if (cur_take(&p->c, ':')) {
			*route = taken(p);
			return true;
		} else if (!cur_take(&p->c, '@')) {
			return false;
		}
		buf_puts(&p->text, p->text.n ? ",@" : "@");
		if (!take_domain(p))
			return false;
	}
}

/* [comment-free] name of an addr-spec without phrase: the comment behind it. */
static struct str comment_name(struct parser *p)
{
	size_t i;

	buf_reset(&p->text);
	for (i = 0; i < p->comment.n; i++) {
		if (p->comment.p[i] == '\\' && i + 1 < p->comment.n)
			i++;
		if (p->comment.p[i] != '\r' && p->comment.p[i] != '\n')
			buf_c(&p->text, p->comment.p[i]);
	}
	return str_trim(taken(p));
}

/* Behind "<": the rest of an angle-addr. "<>" is a mailbox without anything. */
static bool angle(struct parser *p, struct str name)
{
	struct str route = STR(""), local, domain = STR("");

	skip_cfws(p);
	if (cur_peek(&p->c) == '@' && !take_route(p, &route))
		return false;
	take_words(p, false);
	local = taken(p);
	if (p->words > 1)
		return false;
	if (cur_take(&p->c, '@')) {
		buf_reset(&p->text);
		if (!take_domain(p))
			return false;
		domain = taken(p);
	}
	if (!cur_take(&p->c, '>'))
		return false;
	add_mailbox(p, name, route, local, domain);
	return true;
}

/* What stood between `start` and the '<' just taken, as it was written. */
static struct str taken_from(struct parser *p, struct cur start)
{
	return header_unfold(str_make(start.p, (size_t)(p->c.p - 1 - start.p)), p->a);
}

/* One address from its first byte on; false: broken. */
static bool address(struct parser *p)
{
	struct cur start = p->c;
	struct str words, domain;

	p->comment = STR("");
	take_words(p, true);
	words = taken(p);
	switch (cur_peek(&p->c)) {
	case '<':
		p->c.p++;
		return angle(p, words);
	case ':':
		if (p->in_group || !p->words || !has_room(p, 2))
			return p->full;
		p->c.p++;
		p->in_group = true;
		*add(p) = (struct header_address){ .kind = HEADER_GROUP_START, .name = words,
			.route = STR(""), .local = STR(""), .domain = STR("") };
		return true;
	case '@':
		/* the same words, read as a local part */
		p->c = start;
		take_words(p, false);
		words = taken(p);
		if (p->words != 1 || !cur_take(&p->c, '@'))
			return false;
		buf_reset(&p->text);
		if (!take_domain(p))
			return false;
		domain = taken(p);
		/* "anna@a.example <anna@b.example>": a name that wants quotes; what
		 * every mail program shows as the address is the second one */
		if (cur_take(&p->c, '<'))
			return angle(p, taken_from(p, start));
		add_mailbox(p, comment_name(p), STR(""), words, domain);
		return true;
	case -1:
	case ',':
	case ';':
		/* a local part alone: "root" */
		if (p->words == 1)
			add_mailbox(p, comment_name(p), STR(""), words, STR(""));
		return p->words == 1;
	default:
		return false;
	}
}

/* p: zero but for a and max. */
static void read_list(struct parser *p, struct str body)
{
	p->c = cur_of(body);
	buf_init(&p->text, body.n * 2 + 16);
	for (;;) {
		while (skip_cfws(p) || cur_take(&p->c, ','))
			;
		if (cur_end(&p->c) || p->full)
			break;
		if (cur_take(&p->c, ';')) {
			end_group(p);
			continue;
		}
		if (!address(p))
			skip_broken(p);
		else if (!p->full && !cur_end(&p->c) && !strchr(",;", *p->c.p) &&
			p->n && p->list[p->n - 1].kind != HEADER_GROUP_START)
			skip_broken(p);
	}
	end_group(p);
	buf_done(&p->text);
}

size_t address_list(struct str body, struct arena *a, size_t max, struct header_address **out,
	bool *cut_out)
{
	struct parser p = { .a = a, .max = max };

	read_list(&p, body);
	if (cut_out)
		*cut_out = p.full;
	*out = p.list;
	return p.n;
}

int address_list_all(struct str body, struct arena *a, size_t max, struct header_address **out, size_t *n_out)
{
	struct parser p = { .a = a, .max = max };

	read_list(&p, body);
	if (p.full || p.broken)
		return p.full ? E_LIMIT : E_SYNTAX;
	*out = p.list;
	*n_out = p.n;
	return 0;
}
