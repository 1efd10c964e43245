/* SPDX-License-Identifier: ISC
 *
 * auth.h: logging in at another server (RFC 4954), by the Cyrus SASL client
 * library. The best mechanism that both sides speak is taken: SCRAM-SHA-256,
 * SCRAM-SHA-1 (RFC 7677, 5802), and only under TLS PLAIN (RFC 4616) or LOGIN.
 */
#ifndef MANSIO_SMTP_SEND_AUTH_H
#define MANSIO_SMTP_SEND_AUTH_H

#include "base/buf.h"

/* Loads the library's plug-ins; before the sandbox. 0 or negative. */
int auth_init(void);

struct auth; /* one login */
/* mech: the only mechanism to use; empty or "auto": the best one that the server offers, which
 * is never XOAUTH2, because there the password is a token. host: the server's name. user and password are copied. mechs: bits of what the server
 * offers (smtp/send/reply.h). NULL: nothing of it can be used on this connection. */
struct auth *auth_new(const char *host, struct str user, struct str password, struct str mech,
	unsigned mechs, bool tls);
void auth_free(struct auth *a);
const char *auth_mechanism(const struct auth *a);
/* Appends the command, "AUTH PLAIN AGFubmEA..." without CRLF. 0 or negative. */
int auth_start(struct auth *a, struct buf *out);
/* The answer to a 334, base64 as it came; appends ours. Negative: give up. */
int auth_step(struct auth *a, struct str challenge, struct buf *out);
/* Has the server shown all that the mechanism asks of it? A 235 before that is a lie: a SCRAM
 * server must prove that it knows the password too (RFC 5802 3). */
bool auth_complete(const struct auth *a);

#endif
