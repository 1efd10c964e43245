/* SPDX-License-Identifier: ISC
 *
 * guard.h: outliving a damaged index file inside LMDB.
 */
#ifndef MANSIO_STORE_GUARD_H
#define MANSIO_STORE_GUARD_H

#include <setjmp.h>

#include "base/base.h"

#define GUARD_FILE "index/data.mdb" /* beneath the working directory */

/* While inside is set, a fault or an endless loop jumps to `jump`. */
struct guard {
	sigjmp_buf jump;
	volatile int inside; /* 1 reading, 2 writing */
	volatile unsigned calls; /* so that a tick can see whether LMDB moves */
};
extern struct guard guard;

void guard_start(void); /* a burst begins: handlers stand, the CPU timer runs */
void guard_stop(void);
NORETURN void guard_fail(void); /* from LMDB's own assertions */

static inline void guard_enter(void)
{
	guard.calls++;
	guard.inside = 1;
}

/* Around what changes pages: a fault there is not survived. */
static inline void guard_enter_write(void)
{
	guard.calls++;
	guard.inside = 2;
}

static inline void guard_leave(void)
{
	guard.inside = 0;
}

#endif
