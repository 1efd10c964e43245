/* SPDX-License-Identifier: ISC
 *
 * pool.c: see pool.h.
 *
 *   pool_add -> waiting (shared queue, or the pinned worker's own)
 *            -> running (a worker has it)                 dispatch()
 *            -> done(answer) | done(NULL)                 readable(), worker_lost(), unsaid()
 *            -> waiting again: not begun when its worker was lost, or given back
 *
 * A worker does one job after the other, in the order in which it got them. One that is quick gets the next ones ahead, as
 * many as it does in AHEAD_US: it need not sleep until we hear its answer and say the next, asks its directory once
 * for all of them, and no other worker need wake up; with cheap work all that costs more than the work. One that hashes, or
 * waits long for its directory, does nobody else's work meanwhile: whoever is idle gets the next job then, and if nobody is,
 * it waits here. None goes behind a verb; lookups all are worker 0's, and short.
 *
 * Invariants: answers come in the order of the jobs; done is called by the loop, never by a function of pool.h; a job pinned to
 * a worker never moves to another; a worker that breaks the rules, dies, or takes longer than JOB_MS (after the last "working"
 * of a verb) loses its link, and with it everything pinned to it. A lost one is replaced through the parent of workers after a
 * wait that doubles while workers keep dying young. A worker's pinned jobs go first: they are the later steps of exchanges that
 * had their turn, and each of those is short. What is told (words: settings, keys, links, ends of logins) needs no answer and
 * goes before all jobs, in the order in which it was said; what a full socket does not take waits.
 */
#include "auth/pool.h"

#include <fcntl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define JOB_MS 30000
#define AHEAD 16 /* jobs that a worker has at most */
#define AHEAD_US 2000 /* which take no longer than this together, as its last ones did */
#define LATE_US 20000 /* it has been at its first one for so long: it gets none behind that */
#define YOUNG_MS 10000
#define BRAKE_MIN_MS 100
#define BRAKE_MAX_MS 10000

/* What a worker is to be told as soon as its socket has room. */
struct word {
	TAILQ_ENTRY(word) link;
	struct ipc_msg m;
};

struct worker {
	struct pool *pool;
	int index, fd;
	uint64_t life; /* which incarnation; 0: never alive */
	struct event *readable, *writable, *timer; /* timer: job deadline, or time of the restart */
	bool full; /* its socket, and writable waits for room; or it is closed */
	struct fair pinned;
	struct pool_job *job[AHEAD]; /* that it has; it does the first one */
	unsigned njobs;
	int64_t began_us; /* the first one */
	int64_t takes_us; /* for a job, of late */
	TAILQ_HEAD(words, word) words;
	int64_t born_ms, brake_ms;
};

struct pool {
	struct event_base *base;
	void (*changed)(void);
	void (*trouble)(struct str text);
	int parent, pamd;
	struct tables tables;
	size_t max_jobs, waiting[2]; /* logins and verbs; lookups: no crowd takes their places */
	uint64_t lives;
	struct buf settings;
	struct fair lookups, shared;
	struct worker *worker;
	int nworkers;
	bool none_ahead;
	TAILQ_HEAD(jobs, fair_job) unsaid; /* that end now */
	struct event *unsaid_now;
};

static void dispatch(struct worker *w);
static void tell(struct worker *w);
static void writable(evutil_socket_t fd, short what, void *arg);
static void unsaid(evutil_socket_t fd, short what, void *arg);
static void dispatch_any(struct pool *p);
static void worker_start(struct worker *w);

static void arm(struct event *timer, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(timer, &tv);
}

struct pool_job *pool_job_new(const char *verb, void (*done)(struct pool_job *, struct ipc_msg *),
	void *arg)
{
	struct pool_job *job = mem_alloc(1, sizeof(*job));

	ipc_init(&job->m, verb);
	job->worker = POOL_ANY;
	job->done = done;
	job->arg = arg;
	return job;
}

void pool_job_free(struct pool_job *job)
{
	ipc_done(&job->m);
	free(job);
}

static bool is_verb(const struct pool_job *job)
{
	return ipc_is(&job->m, "control");
}

static void finish(struct pool_job *job, struct ipc_msg *answer)
{
	job->running = false;
	job->done(job, answer);
	pool_job_free(job);
}

/* It was not begun: it waits again, where it was in its lane. */
static void put_back(struct worker *w, struct pool_job *job)
{
	struct pool *p = w->pool;

	job->running = false;
	if (!job->pinned)
		job->worker = POOL_ANY;
	p->waiting[job->lookup]++;
	fair_again(job->pinned ? &w->pinned : job->lookup ? &p->lookups : &p->shared, job->lane, &job->fair);
}

static void word_drop(struct worker *w, struct word *v)
{
	TAILQ_REMOVE(&w->words, v, link);
	ipc_done(&v->m);
	free(v);
}

