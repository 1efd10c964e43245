/* SPDX-License-Identifier: ISC
 *
 * rescue.c: `mansio backup restore --all from=FOLDER state=DIR`: a whole host
 * out of its backup, onto an empty machine, with the suite not running. A program
 * of its own: it needs no process of the suite, only the folder.
 *
 *     DIR/directory/directory.db   DIR/queue/queue.db   DIR/spool/ID
 *     DIR/mail/DOMAIN/USER/Maildir/…    exactly the names of the snapshot, so UIDs, UIDVALIDITY,
 *                                       flags, keywords and POP3 UIDLs are the old ones
 *     DIR/mansio.conf (or config=)      the settings file; certificates where they were, if nothing is there
 *
 * The old host lived on after the snapshot: clients may know UIDs and MODSEQs that
 * are in no backup. So the marks of each folder leap far ahead (store_leap): no
 * number is ever given a second time. Where that has no room, the folder gets a
 * new UIDVALIDITY by losing its identity.
 *
 * What is damaged is named and left out; all else is restored, and the code is 65.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/auth.h"
#include "backup/snapshots.h"
#include "backup/walk.h"
#include "base/proc.h"
#include "store/store.h"

struct owner {
	uid_t uid;
	gid_t gid;
};
struct rescue {
	struct repo r;
	struct snapshot s;
	struct arena a;
	int state;
	const char *state_path, *config;
	bool root;
	struct owner auth, mail, queue, own;
	uint64_t messages, files, damaged;
};

static void say(const char *fmt, ...) PRINTF(1, 2);
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static NORETURN void give_up(int code, const char *fmt, ...) PRINTF(2, 3);
static NORETURN void give_up(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("mansio: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

static void damaged(struct rescue *x, const char *what)
{
	x->damaged++;
	say("mansio: not restored: %s: %s", what, x->r.why[0] ? x->r.why : "damaged");
	x->r.why[0] = '\0';
}

static struct owner owner_of(const char *user)
{
	struct passwd *pw = getpwnam(user);

	if (!pw)
		give_up(EX_NOUSER, "there is no user %s: install Mansio on this machine first", user);
	return (struct owner){ pw->pw_uid, pw->pw_gid };
}

/* --- files ----------------------------------------------------------------------- */

static int own(const struct rescue *x, int fd, const struct owner *o)
{
	return x->root && fchown(fd, o->uid, o->gid) < 0 ? -errno : 0;
}

