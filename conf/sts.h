/* SPDX-License-Identifier: ISC
 *
 * sts.h: our own MTA-STS policy (RFC 8461 3.2): what webadmind serves at https://mta-sts.DOMAIN/.well-known/mta-sts.txt and whose
 * id stands in the TXT record of _mta-sts.DOMAIN. It is the same for all domains: their MX is this host, and perhaps those of
 * [sts] publish_mx.
 */
#ifndef MANSIO_CONF_STS_H
#define MANSIO_CONF_STS_H

#include "conf/conf.h"

#define CONF_STS_ID 16

/* False: none is published ([sts] publish = none). id: changes whenever the policy does. */
bool conf_sts_policy(const struct conf *c, struct buf *text_out, char id_out[CONF_STS_ID + 1]);
/* Is that an mx of a policy for the host? One label for the star (RFC 8461 4.1). */
bool conf_sts_pattern(struct str pattern, struct str host);
/* Does the policy name that host? */
bool conf_sts_names(const struct conf *c, struct str host);

#endif
