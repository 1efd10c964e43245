/* SPDX-License-Identifier: ISC
 *
 * cmd_enable.c: ENABLE (RFC 5161) of CONDSTORE and QRESYNC (RFC 7162 3.1, 3.2.3);
 * names that are not known are ignored, as the RFC wants. What is enabled stays so.
 */
#include "imap/commands.h"
#include "imap/parse.h"

/* enable = "ENABLE" 1*(SP capability) */
void cmd_enable(struct imap_session *s)
{
	bool condstore = false, qresync = false;
	struct cur c = s->in.args;
	struct str name;

	do {
		if (!cur_take(&c, ' ') || imap_parse_atom(&c, &name) != 1) {
			imap_bad(s, "Capability name expected");
			return;
		}
		condstore |= str_ieqc(name, "CONDSTORE");
		qresync |= str_ieqc(name, "QRESYNC");
	} while (!cur_end(&c));
	stream_fmt(s->stream, "* ENABLED%s%s\r\n", condstore ? " CONDSTORE" : "", qresync ? " QRESYNC" : "");
	if (condstore || qresync)
		imap_condstore(s);
	s->qresync |= qresync;
	imap_ok(s, "Enabled");
}
