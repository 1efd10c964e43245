/* SPDX-License-Identifier: ISC
 *
 * sandbox.c: Landlock, then seccomp (contract in sandbox.h; the system calls
 * are in sandbox_filter.c).
 *
 * Landlock by system call: the ruleset takes away every right that the running
 * kernel knows, and the rules give back reading and writing beneath the
 * descriptors that were handed in. Nobody gets execution, devices, links to
 * elsewhere by symbolic name; abstract sockets and signals to the outside go
 * too; TCP goes for all who have no back end on the network. Its layers only
 * ever narrow: a zygote's rules hold what its children's keys lie beneath.
 */
#include "base/sandbox.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sandbox_filter.h"

/* The headers of an older kernel lack what came later (ABI in brackets). */
enum {
	FS_REFER = 1 << 13, /* [2] */
	FS_TRUNCATE = 1 << 14, /* [3] */
	FS_IOCTL_DEV = 1 << 15, /* [5] */
	NET_TCP = 3, /* [4] bind, connect */
	NET_CONNECT = 2,
	RULE_PORT = 2, /* LANDLOCK_RULE_NET_PORT */
	SCOPED = 3, /* [6] abstract sockets, signals */
	ABI_LEAST = 2, /* before it, a file cannot be linked to another folder */
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct port_rule { /* struct landlock_net_port_attr */
	uint64_t allowed_access, port;
};

static uint16_t connect_port[SANDBOX_PORTS];
static size_t nconnect_ports;
static struct sock_fprog prepared[SANDBOX_NPROFILES];
/* From ZYGOTE to STORE; filled in a process that has entered ZYGOTE, and in its children. */
static struct sock_fprog narrow;
#ifdef SANITIZE
static bool only_log = true;
#else
static bool only_log;
#endif

void sandbox_log_only(bool on)
{
	size_t i;

#ifdef SANITIZE
	on = true; /* the sanitizers' own calls are no profile's business */
#endif
	if (on == only_log)
		return;
	only_log = on;
	for (i = 0; i < SANDBOX_NPROFILES; i++) {
		free(prepared[i].filter);
		prepared[i] = (struct sock_fprog){ 0 };
	}
}

const char *sandbox_profile_name(enum sandbox_profile p)
{
	static const char *const names[] = {
		[SANDBOX_FRONT] = "front",
		[SANDBOX_AUTHD] = "authd",
		[SANDBOX_AUTH_ZYGOTE] = "auth zygote",
		[SANDBOX_AUTH_WORKER] = "auth worker",
		[SANDBOX_AUTH_LOCAL] = "auth local",
		[SANDBOX_SMTPD] = "smtpd",
		[SANDBOX_ZYGOTE] = "zygote",
		[SANDBOX_STORE] = "store",
		[SANDBOX_TRACED] = "traced",
		[SANDBOX_QUEUED] = "queued",
		[SANDBOX_SENDER] = "sender",
		[SANDBOX_RESOLVER] = "resolver",
		[SANDBOX_CHECK] = "check",
		[SANDBOX_WEBADMIND] = "webadmind",
		[SANDBOX_SIGND] = "signd",
		[SANDBOX_ACME] = "acme",
		[SANDBOX_POLICY] = "policy",
	};

	BUG_ON((unsigned)p >= ARRAY_LEN(names));
	return names[p];
}

int sandbox_prepare(enum sandbox_profile p)
{
	BUG_ON((unsigned)p >= SANDBOX_NPROFILES);
	if (p == SANDBOX_STORE && narrow.filter)
		return 0;
	return prepared[p].filter ? 0 : sandbox_filter_build(p, only_log, &prepared[p]);
}

static int landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* All that this kernel can take away. */
static struct ruleset everything(enum sandbox_profile p, int abi)
{
	struct ruleset r = { .fs = FS_REFER - 1 };

	r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4 && p != SANDBOX_AUTH_WORKER && p != SANDBOX_AUTH_ZYGOTE && p != SANDBOX_SENDER)
		r.net = NET_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPED;
	return r;
}

