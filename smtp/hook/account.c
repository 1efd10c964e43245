/* SPDX-License-Identifier: ISC
 *
 * account.c: accounting-YYYY-MM-DD.csv or .jsonl (UTC) in our folder, a line for each record.
 * What came in one turn is written and synced together. A file has a largest size; what does
 * not fit is counted and told once a day. Files that are too old are removed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "smtp/hook/hookd.h"
#include "smtp/hook/record.h"
#include "trace/trace.h"

#define PREFIX "accounting-"
#define TURN_MAX (64 * 1024 * 1024)
#define DAY 86400

static struct buf lines;
static size_t nlines;
static uint64_t left_out;
static char told[40]; /* the file that was told to be full */

static void name_of(const struct hookd *h, int64_t now, char *out, size_t size)
{
	time_t t = (time_t)now;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, size, PREFIX "%04d-%02d-%02d.%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		h->conf->accounting_format == CONF_ACCOUNTING_CSV ? "csv" : "jsonl");
}

int account_add(const struct hookd *h, const struct ipc_msg *m)
{
	if (h->conf->accounting_format == CONF_ACCOUNTING_OFF)
		return 0;
	if (!lines.max)
		buf_init(&lines, TURN_MAX);
	if (h->conf->accounting_format == CONF_ACCOUNTING_CSV) {
		record_csv(m, &lines);
	} else {
		record_json(m, &lines);
		buf_c(&lines, '\n');
	}
	nlines++;
	return lines.err;
}

static void say_full(const char *name)
{
	left_out += nlines;
	if (strcmp(told, name) == 0)
		return;
	snprintf(told, sizeof(told), "%s", name);
	trace_event(TRACE_ERROR, "accounting-full", NULL, "%s has reached [accounting] size: its records are left out", name);
}

/* A torn last line, of a crash or a full disk, is ended before more follows. */
static int mend(int fd, off_t size)
{
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return -EIO;
	return last == '\n' ? 0 : file_write_all(fd, "\n", 1);
}

static int append(struct hookd *h, int fd, const char *name)
{
	struct stat st;
	struct buf head;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size + lines.n > h->conf->accounting_size) {
		say_full(name);
		return 0;
	}
	r = mend(fd, st.st_size);
	if (r == 0 && st.st_size == 0 && h->conf->accounting_format == CONF_ACCOUNTING_CSV) {
		buf_init(&head, 4096);
		record_csv_head(&head);
		r = file_write_all(fd, head.p, head.n);
		buf_done(&head);
	}
	if (r == 0)
		r = file_write_all(fd, lines.p, lines.n);
	return r == 0 ? file_fsync(fd) : r;
}

int account_flush(struct hookd *h)
{
	char name[40];
	int fd, r;

	if (lines.n == 0)
		return 0;
	name_of(h, clock_unix(), name, sizeof(name));
	fd = file_open(h->dir, name, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
	r = fd < 0 ? fd : append(h, fd, name);
	if (fd >= 0)
		close(fd);
	buf_reset(&lines);
	nlines = 0;
	return r;
}

/* Name of one of our files: its day as YYYYMMDD; 0: none. */
static int day_of(const char *name)
{
	int y, m, d, n = 0;

	if (sscanf(name, PREFIX "%4d-%2d-%2d.%n", &y, &m, &d, &n) != 3 || n == 0 ||
	    (strcmp(name + n, "csv") != 0 && strcmp(name + n, "jsonl") != 0))
		return 0;
	return y * 10000 + m * 100 + d;
}

void account_sweep(const struct hookd *h)
{
	char oldest[40];
	int fd = file_open_dir(h->dir, "."), limit;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	name_of(h, clock_unix() - h->conf->accounting_keep * DAY, oldest, sizeof(oldest));
	limit = day_of(oldest);
	while (dir && (e = readdir(dir)) != NULL)
		if (day_of(e->d_name) > 0 && day_of(e->d_name) < limit)
			(void)file_unlink(h->dir, e->d_name);
	if (dir)
		closedir(dir);
	else
		fd_close(&fd);
}

int account_list(const struct hookd *h, void (*row)(void *arg, const char *name, uint64_t size), void *arg)
{
	int fd = file_open_dir(h->dir, ".");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (!dir) {
		fd_close(&fd);
		return -EIO;
	}
	while ((e = readdir(dir)) != NULL)
		if (day_of(e->d_name) > 0 && fstatat(h->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			row(arg, e->d_name, (uint64_t)st.st_size);
	closedir(dir);
	return 0;
}
