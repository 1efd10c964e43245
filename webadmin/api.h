/* SPDX-License-Identifier: ISC
 *
 * api.h: what api.c (questions with one answer) and live.c (streams) share.
 */
#ifndef MANSIO_WEBADMIN_API_H
#define MANSIO_WEBADMIN_API_H

#include "conf/verbs.h"
#include "webadmin/web.h"

enum api_own { OWN_LOGIN, OWN_LOGOUT, OWN_ME, OWN_VERBS, OWN_INVITE, OWN_METRICS, OWN_NONE };

/* Begins the question of q to the gate: who asks, from where. */
void api_question(struct request *q, struct ipc_msg *m, const char *op);
/* The verb's name and arguments, checked by their types. False: refused, answered. */
bool api_arguments(struct request *q, const struct verb *v, struct ipc_msg *m);
const struct verb *api_verb(struct request *q, struct str path);
unsigned api_status(int code, const struct ipc_msg *last);

/* A POST, from our own page or by a token. False: refused, answered. */
bool api_may_change(struct request *q);
bool api_type_is(struct request *q, const char *type); /* its Content-Type */

/* send.c: /api/v1/send */
void send_serve(struct request *q);

/* live.c: /api/v1/stream/NOUN/VERB */
void live_serve(struct request *q, struct str path);

#endif
