/* SPDX-License-Identifier: ISC
 *
 * ring.h: private to traced: the history of the statistics, one file of fixed
 * size (state/trace/stats): 1 s for an hour, 10 s for a day, 1 min for a week,
 * 15 min for 90 days.
 *
 *     "mansio-stats 1\n" ...      64 bytes
 *     slots of the four rings     192 bytes each, little-endian:
 *         time 8, seconds 4, counters 8 x 4, delays 16 x 4, gauges 7 x 8, CRC-32C of all that
 *
 * A slot's place follows from its time alone, so nothing points at anything: a
 * torn write harms one slot, which its checksum shows, and it counts as empty.
 * A second is added to the slot of each ring that it lies in; what a slot holds is therefore
 * right at any moment, whenever the process ends.
 */
#ifndef MANSIO_TRACE_RING_H
#define MANSIO_TRACE_RING_H

#include "base/buf.h"

enum { COUNT_IN, COUNT_OUT, COUNT_REJECTED, COUNT_DEFERRED, COUNT_BOUNCED, COUNT_DELIVERED, COUNT_LOGINS,
	COUNT_FAILED_LOGINS, COUNTS };
enum { GAUGE_QUEUE, GAUGE_SESSIONS, GAUGE_CPU, GAUGE_MEMORY, GAUGE_MEMORY_TOTAL, GAUGE_DISK_USED, GAUGE_DISK_TOTAL,
	GAUGES };
#define DELAYS 16
extern const uint32_t delay_ms[DELAYS]; /* upper end of each; the last has none */

struct slot {
	int64_t time; /* its first second, Unix */
	uint32_t seconds; /* that were added; 0: an empty slot */
	uint32_t count[COUNTS];
	uint32_t delay[DELAYS]; /* deliveries that took up to delay_ms[i] */
	uint64_t gauge[GAUGES]; /* sums: divided by seconds they are means */
};

struct ring {
	int fd; /* -1: it cannot be had; nothing is kept */
};
/* In the folder; made if it is missing, begun anew if it is none of ours. */
int ring_open(struct ring *r, int dir, const char *name);
void ring_close(struct ring *r);
/* One second. 0 or negative. */
int ring_add(struct ring *r, const struct slot *second);
void slot_merge(struct slot *to, const struct slot *from);
uint64_t slot_gauge(const struct slot *s, int gauge);
/* The time in which `percent` of its deliveries were made, ms; 0: there were none. */
uint64_t slot_delay(const struct slot *s, unsigned percent);
/* Slots with something in them, since <= time < until, of `step` seconds each (0: what fits the
 * span). False: enough. */
typedef bool ring_visit(void *arg, const struct slot *s);
void ring_read(struct ring *r, int64_t since, int64_t until, int64_t step, ring_visit *visit, void *arg);
int64_t ring_step(int64_t now, int64_t since, int64_t until, int64_t step); /* which step that is */

#endif
