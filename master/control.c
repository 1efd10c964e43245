/* SPDX-License-Identifier: ISC
 *
 * control.c: the control socket STATE/run/control (docs/PROCESSES.md, verbs).
 *
 *     connection --message `control`--> answered here (status reload stop)
 *                                   +-> passed on with the connection as `reply`
 *
 * Only root and our own user get in (SO_PEERCRED; the socket is 0600 besides).
 * One connection, one verb. Who owns a verb stands in verbs.def. Nothing here
 * waits: a connection that says nothing is closed after CONN_MS. What changed the settings is answered when they
 * count (settle.c).
 */
#include "master/master.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "conf/program.h"
#include "master/cmdline.h"

#define CONNS_MAX 32
#define CONN_MS 5000
#define STATUS_MS 300 /* a process in the middle of a session answers later: its last numbers count */

enum conn_state { CONN_FREE, CONN_NEW, CONN_STATUS, CONN_SETTLE, CONN_STOP };
struct conn {
	enum conn_state state;
	int fd;
	deadline at;
	uid_t uid; /* of the command's user */
	struct ipc_msg *last; /* CONN_SETTLE: the answer, when this reload counts everywhere */
	uint64_t reload;
	bool outside; /* by authd's gate: on behalf of somebody at the page or the API */
};

int control_open(struct master *m)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "control" };

	m->conn = mem_alloc(CONNS_MAX, sizeof(*m->conn));
	m->control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* relative: a long path of the state folder does not fit into an address */
	if (m->control < 0 || file_unlink(m->dir_run, "control") < 0 || fchdir(m->dir_run) < 0 ||
	    bind(m->control, (struct sockaddr *)&sun, sizeof(sun)) < 0 || chmod("control", 0600) < 0 ||
	    listen(m->control, CONNS_MAX) < 0 || chdir("/") < 0) {
		fprintf(stderr, "mansio: run/control: %s\n", err_text(-errno));
		return EX_CANTCREAT;
	}
	return 0;
}

static void conn_close(struct conn *c)
{
	fd_close(&c->fd);
	if (c->last) {
		ipc_done(c->last);
		free(c->last);
	}
	*c = (struct conn){ .state = CONN_FREE, .fd = -1, .at = DEADLINE_NEVER };
}

void control_accept(struct master *m)
{
	const int size = 2 * IPC_MAX;
	struct ucred who;
	socklen_t len = sizeof(who);
	size_t i;
	int fd = accept4(m->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (i = 0; i < CONNS_MAX && m->conn[i].state != CONN_FREE; i++)
		;
	if (i == CONNS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
	    (who.uid != 0 && who.uid != geteuid())) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	m->conn[i] = (struct conn){ CONN_NEW, fd, deadline_in(CONN_MS), who.uid };
}

/* --- answers -------------------------------------------------------------------- */

static void finish(struct conn *c, struct ipc_msg *last, int code, const char *error)
{
	ipc_set_bool(last, "done", true);
	ipc_set_u64(last, "code", (uint64_t)code);
	ipc_setc(last, "error", error);
	ipc_send(c->fd, last);
	ipc_done(last);
	conn_close(c);
}

static void answer(struct conn *c, int code, const char *error)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	finish(c, &m, code, error);
}

/* Good, but not at once: answered by control_tick. last is taken over. */
static void finish_settled(struct master *m, struct conn *c, struct ipc_msg *last)
{
	c->last = mem_alloc(1, sizeof(*c->last));
	*c->last = *last;
	c->reload = m->reloads;
	c->state = CONN_SETTLE;
	c->at = deadline_in(m->set->conf->server_reload_wait);
}

static void settled(struct master *m, struct conn *c)
{
	struct ipc_msg last = *c->last;
	struct buf names;

	free(c->last);
	c->last = NULL;
	buf_init(&names, 1024);
	settle_missing(m, c->reload, &names);
	if (names.n)
		ipc_set(&last, "not_yet", buf_view(&names));
	buf_done(&names);
	finish(c, &last, EX_OK, NULL);
}

