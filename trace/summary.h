/* SPDX-License-Identifier: ISC
 *
 * summary.h: private to trace/: one message in a line: who, to whom, what
 * became of it. It begins with an index line and follows the later events.
 */
#ifndef MANSIO_TRACE_SUMMARY_H
#define MANSIO_TRACE_SUMMARY_H

#include "trace/flight.h"
#include "trace/scope.h"

enum fate { FATE_WAITING, FATE_DONE, FATE_FAILED, FATE_HELD, FATE_REMOVED, FATE_REFUSED, FATES };

struct summary {
	int64_t time; /* µs */
	struct str m, s, from, user, mid, subject; /* raw */
	uint64_t size, rcpts;
	struct {
		struct str to;
		enum fate fate;
	} rcpt[FLIGHT_RCPTS];
	struct str box[FLIGHT_RCPTS];
	size_t nrcpt, nbox;
	bool made; /* inside: the sender's name is a stranger's, who knows nothing of it */
	bool accepted, settled; /* settled: no later event can matter */
	struct str last; /* reply or sentence of the last bad news, raw */
};

/* From an index line, copied into a. */
void summary_init(struct summary *x, const struct record *r, const struct fields *e, struct arena *a);
/* An event of the same message. */
void summary_event(struct summary *x, const struct record *r, const struct fields *e, struct arena *a);
/* May he see it; and who is left of its recipients. */
bool summary_narrow(struct summary *x, const struct scope *s);
/* delivered waiting failed held removed rejected; of several recipients what needs most care. */
const char *summary_state(const struct summary *x);
void summary_words(const struct summary *x, struct arena *a, struct buf *out);

#endif
