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

struct fetch {
	struct imap_session *s;
	struct fetch_item *item;
	size_t nitems;
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
			f->want |= from_cache(&it->section) ? STORE_WANT_HEADERS : 0;
			f->sets_seen |= !it->peek;
			break;
		default:
			break;
		}
	}
	f->sets_seen &= !f->s->view->readonly;
}

/* A message may have been found gone between two of its items: what was begun is
 * ended with NIL, so that the client's parser stays in step. */
static int send_section(struct fetch *f, struct imap_body *b, const struct store_desc *desc,
	const struct fetch_item *it)
{
	struct stream *st = f->s->stream;
	struct imap_range r;
	uint64_t at, n;
	int err = 0;

	if (from_cache(&it->section)) {
		struct buf picked;

		memset(&r, 0, sizeof r);
		buf_init(&picked, desc->headers.n + 2);
		imap_header_pick(desc->headers, &it->section, &f->s->ma, &picked);
		r.in_memory = true;
		r.text = arena_str(&f->s->ma, buf_view(&picked));
		r.n = r.text.n;
		buf_done(&picked);
	} else {
		err = imap_body_range(b, &it->section, &r);
	}
	if (err || r.nil) {
		stream_puts(st, "NIL");
		return err;
	}
	at = it->partial ? MIN(it->at, r.n) : 0;
	n = it->partial ? MIN(it->n, r.n - at) : r.n;
	stream_fmt(st, "{%llu}\r\n", (unsigned long long)n);
	return n ? imap_body_send(b, &r, at, n) : 0;
}

static int send_item(struct fetch *f, struct imap_body *b, const struct store_desc *desc,
	const struct fetch_item *it)
{
	const struct store_rec *rec = &f->s->view->rec[b->index];
	struct stream *st = f->s->stream;
	struct buf text;

	stream_write(st, it->name);
	stream_puts(st, " ");
	buf_init(&text, LINE_MAX_BYTES);
	switch (it->kind) {
	case FETCH_FLAGS:
		imap_print_flags(f->s->view, rec, &text);
		break;
	case FETCH_UID:
		buf_u64(&text, rec->uid);
		break;
	case FETCH_INTERNALDATE:
		buf_c(&text, '"');
		date_imap_print(rec->internaldate, 0, &text);
		buf_c(&text, '"');
		break;
	case FETCH_SIZE:
		buf_u64(&text, rec->size);
		break;
	case FETCH_MODSEQ:
		buf_fmt(&text, "(%llu)", (unsigned long long)rec->modseq);
		break;
	case FETCH_ENVELOPE:
		stream_write(st, desc->envelope);
		break;
	case FETCH_BODYSTRUCTURE:
		stream_write(st, desc->bodystructure);
		break;
	case FETCH_BODY:
		stream_write(st, desc->body);
		break;
	case FETCH_SECTION:
		buf_done(&text);
		return send_section(f, b, desc, it);
	}
	stream_write(st, buf_view(&text));
	buf_done(&text);
	return 0;
}

/* What nobody asked for, because \Seen was set by this command. */
static const struct fetch_item flags_item = { .kind = FETCH_FLAGS, .name = { "FLAGS", 5 } };
static const struct fetch_item modseq_item = { .kind = FETCH_MODSEQ, .name = { "MODSEQ", 6 } };
static const struct fetch_item uid_item = { .kind = FETCH_UID, .name = { "UID", 3 } };

static void send_seen(struct fetch *f, struct imap_body *b, const struct store_desc *desc)
{
	struct stream *st = f->s->stream;

	if (!f->has_flags) {
		stream_puts(st, " ");
		send_item(f, b, desc, &flags_item);
	}
	if (f->s->condstore && !f->has_modseq) {
		stream_puts(st, " ");
		send_item(f, b, desc, &modseq_item);
	}
	if (f->s->condstore && !f->has_uid && !f->s->in.uid) {
		stream_puts(st, " ");
		send_item(f, b, desc, &uid_item);
	}
}

static int fetch_one(struct fetch *f, uint32_t index, bool seen_now)
{
	struct stream *st = f->s->stream;
	struct store_desc desc = { .envelope = STR_NONE };
	struct imap_body b;
	size_t i;
	int r = f->want ? store_describe(f->s->view, index, f->want, &f->s->ma, &desc) : 0;

	if (r)
		return r;
	imap_body_init(&b, f->s, index);
	stream_fmt(st, "* %u FETCH (", index + 1);
	if (f->s->in.uid && !f->has_uid) {
		send_item(f, &b, &desc, &uid_item);
		stream_puts(st, " ");
	}
	for (i = 0; i < f->nitems && !st->err; i++) {
		int err = send_item(f, &b, &desc, &f->item[i]);

		r = r ? r : err;
		stream_puts(st, i + 1 < f->nitems ? " " : "");
	}
	if (seen_now)
		send_seen(f, &b, &desc);
	stream_puts(st, ")\r\n");
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
