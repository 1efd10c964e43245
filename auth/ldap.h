/* SPDX-License-Identifier: ISC
 *
 * ldap.h: questions to an LDAP directory (RFC 4511) with a deadline: one of several servers,
 * tried in order; one connection to search with, one to bind as others; StartTLS (RFC 4513 3) or
 * TLS from the first byte, certificates always verified; referrals are not followed.
 *
 * One client lies in each worker. It connects at the first question and again when a connection
 * broke; a server that failed is left alone for a while. No call takes longer than the setting
 * [ldap] timeout, whatever the servers do, and none reads more than a bounded answer.
 */
#ifndef MANSIO_AUTH_LDAP_H
#define MANSIO_AUTH_LDAP_H

#include "base/arena.h"
#include "conf/conf.h"

/* One value or entry, in an arena of the caller. */
struct ldap_value {
	struct ldap_value *next;
	struct str v;
};
struct ldap_entry {
	struct ldap_entry *next;
	struct str dn;
	struct ldap_value **value; /* one list for each attribute asked for, in that order */
};

struct ldap_client;
/* trust: certificates (PEM) that may vouch for the servers. conf is borrowed as long as the client lives.
 * Loads the certificates: before the sandbox. 0, E_UNSUPPORTED (trust does not load). */
int ldap_client_new(const struct conf *conf, struct str password, struct str trust, struct ldap_client **out);
void ldap_client_free(struct ldap_client *c);

/* A question begins: until the next call all its searches for few entries end in [ldap] timeout together. A list has as long for itself. */
void ldap_question(struct ldap_client *c);
enum ldap_scope { LDAP_ONE_ENTRY, LDAP_BELOW };
/* Entries that fit, at most `limit` (more: E_LIMIT, out is untouched). attrs ends with NULL. One retry when the
 * connection had been broken; then E_TEMP (no server answers; says so (trouble.h) when that is new).
 * E_NOTFOUND: the base is not there. */
int ldap_find(struct ldap_client *c, struct str base, enum ldap_scope scope, struct str filter,
	const char *const *attrs, size_t limit, struct arena *a, struct ldap_entry **out);
/* Is this the password of that entry? 0, E_DENIED, E_TEMP. An empty password reaches no server: to
 * many it is "anonymous", and good (RFC 4513 5.1.2). */
int ldap_check(struct ldap_client *c, struct str dn, struct str password);
/* A name (RFC 4514) in the one form in which it is compared, without regard to case (ldap_dn.c). */
struct str ldap_dn_key(struct str dn, struct arena *a);
/* Are these names of one entry? */
bool ldap_same_dn(struct str a, struct str b);

#endif
