/* SPDX-License-Identifier: ISC
 *
 * sandbox_filter.c: which system calls each profile may make, as tables.
 *
 * A call is in one of four places:
 *   calls[]   allowed to the profiles in its row, whatever the arguments
 *   checks[]  allowed if one argument has the value (under a mask)
 *   refused[] answered with an error instead of death: what libraries try in
 *             passing and can do without (a locale, /etc/localtime, syslog)
 *   nowhere   the process dies
 *
 * Filters stack, and the strictest answer counts. So a parent that forks
 * children of another profile must itself be allowed all that they are:
 * ZYGOTE holds STORE, AUTH_ZYGOTE holds AUTH_WORKER. What keeps a zygote from
 * using it is that it reads nothing but our own messages.
 *
 * The traps that shaped it: fcntl(F_SETOWN, F_SETSIG) and ioctl(FIOSETOWN)
 * send any signal to others of the same uid without kill(2); prctl and clone
 * are many calls in one; memory is never writable and executable, and only who
 * loads conversions or plug-ins maps code at all.
 */
#include "base/sandbox_filter.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIT(profile) (1u << SANDBOX_##profile)
enum {
	ALL = (1u << SANDBOX_NPROFILES) - 1,
	REMOTE = BIT(AUTH_WORKER) | BIT(AUTH_ZYGOTE), /* back ends on the network */
	WORKER = REMOTE | BIT(AUTH_LOCAL),
	AUTH = BIT(AUTHD) | WORKER,
	STORE = BIT(STORE) | BIT(ZYGOTE),
	FILES = AUTH | STORE | BIT(TRACED) | BIT(QUEUED) | BIT(SIGND) | BIT(ACME) | BIT(POLICY), /* open files, beneath what Landlock leaves */
	LOADS = WORKER | STORE, /* maps code: gconv, NSS, SASL, PAM */
	FORKS = BIT(AUTH_ZYGOTE) | BIT(ZYGOTE),
	PAIRS = ALL & ~BIT(STORE), /* socketpair(2) */
	CONNECTS = REMOTE | BIT(RESOLVER), /* ... and what resolvers need beside connect(2) */
	TCP_ONLY = BIT(SENDER) | BIT(CHECK) | BIT(ACME) | BIT(POLICY),
	NARROWS = FORKS | BIT(POLICY), /* children that enter another profile */
	SENDS = CONNECTS | TCP_ONLY, /* connect(2) */
};

/* The rows are written by name, for a reader; libseccomp knows the numbers. */
#define ROW(profiles, ...) { profiles, { __VA_ARGS__ } }
#define S(name) SCMP_SYS(name)
enum { ROW_MAX = 24 };

