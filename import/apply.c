/* SPDX-License-Identifier: ISC
 *
 * apply.c: what every import does with a folder: new messages by batches, changes and removals
 * of those that came in an earlier run.
 *
 * A change is what the source changed since the last run, so that what people did here meanwhile
 * stays. The same change of many messages (read, most often) is one call of the store.
 */
#include "import/content.h"

#include "base/file.h"

struct change {
	struct str id;
	uint32_t uid;
	uint32_t set, clear; /* flags */
	struct str add, drop; /* keywords, a space between two */
	uint32_t flags; /* as the source has them now */
	struct str keywords;
};

void apply_init(struct apply *p, struct job *j, struct store_import *im, struct str folder)
{
	memset(p, 0, sizeof(*p));
	p->j = j;
	p->im = im;
	p->folder = folder;
	arena_init(&p->a);
}

void apply_done(struct apply *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		fd_close(&p->batch[i].fd);
	free(p->change);
	arena_done(&p->a);
}

int apply_flush(struct apply *p)
{
	int err = store_import_add(p->im, p->batch, p->n);

	if (!err)
		p->added += p->n;
	p->n = 0;
	arena_reset(&p->a);
	return err;
}

int apply_add(struct apply *p, const struct store_import_message *m)
{
	struct store_import_message *to = &p->batch[p->n++];
	struct str *keyword = arena_array(&p->a, m->nkeywords + 1, sizeof(*keyword));
	size_t i;

	*to = *m;
	to->id = arena_str(&p->a, m->id);
	to->uidl = arena_str(&p->a, m->uidl);
	for (i = 0; i < m->nkeywords; i++)
		keyword[i] = arena_str(&p->a, m->keyword[i]);
	to->keyword = keyword;
	return p->n == ARRAY_LEN(p->batch) ? apply_flush(p) : 0;
}

/* --- changes ------------------------------------------------------------------- */

static bool list_has(struct str list, struct str word)
{
	while (list.p && list.n)
		if (str_ieq(str_cut(&list, ' '), word))
			return true;
	return false;
}

static void list_add(struct buf *b, struct str word)
{
	if (b->n)
		buf_c(b, ' ');
	buf_str(b, word);
}

static struct change *change_new(struct apply *p)
{
	if (p->nchanges == p->changes_cap) {
		p->changes_cap = p->changes_cap * 2 + 64;
		p->change = mem_grow(p->change, p->changes_cap, sizeof(*p->change));
	}
	memset(&p->change[p->nchanges], 0, sizeof(*p->change));
	return &p->change[p->nchanges++];
}

void apply_compare(struct apply *p, struct str id, const struct store_imported *was, uint32_t flags,
	const struct str *keyword, size_t nkeywords)
{
	struct buf now, add, drop;
	struct str rest = was->keywords;
	struct change *c;
	size_t i;

	buf_init(&now, 65536);
	buf_init(&add, 65536);
	buf_init(&drop, 65536);
	for (i = 0; i < nkeywords; i++) {
		list_add(&now, keyword[i]);
		if (!list_has(was->keywords, keyword[i]))
			list_add(&add, keyword[i]);
	}
	while (rest.p && rest.n) {
		struct str word = str_cut(&rest, ' ');

		if (!list_has(buf_view(&now), word))
			list_add(&drop, word);
	}
	flags &= 31;
	if (flags != was->flags || add.n || drop.n) {
		c = change_new(p);
		c->id = arena_str(&p->j->a, id);
		c->uid = was->uid;
		c->set = flags & ~was->flags;
		c->clear = was->flags & ~flags & 31;
		c->flags = flags;
		c->add = arena_str(&p->j->a, buf_view(&add));
		c->drop = arena_str(&p->j->a, buf_view(&drop));
		c->keywords = arena_str(&p->j->a, buf_view(&now));
	}
	buf_done(&now);
	buf_done(&add);
	buf_done(&drop);
}

