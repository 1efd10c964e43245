/* SPDX-License-Identifier: ISC
 *
 * repo.c: opening the folder, the table of objects, and reading them. Writing
 * is in repo_write.c.
 */
#include "backup/repo_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"

#define MARKER "mansio-backup"
#define MARKER_MAX 4096
#define LOCK_WAIT_MS 2000
#define COLLECT_WAIT_MS 10000
#define INDEX_CHUNK 1024 /* lines */
#define DAMAGED_MAX (1 << 20)

int repo_fail(struct repo *r, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return err;
}

void repo_pack_name(uint32_t number, const char *suffix, char out[32])
{
	snprintf(out, 32, "%06u.%s", number, suffix);
}

/* --- the table ------------------------------------------------------------------- */

/* Open addressing; loc 0 is a free place (an object never begins at 0). */
struct repo_slot {
	uint64_t prefix, loc;
};

static uint64_t prefix_of(const struct object_id *id)
{
	uint64_t p;

	memcpy(&p, id->sha, sizeof(p));
	return p;
}

static void slot_put(struct repo_slot *slot, size_t n, uint64_t prefix, uint64_t loc)
{
	size_t i = (size_t)prefix & (n - 1);

	while (slot[i].loc) {
		if (slot[i].loc == loc && slot[i].prefix == prefix)
			return;
		i = (i + 1) & (n - 1);
	}
	slot[i] = (struct repo_slot){ prefix, loc };
}

static void table_grow(struct repo *r)
{
	size_t n = r->nslots ? r->nslots * 2 : 4096, i;
	struct repo_slot *next = mem_alloc(n, sizeof(*next));

	for (i = 0; i < r->nslots; i++)
		if (r->slot[i].loc)
			slot_put(next, n, r->slot[i].prefix, r->slot[i].loc);
	free(r->slot);
	r->slot = next;
	r->nslots = n;
}

static bool is_bad(const struct repo *r, uint32_t pack, uint64_t at)
{
	size_t i;

	for (i = 0; i < r->nbad; i++)
		if (r->bad[i].pack == pack && r->bad[i].at == at)
			return true;
	return false;
}

void repo_known(struct repo *r, const struct object_id *id, uint32_t pack, uint64_t at)
{
	if (is_bad(r, pack, at))
		return;
	if (r->nobjects * 3 >= r->nslots * 2)
		table_grow(r);
	slot_put(r->slot, r->nslots, prefix_of(id), repo_loc(pack, at));
	r->nobjects++;
}

void repo_forget(struct repo *r, uint32_t number)
{
	struct repo_slot *old = r->slot;
	size_t n = r->nslots, i;

	r->slot = mem_alloc(n + 1, sizeof(*old));
	r->nobjects = 0;
	for (i = 0; i < n; i++)
		if (old[i].loc && old[i].loc >> 40 != number) {
			slot_put(r->slot, n, old[i].prefix, old[i].loc);
			r->nobjects++;
		}
	free(old);
	for (i = 0; i < r->npacks && r->pack[i].number != number; i++)
		;
	if (i < r->npacks)
		memmove(&r->pack[i], &r->pack[i + 1], (r->npacks-- - i - 1) * sizeof(*r->pack));
	if (r->in_pack == number)
		fd_close(&r->in_fd);
}

int repo_find(struct repo *r, const struct object_id *id, struct repo_object *out)
{
	uint64_t prefix = prefix_of(id);
	struct repo_object o;
	int err = E_NOTFOUND;
	size_t i;

	if (!r->nslots)
		return E_NOTFOUND;
	for (i = (size_t)prefix & (r->nslots - 1); r->slot[i].loc; i = (i + 1) & (r->nslots - 1)) {
		if (r->slot[i].prefix != prefix)
			continue;
		err = repo_object_at(r, (uint32_t)(r->slot[i].loc >> 40), r->slot[i].loc & REPO_AT_MAX, &o);
		if (!err && memcmp(o.head.id.sha, id->sha, SHA256_SIZE) == 0) {
			*out = o;
			return 0;
		}
	}
	return err ? err : E_NOTFOUND;
}

