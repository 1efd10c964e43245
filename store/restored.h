/* SPDX-License-Identifier: ISC
 *
 * restored.h: a new UIDVALIDITY for every folder, and its end after a crash.
 */
#ifndef MANSIO_STORE_RESTORED_H
#define MANSIO_STORE_RESTORED_H

#include "store/internal.h"

#define RESTORED_PLAN "Maildir/mansio-restored"

/* Goes on with what a crash stopped; nothing to do is 0. Exclusive lock. */
int restored_resume(struct store *s);

#endif
