/* SPDX-License-Identifier: ISC
 *
 * web_args.c: fuzz target of what the API makes of a body, a query and a cookie. The first
 * byte chooses a verb; what passes for its arguments is in its table, and without control
 * characters.
 */
#include "webadmin/cookie.h"
#include "webadmin/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct verb *v, const struct ipc_msg *m)
{
	struct verb_arg arg[VERB_ARGS];
	size_t n = verb_args(v, arg), i, k;

	for (i = 0; i < m->nfields; i++) {
		BUG_ON(!str_starts(m->field[i].name, "a.") || str_has_ctl(m->field[i].value));
		for (k = 0; k < n && !str_eq(arg[k].name, str_from(m->field[i].name, 2)); k++)
			;
		BUG_ON(k == n);
	}
}

static void try(const struct verb *v, struct str text, bool query)
{
	struct ipc_msg given, args;
	struct buf why, out;
	int r;

	buf_init(&why, 1 << 16);
	buf_init(&out, 1 << 24);
	ipc_init(&given, "given");
	ipc_init(&args, "args");
	r = query ? query_fields(text, "a.", &given, &why) : json_fields(text, "a.", &given, &why);
	if (r == 0)
		r = verb_fields(v, "a.", &given, &args, &why);
	if (r == 0)
		look(v, &args);
	else
		BUG_ON(why.n == 0);
	json_row(&out, &given); /* what was said, said back, is JSON whatever it holds */
	BUG_ON(out.err || !str_is_utf8(buf_view(&out)) || str_has_ctl(buf_view(&out)));
	ipc_done(&given);
	ipc_done(&args);
	buf_done(&why);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text;
	const struct verb *v;

	if (size < 2 || size > 65536)
		return 0;
	v = &verbs[data[0] % nverbs];
	text = str_make(data + 1, size - 1);
	try(v, text, false);
	try(v, text, true);
	BUG_ON(cookie_get(text, COOKIE_NAME).n > SECRET_MAX);
	BUG_ON(bearer_get(text).n > SECRET_MAX);
	return 0;
}
