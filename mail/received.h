/* SPDX-License-Identifier: ISC
 *
 * received.h: the trace fields that a server puts in front of a message:
 * Received (RFC 5321 4.4, with the protocol names of RFC 3848 and RFC 6531)
 * and, at final delivery, Return-Path.
 */
#ifndef MANSIO_MAIL_RECEIVED_H
#define MANSIO_MAIL_RECEIVED_H

#include "base/buf.h"

struct received {
	struct str helo; /* as given, its grammar checked; empty: left out */
	struct str peer; /* "192.0.2.1", "IPv6:2001:db8::1"; empty: unknown */
	struct str by; /* our name */
	struct str id;
	struct str for_address; /* printed, only with a single recipient; else empty */
	struct str tls_version, tls_cipher; /* empty: in clear */
	uint32_t tls_bits;
	struct str client_cert; /* SHA-256 of the certificate that the client showed, in hex; empty: none */
	bool esmtp, lmtp, utf8, auth;
	bool has_priority; /* MT-PRIORITY was given (RFC 6710 4.1) */
	int priority;
	int64_t time; /* unix seconds */
};

/* "SMTP", "ESMTP", "ESMTPS", "ESMTPSA", "UTF8SMTPSA", "LMTP", ... */
const char *received_protocol(const struct received *r);
/* The whole field, folded, with its CR LF. Whatever is in the strings, no line
 * of another field comes out (C02). */
void received_print(const struct received *r, struct buf *out);

#endif
