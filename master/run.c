/* SPDX-License-Identifier: ISC
 *
 * run.c: `mansio run`: from the settings file to a running suite, and its end.
 *
 * Start: settings, users and binaries, state folder and lock, listening
 * sockets, control socket; only when all that is good is the first process
 * started. Then one loop waits for signals, processes, commands and deadlines.
 *
 * Stop: the door first (no new sessions; its leases end the old ones), then the
 * rooms, then authd, then the log; what is left when the grace time is over is
 * killed, with the session processes of rooms that are gone, which we adopted
 * (PR_SET_CHILD_SUBREAPER).
 */
#include "master/master.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/rand.h"

#define KILL_ROUNDS 100 /* of 10 ms */
#define AGAIN_MS 1000
#define LAST_PHASES_MS 300 /* authd and the log have this long at least */

/* --- reload ---------------------------------------------------------------------- */

static struct str first_line(const struct buf *errors)
{
	struct str text = buf_view(errors);

	return str_cut(&text, '\n');
}

/* False: its rules cannot be had. */
static bool rules_before(struct master *m, struct settings *next, struct buf *errors, struct buf *kept)
{
	if (next->rules_why.n == 0)
		return true;
	if (!kept || !settings_rules_alike(m->set->conf, next->conf) || settings_rules_of(next, m->set) < 0) {
		buf_str(errors, buf_view(&next->rules_why));
		return false;
	}
	buf_str(kept, buf_view(&next->rules_why));
	trace_event(TRACE_ERROR, "rules-old", NULL, "%.*s", STRF(first_line(&next->rules_why)));
	return true;
}

int run_reload(struct master *m, struct buf *errors, struct buf *restart_out, struct buf *kept)
{
	struct settings *next = NULL;
	int r = settings_load(m->config, m->state_option, RULES_APART, &next, errors);

	if (r == 0 && !rules_before(m, next, errors, kept)) {
		settings_free(next);
		r = E_SYNTAX;
	}

	if (r < 0) {
		errors->err = 0;
		trace_event(TRACE_ERROR, "reload-refused", NULL, "%.*s", STRF(first_line(errors)));
		return r;
	}
	conf_restart_diff(m->set->conf, next->conf, restart_out);
	conf_keep_restart(m->set->conf, next->conf);
	buf_reset(&next->text);
	conf_print(next->conf, true, &next->text);
	settings_free(m->set);
	m->set = next;
	settings_rules_save(next, m->dir_settings);
	certs_add(m);
	if (m->set->conf->log_to == CONF_LOG_FILE) {
		int dir = state_log_dir(m); /* a log that was moved away is made anew */

		fd_close(&dir);
	}
	m->reloads++;
	procs_reload(m);
	if (restart_out->n)
		trace_event(TRACE_WARN, "reload", NULL, "needs a restart: %s", buf_cstr(restart_out));
	else
		trace_event(TRACE_INFO, "reload", NULL, NULL);
	return 0;
}

/* --- stop ------------------------------------------------------------------------- */

static void stop_phase(struct master *m)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (programs[m->proc[i]->id].phase == m->phase)
			proc_stop(m, m->proc[i], "stop");
}

void run_stop(struct master *m, const char *why)
{
	size_t i;

	if (m->stopping) {
		/* asked again by somebody who has waited: at once (a Ctrl-C may come
		 * doubled, from the terminal and from a script that passes it on) */
		if (clock_mono_ms() - m->stop_began > AGAIN_MS)
			m->stop_at = deadline_in(0);
		return;
	}
	trace_event(TRACE_INFO, "stop", NULL, "%s", why);
	notify_say(m, "STOPPING=1\nSTATUS=Sessions end (%s)", why);
	m->stopping = true;
	m->stop_began = clock_mono_ms();
	m->stop_at = deadline_in(MAX(m->set->conf->server_stop_grace, (int64_t)1));
	for (i = 0; i < m->nprocs; i++)
		if (!proc_running(m->proc[i]))
			m->proc[i]->at = DEADLINE_NEVER;
	m->phase = PHASE_DOOR;
	stop_phase(m);
}

