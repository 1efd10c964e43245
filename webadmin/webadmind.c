/* SPDX-License-Identifier: ISC
 *
 * webadmind.c: the admin page and its API: main. One event loop; connections come
 * from the fronts (door.c), questions go to authd's gate (ask.c). No file is opened
 * and no socket made but pairs; the page lies in the binary.
 */
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "trace/trace.h"
#include "webadmin/courier.h"

#define LINKS_MAX 128 /* fronts, old and new */
#define READS 32

struct web web = { .authd = -1 };

static struct {
	int fd;
	struct event *ev;
} links[LINKS_MAX];

/* --- links --------------------------------------------------------------------- */

static void authd_event(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_msg m;
	int r = ipc_try_recv(fd, &m);

	(void)what;
	ipc_done(&m); /* it answers on the questions' own descriptors */
	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		event_free(*(struct event **)arg);
		*(struct event **)arg = NULL;
		fd_close(&web.authd);
	}
}

static void on_peer(struct program *p, const char *name, int fd)
{
	static struct event *ev;

	trace_least(p->conf->log_level);
	if (strcmp(name, "traced") == 0) {
		trace_open(fd, p->name);
	} else if (strcmp(name, "authd") == 0) {
		if (ev)
			event_free(ev);
		fd_close(&web.authd);
		web.authd = fd;
		ev = event_new(web.base, fd, EV_READ | EV_PERSIST, authd_event, &ev);
		event_add(ev, NULL);
	} else if (strcmp(name, "smtpd") == 0) {
		courier_link(fd);
	} else {
		close(fd);
	}
}

static void front_event(evutil_socket_t fd, short what, void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	struct ipc_msg m;
	int n, r = 0;

	(void)what;
	for (n = 0; n < READS && r == 0; n++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0 && ipc_is(&m, "handover"))
			door_open(&m, fd);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		event_free(links[i].ev);
		links[i].ev = NULL;
		close(fd);
	}
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	size_t i;

	(void)p;
	(void)instance;
	for (i = 0; i < LINKS_MAX && links[i].ev; i++)
		;
	if (i == LINKS_MAX || strcmp(name, "front") != 0) {
		close(fd);
		return;
	}
	fd_nonblock(fd, true);
	links[i].fd = fd;
	links[i].ev = event_new(web.base, fd, EV_READ | EV_PERSIST, front_event, (void *)(uintptr_t)i);
	event_add(links[i].ev, NULL);
}

static void on_reload(struct program *p, struct ipc_msg *m, const struct conf *old)
{
	(void)m;
	(void)old;
	web.conf = p->conf;
	trace_least(p->conf->log_level);
}

static void on_stop(struct program *p)
{
	(void)p;
	door_stop();
}

static const struct program_ops ops = {
	.peer = on_peer,
	.client = on_client,
	.reload = on_reload,
	.stop = on_stop,
};

/* --- main ------------------------------------------------------------------------ */

static NORETURN void give_up(int code, const char *what, int err)
{
	fprintf(stderr, "mansio webadmind: %s: %s\n", what, err_text(err));
	exit(code);
}

static void control_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	program_dispatch(&web.program);
}

int main(int argc, char **argv)
{
	struct event *control;
	int r;

	program_start(&web.program, "webadmind", &ops, argc, argv);
	web.conf = web.program.conf;
	sandbox_log_only(web.conf->server_sandbox == CONF_SANDBOX_LOG);
	trace_open(-1, "webadmind");
	web.base = event_base_new();
	if (!web.base)
		give_up(EX_OSERR, "cannot make the event loop", E_TEMP);
	conf_hostname(web.conf); /* asked of the system while that may be done */
	if (http_open() < 0)
		give_up(EX_SOFTWARE, "libmicrohttpd does not start", E_TEMP);
	r = sandbox_enter(SANDBOX_WEBADMIND, NULL, 0, NULL);
	if (r < 0)
		give_up(EX_OSERR, "cannot lock itself in", r);
	control = event_new(web.base, web.program.control, EV_READ | EV_PERSIST, control_event, NULL);
	event_add(control, NULL);
	program_ready(&web.program);
	event_base_dispatch(web.base);
	return 0;
}