static const struct {
	unsigned profiles;
	int call[ROW_MAX]; /* a zero ends the list, but as first: that is read(2) */
} calls[] = {
	/* bytes through descriptors that it has */
	ROW(ALL, S(read), S(write), S(readv), S(writev), S(pread64), S(pwrite64), S(preadv), S(pwritev),
		S(preadv2), S(pwritev2), S(lseek), S(sendfile), S(close), S(close_range), S(dup), S(dup2),
		S(dup3), S(pipe2), S(memfd_create), S(fstat), S(newfstatat), S(statx)),
	/* memory */
	ROW(ALL, S(brk), S(munmap), S(mremap), S(madvise), S(futex), S(rseq), S(set_robust_list),
		S(membarrier)),
	/* waiting */
	ROW(ALL, S(poll), S(ppoll), S(select), S(pselect6), S(epoll_create1), S(epoll_ctl),
		S(epoll_wait), S(epoll_pwait), S(epoll_pwait2), S(eventfd2), S(timerfd_create),
		S(timerfd_settime), S(timerfd_gettime), S(signalfd4), S(restart_syscall)),
	/* time */
	ROW(ALL, S(clock_gettime), S(clock_getres), S(clock_nanosleep), S(nanosleep), S(gettimeofday),
		S(time), S(alarm), S(setitimer), S(getitimer), S(times)),
	/* itself */
	ROW(ALL, S(getrandom), S(getpid), S(getppid), S(gettid), S(getuid), S(geteuid), S(getgid),
		S(getegid), S(getgroups), S(getresuid), S(getresgid), S(getpgrp), S(uname), S(sysinfo),
		S(getrusage), S(umask), S(sched_yield), S(sched_getaffinity), S(getcpu)),
	ROW(ALL, S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigpending),
		S(rt_sigtimedwait), S(sigaltstack), S(exit), S(exit_group)),
	/* sockets that it has */
	ROW(ALL, S(sendto), S(recvfrom), S(sendmsg), S(recvmsg), S(shutdown), S(getsockname),
		S(getpeername), S(getsockopt)),
	ROW(BIT(FRONT) | BIT(ZYGOTE), S(accept4), S(accept)),
	ROW(STORE, S(bind)), /* the notify socket, made before STORE is entered */
	ROW(SENDS, S(connect)),
	ROW(BIT(SENDER), S(bind)), /* an address to send from (routes); to listen it has no call */
	ROW(CONNECTS, S(bind), S(sendmmsg), S(recvmmsg)),
	/* files */
	ROW(FILES, S(openat), S(openat2), S(open), S(access), S(faccessat), S(faccessat2), S(readlink),
		S(readlinkat), S(stat), S(lstat), S(getdents64), S(statfs), S(fstatfs), S(getcwd),
		S(chdir), S(fchdir), S(fadvise64), S(readahead)),
	ROW(STORE, S(syncfs)), /* many files at once: an import */
	ROW(BIT(SMTPD), S(fsync)), /* of a file that queued gave it */
	ROW(FILES, S(fsync), S(fdatasync), S(sync_file_range), S(msync), S(flock), S(ftruncate),
		S(fallocate), S(unlink), S(unlinkat), S(rename), S(renameat), S(renameat2), S(link),
		S(linkat), S(mkdir), S(mkdirat), S(rmdir), S(fchmod), S(utimensat), S(copy_file_range)),
	/* the directories of the mailboxes get their group from authd */
	ROW(AUTH, S(fchown), S(fchownat), S(chown), S(chmod), S(fchmodat), S(mlock), S(munlock)),
	/* children, which narrow themselves further */
	ROW(FORKS | BIT(AUTHD) | BIT(CHECK) | BIT(ACME) | BIT(POLICY), S(wait4), S(waitid)),
	ROW(BIT(CHECK), S(adjtimex), S(clock_adjtime), S(fstatfs)), /* is the clock kept? (setting it is for root); is there room? */
	ROW(NARROWS, S(seccomp), S(landlock_create_ruleset), S(landlock_add_rule),
		S(landlock_restrict_self)),
};

static const struct check {
	unsigned profiles;
	int call;
	unsigned arg;
	uint64_t mask, value;
} checks[] = {
	{ ALL, S(mmap), 2, PROT_EXEC, 0 },
	{ LOADS, S(mmap), 2, PROT_EXEC | PROT_WRITE, PROT_EXEC },
	{ ALL, S(mprotect), 2, PROT_EXEC, 0 },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_DUPFD },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_DUPFD_CLOEXEC },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_GETFD },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_SETFD },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_GETFL },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_SETFL },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_GET_SEALS },
	{ ALL, S(fcntl), 1, UINT32_MAX, F_ADD_SEALS },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_GETLK },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_SETLK },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_SETLKW },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_OFD_GETLK },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_OFD_SETLK },
	{ FILES, S(fcntl), 1, UINT32_MAX, F_OFD_SETLKW },
	{ ALL, S(ioctl), 1, UINT32_MAX, FIONREAD },
	{ ALL, S(ioctl), 1, UINT32_MAX, FIONBIO },
	{ ALL, S(prctl), 0, UINT32_MAX, PR_SET_NAME },
	{ ALL, S(prctl), 0, UINT32_MAX, PR_GET_NAME },
	{ ALL, S(prctl), 0, UINT32_MAX, PR_SET_PDEATHSIG },
	{ ALL, S(prctl), 0, UINT32_MAX, PR_GET_DUMPABLE },
	{ NARROWS, S(prctl), 0, UINT32_MAX, PR_SET_NO_NEW_PRIVS },
	/* limits of itself, for which 0 stands: never another's */
	{ ALL, S(prlimit64), 0, UINT32_MAX, 0 },
	{ PAIRS, S(socketpair), 0, UINT32_MAX, AF_UNIX },
	{ REMOTE | BIT(ZYGOTE), S(socket), 0, UINT32_MAX, AF_UNIX }, /* ZYGOTE: notify sockets */
	{ CONNECTS, S(socket), 0, UINT32_MAX, AF_INET }, /* TCP_ONLY: see add_tcp */
	{ CONNECTS, S(socket), 0, UINT32_MAX, AF_INET6 },
	{ REMOTE, S(socket), 0, UINT32_MAX, AF_NETLINK },
	{ ALL, S(setsockopt), 1, UINT32_MAX, IPPROTO_TCP },
	{ CONNECTS | BIT(SENDER), S(setsockopt), 1, UINT32_MAX, IPPROTO_IP },
	{ CONNECTS, S(setsockopt), 1, UINT32_MAX, IPPROTO_IPV6 },
	/* fork(2) as glibc does it: no thread, no namespace, nothing shared */
	{ FORKS | BIT(CHECK) | BIT(ACME) | BIT(POLICY), S(clone), 0, ~(uint64_t)(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CSIGNAL), 0 },
};

