/* SPDX-License-Identifier: ISC
 *
 * search_match.c: does a message match a SEARCH (RFC 3501 6.4.4, RFC 5032, RFC 7162 3.1.5)?
 *
 * Each message is judged by the tree of keys, the cheap ones first: what stands
 * in the view, then the common header fields from the store's cache, then other
 * header fields, at last the decoded text parts. Comparing is by substring in text
 * that was decoded (RFC 2047, MIME), made UTF-8 and folded.
 * Days: INTERNALDATE in UTC, as FETCH shows it; the Date field as written there.
 */
#include "imap/search.h"

#include "imap/body.h"
#include "mail/charset.h"
#include "mail/date.h"

#define TEXT_MAX (256 * 1024 * 1024) /* decoded text of one part: cut there */

/* One message under judgement; each layer is fetched when a key needs it. */
struct subject {
	struct imap_session *s;
	uint32_t index;
	struct imap_body body;
	bool have_common;
	struct header common, full;
	bool have_full;
	int err; /* the message could not be read: it matches nothing */
};

static const struct header *common_header(struct subject *m)
{
	struct store_desc d;

	if (!m->have_common && !m->err) {
		m->err = store_describe(m->s->view, m->index, STORE_WANT_HEADERS, &m->s->ma, &d);
		if (!m->err)
			header_parse(d.headers, &header_default_limits, &m->s->ma, &m->common);
		m->have_common = true;
	}
	return &m->common;
}

static const struct header *full_header(struct subject *m)
{
	struct str head;

	if (!m->have_full && !m->err) {
		m->err = imap_body_head(&m->body, &head);
		if (!m->err)
			header_parse(head, &header_default_limits, &m->s->ma, &m->full);
		m->have_full = true;
	}
	return &m->full;
}

static bool contains(struct str utf8, struct str needle)
{
	struct buf b;
	bool yes;

	buf_init(&b, TEXT_MAX);
	charset_fold(utf8, &b);
	yes = str_search(buf_view(&b), needle) >= 0;
	buf_done(&b);
	return yes;
}

/* A field body as people see it: unfolded, encoded words decoded. */
static bool field_contains(struct subject *m, struct str body, struct str needle)
{
	struct buf b;
	bool yes;

	if (!needle.n)
		return true;
	buf_init(&b, TEXT_MAX);
	encoded_words_decode(header_unfold(body, &m->s->ma), &b);
	yes = contains(buf_view(&b), needle);
	buf_done(&b);
	return yes;
}

static bool match_header(struct subject *m, const struct search_node *n)
{
	const struct header *h = n->cost == 1 ? common_header(m) : full_header(m);
	size_t i;

	for (i = 0; !m->err && i < h->n; i++)
		if (str_ieq(h->field[i].name, n->field) && field_contains(m, h->field[i].body, n->text))
			return true;
	return false;
}

/* Days since 1970 as the Date field says; a message without one matches no SENT key. */
static bool sent_day(struct subject *m, int64_t *out)
{
	const struct header_field *f = header_get(common_header(m), "Date", 0);
	struct date d;

	if (m->err || !f || date_parse(f->body, &d))
		return false;
	*out = date_days(d.year, d.month, d.day);
	return true;
}

/* TEXT looks into "Name: value" of every field. */
static bool match_any_field(struct subject *m, struct str raw, struct str needle)
{
	struct header h;
	struct buf b;
	bool yes = false;
	size_t i;

	header_parse(raw, &header_default_limits, &m->s->ma, &h);
	buf_init(&b, TEXT_MAX);
	for (i = 0; i < h.n && !yes; i++) {
		buf_reset(&b);
		buf_str(&b, h.field[i].name);
		buf_puts(&b, ": ");
		encoded_words_decode(header_unfold(h.field[i].body, &m->s->ma), &b);
		yes = contains(buf_view(&b), needle);
	}
	buf_done(&b);
	return yes;
}

/* HTML is searched as it was written, and as it is read. */
static bool match_part(struct str text, const struct mime_part *p, struct str needle)
{
	bool html = str_eqc(p->type, "text") && str_eqc(p->subtype, "html"), yes = false;
	struct buf b;
	int strip;

	buf_init(&b, TEXT_MAX);
	for (strip = 0; strip <= html && !yes; strip++) {
		buf_reset(&b);
		if (!mime_text(text, p, strip, &b))
			yes = contains(buf_view(&b), needle);
	}
	buf_done(&b);
	return yes;
}

