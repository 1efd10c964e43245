/* SPDX-License-Identifier: ISC
 *
 * maildir_apply.c: `mansio import maildir`: folder by folder, what is found there goes into ours.
 *
 * A message is known by its base name: another run knows it again, whatever its flags are
 * then. INTERNALDATE is the file's time, as it is for Dovecot and Courier. The source is
 * only read.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "import/content.h"
#include "import/maildir.h"

struct run {
	struct job *j;
	const struct source *s;
	const struct source_folder *f;
	struct source_list list;
	struct apply apply;
	const char *uidl_format, *words;
	enum store_import_uids uids;
	uint64_t vanished, refused, too_large;
	size_t wait[JOB_FILES]; /* messages to be opened, by index */
	size_t nwait;
};

/* --- one message ------------------------------------------------------------------ */

static size_t keywords_of(const struct run *r, const struct source_message *m, struct str *out, size_t cap)
{
	struct str rest = m->keywords;
	size_t n = 0, i;

	for (i = 0; i < INDEX_KEYWORDS && n < cap; i++)
		if ((m->letters & (1u << i)) && r->list.keyword[i].n)
			out[n++] = r->list.keyword[i];
	while (rest.p && rest.n && n < cap)
		out[n++] = str_cut(&rest, ' ');
	return n;
}

static int copy_file(struct run *r, const struct source_message *m, int from, struct store_import_message *to)
{
	uint64_t max = (uint64_t)r->j->conf->import_message_size;
	struct stat st;
	int err;

	if (fstat(from, &st) != 0)
		return -errno;
	if ((uint64_t)st.st_size > max)
		return E_LIMIT;
	to->internaldate = st.st_mtime;
	to->fd = store_import_file(r->j->store);
	if (to->fd < 0)
		return to->fd;
	/* What the name says of both sizes was counted by the server. */
	if (m->size == (uint64_t)st.st_size && m->wire >= m->size && m->wire <= 2 * m->size) {
		to->size = m->size;
		to->wire = m->wire;
		err = content_clone(from, to->fd, m->size);
		if (!err || err == E_DAMAGED)
			return err;
		if (ftruncate(to->fd, 0) != 0 || lseek(from, 0, SEEK_SET) < 0 || lseek(to->fd, 0, SEEK_SET) < 0)
			return -errno;
	}
	return content_copy(from, to->fd, max, &to->size, &to->wire);
}

static void uidl_of(struct run *r, const struct source_message *m, struct buf *out)
{
	buf_reset(out);
	if (r->f->path.n || (r->uids == STORE_UIDS_NONE && !m->uidl.n))
		return;
	if (m->uidl.n)
		buf_str(out, m->uidl);
	else if (r->s->dovecot && m->uid && index_uidl(r->uidl_format, m->uid, r->list.uidvalidity, m->base, out) < 0)
		buf_reset(out);
}

static int add_one(struct run *r, const struct source_message *m, int from)
{
	struct store_import_message to = { .uid = m->uid, .flags = m->flags, .fd = -1 };
	struct str keyword[STORE_KEYWORDS_MAX];
	char id[CONTENT_ID];
	struct buf uidl;
	int err = copy_file(r, m, from, &to);

	if (err) {
		fd_close(&to.fd);
		return err;
	}
	buf_init(&uidl, 1024);
	uidl_of(r, m, &uidl);
	content_id(m->base, id);
	to.id = str_of(id);
	to.uidl = buf_view(&uidl);
	to.keyword = keyword;
	to.nkeywords = keywords_of(r, m, keyword, ARRAY_LEN(keyword));
	err = apply_add(&r->apply, &to);
	buf_done(&uidl);
	return err;
}

/* --- a folder ----------------------------------------------------------------------- */

/* What cannot be read is counted, and the rest goes on. */
static int judge(struct run *r, int err)
{
	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		r->vanished++;
		return 0;
	case E_LIMIT:
		r->too_large++;
		return 0;
	case -EACCES:
	case -EPERM:
	case -ELOOP:
	case -EXDEV:
	case -EIO:
	case E_SYNTAX:
	case E_DAMAGED:
		r->refused++;
		return 0;
	default:
		return err;
	}
}

