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
#define FIXED (4 + POLICY_ASKERS) /* descriptors of turn() before those of rooms */
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
	} else if (strcmp(name, "queued") == 0) {
		fd_close(&p->queued);
		fd_nonblock(fd, true);
		p->queued = fd;
	} else {
		close(fd);
	}
}

static void close_asker(struct policyd *p, size_t i)
{
	ask_drop(p, i);
	fd_close(&p->asker[i]);
}

static void add_checker(struct policyd *p, int fd)
{
	size_t i;

	for (i = 1; i < POLICY_ASKERS && p->asker[i] >= 0; i++)
		;
	if (i == POLICY_ASKERS) {
		close(fd);
		return;
	}
	fd_nonblock(fd, true);
	p->asker[i] = fd;
}

static void on_client(struct program *prog, const char *name, int instance, int fd)
{
	struct policyd *p = prog->data;

	(void)instance;
	if (strcmp(name, "smtpd") == 0) {
		p->room = mem_grow(p->room, p->nrooms + 1, sizeof *p->room);
		p->room[p->nrooms++] = fd;
	} else if (strcmp(name, "checkd") == 0) {
		add_checker(p, fd);
	} else if (strcmp(name, "sender") == 0) {
		close_asker(p, 0);
		p->asker[0] = fd;
	} else {
		close(fd);
	}
}

static void on_control(struct program *prog, struct ipc_msg *m)
{
	report_verb(prog->data, m);
}

static void on_stop(struct program *prog)
{
	struct policyd *p = prog->data;

	if (p->reports)
		tally_flush(p);
	exit(0);
}

static const struct program_ops ops = { .peer = on_peer, .client = on_client, .control = on_control, .stop = on_stop };

static int give_link(struct policyd *p, size_t asker, struct ipc_msg *m)
{
	struct ipc_msg out;
	int pair[2], r;

	if (ipc_pair(pair) < 0)
		return E_PEER;
	ipc_init(&out, "link");
	ipc_set(&out, "id", ipc_get(m, "id"));
	ipc_add_fd(&out, "link", pair[1]);
	r = ipc_send(p->asker[asker], &out);
	ipc_done(&out);
	close(pair[1]);
	add_checker(p, pair[0]);
	return r;
}

