/* SPDX-License-Identifier: ISC
 *
 * session.h: one POP3 session after login (RFC 1939), private to pop3/.
 *
 *     TRANSACTION --QUIT--> UPDATE (deletions are made) --> end
 *          |
 *          +-- anything else: timeout, connection lost, kicked --> end, nothing is deleted
 *
 * Always true: the maildrop is the view of INBOX taken at the start and is
 * never refreshed, so numbers, sizes and unique ids stand for the whole
 * session, whoever else uses the mailbox. Deleted is only a mark until QUIT.
 */
#ifndef MANSIO_POP3_SESSION_H
#define MANSIO_POP3_SESSION_H

#include "conf/conf.h"
#include "net/handover.h"
#include "net/stream.h"
#include "store/store.h"

#define POP3_LINE_MAX 255 /* with CRLF (RFC 2449 4) */

enum { POP3_DELETED = 1, POP3_READ = 2 };

struct pop3_session {
	struct stream *io;
	struct store *store;
	const struct conf *conf;
	struct str id, user;

	struct store_view *view;
	uint8_t *mark; /* POP3_* of message i + 1; view->n of them */
	uint32_t count; /* messages without POP3_DELETED, */
	uint64_t size; /* and their octets */

	bool over; /* QUIT was answered */
	uint64_t errors;
	uint64_t retr, top, deleted; /* for the log */
};

/* Speaks until the end. store NULL: the mailbox could not be opened, `why` says so to
 * the client. Strings of h and user must live as long. */
void pop3_session_run(struct stream *io, struct store *store, const struct conf *conf,
	const struct handover *h, struct str user, const char *why);

/* --- maildrop.c ---------------------------------------------------------------- */

int pop3_maildrop_open(struct pop3_session *s);
void pop3_maildrop_close(struct pop3_session *s);
/* Number of a message that is there and not deleted; else the reply is made
 * and false returned. *index_out counts from 0. */
bool pop3_message(struct pop3_session *s, struct str arg, uint32_t *index_out);
void pop3_mark_deleted(struct pop3_session *s, uint32_t index);
void pop3_unmark_all(struct pop3_session *s);
/* UPDATE: makes the deletions durable. */
int pop3_maildrop_update(struct pop3_session *s);

/* --- send.c ---------------------------------------------------------------------- */

void pop3_ok(struct pop3_session *s, const char *fmt, ...) PRINTF(2, 3);
void pop3_err(struct pop3_session *s, const char *fmt, ...) PRINTF(2, 3);
/* The message as a multi-line reply: "+OK ...", text with dots stuffed, ".".
 * body_lines: UINT64_MAX for all. 0; negative: a reply "-ERR" was made, or, when the
 * text broke off in the middle, the session must end (s->io->err is set). */
int pop3_send_message(struct pop3_session *s, uint32_t index, uint64_t body_lines);

/* --- commands: arg is what follows the keyword, without the space ------------------ */

void pop3_cmd_capa(struct pop3_session *s, struct str arg);
void pop3_cmd_dele(struct pop3_session *s, struct str arg);
void pop3_cmd_list(struct pop3_session *s, struct str arg);
void pop3_cmd_noop(struct pop3_session *s, struct str arg);
void pop3_cmd_quit(struct pop3_session *s, struct str arg);
void pop3_cmd_retr(struct pop3_session *s, struct str arg);
void pop3_cmd_rset(struct pop3_session *s, struct str arg);
void pop3_cmd_stat(struct pop3_session *s, struct str arg);
void pop3_cmd_top(struct pop3_session *s, struct str arg);
void pop3_cmd_uidl(struct pop3_session *s, struct str arg);

#endif
