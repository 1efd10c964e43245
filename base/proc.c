/* SPDX-License-Identifier: ISC
 *
 * proc.c: start-up hygiene, forked children, and their ends (proc.h).
 *
 * The title is written over the memory of argv and environ, which the kernel
 * shows as the command line: if the last byte of argv is no longer NUL it
 * reads on into environ (fs/proc/base.c, get_mm_cmdline), so a title may be as
 * long as both. The environment itself is moved away first.
 */
#include "base/proc.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

static char name_of_us[16] = "mansio"; /* as long as the kernel keeps */
static char *title_area;
static size_t title_room;

#ifdef SANITIZE
/* LeakSanitizer stops the process by ptrace, which an undumpable process in a
 * sandbox refuses: it would spin at exit. ASAN_OPTIONS turns it on again. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static void die(const char *what)
{
	fprintf(stderr, "mansio: %s: %s\n", what, err_text(-errno));
	exit(71); /* EX_OSERR */
}

void proc_init(const char *name, int keep_below)
{
	const struct rlimit none = { 0, 0 };
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			_exit(71);
	} while (fd <= STDERR_FILENO);
	close(fd);
	if (close_range((unsigned)keep_below, ~0U, 0) != 0)
		die("close_range");
	snprintf(name_of_us, sizeof name_of_us, "%s", name);
	prctl(PR_SET_NAME, name_of_us);
	umask(077);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("SIGPIPE");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		die("RLIMIT_CORE");
	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		die("PR_SET_DUMPABLE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		die("PR_SET_NO_NEW_PRIVS");
}

void proc_title_init(int argc, char **argv)
{
	char **moved, *end;
	size_t n, i;

	if (argc < 1 || title_area)
		return;
	end = argv[0];
	for (i = 0; i < (size_t)argc; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	for (n = 0; environ[n]; n++)
		if (environ[n] == end)
			end += strlen(environ[n]) + 1;
	moved = mem_alloc(n + 1, sizeof *moved);
	for (i = 0; i < n; i++)
		moved[i] = mem_strdup(environ[i]);
	environ = moved;
	/* the arguments were read by now: nobody keeps pointers into argv */
	for (i = 1; i < (size_t)argc; i++)
		argv[i] = NULL;
	title_area = argv[0];
	title_room = (size_t)(end - argv[0]);
}

void proc_title(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	size_t n, i;

	if (!title_area || title_room < 2)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* names come from outside: no control character may reach a terminal */
	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	snprintf(title_area, title_room, "mansio: %s", text);
	n = strlen(title_area);
	memset(title_area + n, 0, title_room - n);
}

const char *proc_name(void)
{
	return name_of_us;
}

pid_t proc_fork(bool with_parent)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid > 0 ? pid : -errno;
	if (with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
			_exit(71);
		if (getppid() != parent) /* it died before the signal was armed */
			_exit(0);
	}
	proc_title("%s", name_of_us);
	return 0;
}

pid_t proc_reap(int *status_out)
{
	pid_t pid;

	do {
		pid = waitpid(-1, status_out, WNOHANG);
	} while (pid < 0 && errno == EINTR);
	return pid > 0 ? pid : 0;
}

const char *proc_status_text(int status)
{
	static char text[80];
	const char *name;

	if (WIFEXITED(status)) {
		snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		name = sigdescr_np(WTERMSIG(status));
		snprintf(text, sizeof text, "signal %d (%s)", WTERMSIG(status), name ? name : "?");
	} else {
		snprintf(text, sizeof text, "status 0x%x", (unsigned)status);
	}
	return text;
}

int proc_signal_fd(const int *signals)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

uint64_t proc_cpu_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- a throwaway child ------------------------------------------------------ */

#define NOBODY 65534

int proc_drop_rights(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

pid_t proc_piped(int *fd_out)
{
	int pair[2], err;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	err = errno;
	close(pair[pid == 0 ? 0 : 1]);
	if (pid < 0) {
		close(pair[0]);
		return -err;
	}
	*fd_out = pair[pid == 0 ? 1 : 0];
	return pid;
}

int proc_collect(pid_t pid, int fd, int64_t ms, struct buf *out)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	deadline d = deadline_in(ms);
	int status = -1;
	char part[4096];
	ssize_t got;

	if (pid <= 0)
		return -1;
	while (!deadline_passed(d) && poll(&pfd, 1, deadline_left(d)) > 0) {
		got = read(fd, part, sizeof(part));
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		if (got > 0)
			buf_add(out, part, (size_t)got);
	}
	close(fd);
	if (deadline_passed(d))
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
