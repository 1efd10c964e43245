/* SPDX-License-Identifier: ISC
 *
 * cmd_namespace.c: NAMESPACE (RFC 2342): one personal namespace.
 */
#include "imap/commands.h"

void cmd_namespace(struct imap_session *s)
{
	stream_puts(s->stream, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	imap_ok(s, "Namespace completed");
}