/* Behind what it is to be told already; the caller fills it. */
static struct ipc_msg *word_add(struct worker *w, const char *verb)
{
	struct word *v = mem_alloc(1, sizeof(*v));

	ipc_init(&v->m, verb);
	v->m.owns_fds = true;
	TAILQ_INSERT_TAIL(&w->words, v, link);
	return &v->m;
}

/* As word_add, of a kind of which only the last counts. */
static struct ipc_msg *word_only(struct worker *w, const char *verb)
{
	struct word *v;

	TAILQ_FOREACH(v, &w->words, link)
		if (ipc_is(&v->m, verb))
			break;
	if (v)
		word_drop(w, v);
	return word_add(w, verb);
}

static void worker_lost(struct worker *w)
{
	struct pool *p = w->pool;
	struct pool_job *job[AHEAD];
	unsigned n = w->njobs, i;
	struct fair_job *f;

	if (w->fd < 0)
		return;
	event_free(w->readable);
	event_free(w->writable);
	w->readable = w->writable = NULL;
	w->full = false;
	fd_close(&w->fd);
	w->life = 0;
	while (!TAILQ_EMPTY(&w->words))
		word_drop(w, TAILQ_FIRST(&w->words));
	memcpy(job, w->job, sizeof(job));
	w->njobs = 0;
	w->takes_us = AHEAD_US;
	if (clock_mono_ms() - w->born_ms < YOUNG_MS)
		w->brake_ms = MIN(MAX(w->brake_ms * 2, BRAKE_MIN_MS), BRAKE_MAX_MS);
	else
		w->brake_ms = 0;
	arm(w->timer, w->brake_ms);
	for (i = 1; i < n; i++)
		put_back(w, job[i]);
	if (n > 0)
		finish(job[0], NULL);
	while ((f = fair_take(&w->pinned)) != NULL) {
		p->waiting[((struct pool_job *)f)->lookup]--;
		finish((struct pool_job *)f, NULL);
	}
	dispatch_any(p);
}

/* The worker is done with its first job: it does the next. */
static void job_done(struct worker *w)
{
	int64_t now = clock_mono_us(), took = now - w->began_us;

	w->takes_us += (MIN(took, 2 * AHEAD_US) - w->takes_us) / 8;
	w->began_us = now;
	memmove(&w->job[0], &w->job[1], --w->njobs * sizeof(w->job[0]));
	if (w->njobs || w->full)
		arm(w->timer, JOB_MS);
	else
		evtimer_del(w->timer);
}

/* It does not begin its first job, as the one before took long; of a login that it began nobody else can do the rest. */
static void job_given_back(struct worker *w)
{
	struct pool_job *job = w->job[0];
	int64_t takes_us = w->takes_us;

	if (job->pinned) {
		worker_lost(w);
		return;
	}
	job_done(w);
	w->takes_us = takes_us;
	put_back(w, job);
	dispatch_any(w->pool);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct pool_job *job = w->njobs ? w->job[0] : NULL;
	struct ipc_msg m;
	int r = ipc_recv(fd, &m);

	(void)what;
	if (r == -EAGAIN || r == -EINTR) {
		ipc_done(&m);
		return;
	}
	if (r == 0 && ipc_is(&m, "changed")) {
		ipc_done(&m);
		w->pool->changed();
		return;
	}
	if (r == 0 && ipc_is(&m, "trouble")) {
		w->pool->trouble(ipc_get(&m, "text"));
		ipc_done(&m);
		return;
	}
	if (r == 0 && job && ipc_is(&m, "working") && is_verb(job)) {
		ipc_done(&m);
		arm(w->timer, JOB_MS);
		return;
	}
	if (r == 0 && job && ipc_is(&m, "back")) {
		ipc_done(&m);
		job_given_back(w);
		return;
	}
	if (r < 0 || !job) {
		/* gone, or an answer that nobody asked for */
		ipc_done(&m);
		worker_lost(w);
		return;
	}
	job_done(w);
	finish(job, &m);
	ipc_done(&m);
	dispatch(w);
}

static void timeout(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (w->fd >= 0)
		worker_lost(w);
	else
		worker_start(w);
}

static int link_to_pamd(struct pool *p, int fd)
{
	struct ipc_msg m;
	int r;

	ipc_init(&m, "link");
	ipc_add_fd(&m, "link", fd);
	r = ipc_try_send(p->pamd, &m);
	ipc_done(&m);
	return r;
}

/* A link between pamd and a worker. Without one the worker says "try later" for users of the system, until pamd is
 * there again. */
static void worker_meets_pamd(struct worker *w)
{
	struct pool *p = w->pool;
	int pair[2];

	if (p->pamd < 0 || ipc_pair(pair) < 0)
		return;
	if (link_to_pamd(p, pair[1]) == 0)
		ipc_add_fd(word_only(w, "pamd"), "link", pair[0]);
	else
		close(pair[0]);
	close(pair[1]);
}

