/* SPDX-License-Identifier: ISC
 *
 * recursor.h: the engine of resolverd: libunbound in an event loop, one thread, one bounded
 * cache, DNSSEC checked from the trust anchors on.
 *
 * Every question is answered once, at the latest when its time is over. libunbound goes on with
 * one that nobody waits for any more; such ones are bounded too.
 */
#ifndef MANSIO_NET_RECURSOR_H
#define MANSIO_NET_RECURSOR_H

#include "net/dns.h"

struct event_base;
struct recursor;

#define RECURSOR_SERVERS 16
#define RECURSOR_ZONES 64

struct recursor_options {
	struct addr server[RECURSOR_SERVERS]; /* none: from the root on */
	size_t nservers;
	struct recursor_zone {
		const char *name;
		struct addr server;
	} zone[RECURSOR_ZONES];
	size_t nzones;
	struct str anchors; /* lines of a trust anchor file; empty: the root's keys as built in */
	bool validate;
	uint64_t cache; /* bytes */
	size_t queries; /* at once */
};

/* 0, or negative and a sentence. Reads no files. */
int recursor_new(struct event_base *base, const struct recursor_options *o, struct recursor **out, const char **why);
/* fn is called exactly once, perhaps at once; the answer lives until it returns. */
typedef void recursor_fn(void *arg, const struct dns_answer *x);
void recursor_ask(struct recursor *r, const char *name, enum dns_type type, int64_t wait_ms, recursor_fn *fn, void *arg);
/* Questions that somebody waits for. */
size_t recursor_load(const struct recursor *r);
/* One that libunbound does not work on any more may be freed; not from its own answer. */
bool recursor_idle(const struct recursor *r);
void recursor_free(struct recursor *r);

#endif