/* Options of SOL_SOCKET that anybody may set on what he has. */
static const int socket_options[] = { SO_KEEPALIVE, SO_LINGER, SO_SNDBUF, SO_RCVBUF, SO_SNDTIMEO,
	SO_RCVTIMEO, SO_RCVLOWAT, SO_REUSEADDR, SO_OOBINLINE };

static const struct {
	unsigned profiles;
	int err, call[ROW_MAX];
} refused[] = {
	{ ALL & ~FILES, EACCES, { S(open), S(openat), S(openat2), S(access), S(faccessat), S(faccessat2),
		S(readlink), S(readlinkat), S(stat), S(lstat), S(statfs) } },
	{ ALL & ~SENDS, EACCES, { S(connect) } },
	{ ALL & ~SENDS & ~BIT(ZYGOTE), EACCES, { S(socket) } },
	{ ALL & ~PAIRS, EACCES, { S(socketpair) } },
	{ AUTH, ENOSYS, { S(keyctl), S(add_key), S(request_key) } },
	{ ALL, ENOSYS, { S(clone3) } }, /* glibc goes on with clone */
	/* abort(3) then ends by an instruction: SIGSEGV, which a handler (store/guard.c)
	 * can see, where death by the filter would pass it by */
	{ ALL, EPERM, { S(tgkill) } },
};

static int add_calls(scmp_filter_ctx ctx, unsigned bit)
{
	size_t i, j;
	int r = 0;

	for (i = 0; i < ARRAY_LEN(calls) && r == 0; i++)
		for (j = 0; j < ROW_MAX && (j == 0 || calls[i].call[j]) && r == 0; j++)
			if (calls[i].profiles & bit)
				r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i].call[j], 0);
	return r;
}

static int add_checks(scmp_filter_ctx ctx, unsigned bit)
{
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_LEN(checks) && r == 0; i++) {
		const struct check *c = &checks[i];

		if (c->profiles & bit)
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, c->call, 1,
				SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value));
	}
	for (i = 0; i < ARRAY_LEN(socket_options) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
			SCMP_CMP(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, SOL_SOCKET),
			SCMP_CMP(2, SCMP_CMP_MASKED_EQ, UINT32_MAX, (unsigned)socket_options[i]));
	return r;
}

/* TCP, and nothing else: libsasl asks the resolver for our own name on the way, and goes
 * on without an answer; it must get none at once, not after time-outs. */
static int add_tcp(scmp_filter_ctx ctx, bool log)
{
	static const unsigned family[] = { AF_INET, AF_INET6 }, others[] = { AF_UNIX, AF_NETLINK };
	size_t i;
	int r = 0;

	for (i = 0; i < ARRAY_LEN(family) && r == 0; i++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, family[i]),
			SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 15, SOCK_STREAM));
		if (r == 0 && !log)
			r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 2,
				SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, family[i]),
				SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 15, SOCK_DGRAM));
	}
	for (i = 0; i < ARRAY_LEN(others) && r == 0 && !log; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
			SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, others[i]));
	return r;
}

