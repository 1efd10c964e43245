/* SPDX-License-Identifier: ISC
 *
 * app_password.h: passwords that we make, one for each device: what they look like, and what
 * for they are good. "khrw-..." in four groups of five letters, none of which is taken for
 * another one (no i, l, o): 90 bits by chance, so a fast digest of it may be stored, a login by it
 * costs no password hash, and its owner types it once.
 *
 * Who types it may leave the dashes out, put spaces in their place, and write capitals.
 */
#ifndef MANSIO_AUTH_APP_PASSWORD_H
#define MANSIO_AUTH_APP_PASSWORD_H

#include "auth/secret.h"

#define APP_PASSWORD_ID 8
#define APP_PASSWORD_LETTERS 20
#define APP_PASSWORD_TEXT 23 /* with three dashes */
#define APP_PASSWORD_ALL "imap,pop3,submission"
#define APP_PASSWORD_LABEL 100 /* bytes */

/* A new one, and its digest. */
void app_password_new(char text_out[APP_PASSWORD_TEXT + 1], char digest_out[SECRET_HEX + 1]);
/* The digest of what somebody typed; false: it has not that form, so it is none. */
bool app_password_digest(struct str typed, char digest_out[SECRET_HEX + 1]);

/* "pop3, imap" as it is stored: in our order, each once. E_SYNTAX: another word, or none. */
int app_password_protocols(struct str text, char out[sizeof(APP_PASSWORD_ALL)]);
/* Are these protocols, as stored, those of a service (auth/frame.h)? Never of the web page. */
bool app_password_serves(struct str protocols, struct str service);

#endif
