/* SPDX-License-Identifier: ISC
 *
 * jws.h: signed JSON as ACME wants it (RFC 7515 flattened, RFC 8555 6.2): ES256 by the
 * account's key, HS256 for external account binding; the key's thumbprint (RFC 7638).
 */
#ifndef MANSIO_ACME_JWS_H
#define MANSIO_ACME_JWS_H

#include "base/buf.h"

struct jws_key;
/* From PEM, an ECDSA P-256 key. NULL: it is none. */
struct jws_key *jws_key_new(struct str pem);
void jws_key_free(struct jws_key *k);
/* {"crv":"P-256","kty":"EC","x":"...","y":"..."}: in the order that RFC 7638 hashes */
void jws_jwk(const struct jws_key *k, struct buf *out);
void jws_thumbprint(const struct jws_key *k, struct buf *out);
/* protected: JSON; payload: JSON, or empty for POST-as-GET. The signed object to out. */
int jws_sign(const struct jws_key *k, struct str protected_json, struct str payload, struct buf *out);
int jws_mac(struct str secret, struct str protected_json, struct str payload, struct buf *out);
/* "TOKEN.THUMBPRINT" (RFC 8555 8.1), and its SHA-256, raw. */
void jws_key_authorization(const struct jws_key *k, struct str token, struct buf *out);
void jws_sha256(struct str s, unsigned char out[32]);

#endif
