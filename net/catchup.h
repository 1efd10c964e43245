/* SPDX-License-Identifier: ISC
 *
 * catchup.h: what an ETRN (RFC 1985) is to the queue: the client's half of smtpd's question to queued.
 *
 *   catchup id domain=NAME [below=1]  -> catchup id result=started|active|none|soon|busy [messages=N] [again=SECONDS]
 *
 * Mail that waits for the domain (below: and for all below it) is tried now, on its own way. */
#ifndef MANSIO_NET_CATCHUP_H
#define MANSIO_NET_CATCHUP_H

#include "base/clock.h"
#include "net/ipc.h"

enum catchup_result {
	CATCHUP_STARTED, /* what waited is tried now */
	CATCHUP_ACTIVE, /* it is being tried already */
	CATCHUP_NONE, /* nothing waits */
	CATCHUP_SOON, /* it was done just now: not before `again` */
};
struct caught {
	enum catchup_result result;
	uint64_t messages; /* STARTED: that waited; 0: many */
	uint64_t again; /* SOON: seconds */
};
/* 0, or negative: E_TEMP (not now), E_TIMEOUT, E_CLOSED. */
int catchup_ask(int link, struct str domain, bool below, struct caught *out, deadline d);

#endif
