/* SPDX-License-Identifier: ISC
 *
 * stream.c: a buffered, CRLF-strict connection with a deadline on every wait
 * (contract in stream.h).
 *
 * Always true:
 * 1. The descriptor is non-blocking; the only wait is wait_io, which watches
 *    the lease too and counts what the peer does against the minimum rate.
 * 2. in[in_pos, in_len) is what was read and not consumed.
 * 3. Waiting for input flushes output first: two sides that both wait for
 *    each other's output cannot happen by our fault.
 * 4. After a failed write err is set, and nothing is sent any more; a read that
 *    failed by time-out, kick or end of input leaves writing open, so that the
 *    last words (421, BYE) can be said.
 *
 * The rate counts only time spent waiting for the peer, so that our own slow
 * disk is never held against it.
 */
#include "net/stream.h"

#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"

enum {
	IN_MIN = 64 * 1024,
	OUT_FLUSH = 64 * 1024, /* sent when so much waits */
	OUT_MAX = 4 * 1024 * 1024, /* of one stream_fmt */
	COPY = 64 * 1024,
};

void stream_init(struct stream *s, int fd, int lease, size_t in_cap, int64_t timeout_ms)
{
	*s = (struct stream){ .fd = fd, .lease = lease, .timeout_ms = timeout_ms };
	s->in_cap = MAX(in_cap, (size_t)IN_MIN);
	s->in = mem_grow(NULL, s->in_cap, 1); /* not zeroed: most sessions use a page of it */
	buf_init(&s->out, OUT_MAX);
	s->err = fd_nonblock(fd, true);
}

void stream_done(struct stream *s)
{
	fd_close(&s->fd);
	fd_close(&s->lease);
	free(s->in);
	s->in = NULL;
	s->in_len = s->in_pos = s->in_cap = 0;
	buf_done(&s->out);
}

/* ---- waiting ---- */

/* Counts a wait that is over; E_TIMEOUT if the peer was too slow over the last
 * timeout_ms of waiting. Without min_rate the account starts anew each time. */
static int rate_check(struct stream *s, struct stream_rate *r, uint64_t total, int64_t waited_us)
{
	uint64_t moved;

	if (!s->min_rate) {
		*r = (struct stream_rate){ .from = total };
		return 0;
	}
	r->waited_us += waited_us;
	if (r->waited_us < s->timeout_ms * 1000)
		return 0;
	moved = total - r->from;
	*r = (struct stream_rate){ .from = total };
	return moved < (uint64_t)s->min_rate * (uint64_t)s->timeout_ms / 1000 ? E_TIMEOUT : 0;
}