static int by_kind(const void *pa, const void *pb)
{
	const struct change *a = pa, *b = pb;
	int d;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->clear != b->clear)
		return a->clear < b->clear ? -1 : 1;
	d = str_cmp(a->add, b->add);
	if (!d)
		d = str_cmp(a->drop, b->drop);
	return d ? d : a->uid < b->uid ? -1 : a->uid > b->uid;
}

static bool same_kind(const struct change *a, const struct change *b)
{
	return a->set == b->set && a->clear == b->clear && str_eq(a->add, b->add) && str_eq(a->drop, b->drop);
}

static int change_flags(struct store_view *v, const uint32_t *index, size_t n, enum store_op op, uint32_t flags,
	struct str words, struct arena *a)
{
	struct str keyword[STORE_KEYWORDS_MAX];
	uint32_t *changed;
	size_t nchanged, k = 0;
	bool gone;

	while (words.p && words.n && k < ARRAY_LEN(keyword))
		keyword[k++] = str_cut(&words, ' ');
	if (!flags && !k)
		return 0;
	return store_set_flags(v, index, n, op, flags, keyword, k, a, &changed, &nchanged, &gone);
}

/* Those from at to end are alike. */
static int change_group(struct apply *p, struct store_view *v, size_t at, size_t end)
{
	const struct change *c = &p->change[at];
	uint32_t *index;
	struct arena a;
	size_t n = 0, i;
	ssize_t where;
	int err;

	arena_init(&a);
	index = arena_array(&a, end - at, sizeof(*index));
	for (i = at; i < end; i++)
		if ((where = store_find(v, p->change[i].uid)) >= 0)
			index[n++] = (uint32_t)where;
	err = n ? change_flags(v, index, n, STORE_ADD, c->set, c->add, &a) : 0;
	/* a server's odd keyword is no reason to stop */
	if (err == E_LIMIT || err == E_SYNTAX)
		err = change_flags(v, index, n, STORE_ADD, c->set, STR(""), &a);
	if (!err && n)
		err = change_flags(v, index, n, STORE_CLEAR, c->clear, c->drop, &a);
	for (i = at; !err && i < end; i++)
		err = store_import_note(p->im, p->change[i].id, p->change[i].flags, p->change[i].keywords);
	p->changed += n;
	arena_done(&a);
	return err;
}

static int apply_changes(struct apply *p, struct store_view *v)
{
	size_t at, end;
	int err = 0;

	if (p->nchanges)
		qsort(p->change, p->nchanges, sizeof(*p->change), by_kind);
	for (at = 0; !err && at < p->nchanges; at = end) {
		for (end = at + 1; end < p->nchanges && same_kind(&p->change[at], &p->change[end]); end++)
			;
		err = change_group(p, v, at, end);
	}
	return err;
}

static int remove_gone(struct apply *p, struct store_view *v, const struct store_import_missing *gone, size_t ngone)
{
	uint32_t *index;
	struct arena a;
	size_t n = 0, i;
	ssize_t where;
	int err = 0;

	arena_init(&a);
	index = arena_array(&a, ngone + 1, sizeof(*index));
	for (i = 0; i < ngone; i++)
		if ((where = store_find(v, gone[i].uid)) >= 0)
			index[n++] = (uint32_t)where;
	if (n)
		err = store_expunge(v, index, n);
	for (i = 0; !err && i < ngone; i++)
		err = store_import_forget(p->im, gone[i].id);
	p->removed += n;
	arena_done(&a);
	return err;
}

int apply_finish(struct apply *p, bool remove_missing)
{
	struct store_import_missing *gone = NULL;
	struct store_view *v;
	struct arena a;
	size_t ngone = 0;
	int err;

	arena_init(&a);
	if (remove_missing)
		store_import_missing(p->im, &a, &gone, &ngone);
	if (p->j->dry) {
		p->changed = p->nchanges;
		p->removed = ngone;
	}
	if (p->j->dry || (!p->nchanges && !ngone)) {
		arena_done(&a);
		return 0;
	}
	err = store_select(p->j->store, p->folder, false, &v);
	if (!err) {
		err = apply_changes(p, v);
		if (!err && ngone)
			err = remove_gone(p, v, gone, ngone);
		store_deselect(v);
	}
	arena_done(&a);
	return err;
}
