/* SPDX-License-Identifier: ISC
 *
 * fingerprint.h: the SHA-256 of a certificate, or of its public key, as text. Whoever shows
 * the one that is listed is known by it; who signed the certificate does not matter.
 */
#ifndef MANSIO_NET_FINGERPRINT_H
#define MANSIO_NET_FINGERPRINT_H

#include "base/str.h"

#define FINGERPRINT_HEX 64

/* From "sha256:AB:CD..." as openssl writes it, with or without the word and the colons, in
 * any case, to 64 lower-case digits. 0 or E_SYNTAX. */
int fingerprint_parse(struct str s, char out[FINGERPRINT_HEX + 1]);

#endif
