/* SPDX-License-Identifier: ISC
 *
 * arf.h: reports of abuse (RFC 5965): a receiver of our mail sends one when somebody there
 * calls a message spam. What it says is a stranger's word; nothing but facts is read.
 */
#ifndef MANSIO_MAIL_ARF_H
#define MANSIO_MAIL_ARF_H

#include "base/arena.h"

/* One line each, printable UTF-8 at most ARF_TEXT bytes; empty: not said. */
#define ARF_TEXT 320
#define ARF_RECEIVED 16
struct arf_received {
	struct str by, id;
};
struct arf {
	struct str type; /* abuse, fraud, virus, not-spam ...: lower case letters and '-' */
	struct str agent, reporter; /* User-Agent, Reporting-MTA */
	struct str source; /* Source-IP: an address */
	struct str sender, recipient; /* Original-Mail-From, the first Original-Rcpt-To: without <> */
	struct str message_id, subject; /* of the message that it is about, as they stand there */
	struct str returned; /* its Return-Path, without <> */
	struct arf_received received[ARF_RECEIVED]; /* who took it, and an id as ours are (envelope_id_ok); the last first */
	size_t nreceived;
};

/* 1 and out; 0: it is no such report; E_SYNTAX: it is one, and not as RFC 5965 3 wants it.
 * Time and memory are bounded whatever the message. */
int arf_parse(struct str message, struct arena *a, struct arf *out);

#endif
