/* SPDX-License-Identifier: ISC
 *
 * smtpd.c: a room for SMTP sessions that transfer mail. One of a pool: each idle
 * smtpd waits on the same links, the kernel wakes one of them for each hand-over,
 * and that one talks to its client in straight-line code until the session ends
 * or goes back to front (docs/PROCESSES.md).
 *
 *   IDLE --handover--> (taken, redeem) SESSION --+--> end --------> IDLE
 *                                                `--> handback ---> IDLE
 *
 * Always true: one session at most; links and settings change in IDLE or
 * between two commands only (on_control). After smtp.sessions_per_process
 * sessions the process ends and master starts a fresh one.
 */
#include "smtp/receive/session.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/program.h"

#define FRONTS_MAX 64

struct front { /* or webadmind, which hands over what comes by its API */
	bool web;
	int instance, fd; /* fd -1: free place */
};

struct smtpd {
	struct program program;
	struct room room;
	struct front front[FRONTS_MAX];
	const struct front *serving; /* whose session this is */
	uint64_t sessions;
	bool busy;
	int epoll; /* the fronts and the control link, for IDLE */
};

/* --- links ------------------------------------------------------------------- */

static void on_peer(struct program *p, const char *name, int fd)
{
	struct smtpd *d = p->data;

	if (!strcmp(name, "authd")) {
		fd_close(&d->room.authd);
		d->room.authd = fd;
	} else if (!strcmp(name, "lmtpd")) {
		fd_close(&d->room.lmtpd);
		d->room.lmtpd = fd;
		lmtp_spare_close(&d->room.spare); /* its parent is another one, or has other settings */
	} else if (!strcmp(name, "queued")) {
		fd_close(&d->room.queued);
		d->room.queued = fd;
		suppressfilter_close(d->room.suppressed);
		d->room.suppressed = NULL;
	} else if (!strcmp(name, "policyd")) {
		fd_close(&d->room.policyd);
		d->room.policyd = fd;
	} else if (!strcmp(name, "traced")) {
		trace_least(p->conf->log_level);
		trace_open(fd, "smtpd");
	} else {
		close(fd);
	}
}

/* EPOLLEXCLUSIVE: of all idle smtpds one is woken, not each for nothing; the order
 * stays, so that the same few work while there is little to do. */
