/* SPDX-License-Identifier: ISC
 *
 * stats.c: see stats.h.
 */
#include "trace/stats.h"

#include <sys/statvfs.h>

#include "trace/events.h"
#include "trace/trace.h"

#define NAME "stats"
#define GAP_S 120 /* more than that was not lived through: the clock was set, the host slept */

/* In the order of the answer. */
static const struct {
	const char *name;
	enum { COUNT, GAUGE, P50, P95 } kind;
	int at;
} columns[] = {
	{ "in", COUNT, COUNT_IN }, { "out", COUNT, COUNT_OUT }, { "rejected", COUNT, COUNT_REJECTED },
	{ "deferred", COUNT, COUNT_DEFERRED }, { "bounced", COUNT, COUNT_BOUNCED },
	{ "delivered", COUNT, COUNT_DELIVERED }, { "queue", GAUGE, GAUGE_QUEUE },
	{ "sessions", GAUGE, GAUGE_SESSIONS }, { "logins", COUNT, COUNT_LOGINS },
	{ "failed_logins", COUNT, COUNT_FAILED_LOGINS }, { "delivery_p50", P50, 0 }, { "delivery_p95", P95, 0 },
	{ "cpu", GAUGE, GAUGE_CPU }, { "memory", GAUGE, GAUGE_MEMORY }, { "memory_total", GAUGE, GAUGE_MEMORY_TOTAL },
	{ "disk_used", GAUGE, GAUGE_DISK_USED }, { "disk_total", GAUGE, GAUGE_DISK_TOTAL },
};

_Static_assert((int)SERIES_LOGIN_FAILED == COUNTS, "each series of events.def has a counter");

/* --- the file system ----------------------------------------------------------------- */

static void look_at_disk(struct stats *s)
{
	struct statvfs v;

	if (fstatvfs(s->dir, &v) < 0)
		return;
	s->gauge[GAUGE_DISK_TOTAL] = (uint64_t)v.f_blocks * v.f_frsize;
	s->gauge[GAUGE_DISK_USED] = (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize;
}

struct stats *stats_open(int dir)
{
	struct stats *s = mem_alloc(1, sizeof(*s));
	int r;

	s->dir = dir;
	s->began = s->sec = clock_unix();
	s->cores = 1;
	r = ring_open(&s->ring, dir, NAME);
	if (r < 0)
		trace_event(TRACE_ERROR, "stats-failed", NULL, "%s", err_text(r));
	look_at_disk(s);
	return s;
}

void stats_close(struct stats *s)
{
	ring_close(&s->ring);
	free(s);
}

/* --- counting ------------------------------------------------------------------------- */

static void add_delay(struct stats *s, uint64_t ms)
{
	int i;

	for (i = 0; i < DELAYS - 1 && ms > delay_ms[i]; i++)
		;
	s->now.delay[i]++;
	s->delay[i]++;
	s->delay_ms_sum += ms;
}

void stats_event(struct stats *s, const struct record *r, const struct fields *e)
{
	const struct event_def *d;

	if (r->level - '0' == TRACE_FACT) {
		if (str_eqc(r->program, "queued") && str_eqc(e->event, "queue"))
			s->gauge[GAUGE_QUEUE] = fields_u64(e, "messages");
		return;
	}
	s->lines[r->level - '0']++;
	d = event_find(r->program, e->event);
	if (!d || d->series == SERIES_NONE)
		return;
	s->now.count[d->series - 1]++;
	s->total[d->series - 1]++;
	if (d->series == SERIES_IN && str_eqc(fields_raw(e, "way"), "straight"))
		add_delay(s, fields_u64(e, "ms"));
	else if (d->series == SERIES_OUT)
		add_delay(s, fields_u64(e, "age") * 1000);
}

/* "name instance up restarts sessions memory" */
static void read_proc(struct stats *s, struct str text)
{
	struct stats_proc *p = &s->proc[s->nprocs];
	struct str name = str_cut(&text, ' ');
	uint64_t *const n[] = { &p->instance, &p->up, &p->restarts, &p->sessions, &p->memory };
	size_t i;

	*p = (struct stats_proc){ 0 };
	snprintf(p->name, sizeof(p->name), "%.*s", STRF(name));
	for (i = 0; i < ARRAY_LEN(n); i++)
		if (str_u64(str_cut(&text, ' '), INT64_MAX, n[i]) < 0)
			return;
	s->nprocs++;
}

void stats_numbers(struct stats *s, const struct ipc_msg *m)
{
	uint64_t cpu = 0;
	int64_t now = clock_mono_ms();
	struct str text;
	size_t i;

	ipc_get_u64(m, "cores", 100000, &s->cores);
	ipc_get_u64(m, "memory", INT64_MAX, &s->gauge[GAUGE_MEMORY]);
	ipc_get_u64(m, "memory_total", INT64_MAX, &s->gauge[GAUGE_MEMORY_TOTAL]);
	ipc_get_u64(m, "sessions", INT64_MAX, &s->gauge[GAUGE_SESSIONS]);
	if (ipc_get_u64(m, "cpu_ms", INT64_MAX, &cpu) == 0) {
		/* processes end, and take what they used with them: then it is less than before */
		if (s->cpu_at && now > s->cpu_at && cpu >= s->cpu_ms)
			s->gauge[GAUGE_CPU] = ((cpu - s->cpu_ms) * 100 + (uint64_t)(now - s->cpu_at) / 2) /
				((uint64_t)(now - s->cpu_at) * MAX(s->cores, (uint64_t)1));
		s->cpu_ms = cpu;
		s->cpu_at = now;
	}
	for (i = 0, s->nprocs = 0; s->nprocs < STATS_PROCS && (text = ipc_get_nth(m, "proc", i)).p; i++)
		read_proc(s, text);
	look_at_disk(s);
}

/* --- rows --------------------------------------------------------------------------------- */

int stats_column(struct stats_columns *c, struct str name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(columns); i++)
		if (str_eqc(name, columns[i].name))
			c->on[i] = true;
	for (i = 0; i < ARRAY_LEN(columns) && !str_eqc(name, columns[i].name); i++)
		;
	return i == ARRAY_LEN(columns) ? E_NOTFOUND : 0;
}

