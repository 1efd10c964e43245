/* SPDX-License-Identifier: ISC
 *
 * cmd_capability.c: CAPABILITY (RFC 3501 6.1.1). After login nothing about
 * authentication is listed.
 */
#include "imap/commands.h"

void cmd_capability(struct imap_session *s)
{
	stream_puts(s->stream, "* CAPABILITY " IMAP_CAPABILITIES "\r\n");
	imap_ok(s, "Capability completed");
}
