/* SPDX-License-Identifier: ISC
 *
 * policyd.c: main, loop and links (see policyd.h).
 */
#include "smtp/policy/policyd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "trace/trace.h"

#define RULES 24
#define SWEEP_MS 3600000
#define FIRST_SWEEP_MS 60000
#define RENEWALS 100 /* in one sweep */
#define TURN_MS 1000 /* while something is under way */
#define MESSAGES 64 /* of one link in one turn */

static struct policyd policyd;

/* --- links ------------------------------------------------------------------------------ */

static void on_peer(struct program *prog, const char *name, int fd)
{
	struct policyd *p = prog->data;

	if (strcmp(name, "traced") == 0) {
		trace_least(prog->conf->log_level);
		trace_open(fd, "policyd");
	} else if (strcmp(name, "resolverd") == 0) {
		fd_close(&p->resolver);
		fd_nonblock(fd, true);
		p->resolver = fd;
		ask_again(p);
	} else {
		close(fd);
	}
}

static void on_client(struct program *prog, const char *name, int instance, int fd)
{
	struct policyd *p = prog->data;

	(void)instance;
	if (strcmp(name, "sender") != 0) {
		close(fd);
		return;
	}
	ask_drop(p);
	fd_close(&p->sender);
	p->sender = fd;
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client };

static void from_sender(struct policyd *p)
{
	struct ipc_msg m;
	int i, r = 0;

	for (i = 0; i < MESSAGES && r == 0 && p->sender >= 0; i++) {
		r = ipc_try_recv(p->sender, &m);
		if (r == 0 && ipc_is(&m, "policy"))
			ask_new(p, &m);
		else if (r == 0)
			r = E_PEER;
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		ask_drop(p);
		fd_close(&p->sender);
	}
}

static void from_resolver(struct policyd *p)
{
	struct ipc_msg m;
	int i, r = 0;

	for (i = 0; i < MESSAGES && r == 0; i++) {
		r = ipc_try_recv(p->resolver, &m);
		if (r == 0 && ipc_is(&m, "link"))
			fetch_link(p, &m);
		else if (r == 0)
			ask_answer(p, &m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&p->resolver); /* master gives another */
}

/* --- the loop ------------------------------------------------------------------------------ */

static void aged(void *arg, const char *domain)
{
	ask_renew(arg, domain);
}

static void work(struct policyd *p)
{
	if (deadline_passed(p->sweep)) {
		p->sweep = deadline_in(SWEEP_MS);
		p->kept = cache_sweep(p->dir, aged, p, RENEWALS);
	}
	ask_tick(p);
	fetch_tick(p);
}

static int wait_ms(const struct policyd *p)
{
	int ms = deadline_left(p->sweep);

	if (p->questions)
		ms = MIN(ms, deadline_left(ask_next(p)));
	return p->fetches ? MIN(ms, TURN_MS) : ms;
}

static void turn(struct policyd *p, int signals)
{
	struct pollfd pfd[4 + 256];
	struct signalfd_siginfo info;
	const struct fetch *f;
	size_t n = 0, i;

	pfd[n++] = (struct pollfd){ p->program.control, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ signals, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ p->resolver, POLLIN, 0 }; /* -1 is passed over */
	pfd[n++] = (struct pollfd){ p->sender, POLLIN, 0 };
	for (f = p->fetches; f && n < ARRAY_LEN(pfd); f = f->next)
		if (f->link >= 0)
			pfd[n++] = (struct pollfd){ f->link, POLLIN, 0 };
	if (poll(pfd, n, wait_ms(p)) > 0) {
		for (i = 4; i < n; i++)
			if (pfd[i].revents)
				fetch_readable(p, pfd[i].fd);
		if (pfd[2].revents)
			from_resolver(p);
		if (pfd[3].revents)
			from_sender(p);
		if (pfd[0].revents)
			program_dispatch(&p->program);
		if (pfd[1].revents)
			while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
				fetch_reap(p);
	}
	work(p);
}

/* --- main -------------------------------------------------------------------------------------- */

static NORETURN void cannot(const char *what)
{
	fprintf(stderr, "mansio policyd: %s\n", what);
	exit(71);
}

/* OpenSSL reads its configuration in the children; what they may do is prepared here. */
static void enter_sandbox(const struct policyd *p)
{
	const uint16_t port = (uint16_t)p->conf->sts_port;
	struct sandbox_rule rules[RULES];
	bool landlock = false;
	size_t n, i;
	int ssl;

	sandbox_log_only(p->conf->server_sandbox == CONF_SANDBOX_LOG);
	sandbox_connect_ports(&port, 1);
	n = sandbox_system_rules(rules, RULES - 2);
	ssl = open("/etc/ssl", O_PATH | O_CLOEXEC);
	if (ssl >= 0)
		rules[n++] = (struct sandbox_rule){ ssl, SANDBOX_READ };
	rules[n++] = (struct sandbox_rule){ p->dir, SANDBOX_READ | SANDBOX_WRITE };
	if (sandbox_prepare(SANDBOX_CHECK) < 0 || sandbox_prepare(SANDBOX_POLICY) < 0 || sandbox_enter(SANDBOX_POLICY, rules, n, &landlock) < 0)
		cannot("the kernel refuses the sandbox");
	for (i = 0; i + 1 < n; i++)
		close(rules[i].fd);
}

int main(int argc, char **argv)
{
	static const int sig[] = { SIGCHLD, 0 };
	struct policyd *p = &policyd;
	int signals;

	program_start(&p->program, "policyd", &ops, argc, argv);
	p->program.data = p;
	p->conf = p->program.conf;
	p->resolver = p->sender = -1;
	trace_open(-1, "policyd");
	p->dir = ipc_take_fd(&p->program.start, "dir");
	p->trust = ipc_take_fd(&p->program.start, "trust");
	signals = proc_signal_fd(sig);
	if (p->dir < 0 || signals < 0)
		cannot("no folder for the policies");
	enter_sandbox(p);
	p->kept = cache_sweep(p->dir, aged, p, 0);
	p->sweep = deadline_in(FIRST_SWEEP_MS);
	program_ready(&p->program);
	for (;;)
		turn(p, signals);
}
