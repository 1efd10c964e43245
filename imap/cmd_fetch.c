/* SPDX-License-Identifier: ISC
 *
 * cmd_fetch.c: FETCH (RFC 3501 6.4.5), with CHANGEDSINCE and VANISHED (RFC 7162 3.1.4, 3.2.6).
 *
 * Flags, dates and sizes come from the view, structures and common header fields
 * from the store's cache, bodies from the file. \Seen is set first, for all messages
 * together, and its FLAGS stand in each one's response. A message that was removed
 * meanwhile is skipped and the end is NO (RFC 2180 4.1.2).
 */
#include "imap/body.h"
#include "imap/commands.h"
#include "imap/modifier_parse.h"
#include "mail/date.h"

#define LINE_MAX_BYTES (64 * 1024)
#define LONG_TEXT ((size_t)16 * 1024) /* goes to the stream by itself */

struct fetch {
	struct imap_session *s;
	struct fetch_item *item;
	size_t nitems;
	bool cached[FETCH_ITEMS_MAX + 1]; /* a section that the cache can answer */
	struct buf picked; /* its header fields, of one message */
	struct buf flags; /* as printed last, for these: mostly those of the next one */
	uint32_t flags_of;
	uint64_t keywords_of;
	unsigned want; /* of store_describe */
	bool sets_seen, has_flags, has_uid, has_modseq;
	struct fetch_modifiers mod;
};

/* Can the cache answer it? */
static bool from_cache(const struct section *sec)
{
	size_t i;

	if (sec->npath || sec->text != SECTION_FIELDS)
		return false;
	for (i = 0; i < sec->nfields; i++)
		if (!imap_header_is_common(sec->field[i]))
			return false;
	return true;
}

static void plan(struct fetch *f)
{
	size_t i;

	for (i = 0; i < f->nitems; i++) {
		const struct fetch_item *it = &f->item[i];

		switch (it->kind) {
		case FETCH_FLAGS:
			f->has_flags = true;
			break;
		case FETCH_UID:
			f->has_uid = true;
			break;
		case FETCH_MODSEQ:
			f->has_modseq = true;
			break;
		case FETCH_ENVELOPE:
			f->want |= STORE_WANT_ENVELOPE;
			break;
		case FETCH_BODYSTRUCTURE:
			f->want |= STORE_WANT_BODYSTRUCTURE;
			break;
		case FETCH_BODY:
			f->want |= STORE_WANT_BODY;
			break;
		case FETCH_SECTION:
			f->cached[i] = from_cache(&it->section);
			f->want |= f->cached[i] ? STORE_WANT_HEADERS : 0;
			f->sets_seen |= !it->peek;
			break;
		default:
			break;
		}
	}
	f->sets_seen &= !f->s->view->readonly;
}

/* Where the text of the response goes, piece by piece. */
static struct buf *out_of(const struct fetch *f)
{
	return stream_out(f->s->stream);
}

static void put(struct fetch *f, struct str text)
{
	if (text.n < LONG_TEXT)
		buf_str(out_of(f), text);
	else
		stream_write(f->s->stream, text);
}

static void literal_head(struct buf *out, uint64_t n)
{
	buf_c(out, '{');
	buf_u64(out, n);
	buf_add(out, "}\r\n", 3);
}

/* A message may have been found gone between two of its items: what was begun is
 * ended with NIL, so that the client's parser stays in step. */
static int send_section(struct fetch *f, struct imap_body *b, const struct store_desc *desc,
	const struct fetch_item *it)
{
	struct imap_range r = { .nil = false };
	uint64_t at, n;
	int err = 0;

	if (f->cached[it - f->item]) {
		buf_reset(&f->picked);
		imap_header_pick(desc->headers, &it->section, &f->picked);
		r.in_memory = true;
		r.text = buf_view(&f->picked);
		r.n = r.text.n;
	} else {
		err = imap_body_range(b, &it->section, &r);
	}
	if (err || r.nil) {
		buf_puts(out_of(f), "NIL");
		return err;
	}
	at = it->partial ? MIN(it->at, r.n) : 0;
	n = it->partial ? MIN(it->n, r.n - at) : r.n;
	literal_head(out_of(f), n);
	if (!r.in_memory)
		return n ? imap_body_send(b, &r, at, n) : 0;
	put(f, str_sub(r.text, (size_t)at, (size_t)(at + n)));
	return 0;
}

