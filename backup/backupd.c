/* SPDX-License-Identifier: ISC
 *
 * backupd.c: the process of `mansio backup`: a zygote; each verb runs in a child
 * of its own, and forks another for each mailbox that it works on.
 *
 *     schedule: due ─> master ("backup") ─> control "backup run", with the settings file and
 *     the certificates as descriptors ─> the same way as by command
 *
 * Runs as _mail, in the group _backup that may write in the folder. At rest it is
 * a small process that knows the folder and the time of the next run.
 */
#include "backup/job.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include "backup/schedule.h"
#include "conf/zygote.h"
#include "store/store.h"

#define CHILDREN 8
#define KEEP_MAX 32
#define TICK_MS 30000

static struct {
	int folder; /* -1: none, and why */
	char folder_error[300];
	int queued; /* a link; -1 */
	int64_t last, tried; /* Unix times: the last snapshot, the last attempt by schedule */
	bool looked; /* `last` is known */
	char id[17]; /* of the backup that was last seen in the folder of this name; "": none */
} g = { .folder = -1, .queued = -1 };

/* --- answers ----------------------------------------------------------------------- */

static void answer_end(int reply, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_set_bool(&m, "done", true);
	ipc_set_u64(&m, "code", (uint64_t)code);
	ipc_setc(&m, "error", error);
	program_result(reply, &m);
	ipc_done(&m);
}

static int code_of(int err)
{
	switch (err) {
	case 0:
		return EX_OK;
	case E_TEMP:
	case E_TIMEOUT:
	case E_CLOSED:
	case -ENOSPC:
	case -EDQUOT:
		return EX_TEMPFAIL;
	case E_NOTFOUND:
		return EX_NOUSER;
	case E_SYNTAX:
		return EX_USAGE;
	case E_DAMAGED:
	case E_UNSUPPORTED:
		return EX_DATAERR;
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return EX_NOPERM;
	default:
		return EX_IOERR;
	}
}

/* --- a verb, in its child -------------------------------------------------------------- */

static const struct {
	const char *verb;
	int (*run)(struct job *j);
	bool slow; /* runs with what nobody else needs of disk and processor */
} verbs[] = {
	{ "backup run", do_run, true },
	{ "backup list", do_list, false },
	{ "backup verify", do_verify, true },
	{ "backup remove", do_remove, true },
	{ "backup restore", do_restore, false },
};

static size_t verb_of(const struct ipc_msg *m)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_eqc(ipc_get(m, "verb"), verbs[i].verb))
			break;
	return i;
}

static void log_failure(const struct job *j, int err)
{
	struct trace t;

	bool wrong = err == E_NOTFOUND || err == E_SYNTAX; /* a question that has no answer */

	trace_begin(&t, wrong ? TRACE_INFO : TRACE_ERROR, str_eqc(ipc_get(j->m, "verb"), "backup run") ?
		"backup-failed" : "backup-verb-failed");
	trace_str(&t, "verb", ipc_get(j->m, "verb"));
	trace_s(&t, "why", j->why[0] ? j->why : err_text(err));
	trace_end(&t);
}

static void child(struct zygote_child *c)
{
	struct job j = { .conf = c->conf, .m = &c->job->m, .reply = ipc_take_fd(&c->job->m, "reply"),
		.folder = g.folder, .expect = str_of(g.id), .authd = c->peer, .queued = g.queued };
	size_t v = verb_of(j.m);
	int err;

	alarm((unsigned)(c->conf->backup_timeout / 1000));
	arena_init(&j.a);
	if (str_eqc(job_arg(&j, "new"), "yes"))
		j.expect = STR("");
	if (verbs[v].slow && str_eqc(job_arg(&j, "background"), "yes") && j.reply >= 0) {
		answer_end(j.reply, EX_OK, NULL);
		fd_close(&j.reply);
	}
	err = verbs[v].run(&j);
	job_repo_done(&j);
	if (err)
		log_failure(&j, err);
	if (j.reply >= 0 && !j.answered)
		answer_end(j.reply, code_of(err), err ? j.why[0] ? j.why : err_text(err) : NULL);
}

/* --- the parent -------------------------------------------------------------------------- */

static void refuse(struct ipc_msg *m, int code, const char *why)
{
	int reply = ipc_take_fd(m, "reply");

	if (reply < 0)
		return;
	answer_end(reply, code, why);
	close(reply);
}

