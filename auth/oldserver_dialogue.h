/* SPDX-License-Identifier: ISC
 *
 * oldserver_dialogue.h: a login at another IMAP server (RFC 9051, RFC 3501) as a pure machine: a line of the server
 * in, what is to be said or done next out. It asks for nothing but whether a name and a password are right.
 *
 *   greeting -> CAPABILITY [-> STARTTLS -> handshake -> CAPABILITY] -> AUTHENTICATE PLAIN, or LOGIN -> verdict
 */
#ifndef MANSIO_AUTH_OLDSERVER_DIALOGUE_H
#define MANSIO_AUTH_OLDSERVER_DIALOGUE_H

#include "base/buf.h"

#define OLDSERVER_LINE_MAX 8192

enum oldserver_step {
	OLDSERVER_MORE, /* another line is awaited, after what stands in out was sent */
	OLDSERVER_SECURE, /* the handshake of TLS comes now; nothing may have come behind this line */
	OLDSERVER_GOOD, /* the password is right */
	OLDSERVER_REFUSED, /* it is not */
	OLDSERVER_LATER, /* it cannot say now, of this account */
	OLDSERVER_DOWN, /* it cannot be asked, of any */
};

struct oldserver_dialogue {
	struct str user, password; /* neither has a NUL; not ours */
	bool starttls; /* still to be done before a password is said */
	const char *why; /* after REFUSED, LATER, DOWN; static */
	/* private */
	int state;
	unsigned lines;
	bool has_starttls, has_plain, no_login;
	unsigned literals; /* of LOGIN, that were sent */
};

/* A line without its CRLF, at most OLDSERVER_LINE_MAX bytes. What is to be sent is appended to out. */
enum oldserver_step oldserver_line(struct oldserver_dialogue *d, struct str line, struct buf *out);
/* After the handshake: what is said first. What was heard before it counts no more (RFC 3501 6.2.1). */
void oldserver_secured(struct oldserver_dialogue *d, struct buf *out);

#endif
