/* SPDX-License-Identifier: ISC
 *
 * directory_pam.h: the users of this system as a back end (directory.h). They are read, never changed.
 */
#ifndef MANSIO_AUTH_DIRECTORY_PAM_H
#define MANSIO_AUTH_DIRECTORY_PAM_H

#include "auth/directory.h"
#include "conf/conf.h"

/* conf outlives it. Until `peer` brought the link to pamd all is E_TEMP. 0, E_UNSUPPORTED: no domain is named. */
int directory_pam_open(const struct conf *conf, struct directory **out);

#endif
