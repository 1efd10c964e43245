/* SPDX-License-Identifier: ISC
 *
 * flight.h: private to trace/: the messages that are coming in just now, put
 * together from their events, so that each leaves one index line: what a
 * search looks at (block.h).
 *
 *     mail ... rcpt ... delivered ... accepted   --> index line, left
 *     mail ... refused ... (close, or the next mail of the session) --> "
 *     queued (a report, a forward: no transaction) --> "
 *
 * At most FLIGHTS at once: the oldest makes room, and leaves its line as it is.
 */
#ifndef MANSIO_TRACE_FLIGHT_H
#define MANSIO_TRACE_FLIGHT_H

#include "base/table.h"
#include "trace/block.h"

#define FLIGHTS 1024
#define FLIGHT_RCPTS 64 /* in an index line; of more there is the number */

struct flights;
/* Called with a finished index line. */
typedef void flight_leave(void *arg, const struct record *r);
struct flights *flights_new(flight_leave *leave, void *arg);
void flights_free(struct flights *f);
void flights_event(struct flights *f, const struct record *r, const struct fields *e);

#endif
