/* SPDX-License-Identifier: ISC
 *
 * session.h: one IMAP session after login (RFC 3501 6.2 to 7), in a process of
 * its own: what it knows, and what commands use to answer.
 *
 * A command is a row of the table in commands.c and one function. It parses
 * s->in.args to the end, acts, and sets exactly one tagged reply with imap_ok,
 * imap_no or imap_bad; the loop in session.c then tells what changed in the
 * mailbox (as far as the command allows it, RFC 3501 7.4.1) and sends the reply.
 */
#ifndef MANSIO_IMAP_SESSION_H
#define MANSIO_IMAP_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"
#include "conf/conf.h"
#include "imap/input.h"
#include "net/handover.h"
#include "net/imapcap.h"
#include "net/stream.h"
#include "store/store.h"
#include "trace/trace.h"

enum imap_result { IMAP_NONE, IMAP_OK, IMAP_NO, IMAP_BAD };

/* Offsets of the parts of the message that was looked at last (body.c). */
struct imap_tree {
	uint32_t uid; /* 0: none */
	struct arena a;
	struct mime *mime;
};

struct imap_session {
	struct stream *stream;
	struct store *store;
	const struct conf *conf;
	struct str id, user;
	struct store_view *view; /* NULL: authenticated state, else selected */
	struct arena a; /* one command */
	struct arena ma; /* one message inside a command */
	struct imap_input in; /* the command in hand */
	enum imap_result result;
	struct buf reply; /* text of the tagged reply */
	struct imap_tree tree;
	bool condstore; /* MODSEQ and UID stand in what is told about messages (RFC 7162 3.1, 3.2.4) */
	bool qresync; /* VANISHED in place of EXPUNGE (RFC 7162 3.2.10) */
	bool hold; /* no EXPUNGE behind this command, although it is a UID command */
	struct imapset saved; /* "$": UIDs, on the heap (RFC 5182) */
	bool ending; /* BYE was said, or asleep */
	const struct handover *handover; /* how it came, and what it needs to come back (hibernate.c) */
	bool asleep; /* the client is front's again */
	bool woken_idle; /* the command in hand is the IDLE from before the sleep */
	unsigned bad; /* bad commands so far */
	uint64_t commands, fetched, appended, expunged;
};

/* Serves a logged-in client until it leaves or sleeps; h names its session, login tag and
 * peer, with `state` it was asleep; h->ticket is for the way back. login: NULL, or the reason why the mailbox could not be opened (store is
 * NULL then): the login is answered NO [UNAVAILABLE] and the session ends. Nothing
 * is closed: stream and store stay the caller's. */
void imap_session_run(struct stream *stream, struct store *store, const struct conf *conf,
	const struct handover *h, struct str user, const char *login);

/* --- the tagged reply: the last call counts ------------------------------- */

void imap_ok(struct imap_session *s, const char *fmt, ...) PRINTF(2, 3);
void imap_no(struct imap_session *s, const char *fmt, ...) PRINTF(2, 3);
void imap_bad(struct imap_session *s, const char *fmt, ...) PRINTF(2, 3);
/* A store error as NO with the response code of RFC 5530; what: "CREATE", for
 * the log. A damaged machine is logged here. */
void imap_error(struct imap_session *s, int err, const char *what);
/* Untagged BYE; the session ends after this command. */
void imap_bye(struct imap_session *s, const char *text);

/* --- hibernation (hibernate.c) ------------------------------------------------ */

/* NULL: the session is nothing but what its text says, and may sleep. Else why not. */
const char *imap_stays_awake(const struct imap_session *s);
/* Gives a session in IDLE to front, until `end` at the latest. True: it is theirs, say nothing more. */
bool imap_sleep(struct imap_session *s, deadline end);
/* Takes up what s->handover->state says. False: it fits no more, BYE was said. */
bool imap_wake(struct imap_session *s);

/* --- shared by commands ----------------------------------------------------- */

/* Tells EXPUNGE (if allowed), EXISTS, RECENT, FLAGS and flag changes of others
 * (tell.c). A mailbox that is gone ends the session with BYE. */
void imap_tell(struct imap_session *s, bool expunge);
/* An unsolicited FETCH: MODSEQ if the client is aware of it, FLAGS if wanted. */
void imap_tell_message(struct imap_session *s, uint32_t index, bool flags);
/* VANISHED (EARLIER): what of `known` was removed since the MODSEQ, above UID `above`.
 * 0 or negative. */
int imap_tell_earlier(struct imap_session *s, uint64_t since, const struct imapset *known, uint32_t above);
/* The client uses CONDSTORE from now on; said with HIGHESTMODSEQ if a mailbox is selected. */
void imap_condstore(struct imap_session *s);
/* Tagged OK of a command that removed n messages: tells them first, so that HIGHESTMODSEQ
 * (RFC 7162 3.2.7) holds. */
void imap_ok_removed(struct imap_session *s, size_t n, const char *text);
/* Leaves the mailbox, and forgets what belongs to it. */
void imap_leave(struct imap_session *s);
/* "$" becomes the messages of these indexes, rising. */
void imap_save(struct imap_session *s, const uint32_t *index, size_t n);
/* "(\Seen work)" */
void imap_print_flags(const struct store_view *v, const struct store_rec *r, struct buf *out);
/* "* FLAGS (...)" and the PERMANENTFLAGS. */
void imap_tell_keywords(struct imap_session *s);
/* A mailbox name as quoted modified UTF-7. */
void imap_print_mailbox(struct str utf8, struct buf *out);
/* No more arguments? Else BAD is set. */
bool imap_args_end(struct imap_session *s, struct cur *c);
/* SP mailbox as the whole argument list: true, or the reply is set. */
bool imap_only_mailbox(struct imap_session *s, struct str *name_out);
/* The only message set of a command as indexes of the view, rising: sequence
 * numbers or, if s->in.uid, UIDs (those that do not exist are skipped), or "$". Expunged
 * ones are left out and *gone_out says so. false: BAD is set. */
bool imap_parse_set(struct imap_session *s, struct cur *c, uint32_t **index_out, size_t *n_out,
	bool *gone_out);

#endif
