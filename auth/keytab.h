/* SPDX-License-Identifier: ISC
 *
 * keytab.h: can this keytab be used? The library that decrypts tickets with it says so only when somebody logs in; an admin
 * wants to know when he starts the suite. MIT Kerberos' file format, version 2.
 */
#ifndef MANSIO_AUTH_KEYTAB_H
#define MANSIO_AUTH_KEYTAB_H

#include "base/buf.h"

/* One key: strings borrow from the text. */
struct keytab_entry {
	struct str realm, service, host; /* service/host@realm; service empty: a name of another shape */
};
typedef void keytab_fn(void *arg, const struct keytab_entry *e);
/* Each of its keys: 0 or E_SYNTAX, then what came before it was told. */
int keytab_read(struct str text, keytab_fn *fn, void *arg);

#endif
