/* SPDX-License-Identifier: ISC
 *
 * verp.h: variable envelope return paths: each recipient of a list gets its mail from an address of its own, so
 * that a bounce tells whom it is about whatever it says. The parameter XVERP of MAIL is the one that Postfix's
 * VERP README documents.
 *
 *   list@d  to user@example.net  is sent as  list+user=example.net@d
 *
 * The first delimiter is what parts name and detail of our own addresses, so that a bounce arrives at the list.
 */
#ifndef MANSIO_MAIL_VERP_H
#define MANSIO_MAIL_VERP_H

#include "base/arena.h"
#include "base/buf.h"

/* The value of XVERP: two of the characters - + =. 0 or E_SYNTAX. */
int verp_check(struct str delimiters);
/* The sender of what goes to this recipient. Both printed, so is the result. 0; E_SYNTAX: one of them is no address
 * with a domain; E_LIMIT: it would be too long for an address (RFC 5321 4.5.3.1.1). */
int verp_address(struct str delimiters, struct str sender, struct str rcpt, struct arena *a, struct str *out);

#endif
