/* SPDX-License-Identifier: ISC
 *
 * kerberos.h: what GSSAPI (RFC 4752) and GS2-KRB5 (RFC 5801) need besides Cyrus SASL's plug-ins: where the Kerberos library
 * finds its settings, keys and replay cache, and whose account a principal is.
 *
 * Tickets are verified with the keytab alone: no KDC is asked, nor DNS. The library opens files by name; its names are those
 * of descriptors in memory (/proc/self/fd/N): its settings (written here; /etc/krb5.conf is not read, so that nothing of the
 * host changes who gets in), the keytab (master's), and one replay cache that all workers share and a restart of authd
 * empties. It has one because GS2-KRB5 is over with the client's first message: who got hold of that could use it again.
 */
#ifndef MANSIO_AUTH_KERBEROS_H
#define MANSIO_AUTH_KERBEROS_H

#include "base/arena.h"
#include "base/buf.h"

struct conf;

bool kerberos_is(struct str mech);
/* In the workers' parent, before the plug-ins are loaded. 0 or negative. */
int kerberos_prepare(const struct conf *c);
/* In a worker whose parent was prepared (else nothing happens): today's settings, today's keytab (-1: none). Takes fd. */
int kerberos_settings(const struct conf *c);
int kerberos_keytab(int fd);
/* What the service is called in a keytab: imap, pop, smtp. */
const char *kerberos_service(struct str service);
/* The account of a principal ("anna@EXAMPLE.ORG"; without a realm it is of the first of [kerberos] realms). 0, or E_DENIED
 * and why, for the log, static. */
int kerberos_account(const struct conf *c, struct str principal, struct arena *a, struct str *out, const char **why_out);
/* Is it a principal of one of our realms, and not an address? */
bool kerberos_is_principal(const struct conf *c, struct str name);

#endif