static int open_waiting(struct run *r)
{
	struct str path[JOB_FILES];
	int fd[JOB_FILES], err;
	struct arena a;
	size_t i;

	if (!r->nwait)
		return 0;
	arena_init(&a);
	for (i = 0; i < r->nwait; i++)
		path[i] = r->f->path.n ? str_of(arena_fmt(&a, "%.*s/%.*s", STRF(r->f->path),
			STRF(r->list.m[r->wait[i]].file))) : r->list.m[r->wait[i]].file;
	err = remote_open(r->j, path, r->nwait, false, fd);
	for (i = 0; i < r->nwait && err != E_CLOSED && err != E_TIMEOUT && err != E_PEER; i++) {
		if (!err)
			err = judge(r, fd[i] < 0 ? fd[i] : add_one(r, &r->list.m[r->wait[i]], fd[i]));
		fd_close(&fd[i]);
	}
	r->nwait = 0;
	arena_done(&a);
	return err;
}

static int one_message(struct run *r, size_t i)
{
	const struct source_message *m = &r->list.m[i];
	struct str keyword[STORE_KEYWORDS_MAX];
	struct store_imported was;
	char id[CONTENT_ID];

	content_id(m->base, id);
	if (store_import_find(r->apply.im, str_of(id), &was)) {
		apply_compare(&r->apply, str_of(id), &was, m->flags, keyword,
			keywords_of(r, m, keyword, ARRAY_LEN(keyword)));
		return 0;
	}
	if (r->j->dry) {
		r->apply.added++;
		return 0;
	}
	r->wait[r->nwait++] = i;
	return r->nwait == JOB_FILES ? open_waiting(r) : 0;
}

static const char *uids_words(enum store_import_uids uids, const struct run *r)
{
	switch (uids) {
	case STORE_UIDS_KEPT:
		return "UIDs and UIDVALIDITY are kept";
	case STORE_UIDS_TAKEN:
		return "new UIDs: the folder here has messages already";
	case STORE_UIDS_OTHER:
		return "new UIDs: it was imported before, and the source has another UIDVALIDITY now";
	default:
		return r->list.damaged ? "new UIDs: the source's list of UIDs is damaged" :
			"new UIDs: the source has none";
	}
}

static void tell_folder(struct run *r, uint64_t moved)
{
	struct job_folder row = { .name = r->f->name, .messages = r->list.n, .added = r->apply.added,
		.changed = r->apply.changed, .removed = r->apply.removed,
		.uids = r->uids == STORE_UIDS_KEPT ? "kept" : "new", .words = uids_words(r->uids, r) };

	job_row(r->j, &row);
	if (r->list.damaged)
		job_say(r->j, r->f->name, "%s is damaged or cannot be read", r->list.damaged);
	if (moved)
		job_say(r->j, r->f->name, "%llu messages have new UIDs: others came in between",
			(unsigned long long)moved);
	if (r->list.beyond)
		job_say(r->j, r->f->name, "%zu keywords have no letter in the file names (Dovecot keeps those in its index): "
			"they are not taken", r->list.beyond);
	if (r->list.acl)
		job_say(r->j, r->f->name, "dovecot-acl is not taken: nobody else sees the folder here");
	if (r->vanished)
		job_say(r->j, r->f->name, "%llu messages were renamed or removed while we read: import once more",
			(unsigned long long)r->vanished);
	if (r->refused)
		job_say(r->j, r->f->name, "%llu messages cannot be read", (unsigned long long)r->refused);
	if (r->too_large)
		job_say(r->j, r->f->name, "%llu messages are larger than [import] message_size",
			(unsigned long long)r->too_large);
	if (r->list.left_out)
		job_say(r->j, r->f->name, "%zu entries are no messages", r->list.left_out);
	if (r->refused || r->too_large || r->vanished || (r->list.damaged && r->uids == STORE_UIDS_NONE))
		r->j->failed = true;
}

/* "Sent Items=Sent,Papierkorb=Trash" */
static struct str special_of(struct job *j, struct str name)
{
	struct str rest = ipc_get(j->m, "special");

