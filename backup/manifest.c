/* SPDX-License-Identifier: ISC
 *
 * manifest.c: the texts that say what is in a snapshot: its manifest, and the
 * objects that this leads to: mailboxes, lists of messages, queue, files.
 *
 *     manifest ─> mailbox ─> list ─> message
 *         ├────> queue  ─> message              every arrow is a SHA-256, and the manifest ends
 *         ├────> files  ─> file                 with that of its own text: whoever has a good manifest
 *         └────> directory                      notices any change of anything below it.
 */
#include "backup/lines.h"

#include <time.h>

/* What a line of a text costs at least; keeps a hostile text from large arrays. */
static size_t count_lines(struct str text)
{
	size_t n = 1, i;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static void line_end(struct buf *out)
{
	buf_c(out, '\n');
}

/* --- the snapshot ------------------------------------------------------------------ */

void snapshot_id(int64_t unix_time, char out[SNAPSHOT_ID + 1])
{
	time_t t = (time_t)unix_time;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, SNAPSHOT_ID + 1, "%04u%02u%02uT%02u%02u%02uZ", (unsigned)(tm.tm_year + 1900) % 10000u,
		(unsigned)tm.tm_mon % 12u + 1u, (unsigned)tm.tm_mday % 32u, (unsigned)tm.tm_hour % 24u,
		(unsigned)tm.tm_min % 60u, (unsigned)tm.tm_sec % 61u);
}

bool snapshot_id_ok(struct str s)
{
	size_t i;

	if (s.n != SNAPSHOT_ID)
		return false;
	for (i = 0; i < s.n; i++)
		if (i == 8 ? s.p[i] != 'T' : i == 15 ? s.p[i] != 'Z' : s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

bool snapshot_incomplete(const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->nmailboxes; i++)
		if (s->mailbox[i].why.n)
			return true;
	return false;
}

static void print_mailboxes(const struct snapshot *s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s->nmailboxes; i++) {
		const struct snapshot_mailbox *m = &s->mailbox[i];

		if (m->why.n) {
			buf_puts(out, "missing ");
			print_text(out, m->address);
			buf_c(out, ' ');
			print_text(out, m->why);
		} else {
			buf_puts(out, "mailbox ");
			print_sha(out, &m->id);
			buf_fmt(out, " %llu %llu ", (unsigned long long)m->messages, (unsigned long long)m->bytes);
			print_text(out, m->address);
		}
		line_end(out);
	}
}

void snapshot_print(const struct snapshot *s, struct buf *out)
{
	unsigned char sha[SHA256_SIZE];
	size_t from = out->n;

	buf_fmt(out, "mansio-snapshot %d\nid %.*s\nrepository %.*s\nhost ", FORMAT_VERSION, STRF(s->id),
		STRF(s->repository));
	print_text(out, s->host);
	buf_puts(out, "\nprogram ");
	print_text(out, s->program);
	buf_fmt(out, "\nkind %s\ntime %lld %lld\ndirectory ", s->scheduled ? "schedule" : "command",
		(long long)s->began, (long long)s->ended);
	print_sha(out, &s->directory);
	buf_fmt(out, " %llu\n", (unsigned long long)s->directory_bytes);
	if (s->has_queue) {
		buf_puts(out, "queue ");
		print_sha(out, &s->queue);
		buf_fmt(out, " %llu\n", (unsigned long long)s->queue_messages);
	}
	if (s->has_files) {
		buf_puts(out, "files ");
		print_sha(out, &s->files);
		buf_fmt(out, " %llu\n", (unsigned long long)s->nfiles);
	}
	print_mailboxes(s, out);
	buf_fmt(out, "total %zu %llu %llu %llu\n", s->nmailboxes, (unsigned long long)s->messages,
		(unsigned long long)s->bytes, (unsigned long long)s->new_bytes);
	sha256_of(str_from(buf_view(out), from), sha);
	buf_puts(out, "sum ");
	print_sha(out, (const struct object_id *)sha);
	line_end(out);
}

