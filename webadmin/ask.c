/* SPDX-License-Identifier: ISC
 *
 * ask.c: see ask.h; docs/PROCESSES.md says what comes on a verb's connection.
 */
#include "webadmin/ask.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"

#define MESSAGES 64 /* in one go */

struct ask {
	int fd;
	struct event ev;
	int64_t silence_ms;
	const struct ask_ops *ops;
	void *arg;
	uint64_t expected;
	bool good; /* one of those that answer could do it */
	int code;
	struct buf error;
};

static void arm(struct ask *a)
{
	struct timeval tv = { .tv_sec = a->silence_ms / 1000, .tv_usec = (a->silence_ms % 1000) * 1000 };

	event_add(&a->ev, a->silence_ms ? &tv : NULL);
}

void ask_cancel(struct ask *a)
{
	event_del(&a->ev);
	fd_close(&a->fd);
	buf_done(&a->error);
	free(a);
}

static void end(struct ask *a, int code, struct str error, const struct ipc_msg *last)
{
	const struct ask_ops *ops = a->ops;
	void *arg = a->arg;
	struct buf text = a->error;

	a->error = (struct buf){ 0 };
	ask_cancel(a);
	ops->done(arg, code, error, last);
	buf_done(&text);
}

/* A last message: any process that could do it is success. True: all have answered. */
static bool take_end(struct ask *a, const struct ipc_msg *m)
{
	uint64_t code = EX_SOFTWARE;

	ipc_get_u64(m, "code", 255, &code);
	if (code == EX_OK)
		a->good = true;
	else {
		a->code = (int)code;
		buf_reset(&a->error);
		buf_str(&a->error, ipc_get(m, "error"));
	}
	return --a->expected == 0;
}

/* True: that was the end, a is gone. */
static bool message(struct ask *a, struct ipc_msg *m)
{
	if (ipc_is(m, "expect")) {
		ipc_get_u64(m, "n", 1000, &a->expected);
		return false;
	}
	if (!ipc_is(m, "result"))
		return false;
	if (a->ops->row && !ipc_get_bool(m, "done"))
		a->ops->row(a->arg, m);
	if (!ipc_get_bool(m, "done") || !take_end(a, m))
		return false;
	if (a->good)
		end(a, EX_OK, STR(""), m);
	else
		end(a, a->code, buf_view(&a->error), m);
	return true;
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct ask *a = arg;
	struct ipc_msg m;
	bool over = false;
	int i, r = 0;

	if (what & EV_TIMEOUT) {
		end(a, EX_TEMPFAIL, STR("there was no answer in time"), NULL);
		return;
	}
	for (i = 0; i < MESSAGES && r == 0 && !over; i++) {
		r = ipc_try_recv(fd, &m);
		if (r == 0)
			over = message(a, &m);
		ipc_done(&m);
	}
	if (over)
		return;
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		end(a, EX_TEMPFAIL, STR("the answer broke off"), NULL);
	else
		arm(a);
}

struct ask *ask_new(struct ipc_msg *m, int64_t silence_ms, const struct ask_ops *ops, void *arg)
{
	struct ask *a;
	int pair[2], r;

	if (web.authd < 0 || ipc_pair(pair) < 0)
		return NULL;
	ipc_add_fd(m, "reply", pair[1]);
	r = ipc_try_send(web.authd, m);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return NULL;
	}
	a = mem_alloc(1, sizeof(*a));
	a->fd = pair[0];
	fd_nonblock(a->fd, true);
	a->silence_ms = silence_ms;
	a->ops = ops;
	a->arg = arg;
	a->expected = 1;
	buf_init(&a->error, IPC_MAX);
	event_assign(&a->ev, web.base, a->fd, EV_READ, readable, a);
	arm(a);
	return a;
}
