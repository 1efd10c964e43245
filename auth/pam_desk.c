/* SPDX-License-Identifier: ISC
 *
 * pam_desk.c: see pam_desk.h.
 *
 *   "user"  -> getpwnam here, under an alarm: tables of the network may hang
 *   "check" -> getpwnam here, then a child for PAM alone, which is killed with all that it left running
 *
 * Always true: who reaches PAM has a name that fits, exists, and is in the range, the group and with the shell that the
 * settings say, and brings a password that is not empty. All others are answered after the time that the last wrong
 * password of a user took, before the first one of these after a hash, so that time does not tell who exists (C16).
 */
#include "auth/pam_desk.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "auth/pam_check.h"
#include "auth/system_user.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "net/ipc.h"

#define GROUPS_MAX 65536 /* of one user, as the kernel has it */
#define ORPHAN_ROUNDS 100 /* of killing children whose children then are ours */
#define TABLE_ROW 65536 /* bytes of a row of passwd or group that are read */

struct desk {
	const struct conf *conf;
	int link, children; /* of this process: their list in /proc */
	int64_t wrong_us; /* how long the last wrong password of somebody took; 0: there was none yet */
	struct passwd user;
	char row[TABLE_ROW];
	char why[PAM_WHY_MAX]; /* what the administrator has to know of this answer; "": nothing */
};

/* --- who is a user ------------------------------------------------------------------- */

static bool may_have_shell(const struct passwd *pw)
{
	const char *name = strrchr(pw->pw_shell, '/');

	name = name ? name + 1 : pw->pw_shell;
	return strcmp(name, "nologin") != 0 && strcmp(name, "false") != 0;
}

/* 1, 0, or E_TEMP: the group cannot be looked up, which makes nobody unknown. */
static int in_group(const char *name, const struct passwd *pw, char why[PAM_WHY_MAX])
{
	struct group *gr = getgrnam(name);
	gid_t gid, *list;
	int n = GROUPS_MAX, i, found = 0;

	if (!gr) {
		snprintf(why, PAM_WHY_MAX, "there is no group %s, which [pam] group names", name);
		return E_TEMP;
	}
	gid = gr->gr_gid;
	if (pw->pw_gid == gid)
		return 1;
	list = mem_alloc(GROUPS_MAX, sizeof(*list));
	if (getgrouplist(pw->pw_name, pw->pw_gid, list, &n) < 0)
		n = 0;
	for (i = 0; i < n; i++)
		found |= list[i] == gid;
	free(list);
	return found;
}

/* 0 and d->user, E_NOTFOUND, or E_TEMP. */
static int find(struct desk *d, struct str name)
{
	const struct conf *c = d->conf;
	char text[SYSTEM_USER_MAX + 1];
	struct passwd *found = NULL;
	int r;

	if (!system_user_name(name))
		return E_NOTFOUND;
	snprintf(text, sizeof(text), "%.*s", STRF(name));
	r = getpwnam_r(text, &d->user, d->row, sizeof(d->row), &found);
	if (!found) /* what getpwnam(3) lists as "not found" in spite of an error, and nothing more */
		return r == 0 || r == ENOENT || r == ESRCH ? E_NOTFOUND : E_TEMP;
	if (strcmp(found->pw_name, text) != 0 || found->pw_uid < c->pam_min_uid || found->pw_uid > c->pam_max_uid ||
		(c->pam_login_shell && !may_have_shell(found)))
		return E_NOTFOUND;
	if (c->pam_group.n == 0)
		return 0;
	r = in_group(c->pam_group.p, found, d->why);
	return r == 1 ? 0 : r == 0 ? E_NOTFOUND : r;
}

static int find_in_time(struct desk *d, struct str name)
{
	int r;

	alarm((unsigned)(d->conf->pam_timeout + 999) / 1000);
	r = find(d, name);
	alarm(0);
	return r;
}

/* gecos up to the first comma, if it is text. */
static struct str words_of(const struct passwd *pw)
{
	struct str rest = str_of(pw->pw_gecos ? pw->pw_gecos : ""), name = str_cut(&rest, ',');

	return str_is_utf8(name) && !str_has_ctl(name) ? name : STR("");
}

static void answer_user(struct desk *d, const struct ipc_msg *q, struct ipc_msg *out)
{
	int r = find_in_time(d, ipc_get(q, "name"));

	ipc_setc(out, "result", r == 0 ? "ok" : r == E_NOTFOUND ? "unknown" : "temp");
	if (r == 0)
		ipc_set(out, "words", words_of(&d->user));
}

/* --- passwords ------------------------------------------------------------------------ */

static NORETURN void check_child(const struct desk *d, bool known, const char *password, int out)
{
	char said[1 + PAM_WHY_MAX] = "";
	sigset_t none;

	close(d->link);
	close(d->children);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	said[0] = (char)(known ? pam_check(d->conf->pam_service.p, d->user.pw_name, password, said + 1) : pam_check_nobody(password));
	_exit(write(out, said, sizeof(said)) == (ssize_t)sizeof(said) ? 0 : 1);
}

