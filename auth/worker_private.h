/* SPDX-License-Identifier: ISC
 *
 * worker_private.h: what the files of a worker share: worker.c (its loop, logins, verbs) and answers.c
 * (questions to the directory).
 */
#ifndef MANSIO_AUTH_WORKER_PRIVATE_H
#define MANSIO_AUTH_WORKER_PRIVATE_H

#include "auth/sasl.h"
#include "auth/worker.h"
#include "conf/conf.h"

#define EXCHANGES 4096 /* authd keeps to fewer */

struct worker {
	int link;
	struct ipc_msg batch[DIRECTORY_PREFETCH]; /* questions that were there together */
	bool lookups; /* the one whose answers are cached */
	int close_after; /* a descriptor that goes out with an answer; -1: none */
	struct conf *conf;
	struct conf *first; /* that of the start, which the directory's back ends keep to */
	struct sasl_service service;
	struct jwks *keys; /* of [oauth]; NULL: none */
	struct client_ca *client_ca; /* of [auth]; NULL: none */
	struct {
		uint64_t id;
		struct sasl_exchange *x;
	} slot[EXCHANGES];
};

/* Answers a question to the directory; "temp" if there is no such. */
void worker_answer(struct worker *w, const struct ipc_msg *q, struct ipc_msg *out);

#endif
