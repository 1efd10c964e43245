/* SPDX-License-Identifier: ISC
 *
 * webauthn.h: security keys (W3C WebAuthn Level 2) by libfido2: what a browser answers for a new key, and for one that is
 * known. What it sends is base64url (RFC 4648 5), and so is all that is kept of a key.
 *
 * A key is made for one name of this server (the RP ID: the host part of the page's origin) and signs for no other one. Who
 * has it must have touched it; whether a PIN or a finger was asked for, too, is left to the key ("preferred"), for the
 * password came before. Who made the key is not asked ("none" is the only attestation), so nothing signs a new one. Algorithms:
 * ES256, EdDSA, RS256 with 2048 bits.
 *
 * In a worker. Nothing here blocks.
 */
#ifndef MANSIO_AUTH_WEBAUTHN_H
#define MANSIO_AUTH_WEBAUTHN_H

#include "auth/client_data.h"
#include "base/arena.h"

#define WEBAUTHN_TEXT_MAX 8192 /* base64url of anything that a browser sends */

struct webauthn_key {
	struct str credential; /* its name, which the key itself chose */
	struct str public; /* as libfido2 has it */
	struct str algorithm; /* "ES256" ... */
	uint32_t counter; /* of its signatures; 0: it does not count them */
};

/* The name that keys of a page are for: E_SYNTAX: it is reached by an IP address, or not by https. */
int webauthn_rp_id(struct str origin, struct str *out);
/* The numbers of the algorithms (IANA COSE), for the browser: "-7,-8,-257". */
extern const char webauthn_algorithms[];

/* A new key (WebAuthn 7.1). 0, or E_SYNTAX with why (static); E_UNSUPPORTED: built without libfido2. */
int webauthn_new(const struct client_data_asked *asked, struct str client_data, struct str authenticator_data, struct arena *a,
	struct webauthn_key *out, const char **why);
/* A signature of a known one (7.2); that counter_out is later than the last is the caller's to see. */
int webauthn_check(const struct client_data_asked *asked, const struct webauthn_key *key, struct str client_data,
	struct str authenticator_data, struct str signature, uint32_t *counter_out, const char **why);

#endif
