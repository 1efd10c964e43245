/* SPDX-License-Identifier: ISC
 *
 * tables.h: what master reads out of files for the workers, at the start and at each reload: memory that authd passes on
 * and does not look into.
 */
#ifndef MANSIO_AUTH_TABLES_H
#define MANSIO_AUTH_TABLES_H

#include "net/ipc.h"

enum table_kind {
	TABLE_RULES, /* access_file and rewrite_file (rulefile.h) */
	TABLE_KEYS, /* [oauth] jwks_file (jwks.h), or what oauthd fetched (oauth_link.h) */
	TABLE_CLIENT_CA, /* [auth] client_ca and client_crl, as one (net/client_cert.h) */
	TABLE_KEYTAB, /* [kerberos] keytab */
	TABLES
};

/* Descriptors; -1: none. */
struct tables {
	int fd[TABLES];
};

struct tables tables_take(struct ipc_msg *m);
/* Adds them; they stay the caller's. */
void tables_add(const struct tables *t, struct ipc_msg *m);
/* Adds descriptors of their own to a message that waits: the next tables may come meanwhile. None left: the message cannot be
 * sent (err). */
void tables_add_own(const struct tables *t, struct ipc_msg *m);
void tables_close(struct tables *t);

#endif