static uint64_t value(const struct slot *x, size_t column)
{
	switch (columns[column].kind) {
	case COUNT:
		return x->count[columns[column].at];
	case GAUGE:
		return slot_gauge(x, columns[column].at);
	case P50:
		return slot_delay(x, 50);
	case P95:
		return slot_delay(x, 95);
	}
	return 0;
}

static void send_row(struct reader *r, const struct slot *x, const struct stats_columns *c)
{
	struct ipc_msg m;
	bool all = true;
	size_t i;

	for (i = 0; c && i < ARRAY_LEN(columns); i++)
		all &= !c->on[i];
	ipc_init(&m, "result");
	ipc_set_u64(&m, "time", (uint64_t)x->time);
	for (i = 0; i < ARRAY_LEN(columns); i++)
		if (all || c->on[i])
			ipc_set_u64(&m, columns[i].name, value(x, i));
	reader_send(r, &m);
	ipc_done(&m);
}

struct show {
	struct reader *r;
	const struct stats_columns *c;
};

static bool show_slot(void *arg, const struct slot *x)
{
	const struct show *w = arg;

	send_row(w->r, x, w->c);
	return !w->r->gone;
}

void stats_show(struct stats *s, const struct stats_columns *c, int64_t since, int64_t until, int64_t step,
	struct reader *r)
{
	struct show w = { r, c };

	ring_read(&s->ring, since, until, step, show_slot, &w);
}

/* --- seconds -------------------------------------------------------------------------------- */

static void end_second(struct stats *s, struct readers *readers)
{
	struct reader *r;
	int i, err;

	s->now.time = s->sec;
	s->now.seconds = 1;
	for (i = 0; i < GAUGES; i++)
		s->now.gauge[i] = s->gauge[i];
	err = ring_add(&s->ring, &s->now);
	if (err < 0 && !s->told)
		trace_event(TRACE_WARN, "stats-failed", NULL, "%s", err_text(err));
	s->told = err < 0;
	LIST_FOREACH(r, readers, link)
		if (r->kind == READER_LIVE)
			send_row(r, &s->now, NULL);
	s->now = (struct slot){ 0 };
	s->sec++;
}

void stats_tick(struct stats *s, struct readers *readers)
{
	int64_t now = clock_unix();

	if (now > s->sec + GAP_S || now < s->sec)
		s->sec = now; /* what is counted counts for now */
	while (s->sec < now)
		end_second(s, readers);
}

int stats_wait(const struct stats *s, const struct readers *readers)
{
	const struct reader *r;
	bool watched = false;
	int i, n = 0;

	LIST_FOREACH(r, readers, link)
		watched |= r->kind == READER_LIVE;
	for (i = 0; i < COUNTS; i++)
		n += s->now.count[i] > 0;
	if (!watched && !n)
		return -1;
	return 1000 - (int)(clock_unix_us() / 1000 % 1000);
}
