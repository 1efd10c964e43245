/* SPDX-License-Identifier: ISC
 *
 * imap_parse.c: one IMAP command before login: RFC 3501 9 (tag, astring,
 * literal), RFC 7888 (non-synchronising literals), RFC 4959 (initial
 * response), RFC 2971 (ID).
 *
 * imap_scan finds where a command ends, counting its literals against the
 * limits of C07 before a byte of them is asked for; imap_line_parse then works
 * on the whole command and never has to wait.
 */
#include "front/parse.h"

#include "base/cur.h"

#define TAG_MAX 128
#define ID_PAIRS 30 /* RFC 2971 3.3 */
#define ID_NAME_MAX 30
#define ID_VALUE_MAX 1024
#define ID_TEXT_MAX 1024 /* what is kept of it */

enum { ASTRING = 1, TAG = 2 };

/* ATOM-CHAR, with "]" for ASTRING-CHAR; a tag has no "+" (RFC 3501 9). */
static bool is_char(int b, int kind)
{
	if (b <= 0x20 || b >= 0x7f || strchr("(){%*\"\\", b))
		return false;
	return kind == ASTRING || b != '+';
}

static struct str take_span(struct cur *c, int kind)
{
	const unsigned char *from = c->p;

	while (!cur_end(c) && is_char(cur_peek(c), kind))
		c->p++;
	return str_make(from, (size_t)(c->p - from));
}

/* literal = "{" number ["+"] "}" at the end of a line. 1, 0 none, E_LIMIT. */
static int literal_at_end(struct str line, uint64_t *size_out, bool *sync_out)
{
	size_t end = line.n, from;
	struct str digits;
	int r;

	if (end < 3 || line.p[end - 1] != '}')
		return 0;
	end--;
	*sync_out = line.p[end - 1] != '+';
	if (!*sync_out)
		end--;
	for (from = end; from > 0 && line.p[from - 1] >= '0' && line.p[from - 1] <= '9'; from--)
		;
	if (from == end || from == 0 || line.p[from - 1] != '{')
		return 0;
	digits = str_sub(line, from, end);
	r = str_u64(digits, UINT32_MAX, size_out);
	return r < 0 ? E_LIMIT : 1;
}

enum imap_scan_result imap_scan(struct str bytes, size_t line_max, size_t *pos, unsigned *literals,
	size_t *used_out)
{
	for (;;) {
		struct str seg, line;
		size_t scanned = 0, used;
		uint64_t size = 0;
		bool sync = true;
		int r;

		if (bytes.n < *pos)
			return IMAP_SCAN_MORE;
		seg = str_from(bytes, *pos);
		r = parse_line(seg, line_max, &scanned, &line, &used);
		if (r == 0)
			return IMAP_SCAN_MORE;
		if (r < 0)
			return IMAP_SCAN_CLOSE;
		r = literal_at_end(line, &size, &sync);
		if (r == 0) {
			*used_out = *pos + used;
			return IMAP_SCAN_WHOLE;
		}
		if (r < 0 || size > IMAP_LITERAL_MAX || *literals >= IMAP_LITERALS ||
			*pos + used + size > IMAP_COMMAND_MAX) {
			*used_out = *pos + used;
			return sync ? IMAP_SCAN_TOO_BIG : IMAP_SCAN_CLOSE;
		}
		*pos += used + (size_t)size;
		(*literals)++;
		if (sync)
			return IMAP_SCAN_CONTINUE;
	}
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE. Bytes above 127 are let through: the
 * account's own name may be UTF-8, authd judges it. */
static int parse_quoted(struct cur *c, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, cur_left(c) + 1);
	size_t n = 0;
	int b;

	if (!cur_take(c, '"'))
		return 0;
	while ((b = cur_next(c)) >= 0) {
		if (b == '"') {
			*out = str_make(p, n);
			return 1;
		}
		if (b == '\\') {
			b = cur_next(c);
			if (b != '"' && b != '\\')
				return E_SYNTAX;
		}
		if (b == '\0' || b == '\r' || b == '\n')
			return E_SYNTAX;
		p[n++] = (char)b;
	}
	return E_SYNTAX;
}

static int parse_literal(struct cur *c, struct str *out)
{
	uint64_t size;

	if (!cur_take(c, '{'))
		return 0;
	if (cur_u64(c, IMAP_LITERAL_MAX, &size) != 1)
		return E_SYNTAX;
	cur_take(c, '+');
	if (!cur_word(c, "}\r\n") || !cur_bytes(c, (size_t)size, out) ||
		(out->n > 0 && memchr(out->p, '\0', out->n)))
		return E_SYNTAX;
	return 1;
}

/* string = quoted / literal */
static int parse_string(struct cur *c, struct arena *a, struct str *out)
{
	if (cur_peek(c) == '"')
		return parse_quoted(c, a, out);
	return parse_literal(c, out);
}

/* astring = 1*ASTRING-CHAR / string */
static int parse_astring(struct cur *c, struct arena *a, struct str *out)
{
	int r = parse_string(c, a, out);

	if (r != 0)
		return r;
	*out = take_span(c, ASTRING);
	return out->n > 0 ? 1 : 0;
}

