/* SPDX-License-Identifier: ISC
 *
 * ipc.c: text messages with descriptors between our own processes (ipc.h).
 *
 *     packet = "mansio" SP "1" SP name LF *( name "=" value LF )
 *     name   = 1*64( a-z / 0-9 / "_" / "-" / "." )
 *     value  = *( %x20-24 / %x26-7E / "%" 2HEXDIG )
 *
 * The name "fds" is ours: it lists the names of the descriptors that came
 * along, and their number must be the number that came.
 *
 * Always true: a received message owns its descriptors, and every path that
 * refuses a packet closes what came with it. Messages carry passwords and
 * tickets, so buffers are wiped when they have been used.
 */
#include "net/ipc_private.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cur.h"
#include "base/file.h"

enum {
	NAME = 1, /* byte of a name */
	PLAIN = 2, /* byte of a value that stands for itself */
	IPC_NAME_MAX = 64,
	LINK_WAIT_MS = 5000,
	SEND_WAIT_S = 10,
};

static cur_class class = {
	[0x20 ... 0x24] = PLAIN,
	[0x26 ... 0x2c] = PLAIN,
	['-' ... '.'] = NAME | PLAIN,
	['/'] = PLAIN,
	['0' ... '9'] = NAME | PLAIN,
	[0x3a ... 0x5e] = PLAIN,
	['_'] = NAME | PLAIN,
	['`'] = PLAIN,
	['a' ... 'z'] = NAME | PLAIN,
	[0x7b ... 0x7e] = PLAIN,
};

static bool is_name(struct str s)
{
	size_t i;

	for (i = 0; i < s.n && (class[(unsigned char)s.p[i]] & NAME); i++)
		;
	return s.n && i == s.n && s.n <= IPC_NAME_MAX;
}

void ipc_init(struct ipc_msg *m, const char *verb)
{
	*m = (struct ipc_msg){ 0 };
	arena_init(&m->arena);
	m->verb = arena_str(&m->arena, str_of(verb));
	if (!is_name(m->verb))
		m->err = E_SYNTAX;
}

void ipc_done(struct ipc_msg *m)
{
	size_t i;

	if (m->owns_fds)
		for (i = 0; i < m->nfds; i++)
			fd_close(&m->fd[i]);
	arena_wipe(&m->arena);
	*m = (struct ipc_msg){ 0 };
}

/* The next free field; what was there moves when it is full. */
static struct ipc_field *field_new(struct ipc_msg *m)
{
	struct ipc_field *grown;

	if (m->nfields == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		grown = arena_array(&m->arena, m->cap, sizeof *grown);
		if (m->nfields)
			memcpy(grown, m->field, m->nfields * sizeof *grown);
		m->field = grown;
	}
	return &m->field[m->nfields++];
}

void ipc_set_named(struct ipc_msg *m, struct str name, struct str value)
{
	struct ipc_field *f;

	if (m->err)
		return;
	if (!is_name(name) || str_eqc(name, "fds")) {
		m->err = E_SYNTAX;
		return;
	}
	if (m->nfields >= IPC_MAX_FIELDS || value.n > IPC_MAX) {
		m->err = E_LIMIT;
		return;
	}
	f = field_new(m);
	f->name = arena_str(&m->arena, name);
	f->value = arena_str(&m->arena, value);
}

void ipc_setc(struct ipc_msg *m, const char *name, const char *value)
{
	if (value)
		ipc_set(m, name, str_of(value));
}

void ipc_set_u64(struct ipc_msg *m, const char *name, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	ipc_set(m, name, str_make(digits + at, sizeof digits - at));
}

void ipc_set_bool(struct ipc_msg *m, const char *name, bool v)
{
	ipc_setc(m, name, v ? "1" : "0");
}

static struct str put_text(char **at, struct str s)
{
	struct str copy = { *at, s.n };

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n + 1;
	return copy;
}

