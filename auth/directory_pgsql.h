/* SPDX-License-Identifier: ISC
 *
 * directory_pgsql.h: the directory in a PostgreSQL database, as [pgsql] says.
 */
#ifndef MANSIO_AUTH_DIRECTORY_PGSQL_H
#define MANSIO_AUTH_DIRECTORY_PGSQL_H

#include "auth/directory.h"

/* Before the first open: the file in memory with the authorities that may vouch for a host (-1:
 * none), and the password. */
void directory_pgsql_files(int trust, struct str secret);
/* Does not connect yet. */
int directory_pgsql_open(const struct conf *c, struct directory **out);

#endif
