/* SPDX-License-Identifier: ISC
 *
 * spray.h: many addresses that try a password or two each, seen as one thing.
 *
 * Each of them stays below every limit of its own. What shows is the sum: failures of
 * strangers (pairs that are not known, ban.h) in a few minutes, many times the usual, and
 * from many networks. Pure, the clock is passed in.
 */
#ifndef MANSIO_AUTH_SPRAY_H
#define MANSIO_AUTH_SPRAY_H

#include "auth/ring.h"

#define SPRAY_WINDOW_MS 300000
#define SPRAY_BITS 16384

struct spray_limits {
	unsigned failures; /* in a window that make one, if it is not usual; 0: none is seen */
	int64_t delay_ms; /* of every answer to a strange network */
};

struct spray_news {
	bool begins; /* else it is over */
	unsigned failures; /* in the last window; in all, when it is over */
	unsigned networks, names; /* at least so many, in the same time */
	unsigned usual; /* failures in a window */
	int64_t ms; /* how long it lasted */
};

struct spray_seen {
	uint64_t bit[SPRAY_BITS / 64];
};

/* Zero is a good start. */
struct spray {
	struct ring recent;
	struct spray_seen networks[2], names[2]; /* of this window and of the one before */
	int64_t window; /* number of the one that runs */
	unsigned in_window; /* failures in it */
	unsigned usual16; /* 16 times the usual number of a window */
	bool on;
	int64_t begun, high; /* when; when it was last as bad */
	unsigned total;
};

/* A stranger's failure. True: news_out is something to tell, once. */
bool spray_failed(struct spray *s, const struct spray_limits *l, uint64_t network, uint64_t name, int64_t now, struct spray_news *news_out);
/* Every few seconds: the same. */
bool spray_sweep(struct spray *s, const struct spray_limits *l, int64_t now, struct spray_news *news_out);

#endif
