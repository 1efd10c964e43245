/* SPDX-License-Identifier: ISC
 *
 * auth_private.h: what the files of the client half of auth.h share: auth.c, ask_mail.c, ask_route.c, ask_mailbox.c.
 */
#ifndef MANSIO_AUTH_AUTH_PRIVATE_H
#define MANSIO_AUTH_AUTH_PRIVATE_H

#include "auth/auth.h"

/* Asks q, which is over then, and waits. The caller ends the answer, also after a failure. out NULL: its result is not
 * looked at. 0, E_PEER, or negative: authd cannot be reached in time. */
int auth_ask(int link, struct ipc_msg *q, struct ipc_msg *answer, enum auth_result *out, deadline d);
/* The same where "ok" alone is of use: E_TEMP is any other result. */
int auth_ask_ok(int link, struct ipc_msg *q, struct ipc_msg *answer, deadline d);

/* The word of a result; authd says the same ones. */
const char *auth_result_word(enum auth_result r);
/* Fields of an answer: 0 or E_PEER. The word of `result`. */
int auth_result_parse(const struct ipc_msg *m, enum auth_result *out);
/* A number that may be absent (then 0). */
int auth_number(const struct ipc_msg *m, const char *name, uint64_t *out);
/* The word of a rule of access; absent: no rule. */
int auth_access_parse(const struct ipc_msg *m, const char *field, enum auth_access *out);

/* ask_mail.c: whose address it is, without forwards and catch-all. */
int auth_rcpt_own(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d);

#endif
