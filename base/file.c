/* SPDX-License-Identifier: ISC
 *
 * file.c: files beneath a directory descriptor, and the durable write.
 *
 * Always true:
 * 1. Every path is resolved by openat2 beneath its descriptor, without
 *    symbolic links. The calls that take a path themselves (link, rename,
 *    unlink, mkdir) get the opened parent directory and one last component,
 *    so that nothing can be followed there either.
 * 2. A descriptor is close-on-exec.
 * 3. After a failed fsync the data is given up: Linux may have dropped the
 *    pages, and a second fsync would lie (the case that taught us: PostgreSQL
 *    2018).
 */
#include "base/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rand.h"

enum { OPEN_TRIES = 100, NAME_TRIES = 10 };

int file_open(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY)),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int tries, fd = -1;

	/* openat2 takes a mode only where something is made */
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	/* EAGAIN: a rename elsewhere crossed the resolution of ".." */
	for (tries = 0; tries < OPEN_TRIES; tries++) {
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
		if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return fd >= 0 ? fd : -errno;
}

int file_open_dir(int dirfd, const char *path)
{
	return file_open(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
}

int file_open_path(int dirfd, const char *path)
{
	return file_open(dirfd, path, O_PATH | O_DIRECTORY, 0);
}

/* The directory that holds path and its last component. *fd_out is dirfd
 * itself where path has no slash: close it by parent_done. */
static int parent_of(int dirfd, const char *path, int *fd_out, const char **leaf_out)
{
	const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
	char *dir;
	int fd;

	if (!*leaf || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0)
		return -EINVAL;
	if (!slash) {
		*fd_out = dirfd;
		*leaf_out = leaf;
		return 0;
	}
	if (slash == path)
		return -EXDEV; /* absolute: as RESOLVE_BENEATH answers */
	dir = mem_alloc((size_t)(slash - path) + 1, 1);
	memcpy(dir, path, (size_t)(slash - path));
	fd = file_open_path(dirfd, dir);
	free(dir);
	if (fd < 0)
		return fd;
	*fd_out = fd;
	*leaf_out = leaf;
	return 0;
}

static void parent_done(int dirfd, int fd)
{
	if (fd != dirfd)
		close(fd);
}

int file_read_all(int fd, struct buf *out)
{
	size_t before = out->n;
	struct stat st;
	off_t at = 0;

	if (out->err)
		return out->err;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return E_UNSUPPORTED;
	if (st.st_size > 0 && (uint64_t)st.st_size > out->max - out->n)
		return E_LIMIT;
	for (;;) {
		/* one byte more than the size finds the end at once */
		size_t want = at < st.st_size ? (size_t)(st.st_size - at) + 1 : 4096;
		size_t room = out->max - out->n;
		ssize_t got;
		char *p;

		if (room == 0) { /* full: is there more? */
			char more;

			got = pread(fd, &more, 1, at);
			if (got > 0) {
				buf_cut(out, before);
				return E_LIMIT;
			}
		} else {
			p = buf_room(out, MIN(want, room));
			got = pread(fd, p, MIN(want, room), at);
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int err = -errno;

			buf_cut(out, before);
			return err;
		}
		if (got == 0)
			return 0;
		buf_grew(out, (size_t)got);
		at += got;
	}
}

int file_load(int dirfd, const char *path, struct buf *out)
{
	int fd = file_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0), err;

	if (fd < 0)
		return fd;
	err = file_read_all(fd, out);
	close(fd);
	return err;
}