static struct str single(struct lines *l, const char *name)
{
	if (!lines_next(l) || !lines_word_is(l, name)) {
		l->err = E_DAMAGED;
		return STR("");
	}
	return lines_text(l);
}

static void parse_mailboxes(struct lines *l, struct snapshot *s)
{
	while (lines_next(l)) {
		struct snapshot_mailbox *m = &s->mailbox[s->nmailboxes];

		if (lines_word_is(l, "mailbox")) {
			lines_sha(l, &m->id);
			m->messages = lines_u64(l, UINT32_MAX);
			m->bytes = lines_u64(l, INT64_MAX);
			m->address = lines_text(l);
		} else if (lines_word_is(l, "missing")) {
			m->address = lines_text(l);
			m->why = lines_text(l);
			if (!m->why.n)
				l->err = E_DAMAGED;
		} else {
			return;
		}
		s->nmailboxes++;
	}
	l->err = E_DAMAGED; /* the total is missing */
}

static int parse_body(struct lines *l, struct snapshot *s)
{
	s->id = single(l, "id");
	s->repository = single(l, "repository");
	s->host = single(l, "host");
	s->program = single(l, "program");
	s->scheduled = str_eqc(single(l, "kind"), "schedule");
	if (!lines_next(l) || !lines_word_is(l, "time"))
		return E_DAMAGED;
	s->began = (int64_t)lines_u64(l, INT64_MAX);
	s->ended = (int64_t)lines_u64(l, INT64_MAX);
	if (!lines_next(l) || !lines_word_is(l, "directory"))
		return E_DAMAGED;
	lines_sha(l, &s->directory);
	s->directory_bytes = lines_u64(l, INT64_MAX);
	if (str_starts(l->rest, "queue ") && lines_next(l)) {
		lines_word(l);
		s->has_queue = true;
		lines_sha(l, &s->queue);
		s->queue_messages = lines_u64(l, UINT32_MAX);
	}
	if (str_starts(l->rest, "files ") && lines_next(l)) {
		lines_word(l);
		s->has_files = true;
		lines_sha(l, &s->files);
		s->nfiles = lines_u64(l, UINT32_MAX);
	}
	parse_mailboxes(l, s);
	if (!lines_word_is(l, "total") || lines_u64(l, UINT32_MAX) != s->nmailboxes)
		return E_DAMAGED;
	s->messages = lines_u64(l, INT64_MAX);
	s->bytes = lines_u64(l, INT64_MAX);
	s->new_bytes = lines_u64(l, INT64_MAX);
	return lines_end(l);
}

/* The text without its last line, if that is the sum of it. */
static bool check_sum(struct str text, struct str *body_out)
{
	struct object_id want, have;
	struct str body, line;
	ssize_t at;

	if (text.n < 2 || text.p[text.n - 1] != '\n')
		return false;
	at = str_rfind(str_sub(text, 0, text.n - 1), '\n');
	body = str_sub(text, 0, (size_t)(at + 1));
	line = str_sub(text, (size_t)(at + 1), text.n - 1);
	if (!str_starts(line, "sum ") || sha256_read(str_from(line, 4), want.sha) < 0)
		return false;
	sha256_of(body, have.sha);
	*body_out = body;
	return memcmp(want.sha, have.sha, SHA256_SIZE) == 0;
}

int snapshot_parse(struct str text, struct arena *a, struct snapshot *out)
{
	struct snapshot s = { .began = 0 };
	struct lines l;
	struct str body;
	int err;

	if (!check_sum(text, &body))
		return E_DAMAGED;
	lines_init(&l, body, a);
	err = lines_version(&l, "mansio-snapshot");
	if (err)
		return err;
	s.mailbox = arena_array(a, count_lines(body), sizeof(*s.mailbox));
	err = parse_body(&l, &s);
	if (!err && !snapshot_id_ok(s.id))
		err = E_DAMAGED;
	if (!err)
		*out = s;
	return err;
}

/* --- a mailbox ------------------------------------------------------------------- */

