/* SPDX-License-Identifier: ISC
 *
 * body.c: from a section to bytes (RFC 3501 6.4.5).
 *
 * Always true: whole messages and their parts go from the file to the client
 * without being held in memory, unless the file is not in wire form (imports
 * with bare LF) or its parts have to be found first.
 */
#include "imap/body.h"

#include "mail/imapdesc.h"

#define HEAD_STEP 16384 /* most headers are read at once */
#define SEND_STEP ((uint64_t)64 * 1024)
#define SENDFILE_LEAST (64 * 1024) /* less than that goes with its neighbours, in one write */

void imap_tree_init(struct imap_tree *t)
{
	memset(t, 0, sizeof *t);
	arena_init(&t->a);
}

void imap_tree_done(struct imap_tree *t)
{
	arena_done(&t->a);
}

void imap_body_init(struct imap_body *b, struct imap_session *s, uint32_t index)
{
	memset(b, 0, sizeof *b);
	b->s = s;
	b->index = index;
	buf_init(&b->head, (size_t)s->conf->smtp_message_size * 2 + HEAD_STEP);
}

void imap_body_done(struct imap_body *b)
{
	if (b->open)
		store_msg_close(&b->msg);
	buf_done(&b->head);
}

static int open_msg(struct imap_body *b)
{
	int r = b->open ? 0 : store_msg_open(b->s->view, b->index, &b->msg);

	b->open = b->open || !r;
	return r;
}

int imap_body_load(struct imap_body *b, struct str *out)
{
	int r = open_msg(b);

	if (!r && !b->loaded)
		r = store_msg_load(&b->msg);
	if (r)
		return r;
	b->loaded = true;
	*out = b->msg.text;
	return 0;
}

/* Bytes up to and with the empty line, 0: it is not in there. */
static size_t head_end(struct str s)
{
	ssize_t at;

	if (str_starts(s, "\r\n"))
		return 2;
	at = str_search(s, STR("\r\n\r\n"));
	return at < 0 ? 0 : (size_t)at + 4;
}

int imap_body_head(struct imap_body *b, struct str *out)
{
	size_t end = 0, step = HEAD_STEP;
	int r = open_msg(b);

	while (!r && !b->have_head) {
		size_t had = b->head.n;

		r = store_msg_read(&b->msg, had, step, &b->head);
		if (r || b->head.err)
			return r ? r : b->head.err;
		end = head_end(str_from(buf_view(&b->head), had < 3 ? 0 : had - 3));
		if (end) {
			buf_cut(&b->head, (had < 3 ? 0 : had - 3) + end);
			b->have_head = true;
		} else if (b->head.n - had < step) {
			b->have_head = true; /* a header without a body */
		}
		step *= 2;
	}
	if (!r)
		*out = buf_view(&b->head);
	return r;
}

static void own(struct arena *a, struct str *s)
{
	if (s->n)
		*s = arena_str(a, *s);
}

static void own_params(struct arena *a, struct mime_param *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		own(a, &p[i].name);
		own(a, &p[i].value);
	}
}

/* The tree is kept for the next FETCH, the text that its strings lie in is not. */
static void own_strings(struct arena *a, struct mime *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		struct mime_part *p = &m->part[i];

		own(a, &p->type);
		own(a, &p->subtype);
		own(a, &p->encoding);
		own(a, &p->id);
		own(a, &p->description);
		own(a, &p->md5);
		own(a, &p->location);
		own(a, &p->language);
		own(a, &p->disposition);
		own_params(a, p->param, p->nparams);
		own_params(a, p->disposition_param, p->ndisposition_params);
	}
}

int imap_body_tree(struct imap_body *b, const struct mime **out)
{
	struct imap_tree *t = &b->s->tree;
	uint32_t uid = b->s->view->rec[b->index].uid;
	struct str text;
	int r;

	if (t->uid != uid) {
		r = imap_body_load(b, &text);
		if (r)
			return r;
		arena_done(&t->a);
		arena_init(&t->a);
		t->mime = ARENA_NEW(&t->a, struct mime);
		mime_parse(text, &mime_default_limits, &t->a, t->mime);
		own_strings(&t->a, t->mime);
		t->uid = uid;
	}
	*out = t->mime;
	return 0;
}

bool imap_header_is_common(struct str field)
{
	size_t i;

	for (i = 0; store_common_headers[i]; i++)
		if (str_ieqc(field, store_common_headers[i]))
			return true;
	return false;
}

