/* SPDX-License-Identifier: ISC
 *
 * vanished.c: which messages were removed since a MODSEQ, for a client that comes
 * back (RFC 7162 3.2.6, 3.2.10.1).
 *
 * The expunge log is complete above gone_floor. Below it we do not know what was
 * removed when; then every UID that was ever given and is not there is named, as the
 * RFC wants: more than necessary, never less.
 *
 * Always true: no UID of the view is among them, for a client that was told of that
 * message hears of its end by store_sync.
 */
#include "store/view.h"

struct vanished {
	struct store_view *v;
	uint64_t since;
	bool known;
	uint32_t *uid;
	size_t n, cap;
};

static int vanished_burst(struct burst *b, void *arg)
{
	struct vanished *q = arg;
	struct folder *f = ARENA_NEW(&b->a, struct folder);
	struct index_scan sc;
	uint64_t modseq;
	uint32_t uid;
	int rc, err = view_folder(b, q->v, f);

	q->n = 0;
	q->known = !err && q->since >= f->meta.gone_floor;
	if (err || !q->known || q->since >= f->meta.modseq_gone)
		return err;
	err = gone_scan(b, f->file.id, q->since, &sc);
	if (err)
		return err;
	while ((rc = gone_next(&sc, &modseq, &uid)) > 0) {
		if (uid >= q->v->uidnext || store_find(q->v, uid) >= 0)
			continue;
		if (q->n == q->cap) {
			q->cap = q->cap * 2 + 64;
			q->uid = mem_grow(q->uid, q->cap, sizeof(*q->uid));
		}
		q->uid[q->n++] = uid;
	}
	index_scan_end(&sc);
	return rc;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void ranges_of(struct vanished *q, struct arena *a, struct imapset *out)
{
	size_t i;

	if (q->n)
		qsort(q->uid, q->n, sizeof(*q->uid), by_uid);
	out->r = arena_array(a, q->n + 1, sizeof(*out->r));
	for (i = 0; i < q->n; i++) {
		struct imapset_range *top = out->n ? &out->r[out->n - 1] : NULL;

		if (top && q->uid[i] <= top->hi + 1)
			top->hi = q->uid[i];
		else
			out->r[out->n++] = (struct imapset_range){ q->uid[i], q->uid[i] };
	}
}

/* What lies between the messages that are there. */
static void ranges_missing(const struct store_view *v, struct arena *a, struct imapset *out)
{
	uint32_t next = 1, i;

	out->r = arena_array(a, (size_t)v->n + 1, sizeof(*out->r));
	for (i = 0; i < v->n; i++) {
		if (v->rec[i].uid > next)
			out->r[out->n++] = (struct imapset_range){ next, v->rec[i].uid - 1 };
		next = v->rec[i].uid + 1;
	}
	if (v->uidnext > next)
		out->r[out->n++] = (struct imapset_range){ next, v->uidnext - 1 };
}

int store_vanished(struct store_view *v, uint64_t since, struct arena *a, struct imapset *out)
{
	struct vanished q = { .v = v, .since = since };
	struct imapset set = { 0 };
	int err = burst_read(v->store, vanished_burst, &q);

	if (!err && q.known)
		ranges_of(&q, a, &set);
	else if (!err)
		ranges_missing(v, a, &set);
	free(q.uid);
	if (!err)
		*out = set;
	return err;
}
