/* SPDX-License-Identifier: ISC
 *
 * sending.h: `[send] account_...`: how much an account may send to the outside. What is above its limits of an hour or a
 * day waits; who suddenly writes to many that it never wrote to has that mail held (smtp/queue/limits.h does it).
 *
 *   account_messages_hour ... account_new_day   for all accounts
 *   account_limits = WHO none | WHO NAME=N ...  for an account, or those of a domain: instead of these, the names that are
 *                                               said; an account's own rule alone counts, then its domain's
 */
#ifndef MANSIO_CONF_SENDING_H
#define MANSIO_CONF_SENDING_H

#include "conf/conf.h"

enum sending_kind { /* as in the queue's database: do not renumber */
	SENDING_MESSAGES_HOUR, SENDING_MESSAGES_DAY, SENDING_RECIPIENTS_HOUR, SENDING_RECIPIENTS_DAY,
	SENDING_NEW_DAY, /* recipients to whom the account never wrote before */
	SENDING_KINDS
};

struct sending_limits {
	uint64_t n[SENDING_KINDS]; /* 0: none */
};

/* "messages_hour" ... "new_day" */
const char *sending_name(enum sending_kind kind);
int64_t sending_seconds(enum sending_kind kind); /* length of its window */
/* One of `account_limits`: whom it is about, and what it says instead of what stands in io. 0 or E_SYNTAX. */
int sending_parse(struct str rule, struct str *who_out, struct sending_limits *io);
/* What the settings say of this account. */
void sending_of(const struct conf *c, struct str account, struct sending_limits *out);

#endif
