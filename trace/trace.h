/* SPDX-License-Identifier: ISC
 *
 * trace.h: the door of trace/: events of the suite.
 *
 * One event is one short line of key=value pairs: time, program, event name,
 * session id `s=`, message id `m=`, then facts. It is sent as one datagram to
 * traced; it never blocks: what cannot be sent is counted and dropped, and the
 * count is told with the next event. Values are escaped: control characters,
 * bidi overrides and broken UTF-8 as \xHH or \u{HEX}, quoted if they hold
 * spaces; fields are cut at 512 bytes, lines at 4 KiB (C24 of the promises).
 */
#ifndef MANSIO_TRACE_H
#define MANSIO_TRACE_H

#include "base/buf.h"

enum trace_level { TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR, TRACE_FACT };

/* link: socket to traced or -1 (then standard error). Called by program_start's
 * caller with the peer "traced"; again when master sends a new one. */
void trace_open(int link, const char *program);
int trace_link(void);
/* The setting log.level: what is less important is not even sent, but for TRACE_INFO: that
 * traced keeps for `mansio trace` whatever the log shows. Until it is called everything is. */
void trace_least(int64_t level);

/* Bytes of a field that a stranger wrote (addresses, subjects): the rest is cut. */
#define TRACE_TEXT 200

/* Building and sending one event. Not copied: values are rendered at once. */
struct trace {
	struct buf line;
	enum trace_level level;
	bool off; /* nobody wants to read it */
};
void trace_begin(struct trace *t, enum trace_level level, const char *event);
void trace_str(struct trace *t, const char *key, struct str value);
/* The same for what must not be cut short, one field of an event: a server's reply. */
void trace_long(struct trace *t, const char *key, struct str value);
void trace_s(struct trace *t, const char *key, const char *value);
void trace_u64(struct trace *t, const char *key, uint64_t v);
void trace_end(struct trace *t);
/* The same for a loop that has many: it leaves with others in one packet by trace_flush, which ends the turn, before the
 * next event that cannot wait, or at the process's end. */
void trace_later(struct trace *t);
void trace_flush(void);

/* What an administrator did (`mansio audit list`): who, from where (an address, "command"), the
 * verb, its arguments without secrets, and what came of it (sysexits; negative: not known). */
void trace_audit(struct str who, struct str from, const char *verb, struct str args, int code);
/* A number for the statistics, no line of the log: trace_fact("queue", "messages", 12). */
void trace_fact(const char *event, const char *key, uint64_t value);

/* Short forms: session id may be NULL or "". */
void trace_event(enum trace_level level, const char *event, const char *session, const char *fmt, ...)
	PRINTF(4, 5); /* fmt makes one field text="..." */

/* What rooms have in common (room.c). Two hooks of zygote_ops: the link to traced,
 * and a child that did not end well; and a client that gets no session. */
struct zygote;
void trace_peer(struct zygote *z, const char *name, int fd);
void trace_child_ended(struct zygote *z, const char *label, int status);
void trace_refused(struct str session, const char *why);

/* Rendering alone, for tests. */
void trace_escape(struct str value, struct buf *out);

#endif
