/* SPDX-License-Identifier: ISC
 *
 * events.h: private to trace/: the table of events (events.def), and the
 * sentences that are made of them.
 */
#ifndef MANSIO_TRACE_EVENTS_H
#define MANSIO_TRACE_EVENTS_H

#include "trace/block.h"

enum series_of { SERIES_NONE, SERIES_IN, SERIES_OUT, SERIES_REJECTED, SERIES_DEFERRED, SERIES_BOUNCED,
	SERIES_DELIVERED, SERIES_LOGIN, SERIES_LOGIN_FAILED };
enum change_kind { CHANGE_NONE, CHANGE_PROCESS, CHANGE_SETTINGS, CHANGE_MAIL, CHANGE_TRACE, CHANGE_CERTIFICATE };

struct event_def {
	const char *program, *name;
	enum series_of series;
	enum change_kind kind;
	const char *fields, *words;
};
extern const struct event_def event_defs[];
extern const size_t event_ndefs;

/* NULL: not in the table (told by its fields alone). */
const struct event_def *event_find(struct str program, struct str name);
/* The sentence of an event; values as they are, unescaped. */
void event_words(const struct event_def *d, const struct fields *e, struct arena *a, struct buf *out);

#endif