bool repo_has(struct repo *r, const struct object_id *id)
{
	struct repo_object o;

	return repo_find(r, id, &o) == 0;
}

/* --- packs and their indexes --------------------------------------------------------- */

static int pack_cmp(const void *a, const void *b)
{
	const struct repo_pack *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

struct repo_pack *repo_pack_of(struct repo *r, uint32_t number)
{
	size_t i;

	for (i = 0; i < r->npacks; i++)
		if (r->pack[i].number == number)
			return &r->pack[i];
	r->pack = mem_grow(r->pack, r->npacks + 1, sizeof(*r->pack));
	r->pack[r->npacks++] = (struct repo_pack){ .number = number, .end = REPO_PACK_HEAD };
	qsort(r->pack, r->npacks, sizeof(*r->pack), pack_cmp);
	return repo_pack_of(r, number);
}

int repo_open_pack(struct repo *r, uint32_t number)
{
	char name[32];

	if (r->in_fd >= 0 && r->in_pack == number)
		return r->in_fd;
	fd_close(&r->in_fd);
	repo_pack_name(number, "pack", name);
	r->in_fd = file_open(r->packs, name, O_RDONLY, 0);
	r->in_pack = number;
	if (r->in_fd < 0) {
		int err = r->in_fd;

		r->in_fd = -1;
		return repo_fail(r, err, "packs/%s: %s", name, err_text(err));
	}
	return r->in_fd;
}

/* Objects of a pack whose index cannot be believed, one head after the other. */
int repo_scan_pack(struct repo *r, struct repo_pack *p)
{
	struct repo_object o;

	p->scanned = true;
	while (repo_object_at(r, p->number, p->end, &o) == 0) {
		struct stat st;
		uint64_t next = p->end + OBJECT_HEAD + o.head.stored + 1;

		if (fstat(r->in_fd, &st) != 0 || (uint64_t)st.st_size < next)
			break;
		repo_known(r, &o.head.id, p->number, p->end);
		p->end = next;
	}
	return 0;
}

/* New lines of the index. A torn last one is none; a bad one makes the rest unbelievable. */
static int index_load(struct repo *r, struct repo_pack *p, int fd)
{
	char *text = mem_alloc(INDEX_CHUNK, INDEX_LINE);
	struct repo_object o;
	bool good = true;
	ssize_t n = 0, i;

	while (good && (n = pread(fd, text, INDEX_CHUNK * INDEX_LINE, (off_t)p->index_read)) >= INDEX_LINE) {
		uint64_t last = 0;

		for (i = 0; i + INDEX_LINE <= n && good; i += INDEX_LINE) {
			struct object_id id;
			uint64_t at;

			good = index_line_parse(str_make(text + i, INDEX_LINE), &id, &at) == 0 && at >= p->end &&
				at < REPO_AT_MAX && at > last;
			if (!good)
				break;
			repo_known(r, &id, p->number, at);
			last = at;
			p->index_read += INDEX_LINE;
		}
		if (!last)
			break;
		if (repo_object_at(r, p->number, last, &o) < 0)
			break; /* verify will say so; what comes before counts */
		p->end = last + OBJECT_HEAD + o.head.stored + 1;
	}
	free(text);
	return n < 0 ? -errno : good ? 0 : E_DAMAGED;
}

static int pack_load(struct repo *r, uint32_t number)
{
	struct repo_pack *p = repo_pack_of(r, number);
	char name[32];
	int fd, err;

	if (p->scanned && !r->write)
		return 0;
	repo_pack_name(number, "index", name);
	fd = file_open(r->packs, name, O_RDONLY, 0);
	if (fd < 0 && fd != -ENOENT)
		return repo_fail(r, fd, "packs/%s: %s", name, err_text(fd));
	err = fd < 0 ? E_DAMAGED : index_load(r, p, fd);
	if (fd >= 0)
		close(fd);
	if (err == E_DAMAGED)
		return repo_scan_pack(r, p);
	return err ? repo_fail(r, err, "packs/%s: %s", name, err_text(err)) : 0;
}

int repo_refresh(struct repo *r)
{
	int fd = file_open_dir(r->packs, "."), err = 0;
	struct dirent *e;
	uint64_t number;
	DIR *d;

	if (fd < 0)
		return repo_fail(r, fd, "packs: %s", err_text(fd));
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -errno;
	}
	while (!err && (errno = 0, e = readdir(d))) {
		struct str name = str_of(e->d_name);

		if (name.n == 11 && str_ends(name, ".pack") && str_u64(str_sub(name, 0, 6), 999999, &number) == 0 && number)
			err = pack_load(r, (uint32_t)number);
	}
	closedir(d);
	return err;
}

