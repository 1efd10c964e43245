/* SPDX-License-Identifier: ISC
 *
 * cmd_search.c: SEARCH and UID SEARCH (RFC 3501 6.4.4), with RETURN (RFC 4731), SAVE (RFC 5182)
 * and MODSEQ (RFC 7162 3.1.5, 3.1.10). Which messages match is search_match.c's.
 *
 * Who asks for MIN or MAX alone has the others not looked at.
 */
#include "imap/commands.h"
#include "imap/search.h"

#define STILL_HERE_MS 5000 /* a long search shows life, and notices a client that left */

/* What was found: indexes of the view, rising. */
struct found {
	uint32_t *index;
	size_t n;
	int err;
	deadline next;
};

/* Sets as this mailbox and session mean them, times as of now. */
static void resolve(struct imap_session *s, struct search *q)
{
	const struct store_view *v = s->view;
	int64_t now = clock_unix();
	size_t i;

	for (i = 0; i < q->n; i++) {
		struct search_node *n = &q->node[i];

		if (n->op == SEARCH_NUMBERS) {
			imapset_resolve(&n->set, v->n);
		} else if (n->op == SEARCH_UIDS) {
			imapset_resolve(&n->set, v->n ? v->rec[v->n - 1].uid : 0);
		} else if (n->op == SEARCH_SAVED) {
			n->op = SEARCH_UIDS;
			n->set = s->saved;
		} else if (n->op == SEARCH_OLDER || n->op == SEARCH_YOUNGER) {
			n->day = now - (int64_t)n->n;
		}
	}
}

static void show_life(struct imap_session *s, uint32_t done, struct found *f)
{
	if (!deadline_passed(f->next))
		return;
	stream_fmt(s->stream, "* OK Searched %u of %u messages\r\n", done, s->view->n);
	stream_flush(s->stream);
	f->next = deadline_in(STILL_HERE_MS);
}

static bool matches(struct imap_session *s, const struct search *q, uint32_t index, uint32_t done, struct found *f)
{
	show_life(s, done, f);
	return search_match(s, q, index, &f->err);
}

static void find_all(struct imap_session *s, const struct search *q, struct found *f)
{
	uint32_t i;

	for (i = 0; i < s->view->n && !s->stream->err; i++)
		if (matches(s, q, i, i, f))
			f->index[f->n++] = i;
}

/* The first, the last, or both. */
static void find_ends(struct imap_session *s, const struct search *q, struct found *f)
{
	uint32_t i = 0, k = s->view->n, done = 0;

	if (q->want & SEARCH_RETURN_MIN)
		for (; i < k && !s->stream->err && !f->n; i++)
			if (matches(s, q, i, done++, f))
				f->index[f->n++] = i;
	if (!(q->want & SEARCH_RETURN_MAX))
		return;
	while (k > i && !s->stream->err)
		if (matches(s, q, --k, done++, f)) {
			f->index[f->n++] = k;
			return;
		}
}

static uint32_t number(const struct imap_session *s, uint32_t index)
{
	return s->in.uid ? s->view->rec[index].uid : index + 1;
}

static uint64_t highest(const struct imap_session *s, const struct found *f)
{
	uint64_t top = 0;
	size_t i;

	for (i = 0; i < f->n; i++)
		top = MAX(top, s->view->rec[f->index[i]].modseq);
	return top;
}

/* "* SEARCH 2 5 7 (MODSEQ 917162500)" */
static void tell_search(struct imap_session *s, const struct search *q, const struct found *f)
{
	size_t i;

	stream_puts(s->stream, "* SEARCH");
	for (i = 0; i < f->n; i++)
		stream_fmt(s->stream, " %u", number(s, f->index[i]));
	if (q->modseq && f->n)
		stream_fmt(s->stream, " (MODSEQ %llu)", (unsigned long long)highest(s, f));
	stream_puts(s->stream, "\r\n");
}

static void tell_set(struct imap_session *s, const struct found *f)
{
	struct buf b;
	struct imapset_writer w = { .out = &b };
	size_t i;

	buf_init(&b, f->n * 12 + 64);
	for (i = 0; i < f->n; i++)
		imapset_write(&w, number(s, f->index[i]));
	imapset_write_end(&w);
	stream_fmt(s->stream, " ALL %.*s", STRF(buf_view(&b)));
	buf_done(&b);
}

/* "* ESEARCH (TAG "a1") UID MIN 2 MAX 23 ALL 2,10:23 COUNT 15 MODSEQ 917162500" */
static void tell_esearch(struct imap_session *s, const struct search *q, const struct found *f)
{
	stream_fmt(s->stream, "* ESEARCH (TAG \"%.*s\")%s", STRF(s->in.tag), s->in.uid ? " UID" : "");
	if (f->n && (q->want & SEARCH_RETURN_MIN))
		stream_fmt(s->stream, " MIN %u", number(s, f->index[0]));
	if (f->n && (q->want & SEARCH_RETURN_MAX))
		stream_fmt(s->stream, " MAX %u", number(s, f->index[f->n - 1]));
	if (f->n && (q->want & SEARCH_RETURN_ALL))
		tell_set(s, f);
	if (q->want & SEARCH_RETURN_COUNT)
		stream_fmt(s->stream, " COUNT %zu", f->n);
	if (f->n && q->modseq)
		stream_fmt(s->stream, " MODSEQ %llu", (unsigned long long)highest(s, f));
	stream_puts(s->stream, "\r\n");
}

static void search(struct imap_session *s, struct search *q)
{
	struct found f = { .next = deadline_in(STILL_HERE_MS) };
	unsigned told = q->want & ~(unsigned)SEARCH_RETURN_SAVE;

	if (q->modseq)
		imap_condstore(s);
	s->hold = q->numbers; /* RFC 7162 3.2.10.2 */
	resolve(s, q);
	f.index = arena_array(&s->a, (size_t)s->view->n + 1, sizeof *f.index);
	if (told && !(told & ~(unsigned)(SEARCH_RETURN_MIN | SEARCH_RETURN_MAX)))
		find_ends(s, q, &f);
	else
		find_all(s, q, &f);
	if (!q->extended)
		tell_search(s, q, &f);
	else if (told)
		tell_esearch(s, q, &f);
	if (q->want & SEARCH_RETURN_SAVE)
		imap_save(s, f.index, f.err ? 0 : f.n);
	if (f.err)
		imap_error(s, f.err, "SEARCH");
	else
		imap_ok(s, "Search completed");
}

void cmd_search(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct search q;
	int r = search_parse(&c, &s->a, &q);

	if (r == 1) {
		search(s, &q);
		return;
	}
	if (r == E_LIMIT)
		imap_no(s, "[LIMIT] Too many search keys");
	else if (r == E_UNSUPPORTED)
		imap_no(s, "[BADCHARSET (US-ASCII UTF-8)] Unknown charset");
	else
		imap_bad(s, "Invalid search program");
	if (s->result == IMAP_NO && (q.want & SEARCH_RETURN_SAVE)) /* RFC 5182 2.1 */
		imap_save(s, NULL, 0);
}
