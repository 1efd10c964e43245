/* SPDX-License-Identifier: ISC
 *
 * sendmail_message.c: what a program wrote to sendmail's standard input, made a
 * message: lines end in CRLF, an "From " line of an mbox is gone, so are Bcc and
 * what only a mail server writes; From is added where it is missing (Date and
 * Message-ID by the suite). With -t the recipients are those of To, Cc and Bcc,
 * or of their Resent- twins if there are any (RFC 5322 3.6.6).
 */
#include "master/sendmail.h"

#include <stdio.h>
#include <sysexits.h>

#include "mail/address.h"
#include "mail/header.h"

static void add(struct letter *l, struct str address)
{
	if (l->nrcpt == l->rcpt_cap) {
		struct str *more;

		l->rcpt_cap = l->rcpt_cap ? l->rcpt_cap * 2 : 16;
		more = arena_array(&l->a, l->rcpt_cap, sizeof(*more));
		if (l->nrcpt)
			memcpy(more, l->rcpt, l->nrcpt * sizeof(*more));
		l->rcpt = more;
	}
	l->rcpt[l->nrcpt++] = address;
	l->utf8 |= !str_is_ascii(address);
}

/* As the envelope has it; without a domain: ours. */
static int envelope_form(struct letter *l, const struct header_address *h, struct str *out)
{
	struct address addr = { .local = h->local, .domain = h->domain.n ? h->domain : str_of(l->origin),
		.utf8 = !str_is_ascii(h->local) || !str_is_ascii(h->domain), .literal = str_starts(h->domain, "[") };
	struct address again;
	struct buf b;
	int r;

	buf_init(&b, 4096);
	address_print(&addr, &b);
	r = b.err ? E_SYNTAX : address_parse_all(buf_view(&b), &l->a, &again);
	if (r == 0)
		*out = arena_str(&l->a, buf_view(&b));
	buf_done(&b);
	return r;
}

int letter_add(struct letter *l, struct str list, struct buf *why)
{
	struct header_address *h;
	bool cut = false;
	size_t n = address_list(list, &l->a, LETTER_RCPTS, &h, &cut), i, k;
	struct str address;
	size_t found = 0;

	for (i = 0; i < n; i++) {
		if (h[i].kind != HEADER_MAILBOX)
			continue;
		if (envelope_form(l, &h[i], &address) < 0) {
			buf_fmt(why, "'%.*s%s%.*s' is not an address", STRF(h[i].local), h[i].domain.n ? "@" : "", STRF(h[i].domain));
			return E_SYNTAX;
		}
		found++;
		for (k = 0; k < l->nrcpt && !str_eq(l->rcpt[k], address); k++)
			;
		if (k == l->nrcpt)
			add(l, address);
	}
	if (cut || l->nrcpt > LETTER_RCPTS) {
		buf_fmt(why, "more than %d recipients", LETTER_RCPTS);
		return E_LIMIT;
	}
	/* a list may be empty (undisclosed-recipients:;), but not be no list at all */
	if (!found && n == 0 && str_trim(list).n) {
		buf_fmt(why, "'%.*s' is not an address", STRF(list));
		return E_SYNTAX;
	}
	return 0;
}

int letter_address(struct letter *l, struct str text, struct str *out)
{
	struct header_address *h;
	size_t n;

	text = str_trim(text);
	*out = STR("");
	if (!text.n || str_eqc(text, "<>"))
		return 0;
	n = address_list(text, &l->a, 2, &h, NULL);
	if (n != 1 || h->kind != HEADER_MAILBOX || envelope_form(l, h, out) < 0)
		return E_SYNTAX;
	l->utf8 |= !str_is_ascii(*out);
	return 0;
}

/* --- lines ----------------------------------------------------------------------- */

/* One line of standard input into `line`, without its end: 1, 0 at the end, negative. A CR
 * alone ends a line too: none may stand inside one (RFC 5321 2.3.8). */
static int read_line(struct buf *line)
{
	int c;

	buf_reset(line);
	while ((c = getc_unlocked(stdin)) != EOF) {
		if (c == '\0')
			return E_SYNTAX;
		if (c == '\r') {
			c = getc_unlocked(stdin);
			if (c != '\n' && c != EOF)
				ungetc(c, stdin);
			return line->err ? line->err : 1;
		}
		if (c == '\n')
			return line->err ? line->err : 1;
		buf_c(line, (char)c);
	}
	if (ferror(stdin))
		return -EIO;
	return line->err ? line->err : line->n > 0;
}

