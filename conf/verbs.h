/* SPDX-License-Identifier: ISC
 *
 * verbs.h: the table of verbs: what the command, the API and the pages can do,
 * who may, and what the arguments are (verbs.def).
 */
#ifndef MANSIO_CONF_VERBS_H
#define MANSIO_CONF_VERBS_H

#include "net/ipc.h"

enum verb_owner { OWNER_HERE, OWNER_MASTER, OWNER_AUTHD, OWNER_MAILBOXD, OWNER_FRONT, OWNER_QUEUED, OWNER_IMPORTD,
	OWNER_CHECKD, OWNER_TRACED, OWNER_BACKUPD, OWNER_ACMED,
	OWNER_HOOKD, OWNER_SIGND, OWNER_SENDER, OWNER_POLICYD };
enum verb_shape { SHAPE_NONE, SHAPE_ONE, SHAPE_ROWS, SHAPE_SOME, SHAPE_TEXT, SHAPE_STREAM };
enum verb_who { WHO_HOST, WHO_ADMIN, WHO_DOMAIN, WHO_PERSON };
enum verb_effect { EFFECT_READ, EFFECT_CHANGE };

struct verb {
	const char *noun, *name; /* noun "" for verbs of the suite itself */
	enum verb_owner owner;
	enum verb_shape shape;
	enum verb_who who; /* least of them that may ask for it from outside */
	enum verb_effect effect;
	const char *args;
	const char *text;
};
extern const struct verb verbs[];
extern const size_t nverbs;

enum arg_type { ARG_TEXT, ARG_SIZE, ARG_NUMBER, ARG_BOOL, ARG_SECRET, ARG_FLAG, ARG_MAYBE };
struct verb_arg {
	struct str name;
	enum arg_type type;
	char mark; /* ! + ? * ^ or 0 */
	bool admin; /* # : only a global administrator may give it */
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
/* The nearest known verb for what was typed; for a word that a few nouns have as theirs, all of these ("a b' or 'c b"); "" if nothing is near. */
void verb_nearest(const char *a, const char *b, struct buf *out);
size_t verb_args(const struct verb *v, struct verb_arg out[VERB_ARGS]);
/* What an argument means to this verb; NULL: nobody says. */
const struct verb_arg_text *verb_arg_text(const struct verb *v, struct str name);

/* "user add" */
void verb_full_name(const struct verb *v, char *out, size_t size);

/* Its rows are narrowed to what the asker may see: who passes the verb on for somebody
 * sets the field `scope` (repeated) to domains and addresses; without one: all rows. */
bool verb_scoped(const struct verb *v);

/* One value, checked by its type, as a field of m (sizes become bytes). 0, or
 * E_SYNTAX with "NAME: sentence" in why. */
int verb_value(const struct verb_arg *a, struct str value, struct ipc_msg *m, struct buf *why);

/* The arguments of a verb in a message (fields prefix+NAME), as text for the audit log:
 * never a secret, nor what is no argument of it. */
void verb_audit(const struct verb *v, const struct ipc_msg *m, const char *prefix, struct buf *out);

/* What a column of an answer is; all that is not known is text, also when it
 * looks like a number. SIZE in bytes, AGE in seconds, SINCE in Unix time. */
enum verb_kind { KIND_TEXT, KIND_NUMBER, KIND_SIZE, KIND_AGE, KIND_SINCE };
enum verb_kind verb_kind(struct str column);

#endif
