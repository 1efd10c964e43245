/* SPDX-License-Identifier: ISC
 *
 * audit.c: what becomes of a verb that changes something: its answer passes through
 * here, and the code of its end is written down with who asked for what.
 *
 *   owner --> from --(one message at a time)--> to --> webadmind
 *
 * Always true: one `audit` event for each relay, whatever ends it. A reader that does
 * not read stops the owner, as it would without us.
 */
#include <sysexits.h>
#include <unistd.h>

#include "auth/gate.h"
#include "base/file.h"
#include "trace/trace.h"

#define MESSAGES 64

struct relay {
	int from, to;
	struct event *readable, *writable;
	struct ipc_msg waiting;
	bool has_waiting, good;
	uint64_t expected;
	int code;
	struct audit a;
};

void audit_event(const struct audit *a, int code)
{
	trace_audit(str_of(a->who), str_of(a->peer), a->verb, str_of(a->args), code);
}

static void relay_end(struct relay *r)
{
	audit_event(&r->a, r->good ? EX_OK : r->code);
	event_free(r->readable);
	event_free(r->writable);
	if (r->has_waiting)
		ipc_done(&r->waiting);
	fd_close(&r->from);
	fd_close(&r->to);
	free(r);
}

static void look(struct relay *r, const struct ipc_msg *m)
{
	uint64_t code = EX_SOFTWARE;

	if (ipc_is(m, "expect"))
		ipc_get_u64(m, "n", 1000, &r->expected);
	if (!ipc_get_bool(m, "done"))
		return;
	ipc_get_u64(m, "code", 255, &code);
	if (code == EX_OK)
		r->good = true;
	else
		r->code = (int)code;
	if (r->expected > 0)
		r->expected--;
}

/* Sends what waits. 0 it went; 1 it does not fit now; negative: nobody reads. */
static int flush(struct relay *r)
{
	int e = r->has_waiting ? ipc_try_send(r->to, &r->waiting) : 0;

	if (e == -EAGAIN)
		return 1;
	if (r->has_waiting)
		ipc_done(&r->waiting);
	r->has_waiting = false;
	return e;
}

static void event(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct ipc_msg m;
	int i, e;

	(void)fd;
	(void)what;
	for (i = 0; i < MESSAGES; i++) {
		e = flush(r);
		if (e > 0) {
			event_add(r->writable, NULL);
			return;
		}
		if (r->expected == 0) {
			relay_end(r);
			return;
		}
		/* who asked may be gone: the verb goes on, and its end counts */
		e = ipc_try_recv(r->from, &m);
		if (e == -EAGAIN || e == -EINTR) {
			ipc_done(&m);
			break;
		}
		if (e < 0) {
			ipc_done(&m);
			r->code = EX_TEMPFAIL;
			relay_end(r);
			return;
		}
		look(r, &m);
		r->waiting = m;
		r->has_waiting = true;
	}
	event_add(r->readable, NULL);
	if (i == MESSAGES)
		event_active(r->readable, EV_READ, 0);
}

int audit_relay(const struct audit *a, int reply, int *owner_out)
{
	struct relay *r;
	int pair[2], e = ipc_pair(pair);

	if (e < 0) {
		close(reply);
		return e;
	}
	r = mem_alloc(1, sizeof(*r));
	r->from = pair[0];
	r->to = reply;
	r->expected = 1;
	r->code = EX_TEMPFAIL;
	r->a = *a;
	fd_nonblock(r->from, true);
	fd_nonblock(r->to, true);
	r->readable = event_new(authd.base, r->from, EV_READ, event, r);
	r->writable = event_new(authd.base, r->to, EV_WRITE, event, r);
	event_add(r->readable, NULL);
	*owner_out = pair[1];
	return 0;
}
