/* SPDX-License-Identifier: ISC
 *
 * pamd.c: the users of this system for authd: a process in group shadow, that runs only where [auth] directory names pam.
 *
 *   authd --link--> desk[i].fd --question comes--> desk process (pam_desk.c) --check--> a child for PAM
 *
 * Each worker of authd has a link of its own, and asks one thing at a time: so many checks run at once as there are
 * workers, and no more. This process keeps the end of every link: a desk that hangs in a table of the network, or dies,
 * is replaced at the next question, and its worker sees a question without an answer, no more.
 *
 * No Landlock here, and seccomp only against what no module of PAM needs (sandbox_deny): the rest is its own business. So: a user that owns nothing and
 * may read no mail, no capabilities, no new privileges (helpers with the set-uid bit gain nothing: pam_unix and its
 * unix_chkpwd read /etc/shadow by the group), and no byte of a stranger but a name that fits system_user_name and a
 * password, which is never parsed.
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/pam_desk.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox.h"
#include "conf/program.h"
#include "net/ipc.h"

#define DESKS 256 /* [auth] workers and one more, and those of an authd that has just died */
#define BRAKE_MS 200 /* after a fork that failed */

struct pamd {
	struct program program;
	int authd, sigchld;
	struct {
		int fd;
		pid_t pid; /* 0: nobody sits there until something is asked */
	} desk[DESKS];
	size_t n;
};
static struct pamd pamd = { .authd = -1 };

static void desk_remove(struct pamd *d, size_t i)
{
	close(d->desk[i].fd);
	d->desk[i] = d->desk[--d->n];
}

static void desk_fork(struct pamd *d, size_t i)
{
	pid_t pid = proc_fork(true);
	sigset_t none;
	size_t k;

	if (pid == 0) {
		close(d->program.control);
		close(d->sigchld);
		fd_close(&d->authd);
		for (k = 0; k < d->n; k++)
			if (k != i)
				close(d->desk[k].fd);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		pam_desk(d->program.conf, d->desk[i].fd);
	}
	if (pid < 0)
		poll(NULL, 0, BRAKE_MS);
	else
		d->desk[i].pid = pid;
}

static void reap(struct pamd *d)
{
	char drain[1024];
	int status;
	size_t i;
	pid_t pid;

	while (read(d->sigchld, drain, sizeof(drain)) > 0)
		;
	while ((pid = proc_reap(&status)) > 0) {
		for (i = 0; i < d->n && d->desk[i].pid != pid; i++)
			;
		if (i == d->n)
			continue;
		d->desk[i].pid = 0;
		if (WIFEXITED(status))
			desk_remove(d, i);
		else
			fprintf(stderr, "mansio pamd: a question about a user was not answered: %s\n", proc_status_text(status));
	}
}

/* authd's workers that are new. */
static void authd_readable(struct pamd *d)
{
	struct ipc_msg m;
	int r, fd;

	while ((r = ipc_try_recv(d->authd, &m)) == 0) {
		fd = ipc_is(&m, "link") ? ipc_take_fd(&m, "link") : -1;
		if (fd >= 0 && d->n < DESKS) {
			d->desk[d->n].fd = fd;
			d->desk[d->n++].pid = 0;
		} else {
			fd_close(&fd);
		}
		ipc_done(&m);
	}
	ipc_done(&m);
	if (r != -EAGAIN && r != -EINTR)
		fd_close(&d->authd);
}

static void on_client(struct program *p, const char *name, int instance, int fd)
{
	struct pamd *d = p->data;

	(void)instance;
	if (strcmp(name, "authd") != 0) {
		close(fd);
		return;
	}
	fd_close(&d->authd);
	d->authd = fd;
}

static NORETURN void serve(struct pamd *d)
{
	struct pollfd p[3 + DESKS];
	size_t n, i;

	for (;;) {
		p[0] = (struct pollfd){ .fd = d->program.control, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = d->sigchld, .events = POLLIN };
		p[2] = (struct pollfd){ .fd = d->authd, .events = POLLIN };
		n = d->n;
		for (i = 0; i < n; i++)
			p[3 + i] = (struct pollfd){ .fd = d->desk[i].pid ? -1 : d->desk[i].fd, .events = POLLIN };
		if (poll(p, 3 + n, -1) < 0)
			continue;
		for (i = 0; i < n; i++)
			if (p[3 + i].revents)
				desk_fork(d, i);
		if (p[1].revents)
			reap(d);
		if (p[2].revents)
			authd_readable(d);
		if (p[0].revents)
			program_dispatch(&d->program);
	}
}

int main(int argc, char **argv)
{
	static const struct program_ops ops = { .client = on_client };
	static const int signals[] = { SIGCHLD, 0 };
	struct pamd *d = &pamd;
	int r;

	program_start(&d->program, "pamd", &ops, argc, argv);
	d->program.data = d;
	d->sigchld = proc_signal_fd(signals);
	if (d->sigchld < 0) {
		fprintf(stderr, "mansio pamd: signals: %s\n", err_text(d->sigchld));
		return EX_OSERR;
	}
	r = sandbox_deny();
	if (r < 0) {
		fprintf(stderr, "mansio pamd: seccomp: %s\n", err_text(r));
		return EX_OSERR;
	}
	program_ready(&d->program);
	serve(d);
}
