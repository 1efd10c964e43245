/* SPDX-License-Identifier: ISC
 *
 * sendmail.h: private to the commands sendmail, mailq and newaliases, which
 * other programs of the host expect of a mail server.
 *
 *   sendmail.c          the options, and who is asked for what
 *   sendmail_message.c  standard input becomes a message
 *   sendmail_talk.c     the message goes to run/submit
 *   mailq.c, newaliases.c
 */
#ifndef MANSIO_MASTER_SENDMAIL_H
#define MANSIO_MASTER_SENDMAIL_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"

#define LETTER_RCPTS 100000

/* One message and its envelope. */
struct letter {
	struct arena a;
	const char *origin; /* domain of addresses without one */
	const char *user, *name; /* who asks: login name, full name */
	struct str sender; /* with its domain; empty: the null sender */
	bool ignore_dots, from_header; /* -i, -t */
	struct str notify, ret, envid; /* -N, -R, -V, as parameters of SMTP */
	struct str *rcpt;
	size_t nrcpt, rcpt_cap;
	struct buf head, body; /* with CRLF */
	bool eight_bit, utf8; /* in it; in an address */
};

/* All addresses of a header body or an argument. 0, or E_SYNTAX, E_LIMIT; what was wrong in why. */
int letter_add(struct letter *l, struct str list, struct buf *why);
/* One address of an argument, "NAME <address>" too, with its domain; empty: <>. */
int letter_address(struct letter *l, struct str text, struct str *out);
/* Reads standard input to its end (or a line with a dot alone). 0, or a sysexits code. */
int letter_read(struct letter *l, const struct conf *conf, struct buf *why);

/* Hands it over to the suite. 0: it is safe there for every recipient. Else a sysexits code. */
int talk_send(const struct letter *l, const struct conf *conf, const char *state, struct buf *why);
/* -bv: asks for each recipient, prints the answers, sends nothing. */
int talk_verify(const struct letter *l, const struct conf *conf, const char *state, struct buf *why);
/* -bs: SMTP on standard input and output. */
int talk_smtp(const char *state, struct buf *why);

int mailq(const char *state, struct buf *why);
int mailq_flush(const char *state, struct buf *why); /* -q */
int newaliases(const char *state, const char *origin, const char *import, struct buf *why);

#endif
