/* SPDX-License-Identifier: ISC
 *
 * cmd_check.c: CHECK (RFC 3501 6.4.1): everything is durable at once here, so
 * it is a NOOP.
 */
#include "imap/commands.h"

void cmd_check(struct imap_session *s)
{
	imap_ok(s, "Check completed");
}
