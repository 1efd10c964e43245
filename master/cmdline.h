/* SPDX-License-Identifier: ISC
 *
 * cmdline.h: private to master/: the words of a command line, and the pages of
 * help.
 */
#ifndef MANSIO_MASTER_CMDLINE_H
#define MANSIO_MASTER_CMDLINE_H

#include "conf/verbs.h"

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
/* completion.c: the script of "bash", "zsh" or "fish"; E_UNSUPPORTED: another. */
int help_completion(struct str shell, struct buf *out);

#endif
