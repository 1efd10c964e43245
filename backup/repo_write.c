/* SPDX-License-Identifier: ISC
 *
 * repo_write.c: objects into packs. Before anything is appended, the end of the
 * last pack is looked at: whole objects that no index names (a run was killed)
 * are taken in, a torn one makes us begin another pack.
 *
 *     put -> buffer -> pack (write)      commit: fsync of the pack, lines of the index, fsync of that
 */
#include "backup/repo_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/rand.h"

#define LEVEL 1 /* of nine: mail is text and base64; more costs much time and saves little */
#define CHUNK ((size_t)64 << 10)

/* --- the open pack --------------------------------------------------------------- */

int repo_flush(struct repo *r)
{
	int err;

	if (r->out_fd < 0 || !r->out.n)
		return 0;
	err = file_write_all(r->out_fd, r->out.p, r->out.n);
	if (err)
		return repo_fail(r, err, "packs/%06u.pack: %s", r->out_pack, err_text(err));
	buf_reset(&r->out);
	return 0;
}

int repo_commit(struct repo *r)
{
	struct repo_pack *p;
	int err;

	if (r->out_fd < 0)
		return 0;
	err = repo_flush(r);
	if (!err && r->lines.n)
		err = file_fsync(r->out_fd);
	if (!err && r->lines.n)
		err = file_write_all(r->out_index, r->lines.p, r->lines.n);
	if (!err && r->lines.n)
		err = file_fsync(r->out_index);
	if (err)
		return repo_fail(r, err, "packs/%06u.pack: %s", r->out_pack, err_text(err));
	p = repo_pack_of(r, r->out_pack);
	p->index_read += r->lines.n;
	p->end = r->out_at;
	buf_reset(&r->lines);
	return 0;
}

static void close_pack(struct repo *r)
{
	fd_close(&r->out_fd);
	fd_close(&r->out_index);
	r->out_pack = 0;
	buf_reset(&r->out);
	buf_reset(&r->lines);
}

void repo_release(struct repo *r)
{
	close_pack(r);
}

void repo_write_done(struct repo *r)
{
	close_pack(r);
	if (r->zip) {
		deflateEnd(r->zip);
		free(r->zip);
		r->zip = NULL;
	}
}

static int open_files(struct repo *r, uint32_t number, int flags)
{
	char name[32];

	repo_pack_name(number, "pack", name);
	r->out_fd = file_open(r->packs, name, O_RDWR | O_APPEND | flags, 0640);
	if (r->out_fd < 0)
		return repo_fail(r, r->out_fd, "packs/%s: %s", name, err_text(r->out_fd));
	repo_pack_name(number, "index", name);
	r->out_index = file_open(r->packs, name, O_RDWR | O_APPEND | flags, 0640);
	if (r->out_index < 0) {
		int err = repo_fail(r, r->out_index, "packs/%s: %s", name, err_text(r->out_index));

		fd_close(&r->out_fd);
		return err;
	}
	r->out_pack = number;
	return 0;
}

static int new_pack(struct repo *r)
{
	uint32_t number = r->npacks ? r->pack[r->npacks - 1].number + 1 : 1;
	char head[64];
	int err = number > 999999 ? E_LIMIT : open_files(r, number, O_CREAT | O_EXCL);

	if (err)
		return err;
	/* the last pack that a killed process left without a name in the table */
	snprintf(head, sizeof(head), "mansio-pack %d %-16s   \n", FORMAT_VERSION, r->id);
	head[REPO_PACK_HEAD - 1] = '\n';
	err = file_write_all(r->out_fd, head, REPO_PACK_HEAD);
	if (!err)
		err = file_fsync(r->out_fd);
	if (!err)
		err = file_fsync_dir(r->packs, ".");
	if (err) {
		close_pack(r);
		return repo_fail(r, err, "packs: %s", err_text(err));
	}
	repo_pack_of(r, number)->end = REPO_PACK_HEAD;
	r->fresh = false;
	r->out_at = REPO_PACK_HEAD;
	return 0;
}

static int nowhere(void *arg, const void *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	return 0;
}

/* Whole objects behind the last line of the index; false: a torn end. */
static bool adopt_tail(struct repo *r, struct repo_pack *p, uint64_t size)
{
	struct repo_object o;
	char line[INDEX_LINE + 1];

	while (p->end < size) {
		if (repo_object_at(r, p->number, p->end, &o) < 0 || repo_object_read(r, &o, nowhere, NULL) < 0)
			return false;
		index_line_print(&o.head.id, p->end, line);
		buf_add(&r->lines, line, INDEX_LINE);
		repo_known(r, &o.head.id, p->number, p->end);
		p->end += OBJECT_HEAD + o.head.stored + 1;
	}
	return p->end == size;
}

