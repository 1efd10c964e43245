/* SPDX-License-Identifier: ISC
 *
 * directory_pgsql.h: the directory in a PostgreSQL database, as [pgsql] says.
 */
#ifndef MANSIO_AUTH_DIRECTORY_PGSQL_H
#define MANSIO_AUTH_DIRECTORY_PGSQL_H

#include "auth/directory.h"

/* Password and authorities come from directory_files.h. Does not connect yet. */
int directory_pgsql_open(const struct conf *c, struct directory **out);

#endif
