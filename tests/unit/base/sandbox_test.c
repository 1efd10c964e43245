/* SPDX-License-Identifier: ISC
 *
 * sandbox_test.c: each profile, entered in a forked child: what it needs
 * works, what it may not do is refused or ends it (S11). In the sanitizer
 * build the filter only logs, so there the refusals are not asserted.
 */
#include "base/sandbox.h"

#include <fcntl.h>
#include <iconv.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/sandbox_filter.h"

#ifdef SANITIZE
static const bool strict = false;
#else
static const bool strict = true;
#endif

static int home = -1; /* the one folder that file profiles may touch */
static char home_path[] = "/tmp/mansio-sandbox-XXXXXX";

/* Exit code of a child: the line that failed, so that a red test says where. */
#define NEED(cond)                              \
	do {                                    \
		if (!(cond))                    \
			_exit(__LINE__ & 0xff); \
	} while (0)

/* Runs fn in a child in profile p; its wait status. */
static int inside(enum sandbox_profile p, void (*fn)(void))
{
	struct sandbox_rule rules[16] = { { home, SANDBOX_READ | SANDBOX_WRITE } };
	size_t n = 1 + sandbox_system_rules(rules + 1, ARRAY_LEN(rules) - 1);
	bool landlock;
	int status;
	pid_t pid;

	assert_int_equal(sandbox_prepare(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool files = p != SANDBOX_FRONT && p != SANDBOX_SMTPD && p != SANDBOX_SENDER &&
			p != SANDBOX_WEBADMIND;

		if (sandbox_enter(p, rules, files ? n : 0, &landlock) != 0)
			_exit(250);
		NEED(landlock);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (n > 1)
		close(rules[--n].fd);
	return status;
}

static void works(enum sandbox_profile p, void (*fn)(void))
{
	int status = inside(p, fn);

	if (status)
		fail_msg("%s: %s", sandbox_profile_name(p), proc_status_text(status));
}

static void kills(enum sandbox_profile p, void (*fn)(void))
{
	int status;

	if (!strict)
		return;
	status = inside(p, fn);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("%s: %s", sandbox_profile_name(p), proc_status_text(status));
}

/* ---- what everybody does ---- */

static void ordinary(void)
{
	struct timespec brief = { .tv_nsec = 1000 };
	struct rlimit cpu;
	char *p = malloc(4 << 20), text[64];
	time_t now = time(NULL);
	struct tm tm;
	int fds[2], ep;

	NEED(p);
	memset(p, 1, 4 << 20);
	p = realloc(p, 16 << 20);
	NEED(p);
	free(p);
	NEED(pipe2(fds, O_CLOEXEC) == 0 && write(fds[1], "x", 1) == 1 && read(fds[0], text, 1) == 1);
	ep = epoll_create1(EPOLL_CLOEXEC);
	NEED(ep >= 0 && fd_nonblock(fds[0], true) == 0);
	NEED(nanosleep(&brief, NULL) == 0 && gmtime_r(&now, &tm) && localtime_r(&now, &tm));
	NEED(strftime(text, sizeof text, "%a, %d %b %Y", &tm) > 0);
	NEED(getpid() > 0 && getuid() == geteuid() && prctl(PR_SET_NAME, "renamed") == 0);
	NEED(!isatty(fds[0]) && getrlimit(RLIMIT_CPU, &cpu) == 0);
	printf("%s", "");
	fflush(stdout);
}

static void test_ordinary_life(void **state)
{
	(void)state;
	for (int p = 0; p < SANDBOX_NPROFILES; p++)
		works((enum sandbox_profile)p, ordinary);
}

/* ---- what nobody may ---- */

static void do_exec(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };

	execve("/bin/true", argv, envp);
}

static void do_exec_fd(void)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };

	syscall(SYS_execveat, 0, "", argv, envp, AT_EMPTY_PATH);
}

static void do_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void do_kill(void)
{
	kill(getppid(), 0);
}

static void do_tkill(void)
{
	syscall(SYS_tkill, getppid(), 0);
}

static void do_pidfd(void)
{
	syscall(SYS_pidfd_open, getppid(), 0);
}

static void do_io_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void do_bpf(void)
{
	syscall(SYS_bpf, 0, NULL, 0);
}

static void do_unshare(void)
{
	syscall(SYS_unshare, CLONE_FILES);
}

