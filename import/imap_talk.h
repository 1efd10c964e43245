/* SPDX-License-Identifier: ISC
 *
 * imap_talk.h: a conversation with an IMAP server over a descriptor that somebody else opened
 * (dial.h): commands, responses with their literals, and every wait bounded.
 */
#ifndef MANSIO_IMPORT_IMAP_TALK_H
#define MANSIO_IMPORT_IMAP_TALK_H

#include "import/imap_reply.h"
#include "net/stream.h"

/* Where the content of a message goes: bytes as they come. Negative: the talk ends. */
struct imap_content {
	int (*begin)(void *arg, uint64_t size); /* 1: wanted, 0: to be thrown away */
	int (*text)(void *arg, const void *p, size_t n);
	void *arg;
};
struct imap_talk {
	struct stream s;
	unsigned tag;
	struct arena a; /* of the last response */
	struct buf text;
	const struct imap_content *content;
	uint64_t responses; /* since the command */
	char said[300]; /* the server's last refusal, for people */
	struct buf capabilities;
};
/* Takes fd. */
void imap_talk_init(struct imap_talk *t, int fd, int64_t timeout_ms);
void imap_talk_done(struct imap_talk *t);
/* Starts a command: "a12 " and what fmt makes; arguments follow by imap_send_*. */
void imap_send(struct imap_talk *t, const char *fmt, ...) PRINTF(2, 3);
/* A string: quoted where it can be, else a literal (waits for the server's +). */
int imap_send_string(struct imap_talk *t, struct str s);
int imap_send_end(struct imap_talk *t);
/* The next response: 0, E_SYNTAX (this is no IMAP), E_LIMIT, E_TIMEOUT, E_CLOSED. */
int imap_next(struct imap_talk *t, struct imap_reply *out);
/* Responses to fn until the command's own: 0, E_DENIED (NO or BAD: t->said), or what fn returned. */
typedef int imap_fn(const struct imap_reply *r, void *arg);
int imap_wait(struct imap_talk *t, imap_fn *fn, void *arg);
bool imap_can(struct imap_talk *t, const char *capability);
int imap_ask_capabilities(struct imap_talk *t);
/* Logs in: by AUTHENTICATE PLAIN or LOGIN; token: the secret is one for XOAUTH2. E_DENIED. */
int imap_login(struct imap_talk *t, struct str user, struct str secret, bool token);

#endif
