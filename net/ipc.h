/* SPDX-License-Identifier: ISC
 *
 * ipc.h: messages between the suite's own processes.
 *
 * A message is one SOCK_SEQPACKET packet (or part of one: net/ipc_queue.h) of
 * text lines, the first is
 * "mansio 1 VERB", each other "name=value" with control characters, '%' and
 * bytes above 126 percent-escaped; with it may travel up to IPC_MAX_FDS
 * descriptors, in the order of the names in "fds=a,b". Never a struct image.
 *
 * Peers are untrusted: unknown fields are ignored, an unknown verb is for the
 * caller to refuse, anything malformed, oversized or truncated (MSG_CTRUNC)
 * is E_PEER and the caller drops that peer, never itself.
 */
#ifndef MANSIO_NET_IPC_H
#define MANSIO_NET_IPC_H

#include "base/arena.h"
#include "base/buf.h"

#define IPC_MAX (128 * 1024) /* bytes of a packet */
#define IPC_MAX_FIELDS 4096
#define IPC_MAX_FDS 64 /* the start of front: listening sockets, certificates, keys */
/* Of a packet of several messages (net/ipc_queue.h). */
#define IPC_BATCH_MESSAGES 256
#define IPC_BATCH_BYTES (32 * 1024)

struct ipc_field {
	struct str name, value; /* decoded, in the message's arena */
};

/* A received message, or one being built. Descriptors of a received message
 * belong to it until taken: ipc_done closes the rest. Descriptors added to a
 * message that is built stay the caller's. All that it points to, `fd` among
 * it, is in the arena. */
struct ipc_msg {
	struct arena arena;
	struct str verb;
	struct ipc_field *field;
	size_t nfields, cap;
	int *fd;
	struct str *fd_name;
	size_t nfds;
	bool owns_fds;
	int err; /* sticky while building */
};

void ipc_init(struct ipc_msg *m, const char *verb);
void ipc_done(struct ipc_msg *m);
void ipc_set_named(struct ipc_msg *m, struct str name, struct str value);
static inline void ipc_set(struct ipc_msg *m, const char *name, struct str value)
{
	ipc_set_named(m, str_of(name), value);
}
void ipc_setc(struct ipc_msg *m, const char *name, const char *value); /* NULL: not set */
void ipc_set_u64(struct ipc_msg *m, const char *name, uint64_t v);
void ipc_set_bool(struct ipc_msg *m, const char *name, bool v);
void ipc_set_all(struct ipc_msg *m, const struct ipc_msg *from); /* the fields of another, behind its own */
void ipc_add_fd(struct ipc_msg *m, const char *name, int fd);

/* The i-th value of that name (repeated fields), STR_NONE past the last. */
struct str ipc_get_named(const struct ipc_msg *m, struct str name, size_t i);
static inline struct str ipc_get_nth(const struct ipc_msg *m, const char *name, size_t i)
{
	return ipc_get_named(m, str_of(name), i);
}
/* The first value of that name, STR_NONE if absent. */
static inline struct str ipc_get(const struct ipc_msg *m, const char *name)
{
	return ipc_get_named(m, str_of(name), 0);
}
/* 0; E_NOTFOUND if absent; E_SYNTAX, E_LIMIT. */
int ipc_get_u64(const struct ipc_msg *m, const char *name, uint64_t max, uint64_t *out);
bool ipc_get_bool(const struct ipc_msg *m, const char *name); /* "1" */
/* Takes the descriptor of that name out of the message: caller owns it; -1. */
int ipc_take_fd(struct ipc_msg *m, const char *name);
static inline bool ipc_is(const struct ipc_msg *m, const char *verb)
{
	return str_eqc(m->verb, verb);
}

/* Sends on a blocking or non-blocking socket. 0, -EAGAIN (a blocking link of
 * ipc_pair: full for 10 s), E_CLOSED, -errno; the building error of m. */
int ipc_send(int sock, const struct ipc_msg *m);
int ipc_try_send(int sock, const struct ipc_msg *m); /* -EAGAIN at once if full */
/* Receives one message into m (ipc_init'ed or not: overwritten; ipc_done it in
 * any case). 0, -EAGAIN, E_CLOSED (peer gone), E_PEER (malformed), -errno. */
int ipc_recv(int sock, struct ipc_msg *m);
int ipc_try_recv(int sock, struct ipc_msg *m); /* -EAGAIN at once if nothing is there */
/* As ipc_recv with poll before: E_TIMEOUT when d passes. */
int ipc_recv_until(int sock, struct ipc_msg *m, int64_t deadline_at);
/* Send a question (which gets an "id" if it has none) and wait for the answer that has the same "id": messages with other
 * ids that arrive meanwhile are dropped (blocking rooms only). ipc_done the answer in any case. */
int ipc_call(int sock, struct ipc_msg *question, struct ipc_msg *answer, int64_t deadline_at);
/* The same for n of them (at most IPC_BATCH_MESSAGES, without descriptors), which go in one packet: answer[i] is that to
 * question[i]. After an error some have come; the others have no verb. The peer must take several messages a packet
 * (net/ipc_queue.h). */
int ipc_call_all(int sock, struct ipc_msg *question, size_t n, struct ipc_msg *answer, int64_t deadline_at);
/* Parsing and printing alone, for tests and fuzzing. */
int ipc_parse(struct str packet, struct ipc_msg *m);
int ipc_print(const struct ipc_msg *m, struct buf *out);
/* A connected pair: SEQPACKET, close-on-exec, send buffer fit for IPC_MAX. */
int ipc_pair(int pair_out[2]);
/* On a link to a peer: makes a second link of the same standing (the peer must
 * serve the verb "link" by an answer with the same id and the descriptor "link"),
 * for a forked child. Returns its descriptor, or negative; E_DENIED: none came. */
int ipc_link_clone(int link);

#endif