static void do_vm_readv(void)
{
	syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

/* signals without kill(2) */
static void do_setown(void)
{
	fcntl(0, F_SETOWN, getppid());
}

static void do_setsig(void)
{
	fcntl(0, 10 /* F_SETSIG */, SIGKILL);
}

static void do_write_exec(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_make_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void do_namespace(void)
{
	syscall(SYS_clone, 0x10000000 /* CLONE_NEWUSER */ | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void do_setuid(void)
{
	syscall(SYS_setuid, 0);
}

static void do_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 1);
}

static void do_foreign_limit(void)
{
	struct rlimit r;

	syscall(SYS_prlimit64, getppid(), RLIMIT_CPU, NULL, &r);
}

static void test_nobody_may(void **state)
{
	static void (*const what[])(void) = { do_exec, do_exec_fd, do_ptrace, do_kill, do_tkill,
		do_pidfd, do_io_uring, do_bpf, do_unshare, do_vm_readv, do_setown, do_setsig,
		do_write_exec, do_make_exec, do_namespace, do_setuid, do_dumpable, do_foreign_limit };

	(void)state;
	for (int p = 0; p < SANDBOX_NPROFILES; p++)
		for (size_t i = 0; i < ARRAY_LEN(what); i++)
			kills((enum sandbox_profile)p, what[i]);
}

static void seen(int sig)
{
	_exit(sig);
}

static void aborts(void)
{
	NEED(syscall(SYS_tgkill, getppid(), getppid(), SIGKILL) < 0 && errno == EPERM);
	signal(SIGSEGV, seen);
	abort();
}

static void test_abort_reaches_a_handler(void **state)
{
	int status;

	(void)state;
	if (!strict)
		return;
	status = inside(SANDBOX_STORE, aborts);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SIGSEGV);
}

static void do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	NEED(pid > 0 && waitpid(pid, NULL, 0) == pid);
}

static void test_only_zygotes_fork(void **state)
{
	(void)state;
	works(SANDBOX_ZYGOTE, do_fork);
	works(SANDBOX_AUTH_ZYGOTE, do_fork);
	kills(SANDBOX_AUTHD, do_fork);
	kills(SANDBOX_FRONT, do_fork);
	kills(SANDBOX_AUTH_WORKER, do_fork);
	kills(SANDBOX_SMTPD, do_fork);
	kills(SANDBOX_STORE, do_fork);
	kills(SANDBOX_TRACED, do_fork);
	kills(SANDBOX_QUEUED, do_fork);
	kills(SANDBOX_SENDER, do_fork);
	kills(SANDBOX_RESOLVER, do_fork);
	works(SANDBOX_CHECK, do_fork);
}

/* ---- files ---- */

static void no_files(void)
{
	NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	NEED(file_open(home, "x", O_RDWR | O_CREAT, 0600) == -EACCES);
	NEED(access("/etc/passwd", R_OK) < 0 && errno == EACCES);
}

