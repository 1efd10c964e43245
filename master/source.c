/* SPDX-License-Identifier: ISC
 *
 * source.c: files for an import or export: the process that does it may open nothing, so it asks
 * the command, which runs with the rights of whoever typed it (questions: import/remote.c).
 *
 * The command opens what was named on its line, once; then only plain files and folders beneath
 * it, without following a link (openat2 RESOLVE_BENEATH, NO_SYMLINKS), to read; or makes new ones
 * in a folder that it made itself. It hands descriptors out and looks into none.
 */
#include "master/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"

#define FILES_MAX 60

static const struct {
	const char *verb;
	enum { READ_FOLDER, READ_FILE, MAKE_FOLDER, MAKE_FILE } what;
} uses[] = {
	{ "import maildir", READ_FOLDER }, { "import mbox", READ_FILE }, { "export maildir", MAKE_FOLDER },
	{ "export mbox", MAKE_FILE },
};

static int open_base(int what, const char *path)
{
	switch (what) {
	case READ_FOLDER:
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case READ_FILE:
		return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	case MAKE_FOLDER:
		if (mkdir(path, 0700) < 0)
			return -1;
		return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	default:
		return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
}

int source_open(const struct ipc_msg *question, struct source *out, struct answer *a)
{
	struct str verb = ipc_get(question, "verb"), path = ipc_get(question, "path");
	char text[4200];
	size_t i;

	*out = (struct source){ .base = -1 };
	for (i = 0; i < ARRAY_LEN(uses) && !str_eqc(verb, uses[i].verb); i++)
		;
	if (i == ARRAY_LEN(uses))
		return 0;
	out->makes = uses[i].what == MAKE_FOLDER || uses[i].what == MAKE_FILE;
	out->is_file = uses[i].what == READ_FILE || uses[i].what == MAKE_FILE;
	if (!path.p && uses[i].what == MAKE_FILE) {
		if (isatty(STDOUT_FILENO)) {
			answer_fail(a, EX_USAGE, "name a file, or send standard output into one");
			return E_DENIED;
		}
		out->base = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		out->quiet = true;
		return 0;
	}
	snprintf(text, sizeof(text), "%.*s", STRF(path));
	out->base = open_base(uses[i].what, text);
	if (out->base < 0) {
		answer_fail(a, errno == EEXIST ? EX_CANTCREAT : EX_NOINPUT, "%s: %s", text, err_text(-errno));
		return E_DENIED;
	}
	return 0;
}

void source_close(struct source *s)
{
	fd_close(&s->base);
}

/* Only what it may be: nothing is waited for at a FIFO, no device is touched. */
static int open_read(const struct source *s, const char *path, bool folder)
{
	struct stat st;
	int fd;

	if (s->makes)
		return -EACCES;
	if (s->is_file || !path[0])
		fd = s->is_file && path[0] ? -ENOENT : s->is_file ? fcntl(s->base, F_DUPFD_CLOEXEC, 3) :
			file_open(s->base, ".", O_RDONLY | O_DIRECTORY, 0);
	else
		fd = file_open(s->base, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW |
			(folder ? O_DIRECTORY : 0), 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))) {
		close(fd);
		return -EXDEV; /* "not a plain file" has no number of its own */
	}
	return fd;
}

static int create(const struct source *s, const char *path)
{
	if (!s->makes)
		return -EACCES;
	if (s->is_file)
		return path[0] ? -ENOENT : fcntl(s->base, F_DUPFD_CLOEXEC, 3);
	return file_open(s->base, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

static int make_folder(const struct source *s, const char *path)
{
	int err = s->makes && !s->is_file ? file_mkdir(s->base, path, 0700) : -EACCES;

	return err == E_EXISTS ? -EEXIST : err;
}

/* Who wrote it does not own it, and may not date it. */
static int touch(const struct source *s, const char *path, const struct ipc_msg *q, size_t i)
{
	struct timespec times[2] = { { 0 } };
	struct stat st;
	uint64_t date = 0;
	int fd, err = 0;

	if (!s->makes || s->is_file || str_u64(ipc_get_nth(q, "date", i), INT64_MAX, &date) < 0)
		return -EACCES;
	fd = file_open(s->base, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	times[0].tv_sec = times[1].tv_sec = (time_t)date;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		err = -EXDEV;
	else if (futimens(fd, times) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int one(const struct source *s, const struct ipc_msg *q, size_t i)
{
	struct str path = ipc_get_nth(q, "path", i);
	char text[4200];

	if (path.n >= sizeof(text) || memchr(path.n ? path.p : "", 0, path.n))
		return -ENAMETOOLONG;
	snprintf(text, sizeof(text), "%.*s", STRF(path));
	if (ipc_is(q, "open"))
		return open_read(s, text, str_eqc(ipc_get(q, "kind"), "folder"));
	if (ipc_is(q, "touch"))
		return touch(s, text, q, i);
	return ipc_is(q, "create") ? create(s, text) : make_folder(s, text);
}

static int sync_all(const struct source *s)
{
	if (!s->makes)
		return 0;
	if (s->is_file)
		return fsync(s->base) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
	return syncfs(s->base) < 0 ? -errno : 0;
}

bool source_asked(const struct source *s, int link, const struct ipc_msg *q)
{
	bool sync = ipc_is(q, "sync"), plain = sync || ipc_is(q, "mkdir") || ipc_is(q, "touch");
	struct ipc_msg a;
	char name[24];
	int fd[FILES_MAX], r;
	size_t i, n = 0;

	if (!plain && !ipc_is(q, "open") && !ipc_is(q, "create"))
		return false;
	ipc_init(&a, "opened");
	for (i = 0; i < FILES_MAX && (sync ? i == 0 : ipc_get_nth(q, "path", i).p != NULL); i++) {
		r = s->base < 0 ? -EACCES : sync ? sync_all(s) : one(s, q, i);
		if (r >= 0 && !plain) {
			fd[n] = r;
			snprintf(name, sizeof(name), "%zu", i);
			ipc_add_fd(&a, name, fd[n++]);
		} else if (r < 0) {
			snprintf(name, sizeof(name), "e%zu", i);
			ipc_set_u64(&a, name, (uint64_t)(r > -4096 ? -r : EIO));
		}
	}
	ipc_send(link, &a);
	ipc_done(&a);
	while (n > 0)
		close(fd[--n]);
	return true;
}

/* --- how far it is --------------------------------------------------------------- */

void source_progress(const struct ipc_msg *m)
{
	static int64_t began;
	uint64_t done = 0, total = 0;
	char bar[31];
	size_t filled;

	if (!isatty(STDERR_FILENO))
		return;
	if (!m) {
		if (began)
			fputs("\r\033[K", stderr);
		return;
	}
	began = began ? began : clock_mono_ms();
	ipc_get_u64(m, "taken", UINT64_MAX, &done);
	ipc_get_u64(m, "total", UINT64_MAX, &total);
	filled = total ? (size_t)(MIN(done, total) * (sizeof(bar) - 1) / total) : 0;
	memset(bar, ' ', sizeof(bar) - 1);
	memset(bar, '#', filled);
	bar[sizeof(bar) - 1] = 0;
	fprintf(stderr, "\r\033[K[%s] %llu of %llu, %llds", bar, (unsigned long long)done, (unsigned long long)total,
		(long long)(clock_mono_ms() - began) / 1000);
	fflush(stderr);
}