static const char *state_name(const struct proc *p)
{
	static const char *const name[] = { [PROC_DOWN] = "down", [PROC_STARTING] = "starting",
		[PROC_READY] = "ready", [PROC_STOPPING] = "leaving" };

	return name[p->state];
}

static void status_row(struct master *m, struct conn *c, const char *name, int instance, pid_t pid,
	uid_t uid, const struct proc *p, int64_t age_ms)
{
	struct ipc_msg row;

	(void)m;
	ipc_init(&row, "result");
	ipc_setc(&row, "process", name);
	ipc_set_u64(&row, "instance", (uint64_t)instance);
	ipc_set_u64(&row, "pid", (uint64_t)pid);
	ipc_set_u64(&row, "uid", uid);
	ipc_setc(&row, "state", p ? state_name(p) : "ready");
	ipc_set_u64(&row, "age", (uint64_t)(age_ms / 1000));
	ipc_set_u64(&row, "sessions", p ? p->sessions : 0);
	ipc_set_u64(&row, "restarts", p ? p->restarts : 0);
	ipc_setc(&row, "note", p ? p->note : "");
	ipc_send(c->fd, &row);
	ipc_done(&row);
}

static void status_answer(struct master *m, struct conn *c)
{
	int64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < m->nprocs; i++) {
		const struct proc *p = m->proc[i];

		if (proc_running(p) || !p->retired)
			status_row(m, c, programs[p->id].name, p->instance, p->pid, m->ids[p->id].uid, p,
				proc_running(p) ? now - p->since : 0);
	}
	answer(c, EX_OK, NULL);
}

/* Ready processes are asked for their numbers first. */
static void status_ask(struct master *m, struct conn *c)
{
	struct ipc_msg msg;
	size_t i;

	ipc_init(&msg, "status");
	for (i = 0; i < m->nprocs; i++) {
		struct proc *p = m->proc[i];

		if (p->state != PROC_READY || p->asked)
			continue;
		p->asked = true;
		proc_send(m, p, &msg);
	}
	ipc_done(&msg);
	c->state = CONN_STATUS;
	c->at = deadline_in(STATUS_MS);
}

static bool status_complete(const struct master *m)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->asked && m->proc[i]->state == PROC_READY)
			return false;
	return true;
}

static void reload(struct master *m, struct conn *c)
{
	struct buf errors, restart;
	struct ipc_msg last;
	int r;

	buf_init(&errors, 32 * 1024);
	buf_init(&restart, 8192);
	r = run_reload(m, &errors, &restart, NULL);
	ipc_init(&last, "result");
	if (r == 0 && restart.n)
		ipc_set(&last, "needs_restart", buf_view(&restart));
	/* a list that was too long shows its begin */
	errors.err = 0;
	if (r < 0)
		finish(c, &last, EX_CONFIG, buf_cstr(&errors));
	else
		finish_settled(m, c, &last);
	buf_done(&errors);
	buf_done(&restart);
}

static void config(struct master *m, struct conn *c, const char *name, struct ipc_msg *in)
{
	uint64_t before = m->reloads;
	struct ipc_msg last;
	struct buf why;
	int code;

	if (c->outside && ipc_get(in, "asker").n == 0)
		ipc_setc(in, "asker", "somebody outside");
	buf_init(&why, 32 * 1024);
	ipc_init(&last, "result");
	code = config_verb(m, name, in, c->fd, &last, &why);
	why.err = 0;
	if (code == EX_OK && m->reloads != before)
		finish_settled(m, c, &last);
	else
		finish(c, &last, code, code ? buf_cstr(&why) : NULL);
	buf_done(&why);
}

/* --- verbs of others ---------------------------------------------------------------- */

static size_t owners(struct master *m, enum program_id id, struct proc **out, size_t cap)
{
	size_t i, n = 0;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->id == id && m->proc[i]->state == PROC_READY && n < cap)
			out[n++] = m->proc[i];
	return n;
}

