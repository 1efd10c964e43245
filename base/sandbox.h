/* SPDX-License-Identifier: ISC
 *
 * sandbox.h: what a process gives up before it reads a stranger's byte.
 *
 * Order: limits, Landlock (rules on descriptors that were handed to it),
 * seccomp last. The seccomp program of a profile is compiled once by
 * sandbox_prepare (in a zygote: before the forks) and entered in a few
 * microseconds by sandbox_enter. Default action: kill the process; in the
 * sanitizer build: log. No profile but MASTER has kill, ptrace, pidfd_getfd,
 * execve (ZYGOTE: execve of itself only through its own descriptor), io_uring.
 */
#ifndef MANSIO_BASE_SANDBOX_H
#define MANSIO_BASE_SANDBOX_H

#include "base/base.h"

enum sandbox_profile {
	SANDBOX_FRONT, /* sockets that it holds, no files, no new sockets */
	SANDBOX_AUTHD, /* files beneath its descriptors; SQLite; fork denied */
	SANDBOX_AUTH_WORKER, /* as AUTHD; sockets only where a back end needs the network */
	SANDBOX_SMTPD, /* memory, its sockets, socketpair */
	SANDBOX_ZYGOTE, /* imapd, pop3d, lmtpd, mailboxd parents: fork, wait, exec anew */
	SANDBOX_STORE, /* one mailbox: files beneath the key, LMDB, notify sockets already open */
	SANDBOX_TRACED, /* log file, its database */
	SANDBOX_NPROFILES
};

enum { SANDBOX_READ = 1, SANDBOX_WRITE = 2 };
struct sandbox_rule {
	int fd; /* directory or file, O_PATH will do */
	int access; /* SANDBOX_READ | SANDBOX_WRITE */
};

/* Compiles the filter of a profile. 0 or negative. */
int sandbox_prepare(enum sandbox_profile p);
/* Enters: Landlock with the rules (none: no file system at all), then
 * seccomp. Returns 0, or negative if the kernel has no seccomp; without
 * Landlock (kernel before 5.19) it goes on and *landlock_out is false. */
int sandbox_enter(enum sandbox_profile p, const struct sandbox_rule *rules, size_t nrules,
	bool *landlock_out);
/* Read-only rules that many programs need (gconv, zoneinfo, urandom) are opened
 * by this before entering; appends at most `cap` and returns how many. */
size_t sandbox_system_rules(struct sandbox_rule *out, size_t cap);

#endif