void pool_pamd(struct pool *p, int fd)
{
	int i;

	fd_close(&p->pamd);
	p->pamd = fd;
	for (i = 0; i < p->nworkers; i++)
		if (p->worker[i].fd >= 0) {
			worker_meets_pamd(&p->worker[i]);
			tell(&p->worker[i]);
		}
}

static void worker_start(struct worker *w)
{
	struct pool *p = w->pool;
	struct ipc_msg m;
	int pair[2], r;

	r = ipc_pair(pair);
	if (r < 0) {
		arm(w->timer, BRAKE_MAX_MS);
		return;
	}
	ipc_init(&m, "worker");
	ipc_set(&m, "settings", buf_view(&p->settings));
	ipc_set_bool(&m, "lookups", w->index == 0);
	ipc_add_fd(&m, "link", pair[1]);
	tables_add(&p->tables, &m);
	r = ipc_try_send(p->parent, &m);
	ipc_done(&m);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		arm(w->timer, BRAKE_MAX_MS);
		return;
	}
	fd_nonblock(pair[0], true);
	w->fd = pair[0];
	w->life = ++p->lives;
	w->born_ms = clock_mono_ms();
	w->readable = event_new(p->base, w->fd, EV_READ | EV_PERSIST, readable, w);
	w->writable = event_new(p->base, w->fd, EV_WRITE, writable, w);
	event_add(w->readable, NULL);
	worker_meets_pamd(w);
	dispatch(w);
}

void pool_none_ahead(struct pool *p)
{
	p->none_ahead = true;
}

struct pool *pool_new(struct event_base *base, void (*changed)(void), void (*trouble)(struct str text), int parent,
	unsigned hashers, size_t max_jobs, struct str settings, struct tables tables)
{
	struct pool *p = mem_alloc(1, sizeof(*p));
	int i;

	p->base = base;
	p->changed = changed;
	p->trouble = trouble;
	p->parent = parent;
	p->tables = tables;
	p->pamd = -1;
	p->max_jobs = max_jobs;
	buf_init(&p->settings, IPC_MAX);
	buf_str(&p->settings, settings);
	TAILQ_INIT(&p->unsaid);
	p->unsaid_now = event_new(base, -1, 0, unsaid, p);
	fair_init(&p->lookups);
	fair_init(&p->shared);
	p->nworkers = (int)hashers + 1;
	p->worker = mem_alloc((size_t)p->nworkers, sizeof(*p->worker));
	for (i = 0; i < p->nworkers; i++) {
		struct worker *w = &p->worker[i];

		w->pool = p;
		w->index = i;
		w->fd = -1;
		w->takes_us = AHEAD_US;
		fair_init(&w->pinned);
		TAILQ_INIT(&w->words);
		w->timer = evtimer_new(base, timeout, w);
		worker_start(w);
	}
	return p;
}

/* The next job for a worker, or NULL. */
static struct pool_job *next_job(struct worker *w)
{
	struct fair *shared = w->index == 0 ? &w->pool->lookups : &w->pool->shared;
	struct fair_job *f = fair_take(&w->pinned);

	if (!f)
		f = fair_take(shared);
	if (f)
		w->pool->waiting[((struct pool_job *)f)->lookup]--;
	return (struct pool_job *)f;
}

/* Is there room for one more? */
static bool takes(const struct worker *w)
{
	if (w->fd < 0 || w->full)
		return false;
	if (w->njobs == 0)
		return true;
	if (w->index == 0 || w->njobs == AHEAD)
		return w->njobs < AHEAD;
	return !w->pool->none_ahead && !is_verb(w->job[w->njobs - 1]) &&
		w->njobs * w->takes_us < AHEAD_US && clock_mono_us() - w->began_us < LATE_US;
}

/* -EAGAIN: it goes on when the worker has read; one that does nothing and does not read either is lost. Anything else: so is
 * this one, once the answers that it left are heard. */
static void is_full(struct worker *w, int r)
{
	w->full = true;
	if (r == -EAGAIN)
		event_add(w->writable, NULL);
	else
		(void)shutdown(w->fd, SHUT_RDWR);
	if (w->njobs == 0)
		arm(w->timer, JOB_MS);
}

static void writable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	w->full = false;
	if (w->njobs == 0)
		evtimer_del(w->timer);
	dispatch(w);
}

/* Those that wait, the first ones first. */
static void tell(struct worker *w)
{
	struct word *v;
	int r = 0;

	while (r == 0 && !w->full && (v = TAILQ_FIRST(&w->words)) != NULL) {
		r = ipc_try_send(w->fd, &v->m);
		if (r == 0)
			word_drop(w, v);
	}
	if (r < 0)
		is_full(w, r);
}

