/* SPDX-License-Identifier: ISC
 *
 * import_state.c: import/<number>, append-only, a line a message; the last one wins:
 *
 *   mansio-import 1 <folder id> <source, percent-encoded>
 *   m <id> <uid> <flags> [keyword ...]
 *   x <id>                                     gone at the source: forgotten
 *
 * It is a memory, not the truth: without it an import knows its messages by their names, and
 * takes what was removed here once more. A line counts only with its line feed.
 */
#include "store/import_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/rand.h"

#define STATE_DIR "import"
#define STATE_MAX ((size_t)512 << 20)
#define LINES_FLUSH ((size_t)1 << 20)

bool import_id_ok(struct str id)
{
	size_t i;

	for (i = 0; i < id.n; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') || (ascii_lower(id.p[i]) >= 'a' && ascii_lower(id.p[i]) <= 'z')))
			return false;
	return id.n >= 20 && id.n <= IMPORT_ID_MAX && id.p[0] == 'I';
}

void import_state_init(struct import_state *st)
{
	memset(st, 0, sizeof(*st));
	arena_init(&st->a);
	table_init(&st->by_id);
	st->last = &st->first;
	buf_init(&st->head, 16384);
	buf_init(&st->lines, LINES_FLUSH * 2);
}

void import_state_done(struct import_state *st)
{
	table_done(&st->by_id);
	arena_done(&st->a);
	buf_done(&st->head);
	buf_done(&st->lines);
}

struct import_entry *import_state_get(const struct import_state *st, struct str id)
{
	struct import_entry *e = table_get(&st->by_id, id);

	return e && !e->gone ? e : NULL;
}

void import_state_learn(struct import_state *st, struct str id, uint32_t uid, uint32_t flags, struct str keywords,
	bool remembered)
{
	struct import_entry *e = table_get(&st->by_id, id);

	if (!e) {
		e = ARENA_NEW(&st->a, struct import_entry);
		e->id = arena_str(&st->a, id);
		*st->last = e;
		st->last = &e->next;
		table_set(&st->by_id, e->id, e);
		st->n++;
	}
	e->uid = uid;
	e->flags = flags;
	e->keywords = arena_str(&st->a, keywords);
	e->gone = false;
	e->remembered = remembered;
}

/* "m" SP id SP uid SP flags [SP keywords] / "x" SP id */
static void read_line(struct import_state *st, struct str line)
{
	struct str word = str_cut(&line, ' '), id = str_cut(&line, ' '), uid, flags;
	uint64_t u, f;
	struct import_entry *e;

	if (!import_id_ok(id))
		return;
	if (str_eqc(word, "x")) {
		e = table_get(&st->by_id, id);
		if (e)
			e->gone = true;
		return;
	}
	uid = str_cut(&line, ' ');
	flags = str_cut(&line, ' ');
	if (str_eqc(word, "m") && str_u64(uid, UINT32_MAX, &u) == 0 && u && str_u64(flags, 31, &f) == 0)
		import_state_learn(st, id, (uint32_t)u, (uint32_t)f, line.p ? line : STR(""), true);
}

static void make_head(struct import_state *st, struct str source, uint64_t folder_id)
{
	buf_reset(&st->head);
	buf_fmt(&st->head, "mansio-import 1 %016llx ", (unsigned long long)folder_id);
	percent_encode(source, &st->head);
	buf_c(&st->head, '\n');
}

int import_state_load(struct store *s, struct str source, struct str folder, uint64_t folder_id,
	struct import_state *st)
{
	static const unsigned char key[16] = "mansio importing";
	struct buf name, text;
	struct str rest;
	int err;

	import_state_init(st);
	buf_init(&name, 16384);
	buf_str(&name, source);
	buf_c(&name, '\n');
	buf_str(&name, folder);
	snprintf(st->path, sizeof(st->path), STATE_DIR "/%016llx",
		(unsigned long long)siphash(key, buf_view(&name)));
	err = name.err;
	buf_done(&name);
	make_head(st, source, folder_id);
	if (err || st->head.err)
		return E_LIMIT;
	buf_init(&text, STATE_MAX);
	err = file_load(s->dir, st->path, &text);
	rest = buf_view(&text);
	st->fresh = true;
	if (!err && rest.n >= st->head.n && memcmp(rest.p, st->head.p, st->head.n) == 0) {
		st->fresh = false;
		rest = str_from(rest, st->head.n);
		while (str_find(rest, '\n') >= 0)
			read_line(st, str_cut(&rest, '\n'));
	}
	buf_done(&text);
	return err == -ENOENT || err == E_LIMIT || err == -EISDIR ? 0 : err;
}

void import_state_reset(struct import_state *st, uint64_t folder_id)
{
	struct str source = str_from(buf_view(&st->head), strlen("mansio-import 1 ") + 17);
	char path[sizeof(st->path)];
	struct buf rest;

	buf_init(&rest, 16384);
	buf_str(&rest, source);
	memcpy(path, st->path, sizeof(path));
	import_state_done(st);
	import_state_init(st);
	memcpy(st->path, path, sizeof(path));
	buf_fmt(&st->head, "mansio-import 1 %016llx ", (unsigned long long)folder_id);
	buf_str(&st->head, buf_view(&rest));
	st->fresh = true;
	buf_done(&rest);
}

int import_state_add(struct import_state *st, struct str id, uint32_t uid, uint32_t flags, struct str keywords)
{
	import_state_learn(st, id, uid, flags, keywords, true);
	import_state_get(st, id)->asked = true;
	buf_fmt(&st->lines, "m %.*s %u %u", STRF(id), uid, flags);
	if (keywords.n) {
		buf_c(&st->lines, ' ');
		buf_str(&st->lines, keywords);
	}
	buf_c(&st->lines, '\n');
	return st->lines.err;
}

int import_state_write(struct store *s, struct import_state *st, struct str id, uint32_t uid, uint32_t flags,
	struct str keywords)
{
	int err = import_state_add(st, id, uid, flags, keywords);

	return err || st->lines.n < LINES_FLUSH ? err : import_state_flush(s, st);
}

int import_state_forget(struct store *s, struct import_state *st, struct str id)
{
	struct import_entry *e = import_state_get(st, id);

	if (!e)
		return 0;
	e->gone = true;
	buf_fmt(&st->lines, "x %.*s\n", STRF(id));
	return st->lines.err ? st->lines.err : st->lines.n < LINES_FLUSH ? 0 : import_state_flush(s, st);
}

int import_state_head(struct store *s, struct import_state *st)
{
	int err;

	if (!st->fresh)
		return 0;
	err = file_mkdir(s->dir, STATE_DIR, 0700);
	if (!err)
		err = file_fsync_dir(s->dir, ".");
	else if (err == E_EXISTS)
		err = 0;
	if (!err)
		err = file_replace(s->dir, st->path, buf_view(&st->head), 0600);
	if (!err)
		st->fresh = false;
	return err;
}

int import_state_flush(struct store *s, struct import_state *st)
{
	struct stat sb;
	char last = '\n';
	int fd, err;

	if (!st->lines.n)
		return st->lines.err;
	err = import_state_head(s, st);
	if (err)
		return err;
	fd = file_open(s->dir, st->path, O_RDWR | O_APPEND, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &sb) != 0 || pread(fd, &last, 1, sb.st_size - 1) != 1)
		err = -EIO;
	if (!err && last != '\n')
		err = file_write_all(fd, "\n", 1);
	if (!err)
		err = file_write_all(fd, st->lines.p, st->lines.n);
	if (!err)
		err = file_fsync(fd);
	close(fd);
	buf_reset(&st->lines);
	return err;
}
