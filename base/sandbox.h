/* SPDX-License-Identifier: ISC
 *
 * sandbox.h: what a process gives up before it reads a stranger's byte.
 *
 * Order: limits, Landlock (rules on descriptors that were handed to it),
 * seccomp last. The seccomp program of a profile is compiled once by
 * sandbox_prepare (in a zygote: before the forks; 0.7 ms) and entered in 0.1 ms
 * by sandbox_enter. Default action: kill the process; in the
 * sanitizer build and after sandbox_log_only(true): log and do. No profile has
 * kill, ptrace, pidfd_getfd, execve, io_uring. What libraries try in passing
 * (opening files, socket) is EACCES in a profile without it, not death.
 *
 * Both parts only ever narrow. ZYGOTE therefore allows what its STORE children
 * need, AUTH_ZYGOTE what AUTH_WORKER and AUTH_LOCAL need, and the rules they enter with hold
 * what the children's rules lie beneath (the mail root, the database's folder). A
 * child of ZYGOTE that enters STORE gets the difference alone on top of what it
 * was born with: to compile the whole of it costs the kernel 0.1 ms each time.
 */
#ifndef MANSIO_BASE_SANDBOX_H
#define MANSIO_BASE_SANDBOX_H

#include "base/base.h"

enum sandbox_profile {
	SANDBOX_FRONT, /* sockets that it holds, no files, no new sockets */
	SANDBOX_AUTHD, /* files beneath its descriptors, links; no network, no fork */
	SANDBOX_AUTH_ZYGOTE, /* the workers' parent: fork */
	SANDBOX_AUTH_WORKER, /* files (SQLite), sockets for the back ends */
	SANDBOX_AUTH_LOCAL, /* the same without a back end on the network: no new sockets */
	SANDBOX_SMTPD, /* memory, its sockets, socketpair */
	SANDBOX_ZYGOTE, /* imapd, pop3d, lmtpd, mailboxd parents: fork and wait */
	SANDBOX_STORE, /* one mailbox: files beneath the key, LMDB, notify sockets made before */
	SANDBOX_TRACED, /* log file, its database */
	SANDBOX_QUEUED, /* files beneath the spool and its database, links; no network, no fork */
	SANDBOX_SENDER, /* new sockets to the network, no files, no fork */
	SANDBOX_RESOLVER, /* UDP to the network, TCP to the ports of sandbox_connect_ports; no files, no fork */
	SANDBOX_CHECK, /* TCP to the ports of sandbox_connect_ports, no files; fork */
	SANDBOX_WEBADMIND, /* sockets that it holds, no files, no new sockets but pairs */
	SANDBOX_SIGND, /* files beneath its folder, links; no network, no fork */
	SANDBOX_ACME, /* files beneath its folder, TCP to the ports of sandbox_connect_ports; fork */
	SANDBOX_POLICY, /* as ACME, and its children narrow themselves to CHECK */
	SANDBOX_NPROFILES
};

enum { SANDBOX_READ = 1, SANDBOX_WRITE = 2 };
struct sandbox_rule {
	int fd; /* directory or file, O_PATH will do */
	int access; /* SANDBOX_READ | SANDBOX_WRITE */
};

const char *sandbox_profile_name(enum sandbox_profile p);
/* server.sandbox = log: what is forbidden is logged (kernel log) and done. Before
 * sandbox_prepare. Landlock stays in force. */
void sandbox_log_only(bool on);
/* Compiles the filter of a profile. 0 or negative. */
int sandbox_prepare(enum sandbox_profile p);
/* Enters: Landlock with the rules (none: no file system at all), then
 * seccomp. Returns 0, or negative if the kernel has no seccomp or a rule is bad;
 * without Landlock (kernel before 5.19) it goes on and *landlock_out is false.
 * The rules' descriptors may be closed after it. */
int sandbox_enter(enum sandbox_profile p, const struct sandbox_rule *rules, size_t nrules,
	bool *landlock_out);
/* seccomp alone: for a process that is to keep the Landlock rules it was born with. */
int sandbox_enter_filter(enum sandbox_profile p);
/* For a process that runs code of others (modules of PAM, and the helpers that they start), of which nobody knows what it needs:
 * everything goes but what such code never needs, and an attacker wants: other processes' memory, mounts, namespaces,
 * modules and programs of the kernel, its keys, sockets of other families than UNIX, IP and netlink. EPERM, no death; inherited over
 * execve. 0 or -errno. */
int sandbox_deny(void);
/* Read-only rules that many programs need (gconv, zoneinfo, urandom) are opened
 * by this before entering; at most `cap`, returns how many. The caller closes. */
size_t sandbox_system_rules(struct sandbox_rule *out, size_t cap);
/* Files that getaddrinfo(3) reads: hosts, resolv.conf and the like. As they are now: one that is replaced later
 * is not seen. */
size_t sandbox_name_rules(struct sandbox_rule *out, size_t cap);
/* RESOLVER, CHECK: where a TCP connection may go to (Landlock, from ABI 4 on); before
 * sandbox_enter. At most SANDBOX_PORTS, more are left out; the same one twice does no harm. */
#define SANDBOX_PORTS 64
void sandbox_connect_ports(const uint16_t *ports, size_t n);

#endif
