/* SPDX-License-Identifier: ISC
 *
 * zygote.c: the parent of one-process-per-unit rooms (see zygote.h).
 *
 * Always true: a job is in z->job or has been forked or freed, never two of
 * these; a descriptor of a client belongs to exactly one job; the parent never
 * blocks but in poll(2). Links that misbehave are closed, the parent goes on.
 */
#include "conf/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"

#define STATUS_EVERY_MS 1000
#define BURST 64 /* messages of one link in a row */
#define STOP_DRAIN_MS 2000
#define SYSTEM_RULES 12

struct zygote_pid {
	pid_t pid;
	char label[ZYGOTE_LABEL];
};

static struct zygote *of_program(struct program *p)
{
	return p->data;
}

uint64_t zygote_load(const struct zygote *z)
{
	return z->njobs + z->npids;
}

/* --- links ----------------------------------------------------------------- */

static struct zygote_link *link_new(struct zygote *z, const char *name, int instance, int fd)
{
	size_t i;

	for (i = 0; i < ZYGOTE_LINKS; i++) {
		struct zygote_link *l = &z->link[i];

		if (l->name[0])
			continue;
		*l = (struct zygote_link){ .instance = instance, .fd = fd };
		snprintf(l->name, sizeof l->name, "%s", name);
		return l;
	}
	return NULL;
}

static void link_close(struct zygote *z, struct zygote_link *l)
{
	size_t i;

	for (i = 0; i < z->njobs; i++)
		if (z->job[i]->link == l->fd)
			z->job[i]->link = -1;
	fd_close(&l->fd);
	l->name[0] = '\0';
}

struct zygote_link *zygote_link_find(struct zygote *z, const char *name, int instance)
{
	size_t i;

	for (i = 0; i < ZYGOTE_LINKS; i++)
		if (!strcmp(z->link[i].name, name) && z->link[i].instance == instance && !z->link[i].listener)
			return &z->link[i];
	return NULL;
}

static struct zygote_link *link_replace(struct zygote *z, const char *name, int instance, int fd)
{
	struct zygote_link *l = zygote_link_find(z, name, instance);

	if (l)
		link_close(z, l);
	fd_nonblock(fd, true);
	l = link_new(z, name, instance, fd);
	if (!l)
		fd_close(&fd);
	return l;
}

void zygote_link_add(struct zygote *z, const char *name, int fd)
{
	struct zygote_link *l = link_replace(z, name, 0, fd);

	if (l)
		l->peer = true;
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	link_replace(of_program(p), name, instance, fd);
}

static void fail_jobs(struct zygote *z, int err, bool only_late)
{
	size_t i = 0;

	while (i < z->njobs) {
		struct zygote_job *j = z->job[i];

		if (only_late && !deadline_passed(j->until)) {
			i++;
			continue;
		}
		z->ops->failed(z, j, err);
		zygote_job_free(z, j);
	}
}

static void authd_lost(struct zygote *z)
{
	fd_close(&z->authd);
	fail_jobs(z, E_CLOSED, false);
}

static void on_peer(struct program *p, const char *name, int fd)
{
	struct zygote *z = of_program(p);

	if (strcmp(name, "authd")) {
		z->ops->peer(z, name, fd);
		return;
	}
	if (z->authd >= 0)
		authd_lost(z);
	fd_nonblock(fd, true);
	z->authd = fd;
}

static void on_control(struct program *p, struct ipc_msg *m)
{
	struct zygote *z = of_program(p);
	struct zygote_link from = { .name = "master", .fd = -1 };

	z->ops->request(z, &from, m);
}

static void on_stop(struct program *p)
{
	struct zygote *z = of_program(p);

	if (z->stopping)
		return;
	z->stopping = true;
	z->stop_at = deadline_in(STOP_DRAIN_MS);
}

/* master replaces a zygote when the settings change: this one keeps its own */
static const struct program_ops program_ops = {
	.peer = on_peer,
	.client = on_client,
	.control = on_control,
	.stop = on_stop,
};

/* --- jobs ------------------------------------------------------------------ */