/* Until the peer's socket has the event: 0, E_TIMEOUT, E_KICKED, -errno. */
static int wait_io(struct stream *s, short events, deadline d)
{
	struct pollfd p[2] = { { .fd = s->fd, .events = events },
		{ .fd = s->lease, .events = POLLIN | POLLRDHUP } };
	int64_t from = clock_mono_us();
	int n, err;

	do {
		n = poll(p, 2, deadline_left(d));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (p[1].revents)
		return E_KICKED;
	if (n == 0)
		return E_TIMEOUT;
	from = clock_mono_us() - from;
	if (events & POLLIN)
		err = rate_check(s, &s->rate_in, s->bytes_in, from);
	else
		err = rate_check(s, &s->rate_out, s->bytes_out, from);
	return err;
}

/* Codes of a socket that is gone, whoever closed it. */
static int io_error(int code)
{
	return code == ECONNRESET || code == EPIPE ? E_CLOSED : -code;
}

/* ---- reading ---- */

/* One recv of what is there, waiting until d for the first byte. */
static ssize_t receive(struct stream *s, void *p, size_t n, deadline d)
{
	ssize_t got;
	int err;

	if (s->out.n) {
		err = stream_flush(s);
		if (err)
			return err;
	}
	for (;;) {
		err = wait_io(s, POLLIN, d);
		if (err)
			return err;
		got = recv(s->fd, p, n, MSG_DONTWAIT);
		if (got > 0) {
			s->bytes_in += (uint64_t)got;
			return got;
		}
		if (got == 0)
			return E_CLOSED;
		if (errno != EAGAIN && errno != EINTR)
			return io_error(errno);
	}
}

/* Adds what comes to the buffer. E_LIMIT: it is full. */
static int fill(struct stream *s, deadline d)
{
	ssize_t got;

	if (s->in_pos == s->in_len)
		s->in_pos = s->in_len = 0;
	if (s->in_len == s->in_cap && s->in_pos) {
		memmove(s->in, s->in + s->in_pos, s->in_len - s->in_pos);
		s->in_len -= s->in_pos;
		s->in_pos = 0;
	}
	if (s->in_len == s->in_cap)
		return E_LIMIT;
	got = receive(s, s->in + s->in_len, s->in_cap - s->in_len, d);
	if (got < 0)
		return (int)got;
	s->in_len += (size_t)got;
	return 0;
}

struct str stream_view(const struct stream *s)
{
	return str_make(s->in + s->in_pos, s->in_len - s->in_pos);
}

struct str stream_pending(const struct stream *s)
{
	return stream_view(s);
}

bool stream_has_line(const struct stream *s)
{
	return str_find(stream_view(s), '\n') >= 0;
}

void stream_skip(struct stream *s, size_t n)
{
	BUG_ON(n > s->in_len - s->in_pos);
	s->in_pos += n;
}

int stream_unread(struct stream *s, struct str bytes)
{
	size_t left = s->in_len - s->in_pos;

	if (bytes.n > s->in_cap - left)
		return E_LIMIT;
	if (!bytes.n)
		return 0;
	if (bytes.n > s->in_pos) {
		memmove(s->in + bytes.n, s->in + s->in_pos, left);
		s->in_pos = bytes.n;
		s->in_len = bytes.n + left;
	}
	s->in_pos -= bytes.n;
	memcpy(s->in + s->in_pos, bytes.p, bytes.n);
	return 0;
}

/* The rest of an overlong line, up to and with its CRLF. A CR at the end of
 * the buffer stays there: its LF may come. */
static int skip_line(struct stream *s, deadline d)
{
	int err;

	for (;;) {
		struct str v = stream_view(s);
		ssize_t lf = str_find(v, '\n');

		if (lf > 0 && v.p[lf - 1] == '\r') {
			stream_skip(s, (size_t)lf + 1);
			s->skipping = false;
			return 0;
		}
		if (lf >= 0) {
			stream_skip(s, (size_t)lf + 1);
			continue;
		}
		stream_skip(s, v.n && v.p[v.n - 1] == '\r' ? v.n - 1 : v.n);
		err = fill(s, d);
		if (err)
			return err;
	}
}

/* A line as it lies in the buffer, LF included, judged. */
static int judge_line(struct str line, size_t max, struct str *out)
{
	struct str text = str_sub(line, 0, line.n - 1);

	if (!str_ends(text, "\r"))
		return E_SYNTAX;
	text.n--;
	if (text.n > max)
		return E_LIMIT;
	if (str_find(text, '\r') >= 0 || str_find(text, '\0') >= 0)
		return E_SYNTAX;
	*out = text;
	return 0;
}

int stream_line(struct stream *s, size_t max, struct str *line_out)
{
	deadline d = deadline_in(s->timeout_ms);
	size_t looked = 0;
	int err;

	if (s->skipping) {
		err = skip_line(s, d);
		if (err)
			return err;
	}
	for (;;) {
		struct str v = stream_view(s);
		ssize_t lf = str_find(str_from(v, looked), '\n');

		if (lf >= 0) {
			v.n = looked + (size_t)lf + 1;
			stream_skip(s, v.n);
			return judge_line(v, max, line_out);
		}
		looked = v.n;
		/* a line of max bytes may lack its LF only */
		err = v.n > max && v.n - max > 1 ? E_LIMIT : fill(s, d);
		if (err == E_LIMIT) {
			s->skipping = true;
			return err;
		}
		if (err)
			return err;
	}
}

int stream_fill(struct stream *s)
{
	return s->in_pos < s->in_len ? 0 : stream_more(s);
}

int stream_more(struct stream *s)
{
	return fill(s, deadline_in(s->timeout_ms));
}

ssize_t stream_read(struct stream *s, void *p, size_t n)
{
	struct str v;
	int err;

	if (n == 0)
		return 0;
	/* what is large goes past the buffer */
	if (s->in_pos == s->in_len && n >= IN_MIN)
		return receive(s, p, n, deadline_in(s->timeout_ms));
	err = stream_fill(s);
	if (err)
		return err;
	v = stream_view(s);
	n = MIN(n, v.n);
	memcpy(p, v.p, n);
	stream_skip(s, n);
	return (ssize_t)n;
}

int stream_read_all(struct stream *s, void *p, size_t n)
{
	char *to = p;

	while (n) {
		ssize_t got = stream_read(s, to, n);

		if (got < 0)
			return (int)got;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

/* ---- writing ---- */

/* A write that failed: for good. */
static int broken(struct stream *s, int err)
{
	s->err = err;
	buf_reset(&s->out);
	return err;
}

/* After a write that took nothing: waits for room. */
static int wait_out(struct stream *s, deadline d)
{
	if (errno == EINTR)
		return 0;
	return errno == EAGAIN ? wait_io(s, POLLOUT, d) : io_error(errno);
}

/* Both pieces, in order; the time limit starts anew with each OUT_FLUSH bytes taken. */
static int send_both(struct stream *s, struct str a, struct str b)
{
	deadline d = deadline_in(s->timeout_ms);
	size_t since = 0;

	while (a.n + b.n) {
		struct iovec iov[2] = { { (void *)a.p, a.n }, { (void *)b.p, b.n } };
		struct msghdr h = { .msg_iov = iov + (a.n == 0), .msg_iovlen = a.n && b.n ? 2 : 1 };
		ssize_t n = sendmsg(s->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		size_t done = n > 0 ? (size_t)n : 0, of_a = MIN(done, a.n);
		int err = n < 0 ? wait_out(s, d) : 0;

		if (err)
			return err;
		s->bytes_out += done;
		a = str_from(a, of_a);
		b = str_from(b, done - of_a);
		since += done;
		if (since >= OUT_FLUSH) {
			since = 0;
			d = deadline_in(s->timeout_ms);
		}
	}
	return 0;
}

int stream_flush(struct stream *s)
{
	int err;

	if (s->err)
		return s->err;
	if (s->out.err)
		return broken(s, s->out.err);
	err = send_both(s, buf_view(&s->out), STR_NONE);
	if (err)
		return broken(s, err);
	buf_reset(&s->out);
	return 0;
}

void stream_write(struct stream *s, struct str bytes)
{
	int err;

	if (s->err)
		return;
	if (bytes.n >= OUT_FLUSH) { /* without a copy */
		err = send_both(s, buf_view(&s->out), bytes);
		if (err)
			broken(s, err);
		else
			buf_reset(&s->out);
		return;
	}
	buf_str(&s->out, bytes);
	if (s->out.n >= OUT_FLUSH)
		stream_flush(s);
}

struct buf *stream_out(struct stream *s)
{
	return &s->out;
}

void stream_added(struct stream *s)
{
	if (s->err)
		buf_reset(&s->out);
	else if (s->out.err || s->out.n >= OUT_FLUSH)
		stream_flush(s);
}

void stream_puts(struct stream *s, const char *text)
{
	stream_write(s, str_of(text));
}

void stream_fmt(struct stream *s, const char *fmt, ...)
{
	va_list ap;

	if (s->err)
		return;
	va_start(ap, fmt);
	buf_vfmt(&s->out, fmt, ap);
	va_end(ap);
	if (s->out.err || s->out.n >= OUT_FLUSH)
		stream_flush(s);
}

/* The way of a descriptor that sendfile cannot take. */
static int send_copy(struct stream *s, int fd, off_t at, size_t n)
{
	char *block = mem_grow(NULL, COPY, 1);
	int err = 0;

	while (n && !err) {
		size_t part = MIN(n, (size_t)COPY);

		err = file_pread_all(fd, block, part, at);
		if (!err)
			err = send_both(s, str_make(block, part), STR_NONE);
		at += (off_t)part;
		n -= part;
	}
	free(block);
	return err;
}

int stream_sendfile(struct stream *s, int fd, off_t at, size_t n)
{
	deadline d;
	int err = stream_flush(s);
	bool any = false;

	if (err)
		return err;
	d = deadline_in(s->timeout_ms);
	while (n && !err) {
		ssize_t sent = sendfile(s->fd, fd, &at, MIN(n, (size_t)COPY));

		if (sent > 0) {
			any = true;
			n -= (size_t)sent;
			s->bytes_out += (uint64_t)sent;
			d = deadline_in(s->timeout_ms);
		} else if (sent == 0) {
			err = E_DAMAGED; /* shorter than was announced */
		} else if (!any && (errno == EINVAL || errno == ENOSYS)) {
			err = send_copy(s, fd, at, n);
			break;
		} else {
			err = wait_out(s, d);
		}
	}
	return err ? broken(s, err) : 0;
}

/* ---- waiting for whatever comes ---- */

int stream_wait(struct stream *s, int extra_fd, deadline d)
{
	struct pollfd p[3] = { { .fd = s->fd, .events = POLLIN },
		{ .fd = s->lease, .events = POLLIN | POLLRDHUP },
		{ .fd = extra_fd, .events = POLLIN } };
	bool here = s->in_pos < s->in_len;
	int n, err = stream_flush(s);

	if (err)
		return err;
	do {
		n = poll(p, 3, here ? 0 : deadline_left(d));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (p[1].revents)
		return E_KICKED;
	s->rate_in = (struct stream_rate){ .from = s->bytes_in };
	return (here || p[0].revents ? 1 : 0) | (p[2].revents ? 2 : 0);
}