/* login = "LOGIN" SP userid SP password */
static int parse_login(struct cur *c, struct arena *a, struct imap_line *l)
{
	if (!cur_take(c, ' ') || parse_astring(c, a, &l->user) != 1 || !cur_take(c, ' ') ||
		parse_astring(c, a, &l->password) != 1)
		return E_SYNTAX;
	return 0;
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]. mutt 2.2 has the second SP also where it says nothing
 * behind it. */
static int parse_authenticate(struct cur *c, struct imap_line *l)
{
	struct str rest;

	if (!cur_take(c, ' '))
		return E_SYNTAX;
	rest = cur_rest(c);
	c->p = c->end;
	l->mech = str_cut(&rest, ' ');
	if (!parse_is_mech(l->mech) || (rest.n > 0 && str_find(rest, ' ') >= 0))
		return E_SYNTAX;
	l->initial = rest.n > 0 ? rest : STR_NONE;
	return 0;
}

static void id_text(struct buf *b, struct str name, struct str value)
{
	size_t i, was = b->n;

	buf_fmt(b, "%s", b->n > 0 ? " " : "");
	for (i = 0; i < name.n; i++)
		buf_c(b, name.p[i] > 0x20 && name.p[i] < 0x7f && name.p[i] != '=' ? name.p[i] : '?');
	buf_c(b, '=');
	for (i = 0; i < value.n; i++)
		buf_c(b, value.p[i] >= 0x20 && value.p[i] < 0x7f ? value.p[i] : '?');
	if (b->err) { /* no room for this pair: leave it out whole */
		b->err = 0;
		buf_cut(b, was);
	}
}

/* id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / "NIL") */
static int parse_id(struct cur *c, struct arena *a, struct imap_line *l)
{
	struct buf text;
	struct str name, value;
	size_t pairs = 0;
	int r = E_SYNTAX;

	if (!cur_take(c, ' '))
		return E_SYNTAX;
	if (cur_iword(c, "NIL"))
		return 0;
	if (!cur_take(c, '('))
		return E_SYNTAX;
	buf_init(&text, ID_TEXT_MAX);
	while (!cur_take(c, ')')) {
		if (pairs++ >= ID_PAIRS || (pairs > 1 && !cur_take(c, ' ')) ||
			parse_string(c, a, &name) != 1 || name.n > ID_NAME_MAX || !cur_take(c, ' '))
			goto out;
		value = STR_NONE;
		if (!cur_iword(c, "NIL") && (parse_string(c, a, &value) != 1 || value.n > ID_VALUE_MAX))
			goto out;
		if (value.n > 0)
			id_text(&text, name, value);
	}
	l->params = arena_str(a, buf_view(&text));
	r = 0;
out:
	buf_done(&text);
	return r;
}

static const struct {
	const char *name;
	enum imap_verb verb;
} verbs[] = {
	{ "CAPABILITY", IMAP_CAPABILITY },
	{ "ID", IMAP_ID },
	{ "NOOP", IMAP_NOOP },
	{ "STARTTLS", IMAP_STARTTLS },
	{ "LOGIN", IMAP_LOGIN },
	{ "AUTHENTICATE", IMAP_AUTHENTICATE },
	{ "LOGOUT", IMAP_LOGOUT },
};

/* command = tag SP command-name [SP arguments] */
int imap_line_parse(struct str command, struct arena *a, struct imap_line *out)
{
	struct imap_line l = { .verb = IMAP_OTHER };
	struct cur c = cur_of(command);
	struct str word;
	size_t i;
	int r = 0;

	l.tag = take_span(&c, TAG);
	if (l.tag.n == 0 || l.tag.n > TAG_MAX || !cur_take(&c, ' ')) {
		l.tag = STR_NONE;
		*out = l;
		return E_SYNTAX;
	}
	word = take_span(&c, TAG);
	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_ieqc(word, verbs[i].name))
			l.verb = verbs[i].verb;
	switch (l.verb) {
	case IMAP_LOGIN:
		r = parse_login(&c, a, &l);
		break;
	case IMAP_AUTHENTICATE:
		r = parse_authenticate(&c, &l);
		break;
	case IMAP_ID:
		r = parse_id(&c, a, &l);
		break;
	case IMAP_OTHER: /* refused whatever follows */
		*out = l;
		return 0;
	default:
		break;
	}
	*out = l;
	return r < 0 || !cur_end(&c) ? E_SYNTAX : 0;
}

enum imap_asleep imap_asleep_parse(struct str line, bool idling, struct str *tag_out)
{
	struct cur c;
	struct str tag;

	if (!str_ends(line, "\r\n"))
		return ASLEEP_OTHER;
	line.n -= 2;
	if (idling)
		return str_ieqc(line, "DONE") ? ASLEEP_DONE : ASLEEP_OTHER;
	c = cur_of(line);
	tag = take_span(&c, TAG);
	if (!tag.n || tag.n > TAG_MAX || !cur_take(&c, ' '))
		return ASLEEP_OTHER;
	*tag_out = tag;
	line = cur_rest(&c);
	return str_ieqc(line, "IDLE") ? ASLEEP_IDLE : str_ieqc(line, "NOOP") ? ASLEEP_NOOP : ASLEEP_OTHER;
}
