/* SPDX-License-Identifier: ISC
 *
 * head.c: the header of a message that comes in pieces, as it is for who signs and who verifies: lines
 * end in CRLF, the fields are parsed when the empty line was there (see dkim.h).
 */
#include "smtp/verify/dkim.h"

#include "mail/address.h"

#define MAILBOXES 100
/* The header is parsed as it will be for others: with fields before it. Else a first line "From  : x"
 * would be the "From " line of an mbox. Nobody lists this one. */
#define FIRST "X:\r\n"

void dkim_head_init(struct dkim_head *h, size_t max)
{
	*h = (struct dkim_head){ .line = 0 };
	buf_init(&h->text, max + strlen(FIRST));
	buf_puts(&h->text, FIRST);
	arena_init(&h->a);
}

void dkim_head_done(struct dkim_head *h)
{
	buf_done(&h->text);
	arena_done(&h->a);
}

static void line_end(struct dkim_head *h)
{
	if (h->line)
		buf_puts(&h->text, "\r\n");
	else
		h->over = true;
	h->line = 0;
}

/* After a CR the LF that belongs to it is still to come: it is taken with the next byte. */
size_t dkim_head_add(struct dkim_head *h, struct str in)
{
	size_t i = 0, from;

	while (i < in.n) {
		if (h->cr && in.p[i] == '\n') {
			h->cr = false;
			i++;
			continue;
		}
		h->cr = false;
		if (h->over)
			break;
		if (in.p[i] == '\r' || in.p[i] == '\n') {
			h->cr = in.p[i++] == '\r';
			line_end(h);
			continue;
		}
		for (from = i; i < in.n && in.p[i] != '\r' && in.p[i] != '\n'; i++)
			;
		buf_add(&h->text, in.p + from, i - from);
		h->line += i - from;
	}
	return i;
}

int dkim_head_end(struct dkim_head *h)
{
	size_t at = strlen(FIRST);

	if (!h->over && h->line)
		line_end(h);
	if (h->text.err)
		return h->text.err;
	/* a fold of nothing: it would become one of the signature's own */
	if (h->text.n > at && (h->text.p[at] == ' ' || h->text.p[at] == '\t'))
		return E_SYNTAX;
	header_parse(buf_view(&h->text), &header_default_limits, &h->a, &h->h);
	return h->h.cut ? E_LIMIT : 0;
}

int dkim_head_author(struct dkim_head *h, struct buf *out)
{
	const struct header_field *from = header_get(&h->h, "From", 0);
	struct header_address *list;
	struct str domain = STR_NONE;
	size_t i, n;
	bool cut;

	if (!from || header_get(&h->h, "From", 1))
		return E_NOTFOUND;
	n = address_list(from->body, &h->a, MAILBOXES, &list, &cut);
	for (i = 0; i < n; i++) {
		if (list[i].kind != HEADER_MAILBOX)
			continue;
		if (!list[i].domain.n || (domain.p && !str_ieq(domain, list[i].domain)))
			return E_NOTFOUND;
		domain = list[i].domain;
	}
	if (!domain.n || cut)
		return E_NOTFOUND;
	for (i = 0; i < domain.n; i++)
		buf_c(out, ascii_lower(domain.p[i]));
	return out->err;
}

bool dkim_head_from(struct dkim_head *h, struct str address)
{
	const struct header_field *from = header_get(&h->h, "From", 0);
	struct header_address *list;
	bool cut;

	return from && !header_get(&h->h, "From", 1) && address_list(from->body, &h->a, MAILBOXES, &list, &cut) == 1 && !cut &&
		list[0].kind == HEADER_MAILBOX && str_ieq(address, str_of(arena_fmt(&h->a, "%.*s@%.*s", STRF(list[0].local),
		STRF(list[0].domain))));
}
