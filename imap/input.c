/* SPDX-License-Identifier: ISC
 *
 * input.c: reading one command with its literals (RFC 3501 2.2.1, 4.3; RFC 7888).
 *
 * Always true: in->text never holds more than the limit; "+" is sent only for
 * a literal that will be read; a literal that is refused is either not sent
 * (synchronizing) or read over (RFC 7888 5), so the next line is a command again.
 */
#include "imap/input.h"

#include "imap/parse.h"

void imap_input_init(struct imap_input *in, size_t max)
{
	memset(in, 0, sizeof *in);
	buf_init(&in->text, max + 2);
}

void imap_input_done(struct imap_input *in)
{
	buf_done(&in->text);
}

int imap_literal_tail(struct str line, struct imap_literal *out)
{
	bool plus;
	uint64_t n;
	ssize_t at;

	if (line.n < 3 || line.p[line.n - 1] != '}')
		return 0;
	at = str_rfind(line, '{');
	if (at < 0)
		return 0;
	line = str_sub(line, (size_t)at + 1, line.n - 1);
	plus = str_ends(line, "+");
	if (plus)
		line.n--;
	if (!line.n || str_u64(line, UINT64_MAX / 2, &n) == E_SYNTAX)
		return 0;
	if (str_u64(line, UINT64_MAX / 2, &n))
		n = UINT64_MAX / 2; /* refused as too large, but a literal it is */
	*out = (struct imap_literal){ .there = true, .sync = !plus, .size = n, .at = (size_t)at };
	return 1;
}

int imap_input_skip(struct stream *st, uint64_t n)
{
	while (n) {
		size_t have = stream_view(st).n;
		int r = have ? 0 : stream_fill(st);

		if (r)
			return r;
		have = MIN(stream_view(st).n, n);
		stream_skip(st, have);
		n -= have;
	}
	return 0;
}

/* tag SP ["UID" SP] verb; ABNF: command = tag SP (...) CRLF */
int imap_input_parse(struct imap_input *in, const char **why_out)
{
	struct cur c = cur_of(buf_view(&in->text)), back;
	struct str word;

	in->tag = in->verb = STR_NONE;
	in->uid = false;
	if (imap_parse_tag(&c, &in->tag) != 1 || (!cur_end(&c) && cur_peek(&c) != ' ')) {
		in->tag = STR_NONE;
		*why_out = "Invalid tag";
		return E_SYNTAX;
	}
	if (!cur_take(&c, ' ') || imap_parse_atom(&c, &in->verb) != 1) {
		*why_out = "Missing command";
		return E_SYNTAX;
	}
	back = c;
	if (str_ieqc(in->verb, "UID") && cur_take(&c, ' ') && imap_parse_atom(&c, &word) == 1) {
		in->uid = true;
		in->verb = word;
		back = c;
	}
	in->args = back;
	if (!cur_end(&back) && cur_peek(&back) != ' ') {
		*why_out = "Invalid characters in command";
		return E_SYNTAX;
	}
	return 0;
}

/* Is the literal that the text ends with the message of an APPEND? */
static bool is_append_message(struct imap_input *in)
{
	struct imap_append_args args;
	const char *why;
	struct arena a;
	bool yes;

	if (imap_input_parse(in, &why) || in->uid || !str_ieqc(in->verb, "APPEND"))
		return false;
	arena_init(&a);
	yes = imap_parse_append(&in->args, &a, &args) == 1;
	arena_done(&a);
	return yes;
}

/* The rest of a command that is refused: its lines and literals are read over. */
static int skip_rest(struct stream *st, const struct imap_input_limits *lim, struct imap_literal lit,
	bool *fatal_out)
{
	uint64_t left = lim->discard;
	struct str line;
	int r;

	while (lit.there && !lit.sync) {
		if (lit.size > left) {
			*fatal_out = true;
			return E_LIMIT;
		}
		left -= lit.size;
		r = imap_input_skip(st, lit.size);
		if (r)
			return r;
		lit.there = false;
		r = stream_line(st, lim->line, &line);
		if (!r)
			imap_literal_tail(line, &lit);
		else if (r != E_LIMIT && r != E_SYNTAX)
			return r;
	}
	return 0;
}

static int refuse(struct imap_input *in, struct stream *st, const struct imap_input_limits *lim,
	struct imap_literal lit, bool *fatal_out)
{
	const char *ignored;
	int r;

	imap_input_parse(in, &ignored); /* for the tag */
	r = skip_rest(st, lim, lit, fatal_out);
	return r ? r : E_LIMIT;
}

static int read_literal(struct imap_input *in, struct stream *st, const struct imap_literal *lit)
{
	char *room = buf_room(&in->text, (size_t)lit->size);
	int r;

	BUG_ON(!room); /* the caller checked the limit */
	if (lit->sync)
		stream_puts(st, "+ OK\r\n");
	r = lit->size ? stream_read_all(st, room, (size_t)lit->size) : 0;
	if (r)
		return r;
	if (memchr(room, '\0', (size_t)lit->size))
		return E_SYNTAX; /* CHAR8: any octet but NUL */
	buf_grew(&in->text, (size_t)lit->size);
	return 0;
}

int imap_input_read(struct imap_input *in, struct stream *st, const struct imap_input_limits *lim,
	const char **why_out, bool *fatal_out)
{
	bool nul = false;

	*fatal_out = false;
	*why_out = "Command too long";
	buf_reset(&in->text);
	in->tag = STR_NONE;
	in->literal.there = false;
	for (;;) {
		struct imap_literal lit = { .there = false };
		struct str line;
		int r = stream_line(st, lim->line - MIN(lim->line, in->text.n), &line);

		if (r == E_SYNTAX)
			*why_out = "NUL or bare CR or LF in command";
		if (r)
			return r;
		imap_literal_tail(line, &lit);
		buf_str(&in->text, lit.there ? str_sub(line, 0, lit.at) : line);
		if (lit.there) {
			if (is_append_message(in)) {
				in->literal = lit;
				return 0;
			}
			buf_str(&in->text, str_from(line, lit.at));
			if (lit.size > lim->line - MIN(lim->line, in->text.n + 2)) {
				*why_out = "Literal too large";
				return refuse(in, st, lim, lit, fatal_out);
			}
			buf_puts(&in->text, "\r\n");
			r = read_literal(in, st, &lit);
			nul |= r == E_SYNTAX;
			if (r && r != E_SYNTAX)
				return r;
			continue;
		}
		r = imap_input_parse(in, why_out);
		if (nul)
			*why_out = "NUL in literal";
		return nul ? E_SYNTAX : r;
	}
}
