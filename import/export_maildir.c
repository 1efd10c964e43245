/* SPDX-License-Identifier: ISC
 *
 * export_maildir.c: `mansio export maildir`: the way back: a Maildir++ with dovecot-uidlist,
 * dovecot-keywords and subscriptions, after which Dovecot's clients, too, transfer nothing.
 *
 * Files are the store's own bytes (CRLF); S= and W= tell Dovecot both sizes; the file's time
 * is INTERNALDATE, as Dovecot has it. Each message of the Inbox carries its POP3 UIDL.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rand.h"
#include "import/content.h"
#include "mail/imapset.h"

#define LETTERS 26

struct leaving {
	struct job *j;
	struct store_view *v;
	struct str dir; /* "" or ".A.B" */
	struct buf uidlist, keywords;
	unsigned letter[STORE_KEYWORDS_MAX]; /* 1: 'a'; 0: none */
	unsigned nletters;
	size_t beyond;
	uint64_t written;
};

static struct str join(struct arena *a, struct str dir, const char *name)
{
	return str_of(dir.n ? arena_fmt(a, "%.*s/%s", STRF(dir), name) : arena_fmt(a, "%s", name));
}

/* Maildir++, in modified UTF-7; '.' inside a level has no form that Dovecot knows. */
static struct str dir_of(struct job *j, struct str name)
{
	struct str rest = name, out;
	struct buf b;

	if (str_eqc(name, "INBOX"))
		return STR("");
	buf_init(&b, 8192);
	while (rest.p) {
		struct str level = str_cut(&rest, '/');
		size_t i, at = b.n;

		buf_c(&b, '.');
		mutf7_encode(level, &b);
		for (i = at + 1; i < b.n; i++)
			if (b.p[i] == '.')
				b.p[i] = '_';
	}
	out = arena_str(&j->a, buf_view(&b));
	buf_done(&b);
	return out;
}

static int make_dirs(struct leaving *l)
{
	static const char *const sub[] = { "", "cur", "new", "tmp" };
	size_t i;
	int err = 0;

	for (i = l->dir.n ? 0 : 1; !err && i < ARRAY_LEN(sub); i++)
		err = remote_mkdir(l->j, i ? join(&l->j->a, l->dir, sub[i]) : l->dir);
	return err;
}

static int write_file(struct job *j, struct str path, struct str text)
{
	int fd, err = remote_create(j, &path, 1, &fd);

	if (err)
		return err;
	if (fd < 0)
		return fd;
	err = file_write_all(fd, text.p, text.n);
	close(fd);
	return err;
}

/* --- messages -------------------------------------------------------------------- */

static void put_keywords(struct leaving *l)
{
	unsigned i;

	for (i = 0; i < l->v->nkeywords; i++) {
		if (!l->v->keyword[i].n)
			continue;
		if (l->nletters == LETTERS) {
			l->beyond++;
			continue;
		}
		buf_fmt(&l->keywords, "%u %.*s\n", l->nletters, STRF(l->v->keyword[i]));
		l->letter[i] = ++l->nletters;
	}
}

static void name_of(struct leaving *l, const struct store_rec *r, uint64_t file_size, struct buf *name, struct buf *flags)
{
	static const struct { uint32_t flag; char letter; } letters[] = { { STORE_DRAFT, 'D' }, { STORE_FLAGGED, 'F' },
		{ STORE_ANSWERED, 'R' }, { STORE_SEEN, 'S' }, { STORE_DELETED, 'T' } };
	size_t i;

	buf_fmt(name, "%lld.M%uP%u.%s,S=%llu,W=%llu", (long long)r->internaldate, r->uid, l->v->uidvalidity,
		conf_hostname(l->j->conf), (unsigned long long)file_size, (unsigned long long)r->size);
	buf_puts(flags, ":2,");
	for (i = 0; i < ARRAY_LEN(letters); i++)
		if (r->flags & letters[i].flag)
			buf_c(flags, letters[i].letter);
	for (i = 0; i < STORE_KEYWORDS_MAX; i++)
		if ((r->keywords & (UINT64_C(1) << i)) && l->letter[i])
			buf_c(flags, (char)('a' + l->letter[i] - 1));
}

static int put_uid(struct leaving *l, uint32_t index, struct str name)
{
	struct buf uidl;
	int err = 0;

	buf_fmt(&l->uidlist, "%u ", l->v->rec[index].uid);
	if (!l->dir.n) {
		buf_init(&uidl, 1024);
		err = store_pop3_uidl(l->v, index, &uidl);
		if (!err)
			buf_fmt(&l->uidlist, "P%.*s ", STRF(buf_view(&uidl)));
		buf_done(&uidl);
	}
	buf_fmt(&l->uidlist, ":%.*s\n", STRF(name));
	return err ? err : l->uidlist.err;
}

/* fd_out: the file, at its start. */
static int open_message(struct leaving *l, uint32_t index, struct arena *a, struct str *path_out, struct store_msg *m,
	uint64_t *size_out)
{
	struct buf name, flags;
	struct stat st;
	int err = store_msg_open(l->v, index, m);

	if (err)
		return err;
	if (fstat(m->fd, &st) != 0) {
		err = -errno;
		store_msg_close(m);
		return err;
	}
	buf_init(&name, 1024);
	buf_init(&flags, 256);
	name_of(l, &l->v->rec[index], (uint64_t)st.st_size, &name, &flags);
	err = put_uid(l, index, buf_view(&name));
	buf_str(&name, buf_view(&flags));
	*path_out = join(a, l->dir, arena_fmt(a, "cur/%.*s", STRF(buf_view(&name))));
	*size_out = (uint64_t)st.st_size;
	buf_done(&name);
	buf_done(&flags);
	if (err)
		store_msg_close(m);
	return err;
}

