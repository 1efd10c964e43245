/* SPDX-License-Identifier: ISC
 *
 * spray.c: see spray.h.
 *
 *   off --(failures >= limit, >= 4 times the usual, of many networks)--> on
 *   on  --(10 minutes below half of that)--> off
 *
 * The usual is a mean over windows in which nothing was on, each new one a sixteenth: what
 * is always there is no event. Networks and names are counted by hashed bits, which can only
 * count too few, so a few addresses are never taken for many.
 */
#include "auth/spray.h"

#define TIMES 4
#define CALM_MS (2 * SPRAY_WINDOW_MS)
#define PER_NETWORK 4 /* more failures a network than this, and bans see them one by one */

static void see(struct spray_seen *s, uint64_t hash)
{
	uint64_t bit = hash % SPRAY_BITS;

	s->bit[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static unsigned seen(const struct spray_seen s[2])
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < SPRAY_BITS / 64; i++)
		n += (unsigned)__builtin_popcountll(s[0].bit[i] | s[1].bit[i]);
	return n;
}

static void next_window(struct spray_seen s[2])
{
	s[1] = s[0];
	memset(&s[0], 0, sizeof(s[0]));
}

static void turn(struct spray *s, int64_t now)
{
	int64_t window = now / SPRAY_WINDOW_MS;

	if (window == s->window)
		return;
	if (!s->on) /* windows without any failure are windows too, but a hundred of them say no more */
		for (int64_t i = s->window; i < window && i < s->window + 100; i++) {
			s->usual16 = s->usual16 - s->usual16 / 16 + s->in_window;
			s->in_window = 0;
		}
	s->in_window = 0;
	if (window != s->window + 1) {
		next_window(s->networks);
		next_window(s->names);
	}
	next_window(s->networks);
	next_window(s->names);
	s->window = window;
}

static unsigned bound(const struct spray *s, const struct spray_limits *l)
{
	return MAX(l->failures, TIMES * (s->usual16 / 16));
}

bool spray_sweep(struct spray *s, const struct spray_limits *l, int64_t now, struct spray_news *news_out)
{
	unsigned sum = ring_sum(&s->recent, now, SPRAY_WINDOW_MS);

	turn(s, now);
	if (!s->on)
		return false;
	if (l->failures > 0 && sum >= bound(s, l) / 2)
		s->high = now;
	if (l->failures > 0 && now - s->high < CALM_MS)
		return false;
	s->on = false;
	*news_out = (struct spray_news){ .failures = s->total, .usual = s->usual16 / 16, .ms = s->high - s->begun };
	return true;
}

bool spray_failed(struct spray *s, const struct spray_limits *l, uint64_t network, uint64_t name, int64_t now, struct spray_news *news_out)
{
	unsigned sum, networks;

	turn(s, now);
	ring_add(&s->recent, now, SPRAY_WINDOW_MS);
	sum = ring_sum(&s->recent, now, SPRAY_WINDOW_MS);
	see(&s->networks[0], network);
	see(&s->names[0], name);
	s->in_window++;
	if (s->on) {
		s->total++;
		return spray_sweep(s, l, now, news_out);
	}
	if (l->failures == 0 || sum < bound(s, l))
		return false;
	networks = seen(s->networks);
	if (networks < sum / PER_NETWORK)
		return false;
	s->on = true;
	s->begun = s->high = now;
	s->total = sum;
	*news_out = (struct spray_news){ .begins = true, .failures = sum, .networks = networks, .names = seen(s->names),
		.usual = s->usual16 / 16 };
	return true;
}
