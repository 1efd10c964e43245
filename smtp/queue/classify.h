/* SPDX-License-Identifier: ISC
 *
 * classify.h: what kind of failure a server's reply tells of. Servers use the enhanced codes of RFC 3463
 * loosely, and many say in words alone what they mean; so words that leave no doubt count before codes.
 */
#ifndef MANSIO_SMTP_QUEUE_CLASSIFY_H
#define MANSIO_SMTP_QUEUE_CLASSIFY_H

#include "base/str.h"

enum bounce_class { /* as in the database: do not renumber */
	BOUNCE_NONE = 0, /* no failure, or nothing was said */
	BOUNCE_INVALID = 1, /* the mailbox does not exist, or is closed */
	BOUNCE_FULL = 2, /* it takes no more at the moment */
	BOUNCE_POLICY = 3, /* a rule of that server */
	BOUNCE_SPAM = 4, /* the message, or this server, is taken for a spammer's */
	BOUNCE_DNS = 5, /* the domain, or its mail servers, cannot be found */
	BOUNCE_TLS = 6, /* no encryption as one side wants it */
	BOUNCE_RATE = 7, /* too much in too short a time */
	BOUNCE_OTHER = 8,
	BOUNCE_COMPLAINT = 9, /* its owner complained: of the suppression list alone */
	BOUNCE_SUPPRESSED = 10, /* no server said it: the address is on the suppression list */
	BOUNCE_ADMIN = 11, /* no server said it: the administrator of this one ended it */
	BOUNCE_CLASSES
};

/* code: 4xx, 5xx, or 0; reply: the server's words, or a sentence of our own. */
enum bounce_class bounce_class(int code, struct str status, struct str reply);
const char *bounce_name(enum bounce_class c); /* "invalid"; "" for BOUNCE_NONE */

#endif