static void pass_on(struct master *m, struct conn *c, struct ipc_msg *in, enum program_id id)
{
	struct proc *to[64];
	/* sessions of mail programs are the fronts', those of the page authd's */
	size_t n = owners(m, id, to, ARRAY_LEN(to)), i, nfiles = 0;
	int file[BACKUP_FILES + 1];
	struct ipc_msg out;
	char text[80];

	if (id == PROGRAM_front)
		n += owners(m, PROGRAM_authd, to + n, ARRAY_LEN(to) - n);
	if (n == 0) {
		snprintf(text, sizeof(text), "%s is not ready; try again", programs[id].name);
		answer(c, EX_TEMPFAIL, text);
		return;
	}
	if (id == PROGRAM_backupd && backup_folder_moved(m, to[0])) {
		procs_renew(m, id);
		answer(c, EX_TEMPFAIL, "the folder for backups is another one now (a disk was mounted?): backupd takes it up; try again in a moment");
		return;
	}
	ipc_init(&out, "expect"); /* so many answers with done=1 will come */
	ipc_set_u64(&out, "n", n);
	ipc_send(c->fd, &out);
	ipc_done(&out);
	ipc_init(&out, "control");
	for (i = 0; i < in->nfields; i++) {
		char name[80];

		snprintf(name, sizeof(name), "%.*s", STRF(in->field[i].name));
		ipc_set(&out, name, in->field[i].value);
	}
	if (c->fd >= 0)
		ipc_add_fd(&out, "reply", c->fd);
	if (id == PROGRAM_backupd && str_eqc(ipc_get(in, "verb"), "backup run"))
		nfiles = backup_add_files(m, &out, file);
	for (i = 0; i < n; i++)
		proc_send(m, to[i], &out);
	ipc_done(&out);
	while (nfiles > 0)
		close(file[--nfiles]);
	conn_close(c);
}

void control_run(struct master *m, const char *verb)
{
	struct conn nobody = { CONN_NEW, -1, DEADLINE_NEVER };
	struct ipc_msg in;

	ipc_init(&in, "control");
	ipc_setc(&in, "verb", verb);
	pass_on(m, &nobody, &in, PROGRAM_backupd);
	ipc_done(&in);
}

static const enum program_id owner_program[] = {
	[OWNER_AUTHD] = PROGRAM_authd, [OWNER_MAILBOXD] = PROGRAM_mailboxd,
	[OWNER_FRONT] = PROGRAM_front, [OWNER_QUEUED] = PROGRAM_queued, [OWNER_IMPORTD] = PROGRAM_importd,
	[OWNER_TRACED] = PROGRAM_traced,
	[OWNER_CHECKD] = PROGRAM_checkd,
	[OWNER_BACKUPD] = PROGRAM_backupd,
	[OWNER_ACMED] = PROGRAM_acmed,
	[OWNER_HOOKD] = PROGRAM_hookd,
	[OWNER_SIGND] = PROGRAM_signd,
	[OWNER_SENDER] = PROGRAM_sender,
	[OWNER_POLICYD] = PROGRAM_policyd,
};

static void serve(struct master *m, struct conn *c, struct ipc_msg *in)
{
	struct arena *a = &in->arena;
	const char *name = arena_cstr(a, ipc_get(in, "verb"));
	const struct verb *v = verb_named(name);

	if (!ipc_is(in, "control") || !v) {
		answer(c, EX_USAGE, "unknown verb");
		return;
	}
	trace_event(TRACE_DEBUG, "control", NULL, "%s", name);
	if (v->owner == OWNER_HERE) {
		answer(c, EX_USAGE, "this verb is not for a running suite");
		return;
	}
	if (v->owner != OWNER_MASTER) {
		pass_on(m, c, in, owner_program[v->owner]);
		return;
	}
	if (strcmp(name, "status") == 0)
		status_ask(m, c);
	else if (strcmp(name, "reload") == 0)
		reload(m, c);
	else if (strcmp(v->noun, "config") == 0)
		config(m, c, v->name, in);
	else {
		c->state = CONN_STOP;
		c->at = DEADLINE_NEVER;
		run_stop(m, "command");
	}
}

