/* SPDX-License-Identifier: ISC
 *
 * client.h: one session with another server, SMTP (RFC 5321) or LMTP (RFC 2033), as a
 * state machine without sockets: bytes come in by client_input, bytes to send lie in
 * `out`. The connection (session.c) carries them, does TLS when the machine stands
 * in CLIENT_HANDSHAKE, and watches the clock (client_wait).
 *
 *                    .--------- implicit TLS ----------.
 *   CONNECTING --> GREETING --> HELLO --> STARTTLS --> HANDSHAKE --> (HELLO again)
 *                                 | `--> HELO
 *                                 v
 *                               AUTH --> READY <-------------------------------.
 *                                          | client_start                      |
 *                                          v                                   |
 *                                       ENVELOPE --> DATA --> CONTENT --> FINAL -'
 *                                        | |         |       ^   |         |
 *                                        | `--> RSET <-------|---+---------'   (next recipients: ENVELOPE)
 *                                        `------- BDAT ------'
 *   any --> CLOSED;  READY --> QUIT --> CLOSED
 *
 * The table of legal moves is in client.c. Always true:
 *   1. Nothing is sent in clear that needs TLS by the settings: no name, no password, no
 *      address. Between STARTTLS and the end of the handshake nothing is sent and
 *      nothing read (C05).
 *   2. Each recipient of a job gets exactly one result: the server's answer, or a temporary
 *      failure in our words. Failures before the envelope are never the message's fault.
 *   3. A refusal of the recipient or the message is final only if the server said so (5xx).
 */
#ifndef MANSIO_SMTP_SEND_CLIENT_H
#define MANSIO_SMTP_SEND_CLIENT_H

#include "net/tls_client.h"
#include "smtp/send/content.h"
#include "smtp/send/job.h"
#include "smtp/send/reply.h"

enum client_state {
	CLIENT_CONNECTING, CLIENT_GREETING, CLIENT_HELLO, CLIENT_HELO, CLIENT_STARTTLS, CLIENT_HANDSHAKE,
	CLIENT_AUTH, CLIENT_READY, CLIENT_ENVELOPE, CLIENT_DATA, CLIENT_CONTENT, CLIENT_FINAL, CLIENT_RSET,
	CLIENT_QUIT, CLIENT_CLOSED,
	CLIENT_NSTATES
};

/* Whom to talk to, and how; shared by sessions, replaced as a whole when settings change. */
struct client_options {
	unsigned refs;
	struct arena a;
	bool lmtp;
	const char *helo; /* our name */
	const char *host; /* the server's: for its certificate and the login */
	const char *label; /* how failures call it: "smarthost mail.example.net:587" */
	uint16_t port;
	bool literal; /* host is an address */
	bool implicit; /* TLS from the first byte */
	int64_t tls; /* CONF_SMARTHOST_... */
	struct tls_trust *trust;
	struct str user, password; /* user empty: no login */
	struct str mech; /* the only mechanism for it (smtp/send/auth.h); empty: the best */
	size_t reply_size, recipients;
	uint64_t convert_size; /* largest message that is made 7-bit text for it */
	uint64_t session_messages;
	bool requiretls; /* for messages with REQUIRETLS: of no use without it and verified TLS */
	bool no_chunking; /* the server offered it and refused BDAT: learnt by a session, for all */
	int64_t lookup, connect, handshake, greeting, command, data_start, data_block, data_end, idle; /* ms */
};

/* Somebody who looks on: at each reply before it counts (the state tells to what), and each move after it was made. */
struct client;
struct client_watch {
	void (*reply)(struct client *c, const struct reply *r);
	void (*moved)(struct client *c, enum client_state from);
};