/* When the phase that was told last must be over, as a point of the clock. */
static deadline phase_end(const struct master *m)
{
	int64_t grace = m->stop_at - m->stop_began, last = MIN(grace / 4, (int64_t)LAST_PHASES_MS);

	switch (m->phase) {
	case PHASE_DOOR:
		return m->stop_began + grace / 2;
	case PHASE_ROOM:
		return m->stop_at - last;
	case PHASE_KEEPER:
		return m->stop_at - last / 2;
	default:
		return m->stop_at;
	}
}

static bool children_left(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Kills every child once. Orphans that this makes are ours in the next round. */
static void kill_children(struct master *m)
{
	char path[64];
	size_t i;
	int pid;
	FILE *f;

	for (i = 0; i < m->nprocs; i++)
		if (proc_running(m->proc[i]))
			kill(m->proc[i]->pid, SIGKILL);
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	if (!f)
		return;
	while (fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(f);
}

static void kill_rest(struct master *m)
{
	int round;

	for (round = 0; round < KILL_ROUNDS && children_left(); round++) {
		kill_children(m);
		poll(NULL, 0, 10);
		procs_reap(m);
	}
}

/* One step of the stop; true when all is over. */
static bool stop_tick(struct master *m)
{
	while (m->phase < PHASE_LOG && (procs_alive(m, m->phase) == 0 || deadline_passed(phase_end(m)))) {
		m->phase++;
		stop_phase(m);
	}
	if (deadline_passed(m->stop_at)) {
		if (procs_alive(m, PHASE_LOG) > 0 && children_left())
			trace_event(TRACE_WARN, "stop-killed", NULL, "the grace time is over");
		kill_rest(m);
	}
	return !children_left();
}

/* --- the loop ----------------------------------------------------------------------- */

static void on_signal(struct master *m)
{
	struct signalfd_siginfo info;
	struct buf errors, restart;

	while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			procs_reap(m);
			break;
		case SIGHUP:
			if (m->stopping)
				break;
			buf_init(&errors, 32 * 1024);
			buf_init(&restart, 8192);
			run_reload(m, &errors, &restart, NULL);
			buf_done(&errors);
			buf_done(&restart);
			break;
		default:
			run_stop(m, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
			break;
		}
	}
}

static int wait_ms(const struct master *m)
{
	deadline d = procs_next(m), c = control_next(m), p;

	if (c != DEADLINE_NEVER && (d == DEADLINE_NEVER || c < d))
		d = c;
	if (m->alive_at != DEADLINE_NEVER && (d == DEADLINE_NEVER || m->alive_at < d))
		d = m->alive_at;
	if (m->numbers_at != DEADLINE_NEVER && !m->stopping && (d == DEADLINE_NEVER || m->numbers_at < d))
		d = m->numbers_at;
	if (m->certs_at != DEADLINE_NEVER && (d == DEADLINE_NEVER || m->certs_at < d))
		d = m->certs_at;
	if (m->stopping) {
		p = phase_end(m);
		if (d == DEADLINE_NEVER || p < d)
			d = p;
	}
	return deadline_left(d);
}

static struct proc *proc_of_fd(const struct master *m, int fd)
{
	size_t i;

	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->control == fd)
			return m->proc[i];
	return NULL;
}

static void turn(struct master *m)
{
	enum { FIXED = 2, CONNS = 64 };
	size_t cap = FIXED + CONNS + m->nprocs, n = 0, nconns, i;
	struct pollfd *pfd = mem_alloc(cap, sizeof(*pfd));
	int conn[CONNS];
	struct proc *p;

	pfd[n++] = (struct pollfd){ m->signals, POLLIN, 0 };
	pfd[n++] = (struct pollfd){ m->control, POLLIN, 0 };
	nconns = control_poll(m, conn, CONNS);
	for (i = 0; i < nconns; i++)
		pfd[n++] = (struct pollfd){ conn[i], POLLIN, 0 };
	for (i = 0; i < m->nprocs; i++)
		if (m->proc[i]->control >= 0)
			pfd[n++] = (struct pollfd){ m->proc[i]->control, POLLIN, 0 };
	if (poll(pfd, n, wait_ms(m)) > 0) {
		/* messages before exits: a process may speak and go */
		for (i = FIXED + nconns; i < n; i++)
			if (pfd[i].revents && (p = proc_of_fd(m, pfd[i].fd)))
				proc_readable(m, p);
		for (i = FIXED; i < FIXED + nconns; i++)
			if (pfd[i].revents)
				control_readable(m, pfd[i].fd);
		if (pfd[1].revents)
			control_accept(m);
		if (pfd[0].revents)
			on_signal(m);
	}
	free(pfd);
	procs_tick(m);
	certs_tick(m);
	settle_tick(m);
	control_tick(m);
	notify_tick(m);
	numbers_tick(m);
}

