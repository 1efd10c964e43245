/* SPDX-License-Identifier: ISC
 *
 * auth.h: the door of auth/: what the other programs ask authd, over a link
 * that master made. authd knows by the link who asks, and answers only the
 * verbs of that program (table in auth/authd_link.c):
 *
 *   front              sasl-start sasl-step sasl-abort before forget   (asynchronous, with ids)
 *   smtpd              redeem arrival rcpt sender link
 *   imapd pop3d        redeem link
 *   lmtpd              rcpt srs keys link
 *   mailboxd importd   rcpt keys link
 *   backupd            rcpt keys link accounts copy
 *   sender             route                               (asynchronous)
 *   queued             rcpt                                (asynchronous)
 *   signd              domain
 *   checkd             domain link
 *   webadmind          ask                                 (gate.h)
 *   master             control verbs: domain, user, alias ...
 *
 * authd -> front, unasked: "offer" mechs="PLAIN ..." (under TLS) clear="" (without) certificate="... EXTERNAL" (under
 * TLS, to whom a certificate proved) apop=yes|no apop_clear=yes|no: what to advertise, at link time and after every
 * change.
 *
 * sasl-start  id service mech [initial] peer local session [tls_version tls_bits]
 *             [cb_exporter cb_end_point cb_unique: raw channel bindings]
 *             [client_chain: for EXTERNAL, the certificates that the client showed (net/client_cert.h)]
 *             mech=APOP, of POP3 alone: initial = challenge of the greeting, NUL, user, NUL, digest
 * sasl-step   id data
 * sasl-abort  id
 * before      id service session peer sender [tls]   POP before SMTP: answered as an exchange, by ok, fail or unavailable
 * forget      session          the session is over: it does not come back
 *   answer    "sasl" id result=continue|ok|fail|unavailable|limit|clock [data] [user ticket] [text]
 *             data absent differs from data empty; a failed login is answered late
 *             (slow-down by account and network). Values are raw bytes (IPC escapes).
 *
 * Identity is never front's claim: the ticket of "ok" is single-use, lives
 * [auth] ticket_time, and only a room can redeem it, for the service it was made
 * for. The one that redeem gives back (`renew`) lives [auth] renew_time; that of an
 * IMAP session is good once, for this session id alone, and void with the session's
 * end (`forget`), another password, a removed account, or after [auth] session_age.
 */
#ifndef MANSIO_AUTH_H
#define MANSIO_AUTH_H

#include "base/arena.h"
#include "base/clock.h"
#include "net/ipc.h"

enum auth_result {
	AUTH_OK,
	AUTH_UNKNOWN, /* no such address in a domain of ours; bad or used ticket */
	AUTH_NODOMAIN, /* domain is not ours */
	AUTH_INACTIVE, /* exists, may not log in (still receives) */
	AUTH_DENIED,
	AUTH_TEMP, /* back end down: try later */
};

/* A logged-in account. Strings live in the arena. */
struct auth_identity {
	enum auth_result result;
	struct str user; /* canonical login address, "anna@example.org" */
	uint64_t account; /* stable number */
	struct str name; /* display name, may be empty */
	struct str roles; /* comma separated, may be empty */
	uint64_t quota_bytes, quota_messages; /* 0: none */
	struct str renew; /* a fresh ticket for the same login, for a hand-back or a sleep; may be empty */
	int key; /* mailbox directory (O_PATH), -1 for services without (smtp) */
};

/* Blocking, for smtpd. `service` as in the hand-over. 0, or negative if authd
 * cannot be reached in time (then the caller says 4xx / UNAVAILABLE). */
int auth_redeem(int link, struct str ticket, struct str service, struct arena *a,
	struct auth_identity *out, deadline d);
/* The same in two halves, for zygotes that poll: `id` comes back in the answer. */
int auth_redeem_send(int link, struct str ticket, struct str service, struct str session, uint64_t id);
int auth_identity_parse(struct ipc_msg *m, struct arena *a, uint64_t *id_out,
	struct auth_identity *out); /* takes the key descriptor; E_PEER */

/* What becomes of mail to an address. */
struct auth_target {
	struct str account; /* canonical address of a local account; mailbox key name */
	struct str detail; /* of user+detail, "" if none */
	uint64_t quota_bytes, quota_messages;
};
#define AUTH_TARGETS_MAX 1000
struct auth_rcpt {
	enum auth_result result;
	struct auth_target *target; /* local accounts, after aliases and catch-all */
	size_t ntargets;
	struct str *outside; /* alias targets that are not local */
	size_t noutside;
	struct str moved; /* AUTH_UNKNOWN: she left, and this is the reason that senders are told; may be empty */
	uint64_t good_until; /* another answer from this moment on (Unix time); 0: none. In authd alone */
};
/* Exact -> user+detail -> alias -> catch-all, aliases expanded (loops cut at 10). */
int auth_rcpt(int link, struct str address, struct arena *a, struct auth_rcpt *out, deadline d);
/* The same without waiting, for a loop: 0 or negative; the answer, and the id of its question: 0 or E_PEER. */
int auth_rcpt_send(int link, struct str address, uint64_t id);
int auth_rcpt_answer(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_rcpt *out);
/* The same, and with it the key of its target if there is exactly one, else -1: most
 * messages need no other question. lmtpd may ask so. */
