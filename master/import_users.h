/* SPDX-License-Identifier: ISC
 *
 * import_users.h: private to the mansio command: people of other servers' files.
 */
#ifndef MANSIO_MASTER_IMPORT_USERS_H
#define MANSIO_MASTER_IMPORT_USERS_H

#include "master/client.h"

/* Reads the file that the question names and asks for all of it, part by part. */
void import_users(const char *state, const struct verb *v, const struct ipc_msg *question, struct answer *out);

#endif
