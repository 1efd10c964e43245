/* SPDX-License-Identifier: ISC
 *
 * cmd_logout.c: LOGOUT (RFC 3501 6.1.3): BYE, then OK.
 */
#include "imap/commands.h"

void cmd_logout(struct imap_session *s)
{
	imap_bye(s, "Logging out");
	imap_ok(s, "Logout completed");
}
