/* SPDX-License-Identifier: ISC
 *
 * pick.c: see pick.h. A UID is found in the lists alone; for words of the
 * header the messages are read, one after the other.
 */
#include "backup/pick.h"

#include "backup/walk.h"
#include "mail/charset.h"
#include "mail/header.h"

#define HEADER_MAX ((size_t)256 << 10)
#define SMALL_MAX ((size_t)256 << 20)

int pick_mailbox(struct repo *r, const struct snapshot *s, struct str address, struct arena *a,
	struct kept_mailbox *out)
{
	struct buf b;
	size_t i;
	int err;

	for (i = 0; i < s->nmailboxes && !str_ieq(s->mailbox[i].address, address); i++)
		;
	if (i == s->nmailboxes)
		return repo_fail(r, E_NOTFOUND, "snapshot %.*s holds no mailbox %.*s", STRF(s->id), STRF(address));
	if (s->mailbox[i].why.n)
		return repo_fail(r, E_NOTFOUND, "snapshot %.*s could not take %.*s: %.*s", STRF(s->id), STRF(address),
			STRF(s->mailbox[i].why));
	buf_init(&b, WALK_TEXT);
	err = repo_get(r, &s->mailbox[i].id, &b);
	if (!err)
		err = mailbox_parse(arena_str(a, buf_view(&b)), a, out);
	buf_done(&b);
	return err;
}

static struct str small_file(struct repo *r, const struct kept_mailbox *m, struct str dir, const char *name,
	struct arena *a)
{
	struct str text = STR("");
	char path[600];
	struct buf b;
	size_t i;

	snprintf(path, sizeof(path), "%.*s/%s", STRF(dir), name);
	for (i = 0; i < m->nfiles && !str_eqc(m->file[i].path, path); i++)
		;
	if (i == m->nfiles)
		return text;
	buf_init(&b, SMALL_MAX);
	if (repo_get(r, &m->file[i].id, &b) == 0)
		text = arena_str(a, buf_view(&b));
	buf_done(&b);
	return text;
}

int pick_folder(struct repo *r, const struct kept_mailbox *m, const struct kept_folder *f, struct arena *a,
	struct store_listed_folder **out)
{
	struct str identity = small_file(r, m, f->dir, "mansio-folder", a);

	return store_listed_folder(f->dir, identity, small_file(r, m, f->dir, "mansio-extra", a), a, out);
}

/* --- what a header says ------------------------------------------------------------- */

struct head {
	struct buf b;
	bool full;
};

/* The whole content goes by, for its checksum; the begin of it is kept. */
static int take_head(void *arg, const void *p, size_t n)
{
	struct head *h = arg;

	if (!h->full)
		buf_add(&h->b, p, MIN(n, HEADER_MAX - h->b.n));
	h->full = h->b.n >= HEADER_MAX;
	return 0;
}

static struct str decoded(const struct header *h, const char *name, struct arena *a)
{
	const struct header_field *f = header_get(h, name, 0);
	struct str text = STR("");
	struct buf b;

	if (!f)
		return text;
	buf_init(&b, 4096);
	encoded_words_decode(header_unfold(str_sub(f->body, 0, 2048), a), &b);
	b.err = 0;
	text = arena_str(a, buf_view(&b));
	buf_done(&b);
	return text;
}

static int read_facts(struct repo *r, struct picked *p, struct arena *a)
{
	struct head h = { .full = false };
	struct header header;
	int err;

	buf_init(&h.b, HEADER_MAX);
	err = repo_read(r, &p->m->id, take_head, &h);
	if (!err) {
		header_parse(arena_str(a, buf_view(&h.b)), &header_default_limits, a, &header);
		p->subject = decoded(&header, "Subject", a);
		p->from = decoded(&header, "From", a);
		p->message_id = decoded(&header, "Message-ID", a);
	}
	buf_done(&h.b);
	return err;
}

static bool holds(struct str text, struct str words)
{
	struct buf a, b;
	bool yes;

	buf_init(&a, 16384);
	buf_init(&b, 16384);
	charset_fold(text, &a);
	charset_fold(words, &b);
	yes = !a.err && !b.err && str_search(buf_view(&a), buf_view(&b)) >= 0;
	buf_done(&a);
	buf_done(&b);
	return yes;
}

/* --- choosing ---------------------------------------------------------------------------- */

struct choice {
	const struct pick *p;
	bool by_uid, read;
	uint64_t uid;
};

static bool chosen(const struct choice *c, const struct picked *p)
{
	const struct pick *k = c->p;

	if (k->message.n && !c->by_uid) {
		if (str_find(k->message, '@') >= 0 ? !holds(p->message_id, k->message) : !holds(p->subject, k->message))
			return false;
	}
	return !k->match.n || holds(p->subject, k->match) || holds(p->from, k->match) ||
		holds(p->message_id, k->match);
}

static int pick_list(struct repo *r, const struct store_listed_folder *f, const struct kept_list *list,
	const struct choice *c, const struct pick_ops *ops)
{
	struct kept_message *m;
	struct arena a, each;
	struct buf b;
	size_t n, i;
	int err;

	arena_init(&a);
	arena_init(&each);
	buf_init(&b, WALK_TEXT);
	err = repo_get(r, &list->id, &b);
	if (!err)
		err = list_parse(buf_view(&b), &a, &m, &n);
	if (err) {
		ops->bad(ops->arg, store_listed_name(f));
		err = 0;
		n = 0;
	}
	for (i = 0; !err && i < n; i++) {
		struct picked p = { .folder = store_listed_name(f), .m = &m[i] };

		if (store_listed_message(f, m[i].name, &p.l) < 0 || (c->by_uid && p.l.uid != c->uid))
			continue;
		arena_reset(&each);
		if (c->read && read_facts(r, &p, &each) < 0)
			ops->bad(ops->arg, p.folder);
		else if (chosen(c, &p))
			err = ops->message(ops->arg, &p);
	}
	buf_done(&b);
	arena_done(&each);
	arena_done(&a);
	return err;
}

int pick_messages(struct repo *r, const struct kept_mailbox *m, const struct pick *p, const struct pick_ops *ops)
{
	struct choice c = { .p = p };
	struct store_listed_folder *f;
	struct arena a;
	size_t i, k;
	int err = 0;

	c.by_uid = p->message.n && str_u64(p->message, UINT32_MAX, &c.uid) == 0;
	c.read = p->facts || p->match.n || (p->message.n && !c.by_uid);
	arena_init(&a);
	for (i = 0; !err && i < m->nfolders; i++) {
		arena_reset(&a);
		if (pick_folder(r, m, &m->folder[i], &a, &f) < 0) {
			ops->bad(ops->arg, m->folder[i].dir);
			continue;
		}
		if (p->folder.n && !str_eq(p->folder, store_listed_name(f)) &&
			!(str_eqc(store_listed_name(f), "INBOX") && str_ieqc(p->folder, "INBOX")))
			continue;
		for (k = 0; !err && k < m->folder[i].nlists; k++) {
			uint32_t number = m->folder[i].list[k].number;

			if (!c.by_uid || number == UINT32_MAX || number == c.uid / LIST_UIDS)
				err = pick_list(r, f, &m->folder[i].list[k], &c, ops);
		}
	}
	arena_done(&a);
	return err;
}
