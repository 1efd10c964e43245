/* SPDX-License-Identifier: ISC
 *
 * client_data.h: what a browser says that it was asked to sign (WebAuthn 5.8.1, "CollectedClientData"): a JSON object
 * whose digest the security key signs. It must be an answer to our own challenge, given on our own page.
 */
#ifndef MANSIO_AUTH_CLIENT_DATA_H
#define MANSIO_AUTH_CLIENT_DATA_H

#include "base/str.h"

#define CLIENT_DATA_MAX 4096 /* bytes */

/* What was asked, and the page on which: base64url of the challenge, "https://HOST[:PORT]". */
struct client_data_asked {
	struct str challenge, origin;
};

/* Is it an answer to that? type: "webauthn.create", "webauthn.get". NULL, or why not (static). */
const char *client_data_check(struct str json, const char *type, const struct client_data_asked *asked);

#endif
