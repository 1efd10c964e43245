/* SPDX-License-Identifier: ISC
 *
 * totp.h: codes of six digits that a telephone shows, a new one every 30 seconds (RFC 6238 with SHA-1, as every
 * such program has it), and the recovery codes of somebody whose telephone is gone. Both are asked beside the password
 * by the web page alone: mail programs have app passwords.
 *
 * A code counts in its own 30 seconds and in those before and after (RFC 6238 5.2), and once: who keeps the secret
 * keeps the last step that was used, too.
 */
#ifndef MANSIO_AUTH_TOTP_H
#define MANSIO_AUTH_TOTP_H

#include "auth/secret.h"

#define TOTP_STEP 30 /* seconds */
#define TOTP_SECRET 32 /* characters of base32 (RFC 4648 6): 160 bits */
#define TOTP_DIGITS 6
#define TOTP_RECOVERY 10 /* codes */
#define TOTP_RECOVERY_TEXT 11 /* "abcde-fghjk" */

void totp_new(char secret_out[TOTP_SECRET + 1]);
/* The code of a step; E_SYNTAX: no secret of ours. */
int totp_code(struct str secret, uint64_t step, char out[TOTP_DIGITS + 1]);
/* Is that its code at this Unix time? step_out: of which step. */
bool totp_check(struct str secret, struct str typed, int64_t now, uint64_t *step_out);

/* A recovery code and its digest; the digest of what was typed, false: it has not that form. */
void totp_recovery_new(char text_out[TOTP_RECOVERY_TEXT + 1], char digest_out[SECRET_HEX + 1]);
bool totp_recovery_digest(struct str typed, char digest_out[SECRET_HEX + 1]);

#endif