int auth_rcpt_key(int link, struct str address, struct arena *a, struct auth_rcpt *out, int *key_out,
	deadline d);
/* The same for mail that comes in, by the rules (verbs `access`, `rewrite`): the address may be
 * another one now. sender: of the envelope, empty for <>; client: the fingerprints that it is known by and its IP address
 * (rule_for_client), empty if no rule about clients counts for it (it is logged in). */
struct auth_arrival {
	struct auth_rcpt rcpt;
	struct str address; /* as it is after rewriting */
	enum auth_access {
		AUTH_ACCESS_NONE, /* no rule */
		AUTH_ACCESS_REJECT, AUTH_ACCESS_HOLD, AUTH_ACCESS_ALLOW,
		AUTH_ACCESS_RELAY, /* the client may send to other domains */
	} access;
	struct str text; /* of a refusal, may be empty */
	/* The recipient was the sender of a forward of ours (auth/srs.h): address is whom it stands for, if it is good.
	 * Only for a message without a sender. LIMIT: too many for that person. */
	enum auth_srs { AUTH_SRS_NONE, AUTH_SRS_GOOD, AUTH_SRS_BAD, AUTH_SRS_EXPIRED, AUTH_SRS_LIMIT } srs;
};
/* Of each of n addresses, in one round trip. The first n_out answers came, in their order: at least one, or it is an error. */
#define AUTH_ARRIVALS_MAX 32
int auth_arrivals(int link, const struct str *address, size_t n, struct str sender, struct str client, struct arena *a,
	struct auth_arrival *out, size_t *n_out, deadline d);
/* The sender that a forward by an alias of `domain` says (auth/bounce.h), and whether the one that it has is an address of
 * a domain of ours. */
int auth_forward_sender(int link, struct str sender, struct str domain, struct arena *a, struct str *out, bool *ours_out,
	deadline d);
/* May `user` send with this address (own, alias, user+detail, send-as)? And the address that stands in its place by the rules
 * of rewriting (in a), empty if none does. user empty: whoever may relay; his address is not checked. */
int auth_sender(int link, struct str user, struct str address, struct arena *a,
	enum auth_result *out, struct str *rewritten_out, deadline d);
/* The same of n addresses, in one round trip. AUTH_NODOMAIN: no, and its domain is none of this server. After an error what is
 * in `out` means nothing. */
#define AUTH_SENDERS_MAX 32
int auth_senders(int link, struct str user, const struct str *address, size_t n, enum auth_result *out, deadline d);
/* Which way mail to a domain leaves, by the table of routes (verbs `route`). */
struct auth_route {
	enum auth_result result; /* AUTH_OK; AUTH_UNKNOWN: no route, so by MX or smarthost; AUTH_TEMP */
	struct str host; /* name or IP address; empty: by MX */
	uint16_t port; /* 0 without a host */
	enum auth_route_tls {
		AUTH_ROUTE_TLS_DEFAULT, /* as the other side publishes, else if it is offered */
		AUTH_ROUTE_TLS_VERIFY, AUTH_ROUTE_TLS_ENCRYPT, AUTH_ROUTE_TLS_MAY, AUTH_ROUTE_TLS_NONE
	} tls;
	enum auth_route_start { AUTH_ROUTE_START_AUTO, AUTH_ROUTE_STARTTLS, AUTH_ROUTE_IMPLICIT } start;
	struct str user, secret; /* empty: no login */
	struct str mech; /* "auto" or the name of the only mechanism: SCRAM-SHA-256 ... XOAUTH2 */
	struct str source; /* IP addresses to send from, comma separated; may be empty */
};
/* For the sender's loop, in two halves. domain: the recipients'; sender: the domain of the
 * envelope sender, empty for <>. Answers come in any order; `id` comes back. */
int auth_route_send(int link, struct str domain, struct str sender, uint64_t id);
/* The same for a test (mansio test delivery): of mail to this address from this sender (empty: <>), by somebody who is logged
 * in. The route is that of the address after rewriting, and the answer tells what the rules make of it. */
