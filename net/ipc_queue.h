/* SPDX-License-Identifier: ISC
 *
 * ipc_queue.h: messages of one turn of an event loop in one packet (net/ipc.h).
 *
 *     packet = 1*message        a message with descriptors goes alone
 *
 * Each message begins with its line "mansio 1 VERB", which no line within a message can be. What is
 * added to a queue during a turn leaves at the turn's end (ipc_turn_end): a link that carries many
 * questions then costs one call of the kernel on each side for all of them. A reader that takes one message
 * a packet (ipc_recv) gets such ones, at once.
 *
 *     add --> gathered text --turn's end, or full--> socket
 *                  |  message with descriptors, socket full
 *                  v
 *             waiting packets --owner's event: there is room, or it is time--> socket
 *
 * Always true: messages arrive in the order in which they were added, descriptors or not; a packet has at
 * most IPC_BATCH_BYTES and IPC_BATCH_MESSAGES, or is one message; none is lost but with its link; text is wiped when it has
 * been sent.
 * How many may wait for a peer that does not read is its owner's rule (n).
 *
 * Readers trust a packet no more than a message: too many of them, or one that is malformed, is E_PEER.
 */
#ifndef MANSIO_NET_IPC_QUEUE_H
#define MANSIO_NET_IPC_QUEUE_H

#include <sys/queue.h>

#include "net/ipc.h"

struct ipc_waiting;

struct ipc_queue {
	int sock; /* the owner's, non-blocking */
	bool batch; /* its reader takes several messages a packet */
	size_t n; /* messages that are not sent yet */
	/* The turn ends: the owner calls ipc_queue_flush, and may drop the queue. */
	void (*due)(void *owner);
	void *owner;
	struct buf text; /* the packet that is being gathered */
	size_t gathered; /* messages in it */
	STAILQ_HEAD(ipc_waiting_list, ipc_waiting) waiting; /* packets before it */
	LIST_ENTRY(ipc_queue) link; /* of those that are due */
	bool is_due;
};

void ipc_queue_init(struct ipc_queue *q, int sock, bool batch, void (*due)(void *owner), void *owner);
void ipc_queue_done(struct ipc_queue *q); /* what was not sent is forgotten; the socket stays open */
/* Takes the message and the descriptors in it. 0; E_LIMIT (it is larger than a packet), or its building error: it is dropped. */
int ipc_queue_add(struct ipc_queue *q, struct ipc_msg *m);
/* 0: all is sent; -EAGAIN: call again when the socket takes more; -ENOBUFS: the kernel has no memory for it now: call again in
 * IPC_QUEUE_AGAIN_US. Anything else (E_CLOSED as a rule): the owner shall drop the link, so that nobody waits for an answer on it. */
int ipc_queue_flush(struct ipc_queue *q);
#define IPC_QUEUE_AGAIN_US 50000
/* At the end of each turn, before the process sleeps. */
void ipc_turn_end(void);

/* --- the other side ---------------------------------------------------------- */

/* A packet as it came. All zero is an empty one. */
struct ipc_packet {
	char *text;
	bool borrowed; /* one message alone lies where it was received: it is taken before the next packet comes */
	size_t n, at;
	size_t messages; /* read so far */
	int fd[IPC_MAX_FDS]; /* no message has them yet */
	size_t nfds;
};

/* Without waiting. 0, -EAGAIN, E_CLOSED (peer gone), E_PEER, -errno. ipc_packet_done it if 0. Nothing else is received by
 * this process before its first message is taken out. */
int ipc_packet_recv(int sock, struct ipc_packet *k);
/* Of bytes, for tests and fuzzing. */
void ipc_packet_of(struct str text, struct ipc_packet *k);
/* The next message: 1; 0: there is none; E_PEER. ipc_done it in any case. */
int ipc_packet_next(struct ipc_packet *k, struct ipc_msg *m);
void ipc_packet_done(struct ipc_packet *k);

#endif
