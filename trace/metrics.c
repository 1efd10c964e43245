/* SPDX-License-Identifier: ISC
 *
 * metrics.c: mansio stats metrics: the text format of Prometheus, version 0.0.4.
 * Names and labels are ours alone: no word of a stranger gets in here.
 */
#include "trace/stats.h"

#include "trace/trace.h"

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counters(const struct stats *s, struct buf *out)
{
	static const struct {
		int at;
		const char *name, *help;
	} c[] = {
		{ COUNT_IN, "mansio_messages_accepted_total", "Messages that were accepted." },
		{ COUNT_OUT, "mansio_messages_sent_total", "Deliveries out of the queue, for each recipient." },
		{ COUNT_REJECTED, "mansio_refusals_total", "Commands of SMTP clients that were refused." },
		{ COUNT_DEFERRED, "mansio_attempts_deferred_total", "Attempts of delivery that are to be repeated." },
		{ COUNT_BOUNCED, "mansio_recipients_given_up_total", "Recipients that were given up." },
		{ COUNT_DELIVERED, "mansio_copies_delivered_total", "Copies that were put into mailboxes." },
		{ COUNT_LOGINS, "mansio_logins_total", "Logins." },
		{ COUNT_FAILED_LOGINS, "mansio_logins_failed_total", "Logins that failed." },
	};
	static const char *const level[] = { "debug", "info", "warn", "error" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(c); i++) {
		head(out, c[i].name, "counter", c[i].help);
		buf_fmt(out, "%s %llu\n", c[i].name, (unsigned long long)s->total[c[i].at]);
	}
	head(out, "mansio_events_total", "counter", "Events of the log.");
	for (i = 0; i < ARRAY_LEN(level); i++)
		buf_fmt(out, "mansio_events_total{level=\"%s\"} %llu\n", level[i], (unsigned long long)s->lines[i]);
	head(out, "mansio_cpu_seconds_total", "counter", "CPU time of the processes that run now.");
	buf_fmt(out, "mansio_cpu_seconds_total %llu.%03u\n", (unsigned long long)(s->cpu_ms / 1000),
		(unsigned)(s->cpu_ms % 1000));
}

static void gauges(const struct stats *s, struct buf *out)
{
	static const struct {
		int at;
		const char *name, *help;
	} g[] = {
		{ GAUGE_QUEUE, "mansio_queue_messages", "Messages in the queue." },
		{ GAUGE_SESSIONS, "mansio_sessions", "Connections at the door." },
		{ GAUGE_MEMORY, "mansio_memory_bytes", "Memory that the suite has for itself." },
		{ GAUGE_DISK_USED, "mansio_disk_used_bytes", "Used space of the file system of the state folder." },
		{ GAUGE_DISK_TOTAL, "mansio_disk_size_bytes", "Size of that file system." },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(g); i++) {
		head(out, g[i].name, "gauge", g[i].help);
		buf_fmt(out, "%s %llu\n", g[i].name, (unsigned long long)s->gauge[g[i].at]);
	}
	head(out, "mansio_build_info", "gauge", "The version.");
	buf_fmt(out, "mansio_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
	head(out, "mansio_counting_since_seconds", "gauge", "Unix time since which the counters count.");
	buf_fmt(out, "mansio_counting_since_seconds %lld\n", (long long)s->began);
}

static void delays(const struct stats *s, struct buf *out)
{
	uint64_t sum = 0;
	size_t i;

	head(out, "mansio_delivery_seconds", "histogram", "Time from a message's arrival to its delivery.");
	for (i = 0; i + 1 < DELAYS; i++) {
		sum += s->delay[i];
		buf_fmt(out, "mansio_delivery_seconds_bucket{le=\"%g\"} %llu\n", delay_ms[i] / 1000.0,
			(unsigned long long)sum);
	}
	sum += s->delay[i];
	buf_fmt(out, "mansio_delivery_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)sum);
	buf_fmt(out, "mansio_delivery_seconds_sum %llu.%03u\n", (unsigned long long)(s->delay_ms_sum / 1000),
		(unsigned)(s->delay_ms_sum % 1000));
	buf_fmt(out, "mansio_delivery_seconds_count %llu\n", (unsigned long long)sum);
}

static void processes(const struct stats *s, struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
		size_t at;
	} m[] = {
		{ "mansio_process_up", "gauge", "1 if the process serves.", offsetof(struct stats_proc, up) },
		{ "mansio_process_restarts_total", "counter", "How often it was started again.",
			offsetof(struct stats_proc, restarts) },
		{ "mansio_process_memory_bytes", "gauge", "Its resident memory.", offsetof(struct stats_proc, memory) },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(m) && s->nprocs; i++) {
		head(out, m[i].name, m[i].type, m[i].help);
		for (k = 0; k < s->nprocs; k++)
			buf_fmt(out, "%s{process=\"%s\",instance=\"%llu\"} %llu\n", m[i].name, s->proc[k].name,
				(unsigned long long)s->proc[k].instance,
				(unsigned long long)*(const uint64_t *)(const void *)((const char *)&s->proc[k] + m[i].at));
	}
}

void stats_metrics(const struct stats *s, struct buf *out)
{
	counters(s, out);
	gauges(s, out);
	delays(s, out);
	processes(s, out);
}
