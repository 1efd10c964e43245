/* SPDX-License-Identifier: ISC
 *
 * job.h: one import or export, in a process of its own that holds the key of one mailbox: its
 * arguments, its answer, its progress; and the files at the other end, which the command opens for
 * it (master/source.c), for this process may not.
 */
#ifndef MANSIO_IMPORT_JOB_H
#define MANSIO_IMPORT_JOB_H

#include "auth/auth.h"
#include "conf/conf.h"
#include "store/store.h"

#define JOB_FILES 60 /* opened by one question */

struct job {
	const struct conf *conf;
	const struct ipc_msg *m; /* the verb and its arguments */
	int reply; /* to the command */
	int parent; /* to importd: who hears of the progress */
	uint64_t id;
	struct arena a;
	struct auth_target account;
	struct store *store;
	bool dry;
	bool alone; /* nobody waits for the answer */
	uint64_t done, total;
	int64_t told; /* ms */
	char error[512]; /* a sentence for what the code does not say; "" */
	int dial[4]; /* import imap: ends of connections to be (dial.h), -1: none left */
	bool failed; /* something could not be taken: said in a row */
};

/* Rows of the answer. */
struct job_folder {
	struct str name;
	uint64_t messages, added, changed, removed;
	const char *uids; /* "kept", "new" */
	const char *words;
};
void job_row(struct job *j, const struct job_folder *f);
/* A row that is a remark: about a folder, or "". */
void job_say(struct job *j, struct str folder, const char *fmt, ...) PRINTF(3, 4);
/* Tells both ends how far it is, not more often than four times a second. E_CLOSED: the command
 * was given up, and with it the job. */
int job_progress(struct job *j, const char *words);
/* The sentence of a failure; returns err. */
int job_fail(struct job *j, int err, const char *fmt, ...) PRINTF(3, 4);

/* --- files at the other end (remote.c); paths beneath what the command was given ("": itself) */

/* fd_out[i]: a descriptor or negative (-ENOENT, -ELOOP, E_SYNTAX: not a file, ...). The result
 * is about the talk itself. At most JOB_FILES. */
int remote_open(struct job *j, const struct str *path, size_t n, bool folders, int *fd_out);
/* A new file (E_EXISTS), to be written; a folder; all that was written is on disk. */
int remote_create(struct job *j, const struct str *path, size_t n, int *fd_out);
/* The times of what was created. */
int remote_touch(struct job *j, const struct str *path, const int64_t *date, size_t n);
int remote_mkdir(struct job *j, struct str path);
int remote_sync(struct job *j);
/* A whole file. E_NOTFOUND: not there; E_LIMIT, E_SYNTAX (no file). */
int remote_load(struct job *j, struct str path, struct buf *out);

/* --- the jobs: 0 or negative */

int import_maildir(struct job *j);
int import_mbox(struct job *j);
int import_imap(struct job *j);
int export_maildir(struct job *j);
int export_mbox(struct job *j);

#endif