/* The last pack, if it may be appended to. */
static int last_pack(struct repo *r)
{
	struct repo_pack *p;
	struct stat index, pack;
	bool whole = false;
	int err;

	if (!r->npacks)
		return E_NOTFOUND;
	p = &r->pack[r->npacks - 1];
	if (p->scanned)
		return E_NOTFOUND; /* its index is left as it is: verify names it */
	err = open_files(r, p->number, 0);
	if (err)
		return err;
	if (fstat(r->out_fd, &pack) != 0 || fstat(r->out_index, &index) != 0)
		err = -errno;
	else if ((uint64_t)index.st_size != p->index_read)
		err = E_NOTFOUND;
	if (!err) {
		whole = adopt_tail(r, p, (uint64_t)pack.st_size);
		r->out_at = p->end;
		err = repo_commit(r); /* the whole ones count, even if a torn one follows */
	}
	if (!err && (!whole || (uint64_t)pack.st_size >= r->pack_size))
		err = E_NOTFOUND;
	if (err)
		close_pack(r);
	return err;
}

static int ready(struct repo *r)
{
	int err;

	BUG_ON(!r->write);
	if (r->out_fd >= 0 && r->out_at < r->pack_size)
		return 0;
	if (r->fresh)
		return new_pack(r);
	if (r->out_fd >= 0) {
		err = repo_commit(r);
		close_pack(r);
		return err ? err : new_pack(r);
	}
	err = last_pack(r);
	return err == E_NOTFOUND ? new_pack(r) : err;
}

/* --- objects ------------------------------------------------------------------------- */

