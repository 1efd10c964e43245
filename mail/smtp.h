/* SPDX-License-Identifier: ISC
 *
 * smtp.h: the grammar of SMTP and LMTP commands (RFC 5321 4.1, 2033, 1870,
 * 6152, 6531, 3030, 3461, 4954): one line in, one value out.
 */
#ifndef MANSIO_MAIL_SMTP_H
#define MANSIO_MAIL_SMTP_H

#include "mail/address.h"

enum smtp_verb {
	SMTP_UNKNOWN, SMTP_EHLO, SMTP_HELO, SMTP_LHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA,
	SMTP_BDAT, SMTP_RSET, SMTP_NOOP, SMTP_VRFY, SMTP_EXPN, SMTP_HELP, SMTP_QUIT,
	SMTP_STARTTLS, SMTP_AUTH, SMTP_ETRN, SMTP_HTTP, /* GET POST CONNECT PUT HEAD OPTIONS: C20 */
};

struct smtp_param {
	struct str name, value; /* name upper case; value.p NULL without "=" */
};
#define SMTP_PARAMS_MAX 32

struct smtp_path_command { /* MAIL FROM:<...> params, RCPT TO:<...> params */
	bool null_path; /* <> */
	bool postmaster; /* <postmaster> without domain (RCPT only) */
	struct address addr; /* source routes are parsed and ignored */
	struct smtp_param param[SMTP_PARAMS_MAX];
	size_t nparams;
};

enum smtp_verb smtp_verb(struct str line, struct str *args_out);
const char *smtp_verb_name(enum smtp_verb v);
/* 0, E_SYNTAX (501), E_LIMIT (too long a part). allow_utf8 for non-ASCII. */
int smtp_parse_mail(struct str args, bool allow_utf8, struct arena *a, struct smtp_path_command *out);
int smtp_parse_rcpt(struct str args, bool allow_utf8, struct arena *a, struct smtp_path_command *out);
/* EHLO/HELO/LHLO argument: domain or address literal; 0 or E_SYNTAX. */
int smtp_parse_helo(struct str args, struct str *out);
/* BDAT size [LAST] (RFC 3030 2) */
int smtp_parse_bdat(struct str args, uint64_t *size_out, bool *last_out);
/* ETRN [@|#]node (RFC 1985): the node in lower case, in the arena; option: '@', '#' or 0. For '#' the
 * name of a queue, of printable characters. 0 or E_SYNTAX. */
int smtp_parse_etrn(struct str args, struct arena *a, char *option_out, struct str *node_out);
const struct smtp_param *smtp_param(const struct smtp_path_command *c, const char *name);

#endif
