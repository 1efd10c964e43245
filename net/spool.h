/* SPDX-License-Identifier: ISC
 *
 * spool.h: the client's half of handing a message to the queue: what smtpd and
 * the children of lmtpd say to queued (docs/QUEUE.md, docs/PROCESSES.md).
 *
 *   file   id                -> file id + descriptor "file": an anonymous file in the spool (O_TMPFILE),
 *                               or result=full|busy text=...
 *   put    id message=ID + descriptor "file": envelope (mail/envelope.h) and content are written and
 *                               fsynced: please take it over
 *                            -> put id result=ok|exists|full|busy|limit|damaged text=...
 *   link                     -> a further link, for a forked child (ipc_link_clone)
 *
 * "ok" comes after the file has its name, the directory is synced and the rows
 * are committed: from then on the message survives power loss, and 250 may be said.
 */
#ifndef MANSIO_NET_SPOOL_H
#define MANSIO_NET_SPOOL_H

#include "base/clock.h"
#include "net/ipc.h"

/* An anonymous file for one message. 0 and the descriptor, or negative: E_FULL
 * (no room), E_TEMP (queued says not now), E_TIMEOUT, E_CLOSED (no queued). */
int spool_file(int link, int *fd_out, deadline d);
/* Writes head and content pieces, fsyncs, hands over. The descriptor stays the
 * caller's to close. 0: it is safe. Negative as above, E_EXISTS (id is taken), E_LIMIT (so much
 * of the account's is kept back already: smtp/queue/limits.h),
 * or the error of the write: nothing was queued, except after E_TIMEOUT and E_CLOSED,
 * when nobody knows: say 4xx, the sender comes again. */
int spool_put(int link, int fd, struct str id, const struct str *piece, size_t npieces, deadline d);

#endif
