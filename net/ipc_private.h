/* SPDX-License-Identifier: ISC
 *
 * ipc_private.h: packets as they are, for ipc_socket.c, ipc_queue.c and ipc_call.c: bytes and descriptors.
 */
#ifndef MANSIO_NET_IPC_PRIVATE_H
#define MANSIO_NET_IPC_PRIVATE_H

#include "net/ipc.h"

/* What a message begins with; no line within one can, for it has no '='. */
#define IPC_FIRST "mansio 1 "

/* flags: of sendmsg. 0, E_CLOSED, -errno. */
int ipc_put(int sock, struct str packet, const int *fd, size_t nfds, int flags);
/* One packet. It lies in memory of ours until the next call: the caller wipes it, and owns the descriptors. 0, E_CLOSED,
 * E_PEER, -errno. */
int ipc_take(int sock, struct str *packet_out, int fd[IPC_MAX_FDS], size_t *nfds_out, int flags);
/* One message and the descriptors that came with it, which are its own now; E_PEER: they are closed, m is done. */
int ipc_parse_with(struct str text, const int *fd, size_t nfds, struct ipc_msg *m);
/* 0 when the socket is ready for events of poll (or broken: the call after will tell); E_TIMEOUT. */
int ipc_wait(int sock, short events, int64_t deadline_at);

#endif
