/* SPDX-License-Identifier: ISC
 *
 * client.c: the command's side of the control socket (docs/PROCESSES.md):
 * one question, rows, and a last message with done=1 from each process that
 * answers (`expect` tells how many these are).
 */
#include "master/client.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "master/source.h"

#define WAIT_MS 60000
#define WAIT_MAILBOX_MS 1800000 /* a rebuild of a large mailbox says nothing until it is done */
#define WAIT_BACKUP_MS (25 * 3600000) /* [backup] timeout ends it before */
#define ROWS_MAX 1000000

void answer_done(struct answer *a)
{
	while (a->n > 0)
		ipc_done(&a->row[--a->n]);
	free(a->row);
	*a = (struct answer){ 0 };
}

void answer_add(struct answer *a, struct ipc_msg *m)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 16;
		a->row = mem_grow(a->row, a->cap, sizeof(*a->row));
	}
	a->row[a->n++] = *m;
	*m = (struct ipc_msg){ 0 };
}

void answer_fail(struct answer *a, int code, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	a->code = code;
	va_start(ap, fmt);
	vsnprintf(a->error, sizeof(a->error), fmt, ap);
	va_end(ap);
	n = strlen(a->error); /* reports end with a newline, sentences do not */
	if (n > 0 && a->error[n - 1] == '\n')
		a->error[n - 1] = '\0';
}

/* Relative to the folder: a socket's address has room for 107 bytes only. */
static int connect_control(const char *state, struct answer *out)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "control" };
	char dir[4200];
	int fd;

	snprintf(dir, sizeof(dir), "%s/run", state);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && chdir(dir) == 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		answer_fail(out, EX_NOPERM, "%s/control: only root and the user who runs the suite may do this", dir);
	else if (errno == ENOENT || errno == ECONNREFUSED)
		answer_fail(out, EX_UNAVAILABLE, "Mansio does not run with the state folder %s "
			"(--state DIR or --config FILE name another)", state);
	else
		answer_fail(out, EX_OSERR, "%s/control: %s", dir, err_text(-errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A last message: its code and error. Any process that could do it is success. */
static void take_end(struct ipc_msg *m, struct answer *out, bool *good)
{
	uint64_t code = EX_SOFTWARE;

	ipc_get_u64(m, "code", 255, &code);
	if (code == EX_OK)
		*good = true;
	if (code == EX_OK)
		snprintf(out->note, sizeof(out->note), "%.*s", STRF(ipc_get(m, "note")));
	else
		answer_fail(out, (int)code, "%.*s", STRF(ipc_get(m, "error")));
}

/* A last message with fields beside its own is a row too. */
static bool has_facts(const struct ipc_msg *m)
{
	size_t i;

	if (ipc_get_bool(m, "done") && ipc_get(m, "note").n)
		return false;
	for (i = 0; i < m->nfields; i++)
		if (!str_eqc(m->field[i].name, "done") && !str_eqc(m->field[i].name, "code") &&
		    !str_eqc(m->field[i].name, "error"))
			return true;
	return false;
}

static void collect(int fd, int64_t wait_ms, const struct source *files, struct answer *out)
{
	uint64_t expected = 1;
	struct ipc_msg m;
	bool good = false, done;
	int r;

	while (expected > 0) {
		r = ipc_recv_until(fd, &m, deadline_in(wait_ms));
		if (r < 0) {
			ipc_done(&m);
			answer_fail(out, EX_TEMPFAIL, "the answer broke off: %s", err_text(r));
			return;
		}
		if (source_asked(files, fd, &m)) {
			ipc_done(&m);
			continue;
		}
		if (ipc_is(&m, "progress"))
			source_progress(&m);
		if (ipc_is(&m, "expect"))
			ipc_get_u64(&m, "n", 1000, &expected);
		done = ipc_get_bool(&m, "done");
		if (done) {
			take_end(&m, out, &good);
			expected--;
		}
		if (ipc_is(&m, "result") && has_facts(&m) && out->n < ROWS_MAX)
			answer_add(out, &m);
		ipc_done(&m);
	}
	if (good) {
		out->code = EX_OK;
		out->error[0] = '\0';
	}
}

void client_collect(int fd, int64_t wait_ms, struct answer *out)
{
	static const struct source none = { .base = -1 };

	collect(fd, wait_ms, &none, out);
}

void client_ask(const char *state, const struct verb *v, const struct ipc_msg *question,
	struct answer *out)
{
	bool large = v->owner == OWNER_MAILBOXD || v->owner == OWNER_IMPORTD;
	struct source files;
	int fd, r;

	if (source_open(question, &files, out) < 0)
		return;
	fd = connect_control(state, out);
	if (fd < 0) {
		source_close(&files);
		return;
	}
	r = ipc_send(fd, question);
	if (r < 0)
		answer_fail(out, r == E_LIMIT ? EX_DATAERR : EX_TEMPFAIL, "control socket: %s", err_text(r));
	else
		collect(fd, v->owner == OWNER_BACKUPD ? WAIT_BACKUP_MS : large ? WAIT_MAILBOX_MS : WAIT_MS, &files, out);
	source_progress(NULL);
	source_close(&files);
	out->quiet = files.quiet;
	if (v->shape == SHAPE_SOME && !out->n && !out->code)
		answer_fail(out, EX_NOUSER, "nothing matches");
	close(fd);
}

void client_follow(const char *state, const struct ipc_msg *question, client_row *each, bool json,
	struct answer *out)
{
	int fd = connect_control(state, out), r = fd < 0 ? 0 : ipc_send(fd, question);
	bool first = true, good = false, done = false;
	struct ipc_msg m;

	while (fd >= 0 && r == 0 && !done) {
		r = ipc_recv_until(fd, &m, DEADLINE_NEVER);
		done = r < 0 || ipc_get_bool(&m, "done");
		if (r == 0 && done)
			take_end(&m, out, &good);
		else if (r == 0 && ipc_is(&m, "result")) {
			done = !each(&m, first, json); /* a pipe that nobody reads is an end, too */
			first = false;
		}
		ipc_done(&m);
	}
	if (r < 0)
		answer_fail(out, EX_TEMPFAIL, "the stream broke off: %s", err_text(r));
	if (fd >= 0)
		close(fd);
}
