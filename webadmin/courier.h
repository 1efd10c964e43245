/* SPDX-License-Identifier: ISC
 *
 * courier.h: hands one message to an smtpd, as the person whom a ticket names: webadmind
 * gives it a session as front does (net/handover.h) and speaks SMTP over it, so that each
 * rule of submission counts for the API too.
 */
#ifndef MANSIO_WEBADMIN_COURIER_H
#define MANSIO_WEBADMIN_COURIER_H

#include "webadmin/letter.h"
#include "webadmin/web.h"

struct courier;

/* A reply of smtpd. */
struct courier_reply {
	int code; /* 0: none came */
	struct str status, words;
};

struct courier_result {
	struct str id; /* under which it was accepted */
	const struct courier_reply *rcpt; /* one for each of letter.to */
	/* of the message; or why there was no message: of MAIL, or 0 and words of ours */
	struct courier_reply last;
	bool mail; /* last is that of MAIL: of the sender */
};

/* Who it is, as the request came. */
struct courier_origin {
	const char *session; /* 12 characters */
	struct addr peer;
	struct str tls_version, tls_cipher;
	uint32_t tls_bits;
	struct str user, ticket;
};

/* letter stays the caller's and lives until done or cancel. done is called once, from the
 * loop; the courier is gone then. NULL: no smtpd can be reached. */
struct courier *courier_new(const struct courier_origin *o, const struct letter *letter,
	void (*done)(void *arg, const struct courier_result *result), void *arg);
void courier_cancel(struct courier *c);
/* The link to the smtpds: a new one, -1: none. Takes fd. */
void courier_link(int fd);

#endif
