/* SPDX-License-Identifier: ISC
 *
 * sink.h: private to traced: where the finished lines go.
 */
#ifndef MANSIO_TRACE_SINK_H
#define MANSIO_TRACE_SINK_H

#include "conf/program.h"
#include "trace/line.h"

struct sink {
	int64_t kind; /* CONF_LOG_* */
	int fd; /* standard error, the file, or the datagram socket; -1: none */
	int dir; /* file: its folder, so that it can be opened again */
	char name[256]; /* file: its name in that folder */
	struct buf out; /* lines that wait for sink_flush */
	uint64_t waiting; /* how many these are */
	uint64_t lost; /* lines that could not be written, not yet told */
};

/* Takes the descriptors of the start message. 0, or negative with a sentence
 * on standard error: the log cannot be opened. */
int sink_open(struct sink *s, struct program *p);
/* file: closes and opens it by name, so that a moved log is let go. */
int sink_reopen(struct sink *s);
/* One line; may wait in memory until sink_flush. */
void sink_line(struct sink *s, const char *program, pid_t pid, enum trace_level level,
	struct str text);
void sink_flush(struct sink *s);

#endif
