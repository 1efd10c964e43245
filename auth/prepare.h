/* SPDX-License-Identifier: ISC
 *
 * prepare.h: passwords and names as people type them on different keyboards: the same one comes as other bytes
 * (composed or not, in full width, with another blank).
 *
 * Passwords: SASLprep (RFC 4013, with the code points that RFC 3454 did not know yet allowed, as for a query), which SCRAM's
 * clients do (RFC 5802 2.2). What SASLprep refuses is taken as an OpaqueString (RFC 8265 4.2: other blanks become U+0020,
 * NFC). What is stored of a new password is made of that form; a login is tried as it was given (what people brought
 * from elsewhere was hashed so), then in that form, if it is another.
 *
 * Names: mail/address.h has the form that is compared (UsernameCaseMapped, RFC 8265 3.3). Here: which ones no new account gets,
 * because they look like others, or cannot be seen (RFC 8264 9, IdentifierClass; RFC 5893 2; RFC 8265 8.2).
 */
#ifndef MANSIO_AUTH_PREPARE_H
#define MANSIO_AUTH_PREPARE_H

#include "base/buf.h"

#define PREPARED_MAX 511 /* a password that would be longer stays as it is */

/* The form of a password that is stored, into out (wiped by the caller). Never fails: what is no UTF-8, or has no such
 * form, stays as it is. */
void prepare_password(struct str given, struct buf *out);
/* Why it may be no new password: half a sentence; NULL: it may. */
const char *prepare_password_wrong(struct str given);
/* Why a local part, in its compared form, may be no new account's: half a sentence; NULL: it may. */
const char *prepare_name_wrong(struct str local);

#endif
