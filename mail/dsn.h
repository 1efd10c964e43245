/* SPDX-License-Identifier: ISC
 *
 * dsn.h: why something failed, as data: the line that fails writes it, the
 * top decides (RFC 5321 4.2, RFC 3463). Text for the client and text for the
 * log are two things.
 */
#ifndef MANSIO_MAIL_DSN_H
#define MANSIO_MAIL_DSN_H

#include "base/buf.h"

struct dsn {
	int code; /* 250, 452, 550 ...; 0: nothing said */
	char status[12]; /* "5.1.1" */
	char text[400]; /* for the client, printable ASCII, one line */
	char log[200]; /* for the log, may say more */
};

void dsn_set(struct dsn *why, int code, const char *status, const char *fmt, ...) PRINTF(4, 5);
void dsn_log(struct dsn *why, const char *fmt, ...) PRINTF(2, 3);
bool dsn_temporary(const struct dsn *why); /* 4xx */
/* One reply line "550 5.1.1 text" (also from a multi-line LMTP reply's parts). */
int dsn_parse_reply(struct str line, struct dsn *out, bool *more_out);

#endif
