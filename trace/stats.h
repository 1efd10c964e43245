/* SPDX-License-Identifier: ISC
 *
 * stats.h: private to traced: what happens, in numbers: counted from the
 * events, second by second into the ring (ring.h), and since the start for
 * Prometheus.
 *
 * Queue depth comes from queued (a fact: trace.h), sessions, CPU and memory of
 * the suite from master every few seconds (`numbers`), disk from the folder's file system.
 */
#ifndef MANSIO_TRACE_STATS_H
#define MANSIO_TRACE_STATS_H

#include "trace/reader.h"
#include "trace/ring.h"

struct stats;
struct stats *stats_open(int dir);
void stats_close(struct stats *s);
void stats_event(struct stats *s, const struct record *r, const struct fields *e);
void stats_numbers(struct stats *s, const struct ipc_msg *m);
/* Seconds that are over go into the ring, and to those who watch. */
void stats_tick(struct stats *s, struct readers *readers);
int stats_wait(const struct stats *s, const struct readers *readers); /* ms until the next; -1: nothing to do */

/* stats show: which columns; none of them: all. */
struct stats_columns {
	bool on[32];
};
/* Adds the column of that name: E_NOTFOUND. */
int stats_column(struct stats_columns *c, struct str name);
void stats_show(struct stats *s, const struct stats_columns *c, int64_t since, int64_t until, int64_t step,
	struct reader *r);
/* Prometheus' text format (metrics.c). */
void stats_metrics(const struct stats *s, struct buf *out);

/* For metrics.c */
#define STATS_PROCS 256
struct stats_proc {
	char name[32];
	uint64_t instance, up, restarts, memory, sessions;
};
struct stats {
	struct ring ring;
	int dir;
	int64_t sec; /* the second that is counted now */
	struct slot now;
	uint64_t gauge[GAUGES];
	uint64_t total[COUNTS], delay[DELAYS], delay_ms_sum, lines[4];
	uint64_t cpu_ms, cores;
	int64_t cpu_at; /* monotonic ms of that */
	int64_t began;
	struct stats_proc proc[STATS_PROCS];
	size_t nprocs;
	bool told; /* the ring cannot be written: said */
};

#endif
