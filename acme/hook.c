/* SPDX-License-Identifier: ISC
 *
 * hook.c: runs the admin's program for dns-01: PROGRAM set|clear NAME VALUE.
 *
 * A process of its own, made before acmed's sandbox, for a program of the admin's may do
 * anything that user _acme may. Only acmed and its order can ask it, and all that they can ask for
 * is this one program with these three arguments, each checked: no shell, no environment but PATH,
 * no descriptor but a pipe for its words.
 */
#include "acme/acmed.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"

#define LINK 3
#define WORDS 400

/* Letters, digits and these: nothing that a shell would read as more than a word. */
static bool plain(struct str s, const char *more)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
			!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] && strchr(more, s.p[i])))
			return false;
	return s.n > 0 && s.n < 300;
}

static NORETURN void exec_hook(const char *program, char *what, char *name, char *value, int out)
{
	char *argv[] = { (char *)(uintptr_t)program, what, name, value, NULL };
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", *env[] = { path, NULL };

	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	syscall(SYS_close_range, LINK, ~0U, 0);
	execve(program, argv, env);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* What it says is kept as far as there is room; it is killed, with its children, when its time is over. */
static int wait_for(pid_t pid, int in, int64_t ms, struct buf *words)
{
	struct pollfd pfd = { in, POLLIN, 0 };
	deadline d = deadline_in(ms);
	int status = -1;
	char part[512];
	ssize_t n = 1;

	while (n > 0 && poll(&pfd, 1, deadline_left(d)) > 0) {
		n = read(in, part, sizeof part);
		if (n > 0 && words->n < WORDS)
			buf_add(words, part, MIN((size_t)n, WORDS - words->n));
	}
	while (!deadline_passed(d) && waitpid(pid, &status, WNOHANG) == 0)
		poll(NULL, 0, 5);
	if (status == -1) {
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		buf_reset(words);
		buf_puts(words, "it did not end in time");
		return -1;
	}
	return status;
}

static void run(const char *program, int64_t ms, struct ipc_msg *m, struct ipc_msg *answer)
{
	struct str what = ipc_get(m, "what"), name = ipc_get(m, "name"), value = ipc_get(m, "value");
	struct arena *a = &m->arena;
	struct buf words;
	int pair[2], status;
	pid_t pid;
	size_t i;

	/* the value is a digest in base64url (RFC 8555 8.4): any of its letters may be the first, '-' too */
	if ((!str_eqc(what, "set") && !str_eqc(what, "clear")) || !plain(name, "._-") || !plain(value, "_-") ||
		pipe2(pair, O_CLOEXEC) < 0) {
		ipc_setc(answer, "words", "it was not started");
		return;
	}
	pid = fork();
	if (pid == 0)
		exec_hook(program, arena_cstr(a, what), arena_cstr(a, name), arena_cstr(a, value), pair[1]);
	close(pair[1]);
	buf_init(&words, WORDS + 64);
	status = pid > 0 ? wait_for(pid, pair[0], ms, &words) : -1;
	close(pair[0]);
	for (i = 0; i < words.n; i++)
		if (words.p[i] < ' ' || words.p[i] > '~')
			words.p[i] = ' ';
	ipc_set_bool(answer, "good", status == 0);
	if (status > 0 && words.n == 0)
		buf_puts(&words, proc_status_text(status));
	ipc_set(answer, "words", str_trim(buf_view(&words)));
	buf_done(&words);
}

static NORETURN void serve(const char *program, int64_t ms)
{
	struct ipc_msg m, answer;
	int r;

	for (;;) {
		r = ipc_recv_until(LINK, &m, DEADLINE_NEVER);
		if (r == 0 && ipc_is(&m, "hook")) {
			ipc_init(&answer, "ok");
			ipc_set(&answer, "id", ipc_get(&m, "id"));
			run(program, ms, &m, &answer);
			ipc_send(LINK, &answer);
			ipc_done(&answer);
		}
		ipc_done(&m);
		if (r < 0 && r != -EINTR && r != -EAGAIN)
			_exit(0);
	}
}

int hook_start(const char *program, int64_t ms)
{
	int pair[2], r = ipc_pair(pair);
	pid_t pid;

	if (r < 0)
		return r;
	pid = proc_fork(true);
	if (pid == 0) {
		if (dup2(pair[1], LINK) < 0)
			_exit(1);
		syscall(SYS_close_range, LINK + 1, ~0U, 0);
		fcntl(LINK, F_SETFD, FD_CLOEXEC);
		proc_title("acmed hook");
		serve(program, ms);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return (int)pid;
	}
	return pair[0];
}
