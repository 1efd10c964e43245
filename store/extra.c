/* SPDX-License-Identifier: ISC
 *
 * extra.c: mansio-extra, append-only, synced before what it speaks of gets its
 * name. A later line about the same thing wins:
 *
 *   mansio-extra 1 00f1e2d3c4b5a697 1795287054      (folder id, UIDVALIDITY)
 *   savedate 12 1795287055
 *   keywords 12 26,31                                (numbers; "-": none)
 *   uidl 12 00000a1b4f2c                             (percent-encoded)
 *
 * A line counts only with its line feed, and every append starts on a fresh line.
 */
#include "store/extra.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"

#define EXTRA_MAX ((size_t)256 << 20)

static void extra_path(const char *dir, char out[STORE_PATH_SIZE])
{
	snprintf(out, STORE_PATH_SIZE, "%s/mansio-extra", dir);
}

static void extra_head(const struct folderfile *f, char out[80])
{
	snprintf(out, 80, "mansio-extra 1 %016llx %u\n", (unsigned long long)f->id, f->uidvalidity);
}

static int parse_numbers(struct str v, uint64_t *out)
{
	uint64_t bits = 0, n;

	if (str_eqc(v, "-")) {
		*out = 0;
		return 0;
	}
	while (v.p) {
		if (str_u64(str_cut(&v, ','), STORE_KEYWORDS_MAX - 1, &n) < 0 || n < 26)
			return E_SYNTAX;
		bits |= UINT64_C(1) << n;
	}
	*out = bits;
	return 0;
}

/* 0, or E_SYNTAX: not a line of ours. */
static int parse_line(struct str line, struct arena *a, struct extra_entry *out)
{
	struct str word = str_cut(&line, ' '), uid = str_cut(&line, ' ');
	uint64_t n;
	struct buf b;
	int err;

	if (!line.p || str_u64(uid, UINT32_MAX - 1, &n) < 0 || n == 0)
		return E_SYNTAX;
	memset(out, 0, sizeof(*out));
	out->uid = (uint32_t)n;
	if (str_eqc(word, "savedate")) {
		err = str_u64(line, INT64_MAX, &n);
		out->savedate = (int64_t)n;
		out->has_savedate = true;
		return err ? E_SYNTAX : 0;
	}
	if (str_eqc(word, "keywords")) {
		out->has_keywords = true;
		return parse_numbers(line, &out->keywords);
	}
	if (!str_eqc(word, "uidl"))
		return E_SYNTAX;
	buf_init(&b, 1024);
	err = percent_decode(line, &b);
	out->uidl = arena_str(a, buf_view(&b));
	buf_done(&b);
	return err || !out->uidl.n ? E_SYNTAX : 0;
}

static int by_uid(const void *pa, const void *pb)
{
	const struct extra_entry *a = *(struct extra_entry *const *)pa, *b = *(struct extra_entry *const *)pb;

	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	return a < b ? -1 : a > b; /* same array: file order */
}

/* Sorts lines by uid and merges those of one uid, the last value of each kind. */
static void merge(struct extra_entry *line, size_t n, struct arena *a, struct extra *out)
{
	struct extra_entry **order = arena_array(a, n + 1, sizeof(*order)), *e = NULL;
	size_t i;

	out->entry = arena_array(a, n + 1, sizeof(*out->entry));
	out->n = 0;
	out->lines = n;
	for (i = 0; i < n; i++)
		order[i] = &line[i];
	qsort(order, n, sizeof(*order), by_uid);
	for (i = 0; i < n; i++) {
		if (!e || e->uid != order[i]->uid) {
			e = &out->entry[out->n++];
			e->uid = order[i]->uid;
		}
		if (order[i]->has_savedate) {
			e->has_savedate = true;
			e->savedate = order[i]->savedate;
		}
		if (order[i]->has_keywords) {
			e->has_keywords = true;
			e->keywords = order[i]->keywords;
		}
		if (order[i]->uidl.n)
			e->uidl = order[i]->uidl;
	}
}

