/* SPDX-License-Identifier: ISC
 *
 * traced.c: the process that writes the log: one packet from a program
 * (trace/trace.c), one line.
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
#include "trace/line.h"

#define LINKS_MAX 4096
#define PACKETS_PER_TURN 64 /* of one link, so that none starves the others */
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
	bool stopping;
} g;

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
	buf_done(&text);
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
	(void)m;
	(void)old;
	sink_flush(&g.sink);
	if (sink_reopen(&g.sink) < 0)
		say(TRACE_ERROR, "log-reopen-failed", NULL);
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

/* One packet: 1 read, 0 nothing there, negative: the peer is gone or bad. */
static int take_packet(const struct peer *p)
{
	char packet[TRACE_LINE_MAX + 1];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	enum trace_level level;
	struct str text;
	ssize_t n;
	pid_t pid;

	n = recvmsg(p->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	pid = sender_of(&h);
	if (n == 0)
		return E_CLOSED;
	if ((h.msg_flags & MSG_TRUNC) || trace_line_parse(str_make(packet, (size_t)n), &level, &text) < 0)
		return E_PEER;
	if ((int64_t)level >= g.p.conf->log_level)
		sink_line(&g.sink, p->name, pid, level, text);
	return 1;
}

static void serve(struct peer *p)
{
	char who[64];
	int k, r = 1;

	for (k = 0; k < PACKETS_PER_TURN && r > 0; k++)
		r = take_packet(p);
	if (r >= 0)
		return;
	if (r == E_PEER) {
		snprintf(who, sizeof(who), "%s/%d", p->name, p->instance);
		say(TRACE_ERROR, "bad-packet", who);
	}
	drop(p);
}

static void loop(void)
{
	struct epoll_event e[EVENTS];
	bool control;
	int i, n;

	for (;;) {
		n = epoll_wait(g.epoll, e, EVENTS, g.stopping ? STOP_QUIET_MS : -1);
		if (n == 0 && g.stopping)
			break;
		/* links first: their words come before a stop */
		control = false;
		for (i = 0; i < n; i++) {
			if (e[i].data.ptr == g.peer[0])
				control = true;
			else
				serve(e[i].data.ptr);
		}
		if (control && !g.stopping)
			program_dispatch(&g.p);
		sink_flush(&g.sink);
		if (control && g.stopping) /* master may close it: no reason to wake */
			epoll_ctl(g.epoll, EPOLL_CTL_DEL, g.peer[0]->fd, NULL);
	}
	say(TRACE_INFO, "stop", NULL);
	sink_flush(&g.sink);
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = { .client = on_client, .reload = on_reload,
		.stop = on_stop };
	struct sandbox_rule rule;
	bool landlock;
	int r;

	program_start(&g.p, "traced", &ops, argc, argv);
	if (sink_open(&g.sink, &g.p) < 0)
		return EX_CANTCREAT;
	sandbox_log_only(g.p.conf->server_sandbox == CONF_SANDBOX_LOG);
	rule = (struct sandbox_rule){ g.sink.dir, SANDBOX_READ | SANDBOX_WRITE };
	r = sandbox_enter(SANDBOX_TRACED, &rule, g.sink.dir >= 0 ? 1 : 0, &landlock);
	if (r < 0) {
		fprintf(stderr, "mansio traced: sandbox: %s\n", err_text(r));
		return EX_OSERR;
	}
	g.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (g.epoll < 0)
		return EX_OSERR;
	add(g.p.control, "master", 0);
	say(TRACE_INFO, "start", NULL);
	sink_flush(&g.sink);
	program_ready(&g.p);
	loop();
	return 0;
}
