/* SPDX-License-Identifier: ISC
 *
 * maildir.c: what is in the source (maildir.h).
 *
 * Maildir++ (Courier, Dovecot's default): folders are directories ".A.B" beside cur/. Dovecot's
 * layout "fs": directories in directories. A symbolic link is never followed, what is no plain
 * file is never opened for long; names that cannot be a message's are counted.
 */
#include "import/maildir.h"

#include <dirent.h>
#include <unistd.h>

#include "base/file.h"

#define DEPTH_MAX 20

static const struct { char letter; uint32_t flag; } letter_flag[] = {
	{ 'D', STORE_DRAFT }, { 'F', STORE_FLAGGED }, { 'R', STORE_ANSWERED }, { 'S', STORE_SEEN }, { 'T', STORE_DELETED },
};

/* --- folders --------------------------------------------------------------------- */

static int open_folder(struct job *j, struct str path, DIR **out)
{
	int fd, err = remote_open(j, &path, 1, true, &fd);

	if (err)
		return err;
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? E_NOTFOUND : fd;
	*out = fdopendir(fd);
	if (!*out) {
		err = -errno;
		close(fd);
	}
	return err;
}

static struct str path_join(struct arena *a, struct str dir, const char *name)
{
	return str_of(dir.n ? arena_fmt(a, "%.*s/%s", STRF(dir), name) : arena_fmt(a, "%s", name));
}

static int add_folder(struct job *j, struct source *s, struct str path, struct str name)
{
	if (s->n >= (size_t)j->conf->import_folders) {
		job_say(j, name, "left out: more folders than [import] folders allows");
		j->failed = true;
		return 0;
	}
	if (s->n == s->cap) {
		struct source_folder *more = arena_array(&j->a, s->cap * 2 + 64, sizeof(*more));

		if (s->n)
			memcpy(more, s->folder, s->n * sizeof(*more));
		s->folder = more;
		s->cap = s->cap * 2 + 64;
	}
	s->folder[s->n++] = (struct source_folder){ path, name };
	return 0;
}

static bool reserved(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0 ||
		strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

struct names {
	struct str *name;
	size_t n, cap;
};

static void names_add(struct job *j, struct names *l, struct str name)
{
	if (l->n == l->cap) {
		struct str *more = arena_array(&j->a, l->cap * 2 + 64, sizeof(*more));

		if (l->n)
			memcpy(more, l->name, l->n * sizeof(*more));
		l->name = more;
		l->cap = l->cap * 2 + 64;
	}
	l->name[l->n++] = arena_str(&j->a, name);
}

/* Directories (perhaps) in it, and whether it is a Maildir itself. */
static int list_dirs(struct job *j, struct str path, struct names *out, bool *maildir_out)
{
	struct dirent *e;
	DIR *d;
	int err = open_folder(j, path, &d);

	*maildir_out = false;
	if (err)
		return err;
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)
			continue;
		if (strcmp(e->d_name, "cur") == 0)
			*maildir_out = true;
		else if (!reserved(e->d_name) && out->n < (size_t)j->conf->import_folders * 2)
			names_add(j, out, str_of(e->d_name));
	}
	closedir(d);
	return 0;
}

/* Dovecot's fs layout, one level and what is beneath. */
static int walk(struct job *j, struct source *s, struct str path, struct str disk, int depth)
{
	struct names l = { 0 };
	struct str name;
	bool maildir;
	size_t i;
	int err = list_dirs(j, path, &l, &maildir);

	if (err == E_NOTFOUND)
		return 0;
	if (!err && maildir && path.n && index_folder_name(disk, '/', &j->a, &name) == 0)
		err = add_folder(j, s, path, name);
	for (i = 0; !err && i < l.n && depth < DEPTH_MAX; i++) {
		const char *text = arena_cstr(&j->a, l.name[i]);

		if (text[0] != '.' && strcmp(text, "courierimapkeywords") != 0 && strcmp(text, "courierimaphieracl") != 0)
			err = walk(j, s, path_join(&j->a, path, text), path_join(&j->a, disk, text), depth + 1);
	}
	return err;
}