/* A folder beneath another one; it may be there. A descriptor. */
static int folder(struct rescue *x, int dir, const char *name, mode_t mode, const struct owner *o)
{
	int err = file_mkdir(dir, name, 0700), fd;

	if (err && err != E_EXISTS)
		return err;
	fd = file_open_dir(dir, name);
	if (fd < 0 || err == E_EXISTS)
		return fd;
	err = own(x, fd, o);
	if (!err && fchmod(fd, mode) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int write_piece(void *arg, const void *p, size_t n)
{
	return file_write_all(*(int *)arg, p, n);
}

/* 0; E_DAMAGED: told, and no file is left; else what the disk says. Beneath a folder of ours; the
 * files of the host, which have paths of their own, are opened as everybody would. */
static int put_file(struct rescue *x, int dir, const char *path, const struct object_id *id, mode_t mode,
	const struct owner *o)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = dir == AT_FDCWD ? open(path, flags, 0600) : file_open(dir, path, flags, 0600), err;

	if (dir == AT_FDCWD && fd < 0)
		fd = -errno;
	if (fd < 0)
		return fd == -EEXIST ? E_EXISTS : fd;
	x->r.why[0] = '\0';
	err = repo_read(&x->r, id, write_piece, &fd);
	if (err && x->r.why[0])
		err = E_DAMAGED;
	if (!err)
		err = own(x, fd, o);
	if (!err && fchmod(fd, mode) < 0)
		err = -errno;
	close(fd);
	if (err) {
		(void)unlinkat(dir, path, 0);
		if (err == E_DAMAGED)
			damaged(x, path);
		return err;
	}
	x->files++;
	return 0;
}

static int put_text(struct rescue *x, int dir, const char *path, struct str text, const struct owner *o)
{
	int fd = file_open(dir, path, O_WRONLY | O_CREAT | O_EXCL, 0600), err;

	if (fd < 0)
		return fd;
	err = file_write_all(fd, text.p, text.n);
	if (!err)
		err = own(x, fd, o);
	close(fd);
	return err;
}

static void disk(int err, const char *what)
{
	if (err && err != E_DAMAGED)
		give_up(EX_CANTCREAT, "%s: %s", what, err_text(err));
}

/* --- a mailbox -------------------------------------------------------------------------- */

/* "DOMAIN/USER" with its owners: outside authd's, inside the rooms' (auth/key.c). */
static int mailbox_dir(struct rescue *x, int mail, struct str address)
{
	char *slash;
	struct buf path;
	int domain, fd;

	buf_init(&path, 1024);
	if (auth_mailbox_path(address, &path) < 0)
		return E_SYNTAX;
	slash = strchr(buf_cstr(&path), '/');
	*slash = '\0';
	domain = folder(x, mail, path.p, 0700, &x->auth);
	fd = domain < 0 ? domain : folder(x, domain, slash + 1, x->root ? 0070 : 0700,
		&(struct owner){ x->auth.uid, x->root ? x->mail.gid : x->auth.gid });
	if (domain >= 0)
		close(domain);
	buf_done(&path);
	return fd;
}

static bool ends(struct str path, const char *name)
{
	return str_ends(path, name);
}

/* Identity files leap; all others are as they were. */
static int small_file(struct rescue *x, int dir, const struct kept_file *f, struct str address)
{
	const char *path = arena_cstr(&x->a, f->path);
	struct buf text, leapt;
	int err;

	if (!ends(f->path, "/mansio-folder"))
		return put_file(x, dir, path, &f->id, 0600, &x->mail);
	buf_init(&text, (size_t)4 << 20);
	buf_init(&leapt, (size_t)4 << 20);
	err = repo_get(&x->r, &f->id, &text);
	if (!err)
		err = store_leap(buf_view(&text), &leapt);
	if (!err) {
		err = put_text(x, dir, path, buf_view(&leapt), &x->mail);
		disk(err, path);
	} else if (err == E_LIMIT) {
		say("mansio: %.*s %s gets a new UIDVALIDITY: its numbers are used up", STRF(address), path);
		err = 0;
	} else {
		damaged(x, path);
	}
	buf_done(&text);
	buf_done(&leapt);
	return err;
}

/* The folders above a small file: Maildir/.A, sieve. */
static void make_parents(struct rescue *x, int dir, struct str path)
{
	char part[600];
	size_t i;

	for (i = 1; i < path.n && i < sizeof(part); i++)
		if (path.p[i] == '/') {
			int fd;

			snprintf(part, sizeof(part), "%.*s", (int)i, path.p);
			fd = folder(x, dir, part, 0700, &x->mail);
			disk(fd < 0 ? fd : 0, part);
			close(fd);
		}
}

static void put_list(struct rescue *x, int dir, const struct kept_list *l, const char *where)
{
	struct kept_message *m;
	struct arena a;
	struct buf b;
	size_t n = 0, i;
	int err;

	arena_init(&a);
	buf_init(&b, WALK_TEXT);
	err = repo_get(&x->r, &l->id, &b);
	if (!err)
		err = list_parse(buf_view(&b), &a, &m, &n);
	if (err) {
		char text[700];

		snprintf(text, sizeof(text), "%s: a list of %u messages", where, l->count);
		damaged(x, text);
		n = 0;
	}
	for (i = 0; i < n; i++) {
		err = put_file(x, dir, arena_cstr(&a, m[i].name), &m[i].id, 0600, &x->mail);
		disk(err == E_EXISTS ? 0 : err, m[i].name.p);
		x->messages += !err;
	}
	buf_done(&b);
	arena_done(&a);
}

static void put_folder(struct rescue *x, int box, const struct kept_folder *f, struct str address)
{
	static const char *const sub[] = { "cur", "new", "tmp" };
	const char *dir = arena_cstr(&x->a, f->dir), *where = arena_fmt(&x->a, "%.*s %s", STRF(address), dir);
	int fd, s;
	size_t i;

	make_parents(x, box, f->dir);
	fd = folder(x, box, dir, 0700, &x->mail);
	disk(fd < 0 ? fd : 0, where);
	for (i = 0; i < ARRAY_LEN(sub); i++) {
		s = folder(x, fd, sub[i], 0700, &x->mail);
		disk(s < 0 ? s : 0, where);
		close(s);
	}
	for (i = 0; i < f->nlists; i++)
		put_list(x, fd, &f->list[i], where);
	close(fd);
}

static void put_mailbox(struct rescue *x, int mail, const struct snapshot_mailbox *s)
{
	const char *where = arena_cstr(&x->a, s->address);
	struct kept_mailbox m;
	struct buf b;
	size_t i;
	int fd, err;

	if (s->why.n) {
		say("mansio: %s is not in this snapshot: %.*s", where, STRF(s->why));
		x->damaged++;
		return;
	}
	buf_init(&b, WALK_TEXT);
	err = repo_get(&x->r, &s->id, &b);
	if (!err)
		err = mailbox_parse(buf_view(&b), &x->a, &m);
	buf_done(&b);
	if (err) {
		damaged(x, where);
		return;
	}
	fd = mailbox_dir(x, mail, s->address);
	disk(fd < 0 ? fd : 0, where);
	/* names first, identity last: a folder is one of ours when all of it is there */
	for (i = 0; i < m.nfolders; i++)
		put_folder(x, fd, &m.folder[i], s->address);
	for (i = 0; i < m.nfiles; i++) {
		make_parents(x, fd, m.file[i].path);
		disk(small_file(x, fd, &m.file[i], s->address), where);
	}
	close(fd);
}

/* --- directory, queue, files --------------------------------------------------------------- */

static void put_directory(struct rescue *x)
{
	int dir = folder(x, x->state, "directory", 0700, &x->auth), err;

	disk(dir < 0 ? dir : 0, "directory");
	err = put_file(x, dir, "directory.db", &x->s.directory, 0600, &x->auth);
	disk(err, "directory/directory.db");
	close(dir);
}

static void put_queue(struct rescue *x)
{
	int spool = folder(x, x->state, "spool", 0700, &x->queue), dir = folder(x, x->state, "queue", 0700, &x->queue);
	struct kept_queue q;
	struct buf b;
	size_t i;
	int err = 0;

	disk(spool < 0 ? spool : dir < 0 ? dir : 0, "spool");
	buf_init(&b, WALK_TEXT);
	if (x->s.has_queue) {
		err = repo_get(&x->r, &x->s.queue, &b);
		if (!err)
			err = queue_parse(buf_view(&b), &x->a, &q);
		if (err)
			damaged(x, "the queue");
	}
	if (x->s.has_queue && !err) {
		/* without its database it is built anew from the files */
		disk(put_file(x, dir, "queue.db", &q.db, 0600, &x->queue), "queue/queue.db");
		for (i = 0; i < q.nmessages; i++)
			disk(put_file(x, spool, arena_cstr(&x->a, q.message[i].path), &q.message[i].id, 0600, &x->queue),
				"spool");
	}
	buf_done(&b);
	close(spool);
	close(dir);
}

/* Whose a folder of STATE is, as master makes it (master/state.c). */
static struct owner state_owner(struct rescue *x, struct str part)
{
	if (x->root && str_eqc(part, "acme"))
		return owner_of("_acme");
	return x->root && str_eqc(part, "dkim") ? owner_of("_sign") : x->own;
}

/* "acme/live.pem", "dkim/example.org/202611r.key": in the new state folder, where it was in the old one. */
static void put_state_file(struct rescue *x, const struct kept_file *f)
{
	struct str rest = f->path, part = str_cut(&rest, '/');
	const struct owner o = state_owner(x, part);
	int at = x->state, fd;

	for (; rest.p; part = str_cut(&rest, '/')) {
		const char *name = arena_cstr(&x->a, part);

		fd = folder(x, at, name, 0700, &o);
		disk(fd < 0 ? fd : 0, name);
		if (at != x->state)
			close(at);
		at = fd;
	}
	if (at != x->state) {
		disk(put_file(x, at, arena_cstr(&x->a, part), &f->id, (mode_t)f->mode, &o), f->path.p);
		close(at);
	}
}

/* Absolute paths: where the file was, unless something is there; then, and for all that cannot
 * be made, beneath DIR/restored. The first file is the settings file. */
static void put_host_file(struct rescue *x, const struct kept_file *f, bool settings)
{
	const char *path = arena_cstr(&x->a, f->path), *to = path;
	char *kept, *slash;
	int err;

	if (settings)
		to = x->config ? x->config : arena_fmt(&x->a, "%s/mansio.conf", x->state_path);
	err = put_file(x, AT_FDCWD, to, &f->id, (mode_t)f->mode, &x->own);
	if (err == 0 || err == E_DAMAGED) {
		if (!err)
			say("mansio: %s%s", to, settings ? " (settings)" : "");
		return;
	}
	kept = arena_fmt(&x->a, "restored%s%s", path[0] == '/' ? "" : "/", path);
	for (slash = strchr(kept, '/'); slash; slash = strchr(slash + 1, '/')) {
		int fd;

		*slash = '\0';
		fd = folder(x, x->state, kept, 0700, &x->own);
		disk(fd < 0 ? fd : 0, kept);
		close(fd);
		*slash = '/';
	}
	say("mansio: %s: %s: its copy is %s/%s", to, err == E_EXISTS ? "is there already" : err_text(err), x->state_path,
		kept);
	disk(put_file(x, x->state, kept, &f->id, (mode_t)f->mode, &x->own), kept);
}

static void put_host_files(struct rescue *x)
{
	struct kept_file *f;
	struct buf b;
	size_t n, i;
	int err;

	if (!x->s.has_files)
		return;
	buf_init(&b, WALK_TEXT);
	err = repo_get(&x->r, &x->s.files, &b);
	if (!err)
		err = files_parse(buf_view(&b), &x->a, &f, &n);
	if (err)
		damaged(x, "settings and certificates");
	for (i = 0; !err && i < n; i++) {
		if (f[i].path.n && f[i].path.p[0] != '/')
			put_state_file(x, &f[i]);
		else
			put_host_file(x, &f[i], i == 0);
	}
	buf_done(&b);
}

/* --- all ---------------------------------------------------------------------------------------- */

static void open_state(struct rescue *x)
{
	static const char *const part[] = { "directory", "mail", "spool", "queue" };
	struct stat st;
	size_t i;

	if (mkdir(x->state_path, 0711) < 0 && errno != EEXIST)
		give_up(EX_CANTCREAT, "%s: %s", x->state_path, err_text(-errno));
	x->state = open(x->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->state < 0 || fchmod(x->state, 0711) < 0)
		give_up(EX_CANTCREAT, "%s: %s", x->state_path, err_text(-errno));
	for (i = 0; i < ARRAY_LEN(part); i++)
		if (fstatat(x->state, part[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			give_up(EX_CANTCREAT, "%s/%s is there already: a host is restored into an empty state folder",
				x->state_path, part[i]);
}

static void open_backup(struct rescue *x, const char *from, const char *id)
{
	const struct repo_options opt = { .mode = REPO_READ };
	int dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (dir < 0)
		give_up(EX_NOINPUT, "%s: %s", from, err_text(-errno));
	err = repo_open(dir, &opt, &x->r);
	if (!err)
		err = snapshots_load(&x->r, str_of(id), &x->a, &x->s);
	if (err)
		give_up(EX_DATAERR, "%s: %s", from, x->r.why);
}

static const char *option(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);
	int i;

	for (i = 1; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=' && argv[i][n + 1])
			return argv[i] + n + 1;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *from = option(argc, argv, "from"), *id = option(argc, argv, "backup");
	static struct rescue x;
	size_t i;
	int mail;

	x.state_path = option(argc, argv, "state");
	x.config = option(argc, argv, "config");
	if (!from || !x.state_path)
		give_up(EX_USAGE, "usage: mansio backup restore [SNAPSHOT] --all from=FOLDER state=DIR [config=FILE]");
	proc_init("rescue", 4);
	arena_init(&x.a);
	x.root = geteuid() == 0;
	x.own = x.auth = x.mail = x.queue = (struct owner){ geteuid(), getegid() };
	if (x.root) {
		x.auth = owner_of("_auth");
		x.mail = owner_of("_mail");
		x.queue = owner_of("_queue");
	}
	open_backup(&x, from, id ? id : "latest");
	open_state(&x);
	put_directory(&x);
	mail = folder(&x, x.state, "mail", 0700, &x.auth);
	disk(mail < 0 ? mail : 0, "mail");
	for (i = 0; i < x.s.nmailboxes; i++)
		put_mailbox(&x, mail, &x.s.mailbox[i]);
	put_queue(&x);
	put_host_files(&x);
	if (syscall(SYS_syncfs, x.state) < 0)
		give_up(EX_IOERR, "%s: %s", x.state_path, err_text(-errno));
	printf("snapshot  %.*s of %.*s\nmailboxes %zu\nmessages  %llu\ndamaged   %llu\n", STRF(x.s.id), STRF(x.s.host),
		x.s.nmailboxes, (unsigned long long)x.messages, (unsigned long long)x.damaged);
	repo_close(&x.r);
	return x.damaged ? EX_DATAERR : 0;
}
