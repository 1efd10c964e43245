/* SPDX-License-Identifier: ISC
 *
 * cookie.h: who asks, as a request says it: a cookie (RFC 6265) or a bearer token
 * (RFC 6750 2.1). Pure.
 */
#ifndef MANSIO_WEBADMIN_COOKIE_H
#define MANSIO_WEBADMIN_COOKIE_H

#include "base/str.h"

#define COOKIE_NAME "__Host-mansio"
#define SECRET_MAX 200

/* The value of the cookie of that name, of letters, digits, '.', '-', '_'; STR_NONE if
 * there is none, or more than one. */
struct str cookie_get(struct str header, const char *name);
/* "Bearer TOKEN": the token, or STR_NONE. */
struct str bearer_get(struct str header);

#endif
