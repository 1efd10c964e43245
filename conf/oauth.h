/* SPDX-License-Identifier: ISC
 *
 * oauth.h: where the provider of access tokens is asked, as [oauth] says it.
 */
#ifndef MANSIO_CONF_OAUTH_H
#define MANSIO_CONF_OAUTH_H

#include "conf/conf.h"

/* Whence the keys are: of a file; of a URL; of the URL that the issuer's document names; there are none. */
enum conf_oauth_keys { CONF_OAUTH_NO_KEYS, CONF_OAUTH_FILE, CONF_OAUTH_JWKS, CONF_OAUTH_ISSUER };
enum conf_oauth_keys conf_oauth_keys(const struct conf *c);
/* Are tokens taken at all? */
bool conf_oauth_on(const struct conf *c);
/* Is anything asked over the network? */
bool conf_oauth_asks(const struct conf *c);
/* Do both take their keys from the same place? */
bool conf_oauth_same_keys(const struct conf *a, const struct conf *b);
/* Which provider, and what it is asked: another text for other settings. */
#define CONF_OAUTH_PROVIDER 65
void conf_oauth_provider(const struct conf *c, char out[CONF_OAUTH_PROVIDER]);

#endif