/* What the child writes, a byte and perhaps why, in time; else DOWN. */
static enum pam_verdict wait_for(struct desk *d, int fd, deadline until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char said[1 + PAM_WHY_MAX];
	int n;

	do {
		n = poll(&p, 1, deadline_left(until));
	} while (n < 0 && errno == EINTR && !deadline_passed(until));
	if (n <= 0)
		snprintf(d->why, sizeof(d->why), "a check took longer than [pam] timeout and was ended");
	if (n <= 0 || read(fd, said, sizeof(said)) != (ssize_t)sizeof(said)) /* less than PIPE_BUF: all or nothing */
		return PAM_CHECK_DOWN;
	snprintf(d->why, sizeof(d->why), "%.*s", PAM_WHY_MAX - 1, said + 1);
	return said[0] == PAM_CHECK_GOOD || said[0] == PAM_CHECK_WRONG ? (enum pam_verdict)said[0] : PAM_CHECK_DOWN;
}

/* What a module left running, in whatever session, is a child of ours once its parent is gone (subreaper). */
static void end_orphans(const struct desk *d)
{
	char text[4096];
	struct str list, one;
	uint64_t pid;
	ssize_t n;
	int round;

	for (round = 0; round < ORPHAN_ROUNDS; round++) {
		n = pread(d->children, text, sizeof(text), 0);
		if (n <= 0)
			return;
		for (list = str_make(text, (size_t)n); list.p;) {
			one = str_cut(&list, ' ');
			if (str_u64(one, INT32_MAX, &pid) < 0 || pid < 2)
				continue;
			kill((pid_t)pid, SIGKILL);
			while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
				;
		}
	}
}

/* In a child; it and all that it started end with the answer. */
static enum pam_verdict check_apart(struct desk *d, bool known, const char *password, deadline until)
{
	enum pam_verdict v;
	int pair[2];
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return PAM_CHECK_DOWN;
	pid = proc_fork(true);
	if (pid == 0) {
		close(pair[0]);
		check_child(d, known, password, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return PAM_CHECK_DOWN;
	}
	v = wait_for(d, pair[0], until);
	close(pair[0]);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	end_orphans(d);
	return v;
}

/* For all who do not reach PAM: as long as it would take. */
static enum pam_verdict check_nobody(struct desk *d, const char *password, int64_t began, deadline until)
{
	int64_t left = began + d->wrong_us - clock_mono_us();
	struct timespec t = { .tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000 };

	if (d->wrong_us == 0)
		return check_apart(d, false, password, until);
	if (left > 0)
		nanosleep(&t, NULL);
	return PAM_CHECK_WRONG;
}

static void answer_check(struct desk *d, const struct ipc_msg *q, struct ipc_msg *out)
{
	struct str password = ipc_get(q, "password");
	char text[SYSTEM_USER_PASSWORD_MAX + 1];
	bool fits = password.n > 0 && password.n <= SYSTEM_USER_PASSWORD_MAX && str_find(password, '\0') < 0;
	deadline until = deadline_in(d->conf->pam_timeout);
	int64_t began = clock_mono_us();
	enum pam_verdict v;
	int r = find_in_time(d, ipc_get(q, "name"));

	if (r == E_TEMP) {
		ipc_setc(out, "result", "temp");
		return;
	}
	if (!fits)
		password = STR("-");
	snprintf(text, sizeof(text), "%.*s", STRF(password));
	v = r == 0 && fits ? check_apart(d, true, text, until) : check_nobody(d, text, began, until);
	explicit_bzero(text, sizeof(text));
	if (r == 0 && fits && v == PAM_CHECK_WRONG)
		d->wrong_us = clock_mono_us() - began;
	ipc_setc(out, "result", v == PAM_CHECK_GOOD ? "ok" : v == PAM_CHECK_WRONG ? "denied" : "temp");
}

/* --- the desk --------------------------------------------------------------------------- */

static int serve(struct desk *d, const struct ipc_msg *q)
{
	struct ipc_msg out;
	int r;

	ipc_init(&out, "answer");
	ipc_set(&out, "id", ipc_get(q, "id"));
	d->why[0] = '\0';
	if (ipc_is(q, "user"))
		answer_user(d, q, &out);
	else if (ipc_is(q, "check"))
		answer_check(d, q, &out);
	else
		ipc_setc(&out, "result", "temp");
	if (d->why[0])
		ipc_setc(&out, "why", d->why);
	r = ipc_send(d->link, &out);
	ipc_done(&out);
	return r;
}

NORETURN void pam_desk(const struct conf *conf, int link)
{
	struct desk *d = mem_alloc(1, sizeof(*d));
	struct ipc_msg q;
	int r;

	proc_title("pamd desk");
	signal(SIGALRM, SIG_DFL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		_exit(EX_OSERR);
	snprintf(d->row, sizeof(d->row), "/proc/self/task/%d/children", (int)getpid());
	d->children = open(d->row, O_RDONLY | O_CLOEXEC);
	d->conf = conf;
	d->link = link;
	do {
		r = ipc_recv(link, &q);
		if (r == 0)
			r = serve(d, &q);
		ipc_done(&q);
	} while (r == 0 || r == -EINTR || r == -EAGAIN);
	_exit(0); /* the worker is gone, or breaks the rules: it gets another link if it comes back */
}