static int add_refused(scmp_filter_ctx ctx, unsigned bit)
{
	size_t i, j;
	int r;

	/* stdio asks whether a descriptor is a terminal */
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
		SCMP_CMP(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, TCGETS));
	for (i = 0; i < ARRAY_LEN(refused) && r == 0; i++)
		for (j = 0; j < ROW_MAX && refused[i].call[j] && r == 0; j++)
			if (refused[i].profiles & bit)
				r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO((unsigned)refused[i].err),
					refused[i].call[j], 0);
	return r;
}

/* The compiled program, by way of a file in memory: libseccomp writes only to
 * a descriptor (seccomp_export_bpf_mem came with 2.6). */
static int export(scmp_filter_ctx ctx, struct sock_fprog *prog_out)
{
	int fd = memfd_create("seccomp", MFD_CLOEXEC), r;
	struct sock_filter *code;
	off_t bytes;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	bytes = lseek(fd, 0, SEEK_END);
	if (r == 0 && (bytes <= 0 || (size_t)bytes / sizeof *code > UINT16_MAX))
		r = -E2BIG;
	if (r == 0) {
		code = mem_alloc((size_t)bytes, 1);
		if (pread(fd, code, (size_t)bytes, 0) == bytes) {
			prog_out->filter = code;
			prog_out->len = (unsigned short)((size_t)bytes / sizeof *code);
		} else {
			free(code);
			r = -EIO;
		}
	}
	close(fd);
	return r;
}

/* i386 and x32 calls have other numbers: none of them is ours. */
static scmp_filter_ctx filter_new(uint32_t otherwise)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);

	if (ctx && (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ||
			   seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2))) {
		seccomp_release(ctx);
		ctx = NULL;
	}
	return ctx;
}

int sandbox_filter_build(enum sandbox_profile p, bool log, struct sock_fprog *prog_out)
{
	scmp_filter_ctx ctx = filter_new(log ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	unsigned bit = 1u << p;
	int r;

	if (!ctx)
		return -ENOMEM;
	r = add_calls(ctx, bit);
	if (r == 0)
		r = add_checks(ctx, bit);
	if (r == 0 && (bit & TCP_ONLY))
		r = add_tcp(ctx, log);
	if (r == 0 && !log)
		r = add_refused(ctx, bit);
	if (r == 0)
		r = export(ctx, prog_out);
	seccomp_release(ctx);
	return r;
}

/* --- code of others -------------------------------------------------------------------- */

static const int denied[] = { S(ptrace), S(process_vm_readv), S(process_vm_writev), S(pidfd_getfd), S(kcmp), S(process_madvise),
	S(bpf), S(perf_event_open), S(userfaultfd), S(io_uring_setup), S(io_uring_enter), S(io_uring_register),
	S(kexec_load), S(kexec_file_load), S(init_module), S(finit_module), S(delete_module), S(reboot), S(swapon), S(swapoff),
	S(mount), S(umount2), S(pivot_root), S(chroot), S(move_mount), S(open_tree), S(fsopen), S(fsconfig), S(fsmount), S(fspick),
	S(mount_setattr), S(unshare), S(setns), S(open_by_handle_at), S(quotactl), S(acct), S(syslog), S(vhangup),
	S(settimeofday), S(clock_settime), S(sethostname), S(setdomainname), S(iopl), S(ioperm), S(modify_ldt) };
/* Answered as by a kernel without them: libraries go another way. clone3 has its flags in memory, which no filter sees. */
static const int unknown[] = { S(keyctl), S(add_key), S(request_key), S(clone3) };

static int deny_all(scmp_filter_ctx ctx, const int *call, size_t n, uint32_t action)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(ctx, action, call[i], 0);
	return r;
}

static int deny_if(scmp_filter_ctx ctx, bool log, int err, int call, struct scmp_arg_cmp cmp)
{
	return seccomp_rule_add(ctx, log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO((unsigned)err), call, 1, cmp);
}

