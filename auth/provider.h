/* SPDX-License-Identifier: ISC
 *
 * provider.h: what an OpenID provider says, read into values: its document (OpenID Connect Discovery 1.0 4.2, RFC 8414 3.2),
 * and its word about a token (RFC 7662 2.2).
 */
#ifndef MANSIO_AUTH_PROVIDER_H
#define MANSIO_AUTH_PROVIDER_H

#include "base/arena.h"
#include "base/buf.h"

#define PROVIDER_TEXT_MAX (64 * 1024) /* of each of its answers */
#define PROVIDER_CLAIMS_MAX (8 * 1024) /* of what counts in one about a token */

/* Where the document of that issuer is. */
const char *provider_document(struct str issuer, struct arena *a);
/* 0 and where the keys are (in a); E_SYNTAX, and why. The document must be of just this issuer (Discovery 4.3). */
int provider_document_read(struct str json, struct str issuer, struct arena *a, const char **jwks_out, const char **why_out);

struct provider_word {
	bool active;
	int64_t expires; /* Unix time; INT64_MAX: it does not say */
	struct str claims; /* JSON of those members that count here, among them `claim`; empty if it is not active */
};
/* 0, or E_SYNTAX and why: it is no answer. */
int provider_word_read(struct str json, struct str claim, struct arena *a, struct provider_word *out, const char **why_out);

/* Body of the question about a token (RFC 7662 2.1). */
void provider_question(struct str token, struct buf *out);
/* application/x-www-form-urlencoded, as client_id and secret go into Basic too (RFC 6749 2.3.1). */
void provider_form(struct str s, struct buf *out);

#endif
