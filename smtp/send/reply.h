/* SPDX-License-Identifier: ISC
 *
 * reply.h: what a server says: replies of one or many lines (RFC 5321 4.2), and
 * the list of its extensions (RFC 5321 4.1.1.1). Servers are strangers: every length
 * has an end, nothing but printable text goes on from here.
 */
#ifndef MANSIO_SMTP_SEND_REPLY_H
#define MANSIO_SMTP_SEND_REPLY_H

#include "base/buf.h"

#define REPLY_TEXT 1000 /* of a reply is kept for reports and the log */

struct reply {
	int code; /* 200 to 559 */
	char status[12]; /* enhanced code (RFC 2034) of the first line that has one, else "" */
	struct str lines; /* what follows the code, line by line, each with LF behind; as it came */
};

/* Gathers one reply out of pieces; ready for the next one after it. */
struct reply_reader {
	struct buf line, lines;
	size_t max, seen; /* bytes of one reply */
	struct reply r;
	bool whole; /* r was given out */
};

void reply_init(struct reply_reader *r, size_t max);
void reply_done(struct reply_reader *r);
/* Takes bytes off the front of *in, up to the end of one reply. 1: *out is it (valid until
 * the next call); 0: more is needed; E_SYNTAX, E_LIMIT: this server is not understood. */
int reply_read(struct reply_reader *r, struct str *in, const struct reply **out);
/* The whole reply as one printable line "550 5.1.1 no such user", at most REPLY_TEXT bytes: the
 * lines joined by blanks, code and enhanced code told once. Appended to out. */
void reply_print(const struct reply *r, struct buf *out);

/* Mechanisms that we speak, best first (bits). */
enum { MECH_SCRAM_SHA_256 = 1, MECH_SCRAM_SHA_1 = 2, MECH_PLAIN = 4, MECH_LOGIN = 8, MECH_XOAUTH2 = 16 };

struct ehlo {
	char name[256]; /* how the server calls itself, printable */
	bool starttls, pipelining, eight_bit, smtputf8, dsn, auth, chunking, requiretls, mt_priority;
	unsigned mechs;
	bool size_given;
	uint64_t size; /* 0: no limit told (RFC 1870 4) */
	uint64_t mail_max, rcpt_max, domain_max; /* LIMITS (RFC 9422 5); 0: not told */
};

/* From the lines of a 250 to EHLO or LHLO (or of one to HELO: a name alone). What is
 * unknown or malformed is no extension. */
void ehlo_parse(struct str lines, struct ehlo *out);

#endif
