/* SPDX-License-Identifier: ISC
 *
 * commands.h: the table of IMAP commands. One verb, one file, one row.
 */
#ifndef MANSIO_IMAP_COMMANDS_H
#define MANSIO_IMAP_COMMANDS_H

#include "imap/session.h"

enum {
	IMAP_SELECTED = 1, /* needs a selected mailbox */
	IMAP_UID = 2, /* exists as "UID verb" too */
	IMAP_NUMBERS = 4, /* answered by sequence number: no EXPUNGE meanwhile (RFC 3501 7.4.1) */
	IMAP_NOARGS = 8,
	IMAP_QUIET = 16, /* changes of the mailbox are not told behind it */
};

struct imap_command {
	const char *verb;
	void (*run)(struct imap_session *s);
	unsigned flags;
};

/* NULL: there is no such command (in this form). */
const struct imap_command *imap_command(struct str verb, bool uid);

void cmd_append(struct imap_session *s);
void cmd_capability(struct imap_session *s);
void cmd_check(struct imap_session *s);
void cmd_close(struct imap_session *s);
void cmd_copy(struct imap_session *s);
void cmd_create(struct imap_session *s);
void cmd_delete(struct imap_session *s);
void cmd_enable(struct imap_session *s);
void cmd_examine(struct imap_session *s);
void cmd_expunge(struct imap_session *s);
void cmd_fetch(struct imap_session *s);
void cmd_getquota(struct imap_session *s);
void cmd_getquotaroot(struct imap_session *s);
void cmd_id(struct imap_session *s);
void cmd_idle(struct imap_session *s);
void cmd_list(struct imap_session *s);
void cmd_logout(struct imap_session *s);
void cmd_lsub(struct imap_session *s);
void cmd_move(struct imap_session *s);
void cmd_namespace(struct imap_session *s);
void cmd_noop(struct imap_session *s);
void cmd_rename(struct imap_session *s);
void cmd_search(struct imap_session *s);
void cmd_select(struct imap_session *s);
void cmd_status(struct imap_session *s);
void cmd_store(struct imap_session *s);
void cmd_subscribe(struct imap_session *s);
void cmd_unselect(struct imap_session *s);
void cmd_unsubscribe(struct imap_session *s);

#endif
