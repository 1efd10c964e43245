/* SPDX-License-Identifier: ISC
 *
 * traced.c: the process that writes the log: the lines of each packet from a
 * program (trace/trace.c); and hands each event on to the process that keeps
 * them (keeper.h).
 *
 * Peers are untrusted. The program's name comes from the link, the process id
 * from the kernel (master sets SO_PASSCRED on these links), the time from our
 * clock; a packet that is no event drops that peer. Nothing here can hold up a
 * peer: it sends without waiting and counts what it had to drop.
 *
 * master stops traced last, so that the others' last words are read.
 */
#include "trace/sink.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/program.h"
#include "trace/keeper.h"
#include "trace/line.h"

#define TO_KEEPER_BYTES (1024 * 1024) /* of lines that wait for it */
#define TO_KEEPER_AT (32 * 1024) /* so many are sent at once; fewer after KEEPER_MS: it is not woken for each */
#define KEEPER_MS 150
#define KEEPER_END_MS 2000
#define LINKS_MAX 4096
#define LINES_PER_TURN 64 /* of one link, and the rest of a packet: none starves the others */
#define EVENTS 64 /* of one wait */
#define STOP_QUIET_MS 20 /* no packet for this long: the others are gone */

struct peer {
	char name[32];
	int instance, fd;
	size_t index;
};

static struct {
	struct program p;
	struct sink sink;
	struct peer **peer; /* [0] is master, at the control socket */
	size_t n, cap;
	int epoll; /* of them: a wait for one line must not cost a look at every link */
	struct peer keeper; /* not in the list above: its end is ours, too */
	int keeper_control;
	bool keeper_full; /* EPOLLOUT is asked for */
	struct buf to_keeper;
	deadline keeper_at; /* they are sent by then */
	uint64_t keeper_lost; /* events that did not fit, not yet told */
	bool stopping;
} g;

/* --- the other process ------------------------------------------------------ */

static void keeper_write(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &g.keeper };
	ssize_t n;

	g.keeper_at = DEADLINE_NEVER;
	if (g.to_keeper.n == 0)
		return;
	n = send(g.keeper.fd, g.to_keeper.p, g.to_keeper.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_drop(&g.to_keeper, (size_t)n);
	if (g.keeper_full == (g.to_keeper.n > 0))
		return;
	g.keeper_full = g.to_keeper.n > 0;
	e.events |= g.keeper_full ? EPOLLOUT : 0;
	epoll_ctl(g.epoll, EPOLL_CTL_MOD, g.keeper.fd, &e);
}

static void keeper_line_of(const char *program, pid_t pid, enum trace_level level, struct str text)
{
	const struct record r = { .time = clock_unix_us(), .level = (char)('0' + level), .program = str_of(program),
		.pid = (uint64_t)MAX(pid, 0), .text = text };
	size_t before = g.to_keeper.n;

	record_print(&r, &g.to_keeper);
	buf_c(&g.to_keeper, '\n');
	if (g.keeper_at == DEADLINE_NEVER && !g.keeper_full)
		g.keeper_at = deadline_in(KEEPER_MS);
	if (g.to_keeper.err == 0)
		return;
	g.to_keeper.err = 0;
	buf_cut(&g.to_keeper, before);
	g.keeper_lost++;
}

static void say(enum trace_level level, const char *event, const char *about)
{
	struct buf text;

	if ((int64_t)level < g.p.conf->log_level)
		return;
	buf_init(&text, 1024);
	buf_puts(&text, event);
	if (about) {
		buf_puts(&text, " peer=");
		trace_escape(str_of(about), &text);
	}
	sink_line(&g.sink, "traced", getpid(), level, buf_view(&text));
	keeper_line_of("traced", getpid(), level, buf_view(&text));
	buf_done(&text);
}

/* There is room again: what did not fit is told. */
static void keeper_tell(void)
{
	char text[64];

	if (!g.keeper_lost || g.to_keeper.n > TO_KEEPER_BYTES / 2)
		return;
	snprintf(text, sizeof(text), "trace-lost events=%llu", (unsigned long long)g.keeper_lost);
	g.keeper_lost = 0;
	sink_line(&g.sink, "traced", getpid(), TRACE_WARN, str_of(text));
	keeper_line_of("traced", getpid(), TRACE_WARN, str_of(text));
}

