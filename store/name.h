/* SPDX-License-Identifier: ISC
 *
 * name.h: the file name of a message (docs/STORE.md, File names). Pure
 * functions: a directory listing alone gives UIDs, flags, sizes, dates.
 */
#ifndef MANSIO_STORE_NAME_H
#define MANSIO_STORE_NAME_H

#include "base/str.h"

#define NAME_SIZE 256 /* NAME_MAX and a NUL */
#define NAME_TAG 5
#define NAME_PASSED 0x100u /* Maildir's P: kept, not shown */
#define NAME_UID_MAX (UINT32_MAX - 1)

struct name {
	struct str base; /* before the first ',' or ':' */
	struct str unique; /* second dot-separated part of base, may be empty */
	int64_t sec; /* first part of base, -1: not a number */
	bool has_size, has_wire;
	uint64_t size, wire; /* S= and W= */
	uint32_t uid; /* M=, 0: none */
	char tag[NAME_TAG + 1];
	uint32_t flags; /* STORE_SEEN .. STORE_DRAFT, NAME_PASSED */
	uint32_t letters; /* bit 0: a ... bit 25: z */
};

/* false: not the name of a message (hidden, too long, control characters). */
bool name_parse(struct str s, struct name *out);
/* base, sizes, uid, tag, flags, letters; `unique` and `sec` are not looked at.
 * E_LIMIT if longer than a file name may be. */
int name_print(const struct name *n, char out[NAME_SIZE]);
/* The folder's mark in its files' names. */
void name_tag(uint64_t folder_id, uint32_t uidvalidity, char out[NAME_TAG + 1]);
/* A base "<sec>.<unique>.<host>"; with an empty id a unique one that is never
 * taken for a delivery id (it has an underscore). */
int name_base(int64_t sec, struct str delivery_id, const char *host, char out[NAME_SIZE]);
/* [A-Za-z0-9]+ */
bool name_is_delivery_id(struct str s);

#endif
