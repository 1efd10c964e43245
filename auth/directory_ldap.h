/* SPDX-License-Identifier: ISC
 *
 * directory_ldap.h: an LDAP directory, or Active Directory, as a back end (directory.h). It is read, never written.
 */
#ifndef MANSIO_AUTH_DIRECTORY_LDAP_H
#define MANSIO_AUTH_DIRECTORY_LDAP_H

#include "auth/directory.h"
#include "conf/conf.h"

/* conf outlives it; password and certificates come from directory_files.h. No server is asked yet. Before the
 * sandbox. 0, E_UNSUPPORTED: the certificates do not load. */
int directory_ldap_open(const struct conf *conf, struct directory **out);

#endif