/* Verbs and numbers are its business. */
static void keeper_pass(struct ipc_msg *m)
{
	static const char *const names[] = { "reply" };
	int fd = ipc_take_fd(m, names[0]);
	struct ipc_msg copy;
	size_t i;

	ipc_init(&copy, arena_cstr(&m->arena, m->verb));
	for (i = 0; i < m->nfields; i++)
		ipc_set(&copy, arena_cstr(&m->arena, m->field[i].name), m->field[i].value);
	if (fd >= 0)
		ipc_add_fd(&copy, names[0], fd);
	keeper_write(); /* what was before the question is before its answer */
	/* full: the asker sees his connection close */
	(void)ipc_try_send(g.keeper_control, &copy);
	ipc_done(&copy);
	fd_close(&fd);
}

static void drop(struct peer *p)
{
	/* closing alone would not do it: others may hold the same end */
	epoll_ctl(g.epoll, EPOLL_CTL_DEL, p->fd, NULL);
	fd_close(&p->fd);
	g.peer[p->index] = g.peer[--g.n];
	g.peer[p->index]->index = p->index;
	free(p);
}

static void add(int fd, const char *name, int instance)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct peer *p;

	if (g.n == LINKS_MAX) {
		close(fd);
		say(TRACE_ERROR, "too-many-links", name);
		return;
	}
	if (g.n == g.cap) {
		g.cap = g.cap ? g.cap * 2 : 64;
		g.peer = mem_grow(g.peer, g.cap, sizeof(*g.peer));
	}
	p = mem_alloc(1, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->instance = instance;
	p->fd = fd;
	p->index = g.n;
	e.data.ptr = p;
	if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		free(p);
		return;
	}
	g.peer[g.n++] = p;
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	(void)p;
	add(fd, name, instance);
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	(void)p;
	(void)old;
	keeper_pass(m); /* its settings */
	sink_flush(&g.sink);
	if (sink_reopen(&g.sink) < 0)
		say(TRACE_ERROR, "log-reopen-failed", NULL);
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	(void)p;
	keeper_pass(m);
}

static void on_stop(struct program *p)
{
	(void)p;
	g.stopping = true;
}

/* The kernel's word for who sent it; descriptors sent to us are closed. */
static pid_t sender_of(struct msghdr *h)
{
	struct cmsghdr *c;
	struct ucred who;
	pid_t pid = 0;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			pid = who.pid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
			for (i = 0; i < n; i++) {
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
				close(fd);
			}
		}
	}
	return pid;
}

/* 0, or E_PEER. */
static int take_line(const struct peer *p, pid_t pid, struct str line)
{
	enum trace_level level;
	struct str text;

	if (trace_line_parse(line, &level, &text) < 0)
		return E_PEER;
	if ((int64_t)level >= g.p.conf->log_level && level != TRACE_FACT)
		sink_line(&g.sink, p->name, pid, level, text);
	if ((int64_t)level >= MIN(g.p.conf->log_level, (int64_t)TRACE_INFO))
		keeper_line_of(p->name, pid, level, text);
	return 0;
}

/* One packet: how many lines it had, 0 nothing there, negative: the peer is gone or bad. */
static int take_packet(const struct peer *p)
{
	static char packet[TRACE_PACKET_MAX + 1];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct str rest;
	ssize_t n;
	pid_t pid;
	int lines = 0, r = 0;

	n = recvmsg(p->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	pid = sender_of(&h);
	if (n == 0)
		return E_CLOSED;
	if (h.msg_flags & MSG_TRUNC)
		return E_PEER;
	for (rest = str_make(packet, (size_t)n); rest.p && r == 0; lines++)
		r = take_line(p, pid, str_cut(&rest, '\n'));
	return r < 0 ? r : lines;
}

static void serve(struct peer *p)
{
	char who[64];
	int k, r = 1;

	for (k = 0; k < LINES_PER_TURN && r > 0; k += r)
		r = take_packet(p);
	if (r >= 0)
		return;
	if (r == E_PEER) {
		snprintf(who, sizeof(who), "%s/%d", p->name, p->instance);
		say(TRACE_ERROR, "bad-packet", who);
	}
	drop(p);
}

/* It says nothing on this socket: what can be read is its end. */
static void keeper_event(uint32_t events)
{
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		keeper_write();
		return;
	}
	say(TRACE_ERROR, "trace-gone", NULL);
	sink_flush(&g.sink);
	exit(EX_SOFTWARE);
}

