/* SPDX-License-Identifier: ISC
 *
 * warmup.h: `[send] warmup`: how much a new source address may send. Receivers distrust an address that nobody knew
 * yesterday and that sends thousands today; so it begins with few messages a day to each provider, and more each day.
 *
 *   day n (0: the first)     warmup_first * (warmup_growth / 100) ^ n messages to one provider
 *   from day warmup_days on  as many as there are
 *
 * Days are those of UTC.
 */
#ifndef MANSIO_CONF_WARMUP_H
#define MANSIO_CONF_WARMUP_H

#include "conf/conf.h"
#include "net/addr.h"

#define WARMUP_NONE UINT64_MAX /* no limit */

/* "192.0.2.7 2026-11-22": an address and its first day, in days since 1970. 0 or E_SYNTAX. */
int warmup_parse(struct str rule, struct addr *address_out, int64_t *first_day_out);
/* Messages of one day. Before the first day: as on it. */
uint64_t warmup_messages(int64_t nth, int64_t first, int64_t growth, int64_t days);
/* What the settings say of this address on that day, WARMUP_NONE: nothing. nth_out: its how manieth day that is, 0 the
 * first; may be NULL. */
uint64_t warmup_limit(const struct conf *c, const struct addr *a, int64_t day, int64_t *nth_out);

#endif
