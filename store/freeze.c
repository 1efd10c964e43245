/* SPDX-License-Identifier: ISC
 *
 * freeze.c: a view as text, and back, so that a session needs no process while
 * its client only waits.
 *
 * The text has numbers and digests, not the messages: folder, UIDVALIDITY, the
 * MODSEQ and UIDNEXT up to which the client was told, how many messages it was
 * shown, a digest of their UIDs and one of their flags. The set comes back as
 *
 *   shown = records below that UIDNEXT  +  what the expunge log has since that MODSEQ
 *
 * and is believed only if count and digest agree: a log that was cut, an index
 * that was made anew after an expunge, an older mailbox put back do not, and then
 * nothing may be told by sequence number any more (E_STALE).
 *
 * Messages changed since that MODSEQ are owed to the client: the next store_sync
 * tells them. An index made anew has given each message a new MODSEQ; the digest
 * of the flags says that nothing is owed although, but to a client that counts MODSEQs.
 */
#include "store/view.h"

#include "store/folders.h"

#define FORMAT 1

struct frozen {
	uint64_t id, synced, epoch, uids, flags, keywords;
	uint32_t uidvalidity, uidnext, n;
	bool readonly, modseqs;
	struct str recent, name; /* recent: a set, or "-" */
};

/* --- digests ----------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) + 0x9e3779b97f4a7c15u;
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
	return h ^ (h >> 31);
}

static uint64_t digest_uids(const struct store_view *v)
{
	uint64_t h = 0;
	uint32_t i;

	for (i = 0; i < v->n; i++)
		h = mix(h, v->rec[i].uid);
	return h;
}

static uint64_t digest_flags(const struct store_view *v)
{
	uint64_t h = 0;
	uint32_t i;

	for (i = 0; i < v->n; i++)
		h = mix(mix(mix(h, v->rec[i].uid), v->rec[i].flags & 31), v->rec[i].keywords);
	return h;
}

static uint64_t digest_keywords(const struct store_view *v)
{
	uint64_t h = v->nkeywords;
	unsigned i;
	size_t k;

	for (i = 0; i < v->nkeywords; i++) {
		for (k = 0; k < v->keyword[i].n; k++)
			h = mix(h, (unsigned char)v->keyword[i].p[k]);
		h = mix(h, 0);
	}
	return h;
}

/* --- to text ------------------------------------------------------------------- */

static void print_recent(const struct store_view *v, struct buf *out)
{
	struct imapset_writer w = { .out = out };
	uint32_t i;

	if (!v->recent)
		buf_c(out, '-');
	for (i = 0; i < v->n; i++)
		if (v->rec[i].flags & STORE_RECENT)
			imapset_write(&w, v->rec[i].uid);
	imapset_write_end(&w);
}

int store_view_freeze(const struct store_view *v, struct buf *out)
{
	const struct store_view_private *p = v->priv;
	struct buf text;
	int err;

	if (p->ngone || p->nowed)
		return E_TEMP;
	buf_init(&text, STORE_FROZEN_MAX);
	buf_fmt(&text, "%d %llu %llu %llu %llu %llu %llu %u %u %u %d ", FORMAT, (unsigned long long)p->id,
		(unsigned long long)p->synced, (unsigned long long)p->epoch,
		(unsigned long long)digest_uids(v), (unsigned long long)digest_flags(v),
		(unsigned long long)digest_keywords(v), v->uidvalidity, v->uidnext, v->n,
		v->readonly | v->modseqs << 1);
	print_recent(v, &text);
	buf_c(&text, ' ');
	buf_str(&text, v->name);
	err = text.err;
	if (!err)
		buf_str(out, buf_view(&text));
	buf_done(&text);
	return err ? err : out->err;
}

/* --- from text ----------------------------------------------------------------- */

static bool number(struct str *rest, uint64_t max, uint64_t *out)
{
	return str_u64(str_cut(rest, ' '), max, out) == 0;
}

static int frozen_parse(struct str text, struct frozen *out)
{
	uint64_t format, uidvalidity, uidnext, n, bits;
	struct frozen f = { 0 };
	char dir[STORE_DIR_SIZE];

	if (text.n > STORE_FROZEN_MAX || str_has_ctl(text) || !number(&text, FORMAT, &format) ||
		format != FORMAT || !number(&text, UINT64_MAX, &f.id) ||
		!number(&text, UINT64_MAX, &f.synced) || !number(&text, UINT64_MAX, &f.epoch) ||
		!number(&text, UINT64_MAX, &f.uids) || !number(&text, UINT64_MAX, &f.flags) ||
		!number(&text, UINT64_MAX, &f.keywords) || !number(&text, UINT32_MAX, &uidvalidity) ||
		!number(&text, UINT32_MAX, &uidnext) || !number(&text, UINT32_MAX, &n) ||
		!number(&text, 3, &bits))
		return E_SYNTAX;
	f.recent = str_cut(&text, ' ');
	f.name = text;
	if (!f.recent.n || !f.name.p || folders_dir(f.name, dir))
		return E_SYNTAX;
	f.uidvalidity = (uint32_t)uidvalidity;
	f.uidnext = (uint32_t)uidnext;
	f.n = (uint32_t)n;
	f.readonly = bits & 1;
	f.modseqs = bits & 2;
	*out = f;
	return 0;
}

