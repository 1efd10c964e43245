/* SPDX-License-Identifier: ISC
 *
 * bounce.h: a report of delivery (RFC 3464) as others send it: what became of the first recipient in it that was given
 * up. What it says is a stranger's word; nothing but facts is read.
 */
#ifndef MANSIO_MAIL_BOUNCE_H
#define MANSIO_MAIL_BOUNCE_H

#include "base/arena.h"

/* One line each, printable UTF-8, bounded; empty: not said. */
struct bounce {
	struct str recipient; /* Original-Recipient, else Final-Recipient, without its type */
	struct str status; /* "5.1.1" */
	struct str diagnostic; /* without its type */
	struct str remote, reporter; /* Remote-MTA, Reporting-MTA, without their types */
};

/* 1 and out; 0: it is no such report, or tells of nobody who was given up (late, delivered). Time and memory are
 * bounded whatever the message. */
int bounce_parse(struct str message, struct arena *a, struct bounce *out);

#endif