/* The next field with its folded lines; none behind the empty line. */
static bool next_field(struct str *rest, struct str *out)
{
	const char *p = rest->p, *end = rest->p + rest->n, *nl = p;

	if (p == end || *p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n'))
		return false;
	do {
		nl = memchr(nl, '\n', (size_t)(end - nl));
		nl = nl ? nl + 1 : end;
	} while (nl < end && (*nl == ' ' || *nl == '\t'));
	*out = str_make(p, (size_t)(nl - p));
	*rest = str_make(nl, (size_t)(end - nl));
	return true;
}

/* field-name, white space as the obsolete form allows it (RFC 5322 4.5), ":" */
static bool has_name(struct str field, struct str name)
{
	size_t i = name.n;

	if (field.n <= i || !str_ieq(str_sub(field, 0, i), name))
		return false;
	while (i < field.n && (field.p[i] == ' ' || field.p[i] == '\t'))
		i++;
	return i < field.n && field.p[i] == ':';
}

/* 1*ftext; what is none is the name of no field */
static bool is_name(struct str name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if (name.p[i] < 33 || name.p[i] > 126 || name.p[i] == ':')
			return false;
	return name.n > 0;
}

static void pick_listed(struct str raw, const struct section *sec, struct buf *out)
{
	struct str rest = raw, field;
	size_t i;

	while (next_field(&rest, &field)) {
		if (field.p == raw.p && str_starts(field, "From "))
			continue; /* of an mbox, no field */
		for (i = 0; i < sec->nfields; i++)
			if (has_name(field, sec->field[i]) && is_name(sec->field[i])) {
				buf_str(out, field);
				break;
			}
	}
}

static void pick_others(struct str raw, const struct section *sec, struct buf *out)
{
	struct header_walk w = { .message = raw };
	struct header_field f;
	bool listed;
	size_t i;

	while (header_walk(&w, &f)) {
		for (i = 0, listed = !f.name.n; i < sec->nfields && !listed; i++)
			listed = str_ieq(f.name, sec->field[i]);
		if (!listed)
			buf_str(out, f.raw);
	}
}

void imap_header_pick(struct str raw, const struct section *sec, struct buf *out)
{
	if (sec->text == SECTION_FIELDS)
		pick_listed(raw, sec, out);
	else
		pick_others(raw, sec, out);
	buf_puts(out, "\r\n");
}

static int pick_fields(struct imap_body *b, struct str raw, const struct section *sec,
	struct imap_range *out)
{
	struct arena *a = &b->s->ma;
	struct buf picked;

	buf_init(&picked, raw.n + 2);
	imap_header_pick(raw, sec, &picked);
	out->in_memory = true;
	out->text = arena_str(a, buf_view(&picked));
	out->n = out->text.n;
	buf_done(&picked);
	return 0;
}

/* Header and text of the message itself need no tree. */
static int root_range(struct imap_body *b, const struct section *sec, struct imap_range *out)
{
	struct str head;
	int r;

	if (sec->text == SECTION_ALL) {
		r = open_msg(b);
		out->n = r ? 0 : b->msg.size;
		return r;
	}
	r = imap_body_head(b, &head);
	if (r)
		return r;
	if (sec->text == SECTION_FIELDS || sec->text == SECTION_FIELDS_NOT)
		return pick_fields(b, head, sec, out);
	if (sec->text == SECTION_TEXT) {
		out->at = head.n;
		out->n = b->msg.size - MIN(b->msg.size, head.n);
	} else {
		out->n = head.n;
		out->in_memory = true;
		out->text = head;
	}
	return 0;
}

static int part_fields(struct imap_body *b, const struct mime_part *p, const struct section *sec,
	struct imap_range *out)
{
	struct buf raw;
	int r = open_msg(b);

	if (r)
		return r;
	buf_init(&raw, p->header_size + 1);
	r = store_msg_read(&b->msg, p->header_at, p->header_size, &raw);
	if (!r)
		r = pick_fields(b, buf_view(&raw), sec, out);
	buf_done(&raw);
	return r;
}

static int part_range(struct imap_body *b, const struct section *sec, struct imap_range *out)
{
	const struct mime *m;
	const struct mime_part *p;
	int part, r = imap_body_tree(b, &m);

	if (!r)
		r = open_msg(b);
	if (r)
		return r;
	part = imapdesc_part(m, sec->path, sec->npath);
	/* HEADER and TEXT are those of a message inside (RFC 3501 6.4.5) */
	if (part >= 0 && sec->text != SECTION_ALL && sec->text != SECTION_MIME)
		part = m->part[part].message ? m->part[part].first_child : -1;
	if (part < 0) {
		out->nil = true;
		return 0;
	}
	p = &m->part[part];
	if (sec->text == SECTION_FIELDS || sec->text == SECTION_FIELDS_NOT)
		return part_fields(b, p, sec, out);
	if (sec->text == SECTION_ALL || sec->text == SECTION_TEXT) {
		out->at = p->body_at;
		out->n = p->body_size;
	} else {
		out->at = p->header_at;
		out->n = p->header_size;
	}
	return 0;
}

int imap_body_range(struct imap_body *b, const struct section *sec, struct imap_range *out)
{
	memset(out, 0, sizeof *out);
	return sec->npath ? part_range(b, sec, out) : root_range(b, sec, out);
}

int imap_body_send(struct imap_body *b, const struct imap_range *r, uint64_t at, uint64_t n)
{
	struct stream *st = b->s->stream;
	struct buf *out = stream_out(st);
	uint64_t pos = r->at + at;
	size_t had;
	int err = 0;

	if (r->in_memory) {
		stream_write(st, str_sub(r->text, (size_t)at, (size_t)(at + n)));
		return 0;
	}
	if (b->msg.direct && n >= SENDFILE_LEAST)
		return stream_sendfile(st, b->msg.fd, (off_t)pos, (size_t)n);
	while (n && !err && !st->err) {
		had = out->n;
		err = store_msg_read(&b->msg, pos, (size_t)MIN(n, SEND_STEP), out);
		if (!err && out->n == had)
			err = E_DAMAGED;
		pos += out->n - had;
		n -= out->n - had;
		stream_added(st);
	}
	/* {n} is announced: what is missing cannot be told in the protocol, only by the end */
	if (err && !st->err)
		st->err = err;
	return err;
}
