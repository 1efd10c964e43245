/* SPDX-License-Identifier: ISC
 *
 * job.h: what a verb of `mansio backup` works with, in its own process.
 */
#ifndef MANSIO_BACKUP_JOB_H
#define MANSIO_BACKUP_JOB_H

#include "auth/auth.h"
#include "backup/snapshots.h"
#include "net/ipc.h"
#include "store/store.h"
#include "trace/trace.h"

struct job {
	const struct conf *conf;
	struct ipc_msg *m; /* the verb with its arguments */
	int reply; /* -1: nobody listens */
	int folder; /* the backup's */
	struct str expect; /* the id that it had */
	int authd, queued; /* links; -1: not there */
	struct arena a;
	struct repo r;
	bool repo_open;
	bool answered;
	char why[400]; /* a sentence for people, or "" */
};

/* Opens the folder; the sentence is in j->why. */
int job_repo(struct job *j, enum repo_mode mode);
void job_repo_done(struct job *j);
void job_row(struct job *j, struct ipc_msg *row); /* takes row */
/* Sets the sentence, if there is none yet; returns err. */
int job_fail(struct job *j, int err, const char *fmt, ...) PRINTF(3, 4);
struct str job_arg(const struct job *j, const char *name); /* "" if it is not there */
/* A child with the key of one mailbox: fn works on it and says what comes back (lines of text,
 * up to 4 KiB) and its own code. E_NOTFOUND: there is no such account; E_TEMP: no key; E_CLOSED: it died. */
typedef int job_mailbox_fn(struct job *j, struct store *s, void *arg, struct buf *said);
int job_mailbox(struct job *j, struct str address, job_mailbox_fn *fn, void *arg, struct buf *said);

/* snprintf that means to cut. */
void clip(char *out, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* The verbs; 0 or negative. */
int do_run(struct job *j);
int do_list(struct job *j);
int do_verify(struct job *j);
int do_remove(struct job *j);
int do_restore(struct job *j);

/* collect.c: frees what no snapshot needs. The repo is open for REPO_COLLECT. */
int collect(struct job *j, uint64_t *freed_out);
/* Removes snapshots by the settings keep_*, then collects, if any went. Opens the folder itself. */
int keep_few(struct job *j);

#endif
