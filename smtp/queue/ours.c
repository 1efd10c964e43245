/* SPDX-License-Identifier: ISC
 *
 * ours.c: see ours.h.
 *
 * An address is of others if its domain is not ours, or if it leads to itself outside: of a domain that we are backup for,
 * whose mail goes through the queue as any other's.
 */
#include "smtp/queue/ours.h"

#include "auth/auth.h"
#include "base/file.h"
#include "smtp/queue/tasks.h"

#define READS 16

static int authd = -1;

int ours_fd(void)
{
	return authd;
}

void ours_link(struct queue *q, int fd)
{
	fd_close(&authd);
	authd = fd;
	if (fd >= 0) {
		fd_nonblock(fd, true);
		tasks_ask_again(q);
	}
}

int ours_ask(uint64_t question, struct str address)
{
	return authd < 0 ? E_CLOSED : auth_rcpt_send(authd, address, question);
}

static enum ours judge(const struct auth_rcpt *rcpt, struct str address)
{
	if (rcpt->result == AUTH_TEMP)
		return OURS_UNKNOWN;
	if (rcpt->result == AUTH_NODOMAIN)
		return OURS_NO;
	return rcpt->ntargets == 0 && rcpt->noutside == 1 && str_ieq(rcpt->outside[0], address) ? OURS_NO : OURS_YES;
}

void ours_read(struct queue *q)
{
	struct auth_rcpt rcpt;
	struct ipc_msg m;
	uint64_t id;
	int i, r = 0;

	for (i = 0; i < READS && r == 0; i++) {
		r = ipc_try_recv(authd, &m);
		if (r == 0 && auth_rcpt_answer(&m, &m.arena, &id, &rcpt) == 0 && id > 0)
			tasks_ours(q, id, judge(&rcpt, tasks_asked(q, id)));
		ipc_done(&m);
	}
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		ours_link(q, -1);
}