/* No packet takes it: it ends, but not while whoever gave it still looks at it. */
static void never(struct pool *p, struct pool_job *job)
{
	job->running = true;
	TAILQ_INSERT_TAIL(&p->unsaid, &job->fair, link);
	event_active(p->unsaid_now, 0, 0);
}

static void unsaid(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct fair_job *f;

	(void)fd;
	(void)what;
	while ((f = TAILQ_FIRST(&p->unsaid)) != NULL) {
		TAILQ_REMOVE(&p->unsaid, f, link);
		finish((struct pool_job *)f, NULL);
	}
}

static void dispatch(struct worker *w)
{
	struct pool_job *job;
	int r;

	tell(w);
	while (takes(w) && (job = next_job(w)) != NULL) {
		r = ipc_try_send(w->fd, &job->m);
		if (r == E_LIMIT) {
			never(w->pool, job);
			continue;
		}
		if (r < 0) { /* no room for it behind the others, and what else the worker was told */
			put_back(w, job);
			is_full(w, r);
			dispatch_any(w->pool);
			return;
		}
		job->worker = w->index;
		job->life = w->life;
		job->running = true;
		if (w->njobs == 0) {
			w->began_us = clock_mono_us();
			arm(w->timer, JOB_MS);
		}
		w->job[w->njobs++] = job;
	}
}

/* Who does a job that anybody can do: one that takes it ahead, else one that has nothing to do. NULL: nobody now. */
static struct worker *taker(struct pool *p)
{
	struct worker *w, *idle = NULL;
	int i;

	for (i = 1; i < p->nworkers; i++) {
		w = &p->worker[i];
		if (takes(w) && w->njobs)
			return w;
		if (takes(w) && !idle)
			idle = w;
	}
	return idle;
}

static void dispatch_any(struct pool *p)
{
	struct worker *w;

	while (p->shared.n && (w = taker(p)) != NULL)
		dispatch(w);
}

bool pool_add(struct pool *p, struct str lane, struct pool_job *job)
{
	struct worker *w = NULL;

	_Static_assert(offsetof(struct pool_job, fair) == 0, "a fair_job is cast back to its job");
	if (job->m.err || p->waiting[job->lookup] >= p->max_jobs)
		return false;
	if (job->worker != POOL_ANY) {
		w = &p->worker[job->worker];
		if (w->fd < 0 || w->life != job->life)
			return false;
	}
	p->waiting[job->lookup]++;
	job->pinned = w != NULL;
	job->lane = arena_str(&job->m.arena, lane);
	if (w)
		fair_add(&w->pinned, lane, &job->fair);
	else
		fair_add(job->lookup ? &p->lookups : &p->shared, lane, &job->fair);
	if (w || job->lookup)
		dispatch(w ? w : &p->worker[0]);
	else
		dispatch_any(p);
	return true;
}

void pool_cancel(struct pool *p, struct pool_job *job)
{
	struct fair *f = job->lookup ? &p->lookups : &p->shared;

	if (job->running) {
		job->arg = NULL;
		return;
	}
	if (job->worker != POOL_ANY)
		f = &p->worker[job->worker].pinned;
	fair_remove(f, &job->fair);
	p->waiting[job->lookup]--;
	pool_job_free(job);
}

void pool_tell(struct pool *p, int worker, uint64_t life, const struct ipc_msg *m)
{
	struct worker *w = worker == POOL_ANY ? NULL : &p->worker[worker];

	if (!w || w->fd < 0 || w->life != life)
		return;
	ipc_set_all(word_add(w, m->verb.p), m);
	tell(w);
}

void pool_keys(struct pool *p, int fd)
{
	struct worker *w;
	struct ipc_msg *m;
	int i;

	fd_close(&p->tables.fd[TABLE_KEYS]);
	p->tables.fd[TABLE_KEYS] = fd;
	for (i = 0; i < p->nworkers; i++) {
		w = &p->worker[i];
		if (w->fd < 0)
			continue;
		m = word_only(w, "keys");
		if (fd >= 0)
			ipc_add_fd(m, "keys", fcntl(fd, F_DUPFD_CLOEXEC, 3));
		tell(w);
	}
}

void pool_settings(struct pool *p, struct str settings, struct tables tables, size_t max_jobs)
{
	struct worker *w;
	struct ipc_msg *m;
	int i;

	p->max_jobs = max_jobs;
	tables_close(&p->tables);
	p->tables = tables;
	buf_reset(&p->settings);
	buf_str(&p->settings, settings);
	for (i = 0; i < p->nworkers; i++) {
		w = &p->worker[i];
		if (w->fd < 0)
			continue;
		m = word_only(w, "settings");
		ipc_set(m, "settings", settings);
		tables_add_own(&p->tables, m);
		tell(w);
	}
}
