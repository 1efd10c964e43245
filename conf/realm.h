/* SPDX-License-Identifier: ISC
 *
 * realm.h: one of [kerberos] realms, as it is written in the settings.
 */
#ifndef MANSIO_CONF_REALM_H
#define MANSIO_CONF_REALM_H

#include "base/str.h"

struct kerberos_realm {
	struct str realm; /* letters, digits, dots, hyphens; its case counts */
	struct str domain; /* of its accounts; empty: the realm's own name */
};
/* REALM or REALM=domain: 0 or E_SYNTAX. */
int kerberos_realm_parse(struct str text, struct kerberos_realm *out);

#endif