/* Everything, with CRLF. */
static int read_text(struct letter *l, struct buf *text)
{
	struct buf line;
	bool first = true;
	int r;

	buf_init(&line, text->max);
	while ((r = read_line(&line)) > 0) {
		if (!l->ignore_dots && line.n == 1 && line.p[0] == '.')
			break;
		if (first && str_starts(buf_view(&line), "From ")) {
			first = false;
			continue;
		}
		first = false;
		buf_str(text, buf_view(&line));
		buf_puts(text, "\r\n");
	}
	buf_done(&line);
	return r < 0 ? r : text->err;
}

/* --- the header ------------------------------------------------------------------- */

static bool is_field(struct str line)
{
	size_t i;

	for (i = 0; i < line.n && line.p[i] != ':'; i++)
		if ((unsigned char)line.p[i] <= 32 || (unsigned char)line.p[i] >= 127)
			return false;
	return i > 0 && i < line.n;
}

/* The header of the text; the body is what follows. Text that does not begin with a field
 * has none; a line that is no field ends it, with an empty line in between. */
static struct str split(struct str text, struct str *body_out)
{
	struct str rest = text, line;
	size_t n = 0;

	while (rest.n) {
		line = str_cut(&rest, '\n');
		if (line.n == 1) { /* CR: the empty line */
			*body_out = rest.p ? rest : STR("");
			return str_sub(text, 0, n);
		}
		if (!is_field(line) && !(n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')))
			break;
		n += line.n + 1;
	}
	*body_out = str_from(text, n);
	return str_sub(text, 0, n);
}

static bool dropped(struct str name)
{
	static const char *const word[] = { "Bcc", "Resent-Bcc", "Return-Path", "Content-Length" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(word); i++)
		if (str_ieqc(name, word[i]))
			return true;
	return false;
}

static bool names_recipients(struct str name, bool resent)
{
	if (resent)
		return str_ieqc(name, "Resent-To") || str_ieqc(name, "Resent-Cc") || str_ieqc(name, "Resent-Bcc");
	return str_ieqc(name, "To") || str_ieqc(name, "Cc") || str_ieqc(name, "Bcc");
}

static bool is_resent(struct str head)
{
	struct header_walk w = { .message = head };
	struct header_field f;

	while (header_walk(&w, &f))
		if (names_recipients(f.name, true))
			return true;
	return false;
}

/* A name as a phrase: an atom if it can be, else quoted (RFC 5322 3.2.4); bytes above 127 stay. */
static void phrase(const char *name, struct buf *out)
{
	const char *p;

	buf_c(out, '"');
	for (p = name; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_c(out, '\\');
		if ((unsigned char)*p >= 32 && *p != 127)
			buf_c(out, *p);
	}
	buf_c(out, '"');
}

static void add_from(struct letter *l)
{
	buf_puts(&l->head, "From: ");
	if (l->name && l->name[0]) {
		phrase(l->name, &l->head);
		buf_c(&l->head, ' ');
	}
	if (l->sender.n)
		buf_fmt(&l->head, "<%.*s>\r\n", STRF(l->sender));
	else
		buf_fmt(&l->head, "<%s@%s>\r\n", l->user, l->origin);
}

static int make_head(struct letter *l, struct str head, struct buf *why)
{
	struct header_walk w = { .message = head };
	bool resent = is_resent(head), from = false;
	struct header_field f;
	int r = 0;

	while (r == 0 && header_walk(&w, &f)) {
		if (l->from_header && names_recipients(f.name, resent))
			r = letter_add(l, header_unfold(f.body, &l->a), why);
		from |= str_ieqc(f.name, "From");
		if (!dropped(f.name))
			buf_str(&l->head, f.raw);
	}
	if (!from)
		add_from(l);
	buf_puts(&l->head, "\r\n");
	return r;
}

int letter_read(struct letter *l, const struct conf *conf, struct buf *why)
{
	struct str body;
	struct buf text;
	int r;

	buf_init(&text, (size_t)conf->smtp_message_size);
	buf_init(&l->head, (size_t)conf->smtp_message_size);
	buf_init(&l->body, (size_t)conf->smtp_message_size);
	r = read_text(l, &text);
	if (r == E_LIMIT)
		buf_fmt(why, "the message is larger than [smtp] message_size, %llu bytes", (unsigned long long)conf->smtp_message_size);
	else if (r < 0)
		buf_fmt(why, "standard input: %s", r == E_SYNTAX ? "NUL bytes are no mail" : err_text(r));
	else
		r = make_head(l, split(buf_view(&text), &body), why);
	if (r == 0) {
		buf_str(&l->body, body);
		l->eight_bit = !str_is_ascii(buf_view(&text)) || !str_is_ascii(buf_view(&l->head));
		r = l->body.err || l->head.err;
	}
	buf_done(&text);
	return r == 0 ? 0 : r == -EIO ? EX_IOERR : EX_DATAERR;
}
