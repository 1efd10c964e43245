/* SPDX-License-Identifier: ISC
 *
 * job.c: the surroundings of a verb: answers, the folder, and children that
 * hold the key of one mailbox each.
 *
 *     backupd ─fork─> job ─fork─> child (the folder and one key)
 *
 * The job is born with backupd's sandbox: the folder, and the mail root, in which
 * permissions let nobody in without a key.
 */
#include "backup/job.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/proc.h"
#include "conf/program.h"
#include "store/store.h"

#define AUTHD_WAIT_MS 10000
#define SAID_MAX 4096

int job_fail(struct job *j, int err, const char *fmt, ...)
{
	va_list ap;

	if (j->why[0])
		return err;
	va_start(ap, fmt);
	vsnprintf(j->why, sizeof(j->why), fmt, ap);
	va_end(ap);
	return err;
}

void clip(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, size, fmt, ap);
	va_end(ap);
}

struct str job_arg(const struct job *j, const char *name)
{
	struct str v = ipc_get(j->m, name);

	return v.p ? v : STR("");
}

void job_row(struct job *j, struct ipc_msg *row)
{
	if (j->reply >= 0)
		program_result(j->reply, row);
	ipc_done(row);
}

int job_repo(struct job *j, enum repo_mode mode)
{
	struct repo_options opt = { .mode = mode, .compress = j->conf->backup_compress,
		.pack_size = j->conf->backup_pack_size, .expect = j->expect };
	int err = repo_open(j->folder, &opt, &j->r);

	j->repo_open = true;
	return err ? job_fail(j, err, "%s", j->r.why) : 0;
}

void job_repo_done(struct job *j)
{
	if (j->repo_open)
		repo_close(&j->r);
	j->repo_open = false;
}

/* --- a child for one mailbox --------------------------------------------------------- */

struct child {
	struct job *j;
	struct auth_target account;
	int key, out;
	job_mailbox_fn *fn;
	void *arg;
};

/* "CODE\n" and what fn says. Quotas are for clients: what is put back is put back. */
static NORETURN void child_run(struct child *c)
{
	struct store_options opt = { .key = c->key, .host = conf_hostname(c->j->conf),
		.lock_timeout_ms = c->j->conf->mail_lock_timeout };
	int seal[2] = { c->key, c->j->folder };
	struct store *s = NULL;
	struct buf said, all;
	int err;

	buf_init(&said, SAID_MAX);
	buf_init(&all, SAID_MAX + 64);
	proc_title("%.*s", STRF(c->account.account));
	err = store_open(&opt, &s);
	if (!err)
		err = store_seal(seal, 2);
	if (!err)
		err = c->fn(c->j, s, c->arg, &said);
	buf_fmt(&all, "%d\n", err);
	if (err && !said.n && !said.err)
		buf_puts(&said, c->j->r.why[0] ? c->j->r.why : err_text(err));
	if (!said.err)
		buf_str(&all, buf_view(&said));
	_exit(file_write_all(c->out, all.p, all.n) == 0 ? 0 : 1);
}

static int child_hear(int fd, pid_t pid, struct buf *said)
{
	int status = 0, err = E_CLOSED;
	struct str rest, code;
	uint64_t n;
	char part[1024];
	struct buf b;
	ssize_t got;

	buf_init(&b, SAID_MAX + 64);
	while ((got = read(fd, part, sizeof(part))) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			buf_add(&b, part, (size_t)got);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rest = buf_view(&b);
	code = str_cut(&rest, '\n');
	if (!b.err && WIFEXITED(status) && WEXITSTATUS(status) == 0 && rest.p) {
		if (str_starts(code, "-") && str_u64(str_from(code, 1), INT32_MAX, &n) == 0)
			err = -(int)n;
		else
			err = str_eqc(code, "0") ? 0 : E_CLOSED;
		buf_str(said, rest);
	}
	buf_done(&b);
	return err;
}

static int find_account(struct job *j, struct str address, struct child *c)
{
	deadline d = deadline_in(AUTHD_WAIT_MS);
	int err = auth_keys(j->authd, &address, 1, &c->key, d);

	if (err < 0)
		return job_fail(j, E_TEMP, "authd does not answer; try again");
	c->account.account = address;
	if (c->key < 0)
		return job_fail(j, E_NOTFOUND, "there is no account %.*s", STRF(address));
	return 0;
}

int job_mailbox(struct job *j, struct str address, job_mailbox_fn *fn, void *arg, struct buf *said)
{
	struct child c = { .j = j, .key = -1, .fn = fn, .arg = arg };
	int pair[2], err = find_account(j, address, &c);
	pid_t pid;

	if (err)
		return err;
	if (pipe2(pair, O_CLOEXEC) != 0) {
		err = -errno;
		close(c.key);
		return err;
	}
	pid = proc_fork(true);
	if (pid == 0) {
		close(pair[0]);
		c.out = pair[1];
		child_run(&c);
	}
	close(pair[1]);
	close(c.key);
	err = pid < 0 ? (int)pid : child_hear(pair[0], pid, said);
	close(pair[0]);
	return err;
}