struct zygote_job *zygote_job_new(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m,
	const char *label)
{
	struct zygote_job *j;

	if (zygote_load(z) >= z->opt.max_children)
		return NULL;
	if (z->njobs == z->jobs_cap) {
		z->jobs_cap = z->jobs_cap ? z->jobs_cap * 2 : 16;
		z->job = mem_grow(z->job, z->jobs_cap, sizeof *z->job);
	}
	j = mem_alloc(1, sizeof *j);
	j->id = ++z->next_id;
	j->m = *m;
	ipc_init(m, "taken");
	j->link = from ? from->fd : -1;
	j->until = deadline_in(z->program.conf->limit_handover);
	snprintf(j->label, sizeof j->label, "%s", label);
	z->job[z->njobs++] = j;
	return j;
}

struct zygote_job *zygote_job_find(struct zygote *z, uint64_t id)
{
	size_t i;

	for (i = 0; i < z->njobs; i++)
		if (z->job[i]->id == id)
			return z->job[i];
	return NULL;
}

static void job_unlist(struct zygote *z, const struct zygote_job *j)
{
	size_t i;

	for (i = 0; i < z->njobs && z->job[i] != j; i++)
		;
	BUG_ON(i == z->njobs);
	z->job[i] = z->job[--z->njobs];
}

void zygote_job_free(struct zygote *z, struct zygote_job *j)
{
	job_unlist(z, j);
	ipc_done(&j->m);
	free(j);
}

/* --- children -------------------------------------------------------------- */

static int fd_cmp(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Closes every descriptor from 3 up that is not in keep (sorted here). */
static void close_others(int *keep, size_t n)
{
	unsigned from = 3;
	size_t i;

	qsort(keep, n, sizeof *keep, fd_cmp);
	for (i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0U, 0);
}

NORETURN static void run_child(struct zygote_child *c, const int *keep, size_t nkeep,
	void (*fn)(struct zygote_child *c))
{
	size_t i, n = 0;
	int all[IPC_MAX_FDS + 64];
	sigset_t none;

	for (i = 0; i < c->job->m.nfds; i++)
		all[n++] = c->job->m.fd[i];
	all[n++] = c->link;
	all[n++] = c->peer;
	all[n++] = c->parent;
	BUG_ON(nkeep > ARRAY_LEN(all) - n);
	for (i = 0; i < nkeep; i++)
		all[n++] = keep[i];
	close_others(all, n);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	proc_title("%s", c->job->label);
	fn(c);
	/* Destructors of libraries would only touch, and so copy, pages of the zygote. */
	_exit(0);
}

static void child_add(struct zygote *z, pid_t pid, const char *label)
{
	if (z->npids == z->pids_cap) {
		z->pids_cap = z->pids_cap ? z->pids_cap * 2 : 64;
		z->pid = mem_grow(z->pid, z->pids_cap, sizeof *z->pid);
	}
	z->pid[z->npids].pid = pid;
	snprintf(z->pid[z->npids].label, ZYGOTE_LABEL, "%s", label);
	z->npids++;
}

static void maybe_renew(struct zygote *z)
{
	struct ipc_msg m;

	if (z->renewing || !z->opt.renew_after || z->forks < z->opt.renew_after)
		return;
	ipc_init(&m, "renew");
	if (!ipc_send(PROGRAM_CONTROL_FD, &m))
		z->renewing = true;
	ipc_done(&m);
}

int zygote_fork(struct zygote *z, struct zygote_job *j, unsigned flags, const int *keep, size_t nkeep,
	void (*fn)(struct zygote_child *c), void *arg)
{
	struct zygote_child c = { .z = z, .job = j, .link = j->link, .peer = -1, .parent = -1,
		.conf = z->program.conf, .arg = arg };
	int pair[2] = { -1, -1 }, err = 0;
	pid_t pid;

	if (flags & ZYGOTE_PEER_LINK) {
		c.peer = z->authd >= 0 ? ipc_link_clone(z->authd) : E_CLOSED;
		if (c.peer < 0)
			err = c.peer;
	}
	if (!err && (flags & ZYGOTE_PARENT_LINK))
		err = ipc_pair(pair);
	pid = err ? err : proc_fork(false);
	if (!pid) {
		c.parent = pair[1];
		run_child(&c, keep, nkeep, fn);
	}
	if (c.peer >= 0)
		close(c.peer);
	fd_close(&pair[1]);
	if (pid > 0 && pair[0] >= 0) {
		fd_nonblock(pair[0], true);
		if (link_new(z, "child", (int)pid, pair[0]))
			pair[0] = -1;
	}
	fd_close(&pair[0]);
	if (pid > 0) {
		child_add(z, pid, j->label);
		z->forks++;
	} else {
		z->ops->failed(z, j, (int)pid);
	}
	zygote_job_free(z, j);
	maybe_renew(z);
	return pid > 0 ? 0 : (int)pid;
}

static void reap(struct zygote *z)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;
	size_t i;

	while (read(z->sigchld, &info, sizeof info) == (ssize_t)sizeof info)
		;
	while ((pid = proc_reap(&status)) > 0) {
		for (i = 0; i < z->npids && z->pid[i].pid != pid; i++)
			;
		if (i == z->npids)
			continue;
		if (z->ops->ended)
			z->ops->ended(z, z->pid[i].label, status);
		z->pid[i] = z->pid[--z->npids];
	}
}