static int on_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m)
{
	struct zygote_job *job;
	char label[ZYGOTE_LABEL];
	int keep[KEEP_MAX];
	size_t n;

	if (strcmp(from->name, "master") != 0)
		return E_PEER;
	if (verb_of(m) == ARRAY_LEN(verbs)) {
		refuse(m, EX_USAGE, "backupd has no such verb");
		return 0;
	}
	if (g.folder < 0) {
		refuse(m, EX_UNAVAILABLE, g.folder_error);
		if (z->program.conf->backup_folder.n)
			trace_event(TRACE_ERROR, "backup-failed", NULL, "%s", g.folder_error);
		return 0;
	}
	snprintf(label, sizeof(label), "%.*s", STRF(ipc_get(m, "verb")));
	job = zygote_job_new(z, from, m, label);
	n = store_rule_fds(keep, KEEP_MAX - 3);
	keep[n++] = trace_link();
	keep[n++] = g.folder;
	keep[n++] = g.queued;
	if (job)
		zygote_fork(z, job, ZYGOTE_PEER_LINK, keep, n, child, NULL);
	else
		refuse(m, EX_TEMPFAIL, "too many backup verbs run already");
	return 0;
}

static void on_failed(struct zygote *z, struct zygote_job *j, int err)
{
	(void)z;
	(void)err;
	refuse(&j->m, EX_TEMPFAIL, "backupd cannot do this now; try again");
}

static void on_peer(struct zygote *z, const char *name, int fd)
{
	if (strcmp(name, "queued") != 0) {
		trace_peer(z, name, fd);
		return;
	}
	fd_close(&g.queued);
	g.queued = fd;
}

/* master keeps the id, so that an empty folder where a disk should be is not taken for a new one. */
static void tell_id(void)
{
	struct ipc_msg m;
	char id[17];

	if (g.folder < 0 || repo_peek(g.folder, id) < 0 || strcmp(id, g.id) == 0)
		return;
	memcpy(g.id, id, sizeof(id));
	ipc_init(&m, "backup-id");
	ipc_setc(&m, "id", id);
	(void)ipc_send(PROGRAM_CONTROL_FD, &m);
	ipc_done(&m);
}

/* Names alone: the newest snapshot is the last good run, whoever made it. */
static void look(void)
{
	int fd = g.folder < 0 ? -1 : file_open_dir(g.folder, "snapshots");
	struct dirent *e;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	g.looked = true;
	while (d && (e = readdir(d)))
		if (snapshot_id_ok(str_of(e->d_name)))
			g.last = MAX(g.last, snapshots_time(str_of(e->d_name)));
	if (d)
		closedir(d);
	tell_id();
}

static void on_ended(struct zygote *z, const char *label, int status)
{
	trace_child_ended(z, label, status);
	g.looked = false;
}

static int on_tick(struct zygote *z)
{
	int64_t now = clock_unix(), due;
	struct ipc_msg m;

	if (!z->program.conf->backup_folder.n)
		return -1;
	if (!g.looked)
		look();
	due = schedule_next(z->program.conf, g.last, g.tried);
	if (due == INT64_MAX)
		return -1;
	if (due <= now && zygote_load(z) == 0 && z->authd >= 0) {
		g.tried = now;
		ipc_init(&m, "backup");
		(void)ipc_send(PROGRAM_CONTROL_FD, &m);
		ipc_done(&m);
		return TICK_MS;
	}
	return (int)MIN(MAX(due - now, 1) * 1000, (int64_t)TICK_MS);
}

/* Disk and processor go to mail first, always. */
static void step_back(void)
{
	/* best effort, the last of it: idle could starve while a mailbox is locked for its listing */
	const int last = 2 << 13 | 7;

	(void)setpriority(PRIO_PROCESS, 0, 10);
	(void)syscall(SYS_ioprio_set, 1, 0, last);
}

static void take_folder(struct zygote *z)
{
	struct str why = ipc_get(&z->program.start, "folder_error");

	snprintf(g.id, sizeof(g.id), "%.*s", STRF(ipc_get(&z->program.start, "backup_id")));
	g.folder = ipc_take_fd(&z->program.start, "folder");
	if (!z->program.conf->backup_folder.n)
		snprintf(g.folder_error, sizeof(g.folder_error),
			"no folder for backups is set: name one, on another disk, as folder in [backup]");
	else
		snprintf(g.folder_error, sizeof(g.folder_error), "%.*s: %.*s", STRF(z->program.conf->backup_folder),
			why.n ? (int)why.n : 17, why.n ? why.p : "cannot be opened");
}

int main(int argc, char **argv)
{
	static const struct zygote_ops ops = { .request = on_request, .failed = on_failed, .peer = on_peer,
		.ended = on_ended, .tick = on_tick };
	static struct zygote_options opt = { .max_children = CHILDREN };
	static struct zygote z;

	zygote_start(&z, "backupd", &ops, argc, argv);
	trace_open(-1, "backupd");
	take_folder(&z);
	step_back();
	opt.folder = g.folder;
	zygote_init(&z, &opt);
	store_prepare();
	zygote_run(&z);
}
