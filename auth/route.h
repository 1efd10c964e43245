/* SPDX-License-Identifier: ISC
 *
 * route.h: which row of the table of routes counts for mail to a domain (verbs `route`).
 */
#ifndef MANSIO_AUTH_ROUTE_H
#define MANSIO_AUTH_ROUTE_H

#include "auth/directory.h"

#define ROUTE_ANY "*"
#define ROUTE_SECRET_MAX 4096 /* also tokens (XOAUTH2) */

/* The most exact row: the domain itself, then ".DOMAIN" of each domain above it, the nearest
 * first, then "*"; of each the row for this sender's domain before the one for all. Both in
 * normal form or not; E_NOTFOUND: no row fits, also for an empty domain. */
int route_find(struct directory *d, struct str domain, struct str sender, struct arena *a,
	struct directory_route *out);

/* Is there any row? Also true if that cannot be told. */
bool route_any(struct directory *d);

#endif
