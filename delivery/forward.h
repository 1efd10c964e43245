/* SPDX-License-Identifier: ISC
 *
 * forward.h: mail that an alias sends to the outside, by way of the queue.
 */
#ifndef MANSIO_DELIVERY_FORWARD_H
#define MANSIO_DELIVERY_FORWARD_H

#include "delivery/session.h"

/* Is there a way to the outside? ([send] smarthost, or hold_all) */
bool forward_allowed(const struct conf *conf);
/* At RCPT, before the process is locked in: a link to queued. 0, or -1 with why. */
int forward_open(struct session *s, struct dsn *why);
/* What Delivered-To says of this recipient. */
struct str forward_mark(struct session *s, const struct recipient *rcpt);
/* Hands the message (its pieces, without Return-Path) to the queue for the outside addresses
 * of the recipient. 250 in why, once it is safe there; else a temporary refusal. */
void forward(struct session *s, const struct recipient *rcpt, const struct str *piece, size_t npieces,
	struct dsn *why);

#endif
