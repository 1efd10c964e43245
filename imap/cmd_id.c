/* SPDX-License-Identifier: ISC
 *
 * cmd_id.c: ID (RFC 2971): who the client says it is goes to the log.
 */
#include "imap/commands.h"
#include "imap/parse.h"

#define FIELDS_MAX 30 /* RFC 2971 3.3 */
#define NAME_MAX_BYTES 30
#define VALUE_MAX 1024

static void log_client(struct imap_session *s, struct str text)
{
	struct trace t;

	trace_begin(&t, TRACE_INFO, "client");
	trace_str(&t, "s", s->id);
	trace_str(&t, "client", text);
	trace_end(&t);
}

/* id_params_list = "(" #(string SP nstring) ")" / nil */
static int parse_params(struct cur *c, struct arena *a, struct buf *out)
{
	struct str name, value;
	int n;

	if (cur_iword(c, "NIL"))
		return 0;
	if (!cur_take(c, '('))
		return E_SYNTAX;
	for (n = 0; !cur_take(c, ')'); n++) {
		if (n == FIELDS_MAX || (n && !cur_take(c, ' ')) || imap_parse_string(c, a, &name) != 1 ||
			!cur_take(c, ' ') || imap_parse_nstring(c, a, &value) != 1 ||
			name.n > NAME_MAX_BYTES || value.n > VALUE_MAX)
			return E_SYNTAX;
		buf_fmt(out, "%s%.*s=%.*s", n ? " " : "", STRF(name), STRF(value));
	}
	return 0;
}

void cmd_id(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct buf b;

	buf_init(&b, 2 * FIELDS_MAX * VALUE_MAX);
	if (!cur_take(&c, ' ') || parse_params(&c, &s->a, &b)) {
		imap_bad(s, "Invalid ID parameters");
	} else if (imap_args_end(s, &c)) {
		if (b.n)
			log_client(s, buf_view(&b));
		stream_puts(s->stream, "* ID (\"name\" \"Mansio\")\r\n");
		imap_ok(s, "ID completed");
	}
	buf_done(&b);
}
