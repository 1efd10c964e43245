/* SPDX-License-Identifier: ISC
 *
 * reply.c: replies and extension lists of servers (see reply.h).
 *
 *     Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 *
 * All lines have one code, or nobody knows what was meant. A line may end in LF
 * alone: replies carry nothing that could be smuggled in, and old servers do so.
 */
#include "smtp/send/reply.h"

#include "mail/dsn.h"

void reply_init(struct reply_reader *r, size_t max)
{
	*r = (struct reply_reader){ .max = max };
	buf_init(&r->line, max);
	buf_init(&r->lines, max + 1);
}

void reply_done(struct reply_reader *r)
{
	buf_done(&r->line);
	buf_done(&r->lines);
}

static void start(struct reply_reader *r)
{
	buf_reset(&r->line);
	buf_reset(&r->lines);
	r->seen = 0;
	r->r = (struct reply){ 0 };
	r->whole = false;
}

/* One line, with its LF. 1 the last one, 0, E_SYNTAX. */
static int one_line(struct reply_reader *r, struct str line)
{
	struct dsn d;
	bool more;

	if (dsn_parse_reply(line, &d, &more) || (r->r.code && r->r.code != d.code))
		return E_SYNTAX;
	r->r.code = d.code;
	if (!r->r.status[0])
		snprintf(r->r.status, sizeof r->r.status, "%s", d.status);
	buf_str(&r->lines, str_trim(str_from(line, 4)));
	buf_c(&r->lines, '\n');
	return more ? 0 : 1;
}

int reply_read(struct reply_reader *r, struct str *in, const struct reply **out)
{
	int e;

	if (r->whole)
		start(r);
	while (in->n) {
		ssize_t lf = str_find(*in, '\n');
		size_t n = lf < 0 ? in->n : (size_t)lf + 1;

		if (r->seen + n > r->max)
			return E_LIMIT;
		r->seen += n;
		buf_add(&r->line, in->p, n);
		*in = str_from(*in, n);
		if (lf < 0)
			return 0;
		e = one_line(r, buf_view(&r->line));
		buf_reset(&r->line);
		if (e < 0)
			return e;
		if (e) {
			r->whole = true;
			r->r.lines = buf_view(&r->lines);
			*out = &r->r;
			return 1;
		}
	}
	return 0;
}

void reply_print(const struct reply *r, struct buf *out)
{
	struct str rest = r->lines, line;
	size_t begin = out->n, i, status = strlen(r->status);

	buf_fmt(out, "%d", r->code);
	if (status)
		buf_fmt(out, " %s", r->status);
	while (rest.n) {
		line = str_cut(&rest, '\n');
		if (status && str_starts(line, r->status))
			line = str_trim(str_from(line, status));
		if (!line.n)
			continue;
		buf_c(out, ' ');
		for (i = 0; i < line.n && out->n - begin < REPLY_TEXT; i++)
			buf_c(out, line.p[i] < ' ' || line.p[i] > '~' ? '?' : line.p[i]);
	}
	if (!out->err && out->n - begin > REPLY_TEXT)
		buf_cut(out, begin + REPLY_TEXT);
}

/* ---- extensions */

static unsigned mech_bits(struct str list)
{
	static const char *const names[] = { "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "XOAUTH2" };
	unsigned bits = 0;
	size_t i;

	while (list.n) {
		struct str name = str_cut(&list, ' ');

		for (i = 0; i < ARRAY_LEN(names); i++)
			if (str_ieqc(name, names[i]))
				bits |= 1u << i;
	}
	return bits;
}

/* RFC 9422 4: "LIMITS MAILMAX=100 RCPTMAX=50 ...". What is not known or no number above 0 is no limit. */
static void limits(struct str list, struct ehlo *e)
{
	while (list.n) {
		struct str value = str_cut(&list, ' '), name = str_cut(&value, '=');
		uint64_t n;

		if (!value.p || value.n > 6 || str_u64(value, 999999, &n) || n == 0)
			continue;
		if (str_ieqc(name, "MAILMAX"))
			e->mail_max = n;
		else if (str_ieqc(name, "RCPTMAX"))
			e->rcpt_max = n;
		else if (str_ieqc(name, "RCPTDOMAINMAX"))
			e->domain_max = n;
	}
}

static void extension(struct str line, struct ehlo *e)
{
	struct str args = line, word = str_cut(&args, ' ');
	uint64_t n;

	if (str_istarts(line, "AUTH=")) { /* how servers said it before RFC 2554 */
		word = str_sub(line, 0, 4);
		args = str_from(line, 5);
	}
	if (str_ieqc(word, "STARTTLS"))
		e->starttls = true;
	else if (str_ieqc(word, "PIPELINING"))
		e->pipelining = true;
	else if (str_ieqc(word, "8BITMIME"))
		e->eight_bit = true;
	else if (str_ieqc(word, "SMTPUTF8"))
		e->smtputf8 = true;
	else if (str_ieqc(word, "DSN"))
		e->dsn = true;
	else if (str_ieqc(word, "CHUNKING"))
		e->chunking = true;
	else if (str_ieqc(word, "REQUIRETLS"))
		e->requiretls = true;
	else if (str_ieqc(word, "MT-PRIORITY"))
		e->mt_priority = true;
	else if (str_ieqc(word, "LIMITS"))
		limits(args, e);
	else if (str_ieqc(word, "AUTH")) {
		e->auth = true;
		e->mechs |= mech_bits(args);
	} else if (str_ieqc(word, "SIZE")) {
		e->size_given = true;
		if (str_u64(str_trim(args), INT64_MAX, &n) == 0)
			e->size = n;
	}
}

void ehlo_parse(struct str lines, struct ehlo *out)
{
	struct str first = str_cut(&lines, '\n'), name = str_cut(&first, ' ');
	struct ehlo e = { 0 };
	size_t i;

	for (i = 0; i < MIN(name.n, sizeof e.name - 1); i++)
		e.name[i] = name.p[i] <= ' ' || name.p[i] > '~' ? '?' : name.p[i];
	while (lines.n)
		extension(str_trim(str_cut(&lines, '\n')), &e);
	*out = e;
}
