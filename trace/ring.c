/* SPDX-License-Identifier: ISC
 *
 * ring.c: see ring.h.
 */
#include "trace/ring.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rand.h"

#define MAGIC "mansio-stats 1\n"
#define HEAD 64
#define SLOT 192
#define SLOT_USED (8 + 4 + 4 * COUNTS + 4 * DELAYS + 8 * GAUGES)
#define ROWS_MAX 800 /* if no step is asked for */

const uint32_t delay_ms[DELAYS] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 60000, 600000,
	UINT32_MAX };

static const struct {
	int64_t step, slots, first; /* first: number of slots before it */
} tiers[] = {
	{ 1, 3600, 0 }, { 10, 8640, 3600 }, { 60, 10080, 12240 }, { 900, 8640, 22320 },
};
#define SLOTS (22320 + 8640)

_Static_assert(SLOT_USED + 4 <= SLOT, "a slot fits");

static unsigned char *put32(unsigned char *p, uint32_t v)
{
	int i;

	for (i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
	return p + 4;
}

static unsigned char *put64(unsigned char *p, uint64_t v)
{
	return put32(put32(p, (uint32_t)v), (uint32_t)(v >> 32));
}

static uint32_t get32(const unsigned char **p)
{
	uint32_t v = 0;
	int i;

	for (i = 0; i < 4; i++)
		v |= (uint32_t)(*p)[i] << 8 * i;
	*p += 4;
	return v;
}

static uint64_t get64(const unsigned char **p)
{
	uint64_t low = get32(p);

	return low | (uint64_t)get32(p) << 32;
}

static void print(const struct slot *s, unsigned char out[SLOT])
{
	unsigned char *p = out;
	int i;

	memset(out, 0, SLOT);
	p = put32(put64(p, (uint64_t)s->time), s->seconds);
	for (i = 0; i < COUNTS; i++)
		p = put32(p, s->count[i]);
	for (i = 0; i < DELAYS; i++)
		p = put32(p, s->delay[i]);
	for (i = 0; i < GAUGES; i++)
		p = put64(p, s->gauge[i]);
	put32(p, crc32c(0, out, SLOT_USED));
}

static bool parse(const unsigned char in[SLOT], struct slot *out)
{
	const unsigned char *p = in;
	struct slot s;
	int i;

	s.time = (int64_t)get64(&p);
	s.seconds = get32(&p);
	for (i = 0; i < COUNTS; i++)
		s.count[i] = get32(&p);
	for (i = 0; i < DELAYS; i++)
		s.delay[i] = get32(&p);
	for (i = 0; i < GAUGES; i++)
		s.gauge[i] = get64(&p);
	if (get32(&p) != crc32c(0, in, SLOT_USED) || s.seconds == 0)
		return false;
	*out = s;
	return true;
}

int ring_open(struct ring *r, int dir, const char *name)
{
	char head[HEAD] = MAGIC, there[HEAD] = "";

	r->fd = file_open(dir, name, O_RDWR | O_CREAT, 0600);
	if (r->fd < 0)
		return r->fd;
	if (pread(r->fd, there, HEAD, 0) == HEAD && memcmp(head, there, HEAD) == 0)
		return 0;
	/* sparse: what was never written takes no room, and has no checksum */
	if (ftruncate(r->fd, 0) < 0 || pwrite(r->fd, head, HEAD, 0) != HEAD ||
	    ftruncate(r->fd, HEAD + (off_t)SLOTS * SLOT) < 0)
		return -errno;
	return 0;
}

void ring_close(struct ring *r)
{
	fd_close(&r->fd);
}

static off_t place(size_t tier, int64_t time)
{
	return HEAD + (off_t)SLOT * (tiers[tier].first + time / tiers[tier].step % tiers[tier].slots);
}

static bool load(struct ring *r, size_t tier, int64_t time, struct slot *out)
{
	unsigned char raw[SLOT];

	return pread(r->fd, raw, SLOT, place(tier, time)) == SLOT && parse(raw, out) && out->time == time;
}

void slot_merge(struct slot *to, const struct slot *from)
{
	int i;

	to->seconds += from->seconds;
	for (i = 0; i < COUNTS; i++)
		to->count[i] += from->count[i];
	for (i = 0; i < DELAYS; i++)
		to->delay[i] += from->delay[i];
	for (i = 0; i < GAUGES; i++)
		to->gauge[i] += from->gauge[i];
}

int ring_add(struct ring *r, const struct slot *second)
{
	unsigned char raw[SLOT];
	struct slot s;
	size_t i;

	if (r->fd < 0)
		return E_NOTFOUND;
	for (i = 0; i < ARRAY_LEN(tiers); i++) {
		int64_t time = second->time - second->time % tiers[i].step;

		if (!load(r, i, time, &s))
			s = (struct slot){ .time = time };
		slot_merge(&s, second);
		print(&s, raw);
		if (pwrite(r->fd, raw, SLOT, place(i, time)) != SLOT)
			return -errno;
	}
	return 0;
}

uint64_t slot_gauge(const struct slot *s, int gauge)
{
	return s->seconds ? (s->gauge[gauge] + s->seconds / 2) / s->seconds : 0;
}

uint64_t slot_delay(const struct slot *s, unsigned percent)
{
	uint64_t all = 0, below = 0, wanted, from = 0, to;
	int i;

	for (i = 0; i < DELAYS; i++)
		all += s->delay[i];
	if (!all)
		return 0;
	wanted = (all * percent + 99) / 100;
	for (i = 0; i < DELAYS - 1 && below + s->delay[i] < wanted; i++) {
		below += s->delay[i];
		from = delay_ms[i];
	}
	if (i == DELAYS - 1)
		return from;
	to = delay_ms[i]; /* evenly spread between the ends; one alone lies in the middle */
	return from + (to - from) * (2 * (wanted - below) - 1) / (2 * (uint64_t)s->delay[i]);
}

static size_t tier_for(int64_t now, int64_t since, int64_t until, int64_t step)
{
	size_t i, last = ARRAY_LEN(tiers) - 1;

	for (i = 0; i < last; i++) {
		if (since < now - tiers[i].step * tiers[i].slots)
			continue; /* not so far back */
		if (step ? i + 1 > last || tiers[i + 1].step > step : (until - since) / tiers[i].step <= ROWS_MAX)
			return i;
	}
	return last;
}

int64_t ring_step(int64_t now, int64_t since, int64_t until, int64_t step)
{
	int64_t own = tiers[tier_for(now, since, until, step)].step;

	return step > own ? step - step % own : own;
}

void ring_read(struct ring *r, int64_t since, int64_t until, int64_t step, ring_visit *visit, void *arg)
{
	int64_t now = clock_unix(), t, own, from, wide;
	struct slot s, sum = { 0 };
	size_t tier;

	if (r->fd < 0)
		return;
	until = MIN(until, now + 1);
	since = MAX(since, now - tiers[ARRAY_LEN(tiers) - 1].step * tiers[ARRAY_LEN(tiers) - 1].slots);
	tier = tier_for(now, since, until, step);
	own = tiers[tier].step;
	wide = ring_step(now, since, until, step);
	from = MAX(since - since % wide, now - now % own - own * (tiers[tier].slots - 1));
	for (t = from - from % own; t < until; t += own) {
		if (sum.seconds && t - t % wide != sum.time) {
			if (!visit(arg, &sum))
				return;
			sum.seconds = 0;
		}
		if (!load(r, tier, t, &s))
			continue;
		if (!sum.seconds)
			sum = (struct slot){ .time = t - t % wide };
		slot_merge(&sum, &s);
	}
	if (sum.seconds)
		visit(arg, &sum);
}