uint64_t repo_bytes(const struct repo *r)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < r->npacks; i++)
		sum += r->pack[i].end;
	return sum;
}

/* --- reading ----------------------------------------------------------------------------- */

int repo_object_at(struct repo *r, uint32_t pack, uint64_t at, struct repo_object *out)
{
	char text[OBJECT_HEAD];
	struct object_head h;
	int fd, err = repo_flush(r);

	if (err)
		return err;
	fd = repo_open_pack(r, pack);
	if (fd < 0)
		return fd;
	err = file_pread_all(fd, text, sizeof(text), (off_t)at);
	if (!err)
		err = object_head_parse(str_make(text, sizeof(text)), &h);
	if (err)
		return repo_fail(r, err, "packs/%06u.pack: at byte %llu: %s", pack, (unsigned long long)at, err_text(err));
	*out = (struct repo_object){ pack, at, h };
	return 0;
}

int repo_read(struct repo *r, const struct object_id *id, repo_sink *sink, void *arg)
{
	struct repo_object o;
	char sha[SHA256_HEX + 1];
	int err = repo_find(r, id, &o);

	if (err == E_NOTFOUND) {
		sha256_print(id->sha, sha);
		return repo_fail(r, E_DAMAGED, "no pack holds %s", sha);
	}
	return err ? err : repo_object_read(r, &o, sink, arg);
}

static int into_buf(void *arg, const void *p, size_t n)
{
	struct buf *b = arg;

	buf_add(b, p, n);
	return b->err;
}

int repo_get(struct repo *r, const struct object_id *id, struct buf *out)
{
	return repo_read(r, id, into_buf, out);
}

/* --- the file `damaged` -------------------------------------------------------------------- */

static void bad_add(struct repo *r, uint32_t pack, uint64_t at)
{
	if (is_bad(r, pack, at))
		return;
	r->bad = mem_grow(r->bad, r->nbad + 1, sizeof(*r->bad));
	r->bad[r->nbad++] = (struct repo_place){ pack, at };
}

static void bad_load(struct repo *r)
{
	struct str rest;
	struct buf b;

	buf_init(&b, DAMAGED_MAX);
	if (file_load(r->dir, "damaged", &b) == 0) {
		rest = buf_view(&b);
		while (rest.p && rest.n) {
			struct str line = str_cut(&rest, '\n'), pack = str_cut(&line, ' ');
			uint64_t number, at;

			if (str_u64(pack, 999999, &number) == 0 && str_u64(line, REPO_AT_MAX, &at) == 0)
				bad_add(r, (uint32_t)number, at);
		}
	}
	buf_done(&b);
}

int repo_mark_bad(struct repo *r, const struct repo_place *place, size_t n)
{
	struct buf b;
	size_t i;
	int err;

	for (i = 0; i < n; i++)
		bad_add(r, place[i].pack, place[i].at);
	buf_init(&b, DAMAGED_MAX);
	for (i = 0; i < r->nbad; i++)
		buf_fmt(&b, "%u %llu\n", r->bad[i].pack, (unsigned long long)r->bad[i].at);
	err = b.err ? b.err : file_replace(r->dir, "damaged", buf_view(&b), 0640);
	buf_done(&b);
	return err;
}