static z_stream *zip_start(struct repo *r)
{
	z_stream *z = r->zip;

	if (!z) {
		r->zip = z = mem_alloc(1, sizeof(*z));
		/* 31: with the head and the checksum of gzip, so that plain tools read it */
		if (deflateInit2(z, LEVEL, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			die_oom(0);
	} else {
		deflateReset(z);
	}
	return z;
}

/* Small contents: packed in memory, if that makes them smaller. */
static struct str zip_memory(struct repo *r, struct str data)
{
	z_stream *z = zip_start(r);
	size_t room = deflateBound(z, data.n);

	buf_reset(&r->zipped);
	z->next_in = (unsigned char *)(uintptr_t)data.p;
	z->avail_in = (unsigned)data.n;
	z->next_out = (unsigned char *)buf_room(&r->zipped, room);
	if (!z->next_out)
		return data;
	z->avail_out = (unsigned)room;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return data;
	buf_grew(&r->zipped, room - z->avail_out);
	return r->zipped.n < data.n ? buf_view(&r->zipped) : data;
}

static void added(struct repo *r, const struct object_head *h)
{
	char line[INDEX_LINE + 1];

	index_line_print(&h->id, r->out_at, line);
	buf_add(&r->lines, line, INDEX_LINE);
	repo_known(r, &h->id, r->out_pack, r->out_at);
	r->out_at += OBJECT_HEAD + h->stored + 1;
}

static int append(struct repo *r, enum object_kind kind, struct str data, const struct object_id *id)
{
	struct object_head h = { .id = *id, .kind = kind, .size = data.n };
	char head[OBJECT_HEAD + 1];
	struct str stored = data;
	int err = ready(r);

	if (err)
		return err;
	if (r->compress && data.n > 64 && data.n <= REPO_MEMORY)
		stored = zip_memory(r, data);
	h.packed = stored.p != data.p;
	h.stored = stored.n;
	h.crc = crc32c(0, stored.p, stored.n);
	object_head_print(&h, head);
	buf_add(&r->out, head, OBJECT_HEAD);
	if (stored.n > REPO_BUFFER) {
		err = repo_flush(r);
		if (!err)
			err = file_write_all(r->out_fd, stored.p, stored.n);
	} else {
		buf_str(&r->out, stored);
	}
	buf_c(&r->out, '\n');
	if (!err && r->out.n >= REPO_BUFFER)
		err = repo_flush(r);
	BUG_ON(r->out.err);
	if (err)
		return repo_fail(r, err, "packs/%06u.pack: %s", r->out_pack, err_text(err));
	added(r, &h);
	return r->lines.n > ((size_t)32 << 20) ? repo_commit(r) : 0;
}

int repo_put(struct repo *r, enum object_kind kind, struct str data, struct object_id *out)
{
	sha256_of(data, out->sha);
	return repo_has(r, out) ? 0 : append(r, kind, data, out);
}

/* The bytes as they are stored, after they were found right. */
int repo_move(struct repo *r, const struct repo_object *o)
{
	unsigned char *chunk;
	char head[OBJECT_HEAD + 1];
	uint64_t at = 0, size = o->head.stored + 1;
	int fd, err = repo_object_read(r, o, nowhere, NULL);

	if (!err)
		err = ready(r);
	if (!err)
		err = repo_flush(r);
	if (err)
		return err;
	object_head_print(&o->head, head);
	chunk = mem_alloc(1, CHUNK);
	fd = repo_open_pack(r, o->pack);
	err = fd < 0 ? fd : file_write_all(r->out_fd, head, OBJECT_HEAD);
	while (!err && at < size) {
		size_t n = (size_t)MIN(CHUNK, size - at);

		err = file_pread_all(fd, chunk, n, (off_t)(o->at + OBJECT_HEAD + at));
		if (!err)
			err = file_write_all(r->out_fd, chunk, n);
		at += n;
	}
	free(chunk);
	if (err)
		return repo_fail(r, err, "packs/%06u.pack: %s", r->out_pack, err_text(err));
	added(r, &o->head);
	return 0;
}

static int hash_fd(int fd, struct object_id *out, uint64_t *size_out)
{
	unsigned char *chunk = mem_alloc(1, CHUNK);
	struct sha256 s;
	uint64_t at = 0;
	ssize_t n;

	sha256_init(&s);
	while ((n = pread(fd, chunk, CHUNK, (off_t)at)) > 0) {
		sha256_add(&s, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	n = n < 0 ? -errno : 0;
	free(chunk);
	sha256_end(&s, out->sha);
	*size_out = at;
	return (int)n;
}

/* One piece of a large file into the pack; packed or not. */
static int write_piece(struct repo *r, z_stream *z, const unsigned char *p, size_t n, bool last, struct object_head *h)
{
	unsigned char packed[CHUNK];
	int err = 0, code = Z_OK;

	if (!z) {
		h->stored += n;
		h->crc = crc32c(h->crc, p, n);
		return file_write_all(r->out_fd, p, n);
	}
	z->next_in = (unsigned char *)(uintptr_t)p;
	z->avail_in = (unsigned)n;
	do {
		z->next_out = packed;
		z->avail_out = sizeof(packed);
		code = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
		h->stored += sizeof(packed) - z->avail_out;
		h->crc = crc32c(h->crc, packed, sizeof(packed) - z->avail_out);
		err = file_write_all(r->out_fd, packed, sizeof(packed) - z->avail_out);
	} while (!err && (z->avail_out == 0 || (last && code != Z_STREAM_END)));
	return err;
}

static int stream_body(struct repo *r, int fd, struct object_head *h, struct object_id *seen)
{
	unsigned char *chunk = mem_alloc(1, CHUNK);
	z_stream *z = h->packed ? zip_start(r) : NULL;
	struct sha256 s;
	uint64_t at = 0;
	int err = 0;

	sha256_init(&s);
	while (!err && at < h->size) {
		ssize_t n = pread(fd, chunk, MIN(CHUNK, h->size - at), (off_t)at);

		if (n <= 0) {
			err = n < 0 ? -errno : E_STALE;
			break;
		}
		at += (uint64_t)n;
		sha256_add(&s, chunk, (size_t)n);
		err = write_piece(r, z, chunk, (size_t)n, at == h->size, h);
	}
	sha256_end(&s, seen->sha);
	free(chunk);
	return err ? err : file_write_all(r->out_fd, "\n", 1);
}

/* The head needs what is known at the end only: its place is filled then, through a
 * descriptor that does not append. */
static int stream(struct repo *r, int fd, struct object_head *h)
{
	char head[OBJECT_HEAD + 1], name[32];
	struct object_id seen;
	int err = repo_flush(r), w;

	memset(head, ' ', sizeof(head));
	if (!err)
		err = file_write_all(r->out_fd, head, OBJECT_HEAD);
	if (!err)
		err = stream_body(r, fd, h, &seen);
	if (!err && memcmp(seen.sha, h->id.sha, SHA256_SIZE) != 0)
		err = E_STALE;
	if (err)
		return err;
	object_head_print(h, head);
	repo_pack_name(r->out_pack, "pack", name);
	w = file_open(r->packs, name, O_WRONLY, 0);
	if (w < 0)
		return w;
	err = pwrite(w, head, OBJECT_HEAD, (off_t)r->out_at) == OBJECT_HEAD ? 0 : -EIO;
	close(w);
	return err;
}

int repo_put_fd(struct repo *r, enum object_kind kind, int fd, struct object_id *out, uint64_t *size_out)
{
	struct object_head h = { .kind = kind, .packed = r->compress };
	struct stat st;
	struct buf b;
	int err;

	if (fstat(fd, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size <= REPO_MEMORY) {
		buf_init(&b, REPO_MEMORY);
		err = file_read_all(fd, &b);
		if (!err)
			err = repo_put(r, kind, buf_view(&b), out);
		*size_out = b.n;
		buf_done(&b);
		return err;
	}
	err = hash_fd(fd, &h.id, &h.size);
	if (err)
		return err;
	*out = h.id;
	*size_out = h.size;
	if (repo_has(r, &h.id))
		return 0;
	err = ready(r);
	if (!err)
		err = stream(r, fd, &h);
	if (err) {
		/* the torn object is the end of this pack */
		if (r->out_fd >= 0 && ftruncate(r->out_fd, (off_t)r->out_at) != 0)
			close_pack(r);
		return r->why[0] ? err : repo_fail(r, err, "packs/%06u.pack: %s", r->out_pack, err_text(err));
	}
	added(r, &h);
	return 0;
}

/* --- reading a content (here, with the other half of zlib) ------------------------------ */

struct unpack {
	struct sha256 sum;
	uint64_t size;
	repo_sink *sink;
	void *arg;
};

static int give(struct unpack *u, const unsigned char *p, size_t n)
{
	sha256_add(&u->sum, p, n);
	u->size += n;
	return n ? u->sink(u->arg, p, n) : 0;
}

static int inflate_piece(z_stream *z, struct unpack *u, const unsigned char *p, size_t n, uint64_t max, bool *ended)
{
	unsigned char text[CHUNK];
	int code, err = 0;

	z->next_in = (unsigned char *)(uintptr_t)p;
	z->avail_in = (unsigned)n;
	do {
		z->next_out = text;
		z->avail_out = sizeof(text);
		code = inflate(z, Z_NO_FLUSH);
		if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
			return E_DAMAGED;
		if (u->size + (sizeof(text) - z->avail_out) > max)
			return E_DAMAGED; /* more than its head says */
		err = give(u, text, sizeof(text) - z->avail_out);
		*ended = code == Z_STREAM_END;
	} while (!err && !*ended && z->avail_out == 0);
	return !err && *ended && z->avail_in ? E_DAMAGED : err;
}

static int read_stored(int fd, const struct repo_object *o, struct unpack *u)
{
	unsigned char *chunk = mem_alloc(1, CHUNK);
	uint64_t at = 0;
	z_stream z = { .avail_in = 0 };
	uint32_t crc = 0;
	bool ended = false;
	int err = 0;

	if (o->head.packed && inflateInit2(&z, 31) != Z_OK)
		die_oom(0);
	while (!err && at < o->head.stored) {
		size_t n = (size_t)MIN(CHUNK, o->head.stored - at);

		err = file_pread_all(fd, chunk, n, (off_t)(o->at + OBJECT_HEAD + at));
		at += n;
		crc = crc32c(crc, chunk, err ? 0 : n);
		if (!err && o->head.packed && ended)
			err = E_DAMAGED;
		if (!err)
			err = o->head.packed ? inflate_piece(&z, u, chunk, n, o->head.size, &ended) : give(u, chunk, n);
	}
	if (!err && crc != o->head.crc)
		err = E_DAMAGED;
	if (!err && (file_pread_all(fd, chunk, 1, (off_t)(o->at + OBJECT_HEAD + at)) < 0 || chunk[0] != '\n'))
		err = E_DAMAGED;
	if (o->head.packed)
		inflateEnd(&z);
	free(chunk);
	return !err && o->head.packed && !ended ? E_DAMAGED : err;
}

int repo_object_read(struct repo *r, const struct repo_object *o, repo_sink *sink, void *arg)
{
	struct unpack u = { .sink = sink, .arg = arg };
	struct object_id seen;
	int fd = repo_open_pack(r, o->pack), err;

	if (fd < 0)
		return fd;
	sha256_init(&u.sum);
	err = read_stored(fd, o, &u);
	sha256_end(&u.sum, seen.sha);
	if (!err && (u.size != o->head.size || memcmp(seen.sha, o->head.id.sha, SHA256_SIZE) != 0))
		err = E_DAMAGED;
	if (err == E_DAMAGED)
		repo_fail(r, err, "packs/%06u.pack: the %s at byte %llu is damaged", o->pack,
			object_kind_name(o->head.kind), (unsigned long long)o->at);
	return err;
}