/* BODY: the text parts, decoded. TEXT: and all header fields, of the parts too. */
static bool match_text(struct subject *m, struct str needle, bool headers)
{
	const struct mime *mime;
	struct str text;
	bool yes = false;
	size_t i;

	if (!m->err)
		m->err = imap_body_load(&m->body, &text);
	if (!m->err)
		m->err = imap_body_tree(&m->body, &mime);
	for (i = 0; !m->err && i < mime->n && !yes; i++) {
		const struct mime_part *p = &mime->part[i];

		if (headers)
			yes = match_any_field(m, str_sub(text, p->header_at, p->header_at + p->header_size),
				needle);
		if (!yes)
			yes = match_part(text, p, needle);
	}
	return yes;
}

static bool has_keyword(const struct store_view *v, const struct store_rec *r, struct str name)
{
	unsigned i;

	for (i = 0; i < v->nkeywords; i++)
		if (str_ieq(v->keyword[i], name))
			return r->keywords & (UINT64_C(1) << i);
	return false;
}

static int64_t day_of(int64_t unix_time)
{
	return unix_time / 86400 - (unix_time % 86400 < 0);
}

static bool match_leaf(struct subject *m, const struct search_node *n)
{
	const struct store_view *v = m->s->view;
	const struct store_rec *r = &v->rec[m->index];
	int64_t day = day_of(r->internaldate);

	switch (n->op) {
	case SEARCH_FLAG:
		return r->flags & n->bits;
	case SEARCH_NOFLAG:
		return !(r->flags & n->bits);
	case SEARCH_KEYWORD:
		return has_keyword(v, r, n->text);
	case SEARCH_NEW:
		return (r->flags & (STORE_RECENT | STORE_SEEN)) == STORE_RECENT;
	case SEARCH_NUMBERS:
		return imapset_has(&n->set, m->index + 1);
	case SEARCH_UIDS:
		return imapset_has(&n->set, r->uid);
	case SEARCH_BEFORE:
		return day < n->day;
	case SEARCH_ON:
		return day == n->day;
	case SEARCH_SINCE:
		return day >= n->day;
	case SEARCH_SENTBEFORE:
		return sent_day(m, &day) && day < n->day;
	case SEARCH_SENTON:
		return sent_day(m, &day) && day == n->day;
	case SEARCH_SENTSINCE:
		return sent_day(m, &day) && day >= n->day;
	case SEARCH_MODSEQ:
		return r->modseq >= n->n;
	case SEARCH_OLDER:
		return r->internaldate <= n->day;
	case SEARCH_YOUNGER:
		return r->internaldate >= n->day;
	case SEARCH_LARGER:
		return r->size > n->n;
	case SEARCH_SMALLER:
		return r->size < n->n;
	case SEARCH_HEADER:
		return match_header(m, n);
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return match_text(m, n->text, n->op == SEARCH_TEXT);
	default:
		BUG_ON(true);
	}
}

/* Recursion is bounded by SEARCH_NODES, with a small frame. */
static bool match(struct subject *m, const struct search *q, size_t at)
{
	const struct search_node *n = &q->node[at];
	uint16_t child;

	if (n->op == SEARCH_NOT)
		return !match(m, q, n->child);
	if (n->op != SEARCH_AND && n->op != SEARCH_OR)
		return match_leaf(m, n);
	for (child = n->child; child; child = q->node[child].next)
		if (match(m, q, child) == (n->op == SEARCH_OR))
			return n->op == SEARCH_OR;
	return n->op == SEARCH_AND;
}

bool search_match(struct imap_session *s, const struct search *q, uint32_t index, int *err_out)
{
	struct subject m = { .s = s, .index = index };
	bool yes;

	if (s->view->rec[index].flags & STORE_GONE)
		return false;
	imap_body_init(&m.body, s, index);
	yes = match(&m, q, 0) && !m.err;
	if (m.err && m.err != E_NOTFOUND)
		*err_out = m.err;
	imap_body_done(&m.body);
	arena_reset(&s->ma);
	return yes;
}