void extra_parse(struct str text, const struct folderfile *f, struct arena *a, struct extra *out)
{
	struct extra_entry *line;
	struct str rest = text;
	char head[80];
	size_t n = 0, i;

	memset(out, 0, sizeof(*out));
	extra_head(f, head);
	if (!str_starts(rest, head))
		return;
	rest = str_from(rest, strlen(head));
	for (i = 0; i < rest.n; i++)
		n += rest.p[i] == '\n';
	line = arena_array(a, n + 1, sizeof(*line));
	for (n = 0; str_find(rest, '\n') >= 0;)
		if (parse_line(str_cut(&rest, '\n'), a, &line[n]) == 0)
			n++;
	merge(line, n, a, out);
}

int extra_load(struct store *s, const char *dir, const struct folderfile *f, struct arena *a,
	struct extra *out)
{
	char path[STORE_PATH_SIZE];
	struct buf b;
	int err;

	memset(out, 0, sizeof(*out));
	extra_path(dir, path);
	buf_init(&b, EXTRA_MAX);
	err = file_load(s->dir, path, &b);
	if (!err)
		extra_parse(buf_view(&b), f, a, out);
	buf_done(&b);
	return err == -ENOENT ? 0 : err;
}

const struct extra_entry *extra_find(const struct extra *x, uint32_t uid)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->entry[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n && x->entry[lo].uid == uid ? &x->entry[lo] : NULL;
}

void extra_savedate(struct buf *lines, uint32_t uid, int64_t savedate)
{
	buf_fmt(lines, "savedate %u %lld\n", uid, (long long)MAX(savedate, 0));
}

void extra_keywords(struct buf *lines, uint32_t uid, uint64_t keywords)
{
	bool any = false;
	unsigned i;

	buf_fmt(lines, "keywords %u ", uid);
	for (i = 26; i < STORE_KEYWORDS_MAX; i++)
		if (keywords & (UINT64_C(1) << i)) {
			buf_fmt(lines, any ? ",%u" : "%u", i);
			any = true;
		}
	buf_puts(lines, any ? "\n" : "-\n");
}

void extra_uidl(struct buf *lines, uint32_t uid, struct str uidl)
{
	buf_fmt(lines, "uidl %u ", uid);
	percent_encode(uidl, lines);
	buf_c(lines, '\n');
}

int extra_append(struct store *s, const char *dir, const struct folderfile *f, struct str lines)
{
	char path[STORE_PATH_SIZE], head[80], have[80] = "", last = '\n';
	struct stat st;
	int fd, err = 0;

	if (!lines.n)
		return 0;
	extra_path(dir, path);
	extra_head(f, head);
	fd = file_open(s->dir, path, O_RDWR | O_APPEND, 0);
	if (fd >= 0) {
		ssize_t n = pread(fd, have, strlen(head), 0);

		if (n != (ssize_t)strlen(head) || memcmp(have, head, strlen(head)) != 0)
			fd_close(&fd);
		else if (fstat(fd, &st) != 0 || pread(fd, &last, 1, st.st_size - 1) != 1)
			err = -errno;
	} else if (fd != -ENOENT) {
		return fd;
	}
	if (fd < 0) {
		err = file_replace(s->dir, path, str_of(head), 0600);
		fd = err ? err : file_open(s->dir, path, O_RDWR | O_APPEND, 0);
		if (fd < 0)
			return fd;
	}
	if (!err && last != '\n')
		err = file_write_all(fd, "\n", 1);
	if (!err)
		err = file_write_all(fd, lines.p, lines.n);
	if (!err)
		err = file_fsync(fd);
	close(fd);
	return err;
}

int extra_compact(struct store *s, const char *dir, const struct folderfile *f,
	const struct extra *x, bool (*keep)(uint32_t uid, void *arg), void *arg)
{
	char path[STORE_PATH_SIZE], head[80];
	struct buf b;
	size_t i;
	int err;

	extra_path(dir, path);
	extra_head(f, head);
	buf_init(&b, EXTRA_MAX);
	buf_puts(&b, head);
	for (i = 0; i < x->n; i++) {
		const struct extra_entry *e = &x->entry[i];

		if (!keep(e->uid, arg))
			continue;
		if (e->has_savedate)
			extra_savedate(&b, e->uid, e->savedate);
		if (e->has_keywords)
			extra_keywords(&b, e->uid, e->keywords);
		if (e->uidl.n)
			extra_uidl(&b, e->uid, e->uidl);
	}
	err = b.err ? b.err : file_replace(s->dir, path, buf_view(&b), 0600);
	buf_done(&b);
	return err;
}