static void own_files(void)
{
	struct buf b;
	int fd, lock;
	char *map;

	NEED(file_replace(home, "a", STR("one"), 0600) == 0);
	buf_init(&b, 100);
	NEED(file_load(home, "a", &b) == 0 && str_eqc(buf_view(&b), "one"));
	buf_done(&b);
	NEED(file_mkdir(home, "sub", 0700) == 0);
	fd = file_tmp(home, "sub", 0600);
	NEED(fd >= 0 && file_write_all(fd, "two", 3) == 0 && file_fsync(fd) == 0);
	NEED(file_link(fd, home, "b") == 0 && file_link(fd, home, "b") == E_EXISTS);
	NEED(file_rename(home, "b", "sub/b") == 0 && file_fsync_dir(home, ".") == 0);
	lock = file_open_dir(home, ".");
	NEED(lock >= 0 && file_lock(lock, true, 0) == 0);
	file_unlock(lock);
	NEED(ftruncate(fd, 8192) == 0);
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(map != MAP_FAILED);
	map[4096] = 'x';
	NEED(msync(map, 8192, MS_SYNC) == 0 && munmap(map, 8192) == 0);
	NEED(fcntl(fd, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET }) == 0);
	NEED(file_unlink(home, "sub/b") == 0 && file_unlink(home, "a") == 0);
	NEED(unlinkat(home, "sub", AT_REMOVEDIR) == 0 && fchdir(home) == 0);
	NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	NEED(open("/tmp", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	NEED(mkdir("/tmp/mansio-escaped", 0700) < 0 && errno == EACCES);
}

static void converts(void)
{
	iconv_t cd = iconv_open("UTF-8", "ISO-2022-JP");
	char in[] = "\x1b$B4A\x1b(B", out[16], *i = in, *o = out;
	size_t left = sizeof in - 1, room = sizeof out;

	NEED(cd != (iconv_t)-1 && iconv(cd, &i, &left, &o, &room) == 0);
	NEED(iconv_close(cd) == 0);
}

static void test_files(void **state)
{
	(void)state;
	if (strict) {
		works(SANDBOX_FRONT, no_files);
		works(SANDBOX_SMTPD, no_files);
		works(SANDBOX_SENDER, no_files);
	}
	works(SANDBOX_AUTHD, own_files);
	works(SANDBOX_AUTH_WORKER, own_files);
	works(SANDBOX_STORE, own_files);
	works(SANDBOX_TRACED, own_files);
	works(SANDBOX_QUEUED, own_files);
	works(SANDBOX_STORE, converts);
}

static void inet(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	NEED(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
}

/* TCP and nothing else; what resolvers try is refused, not death. */
static void tcp_alone(void)
{
	inet();
	NEED(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 && errno == EACCES);
	NEED(socket(AF_INET6, SOCK_DGRAM, 0) < 0 && errno == EACCES);
	NEED(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EACCES);
	NEED(socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EACCES);
}

/* As a room runs: a mailbox process that is nobody, undumpable, and publishes by
 * a link, under a zygote's filter and its own. */
static void room(void)
{
	struct sandbox_rule rule = { home, SANDBOX_READ | SANDBOX_WRITE };
	bool landlock = false;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		NEED(sandbox_enter(SANDBOX_STORE, &rule, 1, &landlock) == 0 && landlock);
		own_files();
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 251);
}

static void test_a_room_under_its_zygote(void **state)
{
	struct sandbox_rule rule = { home, SANDBOX_READ | SANDBOX_WRITE };
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(sandbox_prepare(SANDBOX_STORE), 0);
	assert_int_equal(sandbox_prepare(SANDBOX_ZYGOTE), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0) {
			NEED(fchmodat(home, ".", 0777, 0) == 0);
			NEED(setgid(65534) == 0 && setuid(65534) == 0);
		}
		NEED(prctl(PR_SET_DUMPABLE, 0) == 0);
		NEED(sandbox_enter(SANDBOX_ZYGOTE, &rule, 1, NULL) == 0);
		NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
		room();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void reads_only(void)
{
	NEED(faccessat(home, "kept", R_OK, 0) == 0);
	NEED(file_open(home, "kept", O_RDONLY, 0) >= 0);
	NEED(file_open(home, "kept", O_RDWR, 0) == -EACCES);
	NEED(file_open(home, "new", O_RDWR | O_CREAT, 0600) == -EACCES);
	NEED(file_unlink(home, "kept") == -EACCES);
}

static void test_a_worker_under_its_zygote(void **state)
{
	struct sandbox_rule rule = { home, SANDBOX_READ | SANDBOX_WRITE };
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		NEED(sandbox_prepare(SANDBOX_AUTH_WORKER) == 0);
		NEED(sandbox_enter(SANDBOX_AUTH_ZYGOTE, &rule, 1, NULL) == 0);
		pid = fork();
		if (pid == 0) {
			NEED(sandbox_enter(SANDBOX_AUTH_WORKER, &rule, 1, NULL) == 0);
			own_files();
			inet();
			_exit(0);
		}
		NEED(waitpid(pid, &status, 0) == pid);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 251);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_read_only_rule(void **state)
{
	struct sandbox_rule rule = { home, SANDBOX_READ };
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(file_replace(home, "kept", STR("x"), 0600), 0);
	pid = fork();
	if (pid == 0) {
		NEED(sandbox_enter(SANDBOX_STORE, &rule, 1, NULL) == 0);
		reads_only();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(file_unlink(home, "kept"), 0);
}

/* ---- code of others: modules of PAM ---- */

static void denied(void)
{
	NEED(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
	NEED(syscall(SYS_unshare, CLONE_NEWUSER) < 0 && errno == EPERM);
	NEED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM);
	NEED(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
	NEED(syscall(SYS_mount, "", "/", "", 0, NULL) < 0 && errno == EPERM);
	NEED(syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EPERM);
	NEED(syscall(SYS_keyctl, 0, 0) < 0 && errno == ENOSYS);
	NEED(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT);
	NEED(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT);
}

static void test_code_of_others(void **state)
{
	int status;
	pid_t pid = fork(), child;

	(void)state;
	if (pid == 0) {
		NEED(sandbox_deny() == 0);
		if (strict)
			denied();
		NEED(socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socket(AF_INET, SOCK_DGRAM, 0) >= 0 && socket(AF_INET6, SOCK_STREAM, 0) >= 0);
		NEED(open("/etc/passwd", O_RDONLY) >= 0);
		child = fork(); /* and a helper has the same */
		if (child == 0) {
			execl("/bin/sh", "sh", "-c", "grep -q '^Seccomp:.*2$' /proc/self/status && echo x | cat >/dev/null", (char *)NULL);
			_exit(127);
		}
		NEED(waitpid(child, &status, 0) == child && status == 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("%s", proc_status_text(status));
}

/* ---- sockets ---- */

static void no_socket(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };

	NEED(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EACCES);
	NEED(socket(AF_UNIX, SOCK_DGRAM, 0) < 0 && errno == EACCES);
	NEED(connect(0, (struct sockaddr *)&un, sizeof un) < 0 && errno == EACCES);
}

static void no_pair(void)
{
	int sv[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0 && errno == EACCES);
}

static void pair(void)
{
	int sv[2], size = 65536;

	NEED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0);
	NEED(setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
	NEED(send(sv[0], "x", 1, MSG_NOSIGNAL) == 1 && shutdown(sv[0], SHUT_RDWR) == 0);
}

static void unix_socket(void)
{
	NEED(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
}

static void attach_filter(void)
{
	setsockopt(0, SOL_SOCKET, SO_ATTACH_FILTER, NULL, 0);
}

static bool port_rules; /* the kernel has them */

/* Ports that were named, and no other (Landlock, if the kernel has it). */
static void named_ports(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	NEED(fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in) < 0 && errno == ECONNREFUSED);
	in.sin_port = htons(2);
	NEED(connect(fd, (struct sockaddr *)&in, sizeof in) < 0 && (errno == EACCES || !port_rules));
}

static void raw(void)
{
	socket(AF_PACKET, SOCK_RAW, 0);
}

static void test_sockets(void **state)
{
	static const enum sandbox_profile none[] = { SANDBOX_FRONT, SANDBOX_AUTHD, SANDBOX_SMTPD,
		SANDBOX_STORE, SANDBOX_TRACED };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none) && strict; i++)
		works(none[i], no_socket);
	if (strict)
		works(SANDBOX_STORE, no_pair);
	works(SANDBOX_FRONT, pair);
	works(SANDBOX_SMTPD, pair);
	works(SANDBOX_AUTHD, pair);
	works(SANDBOX_ZYGOTE, pair);
	works(SANDBOX_ZYGOTE, unix_socket);
	works(SANDBOX_AUTH_WORKER, unix_socket);
	works(SANDBOX_AUTH_WORKER, inet);
	if (strict)
		works(SANDBOX_AUTH_LOCAL, no_socket);
	works(SANDBOX_AUTH_ZYGOTE, inet);
	works(SANDBOX_RESOLVER, inet);
	if (strict)
		works(SANDBOX_SENDER, tcp_alone);
	if (strict)
		works(SANDBOX_CHECK, tcp_alone);
	port_rules = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4;
	sandbox_connect_ports((uint16_t[]){ 1 }, 1);
	works(SANDBOX_RESOLVER, named_ports);
	works(SANDBOX_CHECK, named_ports);
	kills(SANDBOX_SENDER, raw);
	kills(SANDBOX_RESOLVER, raw);
	kills(SANDBOX_CHECK, raw);
	kills(SANDBOX_ZYGOTE, inet);
	kills(SANDBOX_AUTH_WORKER, raw);
	kills(SANDBOX_FRONT, attach_filter);
}

/* A waiting session binds in notify/, another tells it: both in STORE, on
 * sockets that were made before; scoping leaves sockets with a path alone. */
static int waiting = -1, telling = -1;

static void notify(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "bell" };
	char byte;

	NEED(fchdir(home) == 0);
	NEED(bind(waiting, (struct sockaddr *)&un, sizeof un) == 0);
	NEED(sendto(telling, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&un, sizeof un) == 1);
	NEED(recv(waiting, &byte, 1, MSG_DONTWAIT) == 1);
	NEED(file_unlink(home, "bell") == 0);
}

static void test_notify_sockets(void **state)
{
	(void)state;
	waiting = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	telling = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	works(SANDBOX_STORE, notify);
	close(waiting);
	close(telling);
}

static void test_log_only(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		sandbox_log_only(true);
		NEED(sandbox_enter(SANDBOX_STORE, NULL, 0, NULL) == 0);
		do_kill();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(home_path))
		return -1;
	home = open(home_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return home < 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(home_path);
}

/* --- the small filter of a zygote's child ------------------------------------------- */

/* What a seccomp program says about a call. */
static uint32_t verdict(const struct sock_fprog *p, const struct seccomp_data *d)
{
	uint32_t acc = 0, word;
	size_t pc = 0;

	for (;;) {
		const struct sock_filter *f = &p->filter[pc++];

		assert_true(pc <= p->len);
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&word, (const char *)d + f->k, sizeof word);
			acc = word;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += acc == f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += acc > f->k ? f->jt : f->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += acc >= f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			fail_msg("an instruction that this test does not know: %u", f->code);
		}
	}
}

