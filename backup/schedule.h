/* SPDX-License-Identifier: ISC
 *
 * schedule.h: when the next backup is due: a pure function of the clock.
 */
#ifndef MANSIO_BACKUP_SCHEDULE_H
#define MANSIO_BACKUP_SCHEDULE_H

#include "conf/conf.h"

/* Unix time of the next run. last: of the last snapshot, 0: none. tried: of the last attempt in
 * this life, 0: none. INT64_MAX: never. What was missed (the host was off) is due at once. */
int64_t schedule_next(const struct conf *c, int64_t last, int64_t tried);

#endif
