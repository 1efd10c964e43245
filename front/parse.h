/* SPDX-License-Identifier: ISC
 *
 * parse.h: the grammars that the door speaks before login, as pure functions:
 * one unit of bytes in, one value out, nothing done. Values borrow from the
 * input or lie in the arena.
 */
#ifndef MANSIO_FRONT_PARSE_H
#define MANSIO_FRONT_PARSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/smtp.h"

/* A line at the start of bytes, without its CRLF. 1 and *used_out with the
 * CRLF; 0 none yet (*scanned is where to look on); E_LIMIT more than max bytes;
 * E_SYNTAX a bare CR, bare LF or NUL in it. */
int parse_line(struct str bytes, size_t max, size_t *scanned, struct str *line_out, size_t *used_out);
/* "GET / HTTP/1.1" and the like: a browser was talked into calling us (C20). */
bool parse_is_http(struct str line);
/* mechanism = 1*20( ALPHA / DIGIT / "-" / "_" ) (RFC 4422 3.1) */
bool parse_is_mech(struct str s);
bool parse_in_list(const char *words, struct str word); /* space separated, case folded */
/* A client's SASL answer: "*" gives E_CLOSED, else base64 into out (appended);
 * E_SYNTAX. */
int parse_sasl(struct str line, struct buf *out);
/* The initial response argument: "=" is an empty one (RFC 4954 4). */
int parse_sasl_initial(struct str arg, struct buf *out);

/* http_head.c: a request's head on port 80. 1 and *used_out with its empty line; 0 more bytes are
 * needed; E_LIMIT more than max; E_SYNTAX, also for whatever announces a body. */
struct http_head {
	struct str method, target, host; /* host.p NULL: there was none */
	bool http11;
};
int http_head_parse(struct str bytes, size_t max, struct http_head *out, size_t *used_out);
/* The name in a Host field, without port; false: it is no host name. */
bool http_host_name(struct str host, struct str *name_out);

/* smtp_parse.c */
struct smtp_line {
	enum smtp_verb verb;
	struct str arg; /* EHLO, HELO: the name; AUTH: rest unused */
	struct str mech, initial; /* AUTH; initial.p NULL without one */
	uint64_t size; /* BDAT */
};
/* 0; E_SYNTAX: the verb is known, its arguments are not right (verb is set). */
int smtp_line_parse(struct str line, struct smtp_line *out);

/* imap_parse.c: RFC 3501 9, RFC 7888 (LITERAL+), RFC 4959 (SASL-IR), RFC 2971 */
#define IMAP_LITERAL_MAX 8192 /* C07 */
#define IMAP_LITERALS 3
#define IMAP_COMMAND_MAX 32768
enum imap_verb {
	IMAP_NONE, IMAP_CAPABILITY, IMAP_ID, IMAP_NOOP, IMAP_STARTTLS, IMAP_LOGIN, IMAP_AUTHENTICATE,
	IMAP_LOGOUT, IMAP_OTHER
};
struct imap_line {
	struct str tag;
	enum imap_verb verb;
	struct str user, password; /* LOGIN */
	struct str mech, initial; /* AUTHENTICATE */
	struct str params; /* ID: "name=value ..." printable, in the arena */
};
enum imap_scan_result {
	IMAP_SCAN_MORE, /* bytes are missing */
	IMAP_SCAN_WHOLE, /* *used_out bytes are a command with its CRLF */
	IMAP_SCAN_CONTINUE, /* a literal is announced: "+" now */
	IMAP_SCAN_TOO_BIG, /* announced literal is too big or one too many; not sent yet */
	IMAP_SCAN_CLOSE, /* too long, a big literal on its way already, bare CR or LF, NUL */
};
/* Finds the end of a command with its literals. *pos and *literals keep the
 * place between calls (0 at the start of a command). */
enum imap_scan_result imap_scan(struct str bytes, size_t line_max, size_t *pos, unsigned *literals,
	size_t *used_out);
/* command: as found by imap_scan, without its last CRLF. 0; E_SYNTAX: tag is
 * set if there is a good one. */
int imap_line_parse(struct str command, struct arena *a, struct imap_line *out);

/* The lines that the door answers for an IMAP session that sleeps; line with its CRLF.
 * idling: DONE ends it (RFC 2177), else a command of two words comes. */
enum imap_asleep { ASLEEP_OTHER, ASLEEP_DONE, ASLEEP_IDLE, ASLEEP_NOOP };
enum imap_asleep imap_asleep_parse(struct str line, bool idling, struct str *tag_out);

/* pop3_parse.c: RFC 1939, 2449, 2595, 5034 */
enum pop3_verb {
	POP3_NONE, POP3_CAPA, POP3_USER, POP3_PASS, POP3_APOP, POP3_AUTH, POP3_STLS, POP3_QUIT, POP3_OTHER
};
struct pop3_line {
	enum pop3_verb verb;
	struct str arg; /* USER, PASS, APOP */
	struct str digest; /* APOP */
	struct str mech, initial; /* AUTH; mech.n 0: list them */
};
int pop3_line_parse(struct str line, struct pop3_line *out);

#endif