static void from_asker(struct policyd *p, size_t asker)
{
	struct ipc_msg m;
	int i, r = 0;

	for (i = 0; i < MESSAGES && r == 0 && p->asker[asker] >= 0; i++) {
		r = ipc_try_recv(p->asker[asker], &m);
		if (r == 0 && ipc_is(&m, "policy"))
			ask_new(p, asker, &m);
		else if (r == 0 && asker == 0 && ipc_is(&m, "tls"))
			tally_take(p, &m);
		else if (r == 0 && asker > 0 && ipc_is(&m, "link"))
			r = give_link(p, asker, &m);
		else if (r == 0)
			r = E_PEER;
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		close_asker(p, asker);
}

static void from_resolver(struct policyd *p)
{
	struct ipc_msg m;
	int i, r = 0;

	for (i = 0; i < MESSAGES && r == 0; i++) {
		r = ipc_try_recv(p->resolver, &m);
		if (r == 0 && ipc_is(&m, "link") && !task_link(p, &m))
			fetch_link(p, &m);
		else if (r == 0 && !ipc_is(&m, "link") && !deliver_answer(p, &m))
			ask_answer(p, &m);
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		fd_close(&p->resolver); /* master gives another */
}

static void from_queue(struct policyd *p)
{
	struct ipc_msg m;
	int r = ipc_try_recv(p->queued, &m);

	if (r == 0)
		task_link(p, &m);
	else if (r != -EAGAIN && r != -EINTR)
		fd_close(&p->queued);
	ipc_done(&m);
}

/* A room that is gone leaves its place to the last. */
static void from_room(struct policyd *p, size_t i)
{
	struct ipc_msg m;
	int r = ipc_try_recv(p->room[i], &m);

	if (r == 0 && ipc_is(&m, "report"))
		receive_new(p, &m);
	else if (r == 0)
		r = E_PEER;
	ipc_done(&m);
	if (r < 0 && r != -EAGAIN && r != -EINTR) {
		close(p->room[i]);
		p->room[i] = p->room[--p->nrooms];
	}
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
		if (p->reports)
			reports_sweep(clock_unix());
	}
	ask_tick(p);
	fetch_tick(p);
	if (p->tally_at && deadline_passed(p->tally_at))
		tally_flush(p);
	deliver_work(p);
	receive_work(p);
	task_tick(p);
}

static int wait_ms(const struct policyd *p)
{
	int ms = deadline_left(p->sweep);

	if (p->questions)
		ms = MIN(ms, deadline_left(ask_next(p)));
	if (p->tally_at)
		ms = MIN(ms, deadline_left(p->tally_at));
	if (p->reports)
		ms = MIN(ms, p->deliver_at ? deadline_left(p->deliver_at) : 0);
	return p->fetches || p->tasks ? MIN(ms, TURN_MS) : ms;
}

/* Children with something to say: of fetches, then of reports. */
static size_t add_children(const struct policyd *p, struct pollfd *pfd, size_t n)
{
	const struct fetch *f;
	const struct task *t;

	for (f = p->fetches; f; f = f->next)
		if (f->link >= 0)
			pfd[n++] = (struct pollfd){ f->link, POLLIN, 0 };
	for (t = p->tasks; t; t = t->next)
		if (t->link >= 0)
			pfd[n++] = (struct pollfd){ t->link, POLLIN, 0 };
	return n;
}

static void turn(struct policyd *p, int signals)
{
	static struct pollfd *pfd;
	static size_t cap;
	struct signalfd_siginfo info;
	const struct fetch *f;
	size_t want = FIXED + p->nrooms + p->ntasks + p->nreads, n = 0, rooms, i;

	for (f = p->fetches; f; f = f->next)
		want++;
	if (want > cap) {
		cap = want * 2;
		pfd = mem_grow(pfd, cap, sizeof *pfd);
	}
	pfd[n++] = (struct pollfd){ p->program.control, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ signals, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ p->resolver, POLLIN, 0 }; /* -1 is passed over */
	pfd[n++] = (struct pollfd){ p->queued, POLLIN, 0 };
	for (i = 0; i < POLICY_ASKERS; i++)
		pfd[n++] = (struct pollfd){ p->asker[i], POLLIN, 0 };
	for (i = 0; i < p->nrooms; i++)
		pfd[n++] = (struct pollfd){ p->room[i], POLLIN, 0 };
	rooms = n;
	n = add_children(p, pfd, n);
	if (poll(pfd, n, wait_ms(p)) > 0) {
		for (i = rooms; i < n; i++)
			if (pfd[i].revents && !task_readable(p, pfd[i].fd))
				fetch_readable(p, pfd[i].fd);
		if (pfd[2].revents)
			from_resolver(p);
		if (pfd[3].revents)
			from_queue(p);
		for (i = 0; i < POLICY_ASKERS; i++)
			if (pfd[4 + i].revents)
				from_asker(p, i);
		for (i = rooms; i-- > FIXED;) /* the last first: one that is gone moves nobody who was not looked at */
			if (pfd[i].revents)
				from_room(p, i - FIXED);
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
	const uint16_t port[] = { (uint16_t)p->conf->sts_port, (uint16_t)p->conf->tlsrpt_port };
	struct sandbox_rule rules[RULES];
	bool landlock = false;
	size_t n, i;
	int ssl;

	sandbox_log_only(p->conf->server_sandbox == CONF_SANDBOX_LOG);
	sandbox_connect_ports(port, ARRAY_LEN(port));
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

/* Without them policies are as good as ever. */
static void open_reports(struct policyd *p)
{
	int r = reports_open(p->conf);

	p->reports = r == 0;
	if (r < 0)
		trace_event(TRACE_ERROR, "tls-report-store", NULL, "reports about TLS are neither counted nor kept: %s", err_text(r));
}

int main(int argc, char **argv)
{
	static const int sig[] = { SIGCHLD, 0 };
	struct policyd *p = &policyd;
	int signals;
	size_t i;

	program_start(&p->program, "policyd", &ops, argc, argv);
	p->program.data = p;
	p->conf = p->program.conf;
	p->resolver = p->queued = -1;
	for (i = 0; i < POLICY_ASKERS; i++)
		p->asker[i] = -1;
	table_init(&p->tally);
	arena_init(&p->tally_arena);
	trace_open(-1, "policyd");
	p->dir = ipc_take_fd(&p->program.start, "dir");
	p->trust = ipc_take_fd(&p->program.start, "trust");
	signals = proc_signal_fd(sig);
	if (p->dir < 0 || signals < 0)
		cannot("no folder for the policies");
	if (fchdir(p->dir) < 0)
		cannot("no folder for the reports");
	enter_sandbox(p);
	open_reports(p);
	p->kept = cache_sweep(p->dir, aged, p, 0);
	p->sweep = deadline_in(FIRST_SWEEP_MS);
	program_ready(&p->program);
	for (;;)
		turn(p, signals);
}