static int find_plus(struct job *j, struct source *s, const struct names *l)
{
	struct str name;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < l->n; i++) {
		struct names in = { 0 };
		bool maildir;

		if (l->name[i].p[0] != '.' || l->name[i].n < 2)
			continue;
		err = list_dirs(j, l->name[i], &in, &maildir);
		if (err == E_NOTFOUND) {
			err = 0;
			continue;
		}
		if (!err && maildir && index_folder_name(str_from(l->name[i], 1), '.', &j->a, &name) == 0)
			err = add_folder(j, s, l->name[i], name);
	}
	return err;
}

static int by_name(const void *pa, const void *pb)
{
	const struct source_folder *a = pa, *b = pb;

	if (!a->path.n || !b->path.n)
		return a->path.n ? 1 : b->path.n ? -1 : 0;
	return str_cmp(a->name, b->name);
}

static int exists(struct job *j, const char *file)
{
	struct str path = str_of(file);
	int fd, err = remote_open(j, &path, 1, false, &fd);

	if (err)
		return err;
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int read_subscriptions(struct job *j, struct source *s)
{
	static const char *const file[] = { "subscriptions", "courierimapsubscribed" };
	struct buf b;
	int err = 0, i;

	for (i = 0; !err && i < 2 && !s->nsubscribed; i++) {
		if (i ? !s->courier : !s->dovecot)
			continue;
		buf_init(&b, (size_t)j->conf->import_index_size);
		err = remote_load(j, str_of(file[i]), &b);
		if (!err)
			s->nsubscribed = index_subscriptions(buf_view(&b), i == 1, &j->a, &s->subscribed);
		if (err && err != E_NOTFOUND && err != E_CLOSED && err != E_TIMEOUT)
			job_say(j, STR(""), "%s cannot be read: %s; nothing is subscribed by it", file[i], err_text(err));
		if (err != E_CLOSED && err != E_TIMEOUT)
			err = 0;
		buf_done(&b);
	}
	return err;
}

static int choose(struct job *j, struct source *s)
{
	struct str layout = ipc_get(j->m, "layout");
	int r = 0;

	if (layout.n && !str_eqc(layout, "auto") && !str_eqc(layout, "dovecot") && !str_eqc(layout, "courier") &&
		!str_eqc(layout, "plain"))
		return job_fail(j, E_SYNTAX, "layout: must be auto, dovecot, courier or plain");
	s->dovecot = str_eqc(layout, "dovecot");
	s->courier = str_eqc(layout, "courier");
	if (layout.n && !str_eqc(layout, "auto"))
		return 0;
	/* who came last leaves both: Dovecot reads a Courier's Maildir, not the other way round */
	r = exists(j, "dovecot-uidlist");
	if (r >= 0 && !(s->dovecot = r > 0)) {
		r = exists(j, "courierimapuiddb");
		if (r == 0)
			r = exists(j, "courierimapsubscribed");
		s->courier = r > 0;
		s->dovecot = !s->courier;
	}
	return r < 0 ? r : 0;
}

int source_read(struct job *j, struct source *out)
{
	struct names l = { 0 };
	bool maildir;
	size_t i;
	int err = choose(j, out);

	if (!err)
		err = list_dirs(j, STR(""), &l, &maildir);
	if (!err && !maildir && !l.n)
		err = E_NOTFOUND;
	if (err)
		return j->error[0] ? err : job_fail(j, err, "%.*s is no Maildir that can be read: %s",
			STRF(ipc_get(j->m, "path")), err_text(err));
	if (maildir)
		add_folder(j, out, STR(""), STR("INBOX"));
	for (i = 0; i < l.n; i++)
		out->plus |= l.name[i].p[0] == '.';
	err = find_plus(j, out, &l);
	if (!err && out->n == (size_t)maildir) {
		out->plus = false;
		err = walk(j, out, STR(""), STR(""), 0);
	}
	if (out->n)
		qsort(out->folder, out->n, sizeof(*out->folder), by_name);
	for (i = 1; i < out->n; i++)
		if (str_eq(out->folder[i].name, out->folder[i - 1].name))
			out->folder[i].name = str_of(arena_fmt(&j->a, "%.*s_%zu", STRF(out->folder[i].name), i));
	return err ? err : read_subscriptions(j, out);
}

/* --- messages of a folder ------------------------------------------------------------ */

static struct source_message *list_new(struct source_list *l, struct arena *a)
{
	if (l->n == l->cap) {
		struct source_message *more = arena_array(a, l->cap * 2 + 256, sizeof(*more));

		if (l->n)
			memcpy(more, l->m, l->n * sizeof(*more));
		l->m = more;
		l->cap = l->cap * 2 + 256;
	}
	return &l->m[l->n++];
}

/* ",S=<n>" and ",W=<n>" behind the base, ":2,<letters>" at the end. */
static void read_name(struct str name, struct source_message *m)
{
	struct str info, rest = name;
	uint64_t n;
	size_t i, k;

	m->base = index_base(name);
	info = rest;
	rest = str_cut(&info, ':');
	while (rest.p) {
		struct str f = str_cut(&rest, ',');

		if (str_starts(f, "S=") && str_u64(str_from(f, 2), INT64_MAX, &n) == 0)
			m->size = n;
		else if (str_starts(f, "W=") && str_u64(str_from(f, 2), INT64_MAX, &n) == 0)
			m->wire = n;
	}
	if (str_u64(str_cut(&(struct str){ m->base.p, m->base.n }, '.'), INT64_MAX, &n) == 0)
		m->sec = (int64_t)n;
	if (!str_starts(info, "2,"))
		return;
	for (i = 2; i < info.n && info.p[i] != ','; i++) {
		if (info.p[i] >= 'a' && info.p[i] <= 'z')
			m->letters |= 1u << (info.p[i] - 'a');
		for (k = 0; k < ARRAY_LEN(letter_flag); k++)
			if (info.p[i] == letter_flag[k].letter)
				m->flags |= letter_flag[k].flag;
	}
}

static int list_sub(struct job *j, const struct source_folder *f, const char *sub, struct arena *a,
	struct source_list *out)
{
	struct dirent *e;
	DIR *d;
	int err = open_folder(j, path_join(a, f->path, sub), &d);

	if (err)
		return err == E_NOTFOUND ? 0 : err;
	while ((e = readdir(d))) {
		struct source_message *m;

		if (e->d_name[0] == '.')
			continue;
		if ((e->d_type != DT_REG && e->d_type != DT_UNKNOWN) || str_has_ctl(str_of(e->d_name)) ||
			!str_is_utf8(str_of(e->d_name)) || out->n >= (size_t)j->conf->import_messages) {
			out->left_out++;
			continue;
		}
		m = list_new(out, a);
		m->file = str_of(arena_fmt(a, "%s/%s", sub, e->d_name));
		read_name(str_from(m->file, 4), m);
	}
	closedir(d);
	return 0;
}

static int load(struct job *j, const struct source_folder *f, const char *file, struct arena *a, struct buf *b)
{
	buf_init(b, (size_t)j->conf->import_index_size);
	return remote_load(j, path_join(a, f->path, file), b);
}

/* A file that is there but cannot be read is told, not fatal. */
static int judge_file(int err, const char *file, struct source_list *out)
{
	if (err == E_CLOSED || err == E_TIMEOUT || err == E_PEER)
		return err;
	if (err && err != E_NOTFOUND)
		out->damaged = file;
	return 0;
}

static int read_dovecot(struct job *j, const struct source_folder *f, struct arena *a, struct index *x,
	struct source_list *out)
{
	struct buf b;
	int err = load(j, f, "dovecot-uidlist", a, &b);

	if (!err)
		err = index_dovecot_uidlist(x, buf_view(&b));
	err = judge_file(err, "dovecot-uidlist", out);
	buf_done(&b);
	if (err)
		return err;
	err = load(j, f, "dovecot-keywords", a, &b);
	if (!err)
		index_dovecot_keywords(buf_view(&b), a, out->keyword, &out->beyond);
	err = judge_file(err, "dovecot-keywords", out);
	buf_done(&b);
	if (!err) {
		err = load(j, f, "dovecot-acl", a, &b);
		out->acl = !err;
		buf_done(&b);
		err = judge_file(err == E_LIMIT ? 0 : err, "dovecot-acl", out);
	}
	return err;
}

/* courierimapkeywords/: :list, and a file for each message that changed since. */
static int read_courier_keywords(struct job *j, const struct source_folder *f, struct arena *a, struct index *x,
	struct source_list *out)
{
	struct str dir = path_join(a, f->path, "courierimapkeywords");
	struct names l = { 0 };
	struct dirent *e;
	struct buf b;
	DIR *d;
	size_t i;
	int err;

	buf_init(&b, (size_t)j->conf->import_index_size);
	err = remote_load(j, path_join(a, dir, ":list"), &b);
	if (!err)
		index_courier_keywords(x, buf_view(&b));
	buf_done(&b);
	err = judge_file(err, "courierimapkeywords/:list", out);
	if (err || open_folder(j, dir, &d) != 0)
		return err;
	while ((e = readdir(d)) && l.n < 100000)
		if (!reserved(e->d_name) && e->d_name[0] != ':' && str_is_utf8(str_of(e->d_name)) &&
			!str_has_ctl(str_of(e->d_name)))
			names_add(j, &l, str_of(e->d_name));
	closedir(d);
	for (i = 0; !err && i < l.n; i++) {
		buf_init(&b, 65536);
		err = remote_load(j, path_join(a, dir, arena_cstr(a, l.name[i])), &b);
		if (!err)
			index_courier_keyword_file(x, l.name[i], buf_view(&b));
		err = judge_file(err, "courierimapkeywords", out);
		buf_done(&b);
	}
	return err;
}

static int read_courier(struct job *j, const struct source_folder *f, struct arena *a, struct index *x,
	struct source_list *out)
{
	struct buf b;
	int err = load(j, f, "courierimapuiddb", a, &b);

	if (!err)
		err = index_courier_uids(x, buf_view(&b));
	err = judge_file(err, "courierimapuiddb", out);
	buf_done(&b);
	if (!err && !f->path.n) {
		err = load(j, f, "courierpop3dsizelist", a, &b);
		if (!err)
			err = index_courier_pop3(x, buf_view(&b));
		err = judge_file(err, "courierpop3dsizelist", out);
		buf_done(&b);
	}
	return err ? err : read_courier_keywords(j, f, a, x, out);
}

static int by_uid(const void *pa, const void *pb)
{
	const struct source_message *a = pa, *b = pb;

	if (a->uid != b->uid)
		return !a->uid ? 1 : !b->uid ? -1 : a->uid < b->uid ? -1 : 1;
	if (a->sec != b->sec)
		return a->sec < b->sec ? -1 : 1;
	return str_cmp(a->base, b->base);
}

/* One file a UID and a name: a second one is a message without UID, or was renamed while we read. */
static void join(struct source_list *l, const struct index *x)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++) {
		const struct index_entry *e = index_find(x, l->m[i].base);

		if (!e)
			continue;
		l->m[i].uid = e->uid;
		l->m[i].uidl = e->uidl;
		l->m[i].keywords = e->keywords;
	}
	if (l->n)
		qsort(l->m, l->n, sizeof(*l->m), by_uid);
	for (i = 0; i < l->n; i++) {
		if (i && str_eq(l->m[i].base, l->m[n - 1].base)) {
			l->left_out++;
			continue;
		}
		if (n && l->m[i].uid && l->m[i].uid == l->m[n - 1].uid)
			l->m[i].uid = 0;
		l->m[n++] = l->m[i];
	}
	l->n = n;
	if (l->n)
		qsort(l->m, l->n, sizeof(*l->m), by_uid);
}

int source_list(struct job *j, const struct source *s, const struct source_folder *f, struct arena *a,
	struct source_list *out)
{
	struct index x;
	int err;

	memset(out, 0, sizeof(*out));
	index_init(&x, a);
	err = list_sub(j, f, "new", a, out);
	if (!err)
		err = list_sub(j, f, "cur", a, out);
	if (!err && s->dovecot)
		err = read_dovecot(j, f, a, &x, out);
	if (!err && s->courier)
		err = read_courier(j, f, a, &x, out);
	if (!err) {
		join(out, &x);
		out->uidvalidity = x.uidvalidity;
		out->uidnext = x.uidnext;
	}
	index_done(&x);
	return err;
}