int file_write_all(int fd, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		ssize_t done = write(fd, from, MIN(n, (size_t)1 << 30));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		from += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_pread_all(int fd, void *p, size_t n, off_t at)
{
	char *to = p;

	while (n) {
		ssize_t got = pread(fd, to, MIN(n, (size_t)1 << 30), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return E_DAMAGED;
		to += got;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static bool sync_failed;

bool file_fsync_failed(void)
{
	return sync_failed;
}

void file_fsync_fails(void)
{
	sync_failed = true;
}

int file_fsync(int fd)
{
	if (fsync(fd) == 0)
		return 0;
	/* these say that there was nothing to sync, not that it failed */
	if (errno != EINVAL && errno != EROFS && errno != EBADF)
		sync_failed = true;
	return -errno;
}

/* From Linux 5.8 on syncfs(2) tells of every write that failed since the descriptor was opened. */
static bool syncfs_tells(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
		(major > 5 || (major == 5 && minor >= 8));
}

int file_fsync_all(const int *fd, size_t n)
{
	size_t i;
	int err = 0;

	if (n > 3 && syncfs_tells()) {
		if (syncfs(fd[0]) == 0)
			return 0;
		err = -errno;
		if (err != -ENOSYS && err != -EPERM && err != -EACCES) {
			sync_failed = true;
			return err;
		}
		err = 0;
	}
	for (i = 0; !err && i < n; i++)
		err = file_fsync(fd[i]);
	return err;
}

int file_fsync_dir(int dirfd, const char *path)
{
	int fd = file_open_dir(dirfd, path), err;

	if (fd < 0)
		return fd;
	err = file_fsync(fd);
	close(fd);
	return err;
}

#define TMP_MARK ".tmp-"
#define TMP_ID 12

bool file_is_tmp(const char *name)
{
	size_t n = strlen(name), mark = strlen(TMP_MARK);

	return n >= mark + TMP_ID && strncmp(name + n - TMP_ID - mark, TMP_MARK, mark) == 0 &&
		strspn(name + n - TMP_ID, "0123456789abcdefghijklmnopqrstuvwxyz") == TMP_ID;
}

/* A new file under a random name beside leaf; its name is left in *name_out. */
static int open_beside(int dirfd, const char *leaf, mode_t mode, struct buf *name_out)
{
	char id[TMP_ID + 1];
	int tries, fd = -EEXIST;

	for (tries = 0; tries < NAME_TRIES && fd == -EEXIST; tries++) {
		rand_id(id, sizeof id - 1);
		buf_reset(name_out);
		buf_fmt(name_out, "%s" TMP_MARK "%s", leaf, id);
		if (name_out->err)
			return -ENAMETOOLONG;
		fd = file_open(dirfd, buf_cstr(name_out), O_RDWR | O_CREAT | O_EXCL, mode);
	}
	return fd;
}

static int replace(int dirfd, const char *path, struct str data, mode_t mode, const struct stat *like)
{
	const char *leaf;
	struct buf tmp;
	int parent, fd, err;

	err = parent_of(dirfd, path, &parent, &leaf);
	if (err)
		return err;
	buf_init(&tmp, 512);
	fd = open_beside(parent, leaf, mode, &tmp);
	if (fd < 0) {
		err = fd;
		goto out;
	}
	err = file_write_all(fd, data.p, data.n);
	if (!err && like && (fchown(fd, like->st_uid, like->st_gid) != 0 || fchmod(fd, like->st_mode & 07777) != 0))
		err = -errno;
	if (!err)
		err = file_fsync(fd);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(parent, buf_cstr(&tmp), parent, leaf) != 0)
		err = -errno;
	if (err)
		unlinkat(parent, buf_cstr(&tmp), 0);
	else
		err = file_fsync_dir(parent, ".");
out:
	buf_done(&tmp);
	parent_done(dirfd, parent);
	return err;
}

int file_replace(int dirfd, const char *path, struct str data, mode_t mode)
{
	return replace(dirfd, path, data, mode, NULL);
}

int file_replace_like(int dirfd, const char *path, struct str data, const struct stat *like)
{
	return replace(dirfd, path, data, 0600, like);
}

int file_tmp(int dirfd, const char *path, mode_t mode)
{
	int fd = file_open(dirfd, path, O_TMPFILE | O_RDWR, mode);

	return fd == -EOPNOTSUPP || fd == -EISDIR ? E_UNSUPPORTED : fd;
}

int file_tmp_named(int dirfd, const char *path, mode_t mode, struct buf *name_out)
{
	struct buf name;
	int dir = file_open_path(dirfd, path), fd;

	if (dir < 0)
		return dir;
	buf_init(&name, 512);
	fd = open_beside(dir, "", mode, &name);
	if (fd >= 0) {
		buf_fmt(name_out, "%s/%s", path, buf_cstr(&name));
		if (name_out->err) {
			unlinkat(dir, buf_cstr(&name), 0);
			fd_close(&fd);
			fd = name_out->err;
		}
	}
	buf_done(&name);
	close(dir);
	return fd;
}

int file_link(int fd, int dirfd, const char *path)
{
	char proc[32];
	const char *leaf;
	int parent, err;

	err = parent_of(dirfd, path, &parent, &leaf);
	if (err)
		return err;
	/* The empty path is allowed to whoever opened the file since Linux 6.10
	 * and needs a capability before; then /proc must do. */
	if (linkat(fd, "", parent, leaf, AT_EMPTY_PATH) != 0)
		err = -errno;
	if (err == -ENOENT || err == -EPERM || err == -EACCES) {
		snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
		err = linkat(AT_FDCWD, proc, parent, leaf, AT_SYMLINK_FOLLOW) != 0 ? -errno : 0;
	}
	parent_done(dirfd, parent);
	return err == -EEXIST ? E_EXISTS : err;
}

int file_unlink(int dirfd, const char *path)
{
	const char *leaf;
	int parent, err;

	err = parent_of(dirfd, path, &parent, &leaf);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (unlinkat(parent, leaf, 0) != 0 && errno != ENOENT)
		err = -errno;
	parent_done(dirfd, parent);
	return err;
}

/* Most renames stay in their directory: it is opened once. */
static bool same_parent(const char *from, const char *to, const char **leaf_out)
{
	const char *a = strrchr(from, '/'), *b = strrchr(to, '/');

	if (!a || !b || a - from != b - to || memcmp(from, to, (size_t)(a - from)) != 0 || !b[1] ||
		strcmp(b, "/.") == 0 || strcmp(b, "/..") == 0)
		return false;
	*leaf_out = b + 1;
	return true;
}

int file_rename(int dirfd, const char *from, const char *to)
{
	const char *from_leaf, *to_leaf;
	int from_dir, to_dir, err;

	err = parent_of(dirfd, from, &from_dir, &from_leaf);
	if (err)
		return err;
	if (same_parent(from, to, &to_leaf))
		to_dir = from_dir;
	else
		err = parent_of(dirfd, to, &to_dir, &to_leaf);
	if (!err) {
		if (renameat(from_dir, from_leaf, to_dir, to_leaf) != 0)
			err = -errno;
		if (to_dir != from_dir)
			parent_done(dirfd, to_dir);
	}
	parent_done(dirfd, from_dir);
	return err;
}

int file_mkdir(int dirfd, const char *path, mode_t mode)
{
	const char *leaf;
	int parent, err;

	err = parent_of(dirfd, path, &parent, &leaf);
	if (err)
		return err;
	if (mkdirat(parent, leaf, mode) != 0)
		err = -errno;
	parent_done(dirfd, parent);
	return err == -EEXIST ? E_EXISTS : err;
}

static void on_alarm(int sig UNUSED)
{
}

/* flock has no time limit of its own: a timer interrupts it at the deadline, and then
 * every 10 ms, should the first signal come just before it sleeps. Somebody else's
 * alarm(2) goes on afterwards. The kernel wakes a waiter at once; asking again and again
 * (0.1 to 5 ms apart, as this did once) left a contended lock idle half of the time. */
static int lock_until(int fd, int how, deadline d)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old_sa;
	struct itimerval it = { { 0, 10000 }, { 0, 0 } }, old_it;
	int64_t start = clock_mono_us(), left = deadline_left(d);
	sigset_t set, old_set;
	int err = 0;

	it.it_value = (struct timeval){ left / 1000, left % 1000 * 1000 + 1 };
	sigemptyset(&sa.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaction(SIGALRM, &sa, &old_sa);
	sigprocmask(SIG_UNBLOCK, &set, &old_set);
	setitimer(ITIMER_REAL, &it, &old_it);
	while (flock(fd, how) != 0) {
		err = errno == EINTR ? 0 : -errno;
		if (!err && deadline_passed(d))
			err = E_TIMEOUT;
		if (err)
			break;
	}
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &it, NULL);
	sigprocmask(SIG_SETMASK, &old_set, NULL);
	sigaction(SIGALRM, &old_sa, NULL);
	if (timerisset(&old_it.it_value)) {
		left = old_it.it_value.tv_sec * INT64_C(1000000) + old_it.it_value.tv_usec;
		left = MAX(left - (clock_mono_us() - start), 1);
		old_it.it_value = (struct timeval){ left / 1000000, left % 1000000 };
		setitimer(ITIMER_REAL, &old_it, NULL);
	}
	return err;
}

int file_lock(int fd, bool exclusive, int64_t deadline_at)
{
	int how = exclusive ? LOCK_EX : LOCK_SH;

	if (deadline_at != DEADLINE_NEVER && flock(fd, how | LOCK_NB) != 0) {
		if (errno != EINTR && errno != EWOULDBLOCK)
			return -errno;
		return deadline_passed(deadline_at) ? E_TIMEOUT : lock_until(fd, how, deadline_at);
	}
	while (deadline_at == DEADLINE_NEVER && flock(fd, how) != 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void file_unlock(int fd)
{
	flock(fd, LOCK_UN);
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void fd_keep(int one, int other)
{
	unsigned low = (unsigned)MIN(one, other), high = (unsigned)MAX(one, other);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

int fd_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL), want;

	if (flags < 0)
		return -errno;
	want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (want != flags && fcntl(fd, F_SETFL, want) != 0)
		return -errno;
	return 0;
}
