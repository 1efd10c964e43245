/* SPDX-License-Identifier: ISC
 *
 * zygote.h: the parent of rooms that give every unit of work a process of its
 * own: imapd and pop3d (a session), lmtpd (a message), mailboxd (a verb).
 *
 * The parent reads messages, keeps each as a *job*, may ask authd about it, and
 * forks. It never reads a byte that a stranger wrote and stays small, so that a
 * fork costs 0.1 ms. The child starts with the job's descriptors and nothing
 * else of the parent's, works blocking, and exits when its function returns.
 *
 *   message --request()--> zygote_job_new --(ask authd; answer())--> zygote_fork
 *                               |                                       |
 *                               +-- failed(): deadline, authd gone      +-- child: fn(c), exit
 *
 * Every unit of work comes in by request(), wherever it came from: `from` says
 * "front", "smtpd" (client links), "master" (a control verb), "listen" (an
 * accepted connection: verb "accept", field listener, descriptor "client"),
 * "child" (a message of a child that was forked with ZYGOTE_PARENT_LINK), or what
 * zygote_link_add named.
 *
 * Life: after renew_after forks it tells master `renew` and goes on until master
 * has started another one and says stop; then it serves what is still in its links,
 * and exits. Children outlive it: they end with their work or their lease.
 */
#ifndef MANSIO_CONF_ZYGOTE_H
#define MANSIO_CONF_ZYGOTE_H

#include "base/clock.h"
#include "conf/program.h"

struct zygote;
#define ZYGOTE_LINKS 256 /* client links, listeners and children's links together */
#define ZYGOTE_LABEL 80

struct zygote_link {
	char name[20]; /* "" : free place */
	int instance, fd;
	bool listener, peer; /* peer: zygote_link_add */
};

/* A unit of work. m keeps the message with its descriptors: take them in the child. */
struct zygote_job {
	uint64_t id; /* > 0; give it to authd as the id of the question */
	struct ipc_msg m;
	int link; /* where it came in, to answer on; -1: nowhere (anymore) */
	deadline until; /* for authd, [limit] handover: front gives up then (docs/PROCESSES.md) */
	char label[ZYGOTE_LABEL]; /* for the process title and the log: "anna@example.org 192.0.2.1" */
};

/* What the child has. Everything else is closed. */
struct zygote_child {
	struct zygote *z;
	struct zygote_job *job;
	int link; /* the link that the job came by, -1 */
	int peer; /* ZYGOTE_PEER_LINK: a link of its own to authd, else -1 */
	int parent; /* ZYGOTE_PARENT_LINK: to the zygote, else -1 */
	const struct conf *conf;
	void *arg;
};

struct zygote_ops {
	/* A message came. Make it a job (zygote_job_new) or refuse it; what is left in
	 * m is closed by the caller. Negative: the peer broke the rules, its link is closed. */
	int (*request)(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m);
	/* authd answered something (NULL: answers are not expected in the parent). Same rules. */
	int (*answer)(struct zygote *z, struct ipc_msg *m);
	/* The job can not be done: E_TIMEOUT, E_CLOSED (authd is gone). Tell its client;
	 * the job is freed by the caller. */
	void (*failed)(struct zygote *z, struct zygote_job *j, int err);
	/* Any link that is not authd's ("traced"); takes fd. */
	void (*peer)(struct zygote *z, const char *name, int fd);
	/* Optional: called whenever the loop goes round; returns in how many ms at the latest it
	 * wants to be called again, -1: whenever. */
	int (*tick)(struct zygote *z);
	/* A child ended; status as of waitpid. Optional; for the log. */
	void (*ended)(struct zygote *z, const char *label, int status);
};

struct zygote_options {
	uint64_t max_children; /* jobs and children at once */
	uint64_t renew_after; /* forks; 0: never */
	int folder; /* > 0: one more folder that the children write in, beside the mail root */
};

struct zygote {
	struct program program;
	const struct zygote_ops *ops;
	struct zygote_options opt;
	int authd; /* -1: not there */
	struct zygote_link link[ZYGOTE_LINKS];
	struct zygote_job **job; /* those that wait */
	size_t njobs, jobs_cap;
	struct zygote_pid *pid;
	size_t npids, pids_cap;
	uint64_t next_id, forks;
	int sigchld;
	bool renewing, stopping;
	deadline stop_at, status_at;
	uint64_t told_children;
	void *data; /* the program's */
};

/* program_start with the zygote's hooks. z is zeroed; call zygote_init after, when
 * the settings are known. */
void zygote_start(struct zygote *z, const char *name, const struct zygote_ops *ops, int argc,
	char **argv);
void zygote_init(struct zygote *z, const struct zygote_options *opt);
/* A listening socket, non-blocking, taken. name: field `listener` of its requests. */
int zygote_listen(struct zygote *z, const char *name, int fd);
/* A further link that is read: its messages come to request(), from->name says whose. Takes
 * fd, replaces an earlier link of that name. */
void zygote_link_add(struct zygote *z, const char *name, int fd);
/* NULL: not there. */
struct zygote_link *zygote_link_find(struct zygote *z, const char *name, int instance);
/* Seals the parent (profile ZYGOTE; the filter for the children is compiled before),
 * says ready and serves until stop. Does not return. */
NORETURN void zygote_run(struct zygote *z);

/* Moves m into a new job. NULL if max_children is reached (m is untouched: refuse it). */
struct zygote_job *zygote_job_new(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m,
	const char *label);
struct zygote_job *zygote_job_find(struct zygote *z, uint64_t id); /* NULL: not there (late answer) */
void zygote_job_free(struct zygote *z, struct zygote_job *j); /* closes its descriptors */

enum { ZYGOTE_PEER_LINK = 1, ZYGOTE_PARENT_LINK = 2 };
/* Forks and frees the job. In the child: closes all but standard error, the job's own
 * descriptors, its link, `keep` and what flags ask for; calls fn(c), exits 0.
 * keep: descriptors of the caller's, -1 is skipped; in the parent they stay open.
 * 0, or negative if no process could be made: then failed() has been called. */
int zygote_fork(struct zygote *z, struct zygote_job *j, unsigned flags, const int *keep, size_t nkeep,
	void (*fn)(struct zygote_child *c), void *arg);
/* Live children and waiting jobs. */
uint64_t zygote_load(const struct zygote *z);

#endif
