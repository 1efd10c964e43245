/* SPDX-License-Identifier: ISC
 *
 * sink.c: writes finished lines to standard error, a file, journald or syslog.
 *
 * Lines for standard error and files are gathered and written together, once
 * per turn of traced's loop. What cannot be written (disk full, no reader) is
 * counted, and the count is the first line when writing works again.
 *
 * journald: its native datagram protocol, one field a line (systemd's
 * JOURNAL_NATIVE_PROTOCOL). syslog: RFC 3164, facility mail.
 */
#include "trace/sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define OUT_MAX (256 * 1024)
#define FLUSH_AT (64 * 1024)
#define FACILITY_MAIL 2

static const int severity[] = { 7, 6, 4, 3 }; /* RFC 3164: debug info warning error */

int sink_reopen(struct sink *s)
{
	int fd;

	if (s->kind != CONF_LOG_FILE)
		return 0;
	fd = file_open(s->dir, s->name, O_WRONLY | O_CREAT | O_APPEND, 0640);
	if (fd < 0) {
		fprintf(stderr, "mansio traced: log file %s: %s\n", s->name, err_text(fd));
		return fd;
	}
	fd_close(&s->fd);
	s->fd = fd;
	return 0;
}

int sink_open(struct sink *s, struct program *p)
{
	static const char *const fd_name[] = {
		[CONF_LOG_STDERR] = "stderr", [CONF_LOG_FILE] = "log",
		[CONF_LOG_JOURNALD] = "journal", [CONF_LOG_SYSLOG] = "syslog",
	};
	struct str file = p->conf->log_file;
	int fd;

	*s = (struct sink){ .kind = p->conf->log_to, .fd = -1, .dir = -1 };
	buf_init(&s->out, OUT_MAX);
	fd = ipc_take_fd(&p->start, fd_name[s->kind]);
	if (fd < 0) {
		fprintf(stderr, "mansio traced: no descriptor '%s'\n", fd_name[s->kind]);
		return E_NOTFOUND;
	}
	if (s->kind != CONF_LOG_FILE) {
		s->fd = fd;
		return 0;
	}
	s->dir = fd;
	file = str_from(file, (size_t)(str_rfind(file, '/') + 1));
	snprintf(s->name, sizeof(s->name), "%.*s", STRF(file));
	return sink_reopen(s);
}

static void lose(struct sink *s, uint64_t n)
{
	s->lost += n;
}

void sink_flush(struct sink *s)
{
	if (s->out.n == 0)
		return;
	if (file_write_all(s->fd, s->out.p, s->out.n) < 0)
		lose(s, s->waiting);
	buf_reset(&s->out);
	s->waiting = 0;
}

static void to_datagram(struct sink *s, struct str line, enum trace_level level)
{
	struct buf b;
	time_t now = (time_t)clock_unix();
	struct tm tm;
	char when[32];

	buf_init(&b, TRACE_LINE_MAX + 512);
	if (s->kind == CONF_LOG_JOURNALD) {
		buf_fmt(&b, "PRIORITY=%d\nSYSLOG_IDENTIFIER=mansio\nSYSLOG_FACILITY=%d\nMESSAGE=",
			severity[level], FACILITY_MAIL);
		buf_str(&b, line);
		buf_c(&b, '\n');
	} else {
		localtime_r(&now, &tm);
		strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
		buf_fmt(&b, "<%d>%s mansio: ", FACILITY_MAIL * 8 + severity[level], when);
		buf_str(&b, line);
	}
	if (b.err < 0 || send(s->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		lose(s, 1);
	buf_done(&b);
}

static void put(struct sink *s, const char *program, pid_t pid, enum trace_level level,
	struct str text)
{
	struct buf line;

	buf_init(&line, TRACE_LINE_MAX + 256);
	trace_line_print(&line, clock_unix_us(), program, pid, level, text);
	if (s->kind == CONF_LOG_JOURNALD || s->kind == CONF_LOG_SYSLOG) {
		/* these stamp a time of their own: ours, 24 bytes and a space, goes */
		to_datagram(s, str_from(buf_view(&line), 25), level);
	} else {
		buf_c(&line, '\n');
		buf_str(&s->out, buf_view(&line));
		s->waiting++;
		if (s->out.n > FLUSH_AT)
			sink_flush(s);
	}
	buf_done(&line);
}

void sink_line(struct sink *s, const char *program, pid_t pid, enum trace_level level,
	struct str text)
{
	char told[64];
	uint64_t n = s->lost;

	if (n) {
		s->lost = 0;
		snprintf(told, sizeof(told), "log-lost lines=%llu", (unsigned long long)n);
		put(s, "traced", getpid(), TRACE_WARN, str_of(told));
	}
	put(s, program, pid, level, text);
}
