/* SPDX-License-Identifier: ISC
 *
 * faults.c: see faults.h. Each function here has the name of one of the C library
 * and does the same system call, unless the counter says otherwise.
 *
 * An error is only given where the operation can have it (an fsync has no EMFILE);
 * else it passes, counted. Sockets and pipes pass uncounted. An fsync of a file whose
 * fsync has failed before is noted: the kernel would answer 0 and the data be gone.
 */
#define _GNU_SOURCE
#include "tests/crash/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct faults *faults;
static char name_of_us[sizeof(faults->program)]; /* kept: a process title is written over the original */

enum op {
	OP_OPEN = 1, OP_MAKE = 2, OP_WRITE = 4, OP_SYNC = 8, OP_NAME = 16, OP_UNLINK = 32, OP_MAP = 64,
};

#define RAW __attribute__((no_sanitize("address", "undefined")))

static RAW long raw(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

static RAW long answer(long r)
{
	if (r >= 0 || r < -4095)
		return r;
	errno = (int)-r;
	return -1;
}

static RAW bool may_fail(enum op op, int error)
{
	switch (error) {
	case EIO:
		return true;
	case ENOSPC:
		return op & (OP_MAKE | OP_WRITE | OP_SYNC | OP_NAME);
	case EMFILE:
		return op & (OP_OPEN | OP_MAKE);
	case ENOMEM:
		return op & (OP_OPEN | OP_MAKE | OP_NAME | OP_UNLINK | OP_MAP);
	}
	return false;
}

static RAW bool ours(void)
{
	return !faults->program[0] || strncmp(faults->program, name_of_us, sizeof(name_of_us)) == 0;
}

static RAW void die(void)
{
	raw(SYS_kill, raw(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
	/* a sandbox kills for the attempt, or refuses it */
	for (;;)
		raw(SYS_exit_group, 137, 0, 0, 0, 0, 0);
}

static RAW void note_sync(int fd, bool fails)
{
	struct statx st;
	uint64_t dev;
	int64_t born;
	uint32_t i;

	if (raw(SYS_statx, fd, (long)"", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, (long)&st, 0) != 0)
		return;
	dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	born = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec : 0;
	for (i = 0; i < faults->nfailed && i < FAULTS_FILES; i++)
		if (faults->failed[i].dev == dev && faults->failed[i].ino == st.stx_ino && faults->failed[i].born == born &&
			S_ISREG(st.stx_mode))
			__atomic_add_fetch(&faults->again, 1, __ATOMIC_SEQ_CST);
	if (!fails)
		return;
	i = __atomic_fetch_add(&faults->nfailed, 1, __ATOMIC_SEQ_CST);
	if (i < FAULTS_FILES) {
		faults->failed[i].dev = dev;
		faults->failed[i].ino = st.stx_ino;
		faults->failed[i].born = born;
	}
}

/* One operation: true, and *r_out is its result, if the counter took it. */
static RAW bool hit(enum op op, const char *name, const long a[7], size_t size, long *r_out)
{
	bool last = false;
	uint32_t n, i;

	if (!faults || !__atomic_load_n(&faults->armed, __ATOMIC_SEQ_CST) || !ours())
		return false;
	n = __atomic_add_fetch(&faults->seen, 1, __ATOMIC_SEQ_CST);
	if (faults->mode == FAULTS_COUNT || n < faults->at || (n > faults->at && faults->mode != FAULTS_STICKY))
		return false;
	switch ((enum faults_mode)faults->mode) {
	case FAULTS_ERROR:
	case FAULTS_STICKY:
		if (!may_fail(op, faults->error))
			return false;
		if (op == OP_SYNC)
			note_sync((int)a[1], true);
		*r_out = -faults->error;
		break;
	case FAULTS_SHORT:
		if (op != OP_WRITE || size < 2)
			return false;
		*r_out = 0;
		break;
	case FAULTS_KILL_AFTER:
		raw(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
		last = true;
		break;
	default:
		last = true;
	}
	if (__atomic_fetch_add(&faults->fired, 1, __ATOMIC_SEQ_CST) == 0)
		for (i = 0; i < sizeof(faults->what) - 1 && name[i]; i++)
			faults->what[i] = name[i];
	if (last)
		die();
	return true;
}

static RAW long call(enum op op, const char *name, long n, long a, long b, long c, long d, long e)
{
	const long all[7] = { n, a, b, c, d, e, 0 };
	long r;

	return answer(hit(op, name, all, 0, &r) ? r : raw(n, a, b, c, d, e, 0));
}

static RAW bool is_file(int fd)
{
	struct stat st;

	return faults && faults->armed && raw(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) == 0 &&
		(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static RAW ssize_t wr(const char *name, long n, int fd, const void *p, size_t size, long at)
{
	const long all[7] = { n, fd, (long)p, (long)size, at, 0, 0 };
	long r;

	if (is_file(fd) && hit(OP_WRITE, name, all, size, &r)) {
		if (r == 0)
			r = raw(n, fd, (long)p, (long)(size / 2), at, 0, 0);
		return answer(r);
	}
	return answer(raw(n, fd, (long)p, (long)size, at, 0, 0));
}

/* Vectors: short is the first of them alone. */
static RAW ssize_t wrv(const char *name, long n, int fd, const struct iovec *v, int nv, long at)
{
	const long all[7] = { n, fd, (long)v, nv, at, 0, 0 };
	long r;

	if (is_file(fd) && hit(OP_WRITE, name, all, (size_t)nv, &r))
		return answer(r == 0 ? raw(n, fd, (long)v, 1, at, 0, 0) : r);
	return answer(raw(n, fd, (long)v, nv, at, 0, 0));
}

/* --- the C library's names ------------------------------------------------ */

#define EXPORT __attribute__((visibility("default"))) RAW

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
	return wr("write", SYS_write, fd, p, n, 0);
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return wr("pwrite", SYS_pwrite64, fd, p, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return wr("pwrite", SYS_pwrite64, fd, p, n, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int n)
{
	return wrv("writev", SYS_writev, fd, v, n, 0);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return wrv("pwritev", SYS_pwritev, fd, v, n, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return wrv("pwritev", SYS_pwritev, fd, v, n, at);
}

static RAW int sync_of(const char *name, long n, int fd)
{
	if (faults && faults->armed && faults->nfailed)
		note_sync(fd, false);
	return (int)call(OP_SYNC, name, n, fd, 0, 0, 0, 0);
}

EXPORT int fsync(int fd)
{
	return sync_of("fsync", SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
	return sync_of("fdatasync", SYS_fdatasync, fd);
}

EXPORT int ftruncate(int fd, off_t n)
{
	return (int)call(OP_WRITE, "ftruncate", SYS_ftruncate, fd, n, 0, 0, 0);
}

EXPORT int ftruncate64(int fd, off64_t n)
{
	return (int)call(OP_WRITE, "ftruncate", SYS_ftruncate, fd, n, 0, 0, 0);
}

EXPORT int linkat(int d, const char *from, int e, const char *to, int flags)
{
	return (int)call(OP_NAME, "linkat", SYS_linkat, d, (long)from, e, (long)to, flags);
}

EXPORT int renameat(int d, const char *from, int e, const char *to)
{
	return (int)call(OP_NAME, "renameat", SYS_renameat, d, (long)from, e, (long)to, 0);
}

EXPORT int renameat2(int d, const char *from, int e, const char *to, unsigned flags)
{
	return (int)call(OP_NAME, "renameat2", SYS_renameat2, d, (long)from, e, (long)to, flags);
}

EXPORT int rename(const char *from, const char *to)
{
	return (int)call(OP_NAME, "rename", SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0);
}

EXPORT int mkdirat(int d, const char *path, mode_t mode)
{
	return (int)call(OP_NAME, "mkdirat", SYS_mkdirat, d, (long)path, mode, 0, 0);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
	return (int)call(OP_NAME, "mkdir", SYS_mkdirat, AT_FDCWD, (long)path, mode, 0, 0);
}

EXPORT int unlinkat(int d, const char *path, int flags)
{
	return (int)call(OP_UNLINK, "unlinkat", SYS_unlinkat, d, (long)path, flags, 0, 0);
}

EXPORT int unlink(const char *path)
{
	return (int)call(OP_UNLINK, "unlink", SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0);
}

EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
	const long all[7] = { SYS_mmap, (long)at, (long)n, prot, flags, fd, from };
	long r;

	if (!(fd >= 0 && (flags & MAP_SHARED) && hit(OP_MAP, "mmap", all, 0, &r)))
		r = raw(SYS_mmap, (long)at, (long)n, prot, flags, fd, from);
	r = answer(r);
	return r == -1 ? MAP_FAILED : (void *)r;
}

static RAW enum op open_op(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? OP_MAKE : OP_OPEN;
}

static RAW int open_any(int dir, const char *path, int flags, mode_t mode)
{
	return (int)call(open_op(flags), open_op(flags) == OP_MAKE ? "open to make" : "open", SYS_openat, dir,
		(long)path, flags, mode, 0);
}

#define MODE(flags, mode)                                                      \
	do {                                                                   \
		va_list ap;                                                    \
		va_start(ap, flags);                                           \
		mode = open_op(flags) == OP_MAKE ? va_arg(ap, mode_t) : 0;     \
		va_end(ap);                                                    \
	} while (0)

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_any(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_any(dir, path, flags, mode);
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;

	MODE(flags, mode);
	return open_any(dir, path, flags, mode);
}

/* A program of the suite is started with a clean environment: the counter goes along. */
static RAW char **with_us(char *const *env)
{
	static char *more[64], room[2][600];
	static const char *const name[2] = { "LD_PRELOAD", "MANSIO_FAULTS" };
	size_t n = 0, i;

	for (; env[n] && n < 60; n++)
		more[n] = env[n];
	for (i = 0; i < 2; i++)
		if (getenv(name[i]) && snprintf(room[i], sizeof(room[i]), "%s=%s", name[i], getenv(name[i])) > 0)
			more[n++] = room[i];
	more[n] = NULL;
	return more;
}

EXPORT long syscall(long n, ...)
{
	long a[6];
	va_list ap;
	int i;

	va_start(ap, n);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (n == SYS_execveat)
		a[3] = (long)with_us((char *const *)a[3]);
	if (n == SYS_openat2) {
		int flags = (int)((const struct open_how *)a[2])->flags;

		if (!(flags & O_PATH))
			return call(open_op(flags), open_op(flags) == OP_MAKE ? "openat2 to make" : "openat2", n, a[0],
				a[1], a[2], a[3], 0);
	}
	return answer(raw(n, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* --- the page ---------------------------------------------------------------- */

void faults_share(void)
{
	void *p = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	faults = p;
}

void faults_arm(enum faults_mode mode, int error, uint32_t at)
{
	memset(faults, 0, sizeof(*faults));
	faults->mode = mode;
	faults->error = error;
	faults->at = at;
	__atomic_store_n(&faults->armed, 1, __ATOMIC_SEQ_CST);
}

void faults_disarm(void)
{
	__atomic_store_n(&faults->armed, 0, __ATOMIC_SEQ_CST);
}

__attribute__((constructor)) static RAW void faults_map(void)
{
	const char *path = getenv("MANSIO_FAULTS");
	long fd, r;
	size_t i;

	for (i = 0; i < sizeof(name_of_us) - 1 && program_invocation_short_name[i]; i++)
		name_of_us[i] = program_invocation_short_name[i];
	if (!path)
		return;
	fd = raw(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return;
	r = raw(SYS_mmap, 0, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	raw(SYS_close, fd, 0, 0, 0, 0, 0);
	if (r > 0 || r < -4095)
		faults = (struct faults *)r;
}
