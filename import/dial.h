/* SPDX-License-Identifier: ISC
 *
 * dial.h: connections to other servers for imports. A process of its own (a child of importd
 * from its start) has the network and no mailbox; who imports has a mailbox and no network. It holds one
 * end of a socket pair; when it writes a byte into it, the connection is made, TLS included,
 * and after one line ("+" or "-why") the pair carries what both sides say in clear.
 */
#ifndef MANSIO_IMPORT_DIAL_H
#define MANSIO_IMPORT_DIAL_H

#include "conf/conf.h"
#include "net/ipc.h"

/* Forks the dialer; its link. Before anything is sealed. trust: a file with certificates, taken. */
int dial_start(const struct conf *conf, int trust);
/* Asks for a connection to be: fills end_out with this side's end. resolver: a link to resolverd for it,
 * taken. Zygote only. */
int dial_prepare(int dialer, const struct ipc_msg *m, int resolver, int *end_out);
/* In the child: makes it. 0, or negative with a sentence in why. */
int dial_connect(int end, int64_t wait_ms, char *why, size_t size);

#endif
