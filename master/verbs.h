/* SPDX-License-Identifier: ISC
 *
 * verbs.h: private to master/: the table of verbs, and a command line turned
 * into a message.
 */
#ifndef MANSIO_MASTER_VERBS_H
#define MANSIO_MASTER_VERBS_H

#include "net/ipc.h"

enum verb_owner { OWNER_HERE, OWNER_MASTER, OWNER_AUTHD, OWNER_MAILBOXD, OWNER_FRONT, OWNER_QUEUED };
enum verb_shape { SHAPE_NONE, SHAPE_ONE, SHAPE_ROWS, SHAPE_SOME };

struct verb {
	const char *noun, *name; /* noun "" for verbs of the suite itself */
	enum verb_owner owner;
	enum verb_shape shape;
	const char *args;
	const char *text;
};
extern const struct verb verbs[];
extern const size_t nverbs;

enum arg_type { ARG_TEXT, ARG_SIZE, ARG_NUMBER, ARG_BOOL, ARG_SECRET, ARG_FLAG };
struct verb_arg {
	struct str name;
	enum arg_type type;
	char mark; /* ! + ? * ^ or 0 */
};
#define VERB_ARGS 12
struct verb_arg_text {
	const char *name, *placeholder, *text;
};

/* "user add", "status"; NULL: none. verb_find: by its two words (b may be NULL);
 * *words_out: how many were used. */
const struct verb *verb_named(const char *full);
const struct verb *verb_find(const char *a, const char *b, size_t *words_out);
bool verb_noun_known(const char *noun);
/* The nearest known verb for what was typed, "" if nothing is near. */
void verb_nearest(const char *a, const char *b, struct buf *out);
size_t verb_args(const struct verb *v, struct verb_arg out[VERB_ARGS]);
const struct verb_arg_text *verb_arg_text(struct str name);

/* The arguments behind the verb as fields of m (message `control`, field verb is
 * set). Words are by position, NAME=VALUE, --NAME=VALUE, --NAME VALUE, and --NAME for
 * yes; sizes become bytes. 0, or E_SYNTAX with a sentence in why.
 * *secret_out: the name of a secret that must be asked for, or NULL. */
int verb_parse(const struct verb *v, int argc, char **argv, struct ipc_msg *m, const char **secret_out,
	struct buf *why);

/* help.c */
void help_usage(const struct verb *v, struct buf *out); /* "mansio user add ADDRESS [name=TEXT]" */
void help_verb(const struct verb *v, struct buf *out);
void help_noun(const char *noun, struct buf *out); /* NULL: everything */
void help_manual(struct buf *out); /* mansio(1), roff */

#endif
