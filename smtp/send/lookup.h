/* SPDX-License-Identifier: ISC
 *
 * lookup.h: addresses of names, by a process of its own: the system's resolver
 * blocks, and reads files. It is forked before the sender locks itself up, forks once more
 * for each question, and answers on a link:
 *
 *   lookup    id name            -> address   id, ip= local=0|1 (repeated, in the resolver's order), or error=
 *
 * local=1: the address is one of this machine's.
 */
#ifndef MANSIO_SMTP_SEND_LOOKUP_H
#define MANSIO_SMTP_SEND_LOOKUP_H

#include "net/addr.h"
#include "net/ipc.h"

#define LOOKUP_ADDRESSES 8

/* Forks the process; our end of its link, or negative. wait_ms: a question's time. log_only:
 * as sandbox_log_only. */
int lookup_start(bool log_only);
int lookup_ask(int link, uint64_t id, const char *name, int64_t wait_ms);

struct lookup_answer {
	uint64_t id;
	struct addr addr[LOOKUP_ADDRESSES];
	bool local[LOOKUP_ADDRESSES];
	size_t n; /* 0: error says why */
	char error[160];
};
int lookup_parse(const struct ipc_msg *m, struct lookup_answer *out);

#endif
