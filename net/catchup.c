/* SPDX-License-Identifier: ISC
 *
 * catchup.c: see catchup.h.
 */
#include "net/catchup.h"

static int catchup_parse(const struct ipc_msg *m, struct caught *out)
{
	static const char *const word[] = { [CATCHUP_STARTED] = "started", [CATCHUP_ACTIVE] = "active", [CATCHUP_NONE] = "none",
		[CATCHUP_SOON] = "soon" };
	struct str result = ipc_get(m, "result");
	struct caught v = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(word) && !str_eqc(result, word[i]); i++)
		;
	if (!ipc_is(m, "catchup") || (i == ARRAY_LEN(word) && !str_eqc(result, "busy")))
		return E_PEER;
	if (i == ARRAY_LEN(word))
		return E_TEMP;
	v.result = (enum catchup_result)i;
	if ((v.result == CATCHUP_STARTED && ipc_get_u64(m, "messages", INT64_MAX, &v.messages) < 0) ||
		(v.result == CATCHUP_SOON && ipc_get_u64(m, "again", INT32_MAX, &v.again) < 0))
		return E_PEER;
	*out = v;
	return 0;
}

int catchup_ask(int link, struct str domain, bool below, struct caught *out, deadline d)
{
	struct ipc_msg question, answer;
	int err;

	if (link < 0)
		return E_CLOSED;
	ipc_init(&question, "catchup");
	ipc_set(&question, "domain", domain);
	if (below)
		ipc_set_bool(&question, "below", true);
	err = ipc_call(link, &question, &answer, d);
	if (!err)
		err = catchup_parse(&answer, out);
	ipc_done(&question);
	ipc_done(&answer);
	return err;
}
