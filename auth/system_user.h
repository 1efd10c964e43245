/* SPDX-License-Identifier: ISC
 *
 * system_user.h: users of this system as accounts: what authd's workers ask pamd (pamd.c), which is in group shadow
 * and runs PAM, as they may not.
 *
 * authd -> pamd        "link" + fd "link": a worker's own link; a desk (pam_desk.c) serves it from now on
 * worker -> desk, one at a time, each answered once with the same id:
 *   "user" id name            -> "answer" id result=ok|unknown|temp [words: his name for people]
 *   "check" id name password  -> "answer" id result=ok|denied|temp
 *           without a name: nobody's password; takes as long as a wrong one, and is denied
 */
#ifndef MANSIO_AUTH_SYSTEM_USER_H
#define MANSIO_AUTH_SYSTEM_USER_H

#include "base/str.h"

#define SYSTEM_USER_MAX 64 /* bytes of a name */
#define SYSTEM_USER_PASSWORD_MAX 511 /* PAM_MAX_RESP_SIZE with its end; longer ones are nobody's */
#define SYSTEM_USER_SLACK_MS 1000 /* a desk ends a question after [pam] timeout; the worker waits so much longer */

/* May this name be asked about? [a-z_][a-z0-9_.-]*: nothing else reaches the system's tables or PAM. */
bool system_user_name(struct str name);

#endif