static int add_rule(int ruleset, uint64_t handled, const struct sandbox_rule *rule)
{
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE;
	const uint64_t of_file = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		FS_TRUNCATE;
	struct landlock_path_beneath_attr beneath = { .parent_fd = rule->fd };
	struct stat st;

	if (rule->access & SANDBOX_READ)
		beneath.allowed_access |= read;
	if (rule->access & SANDBOX_WRITE)
		beneath.allowed_access |= write;
	if (fstat(rule->fd, &st) != 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		beneath.allowed_access &= of_file;
	beneath.allowed_access &= handled;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
		return -errno;
	return 0;
}

void sandbox_connect_ports(const uint16_t *ports, size_t n)
{
	nconnect_ports = MIN(n, (size_t)SANDBOX_PORTS);
	memcpy(connect_port, ports, nconnect_ports * sizeof *ports);
}

static int add_ports(int ruleset)
{
	struct port_rule rule = { .allowed_access = NET_CONNECT };
	size_t i;

	for (i = 0; i < nconnect_ports; i++) {
		rule.port = connect_port[i];
		if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0)
			return -errno;
	}
	return 0;
}

/* 1 in force, 0 the kernel has none, -errno. */
static int enter_landlock(enum sandbox_profile p, const struct sandbox_rule *rules, size_t nrules)
{
	int abi = landlock_abi(), fd, err = 0;
	struct ruleset all;
	size_t i, size;

	if (abi < ABI_LEAST)
		return 0;
	all = everything(p, abi);
	/* a kernel that does not know the last members must not be shown them */
	size = abi >= 6 ? sizeof all : abi >= 4 ? offsetof(struct ruleset, scoped) : sizeof all.fs;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	if (fd < 0)
		return -errno;
	for (i = 0; i < nrules && !err; i++)
		err = add_rule(fd, all.fs, &rules[i]);
	if (!err && all.net && (p == SANDBOX_RESOLVER || p == SANDBOX_CHECK || p == SANDBOX_ACME || p == SANDBOX_POLICY))
		err = add_ports(fd);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		err = -errno;
	close(fd);
	return err ? err : 1;
}

static int enter_filter(enum sandbox_profile p)
{
	struct sock_fprog *prog = p == SANDBOX_STORE && narrow.filter ? &narrow : &prepared[p];

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, prog) != 0 ? -errno : 0;
}

int sandbox_enter_filter(enum sandbox_profile p)
{
	int err = sandbox_prepare(p);

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	return enter_filter(p);
}

int sandbox_enter(enum sandbox_profile p, const struct sandbox_rule *rules, size_t nrules,
	bool *landlock_out)
{
	int err = sandbox_prepare(p), locked;

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	locked = enter_landlock(p, rules, nrules);
	if (locked < 0)
		return locked;
	err = enter_filter(p);
	if (err)
		return err;
	if (p == SANDBOX_ZYGOTE) {
		err = sandbox_filter_narrow(SANDBOX_ZYGOTE, SANDBOX_STORE, only_log, &narrow);
		if (err)
			return err;
	}
	if (landlock_out)
		*landlock_out = locked == 1;
	return 0;
}

int sandbox_deny(void)
{
	struct sock_fprog prog = { 0 };
	int err = sandbox_filter_deny(only_log, &prog);

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = -errno;
	if (!err && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		err = -errno;
	free(prog.filter);
	return err;
}

static size_t open_rules(const char *const *patterns, size_t npatterns, struct sandbox_rule *out, size_t cap)
{
	size_t n = 0, i, j;

	for (i = 0; i < npatterns; i++) {
		glob_t found;

		if (glob(patterns[i], GLOB_NOSORT, NULL, &found) != 0)
			continue;
		for (j = 0; j < found.gl_pathc && n < cap; j++) {
			int fd = open(found.gl_pathv[j], O_PATH | O_CLOEXEC);

			if (fd >= 0)
				out[n++] = (struct sandbox_rule){ fd, SANDBOX_READ };
		}
		globfree(&found);
	}
	return n;
}

size_t sandbox_system_rules(struct sandbox_rule *out, size_t cap)
{
	static const char *const patterns[] = { "/usr/lib/gconv", "/usr/lib64/gconv",
		"/usr/lib/*-linux-gnu*/gconv", "/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom" };

	return open_rules(patterns, ARRAY_LEN(patterns), out, cap);
}

size_t sandbox_name_rules(struct sandbox_rule *out, size_t cap)
{
	static const char *const patterns[] = { "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf",
		"/etc/gai.conf", "/etc/services" };

	return open_rules(patterns, ARRAY_LEN(patterns), out, cap);
}
