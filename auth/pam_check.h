/* SPDX-License-Identifier: ISC
 *
 * pam_check.h: one password asked of PAM, in a process of its own (pam_desk.c makes and ends it).
 */
#ifndef MANSIO_AUTH_PAM_CHECK_H
#define MANSIO_AUTH_PAM_CHECK_H

#include "base/base.h"

enum pam_verdict { PAM_CHECK_GOOD = 'y', PAM_CHECK_WRONG = 'n', PAM_CHECK_DOWN = 't' };

#define PAM_WHY_MAX 250

/* Is this the password of that user, and may he log in now (expired, locked)? Both without NUL, password not
 * empty. Modules may block, fork, and leave anything behind: the caller ends with the answer. why: what an administrator
 * has to know of it, "" if nothing. */
enum pam_verdict pam_check(const char *service, const char *user, const char *password, char why[PAM_WHY_MAX]);
/* The work of a check for a name that nobody has: the hash that this system gives to new passwords. */
enum pam_verdict pam_check_nobody(const char *password);

#endif