/* --- opening ------------------------------------------------------------------------------- */

/* Is there nothing in the folder but what a file system makes by itself? */
static int is_empty(int dir)
{
	int fd = file_open_dir(dir, "."), empty = 1;
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return fd < 0 ? fd : -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lost+found") != 0 && strcmp(e->d_name, "lock") != 0 && strcmp(e->d_name, "reading") != 0 &&
			strcmp(e->d_name, "packs") != 0 && strcmp(e->d_name, "snapshots") != 0)
			empty = 0;
	closedir(d);
	return empty;
}

static int make_dir(struct repo *r, const char *name)
{
	int err = file_mkdir(r->dir, name, 0750);

	return err == E_EXISTS ? 0 : err;
}

static int save_marker(struct repo *r)
{
	char text[80];
	int n = snprintf(text, sizeof(text), MARKER " %d\nid %s\n", FORMAT_VERSION, r->id);

	snprintf(text + n, sizeof(text) - (size_t)n, "sum %08x\n", crc32c(0, text, (size_t)n));
	return file_replace(r->dir, MARKER, str_of(text), 0640);
}

static int make(struct repo *r)
{
	int empty = is_empty(r->dir), err;

	if (empty < 0)
		return empty;
	if (!empty)
		return repo_fail(r, E_EXISTS, "the folder holds other things and no backup; an empty one is needed");
	err = make_dir(r, "packs");
	if (!err)
		err = make_dir(r, "snapshots");
	rand_id(r->id, 16);
	return err ? err : save_marker(r);
}

static int parse_marker(struct repo *r, struct str text)
{
	struct str all = text, line = str_cut(&text, '\n'), id = str_cut(&text, '\n'), sum = str_cut(&text, '\n');
	char want[16];
	uint64_t v;

	snprintf(want, sizeof(want), "sum %08x", crc32c(0, all.p, line.n + id.n + 2 <= all.n ? line.n + id.n + 2 : 0));
	if (!str_eqc(sum, want) || text.n || !str_starts(line, MARKER " ") || !str_starts(id, "id ") || id.n != 3 + 16 ||
		str_u64(str_from(line, strlen(MARKER) + 1), UINT32_MAX, &v) < 0)
		return E_DAMAGED;
	if (v != FORMAT_VERSION)
		return repo_fail(r, E_UNSUPPORTED, "%s says format %llu; this program knows %d", MARKER,
			(unsigned long long)v, FORMAT_VERSION);
	snprintf(r->id, sizeof(r->id), "%.*s", STRF(str_from(id, 3)));
	return 0;
}

/* Each pack says whose it is. */
static int id_of_packs(struct repo *r)
{
	int dir = file_open_dir(r->dir, "packs"), fd, err = E_DAMAGED;
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	char head[REPO_PACK_HEAD];
	struct dirent *e;

	while (d && err && (e = readdir(d))) {
		fd = str_ends(str_of(e->d_name), ".pack") ? file_open(dirfd(d), e->d_name, O_RDONLY, 0) : -1;
		if (fd < 0)
			continue;
		err = file_pread_all(fd, head, sizeof(head), 0);
		if (!err && !str_starts(str_make(head, sizeof(head)), "mansio-pack 1 "))
			err = E_DAMAGED;
		close(fd);
	}
	if (d)
		closedir(d);
	if (!err)
		snprintf(r->id, sizeof(r->id), "%.16s", head + 14);
	return err;
}

static int identify(struct repo *r, struct str expect)
{
	struct buf b;
	int err;

	buf_init(&b, MARKER_MAX);
	err = file_load(r->dir, MARKER, &b);
	if (!err)
		err = parse_marker(r, buf_view(&b));
	buf_done(&b);
	if (err == -ENOENT && r->write && expect.n)
		return repo_fail(r, E_NOTFOUND, "the folder is empty, but backups were made in it: is the disk mounted? 'backup run --new' begins anew");
	if (err == -ENOENT && r->write)
		return make(r);
	if (err == -ENOENT)
		return repo_fail(r, E_NOTFOUND, "there is no backup in the folder");
	if (err == E_DAMAGED || err == E_LIMIT) {
		r->marker_bad = true;
		err = id_of_packs(r);
		if (err)
			return repo_fail(r, err, "%s is damaged", MARKER);
		return r->write ? save_marker(r) : 0;
	}
	return err;
}

