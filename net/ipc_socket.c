/* SPDX-License-Identifier: ISC
 *
 * ipc_socket.c: messages (ipc.h) on their way: one packet each, with its descriptors.
 *
 * Always true: every path that refuses a packet closes what came with it, and what a packet was printed into or received
 * into is wiped when it has been used.
 */
#include "net/ipc_private.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum {
	LINK_WAIT_MS = 5000,
	SEND_WAIT_S = 10,
};

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
	if (nfds < 0) {
		explicit_bzero(packet, (size_t)n);
		return nfds;
	}
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
