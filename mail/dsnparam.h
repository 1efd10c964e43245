/* SPDX-License-Identifier: ISC
 *
 * dsnparam.h: the parameters of MAIL and RCPT by which a sender says which
 * reports it wants (RFC 3461 4; internationalised addresses RFC 6533 3).
 *
 * What is taken here is handed on as it was given, and comes back in reports.
 * So nothing is taken that does not decode to one line of printable text (C02).
 */
#ifndef MANSIO_MAIL_DSNPARAM_H
#define MANSIO_MAIL_DSNPARAM_H

#include "base/buf.h"

#define DSN_ENVID_MAX 100 /* RFC 3461 4.4 */
#define DSN_ORCPT_MAX 500 /* RFC 3461 4.2 */

/* NOTIFY=: bits of envelope_notify (mail/envelope.h). 0 or E_SYNTAX. */
int dsn_notify_parse(struct str value, uint32_t *bits_out);
/* "SUCCESS,FAILURE", nothing for no bits. */
void dsn_notify_print(uint32_t bits, struct buf *out);
/* RET=: true for FULL, false for HDRS. 0 or E_SYNTAX. */
int dsn_ret_parse(struct str value, bool *full_out);
/* ENVID= and ORCPT=: 0, E_SYNTAX, E_LIMIT. utf8: SMTPUTF8 was given with MAIL. */
int dsn_envid_check(struct str value);
int dsn_orcpt_check(struct str value, bool utf8);

#endif
