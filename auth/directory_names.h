/* SPDX-License-Identifier: ISC
 *
 * directory_names.h: names that an SQL directory keeps in another form than the one in which they are looked up (address_normal):
 * those of before that form was UsernameCaseMapped (RFC 8265 3.3), and what was written by hand.
 */
#ifndef MANSIO_AUTH_DIRECTORY_NAMES_H
#define MANSIO_AUTH_DIRECTORY_NAMES_H

#include "auth/directory.h"

/* A name that is not found as it stands there. */
struct directory_lost {
	uint64_t id; /* of an account; 0: an alias */
	struct str local, domain; /* as they stand */
	struct str name; /* printed */
	struct str mapped, mapped_local; /* what it would be; empty: no name at all */
	bool taken; /* by another account or alias, or by several of these */
	struct directory_lost *next;
};
/* All of them, in the arena. 0 or negative. */
int directory_lost(struct directory *d, struct arena *a, struct directory_lost **out);
/* Brings them into that form, with the rights and rules that name them; where two would meet, all stay as they are, and
 * that is told (trouble.h). moved: hears of each account; may be NULL. Within a transaction of the caller. */
int directory_find_lost(struct directory *d, int (*moved)(struct directory *d, const struct directory_lost *v));

#endif
