/* SPDX-License-Identifier: ISC
 *
 * smtp.c: one command line of SMTP or LMTP into one value (RFC 5321 4.1,
 * RFC 2033). Nothing is acted on here, and nothing may be left over: a byte
 * behind the last parameter makes the whole command wrong.
 *
 * Two liberties that every server takes and without which real programs
 * cannot send: spaces behind the colon of MAIL FROM: and RCPT TO:, and white
 * space at the end of a line (RFC 5321 4.1.1 asks for that one). The brackets
 * of a path are not optional.
 */
#include "mail/smtp.h"

static const struct {
	const char *name;
	enum smtp_verb verb;
} verbs[] = {
	{ "EHLO", SMTP_EHLO }, { "HELO", SMTP_HELO }, { "LHLO", SMTP_LHLO },
	{ "MAIL", SMTP_MAIL }, { "RCPT", SMTP_RCPT }, { "DATA", SMTP_DATA },
	{ "BDAT", SMTP_BDAT }, { "RSET", SMTP_RSET }, { "NOOP", SMTP_NOOP },
	{ "VRFY", SMTP_VRFY }, { "EXPN", SMTP_EXPN }, { "HELP", SMTP_HELP },
	{ "QUIT", SMTP_QUIT }, { "STARTTLS", SMTP_STARTTLS }, { "AUTH", SMTP_AUTH },
	{ "ETRN", SMTP_ETRN },
};

/* Browsers that were made to talk to us (C20). */
static const char *const http[] = { "GET", "POST", "CONNECT", "PUT", "HEAD", "OPTIONS" };

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

enum smtp_verb smtp_verb(struct str line, struct str *args_out)
{
	struct str word, args;
	size_t n = 0, i;

	while (line.n && blank(line.p[line.n - 1]))
		line.n--;
	while (n < line.n && !blank(line.p[n]))
		n++;
	word = str_sub(line, 0, n);
	while (n < line.n && blank(line.p[n]))
		n++;
	args = str_from(line, n);
	if (args_out)
		*args_out = args;
	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_ieqc(word, verbs[i].name))
			return verbs[i].verb;
	for (i = 0; i < ARRAY_LEN(http); i++)
		if (str_ieqc(word, http[i]))
			return SMTP_HTTP;
	return SMTP_UNKNOWN;
}

const char *smtp_verb_name(enum smtp_verb v)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].verb == v)
			return verbs[i].name;
	return v == SMTP_HTTP ? "HTTP" : "unknown";
}

static void spaces(struct cur *c)
{
	while (cur_take(c, ' '))
		;
}

/* A-d-l = At-domain *( "," At-domain ), then ":" (RFC 5321 4.1.2; "MUST BE
 * accepted, SHOULD NOT be generated, and SHOULD be ignored"). */
static int source_route(struct cur *c)
{
	if (cur_peek(c) != '@')
		return 0;
	while (cur_take(c, '@')) {
		size_t n = 0;
		int b;

		while ((b = cur_peek(c)) >= 0 && b != ',' && b != ':') {
			if (!(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') &&
				!(b >= '0' && b <= '9') && b != '-' && b != '.' && b < 128)
				return E_SYNTAX;
			c->p++;
			if (++n > ADDRESS_DOMAIN_MAX)
				return E_LIMIT;
		}
		if (!n)
			return E_SYNTAX;
		if (cur_take(c, ':'))
			return 0;
		if (!cur_take(c, ','))
			return E_SYNTAX;
	}
	return E_SYNTAX;
}

/* Path = "<" [ A-d-l ":" ] Mailbox ">", with "<>" and "<postmaster>". */
static int parse_path(struct cur *c, bool rcpt, bool allow_utf8, struct arena *a,
	struct smtp_path_command *out)
{
	int r;

	if (!cur_take(c, '<'))
		return E_SYNTAX;
	if (cur_take(c, '>')) {
		if (rcpt)
			return E_SYNTAX;
		out->null_path = true;
		return 0;
	}
	if (rcpt && cur_iword(c, "postmaster>")) {
		out->postmaster = true;
		out->addr.local = STR("postmaster");
		return 0;
	}
	r = source_route(c);
	if (r)
		return r;
	r = address_parse(c, a, allow_utf8, &out->addr);
	if (r < 0)
		return r;
	return r == 1 && cur_take(c, '>') ? 0 : E_SYNTAX;
}

static bool keyword_byte(int b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
}

/* esmtp-value = 1*(%d33-60 / %d62-126), UTF-8 too under RFC 6531 3.3; equals: of XVERP alone, which has "=" in its
 * value against RFC 5321 4.1.2. */
static bool value_byte(int b, bool allow_utf8, bool equals)
{
	return (b > 32 && b < 127 && (b != '=' || equals)) || (b > 127 && allow_utf8);
}

/* esmtp-param = esmtp-keyword ["=" esmtp-value]
 * esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static int parse_param(struct cur *c, bool allow_utf8, struct arena *a, struct smtp_param *out)
{
	const unsigned char *start = c->p;
	char *name;
	size_t n, i;

	if (!keyword_byte(cur_peek(c)))
		return E_SYNTAX;
	while (keyword_byte(cur_peek(c)) || cur_peek(c) == '-')
		c->p++;
	n = (size_t)(c->p - start);
	name = arena_alloc(a, n + 1);
	for (i = 0; i < n; i++)
		name[i] = ascii_upper((char)start[i]);
	out->name = str_make(name, n);
	out->value = STR_NONE;
	if (!cur_take(c, '='))
		return 0;
	start = c->p;
	while (value_byte(cur_peek(c), allow_utf8, str_eqc(out->name, "XVERP")))
		c->p++;
	if (c->p == start)
		return E_SYNTAX;
	out->value = arena_str(a, str_make(start, (size_t)(c->p - start)));
	return str_is_ascii(out->value) || str_is_utf8(out->value) ? 0 : E_SYNTAX;
}

const struct smtp_param *smtp_param(const struct smtp_path_command *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nparams; i++)
		if (str_eqc(c->param[i].name, name))
			return &c->param[i];
	return NULL;
}

static int parse_params(struct cur *c, bool allow_utf8, struct arena *a,
	struct smtp_path_command *out)
{
	struct smtp_param p;
	size_t i;
	int r;

	while (!cur_end(c)) {
		if (cur_peek(c) != ' ')
			return E_SYNTAX;
		spaces(c);
		r = parse_param(c, allow_utf8, a, &p);
		if (r)
			return r;
		for (i = 0; i < out->nparams; i++) /* the same twice has no meaning */
			if (str_eq(out->param[i].name, p.name))
				return E_SYNTAX;
		if (out->nparams == SMTP_PARAMS_MAX)
			return E_LIMIT;
		out->param[out->nparams++] = p;
	}
	return 0;
}

