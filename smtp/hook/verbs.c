/* SPDX-License-Identifier: ISC
 *
 * verbs.c: webhook list, webhook test, accounting list.
 */
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "smtp/hook/hookd.h"

void hook_answer(int reply, struct ipc_msg *m, int code, const char *error)
{
	ipc_set_bool(m, "done", true);
	ipc_set_u64(m, "code", (uint64_t)code);
	ipc_setc(m, "error", error);
	if (reply >= 0)
		program_result(reply, m);
	ipc_done(m);
	fd_close(&reply);
}

static void webhook_list(const struct hookd *h, int reply)
{
	static const char *const state[] = { "idle", "resolving", "posting" };
	const struct push *p = &h->push;
	struct ipc_msg m;

	ipc_init(&m, "result");
	if (h->conf->webhook_url.n > 0) {
		ipc_set(&m, "url", h->conf->webhook_url);
		ipc_setc(&m, "state", p->state == PUSH_IDLE && p->failures > 0 ? "waiting" : state[p->state]);
		ipc_set_u64(&m, "pending", store_pending());
		if (store_pending() > 0)
			ipc_set_u64(&m, "oldest", (uint64_t)store_oldest());
		else
			ipc_setc(&m, "oldest", "");
		ipc_set_u64(&m, "failures", p->failures);
		ipc_set_u64(&m, "posted", p->posted);
		ipc_set_u64(&m, "given_up", p->given_up);
		ipc_setc(&m, "words", p->failures > 0 ? p->words : "");
		program_result(reply, &m);
	}
	ipc_done(&m);
	ipc_init(&m, "result");
	hook_answer(reply, &m, EX_OK, NULL);
}

static void row(void *arg, const char *name, uint64_t size)
{
	struct ipc_msg m;

	ipc_init(&m, "result");
	ipc_setc(&m, "file", name);
	ipc_set_u64(&m, "size", size);
	program_result(*(int *)arg, &m);
	ipc_done(&m);
}

void hook_verb(struct hookd *h, struct ipc_msg *m)
{
	int reply = ipc_take_fd(m, "reply");
	struct str verb = ipc_get(m, "verb");
	struct ipc_msg last;
	int r;

	if (str_eqc(verb, "webhook list")) {
		webhook_list(h, reply);
	} else if (str_eqc(verb, "webhook test")) {
		push_test(h, reply);
	} else if (str_eqc(verb, "accounting list")) {
		r = account_list(h, row, &reply);
		ipc_init(&last, "result");
		hook_answer(reply, &last, r < 0 ? EX_IOERR : EX_OK, r < 0 ? "the folder cannot be read" : NULL);
	} else {
		ipc_init(&last, "result");
		hook_answer(reply, &last, EX_USAGE, "there is no such verb");
	}
}
