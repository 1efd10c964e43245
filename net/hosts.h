/* SPDX-License-Identifier: ISC
 *
 * hosts.h: /etc/hosts and /etc/resolv.conf as text (hosts(5), resolv.conf(5)).
 */
#ifndef MANSIO_NET_HOSTS_H
#define MANSIO_NET_HOSTS_H

#include "net/addr.h"

/* Addresses of a name in the text of a hosts file, in its order, at most cap; how many. A name
 * in the file is compared without regard to case. */
size_t hosts_find(struct str text, struct str name, struct addr *out, size_t cap);
/* The lines "nameserver" of a resolv.conf, port 53. */
size_t resolvconf_servers(struct str text, struct addr *out, size_t cap);

#endif