static int deny_sockets(scmp_filter_ctx ctx, bool log)
{
	static const int may[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	size_t k = 0;
	int family, r = 0;

	for (family = 0; family <= AF_MAX && r == 0; family++) {
		if (k < ARRAY_LEN(may) && family == may[k])
			k++;
		else
			r = deny_if(ctx, log, EAFNOSUPPORT, S(socket), SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, (unsigned)family));
	}
	return r;
}

int sandbox_filter_deny(bool log, struct sock_fprog *prog_out)
{
	static const uint64_t spaces[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP };
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_ALLOW);
	size_t i;
	int r;

	if (!ctx)
		return -ENOMEM;
	r = deny_all(ctx, denied, ARRAY_LEN(denied), log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM));
	if (r == 0)
		r = deny_all(ctx, unknown, ARRAY_LEN(unknown), log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS));
	for (i = 0; i < ARRAY_LEN(spaces) && r == 0; i++)
		r = deny_if(ctx, log, EPERM, S(clone), SCMP_CMP(0, SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
	if (r == 0) /* what is typed into a terminal by another */
		r = deny_if(ctx, log, EPERM, S(ioctl), SCMP_CMP(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI));
	if (r == 0)
		r = deny_sockets(ctx, log);
	if (r == 0)
		r = export(ctx, prog_out);
	seccomp_release(ctx);
	return r;
}

/* --- from a parent's filter to its child's ---------------------------------------- */

static bool in_calls(unsigned bit, int call)
{
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(calls); i++)
		for (j = 0; (calls[i].profiles & bit) && j < ROW_MAX && (j == 0 || calls[i].call[j]); j++)
			if (calls[i].call[j] == call)
				return true;
	return false;
}

static bool in_checks(unsigned bit, int call)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(checks); i++)
		if ((checks[i].profiles & bit) && checks[i].call == call)
			return true;
	return false;
}

/* How the profile answers a call that it does not allow at all. */
static uint32_t refusal(unsigned bit, int call, bool log)
{
	size_t i, j;

	if (log)
		return SCMP_ACT_LOG;
	for (i = 0; i < ARRAY_LEN(refused); i++)
		for (j = 0; (refused[i].profiles & bit) && j < ROW_MAX && refused[i].call[j]; j++)
			if (refused[i].call[j] == call)
				return SCMP_ACT_ERRNO((unsigned)refused[i].err);
	return SCMP_ACT_KILL_PROCESS;
}

/* A call may stand in several rows: the second time it is there already. */
static int take_away(scmp_filter_ctx ctx, unsigned to, int call, bool log)
{
	int r;

	if (in_calls(to, call))
		return 0;
	BUG_ON(in_checks(to, call)); /* allowed to the parent whatever the arguments: no such row */
	r = seccomp_rule_add(ctx, refusal(to, call, log), call, 0);
	return r == -EEXIST ? 0 : r;
}

static int take_away_check(scmp_filter_ctx ctx, unsigned to, const struct check *c, bool log)
{
	if (!in_checks(to, c->call))
		return take_away(ctx, to, c->call, log);
	return seccomp_rule_add(ctx, refusal(to, c->call, log), c->call, 1,
		SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value));
}

int sandbox_filter_narrow(enum sandbox_profile from, enum sandbox_profile to, bool log,
	struct sock_fprog *prog_out)
{
	scmp_filter_ctx ctx = filter_new(SCMP_ACT_ALLOW);
	unsigned had = 1u << from, has = 1u << to;
	size_t i, j;
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	for (i = 0; i < ARRAY_LEN(calls) && r == 0; i++)
		for (j = 0; (calls[i].profiles & had) && j < ROW_MAX && (j == 0 || calls[i].call[j]) && r == 0; j++)
			r = take_away(ctx, has, calls[i].call[j], log);
	for (i = 0; i < ARRAY_LEN(checks) && r == 0; i++)
		if ((checks[i].profiles & had) && !(checks[i].profiles & has))
			r = take_away_check(ctx, has, &checks[i], log);
	if (r == 0)
		r = export(ctx, prog_out);
	seccomp_release(ctx);
	return r;
}