/* The kernel takes the strictest of several answers (seccomp(2)); it has the lowest number.
 * What stands on the parent's filter must not matter. */
static void same(const struct sock_fprog *whole, const struct sock_fprog *parent, const struct sock_fprog *top,
	struct seccomp_data d)
{
	int32_t want = (int32_t)verdict(whole, &d), a = (int32_t)verdict(parent, &d), b = (int32_t)verdict(top, &d);

	if (MIN(a, b) != MIN(a, want))
		fail_msg("call %d (%llx, %llx, %llx): %x with the whole, %x with the difference", d.nr,
			(unsigned long long)d.args[0], (unsigned long long)d.args[1], (unsigned long long)d.args[2],
			(unsigned)MIN(a, want), (unsigned)MIN(a, b));
}

static void test_narrowed_is_the_same_as_whole(void **state)
{
	struct sock_fprog whole, parent, top;
	int log, nr;
	uint64_t v;

	(void)state;
	for (log = 0; log < 2; log++) {
		assert_int_equal(sandbox_filter_build(SANDBOX_STORE, log, &whole), 0);
		assert_int_equal(sandbox_filter_build(SANDBOX_ZYGOTE, log, &parent), 0);
		assert_int_equal(sandbox_filter_narrow(SANDBOX_ZYGOTE, SANDBOX_STORE, log, &top), 0);
		assert_true(top.len * 4 < whole.len);
		for (nr = 0; nr < 600; nr++) {
			for (v = 0; v < 64; v++) { /* all that an argument may be compared with lies in here */
				same(&whole, &parent, &top, (struct seccomp_data){ .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { v } });
				same(&whole, &parent, &top, (struct seccomp_data){ .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { 0, v } });
				same(&whole, &parent, &top, (struct seccomp_data){ .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { 1, 1, v } });
				same(&whole, &parent, &top,
					(struct seccomp_data){ .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { 1ull << v, 1, 1ull << v } });
			}
			same(&whole, &parent, &top, (struct seccomp_data){ .nr = nr, .arch = AUDIT_ARCH_I386 });
			same(&whole, &parent, &top, (struct seccomp_data){ .nr = nr | 0x40000000, .arch = AUDIT_ARCH_X86_64 });
		}
		same(&whole, &parent, &top, (struct seccomp_data){ .nr = SYS_clone, .arch = AUDIT_ARCH_X86_64,
			.args = { CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD } });
		free(whole.filter);
		free(parent.filter);
		free(top.filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary_life),
		cmocka_unit_test(test_nobody_may),
		cmocka_unit_test(test_abort_reaches_a_handler),
		cmocka_unit_test(test_only_zygotes_fork),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_a_room_under_its_zygote),
		cmocka_unit_test(test_a_worker_under_its_zygote),
		cmocka_unit_test(test_read_only_rule),
		cmocka_unit_test(test_code_of_others),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_notify_sockets),
		cmocka_unit_test(test_log_only),
		cmocka_unit_test(test_narrowed_is_the_same_as_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
