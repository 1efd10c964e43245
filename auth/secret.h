/* SPDX-License-Identifier: ISC
 *
 * secret.h: what a browser or program shows to be known again: ID.SECRET. The ID
 * finds it (and may be shown to people), the secret proves it: 256 random bits, of
 * which only the digest is stored, so that neither a copy of the database nor the
 * time that a comparison takes helps anybody.
 */
#ifndef MANSIO_AUTH_SECRET_H
#define MANSIO_AUTH_SECRET_H

#include "base/buf.h"

#define SECRET_ID 12 /* characters of [0-9a-z] */
#define SECRET_HEX 64
#define SECRET_TEXT (SECRET_ID + 1 + SECRET_HEX) /* ID.SECRET */

/* A new one; digest is that of its secret. */
void secret_new(char text_out[SECRET_TEXT + 1], char digest_out[SECRET_HEX + 1]);
/* The parts of a text; false: it has not that form. */
bool secret_split(struct str text, struct str *id_out, struct str *secret_out);
void secret_digest(struct str secret, char out[SECRET_HEX + 1]); /* SHA-256, hex */
/* Of one that people type: n of these letters, in capitals or not, with "-" and blanks between them. False: it has not
 * that form. */
#define SECRET_LETTERS "abcdefghjkmnpqrstuvwxyz" /* no two that look alike */
#define SECRET_TYPED 64
bool secret_typed(struct str typed, size_t n, char digest_out[SECRET_HEX + 1]);
/* Said of a hand-out link that is none, or none any more. */
#define SECRET_NO_INVITE "this invitation is used or too old: ask for another one"
/* Has this secret that digest? Takes the same time whatever they are. */
bool secret_good(struct str secret, struct str digest);

#endif
