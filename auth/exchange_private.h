/* SPDX-License-Identifier: ISC
 *
 * exchange_private.h: what the files of SASL exchanges share: exchange.c (their life and outcome) and exchange_messages.c
 * (what fronts and the gate say).
 */
#ifndef MANSIO_AUTH_EXCHANGE_PRIVATE_H
#define MANSIO_AUTH_EXCHANGE_PRIVATE_H

#include "auth/authd.h"
#include "auth/guard.h"
#include "auth/oauth_link.h"
#include "auth/recent.h"

enum exchange_state { RUN, WAIT, ASK, LATE }; /* the diagram is in exchange.c */

struct exchange {
	struct client *c;
	uint64_t id, serial;
	enum exchange_state state;
	struct arena a;
	struct sasl_start start; /* strings in the arena, no client data */
	struct str lane; /* p NULL: not needed yet */
	struct pool_job *job; /* RUN */
	struct oauth_question *question; /* ASK */
	int worker;
	uint64_t life;
	struct event *timer; /* NULL: it never had to wait */
	struct ipc_msg late; /* LATE: the answer, without the ticket */
	bool good; /* LATE: it is an "ok" */
	bool half; /* LATE, for the gate: the second factor is missing, `late` says what there is */
	bool sends; /* and would be one of submission, too */
	struct str user;
	struct str tried; /* the name that the client said; p NULL: none yet */
	enum ban_answer asked; /* whether it may be tried */
	struct recent_key recent;
	bool failed; /* it has: counted and logged, the client is told in one more step */
	int64_t failed_delay;
	/* a login at the gate instead of at a front: the outcome goes here, no ticket is made */
	exchange_fn *fn;
	void *arg;
};

/* Of client c, begun by start, whose client data is not kept. */
struct exchange *exchange_new(struct client *c, const struct sasl_start *start);
void exchange_free(struct exchange *x);
/* The worker forgets it too. */
void exchange_abort(struct exchange *x);
/* In the table of its client. */
struct str exchange_key(const uint64_t *id);
void exchange_answer_begin(struct exchange *x, struct ipc_msg *m, const char *result);
/* The last answer, to the front or the gate; the exchange is gone. */
void exchange_answer(struct exchange *x, const char *result, const char *text);
void exchange_log(const struct exchange *x, const char *event, struct str why, int64_t delay);
/* Whether the try may be made at all: asked with the first message that says a name, before
 * any work is done for it. False: it may not, and the exchange is gone. */
bool exchange_allowed(struct exchange *x, struct str data);
/* Hands a job to the workers; the exchange may be gone when this returns. */
void exchange_run(struct exchange *x, struct pool_job *job);
/* What a worker says of it. */
void exchange_step_done(struct pool_job *job, struct ipc_msg *answer);
/* The outcome is known: it may have to wait; the exchange may be gone when this returns. */
void exchange_decided(struct exchange *x, const struct ipc_msg *answer, bool good);

#endif
