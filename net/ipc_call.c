/* SPDX-License-Identifier: ISC
 *
 * ipc_call.c: questions and their answers, for programs that wait for them (ipc.h).
 *
 *     questions --one packet--> peer --in any order, one or several a packet--> answers
 *
 * An answer belongs to the question with its id. What else comes is dropped: it answers a question whose asker has gone on.
 */
#include "net/ipc_queue.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/rand.h"
#include "net/ipc_private.h"

/* Links are cloned, numbers start anywhere: no answer of another's. */
static void number(struct ipc_msg *question)
{
	static uint64_t last;

	if (!last)
		last = rand_u64() >> 16;
	if (!ipc_get(question, "id").p)
		ipc_set_u64(question, "id", ++last);
}

static int send_all(int sock, struct ipc_msg *question, size_t n, deadline d)
{
	struct buf packet;
	size_t i;
	int err = 0;

	buf_init(&packet, IPC_MAX);
	for (i = 0; !err && i < n; i++) {
		BUG_ON(n > 1 && question[i].nfds); /* descriptors go with the first byte of a packet */
		number(&question[i]);
		err = ipc_print(&question[i], &packet);
	}
	while (!err && (err = ipc_put(sock, buf_view(&packet), question->fd, question->nfds, MSG_DONTWAIT)) == -EAGAIN)
		err = ipc_wait(sock, POLLOUT, d);
	buf_wipe(&packet);
	return err;
}

/* The place of the answer: its question's, which has none yet; NULL: nobody waits for it. */
static struct ipc_msg *place(const struct ipc_msg *m, const struct ipc_msg *question, size_t n, struct ipc_msg *answer)
{
	struct str id = ipc_get(m, "id");
	size_t i;

	for (i = 0; i < n; i++)
		if (!answer[i].verb.n && str_eq(id, ipc_get(&question[i], "id")))
			return &answer[i];
	return NULL;
}

/* One packet. How many answers were in it, or negative. */
static int recv_some(int sock, const struct ipc_msg *question, size_t n, struct ipc_msg *answer, deadline d)
{
	struct ipc_packet k;
	struct ipc_msg m, *to;
	int r = ipc_wait(sock, POLLIN, d), found = 0;

	if (!r)
		r = ipc_packet_recv(sock, &k);
	if (r)
		return r == -EAGAIN ? 0 : r; /* somebody else who shares the socket was faster */
	while ((r = ipc_packet_next(&k, &m)) > 0) {
		to = place(&m, question, n, answer);
		if (to) {
			*to = m;
			found++;
		} else {
			ipc_done(&m);
		}
	}
	ipc_packet_done(&k);
	return r < 0 ? r : found;
}

int ipc_call_all(int sock, struct ipc_msg *question, size_t n, struct ipc_msg *answer, int64_t deadline_at)
{
	size_t missing = n;
	int r;

	BUG_ON(n > IPC_BATCH_MESSAGES);
	if (n)
		memset(answer, 0, n * sizeof *answer);
	r = n ? send_all(sock, question, n, deadline_at) : 0;
	while (r >= 0 && missing) {
		r = recv_some(sock, question, n, answer, deadline_at);
		missing -= r > 0 ? (size_t)r : 0;
	}
	return r < 0 ? r : 0;
}

int ipc_call(int sock, struct ipc_msg *question, struct ipc_msg *answer, int64_t deadline_at)
{
	return ipc_call_all(sock, question, 1, answer, deadline_at);
}
