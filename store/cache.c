/* SPDX-License-Identifier: ISC
 *
 * cache.c: the cache file. After 16 bytes of head entries follow: length, UID,
 * UIDVALIDITY, CRC-32C of all that follows and the ids, data. It is not synced:
 * what a power cut tears fails its checksum and is computed again.
 */
#include "store/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "mail/imapdesc.h"

#define CACHE_MAGIC "mansio-cache 2\n"
#define CACHE_WINDOW 65536u
#define CACHE_COMPACT_MIN ((off_t)1 << 20)

struct cache_head {
	uint32_t len, uid, uidvalidity, crc;
};

static void cache_path(uint64_t folder, const char *suffix, char out[64])
{
	snprintf(out, 64, "index/%016llx.cache%s", (unsigned long long)folder, suffix);
}

static uint32_t cache_crc(const struct cache_head *h, const char *p)
{
	return crc32c(crc32c(0, h, offsetof(struct cache_head, crc)), p, h->len);
}

/* --- descriptions ----------------------------------------------------------- */

const char *const store_common_headers[] = {
	"bcc", "cc", "content-transfer-encoding", "content-type", "date", "disposition-notification-to",
	"from", "importance", "in-reply-to", "list-help", "list-id", "list-post", "list-unsubscribe",
	"message-id", "mime-version", "newsgroups", "precedence", "priority", "references", "reply-to",
	"sender", "subject", "to", "x-mozilla-draft-info", "x-priority", "x-spam-status", NULL,
};

static void common_headers(const struct header *h, struct buf *out)
{
	size_t i, k;

	for (i = 0; i < h->n; i++)
		for (k = 0; store_common_headers[k]; k++)
			if (str_ieqc(h->field[i].name, store_common_headers[k])) {
				buf_str(out, h->field[i].raw);
				break;
			}
}

static size_t part_begin(struct buf *out)
{
	uint32_t zero = 0;

	buf_add(out, &zero, 4);
	return out->n;
}

static void part_end(struct buf *out, size_t start)
{
	uint32_t n = (uint32_t)(out->n - start);

	if (!out->err)
		memcpy(out->p + start - 4, &n, 4);
}

void cache_describe(struct str message, struct buf *out)
{
	struct header h;
	struct mime m;
	struct arena a;
	size_t at;

	arena_init(&a);
	header_parse(message, &header_default_limits, &a, &h);
	mime_parse(message, &mime_default_limits, &a, &m);
	at = part_begin(out);
	imapdesc_envelope(&h, &a, out);
	part_end(out, at);
	at = part_begin(out);
	imapdesc_bodystructure(message, &m, true, out);
	part_end(out, at);
	at = part_begin(out);
	imapdesc_bodystructure(message, &m, false, out);
	part_end(out, at);
	at = part_begin(out);
	common_headers(&h, out);
	part_end(out, at);
	arena_done(&a);
}

static int take_part(struct str *rest, struct str *out)
{
	uint32_t n;

	if (rest->n < 4)
		return E_DAMAGED;
	memcpy(&n, rest->p, 4);
	if (n > rest->n - 4)
		return E_DAMAGED;
	*out = str_make(rest->p + 4, n);
	*rest = str_from(*rest, 4 + (size_t)n);
	return 0;
}

int cache_parse(struct str entry, struct store_desc *out)
{
	struct store_desc d;

	if (take_part(&entry, &d.envelope) || take_part(&entry, &d.bodystructure) ||
		take_part(&entry, &d.body) || take_part(&entry, &d.headers) || entry.n)
		return E_DAMAGED;
	*out = d;
	return 0;
}

/* --- the file ----------------------------------------------------------------- */

