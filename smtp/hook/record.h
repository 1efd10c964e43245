/* SPDX-License-Identifier: ISC
 *
 * record.h: one event of a delivery as a line of CSV (RFC 4180), as JSON (RFC 8259), and the
 * signature of what is posted. Pure.
 */
#ifndef MANSIO_SMTP_HOOK_RECORD_H
#define MANSIO_SMTP_HOOK_RECORD_H

#include "net/ipc.h"

/* A `delivery` of queued (docs/QUEUE.md): is it one? */
bool record_valid(const struct ipc_msg *m);
/* One line with its end. Of a value that a spreadsheet would take for a formula the first
 * character is kept harmless by an apostrophe before it. */
void record_csv(const struct ipc_msg *m, struct buf *out);
void record_csv_head(struct buf *out);
/* An object, on one line, pure ASCII but for valid UTF-8 in its texts. */
void record_json(const struct ipc_msg *m, struct buf *out);
/* The value of X-Mansio-Signature: "t=UNIX,v1=" and HMAC-SHA256 in hex over "UNIX.body". */
void record_sign(struct str secret, int64_t now, struct str body, struct buf *out);

#endif