struct thaw {
	struct frozen f;
	struct imapset recent;
	struct store_view *v;
	uint32_t *gone; /* rising, those below f.uidnext */
	size_t ngone, cap;
};

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int read_gone(struct burst *b, struct thaw *t)
{
	struct index_scan sc;
	uint64_t modseq;
	uint32_t uid;
	int rc, err = gone_scan(b, t->f.id, t->f.synced, &sc);

	t->ngone = 0;
	if (err)
		return err;
	while ((rc = gone_next(&sc, &modseq, &uid)) > 0) {
		if (uid >= t->f.uidnext)
			continue;
		if (t->ngone == t->cap) {
			t->cap = t->cap * 2 + 64;
			t->gone = mem_grow(t->gone, t->cap, sizeof(*t->gone));
		}
		t->gone[t->ngone++] = uid;
	}
	index_scan_end(&sc);
	if (t->ngone)
		qsort(t->gone, t->ngone, sizeof(*t->gone), by_uid);
	return rc;
}

static void add(struct thaw *t, const struct record *r, uint32_t uid)
{
	struct store_view *v = t->v;
	struct store_rec *to;

	view_reserve(v, v->n + 1);
	to = &v->rec[v->n++];
	memset(to, 0, sizeof(*to));
	to->uid = uid;
	if (r)
		view_fill(to, r);
	else
		view_mark_gone(v, v->n - 1);
	if (imapset_has(&t->recent, uid)) {
		to->flags |= STORE_RECENT;
		v->recent++;
	}
	if (r && r->modseq > t->f.synced)
		view_owe(v, uid);
}

/* Records and log, merged. A UID that is in both was logged for nothing: it is there. */
static int merge(struct burst *b, struct thaw *t)
{
	struct index_scan sc;
	struct record r;
	uint32_t last = 0;
	size_t at = 0;
	int rc, err = record_scan(b, t->f.id, 0, &sc);

	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0 && r.uid < t->f.uidnext) {
		for (; at < t->ngone && t->gone[at] <= r.uid; last = t->gone[at++])
			if (t->gone[at] != last && t->gone[at] != r.uid)
				add(t, NULL, t->gone[at]);
		add(t, &r, r.uid);
	}
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	for (; at < t->ngone; last = t->gone[at++])
		if (t->gone[at] != last)
			add(t, NULL, t->gone[at]);
	return 0;
}

static void start_anew(struct store_view *v)
{
	v->n = v->recent = v->nkeywords = 0;
	v->priv->ngone = 0;
	v->priv->nowed = 0;
	v->priv->owed_keywords = false;
}

static int thaw_burst(struct burst *b, void *arg)
{
	struct thaw *t = arg;
	struct store_view *v = t->v;
	struct store_view_private *p = v->priv;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	bool added;
	int err;

	start_anew(v);
	err = view_folder(b, v, f);
	if (!err && (f->meta.uidnext < t->f.uidnext || f->meta.modseq < t->f.synced))
		err = E_STALE;
	if (!err)
		err = read_gone(b, t);
	if (!err)
		err = merge(b, t);
	if (err)
		return err;
	if (v->n != t->f.n || digest_uids(v) != t->f.uids)
		return E_STALE;
	if (!p->ngone && !v->modseqs && digest_flags(v) == t->f.flags)
		p->nowed = 0;
	view_keywords(v, f, &added);
	p->owed_keywords = digest_keywords(v) != t->f.keywords;
	p->epoch = b->state.epoch;
	p->synced = f->meta.modseq; /* but for what is new: from uidnext on */
	p->complete = !b->dry;
	p->generation = UINT64_MAX; /* nobody's: the next sync looks */
	return 0;
}

static struct store_view *view_new(struct store *s, const struct frozen *f)
{
	struct store_view *v = mem_alloc(1, sizeof(*v));
	struct store_view_private *p = mem_alloc(1, sizeof(*p));

	v->store = s;
	v->priv = p;
	p->cache.fd = -1;
	arena_init(&p->names);
	arena_init(&p->extra_arena);
	v->readonly = f->readonly;
	v->modseqs = f->modseqs;
	v->name = arena_str(&p->names, f->name);
	v->uidvalidity = f->uidvalidity;
	v->uidnext = f->uidnext;
	v->highestmodseq = v->toldmodseq = f->synced;
	p->id = f->id;
	folders_dir(f->name, p->dir); /* checked when it was parsed */
	return v;
}

int store_view_thaw(struct store *s, struct str text, struct store_view **out)
{
	struct thaw t = { 0 };
	struct arena a;
	struct cur c;
	int err = frozen_parse(text, &t.f);

	if (err)
		return err;
	arena_init(&a);
	c = cur_of(t.f.recent);
	if (!str_eqc(t.f.recent, "-") && (imapset_parse(&c, &a, &t.recent) != 1 || !cur_end(&c)))
		err = E_SYNTAX;
	if (!err) {
		imapset_resolve(&t.recent, t.f.uidnext);
		t.v = view_new(s, &t.f);
		err = burst_read(s, thaw_burst, &t);
	}
	if (err)
		store_deselect(t.v);
	else
		*out = t.v;
	free(t.gone);
	arena_done(&a);
	return err;
}

void store_look(const struct store_view *v, char out[STORE_LOOK])
{
	snprintf(out, STORE_LOOK, "look %016llx\nlook %016llx", (unsigned long long)v->priv->id, 0ULL);
}