void ipc_set_all(struct ipc_msg *m, const struct ipc_msg *from)
{
	size_t i, bytes = 0;
	char *at;

	for (i = 0; i < from->nfields; i++)
		bytes += from->field[i].name.n + from->field[i].value.n + 2;
	if (!m->err && (from->nfields > IPC_MAX_FIELDS - m->nfields || bytes > 2 * IPC_MAX))
		m->err = E_LIMIT;
	if (m->err)
		return;
	at = arena_alloc(&m->arena, bytes);
	for (i = 0; i < from->nfields; i++) {
		struct ipc_field *f = field_new(m);

		f->name = put_text(&at, from->field[i].name);
		f->value = put_text(&at, from->field[i].value);
	}
}

/* A name and its descriptor; false: there is no room for more. */
static bool fd_new(struct ipc_msg *m, struct str name, int fd)
{
	if (m->nfds == IPC_MAX_FDS)
		return false;
	if (!m->fd) {
		m->fd = arena_array(&m->arena, IPC_MAX_FDS, sizeof *m->fd);
		m->fd_name = arena_array(&m->arena, IPC_MAX_FDS, sizeof *m->fd_name);
	}
	m->fd[m->nfds] = fd;
	m->fd_name[m->nfds++] = arena_str(&m->arena, name);
	return true;
}

void ipc_add_fd(struct ipc_msg *m, const char *name, int fd)
{
	if (m->err)
		return;
	if (fd < 0)
		m->err = -EBADF;
	else if (!is_name(str_of(name)))
		m->err = E_SYNTAX;
	else if (!fd_new(m, str_of(name), fd))
		m->err = E_LIMIT;
}

struct str ipc_get_named(const struct ipc_msg *m, struct str name, size_t i)
{
	const struct ipc_field *f, *end = m->field + m->nfields;

	for (f = m->field; f < end; f++)
		if (str_eq(f->name, name) && i-- == 0)
			return f->value;
	return STR_NONE;
}

int ipc_get_u64(const struct ipc_msg *m, const char *name, uint64_t max, uint64_t *out)
{
	struct str value = ipc_get(m, name);

	return value.p ? str_u64(value, max, out) : E_NOTFOUND;
}

bool ipc_get_bool(const struct ipc_msg *m, const char *name)
{
	return str_eqc(ipc_get(m, name), "1");
}

int ipc_take_fd(struct ipc_msg *m, const char *name)
{
	size_t i;
	int fd;

	for (i = 0; i < m->nfds; i++) {
		if (m->fd[i] < 0 || !str_eqc(m->fd_name[i], name))
			continue;
		fd = m->fd[i];
		m->fd[i] = -1;
		return fd;
	}
	return -1;
}

/* ---- printing and parsing ---- */

static void put_value(struct buf *out, struct str value)
{
	static const char hex[] = "0123456789ABCDEF";
	struct cur c = cur_of(value);
	int byte;

	for (;;) {
		buf_str(out, cur_span(&c, class, PLAIN));
		byte = cur_next(&c);
		if (byte < 0)
			return;
		buf_add(out, (char[3]){ '%', hex[byte >> 4], hex[byte & 15] }, 3);
	}
}