/* Its last events go to it, and it ends: the next suite may want the database at once. */
static void keeper_end(void)
{
	struct pollfd p = { g.keeper.fd, POLLIN, 0 };
	deadline d = deadline_in(KEEPER_END_MS);
	char none;

	fd_nonblock(g.keeper.fd, false);
	(void)send(g.keeper.fd, g.to_keeper.p, g.to_keeper.n, MSG_NOSIGNAL);
	shutdown(g.keeper.fd, SHUT_WR);
	while (poll(&p, 1, deadline_left(d)) > 0 && recv(g.keeper.fd, &none, 1, MSG_DONTWAIT) > 0)
		;
}

static void loop(void)
{
	struct epoll_event e[EVENTS];
	bool control;
	int i, n;

	for (;;) {
		n = epoll_wait(g.epoll, e, EVENTS, g.stopping ? STOP_QUIET_MS : deadline_left(g.keeper_at));
		if (n == 0 && g.stopping)
			break;
		/* links first: their words come before a stop */
		control = false;
		for (i = 0; i < n; i++) {
			if (e[i].data.ptr == g.peer[0])
				control = true;
			else if (e[i].data.ptr == &g.keeper)
				keeper_event(e[i].events);
			else
				serve(e[i].data.ptr);
		}
		if (control && !g.stopping)
			program_dispatch(&g.p);
		sink_flush(&g.sink);
		keeper_tell();
		if ((!g.keeper_full && g.to_keeper.n >= TO_KEEPER_AT) || (g.keeper_at != DEADLINE_NEVER && deadline_passed(g.keeper_at)))
			keeper_write();
		if (control && g.stopping) /* master may close it: no reason to wake */
			epoll_ctl(g.epoll, EPOLL_CTL_DEL, g.peer[0]->fd, NULL);
	}
	say(TRACE_INFO, "stop", NULL);
	sink_flush(&g.sink);
	keeper_end();
}

/* The second process, before the sandbox closes: its own link to us is a client like any other. */
static int keeper_start(int dir)
{
	int lines[2], control[2], link[2], on = 1, r;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &g.keeper };
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines) < 0 || (r = ipc_pair(control)) < 0 ||
	    (r = ipc_pair(link)) < 0)
		return -EMFILE;
	setsockopt(link[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	pid = proc_fork(true);
	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		close(lines[0]);
		close(control[0]);
		close(link[0]);
		close(g.p.control);
		fd_close(&g.sink.fd);
		fd_close(&g.sink.dir);
		proc_title("traced: events");
		exit(keeper_run(g.p.conf, dir, lines[1], control[1], link[1]));
	}
	close(lines[1]);
	close(control[1]);
	close(link[1]);
	close(dir);
	g.keeper.fd = lines[0];
	g.keeper_control = control[0];
	buf_init(&g.to_keeper, TO_KEEPER_BYTES);
	g.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (g.epoll < 0 || epoll_ctl(g.epoll, EPOLL_CTL_ADD, g.keeper.fd, &e) < 0)
		return -errno;
	add(g.p.control, "master", 0);
	add(link[0], "traced", 0);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = { .client = on_client, .reload = on_reload,
		.control = on_control, .numbers = on_control, .stop = on_stop };
	struct sandbox_rule rule;
	bool landlock;
	int r;

	program_start(&g.p, "traced", &ops, argc, argv);
	if (sink_open(&g.sink, &g.p) < 0)
		return EX_CANTCREAT;
	sandbox_log_only(g.p.conf->server_sandbox == CONF_SANDBOX_LOG);
	r = keeper_start(ipc_take_fd(&g.p.start, "dir"));
	if (r < 0) {
		fprintf(stderr, "mansio traced: %s\n", err_text(r));
		return EX_OSERR;
	}
	rule = (struct sandbox_rule){ g.sink.dir, SANDBOX_READ | SANDBOX_WRITE };
	r = sandbox_enter(SANDBOX_TRACED, &rule, g.sink.dir >= 0 ? 1 : 0, &landlock);
	if (r < 0) {
		fprintf(stderr, "mansio traced: sandbox: %s\n", err_text(r));
		return EX_OSERR;
	}
	say(TRACE_INFO, "start", NULL);
	sink_flush(&g.sink);
	program_ready(&g.p);
	loop();
	return 0;
}
