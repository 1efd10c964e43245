/* SPDX-License-Identifier: ISC
 *
 * pack.c: a head of 80 bytes, the keyword sets that occur (8 bytes each), then
 * 24 bytes a message in the order of UIDs; a checksum for the head and one for
 * all behind it. Numbers are in the machine's order.
 *
 * It is written whole under another name, by one at a time, without a lock and
 * without a sync, and renamed: it is as right as the view was, and who reads it applies what
 * the index says has happened since (view.c). A folder with a message that does
 * not fit into the 24 bytes (2^32 bytes, a date behind 2106) has no pack.
 */
#include "store/pack.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/rand.h"

#define PACK_MAGIC "mansio-pack 1\n"
enum { SETS_MAX = 250, BLOCK = 2000 };

struct pack_head {
	char magic[16];
	uint64_t folder, epoch, modseq;
	uint64_t base; /* the lowest MODSEQ of a message */
	uint32_t uidvalidity, uidnext;
	uint32_t n, nsets;
	uint32_t body; /* checksum of what follows the head */
	uint32_t spare[2];
	uint32_t crc;
};
struct pack_entry {
	uint32_t uid, size, date;
	int32_t saved; /* seconds behind date */
	uint32_t modseq; /* above base */
	uint8_t flags, set;
	uint16_t zero;
};

static void pack_path(uint64_t folder, const char *suffix, char out[80])
{
	snprintf(out, 80, "index/%016llx.pack%s", (unsigned long long)folder, suffix);
}

static uint32_t head_crc(const struct pack_head *h)
{
	return crc32c(0, h, offsetof(struct pack_head, crc));
}

/* --- reading ---------------------------------------------------------------- */

static bool head_fits(const struct burst *b, const struct folder *f, const struct pack_head *h)
{
	return memcmp(h->magic, PACK_MAGIC, sizeof(PACK_MAGIC)) == 0 && h->crc == head_crc(h) &&
		h->folder == f->file.id && h->epoch == b->state.epoch &&
		h->uidvalidity == f->file.uidvalidity && h->modseq <= f->meta.modseq &&
		h->uidnext <= f->meta.uidnext && h->nsets <= SETS_MAX;
}

static void unpack(const struct pack_head *h, const uint64_t *set, const struct pack_entry *e,
	struct store_rec *to)
{
	to->uid = e->uid;
	to->flags = e->flags & 31;
	to->keywords = set[e->set];
	to->modseq = h->base + e->modseq;
	to->internaldate = e->date;
	to->savedate = (int64_t)e->date + e->saved;
	to->size = e->size;
}

static int read_body(int fd, const struct pack_head *h, struct store_rec *rec)
{
	uint64_t set[SETS_MAX + 6] = { 0 };
	struct pack_entry e[BLOCK];
	off_t at = sizeof(*h);
	uint32_t i, k, n, crc;
	int err = file_pread_all(fd, set, h->nsets * sizeof(set[0]), at);

	crc = crc32c(0, set, h->nsets * sizeof(set[0]));
	at += (off_t)(h->nsets * sizeof(set[0]));
	for (i = 0; !err && i < h->n; i += n) {
		n = MIN(h->n - i, (uint32_t)BLOCK);
		err = file_pread_all(fd, e, n * sizeof(e[0]), at);
		crc = crc32c(crc, e, n * sizeof(e[0]));
		at += (off_t)(n * sizeof(e[0]));
		for (k = 0; k < n; k++)
			unpack(h, set, &e[k], &rec[i + k]);
	}
	return err ? err : crc == h->body ? 0 : E_DAMAGED;
}