int ipc_print(const struct ipc_msg *m, struct buf *out)
{
	size_t i;

	if (m->err)
		return m->err;
	buf_puts(out, IPC_FIRST);
	buf_str(out, m->verb);
	buf_c(out, '\n');
	for (i = 0; i < m->nfds; i++) {
		buf_puts(out, i ? "," : "fds=");
		buf_str(out, m->fd_name[i]);
	}
	if (m->nfds)
		buf_c(out, '\n');
	for (i = 0; i < m->nfields; i++) {
		buf_str(out, m->field[i].name);
		buf_c(out, '=');
		put_value(out, m->field[i].value);
		buf_c(out, '\n');
	}
	return out->err;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A value, decoded in its place and closed by a NUL; *at moves behind its line. */
static bool get_value(char **at, struct str *out)
{
	char *from = *at, *to = from, *start = from;
	int hi, lo;

	for (;;) {
		char *plain = from;

		while (class[(unsigned char)*from] & PLAIN)
			from++;
		if (to != plain)
			memmove(to, plain, (size_t)(from - plain));
		to += from - plain;
		if (*from != '%')
			break;
		/* before the end of the line there is no digit behind it: no byte behind the packet is read */
		hi = hex_digit(from[1]);
		lo = hi < 0 ? -1 : hex_digit(from[2]);
		if (lo < 0)
			return false;
		*to++ = (char)(hi << 4 | lo);
		from += 3;
	}
	if (*from != '\n')
		return false;
	*to = '\0';
	*out = str_make(start, (size_t)(to - start));
	*at = from + 1;
	return true;
}

/* A name, closed by a NUL where `after` was; *at moves behind it. */
static bool get_name(char **at, char after, struct str *out)
{
	char *from = *at;

	while (class[(unsigned char)**at] & NAME)
		(*at)++;
	*out = str_make(from, (size_t)(*at - from));
	if (**at != after || out->n == 0 || out->n > IPC_NAME_MAX)
		return false;
	*(*at)++ = '\0';
	return true;
}

static int get_fd_names(struct ipc_msg *m, struct str list)
{
	if (m->nfds)
		return E_PEER;
	while (list.p) {
		struct str name = str_cut(&list, ',');

		if (!is_name(name) || !fd_new(m, name, -1))
			return E_PEER;
	}
	return 0;
}

static int get_field(struct ipc_msg *m, char **at)
{
	struct str name, value;

	if (!get_name(at, '=', &name) || !get_value(at, &value))
		return E_PEER;
	if (str_eqc(name, "fds"))
		return get_fd_names(m, value);
	if (m->nfields == IPC_MAX_FIELDS)
		return E_PEER;
	*field_new(m) = (struct ipc_field){ name, value };
	return 0;
}

/* The message lies in the arena as it came, and is taken apart there: each line ends with LF, so that no loop leaves it. */
int ipc_parse(struct str packet, struct ipc_msg *m)
{
	char *at, *end;
	int err = 0;

	*m = (struct ipc_msg){ .owns_fds = true };
	if (packet.n == 0 || packet.n > IPC_MAX || packet.p[packet.n - 1] != '\n' || !str_starts(packet, IPC_FIRST))
		return E_PEER;
	at = arena_cstr(&m->arena, packet);
	end = at + packet.n;
	at += strlen(IPC_FIRST);
	if (!get_name(&at, '\n', &m->verb))
		return E_PEER;
	while (!err && at < end)
		err = get_field(m, &at);
	return err;
}

/* ---- sockets ---- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(IPC_MAX_FDS * sizeof(int))];
};

int ipc_put(int sock, struct str packet, const int *fd, size_t nfds, int flags)
{
	struct iovec iov = { (void *)(uintptr_t)packet.p, packet.n };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control ctl;
	ssize_t n;

	if (nfds) {
		size_t bytes = nfds * sizeof fd[0];

		memset(&ctl, 0, sizeof ctl);
		ctl.align = (struct cmsghdr){ CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&ctl.align), fd, bytes);
		h.msg_control = &ctl;
		h.msg_controllen = CMSG_SPACE(bytes);
	}
	do {
		n = sendmsg(sock, &h, MSG_NOSIGNAL | flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? E_CLOSED : -errno;
	return 0;
}

static int send_flags(int sock, const struct ipc_msg *m, int flags)
{
	struct buf packet;
	int err;

	buf_init(&packet, IPC_MAX);
	err = ipc_print(m, &packet);
	if (!err)
		err = ipc_put(sock, buf_view(&packet), m->fd, m->nfds, flags);
	buf_wipe(&packet);
	return err;
}

int ipc_send(int sock, const struct ipc_msg *m)
{
	return send_flags(sock, m, 0);
}

int ipc_try_send(int sock, const struct ipc_msg *m)
{
	return send_flags(sock, m, MSG_DONTWAIT);
}

/* Descriptors of a packet into fd[]: how many, or E_PEER with all closed. */
static int collect_fds(struct msghdr *h, int fd[IPC_MAX_FDS])
{
	struct cmsghdr *c;
	size_t n = 0, i;
	bool bad = h->msg_flags & (MSG_CTRUNC | MSG_TRUNC);

	for (c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			bad = true;
			continue;
		}
		/* the control buffer has no room for more than the array has */
		BUG_ON(came > IPC_MAX_FDS - n);
		memcpy(fd + n, CMSG_DATA(c), came * sizeof(int));
		n += came;
	}
	if (!bad)
		return (int)n;
	for (i = 0; i < n; i++)
		fd_close(&fd[i]);
	return E_PEER;
}

