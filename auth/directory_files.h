/* SPDX-License-Identifier: ISC
 *
 * directory_files.h: files that back ends need and authd may not open: passwords, certificates. master reads them
 * and gives their content at the start ([ldap] and the like take effect at a restart); whoever is forked before
 * directory_files_drop has them.
 */
#ifndef MANSIO_AUTH_DIRECTORY_FILES_H
#define MANSIO_AUTH_DIRECTORY_FILES_H

#include "base/arena.h"
#include "net/ipc.h"

/* Takes the descriptors "ldap.trust" and the like out of master's message. */
void directory_files_take(struct ipc_msg *start);
void directory_files_drop(void);
/* For a library that wants to open a file: it is /proc/self/fd/N. -1: there is none. */
int directory_file_fd(const char *name);
/* The content of one, without a last line end; STR_NONE: there is none. */
struct str directory_file(const char *name, struct arena *a);

#endif