static int cache_create(struct store *s, const char *path)
{
	int fd = file_open(s->dir, path, O_RDWR | O_CREAT | O_TRUNC, 0600), err;

	if (fd < 0)
		return fd;
	err = file_write_all(fd, CACHE_MAGIC, sizeof(CACHE_MAGIC));
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/* Open for appending at *end_out; a file that is not ours is emptied. */
static int cache_open(struct store *s, const char *path, off_t *end_out)
{
	char magic[sizeof(CACHE_MAGIC)];
	int fd = file_open(s->dir, path, O_RDWR, 0);

	if (fd >= 0 && (pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
		    memcmp(magic, CACHE_MAGIC, sizeof(magic)) != 0))
		fd_close(&fd);
	if (fd < 0)
		fd = cache_create(s, path);
	if (fd >= 0)
		*end_out = lseek(fd, 0, SEEK_END);
	return fd;
}

static int write_entry(int fd, const struct folder *f, uint32_t uid, struct str entry)
{
	struct cache_head h = { (uint32_t)entry.n, uid, f->file.uidvalidity, 0 };
	struct buf b;
	int err;

	h.crc = cache_crc(&h, entry.p);
	buf_init(&b, CACHE_ENTRY_MAX + sizeof(h));
	buf_add(&b, &h, sizeof(h));
	buf_str(&b, entry);
	err = b.err ? b.err : file_write_all(fd, b.p, b.n);
	buf_done(&b);
	return err;
}

int cache_append(struct burst *b, struct folder *f, struct record *r, struct str entry)
{
	char path[64];
	off_t end = 0;
	int fd, err;

	if (entry.n > CACHE_ENTRY_MAX)
		return E_LIMIT;
	cache_path(f->file.id, "", path);
	fd = cache_open(b->s, path, &end);
	if (fd < 0)
		return fd;
	err = write_entry(fd, f, r->uid, entry);
	if (err && ftruncate(fd, end) != 0)
		err = -errno; /* half an entry hides those behind it from cache_recover, no more */
	close(fd);
	if (err)
		return err;
	r->cache_at = (uint64_t)end;
	r->cache_len = (uint32_t)(sizeof(struct cache_head) + entry.n);
	f->meta.cache_live += r->cache_len;
	return 0;
}

static int check_entry(const char *p, uint32_t len, uint32_t uid, struct str *out)
{
	struct cache_head h;

	memcpy(&h, p, sizeof(h));
	if (h.len != len - sizeof(h) || h.uid != uid || h.crc != cache_crc(&h, p + sizeof(h)))
		return E_NOTFOUND;
	*out = str_make(p + sizeof(h), h.len);
	return 0;
}

static bool length_ok(uint32_t len)
{
	return len >= sizeof(struct cache_head) && len <= sizeof(struct cache_head) + CACHE_ENTRY_MAX;
}

static int read_entry(int fd, uint32_t uid, uint64_t at, uint32_t len, struct arena *a, struct str *out)
{
	char *p;

	if (!length_ok(len))
		return E_NOTFOUND;
	p = arena_alloc(a, len);
	if (file_pread_all(fd, p, len, (off_t)at) < 0)
		return E_NOTFOUND;
	return check_entry(p, len, uid, out);
}

void cache_reader_done(struct cache_reader *r)
{
	fd_close(&r->fd);
	free(r->window);
	*r = (struct cache_reader){ .fd = -1 };
}

/* Entries asked for one behind the other come from one read of many, and lie there. */
static int reader_entry(struct cache_reader *r, uint32_t uid, uint64_t at, uint32_t len, struct arena *a,
	struct str *out)
{
	bool follows = at == r->next;
	ssize_t got;

	r->next = at + len;
	if (at < r->at || at + len > r->at + r->n) {
		if (!follows || len > CACHE_WINDOW || !length_ok(len))
			return read_entry(r->fd, uid, at, len, a, out);
		if (!r->window)
			r->window = mem_alloc(CACHE_WINDOW, 1);
		r->at = at;
		r->n = 0;
		got = pread(r->fd, r->window, CACHE_WINDOW, (off_t)at);
		if (got < (ssize_t)len)
			return E_NOTFOUND;
		r->n = (size_t)got;
	}
	if (!length_ok(len))
		return E_NOTFOUND;
	return check_entry(r->window + (at - r->at), len, uid, out);
}

int cache_reader_get(struct cache_reader *r, struct store *s, uint64_t folder, uint32_t uid, uint64_t at,
	uint32_t len, struct arena *a, struct str *out)
{
	bool old = r->fd >= 0;
	char path[64];

	if (!at)
		return E_NOTFOUND;
	if (old && reader_entry(r, uid, at, len, a, out) == 0)
		return 0;
	/* The file may have been replaced since it was opened. */
	cache_reader_done(r);
	cache_path(folder, "", path);
	r->fd = file_open(s->dir, path, O_RDONLY | O_NONBLOCK, 0);
	return r->fd < 0 ? E_NOTFOUND : reader_entry(r, uid, at, len, a, out);
}

int cache_read(struct store *s, uint64_t folder, uint32_t uid, uint64_t at, uint32_t len,
	struct arena *a, struct str *out)
{
	struct cache_reader r = { .fd = -1 };
	int err = cache_reader_get(&r, s, folder, uid, at, len, a, out);

	cache_reader_done(&r);
	return err;
}

int cache_recover(struct burst *b, struct folder *f)
{
	struct cache_head h;
	struct record r;
	off_t at = sizeof(CACHE_MAGIC);
	char path[64], magic[sizeof(CACHE_MAGIC)];
	int fd, err = 0;

	cache_path(f->file.id, "", path);
	fd = file_open(b->s->dir, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	if (file_pread_all(fd, magic, sizeof(magic), 0) || memcmp(magic, CACHE_MAGIC, sizeof(magic)) != 0)
		goto out;
	for (; file_pread_all(fd, &h, sizeof(h), at) == 0; at += (off_t)(sizeof(h) + h.len)) {
		if (h.len > CACHE_ENTRY_MAX || h.uidvalidity != f->file.uidvalidity)
			break;
		err = record_get(b, f->file.id, h.uid, &r);
		if (err == E_NOTFOUND)
			continue;
		if (err)
			break;
		f->meta.cache_live -= MIN(f->meta.cache_live, (uint64_t)r.cache_len);
		r.cache_at = (uint64_t)at;
		r.cache_len = (uint32_t)(sizeof(h) + h.len);
		f->meta.cache_live += r.cache_len;
		err = record_put(b, f->file.id, &r);
		if (err)
			break;
	}
	if (err == E_NOTFOUND)
		err = 0;
out:
	close(fd);
	return err;
}

/* Copies the entries of all records from `from` to `to`, records follow. */
static int copy_live(struct burst *b, struct folder *f, int from, int to)
{
	struct index_scan sc;
	struct record r, *all = arena_array(&b->a, (size_t)f->meta.count + 1, sizeof(*all));
	off_t at = sizeof(CACHE_MAGIC);
	uint64_t live = 0;
	struct str entry;
	size_t n = 0, i;
	int rc, err = record_scan(b, f->file.id, 0, &sc);

	if (err)
		return err;
	while ((rc = record_next(&sc, &r)) > 0)
		if (r.cache_at && n < f->meta.count)
			all[n++] = r;
	index_scan_end(&sc);
	if (rc < 0)
		return rc;
	for (i = 0; i < n && !err; i++) {
		struct arena a;

		arena_init(&a);
		if (read_entry(from, all[i].uid, all[i].cache_at, all[i].cache_len, &a, &entry) == 0) {
			err = write_entry(to, f, all[i].uid, entry);
			all[i].cache_at = (uint64_t)at;
			at += all[i].cache_len;
			live += all[i].cache_len;
		} else {
			all[i].cache_at = all[i].cache_len = 0;
		}
		arena_done(&a);
		if (!err)
			err = record_put(b, f->file.id, &all[i]);
	}
	f->meta.cache_live = live;
	return err;
}

/* Between the commit and the rename a crash leaves places that do not fit:
 * their checksums say so, and the descriptions are computed again. */
int cache_compact(struct burst *b, struct folder *f)
{
	char path[64], tmp[64];
	struct stat st;
	int from, to, err;

	cache_path(f->file.id, "", path);
	if (fstatat(b->s->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_size < CACHE_COMPACT_MIN ||
		(uint64_t)st.st_size < 3 * f->meta.cache_live)
		return 0;
	cache_path(f->file.id, ".tmp", tmp);
	from = file_open(b->s->dir, path, O_RDONLY | O_NONBLOCK, 0);
	to = cache_create(b->s, tmp);
	err = from < 0 ? from : to < 0 ? to : copy_live(b, f, from, to);
	if (!err)
		err = folder_store(b, f);
	if (!err)
		err = index_commit(b, f->file.id);
	if (!err)
		err = file_rename(b->s->dir, tmp, path);
	fd_close(&from);
	fd_close(&to);
	return err;
}

void cache_remove(struct store *s, uint64_t folder)
{
	char path[64];

	cache_path(folder, "", path);
	file_unlink(s->dir, path);
}