static void send_flags(struct fetch *f, const struct store_rec *rec)
{
	if (!f->flags.n || rec->flags != f->flags_of || rec->keywords != f->keywords_of) {
		buf_reset(&f->flags);
		imap_print_flags(f->s->view, rec, &f->flags);
		f->flags_of = rec->flags;
		f->keywords_of = rec->keywords;
	}
	buf_str(out_of(f), buf_view(&f->flags));
}

static int send_item(struct fetch *f, struct imap_body *b, const struct store_desc *desc,
	const struct fetch_item *it)
{
	const struct store_rec *rec = &f->s->view->rec[b->index];
	struct buf *out = out_of(f);

	buf_str(out, it->name);
	buf_c(out, ' ');
	switch (it->kind) {
	case FETCH_FLAGS:
		send_flags(f, rec);
		break;
	case FETCH_UID:
		buf_u64(out, rec->uid);
		break;
	case FETCH_INTERNALDATE:
		buf_c(out, '"');
		date_imap_print(rec->internaldate, 0, out);
		buf_c(out, '"');
		break;
	case FETCH_SIZE:
		buf_u64(out, rec->size);
		break;
	case FETCH_MODSEQ:
		buf_fmt(out, "(%llu)", (unsigned long long)rec->modseq);
		break;
	case FETCH_ENVELOPE:
		put(f, desc->envelope);
		break;
	case FETCH_BODYSTRUCTURE:
		put(f, desc->bodystructure);
		break;
	case FETCH_BODY:
		put(f, desc->body);
		break;
	case FETCH_SECTION:
		return send_section(f, b, desc, it);
	}
	return 0;
}

/* What nobody asked for, because \Seen was set by this command. */
static const struct fetch_item flags_item = { .kind = FETCH_FLAGS, .name = { "FLAGS", 5 } };
static const struct fetch_item modseq_item = { .kind = FETCH_MODSEQ, .name = { "MODSEQ", 6 } };
static const struct fetch_item uid_item = { .kind = FETCH_UID, .name = { "UID", 3 } };

static void send_seen(struct fetch *f, struct imap_body *b, const struct store_desc *desc)
{
	struct buf *out = out_of(f);

	if (!f->has_flags) {
		buf_c(out, ' ');
		send_item(f, b, desc, &flags_item);
	}
	if (f->s->condstore && !f->has_modseq) {
		buf_c(out, ' ');
		send_item(f, b, desc, &modseq_item);
	}
	if (f->s->condstore && !f->has_uid && !f->s->in.uid) {
		buf_c(out, ' ');
		send_item(f, b, desc, &uid_item);
	}
}

static int fetch_one(struct fetch *f, uint32_t index, bool seen_now)
{
	struct stream *st = f->s->stream;
	struct buf *out = out_of(f);
	struct store_desc desc = { .envelope = STR_NONE };
	struct imap_body b;
	size_t i;
	int r = f->want ? store_describe(f->s->view, index, f->want, &f->s->ma, &desc) : 0;

	if (r)
		return r;
	imap_body_init(&b, f->s, index);
	buf_add(out, "* ", 2);
	buf_u64(out, index + 1);
	buf_add(out, " FETCH (", 8);
	if (f->s->in.uid && !f->has_uid) {
		send_item(f, &b, &desc, &uid_item);
		buf_c(out, ' ');
	}
	for (i = 0; i < f->nitems && !st->err; i++) {
		int err = send_item(f, &b, &desc, &f->item[i]);

		r = r ? r : err;
		if (i + 1 < f->nitems)
			buf_c(out, ' ');
	}
	if (seen_now)
		send_seen(f, &b, &desc);
	buf_add(out, ")\r\n", 3);
	stream_added(st);
	imap_body_done(&b);
	f->s->fetched++;
	return r;
}

