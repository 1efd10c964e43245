/* SPDX-License-Identifier: ISC
 *
 * cmd_enable.c: ENABLE (RFC 5161). No capability of ours needs it, so nothing
 * is ever enabled; names that are not known are ignored, as the RFC wants.
 */
#include "imap/commands.h"
#include "imap/parse.h"

/* enable = "ENABLE" 1*(SP capability) */
void cmd_enable(struct imap_session *s)
{
	struct cur c = s->in.args;
	struct str name;

	do {
		if (!cur_take(&c, ' ') || imap_parse_atom(&c, &name) != 1) {
			imap_bad(s, "Capability name expected");
			return;
		}
	} while (!cur_end(&c));
	stream_puts(s->stream, "* ENABLED\r\n");
	imap_ok(s, "Enabled");
}
