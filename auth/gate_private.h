/* SPDX-License-Identifier: ISC
 *
 * gate_private.h: what the files of the gate share: gate.c, gate_login.c, gate_send.c.
 */
#ifndef MANSIO_AUTH_GATE_PRIVATE_H
#define MANSIO_AUTH_GATE_PRIVATE_H

#include "auth/gate.h"
#include "auth/rights.h"

struct question {
	struct ipc_msg m; /* all that was said */
	int reply;
	struct addr peer;
	char op[12];
	char login[SECRET_ID + 1]; /* of its cookie */
	const struct verb *verb;
	struct identity id;
	struct str name;
	struct rights rights;
	bool asked_owner; /* it is known whether he owns what he asks about */
};

void question_free(struct question *q);
/* The end of a question: a refusal of somebody known is written down. */
void question_refuse(struct question *q, int code, const char *error, const char *flag);
/* The end of a question: who asks; m was begun by the caller with what else there is to say. */
void question_answer(struct question *q, struct ipc_msg *m);
/* The asker is this account, as it is now. */
void question_is_of(struct question *q, const struct ipc_msg *account);
/* The page that the question comes from. */
struct str question_origin(const struct question *q);

/* gate_login.c: a new login; a hand-out link is redeemed */
void gate_login(struct question *q);
void gate_invite(struct question *q);
/* gate_send.c: the asker wants to send mail */
void gate_send(struct question *q);

#endif
