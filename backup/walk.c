/* SPDX-License-Identifier: ISC
 *
 * walk.c: see walk.h.
 */
#include "backup/walk.h"

struct state {
	struct repo *r;
	const struct walk *w;
	char where[512];
};

static int text_of(struct state *x, const struct object_id *id, struct buf *b)
{
	buf_init(b, WALK_TEXT);
	return repo_get(x->r, id, b);
}

static int broken(struct state *x, int err)
{
	if (!x->r->why[0])
		repo_fail(x->r, err, "%s", err_text(err));
	return x->w->broken(x->w->arg, err, x->where);
}

static int tell(struct state *x, const struct object_id *id)
{
	return x->w->object(x->w->arg, id, x->where);
}

static bool seen(struct state *x, const struct object_id *id)
{
	return x->w->seen && x->w->seen(x->w->arg, id);
}

static int walk_list(struct state *x, const struct object_id *id)
{
	struct kept_message *m;
	struct arena a;
	struct buf b;
	size_t n, i;
	int err;

	if (seen(x, id))
		return 0;
	arena_init(&a);
	err = tell(x, id);
	if (!err) {
		err = text_of(x, id, &b);
		if (!err)
			err = list_parse(buf_view(&b), &a, &m, &n);
		buf_done(&b);
		if (err) {
			err = broken(x, err);
			n = 0;
		}
		for (i = 0; !err && i < n; i++)
			err = tell(x, &m[i].id);
	}
	arena_done(&a);
	return err;
}

static int walk_folders(struct state *x, const struct kept_mailbox *m)
{
	size_t i, k;
	int err = 0;

	for (i = 0; !err && i < m->nfiles; i++) {
		snprintf(x->where, sizeof(x->where), "%.*s %.*s", STRF(m->address), STRF(m->file[i].path));
		err = tell(x, &m->file[i].id);
	}
	for (i = 0; !err && i < m->nfolders; i++) {
		snprintf(x->where, sizeof(x->where), "%.*s %.*s", STRF(m->address), STRF(m->folder[i].dir));
		for (k = 0; !err && k < m->folder[i].nlists; k++)
			err = walk_list(x, &m->folder[i].list[k].id);
	}
	return err;
}

static int walk_mailbox(struct state *x, const struct snapshot_mailbox *s)
{
	struct kept_mailbox m;
	struct arena a;
	struct buf b;
	int err;

	snprintf(x->where, sizeof(x->where), "%.*s", STRF(s->address));
	if (seen(x, &s->id))
		return 0;
	arena_init(&a);
	err = tell(x, &s->id);
	if (!err) {
		err = text_of(x, &s->id, &b);
		if (!err)
			err = mailbox_parse(buf_view(&b), &a, &m);
		buf_done(&b);
		err = err ? broken(x, err) : walk_folders(x, &m);
	}
	arena_done(&a);
	return err;
}

static int walk_queue(struct state *x, const struct object_id *id)
{
	struct kept_queue q;
	struct arena a;
	struct buf b;
	size_t i;
	int err;

	snprintf(x->where, sizeof(x->where), "the queue");
	arena_init(&a);
	err = tell(x, id);
	if (!err) {
		err = text_of(x, id, &b);
		if (!err)
			err = queue_parse(buf_view(&b), &a, &q);
		buf_done(&b);
		if (err)
			err = broken(x, err);
		else
			err = tell(x, &q.db);
		for (i = 0; !err && i < q.nmessages; i++)
			err = tell(x, &q.message[i].id);
	}
	arena_done(&a);
	return err;
}

static int walk_files(struct state *x, const struct object_id *id)
{
	struct kept_file *f;
	struct arena a;
	struct buf b;
	size_t n = 0, i;
	int err;

	snprintf(x->where, sizeof(x->where), "settings and certificates");
	arena_init(&a);
	err = tell(x, id);
	if (!err) {
		err = text_of(x, id, &b);
		if (!err)
			err = files_parse(buf_view(&b), &a, &f, &n);
		buf_done(&b);
		if (err)
			err = broken(x, err);
		for (i = 0; !err && i < n; i++) {
			snprintf(x->where, sizeof(x->where), "%.*s", STRF(f[i].path));
			err = tell(x, &f[i].id);
		}
	}
	arena_done(&a);
	return err;
}

int walk_snapshot(struct repo *r, const struct snapshot *s, const struct walk *w)
{
	struct state x = { .r = r, .w = w, .where = "the directory of accounts" };
	size_t i;
	int err = 0;

	if (s->directory_bytes)
		err = tell(&x, &s->directory);
	if (!err && s->has_queue)
		err = walk_queue(&x, &s->queue);
	if (!err && s->has_files)
		err = walk_files(&x, &s->files);
	for (i = 0; !err && i < s->nmailboxes; i++)
		if (!s->mailbox[i].why.n)
			err = walk_mailbox(&x, &s->mailbox[i]);
	return err;
}