/* --- serving --------------------------------------------------------------- */

/* One accepted connection becomes a message like all others. */
static int accept_one(struct zygote *z, struct zygote_link *l)
{
	struct zygote_link from = { .name = "listen", .fd = -1 };
	struct ipc_msg m;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return -EAGAIN;
	ipc_init(&m, "accept");
	ipc_setc(&m, "listener", l->name);
	ipc_add_fd(&m, "client", fd);
	m.owns_fds = true;
	z->ops->request(z, &from, &m);
	ipc_done(&m);
	return 0;
}

static int receive_one(struct zygote *z, struct zygote_link *l)
{
	struct ipc_msg m;
	int r = ipc_recv(l->fd, &m);

	if (!r)
		r = z->ops->request(z, l, &m);
	ipc_done(&m);
	return r;
}

static void serve_link(struct zygote *z, struct zygote_link *l)
{
	int i, r = 0;

	for (i = 0; i < BURST && !r; i++) {
		if (l->listener && zygote_load(z) >= z->opt.max_children)
			return;
		r = l->listener ? accept_one(z, l) : receive_one(z, l);
	}
	if (r < 0 && r != -EAGAIN)
		link_close(z, l);
}

static void serve_authd(struct zygote *z)
{
	int i;

	for (i = 0; i < BURST && z->authd >= 0; i++) {
		struct ipc_msg m;
		int r = ipc_recv(z->authd, &m);

		if (!r && z->ops->answer)
			r = z->ops->answer(z, &m);
		ipc_done(&m);
		if (r == -EAGAIN)
			return;
		if (r < 0)
			authd_lost(z);
	}
}

static void tell_status(struct zygote *z)
{
	if (z->told_children == z->npids || !deadline_passed(z->status_at))
		return;
	program_status(&z->program, z->npids, NULL);
	z->told_children = z->npids;
	z->status_at = deadline_in(STATUS_EVERY_MS);
}

/* Stopping: links are served until their other ends closed or the time is over;
 * what was asked before is answered in that time too. */
static void maybe_exit(struct zygote *z)
{
	size_t i;
	bool open = z->njobs > 0;

	if (!z->stopping)
		return;
	for (i = 0; i < ZYGOTE_LINKS; i++)
		open |= z->link[i].name[0] && !z->link[i].listener && !z->link[i].peer &&
			strcmp(z->link[i].name, "child");
	if (!open || deadline_passed(z->stop_at))
		exit(0);
}

