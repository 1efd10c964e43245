/* SPDX-License-Identifier: ISC
 *
 * holdparam.h: the parameters of MAIL by which a sender says when and how urgently a message goes:
 * HOLDFOR and HOLDUNTIL (RFC 4865 3), MT-PRIORITY (RFC 6710 7). Strict: what is not in the grammar is refused.
 */
#ifndef MANSIO_MAIL_HOLDPARAM_H
#define MANSIO_MAIL_HOLDPARAM_H

#include "base/buf.h"

/* Seconds, 1 to 999999999. 0 or E_SYNTAX. */
int hold_for_parse(struct str value, int64_t *seconds_out);
/* "2026-12-24T18:00:00Z", UTC only; a fraction of a second rounds up. Unix seconds. 0 or E_SYNTAX. */
int hold_until_parse(struct str value, int64_t *unix_out);
/* The same form, for EHLO. */
void hold_until_print(int64_t unix_time, struct buf *out);
/* -9 to 9. 0 or E_SYNTAX. */
int priority_parse(struct str value, int *out);

#endif
