/* SPDX-License-Identifier: ISC
 *
 * reader.h: private to traced: those who asked and wait for rows: an answer
 * that did not fit into the socket yet, or a stream that goes on (log follow,
 * stats live) until its reader closes it.
 *
 * Nothing here waits. Who does not read is dropped: an answer after WAIT_MS, a
 * stream when STREAM_BYTES wait for it. There are [trace] readers at most.
 */
#ifndef MANSIO_TRACE_READER_H
#define MANSIO_TRACE_READER_H

#include <poll.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "net/ipc.h"
#include "trace/query.h"

enum reader_kind { READER_ANSWER, READER_LOG, READER_LIVE };

struct packet;
struct reader {
	int fd;
	enum reader_kind kind;
	bool gone; /* is closed at the next sweep */
	STAILQ_HEAD(, packet) out;
	size_t waiting; /* bytes */
	deadline until; /* an answer: read by then */
	struct log_filter filter; /* READER_LOG; its texts are in a */
	struct arena a;
	LIST_ENTRY(reader) link;
};
LIST_HEAD(readers, reader);

struct reader *reader_new(struct readers *all, int fd, enum reader_kind kind);
/* A row, or the last message; m is the caller's. */
void reader_send(struct reader *r, struct ipc_msg *m);
/* done=1 and code (sysexits). An answer closes when all of it is read; a stream is over. */
void reader_end(struct reader *r, int code, const char *error);
/* For poll: an entry each; then what poll said of it. */
size_t readers_poll(struct readers *all, struct pollfd *out, size_t cap);
void readers_events(struct readers *all, const struct pollfd *p, size_t n);
/* Closes those that are gone or late; ms until the next is late, -1: none. */
int readers_sweep(struct readers *all);
size_t readers_count(const struct readers *all);

#endif
