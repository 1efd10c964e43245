/* SPDX-License-Identifier: ISC
 *
 * acmed.h: private to acmed: the program that gets certificates from an authority and
 * looks at what the ports serve.
 *
 *   acmed (loop)  schedule, verbs, the fronts' challenges; parses nothing from outside
 *     +- order    a child for one order: HTTPS to the authority, straight-line code (order.c)
 *     +- look     a child that asks each port for its certificate (look.c)
 *     +- hook     with dns-01 alone: made before the sandbox, runs the admin's program (hook.c)
 *
 * An order's child dies with acmed, by its alarm, or by itself; what it had published at the
 * fronts goes with it. On reload master puts a new acmed in our place.
 */
#ifndef MANSIO_ACME_ACMED_H
#define MANSIO_ACME_ACMED_H

#include "acme/state.h"
#include "base/clock.h"
#include "conf/program.h"

#define FRONTS 64
#define LOOKS 4 /* at once */

struct challenge { /* what the fronts must answer now */
	struct challenge *next;
	struct ipc_msg m;
};

struct acmed {
	struct program program;
	const struct conf *conf;
	int dir, trust, eab, hook, resolver; /* -1: none */
	struct buf chain[16]; /* configured certificates, without their keys */
	struct str label[16];
	size_t nchains;
	struct {
		int fd, instance; /* fd -1: free */
		bool awaited; /* its word on the last challenge */
	} front[FRONTS];
	struct challenge *challenges;
	struct str pending_id; /* of the order's question that the fronts answer now */
	char pending[64];
	bool refused; /* one of them could not */
	deadline answer_by;
	pid_t order;
	int link; /* to the order's child, -1: none */
	bool forced; /* 'cert renew': also if it is not due */
	bool rekey; /* 'cert rekey --now': with the next key */
	bool ask; /* the authority, when it should be renewed */
	pid_t look[LOOKS];
	struct acme_state state;
	deadline look_at;
	int64_t retry_at; /* Unix time: not before */
};

/* fronts.c */
void fronts_add(struct acmed *a, int instance, int fd);
void fronts_readable(struct acmed *a, size_t i);
void fronts_order_readable(struct acmed *a); /* the order's child asks */
void fronts_clear(struct acmed *a); /* no order runs: nothing is answered any more */
void fronts_tick(struct acmed *a);

/* hook.c: a process that runs the hook; its link, or negative. */
int hook_start(const char *program, int64_t ms);

/* look.c: in a child: asks every port. reply: where rows go, -1: only events of what is wrong. */
void look_run(struct acmed *a, int reply);

/* verbs.c */
void verbs_control(struct acmed *a, struct ipc_msg *m);

/* acmed.c */
void acmed_look(struct acmed *a, int reply); /* forks look_run; takes reply */
void acmed_tell_master(struct acmed *a); /* there is another certificate, or a next key */
bool acmed_due(const struct acmed *a, int64_t *at_out); /* an order: when; false: never */

#endif
