/* SPDX-License-Identifier: ISC
 *
 * suppressed.c: see suppressed.h.
 */
#include "net/suppressed.h"

#include "base/file.h"

static int answer_parse(const struct ipc_msg *m, struct arena *a, struct str *status_out, struct str *words_out)
{
	struct str status = ipc_get(m, "status"), words = ipc_get(m, "words");

	if (!ipc_is(m, "suppressed") || (words.p && (!words.n || status.n < 5)))
		return E_PEER;
	if (!words.p)
		return 0;
	*status_out = arena_str(a, status);
	*words_out = arena_str(a, words);
	return 1;
}

int suppressed_ask(int link, struct str address, struct str sender, struct arena *a, struct str *status_out,
	struct str *words_out, const struct suppressfilter **filter, deadline d)
{
	struct ipc_msg question, answer;
	int r, fd;

	if (link < 0)
		return E_CLOSED;
	ipc_init(&question, "suppressed");
	ipc_set(&question, "address", address);
	ipc_set(&question, "sender", sender);
	if (!*filter)
		ipc_set_bool(&question, "filter", true);
	r = ipc_call(link, &question, &answer, d);
	if (!r)
		r = answer_parse(&answer, a, status_out, words_out);
	fd = r < 0 ? -1 : ipc_take_fd(&answer, "filter");
	if (fd >= 0 && !*filter)
		*filter = suppressfilter_open(fd);
	fd_close(&fd);
	ipc_done(&question);
	ipc_done(&answer);
	return r;
}