int ipc_take(int sock, struct str *packet_out, int fd[IPC_MAX_FDS], size_t *nfds_out, int flags)
{
	static char packet[IPC_MAX]; /* pages that no message needs stay untouched */
	struct iovec iov = { packet, sizeof packet };
	union control ctl;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl,
		.msg_controllen = sizeof ctl };
	bool reset = false;
	ssize_t n;
	int nfds;

	for (;;) {
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | flags);
		if (n >= 0)
			break;
		/* A peer that closed with unread messages of ours shows up as a
		 * reset first; what it sent before comes after that. */
		if (errno == ECONNRESET && reset)
			return E_CLOSED;
		if (errno == ECONNRESET)
			reset = true;
		else if (errno != EINTR)
			return -errno;
	}
	nfds = collect_fds(&h, fd);
	if (nfds < 0)
		return nfds;
	if (n == 0 && nfds == 0)
		return E_CLOSED;
	*packet_out = str_make(packet, (size_t)n);
	*nfds_out = (size_t)nfds;
	return 0;
}

int ipc_parse_with(struct str text, const int *fd, size_t nfds, struct ipc_msg *m)
{
	int err = ipc_parse(text, m);

	if (!err && m->nfds != nfds)
		err = E_PEER;
	if (err) {
		while (nfds)
			close(fd[--nfds]);
		ipc_done(m);
		return err;
	}
	if (nfds)
		memcpy(m->fd, fd, nfds * sizeof fd[0]);
	return 0;
}

static int recv_flags(int sock, struct ipc_msg *m, int flags)
{
	int fd[IPC_MAX_FDS], err;
	struct str packet;
	size_t nfds;

	*m = (struct ipc_msg){ 0 };
	err = ipc_take(sock, &packet, fd, &nfds, flags);
	if (err)
		return err;
	err = ipc_parse_with(packet, fd, nfds, m);
	explicit_bzero((void *)(uintptr_t)packet.p, packet.n);
	return err;
}

int ipc_recv(int sock, struct ipc_msg *m)
{
	return recv_flags(sock, m, 0);
}

int ipc_try_recv(int sock, struct ipc_msg *m)
{
	return recv_flags(sock, m, MSG_DONTWAIT);
}

int ipc_wait(int sock, short events, int64_t deadline_at)
{
	struct pollfd p = { .fd = sock, .events = events };
	int n;

	for (;;) {
		n = poll(&p, 1, deadline_left(deadline_at));
		if (n > 0)
			return 0;
		if (n == 0 && deadline_passed(deadline_at))
			return E_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

int ipc_recv_until(int sock, struct ipc_msg *m, int64_t deadline_at)
{
	int err;

	*m = (struct ipc_msg){ 0 };
	do {
		err = ipc_wait(sock, POLLIN, deadline_at);
		if (!err)
			err = ipc_try_recv(sock, m);
	} while (err == -EAGAIN); /* somebody else who shares the socket was faster */
	return err;
}

int ipc_pair(int pair_out[2])
{
	int size = 2 * IPC_MAX, pair[2], i;
	struct timeval wait = { .tv_sec = SEND_WAIT_S };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	for (i = 0; i < 2; i++) {
		/* one that stays full for so long belongs to a dead man */
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
			setsockopt(pair[i], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0)
			continue;
		size = -errno;
		close(pair[0]);
		close(pair[1]);
		return size;
	}
	memcpy(pair_out, pair, sizeof pair);
	return 0;
}

int ipc_link_clone(int link)
{
	struct ipc_msg question, answer;
	int fd, err;

	ipc_init(&question, "link");
	err = ipc_call(link, &question, &answer, deadline_in(LINK_WAIT_MS));
	fd = err ? err : ipc_take_fd(&answer, "link");
	ipc_done(&question);
	ipc_done(&answer);
	return !err && fd < 0 ? E_DENIED : fd;
}
