/* SPDX-License-Identifier: ISC
 *
 * client.h: private to the mansio command: the talk with a running suite, and
 * its answer for people or as JSON.
 */
#ifndef MANSIO_MASTER_CLIENT_H
#define MANSIO_MASTER_CLIENT_H

#include "master/cmdline.h"

struct answer {
	struct ipc_msg *row;
	size_t n, cap;
	int code; /* sysexits */
	char error[8192]; /* "" if none */
	bool quiet; /* standard output is taken: nothing but failures is said */
	char note[200]; /* of a good answer: what else there is to know; "" if nothing */
};
void answer_done(struct answer *a);
/* Adds a row; m is moved. */
void answer_add(struct answer *a, struct ipc_msg *m);
void answer_fail(struct answer *a, int code, const char *fmt, ...) PRINTF(3, 4);

/* Connects to STATE/run/control, sends the question, collects the answer.
 * Whatever goes wrong is in the answer. */
void client_ask(const char *state, const struct verb *v, const struct ipc_msg *question,
	struct answer *out);

/* The same for a verb of shape STREAM: each row as it comes, until the stream ends or `each` says
 * false: nobody reads. */
typedef bool client_row(const struct ipc_msg *row, bool first, bool json);
void client_follow(const char *state, const struct ipc_msg *question, client_row *each, bool json,
	struct answer *out);

/* output.c: one row of a stream, the names of its columns above the first. */
bool output_row(const struct ipc_msg *row, bool first, bool json);

/* One question's answer from a control socket or a `reply` link. */
void client_collect(int fd, int64_t wait_ms, struct answer *out);

/* alone.c: a verb of checkd without a running suite; the answer that there is none is replaced.
 * config and state absolute. */
void alone_ask(const char *config, const char *state, struct ipc_msg *question, struct answer *out);

/* output.c: to standard output, the error to standard error. Returns the code. */
int output(const struct verb *v, const struct answer *a, bool json);

/* ask.c: prompts without echo (twice, if stdin is a terminal), else one line of
 * standard input. 0, E_SYNTAX (empty, too long, the two differ), -errno. */
int ask_secret(const char *what, struct buf *out);

#endif