static int copy_message(struct store_msg *m, uint64_t size, int to)
{
	uint64_t copied, wire;
	int err;

	lseek(m->fd, 0, SEEK_SET);
	err = content_clone(m->fd, to, size);
	if (err && err != E_DAMAGED) {
		lseek(m->fd, 0, SEEK_SET);
		err = ftruncate(to, 0) != 0 || lseek(to, 0, SEEK_SET) < 0 ? -errno :
			content_copy(m->fd, to, UINT64_MAX, &copied, &wire);
	}
	return err;
}

/* A batch: all are opened, all are created, all are copied. */
static int put_batch(struct leaving *l, uint32_t at, uint32_t end)
{
	struct store_msg m[JOB_FILES];
	struct str path[JOB_FILES];
	uint64_t size[JOB_FILES];
	int64_t date[JOB_FILES];
	uint32_t i;
	int fd[JOB_FILES], err = 0;
	struct arena a;
	size_t n = 0, k;

	arena_init(&a);
	for (i = at; !err && i < end; i++) {
		err = open_message(l, i, &a, &path[n], &m[n], &size[n]);
		if (err == E_NOTFOUND)
			err = 0; /* removed meanwhile */
		else if (!err)
			date[n++] = l->v->rec[i].internaldate;
	}
	if (!err && n) {
		err = remote_create(l->j, path, n, fd);
		for (k = 0; k < n && err != E_CLOSED && err != E_TIMEOUT && err != E_PEER; k++) {
			if (!err)
				err = fd[k] < 0 ? fd[k] : copy_message(&m[k], size[k], fd[k]);
			l->written += !err;
			fd_close(&fd[k]);
		}
		if (!err)
			err = remote_touch(l->j, path, date, n);
	}
	for (k = 0; k < n; k++)
		store_msg_close(&m[k]);
	arena_done(&a);
	return err;
}

static int put_messages(struct leaving *l)
{
	uint32_t i, end;
	int err = 0;

	for (i = 0; !err && i < l->v->n; i = end) {
		end = MIN(i + JOB_FILES, l->v->n);
		err = put_batch(l, i, end);
		l->j->done += end - i;
		if (!err)
			err = job_progress(l->j, "messages");
	}
	return err;
}

/* --- a folder ------------------------------------------------------------------------ */

static int put_folder(struct leaving *l)
{
	struct job *j = l->j;
	unsigned char guid[16];
	struct buf hex;
	int err = make_dirs(l);

	rand_bytes(guid, sizeof(guid));
	buf_init(&hex, 64);
	for (size_t i = 0; i < sizeof(guid); i++)
		buf_fmt(&hex, "%02x", guid[i]);
	buf_fmt(&l->uidlist, "3 V%u N%u G%s\n", l->v->uidvalidity, l->v->uidnext, buf_cstr(&hex));
	buf_done(&hex);
	put_keywords(l);
	if (!err)
		err = put_messages(l);
	if (!err)
		err = write_file(j, join(&j->a, l->dir, "dovecot-uidlist"), buf_view(&l->uidlist));
	if (!err && l->keywords.n)
		err = write_file(j, join(&j->a, l->dir, "dovecot-keywords"), buf_view(&l->keywords));
	if (!err && l->dir.n)
		err = write_file(j, join(&j->a, l->dir, "maildirfolder"), STR(""));
	return err;
}

static int one_folder(struct job *j, const struct store_folder *f)
{
	struct leaving l = { .j = j, .dir = dir_of(j, f->name) };
	struct job_folder row = { .name = f->name, .uids = "kept", .words = "UIDs are in dovecot-uidlist" };
	int err = store_select(j->store, f->name, true, &l.v);

	if (err)
		return err == E_NOTFOUND ? 0 : err;
	j->total += l.v->n;
	buf_init(&l.uidlist, (size_t)1 << 30);
	buf_init(&l.keywords, 1 << 20);
	err = put_folder(&l);
	row.messages = l.v->n;
	row.added = l.written;
	if (!err) {
		job_row(j, &row);
		if (l.beyond)
			job_say(j, f->name, "%zu keywords are left out: a Maildir has letters for 26", l.beyond);
	}
	buf_done(&l.uidlist);
	buf_done(&l.keywords);
	store_deselect(l.v);
	return err;
}

/* Version 1 of Dovecot's file, which every version reads. */
static int put_subscriptions(struct job *j, const struct store_folder *f, size_t n)
{
	struct buf b;
	size_t i;
	int err;

	buf_init(&b, 4 << 20);
	for (i = 0; i < n; i++)
		if (f[i].flags & STORE_SUBSCRIBED) {
			struct str dir = dir_of(j, f[i].name);

			buf_str(&b, dir.n ? str_from(dir, 1) : STR("INBOX"));
			buf_c(&b, '\n');
		}
	err = b.err ? b.err : write_file(j, STR("subscriptions"), buf_view(&b));
	buf_done(&b);
	return err;
}

int export_maildir(struct job *j)
{
	struct store_folder *f;
	size_t n, i;
	int err = store_folders(j->store, &j->a, &f, &n);

	for (i = 0; !err && i < n; i++)
		if (!(f[i].flags & (STORE_NOSELECT | STORE_NONEXISTENT)))
			err = one_folder(j, &f[i]);
	if (!err)
		err = put_subscriptions(j, f, n);
	if (!err)
		err = remote_sync(j);
	if (!err)
		job_say(j, STR(""), "the files belong to who wrote them: give them to the user of the other server (chown -R)");
	return err;
}