/* Sets \Seen where it is missing: seen_out[i] belongs to index[i]. */
static int set_seen(struct fetch *f, const uint32_t *index, size_t n, bool *seen_out, bool *gone_out)
{
	uint32_t *todo = arena_array(&f->s->a, n, sizeof *todo), *changed;
	size_t i, ntodo = 0, nchanged, at = 0;
	int r;

	for (i = 0; i < n; i++)
		if (!(f->s->view->rec[index[i]].flags & STORE_SEEN))
			todo[ntodo++] = index[i];
	if (!ntodo)
		return 0;
	r = store_set_flags(f->s->view, todo, ntodo, STORE_ADD, STORE_SEEN, NULL, 0, &f->s->a, &changed,
		&nchanged, gone_out);
	for (i = 0; !r && i < n && at < ntodo; i++)
		if (index[i] == todo[at]) {
			seen_out[i] = true;
			at++;
		}
	return r;
}

static void fetch_all(struct fetch *f, const uint32_t *index, size_t n, bool gone)
{
	struct imap_session *s = f->s;
	bool *seen = arena_array(&s->a, n + 1, sizeof *seen), gone_now = false;
	int r = f->sets_seen && n ? set_seen(f, index, n, seen, &gone_now) : 0;
	bool full = r == -ENOSPC || r == -EDQUOT; /* reading goes on */
	int failed = full ? 0 : r;
	size_t i;

	gone |= gone_now;
	for (i = 0; i < n && !s->stream->err; i++) {
		r = s->view->rec[index[i]].flags & STORE_GONE ? E_NOTFOUND : fetch_one(f, index[i], seen[i]);
		arena_reset(&s->ma);
		gone |= r == E_NOTFOUND;
		if (r && r != E_NOTFOUND)
			failed = r;
	}
	buf_done(&f->picked);
	buf_done(&f->flags);
	if (failed && !s->stream->err)
		imap_error(s, failed, "FETCH");
	else if (gone && !s->in.uid)
		imap_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else
		imap_ok(s, full ? "Fetch completed, out of disk space for \\Seen" : "Fetch completed");
}

/* What of the set was removed. "*" is the last UID that was given, not the last that
 * is left: a message above that went is told too. What "$" lost is gone from it. */
static int tell_vanished(struct fetch *f, struct cur set_text)
{
	struct imap_session *s = f->s;
	struct imapset set;

	if (imapset_parse(&set_text, &s->a, &set) != 1)
		return 0;
	imapset_resolve(&set, s->view->uidnext - 1);
	return imap_tell_earlier(s, f->mod.since, &set, 0);
}

/* Only what changed since (RFC 7162 3.1.4.1). */
static size_t only_changed(const struct fetch *f, uint32_t *index, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		if (f->s->view->rec[index[i]].modseq > f->mod.since)
			index[k++] = index[i];
	return k;
}

static bool check_modifiers(struct fetch *f)
{
	if (f->mod.vanished && !(f->s->in.uid && f->s->qresync && f->mod.changed)) {
		imap_bad(f->s, "VANISHED needs UID FETCH, CHANGEDSINCE and ENABLE QRESYNC");
		return false;
	}
	if (f->mod.changed && !f->has_modseq) {
		f->item[f->nitems++] = modseq_item;
		f->has_modseq = true;
	}
	return true;
}

void cmd_fetch(struct imap_session *s)
{
	struct fetch f = { .s = s };
	struct cur c = s->in.args, set;
	uint32_t *index;
	bool gone;
	size_t n;
	int r = 0;

	if (!cur_take(&c, ' ')) {
		imap_bad(s, "Message set expected");
		return;
	}
	set = c;
	if (!imap_parse_set(s, &c, &index, &n, &gone))
		return;
	if (!cur_take(&c, ' ') || fetch_parse(&c, &s->a, &f.item, &f.nitems) != 1 ||
		fetch_modifiers_parse(&c, &f.mod) < 0) {
		imap_bad(s, "Invalid FETCH items");
		return;
	}
	if (!imap_args_end(s, &c))
		return;
	buf_init(&f.picked, SIZE_MAX);
	buf_init(&f.flags, LINE_MAX_BYTES);
	plan(&f);
	if (!check_modifiers(&f))
		return;
	if (f.has_modseq)
		imap_condstore(s);
	if (f.mod.changed)
		n = only_changed(&f, index, n);
	if (f.mod.vanished)
		r = tell_vanished(&f, set);
	if (r)
		imap_error(s, r, "FETCH");
	else
		fetch_all(&f, index, n, gone);
}
