/* SPDX-License-Identifier: ISC
 *
 * cmd_noop.c: NOOP (RFC 3501 6.1.2): what changed is told by the loop.
 */
#include "imap/commands.h"

void cmd_noop(struct imap_session *s)
{
	imap_ok(s, "NOOP completed");
}