struct auth_test {
	bool ours; /* the address is of a domain of this server */
	struct str goes; /* ... and where its mail goes, in words; may be empty */
	struct str address, sender; /* as rewriting makes them; empty: they stay */
	enum auth_access access; /* never RELAY */
	struct str rule, text; /* which one, "sender @spam.example"; what is said to who is refused, may be empty */
};
int auth_route_send_test(int link, struct str address, struct str sender, uint64_t id);
int auth_test_parse(const struct ipc_msg *m, struct arena *a, struct auth_test *out); /* of an answer that auth_route_parse takes */
int auth_route_parse(const struct ipc_msg *m, struct arena *a, uint64_t *id_out, struct auth_route *out);
/* Is that a domain of this server: AUTH_OK, AUTH_NODOMAIN, AUTH_TEMP? And by which ways its mail leaves, by the table
 * of routes. */
struct auth_domain {
	enum auth_result result;
	struct str host; /* name or IP address of who takes all that no other route names; empty: no such route */
	struct str *source; /* lists of addresses of ours, comma separated */
	size_t nsources;
};
int auth_domain(int link, struct str domain, struct arena *a, struct auth_domain *out, deadline d);
/* The keys of accounts: key_out[i] belongs to account[i], -1 if refused. At most
 * IPC_MAX_FDS at a time are asked; this function loops. */
int auth_keys(int link, const struct str *account, size_t n, int *key_out, deadline d);

/* For a verb about one mailbox: the account whose address it is (where its mail goes on to is another's), and its key.
 * A sysexits code; why_out (arena) is for people. */
int auth_mailbox(int link, struct str address, struct arena *a, struct auth_target *out, int *key_out,
	const char **why_out, deadline d);
/* For a backup. The accounts behind the address `after` in the order of their bytes, at most
 * a page of them; *more_out: there are further ones. */
int auth_accounts(int link, struct str after, struct arena *a, struct str **out, size_t *n_out,
	bool *more_out, deadline d);
/* A copy of the directory as it is now: a database file without a name, for reading. */
int auth_directory_copy(int link, int *fd_out, deadline d);

/* --- for master: files with rules of access and rewriting (rulefile_parse.c) ---------- */

struct auth_rule_files {
	struct str access, rewrite; /* contents; empty: no rules */
	const char *access_name, *rewrite_name; /* for messages */
	size_t max; /* rules at most */
	bool certificates; /* clients are asked for theirs: rules may be about them */
};
/* All of them as one table for authd (auth/rulefile.h): 0, or E_SYNTAX and a line
 * "FILE:LINE: what is wrong" in errors for each mistake. */
int auth_rules_compile(const struct auth_rule_files *f, struct buf *table_out, struct buf *errors);

/* Can [kerberos] keytab be used? 0, or E_SYNTAX and what is wrong with it ("is no keytab"). */
#define AUTH_KEYTAB_MAX (1 << 20)
int auth_keytab_check(struct str text, struct buf *why);
/* Can [oauth] jwks_file be used? 0, or E_SYNTAX and a sentence that says why not. */
int auth_keys_check(struct str text, struct buf *why);

/* --- for the command that sends files of accounts in parts (import users) --------------- */
#define AUTH_IMPORT_LINES 100 /* of a part: their names fit into a message */

/* --- where a mailbox lies (mailbox_path.c) ----------------------------------------------- */

/* Beneath the mail root: a part of its address as a name, "DOMAIN/USER" of an
 * address. E_SYNTAX. */
#define AUTH_PART_MAX 255
int auth_path_part(struct str part, struct buf *out);
int auth_mailbox_path(struct str address, struct buf *out);

/* --- a room of sessions: imapd, pop3d (room.c) ------------------------------- */

struct conf;
struct handover;
struct stream;
struct zygote;
struct zygote_job;
struct zygote_link;

/* z->data of a zygote whose hooks are auth_room_*. front hands a client over; its
 * ticket is redeemed here; a child is forked that says `taken` and runs session(). */
struct auth_room {
	const char *service, *service_tls; /* as the hand-over names them */
	bool tagged; /* the login command has a tag (IMAP) */
	const char *unavailable, *full, *denied; /* to a client that gets no session */
	void (*refusal)(const struct handover *h, const char *text, struct buf *out); /* as its protocol says that */
	void (*log_refused)(struct str session, const char *why);
	size_t (*keep)(int *out, size_t cap); /* descriptors that a child needs besides its own; cap >= 16 */
	size_t line_max; /* of stream_init */
	int64_t write_timeout;
	/* In the child: all of the session. who->key is its own; the stream is closed after it.
	 * m: the hand-over itself, for descriptors beside the client's. */
	void (*session)(const struct conf *conf, const struct auth_identity *who,
		const struct handover *h, struct ipc_msg *m, struct stream *stream);
};
int auth_room_request(struct zygote *z, const struct zygote_link *from, struct ipc_msg *m);
int auth_room_answer(struct zygote *z, struct ipc_msg *m);
void auth_room_failed(struct zygote *z, struct zygote_job *j, int err);

#endif