static int wait_ms(struct zygote *z)
{
	size_t i;
	int ms = -1, left;

	for (i = 0; i < z->njobs; i++) {
		left = deadline_left(z->job[i]->until);
		if (left >= 0 && (ms < 0 || left < ms))
			ms = left;
	}
	if (z->stopping) {
		left = deadline_left(z->stop_at);
		ms = ms < 0 || left < ms ? left : ms;
	}
	if (z->told_children != z->npids) {
		left = deadline_left(z->status_at);
		ms = ms < 0 || left < ms ? left : ms;
	}
	left = z->ops->tick && !z->stopping ? z->ops->tick(z) : -1;
	return left >= 0 && (ms < 0 || left < ms) ? left : ms;
}

static void serve_once(struct zygote *z)
{
	struct pollfd pfd[ZYGOTE_LINKS + 3];
	struct zygote_link *of[ZYGOTE_LINKS + 3];
	size_t i, n = 3;

	pfd[0] = (struct pollfd){ .fd = PROGRAM_CONTROL_FD, .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = z->sigchld, .events = POLLIN };
	pfd[2] = (struct pollfd){ .fd = z->authd, .events = POLLIN };
	for (i = 0; i < ZYGOTE_LINKS; i++) {
		struct zygote_link *l = &z->link[i];

		if (!l->name[0])
			continue;
		if (l->listener && (z->stopping || zygote_load(z) >= z->opt.max_children))
			continue;
		of[n] = l;
		pfd[n++] = (struct pollfd){ .fd = l->fd, .events = POLLIN };
	}
	if (poll(pfd, n, wait_ms(z)) > 0) {
		if (pfd[0].revents) /* first: a new link counts for what comes behind it */
			program_dispatch(&z->program);
		if (pfd[1].revents)
			reap(z);
		if (pfd[2].revents)
			serve_authd(z);
		for (i = 3; i < n; i++)
			if (pfd[i].revents && of[i]->fd == pfd[i].fd)
				serve_link(z, of[i]);
	}
	fail_jobs(z, E_TIMEOUT, true);
	tell_status(z);
	maybe_exit(z);
}

void zygote_start(struct zygote *z, const char *name, const struct zygote_ops *ops, int argc, char **argv)
{
	memset(z, 0, sizeof *z);
	z->ops = ops;
	z->authd = z->sigchld = -1;
	z->program.data = z;
	program_start(&z->program, name, &program_ops, argc, argv);
	z->program.data = z;
}

void zygote_init(struct zygote *z, const struct zygote_options *opt)
{
	static const int signals[] = { SIGCHLD, 0 };

	z->opt = *opt;
	z->status_at = deadline_in(0);
	z->sigchld = proc_signal_fd(signals);
	BUG_ON(z->sigchld < 0);
	fd_nonblock(z->sigchld, true);
}

int zygote_listen(struct zygote *z, const char *name, int fd)
{
	struct zygote_link *l = link_new(z, name, 0, fd);

	if (!l)
		return E_LIMIT;
	l->listener = true;
	return 0;
}

/* The mail root, which plain permissions keep shut for us, is what the children's
 * keys lie beneath: they narrow it further. Nothing else stays but what the C
 * library loads. */
static int seal(struct zygote *z)
{
	struct sandbox_rule rule[SYSTEM_RULES + 2] = { { -1, SANDBOX_READ | SANDBOX_WRITE } };
	int mail = ipc_take_fd(&z->program.start, "mail"), err;
	size_t n = 1 + sandbox_system_rules(rule + 1, SYSTEM_RULES), from = mail < 0, all = n;

	rule[0].fd = mail;
	if (z->opt.folder > 0)
		rule[all++] = (struct sandbox_rule){ z->opt.folder, SANDBOX_READ | SANDBOX_WRITE };
	sandbox_log_only(z->program.conf->server_sandbox == CONF_SANDBOX_LOG);
	err = sandbox_enter(SANDBOX_ZYGOTE, rule + from, all - from, NULL);
	while (n)
		fd_close(&rule[--n].fd);
	return err;
}

void zygote_run(struct zygote *z)
{
	if (seal(z)) {
		fprintf(stderr, "mansio: %s: cannot enter the sandbox\n", z->program.name);
		exit(71);
	}
	program_ready(&z->program);
	for (;;)
		serve_once(z);
}