/* A folder that cannot be written (a disk that is mounted for reading) needs no lock. */
static int take_lock(struct repo *r, const char *name, bool exclusive, int64_t wait, int *out)
{
	int fd = file_open(r->dir, name, O_RDWR | O_CREAT, 0640), err;

	if (fd < 0 && r->write)
		return fd;
	if (fd < 0)
		fd = file_open(r->dir, name, O_RDONLY, 0);
	if (fd < 0)
		return 0;
	err = file_lock(fd, exclusive, deadline_in(wait));
	if (err) {
		close(fd);
		return err == E_TIMEOUT ? E_TEMP : r->write ? err : 0;
	}
	*out = fd;
	return 0;
}

static int take_locks(struct repo *r, enum repo_mode mode)
{
	int err = 0;

	if (mode != REPO_READ)
		err = take_lock(r, "lock", true, LOCK_WAIT_MS, &r->lock);
	if (err == E_TEMP)
		return repo_fail(r, E_TEMP, "another backup run is at work in this folder");
	if (!err && mode != REPO_WRITE)
		err = take_lock(r, "reading", mode == REPO_COLLECT, COLLECT_WAIT_MS, &r->reading);
	return err == E_TEMP ? repo_fail(r, E_TEMP, "the folder is in use: try again") : err;
}

int repo_open(int dir, const struct repo_options *opt, struct repo *r)
{
	int err;

	*r = (struct repo){ .dir = dir, .packs = -1, .lock = -1, .reading = -1, .out_fd = -1, .out_index = -1,
		.in_fd = -1, .write = opt->mode != REPO_READ, .compress = opt->compress, .pack_size = opt->pack_size };
	buf_init(&r->out, REPO_BUFFER * 2 + OBJECT_HEAD);
	buf_init(&r->lines, (size_t)64 << 20);
	buf_init(&r->zipped, REPO_MEMORY * 2);
	err = take_locks(r, opt->mode);
	if (!err)
		err = identify(r, opt->expect);
	if (!err) {
		r->packs = file_open_dir(dir, "packs");
		err = r->packs < 0 ? repo_fail(r, r->packs, "packs: %s", err_text(r->packs)) : 0;
	}
	if (!err) {
		bad_load(r);
		err = repo_refresh(r);
	}
	if (err == -EACCES && r->write && !r->why[0])
		repo_fail(r, err, "the folder may not be written: its group must be _backup, and have the right to (chgrp _backup, chmod 2770)");
	if (err && !r->why[0])
		repo_fail(r, err, "the folder: %s", err_text(err));
	return err;
}

int repo_peek(int dir, char id_out[17])
{
	struct repo r = { .dir = dir };
	struct buf b;
	int err;

	buf_init(&b, MARKER_MAX);
	err = file_load(dir, MARKER, &b);
	if (!err)
		err = parse_marker(&r, buf_view(&b));
	if (!err)
		memcpy(id_out, r.id, sizeof(r.id));
	buf_done(&b);
	return err == -ENOENT ? E_NOTFOUND : err;
}

void repo_close(struct repo *r)
{
	repo_write_done(r);
	fd_close(&r->in_fd);
	fd_close(&r->packs);
	fd_close(&r->lock);
	fd_close(&r->reading);
	buf_done(&r->out);
	buf_done(&r->lines);
	buf_done(&r->zipped);
	free(r->slot);
	free(r->pack);
	free(r->bad);
	r->slot = NULL;
	r->pack = NULL;
	r->bad = NULL;
	r->npacks = r->nslots = r->nbad = 0;
}