/* --- start --------------------------------------------------------------------------- */

static void limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	if (geteuid() == 0)
		files.rlim_max = MAX(files.rlim_max, (rlim_t)262144);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int64_t cores(const struct conf *c)
{
	cpu_set_t set;

	if (c->server_processes > 0)
		return c->server_processes;
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? MIN(CPU_COUNT(&set), 64) : 1;
}

/* A mistake in a file of rules must not keep the mail away, and never means fewer rules. A sysexits code. */
static int start_rules(struct master *m)
{
	struct settings *s = m->set;

	if (s->rules_why.n == 0) {
		settings_rules_save(s, m->dir_settings);
		return 0;
	}
	fputs(buf_cstr(&s->rules_why), stderr);
	if (settings_rules_last(s, m->config, m->dir_settings) < 0)
		return EX_CONFIG;
	fprintf(stderr, "mansio: the rules of the last files that were good count, until these are mended and 'mansio reload' is said\n");
	return 0;
}

/* Before the first process: everything that can be wrong. A sysexits code. */
static int prepare(struct master *m)
{
	static const int sig[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
	struct buf errors;
	int code;

	buf_init(&errors, 64 * 1024);
	code = settings_load(m->config, m->state_option, RULES_APART, &m->set, &errors) < 0 ? EX_CONFIG : 0;
	errors.err = 0;
	fputs(buf_cstr(&errors), stderr);
	buf_done(&errors);
	if (code)
		return code;
	m->cores = cores(m->set->conf);
	rand_bytes(m->ticket_seed, sizeof(m->ticket_seed));
	m->ticket_day = clock_unix() / 86400;
	if (ipc_pair(m->kept) < 0)
		m->kept[0] = m->kept[1] = -1;
	m->taken = memfd_create("taken", MFD_CLOEXEC); /* outlives the senders (smtp/send/taken.h) */
	if ((code = spawn_init(m)) || (code = state_open(m)) || (code = start_rules(m)))
		return code;
	certs_add(m);
	if ((code = listen_open(m)) || (code = control_open(m)))
		return code;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	m->signals = proc_signal_fd(sig);
	return m->signals < 0 ? EX_OSERR : 0;
}

/* The descriptor of --ready-fd, high and safe from proc_init; -1 if none. */
static int keep_ready_fd(int fd)
{
	int copy;

	if (fd < 0)
		return -1;
	copy = fcntl(fd, F_DUPFD, 3);
	if (copy < 0)
		return -1;
	/* proc_init closes from 4 up: 3 it is */
	if (copy != 3 && dup2(copy, 3) < 0)
		return -1;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3;
}

int run(const char *config, const char *state, int ready_fd)
{
	struct master m = { .config = config, .state_option = state, .root = geteuid() == 0, .lock = -1,
		.control = -1, .signals = -1, .notify = -1 };
	int code;

	m.ready_fd = keep_ready_fd(ready_fd);
	proc_init("mansio", m.ready_fd < 0 ? 3 : 4);
	trace_open(-1, "master");
	limits();
	notify_open(&m);
	code = prepare(&m);
	if (code)
		return code;
	if (m.set->rules_why.n > 0)
		trace_event(TRACE_ERROR, "rules-old", NULL, "%.*s", STRF(first_line(&m.set->rules_why)));
	trace_event(TRACE_INFO, "start", NULL, "version %s, %s", PACKAGE_VERSION,
		m.root ? "each process under its own user" : "all under one user");
	procs_make(&m);
	procs_tick(&m);
	while (!m.stopping || !stop_tick(&m))
		turn(&m);
	control_stopped(&m);
	file_unlink(m.dir_run, "control");
	file_unlink(m.dir_run, "lmtp");
	file_unlink(m.dir_run, "submit");
	return m.exit_code;
}
