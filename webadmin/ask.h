/* SPDX-License-Identifier: ISC
 *
 * ask.h: one question to authd's gate (auth/gate.h) and its answer, which comes on
 * a connection of its own: rows, and from each process that answers a last message.
 */
#ifndef MANSIO_WEBADMIN_ASK_H
#define MANSIO_WEBADMIN_ASK_H

#include "webadmin/web.h"

struct ask;
struct ask_ops {
	void (*row)(void *arg, const struct ipc_msg *row); /* may be NULL */
	/* The end: sysexits code and sentence. last: the last message (NULL: the answer broke
	 * off). The ask is gone afterwards. */
	void (*done)(void *arg, int code, struct str error, const struct ipc_msg *last);
};

/* Sends m (verb "ask", without `reply`) and waits; silence_ms: longest silence, 0: for ever.
 * NULL: authd is not there. The functions are called from the loop only. */
struct ask *ask_new(struct ipc_msg *m, int64_t silence_ms, const struct ask_ops *ops, void *arg);
/* Nobody wants the answer any more; the owner of the verb sees its connection end. */
void ask_cancel(struct ask *a);

#endif
