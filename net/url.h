/* SPDX-License-Identifier: ISC
 *
 * url.h: https URLs that settings name (RFC 9110 4.2.2).
 */
#ifndef MANSIO_NET_URL_H
#define MANSIO_NET_URL_H

#include "base/str.h"

#define URL_MAX 2000
#define URL_HOST_MAX 254

/* 0, or E_SYNTAX: no https URL in ASCII without a name and password. host_out: without the brackets of an IPv6 address;
 * port_out: 443 if it says none. */
int url_https(struct str url, char host_out[URL_HOST_MAX], uint16_t *port_out);

#endif
