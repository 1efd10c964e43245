/* SPDX-License-Identifier: ISC
 *
 * removal.c: see removal.h. The threads allocate nothing, log nothing, and know of no other
 * state than `g`, under its lock; a removal that failed is told by the loop.
 */
#include "smtp/queue/removal.h"

#include <pthread.h>
#include <signal.h>

#include "base/file.h"
#include "base/sandbox.h"
#include "mail/envelope.h"
#include "trace/trace.h"

#define THREADS 4
#define NAMES 1024
#define STACK (128 * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, less; /* a name came; some are done */
	char name[NAMES][ENVELOPE_ID_MAX + 1];
	size_t from, n, busy;
	int spool;
	int entered; /* of a thread that could not be locked in */
	size_t ready;
	int failed; /* the last failure, 0: none that is not told */
} g = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .less = PTHREAD_COND_INITIALIZER };

/* Takes the lock with it, and gives it back. */
static void remove_one(void)
{
	char id[ENVELOPE_ID_MAX + 1];
	int r;

	memcpy(id, g.name[g.from], sizeof id);
	g.from = (g.from + 1) % NAMES;
	g.n--;
	g.busy++;
	pthread_mutex_unlock(&g.lock);
	r = file_unlink(g.spool, id);
	pthread_mutex_lock(&g.lock);
	g.busy--;
	if (r < 0)
		g.failed = r;
	pthread_cond_broadcast(&g.less);
}

static void *run(void *arg)
{
	struct sandbox_rule rule = { g.spool, SANDBOX_WRITE };
	int r = sandbox_enter(SANDBOX_QUEUED, &rule, 1, NULL);

	(void)arg;
	pthread_mutex_lock(&g.lock);
	g.ready++;
	if (r < 0)
		g.entered = r;
	pthread_cond_broadcast(&g.less);
	while (r >= 0) {
		while (g.n == 0)
			pthread_cond_wait(&g.work, &g.lock);
		remove_one();
	}
	pthread_mutex_unlock(&g.lock);
	return NULL;
}

int removal_start(int spool)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	size_t i;
	int r = sandbox_prepare(SANDBOX_QUEUED);

	g.spool = spool;
	if (r < 0)
		return r;
	/* signals are the loop's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (i = 0; i < THREADS && r == 0; i++)
		r = -pthread_create(&thread, &attr, run, NULL);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_mutex_lock(&g.lock);
	while (r == 0 && g.ready < THREADS)
		pthread_cond_wait(&g.less, &g.lock);
	r = r < 0 ? r : g.entered;
	pthread_mutex_unlock(&g.lock);
	return r;
}

void removal_add(const char *id)
{
	int failed;

	pthread_mutex_lock(&g.lock);
	while (g.n == NAMES)
		pthread_cond_wait(&g.less, &g.lock);
	snprintf(g.name[(g.from + g.n) % NAMES], sizeof g.name[0], "%s", id);
	g.n++;
	failed = g.failed;
	g.failed = 0;
	pthread_cond_signal(&g.work);
	pthread_mutex_unlock(&g.lock);
	if (failed) /* files without a row: recover.c removes them */
		trace_event(TRACE_WARN, "unlink-failed", NULL, "%s", err_text(failed));
}

void removal_settle(void)
{
	pthread_mutex_lock(&g.lock);
	while (g.n + g.busy > 0)
		pthread_cond_wait(&g.less, &g.lock);
	pthread_mutex_unlock(&g.lock);
}
