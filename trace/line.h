/* SPDX-License-Identifier: ISC
 *
 * line.h: private to trace/: the packet between a program and traced, and the
 * line that comes of it:
 *
 *     2026-11-21T19:30:54.123Z imapd[123] login s=4f0c8e2b7a91 user=anna@example.org
 *
 * Lines of level warn and error say so in front of the event; those of debug
 * and info do not.
 */
#ifndef MANSIO_TRACE_LINE_H
#define MANSIO_TRACE_LINE_H

#include "trace/trace.h"

#define TRACE_LINE_MAX 3900 /* of a line as it is sent; the finished line stays below 4 KiB */
#define TRACE_PACKET_MAX (32 * 1024) /* of lines together */
#define TRACE_FIELD_MAX 512
#define TRACE_LONG_MAX 1100 /* the words of another server: all that the queue keeps of them */
#define TRACE_TAIL 64
#define TRACE_USUAL 300 /* most lines are shorter */

/* Appends the finished line, without LF. */
void trace_line_print(struct buf *out, int64_t unix_us, const char *program, pid_t pid,
	enum trace_level level, struct str text);
/* A line of a packet of a peer: E_PEER if it is none (control characters, too long,
 * no level, no event). text_out borrows from it. */
int trace_line_parse(struct str packet, enum trace_level *level_out, struct str *text_out);

#endif
