/* SPDX-License-Identifier: ISC
 *
 * pool.h: authd's workers as seen from its loop: jobs go in, each comes back
 * exactly once. Worker 0 answers lookups alone, so that no crowd of logins
 * delays mail; the others hash.
 */
#ifndef MANSIO_AUTH_POOL_H
#define MANSIO_AUTH_POOL_H

#include <event2/event.h>

#include "auth/fair.h"
#include "auth/tables.h"
#include "net/ipc.h"

#define POOL_ANY (-1)

struct pool_job {
	struct fair_job fair;
	struct ipc_msg m; /* the question; pool_job_free ends it */
	struct str lane;
	bool lookup;
	int worker; /* POOL_ANY, or the only one that can do it; set when it runs */
	uint64_t life; /* of that worker: another one after its death */
	bool running, pinned;
	/* answer NULL: the worker died or could not be asked. The job is freed after it. */
	void (*done)(struct pool_job *job, struct ipc_msg *answer);
	void *arg;
};

struct pool;
/* `parent` is workers_start's link, taken over; settings are copied, tables taken over.
 * changed: somebody else changed the directory; trouble: a back end has some (trouble.h). */
struct pool *pool_new(struct event_base *base, void (*changed)(void), void (*trouble)(struct str text), int parent,
	unsigned hashers, size_t max_jobs, struct str settings, struct tables tables);
/* New settings and tables (taken) for all workers, also those that come. */
void pool_settings(struct pool *p, struct str settings, struct tables tables, size_t max_jobs);
/* Other keys of access tokens for all workers, also those that come; taken over, -1: none. */
void pool_keys(struct pool *p, int fd);
/* A link to pamd, taken over: each worker, also those that come, gets one of its own. */
void pool_pamd(struct pool *p, int fd);
/* From now on a worker has one job at a time (but the lookups, which are worker 0's): a quick one may have to wait long for an old
 * server (auth/oldserver.h), and what it was given ahead would wait with it though others are idle. */
void pool_none_ahead(struct pool *p);
struct pool_job *pool_job_new(const char *verb, void (*done)(struct pool_job *, struct ipc_msg *),
	void *arg);
void pool_job_free(struct pool_job *job);
/* Takes the job. lane: who waits in turn with whom. false: too many wait (or a
 * pinned worker is gone): the job stays the caller's and was not done. */
bool pool_add(struct pool *p, struct str lane, struct pool_job *job);
/* Gives up a job: waiting ones are freed, a running one loses its arg (done is
 * called with arg NULL). */
void pool_cancel(struct pool *p, struct pool_job *job);
/* An unanswered message to a worker of that life (sasl-abort): now, or, if its socket is full (many clients go away at once
 * while it hashes), when it has read. */
void pool_tell(struct pool *p, int worker, uint64_t life, const struct ipc_msg *m);

#endif
