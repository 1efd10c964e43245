/* SPDX-License-Identifier: ISC
 *
 * stream.h: a blocking, buffered, CRLF-strict connection with a deadline on
 * every wait: what smtpd, lmtpd, imapd and pop3d talk through.
 *
 * Every wait also watches the lease (the door's hold on this session): when
 * front closes its end, reads return E_KICKED. Errors are sticky for writing:
 * after a failed write nothing more is sent and stream_flush tells. A failed
 * read is not sticky, and last words can be written after it.
 * Minimum data rate: a peer that sends (or takes) less than min_rate bytes a
 * second, averaged over timeout_ms of waiting for it, gets E_TIMEOUT. Set
 * min_rate for the length of a bulk transfer (DATA, a literal) and 0 after it:
 * between commands a peer may be silent up to the time-out.
 */
#ifndef MANSIO_NET_STREAM_H
#define MANSIO_NET_STREAM_H

#include "base/buf.h"
#include "base/clock.h"

struct stream_rate {
	int64_t waited_us; /* for the peer, since the last judgement */
	uint64_t from; /* count of bytes then */
};

struct stream {
	int fd, lease; /* -1: none */
	char *in;
	size_t in_len, in_pos, in_cap;
	struct buf out;
	int err; /* sticky: first write failure */
	int64_t timeout_ms; /* of one line, one read, one fill; of 64 KiB written */
	uint32_t min_rate; /* bytes a second, 0: off */
	uint64_t bytes_in, bytes_out;
	struct stream_rate rate_in, rate_out;
	bool skipping; /* inside an overlong line */
};

/* Takes the descriptors and makes fd, a stream socket, non-blocking. in_cap:
 * input buffer, at least the longest line and its CRLF (made 64 KiB if less). */
void stream_init(struct stream *s, int fd, int lease, size_t in_cap, int64_t timeout_ms);
void stream_done(struct stream *s); /* closes both, frees */
/* Puts bytes in front of what comes (read by others before). E_LIMIT if too many. */
int stream_unread(struct stream *s, struct str bytes);
/* Bytes already here and not consumed (to hand back). */
struct str stream_pending(const struct stream *s);
bool stream_has_line(const struct stream *s); /* a whole line waits: pipelining */

/* One line without its CRLF; points into the buffer until the next read.
 * E_LIMIT: longer than max (the rest is skipped up to its CRLF by the next
 * call, so the session can go on); E_SYNTAX: a bare CR or LF, or a NUL in it
 * (the line is consumed up to LF); E_TIMEOUT, E_CLOSED, E_KICKED, -errno.
 * Flushes output first when it would block. */
int stream_line(struct stream *s, size_t max, struct str *line_out);
/* Up to n bytes as they come, at least one. */
ssize_t stream_read(struct stream *s, void *p, size_t n);
int stream_read_all(struct stream *s, void *p, size_t n); /* exactly n */
/* Reads directly what is available into the view; consume with stream_skip. */
int stream_fill(struct stream *s); /* waits until at least one unread byte is there */
int stream_more(struct stream *s); /* waits for bytes beyond those; E_LIMIT: buffer full */
struct str stream_view(const struct stream *s);
void stream_skip(struct stream *s, size_t n);

void stream_write(struct stream *s, struct str bytes);
void stream_puts(struct stream *s, const char *text);
void stream_fmt(struct stream *s, const char *fmt, ...) PRINTF(2, 3);
/* For many small pieces: what waits to be sent, to be added to; behind each few
 * stream_added, which sends when enough waits. */
struct buf *stream_out(struct stream *s);
void stream_added(struct stream *s);
/* Sends a part of a file (sendfile where possible, after a flush of what waits).
 * E_DAMAGED: the file is shorter; what was promised cannot come, writing ends. */
int stream_sendfile(struct stream *s, int fd, off_t at, size_t n);
int stream_flush(struct stream *s);

/* Waits for input of the client or of extra_fd (-1: none) until d.
 * Bits: 1 client bytes (or end) are there, 2 extra_fd is readable; 0 timeout;
 * negative: E_KICKED, -errno. Flushes output first. */
int stream_wait(struct stream *s, int extra_fd, deadline d);

#endif
