/* SPDX-License-Identifier: ISC
 *
 * job.c: what a job says: rows, remarks, progress.
 */
#include "import/job.h"

#include <poll.h>
#include <stdarg.h>

#include "base/clock.h"
#include "conf/program.h"

#define TELL_MS 250

static void send_row(struct job *j, struct ipc_msg *row)
{
	if (!j->alone)
		program_result(j->reply, row);
	ipc_done(row);
}

void job_row(struct job *j, const struct job_folder *f)
{
	struct ipc_msg row;

	ipc_init(&row, "result");
	ipc_set(&row, "folder", f->name);
	ipc_set_u64(&row, "messages", f->messages);
	ipc_set_u64(&row, "added", f->added);
	ipc_set_u64(&row, "changed", f->changed);
	ipc_set_u64(&row, "removed", f->removed);
	ipc_setc(&row, "uids", f->uids);
	ipc_setc(&row, "words", f->words);
	send_row(j, &row);
}

void job_say(struct job *j, struct str folder, const char *fmt, ...)
{
	struct job_folder f = { .name = folder, .uids = "" };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f.words = text;
	job_row(j, &f);
}

int job_fail(struct job *j, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(j->error, sizeof(j->error), fmt, ap);
	va_end(ap);
	return err;
}

static void tell(int fd, struct job *j, const char *words)
{
	struct ipc_msg m;

	ipc_init(&m, "progress");
	ipc_set_u64(&m, "job", j->id);
	ipc_set_u64(&m, "taken", j->done);
	ipc_set_u64(&m, "total", j->total);
	ipc_setc(&m, "words", words);
	ipc_try_send(fd, &m);
	ipc_done(&m);
}

int job_progress(struct job *j, const char *words)
{
	struct pollfd p = { .fd = j->reply, .events = 0 };
	int64_t now = clock_mono_ms();

	if (now - j->told < TELL_MS)
		return 0;
	j->told = now;
	tell(j->parent, j, words);
	if (j->alone)
		return 0;
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
		return E_CLOSED;
	tell(j->reply, j, words);
	return 0;
}
