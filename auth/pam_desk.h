/* SPDX-License-Identifier: ISC
 *
 * pam_desk.h: the process of pamd that serves the link of one worker (system_user.h).
 */
#ifndef MANSIO_AUTH_PAM_DESK_H
#define MANSIO_AUTH_PAM_DESK_H

#include "conf/conf.h"

/* Serves until the worker is gone, then exits with 0. A question about a user that takes longer than [pam] timeout
 * ends it by SIGALRM; pamd makes another one for what is asked next. */
NORETURN void pam_desk(const struct conf *conf, int link);

#endif