static bool watch(struct smtpd *d, int fd, uint32_t how, void *what)
{
	struct epoll_event e = { .events = EPOLLIN | how, .data.ptr = what };

	return epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* Closing alone would leave it in the set: master and the other smtpds hold the same end. */
static void front_close(struct smtpd *d, struct front *f)
{
	if (f->fd >= 0)
		epoll_ctl(d->epoll, EPOLL_CTL_DEL, f->fd, NULL);
	fd_close(&f->fd);
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	struct smtpd *d = p->data;
	struct front *place = NULL;
	bool web = strcmp(name, "webadmind") == 0;
	size_t i;

	for (i = 0; i < FRONTS_MAX; i++) {
		struct front *f = &d->front[i];

		if (f->fd >= 0 && f->instance == instance && f->web == web)
			front_close(d, f);
		if (f->fd < 0 && !place)
			place = f;
	}
	if ((!web && strcmp(name, "front")) || !place || !watch(d, fd, EPOLLEXCLUSIVE, place)) {
		close(fd);
		return;
	}
	place->web = web;
	place->instance = instance;
	place->fd = fd;
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	struct smtpd *d = p->data;

	(void)m;
	(void)old;
	trace_least(p->conf->log_level);
	d->room.conf = p->conf;
}

static void on_stop(struct program *p)
{
	struct smtpd *d = p->data;

	if (!d->busy)
		exit(0);
	d->room.stopping = true;
}

static const struct program_ops ops = {
	.peer = on_peer,
	.client = on_client,
	.reload = on_reload,
	.stop = on_stop,
};

static void on_control(struct room *room)
{
	struct smtpd *d = (struct smtpd *)((char *)room - offsetof(struct smtpd, room));

	program_dispatch(&d->program);
}

/* front may give the place of a silent session to one that waits. */
static void on_silent(struct room *room, struct str id, bool silent)
{
	struct smtpd *d = (struct smtpd *)((char *)room - offsetof(struct smtpd, room));
	struct ipc_msg m;

	if (d->serving->fd < 0)
		return;
	ipc_init(&m, "silent");
	ipc_set(&m, "id", id);
	ipc_set_bool(&m, "on", silent);
	ipc_send(d->serving->fd, &m);
	ipc_done(&m);
}

/* --- a session ---------------------------------------------------------------- */

static void say_taken(int link, struct str id)
{
	struct ipc_msg m;

	ipc_init(&m, "taken");
	ipc_set(&m, "id", id);
	ipc_send(link, &m);
	ipc_done(&m);
}

/* front must have the message before it sees the lease end. */
static void give_back(struct session *s, const struct front *front)
{
	struct ipc_msg m;
	int r;

	if (stream_flush(&s->io)) {
		s->end = SESSION_CLOSE;
		return;
	}
	session_handback(s, &m);
	r = front->fd >= 0 ? ipc_send(front->fd, &m) : E_CLOSED;
	if (r) {
		s->end = SESSION_CLOSE;
		reply(s, 421, "4.3.0", "The server closes this connection");
	}
	ipc_done(&m);
}

static void serve(struct smtpd *d, const struct front *front, const struct handover *h, int client,
	int lease)
{
	char peer[ADDR_TEXT];
	struct session s;

	say_taken(front->fd, h->id);
	proc_title("smtpd %s", addr_text(&h->peer, peer));
	program_status(&d->program, 1, NULL);
	d->busy = true;
	d->serving = front;
	session_init(&s, &d->room, h, client, lease);
	s.posted = front->web;
	if (session_identify(&s))
		session_run(&s);
	if (s.end == SESSION_HANDBACK)
		give_back(&s, front);
	session_done(&s);
	d->busy = false;
	program_status(&d->program, 0, NULL);
	d->sessions++;
	proc_title("smtpd");
	if (d->room.stopping || d->sessions >= (uint64_t)d->room.conf->smtp_sessions_per_process)
		exit(0);
}

/* 0, or negative: this front breaks the rules, or is gone. */
static int receive(struct smtpd *d, const struct front *front)
{
	struct ipc_msg m;
	struct handover h;
	int client, lease, r = ipc_try_recv(front->fd, &m);

	if (!r && !ipc_is(&m, "handover"))
		r = E_PEER;
	if (!r)
		r = handover_parse(&m, &h);
	if (!r) {
		client = ipc_take_fd(&m, "client");
		lease = ipc_take_fd(&m, "lease");
		if (client >= 0 && lease >= 0) {
			serve(d, front, &h, client, lease);
		} else {
			fd_close(&client);
			fd_close(&lease);
			r = E_PEER;
		}
	}
	ipc_done(&m);
	return r == -EAGAIN ? 0 : r;
}

/* --- idle ---------------------------------------------------------------------- */

static void idle(struct smtpd *d)
{
	struct epoll_event e;
	struct front *f;
	int r = epoll_wait(d->epoll, &e, 1, d->room.spare.there ? deadline_left(d->room.spare.until) : -1);

	if (r == 0)
		lmtp_spare_close(&d->room.spare);
	if (r <= 0)
		return;
	f = e.data.ptr;
	if (!f) {
		program_dispatch(&d->program);
		return; /* links may be others now */
	}
	r = receive(d, f);
	if (r) /* E_PEER: it broke the rules; all else: it is gone */
		trace_event(r == E_PEER ? TRACE_WARN : TRACE_DEBUG, "peer", NULL, "%s %d %s: %s",
			f->web ? "webadmind" : "front", f->instance, r == E_PEER ? "dropped" : "gone", err_text(r));
	if (r)
		front_close(d, f);
}

int main(int argc, char **argv)
{
	static struct smtpd d;
	bool landlock;
	size_t i;

	d.room.authd = d.room.lmtpd = d.room.queued = d.room.policyd = -1;
	for (i = 0; i < FRONTS_MAX; i++)
		d.front[i].fd = -1;
	program_start(&d.program, "smtpd", &ops, argc, argv);
	d.program.data = &d;
	d.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d.epoll < 0 || !watch(&d, PROGRAM_CONTROL_FD, 0, NULL)) {
		fprintf(stderr, "mansio: smtpd: no epoll\n");
		return 71;
	}
	d.room.conf = d.program.conf;
	d.room.control = PROGRAM_CONTROL_FD;
	d.room.on_control = on_control;
	d.room.silent = on_silent;
	d.room.hostname = conf_hostname(d.program.conf);
	trace_open(-1, "smtpd");
	sandbox_log_only(d.program.conf->server_sandbox == CONF_SANDBOX_LOG);
	if (sandbox_prepare(SANDBOX_SMTPD) || sandbox_enter(SANDBOX_SMTPD, NULL, 0, &landlock)) {
		fprintf(stderr, "mansio: smtpd: cannot enter the sandbox\n");
		return 71;
	}
	program_ready(&d.program);
	for (;;)
		idle(&d);
}