struct auth;
struct client {
	enum client_state state;
	struct client_options *opt; /* a reference */
	const struct client_watch *watch; /* NULL: nobody */
	struct reply_reader reader;
	struct ehlo ehlo;
	struct buf out;
	bool secure; /* under TLS */
	bool verified; /* ... and the connection says that it is the server that was meant: by the admin's setting, DANE, MTA-STS */
	bool no_starttls; /* it was needed, and the server has none */
	bool clear; /* opportunistic, and the server's STARTTLS did not work */
	struct auth *auth;
	unsigned auth_steps;
	bool logged_in;
	struct job *job; /* borrowed, until client_take */
	bool news; /* some recipients of the job are known, others come in a further transaction */
	bool accepted; /* the server has just taken the message for some: to be noted at once (taken.h) */
	bool retry; /* the job was not tried: an old connection had gone away unseen */
	struct job_rcpt **batch; /* recipients of this transaction */
	size_t nbatch, batch_cap;
	size_t asked, answered, taken; /* MAIL is 0, the RCPTs follow */
	bool mail_refused, declare_8bit, declare_utf8;
	bool chunking; /* this transaction: BDAT, not DATA */
	size_t chunks, chunks_answered; /* of it; the last one's answer is that of the message */
	bool chunk_refused; /* one of them: no further ones come */
	bool again; /* what went wrong is known, and does not concern the job: it was not tried */
	uint64_t mails; /* transactions begun */
	struct content content;
	struct str sender; /* as it is said here */
	struct buf converted; /* the job's message for a server without 8BITMIME; empty: as it is in the file */
	uint64_t served; /* jobs done */
	uint64_t progress; /* grows with every whole reply, move, and piece of a message taken */
	struct dsn why; /* CLOSED: what happened, a temporary failure */
	bool login_failed; /* ... and it is for the admin to mend */
};

void client_init(struct client *c, struct client_options *opt);
void client_done(struct client *c);

/* The socket is connected. */
void client_connected(struct client *c);
/* The handshake is done. */
void client_secured(struct client *c);
/* What the server sent. */
void client_input(struct client *c, struct str bytes);
/* Call before writing: fills `out` with more of the message if there is room. */
void client_output(struct client *c);
/* `n` bytes of out were taken by the socket. */
void client_wrote(struct client *c, size_t n);
/* The connection is of no use any more (or never was): what is wrong, as words behind the
 * server's name. */
void client_lost(struct client *c, const char *status, const char *what);
/* The next job; in CLIENT_READY only. */
void client_start(struct client *c, struct job *job);
/* The job when its results are all there (or c->retry), else NULL. */
struct job *client_take(struct client *c);
/* All of a message is sent, and one reply, that to the whole of it, is awaited. */
bool client_awaits_end(const struct client *c);
/* The server takes no further message in this session (RFC 9422 MAILMAX). */
bool client_spent(const struct client *c);
/* In CLIENT_READY: says QUIT. */
void client_quit(struct client *c);
/* How long this state may last without progress, ms. */
int64_t client_wait(const struct client *c);
const char *client_waits_for(const struct client *c); /* "the greeting" */

/* --- between client.c and transaction.c */
void client_move(struct client *c, enum client_state to);
/* Closes; the job's open recipients fail with it for now. */
void client_give_up(struct client *c, const char *status, const char *fmt, ...) PRINTF(3, 4);
/* ... because of this reply. */
void client_refused(struct client *c, const char *status, const char *what, const struct reply *r);
/* fit.c: what this server cannot take is refused here, recipient by recipient, and how the rest goes is decided. */
void client_fit(struct client *c);
uint64_t client_size(const struct client *c); /* of the job's message, but for dots (RFC 1870 3 asks for no more) */
bool client_verified(const struct client *c); /* the server was shown to be the one that was meant */
/* Ends the session with the job not tried: it goes in another one. */
void client_again(struct client *c);
void client_on_envelope(struct client *c, const struct reply *r);
void client_on_data(struct client *c, const struct reply *r);
void client_on_content(struct client *c, const struct reply *r);
void client_on_final(struct client *c, const struct reply *r);
void client_on_rset(struct client *c, const struct reply *r);

#endif
