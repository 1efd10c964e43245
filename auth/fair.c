/* SPDX-License-Identifier: ISC
 *
 * fair.c: see fair.h. A lane exists only while it has jobs; taking one moves
 * the lane to the end of the turn. Within a lane jobs lie by number.
 */
#include "auth/fair.h"

struct fair_lane {
	TAILQ_ENTRY(fair_lane) link;
	TAILQ_HEAD(fair_jobs, fair_job) jobs;
	char *name;
	size_t nname;
};

void fair_init(struct fair *f)
{
	table_init(&f->lanes);
	TAILQ_INIT(&f->turn);
	f->n = 0;
	f->last = 0;
}

static struct fair_lane *lane_new(struct fair *f, struct str name)
{
	struct fair_lane *l = mem_alloc(1, sizeof(*l));

	TAILQ_INIT(&l->jobs);
	l->name = mem_alloc(name.n + 1, 1);
	if (name.n > 0)
		memcpy(l->name, name.p, name.n);
	l->nname = name.n;
	table_set(&f->lanes, name, l);
	TAILQ_INSERT_TAIL(&f->turn, l, link);
	return l;
}

static void lane_free(struct fair *f, struct fair_lane *l)
{
	table_remove(&f->lanes, str_make(l->name, l->nname));
	TAILQ_REMOVE(&f->turn, l, link);
	free(l->name);
	free(l);
}

static struct fair_lane *lane_of(struct fair *f, struct str name)
{
	struct fair_lane *l = table_get(&f->lanes, name);

	return l ? l : lane_new(f, name);
}

void fair_add(struct fair *f, struct str lane, struct fair_job *job)
{
	BUG_ON(job->lane);
	job->lane = lane_of(f, lane);
	job->number = ++f->last;
	TAILQ_INSERT_TAIL(&job->lane->jobs, job, link);
	f->n++;
}

void fair_again(struct fair *f, struct str lane, struct fair_job *job)
{
	struct fair_lane *l = lane_of(f, lane);
	struct fair_job *after;

	BUG_ON(job->lane);
	job->lane = l;
	TAILQ_FOREACH(after, &l->jobs, link)
		if (after->number > job->number)
			break;
	if (after)
		TAILQ_INSERT_BEFORE(after, job, link);
	else
		TAILQ_INSERT_TAIL(&l->jobs, job, link);
	f->n++;
	TAILQ_REMOVE(&f->turn, l, link);
	TAILQ_INSERT_HEAD(&f->turn, l, link);
}

size_t fair_waiting(const struct fair *f, struct str lane)
{
	const struct fair_lane *l = table_get(&f->lanes, lane);
	const struct fair_job *job;
	size_t n = 0;

	if (l)
		TAILQ_FOREACH(job, &l->jobs, link)
			n++;
	return n;
}

void fair_remove(struct fair *f, struct fair_job *job)
{
	struct fair_lane *l = job->lane;

	if (!l)
		return;
	TAILQ_REMOVE(&l->jobs, job, link);
	job->lane = NULL;
	f->n--;
	if (TAILQ_EMPTY(&l->jobs))
		lane_free(f, l);
}

struct fair_job *fair_take_if(struct fair *f, bool (*may)(struct str lane, void *arg), void *arg)
{
	struct fair_job *job;
	struct fair_lane *l;

	TAILQ_FOREACH(l, &f->turn, link)
		if (may(str_make(l->name, l->nname), arg))
			break;
	if (!l)
		return NULL;
	TAILQ_REMOVE(&f->turn, l, link);
	TAILQ_INSERT_TAIL(&f->turn, l, link);
	job = TAILQ_FIRST(&l->jobs);
	fair_remove(f, job);
	return job;
}

static bool any(struct str lane, void *arg)
{
	(void)lane, (void)arg;
	return true;
}

struct fair_job *fair_take(struct fair *f)
{
	return fair_take_if(f, any, NULL);
}

void fair_done(struct fair *f)
{
	while (fair_take(f))
		;
	table_done(&f->lanes);
}
