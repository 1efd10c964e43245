/* SPDX-License-Identifier: ISC
 *
 * program.c: the skeleton of every process but master: start message,
 * settings, links, reload, stop. See program.h for the protocol; master's side
 * is master/procs.c.
 *
 * master is trusted: it is root and made this process. Even so its messages
 * are checked, and one that does not parse ends this process with a sentence.
 */
#include "conf/program.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

#define START_WAIT_MS 10000
#define STATUS_EVERY_MS 1000
#define RESULT_WAIT_MS 2000

/* The last status that the program gave, and what master knows of it. */
static struct {
	uint64_t sessions;
	char note[256];
	bool dirty; /* master does not know it yet */
	deadline next; /* not told before */
} status;

static NORETURN void give_up(const char *name, int code, const char *fmt, ...) PRINTF(3, 4);
static NORETURN void give_up(const char *name, int code, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "mansio %s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

/* The settings of a message; errors cannot happen unless versions are mixed. */
static int settings_of(struct program *p, const struct ipc_msg *m, struct conf **out)
{
	struct buf errors;
	int r;

	(void)p;
	buf_init(&errors, 64 * 1024);
	r = conf_parse(ipc_get(m, "settings"), "settings", &errors, out);
	if (r < 0)
		fprintf(stderr, "mansio %s: %s", p->name, buf_cstr(&errors));
	buf_done(&errors);
	return r;
}

void program_start(struct program *p, const char *name, const struct program_ops *ops, int argc,
	char **argv)
{
	struct stat st;
	uint64_t instance = 0;
	int r;

	memset(p, 0, sizeof(*p));
	if (fstat(PROGRAM_CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
		give_up(name, EX_USAGE, "is a part of Mansio: it is started by 'mansio run', not by hand");
	proc_init(name, PROGRAM_CONTROL_FD + 1);
	proc_title_init(argc, argv);
	p->name = name;
	p->ops = ops;
	p->control = PROGRAM_CONTROL_FD;
	fcntl(p->control, F_SETFD, FD_CLOEXEC);
	r = ipc_recv_until(p->control, &p->start, deadline_in(START_WAIT_MS));
	if (r == E_CLOSED)
		exit(0);
	if (r < 0)
		give_up(name, EX_SOFTWARE, "no start message: %s", err_text(r));
	if (!ipc_is(&p->start, "start") || !str_eqc(ipc_get(&p->start, "name"), name))
		give_up(name, EX_SOFTWARE, "the first message is not this program's start");
	ipc_get_u64(&p->start, "instance", 100000, &instance);
	p->instance = (int)instance;
	if (settings_of(p, &p->start, &p->conf) < 0)
		exit(EX_CONFIG);
	proc_title("%s", name);
	fd_nonblock(p->control, true);
}

static void tell(struct program *p, const char *verb)
{
	struct ipc_msg m;

	ipc_init(&m, verb);
	ipc_set_u64(&m, "sessions", status.sessions);
	if (status.note[0])
		ipc_setc(&m, "note", status.note);
	if (ipc_send(p->control, &m) == 0)
		status.dirty = false;
	ipc_done(&m);
	status.next = deadline_in(STATUS_EVERY_MS);
}

void program_ready(struct program *p)
{
	ipc_done(&p->start); /* descriptors that nobody took are closed */
	ipc_init(&p->start, "start");
	tell(p, "ready");
}

void program_status(struct program *p, uint64_t sessions, const char *note)
{
	status.sessions = sessions;
	snprintf(status.note, sizeof(status.note), "%s", note ? note : "");
	status.dirty = true;
	/* what is held back here is told when master asks */
	if (status.next == DEADLINE_NEVER || deadline_passed(status.next))
		tell(p, "status");
}

int program_control(struct program *p, struct ipc_msg *m)
{
	return ipc_try_send(p->control, m);
}

static void reload(struct program *p, struct ipc_msg *m)
{
	struct conf *old = p->conf, *next;

	if (settings_of(p, m, &next) < 0)
		return;
	p->conf = next;
	if (p->ops && p->ops->reload)
		p->ops->reload(p, m, old);
	conf_free(old);
}

/* What was said before it, has been done. */
static void settled(struct program *p, const struct ipc_msg *m)
{
	struct ipc_msg answer;

	ipc_init(&answer, "settled");
	ipc_set(&answer, "n", ipc_get(m, "n"));
	ipc_send(p->control, &answer);
	ipc_done(&answer);
}

static void take_link(struct program *p, struct ipc_msg *m, bool client)
{
	uint64_t instance = 0;
	const char *name;
	int fd = ipc_take_fd(m, "fd");

	if (fd < 0)
		return;
	name = arena_cstr(&m->arena, ipc_get(m, "name"));
	ipc_get_u64(m, "instance", 100000, &instance);
	if (client && p->ops && p->ops->client)
		p->ops->client(p, name, (int)instance, fd);
	else if (!client && p->ops && p->ops->peer)
		p->ops->peer(p, name, fd);
	else
		close(fd);
}

/* A verb for a program that has none. */
static void refuse_control(struct ipc_msg *m)
{
	struct ipc_msg answer;
	int reply = ipc_take_fd(m, "reply");

	if (reply < 0)
		return;
	ipc_init(&answer, "result");
	ipc_set_bool(&answer, "done", true);
	ipc_set_u64(&answer, "code", EX_UNAVAILABLE);
	ipc_setc(&answer, "error", "this program has no such verb");
	program_result(reply, &answer);
	ipc_done(&answer);
	close(reply);
}

void program_dispatch(struct program *p)
{
	struct ipc_msg m;
	int r = ipc_recv(p->control, &m);

	if (r == -EAGAIN || r == -EINTR) {
		ipc_done(&m);
		return;
	}
	if (r == E_CLOSED || r == -ECONNRESET)
		exit(0);
	if (r < 0)
		give_up(p->name, EX_SOFTWARE, "bad message from master: %s", err_text(r));
	if (ipc_is(&m, "peer"))
		take_link(p, &m, false);
	else if (ipc_is(&m, "client"))
		take_link(p, &m, true);
	else if (ipc_is(&m, "reload"))
		reload(p, &m);
	else if (ipc_is(&m, "status"))
		tell(p, "status");
	else if (ipc_is(&m, "settle"))
		settled(p, &m);
	else if (ipc_is(&m, "numbers") && p->ops && p->ops->numbers)
		p->ops->numbers(p, &m);
	else if (ipc_is(&m, "control")) {
		if (p->ops && p->ops->control)
			p->ops->control(p, &m);
		else
			refuse_control(&m);
	} else if (ipc_is(&m, "stop")) {
		if (!p->ops || !p->ops->stop)
			exit(0);
		p->ops->stop(p);
	}
	ipc_done(&m);
}

void program_result(int reply_fd, struct ipc_msg *m)
{
	deadline d = deadline_in(RESULT_WAIT_MS);
	struct pollfd pfd = { reply_fd, POLLOUT, 0 };
	int r;

	/* a command that does not read loses the rest of its answer */
	while ((r = ipc_send(reply_fd, m)) == -EAGAIN && !deadline_passed(d))
		poll(&pfd, 1, deadline_left(d));
}
