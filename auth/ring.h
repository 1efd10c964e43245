/* SPDX-License-Identifier: ISC
 *
 * ring.h: how often something happened in the last window of time. Six parts of the window
 * and the one that runs: the sum covers the whole window and at most a sixth more, so "at
 * most N in any window" holds exactly.
 */
#ifndef MANSIO_AUTH_RING_H
#define MANSIO_AUTH_RING_H

#include "base/base.h"

#define RING_PARTS 7

/* Zero is a good start. */
struct ring {
	int64_t part; /* number of the newest part */
	uint32_t n[RING_PARTS];
};

/* Forgets what is older than the window. */
static inline void ring_turn(struct ring *r, int64_t now, int64_t window)
{
	int64_t part = now / MAX(window / (RING_PARTS - 1), 1), i;

	if (part - r->part >= RING_PARTS || part < r->part)
		memset(r->n, 0, sizeof(r->n));
	else
		for (i = r->part + 1; i <= part; i++)
			r->n[i % RING_PARTS] = 0;
	r->part = part;
}

static inline unsigned ring_sum(struct ring *r, int64_t now, int64_t window)
{
	uint64_t sum = 0;
	size_t i;

	ring_turn(r, now, window);
	for (i = 0; i < RING_PARTS; i++)
		sum += r->n[i];
	return (unsigned)MIN(sum, UINT32_MAX);
}

static inline void ring_add(struct ring *r, int64_t now, int64_t window)
{
	ring_turn(r, now, window);
	if (r->n[r->part % RING_PARTS] < UINT32_MAX)
		r->n[r->part % RING_PARTS]++;
}

/* One that was counted not long ago was none. */
static inline void ring_take(struct ring *r, int64_t now, int64_t window)
{
	size_t i;

	ring_turn(r, now, window);
	for (i = 0; i < RING_PARTS; i++) {
		uint32_t *n = &r->n[(size_t)(r->part + RING_PARTS - (int64_t)i) % RING_PARTS];

		if (*n > 0) {
			(*n)--;
			return;
		}
	}
}

#endif
