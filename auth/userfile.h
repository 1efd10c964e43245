/* SPDX-License-Identifier: ISC
 *
 * userfile.h: the files in which other servers keep their people: Dovecot's passwd-file, Courier's userdb,
 * Postfix's virtual_alias_maps, shadow and passwd of the system. Pure: text to values, line by line.
 */
#ifndef MANSIO_AUTH_USERFILE_H
#define MANSIO_AUTH_USERFILE_H

#include "base/arena.h"

#define USERFILE_LINE_MAX 8192
#define USERFILE_TARGETS_MAX 100

enum userfile_format { USERFILE_UNKNOWN, USERFILE_DOVECOT, USERFILE_COURIER, USERFILE_POSTFIX, USERFILE_SHADOW };

struct userfile_entry {
	bool alias;
	struct str who; /* a login or an address, as it stands there; maybe without a domain */
	struct str hash; /* empty: none */
	struct str name; /* of a person; empty: none */
	bool has_quota;
	uint64_t quota_bytes, quota_messages; /* 0: none */
	bool active;
	struct str target[USERFILE_TARGETS_MAX]; /* of an alias, as they stand there */
	size_t ntargets;
};

/* "dovecot" ...; USERFILE_UNKNOWN: no such name. */
enum userfile_format userfile_format(struct str name);
/* By the first line that says something. */
enum userfile_format userfile_detect(struct str head);
/* The next line that says something, with what continues it; *line: number of the last line read, *at_out: of
 * the one where it begins. false: no more. */
bool userfile_next(struct str *rest, uint64_t *line, struct arena *a, struct str *out, uint64_t *at_out);
/* 1: an entry; 0: a line that is none of ours, negative: broken; *why says it. Borrows from the line. */
int userfile_parse(struct str line, enum userfile_format f, struct userfile_entry *out, const char **why);

#endif