/* What a command on this host changes is written down like what comes by the gate
 * (auth/audit.c); the owner's code goes to the command alone. */
static void audit(const struct conn *c, struct ipc_msg *in)
{
	const struct verb *v = verb_named(arena_cstr(&in->arena, ipc_get(in, "verb")));
	char name[64], who[24] = "root";
	struct buf args;

	if (!v || v->effect != EFFECT_CHANGE)
		return;
	if (c->uid != 0)
		snprintf(who, sizeof(who), "uid %u", (unsigned)c->uid);
	verb_full_name(v, name, sizeof(name));
	buf_init(&args, IPC_MAX);
	verb_audit(v, in, "", &args);
	trace_audit(str_of(who), STR("command"), name, buf_view(&args), -1);
	buf_done(&args);
}

/* Asked from outside, and let pass by authd's gate. What is for this host alone is not
 * passed, whatever the gate thinks of it. */
void control_ask(struct master *m, struct ipc_msg *in)
{
	const struct verb *v = verb_named(arena_cstr(&in->arena, ipc_get(in, "verb")));
	struct conn late = { .state = CONN_NEW, .fd = ipc_take_fd(in, "reply"), .outside = true }, *c = &late;
	size_t i;

	if (late.fd < 0)
		return;
	for (i = 0; i < CONNS_MAX && m->conn[i].state != CONN_FREE; i++)
		;
	if (i < CONNS_MAX) {
		c = &m->conn[i];
		*c = late;
		c->at = deadline_in(CONN_MS);
	}
	fcntl(c->fd, F_SETFL, O_RDWR | O_NONBLOCK);
	if (!v || v->who == WHO_HOST)
		answer(c, EX_NOPERM, "this verb is for the command on this host alone");
	else if (i == CONNS_MAX)
		answer(c, EX_TEMPFAIL, "too many commands at once: try again");
	else
		serve(m, c, in);
}

void control_readable(struct master *m, int fd)
{
	struct ipc_msg in;
	struct conn *c;
	size_t i;
	int r;

	for (i = 0; i < CONNS_MAX && m->conn[i].fd != fd; i++)
		;
	if (i == CONNS_MAX)
		return;
	c = &m->conn[i];
	r = ipc_recv(fd, &in);
	if (r == 0 && c->state == CONN_NEW) {
		audit(c, &in);
		serve(m, c, &in);
	}
	else if (r != -EAGAIN && r != -EINTR)
		conn_close(c); /* gone, or garbage */
	ipc_done(&in);
}

/* --- for the loop --------------------------------------------------------------------- */

size_t control_poll(const struct master *m, int *fd_out, size_t cap)
{
	size_t i, n = 0;

	for (i = 0; i < CONNS_MAX && n < cap; i++)
		if (m->conn[i].state != CONN_FREE)
			fd_out[n++] = m->conn[i].fd;
	return n;
}

void control_tick(struct master *m)
{
	size_t i;

	for (i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &m->conn[i];

		if (c->state == CONN_STATUS && (status_complete(m) || deadline_passed(c->at)))
			status_answer(m, c);
		else if (c->state == CONN_SETTLE && (settle_over(m, c->reload) || deadline_passed(c->at)))
			settled(m, c);
		else if (c->state == CONN_NEW && deadline_passed(c->at))
			conn_close(c);
	}
}

deadline control_next(const struct master *m)
{
	deadline first = DEADLINE_NEVER;
	size_t i;

	for (i = 0; i < CONNS_MAX; i++)
		if (m->conn[i].at != DEADLINE_NEVER && (first == DEADLINE_NEVER || m->conn[i].at < first))
			first = m->conn[i].at;
	return first;
}

void control_stopped(struct master *m)
{
	size_t i;

	for (i = 0; i < CONNS_MAX; i++)
		if (m->conn[i].state == CONN_STOP)
			answer(&m->conn[i], EX_OK, NULL);
}