void mailbox_print(const struct kept_mailbox *m, struct buf *out)
{
	size_t i, k;

	buf_fmt(out, "mansio-mailbox %d\naddress ", FORMAT_VERSION);
	print_text(out, m->address);
	line_end(out);
	for (i = 0; i < m->nfiles; i++) {
		buf_puts(out, "file ");
		print_sha(out, &m->file[i].id);
		buf_fmt(out, " %llu ", (unsigned long long)m->file[i].size);
		print_text(out, m->file[i].path);
		line_end(out);
	}
	for (i = 0; i < m->nfolders; i++) {
		const struct kept_folder *f = &m->folder[i];

		buf_fmt(out, "folder %llu %llu ", (unsigned long long)f->messages, (unsigned long long)f->bytes);
		print_text(out, f->dir);
		line_end(out);
		for (k = 0; k < f->nlists; k++) {
			buf_puts(out, "list ");
			print_sha(out, &f->list[k].id);
			buf_fmt(out, " %u %u\n", f->list[k].number, f->list[k].count);
		}
	}
}

/* Beneath the mailbox: no way out of it. */
static bool path_ok(struct str path)
{
	struct str rest = path;

	if (!path.n || str_has_ctl(path))
		return false;
	while (rest.p) {
		struct str part = str_cut(&rest, '/');

		if (!part.n || str_eqc(part, ".") || str_eqc(part, ".."))
			return false;
	}
	return true;
}

int mailbox_parse(struct str text, struct arena *a, struct kept_mailbox *out)
{
	struct kept_mailbox m = { .nfiles = 0 };
	struct kept_list *list = arena_array(a, count_lines(text), sizeof(*list));
	struct lines l;
	int err;

	lines_init(&l, text, a);
	err = lines_version(&l, "mansio-mailbox");
	if (err)
		return err;
	m.address = single(&l, "address");
	m.file = arena_array(a, count_lines(text), sizeof(*m.file));
	m.folder = arena_array(a, count_lines(text), sizeof(*m.folder));
	while (lines_next(&l)) {
		if (lines_word_is(&l, "file") && !m.nfolders) {
			struct kept_file *f = &m.file[m.nfiles++];

			lines_sha(&l, &f->id);
			f->size = lines_u64(&l, OBJECT_MAX);
			f->path = lines_text(&l);
			if (!path_ok(f->path))
				return E_DAMAGED;
		} else if (lines_word_is(&l, "folder")) {
			struct kept_folder *f = &m.folder[m.nfolders++];

			f->messages = lines_u64(&l, UINT32_MAX);
			f->bytes = lines_u64(&l, INT64_MAX);
			f->dir = lines_text(&l);
			f->list = list;
			if (!path_ok(f->dir))
				return E_DAMAGED;
		} else if (m.nfolders && lines_word_is(&l, "list")) {
			lines_sha(&l, &list->id);
			list->number = (uint32_t)lines_u64(&l, UINT32_MAX);
			list->count = (uint32_t)lines_u64(&l, UINT32_MAX);
			list++;
			m.folder[m.nfolders - 1].nlists++;
		} else {
			return E_DAMAGED;
		}
	}
	err = lines_end(&l);
	if (!err)
		*out = m;
	return err;
}

/* --- a list ------------------------------------------------------------------------- */

void list_head_print(struct buf *out)
{
	buf_fmt(out, "mansio-list %d\n", FORMAT_VERSION);
}

void list_line_print(const struct kept_message *m, struct buf *out)
{
	print_sha(out, &m->id);
	buf_fmt(out, " %llu %llu %llu ", (unsigned long long)m->size, (unsigned long long)m->inode,
		(unsigned long long)MAX(m->mtime, 0));
	print_text(out, m->name);
	line_end(out);
}