static int parse_path_command(struct str args, const char *word, bool rcpt, bool allow_utf8,
	struct arena *a, struct smtp_path_command *out)
{
	struct smtp_path_command cmd = { 0 };
	struct cur c = cur_of(args);
	int r;

	if (!cur_iword(&c, word))
		return E_SYNTAX;
	spaces(&c);
	r = parse_path(&c, rcpt, allow_utf8, a, &cmd);
	if (!r)
		r = parse_params(&c, allow_utf8, a, &cmd);
	if (!r)
		*out = cmd;
	return r;
}

int smtp_parse_mail(struct str args, bool allow_utf8, struct arena *a, struct smtp_path_command *out)
{
	return parse_path_command(args, "FROM:", false, allow_utf8, a, out);
}

int smtp_parse_rcpt(struct str args, bool allow_utf8, struct arena *a, struct smtp_path_command *out)
{
	return parse_path_command(args, "TO:", true, allow_utf8, a, out);
}

/* Names that break the letter of RFC 1035 (an underscore, a hyphen at the
 * end) come from honest hosts every day, and RFC 5321 4.1.4 forbids to refuse
 * mail for what a name resolves to; what is refused are bytes that no name has. */
int smtp_parse_helo(struct str args, struct str *out)
{
	bool literal;
	size_t i;

	args = str_trim(args);
	if (!args.n || args.n > ADDRESS_DOMAIN_MAX)
		return E_SYNTAX;
	literal = args.p[0] == '[';
	if (literal && (args.n < 3 || args.p[args.n - 1] != ']'))
		return E_SYNTAX;
	for (i = literal ? 1 : 0; i < args.n - (literal ? 1 : 0); i++) {
		char c = args.p[i];

		if (!keyword_byte((unsigned char)c) && c != '.' && c != '-' && c != '_' &&
			!(literal && c == ':'))
			return E_SYNTAX;
	}
	*out = args;
	return 0;
}

/* A name of labels: letters, digits and hyphens inside (RFC 1035 2.3.1), two of them at least. */
static bool is_node(struct str s)
{
	size_t i, label = 0, dots = 0;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool hyphen = c == '-';

		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			dots++;
			label = 0;
		} else if ((!hyphen && c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) ||
			(hyphen && label == 0) || ++label > 63) {
			return false;
		}
	}
	return dots > 0 && label > 0 && s.p[s.n - 1] != '-';
}

/* etrn-cmd = "ETRN" SP [ "@" / "#" ] node-name (RFC 1985) */
int smtp_parse_etrn(struct str args, struct arena *a, char *option_out, struct str *node_out)
{
	char option = 0, *low;
	size_t i;

	args = str_trim(args);
	if (args.n > 0 && (args.p[0] == '@' || args.p[0] == '#')) {
		option = args.p[0];
		args = str_from(args, 1);
	}
	if (args.n == 0 || args.n > ADDRESS_DOMAIN_MAX)
		return E_SYNTAX;
	low = arena_cstr(a, args);
	for (i = 0; i < args.n; i++) {
		if (low[i] <= ' ' || low[i] > '~')
			return E_SYNTAX;
		low[i] = ascii_lower(low[i]);
	}
	if (option != '#' && !is_node(str_make(low, args.n)))
		return E_SYNTAX;
	*option_out = option;
	*node_out = str_make(low, args.n);
	return 0;
}

/* bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]; a size is at most 2^63-1,
 * so that no later sum of ours can wrap. */
int smtp_parse_bdat(struct str args, uint64_t *size_out, bool *last_out)
{
	struct cur c = cur_of(args);
	uint64_t size;
	bool last = false;

	if (cur_u64(&c, INT64_MAX, &size) != 1)
		return E_SYNTAX;
	if (!cur_end(&c)) {
		if (cur_peek(&c) != ' ')
			return E_SYNTAX;
		spaces(&c);
		if (!cur_iword(&c, "LAST") || !cur_end(&c))
			return E_SYNTAX;
		last = true;
	}
	*size_out = size;
	*last_out = last;
	return 0;
}