int pack_read(struct burst *b, struct store_view *v, const struct folder *f)
{
	struct store_view_private *p = v->priv;
	struct pack_head h;
	char path[80];
	int fd, err;

	if (b->dry || v->n)
		return E_NOTFOUND;
	pack_path(f->file.id, "", path);
	fd = file_open(b->s->dir, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return E_NOTFOUND;
	err = file_pread_all(fd, &h, sizeof(h), 0);
	if (!err && !head_fits(b, f, &h))
		err = E_NOTFOUND;
	if (!err) {
		view_reserve(v, MAX(h.n, f->meta.count));
		err = read_body(fd, &h, v->rec);
	}
	close(fd);
	if (err)
		return E_NOTFOUND;
	v->n = h.n;
	v->uidnext = h.uidnext;
	p->synced = p->packed = h.modseq;
	p->epoch = h.epoch;
	return 0;
}

/* --- writing ---------------------------------------------------------------- */

/* The number of a set of keywords; -1: there are too many. */
static int set_number(uint64_t *set, uint32_t *nsets, uint64_t want)
{
	uint32_t i;

	for (i = 0; i < *nsets; i++)
		if (set[i] == want)
			return (int)i;
	if (i == SETS_MAX)
		return -1;
	set[(*nsets)++] = want;
	return (int)i;
}

static bool pack(const struct store_rec *r, struct pack_head *h, uint64_t *set, struct pack_entry *e)
{
	int64_t saved = r->savedate - r->internaldate;
	int k = set_number(set, &h->nsets, r->keywords);

	if (k < 0 || r->size > UINT32_MAX || r->internaldate < 0 || r->internaldate > UINT32_MAX ||
		saved > INT32_MAX || saved < INT32_MIN || r->modseq - h->base > UINT32_MAX)
		return false;
	*e = (struct pack_entry){ r->uid, (uint32_t)r->size, (uint32_t)r->internaldate, (int32_t)saved,
		(uint32_t)(r->modseq - h->base), (uint8_t)(r->flags & 31), (uint8_t)k, 0 };
	return true;
}

/* All that the file holds; false if something does not fit. */
static bool pack_text(const struct store_view *v, struct buf *out)
{
	const struct store_view_private *p = v->priv;
	struct pack_head h = { PACK_MAGIC, p->id, p->epoch, p->synced, UINT64_MAX, v->uidvalidity,
		v->uidnext, 0, 0, 0, { 0 }, 0 };
	uint64_t set[SETS_MAX];
	struct pack_entry *e = mem_alloc((size_t)v->n + 1, sizeof(*e));
	bool fits = true;
	uint32_t i;

	for (i = 0; i < v->n; i++)
		h.base = MIN(h.base, v->rec[i].modseq);
	for (i = 0; fits && i < v->n; i++)
		if (!(v->rec[i].flags & STORE_GONE))
			fits = pack(&v->rec[i], &h, set, &e[h.n++]);
	h.body = crc32c(crc32c(0, set, h.nsets * sizeof(set[0])), e, h.n * sizeof(*e));
	h.crc = head_crc(&h);
	buf_add(out, &h, sizeof(h));
	buf_add(out, set, h.nsets * sizeof(set[0]));
	buf_add(out, e, h.n * sizeof(*e));
	free(e);
	return fits && !out->err;
}

void pack_if_due(struct store_view *v)
{
	char path[80], tmp[80];
	int fd, dir = v->store->dir, err;
	struct buf b;

	if (!v->priv->pack_due || !v->priv->complete)
		return;
	v->priv->pack_due = false;
	buf_init(&b, SIZE_MAX);
	pack_path(v->priv->id, "", path);
	pack_path(v->priv->id, ".tmp", tmp);
	if (pack_text(v, &b)) {
		fd = file_open(dir, tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
		err = fd < 0 ? fd : file_write_all(fd, b.p, b.n);
		fd_close(&fd);
		if (!err)
			err = file_rename(dir, tmp, path);
		if (err) /* another one writes, or did not live to the end of it: the next one tries */
			file_unlink(dir, tmp);
	}
	buf_done(&b);
}

void pack_remove(struct store *s, uint64_t folder)
{
	char path[80];

	pack_path(folder, "", path);
	file_unlink(s->dir, path);
}