int list_parse(struct str text, struct arena *a, struct kept_message **out, size_t *n_out)
{
	struct kept_message *m = arena_array(a, count_lines(text), sizeof(*m));
	struct lines l;
	size_t n = 0;
	int err;

	lines_init(&l, text, a);
	err = lines_version(&l, "mansio-list");
	while (!err && lines_next(&l)) {
		lines_sha(&l, &m[n].id);
		m[n].size = lines_u64(&l, OBJECT_MAX);
		m[n].inode = lines_u64(&l, UINT64_MAX);
		m[n].mtime = (int64_t)lines_u64(&l, INT64_MAX);
		m[n].name = lines_text(&l);
		if (!path_ok(m[n].name) || (!str_starts(m[n].name, "cur/") && !str_starts(m[n].name, "new/")) ||
			str_find(str_from(m[n].name, 4), '/') >= 0)
			err = E_DAMAGED;
		n++;
	}
	if (!err)
		err = lines_end(&l);
	if (!err) {
		*out = m;
		*n_out = n;
	}
	return err;
}

/* --- queue and files ------------------------------------------------------------------ */

void queue_head_print(const struct object_id *db, uint64_t bytes, struct buf *out)
{
	buf_fmt(out, "mansio-queue %d\ndatabase ", FORMAT_VERSION);
	print_sha(out, db);
	buf_fmt(out, " %llu\n", (unsigned long long)bytes);
}

void queue_line_print(const struct object_id *id, uint64_t size, struct str name, struct buf *out)
{
	buf_puts(out, "message ");
	print_sha(out, id);
	buf_fmt(out, " %llu ", (unsigned long long)size);
	print_text(out, name);
	line_end(out);
}

int queue_parse(struct str text, struct arena *a, struct kept_queue *out)
{
	struct kept_queue q = { .nmessages = 0 };
	struct lines l;
	int err;

	lines_init(&l, text, a);
	err = lines_version(&l, "mansio-queue");
	if (err)
		return err;
	if (!lines_next(&l) || !lines_word_is(&l, "database"))
		return E_DAMAGED;
	lines_sha(&l, &q.db);
	q.db_bytes = lines_u64(&l, OBJECT_MAX);
	q.message = arena_array(a, count_lines(text), sizeof(*q.message));
	while (lines_next(&l)) {
		struct kept_file *f = &q.message[q.nmessages++];

		if (!lines_word_is(&l, "message"))
			return E_DAMAGED;
		lines_sha(&l, &f->id);
		f->size = lines_u64(&l, OBJECT_MAX);
		f->path = lines_text(&l);
		if (!path_ok(f->path) || str_find(f->path, '/') >= 0)
			return E_DAMAGED;
	}
	err = lines_end(&l);
	if (!err)
		*out = q;
	return err;
}

void files_print(const struct kept_file *f, size_t n, struct buf *out)
{
	size_t i;

	buf_fmt(out, "mansio-files %d\n", FORMAT_VERSION);
	for (i = 0; i < n; i++) {
		buf_puts(out, "file ");
		print_sha(out, &f[i].id);
		buf_fmt(out, " %llu %u ", (unsigned long long)f[i].size, f[i].mode);
		print_text(out, f[i].path);
		line_end(out);
	}
}

int files_parse(struct str text, struct arena *a, struct kept_file **out, size_t *n_out)
{
	struct kept_file *f = arena_array(a, count_lines(text), sizeof(*f));
	struct lines l;
	size_t n = 0;
	int err;

	lines_init(&l, text, a);
	err = lines_version(&l, "mansio-files");
	while (!err && lines_next(&l)) {
		if (!lines_word_is(&l, "file"))
			return E_DAMAGED;
		lines_sha(&l, &f[n].id);
		f[n].size = lines_u64(&l, OBJECT_MAX);
		f[n].mode = (unsigned)lines_u64(&l, 0777);
		f[n].path = lines_text(&l);
		/* an absolute one names where a certificate lay */
		if (!path_ok(f[n].path.n && f[n].path.p[0] == '/' ? str_from(f[n].path, 1) : f[n].path))
			return E_DAMAGED;
		n++;
	}
	if (!err)
		err = lines_end(&l);
	if (!err) {
		*out = f;
		*n_out = n;
	}
	return err;
}