	while (rest.p && rest.n) {
		struct str use = str_cut(&rest, ','), folder = str_cut(&use, '=');

		if (use.n && str_eq(folder, name))
			return str_of(arena_fmt(&j->a, "\\%.*s", STRF(use.p[0] == '\\' ? str_from(use, 1) : use)));
	}
	return STR("");
}

static int run_folder(struct run *r)
{
	struct job *j = r->j;
	struct store_import_options opt = { .folder = r->f->name, .source = STR("maildir"), .dry = j->dry,
		.special = special_of(j, r->f->name), .uidvalidity = r->list.uidvalidity, .uidnext = r->list.uidnext };
	uint64_t moved;
	uint32_t lowest;
	size_t i;
	int err = store_import_begin(j->store, &opt, &r->apply.im, &r->uids), late;

	if (err == E_SYNTAX || err == E_LIMIT) {
		job_say(j, r->f->name, "left out: %s", err == E_SYNTAX ? "no folder can be called so here" : err_text(err));
		j->failed = true;
		return 0;
	}
	if (err)
		return err;
	/* whose UID cannot be kept waits until all others are in */
	lowest = r->uids == STORE_UIDS_KEPT ? store_import_lowest(r->apply.im) : 0;
	for (late = 0; !err && late < 2; late++) {
		for (i = 0; !err && i < r->list.n; i++) {
			if ((r->list.m[i].uid < lowest) != late)
				continue;
			err = one_message(r, i);
			j->done++;
			if (!err)
				err = job_progress(j, r->words);
		}
		if (!err)
			err = open_waiting(r);
	}
	if (!err && !j->dry)
		err = apply_flush(&r->apply);
	if (!err)
		err = apply_finish(&r->apply, !r->vanished);
	moved = store_import_moved(r->apply.im);
	if (!err)
		tell_folder(r, moved);
	late = store_import_end(r->apply.im, !err && !r->vanished && !r->refused && !r->too_large);
	return err ? err : late;
}

static int one_folder(struct job *j, const struct source *s, const struct source_folder *f, const char *uidl)
{
	struct run *r = mem_alloc(1, sizeof(*r));
	struct arena a;
	int err;

	arena_init(&a);
	r->j = j;
	r->s = s;
	r->f = f;
	r->uidl_format = uidl;
	r->words = arena_cstr(&a, f->name);
	apply_init(&r->apply, j, NULL, f->name);
	err = source_list(j, s, f, &a, &r->list);
	j->total += r->list.n;
	if (!err)
		err = run_folder(r);
	apply_done(&r->apply);
	arena_done(&a);
	free(r);
	return err;
}

static int subscribe(struct job *j, const struct source *s)
{
	struct store_folder *have;
	size_t n, i, k;
	int err = j->dry ? 0 : store_folders(j->store, &j->a, &have, &n);

	for (i = 0; !err && !j->dry && i < s->nsubscribed; i++) {
		for (k = 0; k < n; k++)
			if (str_eq(have[k].name, s->subscribed[i]))
				break;
		if (k < n && (have[k].flags & STORE_SUBSCRIBED))
			continue;
		err = store_subscribe(j->store, s->subscribed[i], true);
		if (err == E_SYNTAX)
			err = 0;
	}
	return err;
}

int import_maildir(struct job *j)
{
	struct str format = ipc_get(j->m, "uidl");
	const char *uidl = format.n ? arena_cstr(&j->a, format) : "%08Xu%08Xv";
	struct source s = { 0 };
	struct buf b;
	size_t i;
	int err;

	buf_init(&b, 1024);
	err = index_uidl(uidl, 1, 1, STR("x"), &b);
	buf_done(&b);
	if (err)
		return job_fail(j, E_SYNTAX, "uidl: only %%u, %%v (with %%08Xu and the like) and %%f are known");
	err = source_read(j, &s);
	for (i = 0; !err && i < s.n; i++)
		err = one_folder(j, &s, &s.folder[i], uidl);
	return err ? err : subscribe(j, &s);
}
